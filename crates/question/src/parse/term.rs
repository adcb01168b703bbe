//! Comparisons: column, type, operator, values.

use super::{MAX_PATTERNS, MAX_TERMS, Parsed, Parser, Want};
use crate::ast::{Operator, Quantifier, SensorCall, Term};
use crate::catalogue::{Column, Sensor, ValueType};
use crate::digest;
use crate::matcher::{effective_type, pattern};
use crate::names::{column_at, nearest};
use crate::print::{column_text, name_text};
use crate::value;
use crate::words::{breaks_value, ends_value, operator_at, type_at};

/// What values are compared with.
struct Against<'t> {
    sensor: &'t Sensor,
    call: &'t SensorCall,
    /// None for a whole row.
    column: Option<&'t Column>,
    op: Operator,
    value_type: ValueType,
}

impl Against<'_> {
    /// Whether a value can be a digest of the column, where digests are compared. What is no digest at all is for the
    /// check of the type to say.
    fn digest(&self, text: &str) -> Result<(), digest::Misfit> {
        match self.column {
            Some(column)
                if self.value_type == ValueType::Hash
                    && (self.op.is_textual()
                        || value::parse_check(text, ValueType::Hash).is_ok()) =>
            {
                digest::check(self.sensor, self.call, column, self.op, text)
            }
            _ => Ok(()),
        }
    }
}

/// The column of this name, or the only one.
fn named_column<'s>(sensor: &'s Sensor, name: Option<&str>) -> Option<&'s Column> {
    match (name, sensor.columns.as_slice()) {
        (Some(name), columns) => columns.get(sensor.column_index(name)?),
        (None, [only]) => Some(only),
        (None, _) => None,
    }
}

