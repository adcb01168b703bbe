//! What rules most hashes out without looking at the file.
//!
//! Nearly every file asked about is on no list. A Bloom filter (B. H. Bloom, 1970) of six bits an entry, both of whose
//! bits lie in one line of the processor's cache, answers that for nine of ten without a read. Hashes are as good as
//! random already, so their own bytes choose the bits. Someone who makes a list on purpose can spoil the filter's effect,
//! but not the answers.

use super::HashKind;

/// Lists with more of a kind than this do without, so that they stay small in memory (12 MB).
const MOST: u64 = 16_000_000;

const BITS_AN_ENTRY: u64 = 6;

/// Words in a line of the cache.
const LINE: u64 = 8;

/// The filter of one kind; empty where the list does without.
#[derive(Debug, Default)]
pub(super) struct Filter {
    words: Vec<u64>,
}

/// Words of the filter for so many entries.
pub(super) const fn words(entries: u64) -> u64 {
    if entries > MOST {
        0
    } else {
        (entries * BITS_AN_ENTRY).div_ceil(LINE * 64) * LINE
    }
}

impl Filter {
    pub(super) fn new(entries: u64) -> Self {
        Self {
            words: vec![0; words(entries) as usize],
        }
    }

    pub(super) fn from_words(words: Vec<u64>) -> Self {
        Self { words }
    }

    pub(super) fn as_words(&self) -> &[u64] {
        &self.words
    }

    pub(super) fn add(&mut self, hash: &[u8]) {
        let (line, first, second) = self.place(hash);
        for bit in [first, second] {
            if let Some(word) = self.words.get_mut(line + bit / 64) {
                *word |= 1 << (bit % 64);
            }
        }
    }

    /// Whether the list may have this hash; if not, it has it not.
    pub(super) fn may_have(&self, hash: &[u8]) -> bool {
        let (line, first, second) = self.place(hash);
        let set = |bit: usize| {
            self.words
                .get(line + bit / 64)
                .is_none_or(|word| word >> (bit % 64) & 1 == 1)
        };
        set(first) && set(second)
    }

    /// Where its line begins, and its two bits there. The first four bytes already choose the block.
    fn place(&self, hash: &[u8]) -> (usize, usize, usize) {
        debug_assert!(hash.len() >= HashKind::Md5.bytes());
        let number = hash
            .get(4..)
            .and_then(|rest| rest.first_chunk())
            .map_or(0, |bytes| u64::from_be_bytes(*bytes));
        let lines = self.words.len() as u64 / LINE;
        let line = ((number >> 32) * lines) >> 32;
        (
            (line * LINE) as usize,
            (number & 511) as usize,
            (number >> 9 & 511) as usize,
        )
    }
}
