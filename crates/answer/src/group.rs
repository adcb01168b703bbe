//! Rows counted by some of their columns: each group is what these columns hold, with the union of the endpoints of its rows.
//!
//! A union and never a sum: an endpoint that gave three rows of a group is one endpoint. Sets only grow, so who follows an answer keeps
//! its groups and adds what changed.
//!
//! A group holds no cells. Its first row gives them, and two independent keyed hashes stand for them ([`crate::row`]), so that grouping
//! a large answer takes little memory whatever its cells are: about 64 bytes for each group beside its set.

use crate::members::Members;
use crate::needle::Needle;
use crate::row::{self, PageRow};
use crate::spill::Reader;
use crate::table::Table;
use crate::{Answer, AnswerError, EndpointSet, Ordinal};
use hashbrown::HashTable;

/// Bounds on the number of endpoints of a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Counts {
    least: u64,
    most: u64,
    except: Option<u64>,
}

impl Counts {
    /// From `least` to `most`, both included.
    #[must_use]
    pub fn between(least: u64, most: u64) -> Self {
        Self {
            least,
            most,
            except: None,
        }
    }

    /// Any number but this.
    #[must_use]
    pub fn not(number: u64) -> Self {
        Self {
            except: Some(number),
            ..Self::between(0, u64::MAX)
        }
    }

    /// Whether this number is within.
    #[must_use]
    pub fn holds(self, count: u64) -> bool {
        count >= self.least && count <= self.most && self.except != Some(count)
    }
}

/// How rows are shown.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Show {
    /// The columns that endpoints are counted by, in the order in which they are shown; `None`: whole rows.
    pub by: Option<Vec<usize>>,
    /// Only rows whose count is within; after `by`.
    pub counts: Option<Counts>,
    /// How many of each row's endpoints are named.
    pub endpoints: usize,
}

