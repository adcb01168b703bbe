//! VHD: a raw disk with a footer, or a disk in blocks with a table of where each lies.
//!
//! Format: "Virtual Hard Disk Image Format Specification", version 1.0. All numbers are big-endian. Images that hold only
//! what differs from another one are refused.

use super::OpenError;
use super::block::{cut, damaged};
use crate::cache::Pages;
use crate::source::{ReadAt, Shared, Window};
use std::io;
use std::sync::Arc;

const WHAT: &str = "VHD";
const FOOTER: u64 = 512;
const COOKIE: &[u8] = b"conectix";
const SPARSE: &[u8] = b"cxsparse";
const SECTOR: u64 = 512;
/// Of a block that was never written.
const NO_BLOCK: u32 = u32::MAX;
const LARGEST_BLOCK: u64 = 256 << 20;

/// Whether a file ends with the footer, or begins with the copy of it that only disks in blocks have.
pub(super) fn is(file: &Shared, start: &[u8]) -> bool {
    start.starts_with(COOKIE) || footer(file).is_ok_and(|footer| footer.starts_with(COOKIE))
}

fn footer(file: &Shared) -> io::Result<[u8; FOOTER as usize]> {
    let mut footer = [0; FOOTER as usize];
    file.read_exact_at(file.len().saturating_sub(FOOTER), &mut footer)?;
    Ok(footer)
}

pub(super) fn open(file: Shared) -> Result<Shared, OpenError> {
    let wrong = OpenError::damaged(WHAT);
    let failed = OpenError::header(WHAT);
    let mut head = footer(&file).map_err(failed)?;
    if !head.starts_with(COOKIE) || !sums_up(&head, 64) {
        // Cut short or damaged at its end: the copy stands for it.
        file.read_exact_at(0, &mut head).map_err(failed)?;
        if !head.starts_with(COOKIE) || !sums_up(&head, 64) {
            return Err(wrong("the checksum of its footer is wrong"));
        }
    }
    let len = be64(&head, 48).unwrap_or_default();
    match be32(&head, 60) {
        Some(2) if file.len() < len => Err(wrong("the file is shorter than its disk")),
        Some(2) => Ok(Arc::new(Window::new(file, 0, len))),
        Some(3) => Ok(Arc::new(Sparse::open(file, &head, len)?)),
        Some(4) => Err(OpenError::Unsupported {
            container: WHAT,
            what: "a base image, of which it holds the differences",
        }),
        _ => Err(wrong("it is of no known type")),
    }
}

struct Sparse {
    file: Shared,
    table: Pages,
    /// Where the table begins.
    at: u64,
    blocks: u64,
    block: u64,
    /// Before the data of a block stands which of its sectors were written.
    bitmap: u64,
    len: u64,
}

impl Sparse {
    fn open(file: Shared, footer: &[u8], len: u64) -> Result<Sparse, OpenError> {
        let wrong = OpenError::damaged(WHAT);
        let mut head = [0; 1024];
        let at = be64(footer, 16).unwrap_or_default();
        file.read_exact_at(at, &mut head)
            .map_err(OpenError::header(WHAT))?;
        if !head.starts_with(SPARSE) || !sums_up(&head, 36) {
            return Err(wrong("the checksum of its header is wrong"));
        }
        let at = be64(&head, 16).unwrap_or_default();
        let blocks = u64::from(be32(&head, 28).unwrap_or_default());
        let block = u64::from(be32(&head, 32).unwrap_or_default());
        if !(SECTOR..=LARGEST_BLOCK).contains(&block) || !block.is_power_of_two() {
            return Err(wrong("impossible size of blocks"));
        }
        let end = at.checked_add(4 * blocks);
        if blocks < len.div_ceil(block) || end.is_none_or(|end| end > file.len()) {
            return Err(wrong("its table is shorter than its disk"));
        }
        Ok(Sparse {
            table: Pages::new(file.clone(), 32),
            file,
            at,
            blocks,
            block,
            bitmap: (block / SECTOR).div_ceil(8).next_multiple_of(SECTOR),
            len,
        })
    }
}

impl ReadAt for Sparse {
    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
        let (number, within) = (offset / self.block, offset % self.block);
        let buffer = cut(buffer, within, self.block, offset, self.len);
        if buffer.is_empty() {
            return Ok(0);
        }
        if number >= self.blocks {
            return Err(damaged());
        }
        let place = u32::from_be_bytes(self.table.entry(self.at + number * 4)?);
        if place == NO_BLOCK {
            buffer.fill(0);
            return Ok(buffer.len());
        }
        // Sectors that were not written are zeros in the file.
        let start = u64::from(place) * SECTOR + self.bitmap + within;
        self.file.read_at(start, buffer)
    }

    fn len(&self) -> u64 {
        self.len
    }
}

