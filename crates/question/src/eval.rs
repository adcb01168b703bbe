//! What a question means on one endpoint: whether the endpoint is concerned, which rows stay, how they join.
//!
//! Filters are three-valued. A sensor that could not be had makes its comparison unknown, and unknown only decides
//! where nothing else does: `A and B` is false as soon as either is false, whatever became of the other. Some rows of a
//! sensor decide where the missing ones could not change it: one row that holds is enough for `any`.
//!
//! [`Ready::answer`] is the one evaluation: an agent brings real sensors to it, a simulated endpoint made-up ones.

use crate::ast::{Filter, Quantifier, Question, Row, Select, SensorCall};
use crate::catalogue::{Catalogue, Rows};
use crate::matcher::Matcher;
use crate::plan::{self, Plan};
use answer::State;
use std::sync::Arc;

pub use crate::plan::join;

/// Gives the rows of sensors on an endpoint.
pub trait SensorRows {
    /// Rows of this call on this endpoint.
    ///
    /// # Errors
    /// When they could not be had.
    fn rows(&mut self, call: &SensorCall) -> Result<Arc<Vec<Row>>, Unavailable>;

    /// Rows that were found of a call whose rows could not all be had: asked after that was said.
    fn found(&mut self, _call: &SensorCall) -> Arc<Vec<Row>> {
        Arc::default()
    }

    /// What kept the rows of this call from being all there are: asked after its rows.
    fn problems(&mut self, _call: &SensorCall) -> Vec<(State, String)> {
        Vec::new()
    }

    /// These calls will be asked for next: a source may see to them side by side.
    fn expect(&mut self, _calls: &[&SensorCall]) {}
}

/// What an endpoint answers to a question.
#[derive(Clone, Debug, PartialEq)]
pub struct Evaluated {
    /// State of the endpoint in the answer.
    pub state: State,
    /// Rows of each table of the plan.
    pub tables: Vec<Vec<Row>>,
    /// What went wrong: sensor, its state, words.
    pub problems: Vec<(String, State, String)>,
}

impl Evaluated {
    fn bare(state: State, problems: Vec<(String, State, String)>) -> Self {
        Self {
            state,
            tables: Vec::new(),
            problems,
        }
    }
}

/// A question made ready for many endpoints.
#[derive(Debug)]
pub struct Ready {
    plan: Plan,
    filter: Option<Prepared>,
    /// Calls of the filter, in the order in which they stand there.
    filter_calls: Vec<SensorCall>,
    selects: Vec<ReadySelect>,
}

#[derive(Debug)]
struct ReadySelect {
    call: SensorCall,
    /// Conditions on its rows.
    rows: Option<Prepared>,
    /// Columns of a one-row sensor.
    one_row: Option<usize>,
}

impl Ready {
    /// Makes a question ready.
    #[must_use]
    pub fn new(question: &Question, catalogue: &Catalogue) -> Self {
        let ready = |filter: &Filter| Prepared::new(filter, catalogue);
        let mut filter_calls = Vec::new();
        if let Some(filter) = &question.filter {
            calls(filter, &mut filter_calls);
        }
        Self {
            plan: plan::plan(question, catalogue),
            filter: question.filter.as_ref().map(ready),
            filter_calls,
            selects: question
                .selects
                .iter()
                .map(|select| ReadySelect {
                    call: select.call.clone(),
                    rows: select.rows.as_ref().map(ready),
                    one_row: catalogue
                        .sensor(&select.call.sensor)
                        .filter(|sensor| sensor.rows == Rows::One)
                        .map(|sensor| sensor.columns.len()),
                })
                .collect(),
        }
    }

