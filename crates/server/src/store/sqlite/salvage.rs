//! Saving what can be read of a damaged store into a new folder.
//!
//! Table by table and row by row, over SQLite's own reading: where a page cannot be read, the search goes on behind it, in growing
//! steps and then back to the first row that can be read again. What was passed over is told as the numbers between which it lay.
//! The damaged folder is not changed. The new one gets the keys too, so that a server starts on it; its audit log is judged and told,
//! not mended, and its next entry says what happened.

use super::super::content::FILES_FOLDER;
use super::super::error::{Result, StoreError};
use super::super::lock::FolderLock;
use super::connection::{self, FILE_NAME, open_looking, open_writing};
use super::fault::Fault;
use super::state::StateFile;
use super::writer::Tx;
use super::{chain, migrate};
use crate::model::actor::Actor;
use crate::model::audit::{Deed, Verdict};
use jiff::Timestamp;
use rusqlite::types::Value;
use rusqlite::{Connection, params_from_iter};
use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};

/// Beyond this many numbers the search behind a damaged place goes in steps that grow.
const ONE_BY_ONE: i64 = 256;
/// Rows in one transaction of the new database.
const GROUP: u64 = 10_000;

/// What was saved of one table.
#[derive(Debug, PartialEq, Eq)]
pub struct Saved {
    /// The table.
    pub table: String,
    /// Rows that are in the new database.
    pub rows: u64,
    /// Numbers between which rows could not be read: after the first, before the second (the last of all when `None`).
    pub gaps: Vec<(Option<i64>, Option<i64>)>,
    /// Rows that were read, but hold what a good one cannot.
    pub misfits: u64,
    /// Why nothing more was read, for a table without numbers or one that is lost as a whole.
    pub failure: Option<String>,
}

impl Saved {
    /// Whether the table is in the new database as it was.
    #[must_use]
    pub fn is_whole(&self) -> bool {
        self.gaps.is_empty() && self.misfits == 0 && self.failure.is_none()
    }

    /// Rows that lay in the gaps at most, as far as their ends are known.
    #[must_use]
    pub fn lost(&self) -> u64 {
        let between = |gap: &(Option<i64>, Option<i64>)| match *gap {
            (from, Some(to)) => {
                u64::try_from(to.saturating_sub(from.unwrap_or(0)).saturating_sub(1)).unwrap_or(0)
            }
            (_, None) => 0,
        };
        self.gaps.iter().map(between).sum::<u64>() + self.misfits
    }
}

impl fmt::Display for Saved {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {} rows saved", self.table, self.rows)?;
        for (from, to) in &self.gaps {
            match (from, to) {
                (Some(from), Some(to)) => write!(f, ", lost between numbers {from} and {to}")?,
                (None, Some(to)) => write!(f, ", lost before number {to}")?,
                (Some(from), None) => write!(f, ", lost after number {from}")?,
                (None, None) => write!(f, ", all lost")?,
            }
        }
        if self.misfits > 0 {
            write!(f, ", {} rows held what cannot be", self.misfits)?;
        }
        if let Some(failure) = &self.failure {
            write!(f, ", then: {failure}")?;
        }
        Ok(())
    }
}

/// What a salvage gave.
#[derive(Debug)]
pub struct Salvaged {
    /// Each table.
    pub tables: Vec<Saved>,
    /// Rows in the new database that name others which were not saved.
    pub orphans: u64,
    /// The audit log of the new database, before the entry about this was added.
    pub audit: Verdict,
    /// Whether the server's keys were there and are in the new folder.
    pub keys: bool,
}

impl fmt::Display for Salvaged {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for table in &self.tables {
            writeln!(f, "{table}")?;
        }
        if self.orphans > 0 {
            writeln!(f, "{} rows name others that were lost", self.orphans)?;
        }
        writeln!(f, "{}", self.audit)?;
        if self.keys {
            write!(f, "the keys were copied")
        } else {
            write!(
                f,
                "there are no keys: put the folder `identity` of a backup beside the database before a server starts on it"
            )
        }
    }
}

