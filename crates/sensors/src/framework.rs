//! What a sensor is to the code that runs it: a declaration, a function, and the sink that holds it to its limits.
//!
//! A family module (`processes`, `network`, …) exports `pub const SENSORS: &[Entry]`. Rows go through [`Sink`], which
//! counts rows, bytes and time and stops a sensor at its limit with what it found until then. Limits are cooperative:
//! a sensor that loops without pushing calls [`Sink::check`] now and then. What a sensor could not look at goes into
//! [`Notes`]: rows with a problem beside them are a partial answer, and say so.

pub mod notes;

pub use notes::Notes;

use question::ast::Row;
use question::catalogue::{Limits, Sensor};
use std::io::ErrorKind;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

/// A sensor: how it is declared and how it runs.
#[derive(Clone, Copy)]
pub struct Entry {
    /// Makes the declaration.
    pub declare: fn() -> Sensor,
    /// Produces the rows on this platform. A platform without an implementation returns [`SensorError::Unsupported`].
    pub collect: fn(&Request, &mut Sink) -> Result<(), SensorError>,
}

/// What a run is asked for.
#[derive(Clone, Debug, Default)]
pub struct Request {
    /// One value for each declared parameter, in its order, defaults filled in and types checked.
    pub parameters: Vec<String>,
    /// What the agent knows and a sensor cannot find by itself.
    pub host: Arc<HostFacts>,
}

impl Request {
    /// The parameter at this place; empty when there is none.
    #[must_use]
    pub fn parameter(&self, at: usize) -> &str {
        self.parameters.get(at).map_or("", String::as_str)
    }
}

/// Facts that the agent gives to sensors about itself.
#[derive(Clone, Debug, Default)]
pub struct HostFacts {
    /// Hexadecimal endpoint id from the certificate; empty without a server.
    pub endpoint_id: String,
    /// Version of the running agent.
    pub agent_version: String,
    /// Folder with the agent's state (`tags.txt` lies there); empty when there is none.
    pub state_dir: std::path::PathBuf,
    /// Rows for the sensor Agent Status: name and value.
    pub status: Vec<(String, String)>,
    /// Rows for the sensor Sensor Run Times: sensor, runs, average ms, maximum ms, last state.
    pub run_times: Vec<(String, u64, f64, f64, String)>,
}

/// Why a run ended without (all of) its rows. Each becomes a state of the endpoint in the answer.
#[derive(Debug, thiserror::Error)]
pub enum SensorError {
    /// There is no implementation for this platform.
    #[error("unsupported on this platform")]
    Unsupported,
    /// The system refused access.
    #[error("access to {what} was denied")]
    Denied {
        /// Path or interface.
        what: String,
    },
    /// A parameter does not make sense.
    #[error("parameter {key}: {problem}")]
    Parameter {
        /// Key of the parameter.
        key: String,
        /// What is wrong and what would be right.
        problem: String,
    },
    /// Reading failed.
    #[error("cannot read {what}")]
    Read {
        /// Path or interface.
        what: String,
        /// The system's error.
        #[source]
        source: std::io::Error,
    },
    /// What was read does not have the expected form.
    #[error("{what} does not have the expected form: {problem}")]
    Form {
        /// Path or interface.
        what: String,
        /// What is odd.
        problem: String,
    },
    /// The Index of this endpoint cannot answer: its state in the words of Index Status, and what helps.
    #[error("{state}: {advice}")]
    Index {
        /// One of the words of Index Status.
        state: &'static str,
        /// What is missing and what helps.
        advice: String,
        /// What failed, where something did.
        #[source]
        source: Option<Box<dyn std::error::Error + Send + Sync>>,
    },
    /// Several things could not be looked at.
    #[error("{words}")]
    Several {
        /// Whether the system refused access to them.
        denied: bool,
        /// How many, the first of them, and why.
        words: String,
    },
    /// A limit was reached; rows until then are in the sink.
    #[error(transparent)]
    Limit(#[from] LimitHit),
}

impl SensorError {
    /// The error for what the system says of a path.
    #[must_use]
    pub fn reading(what: impl AsRef<Path>, source: std::io::Error) -> Self {
        let what = what.as_ref().display().to_string();
        match source.kind() {
            ErrorKind::PermissionDenied => Self::Denied { what },
            ErrorKind::OutOfMemory => Self::Limit(LimitHit::Memory),
            _ => Self::Read { what, source },
        }
    }

