//! Group commit: one thread, one connection, as few transactions as the disk allows.
//!
//! Under load the disk's flush is what costs; so all jobs that arrived while the last commit ran share the next one.
//! Each runs in its own savepoint: its failure undoes its own work only. A caller hears of success after the commit,
//! never before; when the commit itself fails, every job of the group gets that failure.
//!
//! On a full disk small jobs, those of an administrator, live off the [`reserve`]: they are run again after it gave
//! way. All others are refused until it could be made anew.

use super::super::WriteCounts;
use super::super::error::{Operation, Reply, Result, StoreError};
use super::connection::LOG_PAGES;
use super::fault::{self, Fault, is_full};
use super::reserve::{self, Reserve};
use super::state::StateFile;
use crate::model::clock::Clock;
use jiff::Timestamp;
use rusqlite::Connection;
use std::ops::Deref;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::JoinHandle;
use tokio::sync::{mpsc, oneshot};

/// Jobs that may wait; a caller beyond that waits to hand its job over.
const QUEUE: usize = 4096;
/// Jobs in one transaction at most, so that a reply is not put off for too long.
const GROUP: usize = 1024;

/// What a job may count on when the disk is full.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Weight {
    /// Nothing: it is refused.
    Ordinary,
    /// The reserve.
    Small,
}

/// A job with its caller, whatever it gives.
trait Job: Send {
    fn weight(&self) -> Weight;
    /// Runs it, or keeps the reason why it cannot run. Says how it went.
    fn run(&mut self, connection: fault::Result<&Connection>) -> Ran;
    /// Tells its caller what came of it, or that all of its group was lost.
    fn tell(self: Box<Self>, lost: Option<Fault>);
}

/// How a run of a job ended.
enum Ran {
    Succeeded,
    Failed,
    /// SQLite's own error is why.
    Refused(rusqlite::Error),
}

struct Task<T, F> {
    job: F,
    weight: Weight,
    result: Option<fault::Result<T>>,
    tell: oneshot::Sender<Result<T>>,
    operation: Operation,
    path: Arc<Path>,
    clock: Clock,
}

impl<T: Send, F: FnMut(&Tx<'_>) -> fault::Result<T> + Send> Job for Task<T, F> {
    fn weight(&self) -> Weight {
        self.weight
    }

    fn run(&mut self, connection: fault::Result<&Connection>) -> Ran {
        let result = connection.and_then(|connection| {
            let tx = Tx::new(connection, self.clock.now());
            let job = &mut self.job;
            catch_unwind(AssertUnwindSafe(|| job(&tx))).unwrap_or(Err(Fault::Panicked))
        });
        let ran = match &result {
            Ok(_) => Ran::Succeeded,
            Err(Fault::Sqlite(error)) => Ran::Refused(copy(error)),
            Err(_) => Ran::Failed,
        };
        self.result = Some(result);
        ran
    }

    fn tell(self: Box<Self>, lost: Option<Fault>) {
        let Self {
            result,
            tell,
            operation,
            path,
            ..
        } = *self;
        let result = match (result, lost) {
            (Some(Ok(_)) | None, Some(fault)) => Err(fault),
            (Some(result), _) => result,
            (None, None) => Err(Fault::Store(StoreError::Closed)),
        };
        // A caller that went away does not need to hear.
        drop(tell.send(result.map_err(|e| e.told(operation, &path))));
    }
}

#[derive(Default)]
struct Counters {
    commits: AtomicU64,
    jobs: AtomicU64,
    failures: AtomicU64,
}

pub(super) struct Writer {
    queue: Option<mpsc::Sender<Box<dyn Job>>>,
    thread: Option<JoinHandle<()>>,
    counters: Arc<Counters>,
    path: Arc<Path>,
    clock: Clock,
}

/// The writing connection inside a job's transaction, and when the job runs.
pub(crate) struct Tx<'a> {
    connection: &'a Connection,
    pub now: Timestamp,
}

impl<'a> Tx<'a> {
    pub(super) fn new(connection: &'a Connection, now: Timestamp) -> Self {
        Self { connection, now }
    }
}

impl Deref for Tx<'_> {
    type Target = Connection;
    fn deref(&self) -> &Connection {
        self.connection
    }
}

/// What the writing thread works with.
pub(super) struct Desk {
    pub connection: Connection,
    pub path: PathBuf,
    pub reserve: Reserve,
    pub state: StateFile,
}

