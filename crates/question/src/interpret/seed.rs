//! Values in free text, and the comparison that each becomes for a given sensor.

use super::tokens::{Token, stems};
use super::written;
use crate::ast::Operator;
use crate::catalogue::{Column, Parameter, Sensor, ValueType};
use crate::digest::digits_by_name;
use crate::print::column_text;
use crate::value;
use crate::words::operator_text;

/// A value found in the text.
#[derive(Clone, Debug)]
pub(super) struct Seed {
    /// The value, with its unit.
    pub(super) text: String,
    /// `more than` and the like, where it was said.
    pub(super) op: Option<Operator>,
    /// It is said not to be so.
    pub(super) negated: bool,
    /// Stems of the words before it, the nearest first: `port` in `port 22`.
    before: Vec<String>,
    /// A word before it says that something is inside of it: `in /tmp`.
    pub(super) inside: bool,
    /// Place in the text.
    pub(super) place: usize,
    kind: Kind,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// A number alone.
    Number,
    /// A number with a unit, an address, a digest, a moment: only columns of that type suit.
    Typed(ValueType),
    /// Any other text.
    Word,
}

impl Seed {
    /// A word that no sensor knows.
    pub(super) fn word(token: &Token) -> Self {
        Self {
            text: token.text.clone(),
            op: None,
            negated: token.negated,
            before: Vec::new(),
            inside: false,
            place: token.place,
            kind: Kind::Word,
        }
    }

    /// The algorithm whose digests are as long as this one.
    pub(super) fn digest(&self) -> Option<&'static str> {
        if self.kind != Kind::Typed(ValueType::Hash) {
            return None;
        }
        match self.text.len() {
            32 => Some("MD5"),
            40 => Some("SHA-1"),
            64 => Some("SHA-256"),
            _ => None,
        }
    }

    pub(super) fn is_path(&self) -> bool {
        is_path(&self.text)
    }

    /// Whether it can be meant as a parameter's value.
    pub(super) fn suits_parameter(&self, parameter: &Parameter) -> bool {
        let key = parameter.key.to_lowercase();
        let wants_path = ["file", "folder", "directory", "path"]
            .iter()
            .any(|word| key.contains(word));
        self.op.is_none()
            && match (self.kind, parameter.value_type) {
                (Kind::Typed(own), wanted) => own == wanted,
                (_, ValueType::Text) => wants_path == self.is_path(),
                _ => true,
            }
            && value::parse_check(&self.text, parameter.value_type).is_ok()
    }

    pub(super) fn is_address(&self) -> bool {
        self.kind == Kind::Typed(ValueType::IpAddress)
    }
}

fn is_path(text: &str) -> bool {
    text.starts_with(['/', '~', '\\']) || text.get(1..3) == Some(":\\")
}

/// Takes values, with the words that compare them, out of the text.
pub(super) fn take(list: &mut Vec<Token>) -> Vec<Seed> {
    let mut seeds = Vec::new();
    let mut kept: Vec<Token> = Vec::new();
    let mut at = 0;
    while let Some(token) = list.get(at) {
        let (op, words) = comparing(list.get(at..).unwrap_or_default());
        let value_at = at + words;
        match list
            .get(value_at)
            .and_then(|t| value_of(t, list.get(value_at + 1), op))
        {
            Some((text, kind, used)) => {
                let word = |at: Option<usize>| {
                    at.and_then(|at| list.get(at))
                        .map_or("", |t| t.lower.as_str())
                };
                // `under /tmp` compares nothing.
                let under = words == 1
                    && is_path(&text)
                    && matches!(token.lower.as_str(), "under" | "below");
                let inside = under
                    || (words == 0
                        && matches!(word(at.checked_sub(1)), "in" | "inside" | "within"));
                seeds.push(Seed {
                    text,
                    op: if under { None } else { op },
                    inside,
                    negated: list.get(value_at).is_some_and(|t| t.negated),
                    before: kept
                        .iter()
                        .rev()
                        .filter(|t| !t.is_stop())
                        .take(2)
                        .map(|t| t.stem.clone())
                        .collect(),
                    place: token.place,
                    kind,
                });
                at = value_at + used;
            }
            None => {
                kept.push(token.clone());
                at += 1;
            }
        }
    }
    *list = kept;
    seeds
}

