//! Audit entries in SQLite.

use super::super::audit::{Audit, AuditQuery, Field};
use super::super::error::Reply;
use super::SqliteStore;
use super::chain::{append, entry, head, verify};
use crate::model::audit::{Deed, Entry, Head, Verdict};
use jiff::Timestamp;
use rusqlite::params;

/// The beginning of a time as entries have it, up to its second. What may follow has no fixed length, and would not compare as a text.
fn second(time: Timestamp) -> String {
    time.strftime("%Y-%m-%dT%H:%M:%S").to_string()
}

impl Audit for SqliteStore {
    fn note(&self, deed: Deed) -> Reply<'_, u64> {
        self.write_small("writing to the audit log", move |tx| append(tx, &deed))
    }

    fn audit_entries(&self, query: AuditQuery) -> Reply<'_, Vec<Entry>> {
        self.read("reading the audit log", move |db| {
            let mut statement = db.prepare_cached(
                "SELECT number, time, who, action, object, detail, previous, hash FROM audit
                 WHERE number < ?1 AND number > (SELECT number FROM audit_anchor)
                   AND (?2 IS NULL OR who = ?2 OR substr(who, 1, length(?2) + 8) = ?2 || ' (token ')
                   AND (?3 IS NULL OR substr(action, 1, length(?3)) = ?3)
                   AND (?5 IS NULL OR object = ?5)
                   AND (?6 IS NULL OR object IN (SELECT 'endpoint ' || value FROM json_each(?6))
                        OR who IN (SELECT 'endpoint:' || value FROM json_each(?6)))
                   AND (?7 IS NULL OR substr(time, 1, 19) >= ?7)
                   AND (?8 IS NULL OR substr(time, 1, 19) < ?8)
                 ORDER BY number DESC LIMIT ?4",
            )?;
            let before = query
                .before
                .and_then(|n| i64::try_from(n).ok())
                .unwrap_or(i64::MAX);
            let endpoints = query.endpoints.map(|ids| {
                let ids = ids.iter().map(|id| id.to_string().into());
                serde_json::Value::Array(ids.collect()).to_string()
            });
            let rows = statement.query_map(
                params![
                    before,
                    query.who,
                    query.action,
                    query.limit,
                    query.object,
                    endpoints,
                    query.from.map(second),
                    query.to.map(second),
                ],
                entry,
            )?;
            Ok(rows.collect::<rusqlite::Result<_>>()?)
        })
    }

    fn audit_words(&self, field: Field, most: u32) -> Reply<'_, Vec<String>> {
        self.read("reading the words of the audit log", move |db| {
            let word = match field {
                Field::Who => {
                    "CASE instr(who, ' (token ') WHEN 0 THEN who ELSE substr(who, 1, instr(who, ' (token ') - 1) END"
                }
                Field::Object => "object",
            };
            let mut statement = db.prepare(&format!(
                "SELECT {word} AS word FROM audit WHERE number > (SELECT number FROM audit_anchor) AND word != ''
                 GROUP BY word ORDER BY max(number) DESC LIMIT ?1"
            ))?;
            let rows = statement.query_map([most], |row| row.get(0))?;
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
