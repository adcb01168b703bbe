//! Many files at once, in one thread.
//!
//! Each of sixteen lanes has a buffer of [`CHUNK`] bytes and at most one file. A chunk is read, taken into SHA-1, SHA-256 and BLAKE3 at once while it is in the
//! processor's nearest cache, and then taken into MD5 together with the chunks of all other lanes, as many blocks at a time as the shortest of them still has. A lane whose
//! chunk is used up gets the next, and when its file has ended, the next file: so the lanes stay full as long as there are files, whatever their sizes. The padding of a
//! file's last chunk is written behind it in the buffer and goes the same way as all other blocks.
//!
//! Files that are not in the page cache wait their turn while the kernel already reads them.

use crate::cache::{Found, Probe};
use crate::content::{Content, Digests, HashError, Kinds, Magic, Options, Pace};
use crate::md5::{LANES, Lanes, Level};
use crate::read::{Stamp, fill};
use crate::sha::{self, SHA1_START, SHA256_START, Way};
use std::collections::VecDeque;
use std::fs::File;

/// How much is read at once: what sixteen lanes hold stays in the processor's second cache. The first chunk is what the content type is told from; it reaches behind
/// the 32 KiB that a disc image leaves unused at its start.
pub(crate) const CHUNK: usize = 36 << 10;

/// Room for the padding behind a full chunk, which is at most a byte, the filling of a block and eight bytes of length.
pub(crate) const BUFFER: usize = CHUNK + 128;

/// `pace` is called when this much has been digested, or this many files begun.
const PACE_BYTES: u64 = 64 << 10;
const PACE_FILES: u32 = 64;

/// How many files wait behind the lanes while the kernel reads them.
const WAITING: usize = 16;

/// How many files in memory may go before one that waits.
const PASSING: u32 = 64;

/// How much of a file is read when no digest is wanted.
const START_ONLY: u64 = 4 << 10;

/// Hashes many files, several at once, in the calling thread.
///
/// `next` gives files to read with what they are to the caller and the size that it knows; None says that there are no more now, and it is asked again only after a file has
/// been finished. It is asked for up to 32 files ahead of the first result. `done` gets each result, in the order in which the files end. `pace` is called
/// after about every 64 KiB of input with the number of bytes digested since the last call; it may sleep, and says whether to go on. Memory: about 600 KiB.
///
/// Files are read from their beginning, whatever their position; they are closed before `done` is called.
pub fn many<T>(
    options: &Options,
    next: &mut dyn FnMut() -> Option<(T, File, u64)>,
    done: &mut dyn FnMut(T, Result<Content, HashError>),
    pace: &mut dyn FnMut(u64) -> Pace,
) {
    many_watched(options, next, done, pace, &mut |_| {});
}

/// As [`many`]; `reading` is told of which file each read that follows is, so that one that never returns has a name.
pub fn many_watched<T>(
    options: &Options,
    next: &mut dyn FnMut() -> Option<(T, File, u64)>,
    done: &mut dyn FnMut(T, Result<Content, HashError>),
    pace: &mut dyn FnMut(u64) -> Pace,
    reading: &mut dyn FnMut(&T),
) {
    Run::new(options, next, done, pace, reading).run();
}

/// Hashes one file, from its beginning.
///
/// # Errors
/// When it cannot be read, or changes meanwhile.
pub fn one(options: &Options, file: &File) -> Result<Content, HashError> {
    let read = |source| HashError::Read { source };
    let size = file.metadata().map_err(read)?.len();
    let mut input = Some(((), file.try_clone().map_err(read)?, size));
    let mut result = Err(HashError::Stopped);
    many(
        options,
        &mut || input.take(),
        &mut |(), content| result = content,
        &mut |_| Pace::Go,
    );
    result
}

