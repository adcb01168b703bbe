//! One table of an answer: its distinct rows, each with a number that never changes, and who gave it.
//!
//! Rows lie in the order of their numbers. A hash table finds a row by its bytes. A list threaded through the rows keeps them in
//! the order of their last change, so that what changed since some version is read from its end without looking at the others.

use crate::members::Members;
use crate::row;
use crate::spill::{Place, Reader, Spill};
use crate::{AnswerError, Ordinal};
use hashbrown::HashTable;

const NO_ROW: u32 = u32::MAX;
/// Bytes written to the spill file at once.
const SPILL_BATCH: usize = 1 << 20;
/// Most rows of a table: one number is kept to say "none".
pub(crate) const MOST_ROWS: usize = (u32::MAX - 1) as usize;

#[derive(Debug)]
pub(crate) struct Row {
    pub(crate) hash: u64,
    version: u64,
    older: u32,
    newer: u32,
    pub(crate) members: Members,
    pub(crate) cells: Held,
}

impl Row {
    /// Version of the answer in which its set last grew.
    pub(crate) fn version(&self) -> u64 {
        self.version
    }
}

/// Where a row's bytes are.
#[derive(Debug)]
pub(crate) enum Held {
    Memory(Box<[u8]>),
    Disk(Place),
}

impl Held {
    fn is(&self, packed: &[u8]) -> bool {
        match self {
            Self::Memory(held) => **held == *packed,
            // The caller found the same 64-bit hash already; with a second, independent one under a secret key, and the length,
            // this decides without reading the disk for each endpoint that gives a common row.
            Self::Disk(place) => {
                place.length as usize == packed.len() && place.check == row::check(packed)
            }
        }
    }

    /// Whether two rows of the same hash hold the same bytes.
    pub(crate) fn same(&self, other: &Self) -> bool {
        match (self, other) {
            (_, Self::Memory(packed)) => self.is(packed),
            (Self::Memory(packed), _) => other.is(packed),
            (Self::Disk(a), Self::Disk(b)) => a.length == b.length && a.check == b.check,
        }
    }

    pub(crate) fn read<'a>(&'a self, reader: &'a mut Reader<'_>) -> Result<&'a [u8], AnswerError> {
        match self {
            Self::Memory(packed) => Ok(packed),
            Self::Disk(place) => reader.get(*place),
        }
    }
}

#[derive(Debug)]
pub(crate) struct Table {
    rows: Vec<Row>,
    by_bytes: HashTable<u32>,
    newest: u32,
    /// Rows before this one are on disk.
    spilled: usize,
}

impl Default for Table {
    fn default() -> Self {
        Self {
            rows: Vec::new(),
            by_bytes: HashTable::new(),
            newest: NO_ROW,
            spilled: 0,
        }
    }
}

impl Table {
    /// What a row costs in memory beside its cells and its set.
    pub(crate) const ROW_COST: usize = size_of::<Row>() + 8;

    pub(crate) fn len(&self) -> usize {
        self.rows.len()
    }

    pub(crate) fn get(&self, id: u32) -> Option<&Row> {
        self.rows.get(id as usize)
    }

    /// Rows with their numbers, in the order of numbers, beginning at `from`.
    pub(crate) fn rows_from(&self, from: u32) -> impl Iterator<Item = (u32, &Row)> {
        (from..).zip(self.rows.get(from as usize..).unwrap_or_default())
    }

    /// Number of the row with these bytes.
    pub(crate) fn find(&self, hash: u64, packed: &[u8]) -> Option<u32> {
        self.find_by(hash, |held| held.is(packed))
    }

    pub(crate) fn find_by(&self, hash: u64, is: impl Fn(&Held) -> bool) -> Option<u32> {
        self.by_bytes
            .find(hash, |id| {
                self.get(*id)
                    .is_some_and(|row| row.hash == hash && is(&row.cells))
            })
            .copied()
    }

