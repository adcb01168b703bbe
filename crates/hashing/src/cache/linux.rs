//! What Linux says and is told about the page cache: [cachestat(2)](https://docs.kernel.org/admin-guide/mm/) since 6.5, mincore(2) before,
//! posix_fadvise(2) to begin reading and to let go.
#![expect(
    unsafe_code,
    reason = "the calls that look into the page cache have no safe wrapper"
)]

use super::Probe;
use std::ffi::c_long;
use std::fs::File;
use std::os::fd::AsRawFd;
use std::sync::atomic::{AtomicBool, Ordering};

/// The number of cachestat: one for all architectures that Rust's standard library knows on Linux, as all system calls since 424.
const CACHESTAT: c_long = 451;

/// How often one file may be asked about. What is still undecided then counts as in memory.
const QUESTIONS: u32 = 512;

/// How many bytes mincore looks at in one call, and how many in all; beyond that the rest counts as in memory.
const WINDOW: u64 = 256 << 20;
const MINCORE_LIMIT: u64 = 16 << 30;

static NO_CACHESTAT: AtomicBool = AtomicBool::new(false);

#[repr(C)]
struct Range {
    off: u64,
    len: u64,
}

#[repr(C)]
#[derive(Default)]
struct Stat {
    cached: u64,
    dirty: u64,
    writeback: u64,
    evicted: u64,
    recently_evicted: u64,
}

/// The parts of a file that are not in memory.
pub(super) fn absent(file: &File, size: u64, probe: Probe) -> Vec<(u64, u64)> {
    let mut parts = Vec::new();
    if size == 0 {
        return parts;
    }
    let page = page_size();
    let fresh = probe == Probe::Best && !NO_CACHESTAT.load(Ordering::Relaxed);
    if fresh {
        let mut left = QUESTIONS;
        if halve(file, (0, size), page, &mut left, &mut parts).is_some() {
            return parts;
        }
        parts.clear();
    }
    if by_mincore(file, size, page, &mut parts).is_none() {
        parts.clear();
    }
    parts
}

/// Asks about a part, and about its halves where some of it is in memory and some not. None where the system cannot say.
fn halve(
    file: &File,
    (from, to): (u64, u64),
    page: u64,
    left: &mut u32,
    parts: &mut Vec<(u64, u64)>,
) -> Option<()> {
    if *left == 0 {
        return Some(());
    }
    *left -= 1;
    let pages = (to - from).div_ceil(page);
    let cached = cached_pages(file, from, to - from)?;
    if cached == 0 {
        add(parts, from, to);
    } else if cached < pages && pages > 1 {
        let middle = from + pages / 2 * page;
        halve(file, (from, middle), page, left, parts)?;
        halve(file, (middle, to), page, left, parts)?;
    }
    Some(())
}

fn add(parts: &mut Vec<(u64, u64)>, from: u64, to: u64) {
    match parts.last_mut() {
        Some((_, end)) if *end == from => *end = to,
        _ => parts.push((from, to)),
    }
}

/// How many pages of this part are in memory.
fn cached_pages(file: &File, off: u64, len: u64) -> Option<u64> {
    let range = Range { off, len };
    let mut stat = Stat::default();
    // SAFETY: cachestat reads one `struct cachestat_range` and writes one `struct cachestat`; both are laid out as the kernel's and live until it returns. The descriptor
    // is open as long as `file` is borrowed. The last argument, the flags, must be 0.
    let answer = unsafe {
        libc::syscall(
            CACHESTAT,
            file.as_raw_fd(),
            &raw const range,
            &raw mut stat,
            0u32,
        )
    };
    if answer == 0 {
        return Some(stat.cached);
    }
    // Not in this kernel, or not allowed in this container: no use to ask again. Other refusals are of this file.
    let error = std::io::Error::last_os_error().raw_os_error();
    if matches!(error, Some(libc::ENOSYS | libc::EPERM)) {
        NO_CACHESTAT.store(true, Ordering::Relaxed);
    }
    None
}

fn by_mincore(file: &File, size: u64, page: u64, parts: &mut Vec<(u64, u64)>) -> Option<()> {
    let mut from = 0;
    while from < size.min(MINCORE_LIMIT) {
        let to = (from + WINDOW).min(size);
        let mapping = Mapping::new(file, from, usize::try_from(to - from).ok()?)?;
        for (n, resident) in mapping.resident(page)?.into_iter().enumerate() {
            if resident & 1 == 0 {
                let at = from + n as u64 * page;
                add(parts, at, (at + page).min(to));
            }
        }
        from = to;
    }
    Some(())
}

/// A part of a file mapped only to be asked about; nothing is ever read through it.
struct Mapping {
    start: *mut libc::c_void,
    len: usize,
}

impl Mapping {
    fn new(file: &File, off: u64, len: usize) -> Option<Mapping> {
        let off = libc::off_t::try_from(off).ok()?;
        // SAFETY: a new mapping at an address of the kernel's choice; without access rights, so that no memory of this program can come to depend on it.
        let start = unsafe {
            libc::mmap(
                std::ptr::null_mut(),
                len,
                libc::PROT_NONE,
                libc::MAP_SHARED,
                file.as_raw_fd(),
                off,
            )
        };
        (start != libc::MAP_FAILED).then_some(Mapping { start, len })
    }

    fn resident(&self, page: u64) -> Option<Vec<u8>> {
        let pages = (self.len as u64).div_ceil(page);
        let mut answers = vec![0u8; usize::try_from(pages).ok()?];
        // SAFETY: the range is that of the mapping, and mincore writes one byte for each of its pages, for which `answers` has room.
        let answer = unsafe { libc::mincore(self.start, self.len, answers.as_mut_ptr().cast()) };
        (answer == 0).then_some(answers)
    }
}

impl Drop for Mapping {
    fn drop(&mut self) {
        // SAFETY: the mapping was made by `new`, has this length, and nothing refers into it.
        unsafe { libc::munmap(self.start, self.len) };
    }
}

fn page_size() -> u64 {
    rustix::param::page_size() as u64
}

/// Begins to read this part.
pub(super) fn will_need(file: &File, from: u64, to: u64) {
    advise(file, from, to, rustix::fs::Advice::WillNeed);
}

/// Drops this part from memory, as far as nobody else maps it and nothing of it waits to be written.
pub(super) fn let_go(file: &File, from: u64, to: u64) {
    advise(file, from, to, rustix::fs::Advice::DontNeed);
}

/// Advice only: a file system that cannot take it is no failure of the reading.
fn advise(file: &File, from: u64, to: u64, advice: rustix::fs::Advice) {
    if let Some(len) = std::num::NonZeroU64::new(to - from) {
        rustix::fs::fadvise(file, from, Some(len), advice).ok();
    }
}
