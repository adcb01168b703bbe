//! The store in one SQLite file, `cordon.db` in the data folder.
//!
//! One thread owns the only writing connection; it takes all jobs that wait, runs them in one transaction (each in a
//! savepoint) and answers their callers after the commit: see [`writer`]. A few threads own read-only connections
//! ([`readers`]); WAL lets them read beside the writer. The schema grows by [`migrate`].
//!
//! A domain method is one expression: `self.write(move |tx| …)` or `self.read(move |db| …)`.

mod accounts;
pub(crate) mod audit;
mod endpoints;
mod groups;
mod ids;
pub mod migrate;
mod orders;
mod questions;
mod quota;
mod readers;
mod writer;

use super::lock::FolderLock;
use super::{Reply, Result, StoreError};
use crate::model::clock::Clock;
use readers::Readers;
use rusqlite::{Connection, OpenFlags};
use std::path::{Path, PathBuf};
use std::time::Duration;
use writer::{Tx, Writer};

/// Name of the database in the data folder.
pub const FILE_NAME: &str = "cordon.db";
/// Marks the file as ours (`application_id`): "Crdn".
const APPLICATION_ID: i32 = 0x4372_646e;
const BUSY_TIMEOUT: Duration = Duration::from_secs(10);
const READERS: usize = 4;

/// The open store. Dropping it finishes the jobs that were accepted, then closes the file.
pub struct SqliteStore {
    writer: Writer,
    readers: Readers,
    path: PathBuf,
    // Last, so that it is let go of only after the connections are closed.
    _lock: FolderLock,
}

impl SqliteStore {
    /// Opens or makes the database in `folder`, takes the folder's lock and brings the schema up to date.
    pub fn open(folder: &Path, clock: Clock) -> Result<Self> {
        make_private_folder(folder)?;
        let lock = FolderLock::take(folder)?;
        let path = folder.join(FILE_NAME);
        let mut connection = open_writing(&path)?;
        migrate::apply(&mut connection, &path, migrate::MIGRATIONS)?;
        let readers = Readers::start(&path, READERS)?;
        let writer = Writer::start(connection, &path, clock)?;
        Ok(Self {
            writer,
            readers,
            path,
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
        job: impl FnOnce(&Tx<'_>) -> Result<T> + Send + 'static,
    ) -> Reply<'static, T> {
        self.writer.submit(job)
    }

    /// Runs a job on a read-only connection; it sees everything whose reply was given before.
    pub(crate) fn read<T: Send + 'static>(
        &self,
        job: impl FnOnce(&Connection) -> Result<T> + Send + 'static,
    ) -> Reply<'static, T> {
        self.readers.submit(job)
    }
}

impl super::Store for SqliteStore {
    fn write_counts(&self) -> super::WriteCounts {
        self.writer.counts()
    }
}

/// Opens the database of a folder read-only, without the folder's lock: for offline checks beside a running server.
pub fn open_offline(path: &Path) -> Result<Connection> {
    open_reading(path)
}

/// Checks the audit log of an open database; see [`crate::audit::verify_file`].
pub(crate) fn verify_audit(
    connection: &Connection,
    noted: &[crate::model::audit::Head],
) -> Result<crate::model::audit::Verdict> {
    audit::verify(connection, noted)
}

fn make_private_folder(folder: &Path) -> Result<()> {
    let mut builder = std::fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::DirBuilderExt as _;
        builder.mode(0o700);
    }
    builder.create(folder).map_err(|source| StoreError::Folder {
        path: folder.to_owned(),
        source,
    })
}

fn open_writing(path: &Path) -> Result<Connection> {
    let opened = |source| StoreError::Open {
        path: path.to_owned(),
        source,
    };
    let located = |e: rusqlite::Error| StoreError::from(e).located(path);
    let connection = Connection::open_with_flags(
        path,
        OpenFlags::SQLITE_OPEN_READ_WRITE
            | OpenFlags::SQLITE_OPEN_CREATE
            | OpenFlags::SQLITE_OPEN_NO_MUTEX,
    )
    .map_err(opened)?;
    #[cfg(unix)]
    restrict(path)?;
    connection.busy_timeout(BUSY_TIMEOUT).map_err(located)?;
    let application: i32 = connection
        .pragma_query_value(None, "application_id", |row| row.get(0))
        .map_err(located)?;
    let tables: i64 = connection
        .query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))
        .map_err(located)?;
    if application != APPLICATION_ID {
        if tables > 0 {
            return Err(StoreError::Foreign(path.to_owned()));
        }
        connection
            .pragma_update(None, "application_id", APPLICATION_ID)
            .map_err(located)?;
    }
    connection
        .pragma_update(None, "journal_mode", "WAL")
        .map_err(located)?;
    // FULL: an acknowledged change survives a power cut, not only a killed process.
    connection
        .pragma_update(None, "synchronous", "FULL")
        .map_err(located)?;
    connection
        .pragma_update(None, "foreign_keys", true)
        .map_err(located)?;
    connection
        .pragma_update(None, "trusted_schema", false)
        .map_err(located)?;
    connection.set_prepared_statement_cache_capacity(128);
    Ok(connection)
}

fn open_reading(path: &Path) -> Result<Connection> {
    let connection = Connection::open_with_flags(
        path,
        OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX,
    )
    .map_err(|source| StoreError::Open {
        path: path.to_owned(),
        source,
    })?;
    let located = |e: rusqlite::Error| StoreError::from(e).located(path);
    connection.busy_timeout(BUSY_TIMEOUT).map_err(located)?;
    connection
        .pragma_update(None, "query_only", true)
        .map_err(located)?;
    connection
        .pragma_update(None, "trusted_schema", false)
        .map_err(located)?;
    connection.set_prepared_statement_cache_capacity(128);
    Ok(connection)
}

#[cfg(unix)]
fn restrict(path: &Path) -> Result<()> {
    use std::os::unix::fs::PermissionsExt as _;
    // SQLite gives -wal and -shm the mode of the main file.
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600)).map_err(|source| {
        StoreError::Folder {
            path: path.to_owned(),
            source,
        }
    })
}

#[cfg(test)]
mod tests;
