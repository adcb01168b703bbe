//! Which algorithm the digests of a column are of, and values that can be none of them.
//!
//! A digest of another algorithm is unequal to every cell, so a question with one would say "nowhere" of a file that is
//! everywhere. Such a value is refused, with the call or column that it can be compared with.

use crate::ast::{Operator, SensorCall};
use crate::catalogue::{Column, Sensor, ValueType};
use crate::print::{call_text, column_text, name_text};

/// Algorithms and the hexadecimal digits of their digests. Of two with as many digits, the first is the usual one.
const ALGORITHMS: &[(&str, usize)] = &[
    ("MD5", 32),
    ("SHA1", 40),
    ("SHA224", 56),
    ("SHA256", 64),
    ("SHA384", 96),
    ("SHA512", 128),
    ("BLAKE3", 64),
];

/// Digits of the algorithm of this name, in any usual spelling: `sha-256`.
fn digits_of(name: &str) -> Option<usize> {
    let plain: String = name
        .chars()
        .filter(|c| c.is_alphanumeric())
        .map(|c| c.to_ascii_uppercase())
        .collect();
    let known = ALGORITHMS.iter().find(|(known, _)| *known == plain);
    known.map(|(_, digits)| *digits)
}

/// The word of a column's name that names an algorithm, and how many digits that has.
fn named(column: &Column) -> Option<(&str, usize)> {
    column
        .name
        .split_whitespace()
        .find_map(|word| digits_of(word).map(|digits| (word, digits)))
}

/// Digits of the cells of a column whose name says the algorithm.
pub(crate) fn digits_by_name(column: &Column) -> Option<usize> {
    named(column).map(|(_, digits)| digits)
}

/// Why a value can be no digest of a column, and what it can be compared with.
pub(crate) struct Misfit {
    pub(crate) message: String,
    pub(crate) instead: Vec<String>,
}

/// Compares a value's length with that of the digests that a column holds when called so.
pub(crate) fn check(
    sensor: &Sensor,
    call: &SensorCall,
    column: &Column,
    op: Operator,
    value: &str,
) -> Result<(), Misfit> {
    let value = value.trim();
    if column.value_type != ValueType::Hash || value.is_empty() {
        return Ok(());
    }
    let hexadecimal = value.bytes().all(|b| b.is_ascii_hexdigit());
    let length = value.chars().count();
    let fits = |digits: usize| match op {
        // The length of an expression says nothing, unless it is a plain digest.
        Operator::Matches | Operator::NotMatches => !hexadecimal || length <= digits,
        op if op.is_textual() => length <= digits,
        Operator::Equals | Operator::NotEquals | Operator::In | Operator::NotIn => length == digits,
        // Digests have an order, whatever their length.
        _ => true,
    };
    let outcome = if let Some((name, digits)) = named(column) {
        (!fits(digits)).then(|| of_column(sensor, column, name, length))
    } else if let Some(choice) = Choice::of(sensor, call) {
        (!fits(choice.digits)).then(|| choice.misfit(sensor, call, length))
    } else {
        None
    };
    outcome.map_or(Ok(()), Err)
}

/// The parameter that chooses the algorithm, and what it chose.
struct Choice<'a> {
    place: usize,
    allowed: &'a [String],
    chosen: String,
    /// None when it chose that there be no digest.
    digits: usize,
}

impl<'a> Choice<'a> {
    fn of(sensor: &'a Sensor, call: &SensorCall) -> Option<Self> {
        let names_none = |value: &str| value.eq_ignore_ascii_case("none");
        let place = sensor.parameters.iter().position(|p| {
            p.allowed.iter().any(|a| digits_of(a).is_some())
                && p.allowed
                    .iter()
                    .all(|a| digits_of(a).is_some() || names_none(a))
        })?;
        let chosen = sensor
            .parameter_values(&call.parameters)
            .into_iter()
            .nth(place)?;
        let digits = match digits_of(&chosen) {
            Some(digits) => digits,
            None if names_none(&chosen) => 0,
            None => return None,
        };
        let allowed = sensor.parameters.get(place)?.allowed.as_slice();
        Some(Self {
            place,
            allowed,
            chosen,
            digits,
        })
    }

    fn misfit(&self, sensor: &Sensor, call: &SensorCall, length: usize) -> Misfit {
        let gives = if self.digits == 0 {
            format!("{} gives no digest", call_text(call))
        } else {
            format!("{} gives {} here", sensor.name, self.chosen)
        };
        let fitting = self.allowed.iter().find(|a| digits_of(a) == Some(length));
        let Some(fitting) = fitting else {
            let why = match self.digits {
                0 => String::new(),
                digits => format!(", which has {digits} digits, not {length}"),
            };
            return Misfit {
                message: format!("{gives}{why}: this would never match"),
                instead: Vec::new(),
            };
        };
        let mut values = sensor.parameter_values(&call.parameters);
        if let Some(value) = values.get_mut(self.place) {
            value.clone_from(fitting);
        }
        let instead = call_text(&SensorCall {
            parameters: sensor.without_defaults(values),
            ..call.clone()
        });
        Misfit {
            message: format!(
                "this is {} digest, but {gives}: write {instead}",
                with_article(fitting)
            ),
            instead: vec![instead],
        }
    }
}

/// A value as long as the digests of another column.
fn of_column(sensor: &Sensor, column: &Column, name: &str, length: usize) -> Misfit {
    let written = |c: &Column| format!("{}:{}", name_text(&sensor.name), column_text(&c.name));
    let here = written(column);
    let other = ALGORITHMS.iter().find(|(_, digits)| *digits == length);
    let Some((other, _)) = other else {
        return Misfit {
            message: format!("no digest in {here} has {length} digits: this would never match"),
            instead: Vec::new(),
        };
    };
    let wrong = format!(
        "this is {} digest, but {here} holds {name}",
        with_article(other)
    );
    // `Former MD5` for `Former SHA256`, before a plain `MD5`.
    let sibling = |c: &&Column| {
        c.value_type == ValueType::Hash
            && named(c).is_some_and(|(n, d)| d == length && c.name.replace(n, name) == column.name)
    };
    let any = |c: &&Column| c.value_type == ValueType::Hash && digits_by_name(c) == Some(length);
    let columns = &sensor.columns;
    match columns.iter().find(sibling).or(columns.iter().find(any)) {
        Some(fitting) => {
            let instead = written(fitting);
            Misfit {
                message: format!("{wrong}: write {instead}"),
                instead: vec![instead],
            }
        }
        None => Misfit {
            message: format!("{wrong}: it would never match"),
            instead: Vec::new(),
        },
    }
}

fn with_article(algorithm: &str) -> String {
    let vowel = algorithm.starts_with(['M', 'm']);
    format!("{} {algorithm}", if vowel { "an" } else { "a" })
}
