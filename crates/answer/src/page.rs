//! Reading an answer: pages in some order, single rows, and the whole of a table from beginning to end.

use crate::group::{Groups, Show, shown};
use crate::needle::Needle;
use crate::row::{self, PageRow};
use crate::spill::Reader;
use crate::table::{Held, Table};
use crate::{Answer, AnswerError, EndpointSet};
use std::borrow::Cow;
use std::cmp::Ordering;
use std::sync::Arc;

/// How two cells of a column compare; the language supplies it by the column's type.
pub type CompareCells = Arc<dyn Fn(&[u8], &[u8]) -> Ordering + Send + Sync>;

/// Order of a page. Rows that compare equal stand in the order of their numbers.
#[derive(Clone, Default)]
pub enum Sort {
    /// Rare rows first.
    CountAsc,
    /// Common rows first.
    #[default]
    CountDesc,
    /// By a column.
    Column {
        /// Its place in the table.
        column: usize,
        /// Smallest first.
        ascending: bool,
        /// How its cells compare.
        compare: CompareCells,
    },
}

/// Which rows of a table are wanted.
#[derive(Clone, Default)]
pub struct PageQuery {
    /// In which order.
    pub sort: Sort,
    /// Only rows with a cell that contains this text, without regard to case.
    pub contains: Option<String>,
    /// Only rows from these endpoints, and counted among them.
    pub within: Option<EndpointSet>,
    /// By which columns, with which counts and how many endpoints; a column to sort by is one of those shown.
    pub show: Show,
    /// Rows to leave out at the beginning.
    pub offset: u64,
    /// Rows at most.
    pub limit: usize,
}

/// Endpoints that a piece of an export names, about.
const MOST_NAMED: usize = 20_000;

/// A page of a table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page {
    /// Its rows.
    pub rows: Vec<PageRow>,
    /// Rows that the query holds for, on all pages.
    pub total_rows: u64,
    /// Version of the answer it was taken from.
    pub version: u64,
}

/// A row or group that may come to stand on the page, with what it is sorted by.
struct Candidate<'a> {
    id: u32,
    count: u64,
    key: Cow<'a, [u8]>,
}

/// The rows that come to stand on a page, among those seen so far.
struct Best<'a, 'q> {
    query: &'q PageQuery,
    offset: usize,
    wanted: usize,
    total: u64,
    held: Vec<Candidate<'a>>,
}

impl<'a, 'q> Best<'a, 'q> {
    fn new(query: &'q PageQuery) -> Self {
        let offset = usize::try_from(query.offset).unwrap_or(usize::MAX);
        Self {
            query,
            offset,
            wanted: offset.saturating_add(query.limit),
            total: 0,
            held: Vec::new(),
        }
    }

    /// What a row is sorted by beside its count: the cell of a column that is shown.
    fn key(
        &self,
        rows: &'a Table,
        id: u32,
        by: Option<&[usize]>,
        reader: &mut Reader<'_>,
    ) -> Result<Cow<'a, [u8]>, AnswerError> {
        let Sort::Column { column, .. } = &self.query.sort else {
            return Ok(Cow::Borrowed(&[]));
        };
        let column = match by {
            Some(by) => by.get(*column).copied().unwrap_or(usize::MAX),
            None => *column,
        };
        Ok(match rows.get(id).map(|row| &row.cells) {
            Some(Held::Memory(packed)) => {
                Cow::Borrowed(row::cells(packed).nth(column).unwrap_or_default())
            }
            Some(held) => {
                let packed = held.read(reader)?;
                Cow::Owned(row::cells(packed).nth(column).unwrap_or_default().to_vec())
            }
            None => Cow::Borrowed(&[]),
        })
    }

    fn take(&mut self, candidate: Candidate<'a>) {
        self.total += 1;
        self.held.push(candidate);
        if self.held.len() >= self.wanted.saturating_mul(2).saturating_add(4096) {
            self.shorten();
        }
    }

    fn shorten(&mut self) {
        if self.held.len() > self.wanted {
            if self.wanted > 0 {
                let query = self.query;
                self.held
                    .select_nth_unstable_by(self.wanted - 1, |a, b| order(query, a, b));
            }
            self.held.truncate(self.wanted);
        }
    }

    /// How many rows there were, and those of the page in their order.
    fn page(mut self) -> (u64, Vec<Candidate<'a>>) {
        self.shorten();
        let query = self.query;
        self.held.sort_unstable_by(|a, b| order(query, a, b));
        let first = self.offset.min(self.held.len());
        (self.total, self.held.split_off(first))
    }
}

