//! `Process Details`.

use super::executable::Executable;
use super::hash::{digest, hasher};
use super::walk::{self, failed, part};
use crate::framework::{Notes, Request, SensorError, Sink};
use crate::owners::Owners;
use crate::text;
use procfs::FromBufRead;
use procfs::process::{Process, Status};

pub fn process_details(request: &Request, sink: &mut Sink) -> Result<(), SensorError> {
    let mut hasher = hasher(request.parameter(0))?;
    let notes = sink.notes();
    let owners = Owners::read(&notes);
    let boot = procfs::boot_time_secs().map_err(|e| failed("/proc/stat", e))?;
    let ticks = procfs::ticks_per_second().max(1);
    for (seen, process) in walk::processes(&notes)? {
        sink.check()?;
        // Read one right after the other, before the digest, which takes longer and needs the process no more. Without
        // one of them, all the rest is still worth a row.
        let user = user(&process, &owners, &notes);
        let line = walk::command_line(&process, &notes);
        let executable = part(&notes, &process, "exe", Executable::of(&process)).flatten();
        if !seen.kernel && (user.is_none() || line.is_none() || executable.is_none()) {
            walk::note_if_gone(&notes, &process);
        }
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
            &user.unwrap_or_default(),
            text::moment(i64::try_from(started).unwrap_or(0), 0).as_bytes(),
            &line.unwrap_or_default(),
            path,
            deleted.as_bytes(),
            digest.as_bytes(),
        ])?;
    }
    Ok(())
}

/// Name of the effective user; `None` when the process ended or does not let us look.
pub fn user(process: &Process, owners: &Owners, notes: &Notes) -> Option<Vec<u8>> {
    // The name in this file may be any bytes, which the crate would refuse; only numbers are wanted here.
    let status = walk::bytes(process, "status")
        .and_then(|b| Status::from_buf_read(String::from_utf8_lossy(&b).as_bytes()));
    part(notes, process, "status", status).map(|s| owners.user(s.euid))
}
