//! The journal of a volume that was not unmounted: blocks that are written there and not yet in their place.
//!
//! Nothing is written: the blocks of the finished transactions are read out of the journal wherever somebody reads their
//! place. Format: <https://docs.kernel.org/filesystems/ext4/dynamic.html#journal-jbd2>.

use crate::bytes::{be32, be64};
use crate::source::{ReadAt, Shared};
use std::collections::{BTreeMap, HashMap};
use std::io;

const MAGIC: u32 = 0xC03B_3998;
const DESCRIPTOR: u32 = 1;
const COMMIT: u32 = 2;
const SUPER: [u32; 2] = [3, 4];
const REVOKE: u32 = 5;
const BITS_64: u32 = 2;
const CHECKSUM_2: u32 = 8;
const CHECKSUM_3: u32 = 16;
const FAST_COMMIT: u32 = 32;
const ESCAPED: u32 = 1;
const SAME_VOLUME: u32 = 2;
const LAST: u32 = 8;

/// Where the newest copy of a block is.
#[derive(Debug, Clone, Copy)]
struct Copy {
    /// Block of the journal.
    at: u64,
    sequence: u32,
    /// The copy starts with zeros in place of the journal's magic number.
    escaped: bool,
}

/// A volume as it would be after the journal was played back.
pub(super) struct Replayed {
    volume: Shared,
    journal: Shared,
    block: u64,
    copies: BTreeMap<u64, Copy>,
}

impl Replayed {
    /// `None` when the journal holds nothing or cannot be understood: then the volume is as it is.
    pub(super) fn new(volume: Shared, journal: Shared, block: u64) -> Option<Replayed> {
        let copies = Scan::new(&journal, block)?.run();
        (!copies.is_empty()).then_some(Replayed {
            volume,
            journal,
            block,
            copies,
        })
    }
}

impl ReadAt for Replayed {
    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
        let (number, within) = (offset / self.block, offset % self.block);
        let next = self.copies.range(number..).next();
        let cut = |most: u64| usize::try_from(most).unwrap_or(usize::MAX);
        match next {
            Some((found, copy)) if *found == number => {
                let count = cut(self.block - within).min(buffer.len());
                let buffer = buffer.get_mut(..count).unwrap_or_default();
                self.journal
                    .read_exact_at(copy.at * self.block + within, buffer)?;
                if copy.escaped {
                    for (place, byte) in buffer
                        .iter_mut()
                        .zip(MAGIC.to_be_bytes().iter().skip(cut(within)))
                    {
                        *place = *byte;
                    }
                }
                Ok(count)
            }
            Some((found, _)) => {
                let count = cut(found * self.block - offset).min(buffer.len());
                self.volume
                    .read_at(offset, buffer.get_mut(..count).unwrap_or_default())
            }
            None => self.volume.read_at(offset, buffer),
        }
    }

    fn len(&self) -> u64 {
        self.volume.len()
    }
}

struct Scan<'j> {
    journal: &'j Shared,
    block: u64,
    first: u64,
    end: u64,
    at: u64,
    sequence: u32,
    features: u32,
    copies: BTreeMap<u64, Copy>,
    revoked: HashMap<u64, u32>,
}

