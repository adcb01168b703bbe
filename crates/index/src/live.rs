//! Applying changes as they happen: each notice names a place that may have changed, and the place is looked at again.
//!
//! A notice is never believed beyond its place. What the disk shows now goes into the database, so that notices may come
//! late, twice or out of order and the end is the same. Only a rename is taken at its word, once the inode at the new
//! place proves it, so that hashes move with their file. Runs on the engine's thread, inside its transaction.

use crate::changes::{Change, DirectoryKey};
use crate::engine;
use crate::entry::{Kind, flag, join};
use crate::inventory::{Compare, Rules};
use crate::store::write::{KeptDirectory, Writer};
use crate::store::{StoreError, doing};
use crate::walk::{self, Root};
use rusqlite::params;
use std::cell::RefCell;
use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, PoisonError};

/// What applying a batch of changes left to do.
#[derive(Debug, Default)]
pub struct Applied {
    /// Files whose content is new or may have changed: to be hashed.
    pub fresh: Vec<i64>,
    /// Notices were lost: what is indexed must be compared with the disk by a walk.
    pub lost: bool,
    /// Files of several names, by volume and inode, and whether they were written: every name is looked at, once.
    shared: HashMap<(i64, u64), bool>,
    /// Directories came or went: what is known of their numbers does not hold any more.
    moved: bool,
}

impl Applied {
    fn share(&mut self, volume: i64, inodes: Vec<u64>) {
        for inode in inodes {
            self.shared.entry((volume, inode)).or_default();
        }
    }
}

/// What it takes to apply changes.
pub struct Live {
    /// The rules of the walks.
    pub rules: Arc<Rules>,
    /// Where other file systems begin.
    pub mount_points: HashSet<Vec<u8>>,
}

impl Live {
    /// Applies a batch.
    ///
    /// # Errors
    /// [`StoreError::Statement`].
    pub fn apply(
        &self,
        writer: &mut Writer<'_>,
        changes: &[Change],
    ) -> Result<Applied, StoreError> {
        let mut applied = Applied::default();
        // A directory's own times change with every name in it, and nothing tells so: each is looked at once at the end.
        let mut directories: HashSet<Vec<u8>> = HashSet::new();
        // The same few directories carry most changes.
        let mut known: HashMap<Vec<u8>, Option<KeptDirectory>> = HashMap::new();
        for change in changes {
            match change {
                Change::Touched {
                    directory,
                    name,
                    written,
                } => {
                    if let Some(dir) = self.locate(writer, directory, &mut known, &mut applied)? {
                        if name != b"." {
                            self.look(writer, &dir, name, *written, &mut applied)?;
                        }
                        directories.insert(dir.path);
                    }
                }
                Change::Renamed { from, to } => {
                    let source = self.locate(writer, &from.0, &mut known, &mut applied)?;
                    let target = self.locate(writer, &to.0, &mut known, &mut applied)?;
                    if let (Some(source), Some(target)) = (&source, &target) {
                        self.rename(writer, (source, &from.1), (target, &to.1), &mut applied)?;
                    }
                    for (dir, name) in [(source, &from.1), (target, &to.1)] {
                        if let Some(dir) = dir {
                            self.look(writer, &dir, name, false, &mut applied)?;
                            directories.insert(dir.path);
                        }
                    }
                }
                Change::Lost { .. } => applied.lost = true,
            }
            if std::mem::take(&mut applied.moved) {
                known.clear();
            }
        }
        for ((volume, inode), written) in std::mem::take(&mut applied.shared) {
            self.names_of(writer, volume, inode, written, &mut applied)?;
        }
        for path in directories {
            self.look_at_itself(writer, &path, &mut applied)?;
        }
        Ok(applied)
    }

    /// The directory of a notice in the database; scanned first when the database does not have it yet.
    fn locate(
        &self,
        writer: &mut Writer<'_>,
        key: &DirectoryKey,
        known: &mut HashMap<Vec<u8>, Option<KeptDirectory>>,
        applied: &mut Applied,
    ) -> Result<Option<KeptDirectory>, StoreError> {
        // Gone meanwhile: its parent is told so too.
        if key.path.is_empty() || self.left_out(&key.path) {
            return Ok(None);
        }
        if let Some(kept) = known.get(&key.path) {
            return Ok(kept.clone());
        }
        let mut kept = writer.directory_at(&key.path)?;
        if kept.is_none() {
            self.adopt(writer, &key.path, applied)?;
            kept = writer.directory_at(&key.path)?;
        }
        known.insert(key.path.clone(), kept.clone());
        Ok(kept)
    }

