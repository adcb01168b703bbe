//! Rows as one run of bytes: for each cell its length (4 bytes, little-endian) and its bytes.
//!
//! One allocation holds a whole row, equality of rows is equality of bytes, and a row goes to disk as it is. Hashes are SipHash
//! under keys drawn at the start of the process: rows come from machines that may be hostile, and must not be able to pile up in one
//! place of a table. The keys are the same for all answers of a process, so merging and comparing does not hash again.

use crate::{Cell, Ordinal};
use std::hash::{BuildHasher, Hasher, RandomState};
use std::sync::LazyLock;

/// A row as it is read: with its number and count. One of a group has the number of the group's first row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PageRow {
    /// Its number in the table.
    pub row: u32,
    /// Its cells.
    pub cells: Vec<Cell>,
    /// Endpoints that gave it.
    pub count: u64,
    /// The first of them by ordinal, as many as were asked for.
    pub endpoints: Vec<Ordinal>,
}

static KEYS: LazyLock<(RandomState, RandomState)> =
    LazyLock::new(|| (RandomState::new(), RandomState::new()));

/// Places a row in its table.
pub(crate) fn hash(packed: &[u8]) -> u64 {
    with(&KEYS.0, packed)
}

/// Second, independent hash: with the first it stands for the bytes of a row that is on disk, and shows damage there.
pub(crate) fn check(packed: &[u8]) -> u64 {
    with(&KEYS.1, packed)
}

fn with(key: &RandomState, packed: &[u8]) -> u64 {
    let mut hasher = key.build_hasher();
    hasher.write(packed);
    hasher.finish()
}

/// Bytes that [`pack`] will make; `None` when a cell or the row is longer than the form allows.
pub(crate) fn packed_len<C: AsRef<[u8]>>(cells: &[C]) -> Option<u32> {
    let mut sum = 0_u32;
    for cell in cells {
        let length = u32::try_from(cell.as_ref().len()).ok()?;
        sum = sum.checked_add(length)?.checked_add(4)?;
    }
    Some(sum)
}

/// Writes the row's bytes in place of what `into` held. Rows that [`packed_len`] refuses must not come here.
pub(crate) fn pack<C: AsRef<[u8]>>(cells: &[C], into: &mut Vec<u8>) {
    into.clear();
    for cell in cells {
        let cell = cell.as_ref();
        let length = u32::try_from(cell.len()).unwrap_or(u32::MAX);
        into.extend_from_slice(&length.to_le_bytes());
        into.extend_from_slice(cell);
    }
}

/// The cells of a packed row.
pub(crate) fn cells(packed: &[u8]) -> Cells<'_> {
    Cells { rest: packed }
}

/// The cells as values of their own.
pub(crate) fn unpack(packed: &[u8]) -> Vec<Cell> {
    cells(packed).map(Into::into).collect()
}

pub(crate) struct Cells<'a> {
    rest: &'a [u8],
}

impl<'a> Iterator for Cells<'a> {
    type Item = &'a [u8];
    fn next(&mut self) -> Option<&'a [u8]> {
        let (length, rest) = self.rest.split_first_chunk::<4>()?;
        let length = u32::from_le_bytes(*length) as usize;
        let (cell, rest) = rest.split_at_checked(length)?;
        self.rest = rest;
        Some(cell)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packed_cells_come_back() {
        for row in [vec![], vec![""], vec!["a", "", "\u{202e}x"], vec!["", ""]] {
            let mut packed = vec![1, 2, 3];
            pack(&row, &mut packed);
            assert_eq!(packed_len(&row), Some(u32::try_from(packed.len()).unwrap()));
            let back: Vec<&[u8]> = cells(&packed).collect();
            assert_eq!(back, row.iter().map(|c| c.as_bytes()).collect::<Vec<_>>());
        }
    }
}
