//! The change journal `$UsnJrnl:$J`: records of version 2, 3 and 4.
//!
//! The journal is a sparse stream; its old part is freed and reads as zeros. Records lie one after another at multiples of
//! 8, none crosses a page of 4 KiB, the rest of a page is zeros. A record that makes no sense is skipped in steps of 8
//! until one does. Formats: <https://learn.microsoft.com/windows/win32/api/winioctl/ns-winioctl-usn_record_v2>, `_v3`, `_v4`.

use crate::bytes::{all_zero, le16, le32, le64, le128, part};
use crate::entry::VolumeError;
use crate::source::Shared;
use crate::text::utf16;
use crate::time::filetime;
use std::ops::ControlFlow;

const PAGE: usize = 4096;
const CHUNK: usize = 1 << 20;
/// A header of 60 bytes and a name of 255 units, rounded up; the format itself allows more than any name needs.
const LONGEST: usize = 0x1_0000;
const SHORTEST: usize = 0x38;

/// One record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UsnRecord<'a> {
    /// Where the record was found, in bytes from the start of the journal as given.
    pub offset: u64,
    /// Bytes of the record.
    pub length: u32,
    /// Major version: 2, 3 or 4.
    pub version: u16,
    /// Number of the record in the journal's whole life; in a whole journal the same as `offset`.
    pub usn: i64,
    /// The file: a [`super::Reference`] in version 2, 128 bits (on NTFS the same with zeros above) in the others.
    pub file: u128,
    /// The directory.
    pub parent: u128,
    /// When it happened, as [`crate::times`] has it. Version 4 has none.
    pub time: Option<i64>,
    /// What happened: a set of [`REASONS`].
    pub reason: u32,
    /// Who caused it: a set of `USN_SOURCE_…`.
    pub source: u32,
    /// Key of the security descriptor. Version 4 has none.
    pub security: Option<u32>,
    /// DOS attributes. Version 4 has none.
    pub attributes: Option<u32>,
    /// Name in UTF-16LE; see [`UsnRecord::name`]. Version 4 has none.
    pub name_units: &'a [u8],
    /// Version 4: ranges that were written, as pairs of 64-bit numbers; see [`UsnRecord::extents`].
    extents: &'a [u8],
    /// Version 4: records with further ranges that follow this one.
    pub remaining_extents: Option<u32>,
}

/// Bits of a reason and what they mean.
pub const REASONS: &[(u32, &str)] = &[
    (0x0000_0001, "data overwrite"),
    (0x0000_0002, "data extend"),
    (0x0000_0004, "data truncation"),
    (0x0000_0010, "named data overwrite"),
    (0x0000_0020, "named data extend"),
    (0x0000_0040, "named data truncation"),
    (0x0000_0100, "file create"),
    (0x0000_0200, "file delete"),
    (0x0000_0400, "extended attribute change"),
    (0x0000_0800, "security change"),
    (0x0000_1000, "rename: old name"),
    (0x0000_2000, "rename: new name"),
    (0x0000_4000, "indexable change"),
    (0x0000_8000, "basic info change"),
    (0x0001_0000, "hard link change"),
    (0x0002_0000, "compression change"),
    (0x0004_0000, "encryption change"),
    (0x0008_0000, "object id change"),
    (0x0010_0000, "reparse point change"),
    (0x0020_0000, "stream change"),
    (0x0040_0000, "transacted change"),
    (0x0080_0000, "integrity change"),
    (0x8000_0000, "close"),
];

