//! An answer as one reader sees it: the only way to read one.
//!
//! Somebody may see some endpoints and not others. For such a reader every count, row, state, problem and sum is made of the endpoints
//! that they see, as if the others had never been asked: a row that nobody else gave is not there, not even by its number. The
//! mask is part of the type that is read, so that no way of reading can forget it.

use crate::members::Members;
use crate::row::{self, PageRow};
use crate::spill::{Reader, Spill};
use crate::table::{Row, Table};
use crate::{Answer, AnswerError, Coverage, EndpointSet, State};
use std::borrow::Cow;
use std::collections::BTreeMap;

/// A [`crate::Problem`] with the endpoints that reported it.
pub type ProblemReport = (String, State, String, EndpointSet);

/// What changed since a version: what a watcher gets.
#[derive(Clone, Debug, PartialEq)]
pub struct Changes {
    /// Version to ask with next time.
    pub version: u64,
    /// For each table that changed: rows that are new or have another count, latest change first.
    pub tables: Vec<TableChanges>,
    /// Endpoints by state, now.
    pub coverage: BTreeMap<State, u64>,
    /// Rows cut by limits, now.
    pub rows_cut: u64,
    /// False when more rows changed than were asked for: the watcher takes a page instead of patching what it has.
    pub complete: bool,
}

/// Changed rows of one table.
#[derive(Clone, Debug, PartialEq)]
pub struct TableChanges {
    /// Its number.
    pub table: u32,
    /// Rows with their counts.
    pub rows: Vec<PageRow>,
}

/// An answer, and the endpoints that its reader sees.
#[derive(Clone, Copy, Debug)]
pub struct View<'a> {
    answer: &'a Answer,
    within: Option<&'a EndpointSet>,
}

impl Answer {
    /// As those see it who see every endpoint.
    #[must_use]
    pub fn whole(&self) -> View<'_> {
        View::new(self, None)
    }

    /// As those see it who see these endpoints only.
    #[must_use]
    pub fn seen_by<'a>(&'a self, within: Option<&'a EndpointSet>) -> View<'a> {
        View::new(self, within)
    }
}

impl<'a> View<'a> {
    fn new(answer: &'a Answer, within: Option<&'a EndpointSet>) -> Self {
        Self { answer, within }
    }

    /// Only what these say, of the endpoints that this view has; `None` for all that it has. Several looks among the same ones are of one
    /// moment, when these were the ones that had answered: rows only come with the endpoints that give them.
    #[must_use]
    pub fn among(self, these: Option<&'a EndpointSet>) -> Self {
        debug_assert!(
            these.is_none_or(|these| self.within.is_none_or(|all| these.0.is_subset(&all.0))),
            "a view never grows"
        );
        Self {
            within: these.or(self.within),
            ..self
        }
    }

