//! The tail: `by` columns, `on` so many machines.
//!
//! It stands at the very end, so a value without quotes before it ends where the rest of the text is a whole tail, and nowhere else:
//! `killed by signal` stays one value.

use super::{Parsed, Parser, Want};
use crate::ParseError;
use crate::ast::{Question, Select};
use crate::names::{end_of, nearest, normal};
use crate::scan::Scanner;
use crate::tail::{CountBound, Headings, Made, Tail, TailColumn};

/// Columns that one tail may name.
const MOST_COLUMNS: usize = 64;
/// Characters of a text that are looked through for a tail that a value may hide.
const MOST_LOOKED: usize = 1_000;

/// Words of values that are looked at whether a tail begins with them.
const MOST_LOOKS: usize = 32;

/// How a bound may be spelled before its number.
const BOUNDS: &[(&str, Made)] = &[
    ("fewer than", CountBound::Fewer),
    ("less than", CountBound::Fewer),
    ("at most", CountBound::AtMost),
    ("no more than", CountBound::AtMost),
    ("up to", CountBound::AtMost),
    ("at least", CountBound::AtLeast),
    ("no fewer than", CountBound::AtLeast),
    ("no less than", CountBound::AtLeast),
    ("more than", CountBound::More),
    ("greater than", CountBound::More),
    ("not exactly", CountBound::Not),
    ("exactly", CountBound::Exactly),
    ("only", CountBound::Exactly),
];
const SIGNS: &[(&str, Made)] = &[
    ("<=", CountBound::AtMost),
    (">=", CountBound::AtLeast),
    ("!=", CountBound::Not),
    ("<", CountBound::Fewer),
    (">", CountBound::More),
    ("=", CountBound::Exactly),
];
const MACHINES: [&str; 6] = [
    "machines",
    "machine",
    "computers",
    "computer",
    "endpoints",
    "endpoint",
];
const NUMBERS: [&str; 12] = [
    "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven",
    "twelve",
];
/// What completion offers.
pub(crate) const EXAMPLES: [&str; 5] = [
    "on fewer than 3 machines",
    "on exactly 1 machine",
    "on at most 2 machines",
    "on at least 5 machines",
    "on more than 10 machines",
];

/// Reads the columns to count by, as they stand after `by`.
///
/// # Errors
/// When one is no column of these tables, or of several of them.
pub fn parse_columns(text: &str, headings: &Headings) -> Result<Vec<TailColumn>, ParseError> {
    let scan = Scanner::new(text);
    let (columns, end) = columns_at(&scan, 0, headings)?;
    let end = scan.past_space(end);
    if end < scan.len() {
        return Err(wrong("the columns should end here", end, scan.len()));
    }
    Ok(columns)
}

/// Reads a tail alone, as [`Tail`] prints it.
///
/// # Errors
/// When it is none, or names what these tables have not.
pub fn parse_tail(text: &str, headings: &Headings) -> Result<Tail, ParseError> {
    let scan = Scanner::new(text);
    let (tail, end) = tail_at(&scan, scan.past_space(0), &|| headings.clone())?;
    let end = scan.past_space(end);
    if end < scan.len() {
        return Err(wrong("the tail should end here", end, scan.len()));
    }
    Ok(tail)
}

/// A text and the bound on the number of machines at its end, when it has one.
pub(crate) fn split_bound(text: &str) -> Option<(String, CountBound)> {
    let scan = Scanner::new(text);
    let from = scan.len().saturating_sub(MOST_LOOKED);
    (from..scan.len()).find_map(|at| {
        let apart = at > 0 && scan.at(at - 1).is_some_and(char::is_whitespace);
        let bound = if apart { bound_to_end(&scan, at) } else { None };
        bound.map(|bound| (scan.slice(0, at), bound))
    })
}

/// `on …` from `at` to the end of the text.
fn bound_to_end(scan: &Scanner, at: usize) -> Option<CountBound> {
    let after = scan.words_at(at, "on")?;
    let (bound, end) = bound_at(scan, after).ok()?;
    (scan.past_space(end) == scan.len()).then_some(bound)
}

/// The tail at `at`, which may be empty, and where it ends.
pub(super) fn tail_at(
    scan: &Scanner,
    at: usize,
    headings: &dyn Fn() -> Headings,
) -> Parsed<(Tail, usize)> {
    let (by, end) = by_at(scan, at, headings)?;
    let (count, end) = on_at(scan, end)?;
    Ok((Tail { by, count }, end))
}

/// The columns that machines are counted by.
fn by_at(
    scan: &Scanner,
    at: usize,
    headings: &dyn Fn() -> Headings,
) -> Parsed<(Vec<TailColumn>, usize)> {
    match scan.words_at(at, "by") {
        Some(after) => columns_at(scan, after, &headings()),
        None => Ok((Vec::new(), at)),
    }
}

/// On how many machines, behind what ends at `end`.
fn on_at(scan: &Scanner, end: usize) -> Parsed<(Option<CountBound>, usize)> {
    match scan.words_at(scan.past_space(end), "on") {
        Some(after) => bound_at(scan, after).map(|(bound, end)| (Some(bound), end)),
        None => Ok((None, end)),
    }
}

