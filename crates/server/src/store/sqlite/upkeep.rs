//! Keeping the SQLite file small.

use super::super::error::Reply;
use super::super::upkeep::{Ended, EndedQuery, Sizes, Upkeep};
use super::chain::{anchor, append, entry, head};
use super::fault::{Fault, Result};
use super::reserve;
use super::values::{number, time, unsigned};
use super::writer::Tx;
use super::{SqliteStore, answers};
use crate::model::audit::{Deed, Entry, Head};
use crate::model::ids::QuestionId;
use jiff::Timestamp;
use rusqlite::{OptionalExtension as _, params};
use std::path::Path;

/// Chunks removed in one step. A chunk has a quarter of a megabyte at most, but for single large rows.
const CHUNKS: u32 = 16;
/// Orders or audit entries removed in one step.
const LINES: u32 = 1000;
/// Pages given back to the disk in one step.
const PAGES: u32 = 256;
/// Free pages that stay in the file: the next questions use them.
const SPARE_PAGES: u64 = 4096;
/// With less room than this on the disk, none stays.
const SCARCE: u64 = 256 << 20;

impl Upkeep for SqliteStore {
    fn sizes(&self) -> Reply<'_, Sizes> {
        let path = self.path.clone();
        self.read("measuring the store", move |db| {
            let sum = |sql: &str| -> rusqlite::Result<u64> {
                db.query_row(sql, [], |row| Ok(unsigned(row.get(0)?)))
            };
            let pragma = |name: &str| -> rusqlite::Result<u64> {
                db.pragma_query_value(None, name, |row| Ok(unsigned(row.get(0)?)))
            };
            let page = pragma("page_size")?;
            Ok(Sizes {
                answers: sum(
                    "SELECT coalesce((SELECT sum(length(body)) FROM answer_row_chunks), 0)
                     + coalesce((SELECT sum(length(body)) FROM answer_part_chunks), 0)",
                )?,
                // Estimated from the newest ones: adding all up would read all of them.
                audit: sum(
                    "SELECT CAST((coalesce((SELECT max(number) FROM audit), 0) - (SELECT number FROM audit_anchor))
                     * coalesce((SELECT avg(length(time) + length(who) + length(action) + length(object)
                         + length(detail) + 80) FROM (SELECT * FROM audit ORDER BY number DESC LIMIT 1000)), 0) AS INTEGER)",
                )?,
                store: pragma("page_count")?.saturating_mul(page),
                unused: pragma("freelist_count")?.saturating_mul(page),
                disk_free: reserve::free(&path),
            })
        })
    }

    fn ended_questions(&self, query: EndedQuery) -> Reply<'_, Vec<Ended>> {
        self.read("looking for old questions", move |db| {
            let mut statement = db.prepare_cached(
                "SELECT id, ended,
                    coalesce((SELECT sum(length(body)) FROM answer_row_chunks c WHERE c.question = q.id), 0)
                    + coalesce((SELECT sum(length(body)) FROM answer_part_chunks c WHERE c.question = q.id), 0)
                 FROM (SELECT id, coalesce(min(cancelled_at, expires_at), expires_at) AS ended FROM questions
                       WHERE closed = 1 AND kept = 0 AND removed = 0 AND ended < ?1
                          AND (?2 = 0 OR answers_removed_at IS NULL)
                       ORDER BY ended, id LIMIT ?3) q
                 ORDER BY ended, id",
            )?;
            let before = query.before.as_millisecond();
            let rows = statement.query_map(params![before, query.with_answers, query.limit], |row| {
                Ok(Ended {
                    id: row.get(0)?,
                    at: time(row, 1)?,
                    bytes: unsigned(row.get(2)?),
                })
            })?;
            Ok(rows.collect::<rusqlite::Result<_>>()?)
        })
    }

    fn keep_question(&self, id: QuestionId, keep: bool, deed: Deed) -> Reply<'_, ()> {
        self.write_small(format!("marking question {id}"), move |tx| {
            let changed = tx.execute(
                "UPDATE questions SET kept = ?2 WHERE id = ?1 AND removed = 0",
                params![id, keep],
            )?;
            if changed == 0 {
                return Err(Fault::missing(format!("question {id}")));
            }
            append(tx, &deed)?;
            Ok(())
        })
    }

    fn remove_answers(&self, id: QuestionId, at: Timestamp, deed: Deed) -> Reply<'_, bool> {
        self.write_small(format!("removing the answers to question {id}"), move |tx| {
            let changed = tx.execute(
                "UPDATE questions SET answers_removed_at = ?2, packed = 1, unanswered = NULL
                 WHERE id = ?1 AND closed = 1 AND kept = 0 AND removed = 0 AND answers_removed_at IS NULL",
                params![id, at.as_millisecond()],
            )?;
            if changed == 0 {
                return Ok(false);
            }
            doom(tx, id)?;
            append(tx, &deed)?;
            Ok(true)
        })
    }

    fn remove_question(&self, id: QuestionId, deed: Deed) -> Reply<'_, ()> {
        self.write_small(format!("removing question {id}"), move |tx| {
            let closed: Option<bool> = tx
                .query_row(
                    "SELECT closed FROM questions WHERE id = ?1 AND removed = 0",
                    [id],
                    |row| row.get(0),
                )
                .optional()?;
            match closed {
                None => return Err(Fault::missing(format!("question {id}"))),
                Some(false) => {
                    return Err(Fault::conflict(format!(
                        "question {id} still takes answers; cancel it first"
                    )));
                }
                Some(true) => {}
            }
            // The line itself stays as long as an order names it.
            tx.execute(
                "UPDATE questions SET removed = 1, packed = 1, text = '', plan = '{}', targets = NULL, summary = NULL,
                     unanswered = NULL WHERE id = ?1",
                [id],
            )?;
            doom(tx, id)?;
            append(tx, &deed)?;
            Ok(())
        })
    }

    fn remove_orders(&self, ended_before: Timestamp) -> Reply<'_, u64> {
        self.write_small("removing old orders", move |tx| {
            let removed = tx.execute(
                "DELETE FROM orders WHERE number IN (SELECT number FROM orders WHERE expires_at < ?1
                     ORDER BY number LIMIT ?2)",
                params![ended_before.as_millisecond(), LINES],
            )?;
            Ok(removed as u64)
        })
    }

    fn audit_after(&self, after: u64, limit: u32) -> Reply<'_, Vec<Entry>> {
        self.read("reading the audit log", move |db| {
            let mut statement = db.prepare_cached(
                "SELECT number, time, who, action, object, detail, previous, hash FROM audit
                 WHERE number > max(?1, (SELECT number FROM audit_anchor)) ORDER BY number LIMIT ?2",
            )?;
            let rows = statement.query_map(params![number(after), limit], entry)?;
            Ok(rows.collect::<rusqlite::Result<_>>()?)
        })
    }

    fn audit_anchor(&self) -> Reply<'_, Head> {
        self.read("reading where the audit log begins", anchor)
    }

    fn cut_audit(&self, through: Head, deed: Deed) -> Reply<'_, ()> {
        self.write_small("cutting the audit log", move |tx| {
            let there: Option<[u8; 32]> = tx
                .query_row(
                    "SELECT hash FROM audit WHERE number = ?1 AND number > (SELECT number FROM audit_anchor)",
                    [number(through.number)],
                    |row| row.get(0),
                )
                .optional()?;
            if there != Some(through.hash) || through.number >= head(tx)?.number {
                return Err(Fault::conflict(format!(
                    "the audit log cannot be cut at entry {}: it has no such entry, or it is the last",
                    through.number
                )));
            }
            append(tx, &deed)?;
            tx.execute(
                "UPDATE audit_anchor SET number = ?1, hash = ?2",
                params![number(through.number), through.hash],
            )?;
            Ok(())
        })
    }

    fn tidy(&self, now: Timestamp) -> Reply<'_, bool> {
        let path = self.path.clone();
        self.write_small("tidying the store up", move |tx| tidy(tx, now, &path))
    }
}

