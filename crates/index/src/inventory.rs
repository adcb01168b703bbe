//! Bringing the database to what the disk holds: the first inventory, and every later walk that finds the difference.
//!
//! The first inventory only inserts, without indexes, which are made at its end. Any other walk reads what is kept of
//! each directory, compares, and tells the engine just what differs; so a walk after a stop, or of a file system that
//! gives no notice of changes, writes little. A directory that could not be read keeps the entries it had.

use crate::engine::Message;
use crate::entry::{Attributes, Kind, join};
use crate::extended::Gatherer;
use crate::mounts::Surprises;
use crate::stop::Stop;
use crate::store::write::{Kept, Writer};
use crate::store::{StoreError, doing};
use crate::text::{Name, bytes};
use crate::walk::{Descend, Directory, DirectoryId, Found, PathRule, Seen, Visitor, WalkError};
use rusqlite::{Connection, OptionalExtension};
use std::borrow::Borrow;
use std::collections::{HashMap, HashSet};
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

/// A directory with more entries than this is compared entry by entry, to bound memory.
const MOST_AT_ONCE: usize = 20_000;
/// Changed entries told together.
const TOLD_AT_ONCE: usize = 4096;

/// What walks share: rules, counters, numbers for directories.
pub struct Rules {
    /// Says which paths are left out of the Index.
    pub excluded: Arc<PathRule>,
    /// The Index' own files, which change because it writes.
    pub own: Own,
    /// Called for each entry; may sleep; [`Stop`] ends the walk.
    pub pace: Box<dyn Fn() -> Result<(), Stop> + Send + Sync>,
    /// The next free number of a directory.
    pub next: Arc<AtomicI64>,
    /// Entries met so far by the walk under way.
    pub met: Arc<AtomicU64>,
    /// Paths on which something is mounted that is not among the mount points of the walk.
    pub surprises: Arc<Surprises>,
    /// Of which entries the extended attributes are told.
    pub gather: Gather,
}

/// Of which entries a walk tells the extended attributes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Gather {
    /// Of none.
    #[default]
    No,
    /// Of those that are new or differ.
    Changed,
    /// Of all: they were not recorded before.
    All,
}

/// What changes because the Index writes: left out, so that it does not see itself.
#[derive(Clone, Debug, Default)]
pub struct Own {
    /// Its database and what SQLite keeps beside it.
    pub files: HashSet<Vec<u8>>,
    /// The folder that holds them: its times move with them and say nothing.
    pub folder: Vec<u8>,
    /// The folder of the Index on this endpoint, left out whole.
    pub home: Option<Vec<u8>>,
}

impl Rules {
    fn number(&self) -> DirectoryId {
        self.next.fetch_add(1, Ordering::Relaxed)
    }

    fn leaves_out(&self, directory: &[u8], name: &[u8]) -> bool {
        let path = join(directory, name);
        (directory == self.own.folder && self.own.files.contains(&path))
            || self.own.home.as_deref() == Some(&path)
            || (self.excluded)(&path)
    }
}

/// The first free number for a directory.
///
/// # Errors
/// [`StoreError::Statement`].
pub fn next_number(connection: &Connection) -> Result<DirectoryId, StoreError> {
    connection
        .query_row("SELECT coalesce(max(id), 0) + 1 FROM directory", [], |r| {
            r.get(0)
        })
        .map_err(doing("count its directories"))
}

/// The first inventory: everything is new.
pub struct First<F> {
    /// Shared by all walkers.
    pub rules: Arc<Rules>,
    /// Takes what is found.
    pub tell: F,
    current: Option<DirectoryId>,
    gatherer: Gatherer,
}

impl<F: FnMut(Message) -> Result<(), Stop>> First<F> {
    /// A visitor that tells.
    pub fn new(rules: Arc<Rules>, tell: F) -> Self {
        Self {
            rules,
            tell,
            current: None,
            gatherer: Gatherer::default(),
        }
    }

