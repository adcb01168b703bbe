//! One batch of changes, from the first notice to what is left at the end.
//!
//! It is one thing told in several files: how a directory is found ([`places`]), what follows of a name ([`names`]), and how
//! a directory that is new is listed ([`listing`]).

mod listing;
mod names;
mod places;

pub(super) use names::AllShared;

use super::{Applied, Live};
use crate::changes::{Change, DirectoryKey, Identity};
use crate::entry::{Attributes, Kind, flag, join};
use crate::mounts::within;
use crate::store::StoreError;
use crate::store::write::Writer;
use crate::store::write::places::last_name;
use crate::walk::{DirectoryId, Open};
use listing::Scan;
use names::Displaced;
use places::{Located, Place, Places, Volume};
use std::collections::{BTreeMap, HashMap};
use std::path::PathBuf;
use std::sync::Arc;

/// Unhashed files of one directory that moved, which are told at most; the next pass finds the others.
const MOST_WAITING: usize = 10_000;

/// See the module.
pub(super) struct Batch<'a, 'c> {
    live: &'a Live,
    writer: &'a mut Writer<'c>,
    volumes: Vec<Volume>,
    places: Places,
    applied: Applied,
    /// Entries without a place, by volume and inode.
    displaced: HashMap<(i64, u64), Vec<Displaced>>,
    /// Files of several names, by volume and inode: every name is looked at, once.
    shared: AllShared,
    /// Files that were written, got other attributes, or got or lost a name: volume, what each is now, whether it was written.
    files: Vec<(i64, Attributes, bool)>,
    /// A directory's own times change with every name in it, and nothing tells so: each is looked at once at the end.
    touched: HashMap<Identity, DirectoryKey>,
    /// The same for those in which a name was looked at that no notice of theirs asked for.
    opened: HashMap<DirectoryId, Open>,
    /// Directories to list, by number: parents come before what is below them.
    scans: BTreeMap<DirectoryId, Scan>,
    /// Names in directories that the database does not have: their turn comes when every move is known.
    held: Vec<(DirectoryKey, Vec<u8>, bool)>,
    /// Directories of which every notice may have been missed.
    relist: Vec<DirectoryKey>,
    /// Names below directories that moved on which something was mounted, by the directory's number: it did not move with
    /// them, or it is to be asked what lies there now.
    covered: Vec<(DirectoryId, Vec<u8>)>,
    /// Directories came or went: paths of a moment ago are to be asked for again.
    moved: bool,
}

impl<'a, 'c> Batch<'a, 'c> {
    pub(super) fn new(
        live: &'a Live,
        writer: &'a mut Writer<'c>,
        waiting: AllShared,
    ) -> Result<Self, StoreError> {
        let volumes = writer.volumes()?.into_iter();
        Ok(Self {
            live,
            volumes: volumes
                .filter(|(_, point, _)| {
                    !live.held.contains(point)
                        && live.places.iter().any(|place| place.path == *point)
                })
                .map(|(id, point, kind)| Volume {
                    id,
                    point,
                    repeats: matches!(kind.as_str(), "btrfs" | "bcachefs"),
                })
                .collect(),
            writer,
            places: Places::default(),
            applied: Applied::default(),
            displaced: HashMap::new(),
            shared: waiting,
            files: Vec::new(),
            touched: HashMap::new(),
            opened: HashMap::new(),
            scans: BTreeMap::new(),
            held: Vec::new(),
            relist: Vec::new(),
            covered: Vec::new(),
            moved: false,
        })
    }

    /// Applies one change.
    pub(super) fn follow(&mut self, change: &Change) -> Result<(), StoreError> {
        match change {
            Change::Touched {
                directory,
                name,
                written,
            } => {
                let located = self.locate(directory)?;
                self.follow_one(located, directory, name, *written)?;
            }
            Change::Renamed { from, to } => {
                let source = self.locate(&from.0)?;
                let target = self.locate(&to.0)?;
                if let (Located::Here(source), Located::Here(target)) = (&source, &target) {
                    self.rename((source, &from.1), (target, &to.1))?;
                }
                self.follow_one(source, &from.0, &from.1, false)?;
                self.follow_one(target, &to.0, &to.1, false)?;
            }
            Change::File {
                mounts,
                attributes,
                written,
            } => self.follow_file(mounts, attributes, *written),
            Change::Lost { .. } => self.applied.lost = true,
            // What follows of it, whoever knows the table tells.
            Change::Mounts | Change::Away { .. } => {}
            Change::Hidden { directory } => self.relist.push(directory.clone()),
            Change::Point { path } => self.look_at_point(path)?,
        }
        if std::mem::take(&mut self.moved) {
            self.places.clear();
        }
        Ok(())
    }

    fn follow_one(
        &mut self,
        located: Located,
        key: &DirectoryKey,
        name: &[u8],
        written: bool,
    ) -> Result<(), StoreError> {
        match located {
            Located::Here(place) => {
                self.touched.insert(key.identity(), key.clone());
                if name != b"." {
                    self.look(&place, name, written)?;
                }
            }
            Located::Unknown => self.held.push((key.clone(), name.to_vec(), written)),
            Located::Nowhere => {}
        }
        Ok(())
    }

