//! Group commit: one thread, one connection, as few transactions as the disk allows.
//!
//! Under load the disk's flush is what costs; so all jobs that arrived while the last commit ran share the next one.
//! Each runs in its own savepoint: its failure undoes its own work only. A caller hears of success after the commit,
//! never before; when the commit itself fails, every job of the group gets that failure.

use super::super::{Reply, Result, StoreError, WriteCounts};
use crate::model::clock::Clock;
use jiff::Timestamp;
use rusqlite::Connection;
use std::ops::Deref;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::JoinHandle;
use tokio::sync::{mpsc, oneshot};

/// Jobs that may wait; a caller beyond that waits to hand its job over.
const QUEUE: usize = 4096;
/// Jobs in one transaction at most, so that a reply is not put off for too long.
const GROUP: usize = 1024;

/// A job runs on the connection, or hears why it cannot run.
type Job = Box<dyn FnOnce(Result<&Connection>) -> Done + Send>;

/// A job that ran: whether it counts, and how to tell its caller once the group's fate is known.
struct Done {
    succeeded: bool,
    /// SQLite's error, when that is why it failed.
    cause: Option<rusqlite::Error>,
    tell: Box<dyn FnOnce(Option<StoreError>) + Send>,
}

#[derive(Default)]
struct Counters {
    commits: AtomicU64,
    jobs: AtomicU64,
    failures: AtomicU64,
}

pub(super) struct Writer {
    queue: Option<mpsc::Sender<Job>>,
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

impl Deref for Tx<'_> {
    type Target = Connection;
    fn deref(&self) -> &Connection {
        self.connection
    }
}

impl Writer {
    pub(super) fn start(connection: Connection, path: &Path, clock: Clock) -> Result<Self> {
        let path: Arc<Path> = path.into();
        let (queue, jobs) = mpsc::channel(QUEUE);
        let counters = Arc::new(Counters::default());
        let thread = std::thread::Builder::new()
            .name("store-writer".into())
            .spawn({
                let counters = Arc::clone(&counters);
                let path = Arc::clone(&path);
                move || run(&connection, &path, jobs, &counters)
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

    pub(super) fn submit<T: Send + 'static>(
        &self,
        job: impl FnOnce(&Tx<'_>) -> Result<T> + Send + 'static,
    ) -> Reply<'static, T> {
        let queue = self.queue.clone();
        let path = Arc::clone(&self.path);
        let clock = self.clock.clone();
        Box::pin(async move {
            let (tell, told) = oneshot::channel();
            let job: Job = Box::new(move |tx| {
                let result = tx.and_then(|connection| {
                    let now = clock.now();
                    let tx = &Tx { connection, now };
                    catch_unwind(AssertUnwindSafe(|| job(tx))).unwrap_or(Err(StoreError::Panicked))
                });
                let cause = match &result {
                    Err(StoreError::Query(error)) => Some(copy(error)),
                    _ => None,
                };
                Done {
                    succeeded: result.is_ok(),
                    cause,
                    tell: Box::new(move |fate| {
                        let result = match (result, fate) {
                            (Ok(_), Some(error)) => Err(error),
                            (result, _) => result,
                        };
                        // A caller that went away does not need to hear.
                        drop(tell.send(result.map_err(|e| e.located(&path))));
                    }),
                }
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

fn run(connection: &Connection, path: &Path, mut jobs: mpsc::Receiver<Job>, counters: &Counters) {
    let mut group = Vec::new();
    while jobs.blocking_recv_many(&mut group, GROUP) > 0 {
        let mut waiting = std::mem::take(&mut group).into_iter();
        // More than one round only when SQLite itself gave up a transaction half way.
        while waiting.len() > 0 {
            commit_group(connection, path, &mut waiting, counters);
        }
    }
    if let Err(error) = connection.execute_batch("PRAGMA optimize; PRAGMA wal_checkpoint(TRUNCATE)")
    {
        tracing::warn!(%error, "the store's last checkpoint failed; the log file is read at the next start");
    }
}

/// Runs jobs in one transaction until there are none left or the transaction is lost, then tells each its fate.
fn commit_group(
    connection: &Connection,
    path: &Path,
    waiting: &mut std::vec::IntoIter<Job>,
    counters: &Counters,
) {
    if let Err(error) = connection.execute_batch("BEGIN IMMEDIATE") {
        // Nothing can be written now. Each caller is told; later jobs try again.
        tracing::error!(%error, path = %path.display(), "the store cannot begin a transaction");
        for job in waiting {
            counters.failures.fetch_add(1, Ordering::Relaxed);
            (job(Err(StoreError::Query(copy(&error)))).tell)(None);
        }
        return;
    }
    let mut done = Vec::new();
    let mut lost = None;
    for job in waiting {
        match in_savepoint(connection, job) {
            Ok(one) => done.push(one),
            Err(gone) => {
                let (one, error) = *gone;
                done.push(one);
                lost = Some(error);
                break;
            }
        }
    }
    let fate = match lost {
        Some(error) => Some(error),
        None => connection.execute_batch("COMMIT").err(),
    };
    if let Some(error) = &fate {
        tracing::error!(%error, path = %path.display(), jobs = done.len(), "a transaction of the store was lost");
        if !connection.is_autocommit()
            && let Err(error) = connection.execute_batch("ROLLBACK")
        {
            tracing::error!(%error, "and could not be rolled back");
        }
    } else {
        counters.commits.fetch_add(1, Ordering::Relaxed);
    }
    for one in done {
        let counter = if one.succeeded && fate.is_none() {
            &counters.jobs
        } else {
            &counters.failures
        };
        counter.fetch_add(1, Ordering::Relaxed);
        (one.tell)(fate.as_ref().map(|error| StoreError::Query(copy(error))));
    }
}

/// Runs one job in a savepoint. An error means that the whole transaction is gone.
fn in_savepoint(
    connection: &Connection,
    job: Job,
) -> std::result::Result<Done, Box<(Done, rusqlite::Error)>> {
    if let Err(error) = connection.execute_batch("SAVEPOINT job") {
        let done = job(Err(StoreError::Query(copy(&error))));
        return Err(Box::new((done, error)));
    }
    let mut done = job(Ok(connection));
    if connection.is_autocommit() {
        // On a full disk or a failed write SQLite rolls back everything by itself.
        let error = done.cause.take().unwrap_or_else(|| {
            rusqlite::Error::SqliteFailure(
                rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_ABORT),
                Some("the transaction was rolled back".into()),
            )
        });
        return Err(Box::new((done, error)));
    }
    let end = if done.succeeded {
        "RELEASE job"
    } else {
        "ROLLBACK TO job; RELEASE job"
    };
    match connection.execute_batch(end) {
        Ok(()) => Ok(done),
        Err(error) => Err(Box::new((done, error))),
    }
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
