//! Raw disks: one file, or several that are one disk.

use super::OpenError;
use crate::source::{FileSource, ReadAt, Shared};
use std::fs::File;
use std::io;
use std::path::Path;
use std::sync::Arc;

const MOST_PARTS: usize = 10_000;

/// Sources one behind the other.
pub(super) struct Joined {
    /// Each with the offset behind its end.
    parts: Vec<(u64, Shared)>,
    len: u64,
}

impl Joined {
    pub(super) fn new(parts: Vec<Shared>) -> Joined {
        let mut len = 0u64;
        let parts = parts
            .into_iter()
            .map(|part| {
                len = len.saturating_add(part.len());
                (len, part)
            })
            .collect();
        Joined { parts, len }
    }
}

impl ReadAt for Joined {
    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
        let index = self.parts.partition_point(|(end, _)| *end <= offset);
        match self.parts.get(index) {
            Some((end, part)) => part.read_at(offset - (end - part.len()), buffer),
            None => Ok(0),
        }
    }

    fn len(&self) -> u64 {
        self.len
    }
}

/// So many zeros.
pub(super) struct Zeros(pub(super) u64);

impl ReadAt for Zeros {
    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
        let left = usize::try_from(self.0.saturating_sub(offset)).unwrap_or(usize::MAX);
        let count = left.min(buffer.len());
        buffer.get_mut(..count).unwrap_or_default().fill(0);
        Ok(count)
    }

    fn len(&self) -> u64 {
        self.0
    }

    fn data_from(&self, _: u64) -> u64 {
        self.0
    }
}

/// A file; when its name ends in `.001`, with those that follow.
pub(super) fn open(first: Shared, path: &Path) -> Result<Shared, OpenError> {
    if path.extension().is_none_or(|extension| extension != "001") {
        return Ok(first);
    }
    let mut parts = vec![first];
    while parts.len() < MOST_PARTS {
        let next = path.with_extension(format!("{:03}", parts.len() + 1));
        if !next.exists() {
            break;
        }
        let opened = File::open(&next).and_then(FileSource::new);
        parts.push(Arc::new(
            opened.map_err(|source| OpenError::Segment { path: next, source })?,
        ));
    }
    Ok(Arc::new(Joined::new(parts)))
}
