//! Questions and answers in SQLite.

use super::super::questions::{
    AnswerBatch, Cancelled, NewQuestion, Questions, StoredPart, StoredQuestion, pack_cells,
    pack_rows, unpack_cells, unpack_rows,
};
use super::super::{Reply, StoreError};
use super::SqliteStore;
use super::audit::append;
use super::endpoints::{maybe_time, time};
use super::orders::{add, next_number, number, unsigned};
use crate::model::actor::Actor;
use crate::model::audit::Deed;
use crate::model::ids::{ApiTokenId, QuestionId, UserId};
use crate::model::order::{NewOrder, OrderKind, StoredOrder};
use answer::{NewRow, Problem, State};
use jiff::Timestamp;
use rusqlite::{OptionalExtension as _, Row, params};
use std::sync::Arc;

const QUESTION: &str = "SELECT id, text, plan, asked_by, asked_at, expires_at, order_number, targets, cancelled_at, closed,
    summary, unanswered, asked_by_user, asked_by_token FROM questions";

fn question(row: &Row<'_>) -> rusqlite::Result<StoredQuestion> {
    Ok(StoredQuestion {
        id: row.get(0)?,
        text: row.get(1)?,
        plan: row.get(2)?,
        asked_by: actor(row.get(3)?, row.get(12)?, row.get(13)?),
        asked_at: time(row, 4)?,
        expires_at: time(row, 5)?,
        order: unsigned(row.get(6)?),
        targets: row.get(7)?,
        cancelled_at: maybe_time(row, 8)?,
        closed: row.get(9)?,
        summary: row.get(10)?,
        unanswered: row.get(11)?,
    })
}

/// A user that is gone has no rights left: only the name is known then.
fn actor(name: String, user: Option<UserId>, token: Option<ApiTokenId>) -> Actor {
    match (user, token) {
        (Some(user), None) => Actor::User { user, name },
        (Some(user), Some(token)) => Actor::Token { user, name, token },
        (None, _) => Actor::Unknown,
    }
}

fn name(actor: &Actor) -> String {
    match actor {
        Actor::User { name, .. } | Actor::Token { name, .. } => name.clone(),
        Actor::Server | Actor::Unknown | Actor::Endpoint(_) => actor.to_string(),
    }
}

fn damaged(
    what: &'static str,
    source: impl std::error::Error + Send + Sync + 'static,
) -> StoreError {
    StoreError::Content {
        what,
        source: Box::new(source),
    }
}