impl Show {
    pub(crate) fn holds(&self, count: u64) -> bool {
        count > 0 && self.counts.is_none_or(|counts| counts.holds(count))
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
struct Key {
    hash: u64,
    check: u64,
    length: u32,
}

struct Group {
    key: Key,
    /// The smallest number of its rows.
    row: u32,
    count: u64,
    members: Members,
}

/// The groups of a table.
pub struct Groups {
    table: u32,
    columns: Vec<usize>,
    /// In the order of their first rows.
    groups: Vec<Group>,
    by_key: HashTable<u32>,
    /// Version of the answer up to which its rows are in.
    version: u64,
}

/// The cells of these columns, packed.
pub(crate) fn project(packed: &[u8], columns: &[usize], into: &mut Vec<u8>) {
    let cells: Vec<&[u8]> = row::cells(packed).collect();
    let chosen: Vec<&[u8]> = columns
        .iter()
        .map(|column| cells.get(*column).copied().unwrap_or_default())
        .collect();
    row::pack(&chosen, into);
}

fn key(projected: &[u8]) -> Key {
    Key {
        hash: row::hash(projected),
        check: row::check(projected),
        // No longer than the row it is of, or a column is chosen twice: then it is a key all the same.
        length: u32::try_from(projected.len()).unwrap_or(u32::MAX),
    }
}

impl Groups {
    fn new(table: u32, columns: &[usize]) -> Self {
        Self {
            table,
            columns: columns.to_vec(),
            groups: Vec::new(),
            by_key: HashTable::new(),
            version: 0,
        }
    }

    /// Groups the rows of a table: those of endpoints `within`, with `needle` in a cell of `columns`.
    pub(crate) fn of(
        answer: &Answer,
        table: u32,
        columns: &[usize],
        within: Option<&EndpointSet>,
        needle: Option<&Needle>,
    ) -> Result<Self, AnswerError> {
        let mut groups = Self::new(table, columns);
        let mut reader = Reader::scan(answer.spill.as_ref());
        let mut projected = Vec::new();
        for (id, row) in answer.table(table)?.rows_from(0) {
            project(row.cells.read(&mut reader)?, columns, &mut projected);
            if needle.is_some_and(|needle| !row::cells(&projected).any(|cell| needle.is_in(cell))) {
                continue;
            }
            groups.join(key(&projected), id, &row.members, within);
        }
        groups.version = answer.version();
        Ok(groups)
    }

    /// The place of the group, when its set grew.
    fn join(
        &mut self,
        key: Key,
        row: u32,
        members: &Members,
        within: Option<&EndpointSet>,
    ) -> Option<u32> {
        if members.count(within) == 0 {
            return None;
        }
        let held = &self.groups;
        let is = |at: &u32| held.get(*at as usize).is_some_and(|group| group.key == key);
        let at = match self.by_key.find(key.hash, is) {
            Some(at) => *at,
            None => {
                // There are no more groups than rows.
                let at = u32::try_from(self.groups.len()).unwrap_or(u32::MAX);
                self.groups.push(Group {
                    key,
                    row,
                    count: 0,
                    members: Members::NONE,
                });
                let held = &self.groups;
                self.by_key.insert_unique(key.hash, at, |at| {
                    held.get(*at as usize).map_or(0, |group| group.key.hash)
                });
                at
            }
        };
        let group = self.groups.get_mut(at as usize)?;
        let grew = match within {
            None => group.members.merge(members),
            Some(within) => group.members.merge_within(members, within),
        };
        group.count = group.members.len();
        grew.then_some(at)
    }

    /// Takes in what changed in the answer meanwhile. Gives the groups that have another count than at version `since` of the answer,
    /// each once; the first time also such as only have other rows.
    ///
    /// # Errors
    /// No such table, or an unreadable spill file.
    pub fn follow(&mut self, answer: &Answer, since: u64) -> Result<Vec<u32>, AnswerError> {
        let table = answer.table(self.table)?;
        // As with [`Answer::changes`]: a version that was not reached is one from before a restart.
        let since = if since > answer.version() { 0 } else { since };
        let mut changed = Vec::new();
        let mut reader = Reader::single(answer.spill.as_ref());
        let mut projected = Vec::new();
        // The first time in the order of numbers, so that groups are in the order of their first rows.
        let from = self.version;
        let rows: Vec<u32> = if from == 0 {
            table.rows_from(0).map(|(id, _)| id).collect()
        } else {
            let mut rows: Vec<u32> = table.changed_since(from).map(|(id, _)| id).collect();
            rows.sort_unstable();
            rows
        };
        for id in rows {
            let Some(row) = table.get(id) else { continue };
            project(row.cells.read(&mut reader)?, &self.columns, &mut projected);
            let grew = self.join(key(&projected), id, &row.members, None);
            if row.version() > since {
                changed.extend(grew);
            }
        }
        self.version = answer.version();
        changed.sort_unstable();
        changed.dedup();
        Ok(changed)
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.groups.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.groups.is_empty()
    }

    /// The groups whose count is within these bounds: rare ones first, common ones, or in the order of their first rows. What has the same
    /// count stands in that order too.
    #[must_use]
    pub fn order(&self, rare_first: Option<bool>, counts: Option<Counts>) -> Vec<u32> {
        let mut order: Vec<(u64, u32)> = (0..)
            .zip(&self.groups)
            .filter(|(_, group)| counts.is_none_or(|counts| counts.holds(group.count)))
            .map(|(at, group)| match rare_first {
                Some(true) => (group.count, at),
                Some(false) => (u64::MAX - group.count, at),
                None => (0, at),
            })
            .collect();
        order.sort_unstable();
        order.into_iter().map(|(_, at)| at).collect()
    }

    /// These groups as rows of the chosen columns, numbered by their first rows, with the first `endpoints` of their endpoints.
    ///
    /// # Errors
    /// No such table, or an unreadable spill file.
    pub fn rows(
        &self,
        answer: &Answer,
        which: &[u32],
        endpoints: usize,
    ) -> Result<Vec<PageRow>, AnswerError> {
        let table = answer.table(self.table)?;
        let mut reader = Reader::single(answer.spill.as_ref());
        let groups = which.iter().filter_map(|at| self.groups.get(*at as usize));
        groups
            .map(|group| {
                let cells = shown(table, &mut reader, group.row, Some(&self.columns))?;
                Ok(PageRow {
                    row: group.row,
                    cells,
                    count: group.count,
                    endpoints: group.members.first(endpoints),
                })
            })
            .collect()
    }

    /// How many endpoints a group has.
    #[must_use]
    pub fn count(&self, at: u32) -> u64 {
        self.groups.get(at as usize).map_or(0, |group| group.count)
    }

    /// The number of a group's first row.
    #[must_use]
    pub fn row(&self, at: u32) -> Option<u32> {
        Some(self.groups.get(at as usize)?.row)
    }

    /// Keeps how many endpoints there are, and forgets which: nothing can be followed or named after that.
    pub fn forget_endpoints(&mut self) {
        for group in &mut self.groups {
            group.members = Members::NONE;
        }
        self.by_key = HashTable::new();
    }

    pub(crate) fn each(&self) -> impl Iterator<Item = (u32, u32, u64)> + '_ {
        (0..)
            .zip(&self.groups)
            .map(|(at, group)| (at, group.row, group.count))
    }

    /// The group of the other table with the same cells: its first row and count.
    pub(crate) fn same(&self, at: u32, other: &Self) -> Option<(u32, u64)> {
        let key = self.groups.get(at as usize)?.key;
        let held = &other.groups;
        let is = |at: &u32| held.get(*at as usize).is_some_and(|group| group.key == key);
        let found = other.by_key.find(key.hash, is)?;
        let group = other.groups.get(*found as usize)?;
        Some((group.row, group.count))
    }
}

/// The cells of a row, or of some of its columns.
pub(crate) fn shown(
    table: &Table,
    reader: &mut Reader<'_>,
    id: u32,
    columns: Option<&[usize]>,
) -> Result<Vec<crate::Cell>, AnswerError> {
    let Some(row) = table.get(id) else {
        return Ok(Vec::new());
    };
    let packed = row.cells.read(reader)?;
    let Some(columns) = columns else {
        return Ok(row::unpack(packed));
    };
    let mut projected = Vec::new();
    project(packed, columns, &mut projected);
    Ok(row::unpack(&projected))
}

impl Answer {
    /// Groups the rows of a table by these columns; `within` as in [`Self::piece`].
    ///
    /// # Errors
    /// No such table, or an unreadable spill file.
    pub fn groups(
        &self,
        table: u32,
        columns: &[usize],
        within: Option<&EndpointSet>,
    ) -> Result<Groups, AnswerError> {
        Groups::of(self, table, columns, within, None)
    }