    /// Whether rights were missing.
    #[must_use]
    pub fn is_denied(&self) -> bool {
        match self {
            Self::Denied { .. } => true,
            Self::Several { denied, .. } => *denied,
            Self::Read { source, .. } => source.kind() == ErrorKind::PermissionDenied,
            _ => false,
        }
    }
}

/// What came of a run.
#[derive(Debug)]
pub struct Run {
    /// Rows found.
    pub rows: Vec<Row>,
    /// What could not be looked at: these are then not all rows, or not whole ones.
    pub problems: Vec<SensorError>,
    /// What ended the run before its time, if anything did.
    pub outcome: Result<(), SensorError>,
}

impl Run {
    /// The rows, and an error when these are not all: what ended the run, or else the first problem.
    pub fn whole(self) -> (Vec<Row>, Result<(), SensorError>) {
        let first = self.problems.into_iter().next();
        (
            self.rows,
            self.outcome.and_then(|()| first.map_or(Ok(()), Err)),
        )
    }
}

/// The limit that stopped a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LimitHit {
    /// Wall time.
    #[error("wall time limit reached")]
    Wall,
    /// Processor time.
    #[error("processor time limit reached")]
    Cpu,
    /// Memory.
    #[error("memory limit reached")]
    Memory,
    /// Rows.
    #[error("row limit reached")]
    Rows,
    /// Bytes.
    #[error("byte limit reached")]
    Bytes,
    /// The question was cancelled.
    #[error("cancelled")]
    Cancelled,
}

/// Longest cell in bytes; what is longer is cut and ends with [`CUT_MARK`].
pub const CELL_MAX: usize = 64 << 10;
/// Ends a cell that was cut.
pub const CUT_MARK: &str = "…[cut]";

/// Memory up to which a sensor may run in the agent itself. One that declares more is run in a process of its own where
/// the system has a way to bound that (crate `agent`), so that the agent does not die of it.
pub const IN_AGENT: u64 = 32 << 20;
/// Memory of a sensor whose rows, or what it reads to make them, grow with what others put on the machine.
pub const LARGE: u64 = 256 << 20;
/// What is gathered before it is handed on, where rows are handed on.
const BATCH: u64 = 128 << 10;

/// Takes rows that are handed on while a run goes on; fails when nobody wants them any more.
pub type Outlet = Box<dyn FnMut(Vec<Row>) -> Result<(), LimitHit>>;

/// Takes rows and holds the run to its limits.
pub struct Sink {
    rows: Vec<Row>,
    /// Rows in all, those handed on among them.
    count: u64,
    /// Bytes of their cells.
    bytes: u64,
    /// Memory of those that are held here.
    held: u64,
    outlet: Option<Outlet>,
    watch: Watch,
    notes: Notes,
}

/// What a row takes in memory: the allocator gives to each cell that is not empty a piece of its own.
#[must_use]
pub fn memory_of(row: &Row) -> u64 {
    const ROW: usize = 48;
    const CELL: usize = size_of::<question::ast::Cell>();
    let heap = |length: usize| match length {
        0 => 0,
        length => (length.saturating_add(8 + 15) & !15).max(32),
    };
    let cells = row.iter().map(|cell| CELL + heap(cell.len()));
    cells.fold(ROW, usize::saturating_add) as u64
}

/// What can be asked at any moment whether a run must stop, also by code that knows no sink.
#[derive(Clone)]
pub struct Watch {
    limits: Limits,
    started: Instant,
    cancelled: Arc<AtomicBool>,
}

impl Watch {
    /// Checks time and cancellation. To be called on the run's own thread, whose processor time counts.
    ///
    /// # Errors
    /// [`LimitHit`] when the run must stop.
    pub fn check(&self) -> Result<(), LimitHit> {
        if self.cancelled.load(Ordering::Relaxed) {
            return Err(LimitHit::Cancelled);
        }
        if self.started.elapsed() > self.limits.wall {
            return Err(LimitHit::Wall);
        }
        if thread_cpu() > self.limits.cpu {
            return Err(LimitHit::Cpu);
        }
        Ok(())
    }
}

impl Sink {
    /// A sink for one run under these limits; setting `cancelled` stops the run at its next row or check.
    #[must_use]
    pub fn new(limits: Limits, cancelled: Arc<AtomicBool>) -> Self {
        Self {
            rows: Vec::new(),
            count: 0,
            bytes: 0,
            held: 0,
            outlet: None,
            watch: Watch {
                limits,
                started: Instant::now(),
                cancelled,
            },
            notes: Notes::default(),
        }
    }

    /// The same sink, which hands its rows on in batches. What is left at the end is in [`Run::rows`].
    #[must_use]
    pub fn into_outlet(mut self, outlet: Outlet) -> Self {
        self.outlet = Some(outlet);
        self
    }

