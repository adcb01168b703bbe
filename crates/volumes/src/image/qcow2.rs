//! qcow2, version 2 and 3: a disk in clusters, found through two levels of tables, each stored plain or deflated.
//!
//! Format: <https://github.com/qemu/qemu/blob/master/docs/interop/qcow2.txt>. Images that build on another file, are
//! encrypted, keep their data elsewhere or have sub-clusters are refused.

use super::OpenError;
use super::block::{copy, cut, damaged, inflate};
use crate::bytes::{be32, be64};
use crate::cache::{Pages, Recent};
use crate::source::{ReadAt, Shared};
use std::io;

const MAGIC: &[u8] = b"QFI\xfb";
const OFFSET: u64 = 0x00FF_FFFF_FFFF_FE00;
const COMPRESSED: u64 = 1 << 62;
const ZERO: u64 = 1;
const LARGEST_TABLE: u64 = 32 << 20;
const EXTERNAL_DATA: u64 = 1 << 2;
const OTHER_COMPRESSION: u64 = 1 << 3;
const SUBCLUSTERS: u64 = 1 << 4;

pub(super) struct Qcow2 {
    file: Shared,
    pages: Pages,
    unpacked: Recent,
    cluster_bits: u32,
    len: u64,
    l1: u64,
    l1_entries: u64,
    version: u32,
}

enum Cluster {
    Hole,
    Plain(u64),
    Packed { at: u64, len: usize },
}

impl Qcow2 {
    pub(super) fn is(start: &[u8]) -> bool {
        start.starts_with(MAGIC)
    }

    pub(super) fn open(file: Shared) -> Result<Qcow2, OpenError> {
        const WHAT: &str = "qcow2";
        let mut header = [0; 112];
        let filled = file
            .read_full_at(0, &mut header)
            .map_err(OpenError::header(WHAT))?;
        let wrong = OpenError::damaged(WHAT);
        let header = header.get(..filled).unwrap_or_default();
        let word = |at| be32(header, at).ok_or(wrong("the header is cut"));
        let long = |at| be64(header, at).ok_or(wrong("the header is cut"));
        let version = word(4)?;
        let features = if version >= 3 { long(72)? } else { 0 };
        let refuse = |what| {
            Err(OpenError::Unsupported {
                container: WHAT,
                what,
            })
        };
        match () {
            () if version != 2 && version != 3 => return refuse("this version"),
            () if long(8)? != 0 => return refuse("an image on top of another"),
            () if word(32)? != 0 => return refuse("encryption"),
            () if features & EXTERNAL_DATA != 0 => return refuse("data in another file"),
            () if features & SUBCLUSTERS != 0 => return refuse("extended tables"),
            () if features & OTHER_COMPRESSION != 0 && header.get(104) != Some(&0) => {
                return refuse("zstd compression");
            }
            () => {}
        }
        let cluster_bits = word(20)?;
        if !(9..=21).contains(&cluster_bits) {
            return Err(wrong("impossible size of clusters"));
        }
        let (len, l1_entries, l1) = (long(24)?, u64::from(word(36)?), long(40)?);
        let each = 1u64 << (2 * cluster_bits - 3);
        if l1_entries * 8 > LARGEST_TABLE || l1_entries.saturating_mul(each) < len {
            return Err(wrong("the first table does not fit the size of the disk"));
        }
        let (pages, unpacked) = (Pages::new(file.clone(), 32), Recent::new(8));
        Ok(Qcow2 {
            file,
            pages,
            unpacked,
            cluster_bits,
            len,
            l1,
            l1_entries,
            version,
        })
    }

    fn cluster(&self) -> u64 {
        1 << self.cluster_bits
    }

    /// Offset of the second table that covers a cluster; 0 for none.
    fn second(&self, number: u64) -> io::Result<u64> {
        let index = number >> (self.cluster_bits - 3);
        if index >= self.l1_entries {
            return Err(damaged());
        }
        let at = self.l1.checked_add(index * 8).ok_or_else(damaged)?;
        Ok(u64::from_be_bytes(self.pages.entry(at)?) & OFFSET)
    }

    fn find(&self, number: u64) -> io::Result<Cluster> {
        let second = self.second(number)?;
        if second == 0 {
            return Ok(Cluster::Hole);
        }
        let index = number & ((1 << (self.cluster_bits - 3)) - 1);
        let entry = u64::from_be_bytes(self.pages.entry(second + index * 8)?);
        if entry & COMPRESSED != 0 {
            let bits = 62 - (self.cluster_bits - 8);
            let at = entry & ((1 << bits) - 1);
            let sectors = (entry & (COMPRESSED - 1)) >> bits;
            let len = (sectors + 1) * 512 - at % 512;
            return Ok(Cluster::Packed {
                at,
                len: usize::try_from(len).map_err(|_| damaged())?,
            });
        }
        let at = entry & OFFSET;
        if at == 0 || (self.version >= 3 && entry & ZERO != 0) {
            return Ok(Cluster::Hole);
        }
        Ok(Cluster::Plain(at))
    }
}

impl ReadAt for Qcow2 {
    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
        let (number, within) = (offset >> self.cluster_bits, offset & (self.cluster() - 1));
        let buffer = cut(buffer, within, self.cluster(), offset, self.len);
        if buffer.is_empty() {
            return Ok(0);
        }
        match self.find(number)? {
            Cluster::Hole => {
                buffer.fill(0);
                Ok(buffer.len())
            }
            Cluster::Plain(at) => {
                // The last cluster of the file may be cut; what is missing reads as zeros.
                let filled = self.file.read_full_at(at + within, buffer)?;
                buffer.get_mut(filled..).unwrap_or_default().fill(0);
                Ok(buffer.len())
            }
            Cluster::Packed { at, len } => {
                let cluster = self.unpacked.get(number, || {
                    let mut packed = vec![0; len];
                    let filled = self.file.read_full_at(at, &mut packed)?;
                    inflate(
                        packed.get(..filled).unwrap_or_default(),
                        false,
                        1 << self.cluster_bits,
                    )
                })?;
                Ok(copy(&cluster, within, buffer))
            }
        }
    }

    fn len(&self) -> u64 {
        self.len
    }

    fn data_from(&self, offset: u64) -> u64 {
        let mut at = offset;
        while at < self.len {
            let number = at >> self.cluster_bits;
            let skip = match (self.second(number), self.find(number)) {
                (Ok(0), _) => 1u64 << (2 * self.cluster_bits - 3),
                (_, Ok(Cluster::Hole)) => self.cluster(),
                _ => return at,
            };
            at = (at / skip).saturating_add(1).saturating_mul(skip);
        }
        self.len
    }
}
