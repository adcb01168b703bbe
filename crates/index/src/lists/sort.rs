//! Sorting more records than fit in memory: sorted runs in one file beside the list, then all runs merged.

use super::{ListError, format::read_exact_at};
use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::collections::binary_heap::PeekMut;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::PathBuf;

/// Bytes for reading all runs together.
const READ_AHEAD: usize = 8 << 20;

/// Takes records of one size in any order and gives them back sorted, each once.
pub(super) struct Sorter<const N: usize> {
    records: Vec<[u8; N]>,
    path: PathBuf,
    file: Option<File>,
    /// Where each run ends in the file.
    ends: Vec<u64>,
}

impl<const N: usize> Sorter<N> {
    pub(super) fn new(path: PathBuf) -> Self {
        Self {
            records: Vec::new(),
            path,
            file: None,
            ends: Vec::new(),
        }
    }

    pub(super) fn push(&mut self, record: [u8; N]) {
        self.records.push(record);
    }

    pub(super) fn bytes(&self) -> usize {
        self.records.len() * N
    }

    fn failed(&self, source: io::Error) -> ListError {
        ListError::Write {
            path: self.path.clone(),
            source,
        }
    }

    fn sort(&mut self) {
        self.records.sort_unstable();
        self.records.dedup();
    }

    /// Writes what is in memory as a run.
    pub(super) fn spill(&mut self) -> Result<(), ListError> {
        if self.records.is_empty() {
            return Ok(());
        }
        self.sort();
        let mut file = match self.file.take() {
            Some(file) => file,
            None => {
                let mut options = File::options();
                options.read(true).write(true).create(true).truncate(true);
                options
                    .open(&self.path)
                    .map_err(|source| self.failed(source))?
            }
        };
        let written = file.write_all(self.records.as_flattened());
        self.file = Some(file);
        written.map_err(|source| self.failed(source))?;
        let end = self.ends.last().copied().unwrap_or(0) + self.bytes() as u64;
        self.ends.push(end);
        self.records.clear();
        Ok(())
    }

    /// Hands out every record in order.
    pub(super) fn drain(
        mut self,
        mut each: impl FnMut(&[u8; N]) -> Result<(), ListError>,
    ) -> Result<(), ListError> {
        if self.ends.is_empty() {
            self.sort();
            return self.records.iter().try_for_each(each);
        }
        self.spill()?;
        self.records = Vec::new();
        let Some(file) = &self.file else {
            return Ok(());
        };
        let records = (READ_AHEAD / N / self.ends.len()).clamp(64, 16384);
        let mut runs = Vec::with_capacity(self.ends.len());
        let mut heap = BinaryHeap::with_capacity(self.ends.len());
        let mut start = 0;
        for (number, end) in self.ends.iter().enumerate() {
            let mut run = Run {
                file,
                at: start,
                end: *end,
                buffer: vec![[0; N]; records],
                next: 0,
                filled: 0,
            };
            start = *end;
            if let Some(first) = run.next().map_err(|source| self.failed(source))? {
                heap.push(Reverse((first, number)));
            }
            runs.push(run);
        }
        let mut last = None;
        while let Some(mut top) = heap.peek_mut() {
            let Reverse((record, number)) = *top;
            // Replacing the top costs one sifting, taking it and adding another would cost two.
            let following = runs.get_mut(number).map_or(Ok(None), Run::next);
            match following.map_err(|source| self.failed(source))? {
                Some(following) => top.0.0 = following,
                None => drop(PeekMut::pop(top)),
            }
            if last != Some(record) {
                each(&record)?;
                last = Some(record);
            }
        }
        Ok(())
    }
}

impl<const N: usize> Drop for Sorter<N> {
    fn drop(&mut self) {
        if self.file.take().is_some() {
            // What stays behind is overwritten by the next build.
            let _gone = fs::remove_file(&self.path);
        }
    }
}

struct Run<'f, const N: usize> {
    file: &'f File,
    at: u64,
    end: u64,
    buffer: Vec<[u8; N]>,
    next: usize,
    filled: usize,
}

impl<const N: usize> Run<'_, N> {
    fn next(&mut self) -> io::Result<Option<[u8; N]>> {
        if self.next == self.filled {
            let left = (self.end - self.at) / N as u64;
            self.filled = left.min(self.buffer.len() as u64) as usize;
            self.next = 0;
            if self.filled == 0 {
                return Ok(None);
            }
            let into = self.buffer.get_mut(..self.filled).unwrap_or_default();
            let into = into.as_flattened_mut();
            read_exact_at(self.file, into, self.at)?;
            self.at += into.len() as u64;
        }
        self.next += 1;
        Ok(self.buffer.get(self.next - 1).copied())
    }
}
