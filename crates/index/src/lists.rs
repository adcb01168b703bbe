//! Lists of hashes: those to look for (a blacklist) and those known to be good, to subtract.
//!
//! A list comes as text ([`build()`] says which forms) and is made once into a file of sorted records, which is then asked
//! for each new hash. The file is read by position, never mapped: a list that is cut short or lies on a failing disk is
//! an error to report and not the end of the process. In memory stays the start of each block of 512 bytes only, 2.5 MB
//! for 10 million SHA-256, so that one answer costs one small read, and a filter of 7.5 MB that spares the read for nine of
//! ten hashes that are not listed. A list that is replaced does not disturb those
//! who have it open: they go on with the old one.
//!
//! [`HashList::iter`] gives the records in order, for merging with a sorted column of the database, where that is
//! quicker than asking for each.

mod build;
mod filter;
mod force;
mod format;
mod parse;
mod sort;

pub use build::{Built, build, clear};
pub use force::{InForce, Which};
pub use format::MOST_ENTRIES;
pub use parse::{ListWarning, MOST_WARNINGS};

use filter::Filter;
use format::{BLOCK, Layout};
use std::fs::File;
use std::io;
use std::ops::Deref;
use std::path::{Path, PathBuf};

/// A kind of hash that lists hold, told by its length.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum HashKind {
    /// 16 bytes.
    Md5,
    /// 20 bytes.
    Sha1,
    /// 32 bytes.
    Sha256,
}

impl HashKind {
    /// All, in the order of their sections in the file.
    pub const ALL: [Self; 3] = [Self::Md5, Self::Sha1, Self::Sha256];

    /// Bytes of a hash.
    #[must_use]
    pub const fn bytes(self) -> usize {
        match self {
            Self::Md5 => 16,
            Self::Sha1 => 20,
            Self::Sha256 => 32,
        }
    }

    /// The name for people.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Md5 => "MD5",
            Self::Sha1 => "SHA-1",
            Self::Sha256 => "SHA-256",
        }
    }

    /// Of one thing for each kind, in the order of [`Self::ALL`], this kind's.
    const fn of<T>(self, each: &[T; 3]) -> &T {
        let [md5, sha1, sha256] = each;
        match self {
            Self::Md5 => md5,
            Self::Sha1 => sha1,
            Self::Sha256 => sha256,
        }
    }
}

/// Why a list could not be built or asked.
#[derive(Debug, thiserror::Error)]
pub enum ListError {
    /// The text of the list cannot be read on.
    #[error("cannot read the list of hashes")]
    Source {
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The file cannot be made; a full disk is the usual reason.
    #[error("cannot write the list {}", path.display())]
    Write {
        /// Which file.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The file cannot be read.
    #[error("cannot read the list {}", path.display())]
    Read {
        /// Which file.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The file is not a list, is of another version, or is damaged: it must be built again.
    #[error("the list {} {what}", path.display())]
    Damaged {
        /// Which file.
        path: PathBuf,
        /// What is wrong with it.
        what: &'static str,
    },
    /// Nothing in the text is a hash.
    #[error(
        "there is no hash in it ({unusable} words are none), and the list in force stays; a list wants MD5, SHA-1 or SHA-256 in hexadecimal"
    )]
    NoHashes {
        /// Words that are none.
        unusable: u64,
    },
    /// More entries than a list may have.
    #[error("the list has more than {MOST_ENTRIES} entries")]
    TooMany,
}

/// A list that can be asked. Cheap to ask from several threads at once.
#[derive(Debug)]
pub struct HashList {
    path: PathBuf,
    file: File,
    layout: Layout,
    /// For each kind, the first four bytes of the first record of each block.
    starts: [Vec<u32>; 3],
    filters: [Filter; 3],
    checksum: u32,
}

impl HashList {
    /// Opens a list. The header and what stays in memory are checked here; [`Self::verify`] checks the records.
    ///
    /// # Errors
    /// When the file cannot be read, or is not a whole list of this version.
    pub fn open(path: &Path) -> Result<Self, ListError> {
        format::open(path)
    }

    /// Whether the list has this hash. A value that is not as long as its kind is in no list.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn contains(&self, kind: HashKind, hash: &[u8]) -> Result<bool, ListError> {
        let size = kind.bytes();
        let (starts, filter) = (kind.of(&self.starts), kind.of(&self.filters));
        if hash.len() != size || !filter.may_have(hash) {
            return Ok(false);
        }
        let prefix = prefix(hash);
        // The blocks that may hold it are those from the last that starts below it to the last that does not start above.
        let mut high = match starts.partition_point(|start| *start <= prefix) {
            0 => return Ok(false),
            after => after - 1,
        };
        let mut low = match starts.get(high) {
            Some(start) if *start < prefix => high,
            _ => starts
                .partition_point(|start| *start < prefix)
                .saturating_sub(1),
        };
        let mut buffer = [0; BLOCK];
        // More than one only when records at a block's edge agree in four bytes.
        while low < high {
            let middle = low + (high - low).div_ceil(2);
            let block = self.block(kind, middle, &mut buffer)?;
            if block.get(..size).is_some_and(|first| first <= hash) {
                low = middle;
            } else {
                high = middle - 1;
            }
        }
        let block = self.block(kind, low, &mut buffer)?;
        Ok(search(block, size, hash))
    }

