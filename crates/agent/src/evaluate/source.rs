//! Where sensors come from: those of this build, or others in their place (a test's, one day a content pack's).

use super::room::Seat;
use super::state;
use answer::State;
use question::catalogue::Limits;
use question::{Catalogue, Row};
use sensors::framework::{Request, Run};
use std::sync::Arc;
use std::sync::LazyLock;
use std::sync::atomic::AtomicBool;

/// What came of a run of a sensor.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Gathered {
    /// Rows found.
    pub rows: Vec<Row>,
    /// Why these are not all, or not whole: what ended the run early, then what could not be looked at.
    pub problems: Vec<(State, String)>,
}

impl Gathered {
    /// No rows, for this reason.
    #[must_use]
    pub fn failed(state: State, words: String) -> Self {
        Self {
            rows: Vec::new(),
            problems: vec![(state, words)],
        }
    }
}

impl From<Run> for Gathered {
    fn from(run: Run) -> Self {
        let ended = run.outcome.err();
        Self {
            rows: run.rows,
            problems: ended.iter().chain(&run.problems).map(state::of).collect(),
        }
    }
}

/// A set of sensors: their declarations and a way to run one.
pub trait Sensors: Send + Sync + 'static {
    /// All declarations.
    fn catalogue(&self) -> &Catalogue;

    /// Runs a sensor on the calling thread, which is its own.
    fn run(
        &self,
        sensor: &str,
        request: &Request,
        limits: Limits,
        cancelled: Arc<AtomicBool>,
    ) -> Gathered;
}

/// The sensors of this build, on the calling thread; those with large results in processes of their own, where there is a
/// program for that.
#[derive(Clone, Debug, Default)]
pub struct Native {
    #[cfg(unix)]
    apart: Option<super::apart::Program>,
}

impl Native {
    /// With this program for the sensors with large results.
    #[cfg(unix)]
    #[must_use]
    pub fn apart(program: super::apart::Program) -> Self {
        Self {
            apart: Some(program),
        }
    }
}

static CATALOGUE: LazyLock<Catalogue> = LazyLock::new(sensors::catalogue);

impl Sensors for Native {
    fn catalogue(&self) -> &Catalogue {
        &CATALOGUE
    }

    fn run(
        &self,
        sensor: &str,
        request: &Request,
        limits: Limits,
        cancelled: Arc<AtomicBool>,
    ) -> Gathered {
        let seat = Seat::take();
        #[cfg(unix)]
        if let Some(program) = &self.apart
            && CATALOGUE.sensor(sensor).is_some_and(sensors::runs_apart)
        {
            return program.run(sensor, request, limits, cancelled, &seat);
        }
        let limits = Limits {
            memory: limits.memory.min(seat.rows()),
            ..limits
        };
        sensors::run(sensor, request, limits, cancelled).into()
    }
}
