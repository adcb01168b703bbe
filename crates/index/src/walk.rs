//! Walking a tree: every directory once, several at a time, and what is found handed on by directory.
//!
//! The walk itself knows neither database nor configuration. A [`Visitor`] is asked for each directory what to do with
//! what was found and gives each subdirectory its number; the system's own part ([`sys`]) reads one directory by its
//! descriptor, so that neither a renamed parent nor a link put in its place leads anywhere else.

#[cfg_attr(target_os = "linux", path = "walk/linux.rs")]
#[cfg_attr(not(target_os = "linux"), path = "walk/portable.rs")]
mod sys;

use crate::entry::{Attributes, Extended, Kind, flag, join};
use crate::stop::Stop;
use crate::stuck::{self, Pulse};
use std::collections::{BTreeMap, HashMap, HashSet};
use std::ops::Range;
use std::path::PathBuf;
use std::sync::{Arc, Condvar, Mutex, PoisonError};

mod watched;

pub use sys::{Open, mount_number, open_file, probe};
#[cfg(target_os = "linux")]
pub(crate) use sys::{mount_number_of, quietly};
pub use watched::{Walked, Watched};

/// Entries that are handed on together at most; a directory may hold millions.
const CHUNK: usize = 4096;

/// Says whether a path is left out.
pub type PathRule = dyn Fn(&[u8]) -> bool + Send + Sync;

/// Takes an entry of a directory: name, attributes, target of a link.
type Each<'a> = dyn FnMut(&[u8], Attributes, &[u8]) -> Result<(), Stop> + 'a;

/// Number of a directory in the database.
pub type DirectoryId = i64;

/// Why a directory or an entry could not be read.
#[derive(Debug, thiserror::Error)]
pub enum WalkError {
    /// The directory cannot be opened.
    #[error("cannot open {}", .path.display())]
    Open {
        /// Which.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// Reading names ended early.
    #[error("cannot list {}", .path.display())]
    List {
        /// Which.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// A walking thread could not be started.
    #[error("cannot start a thread")]
    Thread(#[source] std::io::Error),
}

impl WalkError {
    /// The system's number of the failure, where there is one.
    #[must_use]
    pub fn code(&self) -> i32 {
        match self {
            Self::Open { source, .. } | Self::List { source, .. } | Self::Thread(source) => {
                source.raw_os_error().unwrap_or(-1)
            }
        }
    }
}

/// Where a walk begins.
#[derive(Clone, Debug)]
pub struct Root {
    /// Number of the directory.
    pub id: DirectoryId,
    /// Its parent's, when the walk begins inside a volume.
    pub parent: Option<DirectoryId>,
    /// Number of its volume.
    pub volume: i64,
    /// Absolute path, `/` separated.
    pub path: Vec<u8>,
    /// The mount that is meant ([`mount_number`]), where that matters: by the time of the walk another may be on the path.
    pub mount: Option<u64>,
}

/// A directory under way.
#[derive(Debug)]
pub struct Directory {
    /// Its number.
    pub id: DirectoryId,
    /// Its parent's; `None` for a root.
    pub parent: Option<DirectoryId>,
    /// Its volume.
    pub volume: i64,
    /// Its inode.
    pub inode: u64,
    /// Its absolute path.
    pub path: Vec<u8>,
    /// The directory itself, once it is open.
    pub open: Option<Open>,
}

/// Some entries of one directory: names in one buffer, so that a directory costs two allocations and not thousands.
#[derive(Debug, Default)]
pub struct Found {
    names: Vec<u8>,
    entries: Vec<(Range<u32>, Range<u32>, Attributes)>,
    /// Of the few entries that have any, by their place.
    extended: BTreeMap<usize, Extended>,
}

/// One entry of [`Found`].
#[derive(Clone, Copy, Debug)]
pub struct Seen<'a> {
    /// Its name.
    pub name: &'a [u8],
    /// What it is.
    pub attributes: &'a Attributes,
    /// Where a symbolic link leads; empty for anything else.
    pub target: &'a [u8],
    /// Its extended attributes, if it has any and they were asked for.
    pub extended: Option<&'a Extended>,
}

impl Found {
    /// How many.
    #[must_use]
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Adds one.
    pub fn push(&mut self, name: &[u8], attributes: Attributes, target: &[u8]) {
        let mut keep = |bytes: &[u8]| {
            let start = self.names.len() as u32;
            self.names.extend_from_slice(bytes);
            start..self.names.len() as u32
        };
        let ranges = (keep(name), keep(target));
        self.entries.push((ranges.0, ranges.1, attributes));
    }

    /// Each entry.
    pub fn iter(&self) -> impl Iterator<Item = Seen<'_>> {
        let bytes = |range: &Range<u32>| {
            self.names
                .get(range.start as usize..range.end as usize)
                .unwrap_or_default()
        };
        self.entries
            .iter()
            .enumerate()
            .map(move |(at, (name, target, attributes))| Seen {
                name: bytes(name),
                attributes,
                target: bytes(target),
                extended: self.extended.get(&at),
            })
    }

    /// Says what extended attributes there are, by the place of the entry.
    pub fn set_extended(&mut self, extended: BTreeMap<usize, Extended>) {
        self.extended = extended;
    }

    /// The directories to descend to, in order.
    pub fn directories(&self) -> impl Iterator<Item = Seen<'_>> {
        self.iter().filter(|seen| {
            seen.attributes.kind() == Kind::Directory
                && seen.attributes.flags & flag::MOUNT_POINT == 0
        })
    }
}

