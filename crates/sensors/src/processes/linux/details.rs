//! `Process Details`.

use super::executable::Executable;
use super::hash::{digest, hasher};
use super::walk::{self, failed};
use crate::framework::{Request, SensorError, Sink};
use crate::owners::Owners;
use crate::text;
use procfs::FromBufRead;
use procfs::process::{Process, Status};

pub fn process_details(request: &Request, sink: &mut Sink) -> Result<(), SensorError> {
    let mut hasher = hasher(request.parameter(0))?;
    let owners = Owners::read();
    let boot = procfs::boot_time_secs().map_err(|e| failed("/proc/stat", e))?;
    let ticks = procfs::ticks_per_second().max(1);
    for (seen, process) in walk::processes()? {
        sink.check()?;
        // Without the right to look at the executable, all the rest is still worth a row.
        let executable = Executable::of(&process).ok().flatten();
        let (path, deleted, digest) = match &executable {
            Some(e) => (
                e.path.as_slice(),
                text::boolean(e.deleted),
                digest(e, hasher.as_mut(), sink)?,
            ),
            None => (b"".as_slice(), "", String::new()),
        };
        let started = boot.saturating_add(seen.start_ticks / ticks);
        sink.push([
            seen.pid.to_string().as_bytes(),
            seen.parent.to_string().as_bytes(),
            &seen.name,
            &user(&process, &owners),
            text::moment(i64::try_from(started).unwrap_or(0), 0).as_bytes(),
            &walk::command_line(&process),
            path,
            deleted.as_bytes(),
            digest.as_bytes(),
        ])?;
    }
    Ok(())
}

/// Name of the effective user; empty when the process ended.
pub fn user(process: &Process, owners: &Owners) -> Vec<u8> {
    // The name in this file may be any bytes, which the crate would refuse; only numbers are wanted here.
    walk::bytes(process, "status")
        .ok()
        .and_then(|b| Status::from_buf_read(String::from_utf8_lossy(&b).as_bytes()).ok())
        .map(|s| owners.user(s.euid))
        .unwrap_or_default()
}
