//! Looking for damage: briefly at every start, thoroughly when asked to.
//!
//! A database that is written to while some of its pages are not what they were gets worse. So a start looks first, table by table,
//! the small ones that everything rests on before the large ones, and only for a bounded time; `cordon server check` reads everything:
//! every page and index, references between tables, every packed answer, and the audit chain.

use super::super::error::{Result, StoreError};
use super::super::lock::FolderLock;
use super::connection::{FILE_NAME, open_looking};
use super::fault::Fault;
use super::state::{State, StateFile};
use super::wal::{self, Log};
use super::{answers, chain, content, origin};
use crate::model::audit::{Head, Verdict};
use rusqlite::{Connection, ErrorCode};
use std::fmt;
use std::path::Path;
use std::time::{Duration, Instant};

/// Steps of SQLite's machine between two looks at the clock.
const STEPS: i32 = 10_000;
/// Findings told of each kind; a damaged page can have thousands.
const MOST: usize = 20;
/// Tables that grow with what is asked come last.
const LARGE: [&str; 3] = ["audit", "orders", "questions"];

/// What is wrong with a database, in SQLite's words.
#[derive(Debug, thiserror::Error)]
#[error("{}", .0.join("; "))]
pub struct Damage(Vec<String>);

/// Refuses a folder whose files contradict each other: what would be gone must not go without a word.
pub(super) fn whole(folder: &Path, state: State) -> Result<()> {
    let incomplete = |what: String| StoreError::Incomplete {
        folder: folder.to_owned(),
        what,
    };
    let unreadable = |path: &Path| {
        let path = path.to_owned();
        |source| StoreError::Folder { path, source }
    };
    let database = folder.join(FILE_NAME);
    let log = log_of(folder);
    let length = |path: &Path| match std::fs::metadata(path) {
        Ok(meta) => Ok(Some(meta.len())),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(unreadable(path)(error)),
    };
    let log_length = length(&log)?;
    match length(&database)? {
        Some(1..) => {}
        // Nothing was ever kept here; a first start may have ended at once.
        None | Some(0) if state == State::New && log_length.unwrap_or(0) == 0 => return Ok(()),
        found => {
            let how = if found.is_some() { "empty" } else { "missing" };
            return Err(incomplete(format!("its database {FILE_NAME} is {how}")));
        }
    }
    match wal::inspect(&log).map_err(unreadable(&log))? {
        Log::Missing if state == State::Open => Err(incomplete(format!(
            "its log {FILE_NAME}-wal is missing although the last server did not end properly, and with it what was kept \
             last (after putting back a backup on purpose, remove {} and start again)",
            StateFile::of(folder).path().display()
        ))),
        Log::Damaged { readable, lost } => Err(incomplete(format!(
            "its log {FILE_NAME}-wal is damaged: {readable} of its changes can be read, {lost} or more behind them cannot"
        ))),
        Log::Missing | Log::Whole { .. } => Ok(()),
    }
}

fn log_of(folder: &Path) -> std::path::PathBuf {
    folder.join(format!("{FILE_NAME}-wal"))
}

/// What a brief look found.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Brief {
    /// Every table was looked at.
    Whole,
    /// Time was over while this table was looked at; what came before it is good.
    Until(String),
}

/// Looks at the tables one after the other for at most this long.
pub(super) fn briefly(connection: &mut Connection, path: &Path, time: Duration) -> Result<Brief> {
    let operation = "the check at the start";
    let told = |e: rusqlite::Error| Fault::from(e).told(operation.into(), path);
    let tables = tables(connection).map_err(told)?;
    let end = Instant::now().checked_add(time);
    let over = move || end.is_some_and(|end| Instant::now() >= end);
    connection
        .progress_handler(STEPS, Some(over))
        .map_err(told)?;
    let mut found = Ok(Brief::Whole);
    for table in tables {
        let messages = if over() {
            found = Ok(Brief::Until(table));
            break;
        } else {
            pages(connection, "quick_check", &table)
        };
        match messages {
            Ok(messages) if messages.is_empty() => {}
            Ok(messages) => {
                found = Err(StoreError::Damaged {
                    operation: operation.into(),
                    path: path.to_owned(),
                    source: Box::new(Damage(messages)),
                });
                break;
            }
            Err(error) if error.sqlite_error_code() == Some(ErrorCode::OperationInterrupted) => {
                found = Ok(Brief::Until(table));
                break;
            }
            Err(error) => {
                found = Err(told(error));
                break;
            }
        }
    }
    connection
        .progress_handler(0, None::<fn() -> bool>)
        .map_err(told)?;
    found
}

/// All tables, SQLite's own among them, the small ones first.
fn tables(connection: &Connection) -> rusqlite::Result<Vec<String>> {
    let mut tables: Vec<String> = connection
        .prepare("SELECT name FROM sqlite_schema WHERE type = 'table'")?
        .query_map([], |row| row.get(0))?
        .collect::<rusqlite::Result<_>>()?;
    tables.sort_by_key(|t| LARGE.contains(&t.as_str()) || t.starts_with("answer"));
    // First of all the schema itself and the list of free pages.
    tables.insert(0, "sqlite_schema".into());
    Ok(tables)
}

