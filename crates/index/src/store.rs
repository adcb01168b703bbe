//! The database of the Index: opening it, its shape, and facts about it as a whole.
//!
//! SQLite in WAL mode: one process writes (it holds the lock of [`crate::service`]), any number read meanwhile. A
//! crash at any moment leaves the state after the last commit. [`mod@write`] changes it, [`crate::query`] asks it.

pub mod write;

use crate::digest_state::DigestState;
use crate::entry::Attributes;
use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags, OptionalExtension, Row, ToSql};
use std::cell::RefCell;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Raised when the shape changes so that a database of before cannot be used; see [`StoreError::Unusable`].
pub const VERSION: i64 = 1;
/// Marks the file as Cordon's Index ("CorI"), for `PRAGMA application_id`.
const APPLICATION: i64 = 0x436F_7249;

/// Kilobytes of pages that a connection keeps; the system keeps the rest of the file in memory as long as it has room.
const CACHE: u32 = 4000;

/// Asked between stretches of work; may sleep. False: work is to end.
pub type Pacer = Arc<dyn Fn() -> bool + Send + Sync>;

/// Steps of SQLite's machine between two calls of a pacer: some milliseconds.
const BETWEEN_PAUSES: i32 = 50_000;

thread_local! {
    /// Who paces what this thread asks of SQLite.
    static PACER: RefCell<Option<Pacer>> = const { RefCell::new(None) };
}

/// While it lives, long work of this thread is paced.
struct Paced;

impl Paced {
    fn by(pacer: &Pacer) -> Self {
        PACER.set(Some(Arc::clone(pacer)));
        Self
    }
}

impl Drop for Paced {
    fn drop(&mut self) {
        PACER.set(None);
    }
}

/// SQLite calls it; false lets it go on.
fn pause() -> bool {
    let goes_on = PACER.with_borrow(|pacer| pacer.as_ref().is_none_or(|pacer| pacer()));
    if !goes_on {
        // Asked to stop, it goes on without a pause: what is half made is of no use.
        PACER.set(None);
    }
    false
}

/// Columns of an entry `e` that [`attributes`] reads.
pub(crate) const ATTRIBUTES: &str =
    "e.mode, e.size, e.mtime, e.ctime, e.btime, e.uid, e.gid, e.links, e.inode, e.flags";

/// Attributes from a row, where [`ATTRIBUTES`] begin at this column.
pub(crate) fn attributes(row: &Row<'_>, first: usize) -> rusqlite::Result<Attributes> {
    Ok(Attributes {
        mode: row.get(first)?,
        size: row.get::<_, i64>(first + 1)?.cast_unsigned(),
        mtime: row.get(first + 2)?,
        ctime: row.get(first + 3)?,
        btime: row.get(first + 4)?,
        uid: row.get(first + 5)?,
        gid: row.get(first + 6)?,
        links: row.get(first + 7)?,
        inode: row.get::<_, i64>(first + 8)?.cast_unsigned(),
        flags: row.get(first + 9)?,
    })
}

/// Bytes of a hash that its index holds, in `digest_indexes.sql` too.
pub(crate) const HASH_HEAD: usize = 4;

const SCHEMA: &str = include_str!("store/schema.sql");
const INDEXES: &str = include_str!("store/indexes.sql");
const DIGEST_INDEXES: &str = include_str!("store/digest_indexes.sql");

/// Failure of the database.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// It cannot be opened.
    #[error("cannot open the database {}", .path.display())]
    Open {
        /// Where.
        path: PathBuf,
        /// Why.
        #[source]
        source: rusqlite::Error,
    },
    /// It is damaged, of another version, or no database of the Index: only a new inventory helps.
    #[error("the database {} cannot be used: {why}; delete it (`cordon index delete-database`) to index anew", .path.display())]
    Unusable {
        /// Where.
        path: PathBuf,
        /// What is wrong with it.
        why: String,
    },
    /// A statement failed.
    #[error("the database failed while it was to {doing}")]
    Statement {
        /// What was to be done.
        doing: &'static str,
        /// Why.
        #[source]
        source: rusqlite::Error,
    },
    /// A file of the database cannot be removed.
    #[error("cannot remove {}", .path.display())]
    Remove {
        /// Which.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
}

