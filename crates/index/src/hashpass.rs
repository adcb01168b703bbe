//! The hash pass: reads the files that wait for their hashes, the most telling ones first.
//!
//! Executables and what changed within the last week come first, the newest of them at the head: that is where an
//! intruder's files are. The rest follows in the order of the inventory, which is about their order on the disk. A file
//! that has several names is read once.

mod crew;
mod feed;

use crate::digest_state::DigestState;
use crate::engine::{Digested, Message, Teller};
use crate::entry::Attributes;
use crate::stop::Stop;
use crate::store::write::Outcome;
use crate::store::{self, StoreError};
use crate::walk::PathRule;
use crew::{Crew, Hand};
use feed::{Feed, Job, MOST_FIRST};
use hashing::{HashError, Kinds, Options, Pace};
use std::cell::Cell;
use std::fs::File;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Results told together.
const TOLD_AT_ONCE: usize = 256;

/// Failure of a hash pass.
#[derive(Debug, thiserror::Error)]
pub enum PassError {
    /// The database.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A hashing thread could not be started.
    #[error("cannot start a thread for hashing")]
    Thread(#[source] std::io::Error),
}

/// How a pass is made.
#[derive(Clone)]
pub struct Plan {
    /// Which hashes.
    pub kinds: Kinds,
    /// Only files smaller than this many bytes are read.
    pub below: u64,
    /// Paths that are not read.
    pub excluded: Arc<PathRule>,
    /// Called after each stretch of input with its length; may sleep.
    pub pace: Arc<dyn Fn(u64) -> Pace + Send + Sync>,
    /// How many files at once are read by threads of their own.
    pub threads: usize,
    /// A file whose file system does not answer for so long is left.
    pub patience: Duration,
}

/// Takes what was hashed.
pub type Sink = dyn Fn(Vec<Digested>) -> Result<(), Stop> + Send + Sync;

/// Tells the engine what was hashed.
#[must_use]
pub fn into_engine(teller: &Teller) -> Arc<Sink> {
    let teller = teller.clone();
    Arc::new(move |digests| teller.tell(Message::Digests(digests)))
}

/// Counters of a pass under way, for its progress.
#[derive(Debug, Default)]
pub struct Progress {
    /// Files to read.
    pub files: AtomicU64,
    /// Files done with.
    pub done: AtomicU64,
    /// Bytes to read.
    pub bytes: AtomicU64,
    /// Bytes read.
    pub read: AtomicU64,
}

/// Hashes every file that waits. Returns whether it came to its end (a pace may stop it).
///
/// # Errors
/// [`PassError`].
pub fn pass(
    database: &Path,
    sink: &Arc<Sink>,
    plan: &Plan,
    progress: &Arc<Progress>,
) -> Result<bool, PassError> {
    let connection = store::open_to_read(database)?;
    let (feed, files, bytes) = Feed::of_all(connection, plan, MOST_FIRST)?;
    progress.files.store(files, Ordering::Relaxed);
    progress.bytes.store(bytes, Ordering::Relaxed);
    hash(feed, sink, plan, progress)
}

/// Hashes these files.
///
/// # Errors
/// [`PassError`].
pub fn these(
    database: &Path,
    ids: Vec<i64>,
    sink: &Arc<Sink>,
    plan: &Plan,
    progress: &Arc<Progress>,
) -> Result<bool, PassError> {
    let connection = store::open_to_read(database)?;
    progress.files.store(ids.len() as u64, Ordering::Relaxed);
    progress.bytes.store(0, Ordering::Relaxed);
    hash(Feed::of(connection, ids.into())?, sink, plan, progress)
}

fn hash(
    feed: Feed,
    sink: &Arc<Sink>,
    plan: &Plan,
    progress: &Arc<Progress>,
) -> Result<bool, PassError> {
    progress.done.store(0, Ordering::Relaxed);
    progress.read.store(0, Ordering::Relaxed);
    let shared = Arc::new(Shared {
        feed: Mutex::new(feed),
        failure: Mutex::new(None),
        sink: Arc::clone(sink),
        plan: plan.clone(),
        progress: Arc::clone(progress),
    });
    let whole = Crew::new(Arc::clone(&shared)).work()?;
    match lock(&shared.failure).take() {
        Some(error) => Err(PassError::Store(error)),
        None => Ok(whole),
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What the threads of a pass share.
struct Shared {
    feed: Mutex<Feed>,
    failure: Mutex<Option<StoreError>>,
    sink: Arc<Sink>,
    plan: Plan,
    progress: Arc<Progress>,
}

/// A thread that hashes. Whatever calls a file system is between [`Pulse::enter`](crate::stuck::Pulse::enter) and
/// [`Self::mine`].
struct Worker {
    shared: Arc<Shared>,
    hand: Arc<Hand>,
    stopped: Cell<bool>,
}

impl Worker {
    /// Whether everything was done.
    fn work(self) -> bool {
        let (shared, hand) = (&self.shared, &self.hand);
        let mut next = || self.next();
        let mut done = |job: Job, outcome: Result<_, HashError>| {
            if !self.mine() {
                return;
            }
            match outcome {
                Ok(content) => self.tell(&job, Outcome::Hashed(Box::new(content))),
                Err(HashError::Changed) => self.tell(&job, Outcome::Not(DigestState::Changing)),
                Err(HashError::Read { source }) => {
                    self.tell(&job, Outcome::Not(state_of(&source)));
                }
                Err(HashError::Stopped) => {}
            }
            hand.pulse.enter();
        };
        let mut pace = |bytes: u64| {
            if !self.mine() {
                return Pace::Stop;
            }
            shared.progress.read.fetch_add(bytes, Ordering::Relaxed);
            let pace = (shared.plan.pace)(bytes);
            if pace == Pace::Stop {
                self.stopped.set(true);
            }
            hand.pulse.enter();
            if self.stopped.get() {
                Pace::Stop
            } else {
                Pace::Go
            }
        };
        let mut reading = |job: &Job| {
            if self.mine() {
                hand.reading.store(job.entry, Ordering::Release);
                hand.pulse.enter();
            }
        };
        let options = Options {
            kinds: shared.plan.kinds,
            ..Options::default()
        };
        hashing::many_watched(&options, &mut next, &mut done, &mut pace, &mut reading);
        if !self.mine() {
            return false;
        }
        let last = std::mem::take(&mut *lock(&hand.ready));
        let told = last.is_empty() || (shared.sink)(last).is_ok();
        told && !self.stopped.get()
    }

    /// After a call to a file system. Once this thread was given up, what it had in hand is others'.
    fn mine(&self) -> bool {
        let mine = self.hand.pulse.leave().is_ok();
        if !mine {
            self.stopped.set(true);
        }
        mine
    }

    fn tell(&self, job: &Job, outcome: Outcome) {
        self.shared.progress.done.fetch_add(1, Ordering::Relaxed);
        lock(&self.hand.jobs).remove(&job.entry);
        let mut ready = lock(&self.hand.ready);
        ready.push(job.with(outcome));
        if ready.len() >= TOLD_AT_ONCE {
            let told = std::mem::take(&mut *ready);
            drop(ready);
            if (self.shared.sink)(told).is_err() {
                self.stopped.set(true);
            }
        }
    }

    /// The next file that can be opened, open.
    fn next(&self) -> Option<(Job, File, u64)> {
        if !self.mine() {
            return None;
        }
        while !self.stopped.get() {
            let job = lock(&self.shared.feed).next();
            let mut job = match job {
                Ok(Some(job)) => job,
                Ok(None) => {
                    self.hand.pulse.enter();
                    return None;
                }
                Err(error) => {
                    *lock(&self.shared.failure) = Some(error);
                    self.stopped.set(true);
                    return None;
                }
            };
            job.opened = jiff::Timestamp::now().as_second();
            lock(&self.hand.jobs).insert(job.entry, job.clone());
            self.hand.reading.store(job.entry, Ordering::Release);
            self.hand.pulse.enter();
            let opened = self.open(&job);
            if !self.mine() {
                return None;
            }
            match opened {
                Ok(file) => {
                    let size = job.attributes.size;
                    self.hand.pulse.enter();
                    return Some((job, file, size));
                }
                Err(state) => self.tell(&job, Outcome::Not(state)),
            }
        }
        None
    }

    fn open(&self, job: &Job) -> Result<File, DigestState> {
        let plan = &self.shared.plan;
        if job.attributes.size >= plan.below {
            return Err(DigestState::TooLarge);
        }
        if (plan.excluded)(&job.path) {
            return Err(DigestState::Excluded);
        }
        let file = crate::walk::open_file(&job.path).map_err(|e| state_of(&e))?;
        let found = file.metadata().map_err(|e| state_of(&e))?;
        if !found.is_file() {
            return Err(DigestState::Gone);
        }
        same_file(&found, &job.attributes)?;
        Ok(file)
    }
}

#[cfg(unix)]
fn same_file(found: &std::fs::Metadata, meant: &Attributes) -> Result<(), DigestState> {
    use std::os::unix::fs::MetadataExt;
    if found.ino() != meant.inode {
        return Err(DigestState::Gone);
    }
    let time = |s: i64, n: i64| crate::times::of(s, u32::try_from(n).unwrap_or_default());
    let changed = found.len() != meant.size
        || time(found.mtime(), found.mtime_nsec()) != meant.mtime
        || time(found.ctime(), found.ctime_nsec()) != meant.ctime;
    if changed {
        return Err(DigestState::Changing);
    }
    Ok(())
}

#[cfg(not(unix))]
fn same_file(found: &std::fs::Metadata, meant: &Attributes) -> Result<(), DigestState> {
    if found.len() == meant.size {
        Ok(())
    } else {
        Err(DigestState::Changing)
    }
}

fn state_of(error: &std::io::Error) -> DigestState {
    use std::io::ErrorKind;
    // A link stands where the file was.
    #[cfg(unix)]
    if error.raw_os_error() == Some(libc::ELOOP) {
        return DigestState::Gone;
    }
    match error.kind() {
        ErrorKind::NotFound | ErrorKind::NotADirectory => DigestState::Gone,
        ErrorKind::PermissionDenied => DigestState::Denied,
        ErrorKind::WouldBlock | ErrorKind::ResourceBusy | ErrorKind::ExecutableFileBusy => {
            DigestState::Locked
        }
        _ => DigestState::ReadError,
    }
}