/// What to do with a subdirectory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Descend {
    /// Walk it under this number.
    Into(DirectoryId),
    /// Leave it: excluded, or another file system's.
    No,
}

/// Takes what a walk finds; one per thread.
pub trait Visitor {
    /// Entries of a directory; the last part of a directory has `last`. Answers for each entry that is a directory,
    /// in their order, whether to walk it. `Err(())` ends the whole walk.
    fn found(
        &mut self,
        directory: &Directory,
        found: Found,
        last: bool,
    ) -> Result<Vec<Descend>, Stop>;

    /// A directory that could not be read.
    fn failed(&mut self, directory: &Directory, error: WalkError) -> Result<(), Stop>;

    /// Whether this name is left out altogether.
    fn excluded(&self, directory: &[u8], name: &[u8]) -> bool;

    /// Something is mounted on this path, which was not said to be a mount point, or something else than was said. Tells
    /// whether it is walked again when the table of mounts is read again.
    fn mounted(&mut self, path: Vec<u8>) -> bool;

    /// Called after each entry; may sleep.
    fn pace(&mut self) -> Result<(), Stop>;
}

struct Task {
    directory: Directory,
    /// How it is opened.
    origin: sys::Origin,
    /// The mount that is meant, of a root.
    mount: Option<u64>,
}

#[derive(Default)]
struct Queue {
    tasks: Vec<Task>,
    working: usize,
    /// What the threads have in hand, by their number.
    in_hand: HashMap<usize, Root>,
    /// Volumes whose tasks are dropped.
    given_up: HashSet<i64>,
    /// Threads that were neither given up nor ended.
    alive: usize,
    /// Threads that sleep: waking costs a system call even when nobody does.
    waiting: usize,
    stopped: bool,
}

struct Shared {
    queue: Mutex<Queue>,
    changed: Condvar,
    /// A thread ended.
    ended: Condvar,
    mount_points: HashSet<Vec<u8>>,
}

/// Walks all roots with one thread for each visitor. Returns when everything was visited or a visitor said [`Stop`]
/// (then `Ok(false)`).
///
/// `mount_points` are never even asked for their attributes: the file system behind one may hang for ever.
///
/// # Errors
/// [`WalkError::Thread`].
pub fn walk<V: Visitor + Send>(
    roots: Vec<Root>,
    mount_points: HashSet<Vec<u8>>,
    visitors: Vec<V>,
) -> Result<bool, WalkError> {
    let shared = Arc::new(Shared::new(roots, mount_points));
    let mut failed = None;
    std::thread::scope(|scope| {
        for (number, visitor) in visitors.into_iter().enumerate() {
            let shared = Arc::clone(&shared);
            let started = std::thread::Builder::new()
                .name(format!("walk-{number}"))
                .spawn_scoped(scope, move || Walker::new(number, shared, visitor).work());
            if let Err(error) = started {
                failed = Some(error);
            }
        }
        if failed.is_some() {
            lock(&shared.queue).stopped = true;
            shared.changed.notify_all();
        }
    });
    if let Some(error) = failed {
        return Err(WalkError::Thread(error));
    }
    let stopped = lock(&shared.queue).stopped;
    Ok(!stopped)
}

