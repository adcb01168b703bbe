//! What a machine answers to a question: the filter first, then the sensors, exactly as the language defines it.
//!
//! While it evaluates, it notes whether anything that is the machine's own had a say. If not, every machine of this kind answers the
//! same, and the outcome is kept for them.

use crate::data::{self, Scope};
use crate::machine::{Machine, Planted};
use crate::outcome::Outcome;
use crate::population::Population;
use answer::State;
use protocol::message::{OrderLimits, Problem, QuestionOrder};
use question::ast::{Filter, Question, Row, SensorCall};
use question::eval::{Prepared, SensorRows, Unavailable, join};
use question::{Plan, parse, plan};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

/// A question as all endpoints read it, and what kinds of machines answered so far.
#[derive(Debug)]
pub(crate) struct Asked {
    read: Result<Read, String>,
    limits: OrderLimits,
    by_kind: Mutex<HashMap<u32, Arc<Outcome>>>,
}

/// A question made ready once for all endpoints.
#[derive(Debug)]
struct Read {
    question: Question,
    plan: Plan,
    filter: Option<Prepared>,
    /// Conditions on the rows of each select.
    rows: Vec<Option<Prepared>>,
}

impl Asked {
    pub(crate) fn new(order: &QuestionOrder, population: &Population) -> Self {
        let read = parse(&order.text, &population.catalogue)
            .map(|question| {
                let ready = |filter: &Filter| Prepared::new(filter, &population.catalogue);
                Read {
                    plan: plan(&question, &population.catalogue),
                    filter: question.filter.as_ref().map(ready),
                    rows: question
                        .selects
                        .iter()
                        .map(|select| select.rows.as_ref().map(ready))
                        .collect(),
                    question,
                }
            })
            .map_err(|error| error.to_string());
        Self {
            read,
            limits: order.limits.unwrap_or_default(),
            by_kind: Mutex::default(),
        }
    }

    /// What this machine answers now.
    pub(crate) fn outcome(
        &self,
        machine: &Machine,
        population: &Population,
        now: i64,
    ) -> Arc<Outcome> {
        let common = machine.planted == Planted::default();
        let kept = || self.by_kind.lock().unwrap_or_else(PoisonError::into_inner);
        if common && let Some(outcome) = kept().get(&machine.kind()) {
            return Arc::clone(outcome);
        }
        let mut source = Source {
            population,
            machine,
            now,
            own: false,
        };
        let outcome = Arc::new(self.evaluate(&mut source));
        if common && !source.own {
            kept().insert(machine.kind(), Arc::clone(&outcome));
        }
        outcome
    }

    /// The answer of an endpoint on which a sensor fails.
    pub(crate) fn failure(&self) -> Outcome {
        let sensor = match &self.read {
            Ok(read) => read.question.selects.first().map(|s| s.call.sensor.clone()),
            Err(_) => None,
        };
        let problem = Problem::new(
            sensor.unwrap_or_default(),
            State::Error,
            "simulated failure: the sensor's source could not be read",
        );
        Outcome::new(State::Error, vec![], vec![problem], self.limits)
    }

    fn evaluate(&self, source: &mut Source<'_>) -> Outcome {
        let ended = |state, problems| Outcome::new(state, vec![], problems, self.limits);
        let read = match &self.read {
            Ok(read) => read,
            Err(message) => {
                let problem = Problem::new(
                    "",
                    State::Unsupported,
                    format!("this endpoint does not understand the question: {message}"),
                );
                return ended(State::Unsupported, vec![problem]);
            }
        };
        let catalogue = &source.population.catalogue;
        if let Some(filter) = &read.filter {
            match filter.matches(source) {
                Ok(true) => {}
                Ok(false) => return ended(State::NotConcerned, vec![]),
                Err(Unavailable(reason)) => {
                    return ended(State::Unsupported, vec![problem("from clause", &reason)]);
                }
            }
        }
        let mut problems = Vec::new();
        let mut per_select: Vec<Vec<Row>> = Vec::new();
        let selects = &read.question.selects;
        for (select, condition) in selects.iter().zip(&read.rows) {
            match source.rows(&select.call) {
                Ok(rows) => per_select.push(match condition {
                    Some(condition) => {
                        let kept = rows.iter().filter(|row| condition.keeps(row));
                        kept.cloned().collect()
                    }
                    None => rows.to_vec(),
                }),
                Err(Unavailable(reason)) => {
                    problems.push(problem(&select.call.sensor, &reason));
                    let many = catalogue
                        .sensor(&select.call.sensor)
                        .is_none_or(|s| s.rows == question::catalogue::Rows::Many);
                    // An empty cell keeps the rows of the sensors beside a one-row sensor.
                    per_select.push(if many { vec![] } else { vec![vec![]] });
                }
            }
        }
        let tables = if problems.len() < selects.len() || selects.is_empty() {
            join(&read.plan, &per_select)
        } else {
            vec![]
        };
        let state = if !problems.is_empty() {
            State::Unsupported
        } else if tables.iter().all(Vec::is_empty) {
            State::Empty
        } else {
            State::Answered
        };
        Outcome::new(state, tables, problems, self.limits)
    }
}

fn problem(sensor: &str, reason: &str) -> Problem {
    Problem::new(sensor, State::Unsupported, reason)
}

struct Source<'a> {
    population: &'a Population,
    machine: &'a Machine,
    now: i64,
    /// Whether something was read that other machines of the kind do not share.
    own: bool,
}

impl SensorRows for Source<'_> {
    fn rows(&mut self, call: &SensorCall) -> Result<Arc<Vec<Row>>, Unavailable> {
        let known = self.population.catalogue.sensor(&call.sensor);
        let Some((sensor, table)) = known.and_then(|s| Some((s, data::table(&s.name)?))) else {
            return Err(Unavailable(format!(
                "simulated endpoints do not have the sensor {}",
                call.sensor
            )));
        };
        let made = || Arc::new(table.rows(sensor, call, self.machine, self.now));
        match table.scope(self.machine) {
            Scope::Kind => Ok(self.population.shared_rows(self.machine.kind(), call, made)),
            Scope::Own => {
                self.own = true;
                Ok(made())
            }
        }
    }
}