    /// Notes a file for the end, when everything has its place.
    fn follow_file(&mut self, mounts: &[PathBuf], now: &Attributes, written: bool) {
        let mounts: Vec<Vec<u8>> = mounts
            .iter()
            .map(|mount| crate::text::from_native(mount.as_os_str()))
            .collect();
        let meets = |point: &[u8]| {
            let mut mounts = mounts.iter();
            mounts.any(|mount| within(point, mount) || within(mount, point))
        };
        let volumes = self.volumes.iter().filter(|volume| meets(&volume.point));
        self.files
            .extend(volumes.map(|volume| (volume.id, *now, written)));
    }

    /// A file that is known and is not what it was, or has hashes from before it was written: each of its names is looked at.
    /// What was told of the name under which it was written was looked at before.
    fn look_at_files(&mut self) -> Result<(), StoreError> {
        for (volume, now, written) in std::mem::take(&mut self.files) {
            let second = crate::times::seconds(now.ctime).unwrap_or_default();
            for (kept, read) in self.writer.entries_with(volume, now.inode)? {
                // Read within the second of the last change, it may have been before.
                let before = written && read.is_some_and(|read| read <= second);
                if kept.attributes.same(&now) && (before || kept.attributes != now) {
                    self.note_shared(volume, now.inode, written);
                }
            }
        }
        Ok(())
    }

    /// What is known of one name belongs to another one now, if what stands there proves it.
    fn rename(
        &mut self,
        from: (&Arc<Place>, &[u8]),
        to: (&Arc<Place>, &[u8]),
    ) -> Result<(), StoreError> {
        let (source, target) = (from.0, to.0);
        let same_place = source.id == target.id && from.1 == to.1;
        let there = join(&target.path, to.1);
        if same_place || source.volume != target.volume || self.live.ignores(&there) {
            return Ok(());
        }
        let Some(kept) = self.writer.find(source.id, from.1)? else {
            return Ok(());
        };
        let now = target.open.examine(to.1);
        if !now.is_ok_and(|now| now.is_some_and(|now| now.same(&kept.attributes))) {
            return Ok(());
        }
        let before = self.writer.find(target.id, to.1)?;
        if let Some(before) = before {
            // Taken in at its new place before this notice came (a later notice named it by its new path): what is known
            // there is newer than what is known here.
            if before.attributes.same(&kept.attributes) {
                return Ok(());
            }
            self.displace(target.volume, &before, target.id, to.1)?;
        }
        let below = self.writer.displace(&kept, source.id, from.1)?;
        self.writer.put(kept.id, below, target.id, to.1)?;
        if let Some(below) = below {
            self.moved_directory(below)?;
        }
        Ok(())
    }

    /// Paths below a directory are others now.
    pub(super) fn moved_directory(&mut self, id: DirectoryId) -> Result<(), StoreError> {
        self.moved = true;
        // What was about to be read there was not found.
        let waiting = self.writer.waiting_below(id, MOST_WAITING)?;
        self.applied.fresh.extend(waiting);
        self.covered.extend(self.writer.covered_below(id)?);
        for unlisted in self.writer.unlisted_below(id)? {
            self.scans.entry(unlisted).or_default();
        }
        Ok(())
    }

    /// What is left when every change is applied. Answers the files of which names are still to be looked at.
    pub(super) fn finish(mut self) -> Result<(Applied, AllShared), StoreError> {
        self.places.clear();
        for (key, name, written) in std::mem::take(&mut self.held) {
            match self.locate(&key)? {
                Located::Unknown => self.adopt(&key)?,
                located => self.follow_one(located, &key, &name, written)?,
            }
            if std::mem::take(&mut self.moved) {
                self.places.clear();
            }
        }
        self.look_at_covered()?;
        self.list()?;
        self.list_again()?;
        self.remove_displaced()?;
        // Some of them stood in what was just removed.
        self.places.clear();
        for key in std::mem::take(&mut self.touched).into_values() {
            // Whatever was known of it before: a snapshot's passes for that of which it is one, until it is listed.
            if let Located::Here(place) = self.locate(&key)? {
                self.look_at_itself(place.id, &place.open)?;
            }
        }
        for (id, open) in std::mem::take(&mut self.opened) {
            self.look_at_itself(id, &open)?;
        }
        self.look_at_files()?;
        let waiting = self.look_at_names()?;
        self.applied.unsettled = !waiting.is_empty();
        Ok((self.applied, waiting))
    }

    /// The entry of a directory in its parent.
    fn look_at_itself(&mut self, id: DirectoryId, open: &Open) -> Result<(), StoreError> {
        let Some(row) = self.writer.directory_of(id)? else {
            return Ok(());
        };
        let (Some(parent), Ok(mut now)) = (row.parent, open.itself()) else {
            return Ok(());
        };
        // The root of another mount, if it was opened through that.
        now.flags &= !flag::MOUNT_POINT;
        let name = last_name(&row.path);
        let kept = self.writer.find(parent, name)?;
        // Removed and held open by us, it has no place any more; that is told.
        if now.links > 0
            && now.kind() == Kind::Directory
            && kept.is_some_and(|kept| kept.attributes.same(&now))
        {
            self.see(open, b".", parent, name, &now, Some(false))?;
        }
        Ok(())
    }
}
