//! From text to file: read, sort within a bound of memory, write, put in place.

use super::filter::Filter;
use super::format::{self, Layout, PAGE};
use super::parse::{self, Hash};
use super::sort::Sorter;
use super::{HashKind, ListError, ListWarning, MOST_ENTRIES, prefix};
use flate2::Crc;
use std::fs::{self, File};
use std::io::{self, BufWriter, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

/// Bytes of records in memory before they are written as a sorted run.
const IN_MEMORY: usize = 24 << 20;

/// What was built.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Built {
    /// Different hashes of each kind, in the order of [`HashKind::ALL`].
    pub counts: [u64; 3],
    /// Hashes that were in the text more than once, counted without the first.
    pub duplicates: u64,
    /// Words or rows that were no hashes.
    pub unusable: u64,
    /// What was remarked, up to a bound; [`Self::unusable`] counts on.
    pub warnings: Vec<ListWarning>,
}

/// Makes a list out of text and puts it in place, for [`super::HashList::open`].
///
/// The text is a blacklist (hashes of any kinds between commas or on lines) or a table whose first line names columns
/// `MD5`, `SHA-1` or `SHA-256`. It is read as it comes, with at most some 35 MB of memory; longer lists are sorted on the disk beside `into`,
/// with room for twice the list needed until it is done. A list that is there already stays until the new one is
/// whole and on the disk, whatever happens before. Safe to repeat; two builders of the same list take turns. A reader
/// that rests between its pieces slows the work down as far as wanted.
///
/// # Errors
/// When the text cannot be read, the file cannot be written, or there are too many entries. Words that are no hashes are
/// not errors but warnings; but text without a single hash is a mistake, see [`clear`].
pub fn build(reader: impl Read, into: &Path) -> Result<Built, ListError> {
    make(reader, into, false)
}

/// Puts an empty list in place.
///
/// # Errors
/// As [`build`].
pub fn clear(into: &Path) -> Result<Built, ListError> {
    make(io::empty(), into, true)
}

fn make(reader: impl Read, into: &Path, may_be_empty: bool) -> Result<Built, ListError> {
    let beside = |end: &str| {
        let mut name = into.as_os_str().to_owned();
        name.push(end);
        PathBuf::from(name)
    };
    let lock_path = beside(".lock");
    let lock = File::create(&lock_path).and_then(|file| file.lock().map(|()| file));
    let _lock = lock.map_err(|source| ListError::Write {
        path: lock_path,
        source,
    })?;

    let mut sorters = Sorters {
        md5: Sorter::new(beside(".md5.runs")),
        sha1: Sorter::new(beside(".sha1.runs")),
        sha256: Sorter::new(beside(".sha256.runs")),
        taken: 0,
        room: 0,
    };
    let notes = parse::parse(reader, |hash| sorters.push(hash))?;
    let taken = sorters.taken;
    if taken == 0 && !may_be_empty {
        return Err(ListError::NoHashes {
            unusable: notes.unusable,
        });
    }

    let new = beside(".new");
    let failed = |source| ListError::Write {
        path: new.clone(),
        source,
    };
    let counts = match write(sorters, &new) {
        Ok(counts) => counts,
        Err(error) => {
            // Half a list is of no use and may be what filled the disk.
            let _gone = fs::remove_file(&new);
            return Err(error);
        }
    };
    fs::rename(&new, into).map_err(failed)?;
    if cfg!(unix)
        && let Some(folder) = into.parent()
    {
        let folder = if folder.as_os_str().is_empty() {
            Path::new(".")
        } else {
            folder
        };
        File::open(folder)
            .and_then(|folder| folder.sync_all())
            .map_err(failed)?;
    }
    Ok(Built {
        counts,
        duplicates: taken - counts.iter().sum::<u64>(),
        unusable: notes.unusable,
        warnings: notes.warnings,
    })
}

struct Sorters {
    md5: Sorter<16>,
    sha1: Sorter<20>,
    sha256: Sorter<32>,
    taken: u64,
    /// Hashes that can be taken before the memory must be looked at again.
    room: usize,
}

impl Sorters {
    fn push(&mut self, hash: Hash) -> Result<(), ListError> {
        self.taken += 1;
        match hash {
            Hash::Md5(hash) => self.md5.push(hash),
            Hash::Sha1(hash) => self.sha1.push(hash),
            Hash::Sha256(hash) => self.sha256.push(hash),
        }
        if self.room > 0 {
            self.room -= 1;
            return Ok(());
        }
        let sizes = [self.md5.bytes(), self.sha1.bytes(), self.sha256.bytes()];
        let left = IN_MEMORY.saturating_sub(sizes.iter().sum());
        if left >= 32 {
            self.room = left / 32;
            return Ok(());
        }
        // Duplicates may still bring this down, but a text this long is no honest list.
        if self.taken > MOST_ENTRIES * 4 {
            return Err(ListError::TooMany);
        }
        match sizes.iter().copied().max() {
            most if most == Some(sizes[0]) => self.md5.spill(),
            most if most == Some(sizes[1]) => self.sha1.spill(),
            _ => self.sha256.spill(),
        }
    }
}

