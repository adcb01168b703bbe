//! What a process has open (`/proc/PID/fd`), its threads with tables of their own included.

use super::threads;
use super::walk::{PROCESSES, Running, part};
use crate::framework::{LimitHit, Notes, SensorError};
use procfs::process::Process;
use procfs::{ProcError, ProcResult};
use rustix::fs::{Dir, FileType, OFlags, readlinkat};
use rustix::io::Errno;
use std::ffi::CStr;
use std::io::Error;
use std::os::fd::{AsRawFd, BorrowedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

/// Calls `f` with the folder, the name in it and what the kernel says is open there, for each descriptor of a process.
/// What is closed meanwhile is not open; that some cannot be looked at is noted once for a process.
pub fn each(
    seen: &Running,
    process: &Process,
    notes: &Notes,
    mut f: impl FnMut(BorrowedFd<'_>, &CStr, Vec<u8>) -> Result<(), Stop>,
) -> Result<(), SensorError> {
    table(process, notes, &mut f)?;
    for thread in threads::with_own_descriptors(seen.pid, seen.threads, process) {
        table(&thread, notes, &mut f)?;
    }
    Ok(())
}

/// As [`each`], for one table.
fn table(
    process: &Process,
    notes: &Notes,
    f: &mut impl FnMut(BorrowedFd<'_>, &CStr, Vec<u8>) -> Result<(), Stop>,
) -> Result<(), SensorError> {
    let Some(mut folder) = part(notes, process, "fd", open(process)) else {
        return Ok(());
    };
    let mut closed = None;
    while let Some(entry) = folder.next() {
        let entry = match entry {
            Ok(entry) => entry,
            Err(e) => {
                closed.get_or_insert(e);
                break;
            }
        };
        if entry.file_type() == FileType::Directory {
            continue; // `.` and `..`
        }
        let within = folder.fd().map_err(|e| failed(process, e))?;
        match readlinkat(within, entry.file_name(), Vec::new()) {
            Ok(link) => match f(within, entry.file_name(), link.into_bytes()) {
                Err(Stop::Closed(e)) if !is_gone(e) => {
                    closed.get_or_insert(e);
                }
                Err(Stop::Closed(_)) | Ok(()) => {}
                Err(Stop::Run(e)) => return Err(e),
            },
            Err(e) if !is_gone(e) => {
                closed.get_or_insert(e);
            }
            Err(_) => {}
        }
    }
    if let Some(e) = closed {
        notes.one_of(PROCESSES, "fd", process.pid(), &e.into());
    }
    Ok(())
}

/// Why a descriptor gave nothing.
pub enum Stop {
    /// The system's answer for this descriptor.
    Closed(Errno),
    /// The run ends.
    Run(SensorError),
}

impl From<Errno> for Stop {
    fn from(e: Errno) -> Self {
        Self::Closed(e)
    }
}

impl From<LimitHit> for Stop {
    fn from(hit: LimitHit) -> Self {
        Self::Run(hit.into())
    }
}

/// The path by which what is open under a number in a table can be opened again.
pub fn path(folder: BorrowedFd<'_>, name: &CStr) -> PathBuf {
    let folder = format!("/proc/self/fd/{}", folder.as_raw_fd());
    Path::new(&folder).join(std::ffi::OsStr::from_bytes(name.to_bytes()))
}

fn is_gone(error: Errno) -> bool {
    matches!(error, Errno::NOENT | Errno::SRCH)
}

fn open(process: &Process) -> ProcResult<Dir> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let folder = process.open_relative_flags("fd", flags)?;
    Dir::new(folder).map_err(|e| ProcError::from(Error::from(e)))
}

fn failed(process: &Process, error: Errno) -> SensorError {
    SensorError::reading(format!("/proc/{}/fd", process.pid()), error.into())
}
