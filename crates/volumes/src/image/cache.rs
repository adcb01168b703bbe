//! A few recently used pieces of a container: tables and unpacked clusters. Bounded by number; the pieces by the formats.

use crate::source::Shared;
use std::io;
use std::sync::{Arc, Mutex, PoisonError};

/// Pieces by key, the one used last in front.
pub(super) struct Recent {
    held: Mutex<Vec<(u64, Arc<Vec<u8>>)>>,
    most: usize,
}

impl Recent {
    pub(super) fn new(most: usize) -> Recent {
        Recent {
            held: Mutex::new(Vec::new()),
            most,
        }
    }

    /// The piece, made when it is not held. The lock is not held while it is made.
    pub(super) fn get(
        &self,
        key: u64,
        make: impl FnOnce() -> io::Result<Vec<u8>>,
    ) -> io::Result<Arc<Vec<u8>>> {
        {
            let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
            if let Some(at) = held.iter().position(|(known, _)| *known == key) {
                held[..=at].rotate_right(1);
                return held
                    .first()
                    .map(|(_, piece)| piece.clone())
                    .ok_or_else(damaged);
            }
        }
        let piece = Arc::new(make()?);
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        held.truncate(self.most.saturating_sub(1));
        held.insert(0, (key, piece.clone()));
        Ok(piece)
    }
}

const PAGE: u64 = 64 << 10;

/// Small reads of tables, through pages that are kept.
pub(super) struct Pages {
    source: Shared,
    recent: Recent,
}

impl Pages {
    pub(super) fn new(source: Shared) -> Pages {
        Pages {
            source,
            recent: Recent::new(32),
        }
    }

    /// `N` bytes at `offset`, which is a multiple of `N`.
    pub(super) fn entry<const N: usize>(&self, offset: u64) -> io::Result<[u8; N]> {
        let number = offset / PAGE;
        let page = self.recent.get(number, || {
            let mut page = vec![0; PAGE as usize];
            let filled = self.source.read_full_at(number * PAGE, &mut page)?;
            page.truncate(filled);
            Ok(page)
        })?;
        let within = (offset % PAGE) as usize;
        if let Some(found) = page.get(within..).and_then(|rest| rest.first_chunk()) {
            return Ok(*found);
        }
        let mut across = [0; N];
        self.source.read_exact_at(offset, &mut across)?;
        Ok(across)
    }
}

/// The container contradicts itself.
pub(super) fn damaged() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, "the container is damaged here")
}

/// Inflates into exactly `len` bytes; what is missing at the end is zeros when `short` allows it.
pub(super) fn inflate(packed: &[u8], zlib: bool, len: usize) -> io::Result<Vec<u8>> {
    let mut out = vec![0; len];
    let mut unpack = flate2::Decompress::new(zlib);
    unpack
        .decompress(packed, &mut out, flate2::FlushDecompress::Finish)
        .map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))?;
    if unpack.total_out() != len as u64 {
        return Err(damaged());
    }
    Ok(out)
}

/// Copies from a piece, starting `within` it, and says how much.
pub(super) fn copy(piece: &[u8], within: u64, buffer: &mut [u8]) -> usize {
    let found = usize::try_from(within)
        .ok()
        .and_then(|within| piece.get(within..))
        .unwrap_or_default();
    let count = found.len().min(buffer.len());
    if let (Some(to), Some(from)) = (buffer.get_mut(..count), found.get(..count)) {
        to.copy_from_slice(from);
    }
    count
}

/// Cuts a read at the end of its block and of the disk.
pub(super) fn cut(buffer: &mut [u8], within: u64, block: u64, offset: u64, len: u64) -> &mut [u8] {
    let most = (block - within).min(len.saturating_sub(offset));
    let count = usize::try_from(most)
        .unwrap_or(usize::MAX)
        .min(buffer.len());
    buffer.get_mut(..count).unwrap_or_default()
}
