//! Audit entries in SQLite.

use super::super::audit::{Audit, AuditQuery};
use super::super::error::Reply;
use super::SqliteStore;
use super::chain::{append, entry, head, verify};
use crate::model::audit::{Deed, Entry, Head, Verdict};
use rusqlite::params;

impl Audit for SqliteStore {
    fn note(&self, deed: Deed) -> Reply<'_, u64> {
        self.write_small("writing to the audit log", move |tx| append(tx, &deed))
    }

    fn audit_entries(&self, query: AuditQuery) -> Reply<'_, Vec<Entry>> {
        self.read("reading the audit log", move |db| {
            let mut statement = db.prepare_cached(
                "SELECT number, time, who, action, object, detail, previous, hash FROM audit
                 WHERE number < ?1 AND number > (SELECT number FROM audit_anchor) AND (?2 IS NULL OR who = ?2)
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
        self.read("reading the end of the audit log", head)
    }

    fn audit_verify(&self, noted: Vec<Head>) -> Reply<'_, Verdict> {
        self.read("checking the audit log", move |db| verify(db, &noted))
    }
}
