//! Questions and answers in SQLite.

use super::super::error::Reply;
use super::super::questions::{
    AnswerBatch, Cancelled, NewQuestion, Questions, StoredPart, StoredQuestion,
};
use super::chain::append;
use super::orders::{add, next_number};
use super::values::{maybe_time, number, time, unsigned};
use super::{SqliteStore, answers};
use crate::model::actor::Actor;
use crate::model::audit::Deed;
use crate::model::ids::{ApiTokenId, QuestionId, UserId};
use crate::model::order::{NewOrder, OrderKind, StoredOrder};
use answer::NewRow;
use jiff::Timestamp;
use rusqlite::{OptionalExtension as _, Row, params};
use std::sync::Arc;

const QUESTION: &str = "SELECT id, text, plan, asked_by, asked_at, expires_at, order_number, targets, cancelled_at, closed,
    summary, unanswered, asked_by_user, asked_by_token, kept, answers_removed_at, tail FROM questions WHERE removed = 0";

fn question(row: &Row<'_>) -> rusqlite::Result<StoredQuestion> {
    Ok(StoredQuestion {
        id: row.get(0)?,
        text: row.get(1)?,
        tail: row.get(16)?,
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
        kept: row.get(14)?,
        answers_removed_at: maybe_time(row, 15)?,
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

impl Questions for SqliteStore {
    fn add_question(
        &self,
        new: NewQuestion,
        order: NewOrder,
        mut deed: Deed,
    ) -> Reply<'_, StoredOrder> {
        self.write_growing("keeping a question", move |tx| {
            let order_number = next_number(tx)?;
            tx.prepare_cached(
                "INSERT INTO questions (text, plan, asked_by, asked_at, expires_at, order_number, targets,
                    asked_by_user, asked_by_token, tail)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
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
                new.asked_by.token(),
                new.tail
            ])?;
            let id = QuestionId(unsigned(tx.last_insert_rowid()));
            let stored = add(tx, order_number, OrderKind::Question(id), &order)?;
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
        self.write_small(format!("cancelling question {id}"), move |tx| {
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
                .as_ref()
                .map(|order| add(tx, next_number(tx)?, OrderKind::Cancel(id), order))
                .transpose()?;
            append(tx, &deed)?;
            Ok(Some(Cancelled { order }))
        })
    }

    fn close_question(&self, id: QuestionId, summary: String, unanswered: String) -> Reply<'_, ()> {
        let mut first = true;
        self.write_small(format!("closing question {id}"), move |tx| {
            tx.prepare_cached(
                "UPDATE questions SET closed = 1, summary = ?2, unanswered = ?3 WHERE id = ?1",
            )?
            .execute(params![id, summary, unanswered])?;
            // Most answers are small and put together at once; the rest of a large one waits for quieter times. So does all of it when
            // there was no room for that: the end itself needs very little.
            if std::mem::take(&mut first) {
                answers::pack_step(tx, id, answers::AT_END)?;
            }
            Ok(())
        })
    }

    fn question(&self, id: QuestionId) -> Reply<'_, Option<StoredQuestion>> {
        self.read(format!("reading question {id}"), move |db| {
            let mut statement = db.prepare_cached(&format!("{QUESTION} AND id = ?1"))?;
            Ok(statement.query_row([id], question).optional()?)
        })
    }

    fn questions(
        &self,
        before: Option<QuestionId>,
        by: Option<UserId>,
        limit: u32,
    ) -> Reply<'_, Vec<StoredQuestion>> {
        self.read("reading the questions", move |db| {
            let mut statement = db.prepare_cached(&format!(
                "{QUESTION} AND id < ?1 AND (?2 IS NULL OR asked_by_user = ?2) ORDER BY id DESC LIMIT ?3"
            ))?;
            let before = before.map_or(i64::MAX, |id| number(id.0));
            let rows = statement.query_map(params![before, by, limit], question)?;
            Ok(rows.collect::<rusqlite::Result<_>>()?)
        })
    }

    fn open_questions(&self) -> Reply<'_, Vec<StoredQuestion>> {
        self.read("reading the open questions", |db| {
            let mut statement =
                db.prepare_cached(&format!("{QUESTION} AND closed = 0 ORDER BY id"))?;
            let rows = statement.query_map([], question)?;
            Ok(rows.collect::<rusqlite::Result<_>>()?)
        })
    }

    fn save_answers(&self, id: QuestionId, batch: Arc<AnswerBatch>) -> Reply<'_, ()> {
        self.write(format!("keeping answers to question {id}"), move |tx| {
            answers::save(tx, id, &batch)
        })
    }

    fn answer_rows(
        &self,
        id: QuestionId,
        after: Option<(u32, u32)>,
        limit: u32,
    ) -> Reply<'_, Vec<NewRow>> {
        self.read(format!("reading the rows of question {id}"), move |db| {
            answers::rows(db, id, after, limit)
        })
    }

    fn answer_parts(
        &self,
        id: QuestionId,
        after: i64,
        limit: u32,
    ) -> Reply<'_, Vec<(i64, StoredPart)>> {
        self.read(format!("reading the answers to question {id}"), move |db| {
            answers::parts(db, id, after, limit)
        })
    }
}
