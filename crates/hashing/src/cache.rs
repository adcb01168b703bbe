//! The page cache, left as it was found.
//!
//! A program that reads every file of a machine would push out what others work with. Before a file is read, the kernel is asked which parts of it are in memory; what was
//! not is dropped again once it has been read. For a file that is wholly in memory that is one system call, and nothing afterwards.
//!
//! The same answer says which files will have to come from the disk: their reading is begun before their turn.

#[cfg(target_os = "linux")]
mod linux;

use std::fs::File;

/// A file is let go while it is read, too, as soon as this much has gathered: a large one must not fill the memory before its end.
const STEP: u64 = 1 << 20;

/// The largest piece in which Linux keeps pages of files.
#[cfg(target_os = "linux")]
const PIECE: u64 = 2 << 20;

/// How much of a file is asked for before its turn.
#[cfg(target_os = "linux")]
const AHEAD: u64 = 128 << 10;

/// The way to learn what is in memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Probe {
    /// The best that the kernel has.
    #[default]
    Best,
    /// `mincore`, as before Linux 6.5.
    Mincore,
}

/// The parts of a file that were not in memory before it was read.
#[derive(Debug, Default)]
pub struct Found {
    /// Offset and end of each part, in order.
    absent: Vec<(u64, u64)>,
    /// How many of the first have been let go, and up to where the file has been.
    done: usize,
    released: u64,
}

impl Found {
    /// Looks at a file of this size. Where the system cannot tell, all of it counts as in memory: then nothing is dropped.
    pub fn look(file: &File, size: u64, probe: Probe) -> Found {
        #[cfg(target_os = "linux")]
        let absent = linux::absent(file, size, probe);
        #[cfg(not(target_os = "linux"))]
        let absent = {
            let _ = (file, size, probe);
            Vec::new()
        };
        Found {
            absent,
            done: 0,
            released: 0,
        }
    }

    /// Whether all of it was in memory.
    pub fn all_cached(&self) -> bool {
        self.absent.is_empty()
    }

    /// The parts that were not, as offset and end.
    pub fn absent(&self) -> &[(u64, u64)] {
        &self.absent
    }

    /// Begins to read what is absent of the first part of the file, without waiting for it.
    pub(crate) fn prefetch(&self, file: &File, wanted: u64) {
        #[cfg(target_os = "linux")]
        if let Some((from, to)) = self.absent.first()
            && *from < wanted.min(AHEAD)
        {
            linux::will_need(file, *from, (*to).min(wanted.min(AHEAD)));
        }
        #[cfg(not(target_os = "linux"))]
        let _ = (file, wanted);
    }

    /// Lets go of what was absent and has been read up to here; small parts only at the end.
    pub(crate) fn release(&mut self, file: &File, read: u64, end: bool) {
        while let Some(&(from, to)) = self.absent.get(self.done) {
            let upto = if end { to } else { read.min(to) };
            let whole = upto == to;
            if !(whole || upto >= from.max(self.released) + STEP) {
                return;
            }
            // The kernel keeps pages in larger pieces and lets go of whole pieces only: one that lay across the last border is named again.
            #[cfg(target_os = "linux")]
            linux::let_go(file, from.max(self.released.saturating_sub(PIECE)), upto);
            #[cfg(not(target_os = "linux"))]
            let _ = file;
            self.released = upto;
            if !whole {
                return;
            }
            self.done += 1;
        }
    }
}
