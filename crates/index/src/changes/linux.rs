//! The watcher on Linux.
//!
//! A thread of its own empties the kernel's queue into [`Pending`]; whoever asks [`Watcher::next`] takes all that waits
//! and gets it in batches, with directories found by their handles ([`Directories`]).

mod directories;
mod kernel;

use super::event::{self, Handle, mask};
use super::pending::{Number, Pending, Spot};
use super::{Change, DirectoryKey, Options, WatchError};
pub(super) use directories::{Anchor, now, open};
use directories::{Directories, Found, Root};
use rustix::event::{EventfdFlags, PollFd, PollFlags, Timespec, eventfd, poll};
use std::collections::{BTreeSet, HashMap, HashSet};
use std::fs::File;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// Changes of one batch, at most: with paths they are some hundred bytes each.
const BATCH: usize = 4096;
/// Room for some hundred events in one reading.
const BUFFER: usize = 64 << 10;
/// Emptying the queue takes some milliseconds; longer only while events come faster than they can be read.
const LONGEST_READING: Duration = Duration::from_secs(1);
const STACK: usize = 256 << 10;
/// The table of mounts.
const TABLE: &str = "/proc/self/mountinfo";

/// Watches file systems.
pub struct Watcher {
    group: Arc<OwnedFd>,
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
    directories: Directories,
    own_folders: Vec<Vec<u8>>,
    most_pending: usize,
    /// What was taken from the thread and is not given out yet, and how far.
    taken: Pending,
    position: usize,
}

/// Makes [`Watcher::next`] return at once, from any thread.
#[derive(Clone)]
pub struct Waker(Arc<Shared>);

impl Waker {
    /// The running or else the next call of [`Watcher::next`] returns without waiting, and what gathers in the kernel is
    /// read without waiting for more.
    pub fn wake(&self) {
        self.0.lock().woken = true;
        self.0.ready.notify_all();
        self.0.nudge();
    }
}

struct Shared {
    state: Mutex<State>,
    ready: Condvar,
    /// Grows when a directory got another path or went.
    moves: AtomicU64,
    /// An eventfd: the thread is to read at once, or to end.
    nudge: OwnedFd,
    end: AtomicBool,
}

struct State {
    pending: Pending,
    /// The queue is being emptied. Taken in the middle, what the kernel joined with an event before a rename would be
    /// looked at, and used up, before the rename is known.
    reading: bool,
    failed: Option<WatchError>,
    ended: bool,
    woken: bool,
    /// The table of mounts is another than when this was told last.
    mounts: bool,
    /// Directories where this process' own changes are of no interest.
    own: HashSet<Arc<[u8]>>,
}

impl State {
    fn ready(&self) -> bool {
        !self.reading && (self.mounts || !self.pending.is_empty())
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        // Nothing in there is left half done by a panic.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn nudge(&self) {
        // A full counter is just as readable.
        rustix::io::write(&self.nudge, &1_u64.to_ne_bytes()).ok();
    }
}

