//! VDI: a disk in blocks, with a map of where each lies in the file.
//!
//! Format: <https://github.com/qemu/qemu/blob/master/block/vdi.c>. Snapshots, which hold only what differs from another
//! image, are refused.

use super::OpenError;
use super::block::{cut, damaged};
use crate::bytes::{le32, le64};
use crate::cache::Pages;
use crate::source::{ReadAt, Shared};
use std::io;

const WHAT: &str = "VDI";
const SIGNATURE: (usize, [u8; 4]) = (0x40, 0xBEDA_107F_u32.to_le_bytes());
const HEADER: usize = 0x190;
/// Blocks grow as they are written, or are all there.
const KINDS: [u32; 2] = [1, 2];
/// Entries of the map from here on are no block: never written, or all zeros.
const NO_BLOCK: u32 = 0xFFFF_FFFE;
const LARGEST_BLOCK: u64 = 256 << 20;

pub(super) struct Vdi {
    file: Shared,
    map: Pages,
    /// Where the map begins, and how many blocks it has.
    at: u64,
    blocks: u64,
    data: u64,
    block: u64,
    len: u64,
}

impl Vdi {
    pub(super) fn is(start: &[u8]) -> bool {
        start
            .get(SIGNATURE.0..)
            .is_some_and(|rest| rest.starts_with(&SIGNATURE.1))
    }

    pub(super) fn open(file: Shared) -> Result<Vdi, OpenError> {
        let wrong = OpenError::damaged(WHAT);
        let mut header = [0; HEADER];
        let failed = OpenError::header(WHAT);
        file.read_exact_at(0, &mut header).map_err(failed)?;
        let word = |at| le32(&header, at).unwrap_or_default();
        if word(0x44) >> 16 != 1 {
            return Err(OpenError::Unsupported {
                container: WHAT,
                what: "a version other than 1",
            });
        }
        if !KINDS.contains(&word(0x4C)) {
            return Err(OpenError::Unsupported {
                container: WHAT,
                what: "a base image, of which it holds the differences",
            });
        }
        let (at, data) = (u64::from(word(0x154)), u64::from(word(0x158)));
        let len = le64(&header, 0x170).unwrap_or_default();
        let (block, blocks) = (u64::from(word(0x178)), u64::from(word(0x180)));
        if !(512..=LARGEST_BLOCK).contains(&block) {
            return Err(wrong("impossible size of blocks"));
        }
        if blocks < len.div_ceil(block) || at + 4 * blocks > file.len() {
            return Err(wrong("its map is shorter than its disk"));
        }
        Ok(Vdi {
            map: Pages::new(file.clone(), 32),
            file,
            at,
            blocks,
            data,
            block,
            len,
        })
    }
}

impl ReadAt for Vdi {
    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
        let (number, within) = (offset / self.block, offset % self.block);
        let buffer = cut(buffer, within, self.block, offset, self.len);
        if buffer.is_empty() {
            return Ok(0);
        }
        if number >= self.blocks {
            return Err(damaged());
        }
        let place = u32::from_le_bytes(self.map.entry(self.at + number * 4)?);
        if place >= NO_BLOCK {
            buffer.fill(0);
            return Ok(buffer.len());
        }
        let start = self.data + u64::from(place) * self.block + within;
        self.file.read_at(start, buffer)
    }

    fn len(&self) -> u64 {
        self.len
    }
}
