//! Handles on files (`O_PATH`, open(2)): look first, open for reading only what is a regular file.
//!
//! Opening a FIFO waits for its other end, opening a device may move a tape or start a modem. A handle does neither: it
//! refers to the file, tells its kind, and is opened again through `/proc/self/fd` when the kind is right. What was
//! looked at is thereby what is read, whatever happens to the name in between.

use rustix::fs::{CWD, FileType, Mode, OFlags, Stat, fstat, open, openat, readlink};
use std::fs::File;
use std::io::Result;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

/// A handle on what an absolute path leads to.
pub fn at(path: &[u8], follow: bool) -> Result<OwnedFd> {
    below(CWD, path, follow)
}

/// A handle on a name in a folder.
pub fn below(folder: impl AsFd, name: &[u8], follow: bool) -> Result<OwnedFd> {
    let mut flags = OFlags::PATH | OFlags::CLOEXEC;
    if !follow {
        flags |= OFlags::NOFOLLOW;
    }
    let name = Path::new(std::ffi::OsStr::from_bytes(name));
    Ok(openat(folder, name, flags, Mode::empty())?)
}

/// Opens for reading what a handle refers to; `None` when that is no regular file. The time of last access stays as it
/// was where the system allows it: looking leaves no trace.
pub fn read(handle: impl AsFd) -> Result<Option<File>> {
    let stat = fstat(&handle)?;
    if FileType::from_raw_mode(stat.st_mode) != FileType::RegularFile {
        return Ok(None);
    }
    // Without O_NONBLOCK, a lease that another program holds would make us wait.
    let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
    let link = link(&handle);
    let file = match open(link.as_str(), flags | OFlags::NOATIME, Mode::empty()) {
        Err(rustix::io::Errno::PERM) => open(link.as_str(), flags, Mode::empty()),
        other => other,
    };
    Ok(Some(file.map_err(failed)?.into()))
}

/// Opens the folder that a handle refers to.
pub fn folder(handle: impl AsFd) -> Result<OwnedFd> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let link = link(&handle);
    let folder = match open(link.as_str(), flags | OFlags::NOATIME, Mode::empty()) {
        Err(rustix::io::Errno::PERM) => open(link.as_str(), flags, Mode::empty()),
        other => other,
    };
    folder.map_err(failed)
}

/// The path by which the kernel knows the file now.
pub fn path(handle: impl AsFd) -> Result<Vec<u8>> {
    let path = readlink(link(&handle), Vec::new()).map_err(failed)?;
    Ok(path.into_bytes())
}

/// What a cell says of the kind of a file.
pub fn kind(stat: &Stat) -> &'static str {
    kind_name(FileType::from_raw_mode(stat.st_mode))
}

/// As [`kind`], from what a folder says.
pub fn kind_name(kind: FileType) -> &'static str {
    match kind {
        FileType::RegularFile => "File",
        FileType::Directory => "Directory",
        FileType::Symlink => "Symbolic Link",
        FileType::Fifo => "FIFO",
        FileType::Socket => "Socket",
        FileType::CharacterDevice => "Character Device",
        FileType::BlockDevice => "Block Device",
        FileType::Unknown => "Unknown",
    }
}

/// A handle that cannot be opened again because there is nothing to open it through is no file that is gone.
fn failed(error: rustix::io::Errno) -> std::io::Error {
    if error == rustix::io::Errno::NOENT && !Path::new("/proc/self/fd").exists() {
        return std::io::Error::new(
            std::io::ErrorKind::Unsupported,
            "there is no process file system at /proc to open it through",
        );
    }
    error.into()
}

fn link(handle: &impl AsFd) -> String {
    format!("/proc/self/fd/{}", handle.as_fd().as_raw_fd())
}
