//! Audit entries in SQLite. [`append`] belongs into the job whose change it reports.

use super::super::audit::{Audit, AuditQuery};
use super::super::{Reply, Result, StoreError};
use super::SqliteStore;
use super::writer::Tx;
use crate::model::audit::{self, Deed, Entry, Head, Verdict};
use rusqlite::{Connection, Row, params};

impl Audit for SqliteStore {
    fn note(&self, deed: Deed) -> Reply<'_, u64> {
        self.write(move |tx| append(tx, &deed))
    }

    fn audit_entries(&self, query: AuditQuery) -> Reply<'_, Vec<Entry>> {
        self.read(move |db| {
            let mut statement = db.prepare_cached(
                "SELECT number, time, who, action, object, detail, previous, hash FROM audit
                 WHERE number < ?1 AND (?2 IS NULL OR who = ?2)
                   AND (?3 IS NULL OR substr(action, 1, length(?3)) = ?3)
                 ORDER BY number DESC LIMIT ?4",
            )?;
            let before = query
                .before
                .and_then(|n| i64::try_from(n).ok())
                .unwrap_or(i64::MAX);
            let rows = statement
                .query_map(params![before, query.who, query.action, query.limit], entry)?;
            Ok(rows.collect::<rusqlite::Result<_>>()?)
        })
    }

    fn audit_head(&self) -> Reply<'_, Head> {
        self.read(head)
    }

    fn audit_verify(&self, noted: Vec<Head>) -> Reply<'_, Verdict> {
        self.read(move |db| verify(db, &noted))
    }
}

/// Adds the next entry of the chain in the caller's transaction; gives its number.
pub(crate) fn append(tx: &Tx<'_>, deed: &Deed) -> Result<u64> {
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
    let number = i64::try_from(entry.number).map_err(|e| StoreError::Content {
        what: "audit number",
        source: e.into(),
    })?;
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

/// Checks the log of this database in one consistent view.
pub(super) fn verify(db: &Connection, noted: &[Head]) -> Result<Verdict> {
    // One read transaction: otherwise entries added meanwhile would lie beyond the head that was read.
    let view = db.unchecked_transaction()?;
    let head = head(&view)?;
    let mut statement = view.prepare(
        "SELECT number, time, who, action, object, detail, previous, hash FROM audit ORDER BY number",
    )?;
    let entries = statement.query_map([], entry)?;
    Ok(audit::verify(entries, head, noted)?)
}

fn head(db: &Connection) -> Result<Head> {
    let head = db
        .prepare_cached("SELECT number, hash FROM audit_head")?
        .query_row([], |row| {
            Ok(Head {
                number: unsigned(row, 0)?,
                hash: row.get(1)?,
            })
        })?;
    Ok(head)
}

fn entry(row: &Row<'_>) -> rusqlite::Result<Entry> {
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