fn doom(tx: &Tx<'_>, id: QuestionId) -> Result<()> {
    tx.execute(
        "INSERT OR IGNORE INTO doomed_answers (question) VALUES (?1)",
        [id],
    )?;
    Ok(())
}

fn tidy(tx: &Tx<'_>, now: Timestamp, path: &Path) -> Result<bool> {
    let doomed: Option<QuestionId> = tx
        .query_row("SELECT min(question) FROM doomed_answers", [], |row| {
            row.get(0)
        })
        .optional()?
        .flatten();
    if let Some(id) = doomed {
        clear(tx, id)?;
        return Ok(true);
    }
    // Entries that were exported and cut off.
    let cut = tx.execute(
        "DELETE FROM audit WHERE number IN (SELECT number FROM audit WHERE number <= (SELECT number FROM audit_anchor)
             ORDER BY number LIMIT ?1)",
        [LINES],
    )?;
    if cut > 0 {
        return Ok(true);
    }
    // Removed questions that no order names any more; an order that may still reach somebody stays.
    let orders = tx.execute(
        "DELETE FROM orders WHERE number IN (SELECT o.number FROM orders o JOIN questions q ON q.id = o.question
             WHERE q.removed = 1 AND o.expires_at < ?1 LIMIT ?2)",
        params![now.as_millisecond(), LINES],
    )?;
    let gone = tx.execute(
        "DELETE FROM questions WHERE id IN (SELECT id FROM questions q WHERE removed = 1
             AND NOT EXISTS (SELECT 1 FROM orders o WHERE o.question = q.id) LIMIT ?1)",
        [LINES],
    )?;
    if orders + gone > 0 {
        return Ok(true);
    }
    let loose: Option<QuestionId> = tx
        .query_row(
            "SELECT id FROM questions WHERE closed = 1 AND packed = 0 ORDER BY id LIMIT 1",
            [],
            |row| row.get(0),
        )
        .optional()?;
    if let Some(id) = loose {
        answers::pack_step(tx, id, answers::STEP)?;
        return Ok(true);
    }
    // A disk with little room gets all of it.
    let scarce = reserve::free(path).is_some_and(|free| free < SCARCE);
    give_back(tx, if scarce { 0 } else { SPARE_PAGES })
}

