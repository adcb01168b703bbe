//! Reading an answer: pages in some order, single rows, and the whole of a table from beginning to end.

use crate::row::{self, PageRow};
use crate::spill::Reader;
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
    /// Rows to leave out at the beginning.
    pub offset: u64,
    /// Rows at most.
    pub limit: usize,
}

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

/// A row that may come to stand on the page, with what it is sorted by.
struct Candidate<'a> {
    id: u32,
    count: u64,
    key: Cow<'a, [u8]>,
}

impl Answer {
    /// A page of a table.
    ///
    /// Costs one pass over the table and memory for `offset + limit` rows, whatever the table's size.
    ///
    /// # Errors
    /// No such table, or an unreadable spill file.
    pub fn page(&self, table: u32, query: &PageQuery) -> Result<Page, AnswerError> {
        let rows = self.table(table)?;
        let needle = query.contains.as_deref().filter(|n| !n.is_empty());
        let needle = needle.map(Needle::new);
        let offset = usize::try_from(query.offset).unwrap_or(usize::MAX);
        let wanted = offset.saturating_add(query.limit);
        let keep = wanted.saturating_mul(2).saturating_add(4096);
        let order = |a: &Candidate<'_>, b: &Candidate<'_>| {
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
        };
        let mut reader = Reader::scan(self.spill.as_ref());
        let mut total_rows = 0;
        let mut best: Vec<Candidate<'_>> = Vec::new();
        for (id, row) in rows.rows_from(0) {
            let count = match &query.within {
                Some(within) => row.members.len_within(within),
                None => row.members.len(),
            };
            if count == 0 {
                continue;
            }
            if let Some(needle) = &needle {
                let packed = row.cells.read(&mut reader)?;
                if !row::cells(packed).any(|cell| needle.is_in(cell)) {
                    continue;
                }
            }
            let key = match (&query.sort, &row.cells) {
                (Sort::Column { column, .. }, crate::table::Held::Memory(packed)) => {
                    Cow::Borrowed(row::cells(packed).nth(*column).unwrap_or_default())
                }
                (Sort::Column { column, .. }, held) => {
                    let packed = held.read(&mut reader)?;
                    let cell = row::cells(packed).nth(*column).unwrap_or_default();
                    Cow::Owned(cell.to_vec())
                }
                _ => Cow::Borrowed(&[][..]),
            };
            total_rows += 1;
            best.push(Candidate { id, count, key });
            if best.len() >= keep {
                shorten(&mut best, wanted, order);
            }
        }
        shorten(&mut best, wanted, order);
        best.sort_unstable_by(order);
        let mut reader = Reader::single(self.spill.as_ref());
        let mut page = Vec::with_capacity(best.len().saturating_sub(offset));
        for candidate in best.iter().skip(offset) {
            if let Some(row) = rows.get(candidate.id) {
                page.push(PageRow {
                    row: candidate.id,
                    cells: row::unpack(row.cells.read(&mut reader)?),
                    count: candidate.count,
                });
            }
        }
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
        })
    }

    /// The rows of a table from number `from` on, in the order of numbers, at most `most`: an export takes them piece by piece and holds
    /// the answer only for the time of a piece. An empty piece is the end.
    ///
    /// # Errors
    /// No such table, or an unreadable spill file.
    pub fn piece(&self, table: u32, from: u32, most: usize) -> Result<Vec<PageRow>, AnswerError> {
        let mut reader = Reader::scan(self.spill.as_ref());
        let mut rows = Vec::new();
        for (id, row) in self.table(table)?.rows_from(from) {
            if rows.len() == most {
                break;
            }
            if row.members.len() > 0 {
                rows.push(PageRow {
                    row: id,
                    cells: row::unpack(row.cells.read(&mut reader)?),
                    count: row.members.len(),
                });
            }
        }
        Ok(rows)
    }

    /// The numbers of a table's rows by their counts, common ones first, or rare ones: for an export in that order. Rows of the same
    /// count stand in the order of their numbers. Costs 8 bytes a row while it sorts, 4 in what it gives.
    ///
    /// # Errors
    /// No such table.
    pub fn by_count(&self, table: u32, rare_first: bool) -> Result<Vec<u32>, AnswerError> {
        let rows = self.table(table)?.rows_from(0);
        let mut order: Vec<(u32, u32)> = rows
            .map(|(id, row)| {
                // There are no more endpoints than ordinals.
                let count = u32::try_from(row.members.len()).unwrap_or(u32::MAX);
                (if rare_first { count } else { u32::MAX - count }, id)
            })
            .collect();
        order.sort_unstable();
        Ok(order.into_iter().map(|(_, id)| id).collect())
    }

    /// These rows of a table, in this order; those that nobody gives any more are left out.
    ///
    /// # Errors
    /// No such table, or an unreadable spill file.
    pub fn these(&self, table: u32, rows: &[u32]) -> Result<Vec<PageRow>, AnswerError> {
        let table = self.table(table)?;
        let mut reader = Reader::single(self.spill.as_ref());
        let held = rows.iter().filter_map(|id| Some((*id, table.get(*id)?)));
        held.filter(|(_, row)| row.members.len() > 0)
            .map(|(id, row)| {
                Ok(PageRow {
                    row: id,
                    cells: row::unpack(row.cells.read(&mut reader)?),
                    count: row.members.len(),
                })
            })
            .collect()
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
                });
            }
        }
        Ok(())
    }
}

fn shorten<T>(best: &mut Vec<T>, wanted: usize, order: impl Fn(&T, &T) -> Ordering) {
    if best.len() > wanted {
        if wanted > 0 {
            best.select_nth_unstable_by(wanted - 1, order);
        }
        best.truncate(wanted);
    }
}

/// A text to look for without regard to case.
enum Needle {
    /// Only ASCII: looked for in any bytes, letter by letter.
    Ascii(Vec<u8>),
    /// Anything else: looked for in the lower-case text of a cell.
    Text(String),
}

impl Needle {
    fn new(text: &str) -> Self {
        if text.is_ascii() {
            Self::Ascii(text.to_ascii_lowercase().into_bytes())
        } else {
            Self::Text(text.to_lowercase())
        }
    }

    fn is_in(&self, cell: &[u8]) -> bool {
        match self {
            Self::Ascii(needle) => cell
                .windows(needle.len())
                .any(|part| part.eq_ignore_ascii_case(needle)),
            Self::Text(needle) => String::from_utf8_lossy(cell)
                .to_lowercase()
                .contains(needle.as_str()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn needles_ignore_case_and_do_not_mind_odd_bytes() {
        assert!(Needle::new("SSHD").is_in(b"/usr/sbin/sshd"));
        assert!(!Needle::new("sshd").is_in(b"ssh"));
        assert!(Needle::new("x").is_in(b"\xff\xfeX"));
        assert!(Needle::new("STRASSE Ä").is_in("strasse ä 5".as_bytes()));
        assert!(!Needle::new("ä").is_in(b"a\xff"));
    }
}