    /// What became of every endpoint.
    #[must_use]
    pub fn coverage(&self) -> Cow<'a, Coverage> {
        match self.within {
            None => Cow::Borrowed(self.answer.coverage()),
            Some(within) => Cow::Owned(self.answer.coverage().within(within)),
        }
    }

    /// Grows with each change, also of what this reader does not see. Begins anew when an answer is restored.
    #[must_use]
    pub fn version(&self) -> u64 {
        self.answer.version()
    }

    /// A number that changes with each change that this reader sees, and with no other: what may be told of the version. Costs a pass
    /// over the rows for those who do not see every endpoint.
    #[must_use]
    pub fn told_version(&self) -> u64 {
        if self.within.is_none() {
            return self.version();
        }
        let states = self.coverage().counts().into_iter();
        let states = states.fold(0_u64, |sum, (state, count)| {
            sum.wrapping_add((state.rank() as u64 + 1).wrapping_mul(count))
        });
        let tables = self.answer.tables.iter();
        let counts = tables.flat_map(|table| table.rows_from(0).map(|(_, row)| self.count(row)));
        counts.fold(states, u64::wrapping_add)
    }

    /// Distinct rows in all tables together.
    #[must_use]
    pub fn rows(&self) -> u64 {
        if self.within.is_none() {
            return self.answer.rows();
        }
        let tables = self.answer.tables.iter();
        let rows = tables.map(|table| {
            let rows = table.rows_from(0);
            rows.filter(|(_, row)| self.count(row) > 0).count() as u64
        });
        rows.sum()
    }

    /// Tables of the plan.
    #[must_use]
    pub fn tables(&self) -> usize {
        self.answer.tables()
    }

    /// What went wrong, and where.
    #[must_use]
    pub fn problems(&self) -> Vec<ProblemReport> {
        let all = self.answer.problems.iter();
        let seen = all.map(|((sensor, state, message), set)| {
            let endpoints = match self.within {
                None => set.clone(),
                Some(within) => set & &within.0,
            };
            (
                sensor.clone(),
                *state,
                message.clone(),
                EndpointSet(endpoints),
            )
        });
        seen.filter(|(.., endpoints)| !endpoints.is_empty())
            .collect()
    }

    /// Rows that limits cut off on endpoints, as far as those can tell.
    #[must_use]
    pub fn rows_cut(&self) -> u64 {
        let all = self.answer.cut.iter();
        let seen = all.filter(|(ordinal, _)| self.sees(**ordinal));
        seen.fold(0, |sum, (_, rows)| sum.saturating_add(*rows))
    }

    /// Everything that changed after `since`; 0 gives all. A version that this answer has not reached (it was restored meanwhile) counts
    /// as 0.
    ///
    /// # Errors
    /// An unreadable spill file.
    pub fn changes(&self, since: u64) -> Result<Changes, AnswerError> {
        self.changes_at_most(since, usize::MAX)
    }

    /// As [`Self::changes`], but no more than `most` rows for each table, the latest.
    ///
    /// # Errors
    /// An unreadable spill file.
    pub fn changes_at_most(&self, since: u64, most: usize) -> Result<Changes, AnswerError> {
        let since = if since > self.version() { 0 } else { since };
        let mut reader = Reader::single(self.spill());
        let mut changes = Changes {
            version: self.version(),
            tables: Vec::new(),
            coverage: self.coverage().counts(),
            rows_cut: self.rows_cut(),
            complete: true,
        };
        for (number, table) in (0..).zip(&self.answer.tables) {
            let mut rows = Vec::new();
            for (id, row) in table.changed_since(since) {
                let count = self.count(row);
                // A row that is only being put back has nobody yet.
                if count == 0 {
                    continue;
                }
                if rows.len() == most {
                    changes.complete = false;
                    break;
                }
                rows.push(PageRow {
                    row: id,
                    cells: row::unpack(row.cells.read(&mut reader)?),
                    count,
                    endpoints: Vec::new(),
                });
            }
            if !rows.is_empty() {
                changes.tables.push(TableChanges {
                    table: number,
                    rows,
                });
            }
        }
        Ok(changes)
    }

    fn sees(&self, ordinal: crate::Ordinal) -> bool {
        self.within.is_none_or(|within| within.contains(ordinal))
    }

    /// The endpoints that are seen; `None` for all.
    pub(crate) fn within(&self) -> Option<&'a EndpointSet> {
        self.within
    }

    /// Those of them that are in this set too.
    pub(crate) fn within_also<'b>(
        &self,
        set: Option<&'b EndpointSet>,
    ) -> Option<Cow<'b, EndpointSet>>
    where
        'a: 'b,
    {
        match (self.within, set) {
            (None, set) => set.map(Cow::Borrowed),
            (Some(within), None) => Some(Cow::Borrowed(within)),
            (Some(within), Some(set)) => Some(Cow::Owned(within.intersect(set))),
        }
    }

    pub(crate) fn spill(&self) -> Option<&'a Spill> {
        self.answer.spill.as_ref()
    }

    pub(crate) fn table(&self, table: u32) -> Result<&'a Table, AnswerError> {
        self.answer.table(table)
    }

    /// How many of those that are seen gave this row.
    pub(crate) fn count(&self, row: &Row) -> u64 {
        row.members.count(self.within)
    }

    /// A row that somebody gave who is seen.
    pub(crate) fn held(&self, table: u32, row: u32) -> Result<&'a Row, AnswerError> {
        let found = self.table(table)?.get(row);
        found
            .filter(|found| self.within.is_none() || self.count(found) > 0)
            .ok_or(AnswerError::UnknownRow { table, row })
    }

    pub(crate) fn members(&self, table: u32, row: u32) -> Result<&'a Members, AnswerError> {
        Ok(&self.held(table, row)?.members)
    }
}
