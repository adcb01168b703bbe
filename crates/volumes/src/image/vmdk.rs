//! VMDK: sparse extents (monolithic or stream-optimised), and descriptors that join extents of several files.
//!
//! Format: "Virtual Disk Format 5.0", <https://github.com/libyal/libvmdk/blob/main/documentation/VMWare%20Virtual%20Disk%20Format%20(VMDK).asciidoc>.
//! Snapshots, which hold only what changed against another file, are refused.

use super::OpenError;
use super::block::{copy, cut, damaged, inflate};
use super::raw::Joined;
use crate::bytes::{le16, le32, le64};
use crate::cache::{Pages, Recent};
use crate::source::{FileSource, ReadAt, Shared, Window};
use std::fs::File;
use std::io;
use std::path::Path;
use std::sync::Arc;

const WHAT: &str = "VMDK";
const MAGIC: &[u8] = b"KDMV";
const TEXT: &[u8] = b"# Disk DescriptorFile";
const SECTOR: u64 = 512;
const ZERO_GRAINS: u32 = 1 << 2;
const PACKED: u32 = 1 << 16;
const LARGEST_GRAIN: u64 = 32_768;
const LONGEST_TEXT: u64 = 1 << 20;
const MOST_EXTENTS: usize = 4096;

pub(super) struct Sparse {
    file: Shared,
    pages: Pages,
    unpacked: Recent,
    flags: u32,
    len: u64,
    grain: u64,
    per_table: u64,
    directory: u64,
}

pub(super) fn is(start: &[u8]) -> bool {
    start.starts_with(MAGIC) || start.starts_with(TEXT)
}

/// Opens either form.
pub(super) fn open(file: Shared, start: &[u8], path: &Path) -> Result<Shared, OpenError> {
    if start.starts_with(MAGIC) {
        return Ok(Arc::new(Sparse::open(file)?));
    }
    let text = text(&file, 0, file.len())?;
    refuse_snapshots(&text)?;
    let mut parts = Vec::new();
    for line in text.lines() {
        let Some(extent) = Extent::parse(line) else {
            continue;
        };
        if parts.len() >= MOST_EXTENTS {
            return Err(OpenError::Damaged {
                container: WHAT,
                why: "it has too many extents",
            });
        }
        parts.push(extent.open(path)?);
    }
    if parts.is_empty() {
        return Err(OpenError::Damaged {
            container: WHAT,
            why: "its descriptor names no extents",
        });
    }
    Ok(Arc::new(Joined::new(parts)))
}

/// A line such as `RW 4192256 SPARSE "disk-s001.vmdk"`.
struct Extent<'a> {
    sectors: u64,
    kind: &'a str,
    name: &'a str,
    from: u64,
}