/// `more than` and the like, and how many words it takes.
fn comparing(rest: &[Token]) -> (Option<Operator>, usize) {
    let word = |i: usize| rest.get(i).map_or("", |t| t.lower.as_str());
    let (op, words) = match (word(0), word(1)) {
        (
            "more" | "greater" | "larger" | "bigger" | "longer" | "newer" | "higher" | "later",
            "than",
        ) => (Operator::Greater, 2),
        ("less" | "fewer" | "smaller" | "shorter" | "older" | "lower" | "earlier", "than") => {
            (Operator::Less, 2)
        }
        ("at", "least") => (Operator::GreaterOrEqual, 2),
        ("at", "most") | ("up", "to") => (Operator::LessOrEqual, 2),
        ("over" | "above" | "after" | "since" | ">", _) => (Operator::Greater, 1),
        ("under" | "below" | "before" | "<", _) => (Operator::Less, 1),
        (">=" | "=>", _) => (Operator::GreaterOrEqual, 1),
        ("<=" | "=<", _) => (Operator::LessOrEqual, 1),
        ("=" | "==", _) => (Operator::Equals, 1),
        _ => return (None, 0),
    };
    (Some(op), words)
}

/// The value that a word is, with the unit behind it; how many words that takes.
fn value_of(
    token: &Token,
    next: Option<&Token>,
    op: Option<Operator>,
) -> Option<(String, Kind, usize)> {
    let text = token.text.as_str();
    if token.quoted {
        return Some((text.to_owned(), Kind::Word, 1));
    }
    let is = |t: ValueType| value::parse_check(text, t).is_ok();
    let digits = text.starts_with(|c: char| c.is_ascii_digit());
    if matches!(text.len(), 32 | 40 | 64) && is(ValueType::Hash) {
        return Some((text.to_owned(), Kind::Typed(ValueType::Hash), 1));
    }
    if is(ValueType::IpAddress) {
        return Some((text.to_owned(), Kind::Typed(ValueType::IpAddress), 1));
    }
    if is_path(text) {
        return (text.len() > 1).then(|| (text.to_owned(), Kind::Word, 1));
    }
    if !digits {
        // After `=` comes a value, whatever it looks like.
        return (op == Some(Operator::Equals)).then(|| (text.to_owned(), Kind::Word, 1));
    }
    if is(ValueType::Integer) || is(ValueType::Decimal) {
        if let Some(unit) = next {
            let both = format!("{text} {}", unit.text);
            for t in [ValueType::Duration, ValueType::DataSize] {
                if value::parse_check(&both, t).is_ok() {
                    return Some((both, Kind::Typed(t), 2));
                }
            }
            if matches!(unit.lower.as_str(), "%" | "percent") {
                return Some((text.to_owned(), Kind::Number, 2));
            }
        }
        return Some((text.to_owned(), Kind::Number, 1));
    }
    for t in [
        ValueType::Duration,
        ValueType::DataSize,
        ValueType::DateTime,
        ValueType::Version,
    ] {
        if is(t) {
            return Some((text.to_owned(), Kind::Typed(t), 1));
        }
    }
    None
}

/// What is asked of one column: `:Column op value`.
#[derive(Clone, Debug)]
pub(super) struct Condition {
    /// As it stands for a row.
    pub(super) row: String,
    /// As it stands for a machine. A machine without nginx has no row with it; rows without it has every machine.
    pub(super) machine: String,
    /// Whether a negation is in it.
    pub(super) negated: bool,
    /// The text names its column.
    pub(super) near: bool,
}

impl Condition {
    /// `call` is the sensor as a question calls it.
    pub(super) fn of_machine(&self, call: &str) -> String {
        let not = if self.negated { "not " } else { "" };
        format!("{not}{call}{}", self.machine)
    }

    pub(super) fn new(place: &str, op: Operator, value: &str, negated: bool) -> Self {
        let write = |op| format!("{place} {} {value}", operator_text(op));
        Self {
            row: write(if negated { op.opposite() } else { op }),
            machine: write(op),
            negated,
            near: false,
        }
    }
}

/// The condition on the column of a sensor that suits a value best; `None` when none does.
pub(super) fn condition(sensor: &Sensor, seed: &Seed, words: &[Token]) -> Option<Condition> {
    let own_name = stems(&sensor.name);
    let best = sensor
        .columns
        .iter()
        .enumerate()
        .filter_map(|(place, column)| {
            let fits = suits(column, seed)?;
            let names = stems(&column.name);
            // `port 22` names the column; in `kernel version below 6` the word before tells its type, and the one before
            // that its name.
            let kind = column.value_type.name().to_lowercase();
            let mut before = seed.before.iter();
            let (first, second) = (before.next(), before.next());
            let names_it = |word: Option<&String>| word.is_some_and(|b| names.contains(b));
            let by_type = first.is_some_and(|b| *b == kind) && names_it(second);
            let near = names_it(first) || by_type;
            // A word that names the sensor does not tell its columns apart, unless it is all of a column's name.
            let in_text = |name: &String| words.iter().any(|w| w.stem == *name);
            let said = names.iter().any(|n| in_text(n) && !own_name.contains(n))
                || (!names.is_empty() && names.iter().all(in_text));
            // A lone number says nothing about which column it is for.
            if seed.kind == Kind::Number && seed.op.is_none() && !near && !said {
                return None;
            }
            // Who asks about an address means the other end.
            let far = seed.is_address()
                && names.iter().any(|n| n == "remote")
                && !words.iter().any(|w| w.lower == "local");
            let rank = fits
                + if near { 4 } else { 0 }
                + if by_type { 3 } else { 0 }
                + if said { 2 } else { 0 }
                + i32::from(far);
            Some((rank, std::cmp::Reverse(place), column, near))
        })
        .max_by_key(|(rank, place, _, _)| (*rank, *place))?;
    let (_, _, column, near) = best;
    let op = match (seed.op, column.value_type) {
        (Some(op), _) => op,
        (None, ValueType::Text) => Operator::Contains,
        (None, _) => Operator::Equals,
    };
    let place = if sensor.columns.len() == 1 {
        String::new()
    } else {
        format!(":{}", column_text(&column.name))
    };
    Some(Condition {
        near,
        ..Condition::new(&place, op, &written(&seed.text), seed.negated)
    })
}