impl<'a> Parser<'a, '_> {
    /// `:Column` at the next place, when there is a colon.
    pub(super) fn column(&mut self, sensor: &'a Sensor) -> Parsed<Option<String>> {
        if !self.scan.take(':') {
            return Ok(None);
        }
        self.column_name(sensor).map(Some)
    }

    /// The name of a column at the next place.
    pub(super) fn column_name(&mut self, sensor: &'a Sensor) -> Parsed<String> {
        let at = self.here();
        self.want_at(at, Want::Column(sensor));
        let (name, start, end) = if self.scan.quote_at(at) {
            self.quoted()?
        } else if let Some((end, column)) = column_at(sensor, self.scan.chars(), at) {
            self.scan.pos = end;
            return Ok(column.name.clone());
        } else {
            let (name, end) = self.unresolved(at);
            (name, at, end)
        };
        if let Some(column) = sensor
            .column_index(&name)
            .and_then(|i| sensor.columns.get(i))
        {
            return Ok(column.name.clone());
        }
        let mut error = self.error(
            format!("{} has no column `{name}`", sensor.name),
            start,
            end.max(start),
        );
        error.nearest = nearest(&name, sensor.columns.iter().map(|c| c.name.as_str()));
        error.expected = sensor.columns.iter().map(|c| c.name.clone()).collect();
        Err(error)
    }

    /// `as Type op value matching case`, after the sensor and column. A type that a comparison before it gave holds
    /// until another is given.
    pub(super) fn comparison(
        &mut self,
        sensor: &'a Sensor,
        call: SensorCall,
        column: Option<String>,
        quantifier: Quantifier,
        type_before: Option<ValueType>,
    ) -> Parsed<Term> {
        self.count_term()?;
        let as_type = self.as_type()?.or(type_before);
        self.want_operator(sensor, column.as_deref(), as_type);
        let at = self.here();
        let Some((op, end)) = operator_at(&self.scan, at) else {
            return self.fail("a comparison is wanted here, such as `= value`");
        };
        let column = match column {
            // Text may be looked for in a whole row; but its joined cells equal nothing, and have no order.
            None if !op.is_textual() && sensor.columns.len() > 1 => match sensor.key_column() {
                Some(key) => Some(key.name.clone()),
                None => return Err(self.no_key(sensor, at, end)),
            },
            given => given,
        };
        self.scan.pos = end;
        let against = Against {
            sensor,
            call: &call,
            column: named_column(sensor, column.as_deref()),
            op,
            value_type: effective_type(sensor, column.as_deref(), as_type),
        };
        let values = if op.is_list() {
            self.list(&against)?
        } else {
            vec![self.value(&against, false)?]
        };
        let match_case = self.keyword("matching case");
        Ok(Term {
            quantifier,
            call,
            column,
            as_type,
            op,
            values,
            match_case,
        })
    }

    fn as_type(&mut self) -> Parsed<Option<ValueType>> {
        if !self.keyword("as") {
            return Ok(None);
        }
        self.want(Want::Type);
        let at = self.here();
        let Some((value_type, end)) = type_at(&self.scan, at) else {
            let end = self.scan.word_end(at);
            let mut error = self.error("`as` is followed by a type", at, end);
            error.expected = ValueType::ALL.iter().map(|t| t.name().to_owned()).collect();
            return Err(error);
        };
        self.scan.pos = end;
        Ok(Some(value_type))
    }

    /// Notes which operators may stand next: those of the column that is named or meant, or those that look for text.
    pub(super) fn want_operator(
        &mut self,
        sensor: &Sensor,
        column: Option<&str>,
        as_type: Option<ValueType>,
    ) {
        let compared = match column {
            Some(name) => named_column(sensor, Some(name)),
            None => sensor.key_column(),
        };
        self.want(Want::Operator(
            compared.map(|c| as_type.unwrap_or(c.value_type)),
        ));
    }

    /// A comparison of a whole row, of a sensor whose rows are not called by one of their cells.
    fn no_key(&self, sensor: &Sensor, start: usize, end: usize) -> crate::ParseError {
        let mut error = self.error(
            format!(
                "{} has several columns: name the one to compare",
                sensor.name
            ),
            start,
            end,
        );
        error.expected = sensor
            .columns
            .iter()
            .map(|c| format!("{}:{}", name_text(&sensor.name), column_text(&c.name)))
            .collect();
        error
    }

    fn count_term(&mut self) -> Parsed<()> {
        self.terms += 1;
        if self.terms > MAX_TERMS {
            return self.fail("the question compares too often once its groups are expanded");
        }
        Ok(())
    }

    /// `(value, …)`; one value may stand without parentheses.
    fn list(&mut self, against: &Against<'_>) -> Parsed<Vec<String>> {
        let opened = self.here();
        self.want(Want::Keyword("("));
        if !self.scan.take('(') {
            return Ok(vec![self.value(against, false)?]);
        }
        let mut out = Vec::new();
        loop {
            out.push(self.value(against, true)?);
            let next = self.here();
            match self.scan.at(next) {
                Some(',') => self.scan.pos += 1,
                Some(')') => {
                    self.scan.pos += 1;
                    return Ok(out);
                }
                None => return Err(self.error("nothing closes this list", opened, next)),
                Some(_) => {
                    self.want(Want::Keyword(","));
                    self.want(Want::Keyword(")"));
                    return self.fail("a value in a list ends with `,` or `)`");
                }
            }
        }
    }

    /// One value, checked against the type.
    fn value(&mut self, against: &Against<'_>, in_list: bool) -> Parsed<String> {
        let (op, value_type) = (against.op, against.value_type);
        let start = self.here();
        let shown = if op.is_textual() {
            ValueType::Text
        } else {
            value_type
        };
        self.want_at(start, Want::Value(shown));
        let text = if self.scan.quote_at(start) {
            self.quoted()?.0
        } else {
            self.bare_value(op, in_list)?
        };
        let end = self.scan.pos;
        if op.is_pattern() {
            self.patterns += 1;
            if self.patterns > MAX_PATTERNS {
                return Err(self.error(
                    format!("a question has at most {MAX_PATTERNS} regular expressions"),
                    start,
                    end,
                ));
            }
            if let Err(cause) = pattern(&text, true) {
                return Err(self.error(pattern_message(&cause), start, end));
            }
        }
        if let Err(misfit) = against.digest(&text) {
            let mut error = self.error(misfit.message, start, end);
            error.expected = misfit.instead;
            return Err(error);
        }
        if op.is_textual() {
            return Ok(text);
        }
        let ordered = !matches!(
            op,
            Operator::Equals | Operator::NotEquals | Operator::In | Operator::NotIn
        );
        if let Err(message) = value::check_compared(&text, value_type, ordered) {
            let mut error = self.error(message, start, end);
            error.expected = vec![format!("a value ({})", value_type.name())];
            return Err(error);
        }
        Ok(value::canonical(&text, value_type).map_or(text, str::to_owned))
    }

    /// A value without quotes: words up to one that continues the question, or a closing parenthesis. Words that look
    /// like the start of something else are an error rather than part of the value.
    fn bare_value(&mut self, op: Operator, in_list: bool) -> Parsed<String> {
        let start = self.scan.pos;
        let mut end = start;
        loop {
            let at = self.scan.past_space(end);
            let word_end = self.bare_word(at, op, in_list)?;
            if word_end == at {
                break;
            }
            // A word without brackets may be one of the language's.
            let word = if word_end - at <= 12 {
                self.scan.slice(at, word_end).to_lowercase()
            } else {
                String::new()
            };
            if ends_value(&word) {
                break;
            }
            if end > start && self.tail_begins(at, &word)? {
                break;
            }
            if end > start {
                self.want_tail(at);
                // Something of the language may stand after a value, so completion offers it here.
                for next in ["and", "or", "matching case", "from"] {
                    self.want_at(at, Want::Keyword(next));
                }
            }
            if breaks_value(&word) || (end > start && is_symbol(&word)) {
                self.scan.pos = at;
                return self.fail(
                    "put a value with this word into quotes, or join conditions by `and` or `or`",
                );
            }
            end = word_end;
        }
        if end == start {
            self.scan.pos = start;
            return self.fail("a value is missing here; a word of the language goes into quotes");
        }
        self.scan.pos = end;
        Ok(self.scan.slice(start, end))
    }

    /// End of the run of characters at `at` that no white space, closing parenthesis or comma of a list ends.
    fn bare_word(&mut self, at: usize, op: Operator, in_list: bool) -> Parsed<usize> {
        let mut depth = 0_usize;
        let mut pos = at;
        while let Some(c) = self.scan.at(pos) {
            match c {
                '\\' if op.is_pattern() => pos += 1,
                '(' => depth += 1,
                ')' if depth == 0 => break,
                ')' => depth -= 1,
                ',' if in_list && depth == 0 => break,
                '"' => {
                    self.scan.pos = pos;
                    return self.fail("a quote must enclose the whole value; within it, double it");
                }
                c if c.is_whitespace() && depth == 0 => break,
                _ => {}
            }
            pos += 1;
        }
        Ok(pos.min(self.scan.len()))
    }
}

fn is_symbol(word: &str) -> bool {
    matches!(
        word,
        "=" | "==" | "!=" | "<>" | "<" | ">" | "<=" | ">=" | "=<" | "=>"
    )
}

/// One line about a bad expression; the library draws its own pictures.
fn pattern_message(cause: &regex::Error) -> String {
    match cause {
        regex::Error::CompiledTooBig(_) => "the regular expression is too large".into(),
        other => {
            let text = other.to_string();
            let reason = text
                .lines()
                .rev()
                .find_map(|l| l.trim().strip_prefix("error:"))
                .unwrap_or("it cannot be read")
                .trim();
            format!("not a regular expression: {reason}")
        }
    }
}
