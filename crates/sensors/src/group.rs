//! A process of our own with all it starts: a group by itself, read by one loop, and killed as a whole.
//!
//! What runs in one is a script ([`crate::script`]), or this program itself for a sensor whose results are large (crate
//! `agent`). The loop hands over what comes on standard output as it comes, keeps the beginning of standard error, and
//! asks between two looks whether it may go on.

use crate::framework::SensorError;
use rustix::event::{PollFd, PollFlags, poll};
use rustix::fs::{OFlags, fcntl_getfl, fcntl_setfl};
use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process_group, waitid};
use std::io::{ErrorKind, Read, Write};
use std::ops::ControlFlow;
use std::os::fd::AsFd;
use std::os::unix::process::CommandExt;
use std::process::{Child, ChildStderr, ChildStdin, ChildStdout, Command, ExitStatus, Stdio};
use std::time::Duration;

/// Bytes of standard error that are kept.
pub const STDERR_MAX: usize = 4 << 10;
/// How long a wait for output may last before the limits are looked at again.
const BEAT: Duration = Duration::from_millis(100);
/// The same once both outputs are closed and only the end is awaited.
const LAST_BEAT: Duration = Duration::from_millis(5);

/// Takes what a group says, and decides whether it may go on.
pub trait Listener {
    /// Called between two looks.
    ///
    /// # Errors
    /// What ends the group.
    fn check(&mut self, group: &Group) -> Result<(), SensorError>;

    /// Takes a piece of standard output; with a break nothing more is wanted.
    ///
    /// # Errors
    /// What ends the group.
    fn take(&mut self, piece: &[u8]) -> Result<ControlFlow<()>, SensorError>;
}

/// A process with all it started. Whatever way this goes out of scope, nothing of it stays.
pub struct Group {
    child: Child,
    errors: Vec<u8>,
    name: String,
    killed: bool,
}

/// How a group ended.
#[derive(Debug)]
pub struct Ended {
    /// Of its first process.
    pub status: ExitStatus,
    /// The beginning of what it said on standard error.
    pub errors: Vec<u8>,
}

impl Drop for Group {
    fn drop(&mut self) {
        self.kill();
        // Reaps; an error means it was reaped before.
        drop(self.child.wait());
    }
}

impl Group {
    /// Starts a command in a group of its own; `name` stands for it in errors.
    ///
    /// # Errors
    /// [`SensorError::Read`] when it cannot be started.
    pub fn start(command: &mut Command, name: &str) -> Result<Self, SensorError> {
        let child = command
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(0)
            .spawn()
            .map_err(|source| SensorError::Read {
                what: name.into(),
                source,
            })?;
        Ok(Self {
            child,
            errors: Vec::new(),
            name: name.into(),
            killed: false,
        })
    }

    /// Gives `input` to its standard input, if that is a pipe, and reads until it ended, or until the listener breaks
    /// or fails.
    ///
    /// # Errors
    /// The listener's, or [`SensorError::Read`].
    pub fn listen(&mut self, input: &[u8], listener: &mut dyn Listener) -> Result<(), SensorError> {
        let mut out: Option<ChildStdout> = self.child.stdout.take();
        let mut err: Option<ChildStderr> = self.child.stderr.take();
        let mut given = self.child.stdin.take().map(|pipe| (pipe, input));
        let pipes = [
            out.as_ref().map(AsFd::as_fd),
            err.as_ref().map(AsFd::as_fd),
            given.as_ref().map(|(pipe, _)| pipe.as_fd()),
        ];
        for fd in pipes.into_iter().flatten() {
            let set = fcntl_getfl(fd).and_then(|f| fcntl_setfl(fd, f | OFlags::NONBLOCK));
            set.map_err(|e| self.failed(e.into()))?;
        }
        let mut buffer = vec![0; 64 << 10];
        loop {
            listener.check(self)?;
            give(&mut given).map_err(|e| self.failed(e))?;
            // Asked before reading: what it wrote before it ended is then in the pipe.
            let ended = self.ended()?;
            let said = drain(&mut out, &mut buffer).map_err(|e| self.failed(e))?;
            if let Some(piece) = said
                && listener.take(piece)?.is_break()
            {
                return Ok(());
            }
            let more = said.is_some();
            let wrong = drain(&mut err, &mut buffer).map_err(|e| self.failed(e))?;
            if let Some(piece) = wrong {
                let room = STDERR_MAX.saturating_sub(self.errors.len());
                let kept = piece.get(..room.min(piece.len())).unwrap_or_default();
                self.errors.extend_from_slice(kept);
            }
            if more {
                continue;
            }
            if ended {
                // Something it left in the background may hold the pipe open; its output does not count.
                return Ok(());
            }
            self.wait_for(out.as_ref(), err.as_ref(), given.as_ref().map(|(p, _)| p))?;
        }
    }

