//! The file a process was started from, and files like it that the kernel names with ` (deleted)` at the end.

use crate::handle;
use procfs::process::Process;
use procfs::{ProcError, ProcResult};
use rustix::fs::{AtFlags, CWD, OFlags, Stat, fstat, statat};
use std::fs::File;
use std::os::unix::ffi::OsStringExt;
use std::path::PathBuf;

/// What the kernel adds to the path of a file that has no name any more.
pub const DELETED: &[u8] = b" (deleted)";

/// A running executable.
pub struct Executable {
    /// Its path, without the kernel's mark.
    pub path: Vec<u8>,
    /// Whether it is no longer at that path.
    pub deleted: bool,
    /// Refers to the file without opening it for reading.
    handle: File,
}

impl Executable {
    /// The executable of a process; `None` for threads of the kernel and for processes that ended.
    pub fn of(process: &Process) -> ProcResult<Option<Self>> {
        let handle = match process.open_relative_flags("exe", OFlags::PATH | OFlags::CLOEXEC) {
            Ok(handle) => handle,
            Err(ProcError::NotFound(_)) => return Ok(None),
            Err(e) => return Err(e),
        };
        // The handle's own path, not that of `exe` read again: the process may have started another program meanwhile.
        let path = handle::path(&handle)?;
        let stat = fstat(&handle).map_err(std::io::Error::from)?;
        let (path, deleted) = without_mark(process.pid(), path, stat.st_ino);
        Ok(Some(Self {
            path,
            deleted,
            handle,
        }))
    }

    /// Opens the file for reading, when it is a regular one.
    pub fn open(&self) -> std::io::Result<Option<File>> {
        handle::read(&self.handle)
    }
}

/// Takes the kernel's mark from a path, unless a file of just that name and inode is there.
pub fn without_mark(pid: i32, mut path: Vec<u8>, inode: u64) -> (Vec<u8>, bool) {
    let Some(bare) = path.strip_suffix(DELETED) else {
        return (path, false);
    };
    if seen_by(pid, &path).is_some_and(|s| s.st_ino == inode) {
        return (path, false);
    }
    let length = bare.len();
    path.truncate(length);
    (path, true)
}

/// What a process sees at an absolute path: it may have another root folder and other mounts than we.
fn seen_by(pid: i32, path: &[u8]) -> Option<Stat> {
    if path.first() != Some(&b'/') {
        return None;
    }
    let full = [format!("/proc/{pid}/root").as_bytes(), path].concat();
    let full = PathBuf::from(std::ffi::OsString::from_vec(full));
    statat(CWD, full, AtFlags::SYMLINK_NOFOLLOW | AtFlags::NO_AUTOMOUNT).ok()
}
