//! Questions, orders and answers.

use super::{Place, actions, deed};
use crate::model::actor::Actor;
use crate::model::ids::{QuestionId, UserId};
use crate::model::order::{NewOrder, OrderKind, SealError, StoredOrder};
use crate::store::questions::{AnswerBatch, NewQuestion, StoredPart};
use crate::store::{Store, StoreError};
use answer::{NewRow, State};
use jiff::{SignedDuration, Timestamp};
use protocol::message::SignedOrder;
use std::sync::Arc;

pub(super) fn time(seconds: i64) -> Timestamp {
    Timestamp::UNIX_EPOCH
        .checked_add(SignedDuration::from_secs(seconds))
        .expect("a time")
}

fn ada() -> Actor {
    Actor::User {
        user: UserId(1),
        name: "ada".into(),
    }
}

/// What was signed says its number, as far as this suite goes.
fn signed(number: u64) -> SignedOrder {
    SignedOrder {
        body: number.to_be_bytes().to_vec(),
        key: vec![4],
        signature: vec![5],
    }
}

fn order() -> NewOrder {
    NewOrder {
        expires_at: time(600),
        seal: Box::new(|number| Ok(signed(number))),
    }
}

/// Asks; gives the question and the order's number.
pub(super) async fn ask(store: &dyn Store) -> (QuestionId, u64) {
    let new = NewQuestion {
        text: "Get Computer Name from all machines".into(),
        tail: "on exactly 1 machine".into(),
        plan: "{}".into(),
        asked_by: ada(),
        asked_at: time(0),
        expires_at: time(600),
        targets: None,
    };
    let stored = store
        .add_question(new, order(), deed("question.ask"))
        .await
        .expect("kept");
    match stored.kind {
        OrderKind::Question(id) => (id, stored.number),
        OrderKind::Cancel(id) => panic!("an order that cancels question {id}"),
    }
}

pub async fn a_question_is_kept_with_its_order_and_deed(place: &dyn Place) {
    let store = place.open();
    let (first, one) = ask(store.as_ref()).await;
    let (second, other) = ask(store.as_ref()).await;
    assert!(second > first && other > one);
    drop(store);
    let store = place.open();
    let kept = store.question(first).await.expect("read").expect("there");
    assert_eq!(
        (kept.order, kept.asked_by, kept.closed),
        (one, ada(), false)
    );
    // What is asked and how it is shown stand apart.
    assert_eq!(
        (kept.text.as_str(), kept.tail.as_str()),
        (
            "Get Computer Name from all machines",
            "on exactly 1 machine"
        )
    );
    let listed = store.questions(None, None, 10).await.expect("read");
    let ids: Vec<_> = listed.iter().map(|q| q.id).collect();
    assert_eq!(ids, [second, first]);
    let page = store.questions(Some(second), None, 10).await.expect("read");
    assert_eq!(page.len(), 1);
    let mine = store.questions(None, ada().user(), 10).await.expect("read");
    assert_eq!(mine.len(), 2);
    let theirs = store.questions(None, Some(UserId(77)), 10).await;
    assert!(theirs.expect("read").is_empty());
    let live = store.live_orders(time(599)).await.expect("read");
    let expected = [(first, one), (second, other)].map(|(id, number)| StoredOrder {
        number,
        kind: OrderKind::Question(id),
        signed: signed(number),
        expires_at: time(600),
    });
    assert_eq!(live, expected);
    assert!(store.live_orders(time(600)).await.expect("read").is_empty());
    store
        .resign_order(one, vec![6], vec![7])
        .await
        .expect("signed anew");
    let live = store.live_orders(time(599)).await.expect("read");
    assert_eq!((live[0].signed.key[0], live[0].signed.signature[0]), (6, 7));
    assert_eq!(actions(store.as_ref()).await, ["question.ask"; 2]);
}

pub async fn what_cannot_be_signed_is_not_kept(place: &dyn Place) {
    let store = place.open();
    let new = NewQuestion {
        text: "Get Computer Name from all machines".into(),
        tail: String::new(),
        plan: "{}".into(),
        asked_by: ada(),
        asked_at: time(0),
        expires_at: time(600),
        targets: None,
    };
    let order = NewOrder {
        expires_at: time(600),
        seal: Box::new(|_| Err(SealError::NoKey)),
    };
    let refused = store.add_question(new, order, deed("question.ask")).await;
    assert!(
        matches!(refused, Err(StoreError::Seal(SealError::NoKey))),
        "{refused:?}"
    );
    assert!(
        store
            .questions(None, None, 10)
            .await
            .expect("read")
            .is_empty()
    );
    assert!(actions(store.as_ref()).await.is_empty());
}

pub async fn a_question_ends_once(place: &dyn Place) {
    let store = place.open();
    let (id, asked) = ask(store.as_ref()).await;
    let cancel =
        || store.cancel_question(id, time(5), ada(), Some(order()), deed("question.cancel"));
    let cancelled = cancel().await.expect("answered").expect("it was open");
    let told = cancelled.order.expect("endpoints are told");
    assert_eq!(told.kind, OrderKind::Cancel(id));
    assert!(told.number > asked);
    assert!(cancel().await.expect("answered").is_none());
    assert_eq!(store.open_questions().await.expect("read").len(), 1);
    store
        .close_question(id, "{\"rows\":0}".into(), "[]".into())
        .await
        .expect("closed");
    assert!(store.open_questions().await.expect("read").is_empty());
    let kept = store.question(id).await.expect("read").expect("there");
    assert!(kept.closed);
    assert_eq!(kept.cancelled_at, Some(time(5)));
    assert_eq!(kept.summary.as_deref(), Some("{\"rows\":0}"));
}

