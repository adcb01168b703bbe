//! The directories of an MFT and the paths they give.
//!
//! One pass over the MFT fills it; afterwards the path of any name is found by climbing from its directory to the root.
//! A directory costs about 32 bytes and its name, files cost nothing. A reference carries the sequence number of the
//! directory it means: when the record has been given to another directory since, the name has lost its way and is an
//! orphan. Loops, which only forged records have, end the climb as well.

use super::attribute::{FileName, Namespace};
use super::record::Record;
use super::reference::Reference;
use crate::entry::ORPHANS;
use crate::text::push_utf16;

/// The record of the root directory.
pub(super) const ROOT: u64 = 5;
/// No real path is longer: 32,767 UTF-16 units.
const LONGEST: usize = 3 * 32_767;

struct Directory {
    parent: Reference,
    start: usize,
    len: u16,
    sequence: u16,
    in_use: bool,
}

/// All directories.
#[derive(Default)]
pub(super) struct Tree {
    /// For each record number, one more than the place in `directories`.
    slots: Vec<u32>,
    directories: Vec<Directory>,
    names: Vec<u8>,
    climb: Vec<u32>,
    /// Files of a directory often lie side by side: the last path is kept.
    last: Option<(Reference, Vec<u8>, bool)>,
}

impl Tree {
    /// Takes a directory into the tree. The root needs no name.
    pub(super) fn add(&mut self, number: u64, record: &Record<'_>, name: &FileName<'_>) {
        let (Ok(slot), Ok(place)) = (
            usize::try_from(number),
            u32::try_from(self.directories.len() + 1),
        ) else {
            return;
        };
        let start = self.names.len();
        push_utf16(name.name, &mut self.names);
        self.directories.push(Directory {
            parent: name.parent,
            start,
            len: u16::try_from(self.names.len() - start).unwrap_or(u16::MAX),
            sequence: record.sequence(),
            in_use: record.in_use(),
        });
        if self.slots.len() <= slot {
            self.slots.resize(slot + 1, 0);
        }
        if let Some(entry) = self.slots.get_mut(slot) {
            *entry = place;
        }
    }

    /// The path of a directory, without `/` at its end (the root's is empty), and whether the way to the root is broken.
    pub(super) fn path(&mut self, of: Reference) -> (&[u8], bool) {
        let known = self.last.as_ref().is_some_and(|(last, ..)| *last == of);
        if !known {
            let (mut path, _) = match self.last.take() {
                Some((_, path, orphan)) => (path, orphan),
                None => (Vec::new(), false),
            };
            let orphan = self.climb(of);
            path.clear();
            if orphan {
                path.extend_from_slice(ORPHANS);
            }
            for place in self.climb.iter().rev() {
                let Some(found) = self.directories.get(*place as usize) else {
                    continue;
                };
                path.push(b'/');
                path.extend_from_slice(
                    self.names
                        .get(found.start..found.start + usize::from(found.len))
                        .unwrap_or_default(),
                );
            }
            self.last = Some((of, path, orphan));
        }
        self.last
            .as_ref()
            .map_or((&[], true), |(_, path, orphan)| (path, *orphan))
    }

    /// Leaves the directories on the way in `self.climb`, lowest first.
    fn climb(&mut self, of: Reference) -> bool {
        self.climb.clear();
        let mut at = of;
        let mut len = 0;
        while at.number() != ROOT {
            let Some((place, found)) = self.find(at) else {
                return true;
            };
            len += 1 + usize::from(found.len);
            at = found.parent;
            if len > LONGEST {
                self.climb.clear();
                return true;
            }
            self.climb.push(place);
        }
        false
    }

    fn find(&self, reference: Reference) -> Option<(u32, &Directory)> {
        let slot = usize::try_from(reference.number()).ok()?;
        let place = self.slots.get(slot)?.checked_sub(1)?;
        let found = self.directories.get(place as usize)?;
        same_file(reference, found.sequence, found.in_use).then_some((place, found))
    }
}

/// Whether a reference means the file that a record holds (or held last: deletion counts the sequence number up).
/// Sequence 0 in a reference asks for no check.
pub(super) fn same_file(reference: Reference, sequence: u16, in_use: bool) -> bool {
    let wanted = reference.sequence();
    wanted == 0 || wanted == sequence || (!in_use && wanted.wrapping_add(1) == sequence)
}

/// Among several names of a directory, the long one.
pub(super) fn better<'a>(old: Option<FileName<'a>>, new: FileName<'a>) -> Option<FileName<'a>> {
    match old {
        Some(old) if old.namespace != Namespace::Dos || new.namespace == Namespace::Dos => {
            Some(old)
        }
        _ => Some(new),
    }
}