impl Watcher {
    /// Watches the file systems of these mounts. Also gives those that cannot be watched, with the reason.
    ///
    /// # Errors
    /// [`WatchError`] when nothing can be watched at all: no such kernel interface, or no right to it.
    pub fn start(
        mounts: &[PathBuf],
        options: &Options,
    ) -> Result<(Self, Vec<(PathBuf, WatchError)>), WatchError> {
        let group = Arc::new(kernel::group(options.queue)?);
        let nudge = eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK);
        let nudge = nudge.map_err(|e| WatchError::Thread(e.into()))?;
        let shared = Arc::new(Shared {
            state: Mutex::new(State {
                pending: Pending::new(options.most_pending),
                reading: false,
                failed: None,
                ended: false,
                woken: false,
                mounts: false,
                own: HashSet::new(),
            }),
            ready: Condvar::new(),
            moves: AtomicU64::new(0),
            nudge,
            end: AtomicBool::new(false),
        });
        let own_folders = options.own_folders.iter().map(|folder| {
            let folder = folder.canonicalize().unwrap_or_else(|_| folder.clone());
            folder.as_os_str().as_bytes().to_vec()
        });
        let mut watcher = Self {
            group: Arc::clone(&group),
            shared: Arc::clone(&shared),
            thread: None,
            directories: Directories::new(),
            own_folders: own_folders.collect(),
            most_pending: options.most_pending,
            taken: Pending::new(options.most_pending),
            position: 0,
        };
        let mut refused = Vec::new();
        for mount in mounts {
            if let Err(error) = watcher.add(mount.clone(), None) {
                refused.push((mount.clone(), error));
            }
        }
        let reader = Reader {
            group,
            shared,
            gather: options.gather,
            // Where it cannot be had, whoever watches looks at the table from time to time.
            mounts: File::open(TABLE).ok(),
            table: std::fs::read(TABLE).unwrap_or_default(),
            own_pid: std::process::id().cast_signed(),
            own_folders: !options.own_folders.is_empty(),
        };
        let thread = std::thread::Builder::new()
            .name("index-changes".into())
            .stack_size(STACK)
            .spawn(move || reader.run());
        watcher.thread = Some(thread.map_err(WatchError::Thread)?);
        Ok((watcher, refused))
    }

    /// Watches one more file system: one that was mounted since. Once more is no fault. `meant` is the number of the mount
    /// that was seen there ([`crate::walk::mount_number`]); by now it may be another.
    ///
    /// # Errors
    /// [`WatchError`] when it cannot be watched.
    pub fn add(&mut self, mount: PathBuf, meant: Option<u64>) -> Result<(), WatchError> {
        // Of what was mounted there before, nothing is found there any more, whether this can be watched or not.
        self.directories.keep_mounts(|other| *other != mount);
        let kernel::Mounted {
            root,
            file_system: number,
            mount: id,
        } = kernel::open_mount(&mount)?;
        if meant.is_some() && id.is_some() && meant != id {
            return Err(WatchError::Another { path: mount });
        }
        kernel::check_handles(&root, &mount)?;
        let file_system = match kernel::mark(&self.group, &root, &mount) {
            // A subvolume; the file system is watched from its top.
            Err(WatchError::Mark { source, .. }) if source.raw_os_error() == Some(libc::EXDEV) => {
                let failed = |source| WatchError::Top {
                    path: mount.clone(),
                    source,
                };
                let (top, file_system) = kernel::open_top(&mount).map_err(failed)?;
                kernel::mark(&self.group, &top, &mount)?;
                file_system
            }
            outcome => outcome.map(|()| number)?,
        };
        self.directories
            .add(file_system, Root { mount, number, id });
        Ok(())
    }

    /// Watches no other mounts than these, of those that were added.
    pub fn keep(&mut self, mounts: &HashSet<PathBuf>) {
        self.directories.keep_mounts(|mount| mounts.contains(mount));
    }

    /// The devices of the file systems that are watched. One that was unmounted everywhere is no longer among them, even if
    /// another has its device and its place by now.
    ///
    /// # Errors
    /// [`WatchError::Marks`].
    pub fn marked(&self) -> Result<HashSet<(u32, u32)>, WatchError> {
        kernel::marked(&self.group).map_err(WatchError::Marks)
    }

    /// A way to end the waiting of [`Watcher::next`] from another thread.
    #[must_use]
    pub fn waker(&self) -> Waker {
        Waker(Arc::clone(&self.shared))
    }

    /// Changes since the last call, in order: some thousand at most, the rest with the next call. Waits for one until the
    /// time is over or a [`Waker`] calls, then gives none.
    ///
    /// # Errors
    /// [`WatchError`] when watching has ended: everything must be walked from then on, or a new watcher started.
    pub fn next(&mut self, timeout: Duration) -> Result<Vec<Change>, WatchError> {
        let deadline = Instant::now() + timeout;
        loop {
            // A mount held open cannot be unmounted; so none is, while nothing is asked.
            self.directories.let_go();
            let mut changes = Vec::new();
            let woken = self.fetch(deadline, &mut changes)?;
            self.directories
                .moved(self.shared.moves.load(Ordering::Acquire));
            self.fill(&mut changes);
            if !changes.is_empty() || woken || Instant::now() >= deadline {
                return Ok(changes);
            }
        }
    }

    /// Takes from the thread what waits there, once all of the earlier is given out. Tells whether a waker called.
    fn fetch(&mut self, deadline: Instant, changes: &mut Vec<Change>) -> Result<bool, WatchError> {
        if self.position < self.taken.len() + self.taken.files() {
            return Ok(false);
        }
        let mut state = self.shared.lock();
        while !state.ready() && !state.woken && !state.ended {
            let Some(left) = deadline.checked_duration_since(Instant::now()) else {
                break;
            };
            state = self
                .shared
                .ready
                .wait_timeout(state, left)
                .unwrap_or_else(PoisonError::into_inner)
                .0;
        }
        let woken = std::mem::take(&mut state.woken);
        if !state.ready() {
            return if state.ended {
                Err(state.failed.take().unwrap_or(WatchError::Ended))
            } else {
                Ok(woken)
            };
        }
        self.position = 0;
        self.taken = std::mem::replace(&mut state.pending, Pending::new(self.most_pending));
        if std::mem::take(&mut state.mounts) {
            changes.push(Change::Mounts);
        }
        drop(state);
        let (all, some) = self.taken.take_lost();
        if all {
            changes.push(Change::Lost { mount: None });
        } else {
            self.lost(&some, changes);
        }
        Ok(woken)
    }

    fn lost(&self, file_systems: &BTreeSet<[u8; 8]>, changes: &mut Vec<Change>) {
        for file_system in file_systems {
            let mounts = self.directories.mounts(*file_system);
            if mounts.is_empty() {
                changes.push(Change::Lost { mount: None });
            }
            changes.extend(mounts.iter().map(|mount| Change::Lost {
                mount: Some(mount.clone()),
            }));
        }
    }

    /// One batch of what was taken.
    fn fill(&mut self, changes: &mut Vec<Change>) {
        let mut keys: HashMap<Number, Found> = HashMap::new();
        let mut failed = BTreeSet::new();
        let mut hidden: HashMap<Number, DirectoryKey> = HashMap::new();
        let mut away: BTreeSet<PathBuf> = BTreeSet::new();
        while let Some(waiting) = self.taken.get(self.position) {
            if changes.len() >= BATCH {
                break;
            }
            self.position += 1;
            for spot in std::iter::once(waiting.at).chain(waiting.to) {
                let Some(bytes) = self.taken.handle(spot.directory) else {
                    continue;
                };
                keys.entry(spot.directory).or_insert_with(|| {
                    let found = self.directories.find(bytes);
                    if let (Found::Failed, Ok(handle)) = (&found, Handle::new(bytes)) {
                        failed.insert(handle.file_system());
                    }
                    if let Found::Hidden(key) = &found {
                        hidden.insert(spot.directory, key.clone());
                    }
                    if let Found::Away(mounts) = &found {
                        away.extend(mounts.iter().cloned());
                    }
                    found
                });
            }
            let key = |spot: Spot<'_>| match keys.get(&spot.directory) {
                Some(Found::Here(key)) => Some(key),
                _ => None,
            };
            let own = |key: Option<&DirectoryKey>| {
                key.is_none_or(|key| {
                    let mut folders = self.own_folders.iter();
                    folders.any(|folder| crate::mounts::within(&key.path, folder))
                })
            };
            let to = waiting.to.map(|to| (to, key(to)));
            if waiting.own && own(key(waiting.at)) && own(to.and_then(|t| t.1)) {
                // From now on the thread drops them itself.
                let mut state = self.shared.lock();
                for spot in std::iter::once(waiting.at).chain(waiting.to) {
                    if key(spot).is_some() {
                        state.own.extend(self.taken.handle(spot.directory).cloned());
                    }
                }
                continue;
            }
            give(waiting.at, key(waiting.at), to, changes);
        }
        while changes.len() < BATCH
            && let Some(at) = self.position.checked_sub(self.taken.len())
            && let Some(waiting) = self.taken.file(at)
        {
            self.position += 1;
            match self.directories.file(waiting.handle) {
                Ok(Some(file)) => changes.push(Change::File {
                    mounts: file.mounts,
                    attributes: file.attributes,
                    written: waiting.written,
                }),
                Ok(None) => {}
                Err(_) => drop(failed.insert(waiting.handle.file_system())),
            }
        }
        let hidden = hidden.into_values();
        changes.extend(hidden.map(|directory| Change::Hidden { directory }));
        if !away.is_empty() {
            let mounts = away.into_iter().collect();
            changes.push(Change::Away { mounts });
        }
        self.lost(&failed, changes);
    }
}

