//! `Process Details`.

use super::executable::Executable;
use super::hash::{digest, hasher};
use super::more;
use super::walk::{self, failed, part};
use crate::framework::{Notes, Request, SensorError, Sink};
use crate::owners::Owners;
use crate::text;
use procfs::FromBufRead;
use procfs::process::{Process, Status};

pub fn process_details(request: &Request, sink: &mut Sink) -> Result<(), SensorError> {
    let mut hasher = hasher(request.parameter(0))?;
    let usual = request
        .parameter(1)
        .eq_ignore_ascii_case("All")
        .then(more::Usual::look);
    let notes = sink.notes();
    let owners = Owners::read(&notes);
    let moments = Moments::look()?;
    for (seen, process) in walk::processes(&notes)? {
        sink.check()?;
        // Read one right after the other, before the digest, which takes longer and needs the process no more. Without
        // one of them, all the rest is still worth a row.
        let status = status(&process, &notes);
        let user = status.as_ref().map(|status| owners.user(status.euid));
        let line = walk::command_line(&process, &notes);
        let executable = part(&notes, &process, "exe", Executable::of(&process)).flatten();
        if !seen.kernel && (user.is_none() || line.is_none() || executable.is_none()) {
            walk::note_if_gone(&notes, &process);
        }
        let more = match &usual {
            Some(usual) => more::cells(&seen, &process, status.as_ref(), usual, &notes),
            None => <[Vec<u8>; more::CELLS]>::default(),
        };
        let (path, deleted, digest) = match &executable {
            Some(e) => (
                e.path.as_slice(),
                text::boolean(e.deleted),
                digest(e, hasher.as_mut(), sink)?,
            ),
            None => (b"".as_slice(), "", String::new()),
        };
        let mut row = vec![
            seen.pid.to_string().into_bytes(),
            seen.parent.to_string().into_bytes(),
            seen.name,
            user.unwrap_or_default(),
            moments.of(seen.start_ticks).into_bytes(),
            line.unwrap_or_default(),
            path.to_vec(),
            deleted.into(),
            digest.into_bytes(),
        ];
        row.extend(more);
        sink.push(row)?;
    }
    Ok(())
}

/// What turns the ticks in which a process tells its start into a time.
pub struct Moments {
    /// When the machine started, in seconds since 1970.
    boot: u64,
    ticks_per_second: u64,
}

impl Moments {
    /// Looks when the machine started.
    ///
    /// # Errors
    /// [`SensorError`] when that cannot be read.
    pub fn look() -> Result<Self, SensorError> {
        Ok(Self {
            boot: procfs::boot_time_secs().map_err(|e| failed("/proc/stat", e))?,
            ticks_per_second: procfs::ticks_per_second().max(1),
        })
    }

    /// The time of so many ticks after the machine's start.
    pub fn of(&self, ticks: u64) -> String {
        let at = self.boot.saturating_add(ticks / self.ticks_per_second);
        text::moment(i64::try_from(at).unwrap_or(0), 0)
    }
}

/// The numbers of a process, such as its users; `None` when it ended or does not let us look.
pub fn status(process: &Process, notes: &Notes) -> Option<Status> {
    // The name in this file may be any bytes, which the crate would refuse; only numbers are wanted here.
    let status = walk::bytes(process, "status")
        .and_then(|b| Status::from_buf_read(String::from_utf8_lossy(&b).as_bytes()));
    part(notes, process, "status", status)
}