impl Writer {
    pub(super) fn start(desk: Desk, clock: Clock) -> Result<Self> {
        let path: Arc<Path> = desk.path.as_path().into();
        let (queue, jobs) = mpsc::channel(QUEUE);
        let counters = Arc::new(Counters::default());
        let thread = std::thread::Builder::new()
            .name("store-writer".into())
            .spawn({
                let counters = Arc::clone(&counters);
                move || desk.run(jobs, &counters)
            })
            .map_err(|source| StoreError::Folder {
                path: path.to_path_buf(),
                source,
            })?;
        Ok(Self {
            queue: Some(queue),
            thread: Some(thread),
            counters,
            path,
            clock,
        })
    }

    /// Hands a job over that may run twice: the first run can be undone for want of room.
    pub(super) fn submit<T: Send + 'static>(
        &self,
        operation: Operation,
        weight: Weight,
        job: impl FnMut(&Tx<'_>) -> fault::Result<T> + Send + 'static,
    ) -> Reply<'static, T> {
        let queue = self.queue.clone();
        let path = Arc::clone(&self.path);
        let clock = self.clock.clone();
        Box::pin(async move {
            let (tell, told) = oneshot::channel();
            let job = Box::new(Task {
                job,
                weight,
                result: None,
                tell,
                operation,
                path,
                clock,
            });
            let queue = queue.ok_or(StoreError::Closed)?;
            queue.send(job).await.map_err(|_| StoreError::Closed)?;
            drop(queue);
            told.await.unwrap_or(Err(StoreError::Closed))
        })
    }

    pub(super) fn counts(&self) -> WriteCounts {
        WriteCounts {
            commits: self.counters.commits.load(Ordering::Relaxed),
            jobs: self.counters.jobs.load(Ordering::Relaxed),
            failures: self.counters.failures.load(Ordering::Relaxed),
        }
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.queue = None;
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("the store's writer thread had panicked");
        }
    }
}

/// A job that ran in a group, and how.
struct Done {
    job: Box<dyn Job>,
    ran: Ran,
}

impl Desk {
    fn run(mut self, mut jobs: mpsc::Receiver<Box<dyn Job>>, counters: &Counters) {
        let mut group = Vec::new();
        self.checkpoint_by_itself(self.reserve.held());
        while jobs.blocking_recv_many(&mut group, GROUP) > 0 {
            let waiting = self.admit(std::mem::take(&mut group), counters);
            let starved = self.commit_all(waiting, true, counters);
            if !starved.is_empty() {
                self.give_way();
                self.commit_all(starved, false, counters);
            }
            if !self.reserve.held() {
                self.fold_if_it_fits();
            }
        }
        if let Err(error) = self.connection.execute_batch("PRAGMA optimize") {
            tracing::warn!(%error, "the store could not note what helps its next queries");
        }
        if self.fold_if_it_fits()
            && let Err(error) = self.state.set_closed()
        {
            tracing::warn!(%error, path = %self.state.path().display(), "it could not be noted that the store was closed");
        }
    }

    /// Lets the reserve go, and uses its room well.
    fn give_way(&mut self) {
        if self.reserve.give_way() {
            self.checkpoint_by_itself(false);
            self.fold_if_it_fits();
        }
    }

    /// SQLite folds a long log by itself, and lets the database grow for it: not when that would eat up the last room half way.
    fn checkpoint_by_itself(&self, may: bool) {
        let pages = if may { LOG_PAGES } else { 0 };
        if let Err(error) = self
            .connection
            .pragma_update(None, "wal_autocheckpoint", pages)
        {
            tracing::warn!(%error, "it could not be set when the store's log is folded");
        }
    }

    /// Folds the log when the database has room to grow by all of it; then the log's own room is free. True when it was.
    fn fold_if_it_fits(&self) -> bool {
        let mut log = self.path.clone().into_os_string();
        log.push("-wal");
        let length = std::fs::metadata(log).map_or(0, |meta| meta.len());
        let fits = reserve::free(&self.path).is_none_or(|free| free >= length);
        fits && self.fold()
    }