impl StoreError {
    /// Whether the disk is full.
    #[must_use]
    pub fn disk_full(&self) -> bool {
        let (Self::Open { source, .. } | Self::Statement { source, .. }) = self else {
            return false;
        };
        source.sqlite_error_code() == Some(rusqlite::ErrorCode::DiskFull)
    }

    /// Whether the file is damaged.
    #[must_use]
    pub fn damaged(&self) -> bool {
        match self {
            Self::Unusable { .. } => true,
            Self::Open { source, .. } | Self::Statement { source, .. } => matches!(
                source.sqlite_error_code(),
                Some(rusqlite::ErrorCode::DatabaseCorrupt | rusqlite::ErrorCode::NotADatabase)
            ),
            Self::Remove { .. } => false,
        }
    }
}

/// Names a failed statement.
pub(crate) fn doing(what: &'static str) -> impl Fn(rusqlite::Error) -> StoreError {
    move |source| StoreError::Statement {
        doing: what,
        source,
    }
}

/// Opens for writing, making the database when there is none.
///
/// # Errors
/// [`StoreError::Open`], [`StoreError::Unusable`].
pub fn open(path: &Path) -> Result<Connection, StoreError> {
    let failed = |source: rusqlite::Error| match source.sqlite_error_code() {
        Some(rusqlite::ErrorCode::NotADatabase | rusqlite::ErrorCode::DatabaseCorrupt) => {
            StoreError::Unusable {
                path: path.to_owned(),
                why: source.to_string(),
            }
        }
        _ => StoreError::Open {
            path: path.to_owned(),
            source,
        },
    };
    let mut connection = Connection::open(path).map_err(failed)?;
    settle(&mut connection).map_err(failed)?;
    let version: i64 = connection
        .pragma_query_value(None, "user_version", |row| row.get(0))
        .map_err(failed)?;
    let tables: i64 = connection
        .query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))
        .map_err(failed)?;
    if version == 0 && tables == 0 {
        connection
            .execute_batch(&format!(
                "BEGIN; {SCHEMA} PRAGMA application_id = {APPLICATION}; PRAGMA user_version = {VERSION}; COMMIT;"
            ))
            .map_err(failed)?;
    }
    check_version(&connection, path)?;
    Ok(connection)
}

fn settle(connection: &mut Connection) -> rusqlite::Result<()> {
    connection.progress_handler(BETWEEN_PAUSES, Some(pause))?;
    connection.busy_timeout(std::time::Duration::from_secs(10))?;
    // A plan does not depend on the values bound. Without this, statements are planned anew for each value that stands
    // next to an indexed column, which costs more than running them.
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
    // Page size before anything is written; 4 KiB suits rows of 80 bytes and random reads by hash.
    connection.execute_batch(&format!(
        "PRAGMA page_size = 4096; PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL;
         PRAGMA journal_size_limit = 16777216; PRAGMA cache_size = -{CACHE}; PRAGMA temp_store = FILE;"
    ))
}

fn check_version(connection: &Connection, path: &Path) -> Result<(), StoreError> {
    let unusable = |why: String| StoreError::Unusable {
        path: path.to_owned(),
        why,
    };
    let number = |name: &str| {
        connection
            .pragma_query_value(None, name, |row| row.get::<_, i64>(0))
            .map_err(|e| unusable(e.to_string()))
    };
    if number("application_id")? != APPLICATION {
        return Err(unusable("it was not made by the Index".into()));
    }
    match number("user_version")? {
        VERSION => Ok(()),
        other => Err(unusable(format!(
            "its version is {other}, this program's is {VERSION}"
        ))),
    }
}

