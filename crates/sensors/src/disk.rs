//! Reading small files and folders that others may have prepared: bounded, and never blocking.
//!
//! Sensors read files in home folders and spool folders, where any user may put a FIFO, a link to a device or a file
//! of many gigabytes. [`read`] opens without waiting, takes regular files only and stops at a bound. The functions
//! take paths below a root that the caller chooses, so that tests can build a tree of their own.
//!
//! A file that need not be there and is not is nothing to tell. One that is there and cannot be read, or not to its end,
//! is noted by these functions, so that no reader can forget it.

use crate::framework::{Notes, SensorError};
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

/// A regular file that has to be there. What is beyond `most` bytes is noted as not read.
///
/// # Errors
/// [`SensorError::Denied`] when the system refuses, [`SensorError::Read`] otherwise.
pub fn read(path: &Path, most: u64, notes: &Notes) -> Result<Vec<u8>, SensorError> {
    let mut bytes =
        first_bytes(path, most.saturating_add(1)).map_err(|e| SensorError::reading(path, e))?;
    let most_here = usize::try_from(most).unwrap_or(usize::MAX);
    if bytes.len() > most_here {
        bytes.truncate(most_here);
        notes.add(SensorError::Form {
            what: path.display().to_string(),
            problem: format!("it is larger than {most} bytes, and only so many were read"),
        });
    }
    Ok(bytes)
}

/// A regular file that need not be there: `None` when there is nothing of that name, or something that is no regular
/// file. One that is there and cannot be read is noted, and `None` too.
#[must_use]
pub fn read_if_there(path: &Path, most: u64, notes: &Notes) -> Option<Vec<u8>> {
    match read(path, most, notes) {
        Ok(bytes) => Some(bytes),
        Err(e) => {
            note(e, notes);
            None
        }
    }
}

/// The beginning of a file that need not be there, where no more of it is wanted.
#[must_use]
pub fn start_of(path: &Path, most: u64, notes: &Notes) -> Option<Vec<u8>> {
    match first_bytes(path, most) {
        Ok(bytes) => Some(bytes),
        Err(e) => {
            note(SensorError::reading(path, e), notes);
            None
        }
    }
}

fn first_bytes(path: &Path, most: u64) -> std::io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    open_regular(path)?.take(most).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// Paths in a folder, sorted; none when there is no such folder. One that is there and cannot be read to its end is
/// noted.
#[must_use]
pub fn list(folder: &Path, notes: &Notes) -> Vec<PathBuf> {
    list_needed(folder, notes).unwrap_or_else(|e| {
        note(e, notes);
        Vec::new()
    })
}

/// As [`list`], for a folder that has to be there.
///
/// # Errors
/// [`SensorError::Denied`] or [`SensorError::Read`] when it cannot be opened.
pub fn list_needed(folder: &Path, notes: &Notes) -> Result<Vec<PathBuf>, SensorError> {
    let mut entries = std::fs::read_dir(folder).map_err(|e| SensorError::reading(folder, e))?;
    let mut paths = Vec::new();
    for entry in entries.by_ref().take(NAMES_MAX) {
        match entry {
            Ok(entry) => paths.push(entry.path()),
            Err(e) => {
                notes.missed(folder, e);
                break;
            }
        }
    }
    if entries.next().is_some() {
        notes.add(SensorError::Form {
            what: folder.display().to_string(),
            problem: format!(
                "it holds more than {NAMES_MAX} names, and only so many were looked at"
            ),
        });
    }
    paths.sort();
    Ok(paths)
}

/// Whether a path leads to a folder. That this cannot be told is noted.
#[must_use]
pub fn is_folder(path: &Path, notes: &Notes) -> bool {
    look(std::fs::metadata(path), path, notes).is_some_and(|m| m.is_dir())
}

/// Whether a path leads to a regular file. That this cannot be told is noted.
#[must_use]
pub fn is_file(path: &Path, notes: &Notes) -> bool {
    look(std::fs::metadata(path), path, notes).is_some_and(|m| m.is_file())
}

/// Whether a name is there, whatever it is. That this cannot be told is noted.
#[must_use]
pub fn exists(path: &Path, notes: &Notes) -> bool {
    look(std::fs::symlink_metadata(path), path, notes).is_some()
}

/// The path with all links followed; `None` where it leads nowhere. That this cannot be told is noted.
#[must_use]
pub fn real(path: &Path, notes: &Notes) -> Option<PathBuf> {
    look(path.canonicalize(), path, notes)
}

/// What the system says of a path that need not be there; a refusal is noted.
pub fn look<T>(said: std::io::Result<T>, path: &Path, notes: &Notes) -> Option<T> {
    match said {
        Ok(value) => Some(value),
        Err(e) => {
            note(SensorError::reading(path, e), notes);
            None
        }
    }
}

fn note(error: SensorError, notes: &Notes) {
    if !is_absent(&error) {
        notes.add(error);
    }
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