    /// Groups of a table that [`Groups::follow`] fills.
    ///
    /// # Errors
    /// No such table.
    pub fn no_groups(&self, table: u32, columns: &[usize]) -> Result<Groups, AnswerError> {
        self.table(table)?;
        Ok(Groups::new(table, columns))
    }

    /// The endpoints that gave a row with the same cells in these columns as this one.
    ///
    /// # Errors
    /// No such row, or an unreadable spill file.
    pub fn endpoints_by(
        &self,
        table: u32,
        row: u32,
        columns: &[usize],
    ) -> Result<EndpointSet, AnswerError> {
        let rows = self.table(table)?;
        let mut reader = Reader::single(self.spill.as_ref());
        let like = rows
            .get(row)
            .ok_or(AnswerError::UnknownRow { table, row })?;
        let mut wanted = Vec::new();
        project(like.cells.read(&mut reader)?, columns, &mut wanted);
        let mut reader = Reader::scan(self.spill.as_ref());
        let (mut all, mut projected) = (Members::NONE, Vec::new());
        for (_, row) in rows.rows_from(0) {
            project(row.cells.read(&mut reader)?, columns, &mut projected);
            if projected == wanted {
                all.merge(&row.members);
            }
        }
        Ok(all.to_set())
    }

    /// The first endpoints of a row, by ordinal.
    ///
    /// # Errors
    /// No such row.
    pub fn first_endpoints(
        &self,
        table: u32,
        row: u32,
        most: usize,
    ) -> Result<Vec<Ordinal>, AnswerError> {
        Ok(self.members(table, row)?.first(most))
    }
}
