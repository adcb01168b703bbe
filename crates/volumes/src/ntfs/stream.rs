//! The content of a non-resident attribute as a source: runs, holes, the part never written, and compressed units.

use super::compression;
use super::runs::Run;
use crate::source::{ReadAt, Shared};
use std::io;
use std::sync::{Mutex, PoisonError};

/// Clusters of the volume in the order of an attribute.
#[derive(Clone)]
pub(super) struct Extents {
    pub(super) volume: Shared,
    pub(super) cluster: u64,
    /// Sorted by first cluster, without overlap; there may be gaps where a piece is lost.
    pub(super) runs: Vec<Run>,
}

impl Extents {
    fn find(&self, cluster: u64) -> Option<(usize, &Run)> {
        let index = self.runs.partition_point(|run| run.end() <= cluster);
        self.runs
            .get(index)
            .filter(|run| run.first <= cluster)
            .map(|run| (index, run))
    }

    /// Clusters from the start that are there without hole or gap and lie on the volume.
    pub(super) fn solid(&self) -> u64 {
        let mut next = 0;
        for run in &self.runs {
            let on_volume = |at: u64| {
                at.checked_add(run.len)?
                    .checked_mul(self.cluster)
                    .filter(|end| *end <= self.volume.len())
            };
            if run.first != next || run.at.and_then(on_volume).is_none() {
                break;
            }
            next = run.end();
        }
        next
    }

    /// Reads at most to the end of the run that holds `offset`.
    pub(super) fn read(&self, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
        let (_, run) = self.find(offset / self.cluster).ok_or_else(lost)?;
        // A run may be longer than any offset can say; what counts is how much of it this read can want.
        let start = run.first.saturating_mul(self.cluster);
        let left = run
            .len
            .saturating_mul(self.cluster)
            .saturating_sub(offset - start);
        let count = usize::try_from(left)
            .unwrap_or(usize::MAX)
            .min(buffer.len());
        let buffer = buffer.get_mut(..count).unwrap_or_default();
        match run.at {
            None => buffer.fill(0),
            Some(at) => {
                let from = at
                    .checked_mul(self.cluster)
                    .and_then(|from| from.checked_add(offset - start))
                    .ok_or_else(lost)?;
                self.volume.read_exact_at(from, buffer)?;
            }
        }
        Ok(count)
    }
}

/// A non-resident value.
pub(super) struct NtfsStream {
    pub(super) extents: Extents,
    pub(super) size: u64,
    pub(super) initialised: u64,
    /// Clusters of a compression unit.
    pub(super) unit: Option<u64>,
    /// The unit expanded last.
    pub(super) expanded: Mutex<Option<(u64, Vec<u8>)>>,
}

impl NtfsStream {
    fn unit_bytes(&self, unit: u64) -> u64 {
        unit * self.extents.cluster
    }

    /// Fills `out` with the whole unit of this number.
    fn expand(&self, clusters: u64, number: u64, out: &mut Vec<u8>) -> io::Result<()> {
        let bytes = usize::try_from(self.unit_bytes(clusters)).map_err(|_| lost())?;
        let first = number.checked_mul(clusters).ok_or_else(lost)?;
        let mut stored = 0;
        let mut at = first;
        while at < first + clusters {
            let Some((_, run)) = self.extents.find(at) else {
                break;
            };
            if run.at.is_none() {
                break;
            }
            let end = run.end().min(first + clusters);
            stored += end - at;
            at = end;
        }
        out.clear();
        out.resize(bytes, 0);
        let start = first.checked_mul(self.extents.cluster).ok_or_else(lost)?;
        let read = |buffer: &mut [u8]| {
            let mut filled = 0;
            while let Some(rest) = buffer.get_mut(filled..).filter(|rest| !rest.is_empty()) {
                filled += self.extents.read(start + filled as u64, rest)?;
            }
            Ok::<(), io::Error>(())
        };
        if stored == 0 {
            // A hole; but a place that no run maps is damage.
            return self.extents.find(first).map(|_| ()).ok_or_else(lost);
        }
        if stored == clusters {
            return read(out);
        }
        let mut packed = vec![0; usize::try_from(self.unit_bytes(stored)).map_err(|_| lost())?];
        read(&mut packed)?;
        compression::expand(&packed, out)
            .map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))
    }

    fn read_compressed(&self, clusters: u64, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
        let bytes = self.unit_bytes(clusters);
        let number = offset / bytes;
        let mut expanded = self.expanded.lock().unwrap_or_else(PoisonError::into_inner);
        if expanded.as_ref().is_none_or(|(held, _)| *held != number) {
            let mut unit = expanded.take().map(|(_, unit)| unit).unwrap_or_default();
            self.expand(clusters, number, &mut unit)?;
            *expanded = Some((number, unit));
        }
        let within = usize::try_from(offset % bytes).map_err(|_| lost())?;
        let found = expanded
            .as_ref()
            .and_then(|(_, unit)| unit.get(within..))
            .unwrap_or_default();
        let count = found.len().min(buffer.len());
        for (to, from) in buffer.iter_mut().zip(found) {
            *to = *from;
        }
        Ok(count)
    }
}

impl ReadAt for NtfsStream {
    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
        let zeros = offset >= self.initialised;
        let end = if zeros {
            self.size
        } else {
            self.initialised.min(self.size)
        };
        let left = usize::try_from(end.saturating_sub(offset)).unwrap_or(usize::MAX);
        let count = left.min(buffer.len());
        let Some(buffer) = buffer.get_mut(..count).filter(|buffer| !buffer.is_empty()) else {
            return Ok(0);
        };
        if zeros {
            buffer.fill(0);
            return Ok(count);
        }
        match self.unit {
            Some(clusters) => self.read_compressed(clusters, offset, buffer),
            None => self.extents.read(offset, buffer),
        }
    }

    fn len(&self) -> u64 {
        self.size
    }

    fn data_from(&self, offset: u64) -> u64 {
        if offset >= self.initialised {
            return self.size;
        }
        if self.unit.is_some() {
            return offset;
        }
        let Some((index, run)) = self.extents.find(offset / self.extents.cluster) else {
            return offset;
        };
        if run.at.is_some() {
            return offset;
        }
        let mut next = run.end();
        for later in self.extents.runs.get(index + 1..).unwrap_or_default() {
            if later.first != next || later.at.is_some() {
                break;
            }
            next = later.end();
        }
        next.saturating_mul(self.extents.cluster).min(self.size)
    }
}

fn lost() -> io::Error {
    io::Error::new(
        io::ErrorKind::InvalidData,
        "no cluster is recorded for this place",
    )
}
