//! Partition tables: MBR with logical partitions, and GPT with its copy at the end.
//!
//! Formats: <https://uefi.org/specs/UEFI/2.10/05_GUID_Partition_Table_Format.html>,
//! <https://thestarman.pcministry.com/asm/mbr/PartTables.htm>.

use crate::bytes::{le16, le32, le64, part};
use crate::source::Shared;

const SECTORS: [u64; 2] = [512, 4096];
const EXTENDED: [u8; 3] = [0x05, 0x0F, 0x85];
const PROTECTIVE: u8 = 0xEE;
const MOST_LOGICAL: usize = 256;
const MOST_ENTRIES: u32 = 1024;

/// What a table calls a partition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PartitionType {
    /// The type byte of an MBR.
    Mbr(u8),
    /// The type GUID of a GPT, as on disk.
    Gpt([u8; 16]),
}

impl PartitionType {
    /// A partition that only holds others.
    pub fn is_extended(self) -> bool {
        matches!(self, PartitionType::Mbr(code) if EXTENDED.contains(&code))
    }
}

/// One partition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Partition {
    /// First byte.
    pub offset: u64,
    /// Bytes.
    pub len: u64,
    /// What the table calls it.
    pub kind: PartitionType,
    /// It lies in an extended partition.
    pub logical: bool,
}

/// The partitions of a disk in the order of the tables; none when there is no table.
pub fn partitions(disk: &Shared) -> Vec<Partition> {
    let found = mbr(disk);
    let protective = found
        .iter()
        .any(|partition| partition.kind == PartitionType::Mbr(PROTECTIVE));
    if found.is_empty() || protective {
        let gpt = gpt(disk);
        if !gpt.is_empty() {
            return gpt;
        }
    }
    found
}

fn sector(disk: &Shared, at: u64) -> Option<[u8; 512]> {
    let mut bytes = [0; 512];
    disk.read_exact_at(at, &mut bytes).ok()?;
    Some(bytes)
}

/// Type, first sector and sectors of the four entries.
fn entries(bytes: &[u8]) -> Option<[(u8, u64, u64); 4]> {
    (le16(bytes, 510)? == 0xAA55).then_some(())?;
    let mut all = [(0, 0, 0); 4];
    for (index, entry) in all.iter_mut().enumerate() {
        let found = part(bytes, 446 + 16 * index, 16)?;
        // Anything but these two marks is no partition table: other boot sectors end in the same signature.
        matches!(*found.first()?, 0 | 0x80).then_some(())?;
        *entry = (
            *found.get(4)?,
            le32(found, 8)?.into(),
            le32(found, 12)?.into(),
        );
    }
    Some(all)
}

fn mbr(disk: &Shared) -> Vec<Partition> {
    let Some(primary) = sector(disk, 0).and_then(|bytes| entries(&bytes)) else {
        return Vec::new();
    };
    let mut all = Vec::new();
    for (code, first, count) in primary {
        if code == 0 || count == 0 {
            continue;
        }
        all.push(Partition {
            offset: first * 512,
            len: count * 512,
            kind: PartitionType::Mbr(code),
            logical: false,
        });
        if EXTENDED.contains(&code) {
            logical(disk, first, &mut all);
        }
    }
    all
}

/// Each logical partition has a table of its own, which names it and the next one.
fn logical(disk: &Shared, start: u64, all: &mut Vec<Partition>) {
    let mut at = start;
    for _ in 0..MOST_LOGICAL {
        let Some([(code, first, count), (next_code, next, _), ..]) =
            sector(disk, at * 512).and_then(|bytes| entries(&bytes))
        else {
            return;
        };
        if code != 0 && count != 0 && !EXTENDED.contains(&code) {
            let offset = (at + first) * 512;
            all.push(Partition {
                offset,
                len: count * 512,
                kind: PartitionType::Mbr(code),
                logical: true,
            });
        }
        // Tables follow one another upwards; a step back would be a loop.
        if !EXTENDED.contains(&next_code) || start + next <= at {
            return;
        }
        at = start + next;
    }
}

fn gpt(disk: &Shared) -> Vec<Partition> {
    for size in SECTORS {
        for at in [size, disk.len().saturating_sub(size)] {
            if let Some(found) = gpt_at(disk, at, size) {
                return found;
            }
        }
    }
    Vec::new()
}

fn gpt_at(disk: &Shared, at: u64, size: u64) -> Option<Vec<Partition>> {
    let header = sector(disk, at)?;
    (header.first_chunk() == Some(b"EFI PART")).then_some(())?;
    let (table, count, each) = (le64(&header, 72)?, le32(&header, 80)?, le32(&header, 84)?);
    if count > MOST_ENTRIES || !(128..=4096).contains(&each) {
        return None;
    }
    let mut bytes = vec![0; usize::try_from(u64::from(count) * u64::from(each)).ok()?];
    disk.read_exact_at(table.checked_mul(size)?, &mut bytes)
        .ok()?;
    let mut all = Vec::new();
    for entry in bytes.chunks_exact(usize::try_from(each).ok()?) {
        let kind = *entry.first_chunk::<16>()?;
        let (first, last) = (le64(entry, 32)?, le64(entry, 40)?);
        if kind == [0; 16] || last < first {
            continue;
        }
        let Some(offset) = first.checked_mul(size) else {
            continue;
        };
        let len = (last - first).saturating_add(1).saturating_mul(size);
        all.push(Partition {
            offset,
            len,
            kind: PartitionType::Gpt(kind),
            logical: false,
        });
    }
    Some(all)
}