fn columns_at(scan: &Scanner, at: usize, headings: &Headings) -> Parsed<(Vec<TailColumn>, usize)> {
    let all = headings.all();
    let mut columns: Vec<TailColumn> = Vec::new();
    let mut at = scan.past_space(at);
    loop {
        let (column, end) = column_at(scan, at, headings, &all)?;
        if columns.contains(&column) {
            return Err(wrong(format!("{column} is named twice"), at, end));
        }
        columns.push(column);
        if columns.len() > MOST_COLUMNS {
            let message = format!("a tail names {MOST_COLUMNS} columns at most");
            return Err(wrong(message, at, end));
        }
        let next = scan.past_space(end);
        if scan.at(next) != Some(',') {
            return Ok((columns, end));
        }
        at = scan.past_space(next + 1);
    }
}

fn column_at(
    scan: &Scanner,
    at: usize,
    headings: &Headings,
    all: &[(usize, TailColumn)],
) -> Parsed<(TailColumn, usize)> {
    // (end, behind its table's heading, place in `all`), the longest alone.
    let mut found: Vec<(usize, bool, usize)> = Vec::new();
    for (place, (table, column)) in all.iter().enumerate() {
        let title = headings.tables.get(*table).map(|t| t.title.as_str());
        let behind_title = title
            .and_then(|title| part_at(scan, at, title))
            .map(|end| scan.past_space(end))
            .filter(|colon| scan.at(*colon) == Some(':'))
            .and_then(|colon| part_at(scan, scan.past_space(colon + 1), &column.column));
        let alone = part_at(scan, at, &column.column);
        let forms = [(behind_title, true), (alone, false)];
        found.extend(
            forms
                .iter()
                .filter_map(|(end, behind)| Some(((*end)?, *behind, place))),
        );
    }
    let longest = found.iter().map(|(end, ..)| *end).max();
    found.retain(|(end, ..)| Some(*end) == longest);
    let named = |(_, _, place): &(usize, bool, usize)| all.get(*place).map(|(_, column)| column);
    match found.as_slice() {
        [] => Err(unknown(scan, at, all)),
        // Tables with the same heading are meant together.
        [first, rest @ ..] if rest.is_empty() || found.iter().all(|(_, behind, _)| *behind) => {
            match named(first) {
                Some(column) => Ok((column.clone(), first.0)),
                None => Err(unknown(scan, at, all)),
            }
        }
        several => {
            let end = longest.unwrap_or(at);
            let message = format!(
                "several tables have a column `{}`: name the table too",
                scan.slice(at, end)
            );
            let mut error = wrong(message, at, end);
            for column in several.iter().filter_map(named) {
                let text = column.to_string();
                if !error.expected.contains(&text) {
                    error.expected.push(text);
                }
            }
            Err(error)
        }
    }
}

/// Where this name ends, when it stands at `at`, in quotes or without.
fn part_at(scan: &Scanner, at: usize, name: &str) -> Option<usize> {
    let folded = normal(name);
    if scan.quote_at(at) {
        let mut within = Scanner::new(&scan.slice(at, scan.len().min(at + MOST_LOOKED)));
        let text = within.quoted()?;
        return (normal(&text) == folded).then_some(at + within.pos);
    }
    let chars: Vec<char> = folded.chars().collect();
    if chars.is_empty() {
        return None;
    }
    end_of(&chars, scan.chars(), at)
}

fn unknown(scan: &Scanner, at: usize, all: &[(usize, TailColumn)]) -> ParseError {
    let mut end = at;
    while end < scan.len() && scan.at(end) != Some(',') && bound_to_end(scan, end).is_none() {
        end += 1;
        if end - at > 200 {
            break;
        }
    }
    let text = scan.slice(at, end);
    let name = text.trim_end();
    let end = at + name.chars().count();
    let message = if all.is_empty() {
        "this question only counts machines: there is no column to count by".to_owned()
    } else if name.is_empty() {
        "`by` is followed by a column of the answer".to_owned()
    } else {
        format!("the answer has no column `{name}`")
    };
    let mut error = wrong(message, at, end);
    for (_, column) in all {
        let text = column.to_string();
        if !error.expected.contains(&text) {
            error.expected.push(text);
        }
    }
    error.nearest = nearest(
        name.trim_matches('"'),
        error.expected.iter().map(String::as_str),
    );
    error
}

