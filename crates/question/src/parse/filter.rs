//! The filter of the from clause, and computer groups, which stand for their filters.

use super::rows::Around;
use super::{MAX_EXPANDED, Parsed, Parser, Want};
use crate::ParseError;
use crate::ast::{Filter, Having, Quantifier, SensorCall, Term};
use crate::catalogue::{Group, Sensor};
use crate::names::nearest;
use crate::scan::Scanner;
use crate::words::operator_at;

/// The last comparison of a filter: `… contains a or contains b` repeats its sensor and column.
type Last<'a> = Option<(&'a Sensor, Term)>;

impl<'a> Parser<'a, '_> {
    /// A filter over endpoints.
    pub(super) fn filter(&mut self) -> Parsed<Filter> {
        let mut last = None;
        self.any_of(&mut last)
    }

    fn any_of(&mut self, last: &mut Last<'a>) -> Parsed<Filter> {
        let first = self.all_of(last)?;
        let mut parts = vec![first];
        while self.keyword("or") {
            parts.push(self.all_of(last)?);
        }
        self.joined(Filter::any_of(parts))
    }

    fn all_of(&mut self, last: &mut Last<'a>) -> Parsed<Filter> {
        let first = self.atom(last)?;
        let mut parts = vec![first];
        while self.keyword("and") {
            parts.push(self.atom(last)?);
        }
        self.joined(Filter::all_of(parts))
    }

    fn joined(&mut self, filter: Option<Filter>) -> Parsed<Filter> {
        match filter {
            Some(filter) => Ok(filter),
            None => self.fail("a condition is missing here"),
        }
    }

    fn atom(&mut self, last: &mut Last<'a>) -> Parsed<Filter> {
        let at = self.here();
        let named = self.names.sensor_at(self.scan.chars(), at).is_some();
        if !named {
            self.want(Want::Keyword("("));
            // An operator spelled with `not` is one.
            if last.is_some() && operator_at(&self.scan, at).is_some() {
                return self.repeated(last);
            }
            if self.keyword("not") {
                self.deeper()?;
                let inner = self.atom(last)?;
                self.nesting -= 1;
                return Ok(inner.negated());
            }
            if self.scan.take('(') {
                self.deeper()?;
                let inner = self.any_of(last)?;
                self.nesting -= 1;
                self.close(at)?;
                return Ok(inner);
            }
        }
        if let Some(group) = self.group_atom(at)? {
            return Ok(group);
        }
        let quantifier = if named {
            Quantifier::Any
        } else if self.keyword("all") {
            Quantifier::All
        } else {
            self.keyword("any");
            Quantifier::Any
        };
        let (sensor, call) = self.call()?;
        if self.keyword("having") {
            return self.having(sensor, call, quantifier, last);
        }
        let column = self.column(sensor)?;
        let term = self.comparison(sensor, call, column.clone(), quantifier, None)?;
        // What was written is repeated: a column that was only meant by `=` is not meant by `contains`.
        *last = Some((
            sensor,
            Term {
                column,
                ..term.clone()
            },
        ));
        Ok(Filter::Term(term))
    }

    /// What one row meets; `having` is taken.
    fn having(
        &mut self,
        sensor: &'a Sensor,
        call: SensorCall,
        quantifier: Quantifier,
        last: &mut Last<'a>,
    ) -> Parsed<Filter> {
        let rows = self.rows_any_of(sensor, &call, Around::Endpoints)?;
        // A single comparison says the same without it, and may be repeated.
        if let Filter::Term(term) = rows {
            let term = Term { quantifier, ..term };
            *last = Some((sensor, term.clone()));
            return Ok(Filter::Term(term));
        }
        *last = None;
        Ok(Filter::Having(Having {
            quantifier,
            call,
            rows: Box::new(rows),
        }))
    }

    pub(super) fn close(&mut self, opened: usize) -> Parsed<()> {
        self.want(Want::Keyword(")"));
        if self.scan.take(')') {
            return Ok(());
        }
        let next = self.here();
        if next == self.scan.len() {
            let mut error = self.error("nothing closes this parenthesis", opened, next);
            error.expected = vec![")".into()];
            return Err(error);
        }
        self.fail("this does not continue the condition")
    }

    /// A comparison without sensor: that of the one before it.
    fn repeated(&mut self, last: &mut Last<'a>) -> Parsed<Filter> {
        let Some((sensor, before)) = last.clone() else {
            return self.fail("a sensor's name is missing here");
        };
        let term = self.comparison(
            sensor,
            before.call,
            before.column,
            before.quantifier,
            before.as_type,
        )?;
        Ok(Filter::Term(term))
    }

    /// A group's name, where no longer sensor name stands and no operator follows.
    fn group_atom(&mut self, at: usize) -> Parsed<Option<Filter>> {
        self.want(Want::Group);
        let found = if self.scan.quote_at(at) {
            let before = self.scan.pos;
            let (name, _, end) = self.quoted()?;
            self.scan.pos = before;
            match self.names.group(&name) {
                Some(group) if self.names.sensor(&name).is_none() => Some((end, group)),
                _ => None,
            }
        } else {
            let sensor_end = self
                .names
                .sensor_at(self.scan.chars(), at)
                .map_or(at, |(end, _)| end);
            self.names
                .group_at(self.scan.chars(), at)
                .filter(|(end, _)| *end > sensor_end)
        };
        match found {
            Some((end, group)) => {
                self.scan.pos = end;
                self.expand(group, at, end).map(Some)
            }
            None => Ok(None),
        }
    }

    /// A group's filter in its place. Errors within it are reported at the group's name.
    pub(super) fn expand(&mut self, group: &'a Group, start: usize, end: usize) -> Parsed<Filter> {
        let name = group.name.to_lowercase();
        if self.open_groups.contains(&name) {
            return Err(self.error(
                format!("the computer group {} is defined by itself", group.name),
                start,
                end,
            ));
        }
        self.deeper()?;
        self.expanded = self.expanded.saturating_add(group.filter.len());
        if self.expanded > MAX_EXPANDED {
            return Err(self.error(
                format!(
                    "with the computer group {} the question becomes too large",
                    group.name
                ),
                start,
                end,
            ));
        }
        let outer = std::mem::replace(&mut self.scan, Scanner::new(&group.filter));
        self.open_groups.push(name);
        self.named.insert(group.name.as_str());
        let options = (
            self.max_age.take(),
            std::mem::replace(&mut self.ignore_case, true),
        );
        let mut read = self.filter();
        if read.is_ok() && self.here() < self.scan.len() {
            read = self.fail("the filter should end here");
        }
        (self.max_age, self.ignore_case) = options;
        self.open_groups.pop();
        self.scan = outer;
        self.nesting -= 1;
        read.map_err(|inner| {
            let mut error = self.error(
                format!("computer group {}: {}", group.name, inner.message),
                start,
                end,
            );
            error.nearest = inner.nearest;
            error.expected = inner.expected;
            error
        })
    }

    pub(super) fn unknown_group(&self, name: &str, start: usize, end: usize) -> ParseError {
        let mut error = self.error(format!("no computer group is named `{name}`"), start, end);
        let groups = self.catalogue.groups().map(|g| g.name.as_str());
        error.nearest = nearest(name, std::iter::once("all machines").chain(groups));
        error
    }
}
