//! The expert witness format (E01, E02, …): chunks of a disk, each deflated or plain with a checksum, in segment files.
//!
//! Format: <https://github.com/libyal/libewf/blob/main/documentation/Expert%20Witness%20Compression%20Format%20(EWF).asciidoc>.
//! Only where tables lie is kept in memory, not their entries.

use super::OpenError;
use super::block::{copy, cut, damaged, inflate};
use crate::bytes::{le16, le32, le64};
use crate::cache::{Pages, Recent};
use crate::source::{FileSource, ReadAt, Shared};
use std::collections::BTreeSet;
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

const MAGIC: &[u8] = b"EVF\x09\x0d\x0a\xff\x00";
const WHAT: &str = "EWF";
const DESCRIPTOR: u64 = 76;
const PACKED: u32 = 0x8000_0000;
const LARGEST_CHUNK: u64 = 16 << 20;
/// `.E01` to `.EZZ` name 971 segments; some tools go on to `.ZZZ`.
const MOST_SEGMENTS: usize = 14_971;
/// Chunks with a wrong checksum that are remembered at most, and those that are named.
const MOST_KEPT: usize = 1 << 20;
const MOST_TOLD: usize = 20;
const MOST_SECTIONS: usize = 1 << 20;

struct Table {
    /// Number of its first chunk.
    first: u64,
    count: u64,
    segment: usize,
    /// Where its entries lie in the segment.
    entries: u64,
    base: u64,
    /// Where the data of its chunks ends.
    end: u64,
}

struct Segment {
    file: Shared,
    pages: Pages,
}

#[derive(Default)]
struct Found {
    geometry: Option<(u64, u64)>,
    tables: Vec<Table>,
    md5: Option<[u8; 16]>,
    chunks: u64,
    done: bool,
    /// Sections of which the checksum is wrong.
    wrong: Vec<String>,
}

pub(super) struct Ewf {
    segments: Vec<Segment>,
    tables: Vec<Table>,
    chunk: u64,
    len: u64,
    unpacked: Recent,
    pub(super) md5: Option<[u8; 16]>,
    damage: Mutex<Damage>,
}

/// Chunks and sections of which the checksum is wrong.
#[derive(Default)]
struct Damage {
    sections: Vec<String>,
    chunks: BTreeSet<u64>,
}

impl Ewf {
    pub(super) fn is(start: &[u8]) -> bool {
        start.starts_with(MAGIC)
    }

    /// Opens the first segment's followers beside it.
    pub(super) fn open(first: Shared, path: &Path) -> Result<Ewf, OpenError> {
        let mut found = Found::default();
        let mut segments = Vec::new();
        let mut file = first;
        loop {
            sections(&file, segments.len(), &mut found)?;
            segments.push(Segment {
                pages: Pages::new(file.clone(), 32),
                file,
            });
            if found.done || segments.len() >= MOST_SEGMENTS {
                break;
            }
            let next = segment_path(path, segments.len() + 1).ok_or(OpenError::Damaged {
                container: WHAT,
                why: "the last segment says that another follows",
            })?;
            let opened = File::open(&next).and_then(FileSource::new);
            file = Arc::new(opened.map_err(|source| OpenError::Segment { path: next, source })?);
        }
        Ewf::new(segments, found)
    }

    fn new(segments: Vec<Segment>, found: Found) -> Result<Ewf, OpenError> {
        let wrong = OpenError::damaged(WHAT);
        let (chunk, len) = found
            .geometry
            .ok_or(wrong("no section tells the size of the disk"))?;
        if chunk == 0 || chunk > LARGEST_CHUNK {
            return Err(wrong("impossible size of chunks"));
        }
        if found.chunks < len.div_ceil(chunk) {
            return Err(wrong("chunks are missing"));
        }
        Ok(Ewf {
            segments,
            tables: found.tables,
            chunk,
            len,
            unpacked: Recent::new(8),
            md5: found.md5,
            damage: Mutex::new(Damage {
                sections: found.wrong,
                chunks: BTreeSet::new(),
            }),
        })
    }

    /// What was found to be damaged so far, for people: sections, and parts of the disk.
    pub(super) fn damage(&self) -> Vec<String> {
        let damage = self.damage.lock().unwrap_or_else(PoisonError::into_inner);
        let mut told = damage.sections.clone();
        let chunks = damage.chunks.iter().take(MOST_TOLD).map(|number| {
            let start = number * self.chunk;
            let end = start.saturating_add(self.chunk).min(self.len);
            format!("chunk {number} of the EWF image, bytes {start} to {end} of the disk: its checksum is wrong")
        });
        told.extend(chunks);
        let more = damage.chunks.len().saturating_sub(MOST_TOLD);
        if more > 0 {
            told.push(format!("{more} more chunks of which the checksum is wrong"));
        }
        told
    }