    fn introduce(&mut self, directory: &Directory) -> Result<(), Stop> {
        if self.current == Some(directory.id) {
            return Ok(());
        }
        self.current = Some(directory.id);
        (self.tell)(Message::directory(directory, true))
    }
}

impl<F: FnMut(Message) -> Result<(), Stop>> Visitor for First<F> {
    fn found(
        &mut self,
        directory: &Directory,
        mut found: Found,
        _last: bool,
    ) -> Result<Vec<Descend>, Stop> {
        if self.rules.gather != Gather::No {
            self.gatherer.add(directory, &mut found)?;
        }
        self.introduce(directory)?;
        self.rules
            .met
            .fetch_add(found.len() as u64, Ordering::Relaxed);
        let below = found
            .directories()
            .map(|_| Descend::Into(self.rules.number()))
            .collect();
        (self.tell)(Message::New(directory.id, found))?;
        Ok(below)
    }

    fn failed(&mut self, directory: &Directory, error: WalkError) -> Result<(), Stop> {
        self.introduce(directory)?;
        (self.tell)(Message::Problem(directory.id, Some(error.code())))
    }

    fn excluded(&self, directory: &[u8], name: &[u8]) -> bool {
        self.rules.leaves_out(directory, name)
    }

    fn mounted(&mut self, path: Vec<u8>) -> bool {
        self.rules.surprises.note(path)
    }

    fn pace(&mut self) -> Result<(), Stop> {
        (self.rules.pace)()
    }
}

/// A walk that tells the difference between disk and database.
pub struct Compare<C, F> {
    rules: Arc<Rules>,
    read: C,
    tell: F,
    current: Option<Current>,
    /// Takes what made the walk stop, when it was the database.
    failure: Arc<Mutex<Option<StoreError>>>,
    gatherer: Gatherer,
}

/// The directory under comparison.
struct Current {
    id: DirectoryId,
    /// Kept entries that were not met yet; `None` in a huge directory, where each is looked up.
    children: Option<HashMap<Vec<u8>, Kept>>,
    /// Entries met in a huge directory.
    met: HashSet<i64>,
    /// The last entry when the comparison began: later ones are what it told itself.
    newest: i64,
    /// Kept subdirectories that were not met yet, by path: number and inode. There is one of each path, as a rule.
    below: HashMap<Vec<u8>, Vec<(DirectoryId, u64)>>,
    /// Whether nothing was kept of this directory before.
    new: bool,
    /// Whether it could not be read before.
    problem: bool,
}

impl Current {
    /// The number of a subdirectory that was met, if one is kept: of several the one of its inode. The others are strays.
    fn meet(&mut self, path: &[u8], inode: u64) -> Option<DirectoryId> {
        let kept = self.below.get_mut(path)?;
        let at = kept.iter().position(|(_, i)| *i == inode).unwrap_or(0);
        let (id, _) = kept.swap_remove(at);
        if kept.is_empty() {
            self.below.remove(path);
        }
        Some(id)
    }
}

impl<C: Borrow<Connection>, F: FnMut(Message) -> Result<(), Stop>> Compare<C, F> {
    /// A visitor that reads what is kept by `read` and tells the difference.
    pub fn new(rules: Arc<Rules>, read: C, tell: F) -> Self {
        Self {
            rules,
            read,
            tell,
            current: None,
            failure: Arc::default(),
            gatherer: Gatherer::default(),
        }
    }

    /// Says there what made the walk stop, when it was the database.
    #[must_use]
    pub fn failing_into(mut self, failure: Arc<Mutex<Option<StoreError>>>) -> Self {
        self.failure = failure;
        self
    }

    fn or_stop<T>(&self, outcome: Result<T, StoreError>) -> Result<T, Stop> {
        outcome.map_err(|error| self.stop(error))
    }

