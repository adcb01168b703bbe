//! What is kept about questions and answers, and how answers are packed.

use super::Reply;
use crate::model::actor::Actor;
use crate::model::audit::Deed;
use crate::model::ids::QuestionId;
use crate::model::order::{NewOrder, StoredOrder};
use answer::{Cell, NewRow, Problem, State};
use jiff::Timestamp;
use std::sync::Arc;

/// A question to keep.
#[derive(Clone, Debug)]
pub struct NewQuestion {
    /// Canonical text.
    pub text: String,
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
    /// Canonical text.
    pub text: String,
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
    /// Questions with smaller numbers than `before`, newest first.
    fn questions(&self, before: Option<QuestionId>, limit: u32) -> Reply<'_, Vec<StoredQuestion>>;
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

/// Packed bytes that are not what [`pack_cells`] or [`pack_rows`] wrote.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the packed bytes end too early or hold a number out of range")]
pub struct Unpackable;

fn put(number: u64, out: &mut Vec<u8>) {
    let mut rest = number;
    loop {
        let low = (rest & 0x7f) as u8;
        rest >>= 7;
        if rest == 0 {
            out.push(low);
            return;
        }
        out.push(low | 0x80);
    }
}

fn get(bytes: &mut &[u8]) -> Result<u64, Unpackable> {
    let mut value = 0_u64;
    for shift in (0..64).step_by(7) {
        let (byte, rest) = bytes.split_first().ok_or(Unpackable)?;
        *bytes = rest;
        value |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Ok(value);
        }
    }
    Err(Unpackable)
}

/// Cells of a row as one value.
#[must_use]
pub fn pack_cells(cells: &[Cell]) -> Vec<u8> {
    let mut out = Vec::with_capacity(1 + cells.iter().map(|c| c.len() + 2).sum::<usize>());
    put(cells.len() as u64, &mut out);
    for cell in cells {
        put(cell.len() as u64, &mut out);
        out.extend_from_slice(cell);
    }
    out
}

/// Reverses [`pack_cells`].
///
/// # Errors
/// [`Unpackable`].
pub fn unpack_cells(mut bytes: &[u8]) -> Result<Vec<Cell>, Unpackable> {
    let count = get(&mut bytes)?;
    let mut cells = Vec::new();
    for _ in 0..count {
        let length = usize::try_from(get(&mut bytes)?).map_err(|_| Unpackable)?;
        let (cell, rest) = bytes.split_at_checked(length).ok_or(Unpackable)?;
        cells.push(cell.into());
        bytes = rest;
    }
    Ok(cells)
}

/// Row numbers of an endpoint as one value; rows that many endpoints share cost a byte or two each.
#[must_use]
pub fn pack_rows(rows: &[(u32, u32)]) -> Vec<u8> {
    let mut rows = rows.to_vec();
    rows.sort_unstable();
    rows.dedup();
    let mut out = Vec::with_capacity(rows.len() + 8);
    for group in rows.chunk_by(|a, b| a.0 == b.0) {
        put(group.first().map_or(0, |r| u64::from(r.0)), &mut out);
        put(group.len() as u64, &mut out);
        let mut last = 0;
        for (_, row) in group {
            put(u64::from(row - last), &mut out);
            last = *row;
        }
    }
    out
}

/// Reverses [`pack_rows`].
///
/// # Errors
/// [`Unpackable`].
pub fn unpack_rows(mut bytes: &[u8]) -> Result<Vec<(u32, u32)>, Unpackable> {
    let mut rows = Vec::new();
    while !bytes.is_empty() {
        let table = u32::try_from(get(&mut bytes)?).map_err(|_| Unpackable)?;
        let count = get(&mut bytes)?;
        let mut row = 0_u32;
        for _ in 0..count {
            let step = u32::try_from(get(&mut bytes)?).map_err(|_| Unpackable)?;
            row = row.checked_add(step).ok_or(Unpackable)?;
            rows.push((table, row));
        }
    }
    Ok(rows)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packing_loses_nothing() {
        let cells: Vec<Cell> = vec![Box::from(&b""[..]), Box::from(&[0xff; 300][..])];
        assert_eq!(unpack_cells(&pack_cells(&cells)), Ok(cells));
        assert_eq!(unpack_cells(&pack_cells(&[])), Ok(vec![]));
        let rows = vec![(1, 7), (0, u32::MAX), (0, 3), (1, 7), (u32::MAX, 0)];
        let sorted = vec![(0, 3), (0, u32::MAX), (1, 7), (u32::MAX, 0)];
        assert_eq!(unpack_rows(&pack_rows(&rows)), Ok(sorted));
        assert_eq!(unpack_rows(&pack_rows(&[])), Ok(vec![]));
    }

    #[test]
    fn damaged_bytes_are_an_error_and_cost_no_memory() {
        for bad in [
            &[2, 1, 9][..],
            &[0xff; 12],
            &[1],
            &[0xff, 0xff, 0xff, 0xff, 0x0f],
        ] {
            assert_eq!(unpack_cells(bad), Err(Unpackable), "{bad:?}");
        }
        for bad in [
            &[0][..],
            &[0, 0xff, 0xff, 0xff, 0xff, 0x0f],
            &[0, 2, 0xff, 0xff, 0xff, 0xff, 0x0f, 1],
        ] {
            assert_eq!(unpack_rows(bad), Err(Unpackable), "{bad:?}");
        }
    }
}
