//! Bytes by their SHA-256, each a file in `content/` beside the database.
//!
//! Beside it and not in it: a tool of 200 MiB would stand in the database's log and in the database, the one thread that writes would be
//! busy with nothing else meanwhile, and endpoints that fetch it in ranges read a file without asking anybody. A file is written under
//! another name, flushed, renamed to its digest, and its folder flushed, before any transaction names it; so what is named is there and
//! whole. What a crash leaves is a file that nothing names, which the next start takes away.

use crate::files::flush_folder;
use crate::store::content::FILES_FOLDER as FOLDER;
use ::content::digest::Digest;
use sha2::{Digest as _, Sha256};
use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Ending of files that are being written.
const DRAFT: &str = ".new";

/// Why bytes cannot be read or written.
#[derive(Debug, thiserror::Error)]
pub enum FilesError {
    /// The system.
    #[error("cannot read or write {}", .path.display())]
    System {
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// A file that is named is not there, or is another one.
    #[error(
        "{} is not there as it was; put it back from a backup, it is named by its SHA-256",
        .path.display()
    )]
    Lost {
        /// The file.
        path: PathBuf,
    },
}

fn told(path: &Path) -> impl FnOnce(io::Error) -> FilesError {
    let path = path.to_owned();
    |source| FilesError::System { path, source }
}

/// The folder of files.
#[derive(Debug)]
pub(super) struct Files {
    folder: PathBuf,
    next: Arc<AtomicU64>,
}

/// A file that is being written. Dropped before it is kept, it is gone.
#[derive(Debug)]
pub struct Draft {
    folder: PathBuf,
    path: PathBuf,
    file: Option<File>,
    hasher: Sha256,
    size: u64,
}

impl Files {
    /// Opens the folder below a data folder, or makes it.
    pub(super) fn open(data: &Path) -> Result<Self, FilesError> {
        let folder = data.join(FOLDER);
        let mut builder = fs::DirBuilder::new();
        builder.recursive(true);
        #[cfg(unix)]
        {
            use std::os::unix::fs::DirBuilderExt as _;
            builder.mode(0o700);
        }
        builder.create(&folder).map_err(told(&folder))?;
        Ok(Self {
            folder,
            next: Arc::default(),
        })
    }

    /// Where a file lies.
    pub(super) fn path(&self, digest: Digest) -> PathBuf {
        self.folder.join(digest.to_hex())
    }

    /// Takes away what nothing names, and tells what is named and missing.
    pub(super) fn tidy(&self, named: &BTreeMap<Digest, u64>) -> Result<(), FilesError> {
        for entry in fs::read_dir(&self.folder).map_err(told(&self.folder))? {
            let entry = entry.map_err(told(&self.folder))?;
            let name = entry.file_name();
            let name = name.to_string_lossy();
            let loose = match Digest::of_hex(&name) {
                Some(digest) => !named.contains_key(&digest),
                // What somebody else put there is theirs.
                None => name.ends_with(DRAFT),
            };
            if loose {
                crate::files::remove(&entry.path()).map_err(told(&entry.path()))?;
            }
        }
        for (digest, size) in named {
            let path = self.path(*digest);
            let there = fs::metadata(&path).is_ok_and(|meta| meta.len() == *size);
            if !there {
                tracing::error!(path = %path.display(), "a file of content is missing or cut; put it back from a backup");
            }
        }
        Ok(())
    }

    /// Begins a file.
    pub(super) fn begin(&self) -> Result<Draft, FilesError> {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        let path = self.folder.join(format!("{number}{DRAFT}"));
        crate::files::remove(&path).map_err(told(&path))?;
        let mut options = OpenOptions::new();
        options.write(true).create_new(true);
        #[cfg(unix)]
        {
            use std::os::unix::fs::OpenOptionsExt as _;
            options.mode(0o600);
        }
        let file = options.open(&path).map_err(told(&path))?;
        Ok(Draft {
            folder: self.folder.clone(),
            path,
            file: Some(file),
            hasher: Sha256::new(),
            size: 0,
        })
    }

    /// Keeps bytes; gives whether they came new.
    pub(super) fn put(&self, digest: Digest, bytes: &[u8]) -> Result<bool, FilesError> {
        let size = bytes.len() as u64;
        if fs::metadata(self.path(digest)).is_ok_and(|meta| meta.len() == size) {
            return Ok(false);
        }
        let mut draft = self.begin()?;
        draft.write(bytes)?;
        draft.keep()?;
        Ok(true)
    }

    /// Bytes of a file that is there.
    pub(super) fn size(&self, digest: Digest) -> Option<u64> {
        fs::metadata(self.path(digest)).ok().map(|meta| meta.len())
    }

