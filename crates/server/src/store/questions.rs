//! What is kept about questions and answers.

use super::error::Reply;
use crate::model::actor::Actor;
use crate::model::audit::Deed;
use crate::model::ids::{QuestionId, UserId};
use crate::model::order::{NewOrder, StoredOrder};
use answer::{NewRow, Problem, State};
use jiff::Timestamp;
use std::sync::Arc;

/// A question to keep.
#[derive(Clone, Debug)]
pub struct NewQuestion {
    /// What endpoints are asked, in canonical form.
    pub text: String,
    /// How the answer is to be shown; mostly empty.
    pub tail: String,
    /// Its plan, JSON.
    pub plan: String,
    /// Who asks.
    pub asked_by: Actor,
    /// When.
    pub asked_at: Timestamp,
    /// Until when.
    pub expires_at: Timestamp,
    /// Roaring bitmap; `None` means every endpoint.
    pub targets: Option<Vec<u8>>,
}

/// A question as kept.
#[derive(Clone, Debug)]
pub struct StoredQuestion {
    /// Number.
    pub id: QuestionId,
    /// What endpoints are asked, in canonical form.
    pub text: String,
    /// How the answer is to be shown; mostly empty.
    pub tail: String,
    /// Its plan, JSON.
    pub plan: String,
    /// Who asked.
    pub asked_by: Actor,
    /// When.
    pub asked_at: Timestamp,
    /// Until when.
    pub expires_at: Timestamp,
    /// Number of the order that carries it.
    pub order: u64,
    /// Roaring bitmap; `None` means every endpoint.
    pub targets: Option<Vec<u8>>,
    /// When it was cancelled.
    pub cancelled_at: Option<Timestamp>,
    /// Whether nothing more is taken.
    pub closed: bool,
    /// Coverage and rows when it was closed, JSON.
    pub summary: Option<String>,
    /// Who had not answered then, JSON.
    pub unanswered: Option<String>,
    /// Whether it stays however old it gets.
    pub kept: bool,
    /// When its answers were removed.
    pub answers_removed_at: Option<Timestamp>,
}

/// What one contribution of one endpoint changed.
#[derive(Clone, Debug, PartialEq)]
pub struct StoredPart {
    /// Who.
    pub ordinal: u32,
    /// State.
    pub state: State,
    /// Rows (table, number) it is newly in.
    pub rows: Vec<(u32, u32)>,
    /// Problems.
    pub problems: Vec<Problem>,
    /// Rows cut.
    pub rows_cut: u64,
}

/// What a batch of contributions changed.
#[derive(Clone, Debug, Default)]
pub struct AnswerBatch {
    /// Rows seen for the first time.
    pub rows: Vec<NewRow>,
    /// What each endpoint gave.
    pub parts: Vec<StoredPart>,
}

/// Questions and answers. A question is kept together with the order that carries it.
pub trait Questions {
    /// Keeps a question with its order, which gets the next number and is signed with it.
    fn add_question(
        &self,
        question: NewQuestion,
        order: NewOrder,
        deed: Deed,
    ) -> Reply<'_, StoredOrder>;
    /// Notes a cancellation, with the order that tells endpoints of it. `None` when it was closed or cancelled before.
    fn cancel_question(
        &self,
        id: QuestionId,
        at: Timestamp,
        by: Actor,
        order: Option<NewOrder>,
        deed: Deed,
    ) -> Reply<'_, Option<Cancelled>>;
    /// Notes that nothing more is taken, with what is known then.
    fn close_question(&self, id: QuestionId, summary: String, unanswered: String) -> Reply<'_, ()>;
    /// One question.
    fn question(&self, id: QuestionId) -> Reply<'_, Option<StoredQuestion>>;
    /// Questions with smaller numbers than `before`, newest first; those of one user only where one is named.
    fn questions(
        &self,
        before: Option<QuestionId>,
        by: Option<UserId>,
        limit: u32,
    ) -> Reply<'_, Vec<StoredQuestion>>;
    /// Questions that still take answers.
    fn open_questions(&self) -> Reply<'_, Vec<StoredQuestion>>;
    /// Keeps what a batch changed, all or nothing. Shared, because a failed write is tried again.
    fn save_answers(&self, id: QuestionId, batch: Arc<AnswerBatch>) -> Reply<'_, ()>;
    /// Rows after this one in order of table and number.
    fn answer_rows(
        &self,
        id: QuestionId,
        after: Option<(u32, u32)>,
        limit: u32,
    ) -> Reply<'_, Vec<NewRow>>;
    /// Parts after this one, with their numbers.
    fn answer_parts(
        &self,
        id: QuestionId,
        after: i64,
        limit: u32,
    ) -> Reply<'_, Vec<(i64, StoredPart)>>;
}

/// A cancellation that was noted.
#[derive(Clone, Debug)]
pub struct Cancelled {
    /// The order that tells of it, if there was one to keep.
    pub order: Option<StoredOrder>,
}
