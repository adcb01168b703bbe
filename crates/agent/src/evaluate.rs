//! A question on this endpoint: the filter first, and only where it holds the sensors, side by side, within limits.
//!
//! [`runner`] runs sensors and shares their rows, [`cache`] keeps rows for their maximum age, [`source`] says where
//! sensors come from, `apart` runs those with large results in processes of their own, [`room`] says how much memory is
//! left for rows, [`state`] names what became of a run. Meaning (filters, joins) is the crate `question`'s.

#[cfg(unix)]
pub mod apart;
pub mod cache;
pub mod gathered;
pub mod room;
pub mod runner;
pub mod source;
pub mod state;

use crate::answers::{self, Outcome};
use answer::State;
use protocol::bounds::AnswerBounds;
use protocol::message::OrderLimits;
use question::eval::{Ready, SensorRows, Unavailable};
use question::{Catalogue, ParseError, Plan, Question, Row, SensorCall};
use runner::{Call, Facts, Ran, Runner, Ticket};
use source::Sensors;
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// Answers questions from this machine's sensors. Cheap to share.
#[derive(Clone)]
pub struct Evaluator {
    runner: Arc<Runner>,
}

/// One question's view of the sensors: a call gives the same rows to the filter and to the answer.
struct View<'a> {
    evaluator: &'a Evaluator,
    limits: OrderLimits,
    cancelled: &'a AtomicBool,
    /// By [`run_of`].
    ran: HashMap<SensorCall, Ran>,
}

impl Evaluator {
    /// An evaluator over these sensors.
    #[must_use]
    pub fn new(sensors: Arc<dyn Sensors>, facts: Facts) -> Self {
        Self {
            runner: Runner::new(sensors, facts),
        }
    }

    /// What runs the sensors.
    #[must_use]
    pub fn runner(&self) -> &Arc<Runner> {
        &self.runner
    }

    /// Parses a question with the names this machine knows.
    ///
    /// # Errors
    /// When it does not parse.
    pub fn parse(&self, text: &str) -> Result<(Question, Plan), ParseError> {
        let catalogue = self.runner.sensors().catalogue();
        let question = question::parse(text, catalogue)?;
        let plan = question::plan(&question, catalogue);
        Ok((question, plan))
    }

    /// Answers a question's text; one that does not parse here is unsupported.
    #[must_use]
    pub fn answer(&self, text: &str, limits: OrderLimits, cancelled: &AtomicBool) -> Outcome {
        match self.parse(text) {
            Ok((question, _)) => self.evaluate(&question, limits, cancelled),
            Err(error) => {
                let words = format!("this agent does not understand the question: {error}");
                let state = State::Unsupported;
                Outcome::bare(state, vec![answers::problem("", state, &words)])
            }
        }
    }

    /// Answers a question. Blocks for as long as its sensors take, their limits at most.
    #[must_use]
    pub fn evaluate(
        &self,
        question: &Question,
        limits: OrderLimits,
        cancelled: &AtomicBool,
    ) -> Outcome {
        let catalogue = self.runner.sensors().catalogue();
        let mut view = View {
            evaluator: self,
            limits,
            cancelled,
            ran: HashMap::new(),
        };
        let ceiling = ceiling(question, catalogue);
        let mut rows_cut = 0;
        let evaluated = Ready::new(question, catalogue).answer(&mut view, |plan, per_select| {
            rows_cut = keep_what_fits(plan, per_select, ceiling.cost);
        });
        drop(view);
        let problems = evaluated.problems.iter();
        let mut outcome = Outcome {
            state: evaluated.state,
            tables: evaluated.tables,
            problems: problems
                .map(|(sensor, state, words)| answers::problem(sensor, *state, words))
                .collect(),
            rows_cut,
        };
        if outcome.state == State::NotConcerned {
            return outcome;
        }
        let hit = answers::bound(&mut outcome, limits, ceiling);
        if let Some(hit) = hit.or((rows_cut > 0).then_some(State::ByteLimit)) {
            let words = format!("{} rows of the answer were cut off", outcome.rows_cut);
            outcome.problems.push(answers::problem("", hit, &words));
        }
        if let Some(state) = answers::gravest(&outcome.problems) {
            outcome.state = state;
        }
        if cancelled.load(Ordering::Relaxed) {
            outcome.state = State::Cancelled;
        }
        outcome
    }

    fn call(&self, call: &SensorCall, limits: OrderLimits) -> Option<Call> {
        let sensor = self.runner.sensors().catalogue().sensor(&call.sensor)?;
        let asked = call.max_age.map(Duration::from_secs);
        Some(Call {
            key: (
                sensor.name.clone(),
                sensor.parameter_values(&call.parameters),
            ),
            max_age: asked.map_or(sensor.max_age, |age| age.min(sensor.max_age)),
            keep_for: sensor.max_age,
            limits: state::lowered(sensor.limits, limits),
        })
    }
}

/// What an answer to this question may be as a whole, from the limits of its sensors, each once.
fn ceiling(question: &Question, catalogue: &Catalogue) -> AnswerBounds {
    let mut names: Vec<&str> = question
        .selects
        .iter()
        .map(|select| select.call.sensor.as_str())
        .collect();
    names.sort_unstable();
    names.dedup();
    AnswerBounds::sent(
        names
            .iter()
            .filter_map(|name| Some(catalogue.sensor(name)?.limits))
            .map(|limits| (limits.rows, limits.bytes)),
    )
}