/// Saves what can be read in `from` into the new folder `into`.
pub fn salvage(from: &Path, into: &Path, now: Timestamp) -> Result<Salvaged> {
    let _from = FolderLock::look(from)?;
    let occupied = fs::read_dir(into).is_ok_and(|mut entries| entries.next().is_some());
    if occupied {
        return Err(StoreError::Conflict(format!(
            "{} is not empty; name a new folder to salvage into",
            into.display()
        )));
    }
    let source_path = from.join(FILE_NAME);
    let path = into.join(FILE_NAME);
    let told = |e: Fault| e.told("salvaging".into(), &path);
    let looking = open_looking(&source_path)?;
    connection::make_private_folder(into)?;
    let _into = FolderLock::take(into)?;
    let source = looking.connection();
    // A database that was cut is read as far as it goes; without this nothing of it is.
    source
        .pragma_update(None, "writable_schema", true)
        .and_then(|()| source.pragma_update(None, "cell_size_check", true))
        .map_err(|e| Fault::from(e).told("salvaging".into(), &source_path))?;
    let mut target = open_writing(&path)?;
    // The new tables are those of the version that wrote the old ones; what came later is brought in after the rows.
    let known = migrate::numbers(source);
    let then: Vec<_> = migrate::MIGRATIONS
        .iter()
        .filter(|m| known.is_empty() || known.contains(&m.number))
        .copied()
        .collect();
    migrate::apply(&mut target, &path, &then)?;
    let tables = copy_all(source, &target, known.is_empty()).map_err(told)?;
    migrate::apply(&mut target, &path, migrate::MIGRATIONS)?;
    let orphans: i64 = target
        .query_row("SELECT count(*) FROM pragma_foreign_key_check", [], |r| {
            r.get::<_, i64>(0)
        })
        .map_err(|e| told(e.into()))?;
    let audit = chain::verify(&target, &[]).map_err(told)?;
    note(&target, &tables, &audit, now).map_err(told)?;
    let keys = copy_files(&from.join("identity"), &into.join("identity"))?;
    copy_files(&from.join(FILES_FOLDER), &into.join(FILES_FOLDER))?;
    finish(target, into, &path)?;
    Ok(Salvaged {
        tables,
        orphans: u64::try_from(orphans).unwrap_or(0),
        audit,
        keys,
    })
}

/// Copies every table; with `all`, one that is not in the old database is told as lost.
fn copy_all(
    source: &Connection,
    target: &Connection,
    all: bool,
) -> super::fault::Result<Vec<Saved>> {
    target.pragma_update(None, "foreign_keys", false)?;
    let tables: Vec<(String, bool)> = target
        .prepare(
            "SELECT name, wr FROM pragma_table_list WHERE schema = 'main' AND type = 'table'
             AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\' AND name <> 'migrations' ORDER BY name",
        )?
        .query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?
        .collect::<rusqlite::Result<_>>()?;
    // Tables that a later version did away with are not missed; when the list is lost, all are tried.
    let there: Option<Vec<String>> = source
        .prepare("SELECT name FROM sqlite_schema WHERE type = 'table'")
        .and_then(|mut s| s.query_map([], |row| row.get(0))?.collect())
        .ok();
    let mut saved = Vec::new();
    for (table, without_number) in tables {
        if all || there.as_ref().is_none_or(|t| t.contains(&table)) {
            saved.push(copy(source, target, &table, !without_number)?);
        }
    }
    if saved
        .iter()
        .any(|s| s.table == "audit_head" && !s.is_whole())
    {
        head_from_entries(target)?;
    }
    sequences(source, target)?;
    target.pragma_update(None, "foreign_keys", true)?;
    Ok(saved)
}

/// One table on its way.
struct Copying<'a> {
    source: &'a Connection,
    target: &'a Connection,
    read: String,
    write: String,
    columns: usize,
    saved: Saved,
}

fn copy(
    source: &Connection,
    target: &Connection,
    table: &str,
    numbered: bool,
) -> super::fault::Result<Saved> {
    let names: Vec<String> = target
        .prepare("SELECT name FROM pragma_table_info(?1)")?
        .query_map([table], |row| row.get(0))?
        .collect::<rusqlite::Result<_>>()?;
    let list = names.join(", ");
    let marks = vec!["?"; names.len()].join(", ");
    let number = if numbered { "rowid" } else { "0" };
    let mut copying = Copying {
        source,
        target,
        read: format!("SELECT {list}, {number} FROM {table}"),
        write: format!("INSERT OR REPLACE INTO {table} ({list}) VALUES ({marks})"),
        columns: names.len(),
        saved: Saved {
            table: table.to_owned(),
            rows: 0,
            gaps: Vec::new(),
            misfits: 0,
            failure: None,
        },
    };
    target.execute_batch("BEGIN")?;
    let outcome = if numbered {
        copying.by_number()
    } else {
        copying.in_order()
    };
    match outcome {
        Ok(()) => target.execute_batch("COMMIT")?,
        Err(error) => {
            // The new database failed, or a table of the old one is not even known.
            return Err(error);
        }
    }
    Ok(copying.saved)
}

