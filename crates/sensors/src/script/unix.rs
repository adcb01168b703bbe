//! Runs a script: process group, limits, and one loop that reads both outputs until the end or a limit.
//!
//! The limits are set by a fixed shell line that then becomes the interpreter. That needs no code between fork and
//! exec, and the script cannot start before they hold. They bind each process; a script that starts many is bound by
//! the wall time and by the check of its whole group's processor time and memory.

use super::rows::Reader;
use super::{Interpreter, STDERR_MAX, ScriptSensor};
use crate::framework::{LimitHit, SensorError, Sink};
use rustix::event::{PollFd, PollFlags, poll};
use rustix::fs::{OFlags, fcntl_getfl, fcntl_setfl};
use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process_group, waitid};
use std::io::Read;
use std::os::fd::AsFd;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// `ulimit` wants whole seconds and kibibytes. Where the shell or the system lacks one of them, going on would mean
/// running without a limit, so it does not go on. The hard limit of time is higher: at the soft one the process gets a
/// signal of its own, at the hard one it is killed like by anything else.
const LIMITER: &str = r#"ulimit -c 0
ulimit -S -t "$1" && ulimit -H -t "$(($1 + 2))" || exit 125
[ "$2" = unlimited ] || ulimit -v "$2" || exit 125
shift 2; exec "$@""#;
/// Exit code when a limit cannot be set.
const NO_LIMIT: i32 = 125;
/// Exit code of a shell that does not find the program to become.
const NOT_FOUND: i32 = 127;

/// How long a wait for output may last before limits are looked at again.
const BEAT: Duration = Duration::from_millis(100);
/// The same once both outputs are closed and only the end is awaited.
const LAST_BEAT: Duration = Duration::from_millis(5);
/// How often the group's use is added up.
const GROUP_BEAT: Duration = Duration::from_millis(500);

pub fn run(
    script: &ScriptSensor,
    environment: &[(String, String)],
    reader: &mut Reader<'_>,
    sink: &mut Sink,
) -> Result<(), SensorError> {
    sink.check()?;
    let mut group = start(script, environment, sink)?;
    let outcome = group.read(reader, sink);
    group.kill();
    let status = group.child.wait();
    outcome?;
    let status = status.map_err(|source| SensorError::Read {
        what: script.sensor.name.clone(),
        source,
    })?;
    let xcpu = libc::SIGXCPU;
    if status.signal() == Some(xcpu) || status.code() == Some(128 + xcpu) {
        return Err(LimitHit::Cpu.into());
    }
    if status.code() == Some(NOT_FOUND) && script.interpreter != Interpreter::Shell {
        return Err(SensorError::Form {
            what: script.sensor.name.clone(),
            problem: format!(
                "the interpreter {} is not installed",
                program(script.interpreter)
            ),
        });
    }
    if status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&group.errors);
    // The limit of address space shows itself to a program as a failed allocation.
    if ["MemoryError", "Cannot allocate memory", "Out of memory"]
        .iter()
        .any(|m| said.contains(m))
    {
        return Err(LimitHit::Memory.into());
    }
    let how = match (status.code(), status.signal()) {
        (Some(NO_LIMIT), _) => "its limits could not be set".to_owned(),
        (Some(code), _) => format!("it ended with code {code}"),
        (None, signal) => format!("it was ended by signal {}", signal.unwrap_or_default()),
    };
    Err(SensorError::Form {
        what: script.sensor.name.clone(),
        problem: format!("{how}: {}", said.trim()),
    })
}

fn program(interpreter: Interpreter) -> &'static str {
    match interpreter {
        Interpreter::Shell => "/bin/sh",
        Interpreter::Python => "python3",
        Interpreter::PowerShell => "pwsh",
    }
}

