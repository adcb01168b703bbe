//! Names in open directories: looking at one, and what follows for the database.

use super::Batch;
use super::listing::Scan;
use super::places::{Located, Place};
use crate::entry::{Attributes, Kind, flag, join};
use crate::extended::Gatherer;
use crate::live::{ATTEMPTS, is_gone, passes};
use crate::store::StoreError;
use crate::store::write::places::{KeptDirectory, NOWHERE, last_name};
use crate::store::write::{Kept, Saw};
use crate::walk::{DirectoryId, Open, Seen};
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;

/// An entry that was gone from its place.
pub(super) struct Displaced {
    entry: Kept,
    /// Its directory, if it is one.
    below: Option<DirectoryId>,
}

/// Files of several names, by volume and inode.
pub(in crate::live) type AllShared = HashMap<(i64, u64), Shared>;

/// What is known of a file of several names.
#[derive(Clone, Copy, Debug, Default)]
pub(in crate::live) struct Shared {
    /// Written under a name that was known.
    written: bool,
    /// Perhaps written under a name that is new: its making tells no less. The hashes stand until it is read again.
    again: bool,
    /// How often a name was not to be looked at.
    attempts: u32,
}

impl Batch<'_, '_> {
    /// Brings one name to what the disk shows now.
    pub(super) fn look(
        &mut self,
        place: &Place,
        name: &[u8],
        written: bool,
    ) -> Result<(), StoreError> {
        let path = join(&place.path, name);
        if self.live.mount_points.contains(&path) && !self.live.left_out(&path) {
            // What is mounted there hides what the notice meant, but that it is there, and which file it is.
            return self.cover(place, name);
        }
        if self.live.ignores(&path) {
            return Ok(());
        }
        let mut before = self.writer.find(place.id, name)?;
        let now = match place.open.examine(name) {
            Ok(Some(now)) => now,
            Ok(None) => return self.gone(place, name, before, written),
            // What cannot be looked at is as it was known: the next walk says why.
            Err(error) => {
                self.applied.lost |= passes(&error);
                return Ok(());
            }
        };
        if now.flags & flag::MOUNT_POINT != 0 {
            // What is mounted there hides what the notice meant; it is looked at again by a newer table of mounts.
            let surprises = &self.live.rules.surprises;
            return match surprises.note(path) {
                true => Ok(()),
                false => self.cover(place, name),
            };
        }
        if before.as_ref().is_none_or(|b| !b.attributes.same(&now)) {
            before = self.take_place(place, name, before, &now)?;
        }
        let known = before.as_ref().is_some_and(|b| b.attributes.same(&now));
        let saw = self.see(&place.open, name, place.id, name, &now, Some(written))?;
        if let Some(saw) = saw {
            let is = now.kind();
            if is == Kind::File && (saw.content || self.writer.waits_for_hashes(saw.id)?) {
                self.applied.fresh.push(saw.id);
            }
            if is == Kind::Directory {
                self.directory(place, name, &now, !known || written)?;
            }
        }
        if now.several_names() {
            let shared = self.shared.entry((place.volume, now.inode)).or_default();
            shared.written |= written && known;
            shared.again |= written && !known;
        }
        if let Some(before) = before
            && !known
        {
            self.share(place.volume, &before.attributes, false);
        }
        Ok(())
    }

    /// Looks at a path on which something was mounted, or no longer is.
    pub(super) fn look_at_point(&mut self, path: &[u8]) -> Result<(), StoreError> {
        let Some(at) = path.iter().rposition(|b| *b == b'/') else {
            return Ok(());
        };
        let (parent, name) = path.split_at(at.max(1));
        let (parent, name) = (parent.to_vec(), name.strip_prefix(b"/").unwrap_or(name));
        if name.is_empty() || self.live.left_out(path) {
            return Ok(());
        }
        let indexed = self.volume_of(&parent);
        if indexed.is_none_or(|volume| self.live.covered(&parent, &volume.point)) {
            return Ok(());
        }
        let open = match Open::at(&parent) {
            Ok(open) if self.in_its_place(&parent, &open) => open,
            // Out of sight for a moment, and nothing tells when it is back.
            Ok(_) => {
                self.live.rules.surprises.note(path.to_vec());
                return Ok(());
            }
            Err(error) => {
                if is_gone(&error) && self.out_of_sight(&parent) {
                    self.live.rules.surprises.note(path.to_vec());
                }
                self.applied.lost |= passes(&error);
                return Ok(());
            }
        };
        // One that is not known is listed when it is.
        let Located::Here(place) = self.located(parent, open, None)? else {
            return Ok(());
        };
        self.opened.insert(place.id, place.open.clone());
        if self.live.mount_points.contains(path) {
            self.cover(&place, name)
        } else {
            self.look(&place, name, true)
        }
    }