fn write(sorters: Sorters, path: &Path) -> Result<[u64; 3], ListError> {
    let failed = |source| ListError::Write {
        path: path.to_owned(),
        source,
    };
    let mut options = File::options();
    options.read(true).write(true).create(true).truncate(true);
    let file = options.open(path).map_err(failed)?;
    let mut out = Out {
        file: BufWriter::with_capacity(1 << 20, file),
        sum: Crc::new(),
        written: 0,
        path,
    };
    // The header's place; it is written last, so that a file without one is not taken for a list.
    out.file.write_all(&[0; PAGE as usize]).map_err(failed)?;
    let (mut counts, mut starts) = ([0; 3], Vec::new());
    counts[0] = out.section(HashKind::Md5, sorters.md5, &mut starts)?;
    counts[1] = out.section(HashKind::Sha1, sorters.sha1, &mut starts)?;
    counts[2] = out.section(HashKind::Sha256, sorters.sha256, &mut starts)?;
    let layout = Layout::new(counts).ok_or(ListError::TooMany)?;
    let mut sum = Crc::new();
    for start in &starts {
        sum.update(&start.to_le_bytes());
        out.put(&start.to_le_bytes())?;
    }
    drop(starts);
    for kind in HashKind::ALL {
        for word in out.filter(&layout, kind)?.as_words() {
            sum.update(&word.to_le_bytes());
            out.put(&word.to_le_bytes())?;
        }
    }
    let header = format::header(&layout, out.sum.sum(), sum.sum());
    let mut file = out
        .file
        .into_inner()
        .map_err(io::IntoInnerError::into_error)
        .map_err(failed)?;
    file.sync_data().map_err(failed)?;
    file.seek(SeekFrom::Start(0)).map_err(failed)?;
    file.write_all(&header)
        .and_then(|()| file.sync_all())
        .map_err(failed)?;
    Ok(counts)
}

struct Out<'p> {
    file: BufWriter<File>,
    sum: Crc,
    written: u64,
    path: &'p Path,
}

impl Out<'_> {
    fn put(&mut self, bytes: &[u8]) -> Result<(), ListError> {
        self.sum.update(bytes);
        self.written += bytes.len() as u64;
        self.file
            .write_all(bytes)
            .map_err(|source| ListError::Write {
                path: self.path.to_owned(),
                source,
            })
    }

    fn section<const N: usize>(
        &mut self,
        kind: HashKind,
        sorter: Sorter<N>,
        starts: &mut Vec<u32>,
    ) -> Result<u64, ListError> {
        let (mut count, block) = (0_u64, format::per_block(kind) as u64);
        sorter.drain(|record| {
            if count.is_multiple_of(block) {
                starts.push(prefix(record));
            }
            count += 1;
            if count > MOST_ENTRIES {
                return Err(ListError::TooMany);
            }
            self.put(record)
        })?;
        let fill = self.written.next_multiple_of(PAGE) - self.written;
        self.put([0; PAGE as usize].get(..fill as usize).unwrap_or_default())?;
        Ok(count)
    }

    /// Read back, because how many there are is known only at the end of sorting. They are in the page cache still.
    fn filter(&mut self, layout: &Layout, kind: HashKind) -> Result<Filter, ListError> {
        let failed = |source| ListError::Write {
            path: self.path.to_owned(),
            source,
        };
        self.file.flush().map_err(failed)?;
        let mut filter = Filter::new(layout.count(kind));
        let (mut at, mut left) = (
            layout.records(kind),
            layout.count(kind) * kind.bytes() as u64,
        );
        let mut buffer = vec![0; kind.bytes() * 4096];
        while left > 0 && !filter.as_words().is_empty() {
            let part = left.min(buffer.len() as u64) as usize;
            let hashes = buffer.get_mut(..part).unwrap_or_default();
            format::read_exact_at(self.file.get_ref(), hashes, at).map_err(failed)?;
            hashes
                .chunks_exact(kind.bytes())
                .for_each(|hash| filter.add(hash));
            at += part as u64;
            left -= part as u64;
        }
        Ok(filter)
    }
}