/// What tells one run from another. Case only matters to comparisons, so with either option a call has the same rows.
fn run_of(call: &SensorCall) -> SensorCall {
    SensorCall {
        ignore_case: true,
        ..call.clone()
    }
}

impl View<'_> {
    /// Runs all calls that were not run yet, side by side.
    fn run_all<'c>(&mut self, calls: impl Iterator<Item = &'c SensorCall>) {
        let mut under_way: Vec<(SensorCall, Option<(Call, Ticket)>)> = Vec::new();
        for call in calls.map(run_of) {
            if self.ran.contains_key(&call) || under_way.iter().any(|(c, _)| *c == call) {
                continue;
            }
            let begun = self.evaluator.call(&call, self.limits).map(|prepared| {
                let ticket = self.begin(&prepared);
                (prepared, ticket)
            });
            under_way.push((call, begun));
        }
        for (call, begun) in under_way {
            let ran = match begun {
                Some((prepared, ticket)) => self.wait(&prepared, ticket),
                None => Ran {
                    rows: Arc::default(),
                    problems: vec![(State::Unsupported, "this agent has no such sensor".into())],
                },
            };
            self.ran.insert(call, ran);
        }
    }

    fn begin(&self, call: &Call) -> Ticket {
        self.evaluator.runner.begin(call, self.cancelled)
    }

    /// Waits, and runs again by itself what a shared run's other limits had stopped.
    fn wait(&self, call: &Call, ticket: Ticket) -> Ran {
        let runner = &self.evaluator.runner;
        let shared = matches!(ticket, Ticket::Flight { own_limits, .. } if !own_limits);
        let mut ran = runner.wait(ticket, self.cancelled);
        let stopped = ran.problems.iter().any(|(s, _)| s.is_limit());
        if shared && stopped {
            let anew = Call {
                max_age: Duration::ZERO,
                ..call.clone()
            };
            let ticket = self.begin(&anew);
            ran = runner.wait(ticket, self.cancelled);
        }
        // Rows from the cache or a shared run were gathered under other limits than this order's.
        cut(&mut ran, call);
        ran
    }
}

/// Cuts the rows that would not fit once each carries the one-row columns of its table: joined first, they could take far
/// more memory than any sensor may. Gives how many were cut.
fn keep_what_fits(plan: &Plan, per_select: &mut [Vec<Row>], ceiling: u64) -> u64 {
    let mut cut = 0;
    for table in &plan.tables {
        let Some(many) = table.parts.iter().find(|part| part.many) else {
            continue;
        };
        let repeated: u64 = table
            .parts
            .iter()
            .filter(|part| !part.many)
            .filter_map(|part| per_select.get(part.select)?.first().map(answers::cost))
            .sum();
        let Some(rows) = per_select.get_mut(many.select) else {
            continue;
        };
        let mut costs = 0_u64;
        let fit = rows
            .iter()
            .take_while(|row| {
                costs = costs.saturating_add(repeated + answers::cost(row));
                costs <= ceiling
            })
            .count();
        cut += (rows.len() - fit) as u64;
        rows.truncate(fit);
    }
    cut
}

/// Holds rows to the limits of this call where the run itself was not.
fn cut(ran: &mut Ran, call: &Call) {
    let mut bytes = 0_u64;
    let mut hit = None;
    let mut kept = 0;
    for row in ran.rows.iter() {
        bytes += row.iter().map(|cell| cell.len() as u64).sum::<u64>();
        if kept as u64 >= call.limits.rows {
            hit = Some((State::RowLimit, "row limit reached"));
        } else if bytes > call.limits.bytes {
            hit = Some((State::ByteLimit, "byte limit reached"));
        }
        if hit.is_some() {
            break;
        }
        kept += 1;
    }
    if let Some((state, words)) = hit {
        let rows: Vec<Row> = ran.rows.iter().take(kept).cloned().collect();
        ran.rows = Arc::new(rows);
        ran.problems.push((state, words.into()));
    }
}

impl SensorRows for View<'_> {
    fn rows(&mut self, call: &SensorCall) -> Result<Arc<Vec<Row>>, Unavailable> {
        self.run_all(std::iter::once(call));
        let Some(ran) = self.ran.get(&run_of(call)) else {
            return Err(Unavailable("error".into()));
        };
        match ran.state() {
            None => Ok(Arc::clone(&ran.rows)),
            Some(gravest) => Err(Unavailable(gravest.words().into())),
        }
    }

    fn problems(&mut self, call: &SensorCall) -> Vec<(State, String)> {
        let ran = self.ran.get(&run_of(call));
        ran.map(|ran| ran.problems.clone()).unwrap_or_default()
    }

    fn expect(&mut self, calls: &[&SensorCall]) {
        self.run_all(calls.iter().copied());
    }

    fn found(&mut self, call: &SensorCall) -> Arc<Vec<Row>> {
        let ran = self.ran.get(&run_of(call));
        ran.map(|ran| Arc::clone(&ran.rows)).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests;