/// Adds what one waiting change asks for, as far as its directories can be found.
fn give(
    at: Spot<'_>,
    from: Option<&DirectoryKey>,
    to: Option<(Spot<'_>, Option<&DirectoryKey>)>,
    changes: &mut Vec<Change>,
) {
    let mut touched = |key: &DirectoryKey, spot: Spot<'_>, written: bool| {
        changes.push(Change::Touched {
            directory: key.clone(),
            name: spot.name.to_vec(),
            written,
        });
    };
    match (from, to) {
        (Some(from), Some((spot, Some(to)))) => {
            changes.push(Change::Renamed {
                from: (from.clone(), at.name.to_vec()),
                to: (to.clone(), spot.name.to_vec()),
            });
            for (key, spot) in [(from, at), (to, spot)] {
                if spot.written {
                    changes.push(Change::Touched {
                        directory: key.clone(),
                        name: spot.name.to_vec(),
                        written: true,
                    });
                }
            }
        }
        // The other side is out of sight: what is known of it cannot be moved here.
        (None, Some((spot, Some(to)))) => touched(to, spot, true),
        (Some(from), None | Some((_, None))) => touched(from, at, at.written),
        (None, _) => {}
    }
}

impl Drop for Watcher {
    fn drop(&mut self) {
        self.shared.end.store(true, Ordering::Release);
        self.shared.nudge();
        if let Some(thread) = self.thread.take() {
            thread.join().ok();
        }
    }
}

