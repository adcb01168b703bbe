//! What can go wrong in the store, told so that an operator knows what to do.
//!
//! These are the store's words, not those of what keeps it: an implementation puts its own error underneath as the source. Every
//! failure of a method names the operation that failed, as in "keeping answers to question 7".

use crate::model::order::SealError;
use std::borrow::Cow;
use std::future::Future;
use std::io;
use std::path::PathBuf;
use std::pin::Pin;

/// What a method of the store gives.
pub type Result<T> = std::result::Result<T, StoreError>;

/// A future answer of the store. Dropping the future of a write that was begun does not undo it.
pub type Reply<'a, T> = Pin<Box<dyn Future<Output = Result<T>> + Send + 'a>>;

/// What lay underneath.
pub type Cause = Box<dyn std::error::Error + Send + Sync>;

/// What the store was doing, as in "keeping answers to question 7".
pub type Operation = Cow<'static, str>;

/// A failure of the store.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// Another process holds the data folder.
    #[error(
        "the data folder {} is in use by another Cordon server; stop that server, or give this one another folder",
        .0.display()
    )]
    InUse(PathBuf),
    /// The folder, or a file that the store needs beside the database, could not be made or opened.
    #[error("cannot open {}; check that the folder exists and that this account may write there", .path.display())]
    Folder {
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// Others may write in the data folder.
    #[error(
        "others than this account may write in the data folder {} (mode {mode:o}), and so put another database there; look at what \
         lies in it, then `chmod 700` it",
        .path.display()
    )]
    Exposed {
        /// The folder.
        path: PathBuf,
        /// Its mode.
        mode: u32,
    },
    /// The database could not be opened.
    #[error("cannot open the database {}", .path.display())]
    Open {
        /// The database.
        path: PathBuf,
        /// Why.
        #[source]
        source: Cause,
    },
    /// There is no database.
    #[error(
        "there is no database {}; name the data folder of a server (--data)",
        .0.display()
    )]
    NoDatabase(PathBuf),
    /// Something else has its name.
    #[error(
        "{} is a folder, where a database should be; move it away and put the database back from the last backup",
        .0.display()
    )]
    NotAFile(PathBuf),
    /// A folder that cannot be written, and no room for a copy.
    #[error(
        "the folder of the database {} cannot be written, so what its log holds is read from a copy, and none could be made in {};          name another place (TMPDIR), or copy the folder to where it can be written",
        .path.display(), .into.display()
    )]
    Copy {
        /// The database.
        path: PathBuf,
        /// Where the copy was to be.
        into: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// The file is some other program's database.
    #[error("{} is not a Cordon database; give the server a folder of its own", .0.display())]
    Foreign(PathBuf),
    /// A file of the store is missing, emptied or cut: what it held would be gone without a word.
    #[error(
        "the store in {} is not whole: {what}; restore the last backup into a new folder, or save what can be read with \
         `cordon server salvage --data {} --into NEW-FOLDER`",
        .folder.display(), .folder.display()
    )]
    Incomplete {
        /// The data folder.
        folder: PathBuf,
        /// What is wrong.
        what: String,
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
        /// Why.
        #[source]
        source: Cause,
    },
    /// What is stored does not hold what it must hold.
    #[error(
        "{operation} failed: the database {} is damaged; stop the server and look with `cordon server check`; \
         `cordon server salvage` saves what can be read, or restore the last backup",
        .path.display()
    )]
    Damaged {
        /// What was being done.
        operation: Operation,
        /// The database.
        path: PathBuf,
        /// What was found.
        #[source]
        source: Cause,
    },
    /// No room to write.
    #[error(
        "{operation} failed: no space left to write {}; nothing was stored; free some space on that disk and try again",
        .path.display()
    )]
    Full {
        /// What was being done.
        operation: Operation,
        /// The database.
        path: PathBuf,
        /// What was said underneath.
        #[source]
        source: Cause,
    },
    /// The disk refused to read or write.
    #[error(
        "{operation} failed: {} cannot be read or written; check the disk and its mount options",
        .path.display()
    )]
    Disk {
        /// What was being done.
        operation: Operation,
        /// The database.
        path: PathBuf,
        /// What was said underneath.
        #[source]
        source: Cause,
    },
    /// Some other program holds a lock inside the database.
    #[error(
        "{operation} failed: the database {} is locked by another program; close the program that has it open",
        .path.display()
    )]
    Busy {
        /// What was being done.
        operation: Operation,
        /// The database.
        path: PathBuf,
        /// What was said underneath.
        #[source]
        source: Cause,
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
    /// A value is taken, or what it refers to is missing, where the caller made sure that this cannot be.
    #[error("{operation} failed: it contradicts what is stored")]
    Constraint {
        /// What was being done.
        operation: Operation,
        /// What was said underneath.
        #[source]
        source: Cause,
    },
    /// A stored value is not what this program writes.
    #[error("{operation} failed: the database holds an unreadable {what}")]
    Content {
        /// What was being done.
        operation: Operation,
        /// Which value.
        what: &'static str,
        /// Why.
        #[source]
        source: Cause,
    },
    /// Any other failure.
    #[error("{operation} failed in the database")]
    Statement {
        /// What was being done.
        operation: Operation,
        /// What was said underneath.
        #[source]
        source: Cause,
    },
    /// The job panicked; its changes were undone.
    #[error("{0} failed unexpectedly and was undone; this is a defect of Cordon")]
    Panicked(Operation),
    /// The store was closed.
    #[error("the store is closed because the server is stopping")]
    Closed,
}
