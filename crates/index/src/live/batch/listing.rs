//! Listing directories that are new, from their open parent, once everything else of a batch is known.

use super::Batch;
use super::places::{Located, Place};
use crate::changes::DirectoryKey;
use crate::engine::{self, Message};
use crate::entry::{Kind, join};
use crate::inventory::Compare;
use crate::live::{ATTEMPTS, is_gone, passes};
use crate::stop::Stop;
use crate::store::StoreError;
use crate::store::write::places::{KeptDirectory, last_name};
use crate::walk::{self, Descend, Directory, DirectoryId, Found, Open, Root, Visitor, WalkError};
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

/// What is kept of a directory that could not be listed because it was on its way.
const NOT_LISTED: i32 = -1;

/// A directory to list.
#[derive(Default)]
pub(super) struct Scan {
    /// Where it was seen last; without, only its row tells.
    parent: Option<Parent>,
    attempts: u32,
}

/// The directory where it stands.
enum Parent {
    Key(DirectoryKey),
    /// Found from below; there are few of these.
    Open(Arc<Place>),
}

impl Scan {
    pub(super) fn of(place: &Place) -> Self {
        let parent = match &place.key {
            Some(key) => Parent::Key(key.clone()),
            None => Parent::Open(Arc::new(Place {
                path: place.path.clone(),
                open: place.open.clone(),
                key: None,
                ..*place
            })),
        };
        Self {
            parent: Some(parent),
            attempts: 0,
        }
    }
}

impl Batch<'_, '_> {
    /// Lists what is to be listed.
    pub(super) fn list(&mut self) -> Result<(), StoreError> {
        while let Some((id, scan)) = self.scans.pop_first() {
            if std::mem::take(&mut self.moved) {
                self.places.clear();
            }
            let Some(row) = self.writer.directory_of(id)? else {
                continue;
            };
            let Some(place) = self.stands_in(&row, &scan)? else {
                // It went with what is above it, and that is told: as gone, or under another name.
                self.writer.problem(id, Some(NOT_LISTED))?;
                continue;
            };
            let name = last_name(&row.path).to_vec();
            match place.open.directory(&name) {
                // Something was mounted there since it was seen: it is looked at again by a newer table of mounts.
                Ok(open) if open.is_point() => {
                    self.live.rules.surprises.note(join(&place.path, &name));
                    self.writer.problem(id, Some(NOT_LISTED))?;
                }
                Ok(open) if open.inode() == row.inode => self.compare(&row, open)?,
                Err(error) if !is_gone(&error) => {
                    self.applied.lost |= passes(&error);
                    let code = error.raw_os_error().unwrap_or(NOT_LISTED);
                    self.writer.problem(id, Some(code))?;
                }
                // Something else has the name by now, or nothing.
                _ => self.look_again(&place, &name, scan.attempts + 1)?,
            }
        }
        Ok(())
    }

    /// The directory in which a row stands, opened: where it was seen last, if nothing moved since.
    fn stands_in(
        &mut self,
        row: &KeptDirectory,
        scan: &Scan,
    ) -> Result<Option<Arc<Place>>, StoreError> {
        let seen = match &scan.parent {
            Some(Parent::Open(place)) => Some(Arc::clone(place)),
            Some(Parent::Key(key)) => match self.locate(key)? {
                Located::Here(place) => Some(place),
                Located::Unknown | Located::Nowhere => None,
            },
            None => None,
        };
        match (seen, row.parent) {
            (Some(place), Some(parent)) if place.id == parent => Ok(Some(place)),
            (_, Some(parent)) => self.place_of_row(parent),
            (_, None) => Ok(None),
        }
    }

