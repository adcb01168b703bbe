//! The answer itself: contributions in, differences out.
//!
//! `add` either takes a whole contribution or, when it fails, nothing of it: room is made on disk before the first row is touched. What
//! it reports as new is exactly what a store has to write. If that write fails, drop the answer and restore it from the store; the same
//! contribution added again then reports the same news.

use crate::row;
use crate::spill::{Budget, Reader, Spill};
use crate::table::{MOST_ROWS, Table};
use crate::{AnswerError, Cell, Coverage, EndpointSet, Ordinal, State};
use roaring::RoaringBitmap;
use std::collections::BTreeMap;

/// What went wrong on an endpoint: sensor, its state, and a text for people.
pub type Problem = (String, State, String);

/// What one endpoint says. Saying it again, late or in several pieces does no harm.
#[derive(Clone, Debug, PartialEq)]
pub struct Contribution {
    /// Who says it.
    pub ordinal: Ordinal,
    /// How it ended there.
    pub state: State,
    /// Rows, each with the number of its table in the plan.
    pub rows: Vec<(u32, Vec<Cell>)>,
    /// What went wrong.
    pub problems: Vec<Problem>,
    /// Rows that a limit cut off there.
    pub rows_cut: u64,
}

/// A row seen for the first time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewRow {
    /// Its table.
    pub table: u32,
    /// Its number in the table; never changes.
    pub row: u32,
    /// Its cells.
    pub cells: Vec<Cell>,
}

/// What a contribution changed: exactly this needs to be stored.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Added {
    /// Rows seen for the first time.
    pub new_rows: Vec<NewRow>,
    /// Rows (table, number) that this endpoint is newly in; those of `new_rows` among them.
    pub memberships: Vec<(u32, u32)>,
    /// The endpoint's state, when it rose.
    pub state: Option<State>,
    /// Problems that this endpoint had not reported yet.
    pub problems: Vec<Problem>,
    /// Rows cut on this endpoint, when the number rose.
    pub rows_cut: Option<u64>,
}

impl Added {
    /// Whether nothing changed.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// A merged answer.
#[derive(Debug)]
pub struct Answer {
    pub(crate) tables: Vec<Table>,
    coverage: Coverage,
    pub(crate) problems: BTreeMap<Problem, RoaringBitmap>,
    pub(crate) cut: BTreeMap<Ordinal, u64>,
    version: u64,
    budget: Budget,
    pub(crate) spill: Option<Spill>,
    in_memory: usize,
}

impl Answer {
    /// An empty answer to a question with this many tables.
    #[must_use]
    pub fn new(tables: usize, budget: Budget) -> Self {
        Self {
            tables: std::iter::repeat_with(Table::default)
                .take(tables)
                .collect(),
            coverage: Coverage::new(),
            problems: BTreeMap::new(),
            cut: BTreeMap::new(),
            version: 0,
            budget,
            spill: None,
            in_memory: 0,
        }
    }

    /// Says of those endpoints that have not answered that they are pending, or offline. True when anything changed.
    pub fn expect(&mut self, endpoints: &EndpointSet, state: State) -> bool {
        let changed = self.coverage.expect(endpoints, state);
        if changed {
            self.version += 1;
        }
        changed
    }

    /// Takes what an endpoint says. Idempotent; the order of contributions does not matter.
    ///
    /// # Errors
    /// A row for a table that is not there or too large a row, or no room on disk; nothing was taken then.
    pub fn add(&mut self, contribution: Contribution) -> Result<Added, AnswerError> {
        let incoming = self.admit(&contribution.rows)?;
        self.make_room(incoming)?;
        let Contribution {
            ordinal,
            state,
            rows,
            problems,
            rows_cut,
        } = contribution;
        let version = self.version + 1;
        let mut added = Added {
            memberships: Vec::with_capacity(rows.len()),
            ..Added::default()
        };
        let mut packed = Vec::new();
        for (number, cells) in rows {
            let Some(table) = self.tables.get_mut(number as usize) else {
                continue; // `admit` refused it.
            };
            row::pack(&cells, &mut packed);
            let hash = row::hash(&packed);
            let id = table.find(hash, &packed).unwrap_or_else(|| {
                let id = table.push(hash, &packed, version);
                self.in_memory += packed.len();
                added.new_rows.push(NewRow {
                    table: number,
                    row: id,
                    cells,
                });
                id
            });
            if table.join(id, ordinal, version) {
                added.memberships.push((number, id));
            }
        }
        if self.coverage.raise(ordinal, state) {
            added.state = Some(state);
        }
        for problem in problems {
            if self
                .problems
                .entry(problem.clone())
                .or_default()
                .insert(ordinal)
            {
                added.problems.push(problem);
            }
        }
        if self.raise_cut(ordinal, rows_cut) {
            added.rows_cut = Some(rows_cut);
        }
        if !added.is_empty() {
            self.version = version;
        }
        Ok(added)
    }

