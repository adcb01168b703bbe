//! Conditions on the rows of a sensor: in the get clause, and after `having` in the from clause.

use super::{Parsed, Parser, Want};
use crate::ast::{Filter, Quantifier, SensorCall};
use crate::catalogue::Sensor;
use crate::names::{column_at, nearest};
use crate::words::operator_at;

/// What stands around conditions on rows, and so what an `and` or `or` after one may start instead of another.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Around {
    /// The get clause: the next sensor.
    Sensors,
    /// The filter on endpoints: its next condition.
    Endpoints,
    /// Parentheses: nothing else.
    Parentheses,
}

impl<'a> Parser<'a, '_> {
    /// What follows a sensor in the get clause, up to the next sensor or `from`.
    pub(super) fn row_conditions(
        &mut self,
        sensor: &'a Sensor,
        call: &SensorCall,
    ) -> Parsed<Option<Filter>> {
        let mut parts = Vec::new();
        while self.condition_starts(sensor) {
            parts.push(self.rows_any_of(sensor, call, Around::Sensors)?);
        }
        Ok(Filter::all_of(parts))
    }

    /// Whether a condition follows the sensor, or one condition another, without a word to join them.
    fn condition_starts(&mut self, sensor: &'a Sensor) -> bool {
        self.want(Want::Keyword("having"));
        self.want_operator(sensor, None, None);
        let at = self.here();
        self.scan.words_at(at, "having").is_some()
            || self.scan.words_at(at, "as").is_some()
            || self.scan.at(at) == Some(':')
            || operator_at(&self.scan, at).is_some()
    }

    pub(super) fn rows_any_of(
        &mut self,
        sensor: &'a Sensor,
        call: &SensorCall,
        around: Around,
    ) -> Parsed<Filter> {
        let mut parts = vec![self.rows_all_of(sensor, call, around)?];
        while self.joins("or", sensor, around) {
            parts.push(self.rows_all_of(sensor, call, around)?);
        }
        Filter::any_of(parts).map_or_else(|| self.fail("a condition is missing here"), Ok)
    }

    fn rows_all_of(
        &mut self,
        sensor: &'a Sensor,
        call: &SensorCall,
        around: Around,
    ) -> Parsed<Filter> {
        let mut parts = vec![self.rows_atom(sensor, call)?];
        while self.joins("and", sensor, around) {
            parts.push(self.rows_atom(sensor, call)?);
        }
        Filter::all_of(parts).map_or_else(|| self.fail("a condition is missing here"), Ok)
    }

    /// Takes the word when another condition on these rows follows it.
    fn joins(&mut self, word: &'static str, sensor: &Sensor, around: Around) -> bool {
        self.want(Want::Keyword(word));
        let at = self.here();
        let Some(after) = self.scan.words_at(at, word) else {
            return false;
        };
        let joins = match around {
            Around::Parentheses => true,
            // Nothing else in the get clause is joined by `or`.
            Around::Sensors => word == "or" || self.continues(sensor, after, around),
            Around::Endpoints => self.continues(sensor, after, around),
        };
        if joins {
            self.scan.pos = after;
        }
        joins
    }

    /// Whether what follows an `and` is another condition on these rows, not what stands around them.
    fn continues(&self, sensor: &Sensor, after: usize, around: Around) -> bool {
        let at = self.scan.past_space(after);
        let chars = self.scan.chars();
        if let Some((end, named)) = self.names.sensor_at(chars, at) {
            return std::ptr::eq(named, sensor)
                && self.scan.at(self.scan.past_space(end)) == Some(':');
        }
        if self.scan.at(at) == Some(':') {
            return true;
        }
        // A filter on endpoints has groups, `not`, parentheses and repeated comparisons of its own.
        if around == Around::Endpoints {
            return self.names.group_at(chars, at).is_none()
                && column_at(sensor, chars, at).is_some();
        }
        self.scan.words_at(at, "having").is_some()
            || self.scan.words_at(at, "not").is_some()
            || self.scan.at(at) == Some('(')
            || operator_at(&self.scan, at).is_some()
            || column_at(sensor, chars, at).is_some()
    }

    fn rows_atom(&mut self, sensor: &'a Sensor, call: &SensorCall) -> Parsed<Filter> {
        self.keyword("having");
        self.want(Want::Column(sensor));
        let at = self.here();
        let starts = self.names_column(sensor, at)
            || self.scan.quote_at(at)
            || self.names.sensor_at(self.scan.chars(), at).is_some()
            || self.compares_row(at);
        if !starts {
            self.want(Want::Keyword("("));
            if self.keyword("not") {
                self.deeper()?;
                let inner = self.rows_atom(sensor, call)?;
                self.nesting -= 1;
                return Ok(inner.negated());
            }
            if self.scan.take('(') {
                self.deeper()?;
                let inner = self.rows_any_of(sensor, call, Around::Parentheses)?;
                self.nesting -= 1;
                self.close(at)?;
                return Ok(inner);
            }
            self.keyword("any");
        }
        let column = self.row_column(sensor, call)?;
        let term = self.comparison(sensor, call.clone(), column, Quantifier::Any, None)?;
        Ok(Filter::Term(term))
    }

    /// What a condition is on: a column with or without the sensor's name before it, that name alone, or nothing.
    fn row_column(&mut self, sensor: &'a Sensor, call: &SensorCall) -> Parsed<Option<String>> {
        let at = self.here();
        if self.names_column(sensor, at) {
            return self.column_name(sensor).map(Some);
        }
        let names_sensor =
            self.scan.quote_at(at) || self.names.sensor_at(self.scan.chars(), at).is_some();
        if names_sensor || !self.compares_row(at) {
            self.same_sensor(sensor, call)?;
        }
        self.column(sensor)
    }

    /// Whether a comparison goes on at `at` without a name.
    fn compares_row(&self, at: usize) -> bool {
        operator_at(&self.scan, at).is_some()
            || self.scan.words_at(at, "as").is_some()
            || self.scan.at(at) == Some(':')
    }

    /// Whether a column of this sensor stands at `at`, without the sensor's name. That name itself, and longer names of
    /// other sensors, are no columns.
    fn names_column(&mut self, sensor: &Sensor, at: usize) -> bool {
        if self.scan.quote_at(at) {
            let before = self.scan.pos;
            self.scan.pos = at;
            let name = self.scan.quoted();
            self.scan.pos = before;
            return name.is_some_and(|name| {
                sensor.column_index(&name).is_some()
                    && !self
                        .names
                        .sensor(&name)
                        .is_some_and(|named| std::ptr::eq(named, sensor))
            });
        }
        let chars = self.scan.chars();
        let Some((end, _)) = column_at(sensor, chars, at) else {
            return false;
        };
        match self.names.sensor_at(chars, at) {
            Some((longer, named)) if std::ptr::eq(named, sensor) => end > longer,
            Some((longer, _)) => end >= longer,
            None => true,
        }
    }

    /// The sensor's name, again; with its parameters, if any, as before.
    fn same_sensor(&mut self, sensor: &'a Sensor, call: &SensorCall) -> Parsed<()> {
        let start = self.here();
        let named = match self.sensor() {
            Ok(named) => named,
            Err(mut error) => {
                // Here a column may stand as well.
                let name = self.scan.slice(error.start, error.end);
                if !name.contains(char::is_alphanumeric) {
                    error.message =
                        format!("a condition on the rows of {} is missing here", sensor.name);
                }
                let columns = sensor.columns.iter().map(|c| c.name.as_str());
                let near = nearest(name.trim_matches('"'), columns);
                if !near.is_empty() {
                    error.message = format!("{} has no column `{name}`", sensor.name);
                    error.nearest = near;
                }
                return Err(error);
            }
        };
        let end = self.scan.pos;
        let mut message = None;
        if std::ptr::eq(named, sensor) {
            let bracket = self.here();
            if self.scan.at(bracket) == Some('[')
                && self.parameters(sensor, start, end)? != call.parameters
            {
                message = Some(format!(
                    "these are other parameters than those of {} before",
                    sensor.name
                ));
            }
        } else {
            message = Some(format!(
                "a condition here is on the rows of {}; one on {} goes behind its own name or after `with`",
                sensor.name, named.name
            ));
        }
        match message {
            None => Ok(()),
            Some(message) => {
                let mut error = self.error(message, start, end);
                error.expected = vec![crate::print::name_text(&sensor.name)];
                Err(error)
            }
        }
    }
}