    /// Bytes of all files that nothing names, unfinished ones too.
    pub(super) fn loose(&self, named: &BTreeMap<Digest, u64>) -> Result<u64, FilesError> {
        let mut total = 0;
        for entry in fs::read_dir(&self.folder).map_err(told(&self.folder))? {
            let entry = entry.map_err(told(&self.folder))?;
            let digest = Digest::of_hex(&entry.file_name().to_string_lossy());
            if digest.is_none_or(|digest| !named.contains_key(&digest)) {
                // One that was finished or dropped in this moment counts for nothing.
                total += entry.metadata().map_or(0, |meta| meta.len());
            }
        }
        Ok(total)
    }

    /// All bytes of a file, which must be what they were.
    pub(super) fn read(&self, digest: Digest) -> Result<Vec<u8>, FilesError> {
        let path = self.path(digest);
        match fs::read(&path) {
            Ok(bytes) if Digest::of(&bytes) == digest => Ok(bytes),
            Ok(_) => Err(FilesError::Lost { path }),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Err(FilesError::Lost { path }),
            Err(source) => Err(FilesError::System { path, source }),
        }
    }

    /// A file to read from.
    pub(super) fn reader(&self, digest: Digest) -> Result<File, FilesError> {
        let path = self.path(digest);
        File::open(&path).map_err(|source| match source.kind() {
            io::ErrorKind::NotFound => FilesError::Lost { path },
            _ => FilesError::System { path, source },
        })
    }

    /// Takes a file away that came new and that nothing names after all.
    pub(super) fn forget(&self, digest: Digest) {
        let path = self.path(digest);
        if let Err(error) = crate::files::remove(&path) {
            tracing::warn!(%error, path = %path.display(), "a file that nothing names stays until the next start");
        }
    }
}

impl Draft {
    /// Adds bytes.
    ///
    /// # Errors
    /// The system's.
    pub fn write(&mut self, bytes: &[u8]) -> Result<(), FilesError> {
        self.hasher.update(bytes);
        self.size += bytes.len() as u64;
        match &mut self.file {
            Some(file) => file.write_all(bytes).map_err(told(&self.path)),
            None => Ok(()),
        }
    }

    /// How many there are.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.size
    }

    /// All of them, for what is not to be kept as it came.
    ///
    /// # Errors
    /// The system's.
    pub fn into_bytes(self) -> Result<Vec<u8>, FilesError> {
        let mut bytes = Vec::new();
        let mut file = File::open(&self.path).map_err(told(&self.path))?;
        file.read_to_end(&mut bytes).map_err(told(&self.path))?;
        Ok(bytes)
    }

    /// Gives the file its name, so that it lasts; gives digest and size, and whether it came new.
    pub(super) fn keep(mut self) -> Result<(Digest, u64, bool), FilesError> {
        if let Some(file) = self.file.take() {
            file.sync_all().map_err(told(&self.path))?;
        }
        let hash: [u8; 32] = std::mem::take(&mut self.hasher).finalize().into();
        let hex = hex::encode(hash);
        let to = self.folder.join(&hex);
        let digest = Digest::of_hex(&hex).ok_or_else(|| FilesError::Lost { path: to.clone() })?;
        let fresh = !fs::metadata(&to).is_ok_and(|meta| meta.len() == self.size);
        fs::rename(&self.path, &to).map_err(told(&to))?;
        flush_folder(&self.folder).map_err(told(&self.folder))?;
        Ok((digest, self.size, fresh))
    }
}

impl Drop for Draft {
    fn drop(&mut self) {
        // After it was kept there is nothing of this name.
        drop(crate::files::remove(&self.path));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_kept_is_there_once_and_what_nothing_names_goes() {
        let folder = tempfile::tempdir().unwrap();
        let files = Files::open(folder.path()).unwrap();
        let (one, two) = (Digest::of(b"one"), Digest::of(b"two"));
        assert!(files.put(one, b"one").unwrap());
        assert!(!files.put(one, b"one").unwrap());
        files.put(two, b"two").unwrap();
        let mut draft = files.begin().unwrap();
        draft.write(b"half").unwrap();
        std::mem::forget(draft);
        let files = Files::open(folder.path()).unwrap();
        files.tidy(&BTreeMap::from([(one, 3)])).unwrap();
        assert_eq!(fs::read_dir(folder.path().join(FOLDER)).unwrap().count(), 1);
        assert_eq!(files.read(one).unwrap(), b"one");
        assert!(matches!(files.read(two), Err(FilesError::Lost { .. })));
        fs::write(files.path(one), b"eno").unwrap();
        assert!(matches!(files.read(one), Err(FilesError::Lost { .. })));
    }

    #[test]
    fn a_draft_that_is_not_kept_is_gone() {
        let folder = tempfile::tempdir().unwrap();
        let files = Files::open(folder.path()).unwrap();
        let mut draft = files.begin().unwrap();
        draft.write(b"abc").unwrap();
        drop(draft);
        let mut draft = files.begin().unwrap();
        draft.write(b"a").unwrap();
        draft.write(b"b").unwrap();
        assert_eq!(draft.keep().unwrap(), (Digest::of(b"ab"), 2, true));
        assert_eq!(fs::read_dir(folder.path().join(FOLDER)).unwrap().count(), 1);
    }
}
