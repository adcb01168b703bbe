//! A failure inside SQLite on its way to becoming the store's.
//!
//! Jobs use `?` on rusqlite's results and know neither the file nor what they are part of; both are added in one place, when the
//! failure leaves the thread that met it: [`Fault::told`].

use super::super::error::{Cause, Operation, StoreError};
use rusqlite::ErrorCode as Code;
use std::path::Path;

/// What a job gives.
pub(crate) type Result<T> = std::result::Result<T, Fault>;

/// Why a job failed.
#[derive(Debug)]
pub(crate) enum Fault {
    /// SQLite's own failure.
    Sqlite(rusqlite::Error),
    /// A stored value that this program does not write.
    Content {
        /// Which value.
        what: &'static str,
        /// Why.
        source: Cause,
    },
    /// The job panicked.
    Panicked,
    /// A failure in the store's own words.
    Store(StoreError),
}

/// What was found, if it is there.
pub(crate) fn optional<T>(found: Result<T>) -> Result<Option<T>> {
    match found {
        Ok(found) => Ok(Some(found)),
        Err(Fault::Store(StoreError::Missing(_))) => Ok(None),
        Err(error) => Err(error),
    }
}

impl From<rusqlite::Error> for Fault {
    fn from(error: rusqlite::Error) -> Self {
        Self::Sqlite(error)
    }
}

impl From<StoreError> for Fault {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl Fault {
    /// A stored value that this program does not write.
    pub fn content(what: &'static str, source: impl Into<Cause>) -> Self {
        Self::Content {
            what,
            source: source.into(),
        }
    }

    /// The object is not there.
    pub fn missing(what: impl Into<String>) -> Self {
        Self::Store(StoreError::Missing(what.into()))
    }

    /// The change contradicts what is there.
    pub fn conflict(why: impl Into<String>) -> Self {
        Self::Store(StoreError::Conflict(why.into()))
    }

    /// The failure in the store's words, now that it is known what was being done and where.
    pub fn told(self, operation: Operation, path: &Path) -> StoreError {
        let error = match self {
            Self::Store(error) => return error,
            Self::Panicked => return StoreError::Panicked(operation),
            Self::Content { what, source } => {
                return StoreError::Content {
                    operation,
                    what,
                    source,
                };
            }
            Self::Sqlite(error) => error,
        };
        let path = path.to_owned();
        let code = if is_full(&error) {
            Some(Code::DiskFull)
        } else {
            error.sqlite_error_code()
        };
        let source: Cause = Box::new(error);
        match code {
            Some(Code::DiskFull) => StoreError::Full {
                operation,
                path,
                source,
            },
            Some(Code::DatabaseCorrupt | Code::NotADatabase) => StoreError::Damaged {
                operation,
                path,
                source,
            },
            Some(Code::SystemIoFailure | Code::ReadOnly | Code::CannotOpen) => StoreError::Disk {
                operation,
                path,
                source,
            },
            Some(Code::DatabaseBusy | Code::DatabaseLocked) => StoreError::Busy {
                operation,
                path,
                source,
            },
            Some(Code::ConstraintViolation) => StoreError::Constraint { operation, source },
            _ => StoreError::Statement { operation, source },
        }
    }
}

/// Whether a full disk is why. SQLite has another word for it where its shared memory cannot grow.
pub(super) fn is_full(error: &rusqlite::Error) -> bool {
    let rusqlite::Error::SqliteFailure(error, _) = error else {
        return false;
    };
    error.code == Code::DiskFull || error.extended_code == rusqlite::ffi::SQLITE_IOERR_SHMSIZE
}
