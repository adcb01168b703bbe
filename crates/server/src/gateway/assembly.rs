//! Putting the parts of an answer together, within bounds and against the question's plan.
//!
//! Nothing an endpoint says is taken for granted: tables and columns must be those of the order's shape, the announced number of rows must be
//! the number that came, states that only the server can know are not accepted. What does not fit makes the whole contribution an
//! error of that endpoint; none of its rows are taken then.

use crate::identity::tame;
use crate::orders::{Charge, Open, Share};
use answer::{Cell, Contribution, Problem, State};
use protocol::bounds::row_cost;
use protocol::message::AnswerPart;
use std::collections::HashMap;
use std::sync::Arc;

/// Answers that one connection may have in the works: an agent sends one after the other.
const OPEN: usize = 8;
/// Problems taken of one answer, and their longest texts.
const PROBLEMS: usize = 64;
const SENSOR_TEXT: usize = 200;
const PROBLEM_TEXT: usize = 1000;

/// What a part led to.
pub(super) enum Step {
    /// More parts are to come.
    More,
    /// The answer is whole.
    Whole {
        open: Open,
        attempt: u64,
        contribution: Contribution,
        charge: Charge,
    },
    /// The question is over, or was never asked: the endpoint may forget its answer.
    Over,
    /// The part is of no use.
    Useless,
    /// Answers on their way take more memory than there is.
    NoMemory,
    /// Too many answers at once.
    TooMany,
}

struct Assembly {
    order: Open,
    attempt: u64,
    next: u32,
    rows: Vec<(u32, Vec<Cell>)>,
    count: u64,
    charge: Charge,
    wrong: Option<String>,
}

/// The unfinished answers of one connection.
pub(super) struct Assemblies {
    ordinal: u32,
    share: Arc<Share>,
    open: HashMap<u64, Assembly>,
}

impl Assemblies {
    pub fn new(ordinal: u32, share: Arc<Share>) -> Self {
        Self {
            ordinal,
            share,
            open: HashMap::new(),
        }
    }

    /// Whether there are answers whose end has not come.
    pub fn is_empty(&self) -> bool {
        self.open.is_empty()
    }

    /// Takes a part. `find` gives the order under way with a number.
    pub fn part(&mut self, part: AnswerPart, find: impl FnOnce(u64) -> Option<Open>) -> Step {
        let order = part.order;
        if part.part == 0 {
            // A new try replaces whatever was left of an older one.
            self.open.remove(&order);
            let Some(found) = find(order) else {
                return if part.last { Step::Over } else { Step::Useless };
            };
            if !found.subject.is_target(self.ordinal) {
                tracing::warn!(
                    ordinal = self.ordinal,
                    subject = found.subject.label(),
                    "an endpoint answered what is not for it"
                );
                return Step::Useless;
            }
            if part.last || !found.progress.is_done(self.ordinal) {
                if self.open.len() >= OPEN {
                    return Step::TooMany;
                }
                let assembly = Assembly {
                    order: found,
                    attempt: part.attempt,
                    next: 0,
                    rows: Vec::new(),
                    count: 0,
                    charge: self.share.charge(),
                    wrong: None,
                };
                self.open.insert(order, assembly);
            } else {
                return Step::Useless;
            }
        } else if !self
            .open
            .get(&order)
            .is_some_and(|a| a.attempt == part.attempt && a.next == part.part)
        {
            self.open.remove(&order);
            if !part.last {
                return Step::Useless;
            }
            return match find(order) {
                None => Step::Over,
                // It sends again what is merged already: it gets its receipt once that is stored.
                Some(open)
                    if open.subject.is_target(self.ordinal)
                        && open.progress.is_done(self.ordinal) =>
                {
                    Step::Whole {
                        open,
                        attempt: part.attempt,
                        contribution: self.contribution(State::Error, Vec::new(), Vec::new(), 0),
                        charge: self.share.charge(),
                    }
                }
                Some(_) => Step::Useless,
            };
        }
        let Some(assembly) = self.open.get_mut(&order) else {
            return Step::Useless;
        };
        assembly.next += 1;
        let last = part.last;
        let mut end = part;
        let rows = std::mem::take(&mut end.rows);
        if !assembly.take(rows, &self.share) {
            self.open.remove(&order);
            return Step::NoMemory;
        }
        if !last {
            return Step::More;
        }
        match self.open.remove(&order) {
            Some(assembly) => self.finish(assembly, &end),
            None => Step::Useless,
        }
    }

