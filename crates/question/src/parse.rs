//! Recursive descent from text to tree, names resolved on the way.
//!
//! ```text
//! question  = "get" [options] ( "number of machines" | select { "and" select } )
//!             "from" ( "all machines" | "machines" | GROUP ) [ "with" filter ] [ tail ]
//! tail      = [ "by" column { "," column } ] [ "on" bound "machines" ]
//! select    = call [ rows ]
//! call      = SENSOR [ "[" parameter { "," parameter } "]" ] [ options ]
//! rows      = { "having" condition | comparison }, joined by and/or      (conditions on the rows of this sensor)
//! condition = [ "not" ] ( "(" rows ")" | ( SENSOR [ ":" COLUMN ] | [ ":" ] COLUMN ) comparison )
//! filter    = any of { all of { [ "not" ] ( "(" filter ")" | GROUP | term ) } }
//! term      = [ "any" | "all" ] call ( [ ":" COLUMN ] comparison | "having" condition )
//! comparison = [ "as" TYPE ] operator value [ "matching case" ]
//! ```
//!
//! **`and` in the get clause** either starts the next sensor or another condition on the rows of the last one. It
//! continues the conditions when what follows is `having`, `not`, `(`, an operator, or the same sensor with a column
//! (`Sensor:Column`); a sensor's name always wins over an operator that is spelled like its start (`Is Linux`). `or`
//! always continues. After `having` in the from clause, `and` and `or` continue the row's conditions when a column follows,
//! with or without this sensor's name before it. Canonical form puts several conditions into parentheses, where there is no doubt.
//!
//! Modules: `call` (sensors, parameters, options), `term` (comparisons and values), `filter` (from clause), `rows` (get
//! clause), `tail` (how the answer is shown). Depth is bounded, each character is looked at a bounded number of times, and nothing here panics.

mod call;
mod filter;
mod rows;
mod tail;
mod term;

use crate::MAX_CHARACTERS;
use crate::ast::{Filter, Question, Select};
use crate::catalogue::{Catalogue, Sensor, ValueType};
use crate::error::ParseError;
use crate::names::{Names, nearest, normal};
use crate::scan::Scanner;
use crate::tail::TailColumn;
use std::collections::BTreeSet;

pub(crate) use tail::{EXAMPLES, split_bound};
pub use tail::{parse_columns, parse_tail};

/// Parentheses, negations and groups within each other.
const MAX_NESTING: usize = 128;
/// Levels of the finished tree. Canonical text never nests deeper than its tree, so it always parses again; and as
/// JSON, with two levels for each, the tree stays within what readers of JSON accept (often 128).
const MAX_DEPTH: usize = 48;
/// Comparisons, once groups are expanded; more would not fit the canonical text.
const MAX_TERMS: usize = 8_000;
/// Regular expressions; compiling them is by far the dearest part of parsing.
const MAX_PATTERNS: usize = 100;
/// Columns of the answer that completion offers.
const MOST_COLUMNS: usize = 100;
/// Bytes of group filters that one question may read.
const MAX_EXPANDED: usize = 1 << 20;