/// SQLite's own check of one table and its indexes; nothing when it is good.
fn pages(connection: &Connection, check: &str, table: &str) -> rusqlite::Result<Vec<String>> {
    let table = table.replace('\'', "''");
    let mut statement = connection.prepare(&format!("PRAGMA {check}('{table}')"))?;
    let mut rows = statement.query([])?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        let text: String = row.get(0)?;
        if text != "ok" && found.len() < MOST {
            found.push(text);
        }
    }
    Ok(found)
}

/// All that a thorough look found.
#[derive(Debug)]
pub struct Report {
    /// Files that are missing, emptied or cut. `None` while a server runs, which changes them all the time.
    pub files: Option<String>,
    /// Whether a server has the folder.
    pub in_use: bool,
    /// Whether the folder has no file to lock, so that nothing keeps a server from using it meanwhile.
    pub unlocked: bool,
    /// Whether a copy was read, because the folder cannot be written.
    pub copied: bool,
    /// Damaged pages and indexes.
    pub pages: Vec<String>,
    /// Rows that refer to what is not there.
    pub references: Vec<String>,
    /// Stored values that cannot be read.
    pub values: Vec<String>,
    /// The audit chain; `None` when it could not be read.
    pub audit: Option<Verdict>,
    /// The last entry that was cut off the front of the log: what exported entries must lead to.
    pub anchor: Head,
    /// The mark of the keys that belong to this store, if it has one: see [`crate::identity::look`].
    pub keys: Option<[u8; 32]>,
}

impl Report {
    /// Whether nothing is wrong.
    #[must_use]
    pub fn is_good(&self) -> bool {
        self.files.is_none()
            && self.pages.is_empty()
            && self.references.is_empty()
            && self.values.is_empty()
            && self.audit.as_ref().is_some_and(Verdict::is_intact)
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.files {
            Some(what) => writeln!(f, "files: {what}")?,
            None if self.in_use => writeln!(f, "files: not looked at, a server is using them")?,
            None => writeln!(f, "files: good")?,
        }
        if self.unlocked {
            writeln!(f, "lock: there is no server.lock, so none was taken")?;
        }
        if self.copied {
            writeln!(
                f,
                "log: the folder cannot be written, so a copy of database and log was read"
            )?;
        }
        for (name, found) in [
            ("pages", &self.pages),
            ("references", &self.references),
            ("values", &self.values),
        ] {
            match found.as_slice() {
                [] => writeln!(f, "{name}: good")?,
                found => {
                    for text in found {
                        writeln!(f, "{name}: {text}")?;
                    }
                }
            }
        }
        match &self.audit {
            Some(verdict) => write!(f, "audit: {verdict}"),
            None => write!(f, "audit: the log cannot be read"),
        }
    }
}

/// Reads the whole store of a folder; a server may be running.
pub fn thoroughly(folder: &Path) -> Result<Report> {
    let path = folder.join(FILE_NAME);
    let (in_use, lock) = match FolderLock::look(folder) {
        Ok(lock) => (false, lock),
        Err(StoreError::InUse(_)) => (true, None),
        Err(error) => return Err(error),
    };
    let files = if in_use {
        None
    } else {
        let state = StateFile::of(folder);
        let read = state.read().map_err(|source| StoreError::Folder {
            path: state.path().to_owned(),
            source,
        })?;
        match whole(folder, read) {
            Ok(()) => None,
            Err(StoreError::Incomplete { what, .. }) => Some(what),
            Err(error) => return Err(error),
        }
    };
    let mut report = Report {
        files,
        in_use,
        unlocked: !in_use && lock.is_none(),
        copied: false,
        pages: Vec::new(),
        references: Vec::new(),
        values: Vec::new(),
        audit: None,
        anchor: Head {
            number: 0,
            hash: [0; 32],
        },
        keys: None,
    };
    let looking = open_looking(&path)?;
    report.copied = looking.copied();
    let connection = looking.connection();
    match tables(connection) {
        Ok(tables) => {
            for table in tables {
                match pages(connection, "integrity_check", &table) {
                    Ok(found) => report.pages.extend(found),
                    Err(error) => report.pages.push(format!("table {table}: {error}")),
                }
            }
        }
        Err(error) => {
            report.pages.push(error.to_string());
            return Ok(report);
        }
    }
    match references(connection) {
        Ok(found) => report.references = found,
        Err(error) => report.references.push(error.to_string()),
    }
    report.values = answers::unreadable(connection, MOST);
    report.values.extend(content::unreadable(connection, MOST));
    report.audit = chain::verify(connection, &[]).ok();
    if let Ok(anchor) = chain::anchor(connection) {
        report.anchor = anchor;
    }
    report.keys = origin::origin(connection).ok().flatten();
    Ok(report)
}

fn references(connection: &Connection) -> rusqlite::Result<Vec<String>> {
    let mut statement = connection.prepare(
        "SELECT \"table\", parent, count(*) FROM pragma_foreign_key_check GROUP BY 1, 2 ORDER BY 1, 2",
    )?;
    let rows = statement.query_map([], |row| {
        let (table, parent, count): (String, String, i64) = (row.get(0)?, row.get(1)?, row.get(2)?);
        Ok(format!(
            "{count} rows of {table} name {parent} that are not there"
        ))
    })?;
    rows.collect()
}
