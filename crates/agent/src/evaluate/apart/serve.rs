//! The process of one sensor: reads its job, binds itself to the limits, runs, hands its rows on as it finds them, ends.

use super::wire::{Frames, Job};
use crate::answers;
use crate::evaluate::state;
use protocol::frame;
use protocol::message::AnswerPart;
use question::Row;
use question::catalogue::Limits;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use sensors::framework::{LimitHit, Sink};
use std::io::{Read, Write};
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// Longest job: its parameters come from the text of a question.
const JOB_MAX: u64 = 1 << 20;
/// Bytes of rows at which a frame is closed; with one row more it still fits.
const FRAME_BYTES: usize = 128 << 10;
/// Address space beside the memory that counts: code, and what the allocator reserves without using it.
const SPACE: u64 = 512 << 20;

/// Why there is no answer. The agent learns it from standard error.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// The job did not come, or not whole.
    #[error("cannot read the job")]
    Job(#[source] std::io::Error),
    /// It is none.
    #[error("this is no job: {problem}; the agent starts this command, not a person")]
    NoJob {
        /// What is odd.
        problem: String,
    },
    /// The limits cannot be set, and without them nothing is run.
    #[error("cannot limit the process")]
    Limit(#[source] std::io::Error),
    /// The agent does not listen.
    #[error("cannot hand on the answer")]
    Answer(#[source] std::io::Error),
}

/// Runs the one job that comes in and writes its answer. Binds the calling process for good.
///
/// # Errors
/// [`ServeError`].
pub fn serve<W: Write + Send + 'static>(input: impl Read, output: W) -> Result<(), ServeError> {
    let job = read(input)?;
    let limits = job.limits();
    end_with_the_agent(job.agent)?;
    bind(limits).map_err(ServeError::Limit)?;
    let output = Arc::new(Mutex::new(output));
    let sink = {
        let output = Arc::clone(&output);
        let outlet = move |rows| {
            // Nobody listens any more: the order was cancelled, or the agent ended.
            write_rows(&output, rows).map_err(|_| LimitHit::Cancelled)
        };
        Sink::new(limits, Arc::new(AtomicBool::new(false))).into_outlet(Box::new(outlet))
    };
    let run = sensors::run_into(&job.sensor, &job.request(), sink);
    write_rows(&output, run.rows).map_err(ServeError::Answer)?;
    let ended = run.outcome.err();
    let problems = ended.iter().chain(&run.problems).map(|error| {
        let (state, words) = state::of(error);
        answers::problem(&job.sensor, state, &words)
    });
    let last = AnswerPart {
        last: true,
        problems: problems.collect(),
        ..AnswerPart::default()
    };
    write(&output, &last).map_err(ServeError::Answer)
}

fn read(input: impl Read) -> Result<Job, ServeError> {
    let mut bytes = Vec::new();
    let read = input.take(JOB_MAX + 1).read_to_end(&mut bytes);
    read.map_err(ServeError::Job)?;
    let mut frames = Frames::default();
    frames.add(&bytes);
    let job = frames.take::<Job>().and_then(|job| match job {
        Some(job) if !job.sensor.is_empty() => Ok(job),
        _ => Err("it is not whole".into()),
    });
    job.map_err(|problem| ServeError::NoJob { problem })
}

fn write_rows<W: Write>(output: &Mutex<W>, rows: Vec<Row>) -> std::io::Result<()> {
    let mut part = AnswerPart::default();
    let mut size = 0;
    for row in rows {
        size += row.iter().map(|cell| cell.len() + 8).sum::<usize>() + 16;
        let row = answers::wire_row(0, row);
        part.rows.push(row);
        if size >= FRAME_BYTES {
            write(output, &std::mem::take(&mut part))?;
            size = 0;
        }
    }
    if part.rows.is_empty() {
        return Ok(());
    }
    write(output, &part)
}

fn write<W: Write>(output: &Mutex<W>, part: &AnswerPart) -> std::io::Result<()> {
    // A panic while writing leaves a frame that the agent sees to be cut.
    let mut output = output.lock().unwrap_or_else(PoisonError::into_inner);
    output.write_all(&frame::encode(part))?;
    output.flush()
}

/// When the agent dies of anything, so does this process; and when memory runs out, the system takes this one first.
fn end_with_the_agent(agent: u32) -> Result<(), ServeError> {
    #[cfg(target_os = "linux")]
    {
        use rustix::process::{Signal, getppid, set_parent_process_death_signal};
        // Each of them is a courtesy: a run ends by its own limits too.
        set_parent_process_death_signal(Some(Signal::KILL)).ok();
        rustix::thread::set_name(c"cordon").ok();
        std::fs::write("/proc/self/oom_score_adj", "1000").ok();
        // It may have died before this process asked to be told.
        let parent = getppid().map(|parent| parent.as_raw_nonzero().get().unsigned_abs());
        if parent != Some(agent) {
            return Err(ServeError::NoJob {
                problem: "the agent that wanted it is gone".into(),
            });
        }
    }
    #[cfg(not(target_os = "linux"))]
    let _ = agent;
    Ok(())
}

/// Lowers the limits of this process to those of its run.
fn bind(limits: Limits) -> std::io::Result<()> {
    let (data, space) = used();
    lower(Resource::Core, 0, 0)?;
    lower(
        Resource::Data,
        data.saturating_add(limits.memory),
        data.saturating_add(limits.memory),
    )?;
    if cfg!(target_os = "linux") {
        // Kernels before 4.7 count only a part of the memory as data.
        let space = space.saturating_add(limits.memory).saturating_add(SPACE);
        lower(Resource::As, space, space)?;
    }
    // The run itself looks at its processor time, more often and more exactly.
    let seconds = limits.cpu.saturating_add(Duration::from_secs(2)).as_secs();
    lower(Resource::Cpu, seconds, seconds + 1)
}

fn lower(resource: Resource, soft: u64, hard: u64) -> std::io::Result<()> {
    let now = getrlimit(resource);
    let least = |now: Option<u64>, wanted| Some(now.map_or(wanted, |now| now.min(wanted)));
    let maximum = least(now.maximum, hard);
    let current = least(now.current, soft);
    Ok(setrlimit(resource, Rlimit { current, maximum })?)
}

/// Data and address space that this process has before its work begins.
fn used() -> (u64, u64) {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let of = |name: &str| -> u64 {
        let line = status.lines().find_map(|line| line.strip_prefix(name));
        let number = line.and_then(|l| l.trim().strip_suffix("kB")?.trim().parse().ok());
        number.unwrap_or(16 << 10) * 1024
    };
    (of("VmData:"), of("VmSize:"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_job_is_refused() {
        for bytes in [
            &b""[..],
            b"\0\0\0\x10short",
            b"\xFF\xFF\xFF\xFF",
            b"\0\0\0\0",
        ] {
            let error = serve(bytes, std::io::sink()).unwrap_err();
            assert!(matches!(error, ServeError::NoJob { .. }), "{error:?}");
        }
    }

    #[test]
    fn rows_go_in_frames_that_fit() {
        let wide: Vec<Row> = (0..40)
            .map(|_| (0..20).map(|_| vec![b'x'; 60_000].into()).collect())
            .collect();
        let output = Mutex::new(Vec::new());
        write_rows(&output, wide).unwrap();
        let mut frames = Frames::default();
        frames.add(&output.into_inner().unwrap());
        let mut rows = 0;
        while let Some(part) = frames.take::<AnswerPart>().unwrap() {
            rows += part.rows.len();
        }
        assert_eq!(rows, 40);
    }
}