/// What may stand at a place: for the list of what was expected, and for completion.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Want<'a> {
    Keyword(&'static str),
    Sensor,
    Group,
    Column(&'a Sensor),
    /// An operator for this type; for a whole row, which has none, one that looks for text.
    Operator(Option<ValueType>),
    /// Value of a comparison: its type, the sensor, and the column.
    Value(ValueType),
    Parameter(&'a Sensor, usize),
    Type,
    Option(&'static str),
    /// `by` and a column of the answer.
    By,
    /// `on` so many machines.
    Bound,
}

impl Want<'_> {
    fn describe(&self) -> String {
        match self {
            Self::Keyword("get") => "Get".into(),
            Self::Keyword(word) => (*word).into(),
            Self::Sensor => "a sensor".into(),
            Self::Group => "a computer group".into(),
            Self::Column(s) => format!("a column of {}", s.name),
            Self::Operator(_) => "an operator".into(),
            Self::Value(t) => format!("a value ({})", t.name()),
            Self::Parameter(s, i) => match s.parameters.get(*i) {
                Some(p) => format!("a value for {}", p.key),
                None => "]".into(),
            },
            Self::Type => "a type".into(),
            Self::Option(key) => (*key).into(),
            Self::By => "by".into(),
            Self::Bound => "on".into(),
        }
    }
}

type Parsed<T> = Result<T, ParseError>;

/// Parses a question and resolves its names.
///
/// # Errors
/// When the text is not a question: what is wrong, where, what was expected and which names come near.
pub fn parse(text: &str, catalogue: &Catalogue) -> Result<Question, ParseError> {
    let names = Names::new(catalogue);
    Parser::new(text, catalogue, &names, false)?.question()
}

/// Parses many questions against one catalogue, whose names are put in order once.
pub fn parse_all<'t>(
    texts: impl Iterator<Item = &'t str>,
    catalogue: &Catalogue,
) -> Vec<Result<Question, ParseError>> {
    let names = Names::new(catalogue);
    texts
        .map(|text| Parser::new(text, catalogue, &names, false)?.question())
        .collect()
}

/// The computer groups that a question names, by their own names, also those inside other groups. None for a text that is no question.
#[must_use]
pub fn groups_named(text: &str, catalogue: &Catalogue) -> Vec<String> {
    let names = Names::new(catalogue);
    let Ok(mut parser) = Parser::new(text, catalogue, &names, false) else {
        return Vec::new();
    };
    if parser.question().is_err() {
        return Vec::new();
    }
    parser.named.into_iter().map(str::to_owned).collect()
}

/// What a parser wanted at each place of a text, up to where it stopped, and the columns of the answer when a tail was among it; for
/// completion.
pub(crate) fn wants<'a>(
    text: &str,
    catalogue: &'a Catalogue,
    names: &Names<'a>,
) -> (Vec<(usize, Want<'a>)>, Vec<TailColumn>) {
    match Parser::new(text, catalogue, names, true) {
        Ok(mut parser) => {
            // Only what was wanted on the way matters, not how it ended.
            let _ended = parser.question();
            let mut columns = Vec::new();
            if parser.wants.iter().any(|(_, want)| *want == Want::By) {
                for (_, column) in parser.headings().all() {
                    if !columns.contains(&column) && columns.len() < MOST_COLUMNS {
                        columns.push(column);
                    }
                }
            }
            (parser.wants, columns)
        }
        Err(_) => (Vec::new(), Vec::new()),
    }
}

pub(crate) struct Parser<'a, 'n> {
    catalogue: &'a Catalogue,
    names: &'n Names<'a>,
    scan: Scanner,
    wants: Vec<(usize, Want<'a>)>,
    /// Keep what was wanted at earlier places.
    keep_wants: bool,
    nesting: usize,
    terms: usize,
    patterns: usize,
    /// Bytes of group filters read.
    expanded: usize,
    /// Where the last sensor's name began.
    last_name: Option<usize>,
    /// Groups being expanded, outermost first.
    open_groups: Vec<String>,
    /// Names of all groups that were expanded.
    named: BTreeSet<&'a str>,
    /// Options after `Get?` that hold for every sensor without its own.
    max_age: Option<u64>,
    ignore_case: bool,
    /// What is asked, once it is read.
    selects: Vec<Select>,
    /// Whether what comes now may be the last of the question.
    may_end: bool,
    /// How often it was looked for a tail within a value.
    looked: usize,
}

impl<'a, 'n> Parser<'a, 'n> {
    fn new(
        text: &str,
        catalogue: &'a Catalogue,
        names: &'n Names<'a>,
        keep_wants: bool,
    ) -> Parsed<Self> {
        // Bytes bound characters from above, so a huge text is refused before it is copied.
        if text.len() > MAX_CHARACTERS && text.chars().nth(MAX_CHARACTERS).is_some() {
            return Err(ParseError {
                message: format!("the question is longer than {MAX_CHARACTERS} characters"),
                start: MAX_CHARACTERS,
                end: MAX_CHARACTERS + 1,
                expected: Vec::new(),
                nearest: Vec::new(),
            });
        }
        Ok(Self {
            catalogue,
            names,
            scan: Scanner::new(text),
            wants: Vec::new(),
            keep_wants,
            nesting: 0,
            terms: 0,
            patterns: 0,
            expanded: 0,
            last_name: None,
            open_groups: Vec::new(),
            named: BTreeSet::new(),
            max_age: None,
            ignore_case: true,
            selects: Vec::new(),
            may_end: false,
            looked: 0,
        })
    }

    fn question(&mut self) -> Parsed<Question> {
        if !self.keyword("get") {
            return self.fail("a question starts with `Get`");
        }
        let options = self.question_options()?;
        let counting = self.keyword("number of machines");
        let selects = if counting {
            Vec::new()
        } else {
            self.selects()?
        };
        self.after_selects(&selects);
        let filter = self.endpoints_clause(counting)?;
        let tail = self.tail()?;
        self.scan.skip_space();
        if self.scan.pos < self.scan.len() {
            let having = self.scan.words_at(self.scan.pos, "having").is_some();
            return self.fail(if having {
                "`having` is said of a sensor: before `from`, as in `Get SENSOR having COLUMN = value from …`, or in a filter, as in \
                 `… with SENSOR having COLUMN = value`"
            } else {
                "the question should end here"
            });
        }
        let question = Question {
            selects,
            filter,
            options,
            tail,
        };
        self.check_size(&question)?;
        Ok(question)
    }

    fn selects(&mut self) -> Parsed<Vec<Select>> {
        let mut selects = Vec::new();
        loop {
            self.want_keyword_if(selects.is_empty(), "number of machines");
            let (sensor, call) = self.call()?;
            let rows = self.row_conditions(sensor, &call)?;
            selects.push(Select { call, rows });
            if !self.keyword("and") {
                return Ok(selects);
            }
        }
    }

    /// From `from` to the end of the filter.
    fn endpoints_clause(&mut self, counting: bool) -> Parsed<Option<Filter>> {
        if !self.keyword("from") {
            // `Get number of machines with …` and `Get number of machines` say the same without it.
            self.scan.skip_space();
            if counting && self.scan.pos == self.scan.len() {
                return Ok(None);
            }
            if counting && self.with() {
                return self.filter().map(Some);
            }
            return Err(self.no_from());
        }
        let at = self.here();
        let machines = [
            "all machines",
            "all computers",
            "all endpoints",
            "machines",
            "computers",
            "endpoints",
        ]
        .iter()
        .find_map(|words| self.scan.words_at(at, words));
        self.want(Want::Keyword("all machines"));
        self.want(Want::Group);
        let group = match self.names.group_at(self.scan.chars(), at) {
            Some((end, group)) if machines.is_none_or(|m| end > m) => Some((end, group)),
            _ => None,
        };
        let from_group = if let Some((end, group)) = group {
            self.scan.pos = end;
            Some(self.expand(group, at, end)?)
        } else if let Some(end) = machines {
            self.scan.pos = end;
            None
        } else if self.scan.quote_at(at) {
            let (name, start, end) = self.quoted()?;
            let Some(group) = self.names.group(&name) else {
                return Err(self.unknown_group(&name, start, end));
            };
            Some(self.expand(group, start, end)?)
        } else {
            let (name, end) = self.unresolved(at);
            if name.is_empty() {
                return self.fail("`from` is followed by `all machines` or a computer group");
            }
            return Err(self.unknown_group(&name, at, end));
        };
        let with = if self.with() {
            Some(self.filter()?)
        } else {
            None
        };
        Ok(Filter::all_of(from_group.into_iter().chain(with).collect()))
    }

    /// `with`, for which `where` may stand.
    fn with(&mut self) -> bool {
        if self.keyword("with") {
            return true;
        }
        let at = self.here();
        let end = self.scan.words_at(at, "where");
        if let Some(end) = end {
            self.scan.pos = end;
        }
        end.is_some()
    }

    /// What stands here is neither a condition nor the next sensor. Perhaps it was meant to be part of the name before.
    fn no_from(&mut self) -> ParseError {
        let at = self.here();
        let end = match self.scan.word_end(at) {
            end if end > at => end,
            end => (end + 1).min(self.scan.len()),
        };
        let comma = self.scan.at(at) == Some(',');
        let message = if comma {
            "sensors are joined by `and`, not by commas"
        } else {
            "the question needs `from all machines` here"
        };
        let mut error = self.error(message, at, end);
        if let Some(start) = self.last_name.filter(|start| end > at && at - start < 200) {
            // The name and up to three words after it.
            let mut until = end;
            for _ in 0..2 {
                let next = self.scan.past_space(until);
                if self.scan.words_at(next, "from").is_some() {
                    break;
                }
                until = self.scan.word_end(next).max(until);
            }
            let before = self.scan.slice(start, at);
            let names = self.catalogue.sensors().iter().map(|s| s.name.as_str());
            error.nearest = nearest(&self.scan.slice(start, until), names);
            error.nearest.retain(|n| normal(n) != normal(&before));
        }
        error
    }

    /// Bounds that keep the canonical text parseable.
    fn check_size(&self, question: &Question) -> Parsed<()> {
        let deepest = question
            .selects
            .iter()
            .filter_map(|s| s.rows.as_ref())
            .chain(&question.filter)
            .map(Filter::depth)
            .max()
            .unwrap_or(0);
        let message = if deepest > MAX_DEPTH {
            format!("conditions are nested in more than {MAX_DEPTH} levels")
        } else if question.to_string().chars().count() > MAX_CHARACTERS {
            format!("written out in full, the question is longer than {MAX_CHARACTERS} characters")
        } else {
            return Ok(());
        };
        Err(ParseError {
            message,
            start: 0,
            end: self.scan.len(),
            expected: Vec::new(),
            nearest: Vec::new(),
        })
    }

    // ---- small helpers, used by all modules ----

    /// The place after white space.
    fn here(&mut self) -> usize {
        self.scan.skip_space();
        self.scan.pos
    }

    /// Notes what may stand at the next place.
    fn want(&mut self, want: Want<'a>) {
        let at = self.scan.past_space(self.scan.pos);
        self.want_at(at, want);
    }

    fn want_at(&mut self, at: usize, want: Want<'a>) {
        // Within a group's text, places mean nothing outside.
        if !self.open_groups.is_empty() {
            return;
        }
        if !self.keep_wants {
            self.wants.retain(|(place, _)| *place >= at);
        }
        if self.wants.len() < 4 * MAX_CHARACTERS
            && !self.wants.iter().rev().take(16).any(|w| *w == (at, want))
        {
            self.wants.push((at, want));
        }
    }

    fn want_keyword_if(&mut self, wanted: bool, word: &'static str) {
        if wanted {
            self.want(Want::Keyword(word));
        }
    }

    /// Takes these words when they stand next.
    fn keyword(&mut self, words: &'static str) -> bool {
        self.want(Want::Keyword(words));
        let at = self.scan.past_space(self.scan.pos);
        match self.scan.words_at(at, words) {
            Some(end) => {
                self.scan.pos = end;
                true
            }
            None => false,
        }
    }

    /// An error at the next place, over the word or character that stands there.
    fn fail<T>(&mut self, message: &str) -> Parsed<T> {
        let start = self.here();
        let end = match self.scan.word_end(start) {
            end if end > start => end,
            end => (end + 1).min(self.scan.len().max(start)),
        };
        Err(self.error(message, start, end))
    }

    /// An error at a place, with what was wanted there.
    fn error(&self, message: impl Into<String>, start: usize, end: usize) -> ParseError {
        let mut expected: Vec<String> = Vec::new();
        for (_, want) in self.wants.iter().filter(|(at, _)| *at == start) {
            let text = want.describe();
            if !expected.contains(&text) {
                expected.push(text);
            }
        }
        ParseError {
            message: message.into(),
            start,
            end,
            expected,
            nearest: Vec::new(),
        }
    }

    /// The quoted string at the next place, and where it stands.
    fn quoted(&mut self) -> Parsed<(String, usize, usize)> {
        let start = self.here();
        match self.scan.quoted() {
            Some(text) => Ok((text, start, self.scan.pos)),
            None => Err(self.error("nothing closes this quote", start, self.scan.len())),
        }
    }

    /// One level deeper; the caller counts `nesting` down again.
    fn deeper(&mut self) -> Parsed<()> {
        self.nesting += 1;
        if self.nesting > MAX_NESTING {
            return self.fail("this is nested too deeply");
        }
        Ok(())
    }

    /// Words at `at` that look like a name, up to one that cannot be part of it.
    fn unresolved(&self, at: usize) -> (String, usize) {
        let mut end = at;
        let mut next = at;
        loop {
            let word_end = self.scan.word_end(next);
            if word_end == next {
                break;
            }
            let word = self.scan.slice(next, word_end).to_lowercase();
            if end > at && self.may_end && matches!(word.as_str(), "by" | "on") {
                let tail = tail::tail_at(&self.scan, next, &|| self.headings());
                if tail.is_ok_and(|(_, last)| self.scan.past_space(last) == self.scan.len()) {
                    break;
                }
            }
            // `Is Linx` is a name, though `is` is an operator elsewhere.
            let stops = crate::words::ends_value(&word)
                || crate::words::breaks_value(&word)
                || (end > at && crate::words::operator_at(&self.scan, next).is_some());
            if stops || word_end - at > 200 {
                break;
            }
            end = word_end;
            next = self.scan.past_space(end);
        }
        (self.scan.slice(at, end), end)
    }
}
