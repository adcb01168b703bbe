//! The files of a pack in memory, under bounds, and their way from and to a folder.

use crate::fault::{Fault, Faults};
use std::collections::BTreeMap;
use std::io::Read;
use std::path::{Path, PathBuf};

/// Most files of a pack.
pub const MAX_FILES: usize = 30_000;
/// Most bytes of one file.
pub const MAX_FILE: u64 = 256 << 20;
/// Most bytes of all files.
pub const MAX_TOTAL: u64 = 512 << 20;
/// Most entries of a folder that are looked at, also those that are passed over.
const MAX_ENTRIES: usize = 200_000;

/// The files of a pack by their path.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tree {
    files: BTreeMap<String, Vec<u8>>,
    total: u64,
}

/// Why a tree cannot be written into a folder.
#[derive(Debug, thiserror::Error)]
pub enum WriteError {
    /// A folder cannot be made.
    #[error("cannot make the folder {path}")]
    Folder {
        /// The folder.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// A file cannot be written.
    #[error("cannot write {path}")]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// What is in the way is no plain file or folder.
    #[error("{path} is a link or a special file; it is neither followed nor replaced")]
    InTheWay {
        /// The path.
        path: PathBuf,
    },
}

impl Tree {
    /// Adds a file.
    ///
    /// # Errors
    /// A bound that is passed, a path that is none, or one that is there already, as a sentence.
    pub fn add(&mut self, path: &str, bytes: Vec<u8>) -> Result<(), String> {
        crate::path::check(path)?;
        let size = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
        if size > MAX_FILE {
            return Err(format!("`{path}` has more than {MAX_FILE} bytes"));
        }
        if self.total.saturating_add(size) > MAX_TOTAL {
            return Err(format!(
                "the files of the pack have more than {MAX_TOTAL} bytes"
            ));
        }
        if self.files.len() >= MAX_FILES {
            return Err(format!("the pack has more than {MAX_FILES} files"));
        }
        // Two names that some systems take for one would overwrite each other there.
        if self.files.contains_key(path) {
            return Err(format!("`{path}` is there twice"));
        }
        self.total += size;
        self.files.insert(path.to_owned(), bytes);
        Ok(())
    }

    /// All files, in order of their paths.
    pub fn files(&self) -> impl Iterator<Item = (&str, &[u8])> {
        self.files.iter().map(|(p, b)| (p.as_str(), b.as_slice()))
    }

    /// A file's bytes.
    #[must_use]
    pub fn get(&self, path: &str) -> Option<&[u8]> {
        self.files.get(path).map(Vec::as_slice)
    }

    /// Takes a file out.
    pub fn remove(&mut self, path: &str) -> Option<Vec<u8>> {
        let bytes = self.files.remove(path)?;
        self.total = self
            .total
            .saturating_sub(u64::try_from(bytes.len()).unwrap_or(u64::MAX));
        Some(bytes)
    }

    /// Reads a folder. What begins with a dot is passed over, for version control keeps its things there; links and special files are
    /// faults, for a pack is what lies in its folder.
    ///
    /// # Errors
    /// All that is wrong with the folder as a folder.
    pub fn from_folder(folder: &Path) -> Result<Self, Vec<Fault>> {
        let (tree, faults, _) = Self::look(folder);
        if faults.is_empty() {
            Ok(tree)
        } else {
            Err(faults.into_list())
        }
    }