/// A file in hand.
struct Work<T> {
    tag: T,
    file: File,
    size: u64,
    /// How much of it is to be read: all, but for files whose start is enough.
    wanted: u64,
    read: u64,
    before: Stamp,
    found: Found,
    sha1: [u32; 5],
    sha256: [u32; 8],
    blake3: Option<Box<blake3::Hasher>>,
    magic: Magic,
    mime: &'static str,
}

/// A lane's file and the part of its buffer that MD5 has not taken yet.
struct Lane<T> {
    work: Work<T>,
    at: usize,
    end: usize,
    last: bool,
}

struct Run<'a, T> {
    options: &'a Options,
    next: &'a mut dyn FnMut() -> Option<(T, File, u64)>,
    done: &'a mut dyn FnMut(T, Result<Content, HashError>),
    pace: &'a mut dyn FnMut(u64) -> Pace,
    reading: &'a mut dyn FnMut(&T),
    way: Way,
    md5: Lanes,
    lanes: Vec<Option<Lane<T>>>,
    buffers: Vec<Vec<u8>>,
    waiting: VecDeque<Work<T>>,
    /// `next` has said that there are no more now.
    dry: bool,
    stopped: bool,
    unpaced: u64,
    begun: u32,
    /// How many files in memory have gone before one that waits.
    passed: u32,
}

