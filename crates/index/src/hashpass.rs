//! The hash pass: reads the files that wait for their hashes, the most telling ones first.
//!
//! Executables and what changed within the last week come first, the newest of them at the head: that is where an
//! intruder's files are. The rest follows in the order of the inventory, which is about their order on the disk. A file
//! that has several names is read once.

mod feed;

use crate::digest_state::DigestState;
use crate::engine::Digested;
use crate::entry::Attributes;
use crate::store::write::Outcome;
use crate::store::{self, StoreError};
use crate::walk::Stop;
use feed::{Feed, Job, MOST_FIRST};
use hashing::{HashError, Kinds, Options, Pace};
use std::fs::File;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

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
pub struct Plan<'a> {
    /// Which hashes.
    pub kinds: Kinds,
    /// Only files smaller than this many bytes are read.
    pub below: u64,
    /// Paths that are not read.
    pub excluded: &'a (dyn Fn(&[u8]) -> bool + Sync),
    /// Called after each stretch of input with its length; may sleep.
    pub pace: &'a (dyn Fn(u64) -> Pace + Sync),
    /// How many files at once are read by threads of their own.
    pub threads: usize,
}

/// Takes what was hashed.
pub type Sink<'a> = dyn Fn(Vec<Digested>) -> Result<(), Stop> + Sync + 'a;

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
    sink: &Sink<'_>,
    plan: &Plan<'_>,
    progress: &Progress,
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
    sink: &Sink<'_>,
    plan: &Plan<'_>,
    progress: &Progress,
) -> Result<bool, PassError> {
    let connection = store::open_to_read(database)?;
    progress.files.store(ids.len() as u64, Ordering::Relaxed);
    progress.bytes.store(0, Ordering::Relaxed);
    hash(Feed::of(connection, ids.into()), sink, plan, progress)
}

fn hash(
    feed: Feed,
    sink: &Sink<'_>,
    plan: &Plan<'_>,
    progress: &Progress,
) -> Result<bool, PassError> {
    progress.done.store(0, Ordering::Relaxed);
    progress.read.store(0, Ordering::Relaxed);
    let feed = Mutex::new(feed);
    let failure = Mutex::new(None);
    let outcome = std::thread::scope(|scope| {
        let mut threads = Vec::new();
        for number in 0..plan.threads.max(1) {
            let (feed, failure) = (&feed, &failure);
            let started = std::thread::Builder::new()
                .name(format!("hash-{number}"))
                .spawn_scoped(scope, move || {
                    Worker {
                        feed,
                        failure,
                        sink,
                        plan,
                        progress,
                    }
                    .work()
                })
                .map_err(PassError::Thread)?;
            threads.push(started);
        }
        Ok(threads
            .into_iter()
            .map(|t| t.join())
            .all(|ended| matches!(ended, Ok(true))))
    });
    if let Some(error) = failure.into_inner().unwrap_or_else(PoisonError::into_inner) {
        return Err(PassError::Store(error));
    }
    outcome
}

struct Worker<'a> {
    feed: &'a Mutex<Feed>,
    failure: &'a Mutex<Option<StoreError>>,
    sink: &'a Sink<'a>,
    plan: &'a Plan<'a>,
    progress: &'a Progress,
}

impl Worker<'_> {
    /// Whether everything was done.
    fn work(self) -> bool {
        let stopped = std::cell::Cell::new(false);
        let ready = std::cell::RefCell::new(Vec::with_capacity(TOLD_AT_ONCE));
        let tell = |entry: i64, read: Attributes, at: i64, outcome: Outcome| {
            self.progress.done.fetch_add(1, Ordering::Relaxed);
            let mut ready = ready.borrow_mut();
            ready.push(Digested {
                entry,
                read,
                at,
                outcome,
            });
            if ready.len() >= TOLD_AT_ONCE && (self.sink)(std::mem::take(&mut *ready)).is_err() {
                stopped.set(true);
            }
        };
        let mut next = || {
            loop {
                if stopped.get() {
                    return None;
                }
                let job = self
                    .feed
                    .lock()
                    .unwrap_or_else(PoisonError::into_inner)
                    .next();
                let mut job = match job {
                    Ok(job) => job?,
                    Err(error) => {
                        *self.failure.lock().unwrap_or_else(PoisonError::into_inner) = Some(error);
                        stopped.set(true);
                        return None;
                    }
                };
                job.opened = jiff::Timestamp::now().as_second();
                match self.open(&job) {
                    Ok(file) => {
                        let size = job.attributes.size;
                        return Some(((job.entry, job.attributes, job.opened), file, size));
                    }
                    Err(state) => {
                        tell(job.entry, job.attributes, job.opened, Outcome::Not(state));
                    }
                }
            }
        };
        let mut done = |(entry, read, at): (i64, Attributes, i64),
                        outcome: Result<_, HashError>| {
            let outcome = match outcome {
                Ok(content) => Outcome::Hashed(Box::new(content)),
                Err(HashError::Changed) => Outcome::Not(DigestState::Changing),
                Err(HashError::Read { source }) => Outcome::Not(state_of(&source)),
                Err(HashError::Stopped) => return,
            };
            tell(entry, read, at, outcome);
        };
        let mut pace = |bytes: u64| {
            self.progress.read.fetch_add(bytes, Ordering::Relaxed);
            match (self.plan.pace)(bytes) {
                Pace::Go if !stopped.get() => Pace::Go,
                _ => {
                    stopped.set(true);
                    Pace::Stop
                }
            }
        };
        let options = Options {
            kinds: self.plan.kinds,
            ..Options::default()
        };
        hashing::many(&options, &mut next, &mut done, &mut pace);
        let last = std::mem::take(&mut *ready.borrow_mut());
        let told = last.is_empty() || (self.sink)(last).is_ok();
        told && !stopped.get()
    }

    fn open(&self, job: &Job) -> Result<File, DigestState> {
        if job.attributes.size >= self.plan.below {
            return Err(DigestState::TooLarge);
        }
        if (self.plan.excluded)(&job.path) {
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
    let nanoseconds = |s: i64, n: i64| s.saturating_mul(1_000_000_000).saturating_add(n);
    let changed = found.len() != meant.size
        || nanoseconds(found.mtime(), found.mtime_nsec()) != meant.mtime
        || nanoseconds(found.ctime(), found.ctime_nsec()) != meant.ctime;
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
