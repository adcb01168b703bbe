//! VHDX: blocks found through one table, which the region and metadata tables lead to.
//!
//! Format: <https://learn.microsoft.com/openspecs/windows_protocols/ms-vhdx/>. Differencing disks are refused, and so is a
//! disk whose log was not replayed: its tables may be half written.

use super::OpenError;
use super::block::{cut, damaged};
use crate::bytes::{le16, le32, le64, part};
use crate::cache::Pages;
use crate::source::{ReadAt, Shared};
use std::io;

const WHAT: &str = "VHDX";
const MAGIC: &[u8] = b"vhdxfile";
const HEADERS: [u64; 2] = [64 << 10, 128 << 10];
const REGIONS: [u64; 2] = [192 << 10, 256 << 10];
const TABLE: usize = 64 << 10;
const BLOCKS: u128 = guid(0x2DC2_7766, 0xF623, 0x4200, 0x9D64_115E_9BFD_4A08);
const METADATA: u128 = guid(0x8B7C_A206, 0x4790, 0x4B9A, 0xB8FE_575F_050F_886E);
const PARAMETERS: u128 = guid(0xCAA1_6737, 0xFA36, 0x4D43, 0xB3B6_33F0_AA44_E76B);
const DISK_SIZE: u128 = guid(0x2FA5_4224, 0xCD1B, 0x4876, 0xB211_5DBE_D83B_F4B8);
const SECTOR_SIZE: u128 = guid(0x8141_BF1D, 0xA96F, 0x4709, 0xBA47_F233_A8FA_AB5F);
const PRESENT: u64 = 6;

/// A GUID as its bytes read as one little-endian number.
const fn guid(a: u32, b: u16, c: u16, d: u64) -> u128 {
    a as u128 | (b as u128) << 32 | (c as u128) << 48 | (d.swap_bytes() as u128) << 64
}

pub(super) struct Vhdx {
    file: Shared,
    pages: Pages,
    len: u64,
    block: u64,
    /// Blocks between two entries of the table that describe bitmaps.
    ratio: u64,
    table: u64,
}

impl Vhdx {
    pub(super) fn is(start: &[u8]) -> bool {
        start.starts_with(MAGIC)
    }

    pub(super) fn open(file: Shared) -> Result<Vhdx, OpenError> {
        let wrong = OpenError::damaged(WHAT);
        let header = HEADERS
            .into_iter()
            .filter_map(|at| read(&file, at, 4096))
            .filter(|header| header.starts_with(b"head"))
            .max_by_key(|header| le64(header, 8))
            .ok_or(wrong("both headers are gone"))?;
        if part(&header, 48, 16) != Some(&[0; 16]) {
            return Err(OpenError::Unsupported {
                container: WHAT,
                what: "a disk whose log must be replayed first",
            });
        }
        let regions = REGIONS
            .into_iter()
            .filter_map(|at| read(&file, at, TABLE))
            .find(|table| table.starts_with(b"regi"))
            .ok_or(wrong("both region tables are gone"))?;
        let region = |wanted| {
            find(
                &regions,
                16,
                le32(&regions, 8).unwrap_or_default(),
                wanted,
                16,
            )
        };
        let region = |wanted| le64(region(wanted)?, 0);
        let table = region(BLOCKS).ok_or(wrong("it has no table of blocks"))?;
        let place = region(METADATA).ok_or(wrong("it has no metadata"))?;
        let metadata = read(&file, place, TABLE)
            .filter(|table| table.starts_with(b"metadata"))
            .ok_or(wrong("its metadata is gone"))?;
        let item = |wanted| {
            let found = find(&metadata, 32, le16(&metadata, 10)?.into(), wanted, 16)?;
            read(&file, place.checked_add(le32(found, 0)?.into())?, 8)
        };
        let parameters = item(PARAMETERS).ok_or(wrong("it does not tell the size of blocks"))?;
        let block = u64::from(le32(&parameters, 0).unwrap_or_default());
        if le32(&parameters, 4).unwrap_or_default() & 2 != 0 {
            return Err(OpenError::Unsupported {
                container: WHAT,
                what: "a disk on top of another",
            });
        }
        let len = item(DISK_SIZE)
            .and_then(|item| le64(&item, 0))
            .ok_or(wrong("it does not tell the size of the disk"))?;
        let sector = item(SECTOR_SIZE)
            .and_then(|item| le32(&item, 0))
            .unwrap_or(512);
        if !block.is_power_of_two()
            || !(1 << 20..=256 << 20).contains(&block)
            || ![512, 4096].contains(&sector)
        {
            return Err(wrong("impossible size of blocks or sectors"));
        }
        let ratio = (u64::from(sector) << 23) / block;
        Ok(Vhdx {
            pages: Pages::new(file.clone(), 32),
            file,
            len,
            block,
            ratio,
            table,
        })
    }

    fn find(&self, number: u64) -> io::Result<Option<u64>> {
        let index = number + number / self.ratio;
        let at = index
            .checked_mul(8)
            .and_then(|at| at.checked_add(self.table))
            .ok_or_else(damaged)?;
        let entry = u64::from_le_bytes(self.pages.entry(at)?);
        Ok((entry & 7 == PRESENT).then_some(entry >> 20 << 20))
    }
}

impl ReadAt for Vhdx {
    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
        let (number, within) = (offset / self.block, offset % self.block);
        let buffer = cut(buffer, within, self.block, offset, self.len);
        if buffer.is_empty() {
            return Ok(0);
        }
        match self.find(number)? {
            None => buffer.fill(0),
            Some(at) => self
                .file
                .read_exact_at(at.checked_add(within).ok_or_else(damaged)?, buffer)?,
        }
        Ok(buffer.len())
    }

    fn len(&self) -> u64 {
        self.len
    }

    fn data_from(&self, offset: u64) -> u64 {
        let mut at = offset;
        while at < self.len {
            match self.find(at / self.block) {
                Ok(None) => at = (at / self.block + 1).saturating_mul(self.block),
                _ => return at,
            }
        }
        self.len
    }
}

fn read(file: &Shared, at: u64, len: usize) -> Option<Vec<u8>> {
    let mut bytes = vec![0; len];
    let filled = file.read_full_at(at, &mut bytes).ok()?;
    bytes.truncate(filled);
    Some(bytes)
}

/// What follows the GUID in the entry of a table.
fn find(table: &[u8], first: usize, count: u32, wanted: u128, len: usize) -> Option<&[u8]> {
    table
        .get(first..)?
        .chunks_exact(32)
        .take(count.try_into().unwrap_or(usize::MAX))
        .find_map(|entry| {
            let (guid, rest) = entry.split_first_chunk::<16>()?;
            (u128::from_le_bytes(*guid) == wanted).then(|| rest.get(..len))?
        })
}