/// Removes some chunks of answers that nobody may see any more.
fn clear(tx: &Tx<'_>, id: QuestionId) -> Result<()> {
    let mut removed = 0;
    for table in ["answer_row_chunks", "answer_part_chunks"] {
        removed += tx.execute(
            &format!(
                "DELETE FROM {table} WHERE id IN (SELECT id FROM {table} WHERE question = ?1 LIMIT ?2)"
            ),
            params![id, CHUNKS],
        )?;
    }
    if removed == 0 {
        tx.execute("DELETE FROM doomed_answers WHERE question = ?1", [id])?;
    }
    Ok(())
}

/// Gives some free pages back to the disk. True when there are more to give.
fn give_back(tx: &Tx<'_>, spare: u64) -> Result<bool> {
    let pragma = |name: &str| -> rusqlite::Result<u64> {
        tx.pragma_query_value(None, name, |row| Ok(unsigned(row.get(0)?)))
    };
    // 2 is incremental; a file of an earlier version cannot give back before `cordon server vacuum`.
    let free = pragma("freelist_count")?;
    if pragma("auto_vacuum")? != 2 || free <= spare {
        return Ok(false);
    }
    let mut statement = tx.prepare(&format!("PRAGMA incremental_vacuum({PAGES})"))?;
    let mut rows = statement.query([])?;
    while rows.next()?.is_some() {}
    Ok(free > spare + u64::from(PAGES))
}