    /// Moves what the log holds into the database and empties the log. True when all of it was.
    fn fold(&self) -> bool {
        let checkpoint = self
            .connection
            .query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| {
                row.get::<_, i64>(0)
            });
        match checkpoint {
            Ok(busy) => busy == 0,
            Err(error) => {
                tracing::warn!(%error, "a checkpoint of the store failed; its log is read at the next start");
                false
            }
        }
    }

    /// Refuses what must not be written to a full disk.
    fn admit(&mut self, jobs: Vec<Box<dyn Job>>, counters: &Counters) -> Vec<Box<dyn Job>> {
        let held = self.reserve.held();
        if self.reserve.ready() {
            if !held {
                self.checkpoint_by_itself(true);
            }
            return jobs;
        }
        let (small, refused): (Vec<_>, Vec<_>) =
            jobs.into_iter().partition(|j| j.weight() == Weight::Small);
        for job in refused {
            counters.failures.fetch_add(1, Ordering::Relaxed);
            job.tell(Some(Fault::Sqlite(full())));
        }
        small
    }

    /// Runs jobs in as few transactions as it takes. Gives back the small ones that found no room, when they may `retry`.
    fn commit_all(
        &mut self,
        jobs: Vec<Box<dyn Job>>,
        retry: bool,
        counters: &Counters,
    ) -> Vec<Box<dyn Job>> {
        let mut waiting = jobs.into_iter();
        let mut starved = Vec::new();
        // More than one round only when SQLite itself gave up a transaction half way.
        while waiting.len() > 0 {
            self.commit_group(&mut waiting, retry, &mut starved, counters);
        }
        starved
    }

    /// Runs jobs in one transaction until there are none left or the transaction is lost, then tells each its fate.
    fn commit_group(
        &mut self,
        waiting: &mut std::vec::IntoIter<Box<dyn Job>>,
        retry: bool,
        starved: &mut Vec<Box<dyn Job>>,
        counters: &Counters,
    ) {
        let connection = &self.connection;
        let mut done = Vec::new();
        let mut lost = None;
        if let Err(error) = connection.execute_batch("BEGIN IMMEDIATE") {
            // Nothing can be written now. Each caller is told; later jobs try again.
            done.extend(waiting.by_ref().map(|job| Done {
                job,
                ran: Ran::Failed,
            }));
            lost = Some(error);
        }
        for mut job in waiting.by_ref() {
            let (ran, error) = in_savepoint(connection, job.as_mut());
            done.push(Done { job, ran });
            if error.is_some() {
                lost = error;
                break;
            }
        }
        let fate = match lost {
            Some(error) => Some(error),
            None => connection.execute_batch("COMMIT").err(),
        };
        if let Some(error) = &fate {
            tracing::error!(%error, path = %self.path.display(), jobs = done.len(), "a transaction of the store was lost");
            if !connection.is_autocommit()
                && let Err(error) = connection.execute_batch("ROLLBACK")
            {
                tracing::error!(%error, "and could not be rolled back");
            }
        } else {
            counters.commits.fetch_add(1, Ordering::Relaxed);
        }
        let no_room = fate.as_ref().is_some_and(is_full);
        for Done { job, ran } in done {
            let own = matches!(&ran, Ran::Refused(error) if is_full(error));
            if retry && job.weight() == Weight::Small && (own || no_room) {
                starved.push(job);
                continue;
            }
            let counter = if matches!(ran, Ran::Succeeded) && fate.is_none() {
                &counters.jobs
            } else {
                &counters.failures
            };
            counter.fetch_add(1, Ordering::Relaxed);
            job.tell(fate.as_ref().map(|error| Fault::Sqlite(copy(error))));
        }
    }
}

/// Runs one job in a savepoint. An error beside how it went means that the whole transaction is gone.
fn in_savepoint(connection: &Connection, job: &mut dyn Job) -> (Ran, Option<rusqlite::Error>) {
    if let Err(error) = connection.execute_batch("SAVEPOINT job") {
        let ran = job.run(Err(Fault::Sqlite(copy(&error))));
        return (ran, Some(error));
    }
    let ran = job.run(Ok(connection));
    if connection.is_autocommit() {
        // On a full disk or a failed write SQLite rolls back everything by itself.
        let error = match &ran {
            Ran::Refused(error) => copy(error),
            Ran::Succeeded | Ran::Failed => rusqlite::Error::SqliteFailure(
                rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_ABORT),
                Some("the transaction was rolled back".into()),
            ),
        };
        return (ran, Some(error));
    }
    let end = if matches!(ran, Ran::Succeeded) {
        "RELEASE job"
    } else {
        "ROLLBACK TO job; RELEASE job"
    };
    (ran, connection.execute_batch(end).err())
}

fn full() -> rusqlite::Error {
    rusqlite::Error::SqliteFailure(
        rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_FULL),
        Some("what room is left is kept for administrators".into()),
    )
}

/// The same error for another caller: SQLite's own are rebuilt from their code and text.
fn copy(error: &rusqlite::Error) -> rusqlite::Error {
    match error {
        rusqlite::Error::SqliteFailure(code, text) => {
            rusqlite::Error::SqliteFailure(*code, text.clone())
        }
        other => rusqlite::Error::ToSqlConversionFailure(other.to_string().into()),
    }
}