    /// A chunk, whose damage is remembered.
    fn whole_chunk(&self, number: u64) -> io::Result<Vec<u8>> {
        self.chunk(number).map_err(|error| {
            if error.kind() != io::ErrorKind::InvalidData {
                return error;
            }
            let mut damage = self.damage.lock().unwrap_or_else(PoisonError::into_inner);
            if damage.chunks.len() < MOST_KEPT {
                damage.chunks.insert(number);
            }
            let text = format!("the checksum of chunk {number} of the EWF image is wrong");
            io::Error::new(io::ErrorKind::InvalidData, text)
        })
    }

    fn chunk(&self, number: u64) -> io::Result<Vec<u8>> {
        let index = self
            .tables
            .partition_point(|table| table.first + table.count <= number);
        let table = self.tables.get(index).ok_or_else(damaged)?;
        let segment = self.segments.get(table.segment).ok_or_else(damaged)?;
        let index = number.checked_sub(table.first).ok_or_else(damaged)?;
        let entry = u32::from_le_bytes(segment.pages.entry(table.entries + index * 4)?);
        let place = |entry: u32| {
            table
                .base
                .checked_add((entry & !PACKED).into())
                .ok_or_else(damaged)
        };
        let start = place(entry)?;
        let end = match index + 1 < table.count {
            true => place(u32::from_le_bytes(
                segment.pages.entry(table.entries + index * 4 + 4)?,
            ))?,
            false => table.end,
        };
        let size = end
            .checked_sub(start)
            .filter(|size| *size <= 2 * self.chunk + 1024)
            .ok_or_else(damaged)?;
        let mut stored = vec![0; usize::try_from(size).map_err(|_| damaged())?];
        segment.file.read_exact_at(start, &mut stored)?;
        let wanted = self.chunk.min(self.len - number * self.chunk);
        let wanted = usize::try_from(wanted).map_err(|_| damaged())?;
        if entry & PACKED != 0 {
            return unpack(&stored, wanted, self.chunk);
        }
        let (data, sum) = stored.split_last_chunk::<4>().ok_or_else(damaged)?;
        if data.len() < wanted || adler32(data) != u32::from_le_bytes(*sum) {
            return Err(damaged());
        }
        stored.truncate(wanted);
        Ok(stored)
    }
}

/// The last chunk may be stored at its own length or filled up to a whole one.
fn unpack(stored: &[u8], wanted: usize, chunk: u64) -> io::Result<Vec<u8>> {
    inflate(stored, true, wanted).or_else(|error| {
        let whole = usize::try_from(chunk).map_err(|_| damaged())?;
        if whole == wanted {
            return Err(error);
        }
        let mut chunk = inflate(stored, true, whole)?;
        chunk.truncate(wanted);
        Ok(chunk)
    })
}

impl ReadAt for Ewf {
    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
        let (number, within) = (offset / self.chunk, offset % self.chunk);
        let buffer = cut(buffer, within, self.chunk, offset, self.len);
        if buffer.is_empty() {
            return Ok(0);
        }
        let chunk = self.unpacked.get(number, || self.whole_chunk(number))?;
        Ok(copy(&chunk, within, buffer))
    }

    fn len(&self) -> u64 {
        self.len
    }
}