    fn stop(&self, error: StoreError) -> Stop {
        *self.failure.lock().unwrap_or_else(PoisonError::into_inner) = Some(error);
        Stop
    }

    fn begin(&mut self, directory: &Directory) -> Result<(), Stop> {
        let read = load(self.read.borrow(), directory);
        let (current, moved) = self.or_stop(read)?;
        if current.new || moved {
            (self.tell)(Message::directory(directory, false))?;
        }
        self.current = Some(current);
        Ok(())
    }

    /// Whether an entry differs from what is kept, marking it as met.
    fn differs(&mut self, directory: &Directory, seen: &Seen<'_>) -> Result<bool, Stop> {
        let dir = directory.id;
        let Some(current) = &mut self.current else {
            return Ok(true);
        };
        let kept: Option<Attributes> = match &mut current.children {
            Some(children) => children.remove(seen.name).map(|kept| kept.attributes),
            None => {
                let found = Writer::new(self.read.borrow()).find(dir, seen.name);
                match found {
                    Ok(Some(kept)) => {
                        current.met.insert(kept.id);
                        Some(kept.attributes)
                    }
                    Ok(None) => None,
                    Err(error) => return Err(self.stop(error)),
                }
            }
        };
        let Some(kept) = kept else {
            return Ok(true);
        };
        if seen.attributes.kind() == Kind::Directory
            && join(&directory.path, seen.name) == self.rules.own.folder
        {
            return Ok(kept.inode != seen.attributes.inode);
        }
        Ok(kept != *seen.attributes)
    }

    fn finish(&mut self, directory: &Directory) -> Result<(), Stop> {
        let Some(current) = self.current.take() else {
            return Ok(());
        };
        let had_problem = current.problem;
        let gone: Vec<Vec<u8>> = match current.children {
            Some(left) => left.into_keys().collect(),
            None => {
                let left = unmet(self.read.borrow(), &current);
                self.or_stop(left)?
            }
        };
        for names in gone.chunks(TOLD_AT_ONCE) {
            (self.tell)(Message::Gone(directory.id, names.to_vec()))?;
        }
        if !current.below.is_empty() {
            // What lies below an entry goes with it.
            let gone: HashSet<_> = gone.iter().map(|n| join(&directory.path, n)).collect();
            for (path, strays) in current.below {
                for (id, _) in strays.into_iter().filter(|_| !gone.contains(&path)) {
                    (self.tell)(Message::Stray(directory.id, id, path.clone()))?;
                }
            }
        }
        if had_problem {
            (self.tell)(Message::Problem(directory.id, None))?;
        }
        Ok(())
    }
}

fn load(connection: &Connection, directory: &Directory) -> Result<(Current, bool), StoreError> {
    let failed = doing("read a directory");
    let kept: Option<(u64, Vec<u8>, bool)> = connection
        .prepare_cached("SELECT inode, path, problem IS NOT NULL FROM directory WHERE id = ?1")
        .and_then(|mut s| {
            s.query_row([directory.id], |row| {
                Ok((
                    row.get::<_, i64>(0)?.cast_unsigned(),
                    bytes(row.get_ref(1)?).to_vec(),
                    row.get(2)?,
                ))
            })
            .optional()
        })
        .map_err(&failed)?;
    let moved = kept
        .as_ref()
        .is_some_and(|(inode, path, _)| *inode != directory.inode || *path != directory.path);
    let mut below: HashMap<Vec<u8>, Vec<(DirectoryId, u64)>> = HashMap::new();
    let mut statement = connection
        .prepare_cached("SELECT path, id, inode FROM directory WHERE parent = ?1")
        .map_err(&failed)?;
    let mut rows = statement.query([directory.id]).map_err(&failed)?;
    while let Some(row) = rows.next().map_err(&failed)? {
        let path = bytes(row.get_ref(0).map_err(&failed)?).to_vec();
        let inode: i64 = row.get(2).map_err(&failed)?;
        let one = (row.get(1).map_err(&failed)?, inode.cast_unsigned());
        below.entry(path).or_default().push(one);
    }
    let current = Current {
        id: directory.id,
        children: Writer::children(connection, directory.id, MOST_AT_ONCE)?,
        met: HashSet::new(),
        newest: connection
            .query_row("SELECT coalesce(max(id), 0) FROM entry", [], |row| {
                row.get(0)
            })
            .map_err(&failed)?,
        below,
        new: kept.is_none(),
        problem: kept.is_some_and(|(_, _, problem)| problem),
    };
    Ok((current, moved))
}

