//! One server for each data folder: an exclusive lock on `server.lock`, held as long as the store is open.
//!
//! The lock is the kernel's (advisory), so it ends with the process however that ends, and no stale file can keep
//! a server from starting. Offline readers (`cordon audit verify`) do not take it.

use super::error::{Result, StoreError};
use std::fs::{File, OpenOptions, TryLockError};
use std::path::Path;

/// The held lock.
#[derive(Debug)]
pub struct FolderLock {
    _file: File,
}

impl FolderLock {
    /// Takes the lock, or says that another server has it.
    pub fn take(folder: &Path) -> Result<Self> {
        let path = folder.join("server.lock");
        let file = OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .open(&path)
            .map_err(|source| StoreError::Folder {
                path: path.clone(),
                source,
            })?;
        match file.try_lock() {
            Ok(()) => Ok(Self { _file: file }),
            Err(TryLockError::WouldBlock) => Err(StoreError::InUse(folder.to_owned())),
            Err(TryLockError::Error(source)) => Err(StoreError::Folder { path, source }),
        }
    }
}