/// Opens for reading only; the process that writes goes on meanwhile.
///
/// # Errors
/// [`StoreError::Open`], [`StoreError::Unusable`].
pub fn open_to_read(path: &Path) -> Result<Connection, StoreError> {
    let failed = |source| StoreError::Open {
        path: path.to_owned(),
        source,
    };
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags).map_err(failed)?;
    connection
        .busy_timeout(std::time::Duration::from_secs(10))
        .map_err(failed)?;
    connection
        .execute_batch(&format!(
            "PRAGMA cache_size = -{CACHE}; PRAGMA temp_store = FILE; PRAGMA query_only = ON;"
        ))
        .map_err(failed)?;
    check_version(&connection, path)?;
    Ok(connection)
}

/// The database, open for questions; none where no inventory was finished yet: there is no database, or a process is making it
/// (`making` tells whether one runs), and what it holds by then would be a silent false answer.
///
/// # Errors
/// [`StoreError`].
pub fn open_finished(
    path: &Path,
    making: impl FnOnce() -> bool,
) -> Result<Option<Connection>, StoreError> {
    if !path.is_file() {
        return Ok(None);
    }
    match open_to_read(path).and_then(|connection| Ok((inventoried(&connection)?, connection))) {
        Ok((finished, connection)) => Ok(finished.then_some(connection)),
        // Deleted meanwhile, or not made yet.
        Err(_) if !path.is_file() || making() => Ok(None),
        Err(error) => Err(error),
    }
}

/// Removes the database with its journals. Nothing there is no error.
///
/// # Errors
/// [`StoreError::Remove`].
pub fn delete(path: &Path) -> Result<(), StoreError> {
    for suffix in ["", "-wal", "-shm", "-journal"] {
        let mut name = path.as_os_str().to_owned();
        name.push(suffix);
        let path = PathBuf::from(name);
        match std::fs::remove_file(&path) {
            Ok(()) => {}
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
            Err(source) => return Err(StoreError::Remove { path, source }),
        }
    }
    Ok(())
}

/// Makes the indexes that are missing, but for those of [`make_digest_indexes`].
///
/// # Errors
/// [`StoreError::Statement`].
pub fn make_indexes(connection: &Connection, pacer: &Pacer) -> Result<(), StoreError> {
    make(connection, INDEXES, pacer)
}

/// Makes the indexes of hashes that are missing.
///
/// # Errors
/// [`StoreError::Statement`].
pub fn make_digest_indexes(connection: &Connection, pacer: &Pacer) -> Result<(), StoreError> {
    make(connection, DIGEST_INDEXES, pacer)
}

fn make(connection: &Connection, indexes: &str, pacer: &Pacer) -> Result<(), StoreError> {
    let _paced = Paced::by(pacer);
    // Little room makes many small runs, which the helping threads sort in the processor's caches while this one goes on
    // reading: faster than sorting all at once, and small.
    connection
        .execute_batch(&format!(
            "PRAGMA cache_size = -2000; PRAGMA threads = 2; {indexes} PRAGMA cache_size = -{CACHE}; PRAGMA threads = 0;"
        ))
        .map_err(doing("make its indexes"))
}

/// Gives back the memory of pages that are not in use.
///
/// # Errors
/// [`StoreError::Statement`].
pub fn shrink(connection: &Connection) -> Result<(), StoreError> {
    connection
        .execute_batch("PRAGMA shrink_memory;")
        .map_err(doing("give back memory"))
}

/// A fact of the table `meta`.
///
/// # Errors
/// [`StoreError::Statement`].
pub fn fact<T: rusqlite::types::FromSql>(
    connection: &Connection,
    key: &str,
) -> Result<Option<T>, StoreError> {
    connection
        .prepare_cached("SELECT value FROM meta WHERE key = ?1")
        .and_then(|mut s| {
            s.query_row([key], |row| row.get::<_, Option<T>>(0))
                .optional()
        })
        .map(Option::flatten)
        .map_err(doing("read a fact about itself"))
}

