//! Answers in SQLite: chunks of rows, chunks of what endpoints gave.
//!
//! A batch is written as it comes, as few chunks as it needs. When the question has ended, small chunks are put together into full
//! ones and deflated, a bounded number in one transaction: chunks that wait for it are `loose`. A reader may be half way then: rows
//! are found by their number, whichever chunk has them, and a chunk of parts that replaces others gets a higher number than all of
//! them, so that a reader sees parts twice rather than not at all; merging them twice does no harm.

use super::super::questions::{AnswerBatch, StoredPart};
use super::fault::{Fault, Result};
use super::pack::{self, Effort, MOST_PARTS, PartChunk, RowChunk};
use crate::model::ids::QuestionId;
use answer::NewRow;
use rusqlite::{Connection, OptionalExtension as _, Row, params};

/// Bytes of chunks that are put together in one transaction when nothing waits for it.
pub(super) const STEP: usize = 4 << 20;
/// The same at the end of a question, which somebody waits for.
pub(super) const AT_END: usize = 512 << 10;
/// What a part's number is made of: its chunk's, times this, plus its place.
const PLACES: i64 = MOST_PARTS as i64;

/// Keeps what a batch changed.
pub(super) fn save(tx: &Connection, id: QuestionId, batch: &AnswerBatch) -> Result<()> {
    let mut rows: Vec<&NewRow> = batch.rows.iter().collect();
    rows.sort_by_key(|r| (r.table, r.row));
    let chunks = pack::pack_rows(&rows, Effort::Quick);
    for table in chunks.chunk_by(|a, b| a.table == b.table) {
        let Some(first) = table.first() else { continue };
        let end: Option<i64> = tx
            .prepare_cached(
                "SELECT first + rows FROM answer_row_chunks WHERE question = ?1 AND part = ?2
                 ORDER BY first DESC LIMIT 1",
            )?
            .query_row(params![id, first.table], |row| row.get(0))
            .optional()?;
        if end.is_some_and(|end| i64::from(first.first) < end) {
            return Err(Fault::conflict(format!(
                "row {} of table {} of question {id} is kept already",
                first.first, first.table
            )));
        }
    }
    for chunk in &chunks {
        put_rows(tx, id, chunk, true)?;
    }
    for chunk in pack::pack_parts(&batch.parts, Effort::Quick) {
        put_parts(tx, id, &chunk, true)?;
    }
    Ok(())
}

fn put_rows(tx: &Connection, id: QuestionId, chunk: &RowChunk, loose: bool) -> Result<()> {
    tx.prepare_cached(
        "INSERT INTO answer_row_chunks (question, part, first, rows, loose, body)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
    )?
    .execute(params![
        id,
        chunk.table,
        chunk.first,
        chunk.rows,
        loose,
        chunk.body
    ])?;
    Ok(())
}

fn put_parts(tx: &Connection, id: QuestionId, chunk: &PartChunk, loose: bool) -> Result<()> {
    tx.prepare_cached(
        "INSERT INTO answer_part_chunks (question, parts, loose, body) VALUES (?1, ?2, ?3, ?4)",
    )?
    .execute(params![id, chunk.parts, loose, chunk.body])?;
    Ok(())
}

fn rows_of(row: &Row<'_>) -> Result<Vec<NewRow>> {
    let body = row
        .get_ref(3)?
        .as_blob()
        .map_err(|e| Fault::content("chunk of rows", e))?;
    pack::unpack_rows(row.get(0)?, row.get(1)?, row.get(2)?, body)
        .map_err(|e| Fault::content("chunk of rows", e))
}

fn parts_of(row: &Row<'_>, at: usize) -> Result<Vec<StoredPart>> {
    let body = row
        .get_ref(at)?
        .as_blob()
        .map_err(|e| Fault::content("chunk of answers", e))?;
    pack::unpack_parts(body).map_err(|e| Fault::content("chunk of answers", e))
}

/// Rows after this one in order of table and number.
pub(super) fn rows(
    db: &Connection,
    id: QuestionId,
    after: Option<(u32, u32)>,
    limit: u32,
) -> Result<Vec<NewRow>> {
    let limit = limit as usize;
    let (part, row) = after.map_or((0, 0), |(p, r)| (i64::from(p), i64::from(r) + 1));
    let mut statement = db.prepare_cached(
        "SELECT part, first, rows, body FROM answer_row_chunks
         WHERE question = ?1 AND (part, first) >= (?2, coalesce(
             (SELECT max(first) FROM answer_row_chunks WHERE question = ?1 AND part = ?2 AND first <= ?3), ?3))
         ORDER BY part, first",
    )?;
    let mut chunks = statement.query(params![id, part, row])?;
    let mut found = Vec::new();
    while found.len() < limit
        && let Some(chunk) = chunks.next()?
    {
        let wanted = rows_of(chunk)?
            .into_iter()
            .filter(|r| (i64::from(r.table), i64::from(r.row)) >= (part, row));
        found.extend(wanted.take(limit - found.len()));
    }
    Ok(found)
}

