//! Answers of earlier versions, a line for each row and each endpoint, into chunks: once, at the first start of this version.
//!
//! One question is one transaction, so that a start that is interrupted goes on where it was. Nobody reads the old lines otherwise.

use super::super::questions::StoredPart;
use super::answers;
use super::fault::{Fault, Result};
use crate::model::ids::QuestionId;
use crate::store::questions::AnswerBatch;
use answer::{Cell, NewRow, State};
use rusqlite::{Connection, OptionalExtension as _, Row, params};

/// Rows or parts that are held in memory at a time.
const AT_A_TIME: usize = 4096;

/// Converts what there is, and does away with the old tables.
pub(super) fn run(connection: &mut Connection) -> Result<()> {
    if !exists(connection)? {
        return Ok(());
    }
    let mut converted = 0_u64;
    while let Some(id) = next(connection)? {
        let tx = connection.transaction()?;
        rows(&tx, id)?;
        parts(&tx, id)?;
        tx.execute("DELETE FROM answer_rows WHERE question = ?1", [id])?;
        tx.execute("DELETE FROM answer_parts WHERE question = ?1", [id])?;
        tx.commit()?;
        converted += 1;
    }
    connection.execute_batch("BEGIN; DROP TABLE answer_rows; DROP TABLE answer_parts; COMMIT")?;
    if converted > 0 {
        tracing::info!(
            questions = converted,
            "answers were brought into their new form"
        );
    }
    Ok(())
}

fn exists(connection: &Connection) -> rusqlite::Result<bool> {
    connection.query_row(
        "SELECT EXISTS (SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = 'answer_parts')",
        [],
        |row| row.get(0),
    )
}

fn next(connection: &Connection) -> rusqlite::Result<Option<QuestionId>> {
    connection
        .query_row(
            "SELECT min(question) FROM (SELECT min(question) AS question FROM answer_rows
             UNION ALL SELECT min(question) FROM answer_parts)",
            [],
            |row| row.get(0),
        )
        .optional()
        .map(Option::flatten)
}

fn rows(tx: &Connection, id: QuestionId) -> Result<()> {
    let mut statement = tx.prepare(
        "SELECT part, row, cells FROM answer_rows WHERE question = ?1 ORDER BY part, row",
    )?;
    let mut lines = statement.query(params![id])?;
    let mut batch = AnswerBatch::default();
    while let Some(line) = lines.next()? {
        batch.rows.push(NewRow {
            table: line.get(0)?,
            row: line.get(1)?,
            cells: cells(blob(line, 2)?)?,
        });
        if batch.rows.len() == AT_A_TIME {
            answers::save(tx, id, &std::mem::take(&mut batch))?;
        }
    }
    answers::save(tx, id, &batch)
}

fn parts(tx: &Connection, id: QuestionId) -> Result<()> {
    let mut statement = tx.prepare(
        "SELECT ordinal, state, rows, problems, rows_cut FROM answer_parts WHERE question = ?1 ORDER BY id",
    )?;
    let mut lines = statement.query(params![id])?;
    let mut batch = AnswerBatch::default();
    while let Some(line) = lines.next()? {
        let problems = match line.get::<_, Option<String>>(3)? {
            Some(text) => serde_json::from_str(&text).map_err(|e| Fault::content("problem", e))?,
            None => Vec::new(),
        };
        batch.parts.push(StoredPart {
            ordinal: line.get(0)?,
            state: State::from_code(line.get(1)?).unwrap_or(State::Error),
            rows: memberships(blob(line, 2)?)?,
            problems,
            rows_cut: u64::try_from(line.get::<_, i64>(4)?).unwrap_or(0),
        });
        if batch.parts.len() == AT_A_TIME {
            answers::save(tx, id, &std::mem::take(&mut batch))?;
        }
    }
    answers::save(tx, id, &batch)
}

fn blob<'a>(line: &'a Row<'_>, at: usize) -> Result<&'a [u8]> {
    line.get_ref(at)?
        .as_blob()
        .map_err(|e| Fault::content("answer", e))
}

fn short() -> Fault {
    Fault::content(
        "answer",
        "its bytes end too early or hold a number out of range",
    )
}

fn get(bytes: &mut &[u8]) -> Result<u64> {
    let mut value = 0_u64;
    for shift in (0..64).step_by(7) {
        let (byte, rest) = bytes.split_first().ok_or_else(short)?;
        *bytes = rest;
        value |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Ok(value);
        }
    }
    Err(short())
}

/// A count, then length and bytes of each cell.
fn cells(mut bytes: &[u8]) -> Result<Vec<Cell>> {
    let count = get(&mut bytes)?;
    let mut cells = Vec::new();
    for _ in 0..count {
        let length = usize::try_from(get(&mut bytes)?).map_err(|_| short())?;
        let (cell, rest) = bytes.split_at_checked(length).ok_or_else(short)?;
        cells.push(cell.into());
        bytes = rest;
    }
    Ok(cells)
}

/// For each table: its number, a count, ascending row numbers as differences.
fn memberships(mut bytes: &[u8]) -> Result<Vec<(u32, u32)>> {
    let mut rows = Vec::new();
    while !bytes.is_empty() {
        let table = u32::try_from(get(&mut bytes)?).map_err(|_| short())?;
        let count = get(&mut bytes)?;
        let mut row = 0_u32;
        for _ in 0..count {
            let step = u32::try_from(get(&mut bytes)?).map_err(|_| short())?;
            row = row.checked_add(step).ok_or_else(short)?;
            rows.push((table, row));
        }
    }
    Ok(rows)
}
