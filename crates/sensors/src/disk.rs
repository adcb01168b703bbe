//! Reading small files and folders that others may have prepared: bounded, and never blocking.
//!
//! Sensors read files in home folders and spool folders, where any user may put a FIFO, a link to a device or a file
//! of many gigabytes. [`read`] opens without waiting, takes regular files only and stops at a bound. The functions
//! take paths below a root that the caller chooses, so that tests can build a tree of their own.

use crate::framework::SensorError;
use std::fs::File;
use std::io::{ErrorKind, Read};
use std::path::{Path, PathBuf};

/// Most bytes taken from one configuration file.
pub const CONFIG_MAX: u64 = 8 << 20;
/// Most names taken from one folder.
pub const NAMES_MAX: usize = 100_000;

/// The root of the running system, where its layout is the one that these sensors know.
///
/// # Errors
/// [`SensorError::Unsupported`] on any system but Linux.
pub fn system_root() -> Result<&'static Path, SensorError> {
    if cfg!(target_os = "linux") {
        Ok(Path::new("/"))
    } else {
        Err(SensorError::Unsupported)
    }
}

/// A path of the system seen below another root: `below("/tmp/tree", "/etc/passwd")` is `/tmp/tree/etc/passwd`.
#[must_use]
pub fn below(root: &Path, path: impl AsRef<Path>) -> PathBuf {
    let path = path.as_ref();
    root.join(path.strip_prefix("/").unwrap_or(path))
}

/// Opens a regular file for reading without ever waiting for the other end of a pipe or for a device.
///
/// # Errors
/// The system's error; `InvalidInput` when the path leads to something other than a regular file.
pub fn open_regular(path: &Path) -> std::io::Result<File> {
    let mut options = File::options();
    options.read(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt;
        options.custom_flags(libc::O_NONBLOCK | libc::O_NOCTTY);
    }
    let file = options.open(path)?;
    if file.metadata()?.is_file() {
        Ok(file)
    } else {
        Err(std::io::Error::new(
            ErrorKind::InvalidInput,
            "not a regular file",
        ))
    }
}

/// The first `most` bytes of a regular file.
///
/// # Errors
/// [`SensorError::Denied`] when the system refuses, [`SensorError::Read`] otherwise.
pub fn read(path: &Path, most: u64) -> Result<Vec<u8>, SensorError> {
    let take = || {
        let mut bytes = Vec::new();
        open_regular(path)?.take(most).read_to_end(&mut bytes)?;
        Ok(bytes)
    };
    take().map_err(|e| failed(path, e))
}

/// As [`read`]; `None` when there is nothing of that name, or something that is no regular file.
///
/// # Errors
/// As [`read`].
pub fn read_if_there(path: &Path, most: u64) -> Result<Option<Vec<u8>>, SensorError> {
    match read(path, most) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(e) if is_absent(&e) => Ok(None),
        Err(e) => Err(e),
    }
}

/// Paths in a folder, sorted; none when there is no such folder.
///
/// # Errors
/// [`SensorError::Denied`] or [`SensorError::Read`] when the folder is there and cannot be read.
pub fn list(folder: &Path) -> Result<Vec<PathBuf>, SensorError> {
    let entries = match std::fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(e) => {
            let e = failed(folder, e);
            return if is_absent(&e) {
                Ok(Vec::new())
            } else {
                Err(e)
            };
        }
    };
    let mut paths: Vec<PathBuf> = entries
        .take(NAMES_MAX)
        .filter_map(Result::ok)
        .map(|e| e.path())
        .collect();
    paths.sort();
    Ok(paths)
}

/// The last part of a path as text for comparison; empty when it is not UTF-8.
#[must_use]
pub fn name(path: &Path) -> &str {
    path.file_name().and_then(|n| n.to_str()).unwrap_or("")
}

/// The bytes of a path, as a cell.
#[must_use]
pub fn cell(path: &Path) -> Vec<u8> {
    path.as_os_str().as_encoded_bytes().to_vec()
}

/// Keeps the first problem of several places that are read one after the other: one that cannot be read does not
/// hide the others, and is still told at the end.
#[derive(Default)]
pub struct FirstProblem(Option<SensorError>);

impl FirstProblem {
    /// Gives the value, or notes the problem. A limit is passed on at once.
    ///
    /// # Errors
    /// [`SensorError::Limit`] only.
    pub fn note<T>(&mut self, result: Result<T, SensorError>) -> Result<Option<T>, SensorError> {
        match result {
            Ok(value) => Ok(Some(value)),
            Err(e @ SensorError::Limit(_)) => Err(e),
            Err(e) => {
                self.0.get_or_insert(e);
                Ok(None)
            }
        }
    }

    /// The outcome of the whole run.
    ///
    /// # Errors
    /// The first problem noted.
    pub fn outcome(self) -> Result<(), SensorError> {
        self.0.map_or(Ok(()), Err)
    }
}

fn failed(path: &Path, source: std::io::Error) -> SensorError {
    let what = path.display().to_string();
    if source.kind() == ErrorKind::PermissionDenied {
        SensorError::Denied { what }
    } else {
        SensorError::Read { what, source }
    }
}

fn is_absent(error: &SensorError) -> bool {
    matches!(error, SensorError::Read { source, .. } if matches!(
        source.kind(),
        ErrorKind::NotFound | ErrorKind::NotADirectory | ErrorKind::InvalidInput | ErrorKind::IsADirectory
    ) || is_odd_node(source))
}

/// A socket cannot be opened (ENXIO), a link that leads to itself neither (ELOOP): both are "nothing to read".
fn is_odd_node(error: &std::io::Error) -> bool {
    #[cfg(unix)]
    {
        matches!(error.raw_os_error(), Some(libc::ENXIO | libc::ELOOP))
    }
    #[cfg(not(unix))]
    {
        let _ = error;
        false
    }
}