/// The bound after `on`, and where it ends.
fn bound_at(scan: &Scanner, at: usize) -> Parsed<(CountBound, usize)> {
    let start = scan.past_space(at);
    let none = || {
        let end = scan.word_end(start).max((start + 1).min(scan.len()));
        let message = "`on` is followed by how many machines gave a row";
        let mut error = wrong(message, start, end);
        error.expected = EXAMPLES
            .map(|e| e.trim_start_matches("on ").to_owned())
            .to_vec();
        error
    };
    let in_words = BOUNDS
        .iter()
        .filter_map(|(words, made)| Some((scan.words_at(start, words)?, *made)))
        .max_by_key(|(end, _)| *end);
    let in_signs = SIGNS.iter().find_map(|(sign, made)| {
        let end = start + sign.len();
        (scan.slice(start, end) == **sign).then_some((end, *made))
    });
    let (bound, end) = if let Some((end, made)) = in_words.or(in_signs) {
        let (number, end) = number_at(scan, end).ok_or_else(none)?;
        (made(number), end)
    } else {
        let between = scan.words_at(start, "between");
        let (least, end) = number_at(scan, between.unwrap_or(start)).ok_or_else(none)?;
        let next = scan.past_space(end);
        let joined = match between {
            Some(_) => scan.words_at(next, "and"),
            None => scan.words_at(next, "to"),
        };
        match (joined, between) {
            (Some(joined), _) => {
                let (most, end) = number_at(scan, joined).ok_or_else(none)?;
                (CountBound::Between(least, most), end)
            }
            (None, None) => (CountBound::Exactly(least), end),
            (None, Some(_)) => return Err(none()),
        }
    };
    let next = scan.past_space(end);
    let Some(end) = MACHINES.iter().find_map(|word| scan.words_at(next, word)) else {
        let mut error = wrong(
            "a bound on the count ends with `machines`",
            next,
            scan.word_end(next).max((next + 1).min(scan.len())),
        );
        error.expected = vec!["machines".into()];
        return Err(error);
    };
    let bound = bound
        .checked()
        .map_err(|message| wrong(message, start, end))?;
    Ok((bound, end))
}

fn number_at(scan: &Scanner, at: usize) -> Option<(u32, usize)> {
    let start = scan.past_space(at);
    let end = scan.word_end(start);
    let word = scan.slice(start, end.min(start + 16)).to_lowercase();
    let spelled = || {
        let place = NUMBERS.iter().position(|number| *number == word)?;
        u32::try_from(place + 1).ok()
    };
    let number = word.parse().ok().or_else(spelled)?;
    Some((number, end))
}

fn wrong(message: impl Into<String>, start: usize, end: usize) -> ParseError {
    ParseError {
        message: message.into(),
        start,
        end,
        expected: Vec::new(),
        nearest: Vec::new(),
    }
}

impl Parser<'_, '_> {
    /// What stands after the endpoints: a tail, or nothing.
    pub(super) fn tail(&mut self) -> Parsed<Tail> {
        let at = self.here();
        self.want_tail(at);
        let (by, end) = by_at(&self.scan, at, &|| self.headings())?;
        if !by.is_empty() {
            // Noted before the bound is read, which may be half typed.
            self.scan.pos = end;
            let next = self.scan.past_space(end);
            self.want_at(next, Want::Bound);
        }
        let (count, end) = on_at(&self.scan, end)?;
        self.scan.pos = end;
        Ok(Tail { by, count })
    }

    /// Notes that a tail may begin at this place.
    pub(super) fn want_tail(&mut self, at: usize) {
        if self.may_end {
            self.want_at(at, Want::By);
            self.want_at(at, Want::Bound);
        }
    }

    /// Whether the rest of the text, from a word of a value on, is the question's tail.
    ///
    /// # Errors
    /// When it would be one but for a column that the answer has not.
    pub(super) fn tail_begins(&mut self, at: usize, word: &str) -> Parsed<bool> {
        if !self.may_end || !self.open_groups.is_empty() || !matches!(word, "by" | "on") {
            return Ok(false);
        }
        self.want_tail(at);
        if word == "on" {
            return Ok(bound_to_end(&self.scan, at).is_some());
        }
        // Each look costs as much as the answer has columns.
        self.looked += 1;
        if self.looked > MOST_LOOKS {
            return self.fail("put a value with this word into quotes");
        }
        let headings = self.headings();
        match tail_at(&self.scan, at, &|| headings.clone()) {
            Ok((_, end)) => Ok(self.scan.past_space(end) == self.scan.len()),
            Err(error) if self.bound_follows(at) => Err(error),
            Err(_) => Ok(false),
        }
    }

    /// Whether the text ends with a bound that begins not far behind `at`.
    fn bound_follows(&self, at: usize) -> bool {
        let end = self.scan.len();
        end - at < MOST_LOOKED
            && (at..end).any(|place| {
                self.scan.at(place).is_some_and(char::is_whitespace)
                    && bound_to_end(&self.scan, place + 1).is_some()
            })
    }

    /// The headings of the answer. Only made where a `by` stands: a question may have very many columns.
    pub(super) fn headings(&self) -> Headings {
        let question = Question {
            selects: self.selects.clone(),
            filter: None,
            options: Vec::new(),
            tail: Tail::default(),
        };
        Headings::from(&crate::plan(&question, self.catalogue))
    }

    /// From here on the question may end, and a tail begin.
    pub(super) fn after_selects(&mut self, selects: &[Select]) {
        self.selects = selects.to_vec();
        self.may_end = true;
    }
}