/// How far a run of rows went.
enum Run {
    /// To the end of the table.
    End,
    /// To a place that cannot be read, behind this number.
    Broken(Option<i64>, rusqlite::Error),
}

impl Copying<'_> {
    fn by_number(&mut self) -> super::fault::Result<()> {
        // Numbers begin at 1 in every table.
        let mut from = 0;
        loop {
            let (last, error) = match self.run(from)? {
                Run::End => return Ok(()),
                Run::Broken(last, error) => (last, error),
            };
            let next = last.map_or(from, |l| l.saturating_add(1));
            match self.behind(next) {
                Ok(Some(id)) => {
                    self.saved.gaps.push((last, Some(id)));
                    from = id;
                }
                Ok(None) => {
                    self.saved.gaps.push((last, None));
                    self.saved.failure = Some(error.to_string());
                    return Ok(());
                }
                Err(error) => {
                    self.saved.failure = Some(error.to_string());
                    return Ok(());
                }
            }
        }
    }

    /// A table without numbers: from its beginning, and when that breaks off, from its end.
    fn in_order(&mut self) -> super::fault::Result<()> {
        let Run::Broken(_, error) = self.rows(&self.read.clone(), [].as_slice())? else {
            return Ok(());
        };
        self.saved.failure = Some(error.to_string());
        let key: Vec<String> = self
            .target
            .prepare("SELECT name || ' DESC' FROM pragma_table_info(?1) WHERE pk > 0 ORDER BY pk")?
            .query_map([&self.saved.table], |row| row.get(0))?
            .collect::<rusqlite::Result<_>>()?;
        let backwards = format!("{} ORDER BY {}", self.read, key.join(", "));
        self.rows(&backwards, [].as_slice())?;
        Ok(())
    }

    fn run(&mut self, from: i64) -> super::fault::Result<Run> {
        let select = format!("{} WHERE rowid >= ?1 ORDER BY rowid", self.read);
        self.rows(&select, &[from])
    }

    fn rows(&mut self, select: &str, from: &[i64]) -> super::fault::Result<Run> {
        let mut statement = match self.source.prepare(select) {
            Ok(statement) => statement,
            Err(error) => return Ok(Run::Broken(None, error)),
        };
        let mut rows = statement.query(params_from_iter(from))?;
        let mut last = None;
        let mut write = self.target.prepare_cached(&self.write)?;
        loop {
            let row = match rows.next() {
                Ok(Some(row)) => row,
                Ok(None) => return Ok(Run::End),
                Err(error) => return Ok(Run::Broken(last, error)),
            };
            let id: i64 = row.get(self.columns)?;
            if !from.is_empty() && last.is_some_and(|last| id <= last) {
                let error = rusqlite::Error::ToSqlConversionFailure("numbers do not rise".into());
                return Ok(Run::Broken(last, error));
            }
            last = Some(id);
            let values: Vec<Value> = (0..self.columns)
                .map(|at| row.get(at))
                .collect::<rusqlite::Result<_>>()?;
            match write.execute(params_from_iter(values)) {
                Ok(_) => self.saved.rows += 1,
                Err(error) if misfit(&error) => self.saved.misfits += 1,
                Err(error) => return Err(error.into()),
            }
            if self.saved.rows.is_multiple_of(GROUP) {
                self.target.execute_batch("COMMIT; BEGIN")?;
            }
        }
    }

    /// The first row behind a damaged place that can be read.
    fn behind(&self, broken: i64) -> rusqlite::Result<Option<i64>> {
        let mut statement = self.source.prepare(&format!(
            "{} WHERE rowid >= ?1 ORDER BY rowid LIMIT 1",
            self.read
        ))?;
        let mut first = |at: i64| -> rusqlite::Result<Option<i64>> {
            let mut rows = statement.query([at])?;
            match rows.next()? {
                Some(row) => Ok(Some(row.get(self.columns)?)),
                None => Ok(None),
            }
        };
        let (mut low, mut distance) = (broken, 1_i64);
        let mut high = loop {
            let at = broken.saturating_add(distance);
            if first(at).is_ok() {
                break at;
            }
            if at == i64::MAX {
                return Ok(None);
            }
            low = at;
            distance = if distance < ONE_BY_ONE {
                distance + 1
            } else {
                distance.saturating_add(distance / 8)
            };
        };
        while low.saturating_add(1) < high {
            let middle = low + (high - low) / 2;
            if first(middle).is_ok() {
                high = middle;
            } else {
                low = middle;
            }
        }
        first(high)
    }
}