fn start(
    script: &ScriptSensor,
    environment: &[(String, String)],
    sink: &Sink,
) -> Result<Group, SensorError> {
    let limits = sink.limits();
    // The run time of PowerShell reserves far more address space than it uses; its heap is bounded by its own means.
    let memory = match script.interpreter {
        Interpreter::PowerShell => "unlimited".to_owned(),
        _ => (limits.memory / 1024).max(1).to_string(),
    };
    let arguments: &[&str] = match script.interpreter {
        Interpreter::Shell => &["-c"],
        Interpreter::Python => &["-I", "-c"],
        Interpreter::PowerShell => &["-NoLogo", "-NoProfile", "-NonInteractive", "-Command"],
    };
    let mut command = Command::new("/bin/sh");
    command
        .args(["-c", LIMITER, "cordon-script"])
        .arg(limits.cpu.as_secs().max(1).to_string())
        .arg(memory)
        .arg(program(script.interpreter))
        .args(arguments)
        .arg(&script.script)
        .env_clear()
        .env(
            "PATH",
            "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin:/snap/bin",
        )
        .env("LANG", "C.UTF-8")
        .env("LC_ALL", "C.UTF-8")
        .env("HOME", "/")
        .env("TZ", "UTC")
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .env("POWERSHELL_TELEMETRY_OPTOUT", "1")
        .env("DOTNET_GCHeapHardLimit", format!("0x{:x}", limits.memory))
        .envs(environment.iter().map(|(k, v)| (k, v)))
        .current_dir("/")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .process_group(0);
    let child = command.spawn().map_err(|source| SensorError::Read {
        what: script.sensor.name.clone(),
        source,
    })?;
    Ok(Group {
        child,
        errors: Vec::new(),
        name: script.sensor.name.clone(),
        killed: false,
    })
}

/// A script with all it started. Whatever way this goes out of scope, nothing of it stays.
struct Group {
    child: Child,
    errors: Vec<u8>,
    name: String,
    killed: bool,
}

impl Drop for Group {
    fn drop(&mut self) {
        self.kill();
        // Reaps; an error means it was reaped before.
        drop(self.child.wait());
    }
}

impl Group {
    /// Kills the group. The leader is not reaped before, so its number still means this group.
    fn kill(&mut self) {
        if std::mem::replace(&mut self.killed, true) {
            return;
        }
        if let Ok(pid) = i32::try_from(self.child.id())
            && let Some(pid) = Pid::from_raw(pid)
        {
            // Fails only when nothing of the group is left.
            kill_process_group(pid, Signal::KILL).ok();
        }
    }

    /// Reads until the script ended, or a limit is hit.
    fn read(&mut self, reader: &mut Reader<'_>, sink: &mut Sink) -> Result<(), SensorError> {
        let mut out = self.child.stdout.take();
        let mut err = self.child.stderr.take();
        for fd in [out.as_ref().map(AsFd::as_fd), err.as_ref().map(AsFd::as_fd)]
            .into_iter()
            .flatten()
        {
            let set = fcntl_getfl(fd).and_then(|f| fcntl_setfl(fd, f | OFlags::NONBLOCK));
            set.map_err(|e| self.failed(e.into()))?;
        }
        let mut group_seen = Instant::now();
        let mut buffer = vec![0; 64 << 10];
        loop {
            sink.check()?;
            if group_seen.elapsed() > GROUP_BEAT {
                self.check_use(sink)?;
                group_seen = Instant::now();
            }
            // Asked before reading: what it wrote before it ended is then in the pipe.
            let ended = self.ended()?;
            let more = drain(&mut out, &mut buffer, |piece| reader.take(piece, sink))
                .map_err(|e| e.or_failed(|e| self.failed(e)))?;
            let errors = &mut self.errors;
            drain(&mut err, &mut buffer, |piece| {
                let room = STDERR_MAX.saturating_sub(errors.len());
                errors.extend_from_slice(piece.get(..room.min(piece.len())).unwrap_or_default());
                Ok(())
            })
            .map_err(|e| e.or_failed(|e| self.failed(e)))?;
            if more {
                continue;
            }
            if ended {
                // Something it left in the background may hold the pipe open; its output does not count.
                return reader.finish(sink);
            }
            let mut fds: Vec<PollFd<'_>> = Vec::with_capacity(2);
            fds.extend(out.as_ref().map(|o| PollFd::new(o, PollFlags::IN)));
            fds.extend(err.as_ref().map(|e| PollFd::new(e, PollFlags::IN)));
            // With both outputs closed nothing wakes the wait but time.
            let beat = if fds.is_empty() { LAST_BEAT } else { BEAT };
            let wait = rustix::event::Timespec {
                tv_sec: 0,
                tv_nsec: i64::from(beat.subsec_nanos()),
            };
            match poll(&mut fds, Some(&wait)) {
                Ok(_) | Err(rustix::io::Errno::INTR) => {}
                Err(e) => return Err(self.failed(e.into())),
            }
        }
    }

