//! What a question may not mean as it was meant. It is a question all the same, and is asked as it stands.

use crate::ast::{Filter, Having, Operator, Quantifier, Question, SensorCall};
use crate::catalogue::{Catalogue, Rows};
use crate::print::{call_text, column_text};
use serde::{Deserialize, Serialize};
use std::collections::{HashMap, HashSet};

/// What to know before a question is asked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Warning {
    /// What may be meant otherwise.
    pub message: String,
    /// The question that means it otherwise, in canonical form, where it is not too long.
    pub instead: Option<String>,
}

/// Sensors that are warned of in one question.
const MOST: usize = 8;

/// What a question may not mean as it was meant: conditions on the rows of one sensor, joined by `and`, that each another
/// row may meet.
#[must_use]
pub fn warnings(question: &Question, catalogue: &Catalogue) -> Vec<Warning> {
    let Some(filter) = &question.filter else {
        return Vec::new();
    };
    let mut calls = Vec::new();
    each_apart(filter, catalogue, &mut calls);
    calls
        .into_iter()
        .map(|(call, columns)| {
            let instead = Question {
                filter: Some(in_one_row(filter, call, catalogue)),
                ..question.clone()
            };
            let instead = instead.to_string();
            let name = call_text(call);
            Warning {
                message: format!(
                    "each of the conditions on {name} ({}) may be met by another row; `{name} having (… and …)` means one row",
                    columns.join(", ")
                ),
                instead: crate::parse(&instead, catalogue).is_ok().then_some(instead),
            }
        })
        .collect()
}

/// The calls whose conditions stand apart, with the columns these are on.
fn each_apart<'a>(
    filter: &'a Filter,
    catalogue: &Catalogue,
    found: &mut Vec<(&'a SensorCall, Vec<String>)>,
) {
    match filter {
        Filter::Term(_) | Filter::Having(_) => {}
        Filter::Not(inner) => each_apart(inner, catalogue, found),
        Filter::Or(parts) => parts.iter().for_each(|p| each_apart(p, catalogue, found)),
        Filter::And(parts) => {
            for (call, parts) in by_call(parts) {
                if found.len() < MOST
                    && !found.iter().any(|(known, _)| *known == call)
                    && let Some(columns) = apart(call, &parts, catalogue)
                {
                    found.push((call, columns));
                }
            }
            parts.iter().for_each(|p| each_apart(p, catalogue, found));
        }
    }
}

/// Conditions that ask for some row, by the call whose row it is, in the order in which they stand.
fn by_call(parts: &[Filter]) -> Vec<(&SensorCall, Vec<&Filter>)> {
    let mut places: HashMap<&SensorCall, usize> = HashMap::new();
    let mut out: Vec<(&SensorCall, Vec<&Filter>)> = Vec::new();
    for part in parts {
        let Some(call) = call_of(part) else { continue };
        let place = *places.entry(call).or_insert(out.len());
        match out.get_mut(place) {
            Some((_, same)) => same.push(part),
            None => out.push((call, vec![part])),
        }
    }
    out
}

/// The one call that a condition is on, when it asks for some row that meets it. `all` and `not` ask for more than a row.
fn call_of(filter: &Filter) -> Option<&SensorCall> {
    match filter {
        Filter::Term(term) => (term.quantifier == Quantifier::Any).then_some(&term.call),
        Filter::Or(parts) => {
            let mut calls = parts.iter().map(call_of);
            let first = calls.next()??;
            calls.all(|call| call == Some(first)).then_some(first)
        }
        Filter::And(_) | Filter::Not(_) | Filter::Having(_) => None,
    }
}

/// The columns that these conditions on a call are on, when they most likely say several things of one row: they are on
/// different columns, or bound one from both sides.
fn apart(call: &SensorCall, parts: &[&Filter], catalogue: &Catalogue) -> Option<Vec<String>> {
    let sensor = catalogue.sensor(&call.sensor)?;
    if parts.len() < 2 || sensor.rows == Rows::One {
        return None;
    }
    let mut columns: Vec<&Option<String>> = Vec::new();
    let mut bounds = HashSet::new();
    let mut bounded = false;
    for part in parts {
        part.each_term(&mut |term| {
            if !columns.contains(&&term.column) {
                columns.push(&term.column);
            }
            let below = match term.op {
                Operator::Less | Operator::LessOrEqual => true,
                Operator::Greater | Operator::GreaterOrEqual => false,
                _ => return,
            };
            bounds.insert((&term.column, below));
            bounded |= bounds.contains(&(&term.column, !below));
        });
    }
    let name = |column: &&Option<String>| match (column, sensor.columns.as_slice()) {
        (Some(column), _) => column_text(column),
        (None, [only]) => column_text(&only.name),
        (None, _) => "the whole row".to_owned(),
    };
    (columns.len() > 1 || bounded).then(|| columns.iter().map(name).collect())
}

/// The filter with the conditions on a call that stand apart said of one row.
fn in_one_row(filter: &Filter, call: &SensorCall, catalogue: &Catalogue) -> Filter {
    let again = |part: &Filter| in_one_row(part, call, catalogue);
    match filter {
        Filter::Term(_) | Filter::Having(_) => filter.clone(),
        Filter::Not(inner) => Filter::Not(Box::new(again(inner))),
        Filter::Or(parts) => Filter::Or(parts.iter().map(again).collect()),
        Filter::And(parts) => {
            let of_row: Vec<&Filter> = parts.iter().filter(|p| call_of(p) == Some(call)).collect();
            if apart(call, &of_row, catalogue).is_none() {
                return Filter::And(parts.iter().map(again).collect());
            }
            let mut row = Some(Filter::Having(Having {
                quantifier: Quantifier::Any,
                call: call.clone(),
                rows: Box::new(Filter::And(of_row.into_iter().cloned().collect())),
            }));
            let parts: Vec<Filter> = parts
                .iter()
                .filter_map(|part| match call_of(part) {
                    // In the place of the first of them stands what they are together.
                    Some(own) if own == call => row.take(),
                    _ => Some(again(part)),
                })
                .collect();
            Filter::all_of(parts).unwrap_or_else(|| filter.clone())
        }
    }
}