    /// Whether a path leads nowhere because something is mounted over a folder of it that the table of mounts did not have.
    fn out_of_sight(&self, path: &[u8]) -> bool {
        let mut above = crate::mounts::upwards(path).skip(1);
        let there = above.find_map(|above| Some((above, Open::at(above).ok()?)));
        there.is_some_and(|(above, open)| {
            let place = self.live.place_of(above);
            place.is_some_and(|place| !place.standing.shows(open.mount()))
        })
    }

    /// Looks at the names of directories that moved on which something was mounted when they were looked at last.
    pub(super) fn look_at_covered(&mut self) -> Result<(), StoreError> {
        for (dir, name) in std::mem::take(&mut self.covered) {
            if std::mem::take(&mut self.moved) {
                self.places.clear();
            }
            // One that moved on is noted again when that is told.
            let Some(place) = self.place_of_row(dir)? else {
                continue;
            };
            let path = join(&place.path, &name);
            if self.live.mount_points.contains(&path) {
                self.cover(&place, &name)?;
            } else {
                self.look(&place, &name, true)?;
            }
        }
        Ok(())
    }

    /// Something is mounted on a name: what it hides is not there.
    fn cover(&mut self, place: &Place, name: &[u8]) -> Result<(), StoreError> {
        let before = self.writer.find(place.id, name)?;
        match place.open.covered(name) {
            Ok(Some(now)) => {
                let seen = Seen {
                    name,
                    attributes: &now,
                    target: b"",
                    extended: None,
                };
                self.writer.see(place.id, &seen, None)?;
                self.moved = true;
                if let Some(before) = before {
                    self.share(place.volume, &before.attributes, false);
                }
                Ok(())
            }
            Ok(None) => self.gone(place, name, before, false),
            Err(error) => {
                self.applied.lost |= passes(&error);
                Ok(())
            }
        }
    }

    fn share(&mut self, volume: i64, file: &Attributes, written: bool) {
        if file.several_names() {
            self.note_shared(volume, file.inode, written);
        }
    }

    pub(super) fn note_shared(&mut self, volume: i64, inode: u64, written: bool) {
        let shared = self.shared.entry((volume, inode)).or_default();
        shared.written |= written;
    }

    pub(super) fn share_all(&mut self, volume: i64, inodes: Vec<u64>) {
        for inode in inodes {
            self.note_shared(volume, inode, false);
        }
    }

    /// Puts what was seen into the database, with the extended attributes that `looked_at` has in the open directory.
    pub(super) fn see(
        &self,
        open: &Open,
        looked_at: &[u8],
        dir: DirectoryId,
        name: &[u8],
        now: &Attributes,
        written: Option<bool>,
    ) -> Result<Option<Saw>, StoreError> {
        let target = if now.kind() == Kind::Link {
            open.link_target(looked_at)
        } else {
            Vec::new()
        };
        let extended = self
            .writer
            .permissions
            .then(|| Gatherer::default().of(open, looked_at))
            .flatten();
        let seen = Seen {
            name,
            attributes: now,
            target: &target,
            extended: extended.as_ref(),
        };
        self.writer.see(dir, &seen, written)
    }

    /// Nothing has this name any more.
    fn gone(
        &mut self,
        place: &Place,
        name: &[u8],
        before: Option<Kept>,
        written: bool,
    ) -> Result<(), StoreError> {
        if let Some(before) = before {
            self.share(place.volume, &before.attributes, written);
            return self.displace(place.volume, &before, place.id, name);
        }
        // A walk may have told of a directory after it was gone.
        if let Some(left) = self.writer.directory_in(place.id, name)? {
            let shared = self.writer.remove_tree(left.id)?;
            self.share_all(place.volume, shared);
            self.moved = true;
        }
        Ok(())
    }

    /// Takes an entry from its place until the end of the batch.
    pub(super) fn displace(
        &mut self,
        volume: i64,
        entry: &Kept,
        dir: DirectoryId,
        name: &[u8],
    ) -> Result<(), StoreError> {
        let below = self.writer.displace(entry, dir, name)?;
        self.moved |= below.is_some();
        let inode = (volume, entry.attributes.inode);
        self.displaced.entry(inode).or_default().push(Displaced {
            entry: entry.clone(),
            below,
        });
        Ok(())
    }