impl<'a> UsnRecord<'a> {
    /// Reads the record at the start of `bytes`. `None` when there is none, or not wholly.
    pub fn parse(bytes: &'a [u8], offset: u64) -> Option<UsnRecord<'a>> {
        let length = le32(bytes, 0)?;
        let size = usize::try_from(length).ok()?;
        let version = le16(bytes, 4)?;
        if !size.is_multiple_of(8) || !(SHORTEST..=LONGEST).contains(&size) || le16(bytes, 6)? != 0
        {
            return None;
        }
        let whole = bytes.get(..size)?;
        // Versions 3 and 4 differ from 2 by references of 16 bytes.
        let (file, parent, rest) = match version {
            2 => (le64(whole, 0x08)?.into(), le64(whole, 0x10)?.into(), 0x18),
            3 | 4 => (le128(whole, 0x08)?, le128(whole, 0x18)?, 0x28),
            _ => return None,
        };
        let usn = i64::try_from(le64(whole, rest)?).ok()?;
        let mut record = UsnRecord {
            offset,
            length,
            version,
            usn,
            file,
            parent,
            time: None,
            reason: 0,
            source: 0,
            security: None,
            attributes: None,
            name_units: &[],
            extents: &[],
            remaining_extents: None,
        };
        if version == 4 {
            record.reason = le32(whole, 0x30)?;
            record.source = le32(whole, 0x34)?;
            record.remaining_extents = Some(le32(whole, 0x38)?);
            let (count, each) = (
                usize::from(le16(whole, 0x3C)?),
                usize::from(le16(whole, 0x3E)?),
            );
            if each != 16 {
                return None;
            }
            record.extents = part(whole, 0x40, count * each)?;
        } else {
            record.time = filetime(le64(whole, rest + 8)?);
            record.reason = le32(whole, rest + 0x10)?;
            record.source = le32(whole, rest + 0x14)?;
            record.security = Some(le32(whole, rest + 0x18)?);
            record.attributes = Some(le32(whole, rest + 0x1C)?);
            let (len, at) = (
                le16(whole, rest + 0x20)?.into(),
                le16(whole, rest + 0x22)?.into(),
            );
            record.name_units = part(whole, at, len)?;
        }
        Some(record)
    }

    /// The name as WTF-8.
    pub fn name(&self) -> Vec<u8> {
        utf16(self.name_units)
    }

    /// Version 4: the ranges of the file that were written, as offset and length.
    pub fn extents(&self) -> impl Iterator<Item = (u64, u64)> + 'a {
        let (pairs, _) = self.extents.as_chunks::<16>();
        pairs
            .iter()
            .filter_map(|pair| Some((le64(pair, 0)?, le64(pair, 8)?)))
    }

    /// What happened, in words.
    pub fn reasons(&self) -> impl Iterator<Item = &'static str> {
        let reason = self.reason;
        REASONS
            .iter()
            .filter(move |(bit, _)| reason & bit != 0)
            .map(|(_, word)| *word)
    }
}

/// What a pass over a journal met.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct JournalReport {
    /// Records given out.
    pub records: u64,
    /// Bytes that are neither records nor zeros.
    pub skipped: u64,
    /// Where to go on: behind the last whole record.
    pub next: u64,
}

/// Gives every record of a journal from byte `from` on (0, or [`JournalReport::next`] of an earlier pass), oldest first.
pub fn records(
    journal: &Shared,
    from: u64,
    each: &mut dyn FnMut(&UsnRecord<'_>) -> ControlFlow<()>,
) -> Result<JournalReport, VolumeError> {
    let mut report = JournalReport {
        next: from,
        ..JournalReport::default()
    };
    let mut buffer = vec![0; CHUNK + LONGEST];
    let mut offset = from / 8 * 8;
    loop {
        let known = journal.data_from(offset) / 8 * 8;
        offset = offset.max(known);
        let filled = journal
            .read_full_at(offset, &mut buffer)
            .map_err(|source| VolumeError::Read {
                what: "the change journal",
                offset,
                source,
            })?;
        let found = buffer.get(..filled).unwrap_or_default();
        let last = filled < buffer.len();
        // A record that starts in the chunk ends in the buffer; what starts behind is left to the next chunk.
        let end = if last { filled } else { CHUNK };
        let mut at = 0;
        while at < end {
            let rest = found.get(at..).unwrap_or_default();
            if let Some(record) = UsnRecord::parse(rest, offset + at as u64) {
                at += record.length as usize;
                report.records += 1;
                report.next = offset + at as u64;
                if each(&record).is_break() {
                    return Ok(report);
                }
                continue;
            }
            let page = PAGE - ((offset + at as u64) % PAGE as u64) as usize;
            let page = page.min(rest.len());
            if all_zero(rest.get(..page).unwrap_or_default()) {
                at += page;
            } else {
                let word = rest.get(..8).unwrap_or(rest);
                report.skipped += if all_zero(word) { 0 } else { word.len() as u64 };
                at += 8;
            }
        }
        if last {
            return Ok(report);
        }
        offset += at as u64;
    }
}