/// Follows the sections of one segment.
fn sections(file: &Shared, segment: usize, found: &mut Found) -> Result<(), OpenError> {
    let wrong = OpenError::damaged(WHAT);
    let failed = OpenError::header(WHAT);
    let mut head = [0; 13];
    file.read_exact_at(0, &mut head).map_err(failed)?;
    if !Ewf::is(&head) || le16(&head, 9).map(usize::from) != Some(segment + 1) {
        return Err(wrong("a segment is not the one that its name says"));
    }
    let (mut at, mut data_end) = (13, None);
    for _ in 0..MOST_SECTIONS {
        let mut section = [0; DESCRIPTOR as usize];
        file.read_exact_at(at, &mut section).map_err(failed)?;
        let (said, sum) = section.split_last_chunk::<4>().unwrap_or((&[], &[0; 4]));
        if adler32(said) != u32::from_le_bytes(*sum) && found.wrong.len() < MOST_TOLD {
            found.wrong.push(format!(
                "section at byte {at} of part {} of the EWF image: its checksum is wrong",
                segment + 1
            ));
        }
        let kind = section
            .first_chunk::<16>()
            .map(|kind| kind.split(|byte| *byte == 0).next().unwrap_or_default());
        let next = le64(&section, 16).unwrap_or_default();
        let size = le64(&section, 24).unwrap_or_default();
        let body = at + DESCRIPTOR;
        match kind {
            Some(b"volume" | b"disk") => {
                let mut data = [0; 94];
                file.read_exact_at(body, &mut data).map_err(failed)?;
                let word = |at| le32(&data, at).map(u64::from).unwrap_or_default();
                let sectors = if size >= 1052 + DESCRIPTOR {
                    le64(&data, 16).unwrap_or_default()
                } else {
                    word(16)
                };
                let len = sectors
                    .checked_mul(word(12))
                    .ok_or(wrong("impossible size of the disk"))?;
                found.geometry.get_or_insert((word(8) * word(12), len));
            }
            Some(b"sectors") => data_end = at.checked_add(size),
            Some(b"table") => {
                let mut data = [0; 24];
                file.read_exact_at(body, &mut data).map_err(failed)?;
                let count = u64::from(le32(&data, 0).unwrap_or_default());
                let entries = body + 24;
                if entries
                    .checked_add(count * 4)
                    .is_none_or(|end| end > file.len())
                {
                    return Err(wrong("a table is longer than its file"));
                }
                found.tables.push(Table {
                    first: found.chunks,
                    count,
                    segment,
                    entries,
                    base: le64(&data, 8).unwrap_or_default(),
                    end: data_end.unwrap_or(at),
                });
                found.chunks += count;
            }
            Some(b"hash" | b"digest") => {
                let mut md5 = [0; 16];
                file.read_exact_at(body, &mut md5).map_err(failed)?;
                found.md5.get_or_insert(md5);
            }
            Some(b"done") => {
                found.done = true;
                return Ok(());
            }
            Some(b"next") => return Ok(()),
            _ => {}
        }
        if next <= at {
            return Err(wrong("its sections go round in a circle"));
        }
        at = next;
    }
    Err(wrong("it has more sections than any image"))
}

/// The path of segment `number` beside the first: `.E01` … `.E99`, `.EAA` … `.EZZ`, `.FAA` … with the case of the first.
fn segment_path(first: &Path, number: usize) -> Option<PathBuf> {
    let extension = first.extension()?.to_str()?;
    let letter = extension.bytes().next().filter(u8::is_ascii_alphabetic)?;
    let base = if letter.is_ascii_lowercase() {
        b'a'
    } else {
        b'A'
    };
    let text = if number < 100 {
        format!("{}{number:02}", char::from(letter))
    } else {
        let rest = u32::try_from(number - 100).ok()?;
        let digit = |value: u32| char::from(base + (value % 26) as u8);
        let front = u32::from(letter) + rest / 676;
        (front <= u32::from(base) + 25).then_some(())?;
        [char::from_u32(front)?, digit(rest / 26), digit(rest)]
            .iter()
            .collect()
    };
    Some(first.with_extension(text))
}

/// <https://www.rfc-editor.org/rfc/rfc1950#section-8.2>
fn adler32(bytes: &[u8]) -> u32 {
    let (mut low, mut high) = (1u32, 0u32);
    // So many bytes can be added before the sums must be reduced.
    for part in bytes.chunks(5552) {
        for byte in part {
            low += u32::from(*byte);
            high += low;
        }
        low %= 65_521;
        high %= 65_521;
    }
    high << 16 | low
}

#[cfg(test)]
mod tests {
    use super::{adler32, segment_path};
    use std::path::Path;

    #[test]
    fn segments_are_named_in_order() {
        let name = |number| {
            segment_path(Path::new("a/x.E01"), number).map(|path| path.display().to_string())
        };
        assert_eq!(name(2).as_deref(), Some("a/x.E02"));
        assert_eq!(name(99).as_deref(), Some("a/x.E99"));
        assert_eq!(name(100).as_deref(), Some("a/x.EAA"));
        assert_eq!(name(775).as_deref(), Some("a/x.EZZ"));
        assert_eq!(name(776).as_deref(), Some("a/x.FAA"));
        assert_eq!(
            segment_path(Path::new("x.e01"), 101).as_deref(),
            Some(Path::new("x.eAB").with_extension("eab").as_path())
        );
        assert_eq!(segment_path(Path::new("x"), 2), None);
    }

    #[test]
    fn checksum_of_a_known_text() {
        assert_eq!(adler32(b"Wikipedia"), 0x11E6_0398);
    }
}
