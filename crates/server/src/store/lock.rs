//! One server for each data folder: an exclusive lock on `server.lock`, held as long as the store is open.
//!
//! The lock is the kernel's (advisory), so it ends with the process however that ends, and no stale file can keep
//! a server from starting. Offline readers (`cordon audit verify`) do not take it; those that look at a folder while no server may have
//! it ([`FolderLock::look`]) write nothing for it, so that they work on a copy that cannot be written.

use super::error::{Result, StoreError};
use std::fs::{File, OpenOptions, TryLockError};
use std::path::{Path, PathBuf};

const FILE: &str = "server.lock";

/// The held lock.
#[derive(Debug)]
pub struct FolderLock {
    _file: File,
}

impl FolderLock {
    /// Takes the lock, or says that another server has it.
    pub fn take(folder: &Path) -> Result<Self> {
        let path = folder.join(FILE);
        let file = OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .open(&path)
            .map_err(|source| StoreError::Folder {
                path: path.clone(),
                source,
            })?;
        Self::hold(file, folder, path)
    }

    /// Takes the lock for a look that changes nothing, or says that a server has it. `None` where there is no file to lock, as in a
    /// copy of some of the files: no server has such a folder.
    pub fn look(folder: &Path) -> Result<Option<Self>> {
        let path = folder.join(FILE);
        // Windows locks for those who may write alone; elsewhere reading is enough.
        match OpenOptions::new()
            .read(true)
            .write(cfg!(windows))
            .open(&path)
        {
            Ok(file) => Self::hold(file, folder, path).map(Some),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(source) => Err(StoreError::Folder { path, source }),
        }
    }

    fn hold(file: File, folder: &Path, path: PathBuf) -> Result<Self> {
        match file.try_lock() {
            Ok(()) => Ok(Self { _file: file }),
            Err(TryLockError::WouldBlock) => Err(StoreError::InUse(folder.to_owned())),
            Err(TryLockError::Error(source)) => Err(StoreError::Folder { path, source }),
        }
    }
}
