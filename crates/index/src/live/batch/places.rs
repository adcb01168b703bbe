//! Directories on the disk and their rows: opened by what names them for good, found in the database by their inode.

use super::Batch;
use crate::changes::{DirectoryKey, Identity, Sight, WatchError};
use crate::entry::Attributes;
use crate::live::{ATTEMPTS, is_gone, passes};
use crate::store::StoreError;
use crate::store::write::places::{NOWHERE, last_name};
use crate::walk::{DirectoryId, Open};
use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

/// Directories kept open at most.
const MOST_OPEN: usize = 256;

/// A directory that is open and known.
pub(super) struct Place {
    /// Number of its row.
    pub id: DirectoryId,
    /// Its volume.
    pub volume: i64,
    /// Its path of a moment ago, by which the rules judge.
    pub path: Vec<u8>,
    /// The directory itself.
    pub open: Open,
    /// How to find it again; none where it was found from below.
    pub key: Option<DirectoryKey>,
}

/// What came of looking for a directory.
#[derive(Clone)]
pub(super) enum Located {
    /// There.
    Here(Arc<Place>),
    /// There, but not in the database.
    Unknown,
    /// Gone, not indexed, or not to be opened.
    Nowhere,
}

/// A volume: where its root is, and of what type.
pub(super) struct Volume {
    pub id: i64,
    pub point: Vec<u8>,
    /// Whether several directories may have one inode: snapshots that lie within the volume.
    pub repeats: bool,
}

/// Directories found lately.
#[derive(Default)]
pub(super) struct Places {
    found: HashMap<Identity, Located>,
    order: VecDeque<Identity>,
    rows: HashMap<DirectoryId, Arc<Place>>,
}

impl Places {
    fn keep(&mut self, identity: Identity, located: Located) {
        while self.order.len() >= MOST_OPEN {
            let Some(oldest) = self.order.pop_front() else {
                break;
            };
            if let Some(Located::Here(place)) = self.found.remove(&oldest) {
                self.rows.remove(&place.id);
            }
        }
        if let Located::Here(place) = &located {
            self.rows.insert(place.id, Arc::clone(place));
        }
        self.order.push_back(identity.clone());
        self.found.insert(identity, located);
    }

    pub(super) fn clear(&mut self) {
        *self = Self::default();
    }

    pub(super) fn of_row(&self, id: DirectoryId) -> Option<&Arc<Place>> {
        self.rows.get(&id)
    }
}

impl Batch<'_, '_> {
    /// The directory of a notice.
    pub(super) fn locate(&mut self, key: &DirectoryKey) -> Result<Located, StoreError> {
        // Gone meanwhile: its parent is told so too. What was moved in from outside is told by its own name.
        if key.path.is_empty() || self.volume_of(&key.path).is_none() {
            return Ok(Located::Nowhere);
        }
        let identity = key.identity();
        if let Some(located) = self.places.found.get(&identity) {
            return Ok(located.clone());
        }
        let located = match self.open(key) {
            Ok(Some((path, open))) => self.located(path, open, Some(key))?,
            Ok(None) => Located::Nowhere,
            Err(error) => {
                self.applied.lost |= passes(&error);
                Located::Nowhere
            }
        };
        self.places.keep(identity, located.clone());
        Ok(located)
    }

    /// Opens a directory and tells its path of this moment; none when it is gone or left out.
    fn open(&mut self, key: &DirectoryKey) -> Result<Option<(Vec<u8>, Open)>, std::io::Error> {
        if self.live.left_out(&key.path) {
            return Ok(None);
        }
        let open = |batch: &mut Self| -> Result<Option<(Vec<u8>, Open)>, std::io::Error> {
            let now = match key.now().map_err(source_of)? {
                Sight::Here(now) => now,
                Sight::Gone => return Ok(None),
                Sight::Away(mounts) => {
                    batch.applied.away.extend(mounts);
                    return Ok(None);
                }
                Sight::Hidden(hidden) => {
                    batch.applied.hidden.push(hidden);
                    return Ok(None);
                }
            };
            if now.path != key.path && batch.live.left_out(&now.path) {
                return Ok(None);
            }
            let open = Open::of(now.open().map_err(source_of)?, &now.path)?;
            Ok(Some((now.path, open)))
        };
        let outcome = match open(self) {
            Err(error) if passes(&error) => {
                // Too many files may be open: these are the ones that can be spared.
                self.places.clear();
                open(self)
            }
            outcome => outcome,
        };
        match outcome {
            Err(error) if is_gone(&error) => Ok(None),
            outcome => outcome,
        }
    }

