//! A question to this machine alone: no server, no state, no identity.

use crate::evaluate::Evaluator;
use crate::evaluate::source::{Native, Sensors};
use crate::vitals;
use answer::State;
use protocol::message::{OrderLimits, Problem};
use question::{ParseError, Plan, Question, Row};
use sensors::framework::HostFacts;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

/// Why a local question was not answered.
#[derive(Debug, thiserror::Error)]
pub enum LocalError {
    /// It does not parse.
    #[error(transparent)]
    Parse(#[from] ParseError),
}

/// A question's answer from this machine.
#[derive(Clone, Debug)]
pub struct LocalAnswer {
    /// The question as understood.
    pub question: Question,
    /// Its tables.
    pub plan: Plan,
    /// State of this machine in the answer.
    pub state: State,
    /// Rows of each table.
    pub tables: Vec<Vec<Row>>,
    /// What went wrong, sensor by sensor.
    pub problems: Vec<Problem>,
    /// Rows that a limit cut off, as far as known.
    pub rows_cut: u64,
}

/// Parses the question, checks its filter, runs its sensors, joins their rows. Blocks meanwhile.
///
/// # Errors
/// When it does not parse; all else is a state.
pub fn ask(text: &str) -> Result<LocalAnswer, LocalError> {
    ask_with(text, Arc::new(Native::default()))
}

/// As [`ask`], with these sensors.
///
/// # Errors
/// As [`ask`].
pub fn ask_with(text: &str, sensors: Arc<dyn Sensors>) -> Result<LocalAnswer, LocalError> {
    let facts = || HostFacts {
        agent_version: env!("CARGO_PKG_VERSION").into(),
        status: vitals::status(0),
        ..HostFacts::default()
    };
    let evaluator = Evaluator::new(sensors, Arc::new(facts));
    let (question, plan) = evaluator.parse(text)?;
    let outcome = evaluator.evaluate(&question, OrderLimits::default(), &AtomicBool::new(false));
    let mut tables = outcome.tables;
    tables.resize_with(plan.tables.len(), Vec::new);
    Ok(LocalAnswer {
        question,
        plan,
        state: outcome.state,
        tables,
        problems: outcome.problems,
        rows_cut: outcome.rows_cut,
    })
}
