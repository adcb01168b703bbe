//! The canonical form: one text for each tree, which parses back to it.
//!
//! Names and values stand bare where that cannot be misread, parameters are always quoted (and those at the end that equal
//! their default are not in the tree, so they are not printed), an `and` within an `or`
//! (and the other way round) always has its parentheses, so that nobody has to remember which binds tighter.

use crate::ast::{Filter, Quantifier, Question, Select, SensorCall, Term};
use crate::tail::{Tail, TailColumn};
use crate::words::{is_bare_column, is_bare_name, is_bare_value, operator_text, quote};
use std::fmt::{self, Display, Formatter};

/// A sensor's name as it stands in a question.
pub(crate) fn name_text(name: &str) -> String {
    if is_bare_name(name) {
        name.to_owned()
    } else {
        quote(name)
    }
}

/// A column's name as it stands after the colon.
pub(crate) fn column_text(name: &str) -> String {
    if is_bare_column(name) {
        name.to_owned()
    } else {
        quote(name)
    }
}

/// A value as it stands after an operator.
pub(crate) fn value_text(value: &str) -> String {
    if is_bare_value(value) {
        value.to_owned()
    } else {
        quote(value)
    }
}

/// A sensor with its parameters as people write it: values stand bare where they can, options are left out.
pub(crate) fn call_text(call: &SensorCall) -> String {
    let name = name_text(&call.sensor);
    if call.parameters.is_empty() {
        return name;
    }
    let values: Vec<String> = call.parameters.iter().map(|p| value_text(p)).collect();
    format!("{name}[{}]", values.join(", "))
}

impl Display for Question {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str("Get")?;
        for (i, (key, value)) in self.options.iter().enumerate() {
            write!(f, "{}{key}={value}", if i == 0 { '?' } else { '&' })?;
        }
        if self.selects.is_empty() {
            f.write_str(" number of machines")?;
        }
        for (i, select) in self.selects.iter().enumerate() {
            write!(f, "{} {select}", if i == 0 { "" } else { " and" })?;
        }
        f.write_str(" from all machines")?;
        if let Some(filter) = &self.filter {
            write!(f, " with {filter}")?;
        }
        if !self.tail.is_empty() {
            write!(f, " {}", self.tail)?;
        }
        Ok(())
    }
}

/// A name as it stands in a tail.
fn tail_name(name: &str) -> String {
    let bare = !name.is_empty()
        && name.trim() == name
        && !name.contains("  ")
        && name
            .chars()
            .all(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_' | '.' | '/' | '%' | '#'));
    if bare { name.to_owned() } else { quote(name) }
}

impl Display for TailColumn {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        if let Some(table) = &self.table {
            write!(f, "{}:", tail_name(table))?;
        }
        f.write_str(&tail_name(&self.column))
    }
}

/// `by Local Port on fewer than 3 machines`; nothing for an empty one.
impl Display for Tail {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        for (i, column) in self.by.iter().enumerate() {
            write!(f, "{}{column}", if i == 0 { "by " } else { ", " })?;
        }
        if let Some(count) = self.count {
            write!(f, "{}{count}", if self.by.is_empty() { "" } else { " " })?;
        }
        Ok(())
    }
}

impl Display for Select {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.call)?;
        match &self.rows {
            None => Ok(()),
            Some(Filter::Term(term)) if term.column.is_none() => comparison(term, f),
            Some(rows) => {
                f.write_str(" having ")?;
                condition(rows, Place::Rows, f)
            }
        }
    }
}

impl Display for SensorCall {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(&name_text(&self.sensor))?;
        if !self.parameters.is_empty() {
            let values: Vec<String> = self.parameters.iter().map(|p| quote(p)).collect();
            write!(f, "[{}]", values.join(", "))?;
        }
        if let Some(seconds) = self.max_age {
            write!(f, "?maxAge={seconds}")?;
        }
        if !self.ignore_case {
            let sign = if self.max_age.is_some() { '&' } else { '?' };
            write!(f, "{sign}ignoreCase=0")?;
        }
        Ok(())
    }
}