    pub(super) fn located(
        &self,
        path: Vec<u8>,
        open: Open,
        key: Option<&DirectoryKey>,
    ) -> Result<Located, StoreError> {
        let Some(volume) = self.volume_of(&path).map(|volume| volume.id) else {
            return Ok(Located::Nowhere);
        };
        let Ok(attributes) = open.itself() else {
            return Ok(Located::Nowhere);
        };
        Ok(match self.row(volume, &path, &attributes)? {
            Some(id) => Located::Here(Arc::new(Place {
                id,
                volume,
                path,
                open,
                key: key.cloned(),
            })),
            None => Located::Unknown,
        })
    }

    /// The row of a directory: the one with its path if the inode is the same, or else one of the same inode and birth,
    /// whose path is not yet what it is now. A snapshot has the inodes and the births of that of which it is one: there it
    /// must not be where its row says.
    fn row(
        &self,
        volume: i64,
        path: &[u8],
        now: &Attributes,
    ) -> Result<Option<DirectoryId>, StoreError> {
        let rows = self.writer.directories_with(volume, now.inode)?;
        if let Some(row) = rows.iter().find(|row| row.path == path) {
            return Ok(Some(row.id));
        }
        let repeats = self.volumes.iter().any(|v| v.id == volume && v.repeats);
        for row in rows {
            let entry = self.writer.entry_of(&row)?;
            if entry.is_none_or(|entry| !entry.attributes.same(now)) {
                continue;
            }
            if repeats && let Some(parent) = row.parent.filter(|parent| *parent != NOWHERE) {
                let there = self.still_there(parent, last_name(&row.path))?.flatten();
                if there.is_some_and(|there| there.same(now)) {
                    continue;
                }
            }
            return Ok(Some(row.id));
        }
        Ok(None)
    }

    /// The volume in which a path lies. None where nothing is indexed, and of a place that was not walked yet: the walk
    /// that is to come finds what would be told here.
    pub(super) fn volume_of(&self, path: &[u8]) -> Option<&Volume> {
        let place = self.live.place_of(path)?;
        self.volumes
            .iter()
            .find(|volume| volume.point == place.path)
    }

    /// Whether a directory that was opened by this path lies in the place of the path, and not in something that was
    /// mounted over it since.
    pub(super) fn in_its_place(&self, path: &[u8], open: &Open) -> bool {
        let place = self.live.place_of(path);
        place.is_some_and(|place| place.standing.shows(open.mount()))
    }

    /// Whether the name of a row holds the same file or directory still, looked at in the directory that the row means.
    /// `None` when that directory cannot be had.
    pub(super) fn still_there(
        &self,
        dir: DirectoryId,
        name: &[u8],
    ) -> Result<Option<Option<Attributes>>, StoreError> {
        Ok(match self.open_row(dir)? {
            Some(open) => open.examine(name).ok(),
            None => None,
        })
    }

    /// Takes in a directory that the database does not have, from its nearest ancestor that it has.
    pub(super) fn adopt(&mut self, key: &DirectoryKey) -> Result<(), StoreError> {
        for _ in 0..ATTEMPTS {
            let (path, open) = match self.open(key) {
                Ok(Some(found)) => found,
                Ok(None) => return Ok(()),
                Err(error) => {
                    self.applied.lost |= passes(&error);
                    return Ok(());
                }
            };
            if self.climb(path, open)? {
                return Ok(());
            }
        }
        self.applied.lost = true;
        Ok(())
    }

    /// False when something moved on the way.
    fn climb(&mut self, mut path: Vec<u8>, mut below: Open) -> Result<bool, StoreError> {
        loop {
            let is_root = self.volume_of(&path).is_none_or(|v| v.point == path);
            if is_root || self.live.ignores(&path) {
                return Ok(true);
            }
            let at = path.iter().rposition(|b| *b == b'/').unwrap_or_default();
            let name = path.get(at + 1..).unwrap_or_default().to_vec();
            path.truncate(at.max(1));
            let Ok(parent) = below.parent() else {
                return Ok(false);
            };
            match self.located(path.clone(), parent.clone(), None)? {
                Located::Here(place) => {
                    self.opened.insert(place.id, place.open.clone());
                    self.look(&place, &name, false)?;
                    let known = self.writer.directory_in(place.id, &name)?;
                    return Ok(known.is_some_and(|known| known.inode == below.inode()));
                }
                Located::Unknown => below = parent,
                Located::Nowhere => return Ok(true),
            }
        }
    }
}

/// What the system said.
fn source_of(error: WatchError) -> std::io::Error {
    match error {
        WatchError::Directory { source, .. } => source,
        other => std::io::Error::other(other),
    }
}
