//! Conditions on the rows of a sensor in the get clause.

use super::{Parsed, Parser, Want};
use crate::ast::{Filter, Quantifier, SensorCall};
use crate::catalogue::Sensor;
use crate::words::operator_at;

impl<'a> Parser<'a, '_> {
    /// What follows a sensor in the get clause, up to the next sensor or `from`.
    pub(super) fn row_conditions(
        &mut self,
        sensor: &'a Sensor,
        call: &SensorCall,
    ) -> Parsed<Option<Filter>> {
        let mut parts = Vec::new();
        while self.condition_starts(sensor) {
            parts.push(self.rows_any_of(sensor, call, false)?);
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

    fn rows_any_of(
        &mut self,
        sensor: &'a Sensor,
        call: &SensorCall,
        inside: bool,
    ) -> Parsed<Filter> {
        let mut parts = vec![self.rows_all_of(sensor, call, inside)?];
        while self.keyword("or") {
            parts.push(self.rows_all_of(sensor, call, inside)?);
        }
        Filter::any_of(parts).map_or_else(|| self.fail("a condition is missing here"), Ok)
    }

    fn rows_all_of(
        &mut self,
        sensor: &'a Sensor,
        call: &SensorCall,
        inside: bool,
    ) -> Parsed<Filter> {
        let mut parts = vec![self.rows_atom(sensor, call)?];
        loop {
            self.want(Want::Keyword("and"));
            let at = self.here();
            let Some(after) = self.scan.words_at(at, "and") else {
                break;
            };
            if !inside && !self.continues(sensor, after) {
                break;
            }
            self.scan.pos = after;
            parts.push(self.rows_atom(sensor, call)?);
        }
        Filter::all_of(parts).map_or_else(|| self.fail("a condition is missing here"), Ok)
    }

    /// Whether what follows an `and` is another condition on these rows, not the next sensor.
    fn continues(&self, sensor: &Sensor, after: usize) -> bool {
        let at = self.scan.past_space(after);
        if let Some((end, named)) = self.names.sensor_at(self.scan.chars(), at) {
            return std::ptr::eq(named, sensor)
                && self.scan.at(self.scan.past_space(end)) == Some(':');
        }
        self.scan.words_at(at, "having").is_some()
            || self.scan.words_at(at, "not").is_some()
            || self.scan.at(at) == Some('(')
            || operator_at(&self.scan, at).is_some()
    }

    fn rows_atom(&mut self, sensor: &'a Sensor, call: &SensorCall) -> Parsed<Filter> {
        self.keyword("having");
        let at = self.here();
        let names_sensor =
            self.scan.quote_at(at) || self.names.sensor_at(self.scan.chars(), at).is_some();
        let bare = operator_at(&self.scan, at).is_some()
            || self.scan.words_at(at, "as").is_some()
            || self.scan.at(at) == Some(':');
        if !names_sensor && !bare {
            self.want(Want::Keyword("("));
            if self.keyword("not") {
                self.deeper()?;
                let inner = self.rows_atom(sensor, call)?;
                self.nesting -= 1;
                return Ok(inner.negated());
            }
            if self.scan.take('(') {
                self.deeper()?;
                let inner = self.rows_any_of(sensor, call, true)?;
                self.nesting -= 1;
                self.close(at)?;
                return Ok(inner);
            }
            self.keyword("any");
        }
        if names_sensor || !bare {
            self.same_sensor(sensor, call)?;
        }
        let column = self.column(sensor)?;
        let term = self.comparison(sensor, call.clone(), column, Quantifier::Any, None)?;
        Ok(Filter::Term(term))
    }

    /// The sensor's name, again; with its parameters, if any, as before.
    fn same_sensor(&mut self, sensor: &'a Sensor, call: &SensorCall) -> Parsed<()> {
        let start = self.here();
        let named = self.sensor()?;
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
