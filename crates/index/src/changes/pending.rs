//! Changes that wait to be fetched: in order, each place once, in little memory.
//!
//! A change of a name that already waits is joined with the waiting one, at its earlier position. That is right because
//! changes ask to look, and one looks after fetching; it only matters next to renames, which move what is known from one
//! name to another: what waits for either name is asked for once more behind the rename, so that no "written" is used up
//! before the content has come to its name. The kernel joins events in the same way, also across renames; so what waits is
//! to be taken only when the kernel's queue is empty.
//!
//! Behind the names wait the files that were written, got other attributes, or got or lost a name, each once. A file may
//! have other names than the one that was told, and that one may be gone or out of sight when one looks.
//!
//! The memory has a limit. When it is reached, what waits is dropped and its file systems are remembered as lost.
#![expect(
    clippy::indexing_slicing,
    reason = "all that is indexed has two sides, and a side is 0, 1 or a remainder of two"
)]

use super::event::{Event, Handle, Place, mask};
use hashbrown::{DefaultHashBuilder, HashMap, HashTable};
use std::collections::BTreeSet;
use std::hash::BuildHasher;
use std::sync::Arc;

/// Number of a directory within one [`Pending`].
pub(super) type Number = u32;

/// The changes that wait.
pub(super) struct Pending {
    limit: usize,
    names: Vec<u8>,
    items: Vec<Item>,
    /// Sides of items (`2 * item + side`) by the place they ask for: the latest of each place.
    places: HashTable<u32>,
    files: Vec<File>,
    /// Positions of files, by their handle.
    file_places: HashTable<u32>,
    handles: Vec<Arc<[u8]>>,
    numbers: HashMap<Arc<[u8]>, Number>,
    handle_bytes: usize,
    lost: BTreeSet<[u8; 8]>,
    all_lost: bool,
    hasher: DefaultHashBuilder,
}

/// One place, or two with a rename. Of a place without one, the second side stays empty.
#[derive(Clone, Copy)]
struct Item {
    directory: [Number; 2],
    name: [u32; 2],
    length: [u16; 2],
    flags: u8,
}

/// A file; its handle stands among the names.
#[derive(Clone, Copy)]
struct File {
    handle: u32,
    length: u8,
    written: bool,
}

const RENAME: u8 = 1;
/// Every event came from this process itself.
const OWN: u8 = 2;
/// Content may have changed: of the first side, of the second.
const WRITTEN: [u8; 2] = [4, 8];

/// A waiting change, as [`Pending::get`] shows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Waiting<'a> {
    /// The place, or the former place of a rename.
    pub(super) at: Spot<'a>,
    /// The new place of a rename.
    pub(super) to: Option<Spot<'a>>,
    /// Whether all of it came from this process.
    pub(super) own: bool,
}

/// A name in a directory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Spot<'a> {
    /// The directory.
    pub(super) directory: Number,
    /// The name.
    pub(super) name: &'a [u8],
    /// Whether content may have changed, after the rename if it is one.
    pub(super) written: bool,
}

/// A file that waits, as [`Pending::file`] shows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct WaitingFile<'a> {
    /// Its handle.
    pub(super) handle: Handle<'a>,
    /// Whether its content may have changed.
    pub(super) written: bool,
}

const WRITES: u64 = mask::MODIFY | mask::CLOSE_WRITE | mask::CREATE | mask::MOVED_TO;

impl Pending {
    /// With a limit in bytes.
    pub(super) fn new(limit: usize) -> Self {
        Self {
            limit,
            names: Vec::new(),
            items: Vec::new(),
            places: HashTable::new(),
            files: Vec::new(),
            file_places: HashTable::new(),
            handles: Vec::new(),
            numbers: HashMap::new(),
            handle_bytes: 0,
            lost: BTreeSet::new(),
            all_lost: false,
            hasher: DefaultHashBuilder::default(),
        }
    }

    /// Takes an event. `own` tells that this process did it.
    pub(super) fn record(&mut self, event: &Event<'_>, own: bool) {
        if event.mask & mask::OVERFLOW != 0 {
            self.all_lost = true;
            return;
        }
        match (event.at, event.to) {
            (Some(from), Some(to)) => self.rename(&from, &to, event.mask & WRITES != 0, own),
            // A rename of which one side lies outside of what is watched asks for the other.
            (Some(at), None) | (None, Some(at)) => {
                let written = event.mask & WRITES != 0 || event.to.is_some();
                self.touch(&at, written, own);
            }
            (None, None) => {}
        }
        let written = event.mask & (mask::MODIFY | mask::CLOSE_WRITE) != 0;
        // Attributes are those of each of its names; without a name, what changed is how many it has. Another name moves the
        // change time, too.
        const ATTRIBUTES: u64 = mask::ATTRIB | mask::RENAME | mask::MOVED_TO;
        if let Some(file) = event.file
            && (written || event.mask & ATTRIBUTES != 0)
        {
            self.touch_file(file, written);
        }
        if self.weight() > self.limit {
            self.drop_all();
        }
    }

