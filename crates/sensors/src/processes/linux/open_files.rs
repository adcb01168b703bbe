//! `Open Files`.

use super::executable::without_mark;
use super::walk::{self, Access};
use crate::framework::{Request, SensorError, Sink};
use crate::{handle, text};
use procfs::process::Process;
use procfs::{ProcError, ProcResult};
use rustix::fs::{AtFlags, Dir, FileType, OFlags, readlinkat, statat};
use std::io::Error;
use std::os::fd::OwnedFd;

pub fn open_files(request: &Request, sink: &mut Sink) -> Result<(), SensorError> {
    let wanted = request.parameter(0).trim();
    let mut access = Access::default();
    for (seen, process) in walk::processes()? {
        sink.check()?;
        if seen.kernel || !(wanted.is_empty() || seen.is_called(wanted)) {
            continue;
        }
        let Some((folder, entries)) = access.note(descriptors(&process)) else {
            continue;
        };
        let pid = seen.pid.to_string();
        for entry in entries {
            let Ok(entry) = entry else { break };
            if entry.file_type() == FileType::Directory {
                continue; // `.` and `..`
            }
            let name = entry.file_name();
            // What is closed meanwhile is not open.
            let Ok(link) = readlinkat(&folder, name, Vec::new()) else {
                continue;
            };
            let Ok(stat) = statat(&folder, name, AtFlags::NO_AUTOMOUNT) else {
                continue;
            };
            let link = link.into_bytes();
            let has_path = link.first() == Some(&b'/');
            let kind = if link.starts_with(b"anon_inode:") {
                "Anonymous"
            } else {
                handle::kind(&stat)
            };
            let (path, deleted) = if has_path {
                without_mark(seen.pid, link, stat.st_ino)
            } else {
                (link, false)
            };
            sink.push([
                pid.as_bytes(),
                &seen.name,
                &path,
                kind.as_bytes(),
                text::boolean(deleted).as_bytes(),
            ])?;
        }
    }
    access.outcome("/proc/*/fd")
}

fn descriptors(process: &Process) -> ProcResult<(OwnedFd, Dir)> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let folder: OwnedFd = process.open_relative_flags("fd", flags)?.into();
    let entries = Dir::read_from(&folder).map_err(|e| ProcError::from(Error::from(e)))?;
    Ok((folder, entries))
}