    /// Another file or directory than before has a name: what is known of it comes here, and what stood here makes way.
    fn take_place(
        &mut self,
        place: &Place,
        name: &[u8],
        before: Option<Kept>,
        now: &Attributes,
    ) -> Result<Option<Kept>, StoreError> {
        let known = self.known_elsewhere(place.volume, now)?;
        // A file in place of a file is the same path with another content, and that is worth knowing. Anything else has
        // nothing in common.
        let makes_way = before.as_ref().is_some_and(|before| {
            known.is_some() || before.attributes.kind() != now.kind() || now.kind() != Kind::File
        });
        let mut stands = before;
        if makes_way && let Some(before) = stands.take() {
            self.share(place.volume, &before.attributes, false);
            self.displace(place.volume, &before, place.id, name)?;
        }
        let Some(known) = known else {
            return Ok(stands);
        };
        self.writer
            .put(known.entry.id, known.below, place.id, name)?;
        if let Some(below) = known.below {
            self.moved_directory(below)?;
        }
        Ok(Some(known.entry))
    }

    /// The entry of this file or directory that has no place, or a place where it is no longer.
    fn known_elsewhere(
        &mut self,
        volume: i64,
        now: &Attributes,
    ) -> Result<Option<Displaced>, StoreError> {
        if let Some(displaced) = self.displaced.get_mut(&(volume, now.inode))
            && let Some(at) = displaced.iter().position(|d| d.entry.attributes.same(now))
        {
            return Ok(Some(displaced.swap_remove(at)));
        }
        // A file may have several names; a directory is in one place.
        if now.kind() != Kind::Directory {
            return Ok(None);
        }
        for row in self.writer.directories_with(volume, now.inode)? {
            let Some(parent) = row.parent.filter(|parent| *parent != NOWHERE) else {
                continue;
            };
            let name = last_name(&row.path).to_vec();
            let Some(entry) = self.writer.find(parent, &name)? else {
                continue;
            };
            if !entry.attributes.same(now) || !self.has_left(volume, parent, &name, now)? {
                continue;
            }
            let below = self.writer.displace(&entry, parent, &name)?;
            return Ok(Some(Displaced { entry, below }));
        }
        Ok(None)
    }

    /// Whether a directory that was seen elsewhere is no longer where it was known to be.
    fn has_left(
        &mut self,
        volume: i64,
        parent: DirectoryId,
        name: &[u8],
        now: &Attributes,
    ) -> Result<bool, StoreError> {
        match self.still_there(parent, name)? {
            Some(there) => Ok(there.is_none_or(|there| !there.same(now))),
            // Its parent moved, too. Where snapshots show one directory twice, a walk has to tell.
            None => {
                let repeats = self.volumes.iter().any(|v| v.id == volume && v.repeats);
                self.applied.lost |= repeats;
                Ok(!repeats)
            }
        }
    }

    /// The row of a directory that was looked at, and whether it is to be listed.
    fn directory(
        &mut self,
        place: &Place,
        name: &[u8],
        now: &Attributes,
        list: bool,
    ) -> Result<(), StoreError> {
        let mut list = list;
        let mut row: Option<KeptDirectory> = None;
        for one in self.writer.directories_in(place.id, name)? {
            if row.is_none() && one.inode == now.inode {
                row = Some(one);
                continue;
            }
            // Left by a walk that looked before this directory came.
            let shared = self.writer.remove_tree(one.id)?;
            self.share_all(place.volume, shared);
            self.moved = true;
        }
        let id = match row {
            Some(row) => {
                list |= row.problem;
                row.id
            }
            None => {
                list = true;
                self.moved = true;
                self.new_row(place, name, now)?
            }
        };
        if list {
            self.scans.entry(id).or_insert_with(|| Scan::of(place));
        }
        Ok(())
    }

