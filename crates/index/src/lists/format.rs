//! The file of a list: a header, the sorted records of each kind, the starts of their blocks.
//!
//! All numbers little-endian. Everything but the header follows from the three counts, so there are no offsets that
//! could be wrong:
//!
//! | where | what |
//! | --- | --- |
//! | 0 | `CordonHL`, version (u32), block size (u32) |
//! | 16 | counts of MD5, SHA-1, SHA-256 (u64 each) |
//! | 40 | CRC-32 of everything from 4096 on, of what follows the records alone, of the header before this (u32 each) |
//! | 4096 | records of each kind in that order, each section filled with zeros to a multiple of 4096 |
//! | then | for each kind the first four bytes of each block, as a number (u32 each) |
//! | then | for each kind its filter (u64 each) |

use super::filter::{self, Filter};
use super::{HashKind, HashList, ListError};
use flate2::Crc;
use std::fs::File;
use std::io;
use std::path::Path;

/// Entries of one list, so that its block starts stay small in memory (25 MB).
pub const MOST_ENTRIES: u64 = 100_000_000;

/// Bytes read for one answer.
pub(super) const BLOCK: usize = 512;

/// Where the records begin, and what sections are multiples of.
pub(super) const PAGE: u64 = 4096;

const MAGIC: [u8; 8] = *b"CordonHL";
const VERSION: u32 = 1;
const HEADER: usize = 52;

pub(super) const fn per_block(kind: HashKind) -> usize {
    BLOCK / kind.bytes()
}

/// Where everything is, from the counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Layout {
    counts: [u64; 3],
}

impl Layout {
    pub(super) fn new(counts: [u64; 3]) -> Option<Self> {
        let total = counts
            .iter()
            .try_fold(0, |sum: u64, count| sum.checked_add(*count))?;
        (total <= MOST_ENTRIES).then_some(Self { counts })
    }

    pub(super) fn count(&self, kind: HashKind) -> u64 {
        *kind.of(&self.counts)
    }

    fn section(&self, kind: HashKind) -> u64 {
        (self.count(kind) * kind.bytes() as u64).next_multiple_of(PAGE)
    }

    pub(super) fn records(&self, kind: HashKind) -> u64 {
        PAGE + HashKind::ALL
            .iter()
            .take_while(|before| **before != kind)
            .map(|before| self.section(*before))
            .sum::<u64>()
    }

    fn starts(&self) -> u64 {
        PAGE + HashKind::ALL
            .iter()
            .map(|kind| self.section(*kind))
            .sum::<u64>()
    }

    fn blocks(&self, kind: HashKind) -> u64 {
        self.count(kind).div_ceil(per_block(kind) as u64)
    }

    fn end(&self) -> u64 {
        let tables =
            |kind: &HashKind| 4 * self.blocks(*kind) + 8 * filter::words(self.count(*kind));
        self.starts() + HashKind::ALL.iter().map(tables).sum::<u64>()
    }
}

/// The header of a finished file.
pub(super) fn header(layout: &Layout, all: u32, tables: u32) -> Vec<u8> {
    let mut out = Vec::with_capacity(HEADER);
    out.extend(MAGIC);
    out.extend(VERSION.to_le_bytes());
    out.extend((BLOCK as u32).to_le_bytes());
    for count in layout.counts {
        out.extend(count.to_le_bytes());
    }
    out.extend(all.to_le_bytes());
    out.extend(tables.to_le_bytes());
    let own = crc(&out);
    out.extend(own.to_le_bytes());
    out
}