fn order(query: &PageQuery, a: &Candidate<'_>, b: &Candidate<'_>) -> Ordering {
    let first = match &query.sort {
        Sort::CountAsc => a.count.cmp(&b.count),
        Sort::CountDesc => b.count.cmp(&a.count),
        Sort::Column {
            ascending: true,
            compare,
            ..
        } => compare(&a.key, &b.key),
        Sort::Column { compare, .. } => compare(&b.key, &a.key),
    };
    first.then(a.id.cmp(&b.id))
}

impl Answer {
    /// A page of a table.
    ///
    /// Costs one pass over the table and memory for `offset + limit` rows, whatever the table's size; by columns, memory for each group
    /// beside it.
    ///
    /// # Errors
    /// No such table, or an unreadable spill file.
    pub fn page(&self, table: u32, query: &PageQuery) -> Result<Page, AnswerError> {
        let rows = self.table(table)?;
        let needle = query.contains.as_deref().filter(|n| !n.is_empty());
        let needle = needle.map(Needle::new);
        let within = query.within.as_ref();
        let mut best = Best::new(query);
        let mut reader = Reader::scan(self.spill.as_ref());
        let by = query.show.by.as_deref();
        let groups = match by {
            Some(columns) => {
                let groups = Groups::of(self, table, columns, within, needle.as_ref())?;
                for (at, row, count) in groups.each() {
                    if query.show.holds(count) {
                        let key = best.key(rows, row, by, &mut reader)?;
                        best.take(Candidate { id: at, count, key });
                    }
                }
                Some(groups)
            }
            None => {
                for (id, row) in rows.rows_from(0) {
                    let count = row.members.count(within);
                    if !query.show.holds(count) {
                        continue;
                    }
                    if let Some(needle) = &needle {
                        let packed = row.cells.read(&mut reader)?;
                        if !row::cells(packed).any(|cell| needle.is_in(cell)) {
                            continue;
                        }
                    }
                    let key = best.key(rows, id, None, &mut reader)?;
                    best.take(Candidate { id, count, key });
                }
                None
            }
        };
        let (total_rows, chosen) = best.page();
        let endpoints = query.show.endpoints;
        let page = match groups {
            Some(groups) => {
                let which: Vec<u32> = chosen.iter().map(|candidate| candidate.id).collect();
                groups.rows(self, &which, endpoints)?
            }
            None => {
                let mut reader = Reader::single(self.spill.as_ref());
                let mut page = Vec::with_capacity(chosen.len());
                for candidate in chosen {
                    let Some(row) = rows.get(candidate.id) else {
                        continue;
                    };
                    page.push(PageRow {
                        row: candidate.id,
                        cells: shown(rows, &mut reader, candidate.id, None)?,
                        count: candidate.count,
                        endpoints: row.members.first_within(endpoints, within),
                    });
                }
                page
            }
        };
        Ok(Page {
            rows: page,
            total_rows,
            version: self.version(),
        })
    }

    /// The endpoints that gave this row.
    ///
    /// # Errors
    /// No such row.
    pub fn endpoints(&self, table: u32, row: u32) -> Result<EndpointSet, AnswerError> {
        Ok(self.members(table, row)?.to_set())
    }

    /// One row.
    ///
    /// # Errors
    /// No such row, or an unreadable spill file.
    pub fn row(&self, table: u32, row: u32) -> Result<PageRow, AnswerError> {
        let held = self
            .table(table)?
            .get(row)
            .ok_or(AnswerError::UnknownRow { table, row })?;
        let mut reader = Reader::single(self.spill.as_ref());
        Ok(PageRow {
            row,
            cells: row::unpack(held.cells.read(&mut reader)?),
            count: held.members.len(),
            endpoints: Vec::new(),
        })
    }