/// Sets a fact of the table `meta`.
///
/// # Errors
/// [`StoreError::Statement`].
pub fn set_fact(connection: &Connection, key: &str, value: impl ToSql) -> Result<(), StoreError> {
    connection
        .prepare_cached("INSERT INTO meta (key, value) VALUES (?1, ?2) ON CONFLICT DO UPDATE SET value = excluded.value")
        .and_then(|mut s| s.execute(rusqlite::params![key, value]))
        .map(drop)
        .map_err(doing("keep a fact about itself"))
}

/// The image of a disk that the database is of, if it is of one.
///
/// # Errors
/// [`StoreError::Statement`].
pub fn image(connection: &Connection) -> Result<Option<String>, StoreError> {
    fact(connection, "image")
}

/// How many files could not be read when that was tried, and are tried again ([`DigestState::retried`]). What a mount covers is not:
/// another file lies there.
///
/// [`DigestState::retried`]: crate::digest_state::DigestState::retried
///
/// # Errors
/// [`StoreError::Statement`].
pub fn tried_again(connection: &Connection) -> Result<u64, StoreError> {
    connection
        .prepare_cached(
            "SELECT count(*) FROM digest g JOIN entry e ON e.id = g.entry WHERE g.state NOT IN (0, 1, 2, 5)
             AND e.mode & 61440 = 32768 AND e.flags & 256 = 0",
        )
        .and_then(|mut s| s.query_row([], |row| row.get::<_, i64>(0)))
        .map(i64::cast_unsigned)
        .map_err(doing("count what is tried again"))
}

/// Files that were not found, or were others, when they were to be read: so many at most.
///
/// # Errors
/// [`StoreError::Statement`].
pub fn not_found(connection: &Connection, most: u32) -> Result<Vec<i64>, StoreError> {
    connection
        .prepare_cached(&format!(
            "SELECT g.entry FROM digest g JOIN entry e ON e.id = g.entry
             WHERE g.state NOT IN (0, 1, 2, 5) AND g.state IN ({}, {}) AND e.mode & 61440 = 32768 AND e.flags & 256 = 0 LIMIT ?1",
            DigestState::Gone as i64,
            DigestState::Changing as i64
        ))
        .and_then(|mut s| s.query_map([most], |row| row.get(0))?.collect())
        .map_err(doing("find what is tried again"))
}

/// Whether a first inventory of every volume came to its end.
///
/// # Errors
/// [`StoreError::Statement`].
pub fn inventoried(connection: &Connection) -> Result<bool, StoreError> {
    Ok(fact::<i64>(connection, "inventoried")?.is_some())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicU32, Ordering};

    /// Makes the indexes of 20,000 entries; answers how often the pacer was called, and how many indexes there are.
    fn calls(goes_on: bool) -> (u32, i64) {
        let folder = tempfile::tempdir().unwrap();
        let connection = open(&folder.path().join("index.db")).unwrap();
        connection
            .execute_batch(
                "INSERT INTO entry WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 20000)
                 SELECT i, 1, 'name ' || i, 33188, 0, 0, 0, 0, 0, 0, 1, i, 0, 0 FROM n",
            )
            .unwrap();
        let calls = Arc::new(AtomicU32::new(0));
        let counted = Arc::clone(&calls);
        let pacer: Pacer = Arc::new(move || {
            counted.fetch_add(1, Ordering::Relaxed);
            goes_on
        });
        make_indexes(&connection, &pacer).unwrap();
        let made = connection
            .query_row(
                "SELECT count(*) FROM sqlite_schema WHERE name LIKE 'entry_%' AND type = 'index'",
                [],
                |row| row.get(0),
            )
            .unwrap();
        (calls.load(Ordering::Relaxed), made)
    }

    #[test]
    fn making_indexes_is_paced() {
        let (calls, made) = calls(true);
        assert!(calls > 2, "{calls}");
        assert_eq!(made, 3);
    }

    #[test]
    fn a_stop_leaves_no_index_half_made() {
        assert_eq!(calls(false), (1, 3));
    }
}