/// What 40 endpoints give to a question with two tables, in batches of these sizes.
fn batches(sizes: &[u32]) -> (Vec<AnswerBatch>, Vec<NewRow>, Vec<StoredPart>) {
    let (mut all, mut rows, mut parts) = (Vec::new(), Vec::new(), Vec::new());
    let mut ordinal = 0;
    for size in sizes {
        let mut batch = AnswerBatch::default();
        for _ in 0..*size {
            ordinal += 1;
            let own = NewRow {
                table: 0,
                row: ordinal - 1,
                cells: vec![format!("box-{ordinal}").into_bytes().into(), Box::default()],
            };
            let mut held = vec![(0, ordinal - 1)];
            batch.rows.push(own.clone());
            rows.push(own);
            // A row that all have, and one that every third has.
            if ordinal == 1 || ordinal == 3 {
                let shared = NewRow {
                    table: 1,
                    row: u32::from(ordinal == 3),
                    cells: vec![vec![0xff; 3].into()],
                };
                batch.rows.push(shared.clone());
                rows.push(shared);
            }
            held.push((1, 0));
            if ordinal % 3 == 0 {
                held.push((1, 1));
            }
            let part = StoredPart {
                // As they come: in no order.
                ordinal: ordinal ^ 5,
                state: if ordinal % 7 == 0 {
                    State::RowLimit
                } else {
                    State::Answered
                },
                rows: held,
                problems: if ordinal % 11 == 0 {
                    vec![("Sensor".into(), State::Error, "a 'text'".into())]
                } else {
                    Vec::new()
                },
                rows_cut: if ordinal % 7 == 0 { u64::MAX >> 1 } else { 0 },
            };
            batch.parts.push(part.clone());
            parts.push(part);
        }
        all.push(batch);
    }
    rows.sort_by_key(|r| (r.table, r.row));
    (all, rows, parts)
}

pub(super) async fn rows(store: &dyn Store, id: QuestionId, limit: u32) -> Vec<NewRow> {
    let (mut all, mut after) = (Vec::new(), None);
    loop {
        let some = store.answer_rows(id, after, limit).await.expect("read");
        assert!(some.len() <= limit as usize, "no more than asked for");
        let Some(last) = some.last() else { return all };
        after = Some((last.table, last.row));
        all.extend(some);
    }
}

pub(super) async fn parts(store: &dyn Store, id: QuestionId, limit: u32) -> Vec<StoredPart> {
    let (mut all, mut after) = (Vec::new(), 0);
    loop {
        let some = store.answer_parts(id, after, limit).await.expect("read");
        assert!(some.len() <= limit as usize, "no more than asked for");
        let Some((last, _)) = some.last() else {
            return all;
        };
        after = *last;
        all.extend(some.into_iter().map(|(_, part)| part));
    }
}

/// What is kept of an answer does not tell in how many pieces an endpoint's part came: joined by endpoint.
pub(super) fn joined(parts: &[StoredPart]) -> Vec<StoredPart> {
    let mut by = std::collections::BTreeMap::<u32, StoredPart>::new();
    for part in parts {
        let held = by.entry(part.ordinal).or_insert_with(|| StoredPart {
            rows: Vec::new(),
            problems: Vec::new(),
            ..part.clone()
        });
        held.state = held.state.max(part.state);
        held.rows_cut = held.rows_cut.max(part.rows_cut);
        held.rows.extend(&part.rows);
        held.rows.sort_unstable();
        held.rows.dedup();
        held.problems.extend(part.problems.iter().cloned());
    }
    by.into_values().collect()
}

pub async fn answers_come_back_in_order_in_pieces_of_any_size(place: &dyn Place) {
    let store = place.open();
    // Two questions at a time: one's answers are not the other's.
    let (one, other) = (ask(store.as_ref()).await.0, ask(store.as_ref()).await.0);
    let (saved, expected_rows, expected_parts) = batches(&[1, 1, 20, 3, 15]);
    for batch in saved {
        let batch = Arc::new(batch);
        for id in [one, other] {
            store
                .save_answers(id, Arc::clone(&batch))
                .await
                .expect("kept");
        }
    }
    for closed in [false, true] {
        for limit in [1, 2, 7, 4096] {
            assert_eq!(rows(store.as_ref(), one, limit).await, expected_rows);
            let got = parts(store.as_ref(), one, limit).await;
            assert_eq!(joined(&got), joined(&expected_parts));
        }
        if !closed {
            store
                .close_question(one, "{}".into(), "[]".into())
                .await
                .expect("closed");
        }
    }
    drop(store);
    let store = place.open();
    for id in [one, other] {
        assert_eq!(rows(store.as_ref(), id, 4096).await, expected_rows);
        let got = parts(store.as_ref(), id, 4096).await;
        assert_eq!(joined(&got), joined(&expected_parts));
    }
    let nobody = QuestionId(99);
    assert!(rows(store.as_ref(), nobody, 10).await.is_empty());
    assert!(parts(store.as_ref(), nobody, 10).await.is_empty());
}

pub async fn a_batch_is_kept_whole_or_not_at_all(place: &dyn Place) {
    let store = place.open();
    let (id, _) = ask(store.as_ref()).await;
    let (saved, ..) = batches(&[2]);
    let batch = Arc::new(saved.into_iter().next().expect("one"));
    store
        .save_answers(id, Arc::clone(&batch))
        .await
        .expect("kept");
    let before = rows(store.as_ref(), id, 100).await;
    let count = parts(store.as_ref(), id, 100).await.len();
    // Its rows have numbers that are taken.
    store
        .save_answers(id, batch)
        .await
        .expect_err("a row cannot have a number twice");
    assert_eq!(rows(store.as_ref(), id, 100).await, before);
    assert_eq!(parts(store.as_ref(), id, 100).await.len(), count);
}
