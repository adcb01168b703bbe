//! A spool on a disk without room: what can be read is read, what has to be written waits.
//!
//! SQLite needs room to open a file for writing, at the latest for its log. Without it the file is opened as it lies
//! there, for reading only; where there is none yet, an empty spool in memory stands in. Each write tries for the real
//! one first.

use super::{SCHEMA, SECOND, Spool, SpoolError};
use crate::orders::{Pruned, Remembered};
use rusqlite::{Connection, ErrorCode, OpenFlags};
use std::fmt::Write as _;
use std::path::Path;

/// Whether this error says that there is no room left.
pub fn is_full(error: &rusqlite::Error) -> bool {
    matches!(error, rusqlite::Error::SqliteFailure(failure, _)
        if failure.code == ErrorCode::DiskFull || failure.extended_code == rusqlite::ffi::SQLITE_IOERR_SHMSIZE)
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

    /// The file as it lies there. Nobody changes it meanwhile: the folder is locked, and this agent cannot write.
    fn read_only(path: &Path) -> Result<(Self, Remembered), SpoolError> {
        let failed = |source| SpoolError::Open {
            path: path.into(),
            source,
        };
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_URI;
        let connection = Connection::open_with_flags(as_uri(path), flags).map_err(failed)?;
        Self::waiting(path, connection)
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
        Self::waiting(path, connection)
    }

    fn waiting(path: &Path, connection: Connection) -> Result<(Self, Remembered), SpoolError> {
        let mut spool = Self {
            path: path.into(),
            connection,
            bytes: 0,
            waits: true,
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
        if !self.waits {
            return Ok(());
        }
        let (mut settled, found) = Self::open_at(&self.path).map_err(|error| match error {
            SpoolError::Open { path, source } if is_full(&source) => {
                SpoolError::Full { path, source }
            }
            other => other,
        })?;
        // What was begun anew in memory is not in the file yet; what was read from the file is.
        let (held, _) = self.contents()?;
        let pruned = Pruned {
            number: held.pruned.number.max(found.pruned.number),
            expires: held.pruned.expires.max(found.pruned.expires),
        };
        settled.remember(&held.done, &held.cancelled, pruned)?;
        tracing::info!(path = %self.path.display(), "there is room for the spool again");
        *self = settled;
        Ok(())
    }
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