    fn left_out(&self, path: &[u8]) -> bool {
        if self
            .rules
            .own
            .home
            .as_deref()
            .is_some_and(|home| crate::mounts::within(path, home))
        {
            return true;
        }
        // An excluded directory excludes what is below it.
        let mut end = path.len();
        loop {
            let part = path.get(..end).unwrap_or_default();
            if (self.rules.excluded)(part) {
                return true;
            }
            match part.iter().rposition(|b| *b == b'/') {
                Some(at) if at > 0 => end = at,
                _ => return false,
            }
        }
    }

    /// Takes in a directory that the database does not have, from its nearest ancestor that it has.
    fn adopt(
        &self,
        writer: &mut Writer<'_>,
        path: &[u8],
        applied: &mut Applied,
    ) -> Result<(), StoreError> {
        let mut end = path.len();
        while let Some(at) = path
            .get(..end)
            .and_then(|p| p.iter().rposition(|b| *b == b'/'))
        {
            let parent = path.get(..at.max(1)).unwrap_or_default();
            if let Some(dir) = writer.directory_at(parent)? {
                let name = path
                    .get(at + 1..)
                    .and_then(|rest| rest.split(|b| *b == b'/').next())
                    .unwrap_or_default();
                return self.look(writer, &dir, name, false, applied);
            }
            if at == 0 {
                break;
            }
            end = at;
        }
        Ok(())
    }

    /// Brings one name to what the disk shows now.
    fn look(
        &self,
        writer: &mut Writer<'_>,
        dir: &KeptDirectory,
        name: &[u8],
        written: bool,
        applied: &mut Applied,
    ) -> Result<(), StoreError> {
        let path = join(&dir.path, name);
        if self.rules.own.files.contains(&path) || self.left_out(&path) {
            return Ok(());
        }
        if self.mount_points.contains(&path) {
            return Ok(());
        }
        let before = writer.find(dir.id, name)?;
        // What cannot be looked at is as it was known: the next walk says why.
        let Ok(now) = walk::examine(&path) else {
            return Ok(());
        };
        let Some(now) = now else {
            if before.is_some() {
                let shared = writer.remove(dir.id, name)?;
                applied.share(dir.volume, shared);
                applied.moved |= before.is_some_and(|b| b.attributes.kind() == Kind::Directory);
            }
            return Ok(());
        };
        let target = if now.kind() == Kind::Link {
            walk::link_target(&path)
        } else {
            Vec::new()
        };
        let saw = writer.see(dir.id, name, &now, &target, Some(written))?;
        if now.kind() == Kind::File && saw.content {
            applied.fresh.push(saw.id);
        }
        if now.links > 1 && now.kind() == Kind::File {
            *applied.shared.entry((dir.volume, now.inode)).or_default() |= written;
        }
        let another = before.as_ref().is_none_or(|b| !b.attributes.same(&now));
        if let Some(before) = before {
            let links = before.attributes.links > 1 && before.attributes.kind() == Kind::File;
            if links {
                applied
                    .shared
                    .entry((dir.volume, before.attributes.inode))
                    .or_default();
            }
            applied.moved |= another && before.attributes.kind() == Kind::Directory;
        }
        if now.kind() == Kind::Directory && now.flags & flag::MOUNT_POINT == 0 && another {
            applied.moved = true;
            self.scan(writer, dir, &path, applied)?;
        }
        Ok(())
    }

    /// Looks at every name of a file of several: they share its attributes and its content.
    fn names_of(
        &self,
        writer: &mut Writer<'_>,
        volume: i64,
        inode: u64,
        written: bool,
        applied: &mut Applied,
    ) -> Result<(), StoreError> {
        type Name = (i64, Vec<u8>, Vec<u8>);
        let names: Vec<Name> = writer
            .connection()
            .prepare_cached(
                "SELECT e.dir, d.path, e.name FROM entry e JOIN directory d ON d.id = e.dir
                 WHERE e.inode = ?1 AND d.volume = ?2",
            )
            .and_then(|mut s| {
                s.query_map(params![inode.cast_signed(), volume], |row| {
                    Ok((
                        row.get(0)?,
                        crate::text::bytes(row.get_ref(1)?).to_vec(),
                        crate::text::bytes(row.get_ref(2)?).to_vec(),
                    ))
                })?
                .collect()
            })
            .map_err(doing("find a file's other names"))?;
        for (dir, folder, name) in names {
            match walk::examine(&join(&folder, &name)) {
                // What cannot be looked at is as it was known.
                Err(_) => {}
                Ok(None) => drop(writer.remove(dir, &name)?),
                Ok(Some(found)) => {
                    let saw = writer.see(dir, &name, &found, b"", Some(written))?;
                    if saw.content {
                        applied.fresh.push(saw.id);
                    }
                }
            }
        }
        Ok(())
    }