    /// Adds a row; cells in the order of the declared columns.
    ///
    /// # Errors
    /// [`LimitHit`] when a limit is reached; the row is then not added.
    pub fn push<C: AsRef<[u8]>>(
        &mut self,
        cells: impl IntoIterator<Item = C>,
    ) -> Result<(), LimitHit> {
        self.check()?;
        let row: Row = cells.into_iter().map(|c| bounded(c.as_ref())).collect();
        let size: usize = row.iter().map(|c| c.len()).sum();
        if self.count >= self.watch.limits.rows {
            return Err(LimitHit::Rows);
        }
        if self.bytes + size as u64 > self.watch.limits.bytes {
            return Err(LimitHit::Bytes);
        }
        let held = self.held + memory_of(&row);
        if held > self.watch.limits.memory {
            return Err(LimitHit::Memory);
        }
        self.count += 1;
        self.bytes += size as u64;
        self.held = held;
        self.rows.push(row);
        match &mut self.outlet {
            Some(outlet) if self.held >= BATCH => {
                self.held = 0;
                outlet(std::mem::take(&mut self.rows))
            }
            _ => Ok(()),
        }
    }

    /// Checks time and cancellation.
    ///
    /// # Errors
    /// [`LimitHit`] when the run must stop.
    pub fn check(&self) -> Result<(), LimitHit> {
        self.watch.check()
    }

    /// The same check for code that cannot borrow the sink.
    #[must_use]
    pub fn watch(&self) -> Watch {
        self.watch.clone()
    }

    /// Takes what could not be looked at.
    #[must_use]
    pub fn notes(&self) -> Notes {
        self.notes.clone()
    }

    /// The limits of this run.
    #[must_use]
    pub fn limits(&self) -> &Limits {
        &self.watch.limits
    }

    /// The run, which ended so.
    #[must_use]
    pub fn finish(self, outcome: Result<(), SensorError>) -> Run {
        Run {
            rows: self.rows,
            problems: self.notes.problems(),
            outcome,
        }
    }
}

fn bounded(cell: &[u8]) -> question::ast::Cell {
    if cell.len() <= CELL_MAX {
        return cell.into();
    }
    // Cut before a character, not inside one.
    let mut end = CELL_MAX - CUT_MARK.len();
    while end > 0 && cell.get(end).is_some_and(|b| b & 0xC0 == 0x80) && CELL_MAX - end < 16 {
        end -= 1;
    }
    let mut cut = cell.get(..end).unwrap_or_default().to_vec();
    cut.extend_from_slice(CUT_MARK.as_bytes());
    cut.into()
}

/// Processor time of the calling thread: a run has a thread of its own, so this is the run's.
#[cfg(unix)]
fn thread_cpu() -> std::time::Duration {
    let t = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    std::time::Duration::new(
        u64::try_from(t.tv_sec).unwrap_or(0),
        u32::try_from(t.tv_nsec).unwrap_or(0),
    )
}

#[cfg(not(unix))]
fn thread_cpu() -> std::time::Duration {
    std::time::Duration::ZERO
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::RefCell;
    use std::rc::Rc;

    #[test]
    fn rows_cost_what_they_take() {
        let row: Row = vec![Box::default(), (*b"x").into(), vec![b'y'; 100].into()];
        // 48 for the row, 16 for each cell, 32 for the least and 112 for the other piece of memory.
        assert_eq!(memory_of(&row), 48 + 3 * 16 + 32 + 112);
        let limits = Limits {
            memory: 1_000,
            ..Limits::default()
        };
        let mut sink = Sink::new(limits, Arc::default());
        let hit = std::iter::repeat_with(|| sink.push(["x"])).find_map(Result::err);
        assert_eq!(hit, Some(LimitHit::Memory));
        assert_eq!(sink.finish(Ok(())).rows.len(), 10);
    }

    #[test]
    fn rows_are_handed_on_and_still_counted() {
        let handed = Rc::new(RefCell::new(0));
        let outlet = {
            let handed = Rc::clone(&handed);
            move |rows: Vec<Row>| {
                *handed.borrow_mut() += rows.len();
                Ok(())
            }
        };
        let limits = Limits {
            rows: 10_000,
            memory: 1 << 20,
            ..Limits::default()
        };
        let mut sink = Sink::new(limits, Arc::default()).into_outlet(Box::new(outlet));
        let hit = std::iter::repeat_with(|| sink.push(["x"])).find_map(Result::err);
        assert_eq!(
            hit,
            Some(LimitHit::Rows),
            "memory is given back with the rows"
        );
        let rest = sink.finish(Ok(())).rows.len();
        assert_eq!(*handed.borrow() + rest, 10_000);
        assert!(rest < 3_000, "{rest}");
        // Nobody wants them any more.
        let mut sink =
            Sink::new(limits, Arc::default()).into_outlet(Box::new(|_| Err(LimitHit::Cancelled)));
        let hit = std::iter::repeat_with(|| sink.push(["x"])).find_map(Result::err);
        assert_eq!(hit, Some(LimitHit::Cancelled));
    }
}