impl Display for Filter {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::And(parts) => joined(parts, " and ", Place::From, f),
            Self::Or(parts) => joined(parts, " or ", Place::From, f),
            other => condition(other, Place::From, f),
        }
    }
}

/// Where a comparison stands. In the get clause its sensor is that of the clause: the name alone says it.
#[derive(Clone, Copy)]
enum Place {
    From,
    Rows,
}

fn joined(parts: &[Filter], word: &str, place: Place, f: &mut Formatter<'_>) -> fmt::Result {
    for (i, part) in parts.iter().enumerate() {
        if i > 0 {
            f.write_str(word)?;
        }
        // Behind `X having (…)` a condition on X would be one more on the same row.
        let goes_on = parts.get(i + 1).is_some_and(|next| {
            rows_of(part).is_some_and(|sensor| sensor.eq_ignore_ascii_case(first_of(next)))
        });
        if goes_on {
            f.write_str("(")?;
        }
        condition(part, place, f)?;
        if goes_on {
            f.write_str(")")?;
        }
    }
    Ok(())
}

/// The sensor whose rows a condition ends with.
fn rows_of(filter: &Filter) -> Option<&str> {
    match filter {
        Filter::Having(having) => Some(&having.call.sensor),
        Filter::Not(inner) => rows_of(inner),
        Filter::And(_) | Filter::Or(_) | Filter::Term(_) => None,
    }
}

/// The sensor that a condition begins with.
fn first_of(filter: &Filter) -> &str {
    match filter {
        Filter::Having(having) => &having.call.sensor,
        Filter::Not(inner) => first_of(inner),
        Filter::And(parts) | Filter::Or(parts) => parts.first().map_or("", first_of),
        Filter::Term(term) => &term.call.sensor,
    }
}

/// A condition that may stand beside any other: what joins several has parentheses.
fn condition(filter: &Filter, place: Place, f: &mut Formatter<'_>) -> fmt::Result {
    match filter {
        Filter::And(parts) | Filter::Or(parts) => {
            let word = if matches!(filter, Filter::And(_)) {
                " and "
            } else {
                " or "
            };
            f.write_str("(")?;
            joined(parts, word, place, f)?;
            f.write_str(")")
        }
        Filter::Not(inner) => {
            f.write_str("not ")?;
            condition(inner, place, f)
        }
        Filter::Having(having) => {
            if having.quantifier == Quantifier::All {
                f.write_str("all ")?;
            }
            write!(f, "{} having ", having.call)?;
            // Parentheses always: what follows the last condition would else be read as another of this row.
            match having.rows.as_ref() {
                joined @ (Filter::And(_) | Filter::Or(_)) => condition(joined, Place::Rows, f),
                other => {
                    f.write_str("(")?;
                    condition(other, Place::Rows, f)?;
                    f.write_str(")")
                }
            }
        }
        Filter::Term(term) => {
            if term.quantifier == Quantifier::All {
                f.write_str("all ")?;
            }
            match place {
                Place::From => write!(f, "{}", term.call)?,
                Place::Rows => f.write_str(&name_text(&term.call.sensor))?,
            }
            if let Some(column) = &term.column {
                write!(f, ":{}", column_text(column))?;
            }
            comparison(term, f)
        }
    }
}

/// ` as Type op value matching case`.
fn comparison(term: &Term, f: &mut Formatter<'_>) -> fmt::Result {
    if let Some(t) = term.as_type {
        write!(f, " as {}", t.name())?;
    }
    write!(f, " {} ", operator_text(term.op))?;
    let values: Vec<String> = term.values.iter().map(|v| value_text(v)).collect();
    if term.op.is_list() {
        write!(f, "({})", values.join(", "))?;
    } else {
        f.write_str(&values.join(" "))?;
    }
    if term.match_case {
        f.write_str(" matching case")?;
    }
    Ok(())
}