/// Whether the new table refused what the old one held.
fn misfit(error: &rusqlite::Error) -> bool {
    matches!(
        error.sqlite_error_code(),
        Some(rusqlite::ErrorCode::ConstraintViolation | rusqlite::ErrorCode::TypeMismatch)
    )
}

/// The highest number ever given in each table: none is given twice, even when the rows that had them are lost.
fn sequences(source: &Connection, target: &Connection) -> rusqlite::Result<()> {
    let read = || -> rusqlite::Result<Vec<(String, i64)>> {
        source
            .prepare("SELECT name, seq FROM sqlite_sequence")?
            .query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?
            .collect()
    };
    // When it is lost, the highest number that was saved stands in for it.
    let Ok(found) = read() else { return Ok(()) };
    for (name, seq) in found {
        let changed = target.execute(
            "UPDATE sqlite_sequence SET seq = max(seq, ?2) WHERE name = ?1",
            (&name, seq),
        )?;
        if changed == 0 {
            target.execute(
                "INSERT INTO sqlite_sequence (name, seq) VALUES (?1, ?2)",
                (&name, seq),
            )?;
        }
    }
    Ok(())
}

/// Writes into the new audit log that it was salvaged. A log whose end is lost goes on after the last entry that was saved.
fn note(
    target: &Connection,
    tables: &[Saved],
    audit: &Verdict,
    now: Timestamp,
) -> super::fault::Result<()> {
    target.execute_batch("BEGIN")?;
    head_from_entries(target)?;
    let lost: serde_json::Map<String, serde_json::Value> = tables
        .iter()
        .filter(|t| !t.is_whole())
        .map(|t| (t.table.clone(), t.to_string().into()))
        .collect();
    let detail = serde_json::json!({ "lost": lost, "audit": audit.to_string() });
    let deed = Deed::new(Actor::Server, "store.salvage", "store").with(detail);
    chain::append(&Tx::new(target, now), &deed)?;
    target.execute_batch("COMMIT")?;
    Ok(())
}

/// The end of the audit log where its last entry is, when that lies behind the recorded end or there is none recorded.
fn head_from_entries(target: &Connection) -> rusqlite::Result<()> {
    target.execute(
        "INSERT INTO audit_head (one, number, hash)
         SELECT 1, number, hash FROM audit WHERE true ORDER BY number DESC LIMIT 1
         ON CONFLICT (one) DO UPDATE SET number = excluded.number, hash = excluded.hash
         WHERE excluded.number > audit_head.number",
        [],
    )?;
    Ok(())
}

/// Copies the files of a folder; gives whether there were any.
fn copy_files(from: &Path, folder: &Path) -> Result<bool> {
    let failed = |path: &Path| {
        let path: PathBuf = path.to_owned();
        |source| StoreError::Folder { path, source }
    };
    let entries = match fs::read_dir(from) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(false),
        Err(error) => return Err(failed(from)(error)),
    };
    connection::make_private_folder(folder)?;
    let mut some = false;
    for entry in entries {
        let entry = entry.map_err(failed(from))?;
        if entry.path().is_file() {
            fs::copy(entry.path(), folder.join(entry.file_name()))
                .map_err(failed(&entry.path()))?;
            some = true;
        }
    }
    Ok(some)
}

fn finish(target: Connection, into: &Path, path: &Path) -> Result<()> {
    target
        .query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))
        .map_err(|e| Fault::from(e).told("salvaging".into(), path))?;
    drop(target);
    let state = StateFile::of(into);
    state.set_closed().map_err(|source| StoreError::Folder {
        path: state.path().to_owned(),
        source,
    })
}