    /// Whether the leader ended; it stays unreaped.
    fn ended(&self) -> Result<bool, SensorError> {
        let pid = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw);
        let Some(pid) = pid else {
            return Ok(true);
        };
        let options = WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
        match waitid(WaitId::Pid(pid), options) {
            Ok(status) => Ok(status.is_some()),
            Err(rustix::io::Errno::INTR) => Ok(false),
            Err(e) => Err(self.failed(e.into())),
        }
    }

    /// Adds up processor time and memory of all processes of the group that live now.
    #[cfg(target_os = "linux")]
    fn check_use(&self, sink: &Sink) -> Result<(), SensorError> {
        let leader = i32::try_from(self.child.id()).unwrap_or(0);
        let Ok(all) = procfs::process::all_processes() else {
            return Ok(());
        };
        let (mut ticks, mut bytes) = (0_u64, 0_u64);
        for stat in all.filter_map(Result::ok).filter_map(|p| p.stat().ok()) {
            if stat.pgrp == leader {
                ticks += stat.utime + stat.stime;
                ticks += u64::try_from(stat.cutime + stat.cstime).unwrap_or(0);
                bytes += stat.rss * procfs::page_size();
            }
        }
        let limits = sink.limits();
        if Duration::from_millis(ticks * 1000 / procfs::ticks_per_second().max(1)) > limits.cpu {
            return Err(LimitHit::Cpu.into());
        }
        if bytes > limits.memory {
            return Err(LimitHit::Memory.into());
        }
        Ok(())
    }

    #[cfg(not(target_os = "linux"))]
    fn check_use(&self, _: &Sink) -> Result<(), SensorError> {
        Ok(())
    }

    fn failed(&self, source: std::io::Error) -> SensorError {
        SensorError::Read {
            what: self.name.clone(),
            source,
        }
    }
}

enum Drained {
    Io(std::io::Error),
    Row(SensorError),
}

impl Drained {
    fn or_failed(self, f: impl FnOnce(std::io::Error) -> SensorError) -> SensorError {
        match self {
            Self::Io(e) => f(e),
            Self::Row(e) => e,
        }
    }
}

/// Reads one buffer at most, so that limits are looked at between; `true` when there may be more. At the end of the
/// file the pipe is dropped.
fn drain<R: Read>(
    pipe: &mut Option<R>,
    buffer: &mut [u8],
    mut take: impl FnMut(&[u8]) -> Result<(), SensorError>,
) -> Result<bool, Drained> {
    let Some(open) = pipe else {
        return Ok(false);
    };
    match open.read(buffer) {
        Ok(0) => {
            *pipe = None;
            Ok(false)
        }
        Ok(n) => {
            take(buffer.get(..n).unwrap_or_default()).map_err(Drained::Row)?;
            Ok(true)
        }
        Err(e) if e.kind() == std::io::ErrorKind::WouldBlock => Ok(false),
        Err(e) if e.kind() == std::io::ErrorKind::Interrupted => Ok(true),
        Err(e) => Err(Drained::Io(e)),
    }
}