    /// A row for a directory that has an entry and nothing else.
    fn new_row(
        &mut self,
        place: &Place,
        name: &[u8],
        now: &Attributes,
    ) -> Result<DirectoryId, StoreError> {
        // A walk that looked before the directory came here may have put it back to where it was.
        for row in self.writer.directories_with(place.volume, now.inode)? {
            if row.parent.is_some_and(|p| p != NOWHERE) && self.writer.entry_of(&row)?.is_none() {
                self.writer.put_directory(row.id, place.id, name)?;
                return Ok(row.id);
            }
        }
        let Some(above) = self.writer.directory_of(place.id)? else {
            return Ok(NOWHERE);
        };
        let id = self.live.rules.next.fetch_add(1, Ordering::Relaxed);
        let path = join(&above.path, name);
        self.writer
            .directory(id, Some(place.id), place.volume, now.inode, &path)?;
        Ok(id)
    }

    /// What was not found anywhere else is gone.
    pub(super) fn remove_displaced(&mut self) -> Result<(), StoreError> {
        for ((volume, _), displaced) in std::mem::take(&mut self.displaced) {
            for gone in displaced {
                if let Some(below) = gone.below {
                    let shared = self.writer.remove_tree(below)?;
                    self.share_all(volume, shared);
                }
                self.writer.remove_entry(gone.entry.id)?;
            }
        }
        Ok(())
    }

    /// Looks at every name of the files of several: they share their attributes and their content. Answers those that are
    /// to be looked at again.
    pub(super) fn look_at_names(&mut self) -> Result<AllShared, StoreError> {
        let mut waiting = HashMap::new();
        for ((volume, inode), mut shared) in std::mem::take(&mut self.shared) {
            if !self.volumes.iter().any(|known| known.id == volume) {
                // The walk of its place finds what is held for so long.
                continue;
            }
            let mut missed = false;
            for (dir, name) in self.writer.names_with(volume, inode)? {
                missed |= !self.look_at_name(dir, &name, inode, shared)?;
            }
            if missed {
                shared.attempts += 1;
                if shared.attempts >= ATTEMPTS {
                    self.applied.lost = true;
                } else {
                    waiting.insert((volume, inode), shared);
                }
            }
        }
        Ok(waiting)
    }

    /// False when its directory is not where it should be.
    fn look_at_name(
        &mut self,
        dir: DirectoryId,
        name: &[u8],
        inode: u64,
        shared: Shared,
    ) -> Result<bool, StoreError> {
        let Some(open) = self.open_row(dir)? else {
            return Ok(false);
        };
        match open.examine(name) {
            // What cannot be looked at is as it was known.
            Err(_) => {}
            Ok(None) => drop(self.writer.remove(dir, name)?),
            // Another file has the name by now: that is told.
            Ok(Some(now)) if now.inode != inode || now.kind() == Kind::Directory => {}
            // Neither is what is mounted there the file.
            Ok(Some(now)) if now.flags & flag::MOUNT_POINT != 0 => {}
            Ok(Some(now)) => {
                let written = Some(shared.written);
                if let Some(saw) = self.see(&open, name, dir, name, &now, written)?
                    && now.kind() == Kind::File
                    && (saw.content || shared.again || self.writer.waits_for_hashes(saw.id)?)
                {
                    self.applied.fresh.push(saw.id);
                }
            }
        }
        Ok(true)
    }

    /// Opens the directory of a row, if it is where the row says.
    pub(super) fn open_row(&self, id: DirectoryId) -> Result<Option<Open>, StoreError> {
        if let Some(place) = self.places.of_row(id) {
            return Ok(Some(place.open.clone()));
        }
        let Some(row) = self.writer.directory_of(id)? else {
            return Ok(None);
        };
        match Open::at(&row.path) {
            Ok(open) if self.is_of(&row, &open)? => Ok(Some(open)),
            _ => Ok(None),
        }
    }

    /// The place of a row, if it is where the row says.
    pub(super) fn place_of_row(&self, id: DirectoryId) -> Result<Option<Arc<Place>>, StoreError> {
        let (Some(row), Some(open)) = (self.writer.directory_of(id)?, self.open_row(id)?) else {
            return Ok(None);
        };
        Ok(match self.located(row.path, open, None)? {
            Located::Here(place) if place.id == id => Some(place),
            _ => None,
        })
    }

    fn is_of(&self, row: &KeptDirectory, open: &Open) -> Result<bool, StoreError> {
        let Ok(now) = open.itself() else {
            return Ok(false);
        };
        if now.inode != row.inode || now.links == 0 {
            return Ok(false);
        }
        let entry = self.writer.entry_of(row)?;
        Ok(match entry {
            Some(entry) => entry.attributes.same(&now),
            // The roots of file systems are alike.
            None => self.in_its_place(&row.path, open),
        })
    }
}