/// The thread that empties the queue.
struct Reader {
    group: Arc<OwnedFd>,
    shared: Arc<Shared>,
    gather: Duration,
    /// The table of mounts, which tells once of each mount that comes or goes. Of one that moves with a folder above it,
    /// it tells nothing: then it is compared.
    mounts: Option<File>,
    /// The table when it was read last; what it told was asked for to be looked at since.
    table: Vec<u8>,
    own_pid: i32,
    /// Whether this process has folders of its own: it then writes nowhere else.
    own_folders: bool,
}

impl Reader {
    fn run(mut self) {
        let end = self.read();
        let mut state = self.shared.lock();
        state.failed = end.err();
        state.reading = false;
        state.ended = true;
        drop(state);
        self.shared.ready.notify_all();
    }

    fn read(&mut self) -> Result<(), WatchError> {
        let mut buffer = vec![0; BUFFER];
        let gather = Timespec::try_from(self.gather).unwrap_or_default();
        loop {
            if !self.nudged(true, None)? {
                self.nudged(false, Some(&gather))?;
            }
            // Whether it was set or not.
            rustix::io::read(&self.shared.nudge, &mut [0; 8]).ok();
            if self.shared.end.load(Ordering::Acquire) {
                return Ok(());
            }
            self.empty_queue(&mut buffer)?;
        }
    }

    /// Waits to be nudged, or also for events. Tells whether it was a nudge.
    fn nudged(&mut self, events: bool, timeout: Option<&Timespec>) -> Result<bool, WatchError> {
        let mut fds = vec![PollFd::new(&self.shared.nudge, PollFlags::IN)];
        if events {
            fds.push(PollFd::new(&*self.group, PollFlags::IN));
            let mounts = self.mounts.iter();
            fds.extend(mounts.map(|table| PollFd::new(table, PollFlags::PRI)));
        }
        match poll(&mut fds, timeout) {
            Ok(_) | Err(rustix::io::Errno::INTR) => {}
            Err(source) => return Err(WatchError::Read(source.into())),
        }
        let told = |at: usize| fds.get(at).is_some_and(|fd| !fd.revents().is_empty());
        let (nudge, mounts) = (told(0), told(2));
        if mounts {
            self.compare_table();
            self.shared.lock().mounts = true;
        }
        Ok(nudge)
    }

    /// Whether the table of mounts is another than when it was read last.
    fn compare_table(&mut self) -> bool {
        // One that cannot be read tells nothing new.
        let Ok(now) = std::fs::read(TABLE) else {
            return false;
        };
        let another = now != self.table;
        self.table = now;
        another
    }

    fn empty_queue(&mut self, buffer: &mut [u8]) -> Result<(), WatchError> {
        let begin = Instant::now();
        let mut moved = false;
        loop {
            match rustix::io::read(&*self.group, &mut *buffer) {
                Ok(0) | Err(rustix::io::Errno::AGAIN) => break,
                Ok(length) => moved |= self.take(buffer.get(..length).unwrap_or_default())?,
                Err(rustix::io::Errno::INTR) => {}
                // The kernel dropped the event that it had no memory to hand out.
                Err(rustix::io::Errno::NOMEM) => {
                    self.shared.lock().pending.lose_all();
                    break;
                }
                Err(source) => return Err(WatchError::Read(source.into())),
            }
            // Nobody is to wait for ever for the end of a storm.
            if begin.elapsed() > LONGEST_READING {
                break;
            }
        }
        // Before the moves are looked at: what is mounted below moved along.
        let mounts = moved && self.compare_table();
        let mut state = self.shared.lock();
        state.mounts |= mounts;
        state.reading = false;
        drop(state);
        self.shared.ready.notify_all();
        Ok(())
    }

    /// Takes in events. Tells whether a directory got another path.
    fn take(&self, buffer: &[u8]) -> Result<bool, WatchError> {
        const RENAMES: u64 = mask::RENAME | mask::MOVED_FROM | mask::MOVED_TO;
        let mut moved = false;
        let mut renamed = false;
        let mut state = self.shared.lock();
        state.reading = true;
        for event in event::events(buffer) {
            let event = event?;
            if event.mask & mask::ON_DIRECTORY != 0 {
                renamed |= event.mask & RENAMES != 0;
                moved |= event.mask & (RENAMES | mask::DELETE) != 0;
            }
            let own = event.pid == self.own_pid;
            let known = |place: Option<event::Place<'_>>| {
                place.is_none_or(|place| state.own.contains(place.directory.bytes()))
            };
            let nameless = event.at.is_none() && event.to.is_none();
            let known = match nameless {
                true => self.own_folders && event.mask & mask::OVERFLOW == 0,
                false => event.at.is_some() && known(event.at) && known(event.to),
            };
            if own && known {
                continue;
            }
            state.pending.record(&event, own);
        }
        if moved {
            self.shared.moves.fetch_add(1, Ordering::Release);
        }
        Ok(renamed)
    }
}