    /// Answers on one endpoint: the filter first, and only where it holds the sensors. `fit` may cut rows of the selects before they
    /// are joined.
    pub fn answer(
        &self,
        source: &mut dyn SensorRows,
        fit: impl FnOnce(&Plan, &mut [Vec<Row>]),
    ) -> Evaluated {
        let mut problems = Problems::default();
        match self.filter.as_ref().map(|filter| filter.matches(source)) {
            None | Some(Ok(true)) => {}
            Some(Ok(false)) => return Evaluated::bare(State::NotConcerned, Vec::new()),
            Some(Err(_)) => {
                for call in &self.filter_calls {
                    problems.add(source, call);
                }
                let state = problems.gravest().unwrap_or(State::Error);
                return Evaluated::bare(state, problems.0);
            }
        }
        let expected: Vec<&SensorCall> = self.selects.iter().map(|select| &select.call).collect();
        source.expect(&expected);
        let mut per_select = Vec::with_capacity(self.selects.len());
        for select in &self.selects {
            let (rows, whole) = match source.rows(&select.call) {
                Ok(rows) => (rows, true),
                Err(_) => (source.found(&select.call), false),
            };
            let mut kept = match &select.rows {
                None => rows.to_vec(),
                Some(filter) => rows.iter().filter(|r| filter.keeps(r)).cloned().collect(),
            };
            if !whole {
                problems.add(source, &select.call);
                // Without this, a one-row sensor that failed would take the rows of all others with it.
                if let Some(columns) = select.one_row
                    && rows.is_empty()
                    && self.selects.len() > 1
                {
                    kept = vec![vec![Box::default(); columns]];
                }
            }
            per_select.push(kept);
        }
        fit(&self.plan, &mut per_select);
        let tables = join(&self.plan, &per_select);
        let state = match problems.gravest() {
            Some(state) => state,
            None if tables.iter().all(Vec::is_empty) => State::Empty,
            None => State::Answered,
        };
        Evaluated {
            state,
            tables,
            problems: problems.0,
        }
    }

    /// The sensor of the first select.
    #[must_use]
    pub fn first_sensor(&self) -> Option<&str> {
        Some(&self.selects.first()?.call.sensor)
    }
}

/// Problems, each once.
#[derive(Default)]
struct Problems(Vec<(String, State, String)>);

impl Problems {
    fn add(&mut self, source: &mut dyn SensorRows, call: &SensorCall) {
        for (state, words) in source.problems(call) {
            let problem = (call.sensor.clone(), state, words);
            if !self.0.contains(&problem) {
                self.0.push(problem);
            }
        }
    }

    fn gravest(&self) -> Option<State> {
        self.0.iter().map(|(_, state, _)| *state).min()
    }
}

fn calls(filter: &Filter, into: &mut Vec<SensorCall>) {
    match filter {
        Filter::And(parts) | Filter::Or(parts) => parts.iter().for_each(|part| calls(part, into)),
        Filter::Not(inner) => calls(inner, into),
        Filter::Term(term) => into.push(term.call.clone()),
        Filter::Having(having) => into.push(having.call.clone()),
    }
}

/// Why a sensor's rows could not be had: the name of a state, with what there is to say.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Unavailable(pub String);

/// A filter made ready for many endpoints or rows: expressions compiled, values read. It may be kept and shared; the
/// functions below make one for each call.
#[derive(Debug)]
pub struct Prepared(Node);

#[derive(Debug)]
enum Node {
    And(Vec<Node>),
    Or(Vec<Node>),
    Not(Box<Node>),
    Term(SensorCall, Matcher),
    /// What one row meets, or every row.
    Having(SensorCall, Quantifier, Box<Node>),
}

impl Prepared {
    /// Makes a filter ready.
    #[must_use]
    pub fn new(filter: &Filter, catalogue: &Catalogue) -> Self {
        Self(Node::new(filter, catalogue))
    }

    /// Whether the endpoint satisfies the filter. Sensors are asked from left to right, and only while the outcome is
    /// open.
    ///
    /// # Errors
    /// When it depends on a sensor whose rows could not be had; the first such sensor.
    pub fn matches(&self, source: &mut dyn SensorRows) -> Result<bool, Unavailable> {
        self.0.matches(source)
    }

    /// Whether one row satisfies the filter, which names the row's own sensor only.
    #[must_use]
    pub fn keeps(&self, row: &Row) -> bool {
        self.0.keeps(row)
    }
}

