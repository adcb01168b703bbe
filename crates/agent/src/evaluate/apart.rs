//! Sensors with large results, each run in a process of its own: this program again, with a command that no person types.
//!
//! Such a process has a limit of memory of its own, is killed at the end of its time or of its order, and hands its rows on
//! in frames as it finds them. Whatever becomes of it, the agent lives, keeps what came until then, and says what happened.
//! [`serve`] is the other side, [`wire`] what goes between them.
//!
//! A thread starts in microseconds and keeps what it knows between two runs, so only those sensors are run apart whose
//! declared memory is more than the agent has for one ([`sensors::place::runs_apart`]).

pub mod serve;
pub mod wire;

use super::gathered::Gathered;
use super::room::Seat;
use super::state;
use answer::State;
use protocol::message::{AnswerPart, Problem};
use question::catalogue::Limits;
use sensors::framework::{LimitHit, Request, SensorError, Sink};
use sensors::group::{Ended, Group, Listener};
use std::ffi::OsString;
use std::ops::ControlFlow;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;
use wire::{Frames, Job};

/// How much longer the agent waits than the process itself: it hands in what it has when its own time is up.
const GRACE: Duration = Duration::from_millis(250);
/// What the allocator of this program says with its last breath.
const OUT_OF_MEMORY: &str = "memory allocation of";

/// The program that runs a sensor, with the arguments that make it do so.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Program {
    path: PathBuf,
    arguments: Vec<OsString>,
}

impl Program {
    /// Another program than this one, for tests.
    #[must_use]
    pub fn new(path: impl Into<PathBuf>, arguments: &[&str]) -> Self {
        Self {
            path: path.into(),
            arguments: arguments.iter().map(Into::into).collect(),
        }
    }

    /// This program itself, with these arguments. Where the system has a name for the file that runs, that one is taken:
    /// a package may have put another version at its path meanwhile.
    ///
    /// # Errors
    /// The system's, when it does not tell where this program lies.
    pub fn own(arguments: &[&str]) -> std::io::Result<Self> {
        let running = Path::new("/proc/self/exe");
        let path = if running.exists() {
            running.to_owned()
        } else {
            std::env::current_exe()?
        };
        Ok(Self::new(path, arguments))
    }

    fn command(&self) -> Command {
        let mut command = Command::new(&self.path);
        command
            .arg0("cordon")
            .args(&self.arguments)
            .env_clear()
            .current_dir("/")
            .stdin(Stdio::piped());
        // The sensors of the Index look there for its folder where no agent says it.
        if let Some(folder) = std::env::var_os(index::home::VARIABLE) {
            // The process has another working directory.
            let folder = std::path::absolute(&folder).unwrap_or_else(|_| folder.into());
            command.env(index::home::VARIABLE, folder);
        }
        command
    }

    /// Runs a sensor. Blocks until the process ended, its limits at most.
    #[must_use]
    pub fn run(
        &self,
        sensor: &str,
        request: &Request,
        limits: Limits,
        cancelled: Arc<AtomicBool>,
        seat: &Seat,
    ) -> Gathered {
        let own = Limits {
            memory: limits.memory.min(seat.process()),
            ..limits
        };
        let kept = Limits {
            memory: limits.memory.min(seat.rows()),
            wall: limits.wall + GRACE,
            ..limits
        };
        let mut group = match Group::start(&mut self.command(), sensor) {
            Ok(group) => group,
            Err(error) => {
                let (_, words) = state::of(&error);
                let words = format!("no process for the sensor: {words}");
                return Gathered::failed(State::Error, words);
            }
        };
        let job = Job::new(sensor, request, own).encoded();
        let mut taking = Taking {
            frames: Frames::default(),
            sink: Sink::new(kept, cancelled),
            problems: Vec::new(),
            whole: false,
        };
        let heard = group.listen(&job, &mut taking);
        let ended = group.end();
        let Taking {
            sink,
            mut problems,
            whole,
            ..
        } = taking;
        if !whole {
            problems.push(match (heard, ended) {
                (Err(error), _) => stopped(&error, kept.memory),
                (Ok(()), Ok(ended)) => died(&ended, own.memory),
                (Ok(()), Err(error)) => state::of(&error),
            });
        }
        Gathered {
            rows: sink.finish(Ok(())).rows,
            problems,
        }
    }
}

/// Why the agent ended the process.
fn stopped(error: &SensorError, kept: u64) -> (State, String) {
    match error {
        SensorError::Limit(LimitHit::Memory) => (
            State::MemoryLimit,
            format!(
                "memory limit reached: the agent can keep no more than {} KiB of rows now",
                kept >> 10
            ),
        ),
        other => state::of(other),
    }
}

/// Why the process ended by itself without having said that it is done.
fn died(ended: &Ended, memory: u64) -> (State, String) {
    let said = String::from_utf8_lossy(&ended.errors);
    let signal = ended.status.signal();
    if said.contains(OUT_OF_MEMORY) {
        let words = format!(
            "memory limit reached: the process of the sensor may take {} MiB",
            memory >> 20
        );
        return (State::MemoryLimit, words);
    }
    if signal == Some(libc::SIGXCPU) {
        return state::of(&LimitHit::Cpu.into());
    }
    if signal == Some(libc::SIGKILL) {
        let words = "the process of the sensor was killed, as the system does when memory runs out";
        return (State::MemoryLimit, words.into());
    }
    let how = match (signal, ended.status.code()) {
        (Some(signal), _) => format!("was ended by signal {signal}"),
        (None, code) => format!("ended with code {} before it was done", code.unwrap_or(-1)),
    };
    let words = format!("the process of the sensor {how}: {}", said.trim());
    (State::Error, words)
}

/// Takes what the process says.
struct Taking {
    frames: Frames,
    sink: Sink,
    problems: Vec<(State, String)>,
    whole: bool,
}

impl Listener for Taking {
    fn check(&mut self, _: &Group) -> Result<(), SensorError> {
        Ok(self.sink.check()?)
    }

    fn take(&mut self, piece: &[u8]) -> Result<ControlFlow<()>, SensorError> {
        self.frames.add(piece);
        while let Some(part) = self.frames.take::<AnswerPart>().map_err(|problem| {
            let what = "what the process of the sensor says".into();
            SensorError::Form { what, problem }
        })? {
            for row in part.rows {
                self.sink.push(row.cells)?;
            }
            if part.last {
                let told = part.problems.into_iter();
                let state = |p: &Problem| p.state().unwrap_or(State::Error);
                self.problems = told.map(|p| (state(&p), p.message)).collect();
                self.whole = true;
                return Ok(ControlFlow::Break(()));
            }
        }
        Ok(ControlFlow::Continue(()))
    }
}

#[cfg(test)]
mod tests;
