//! A spool on a disk without room: what can be read is read, what has to be written waits.
//!
//! SQLite needs room to open a file for writing, at the latest for its log. Without it the file is opened as it lies
//! there, for reading only; where there is none yet, an empty spool in memory stands in. Each write tries for the real
//! one first.

use super::{SCHEMA, SECOND, Spool, SpoolError};
use crate::orders::{Pruned, Remembered};
use rusqlite::config::DbConfig;
use rusqlite::{Connection, ErrorCode, OpenFlags};
use std::fmt::Write as _;
use std::path::Path;

/// Whether this error says that there is no room left.
pub fn is_full(error: &rusqlite::Error) -> bool {
    matches!(error, rusqlite::Error::SqliteFailure(failure, _)
        if failure.code == ErrorCode::DiskFull || failure.extended_code == rusqlite::ffi::SQLITE_IOERR_SHMSIZE)
}

/// Where a spool lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Room {
    /// In its file.
    Found,
    /// In its file, of which it only reads.
    Reading,
    /// In memory: there is no file yet.
    Memory,
}

impl Spool {
    /// Opens this file, or what can be had of it while the disk is full.
    pub(super) fn open_or_wait(path: &Path) -> Result<(Self, Remembered), SpoolError> {
        let error = match Self::open_at(path) {
            Err(error) if error.is_full() => error,
            done => return done,
        };
        tracing::error!(error = %crate::chain(&error), "the disk with the spool is full; no order is taken until there is room");
        Self::read_only(path).or_else(|error| {
            if error.is_damage() {
                return Err(error);
            }
            tracing::debug!(error = %crate::chain(&error), "there is no spool to read yet");
            Self::in_memory(path)
        })
    }

    fn read_only(path: &Path) -> Result<(Self, Remembered), SpoolError> {
        let connection = reading(path).map_err(|source| SpoolError::Open {
            path: path.into(),
            source,
        })?;
        Self::waiting(path, connection, Room::Reading)
    }

    fn in_memory(path: &Path) -> Result<(Self, Remembered), SpoolError> {
        let failed = |source| SpoolError::Open {
            path: path.into(),
            source,
        };
        let connection = Connection::open_in_memory().map_err(failed)?;
        connection
            .execute_batch(SCHEMA)
            .and_then(|()| connection.execute_batch(SECOND))
            .map_err(failed)?;
        Self::waiting(path, connection, Room::Memory)
    }

    fn waiting(
        path: &Path,
        connection: Connection,
        room: Room,
    ) -> Result<(Self, Remembered), SpoolError> {
        let mut spool = Self {
            path: path.into(),
            connection,
            bytes: 0,
            room,
        };
        let (remembered, bytes) = spool.contents()?;
        spool.bytes = bytes;
        Ok((spool, remembered))
    }

    /// Takes the place on disk when there is room for it by now.
    ///
    /// # Errors
    /// [`SpoolError::Full`] while there is none.
    pub(super) fn settle(&mut self) -> Result<(), SpoolError> {
        let full = |error| match error {
            SpoolError::Open { path, source } if is_full(&source) => {
                SpoolError::Full { path, source }
            }
            other => other,
        };
        let failed = |source| SpoolError::Open {
            path: self.path.clone(),
            source,
        };
        let settled = match self.room {
            Room::Found => return Ok(()),
            Room::Reading => {
                // Reading holds the file for itself too.
                self.connection = Connection::open_in_memory().map_err(failed)?;
                match Self::open_at(&self.path) {
                    Ok((settled, _)) => settled,
                    Err(error) => {
                        self.connection = reading(&self.path).map_err(failed)?;
                        return Err(full(error));
                    }
                }
            }
            Room::Memory => self.in_file().map_err(full)?,
        };
        tracing::info!(path = %self.path.display(), "there is room for the spool again");
        *self = settled;
        Ok(())
    }

    /// The file, with what is in memory.
    fn in_file(&mut self) -> Result<Self, SpoolError> {
        let (mut settled, found) = Self::open_at(&self.path)?;
        let (held, _) = self.contents()?;
        let pruned = Pruned {
            number: held.pruned.number.max(found.pruned.number),
            expires: held.pruned.expires.max(found.pruned.expires),
        };
        settled.remember(&held.done, &held.cancelled, pruned)?;
        Ok(settled)
    }
}

/// The file as it lies there, with what a killed agent left in its log. Nobody changes it meanwhile: the folder is locked, and this
/// agent cannot write.
fn reading(path: &Path) -> Result<Connection, rusqlite::Error> {
    let mut log = path.as_os_str().to_owned();
    log.push("-wal");
    let logged = std::fs::metadata(log).is_ok_and(|log| log.len() > 0);
    if !logged {
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_URI;
        return Connection::open_with_flags(as_uri(path), flags);
    }
    // Whoever reads a log must be allowed to write, or there must be an index of it on disk; exclusive, its index lies in memory.
    let connection = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)?;
    connection.execute_batch("PRAGMA locking_mode = EXCLUSIVE; PRAGMA query_only = ON;")?;
    Ok(connection)
}

/// A file that is only read and has no log beside it that could be read.
fn as_uri(path: &Path) -> String {
    let mut uri = "file:".to_owned();
    for byte in path.as_os_str().as_encoded_bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'/' | b'-' | b'_' | b'.' => {
                uri.push(char::from(*byte));
            }
            // Writing to a string cannot fail.
            other => drop(write!(uri, "%{other:02X}")),
        }
    }
    uri.push_str("?immutable=1");
    uri
}