impl Node {
    fn new(filter: &Filter, catalogue: &Catalogue) -> Self {
        let all = |parts: &[Filter]| parts.iter().map(|p| Self::new(p, catalogue)).collect();
        match filter {
            Filter::And(parts) => Self::And(all(parts)),
            Filter::Or(parts) => Self::Or(all(parts)),
            Filter::Not(inner) => Self::Not(Box::new(Self::new(inner, catalogue))),
            Filter::Term(term) => Self::Term(term.call.clone(), Matcher::new(term, catalogue)),
            Filter::Having(having) => Self::Having(
                having.call.clone(),
                having.quantifier,
                Box::new(Self::new(&having.rows, catalogue)),
            ),
        }
    }

    fn matches(&self, source: &mut dyn SensorRows) -> Result<bool, Unavailable> {
        match self {
            Self::And(parts) => first_that_decides(parts, false, source),
            Self::Or(parts) => first_that_decides(parts, true, source),
            Self::Not(inner) => inner.matches(source).map(|held| !held),
            Self::Term(call, matcher) => {
                of_rows(source, call, matcher.quantifier(), |row| matcher.row(row))
            }
            Self::Having(call, quantifier, inner) => {
                of_rows(source, call, *quantifier, |row| inner.keeps(row))
            }
        }
    }

    fn keeps(&self, row: &Row) -> bool {
        match self {
            Self::And(parts) => parts.iter().all(|p| p.keeps(row)),
            Self::Or(parts) => parts.iter().any(|p| p.keeps(row)),
            Self::Not(inner) => !inner.keeps(row),
            Self::Term(_, matcher) => matcher.row(row),
            Self::Having(_, _, inner) => inner.keeps(row),
        }
    }
}

/// Whether any row of a call holds, or all do. Where not all rows could be had, those that were found decide if the
/// missing ones cannot change it.
fn of_rows(
    source: &mut dyn SensorRows,
    call: &SensorCall,
    quantifier: Quantifier,
    holds: impl Fn(&Row) -> bool,
) -> Result<bool, Unavailable> {
    let (rows, reason) = match source.rows(call) {
        Ok(rows) => (rows, None),
        Err(reason) => (source.found(call), Some(reason)),
    };
    // One such row decides; without one, it takes all of them.
    let (decided, otherwise) = match quantifier {
        Quantifier::Any => (rows.iter().any(holds).then_some(true), false),
        Quantifier::All => (
            rows.iter().any(|row| !holds(row)).then_some(false),
            !rows.is_empty(),
        ),
    };
    match (decided, reason) {
        (Some(held), _) => Ok(held),
        (None, None) => Ok(otherwise),
        (None, Some(reason)) => Err(reason),
    }
}

/// `decisive` is what one part must give to decide for all of them.
fn first_that_decides(
    parts: &[Node],
    decisive: bool,
    source: &mut dyn SensorRows,
) -> Result<bool, Unavailable> {
    let mut unknown = None;
    for part in parts {
        match part.matches(source) {
            Ok(held) if held == decisive => return Ok(decisive),
            Ok(_) => {}
            Err(reason) => unknown = unknown.or(Some(reason)),
        }
    }
    match unknown {
        Some(reason) => Err(reason),
        None => Ok(!decisive),
    }
}

/// Whether the endpoint satisfies the filter; see [`Prepared::matches`].
///
/// # Errors
/// When the outcome depends on a sensor whose rows could not be had.
pub fn matches(
    filter: &Filter,
    source: &mut dyn SensorRows,
    catalogue: &Catalogue,
) -> Result<bool, Unavailable> {
    Prepared::new(filter, catalogue).matches(source)
}

/// The rows that the conditions of the get clause keep.
#[must_use]
pub fn keep(select: &Select, rows: &[Row], catalogue: &Catalogue) -> Vec<Row> {
    match &select.rows {
        None => rows.to_vec(),
        Some(filter) => {
            let prepared = Prepared::new(filter, catalogue);
            rows.iter().filter(|r| prepared.keeps(r)).cloned().collect()
        }
    }
}