/// Conditions that words make by themselves: the name of a yes-or-no column (`privileged containers`), and a value that a
/// column's description lists (`stopped services`). With each, whether it is of the first kind.
pub(super) fn conditions_of_words(sensor: &Sensor, words: &[Token]) -> Vec<(Condition, bool)> {
    let named = |word: &Token| {
        let names = std::iter::once(&sensor.name).chain(&sensor.aliases);
        names.flat_map(|n| stems(n)).any(|n| n == word.stem)
            || sensor
                .columns
                .iter()
                .any(|c| c.value_type != ValueType::Boolean && stems(&c.name).contains(&word.stem))
    };
    let mut out = Vec::new();
    if sensor.columns.len() < 2 {
        return out;
    }
    // `containers running nginx`: the verb only leads to the name.
    let leads = |word: &Token| {
        words
            .iter()
            .any(|next| next.introduced && next.place == word.place + 1)
    };
    for word in words.iter().filter(|w| !w.quoted && !named(w) && !leads(w)) {
        let meant = sensor.columns.iter().find_map(|column| {
            let place = format!(":{}", column_text(&column.name));
            let equals =
                |value: &str| Condition::new(&place, Operator::Equals, value, word.negated);
            match column.value_type {
                ValueType::Boolean if stems(&column.name) == [word.stem.clone()] => {
                    Some((equals("True"), true))
                }
                ValueType::Text if listed(&column.description).any(|v| v == word.lower) => {
                    Some((equals(&written(&word.lower)), false))
                }
                _ => None,
            }
        });
        out.extend(meant);
    }
    out
}

/// The single words of a list of values in a description: `Running, stopped, or unknown for a script`.
pub(super) fn listed(description: &str) -> impl Iterator<Item = String> {
    let list = description.contains(", ") || description.contains("` or `");
    let text = if list { description } else { "" };
    let text = text.replace(" or ", ",").to_lowercase();
    let items: Vec<String> = text
        .split([',', ';', ':', '(', ')'])
        .map(|item| {
            item.trim()
                .trim_end_matches('.')
                .trim_matches('`')
                .to_owned()
        })
        .filter(|item| item.len() >= 3 && item.chars().all(char::is_alphabetic))
        .collect();
    items.into_iter()
}

/// How well a column's type suits a value; `None` when it cannot hold it.
fn suits(column: &Column, seed: &Seed) -> Option<i32> {
    let ordered = seed.op.is_some_and(|op| op != Operator::Equals);
    let reads = value::check_compared(&seed.text, column.value_type, ordered).is_ok();
    match (seed.kind, column.value_type) {
        // A digest of another algorithm is no value of this column.
        (Kind::Typed(ValueType::Hash), ValueType::Hash)
            if digits_by_name(column).is_some_and(|digits| digits != seed.text.len()) =>
        {
            None
        }
        (Kind::Typed(t), own) if own == t => reads.then_some(3),
        (Kind::Number, ValueType::Integer | ValueType::Decimal) => reads.then_some(3),
        (Kind::Number, ValueType::Version | ValueType::Duration | ValueType::DataSize) => {
            reads.then_some(1)
        }
        (_, ValueType::Text) if !ordered => Some(match column.name.to_lowercase() {
            n if seed.is_address() => {
                // An address may stand where a host does, but in no one's name.
                let hosts = ["address", "host", "remote", "server", "command", "content"];
                return hosts.iter().any(|word| n.contains(word)).then_some(1);
            }
            n if n.ends_with(" id") => 0,
            n if n.contains("path") || n.contains("file") || n.contains("command") => 2,
            // A path is not found in a name.
            _ if seed.is_path() => return None,
            n if n == "image"
                || n.contains("name")
                || n.contains("process")
                || n.contains("user") =>
            {
                2
            }
            _ => 1,
        }),
        (Kind::Word, ValueType::Boolean) => None,
        _ => None,
    }
}
