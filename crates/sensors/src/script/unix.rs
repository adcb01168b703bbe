//! Runs a script in a process group of its own ([`crate::group`]), under limits.
//!
//! The limits are set by a fixed shell line that then becomes the interpreter. That needs no code between fork and
//! exec, and the script cannot start before they hold. They bind each process; a script that starts many is bound by
//! the wall time and by the check of its whole group's processor time and memory.

use super::rows::Reader;
use super::{Interpreter, ScriptSensor, missed};
use crate::framework::{LimitHit, SensorError, Sink};
use crate::group::{Group, Listener};
use std::ops::ControlFlow;
use std::os::unix::process::ExitStatusExt;
use std::process::{Command, Stdio};
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

/// How often the group's use is added up.
const GROUP_BEAT: Duration = Duration::from_millis(500);

pub fn run(
    script: &ScriptSensor,
    environment: &[(String, String)],
    reader: &mut Reader<'_>,
    sink: &mut Sink,
) -> Result<(), SensorError> {
    sink.check()?;
    let mut group = Group::start(&mut command(script, environment, sink), &script.sensor.name)?;
    let mut listener = Rows {
        reader,
        sink,
        looked: Instant::now(),
    };
    let outcome = group.listen(&[], &mut listener);
    let outcome = outcome.and_then(|()| reader.finish(sink));
    let ended = group.end()?;
    outcome?;
    let status = ended.status;
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
    missed(&ended.errors, &sink.notes());
    if status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&ended.errors);
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

/// Makes rows of what comes, and looks at the use of the group now and then.
struct Rows<'a, 'r> {
    reader: &'a mut Reader<'r>,
    sink: &'a mut Sink,
    looked: Instant,
}

impl Listener for Rows<'_, '_> {
    fn check(&mut self, group: &Group) -> Result<(), SensorError> {
        self.sink.check()?;
        if self.looked.elapsed() > GROUP_BEAT {
            let limits = self.sink.limits();
            let (cpu, memory) = group.used().unwrap_or_default();
            if cpu > limits.cpu {
                return Err(LimitHit::Cpu.into());
            }
            if memory > limits.memory {
                return Err(LimitHit::Memory.into());
            }
            self.looked = Instant::now();
        }
        Ok(())
    }

    fn take(&mut self, piece: &[u8]) -> Result<ControlFlow<()>, SensorError> {
        self.reader.take(piece, self.sink)?;
        Ok(ControlFlow::Continue(()))
    }
}

fn program(interpreter: Interpreter) -> &'static str {
    match interpreter {
        Interpreter::Shell => "/bin/sh",
        Interpreter::Python => "python3",
        Interpreter::PowerShell => "pwsh",
    }
}

fn command(script: &ScriptSensor, environment: &[(String, String)], sink: &Sink) -> Command {
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
        .stdin(Stdio::null());
    command
}