/// Walks on the calling thread alone, from a directory that is open already.
pub fn walk_here<V: Visitor>(
    root: Root,
    open: Open,
    mount_points: HashSet<Vec<u8>>,
    visitor: V,
) -> bool {
    let shared = Arc::new(Shared::new(Vec::new(), mount_points));
    lock(&shared.queue).tasks.push(Task {
        directory: directory(root),
        origin: sys::Origin::Open(open),
        mount: None,
    });
    Walker::new(0, Arc::clone(&shared), visitor).work();
    let stopped = lock(&shared.queue).stopped;
    !stopped
}

impl Shared {
    fn new(roots: Vec<Root>, mount_points: HashSet<Vec<u8>>) -> Self {
        Self {
            queue: Mutex::new(Queue {
                tasks: roots
                    .into_iter()
                    .rev()
                    .map(|root| Task {
                        origin: sys::Origin::path(&root.path),
                        mount: root.mount,
                        directory: directory(root),
                    })
                    .collect(),
                ..Queue::default()
            }),
            changed: Condvar::new(),
            ended: Condvar::new(),
            mount_points,
        }
    }
}

/// Something else is mounted there.
fn another(path: &[u8]) -> WalkError {
    WalkError::Open {
        path: PathBuf::from(crate::text::native(path)),
        source: std::io::ErrorKind::CrossesDevices.into(),
    }
}

fn directory(root: Root) -> Directory {
    Directory {
        id: root.id,
        parent: root.parent,
        volume: root.volume,
        inode: 0,
        path: root.path,
        open: None,
    }
}

fn lock(queue: &Mutex<Queue>) -> std::sync::MutexGuard<'_, Queue> {
    queue.lock().unwrap_or_else(PoisonError::into_inner)
}

struct Walker<V> {
    number: usize,
    shared: Arc<Shared>,
    visitor: V,
    pulse: Arc<Pulse>,
}

impl<V: Visitor> Walker<V> {
    fn new(number: usize, shared: Arc<Shared>, visitor: V) -> Self {
        Self {
            number,
            shared,
            visitor,
            pulse: Arc::default(),
        }
    }