    /// Puts back a stored row, in the order of row numbers, before the endpoints that gave it.
    ///
    /// # Errors
    /// A row out of order or of an unknown table, or no room on disk.
    pub fn restore_row(
        &mut self,
        table: u32,
        row: u32,
        cells: Vec<Cell>,
    ) -> Result<(), AnswerError> {
        let expected = self.table(table)?.len();
        if row as usize != expected {
            return Err(AnswerError::RestoreOrder {
                table,
                row,
                expected: u32::try_from(expected).unwrap_or(u32::MAX),
            });
        }
        let rows = [(table, cells)];
        let incoming = self.admit(&rows)?;
        self.make_room(incoming)?;
        let mut packed = Vec::new();
        for (_, cells) in &rows {
            row::pack(cells, &mut packed);
        }
        self.version += 1;
        if let Some(table) = self.tables.get_mut(table as usize) {
            table.push(row::hash(&packed), &packed, self.version);
            self.in_memory += packed.len();
        }
        Ok(())
    }

    /// Puts back what was stored of an endpoint. Memberships may come in several calls.
    ///
    /// # Errors
    /// A membership in a row that was not restored.
    pub fn restore_endpoint(
        &mut self,
        ordinal: Ordinal,
        state: State,
        memberships: &[(u32, u32)],
        problems: &[Problem],
        rows_cut: u64,
    ) -> Result<(), AnswerError> {
        for (table, row) in memberships {
            if self.table(*table)?.get(*row).is_none() {
                return Err(AnswerError::UnknownRow {
                    table: *table,
                    row: *row,
                });
            }
        }
        self.version += 1;
        for (table, row) in memberships {
            if let Some(table) = self.tables.get_mut(*table as usize) {
                table.join(*row, ordinal, self.version);
            }
        }
        self.coverage.raise(ordinal, state);
        for problem in problems {
            self.problems
                .entry(problem.clone())
                .or_default()
                .insert(ordinal);
        }
        self.raise_cut(ordinal, rows_cut);
        Ok(())
    }

    /// Joins another answer to the same question into this one: union row by row, greater state endpoint by endpoint.
    /// Commutative, associative, idempotent.
    ///
    /// # Errors
    /// Another number of tables, no room on disk, or an unreadable spill file of `other`. After the last two some of `other` may be in
    /// already; merging again when the disk has room completes it.
    pub fn merge(&mut self, other: &Self) -> Result<(), AnswerError> {
        if self.tables.len() != other.tables.len() {
            return Err(AnswerError::Shape {
                left: self.tables.len(),
                right: other.tables.len(),
            });
        }
        let version = self.version + 1;
        let outcome = self.merge_rows(other, version);
        let mut changed = self.coverage.merge(&other.coverage);
        for (problem, endpoints) in &other.problems {
            let held = self.problems.entry(problem.clone()).or_default();
            let before = held.len();
            *held |= endpoints;
            changed |= held.len() != before;
        }
        for (ordinal, rows) in &other.cut {
            changed |= self.raise_cut(*ordinal, *rows);
        }
        if changed {
            self.version = version;
        }
        outcome
    }

    /// What became of every endpoint.
    #[must_use]
    pub fn coverage(&self) -> &Coverage {
        &self.coverage
    }

    /// Grows with each change. Begins anew when an answer is restored.
    #[must_use]
    pub fn version(&self) -> u64 {
        self.version
    }

    /// Tables of the plan.
    #[must_use]
    pub fn tables(&self) -> usize {
        self.tables.len()
    }