/// Parts after this one, with their numbers.
pub(super) fn parts(
    db: &Connection,
    id: QuestionId,
    after: i64,
    limit: u32,
) -> Result<Vec<(i64, StoredPart)>> {
    let limit = limit as usize;
    let (begun, done) = if after <= 0 {
        (0, 0)
    } else {
        ((after - 1) / PLACES, (after - 1) % PLACES + 1)
    };
    let mut statement = db.prepare_cached(
        "SELECT id, body FROM answer_part_chunks WHERE question = ?1 AND id >= ?2 ORDER BY id",
    )?;
    let mut chunks = statement.query(params![id, begun])?;
    let mut found = Vec::new();
    while found.len() < limit
        && let Some(chunk) = chunks.next()?
    {
        let number: i64 = chunk.get(0)?;
        let base = number
            .checked_mul(PLACES)
            .ok_or_else(|| Fault::content("chunk number", "it is too large"))?;
        let skip = if number == begun { done } else { 0 };
        let numbered = (0_i64..)
            .zip(parts_of(chunk, 1)?)
            .filter(|(place, _)| *place >= skip)
            .map(|(place, part)| (base + place + 1, part));
        found.extend(numbered.take(limit - found.len()));
    }
    Ok(found)
}

/// Puts loose chunks of an ended question together, of about this many bytes. True when none is left.
pub(super) fn pack_step(tx: &Connection, id: QuestionId, step: usize) -> Result<bool> {
    let rows_left = pack_rows(tx, id, step)?;
    if rows_left {
        return Ok(false);
    }
    let parts_left = pack_parts(tx, id, step)?;
    if !parts_left {
        tx.prepare_cached("UPDATE questions SET packed = 1 WHERE id = ?1")?
            .execute([id])?;
    }
    Ok(!parts_left)
}

/// True when there may be more.
fn pack_rows(tx: &Connection, id: QuestionId, step: usize) -> Result<bool> {
    let mut statement = tx.prepare_cached(
        "SELECT part, first, rows, body, id FROM answer_row_chunks
         WHERE question = ?1 AND loose = 1 ORDER BY part, first",
    )?;
    let mut chunks = statement.query([id])?;
    let (mut old, mut rows, mut bytes, mut more) = (Vec::new(), Vec::new(), 0, false);
    while let Some(chunk) = chunks.next()? {
        if bytes >= step {
            more = true;
            break;
        }
        bytes += chunk.get_ref(3)?.as_blob().map_or(0, <[u8]>::len);
        old.push(chunk.get::<_, i64>(4)?);
        rows.extend(rows_of(chunk)?);
    }
    drop(chunks);
    let mut delete = tx.prepare_cached("DELETE FROM answer_row_chunks WHERE id = ?1")?;
    for id in &old {
        delete.execute([id])?;
    }
    let rows: Vec<&NewRow> = rows.iter().collect();
    for chunk in pack::pack_rows(&rows, Effort::Small) {
        put_rows(tx, id, &chunk, false)?;
    }
    Ok(more)
}

/// True when there may be more.
fn pack_parts(tx: &Connection, id: QuestionId, step: usize) -> Result<bool> {
    let mut statement = tx.prepare_cached(
        "SELECT id, body FROM answer_part_chunks WHERE question = ?1 AND loose = 1 ORDER BY id",
    )?;
    let mut chunks = statement.query([id])?;
    let (mut old, mut parts, mut bytes, mut more) = (Vec::new(), Vec::new(), 0, false);
    while let Some(chunk) = chunks.next()? {
        if bytes >= step {
            more = true;
            break;
        }
        bytes += chunk.get_ref(1)?.as_blob().map_or(0, <[u8]>::len);
        old.push(chunk.get::<_, i64>(0)?);
        parts.extend(parts_of(chunk, 1)?);
    }
    drop(chunks);
    // First the new ones, so that they get higher numbers.
    for chunk in pack::pack_parts(&parts, Effort::Small) {
        put_parts(tx, id, &chunk, false)?;
    }
    let mut delete = tx.prepare_cached("DELETE FROM answer_part_chunks WHERE id = ?1")?;
    for id in &old {
        delete.execute([id])?;
    }
    Ok(more)
}

/// Chunks that cannot be read, told by question; at most this many.
pub(super) fn unreadable(db: &Connection, most: usize) -> Vec<String> {
    let mut found = Vec::new();
    let rows = each(
        db,
        "SELECT part, first, rows, body, question FROM answer_row_chunks ORDER BY id",
        &mut |row| {
            if rows_of(row).is_err() && found.len() < most {
                let question: i64 = row.get(4)?;
                found.push(format!("rows of question {question} cannot be read"));
            }
            Ok(())
        },
    );
    let parts = each(
        db,
        "SELECT question, body FROM answer_part_chunks ORDER BY id",
        &mut |row| {
            if parts_of(row, 1).is_err() && found.len() < most {
                let question: i64 = row.get(0)?;
                found.push(format!("answers to question {question} cannot be read"));
            }
            Ok(())
        },
    );
    for outcome in [rows, parts] {
        if let Err(error) = outcome {
            found.push(error.to_string());
        }
    }
    found
}

fn each(
    db: &Connection,
    select: &str,
    look: &mut dyn FnMut(&Row<'_>) -> rusqlite::Result<()>,
) -> rusqlite::Result<()> {
    let mut statement = db.prepare(select)?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        look(row)?;
    }
    Ok(())
}