    fn work(mut self) {
        let mut reader = sys::Reader::new();
        // Leaves the others no waiting for a thread that is gone, even by a panic.
        struct Leave<'a>(&'a Shared, bool, &'a Pulse);
        impl Drop for Leave<'_> {
            fn drop(&mut self) {
                // Whoever gave this thread up did so for it.
                if !self.2.lost() {
                    let mut queue = lock(&self.0.queue);
                    if self.1 {
                        queue.working -= 1;
                        queue.stopped = true;
                    }
                    queue.alive = queue.alive.saturating_sub(1);
                    self.0.changed.notify_all();
                    self.0.ended.notify_all();
                }
                self.2.back();
            }
        }
        let shared = Arc::clone(&self.shared);
        let pulse = Arc::clone(&self.pulse);
        let mut leave = Leave(&shared, false, &pulse);
        while let Some(task) = next(&shared, self.number) {
            leave.1 = true;
            let outcome = self.directory(task, &mut reader);
            if pulse.lost() {
                return;
            }
            leave.1 = false;
            let mut queue = lock(&shared.queue);
            queue.working -= 1;
            queue.in_hand.remove(&self.number);
            match outcome {
                Ok(mut tasks) => {
                    tasks.retain(|task| !queue.given_up.contains(&task.directory.volume));
                    queue.tasks.extend(tasks);
                }
                Err(Stop) => queue.stopped = true,
            }
            let waiting = queue.waiting > 0;
            drop(queue);
            if waiting {
                shared.changed.notify_all();
            }
        }
    }

    /// Reads one directory and answers its subdirectories, in reverse: the last comes first from the stack.
    fn directory(&mut self, task: Task, reader: &mut sys::Reader) -> Result<Vec<Task>, Stop> {
        let Task {
            mut directory,
            origin,
            mount,
        } = task;
        if stuck::waits_for(&directory.path) {
            let error = WalkError::Open {
                path: PathBuf::from(crate::text::native(&directory.path)),
                source: std::io::Error::from_raw_os_error(stuck::TIMED_OUT),
            };
            self.visitor.failed(&directory, error)?;
            return Ok(Vec::new());
        }
        let pulse = &self.pulse;
        pulse.enter();
        let opened = reader.open(&origin, &directory.path);
        pulse.leave()?;
        let open = match opened {
            Ok(open) => open,
            Err(error) => {
                self.visitor.failed(&directory, error)?;
                return Ok(Vec::new());
            }
        };
        // What was mounted on it since is no part of this walk, and may be gone before anybody reads the table of mounts.
        if open.is_point() && origin.is_child() {
            self.visitor.mounted(directory.path.clone());
            let error = another(&directory.path);
            self.visitor.failed(&directory, error)?;
            return Ok(Vec::new());
        }
        let another = mount
            .zip(open.mount())
            .is_some_and(|(meant, is)| meant != is);
        if another && self.visitor.mounted(directory.path.clone()) {
            return Ok(Vec::new());
        }
        drop(origin);
        directory.inode = open.inode();
        directory.open = Some(open.clone());
        let mut tasks = Vec::new();
        let mut found = Found::default();
        let visitor = &mut self.visitor;
        let mount_points = &self.shared.mount_points;
        let mut each = |name: &[u8], attributes: Attributes, target: &[u8]| {
            visitor.pace()?;
            if visitor.excluded(&directory.path, name) {
                return Ok(());
            }
            if attributes.flags & flag::MOUNT_POINT != 0 {
                let path = join(&directory.path, name);
                if !mount_points.contains(&path) {
                    visitor.mounted(path);
                }
            }
            found.push(name, attributes, target);
            if found.len() >= CHUNK {
                let part = std::mem::take(&mut found);
                hand_on(visitor, &directory, part, false, &open, &mut tasks)?;
            }
            Ok(())
        };
        pulse.enter();
        let outcome = reader.list(
            &open,
            &directory.path,
            mount_points,
            &mut |name, attributes, target| {
                pulse.leave()?;
                each(name, attributes, target)?;
                pulse.enter();
                Ok(())
            },
        );
        pulse.leave()?;
        match outcome {
            Ok(()) => hand_on(visitor, &directory, found, true, &open, &mut tasks)?,
            Err(sys::ListEnd::Stop) => return Err(Stop),
            // What was listed counts; what was not must not pass for deleted.
            Err(sys::ListEnd::Failed(error)) => {
                hand_on(visitor, &directory, found, false, &open, &mut tasks)?;
                visitor.failed(&directory, error)?;
            }
        }
        tasks.reverse();
        Ok(tasks)
    }
}

fn hand_on<V: Visitor>(
    visitor: &mut V,
    directory: &Directory,
    found: Found,
    last: bool,
    open: &sys::Open,
    tasks: &mut Vec<Task>,
) -> Result<(), Stop> {
    let folders: Vec<(Vec<u8>, u64)> = found
        .directories()
        .map(|seen| (seen.name.to_vec(), seen.attributes.inode))
        .collect();
    let answers = visitor.found(directory, found, last)?;
    for ((name, inode), answer) in folders.iter().zip(answers) {
        if let Descend::Into(id) = answer {
            tasks.push(Task {
                origin: open.child(name),
                mount: None,
                directory: Directory {
                    id,
                    parent: Some(directory.id),
                    volume: directory.volume,
                    inode: *inode,
                    path: join(&directory.path, name),
                    open: None,
                },
            });
        }
    }
    Ok(())
}

fn next(shared: &Shared, number: usize) -> Option<Task> {
    let mut queue = lock(&shared.queue);
    loop {
        if queue.stopped {
            return None;
        }
        if let Some(task) = queue.tasks.pop() {
            queue.working += 1;
            let directory = &task.directory;
            queue.in_hand.insert(
                number,
                Root {
                    id: directory.id,
                    parent: directory.parent,
                    volume: directory.volume,
                    path: directory.path.clone(),
                    mount: task.mount,
                },
            );
            return Some(task);
        }
        if queue.working == 0 {
            return None;
        }
        queue.waiting += 1;
        queue = shared
            .changed
            .wait(queue)
            .unwrap_or_else(PoisonError::into_inner);
        queue.waiting -= 1;
    }
}
