//! The audit log's chain in SQLite: adding an entry in the transaction of the change it reports, and checking the whole.

use super::fault::{Fault, Result};
use super::values::number;
use super::writer::Tx;
use crate::model::audit::{self, Deed, Entry, Head, Verdict};
use rusqlite::{Connection, Row, params};

/// Adds the next entry of the chain in the caller's transaction; gives its number.
pub(super) fn append(tx: &Tx<'_>, deed: &Deed) -> Result<u64> {
    let last = head(tx)?;
    let mut entry = Entry {
        number: last.number + 1,
        time: tx.now.to_string(),
        who: deed.who.to_string(),
        action: deed.action.to_owned(),
        object: deed.object.clone(),
        detail: deed.detail.to_string(),
        previous: last.hash,
        hash: [0; 32],
    };
    entry.hash = entry.digest();
    let number = i64::try_from(entry.number).map_err(|e| Fault::content("audit number", e))?;
    tx.prepare_cached(
        "INSERT INTO audit (number, time, who, action, object, detail, previous, hash)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
    )?
    .execute(params![
        number,
        entry.time,
        entry.who,
        entry.action,
        entry.object,
        entry.detail,
        entry.previous,
        entry.hash
    ])?;
    tx.prepare_cached("UPDATE audit_head SET number = ?1, hash = ?2")?
        .execute(params![number, entry.hash])?;
    Ok(entry.number)
}

/// Checks the log of this database in one consistent view, from where it was cut off.
pub(super) fn verify(db: &Connection, noted: &[Head]) -> Result<Verdict> {
    // One read transaction: otherwise entries added meanwhile would lie beyond the head that was read.
    let view = db.unchecked_transaction()?;
    let (head, anchor) = (head(&view)?, anchor(&view)?);
    let mut statement = view.prepare(
        "SELECT number, time, who, action, object, detail, previous, hash FROM audit
         WHERE number > ?1 ORDER BY number",
    )?;
    let entries = statement.query_map([number(anchor.number)], entry)?;
    Ok(audit::verify_from(anchor, entries, head, noted)?)
}

/// The last entry that was exported and cut off the front.
pub(super) fn anchor(db: &Connection) -> Result<Head> {
    // A log that is checked without a server may be an older version's.
    let known: bool = db
        .prepare_cached("SELECT EXISTS (SELECT 1 FROM sqlite_schema WHERE name = 'audit_anchor')")?
        .query_row([], |row| row.get(0))?;
    if !known {
        return Ok(Head {
            number: 0,
            hash: [0; 32],
        });
    }
    mark(db, "SELECT number, hash FROM audit_anchor")
}

/// The newest entry.
pub(super) fn head(db: &Connection) -> Result<Head> {
    mark(db, "SELECT number, hash FROM audit_head")
}

fn mark(db: &Connection, select: &str) -> Result<Head> {
    let mark = db.prepare_cached(select)?.query_row([], |row| {
        Ok(Head {
            number: unsigned(row, 0)?,
            hash: row.get(1)?,
        })
    })?;
    Ok(mark)
}

pub(super) fn entry(row: &Row<'_>) -> rusqlite::Result<Entry> {
    Ok(Entry {
        number: unsigned(row, 0)?,
        time: row.get(1)?,
        who: row.get(2)?,
        action: row.get(3)?,
        object: row.get(4)?,
        detail: row.get(5)?,
        previous: row.get(6)?,
        hash: row.get(7)?,
    })
}

fn unsigned(row: &Row<'_>, column: usize) -> rusqlite::Result<u64> {
    let number: i64 = row.get(column)?;
    u64::try_from(number).map_err(|_| rusqlite::Error::IntegralValueOutOfRange(column, number))
}
