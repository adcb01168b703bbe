//! What can go wrong in the store, told so that an operator knows what to do.

use crate::model::order::SealError;
use std::io;
use std::path::{Path, PathBuf};

/// A failure of the store.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// Another process holds the data folder.
    #[error(
        "the data folder {} is in use by another Cordon server; stop that server, or give this one another folder",
        .0.display()
    )]
    InUse(PathBuf),
    /// The folder or its lock could not be made or opened.
    #[error("cannot open {}; check that the folder exists and that this account may write there", .path.display())]
    Folder {
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// SQLite could not open or prepare the database.
    #[error("cannot open the database {}", .path.display())]
    Open {
        /// The database.
        path: PathBuf,
        /// What SQLite said.
        #[source]
        source: rusqlite::Error,
    },
    /// The file is some other program's database.
    #[error("{} is not a Cordon database; give the server a folder of its own", .0.display())]
    Foreign(PathBuf),
    /// The file does not hold what a database must hold.
    #[error(
        "the database {} is damaged; stop the server, keep the file for analysis and restore the last backup",
        .path.display()
    )]
    Damaged {
        /// The database.
        path: PathBuf,
        /// What SQLite said.
        #[source]
        source: rusqlite::Error,
    },
    /// No room to write.
    #[error(
        "no space left to write {}; nothing was stored; free some space on that disk and try again",
        .path.display()
    )]
    Full {
        /// The database.
        path: PathBuf,
        /// What SQLite said.
        #[source]
        source: rusqlite::Error,
    },
    /// The disk refused to read or write.
    #[error("reading or writing {} failed; check the disk and its mount options", .path.display())]
    Disk {
        /// The database.
        path: PathBuf,
        /// What SQLite said.
        #[source]
        source: rusqlite::Error,
    },
    /// Some other program holds a lock inside the database.
    #[error(
        "the database {} is locked by another program; close the program that has it open",
        .path.display()
    )]
    Busy {
        /// The database.
        path: PathBuf,
        /// What SQLite said.
        #[source]
        source: rusqlite::Error,
    },
    /// A newer program wrote this database.
    #[error(
        "the database {} was made by a newer Cordon (it has migration {found}, this program knows up to {known}); \
         use that version or a newer one",
        .path.display()
    )]
    Newer {
        /// The database.
        path: PathBuf,
        /// Highest unknown migration in it.
        found: u32,
        /// Highest migration this program has.
        known: u32,
    },
    /// A migration that was applied does not have the text this program knows.
    #[error(
        "migration {number} in the database {} differs from the one in this program; \
         this build and the one that made the database do not belong together",
        .path.display()
    )]
    MigrationChanged {
        /// The database.
        path: PathBuf,
        /// Its number.
        number: u32,
    },
    /// A migration failed and was rolled back.
    #[error("migration {number} ({name}) failed and was undone; the database is as it was before")]
    Migration {
        /// Its number.
        number: u32,
        /// Its name.
        name: &'static str,
        /// What SQLite said.
        #[source]
        source: rusqlite::Error,
    },
    /// The object is not there.
    #[error("{0} does not exist")]
    Missing(String),
    /// The change contradicts what is there.
    #[error("{0}")]
    Conflict(String),
    /// The order could not be signed; nothing was stored.
    #[error("the order could not be signed")]
    Seal(#[source] SealError),
    /// A stored value is not what this program writes.
    #[error("the database holds an unreadable {what}")]
    Content {
        /// Which value.
        what: &'static str,
        /// Why.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// Any other failure of a statement.
    #[error("a statement on the database failed")]
    Query(#[source] rusqlite::Error),
    /// The job panicked; its changes were undone.
    #[error("a job of the store failed unexpectedly and was undone; this is a defect of Cordon")]
    Panicked,
    /// The store was closed.
    #[error("the store is closed because the server is stopping")]
    Closed,
}

impl From<rusqlite::Error> for StoreError {
    fn from(source: rusqlite::Error) -> Self {
        Self::Query(source)
    }
}

impl StoreError {
    /// Gives a plain statement failure the meaning it has for the operator, now that the file is known.
    #[must_use]
    pub fn located(self, path: &Path) -> Self {
        use rusqlite::ErrorCode as Code;
        let Self::Query(source) = self else {
            return self;
        };
        let path = path.to_owned();
        match source.sqlite_error_code() {
            Some(Code::DiskFull) => Self::Full { path, source },
            Some(Code::DatabaseCorrupt | Code::NotADatabase) => Self::Damaged { path, source },
            Some(Code::SystemIoFailure | Code::ReadOnly | Code::CannotOpen) => {
                Self::Disk { path, source }
            }
            Some(Code::DatabaseBusy | Code::DatabaseLocked) => Self::Busy { path, source },
            _ => Self::Query(source),
        }
    }

    /// Whether this is a violated constraint: the value is taken, or what it refers to is missing.
    #[must_use]
    pub fn is_constraint(&self) -> bool {
        matches!(self, Self::Query(e) if e.sqlite_error_code() == Some(rusqlite::ErrorCode::ConstraintViolation))
    }
}