    fn contribution(
        &self,
        state: State,
        rows: Vec<(u32, Vec<Cell>)>,
        problems: Vec<Problem>,
        rows_cut: u64,
    ) -> Contribution {
        Contribution {
            ordinal: self.ordinal,
            state,
            rows,
            problems,
            rows_cut,
        }
    }

    fn finish(&self, mut assembly: Assembly, end: &AnswerPart) -> Step {
        if end.total_rows != assembly.count {
            let said = end.total_rows;
            let came = assembly.count;
            assembly.wrong.get_or_insert_with(|| {
                format!("the endpoint announced {said} rows and sent {came}")
            });
        }
        let mut problems: Vec<Problem> = end
            .problems
            .iter()
            .take(PROBLEMS)
            .map(|p| {
                (
                    tame(&p.sensor, SENSOR_TEXT),
                    p.state().unwrap_or(State::Error),
                    tame(&p.message, PROBLEM_TEXT),
                )
            })
            .collect();
        let state = match (end.state(), assembly.count) {
            (Some(State::Answered), 0) => State::Empty,
            (Some(State::Empty | State::NotConcerned), 1..) => {
                assembly.wrong.get_or_insert_with(|| {
                    "the endpoint sent rows and said that it has none".to_owned()
                });
                State::Error
            }
            (Some(state), _) => state,
            (None, _) => {
                assembly.wrong.get_or_insert_with(|| {
                    "the endpoint gave a state that the server does not know".to_owned()
                });
                State::Error
            }
        };
        let contribution = if let Some(wrong) = assembly.wrong {
            tracing::warn!(
                ordinal = self.ordinal,
                subject = assembly.order.subject.label(),
                wrong,
                "an answer was refused"
            );
            problems.push(("answer".to_owned(), State::Error, wrong));
            self.contribution(State::Error, Vec::new(), problems, 0)
        } else {
            // A count beyond all reason must not drown the honest ones.
            let cut = end.rows_cut.min(u64::from(u32::MAX));
            self.contribution(state, assembly.rows, problems, cut)
        };
        assembly.charge.finish();
        Step::Whole {
            open: assembly.order,
            attempt: assembly.attempt,
            contribution,
            charge: assembly.charge,
        }
    }
}

impl Assembly {
    /// Checks and keeps rows. False when this connection holds more than its share of the memory for answers on their way.
    fn take(&mut self, rows: Vec<protocol::message::WireRow>, share: &Share) -> bool {
        let bounds = self.order.subject.shape().bounds;
        let mut grown = 0;
        let before = self.rows.len();
        for row in rows {
            self.count += 1;
            if self.wrong.is_some() {
                continue;
            }
            let fits = {
                let columns = self.order.subject.shape().columns.get(row.table as usize);
                columns == Some(&row.cells.len())
            };
            let cost = row_cost(row.cells.iter().map(Vec::len));
            if !fits {
                self.refuse(format!(
                    "a row with {} cells for table {} does not fit the question",
                    row.cells.len(),
                    row.table
                ));
            } else if self.count > bounds.rows || self.charge.bytes() + grown + cost > bounds.cost {
                self.refuse(format!(
                    "the answer is larger than its sensors' limits allow ({} rows, {} bytes)",
                    bounds.rows, bounds.cost
                ));
            } else {
                grown += cost;
                let cells = row.cells.into_iter().map(Vec::into_boxed_slice).collect();
                self.rows.push((row.table, cells));
            }
        }
        if self.rows.len() <= before {
            return true;
        }
        // Once for each part: a part is bounded by its frame.
        share.grow(&mut self.charge, grown)
    }

    fn refuse(&mut self, wrong: String) {
        self.wrong = Some(wrong);
        self.rows = Vec::new();
    }
}