impl<'a, T> Run<'a, T> {
    fn new(
        options: &'a Options,
        next: &'a mut dyn FnMut() -> Option<(T, File, u64)>,
        done: &'a mut dyn FnMut(T, Result<Content, HashError>),
        pace: &'a mut dyn FnMut(u64) -> Pace,
        reading: &'a mut dyn FnMut(&T),
    ) -> Run<'a, T> {
        // Without MD5 there is nothing to be won from files side by side.
        let lanes = if options.kinds.md5 { LANES } else { 1 };
        Run {
            options,
            next,
            done,
            pace,
            reading,
            way: Way::best(),
            md5: Lanes::new(Level::best()),
            lanes: (0..lanes).map(|_| None).collect(),
            buffers: vec![Vec::new(); lanes],
            waiting: VecDeque::new(),
            dry: false,
            stopped: false,
            unpaced: 0,
            begun: 0,
            passed: 0,
        }
    }

    fn run(&mut self) {
        loop {
            for lane in 0..self.lanes.len() {
                if self.stopped {
                    return self.give_up();
                }
                self.serve(lane);
            }
            if self.lanes.iter().all(Option::is_none) {
                // A file that ended in this very round may have made more to come.
                if self.dry && self.waiting.is_empty() {
                    break;
                }
                continue;
            }
            self.step();
        }
        if self.unpaced > 0 {
            // Nothing is left to be stopped.
            (self.pace)(self.unpaced);
        }
    }

    /// Gives a lane blocks to work on, if any are to be had.
    fn serve(&mut self, lane: usize) {
        loop {
            let Some(slot) = self.lanes.get_mut(lane) else {
                return;
            };
            if slot.as_ref().is_some_and(|on| on.at < on.end) {
                return;
            }
            match slot.take() {
                Some(on) if on.last => {
                    let md5 = self.options.kinds.md5.then(|| self.md5.digest(lane));
                    self.finish(on.work, md5);
                }
                Some(on) => self.refill(lane, on.work),
                None => {
                    let Some(work) = self.admit() else {
                        return;
                    };
                    self.md5.start(lane);
                    self.refill(lane, work);
                }
            }
            if self.stopped {
                return;
            }
        }
    }

    /// The next file to work on. Those that come from the disk wait a while, others go first.
    fn admit(&mut self) -> Option<Work<T>> {
        while self.waiting.len() < WAITING && self.passed < PASSING && !self.dry {
            let Some((tag, file, size)) = (self.next)() else {
                self.dry = true;
                break;
            };
            self.begun += 1;
            if self.begun >= PACE_FILES {
                self.breathe();
            }
            (self.reading)(&tag);
            let before = match Stamp::of(&file) {
                Ok(before) if before.size == size => before,
                Ok(_) => {
                    drop(file);
                    self.report(tag, Err(HashError::Changed));
                    continue;
                }
                Err(source) => {
                    drop(file);
                    self.report(tag, Err(HashError::Read { source }));
                    continue;
                }
            };
            let found = Found::look(&file, size, Probe::Best);
            let cached = found.all_cached();
            let kinds = self.options.kinds;
            let work = Work {
                tag,
                file,
                size,
                wanted: if kinds.is_none() {
                    size.min(START_ONLY)
                } else {
                    size
                },
                read: 0,
                before,
                found,
                sha1: SHA1_START,
                sha256: SHA256_START,
                blake3: kinds.blake3.then(Box::default),
                magic: Magic::default(),
                mime: "",
            };
            if self.stopped {
                self.waiting.push_back(work);
                return None;
            }
            if cached {
                self.passed += 1;
                if self.passed < PASSING || self.waiting.is_empty() {
                    return Some(work);
                }
            } else {
                work.found.prefetch(&work.file, work.wanted);
            }
            self.waiting.push_back(work);
        }
        self.passed = 0;
        self.waiting.pop_front()
    }

    /// Reads the next chunk of a file and takes it into everything but MD5.
    fn refill(&mut self, lane: usize, mut work: Work<T>) {
        let Some(buffer) = self.buffers.get_mut(lane) else {
            return;
        };
        if buffer.is_empty() {
            buffer.resize(BUFFER, 0);
        }
        let before = work.read;
        (self.reading)(&work.tag);
        match chunk(&mut work, buffer, self.options.kinds, self.way) {
            Ok((blocks, last)) => {
                self.unpaced += work.read - before;
                if !last && self.options.keep_cache_as_found {
                    work.found.release(&work.file, work.read, false);
                }
                let at = if self.options.kinds.md5 { 0 } else { blocks };
                if let Some(slot) = self.lanes.get_mut(lane) {
                    *slot = Some(Lane {
                        work,
                        at,
                        end: blocks,
                        last,
                    });
                }
            }
            Err(error) => self.close(work, Err(error)),
        }
        if self.unpaced >= PACE_BYTES {
            self.breathe();
        }
    }

    /// Takes blocks of all lanes into MD5.
    fn step(&mut self) {
        let mut inputs: [Option<&[[u8; 64]]>; LANES] = [None; LANES];
        for ((input, lane), buffer) in inputs.iter_mut().zip(&self.lanes).zip(&self.buffers) {
            let blocks = buffer.as_chunks::<64>().0;
            *input = lane.as_ref().and_then(|on| blocks.get(on.at..on.end));
        }
        let taken = self.md5.run(&inputs);
        for on in self.lanes.iter_mut().flatten() {
            on.at += taken;
        }
    }

    /// Looks at a file a last time and reports it.
    fn finish(&mut self, work: Work<T>, md5: Option<[u8; 16]>) {
        (self.reading)(&work.tag);
        let result = match Stamp::of(&work.file) {
            Ok(after) if after == work.before => Ok(Content {
                digests: digests(self.options.kinds, &work, md5),
                magic: work.magic,
                mime: work.mime,
                bytes: work.size,
            }),
            Ok(_) => Err(HashError::Changed),
            Err(source) => Err(HashError::Read { source }),
        };
        self.close(work, result);
    }

    fn close(&mut self, mut work: Work<T>, result: Result<Content, HashError>) {
        if self.options.keep_cache_as_found {
            work.found.release(&work.file, work.read, true);
        }
        drop(work.file);
        self.report(work.tag, result);
    }

    fn report(&mut self, tag: T, result: Result<Content, HashError>) {
        self.dry = false;
        (self.done)(tag, result);
    }

    fn breathe(&mut self) {
        self.begun = 0;
        if (self.pace)(std::mem::take(&mut self.unpaced)) == Pace::Stop {
            self.stopped = true;
        }
    }

    fn give_up(&mut self) {
        let lanes: Vec<Lane<T>> = self.lanes.iter_mut().filter_map(Option::take).collect();
        let waiting = std::mem::take(&mut self.waiting);
        for work in lanes.into_iter().map(|on| on.work).chain(waiting) {
            self.close(work, Err(HashError::Stopped));
        }
    }
}