    /// As [`from_folder`](Self::from_folder), with what can be read beside the faults, so that those inside the files are told with them;
    /// and whether all of the folder was looked at, or a bound ended that.
    pub(super) fn look(folder: &Path) -> (Self, Faults, bool) {
        let mut tree = Self::default();
        let mut faults = Faults::default();
        let mut whole = true;
        let mut waiting = vec![(folder.to_path_buf(), String::new())];
        let mut seen = 0_usize;
        'all: while let Some((folder, prefix)) = waiting.pop() {
            let entries = match std::fs::read_dir(&folder) {
                Ok(entries) => entries,
                Err(error) => {
                    faults.of_file(&prefix, format!("cannot read the folder: {error}"));
                    continue;
                }
            };
            for entry in entries {
                seen += 1;
                if seen > MAX_ENTRIES {
                    faults.of_file(
                        "",
                        format!("the folder has more than {MAX_ENTRIES} entries"),
                    );
                    whole = false;
                    break 'all;
                }
                let entry = match entry {
                    Ok(entry) => entry,
                    Err(error) => {
                        faults.of_file(&prefix, format!("cannot read the folder: {error}"));
                        continue;
                    }
                };
                let name = entry.file_name();
                let Some(name) = name.to_str() else {
                    faults.of_file(&prefix, format!("the name {name:?} is not UTF-8"));
                    continue;
                };
                if name.starts_with('.') {
                    continue;
                }
                let path = if prefix.is_empty() {
                    name.to_owned()
                } else {
                    format!("{prefix}/{name}")
                };
                match entry.file_type() {
                    Ok(kind) if kind.is_dir() => {
                        if let Err(problem) = crate::path::check(&path) {
                            faults.of_file(&path, problem);
                        } else {
                            waiting.push((entry.path(), path));
                        }
                    }
                    Ok(kind) if kind.is_file() => match read_file(&entry.path()) {
                        Ok(bytes) => {
                            if let Err(problem) = tree.add(&path, bytes) {
                                let full = tree.files.len() >= MAX_FILES || problem.contains("the files of");
                                faults.of_file(&path, problem);
                                if full {
                                    whole = false;
                                    break 'all;
                                }
                            }
                        }
                        Err(error) => faults.of_file(&path, format!("cannot read the file: {error}")),
                    },
                    Ok(kind) if kind.is_symlink() => faults.of_file(
                        &path,
                        "a symbolic link; a pack holds only what lies in it, put the file itself here",
                    ),
                    Ok(_) => faults.of_file(&path, "neither a file nor a folder"),
                    Err(error) => faults.of_file(&path, format!("cannot look at it: {error}")),
                }
            }
        }
        (tree, faults, whole)
    }

    /// Writes it into a folder: what differs is written, and objects that the tree has no more are taken away. Other files that lie
    /// there stay. Two times the same tree changes nothing the second time.
    ///
    /// # Errors
    /// [`WriteError`] at the first file that cannot be written.
    pub fn to_folder(&self, folder: &Path) -> Result<(), WriteError> {
        for (path, bytes) in self.files() {
            let mut at = folder.to_path_buf();
            make_folder(&at)?;
            let mut parts = path.split('/').peekable();
            while let Some(part) = parts.next() {
                at.push(part);
                if parts.peek().is_some() {
                    make_folder(&at)?;
                }
            }
            match std::fs::symlink_metadata(&at) {
                Ok(there) if !there.is_file() => return Err(WriteError::InTheWay { path: at }),
                Ok(_) if std::fs::read(&at).is_ok_and(|old| old == bytes) => continue,
                _ => {}
            }
            std::fs::write(&at, bytes).map_err(|source| WriteError::File { path: at, source })?;
        }
        for kind in crate::name::Kind::ALL {
            let Ok(entries) = std::fs::read_dir(folder.join(kind.folder())) else {
                continue;
            };
            for entry in entries.flatten() {
                let name = entry.file_name();
                let Some(name) = name.to_str().filter(|n| n.ends_with(".yaml")) else {
                    continue;
                };
                let path = format!("{}/{name}", kind.folder());
                if self.get(&path).is_none() && entry.file_type().is_ok_and(|t| t.is_file()) {
                    let path = entry.path();
                    std::fs::remove_file(&path)
                        .map_err(|source| WriteError::File { path, source })?;
                }
            }
        }
        Ok(())
    }
}

fn make_folder(path: &Path) -> Result<(), WriteError> {
    match std::fs::symlink_metadata(path) {
        Ok(there) if there.is_dir() => Ok(()),
        Ok(_) => Err(WriteError::InTheWay { path: path.into() }),
        Err(_) => std::fs::create_dir_all(path).map_err(|source| WriteError::Folder {
            path: path.into(),
            source,
        }),
    }
}

fn read_file(path: &Path) -> std::io::Result<Vec<u8>> {
    let file = std::fs::File::open(path)?;
    if !file.metadata()?.is_file() {
        return Err(std::io::Error::other("it is no plain file"));
    }
    let mut bytes = Vec::new();
    file.take(MAX_FILE + 1).read_to_end(&mut bytes)?;
    Ok(bytes)
}