    /// Distinct rows in all tables together.
    #[must_use]
    pub fn rows(&self) -> u64 {
        self.tables.iter().map(|t| t.len() as u64).sum()
    }

    /// Bytes of cells in memory and in the spill file.
    #[must_use]
    pub fn held_bytes(&self) -> (u64, u64) {
        let spilled = self.spill.as_ref().map_or(0, Spill::length);
        (self.in_memory as u64, spilled)
    }

    pub(crate) fn table(&self, table: u32) -> Result<&Table, AnswerError> {
        self.tables
            .get(table as usize)
            .ok_or(AnswerError::UnknownTable {
                table,
                tables: self.tables.len(),
            })
    }

    fn merge_rows(&mut self, other: &Self, version: u64) -> Result<(), AnswerError> {
        let mut reader = Reader::scan(other.spill.as_ref());
        for number in 0..self.tables.len() {
            let Some(theirs) = other.tables.get(number) else {
                break;
            };
            for (_, row) in theirs.rows_from(0) {
                let packed = row.cells.read(&mut reader)?;
                let held = self
                    .tables
                    .get(number)
                    .and_then(|t| t.find(row.hash, packed));
                if held.is_none() {
                    self.make_room(packed.len())?;
                }
                let Some(table) = self.tables.get_mut(number) else {
                    break;
                };
                let id = match held {
                    Some(id) => id,
                    None if table.len() >= MOST_ROWS => {
                        return Err(too_large(number, "the table has as many rows as it can"));
                    }
                    None => {
                        self.in_memory += packed.len();
                        table.push(row.hash, packed, version)
                    }
                };
                if table.join_all(id, &row.members, version) || held.is_none() {
                    self.version = version;
                }
            }
        }
        Ok(())
    }

    /// Bytes these rows may take, if they can be taken at all.
    fn admit(&self, rows: &[(u32, Vec<Cell>)]) -> Result<usize, AnswerError> {
        let mut bytes = 0_usize;
        for (number, cells) in rows {
            let table = self.table(*number)?;
            if table.len() + rows.len() > MOST_ROWS {
                let problem = "the table has as many rows as it can";
                return Err(too_large(*number as usize, problem));
            }
            let length = row::packed_len(cells).ok_or_else(|| {
                too_large(*number as usize, "its cells are longer than 4 GiB together")
            })?;
            bytes += length as usize;
        }
        Ok(bytes)
    }

    /// Moves rows to disk until `incoming` bytes of cells fit, and then some, so that it does not come to this for each row.
    fn make_room(&mut self, incoming: usize) -> Result<(), AnswerError> {
        let rows: usize = self.tables.iter().map(Table::len).sum();
        let fixed = rows.saturating_mul(Table::ROW_COST);
        let for_cells = self
            .budget
            .memory
            .saturating_sub(fixed)
            .max(self.budget.memory / 4);
        if self.in_memory.saturating_add(incoming) <= for_cells {
            return Ok(());
        }
        let keep = (for_cells / 2).min(for_cells.saturating_sub(incoming));
        if self.in_memory <= keep {
            return Ok(());
        }
        let mut spill = match self.spill.take() {
            Some(spill) => spill,
            None => Spill::create(&self.budget.folder)?,
        };
        let mut outcome = Ok(());
        'tables: for table in &mut self.tables {
            while self.in_memory > keep && !table.is_spilled() {
                match table.spill(&mut spill, self.in_memory - keep) {
                    Ok(freed) => self.in_memory -= freed,
                    Err(error) => {
                        outcome = Err(error);
                        break 'tables;
                    }
                }
            }
        }
        self.spill = Some(spill);
        outcome
    }

    fn raise_cut(&mut self, ordinal: Ordinal, rows: u64) -> bool {
        if rows <= self.cut.get(&ordinal).copied().unwrap_or(0) {
            return false;
        }
        self.cut.insert(ordinal, rows);
        true
    }

    /// Lets a test put a file in place that fails.
    #[cfg(test)]
    pub(crate) fn set_spill(&mut self, spill: Spill) {
        self.spill = Some(spill);
    }
}

fn too_large(table: usize, problem: &'static str) -> AnswerError {
    AnswerError::TooLarge {
        table: u32::try_from(table).unwrap_or(u32::MAX),
        problem,
    }
}