impl Questions for SqliteStore {
    fn add_question(
        &self,
        new: NewQuestion,
        order: NewOrder,
        mut deed: Deed,
    ) -> Reply<'_, StoredOrder> {
        self.write(move |tx| {
            let order_number = next_number(tx)?;
            tx.prepare_cached(
                "INSERT INTO questions (text, plan, asked_by, asked_at, expires_at, order_number, targets,
                    asked_by_user, asked_by_token)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
            )?
            .execute(params![
                new.text,
                new.plan,
                name(&new.asked_by),
                new.asked_at.as_millisecond(),
                new.expires_at.as_millisecond(),
                number(order_number),
                new.targets,
                new.asked_by.user(),
                new.asked_by.token()
            ])?;
            let id = QuestionId(unsigned(tx.last_insert_rowid()));
            let stored = add(tx, order_number, OrderKind::Question(id), order)?;
            deed.object = format!("question {id}");
            if let serde_json::Value::Object(detail) = &mut deed.detail {
                detail.insert("order".into(), order_number.into());
            }
            append(tx, &deed)?;
            Ok(stored)
        })
    }

    fn cancel_question(
        &self,
        id: QuestionId,
        at: Timestamp,
        by: Actor,
        order: Option<NewOrder>,
        deed: Deed,
    ) -> Reply<'_, Option<Cancelled>> {
        self.write(move |tx| {
            let changed = tx
                .prepare_cached(
                    "UPDATE questions SET cancelled_at = ?2, cancelled_by = ?3
                     WHERE id = ?1 AND cancelled_at IS NULL AND closed = 0",
                )?
                .execute(params![id, at.as_millisecond(), by.to_string()])?;
            if changed == 0 {
                return Ok(None);
            }
            let order = order
                .map(|order| add(tx, next_number(tx)?, OrderKind::Cancel(id), order))
                .transpose()?;
            append(tx, &deed)?;
            Ok(Some(Cancelled { order }))
        })
    }

    fn close_question(&self, id: QuestionId, summary: String, unanswered: String) -> Reply<'_, ()> {
        self.write(move |tx| {
            tx.prepare_cached(
                "UPDATE questions SET closed = 1, summary = ?2, unanswered = ?3 WHERE id = ?1",
            )?
            .execute(params![id, summary, unanswered])?;
            Ok(())
        })
    }

    fn question(&self, id: QuestionId) -> Reply<'_, Option<StoredQuestion>> {
        self.read(move |db| {
            let mut statement = db.prepare_cached(&format!("{QUESTION} WHERE id = ?1"))?;
            Ok(statement.query_row([id], question).optional()?)
        })
    }

    fn questions(&self, before: Option<QuestionId>, limit: u32) -> Reply<'_, Vec<StoredQuestion>> {
        self.read(move |db| {
            let mut statement = db.prepare_cached(&format!(
                "{QUESTION} WHERE id < ?1 ORDER BY id DESC LIMIT ?2"
            ))?;
            let before = before.map_or(i64::MAX, |id| number(id.0));
            let rows = statement.query_map(params![before, limit], question)?;
            Ok(rows.collect::<rusqlite::Result<_>>()?)
        })
    }

    fn open_questions(&self) -> Reply<'_, Vec<StoredQuestion>> {
        self.read(|db| {
            let mut statement =
                db.prepare_cached(&format!("{QUESTION} WHERE closed = 0 ORDER BY id"))?;
            let rows = statement.query_map([], question)?;
            Ok(rows.collect::<rusqlite::Result<_>>()?)
        })
    }

    fn save_answers(&self, id: QuestionId, batch: Arc<AnswerBatch>) -> Reply<'_, ()> {
        self.write(move |tx| {
            let mut row_in = tx.prepare_cached(
                "INSERT INTO answer_rows (question, part, row, cells) VALUES (?1, ?2, ?3, ?4)",
            )?;
            for row in &batch.rows {
                row_in.execute(params![id, row.table, row.row, pack_cells(&row.cells)])?;
            }
            let mut part_in = tx.prepare_cached(
                "INSERT INTO answer_parts (question, ordinal, state, rows, problems, rows_cut)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
            )?;
            for part in &batch.parts {
                let problems = if part.problems.is_empty() {
                    None
                } else {
                    Some(serde_json::to_string(&part.problems).map_err(|e| damaged("problem", e))?)
                };
                part_in.execute(params![
                    id,
                    part.ordinal,
                    part.state.code(),
                    pack_rows(&part.rows),
                    problems,
                    number(part.rows_cut)
                ])?;
            }
            Ok(())
        })
    }

    fn answer_rows(
        &self,
        id: QuestionId,
        after: Option<(u32, u32)>,
        limit: u32,
    ) -> Reply<'_, Vec<NewRow>> {
        self.read(move |db| {
            let mut statement = db.prepare_cached(
                "SELECT part, row, cells FROM answer_rows WHERE question = ?1 AND (part, row) > (?2, ?3)
                 ORDER BY part, row LIMIT ?4",
            )?;
            let (part, row) = after.map_or((-1, -1), |(p, r)| (i64::from(p), i64::from(r)));
            let mut rows = statement.query(params![id, part, row, limit])?;
            let mut found = Vec::new();
            while let Some(row) = rows.next()? {
                let cells = row.get_ref(2)?.as_blob().map_err(|e| damaged("row", e))?;
                found.push(NewRow {
                    table: row.get(0)?,
                    row: row.get(1)?,
                    cells: unpack_cells(cells).map_err(|e| damaged("row", e))?,
                });
            }
            Ok(found)
        })
    }

    fn answer_parts(
        &self,
        id: QuestionId,
        after: i64,
        limit: u32,
    ) -> Reply<'_, Vec<(i64, StoredPart)>> {
        self.read(move |db| {
            let mut statement = db.prepare_cached(
                "SELECT id, ordinal, state, rows, problems, rows_cut FROM answer_parts
                 WHERE question = ?1 AND id > ?2 ORDER BY id LIMIT ?3",
            )?;
            let mut rows = statement.query(params![id, after, limit])?;
            let mut found = Vec::new();
            while let Some(row) = rows.next()? {
                let packed = row
                    .get_ref(3)?
                    .as_blob()
                    .map_err(|e| damaged("answer", e))?;
                let problems: Vec<Problem> = match row.get::<_, Option<String>>(4)? {
                    Some(text) => serde_json::from_str(&text).map_err(|e| damaged("problem", e))?,
                    None => Vec::new(),
                };
                let part = StoredPart {
                    ordinal: row.get(1)?,
                    state: State::from_code(row.get(2)?).unwrap_or(State::Error),
                    rows: unpack_rows(packed).map_err(|e| damaged("answer", e))?,
                    problems,
                    rows_cut: unsigned(row.get(5)?),
                };
                found.push((row.get(0)?, part));
            }
            Ok(found)
        })
    }
}
