//! Which block of the volume holds a block of a file: extent trees, and the block numbers of ext2 and ext3.
//!
//! Formats: <https://docs.kernel.org/filesystems/ext4/dynamic.html#the-contents-of-inode-i-block>.

use super::Core;
use super::inode::Inode;
use crate::bytes::{le16, le32};
use crate::source::ReadAt;
use std::io;
use std::sync::Arc;

const TREE: u16 = 0xF30A;
const DEEPEST: u16 = 5;
/// Lengths above this mark an extent that is reserved but not written.
const WRITTEN: u64 = 32_768;
const DIRECT: u64 = 12;

/// Where some blocks of a file lie.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Place {
    /// First block on the volume; `None` for a hole.
    at: Option<u64>,
    /// Blocks from there that are alike. At least 1.
    len: u64,
}

/// The content of a file.
pub(super) struct Content {
    pub(super) core: Arc<Core>,
    pub(super) inode: Inode,
    pub(super) size: u64,
}

impl Content {
    fn find(&self, logical: u64) -> io::Result<Place> {
        if self.inode.uses_extents() {
            self.in_tree(logical)
        } else {
            self.in_numbers(logical)
        }
    }

    fn in_tree(&self, logical: u64) -> io::Result<Place> {
        if logical > u32::MAX.into() {
            return Err(damaged());
        }
        let mut held;
        let mut node = self.inode.block();
        let mut depth = tree_depth(node)
            .filter(|depth| *depth <= DEEPEST)
            .ok_or_else(damaged)?;
        // First block behind what the node covers.
        let mut end = u64::from(u32::MAX) + 1;
        loop {
            let entries = usize::from(le16(node, 2).ok_or_else(damaged)?);
            let all = node
                .get(12..)
                .unwrap_or_default()
                .chunks_exact(12)
                .take(entries);
            let first = |entry: &[u8]| le32(entry, 0).map(u64::from).unwrap_or_default();
            let mut chosen = None;
            for entry in all {
                if first(entry) > logical {
                    end = end.min(first(entry));
                    break;
                }
                chosen = Some(entry);
            }
            let hole = Place {
                at: None,
                len: end.saturating_sub(logical).max(1),
            };
            let Some(entry) = chosen else { return Ok(hole) };
            if depth == 0 {
                let (len, high) = (
                    u64::from(le16(entry, 4).unwrap_or_default()),
                    u64::from(le16(entry, 6).unwrap_or_default()),
                );
                let at = u64::from(le32(entry, 8).unwrap_or_default()) | high << 32;
                let (len, written) = if len > WRITTEN {
                    (len - WRITTEN, false)
                } else {
                    (len, true)
                };
                let within = logical - first(entry);
                if within >= len {
                    return Ok(hole);
                }
                return Ok(Place {
                    at: written.then_some(at + within),
                    len: len - within,
                });
            }
            let high = u64::from(le16(entry, 8).unwrap_or_default());
            let child = u64::from(le32(entry, 4).unwrap_or_default()) | high << 32;
            held = self.core.block(child)?;
            node = &held;
            // Each level is one nearer to the leaves: no loops.
            depth = tree_depth(node)
                .filter(|found| *found + 1 == depth)
                .ok_or_else(damaged)?;
        }
    }

    fn in_numbers(&self, logical: u64) -> io::Result<Place> {
        let per_block = self.core.superblock.block / 4;
        let number = |block: &[u8], index: u64| {
            usize::try_from(index * 4)
                .ok()
                .and_then(|at| le32(block, at))
                .map(u64::from)
                .ok_or_else(damaged)
        };
        if logical < DIRECT {
            let at = number(self.inode.block(), logical)?;
            return Ok(Place {
                at: (at != 0).then_some(at),
                len: 1,
            });
        }
        let mut within = logical - DIRECT;
        let mut covered = per_block;
        for level in 1..=3u32 {
            if within < covered {
                let mut at = number(self.inode.block(), DIRECT + u64::from(level) - 1)?;
                let mut each = covered;
                for _ in 0..level {
                    if at == 0 {
                        // Nothing below: a hole to the end of what this block would cover.
                        return Ok(Place {
                            at: None,
                            len: each - within % each,
                        });
                    }
                    each /= per_block;
                    at = number(&self.core.block(at)?, within / each % per_block)?;
                }
                return Ok(Place {
                    at: (at != 0).then_some(at),
                    len: 1,
                });
            }
            within -= covered;
            covered = covered.checked_mul(per_block).ok_or_else(damaged)?;
        }
        Err(damaged())
    }
}

impl ReadAt for Content {
    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
        let left = usize::try_from(self.size.saturating_sub(offset)).unwrap_or(usize::MAX);
        let wanted = left.min(buffer.len());
        let Some(buffer) = buffer.get_mut(..wanted).filter(|buffer| !buffer.is_empty()) else {
            return Ok(0);
        };
        let block = self.core.superblock.block;
        let (logical, within) = (offset / block, offset % block);
        let mut place = self.find(logical)?;
        // Blocks numbered one by one mostly follow each other: read them in one go.
        while let Some(at) = place.at
            && place.len.saturating_mul(block) - within < buffer.len() as u64
        {
            match self.find(logical + place.len)? {
                next if next.at == Some(at + place.len) => place.len += next.len,
                _ => break,
            }
        }
        let there = usize::try_from(place.len.saturating_mul(block) - within).unwrap_or(usize::MAX);
        let count = there.min(buffer.len());
        let buffer = buffer.get_mut(..count).unwrap_or_default();
        match place.at {
            None => buffer.fill(0),
            Some(at) => {
                let from = at
                    .checked_mul(block)
                    .and_then(|from| from.checked_add(within))
                    .ok_or_else(damaged)?;
                self.core.volume.read_exact_at(from, buffer)?;
            }
        }
        Ok(count)
    }

    fn len(&self) -> u64 {
        self.size
    }

    fn data_from(&self, offset: u64) -> u64 {
        let block = self.core.superblock.block;
        let mut at = offset;
        while at < self.size {
            match self.find(at / block) {
                Ok(Place { at: None, len }) => {
                    at = (at / block).saturating_add(len).saturating_mul(block)
                }
                _ => return at,
            }
        }
        self.size
    }
}

fn tree_depth(node: &[u8]) -> Option<u16> {
    (le16(node, 0)? == TREE).then(|| le16(node, 6))?
}

pub(super) fn damaged() -> io::Error {
    io::Error::new(
        io::ErrorKind::InvalidData,
        "the block map of the file is damaged",
    )
}