impl<'j> Scan<'j> {
    fn new(journal: &'j Shared, block: u64) -> Option<Scan<'j>> {
        let mut head = [0; 256];
        journal.read_exact_at(0, &mut head).ok()?;
        let known = be32(&head, 0)? == MAGIC
            && SUPER.contains(&be32(&head, 4)?)
            && u64::from(be32(&head, 12)?) == block;
        let version_2 = be32(&head, 4)? == SUPER[1];
        let features = if version_2 { be32(&head, 40)? } else { 0 };
        let fast = if features & FAST_COMMIT != 0 {
            be32(&head, 84)?.max(1)
        } else {
            0
        };
        let end = u64::from(be32(&head, 16)?.saturating_sub(fast)).min(journal.len() / block);
        let (first, start) = (u64::from(be32(&head, 20)?), u64::from(be32(&head, 28)?));
        if !known || start == 0 || first == 0 || first >= end || !(first..end).contains(&start) {
            return None;
        }
        Some(Scan {
            journal,
            block,
            first,
            end,
            at: start,
            sequence: be32(&head, 24)?,
            features,
            copies: BTreeMap::new(),
            revoked: HashMap::new(),
        })
    }

    /// Follows the transactions to the first that did not finish.
    fn run(mut self) -> BTreeMap<u64, Copy> {
        let mut open: Vec<(u64, Copy)> = Vec::new();
        let mut revoked: Vec<u64> = Vec::new();
        let mut bytes = vec![0; usize::try_from(self.block).unwrap_or_default()];
        let mut steps = self.end;
        while steps > 0 {
            steps -= 1;
            let read = self.journal.read_exact_at(self.at * self.block, &mut bytes);
            if read.is_err()
                || be32(&bytes, 0) != Some(MAGIC)
                || be32(&bytes, 8) != Some(self.sequence)
            {
                break;
            }
            self.advance();
            match be32(&bytes, 4) {
                Some(DESCRIPTOR) => {
                    for (number, escaped) in self.tags(&bytes) {
                        open.push((
                            number,
                            Copy {
                                at: self.at,
                                sequence: self.sequence,
                                escaped,
                            },
                        ));
                        self.advance();
                        steps = steps.saturating_sub(1);
                    }
                }
                Some(REVOKE) => revoked.extend(self.revocations(&bytes)),
                Some(COMMIT) => {
                    self.copies.extend(open.drain(..));
                    for number in revoked.drain(..) {
                        self.revoked.insert(number, self.sequence);
                    }
                    self.sequence = self.sequence.wrapping_add(1);
                }
                _ => break,
            }
        }
        let revoked = self.revoked;
        // A revocation concerns the copies up to its own transaction. Sequence numbers may wrap.
        self.copies.retain(|number, copy| {
            revoked
                .get(number)
                .is_none_or(|sequence| copy.sequence.wrapping_sub(*sequence).cast_signed() > 0)
        });
        self.copies
    }

    fn advance(&mut self) {
        self.at += 1;
        if self.at >= self.end {
            self.at = self.first;
        }
    }

    /// The blocks that a descriptor announces, and whether each is escaped.
    fn tags(&self, bytes: &[u8]) -> Vec<(u64, bool)> {
        let wide = self.features & BITS_64 != 0;
        let (size, version_3) = match self.features {
            features if features & CHECKSUM_3 != 0 => (16, true),
            features if features & CHECKSUM_2 != 0 => (if wide { 14 } else { 10 }, false),
            _ => (if wide { 12 } else { 8 }, false),
        };
        let mut all = Vec::new();
        let mut rest = bytes.get(12..).unwrap_or_default();
        while let Some(tag) = rest.get(..size) {
            let word = |at| be32(tag, at).unwrap_or_default();
            let flags = if version_3 { word(4) } else { word(4) & 0xFFFF };
            let high = if wide { u64::from(word(8)) << 32 } else { 0 };
            all.push((u64::from(word(0)) | high, flags & ESCAPED != 0));
            if flags & LAST != 0 {
                break;
            }
            let len = size + if flags & SAME_VOLUME != 0 { 0 } else { 16 };
            rest = rest.get(len..).unwrap_or_default();
        }
        all
    }

    fn revocations(&self, bytes: &[u8]) -> Vec<u64> {
        let used = usize::try_from(be32(bytes, 12).unwrap_or_default())
            .unwrap_or(usize::MAX)
            .min(bytes.len());
        let list = bytes.get(16..used).unwrap_or_default();
        if self.features & BITS_64 != 0 {
            list.chunks_exact(8)
                .filter_map(|number| be64(number, 0))
                .collect()
        } else {
            list.chunks_exact(4)
                .filter_map(|number| be32(number, 0).map(u64::from))
                .collect()
        }
    }
}