    /// Changes are lost that this never saw.
    pub(super) fn lose_all(&mut self) {
        self.all_lost = true;
    }

    /// Whether nothing waits.
    pub(super) fn is_empty(&self) -> bool {
        self.items.is_empty() && self.files.is_empty() && self.lost.is_empty() && !self.all_lost
    }

    /// Number of waiting changes of names.
    pub(super) fn len(&self) -> usize {
        self.items.len()
    }

    /// A waiting file by its position.
    pub(super) fn file(&self, position: usize) -> Option<WaitingFile<'_>> {
        let file = self.files.get(position)?;
        Some(WaitingFile {
            handle: Handle::new(handle_of(&self.names, file)).ok()?,
            written: file.written,
        })
    }

    /// Number of waiting files.
    pub(super) fn files(&self) -> usize {
        self.files.len()
    }

    /// What was lost before the waiting changes: everything, or some file systems.
    pub(super) fn take_lost(&mut self) -> (bool, BTreeSet<[u8; 8]>) {
        (
            std::mem::take(&mut self.all_lost),
            std::mem::take(&mut self.lost),
        )
    }

    /// A waiting change by its position.
    pub(super) fn get(&self, position: usize) -> Option<Waiting<'_>> {
        let item = self.items.get(position)?;
        Some(Waiting {
            at: self.spot(item, 0),
            to: (item.flags & RENAME != 0).then(|| self.spot(item, 1)),
            own: item.flags & OWN != 0,
        })
    }

    /// The handle of a directory.
    pub(super) fn handle(&self, number: Number) -> Option<&Arc<[u8]>> {
        self.handles.get(number as usize)
    }

    /// Bytes in use, roughly.
    fn weight(&self) -> usize {
        // A handle costs its shared allocation, a place in the list and one in the map.
        self.names.len()
            + self.items.len() * size_of::<Item>()
            + self.places.capacity() * 5
            + self.files.len() * size_of::<File>()
            + self.file_places.capacity() * 5
            + self.handle_bytes
            + self.handles.len() * 72
    }

    fn touch(&mut self, at: &Place<'_>, written: bool, own: bool) {
        let written = |side: usize| if written { WRITTEN[side] } else { 0 };
        let directory = self.number(at.directory);
        let hash = self.hash(directory, at.name);
        if let Some(place) = self.find(hash, directory, at.name) {
            let side = place as usize % 2;
            if let Some(item) = self.items.get_mut(place as usize / 2) {
                item.flags |= written(side);
                if !own {
                    item.flags &= !OWN;
                }
            }
            return;
        }
        let name = self.keep(at.name);
        self.items.push(Item {
            directory: [directory, 0],
            name: [name, 0],
            length: [length(at.name), 0],
            flags: written(0) | if own { OWN } else { 0 },
        });
        self.place(hash, directory, at.name, 0);
    }

    fn touch_file(&mut self, handle: Handle<'_>, written: bool) {
        let bytes = handle.bytes();
        // No kernel gives longer ones: `LONGEST_HANDLE`.
        let Ok(length) = u8::try_from(bytes.len()) else {
            return;
        };
        let hash = self.hasher.hash_one(bytes);
        let (files, names, hasher) = (&self.files, &self.names, &self.hasher);
        let bytes_at = |at: u32| files.get(at as usize).map(|file| handle_of(names, file));
        if let Some(at) = self
            .file_places
            .find(hash, |at| bytes_at(*at) == Some(bytes))
        {
            if let Some(file) = self.files.get_mut(*at as usize) {
                file.written |= written;
            }
            return;
        }
        self.file_places
            .insert_unique(hash, files.len() as u32, |at| {
                hasher.hash_one(bytes_at(*at).unwrap_or_default())
            });
        let handle = self.keep(bytes);
        self.files.push(File {
            handle,
            length,
            written,
        });
    }

    fn rename(&mut self, from: &Place<'_>, to: &Place<'_>, written: bool, own: bool) {
        let mut item = Item {
            directory: [self.number(from.directory), self.number(to.directory)],
            name: [0; 2],
            length: [length(from.name), length(to.name)],
            flags: RENAME | if own { OWN } else { 0 },
        };
        let mut hashes = [0; 2];
        for (side, name) in [from.name, to.name].into_iter().enumerate() {
            hashes[side] = self.hash(item.directory[side], name);
            let waiting = self
                .find(hashes[side], item.directory[side], name)
                .and_then(|place| Some((*self.items.get(place as usize / 2)?, place as usize % 2)));
            if let Some((earlier, earlier_side)) = waiting {
                if earlier.flags & WRITTEN[earlier_side] != 0 {
                    item.flags |= WRITTEN[side];
                }
                item.name[side] = earlier.name[earlier_side];
            } else {
                item.name[side] = self.keep(name);
            }
        }
        // What was written under the former name is content of the new one.
        if item.flags & WRITTEN[0] != 0 || written {
            item.flags |= WRITTEN[1];
        }
        self.items.push(item);
        self.place(hashes[0], item.directory[0], from.name, 0);
        self.place(hashes[1], item.directory[1], to.name, 1);
    }

    /// Lets a place lead to a side of the last item.
    fn place(&mut self, hash: u64, directory: Number, name: &[u8], side: u32) {
        let Some(last) = self.items.len().checked_sub(1) else {
            return;
        };
        // The limit in bytes keeps this far below 2^31.
        let place = (last as u32) * 2 + side;
        let (items, names, hasher) = (&self.items, &self.names, &self.hasher);
        let found = self
            .places
            .find_mut(hash, |other| is(items, names, *other, directory, name));
        match found {
            Some(found) => *found = place,
            None => {
                self.places
                    .insert_unique(hash, place, |other| hash_of(hasher, items, names, *other));
            }
        }
    }

    fn find(&self, hash: u64, directory: Number, name: &[u8]) -> Option<u32> {
        self.places
            .find(hash, |place| {
                is(&self.items, &self.names, *place, directory, name)
            })
            .copied()
    }

    fn hash(&self, directory: Number, name: &[u8]) -> u64 {
        self.hasher.hash_one((directory, name))
    }

    fn keep(&mut self, name: &[u8]) -> u32 {
        let at = self.names.len() as u32;
        self.names.extend_from_slice(name);
        at
    }

    fn number(&mut self, handle: Handle<'_>) -> Number {
        if let Some(number) = self.numbers.get(handle.bytes()) {
            return *number;
        }
        let number = self.handles.len() as Number;
        let shared: Arc<[u8]> = handle.bytes().into();
        self.handle_bytes += shared.len();
        self.handles.push(Arc::clone(&shared));
        self.numbers.insert(shared, number);
        number
    }

    fn spot(&self, item: &Item, side: usize) -> Spot<'_> {
        Spot {
            directory: item.directory[side],
            name: name_of(&self.names, item, side),
            written: item.flags & WRITTEN[side] != 0,
        }
    }

    fn drop_all(&mut self) {
        let mut lost = std::mem::take(&mut self.lost);
        lost.extend(
            self.handles
                .iter()
                .filter_map(|bytes| Some(Handle::new(bytes).ok()?.file_system())),
        );
        let files = (0..self.files.len()).filter_map(|at| self.file(at));
        lost.extend(files.map(|file| file.handle.file_system()));
        *self = Self {
            lost,
            all_lost: self.all_lost,
            ..Self::new(self.limit)
        };
    }
}

fn is(items: &[Item], names: &[u8], place: u32, directory: Number, name: &[u8]) -> bool {
    let side = place as usize % 2;
    items
        .get(place as usize / 2)
        .is_some_and(|item| item.directory[side] == directory && name_of(names, item, side) == name)
}

fn hash_of(hasher: &DefaultHashBuilder, items: &[Item], names: &[u8], place: u32) -> u64 {
    let side = place as usize % 2;
    items.get(place as usize / 2).map_or(0, |item| {
        hasher.hash_one((item.directory[side], name_of(names, item, side)))
    })
}

fn name_of<'a>(names: &'a [u8], item: &Item, side: usize) -> &'a [u8] {
    let start = item.name[side] as usize;
    names
        .get(start..start + usize::from(item.length[side]))
        .unwrap_or_default()
}

fn handle_of<'a>(names: &'a [u8], file: &File) -> &'a [u8] {
    let start = file.handle as usize;
    names
        .get(start..start + usize::from(file.length))
        .unwrap_or_default()
}

/// A name's length; records are shorter than 64 KiB.
fn length(name: &[u8]) -> u16 {
    u16::try_from(name.len()).unwrap_or(u16::MAX)
}

#[cfg(test)]
mod tests;