    /// How many hashes of a kind.
    #[must_use]
    pub fn len(&self, kind: HashKind) -> u64 {
        self.layout.count(kind)
    }

    /// Whether there are none of any kind.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        HashKind::ALL.iter().all(|kind| self.len(*kind) == 0)
    }

    /// Differs, as good as certainly, between lists that differ.
    #[must_use]
    pub fn checksum(&self) -> u32 {
        self.checksum
    }

    /// The hashes of a kind in ascending order.
    #[must_use]
    pub fn iter(&self, kind: HashKind) -> Iter<'_> {
        Iter {
            list: self,
            kind,
            next: 0,
            buffer: Vec::new(),
            at: 0,
        }
    }

    /// Reads the whole file and compares it with its checksum.
    ///
    /// # Errors
    /// When it cannot be read or differs.
    pub fn verify(&self) -> Result<(), ListError> {
        format::verify(self)
    }

    fn block<'b>(
        &self,
        kind: HashKind,
        number: usize,
        buffer: &'b mut [u8; BLOCK],
    ) -> Result<&'b [u8], ListError> {
        let size = kind.bytes();
        let first = number as u64 * format::per_block(kind) as u64;
        let records = self
            .len(kind)
            .saturating_sub(first)
            .min(format::per_block(kind) as u64) as usize;
        let into = buffer.get_mut(..records * size).unwrap_or_default();
        self.read(into, self.layout.records(kind) + first * size as u64)?;
        Ok(into)
    }

    fn read(&self, into: &mut [u8], at: u64) -> Result<(), ListError> {
        format::read_exact_at(&self.file, into, at).map_err(|source| match source.kind() {
            io::ErrorKind::UnexpectedEof => self.damaged("is cut short"),
            _ => ListError::Read {
                path: self.path.clone(),
                source,
            },
        })
    }

    fn damaged(&self, what: &'static str) -> ListError {
        ListError::Damaged {
            path: self.path.clone(),
            what,
        }
    }
}

/// The first four bytes as a number of the same order; hashes here are never shorter.
fn prefix(hash: &[u8]) -> u32 {
    hash.first_chunk()
        .map_or(0, |bytes| u32::from_be_bytes(*bytes))
}

fn search(block: &[u8], size: usize, hash: &[u8]) -> bool {
    let (mut low, mut high) = (0, block.len() / size);
    while low < high {
        let middle = low.midpoint(high);
        let record = block.get(middle * size..(middle + 1) * size);
        match record.unwrap_or_default().cmp(hash) {
            std::cmp::Ordering::Less => low = middle + 1,
            std::cmp::Ordering::Greater => high = middle,
            std::cmp::Ordering::Equal => return true,
        }
    }
    false
}

/// A hash from a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Listed {
    bytes: [u8; 32],
    size: u8,
}

impl Deref for Listed {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        self.bytes.get(..usize::from(self.size)).unwrap_or_default()
    }
}

/// See [`HashList::iter`].
#[derive(Debug)]
pub struct Iter<'l> {
    list: &'l HashList,
    kind: HashKind,
    /// The first record that is not in the buffer yet.
    next: u64,
    buffer: Vec<u8>,
    at: usize,
}

impl Iterator for Iter<'_> {
    type Item = Result<Listed, ListError>;

    fn next(&mut self) -> Option<Self::Item> {
        /// Records read at a time.
        const TOGETHER: u64 = 4096;
        let size = self.kind.bytes();
        if self.at >= self.buffer.len() {
            let records = self
                .list
                .len(self.kind)
                .saturating_sub(self.next)
                .min(TOGETHER);
            if records == 0 {
                return None;
            }
            self.buffer.resize(records as usize * size, 0);
            self.at = 0;
            let from = self.list.layout.records(self.kind) + self.next * size as u64;
            if let Err(error) = self.list.read(&mut self.buffer, from) {
                // Nothing after an error.
                (self.next, self.at) = (u64::MAX, self.buffer.len());
                return Some(Err(error));
            }
            self.next += records;
        }
        let mut listed = Listed {
            bytes: [0; 32],
            size: size as u8,
        };
        let record = self.buffer.get(self.at..self.at + size);
        for (to, from) in listed.bytes.iter_mut().zip(record.unwrap_or_default()) {
            *to = *from;
        }
        self.at += size;
        Some(Ok(listed))
    }
}