/// Names of a directory whose entries were not met.
fn unmet(connection: &Connection, current: &Current) -> Result<Vec<Vec<u8>>, StoreError> {
    let failed = doing("read a directory's entries");
    let mut statement = connection
        .prepare_cached("SELECT id, name FROM entry WHERE dir = ?1 AND id <= ?2")
        .map_err(&failed)?;
    let mut rows = statement
        .query([current.id, current.newest])
        .map_err(&failed)?;
    let mut names = Vec::new();
    while let Some(row) = rows.next().map_err(&failed)? {
        if !current.met.contains(&row.get(0).map_err(&failed)?) {
            names.push(bytes(row.get_ref(1).map_err(&failed)?).to_vec());
        }
    }
    Ok(names)
}

impl<C: Borrow<Connection>, F: FnMut(Message) -> Result<(), Stop>> Visitor for Compare<C, F> {
    fn found(
        &mut self,
        directory: &Directory,
        mut found: Found,
        last: bool,
    ) -> Result<Vec<Descend>, Stop> {
        if self.current.as_ref().map(|c| c.id) != Some(directory.id) {
            self.begin(directory)?;
        }
        self.rules
            .met
            .fetch_add(found.len() as u64, Ordering::Relaxed);
        let below = found
            .directories()
            .map(|seen| {
                let path = join(&directory.path, seen.name);
                let kept = self.current.as_mut();
                let kept = kept.and_then(|c| c.meet(&path, seen.attributes.inode));
                Descend::Into(kept.unwrap_or_else(|| self.rules.number()))
            })
            .collect();
        if self.rules.gather == Gather::All {
            self.gatherer.add(directory, &mut found)?;
        }
        let mut changed = Found::default();
        for seen in found.iter() {
            if self.differs(directory, &seen)? || seen.extended.is_some() {
                changed.push(seen.name, *seen.attributes, seen.target);
            }
        }
        if !changed.is_empty() {
            if self.rules.gather != Gather::No {
                self.gatherer.add(directory, &mut changed)?;
            }
            (self.tell)(Message::Seen(directory.id, changed))?;
        }
        if last {
            self.finish(directory)?;
        }
        Ok(below)
    }

    fn failed(&mut self, directory: &Directory, error: WalkError) -> Result<(), Stop> {
        if self.current.as_ref().map(|c| c.id) != Some(directory.id) {
            self.begin(directory)?;
        }
        self.current = None;
        (self.tell)(Message::Problem(directory.id, Some(error.code())))
    }

    fn excluded(&self, directory: &[u8], name: &[u8]) -> bool {
        self.rules.leaves_out(directory, name)
    }

    fn mounted(&mut self, path: Vec<u8>) -> bool {
        self.rules.surprises.note(path)
    }

    fn pace(&mut self) -> Result<(), Stop> {
        (self.rules.pace)()
    }
}

/// The number of the directory at the root of a volume, when one is kept.
///
/// # Errors
/// [`StoreError::Statement`].
pub fn root_number(
    connection: &Connection,
    path: &[u8],
) -> Result<Option<DirectoryId>, StoreError> {
    connection
        .prepare_cached("SELECT id FROM directory WHERE path = ?1 AND parent IS NULL")
        .and_then(|mut s| s.query_row([Name(path)], |row| row.get(0)).optional())
        .map_err(doing("find a volume's root"))
}
