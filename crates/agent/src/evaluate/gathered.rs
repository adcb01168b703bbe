//! What came of a run of a sensor, in the words of answers.

use super::state;
use answer::State;
use question::Row;
use sensors::framework::Run;

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
