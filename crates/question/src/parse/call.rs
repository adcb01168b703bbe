//! Sensors with their parameters and options. Parameters bind to their own bracket, never to a neighbour's.

use super::{Parsed, Parser, Want};
use crate::ast::SensorCall;
use crate::catalogue::{Parameter, Sensor};
use crate::names::{nearest, normal};
use crate::print::name_text;
use crate::value;
use crate::words::quote;

/// Longest age an option may allow, in seconds: ten years.
const MOST_AGE: u64 = 315_360_000;

/// One value in a bracket, before it is bound.
struct Given {
    key: Option<(String, usize)>,
    text: String,
    start: usize,
    end: usize,
}

impl<'a> Parser<'a, '_> {
    /// A sensor's name at the next place.
    pub(super) fn sensor(&mut self) -> Parsed<&'a Sensor> {
        let at = self.here();
        self.last_name = Some(at);
        self.want(Want::Sensor);
        if self.scan.quote_at(at) {
            let (name, start, end) = self.quoted()?;
            return match self.names.sensor(&name) {
                Some(sensor) => Ok(sensor),
                None => Err(self.unknown_sensor(&name, start, end)),
            };
        }
        if let Some((end, sensor)) = self.names.sensor_at(self.scan.chars(), at) {
            self.scan.pos = end;
            return Ok(sensor);
        }
        let (name, end) = self.unresolved(at);
        if name.is_empty() {
            return self.fail("a sensor's name is missing here");
        }
        Err(self.unknown_sensor(&name, at, end))
    }

    fn unknown_sensor(&self, name: &str, start: usize, end: usize) -> crate::ParseError {
        let mut error = self.error(format!("no sensor is named `{name}`"), start, end);
        let names = self
            .catalogue
            .sensors()
            .iter()
            .flat_map(|s| std::iter::once(&s.name).chain(&s.aliases));
        error.nearest = nearest(name, names.map(String::as_str));
        error
    }

    /// A sensor with parameters and options.
    pub(super) fn call(&mut self) -> Parsed<(&'a Sensor, SensorCall)> {
        let start = self.here();
        let sensor = self.sensor()?;
        let end = self.scan.pos;
        let parameters = self.parameters(sensor, start, end)?;
        let (max_age, ignore_case) = self.sensor_options()?;
        let call = SensorCall {
            sensor: sensor.name.clone(),
            parameters,
            max_age,
            ignore_case,
        };
        Ok((sensor, call))
    }

    /// The bracket after a sensor's name, bound to its parameters, without the defaults at the end.
    pub(super) fn parameters(
        &mut self,
        sensor: &'a Sensor,
        start: usize,
        end: usize,
    ) -> Parsed<Vec<String>> {
        if !sensor.parameters.is_empty() {
            self.want(Want::Keyword("["));
        }
        let given = if self.scan.take('[') {
            self.bracket(sensor)?
        } else {
            Vec::new()
        };
        let mut bound: Vec<Option<String>> = vec![None; sensor.parameters.len()];
        for (place, given) in given.into_iter().enumerate() {
            self.bind(sensor, &mut bound, place, given)?;
        }
        let mut out = Vec::with_capacity(bound.len());
        for (value, parameter) in bound.into_iter().zip(&sensor.parameters) {
            match value.or_else(|| parameter.default.clone()) {
                Some(value) => out.push(value),
                None => {
                    let mut error = self.error(
                        format!(
                            "{} needs its parameter {}: {}",
                            sensor.name, parameter.key, parameter.description
                        ),
                        start,
                        end,
                    );
                    error.expected = vec![format!(
                        "{}[\"{}\"]",
                        name_text(&sensor.name),
                        parameter.key
                    )];
                    return Err(error);
                }
            }
        }
        Ok(sensor.without_defaults(out))
    }

    /// Values up to the closing bracket; the opening one is taken.
    fn bracket(&mut self, sensor: &'a Sensor) -> Parsed<Vec<Given>> {
        let opened = self.scan.pos.saturating_sub(1);
        let mut out: Vec<Given> = Vec::new();
        let first = self.here();
        if self.scan.at(first) == Some(']') {
            self.want(Want::Parameter(sensor, 0));
            self.scan.pos += 1;
            return Ok(out);
        }
        loop {
            let start = self.here();
            self.want_at(start, Want::Parameter(sensor, out.len()));
            let key = self.key_at(start, sensor)?;
            let value_at = self.here();
            let text = if self.scan.quote_at(value_at) {
                self.quoted()?.0
            } else {
                self.bare_parameter()
            };
            out.push(Given {
                key,
                text,
                start,
                end: self.scan.pos,
            });
            let next = self.here();
            match self.scan.at(next) {
                Some(',') => self.scan.pos += 1,
                Some(']') => {
                    self.scan.pos += 1;
                    return Ok(out);
                }
                Some(_) => {
                    self.want(Want::Keyword(","));
                    self.want(Want::Keyword("]"));
                    return self.fail("a value in brackets ends with `,` or `]`");
                }
                None => return Err(self.error("nothing closes this bracket", opened, next)),
            }
        }
    }

    /// `key=`, when that is a declared parameter's key, or when it can be nothing else since a quoted value follows.
    fn key_at(&mut self, start: usize, sensor: &Sensor) -> Parsed<Option<(String, usize)>> {
        let end = self.scan.word_end(start);
        let equals = self.scan.past_space(end);
        if end == start || self.scan.at(equals) != Some('=') {
            return Ok(None);
        }
        let key = self.scan.slice(start, end);
        let declared = sensor
            .parameters
            .iter()
            .position(|p| p.key.eq_ignore_ascii_case(&key));
        let value = self.scan.past_space(equals + 1);
        match declared {
            Some(place) => {
                self.scan.pos = value;
                Ok(Some((key, place)))
            }
            None if self.scan.quote_at(value) => {
                let mut error = self.error(
                    format!("{} has no parameter {key}", sensor.name),
                    start,
                    end,
                );
                error.expected = sensor.parameters.iter().map(|p| p.key.clone()).collect();
                error.nearest = nearest(&key, sensor.parameters.iter().map(|p| p.key.as_str()));
                Err(error)
            }
            None => Ok(None),
        }
    }

    /// A value without quotes: up to `,` or the bracket that closes, with brackets within in pairs.
    fn bare_parameter(&mut self) -> String {
        let start = self.scan.pos;
        let mut depth = 0_usize;
        let mut end = start;
        while let Some(c) = self.scan.peek() {
            match c {
                '[' => depth += 1,
                ']' if depth == 0 => break,
                ']' => depth -= 1,
                ',' if depth == 0 => break,
                _ => {}
            }
            self.scan.pos += 1;
            if !c.is_whitespace() {
                end = self.scan.pos;
            }
        }
        self.scan.slice(start, end)
    }

    fn bind(
        &self,
        sensor: &Sensor,
        bound: &mut [Option<String>],
        place: usize,
        given: Given,
    ) -> Parsed<()> {
        let place = given.key.as_ref().map_or(place, |(_, place)| *place);
        let (Some(parameter), Some(slot)) = (sensor.parameters.get(place), bound.get_mut(place))
        else {
            let message = match sensor.parameters.len() {
                0 => format!("{} takes no parameters", sensor.name),
                n => format!("{} takes only {n} parameter(s)", sensor.name),
            };
            let mut error = self.error(message, given.start, given.end);
            error.expected = vec!["]".into()];
            return Err(error);
        };
        if slot.is_some() {
            return Err(self.error(
                format!("{} is given twice", parameter.key),
                given.start,
                given.end,
            ));
        }
        // An empty value stands for the default.
        if given.text.is_empty() {
            return Ok(());
        }
        *slot = Some(self.checked(parameter, given)?);
        Ok(())
    }

    fn checked(&self, parameter: &Parameter, given: Given) -> Parsed<String> {
        if !parameter.allowed.is_empty() {
            // `sha-256` and `SHA256` are the same choice, as long as no other comes as near.
            let letters = |text: &str| -> String {
                normal(text)
                    .chars()
                    .filter(|c| c.is_alphanumeric())
                    .collect()
            };
            let wanted = normal(&given.text);
            let mut near = parameter
                .allowed
                .iter()
                .filter(|a| letters(a) == letters(&wanted));
            let found = match parameter.allowed.iter().find(|a| normal(a) == wanted) {
                Some(exact) => Some(exact),
                None => near
                    .next()
                    .filter(|n| near.next().is_none() && !letters(n).is_empty()),
            };
            if let Some(found) = found {
                return Ok(found.clone());
            }
            let mut error = self.error(
                format!("`{}` is not a value of {}", given.text, parameter.key),
                given.start,
                given.end,
            );
            error.expected = parameter.allowed.iter().map(|a| quote(a)).collect();
            error.nearest = nearest(&given.text, parameter.allowed.iter().map(String::as_str));
            return Err(error);
        }
        match value::parse_check(&given.text, parameter.value_type) {
            Ok(()) => Ok(value::canonical(&given.text, parameter.value_type)
                .map_or(given.text, str::to_owned)),
            Err(message) => Err(self.error(
                format!("{}: {message}", parameter.key),
                given.start,
                given.end,
            )),
        }
    }

    // ---- options: ?key=value&key=value ----

    /// Options after `Get`. Those that sensors have too are handed to every sensor without its own.
    pub(super) fn question_options(&mut self) -> Parsed<Vec<(String, String)>> {
        const KEYS: &[&str] = &["forceComputerIdFlag", "maxAge", "ignoreCase"];
        let mut out = Vec::new();
        for (key, value, start, end) in self.options(KEYS)? {
            match key {
                "maxAge" => self.max_age = Some(self.age(&value, start, end)?),
                "ignoreCase" => self.ignore_case = self.flag(&value, start, end)?,
                _ => {
                    let flag = self.flag(&value, start, end)?;
                    out.push((key.to_owned(), if flag { "1" } else { "0" }.to_owned()));
                }
            }
        }
        Ok(out)
    }

    fn sensor_options(&mut self) -> Parsed<(Option<u64>, bool)> {
        const KEYS: &[&str] = &["maxAge", "ignoreCase"];
        let (mut max_age, mut ignore_case) = (self.max_age, self.ignore_case);
        for (key, value, start, end) in self.options(KEYS)? {
            match key {
                "maxAge" => max_age = Some(self.age(&value, start, end)?),
                _ => ignore_case = self.flag(&value, start, end)?,
            }
        }
        Ok((max_age, ignore_case))
    }

    fn options(
        &mut self,
        keys: &'static [&'static str],
    ) -> Parsed<Vec<(&'static str, String, usize, usize)>> {
        let mut out: Vec<(&'static str, String, usize, usize)> = Vec::new();
        if !self.scan.take('?') {
            return Ok(out);
        }
        loop {
            let start = self.here();
            for key in keys {
                self.want_at(start, Want::Option(key));
            }
            let end = self.scan.word_end(start);
            let word = self.scan.slice(start, end);
            let Some(key) = keys.iter().find(|k| k.eq_ignore_ascii_case(&word)) else {
                let mut error = self.error(format!("there is no option `{word}`"), start, end);
                error.nearest = nearest(&word, keys.iter().copied());
                return Err(error);
            };
            if out.iter().any(|(k, ..)| k == key) {
                return Err(self.error(format!("{key} is given twice"), start, end));
            }
            self.scan.pos = end;
            if !self.scan.take('=') {
                self.want(Want::Keyword("="));
                return self.fail("an option has a value after `=`");
            }
            let value_at = self.here();
            let value_end = self.scan.word_end(value_at);
            out.push((
                key,
                self.scan.slice(value_at, value_end),
                value_at,
                value_end,
            ));
            self.scan.pos = value_end;
            // No blank before it: `&` may only continue the options.
            if self.scan.peek() != Some('&') {
                return Ok(out);
            }
            self.scan.pos += 1;
        }
    }

    fn age(&self, value: &str, start: usize, end: usize) -> Parsed<u64> {
        match value.parse::<u64>() {
            Ok(seconds) if seconds <= MOST_AGE => Ok(seconds),
            _ => {
                let mut error =
                    self.error(format!("`{value}` is not a number of seconds"), start, end);
                error.expected = vec![format!("a whole number up to {MOST_AGE}")];
                Err(error)
            }
        }
    }

    fn flag(&self, value: &str, start: usize, end: usize) -> Parsed<bool> {
        match value.to_ascii_lowercase().as_str() {
            "1" | "true" => Ok(true),
            "0" | "false" => Ok(false),
            _ => {
                let mut error = self.error(format!("`{value}` is neither 0 nor 1"), start, end);
                error.expected = vec!["0".into(), "1".into()];
                Err(error)
            }
        }
    }
}