    /// The rows of a table from number `from` on, in the order of numbers, at most `most`: an export takes them piece by piece and holds
    /// the answer only for the time of a piece. An empty piece is the end. Rows are whole here; a piece ends early when its rows name
    /// very many endpoints. Only rows from endpoints `within`, and counted among them: so all pieces are of the moment at which these
    /// were the ones that had answered, for rows only come with the endpoints that give them.
    ///
    /// # Errors
    /// No such table, or an unreadable spill file.
    pub fn piece(
        &self,
        table: u32,
        from: u32,
        most: usize,
        show: &Show,
        within: Option<&EndpointSet>,
    ) -> Result<Vec<PageRow>, AnswerError> {
        let mut reader = Reader::scan(self.spill.as_ref());
        let (mut rows, mut named) = (Vec::new(), 0);
        for (id, row) in self.table(table)?.rows_from(from) {
            if rows.len() == most || named >= MOST_NAMED {
                break;
            }
            let count = row.members.count(within);
            if show.holds(count) {
                let endpoints = row.members.first_within(show.endpoints, within);
                named += endpoints.len();
                rows.push(PageRow {
                    row: id,
                    cells: row::unpack(row.cells.read(&mut reader)?),
                    count,
                    endpoints,
                });
            }
        }
        Ok(rows)
    }

    /// The numbers of a table's rows by their counts, common ones first, or rare ones: for an export in that order. Rows of the same
    /// count stand in the order of their numbers. Costs 8 bytes a row while it sorts, 4 in what it gives. `within` as in [`Self::piece`].
    ///
    /// # Errors
    /// No such table.
    pub fn by_count(
        &self,
        table: u32,
        rare_first: bool,
        show: &Show,
        within: Option<&EndpointSet>,
    ) -> Result<Vec<u32>, AnswerError> {
        let rows = self.table(table)?.rows_from(0);
        let mut order: Vec<(u32, u32)> = rows
            .map(|(id, row)| (id, row.members.count(within)))
            .filter(|(_, count)| show.holds(*count))
            .map(|(id, count)| {
                // There are no more endpoints than ordinals.
                let count = u32::try_from(count).unwrap_or(u32::MAX);
                (if rare_first { count } else { u32::MAX - count }, id)
            })
            .collect();
        order.sort_unstable();
        Ok(order.into_iter().map(|(_, id)| id).collect())
    }

    /// The first of these rows of a table, in this order, and how many were looked at: fewer than all when they name very many endpoints.
    /// Those that are not to be shown any more are left out. `within` as in [`Self::piece`].
    ///
    /// # Errors
    /// No such table, or an unreadable spill file.
    pub fn these(
        &self,
        table: u32,
        rows: &[u32],
        show: &Show,
        within: Option<&EndpointSet>,
    ) -> Result<(Vec<PageRow>, usize), AnswerError> {
        let table = self.table(table)?;
        let mut reader = Reader::single(self.spill.as_ref());
        let (mut found, mut named, mut seen) = (Vec::new(), 0, 0);
        for id in rows {
            if named >= MOST_NAMED {
                break;
            }
            seen += 1;
            let Some(row) = table.get(*id) else { continue };
            let count = row.members.count(within);
            if show.holds(count) {
                let endpoints = row.members.first_within(show.endpoints, within);
                named += endpoints.len();
                found.push(PageRow {
                    row: *id,
                    cells: row::unpack(row.cells.read(&mut reader)?),
                    count,
                    endpoints,
                });
            }
        }
        Ok((found, seen))
    }

    /// Calls `f` for each row of a table, in the order of numbers, without holding more than one.
    ///
    /// # Errors
    /// No such table, or an unreadable spill file.
    pub fn for_each_row(&self, table: u32, mut f: impl FnMut(PageRow)) -> Result<(), AnswerError> {
        let mut reader = Reader::scan(self.spill.as_ref());
        for (id, row) in self.table(table)?.rows_from(0) {
            if row.members.len() > 0 {
                f(PageRow {
                    row: id,
                    cells: row::unpack(row.cells.read(&mut reader)?),
                    count: row.members.len(),
                    endpoints: Vec::new(),
                });
            }
        }
        Ok(())
    }
}