pub(super) fn open(path: &Path) -> Result<HashList, ListError> {
    let failed = |source| ListError::Read {
        path: path.to_owned(),
        source,
    };
    let damaged = |what| ListError::Damaged {
        path: path.to_owned(),
        what,
    };
    let file = File::open(path).map_err(failed)?;
    let length = file.metadata().map_err(failed)?.len();
    let mut head = [0; HEADER];
    read_exact_at(&file, &mut head, 0).map_err(|source| match source.kind() {
        io::ErrorKind::UnexpectedEof => damaged("is cut short"),
        _ => failed(source),
    })?;
    let number = |at: usize| {
        head.get(at..)
            .and_then(|b| b.first_chunk())
            .map_or(0, |b| u32::from_le_bytes(*b))
    };
    let long = |at: usize| u64::from(number(at)) | u64::from(number(at + 4)) << 32;
    if !head.starts_with(&MAGIC) {
        return Err(damaged("is not a list of hashes"));
    }
    if (number(8), number(12)) != (VERSION, BLOCK as u32) {
        return Err(damaged("is of another version"));
    }
    if number(48) != crc(head.get(..HEADER - 4).unwrap_or_default()) {
        return Err(damaged("has a damaged header"));
    }
    let layout = Layout::new([long(16), long(24), long(32)])
        .ok_or_else(|| damaged("has a damaged header"))?;
    if length != layout.end() {
        return Err(damaged(if length < layout.end() {
            "is cut short"
        } else {
            "is longer than it says"
        }));
    }
    let mut list = HashList {
        path: path.to_owned(),
        file,
        layout,
        starts: Default::default(),
        filters: Default::default(),
        checksum: number(40),
    };
    let (mut at, mut sum) = (layout.starts(), Crc::new());
    let mut starts = <[Vec<u32>; 3]>::default();
    for (kind, starts) in HashKind::ALL.into_iter().zip(&mut starts) {
        let count = layout.blocks(kind);
        *starts = numbers(&list, &mut at, count, &mut sum, u32::from_le_bytes)?;
    }
    list.starts = starts;
    let mut filters = <[Filter; 3]>::default();
    for (kind, filter) in HashKind::ALL.into_iter().zip(&mut filters) {
        let count = filter::words(layout.count(kind));
        let words = numbers(&list, &mut at, count, &mut sum, u64::from_le_bytes)?;
        *filter = Filter::from_words(words);
    }
    list.filters = filters;
    if sum.sum() != number(44) || !list.starts.iter().all(|starts| starts.is_sorted()) {
        return Err(damaged("has damaged tables"));
    }
    Ok(list)
}

/// A table of numbers, which the bound on entries bounds. Read in parts, for it may be large.
fn numbers<T, const N: usize>(
    list: &HashList,
    at: &mut u64,
    count: u64,
    sum: &mut Crc,
    number: fn([u8; N]) -> T,
) -> Result<Vec<T>, ListError> {
    let mut table = Vec::with_capacity(count as usize);
    let mut part = [[0; N]; 2048];
    while table.len() < count as usize {
        let some = part.len().min(count as usize - table.len());
        let some = part.get_mut(..some).unwrap_or_default();
        let bytes = some.as_flattened_mut();
        list.read(bytes, *at)?;
        *at += bytes.len() as u64;
        sum.update(bytes);
        table.extend(some.iter().map(|bytes| number(*bytes)));
    }
    Ok(table)
}

pub(super) fn verify(list: &HashList) -> Result<(), ListError> {
    let mut buffer = vec![0; 1 << 20];
    let (mut at, end, mut sum) = (PAGE, list.layout.end(), Crc::new());
    while at < end {
        let part = (end - at).min(buffer.len() as u64) as usize;
        let bytes = buffer.get_mut(..part).unwrap_or_default();
        list.read(bytes, at)?;
        sum.update(bytes);
        at += part as u64;
    }
    match sum.sum() == list.checksum {
        true => Ok(()),
        false => Err(list.damaged("differs from its checksum")),
    }
}

fn crc(bytes: &[u8]) -> u32 {
    let mut sum = Crc::new();
    sum.update(bytes);
    sum.sum()
}

/// Reads at a place without moving the position that other threads may use.
#[cfg(unix)]
pub(super) fn read_exact_at(file: &File, into: &mut [u8], at: u64) -> io::Result<()> {
    std::os::unix::fs::FileExt::read_exact_at(file, into, at)
}

/// Reads at a place; each call names its place, so threads do not meet.
#[cfg(windows)]
pub(super) fn read_exact_at(file: &File, mut into: &mut [u8], mut at: u64) -> io::Result<()> {
    use std::os::windows::fs::FileExt;
    while !into.is_empty() {
        match file.seek_read(into, at) {
            Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
            Ok(count) => {
                at += count as u64;
                into = std::mem::take(&mut into)
                    .get_mut(count..)
                    .unwrap_or_default();
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}