/// Whether the checksum at this place, the complement of the sum of all other bytes, is right.
fn sums_up(bytes: &[u8], at: usize) -> bool {
    let others = bytes
        .iter()
        .enumerate()
        .filter(|(i, _)| !(at..at + 4).contains(i));
    let sum = others.fold(0_u32, |sum, (_, byte)| sum.wrapping_add(u32::from(*byte)));
    be32(bytes, at) == Some(!sum)
}

fn be32(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_be_bytes(*bytes.get(at..)?.first_chunk()?))
}

fn be64(bytes: &[u8], at: usize) -> Option<u64> {
    Some(u64::from_be_bytes(*bytes.get(at..)?.first_chunk()?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::image::open_source;
    use std::path::Path;

    fn sum(bytes: &mut [u8], at: usize) {
        bytes[at..at + 4].fill(0);
        let sum = bytes
            .iter()
            .fold(0_u32, |sum, b| sum.wrapping_add((*b).into()));
        bytes[at..at + 4].copy_from_slice(&(!sum).to_be_bytes());
    }

    fn footer_of(kind: u32, len: u64, header: u64) -> Vec<u8> {
        let mut footer = vec![0; 512];
        footer[..8].copy_from_slice(COOKIE);
        footer[16..24].copy_from_slice(&header.to_be_bytes());
        footer[48..56].copy_from_slice(&len.to_be_bytes());
        footer[60..64].copy_from_slice(&kind.to_be_bytes());
        sum(&mut footer, 64);
        footer
    }

    fn whole(file: Vec<u8>) -> Result<(Vec<u8>, &'static str), OpenError> {
        let image = open_source(Arc::new(file), Path::new("of a test"))?;
        let mut bytes = vec![0; image.disk().len() as usize];
        image.disk().read_exact_at(0, &mut bytes).unwrap();
        Ok((bytes, image.container()))
    }

    #[test]
    fn a_fixed_disk_is_what_stands_before_its_footer() {
        let disk: Vec<u8> = (0..4096_u32).map(|n| (n / 7) as u8).collect();
        let file = [disk.clone(), footer_of(2, 4096, u64::MAX)].concat();
        assert_eq!(whole(file).unwrap(), (disk, "VHD"));
    }

    #[test]
    fn a_sparse_disk_is_put_together_and_its_damage_named() {
        let mut header = vec![0; 1024];
        header[..8].copy_from_slice(SPARSE);
        header[16..24].copy_from_slice(&1536_u64.to_be_bytes());
        header[28..32].copy_from_slice(&3_u32.to_be_bytes());
        header[32..36].copy_from_slice(&4096_u32.to_be_bytes());
        sum(&mut header, 36);
        let footer = footer_of(3, 10_000, 512);
        let mut table = vec![0xFF; 512];
        // The second block lies in the fifth sector.
        table[4..8].copy_from_slice(&4_u32.to_be_bytes());
        let block = [vec![0xFF; 512], vec![7; 4096]].concat();
        let file = [footer.clone(), header, table, block, footer.clone()].concat();
        let (bytes, container) = whole(file.clone()).unwrap();
        assert_eq!((bytes.len(), container), (10_000, "VHD"));
        let expected = |at: usize| if (4096..8192).contains(&at) { 7 } else { 0 };
        assert!(bytes.iter().enumerate().all(|(at, b)| *b == expected(at)));
        // The copy at its beginning stands for a footer that is gone.
        let cut = file[..file.len() - 512].to_vec();
        assert_eq!(whole(cut).unwrap().0, bytes);
        let mut wrong = file;
        wrong[512 + 20] ^= 1;
        assert!(matches!(whole(wrong), Err(OpenError::Damaged { .. })));
        let difference = [vec![0; 512], footer_of(4, 512, 512)].concat();
        assert!(matches!(
            whole(difference),
            Err(OpenError::Unsupported { .. })
        ));
    }

    #[test]
    fn a_vdi_is_put_together() {
        let mut header = vec![0; 0x200];
        let mut put = |at: usize, value: u32| {
            header[at..at + 4].copy_from_slice(&value.to_le_bytes());
        };
        put(0x40, 0xBEDA_107F);
        put(0x44, 0x1_0001);
        put(0x4C, 1);
        put(0x154, 0x200);
        put(0x158, 0x400);
        put(0x170, 5000);
        put(0x178, 4096);
        put(0x180, 2);
        let mut map = vec![0xFF; 0x200];
        map[4..8].fill(0);
        let file = [header.clone(), map, vec![9; 4096]].concat();
        let (bytes, container) = whole(file.clone()).unwrap();
        assert_eq!((bytes.len(), container), (5000, "VDI"));
        assert!(bytes[..4096].iter().all(|b| *b == 0) && bytes[4096..].iter().all(|b| *b == 9));
        let mut of_another = file;
        of_another[0x4C] = 4;
        assert!(matches!(
            whole(of_another),
            Err(OpenError::Unsupported { .. })
        ));
    }
}
