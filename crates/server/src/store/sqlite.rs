//! The store in one SQLite file, `cordon.db` in the data folder.
//!
//! One thread owns the only writing connection; it takes all jobs that wait, runs them in one transaction (each in a
//! savepoint) and answers their callers after the commit: see [`writer`]. A few threads own read-only connections
//! ([`readers`]); WAL lets them read beside the writer. The schema grows by [`migrate`].
//!
//! A domain method is one expression: `self.write("what it does", move |tx| …)` or `self.read(…, move |db| …)`. Inside, failures
//! are [`fault`]s; they become the store's own errors, with that name, on their way out.

mod accounts;
mod answers;
mod audit;
mod chain;
pub mod check;
mod connection;
mod content;
mod convert;
mod endpoints;
pub(crate) mod fault;
mod groups;
pub mod migrate;
mod orders;
mod origin;
mod pack;
mod questions;
mod quota;
mod readers;
mod reserve;
mod rights;
pub mod salvage;
mod sessions;
mod state;
mod upkeep;
mod vacuum;
mod values;
mod wal;
mod writer;

pub use connection::{FILE_NAME, holds_anything};
pub use reserve::{RESERVE_FILE, RESERVE_SIZE};
pub use state::STATE_FILE;
pub use vacuum::vacuum;

use super::error::{Operation, Reply, Result, StoreError};
use super::lock::FolderLock;
use crate::model::audit::{Head, Verdict};
use crate::model::clock::Clock;
use check::Brief;
use fault::Fault;
use readers::Readers;
use reserve::Reserve;
use rusqlite::Connection;
use state::StateFile;
use std::path::{Path, PathBuf};
use std::time::Duration;
use writer::{Desk, Tx, Weight, Writer};

const READERS: usize = 4;

/// What can be set about a store.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// How long the look for damage at the start may take.
    pub check: Duration,
    /// Bytes of the reserve for small changes on a full disk; 0 for none.
    pub reserve: u64,
    /// Bytes that stay free on the disk: with less, no new question is taken.
    pub spare: u64,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            check: Duration::from_secs(2),
            reserve: RESERVE_SIZE,
            spare: 64 << 20,
        }
    }
}

/// The open store. Dropping it finishes the jobs that were accepted, then closes the file.
pub struct SqliteStore {
    writer: Writer,
    readers: Readers,
    path: PathBuf,
    spare: u64,
    // Last, so that it is let go of only after the connections are closed.
    _lock: FolderLock,
}

impl SqliteStore {
    /// Opens or makes the database in `folder`, takes the folder's lock, looks for damage and brings the schema up to date.
    pub fn open(folder: &Path, clock: Clock) -> Result<Self> {
        Self::open_with(folder, clock, Options::default())
    }

    /// The same with other options.
    pub fn open_with(folder: &Path, clock: Clock, options: Options) -> Result<Self> {
        connection::make_private_folder(folder)?;
        let lock = FolderLock::take(folder)?;
        let path = folder.join(FILE_NAME);
        let state = StateFile::of(folder);
        let last = state.read().map_err(|source| StoreError::Folder {
            path: state.path().to_owned(),
            source,
        })?;
        check::whole(folder, last)?;
        let mut connection = connection::open_writing(&path)?;
        match check::briefly(&mut connection, &path, options.check)? {
            Brief::Whole => {}
            Brief::Until(table) => tracing::info!(
                table,
                "the look for damage took all its time; `cordon server check` looks at the rest"
            ),
        }
        let reserve = Reserve::new(folder, options.reserve);
        migrate::apply(&mut connection, &path, migrate::MIGRATIONS)?;
        convert::run(&mut connection)
            .map_err(|e| e.told("bringing answers into their new form".into(), &path))?;
        vacuum::once(&connection, &path);
        if let Err(error) = state.set_open() {
            // On a full disk: a loss of the log is then not noticed at the next start, but a server that does not start is worse.
            tracing::warn!(%error, path = %state.path().display(), "it could not be noted that the store is open");
        }
        let readers = Readers::start(&path, READERS)?;
        let desk = Desk {
            connection,
            path: path.clone(),
            reserve,
            state,
        };
        let writer = Writer::start(desk, clock)?;
        Ok(Self {
            writer,
            readers,
            path,
            spare: options.spare,
            _lock: lock,
        })
    }

    /// The database file.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Runs a job on the writing connection inside a transaction. An error (or a panic) undoes this job and no other;
    /// the reply comes after the commit. A job must not begin or end transactions itself.
    pub(crate) fn write<T: Send + 'static>(
        &self,
        operation: impl Into<Operation>,
        job: impl FnOnce(&Tx<'_>) -> fault::Result<T> + Send + 'static,
    ) -> Reply<'static, T> {
        let mut once = Some(job);
        self.writer
            .submit(operation.into(), Weight::Ordinary, move |tx| {
                once.take().map_or(Err(Fault::Panicked), |job| job(tx))
            })
    }

    /// The same for a small change that must work on a full disk: it may use the reserve, and may run twice.
    pub(crate) fn write_small<T: Send + 'static>(
        &self,
        operation: impl Into<Operation>,
        job: impl FnMut(&Tx<'_>) -> fault::Result<T> + Send + 'static,
    ) -> Reply<'static, T> {
        self.writer.submit(operation.into(), Weight::Small, job)
    }

    /// The same for a change that others will follow which need much more room: refused while the disk has little left.
    pub(crate) fn write_growing<T: Send + 'static>(
        &self,
        operation: impl Into<Operation>,
        job: impl FnOnce(&Tx<'_>) -> fault::Result<T> + Send + 'static,
    ) -> Reply<'static, T> {
        let operation = operation.into();
        match reserve::free(&self.path) {
            Some(free) if free < self.spare => {
                let error = reserve::too_little(free, self.spare);
                let error = Fault::Sqlite(error).told(operation, &self.path);
                Box::pin(std::future::ready(Err(error)))
            }
            _ => self.write(operation, job),
        }
    }

    /// Runs a job on a read-only connection; it sees everything whose reply was given before.
    pub(crate) fn read<T: Send + 'static>(
        &self,
        operation: impl Into<Operation>,
        job: impl FnOnce(&Connection) -> fault::Result<T> + Send + 'static,
    ) -> Reply<'static, T> {
        self.readers.submit(operation.into(), job)
    }
}

impl super::Store for SqliteStore {
    fn write_counts(&self) -> super::WriteCounts {
        self.writer.counts()
    }
}

/// Checks the audit log in a database file, with or without a running server.
pub fn verify_audit(path: &Path, noted: &[Head]) -> Result<Verdict> {
    let looking = connection::open_looking(path)?;
    chain::verify(looking.connection(), noted)
        .map_err(|e| e.told("checking the audit log".into(), path))
}

#[cfg(test)]
mod tests;