/// Reads a chunk and takes it into SHA-1, SHA-256 and BLAKE3. Gives the number of its blocks, with the padding that MD5 wants, and whether it is the last.
fn chunk<T>(
    work: &mut Work<T>,
    buffer: &mut [u8],
    kinds: Kinds,
    way: Way,
) -> Result<(usize, bool), HashError> {
    let left = work.wanted - work.read;
    // A byte more than there should be shows in the same call that there is none. Where only the start is wanted there may well be more.
    let (enough, room) = match usize::try_from(left) {
        Ok(left) if left <= CHUNK => (left, left + usize::from(work.wanted == work.size)),
        _ => (CHUNK, CHUNK),
    };
    // An empty file is asked for its one byte too much.
    let got = buffer
        .get_mut(..room)
        .map_or(Ok(0), |to| {
            fill(&work.file, to, enough.max(1).min(room), work.read)
        })
        .map_err(|source| HashError::Read { source })?;
    if got != enough {
        return Err(HashError::Changed);
    }
    let data = buffer.get(..got).unwrap_or_default();
    if work.read == 0 {
        work.magic = Magic::of(data);
        work.mime = crate::mime(data);
    }
    if let Some(hasher) = &mut work.blake3 {
        hasher.update(data);
    }
    work.read += got as u64;
    let last = work.read == work.wanted;
    let end = if last {
        pad(buffer, got, work.read.wrapping_mul(8).to_be_bytes())
    } else {
        got
    };
    let blocks = buffer.get(..end).unwrap_or_default().as_chunks::<64>().0;
    match (kinds.sha1, kinds.sha256) {
        (true, true) => sha::both(way, &mut work.sha1, &mut work.sha256, blocks),
        (true, false) => sha::only_sha1(&mut work.sha1, blocks),
        (false, true) => sha::only_sha256(&mut work.sha256, blocks),
        (false, false) => {}
    }
    if last && kinds.md5 {
        pad(buffer, got, work.read.wrapping_mul(8).to_le_bytes());
    }
    Ok((end / 64, last))
}

/// Writes the padding that MD5, SHA-1 and SHA-256 share behind `len` bytes; they differ in the order of the length's bytes only. Gives the length of it all.
pub(crate) fn pad(buffer: &mut [u8], len: usize, bits: [u8; 8]) -> usize {
    let end = (len + 9).next_multiple_of(64);
    if let Some(tail) = buffer.get_mut(len..end)
        && let Some((fill, length)) = tail.split_last_chunk_mut::<8>()
    {
        fill.fill(0);
        if let Some(mark) = fill.first_mut() {
            *mark = 0x80;
        }
        *length = bits;
    }
    end
}

fn digests<T>(kinds: Kinds, work: &Work<T>, md5: Option<[u8; 16]>) -> Digests {
    Digests {
        md5,
        sha1: kinds.sha1.then(|| bytes(&work.sha1)),
        sha256: kinds.sha256.then(|| bytes(&work.sha256)),
        blake3: work
            .blake3
            .as_ref()
            .map(|hasher| *hasher.finalize().as_bytes()),
    }
}

/// The words of a state, big-endian.
pub(crate) fn bytes<const WORDS: usize, const BYTES: usize>(state: &[u32; WORDS]) -> [u8; BYTES] {
    let mut out = [0; BYTES];
    for (to, word) in out.as_chunks_mut::<4>().0.iter_mut().zip(state) {
        *to = word.to_be_bytes();
    }
    out
}
