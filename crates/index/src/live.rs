//! Applying changes as they happen: each notice names a place that may have changed, and the place is looked at again.
//!
//! A notice is never believed beyond its place. What the disk shows now goes into the database, so that notices may come
//! late, twice or out of order and the end is the same. Only a rename is taken at its word, once the inode at the new
//! place proves it, so that hashes move with their file. Runs on the engine's thread, inside its transaction.
//!
//! # Paths change while one looks
//! A directory may have another path by the time a notice of it is looked at: "not found" under the former one would take
//! a live file for gone, and the notice of the directory's move will not ask for that file again. So nothing is looked for
//! by a path:
//!
//! - The directory of a notice is opened by what names it for good ([`crate::changes::DirectoryKey`]), and names are looked
//!   at in the open directory ([`batch`]). Its row is found by its inode; the path of that row may be stale, and becomes
//!   right when the notice of the move is applied.
//! - An entry that is gone from its place is kept aside until the end of the batch; what turns up elsewhere meanwhile and
//!   is the same inode of the same birth takes it, with its hashes and all that lies below.
//! - New directories are listed at the end of the batch, from their open parent: what was moved into one is known by then.
//! - What a mount covers is not there, and is listed again when the mount is gone: nothing else tells what happened
//!   there meanwhile.
//! - Other names of a file of several are known from the database alone. They are believed to be gone only in a directory
//!   that proves to be the one meant; else they wait for the notice that tells where it is now.

mod batch;

use crate::changes::{Change, DirectoryKey};
use crate::ground::Place;
use crate::inventory::Rules;
use crate::store::StoreError;
use crate::store::write::Writer;
use batch::{AllShared, Batch};
use std::collections::HashSet;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

/// How often a place is looked at again that changes at every look, or that waits for a notice.
const ATTEMPTS: u32 = 8;

/// What applying a batch of changes left to do.
#[derive(Debug, Default)]
pub struct Applied {
    /// Files whose content is new or may have changed: to be hashed.
    pub fresh: Vec<i64>,
    /// Notices were lost: what is indexed must be compared with the disk by a walk.
    pub lost: bool,
    /// Something is to be looked at once more with the next batch, be it an empty one.
    pub unsettled: bool,
    /// Directories to which no path led: they are to be listed when one does.
    pub hidden: Vec<DirectoryKey>,
    /// Mounts that were looked for and not found: what is mounted is to be asked for.
    pub away: Vec<PathBuf>,
}

/// What it takes to apply changes.
pub struct Live {
    rules: Arc<Rules>,
    mount_points: HashSet<Vec<u8>>,
    /// What is indexed now. The database may still have a place that is gone, or not yet have one that came: a walk sees
    /// to that.
    places: Vec<Place>,
    /// Paths of places of which nothing is looked at: what the database has there is of what was there before.
    held: HashSet<Vec<u8>>,
    /// Files with names in directories that were not found where they should be, by volume and inode.
    unsettled: Mutex<AllShared>,
}

impl Live {
    /// By the rules of the walks, for these places; `mount_points` are where other file systems begin.
    #[must_use]
    pub fn new(rules: Arc<Rules>, mount_points: HashSet<Vec<u8>>, places: &[Place]) -> Self {
        Self {
            rules,
            mount_points,
            places: places.to_vec(),
            held: HashSet::new(),
            unsettled: Mutex::default(),
        }
    }

    /// Looks at nothing in these places: they are walked, and what changed there meanwhile is looked at after that.
    #[must_use]
    pub fn holding(mut self, places: HashSet<Vec<u8>>) -> Self {
        self.held = places;
        self
    }

    /// The places of which nothing is looked at.
    #[must_use]
    pub fn held(&self) -> &HashSet<Vec<u8>> {
        &self.held
    }

    /// Goes on with what another one, of the places of before, was to look at once more.
    pub fn continue_with(&self, before: &Self) {
        let waiting = std::mem::take(&mut *before.unsettled());
        self.unsettled().extend(waiting);
    }

    /// Applies a batch. The writer is within a transaction.
    ///
    /// # Errors
    /// [`StoreError::Statement`].
    pub fn apply(
        &self,
        writer: &mut Writer<'_>,
        changes: &[Change],
    ) -> Result<Applied, StoreError> {
        let waiting = std::mem::take(&mut *self.unsettled());
        let mut batch = Batch::new(self, writer, waiting)?;
        for change in changes {
            batch.follow(change)?;
        }
        let (applied, waiting) = batch.finish()?;
        *self.unsettled() = waiting;
        Ok(applied)
    }

    fn unsettled(&self) -> std::sync::MutexGuard<'_, AllShared> {
        self.unsettled
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
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

    /// The place in which a path lies.
    fn place_of(&self, path: &[u8]) -> Option<&Place> {
        let places = self.places.iter();
        let around = places.filter(|place| crate::mounts::within(path, &place.path));
        around.max_by_key(|place| place.path.len())
    }

    /// Whether something is mounted on a path, or on a folder above it that lies in this one.
    fn covered(&self, path: &[u8], within: &[u8]) -> bool {
        let points = self.mount_points.iter();
        points
            .filter(|point| point.len() > within.len())
            .any(|point| crate::mounts::within(path, point))
    }

    /// Whether nothing is to be known of a path, or nothing but what a walk says.
    fn ignores(&self, path: &[u8]) -> bool {
        self.rules.own.files.contains(path)
            || self.mount_points.contains(path)
            || self.left_out(path)
    }
}

/// Whether a failure passes: the next attempt may go well. A directory that nobody may read stays so; walking again at
/// each change of it would help nobody.
fn passes(error: &std::io::Error) -> bool {
    #[cfg(unix)]
    {
        let code = error.raw_os_error();
        if matches!(
            code,
            Some(libc::EMFILE | libc::ENFILE | libc::ENOMEM | libc::EAGAIN | libc::EINTR)
        ) {
            return true;
        }
    }
    matches!(
        error.kind(),
        std::io::ErrorKind::OutOfMemory
            | std::io::ErrorKind::Interrupted
            | std::io::ErrorKind::WouldBlock
    )
}

/// Whether what was to be opened is not there, or is no directory any more.
fn is_gone(error: &std::io::Error) -> bool {
    #[cfg(unix)]
    if matches!(
        error.raw_os_error(),
        Some(libc::ENOTDIR | libc::ELOOP | libc::ESTALE)
    ) {
        return true;
    }
    error.kind() == std::io::ErrorKind::NotFound
}