    /// Lists directories that were out of sight for a while.
    pub(super) fn list_again(&mut self) -> Result<(), StoreError> {
        for key in std::mem::take(&mut self.relist) {
            if std::mem::take(&mut self.moved) {
                self.places.clear();
            }
            match self.locate(&key)? {
                Located::Here(place) => {
                    if let Some(row) = self.writer.directory_of(place.id)? {
                        // Its own times changed with what is in it.
                        self.touched.insert(key.identity(), key.clone());
                        self.compare(&row, place.open.clone())?;
                    }
                }
                Located::Unknown => {
                    self.adopt(&key)?;
                    self.list()?;
                }
                Located::Nowhere => {}
            }
        }
        Ok(())
    }

    fn look_again(&mut self, place: &Place, name: &[u8], attempts: u32) -> Result<(), StoreError> {
        if attempts >= ATTEMPTS {
            self.applied.lost = true;
            return Ok(());
        }
        self.look(place, name, true)?;
        let Some(row) = self.writer.directory_in(place.id, name)? else {
            return Ok(());
        };
        if let Some(next) = self.scans.get_mut(&row.id) {
            next.attempts = next.attempts.max(attempts);
        }
        Ok(())
    }

    /// Compares a directory and everything below it.
    fn compare(&mut self, row: &KeptDirectory, open: Open) -> Result<(), StoreError> {
        let root = Root {
            id: row.id,
            parent: row.parent,
            volume: row.volume,
            path: row.path.clone(),
            mount: None,
        };
        let failure = Arc::new(Mutex::new(None));
        let (rules, mount_points) = (Arc::clone(&self.live.rules), self.live.mount_points.clone());
        let connection = self.writer.connection();
        let scans = RefCell::new(std::mem::take(&mut self.scans));
        let volume = row.volume;
        let visitor = Compare::new(rules, connection, |message| {
            self.note(message, volume).map_err(|error| {
                *failure.lock().unwrap_or_else(PoisonError::into_inner) = Some(error);
                Stop
            })
        })
        .failing_into(Arc::clone(&failure));
        let visitor = Listing {
            visitor,
            scans: &scans,
        };
        walk::walk_here(root, open, mount_points, visitor);
        self.scans.append(&mut scans.into_inner());
        match failure
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take()
        {
            Some(error) => Err(error),
            None => Ok(()),
        }
    }

    /// Applies what a listing found, and notes which files are to be hashed.
    fn note(&mut self, message: Message, volume: i64) -> Result<(), StoreError> {
        match message {
            Message::New(dir, found) | Message::Seen(dir, found) => {
                for seen in found.iter() {
                    let saw = self.writer.see(dir, &seen, None)?;
                    if let Some(saw) = saw
                        && saw.content
                        && seen.attributes.kind() == Kind::File
                    {
                        self.applied.fresh.push(saw.id);
                    }
                }
                Ok(())
            }
            Message::Gone(dir, names) => {
                for name in names {
                    let shared = self.writer.remove(dir, &name)?;
                    self.share_all(volume, shared);
                }
                Ok(())
            }
            other => {
                self.moved |= matches!(other, Message::Directory { .. });
                engine::apply(self.writer, other, &mut Vec::new())
            }
        }
    }
}

/// A visitor that takes from the list what it lists.
struct Listing<'a, V> {
    visitor: V,
    scans: &'a RefCell<BTreeMap<DirectoryId, Scan>>,
}

impl<V: Visitor> Visitor for Listing<'_, V> {
    fn found(
        &mut self,
        directory: &Directory,
        found: Found,
        last: bool,
    ) -> Result<Vec<Descend>, Stop> {
        if last {
            self.scans.borrow_mut().remove(&directory.id);
        }
        self.visitor.found(directory, found, last)
    }

    fn failed(&mut self, directory: &Directory, error: WalkError) -> Result<(), Stop> {
        self.visitor.failed(directory, error)
    }

    fn excluded(&self, directory: &[u8], name: &[u8]) -> bool {
        self.visitor.excluded(directory, name)
    }

    fn mounted(&mut self, path: Vec<u8>) -> bool {
        self.visitor.mounted(path)
    }

    fn pace(&mut self) -> Result<(), Stop> {
        self.visitor.pace()
    }
}