    fn rename(
        &self,
        writer: &mut Writer<'_>,
        from: (&KeptDirectory, &[u8]),
        to: (&KeptDirectory, &[u8]),
        applied: &mut Applied,
    ) -> Result<(), StoreError> {
        let there = join(&to.0.path, to.1);
        if from.0.volume != to.0.volume || self.left_out(&there) {
            return Ok(());
        }
        let Some(kept) = writer.find(from.0.id, from.1)? else {
            return Ok(());
        };
        // Taken in at its new place before this notice came (a later notice named it by its new path): what is known there
        // is newer than what is known here.
        let taken_in = writer
            .find(to.0.id, to.1)?
            .is_some_and(|there| there.attributes.same(&kept.attributes));
        if taken_in {
            return Ok(());
        }
        match walk::examine(&there) {
            Ok(Some(now)) if now.same(&kept.attributes) => {
                let shared = writer.rename(from, to)?;
                applied.share(to.0.volume, shared);
                // Paths below a renamed directory are others now.
                applied.moved |= kept.attributes.kind() == Kind::Directory;
                Ok(())
            }
            _ => Ok(()),
        }
    }

    /// Compares a directory and everything below it.
    fn scan(
        &self,
        writer: &mut Writer<'_>,
        parent: &KeptDirectory,
        path: &[u8],
        applied: &mut Applied,
    ) -> Result<(), StoreError> {
        let id = match writer.directory_at(path)? {
            Some(kept) => kept.id,
            None => self
                .rules
                .next
                .fetch_add(1, std::sync::atomic::Ordering::Relaxed),
        };
        let root = Root {
            id,
            parent: Some(parent.id),
            volume: parent.volume,
            path: path.to_vec(),
        };
        let failure = Arc::new(Mutex::new(None));
        let connection = writer.connection();
        let cell = RefCell::new((writer, applied));
        let visitor = Compare::new(Arc::clone(&self.rules), connection, |message| {
            let (writer, applied) = &mut *cell.borrow_mut();
            note_fresh(&message, parent.volume, writer, applied).map_err(|error| {
                *failure.lock().unwrap_or_else(PoisonError::into_inner) = Some(error);
                walk::Stop
            })
        })
        .failing_into(Arc::clone(&failure));
        walk::walk_here(vec![root], self.mount_points.clone(), visitor);
        match failure
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take()
        {
            Some(error) => Err(error),
            None => Ok(()),
        }
    }

    /// The entry of a directory in its parent.
    fn look_at_itself(
        &self,
        writer: &mut Writer<'_>,
        path: &[u8],
        applied: &mut Applied,
    ) -> Result<(), StoreError> {
        let Some(at) = path.iter().rposition(|b| *b == b'/') else {
            return Ok(());
        };
        let parent = path.get(..at.max(1)).unwrap_or_default();
        let name = path.get(at + 1..).unwrap_or_default();
        if name.is_empty() || self.mount_points.contains(path) {
            return Ok(());
        }
        match writer.directory_at(parent)? {
            Some(dir) => self.look(writer, &dir, name, false, applied),
            None => Ok(()),
        }
    }
}

/// Applies what a scan found, and notes which files are to be hashed.
fn note_fresh(
    message: &engine::Message,
    volume: i64,
    writer: &mut Writer<'_>,
    applied: &mut Applied,
) -> Result<(), StoreError> {
    use engine::Message;
    match message {
        Message::New(dir, found) | Message::Seen(dir, found) => {
            for seen in found.iter() {
                let saw = writer.see(*dir, seen.name, seen.attributes, seen.target, None)?;
                if saw.content && seen.attributes.kind() == Kind::File {
                    applied.fresh.push(saw.id);
                }
            }
            Ok(())
        }
        Message::Gone(dir, names) => {
            for name in names {
                let shared = writer.remove(*dir, name)?;
                applied.share(volume, shared);
            }
            Ok(())
        }
        Message::Directory {
            id,
            parent,
            volume,
            inode,
            path,
        } => writer.directory(*id, *parent, *volume, *inode, path),
        Message::Problem(id, problem) => writer.problem(*id, *problem),
        Message::Many(_)
        | Message::Digests(_)
        | Message::Do(_)
        | Message::Flush(_)
        | Message::End => Ok(()),
    }
}
