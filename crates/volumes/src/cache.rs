//! A few recently used pieces: tables, unpacked clusters, blocks of inodes. Bounded by number; the pieces by the formats.

use crate::source::Shared;
use std::io;
use std::sync::{Arc, Mutex, PoisonError};

/// Pieces by key, the one used last in front.
pub(crate) struct Recent {
    held: Mutex<Vec<(u64, Arc<Vec<u8>>)>>,
    most: usize,
}

impl Recent {
    pub(crate) fn new(most: usize) -> Recent {
        Recent {
            held: Mutex::new(Vec::new()),
            most,
        }
    }

    /// The piece, made when it is not held. The lock is not held while it is made.
    pub(crate) fn get(
        &self,
        key: u64,
        make: impl FnOnce() -> io::Result<Vec<u8>>,
    ) -> io::Result<Arc<Vec<u8>>> {
        {
            let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
            if let Some(at) = held.iter().position(|(known, _)| *known == key) {
                if let Some(used_before) = held.get_mut(..=at) {
                    used_before.rotate_right(1);
                }
                return held
                    .first()
                    .map(|(_, piece)| piece.clone())
                    .ok_or_else(|| io::ErrorKind::NotFound.into());
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

/// Small reads of tables, through pages of 64 KiB of which so many are kept.
pub(crate) struct Pages {
    source: Shared,
    recent: Recent,
}

impl Pages {
    pub(crate) fn new(source: Shared, most: usize) -> Pages {
        Pages {
            source,
            recent: Recent::new(most),
        }
    }

    /// `N` bytes at `offset`, which is a multiple of `N`.
    pub(crate) fn entry<const N: usize>(&self, offset: u64) -> io::Result<[u8; N]> {
        let page = self.page(offset / PAGE)?;
        let within = (offset % PAGE) as usize;
        if let Some(found) = page.get(within..).and_then(|rest| rest.first_chunk()) {
            return Ok(*found);
        }
        let mut across = [0; N];
        self.source.read_exact_at(offset, &mut across)?;
        Ok(across)
    }

    /// Any bytes, best such as do not cross a page.
    pub(crate) fn bytes(&self, offset: u64, len: usize) -> io::Result<Vec<u8>> {
        let page = self.page(offset / PAGE)?;
        let within = (offset % PAGE) as usize;
        if let Some(found) = page.get(within..).and_then(|rest| rest.get(..len)) {
            return Ok(found.to_vec());
        }
        let mut across = vec![0; len];
        self.source.read_exact_at(offset, &mut across)?;
        Ok(across)
    }

    fn page(&self, number: u64) -> io::Result<Arc<Vec<u8>>> {
        self.recent.get(number, || {
            let mut page = vec![0; PAGE as usize];
            let filled = self.source.read_full_at(number * PAGE, &mut page)?;
            page.truncate(filled);
            Ok(page)
        })
    }
}