impl<'a> Extent<'a> {
    fn parse(line: &'a str) -> Option<Extent<'a>> {
        let (before, rest) = line.split_once('"').unwrap_or((line, ""));
        let mut words = before.split_whitespace();
        if !matches!(words.next()?, "RW" | "RDONLY") {
            return None;
        }
        let sectors = words.next()?.parse().ok()?;
        let kind = words.next()?;
        let (name, behind) = rest.split_once('"').unwrap_or_default();
        let from = behind.trim().parse().unwrap_or_default();
        Some(Extent {
            sectors,
            kind,
            name,
            from,
        })
    }

    fn open(&self, descriptor: &Path) -> Result<Shared, OpenError> {
        let len = self.sectors.checked_mul(SECTOR).ok_or(OpenError::Damaged {
            container: WHAT,
            why: "impossible size",
        })?;
        if self.kind == "ZERO" {
            return Ok(Arc::new(super::raw::Zeros(len)));
        }
        // Only files beside the descriptor: it may come from anywhere and must not reach for others.
        let plain = Path::new(self.name)
            .file_name()
            .is_some_and(|name| name == self.name)
            && !self.name.contains(['/', '\\']);
        if !plain {
            return Err(OpenError::Unsupported {
                container: WHAT,
                what: "an extent in another folder",
            });
        }
        let path = descriptor.with_file_name(self.name);
        let opened = File::open(&path).and_then(FileSource::new);
        let file: Shared = Arc::new(opened.map_err(|source| OpenError::Segment { path, source })?);
        match self.kind {
            "FLAT" | "VMFS" => Ok(Arc::new(Window::new(
                file,
                self.from.saturating_mul(SECTOR),
                len,
            ))),
            "SPARSE" => Ok(Arc::new(Window::new(Arc::new(Sparse::open(file)?), 0, len))),
            _ => Err(OpenError::Unsupported {
                container: WHAT,
                what: "this kind of extent",
            }),
        }
    }
}

fn text(file: &Shared, at: u64, len: u64) -> Result<String, OpenError> {
    let mut bytes = vec![0; usize::try_from(len.min(LONGEST_TEXT)).unwrap_or_default()];
    let filled = file
        .read_full_at(at, &mut bytes)
        .map_err(OpenError::header(WHAT))?;
    bytes.truncate(filled);
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

fn refuse_snapshots(text: &str) -> Result<(), OpenError> {
    let parent = text
        .lines()
        .filter_map(|line| line.split_once('='))
        .find(|(key, _)| key.trim() == "parentCID");
    match parent {
        Some((_, value))
            if !value
                .trim()
                .trim_end_matches('\0')
                .eq_ignore_ascii_case("ffffffff") =>
        {
            Err(OpenError::Unsupported {
                container: WHAT,
                what: "a snapshot on top of another image",
            })
        }
        _ => Ok(()),
    }
}

impl Sparse {
    fn open(file: Shared) -> Result<Sparse, OpenError> {
        let wrong = OpenError::damaged(WHAT);
        let failed = OpenError::header(WHAT);
        let mut header = [0; SECTOR as usize];
        file.read_exact_at(0, &mut header).map_err(failed)?;
        if header.first_chunk() != Some(b"KDMV") {
            return Err(wrong("an extent has no header"));
        }
        let (at, size) = (
            le64(&header, 28).unwrap_or_default(),
            le64(&header, 36).unwrap_or_default(),
        );
        if at > 0 && size > 0 {
            refuse_snapshots(&text(
                &file,
                at.saturating_mul(SECTOR),
                size.saturating_mul(SECTOR),
            )?)?;
        }
        // Written as a stream, the place of the tables is known only at the end.
        if le64(&header, 56) == Some(u64::MAX) {
            let footer = file
                .len()
                .checked_sub(2 * SECTOR)
                .ok_or(wrong("it is cut"))?;
            file.read_exact_at(footer, &mut header).map_err(failed)?;
            if header.first_chunk() != Some(b"KDMV") {
                return Err(wrong("its footer is missing"));
            }
        }
        let long = |at| le64(&header, at).ok_or(wrong("the header is cut"));
        let (capacity, grain, directory) = (long(12)?, long(20)?, long(56)?);
        let per_table = u64::from(le32(&header, 44).unwrap_or_default());
        let flags = le32(&header, 8).unwrap_or_default();
        if !grain.is_power_of_two()
            || grain > LARGEST_GRAIN
            || per_table == 0
            || per_table > 1 << 16
        {
            return Err(wrong("impossible size of grains or tables"));
        }
        if flags & PACKED != 0 && le16(&header, 77) != Some(1) {
            return Err(OpenError::Unsupported {
                container: WHAT,
                what: "this compression",
            });
        }
        let len = capacity
            .checked_mul(SECTOR)
            .ok_or(wrong("impossible size of the disk"))?;
        let directory = directory
            .checked_mul(SECTOR)
            .filter(|at| *at < file.len())
            .ok_or(wrong("its tables lie nowhere"))?;
        let (pages, unpacked) = (Pages::new(file.clone(), 32), Recent::new(8));
        Ok(Sparse {
            file,
            pages,
            unpacked,
            flags,
            len,
            grain: grain * SECTOR,
            per_table,
            directory,
        })
    }

    /// Where a grain lies; `None` when it is not stored.
    fn find(&self, number: u64) -> io::Result<Option<u64>> {
        let at = self
            .directory
            .checked_add(number / self.per_table * 4)
            .ok_or_else(damaged)?;
        let table = u64::from(u32::from_le_bytes(self.pages.entry(at)?));
        if table == 0 {
            return Ok(None);
        }
        let entry = u32::from_le_bytes(
            self.pages
                .entry(table * SECTOR + number % self.per_table * 4)?,
        );
        let hole = entry == 0 || (entry == 1 && self.flags & ZERO_GRAINS != 0);
        Ok((!hole).then_some(u64::from(entry) * SECTOR))
    }

    fn unpack(&self, at: u64) -> io::Result<Vec<u8>> {
        let mut marker = [0; 12];
        self.file.read_exact_at(at, &mut marker)?;
        let len = u64::from(le32(&marker, 8).unwrap_or_default());
        if len > 2 * self.grain + 1024 {
            return Err(damaged());
        }
        let mut packed = vec![0; usize::try_from(len).map_err(|_| damaged())?];
        self.file.read_exact_at(at + 12, &mut packed)?;
        inflate(
            &packed,
            true,
            usize::try_from(self.grain).map_err(|_| damaged())?,
        )
    }
}

impl ReadAt for Sparse {
    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
        let (number, within) = (offset / self.grain, offset % self.grain);
        let buffer = cut(buffer, within, self.grain, offset, self.len);
        if buffer.is_empty() {
            return Ok(0);
        }
        match self.find(number)? {
            None => buffer.fill(0),
            Some(at) if self.flags & PACKED != 0 => {
                let grain = self.unpacked.get(number, || self.unpack(at))?;
                return Ok(copy(&grain, within, buffer));
            }
            Some(at) => {
                let filled = self.file.read_full_at(at + within, buffer)?;
                buffer.get_mut(filled..).unwrap_or_default().fill(0);
            }
        }
        Ok(buffer.len())
    }

    fn len(&self) -> u64 {
        self.len
    }
}
