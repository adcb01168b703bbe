//! Configuration files that include others, read within bounds: files that include each other end.

use crate::disk;
use crate::framework::{Notes, SensorError};
use std::ffi::OsString;
use std::path::{Path, PathBuf};

/// Files read in all.
pub(super) const FILES_MAX: usize = 1_000;

/// The files of one configuration, below a root.
pub(super) struct Files<'r> {
    pub root: &'r Path,
    /// Takes those that cannot be read.
    pub notes: &'r Notes,
    deepest: usize,
    read: usize,
}

impl<'r> Files<'r> {
    /// None read yet; `deepest` is how far includes inside includes are followed.
    pub fn new(root: &'r Path, deepest: usize, notes: &'r Notes) -> Self {
        Self {
            root,
            notes,
            deepest,
            read: 0,
        }
    }

    /// A file (path as the system sees it) that stands this deep; none where there is none, or none that can be read.
    ///
    /// # Errors
    /// [`SensorError::Form`] when includes are too deep or too many.
    pub fn read(&mut self, path: &Path, depth: usize) -> Result<Option<Vec<u8>>, SensorError> {
        self.read += 1;
        let deepest = self.deepest;
        if depth > deepest || self.read > FILES_MAX {
            return Err(SensorError::Form {
                what: path.display().to_string(),
                problem: format!(
                    "files include each other more than {deepest} deep or {FILES_MAX} in all"
                ),
            });
        }
        let full = disk::below(self.root, path);
        Ok(disk::read_if_there(&full, disk::CONFIG_MAX, self.notes))
    }
}

/// The path that these bytes are.
#[cfg(unix)]
pub(super) fn path_of(bytes: Vec<u8>) -> PathBuf {
    let text: OsString = std::os::unix::ffi::OsStringExt::from_vec(bytes);
    text.into()
}

/// The path that these bytes are.
#[cfg(not(unix))]
pub(super) fn path_of(bytes: Vec<u8>) -> PathBuf {
    let text: OsString = String::from_utf8_lossy(&bytes).into_owned().into();
    text.into()
}
