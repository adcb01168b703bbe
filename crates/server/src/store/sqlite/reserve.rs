//! Room for what an administrator must be able to do when the disk is full.
//!
//! A file beside the database holds a few megabytes: room for folding a long log into the database, and as much again. When a small change (a sign-in, a token, a deletion) finds no room, the file
//! gives way and the change is tried again; until the file can be made anew, everything else is refused, so that only small changes
//! live off it. Answers that came and cannot be kept stay with the endpoints.

use std::fs::{File, OpenOptions};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

/// Name of the file in the data folder.
pub const RESERVE_FILE: &str = "reserve";
/// Its usual size.
pub const RESERVE_SIZE: u64 = 8 << 20;

/// The file.
#[derive(Debug)]
pub(super) struct Reserve {
    path: PathBuf,
    size: u64,
    held: bool,
}

impl Reserve {
    /// Takes what is there, or makes it when there is room for it. With a size of 0 there is none, and nothing is refused.
    pub fn new(folder: &Path, size: u64) -> Self {
        let path = folder.join(RESERVE_FILE);
        let held = size == 0 || holds(&path, size);
        let mut reserve = Self { path, size, held };
        if !reserve.ready() {
            tracing::error!(
                path = %reserve.path.display(),
                "the disk is full: only small changes are stored until there is room again"
            );
        }
        reserve
    }

    /// Whether ordinary changes may be made: the reserve is there, or could be made just now.
    pub fn ready(&mut self) -> bool {
        if self.held {
            return true;
        }
        // Half as much again must stay free, or the next change would eat it up at once.
        if free(&self.path).is_some_and(|free| free < self.size.saturating_add(self.size / 2)) {
            return false;
        }
        match fill(&self.path, self.size) {
            Ok(()) => {
                self.held = true;
                tracing::info!(path = %self.path.display(), "there is room: the reserve is made");
            }
            Err(error)
                if !matches!(
                    error.kind(),
                    io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded
                ) =>
            {
                // Better none than a server that refuses everything for want of it.
                tracing::error!(%error, path = %self.path.display(), "the reserve for a full disk cannot be made");
                (self.size, self.held) = (0, true);
            }
            Err(error) => {
                // A half made one would be taken for whole by nobody, but would take the room that small changes need.
                release(&self.path);
                tracing::debug!(%error, "the reserve cannot be made yet");
            }
        }
        self.held
    }

    /// Whether the room is there.
    pub fn held(&self) -> bool {
        self.held
    }

    /// Gives its room away. False when it had none to give.
    pub fn give_way(&mut self) -> bool {
        if !self.held || self.size == 0 {
            return false;
        }
        self.held = false;
        tracing::error!(
            path = %self.path.display(),
            "the disk is full: the reserve gives way, and only small changes are stored until there is room again"
        );
        release(&self.path)
    }
}

fn release(path: &Path) -> bool {
    match OpenOptions::new().write(true).open(path) {
        Ok(file) => file.set_len(0).is_ok(),
        Err(_) => false,
    }
}

/// Whether the file has its size and, where that can be told, its room on the disk.
fn holds(path: &Path, size: u64) -> bool {
    let Ok(meta) = std::fs::metadata(path) else {
        return false;
    };
    #[cfg(unix)]
    {
        use std::os::unix::fs::MetadataExt as _;
        meta.len() == size && meta.blocks().saturating_mul(512) >= size
    }
    #[cfg(not(unix))]
    {
        meta.len() == size
    }
}

fn fill(path: &Path, size: u64) -> io::Result<()> {
    let mut options = OpenOptions::new();
    options.create(true).truncate(true).write(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt as _;
        options.mode(0o600);
    }
    let mut file = options.open(path)?;
    if !allocate(&file, size)? {
        let zeros = vec![0; 1 << 16];
        let mut left = size;
        while left > 0 {
            let now = usize::try_from(left).unwrap_or(usize::MAX).min(zeros.len());
            file.write_all(zeros.get(..now).unwrap_or_default())?;
            left -= now as u64;
        }
    }
    file.sync_all()
}

/// Asks the file system for room without writing; false where it cannot do that.
#[cfg(target_os = "linux")]
fn allocate(file: &File, size: u64) -> io::Result<bool> {
    use rustix::fs::{FallocateFlags, fallocate};
    use rustix::io::Errno;
    match fallocate(file, FallocateFlags::empty(), 0, size) {
        Ok(()) => Ok(true),
        Err(Errno::OPNOTSUPP | Errno::NOSYS | Errno::INVAL) => Ok(false),
        Err(error) => Err(error.into()),
    }
}

#[cfg(not(target_os = "linux"))]
fn allocate(_: &File, _: u64) -> io::Result<bool> {
    Ok(false)
}

/// Bytes that this account may still write on the disk of this path; `None` where it cannot be told.
pub(super) fn free(path: &Path) -> Option<u64> {
    #[cfg(unix)]
    {
        let at = path.parent().unwrap_or(path);
        let disk = rustix::fs::statvfs(at).ok()?;
        Some(disk.f_bavail.saturating_mul(disk.f_frsize))
    }
    #[cfg(not(unix))]
    {
        let _ = path;
        None
    }
}

/// What SQLite says of a full disk, for one that is not quite full yet.
pub(super) fn too_little(free: u64, spare: u64) -> rusqlite::Error {
    rusqlite::Error::SqliteFailure(
        rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_FULL),
        Some(format!(
            "{} MiB are free and {} MiB must stay so",
            free >> 20,
            spare >> 20
        )),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_gives_way_once_and_is_made_anew() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join(RESERVE_FILE);
        let mut reserve = Reserve::new(folder.path(), 1 << 16);
        assert!(holds(&path, 1 << 16));
        assert!(reserve.give_way());
        assert_eq!(std::fs::metadata(&path).expect("there").len(), 0);
        assert!(!reserve.give_way(), "it has nothing more to give");
        assert!(reserve.ready(), "there is room on this disk");
        assert!(holds(&path, 1 << 16));
        assert!(Reserve::new(folder.path(), 1 << 16).ready());
        // One that is only long does not hold anything.
        let file = File::create(&path).expect("emptied");
        file.set_len(1 << 16).expect("lengthened");
        assert!(cfg!(not(unix)) || !holds(&path, 1 << 16));
    }

    #[test]
    fn without_a_size_nothing_is_made_or_refused() {
        let folder = tempfile::tempdir().expect("a folder");
        let mut reserve = Reserve::new(folder.path(), 0);
        assert!(reserve.ready());
        assert!(!reserve.give_way());
        assert!(!folder.path().join(RESERVE_FILE).exists());
    }
}