    /// Appends a row that [`Self::find`] did not find, with nobody in its set.
    pub(crate) fn push(&mut self, hash: u64, packed: &[u8], version: u64) -> u32 {
        // The caller holds the table under MOST_ROWS.
        let id = u32::try_from(self.rows.len()).unwrap_or(NO_ROW);
        self.rows.push(Row {
            hash,
            version,
            older: NO_ROW,
            newer: NO_ROW,
            members: Members::NONE,
            cells: Held::Memory(packed.into()),
        });
        let rows = &self.rows;
        self.by_bytes.insert_unique(hash, id, |id| {
            rows.get(*id as usize).map_or(0, |row| row.hash)
        });
        self.link_newest(id);
        id
    }

    /// True when the endpoint was not in the row's set yet.
    pub(crate) fn join(&mut self, id: u32, ordinal: Ordinal, version: u64) -> bool {
        self.grow(id, version, |members| members.insert(ordinal))
    }

    /// True when the row's set grew.
    pub(crate) fn join_all(&mut self, id: u32, more: &Members, version: u64) -> bool {
        self.grow(id, version, |members| members.merge(more))
    }

    fn grow(&mut self, id: u32, version: u64, by: impl FnOnce(&mut Members) -> bool) -> bool {
        let row = self.rows.get_mut(id as usize);
        let grew = row.is_some_and(|row| by(&mut row.members));
        if grew {
            self.touch(id, version);
        }
        grew
    }

    /// Rows that are new or whose set grew after `version`, latest first.
    pub(crate) fn changed_since(&self, version: u64) -> impl Iterator<Item = (u32, &Row)> {
        let mut at = self.newest;
        std::iter::from_fn(move || {
            let row = self.get(at).filter(|row| row.version > version)?;
            let id = at;
            at = row.older;
            Some((id, row))
        })
    }

    /// Moves the oldest rows in memory to the file, about a batch of them. Returns the bytes freed: 0 when none was left.
    pub(crate) fn spill(&mut self, spill: &mut Spill, want: usize) -> Result<usize, AnswerError> {
        let mut bytes = Vec::new();
        let mut places = Vec::new();
        let start = spill.length();
        for row in self.rows.get(self.spilled..).unwrap_or_default() {
            let Held::Memory(packed) = &row.cells else {
                break;
            };
            if bytes.len() >= want.min(SPILL_BATCH) {
                break;
            }
            places.push(Place {
                offset: start + bytes.len() as u64,
                // `packed_len` admitted this row.
                length: u32::try_from(packed.len()).unwrap_or(u32::MAX),
                check: row::check(packed),
            });
            bytes.extend_from_slice(packed);
        }
        spill.append(&bytes)?;
        // Only now: had the write failed, every row would still be in memory.
        for (row, place) in self.rows.iter_mut().skip(self.spilled).zip(&places) {
            row.cells = Held::Disk(*place);
        }
        self.spilled += places.len();
        Ok(bytes.len())
    }

    /// Whether every row is on disk.
    pub(crate) fn is_spilled(&self) -> bool {
        self.spilled == self.rows.len()
    }

    fn touch(&mut self, id: u32, version: u64) {
        let Some(row) = self.rows.get_mut(id as usize) else {
            return;
        };
        if row.version == version {
            return;
        }
        row.version = version;
        let (older, newer) = (row.older, row.newer);
        if newer == NO_ROW {
            return;
        }
        if let Some(next) = self.rows.get_mut(newer as usize) {
            next.older = older;
        }
        if let Some(before) = self.rows.get_mut(older as usize) {
            before.newer = newer;
        }
        self.link_newest(id);
    }

    fn link_newest(&mut self, id: u32) {
        let last = self.newest;
        if let Some(row) = self.rows.get_mut(id as usize) {
            row.older = last;
            row.newer = NO_ROW;
        }
        if let Some(row) = self.rows.get_mut(last as usize) {
            row.newer = id;
        }
        self.newest = id;
    }
}