    fn wait_for(
        &self,
        out: Option<&ChildStdout>,
        err: Option<&ChildStderr>,
        given: Option<&ChildStdin>,
    ) -> Result<(), SensorError> {
        let mut fds: Vec<PollFd<'_>> = Vec::with_capacity(3);
        fds.extend(out.map(|pipe| PollFd::new(pipe, PollFlags::IN)));
        fds.extend(err.map(|pipe| PollFd::new(pipe, PollFlags::IN)));
        fds.extend(given.map(|pipe| PollFd::new(pipe, PollFlags::OUT)));
        // With both outputs closed nothing wakes the wait but time.
        let beat = if out.is_none() && err.is_none() {
            LAST_BEAT
        } else {
            BEAT
        };
        let wait = rustix::event::Timespec {
            tv_sec: 0,
            tv_nsec: i64::from(beat.subsec_nanos()),
        };
        match poll(&mut fds, Some(&wait)) {
            Ok(_) | Err(rustix::io::Errno::INTR) => Ok(()),
            Err(e) => Err(self.failed(e.into())),
        }
    }

    /// Kills what is left of the group and tells how its first process ended.
    ///
    /// # Errors
    /// [`SensorError::Read`] when the system does not tell.
    pub fn end(mut self) -> Result<Ended, SensorError> {
        self.kill();
        let status = self.child.wait().map_err(|e| self.failed(e))?;
        Ok(Ended {
            status,
            errors: std::mem::take(&mut self.errors),
        })
    }

    /// Kills the group. The leader is not reaped before, so its number still means this group.
    fn kill(&mut self) {
        if std::mem::replace(&mut self.killed, true) {
            return;
        }
        if let Some(pid) = self.leader() {
            // Fails only when nothing of the group is left.
            kill_process_group(pid, Signal::KILL).ok();
        }
    }

    fn leader(&self) -> Option<Pid> {
        i32::try_from(self.child.id()).ok().and_then(Pid::from_raw)
    }

    /// Whether the leader ended; it stays unreaped.
    fn ended(&self) -> Result<bool, SensorError> {
        let Some(pid) = self.leader() else {
            return Ok(true);
        };
        let options = WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
        match waitid(WaitId::Pid(pid), options) {
            Ok(status) => Ok(status.is_some()),
            Err(rustix::io::Errno::INTR) => Ok(false),
            Err(e) => Err(self.failed(e.into())),
        }
    }

    /// Processor time and memory of all processes of the group that live now, added up; `None` where nobody tells.
    #[cfg(target_os = "linux")]
    #[must_use]
    pub fn used(&self) -> Option<(Duration, u64)> {
        let leader = i32::try_from(self.child.id()).unwrap_or(0);
        let all = procfs::process::all_processes().ok()?;
        let (mut ticks, mut bytes) = (0_u64, 0_u64);
        for stat in all.filter_map(Result::ok).filter_map(|p| p.stat().ok()) {
            if stat.pgrp == leader {
                ticks += stat.utime + stat.stime;
                ticks += u64::try_from(stat.cutime + stat.cstime).unwrap_or(0);
                bytes += stat.rss * procfs::page_size();
            }
        }
        let millis = ticks * 1000 / procfs::ticks_per_second().max(1);
        Some((Duration::from_millis(millis), bytes))
    }

    /// As on Linux, where this is known.
    #[cfg(not(target_os = "linux"))]
    #[must_use]
    pub fn used(&self) -> Option<(Duration, u64)> {
        None
    }

    fn failed(&self, source: std::io::Error) -> SensorError {
        SensorError::Read {
            what: self.name.clone(),
            source,
        }
    }
}

/// Writes what fits into the pipe, and closes it when all is written. A process that does not read has its reasons.
fn give(given: &mut Option<(ChildStdin, &[u8])>) -> std::io::Result<()> {
    let Some((pipe, rest)) = given else {
        return Ok(());
    };
    while !rest.is_empty() {
        match pipe.write(rest) {
            Ok(written) => *rest = rest.get(written..).unwrap_or_default(),
            Err(e) if e.kind() == ErrorKind::WouldBlock => return Ok(()),
            Err(e) if e.kind() == ErrorKind::Interrupted => {}
            Err(e) if e.kind() == ErrorKind::BrokenPipe => break,
            Err(e) => return Err(e),
        }
    }
    *given = None;
    Ok(())
}

/// Reads one buffer at most, so that limits are looked at between; `None` when nothing is there now. At the end of the
/// file the pipe is dropped.
fn drain<'b, R: Read>(
    pipe: &mut Option<R>,
    buffer: &'b mut [u8],
) -> std::io::Result<Option<&'b [u8]>> {
    let Some(open) = pipe else {
        return Ok(None);
    };
    match open.read(buffer) {
        Ok(0) => {
            *pipe = None;
            Ok(None)
        }
        Ok(n) => Ok(buffer.get(..n)),
        Err(e) if e.kind() == ErrorKind::WouldBlock => Ok(None),
        Err(e) if e.kind() == ErrorKind::Interrupted => Ok(Some(&[])),
        Err(e) => Err(e),
    }
}
