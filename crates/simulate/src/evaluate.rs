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
use question::ast::{Row, SensorCall};
use question::eval::{Ready, SensorRows, Unavailable};
use question::parse;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

/// A question as all endpoints read it, and what kinds of machines answered so far.
#[derive(Debug)]
pub(crate) struct Asked {
    read: Result<Ready, String>,
    limits: OrderLimits,
    by_kind: Mutex<HashMap<u32, Arc<Outcome>>>,
}

impl Asked {
    pub(crate) fn new(order: &QuestionOrder, population: &Population) -> Self {
        let catalogue = &population.catalogue;
        let read = parse(&order.text, catalogue)
            .map(|question| Ready::new(&question, catalogue))
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
            Ok(read) => read.first_sensor().map(str::to_owned),
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
        let evaluated = read.answer(source, |_, _| {});
        let problems = evaluated
            .problems
            .into_iter()
            .map(|(sensor, state, words)| Problem::new(sensor, state, words))
            .collect();
        Outcome::new(evaluated.state, evaluated.tables, problems, self.limits)
    }
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
            return Err(Unavailable(State::Unsupported.words().into()));
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

    /// Whatever could not be had is a sensor that these machines do not have.
    fn problems(&mut self, call: &SensorCall) -> Vec<(State, String)> {
        if data::table(&call.sensor).is_some() {
            return Vec::new();
        }
        let words = format!("simulated endpoints do not have the sensor {}", call.sensor);
        vec![(State::Unsupported, words)]
    }
}
