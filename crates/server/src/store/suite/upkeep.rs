//! Keeping, removing, cutting, tidying.

use super::answers::{ask, parts, rows, time};
use super::{Place, actions, deed};
use crate::model::actor::Actor;
use crate::model::audit::{CUT, Deed, cut_detail};
use crate::model::ids::{QuestionId, UserId};
use crate::store::questions::{AnswerBatch, StoredPart};
use crate::store::upkeep::{Ended, EndedQuery};
use crate::store::{Store, StoreError};
use answer::{NewRow, State};
use std::sync::Arc;

const ALL: u32 = 1000;

/// A closed question with an answer of some bytes.
async fn closed(store: &dyn Store) -> QuestionId {
    let (id, _) = ask(store).await;
    let batch = AnswerBatch {
        rows: vec![NewRow {
            table: 0,
            row: 0,
            cells: vec![vec![7; 100].into()],
        }],
        parts: vec![StoredPart {
            ordinal: 1,
            state: State::Answered,
            rows: vec![(0, 0)],
            problems: Vec::new(),
            rows_cut: 0,
        }],
    };
    store.save_answers(id, Arc::new(batch)).await.expect("kept");
    store
        .close_question(id, "{\"rows\":1}".into(), "[]".into())
        .await
        .expect("closed");
    id
}

async fn tidy(store: &dyn Store) {
    while store.tidy(time(1_000_000)).await.expect("tidied") {}
}

async fn ended(store: &dyn Store, before: i64, with_answers: bool) -> Vec<QuestionId> {
    let query = EndedQuery {
        before: time(before),
        with_answers,
        limit: ALL,
    };
    let found: Vec<Ended> = store.ended_questions(query).await.expect("read");
    found.into_iter().map(|e| e.id).collect()
}

pub async fn what_is_to_be_kept_is_never_among_the_old(place: &dyn Place) {
    let store = place.open();
    let (plain, kept) = (closed(store.as_ref()).await, closed(store.as_ref()).await);
    let (open, _) = ask(store.as_ref()).await;
    store
        .keep_question(kept, true, deed("question.keep"))
        .await
        .expect("marked");
    assert!(ended(store.as_ref(), 600, true).await.is_empty());
    assert_eq!(ended(store.as_ref(), 601, true).await, [plain]);
    // An open one, and one to be kept, hold their answers whoever asks for it.
    for id in [open, kept] {
        let removed = store.remove_answers(id, time(601), deed("answers.expire"));
        assert!(!removed.await.expect("answered"));
    }
    store
        .keep_question(kept, false, deed("question.keep"))
        .await
        .expect("marked");
    assert_eq!(ended(store.as_ref(), 601, true).await, [plain, kept]);
    let gone = store
        .keep_question(QuestionId(999), true, deed("question.keep"))
        .await;
    assert!(matches!(gone, Err(StoreError::Missing(_))), "{gone:?}");
}

pub async fn answers_go_and_their_sum_stays(place: &dyn Place) {
    let store = place.open();
    let id = closed(store.as_ref()).await;
    let before = store.sizes().await.expect("read");
    assert!(before.answers > 0, "{before:?}");
    let remove = || store.remove_answers(id, time(700), deed("answers.expire"));
    assert!(remove().await.expect("removed"));
    assert!(!remove().await.expect("answered"), "once");
    tidy(store.as_ref()).await;
    assert_eq!(store.sizes().await.expect("read").answers, 0);
    assert!(rows(store.as_ref(), id, ALL).await.is_empty());
    assert!(parts(store.as_ref(), id, ALL).await.is_empty());
    let kept = store.question(id).await.expect("read").expect("there");
    assert_eq!(kept.answers_removed_at, Some(time(700)));
    assert_eq!(kept.summary.as_deref(), Some("{\"rows\":1}"));
    assert!(ended(store.as_ref(), 601, true).await.is_empty());
    assert_eq!(ended(store.as_ref(), 601, false).await, [id]);
    let told = actions(store.as_ref()).await;
    assert_eq!(told.iter().filter(|a| *a == "answers.expire").count(), 1);
}

pub async fn a_removed_question_is_seen_by_nobody(place: &dyn Place) {
    let store = place.open();
    let (open, _) = ask(store.as_ref()).await;
    let refused = store.remove_question(open, deed("question.delete")).await;
    assert!(
        matches!(refused, Err(StoreError::Conflict(_))),
        "{refused:?}"
    );
    let id = closed(store.as_ref()).await;
    store
        .remove_question(id, deed("question.delete"))
        .await
        .expect("removed");
    drop(store);
    let store = place.open();
    assert!(store.question(id).await.expect("read").is_none());
    let listed = store.questions(None, None, ALL).await.expect("read");
    assert_eq!(listed.iter().map(|q| q.id).collect::<Vec<_>>(), [open]);
    let gone = store.remove_question(id, deed("question.delete")).await;
    assert!(matches!(gone, Err(StoreError::Missing(_))), "{gone:?}");
    tidy(store.as_ref()).await;
    assert_eq!(store.sizes().await.expect("read").answers, 0);
    let open_of_ada = store.open_of(UserId(1)).await.expect("read");
    assert_eq!(open_of_ada.len(), 1, "{open_of_ada:?}");
}

pub async fn orders_go_and_their_numbers_do_not_come_again(place: &dyn Place) {
    let store = place.open();
    let (_, first) = ask(store.as_ref()).await;
    assert_eq!(store.remove_orders(time(600)).await.expect("answered"), 0);
    assert_eq!(store.remove_orders(time(601)).await.expect("removed"), 1);
    drop(store);
    let store = place.open();
    assert!(store.live_orders(time(0)).await.expect("read").is_empty());
    let (_, second) = ask(store.as_ref()).await;
    assert!(second > first);
}

pub async fn the_audit_log_is_cut_at_its_front_only_and_says_so(place: &dyn Place) {
    let store = place.open();
    for _ in 0..9 {
        store.note(deed("test")).await.expect("noted");
    }
    let entries = store.audit_after(0, ALL).await.expect("read");
    let at = |number: usize| crate::model::audit::Head {
        number: entries[number - 1].number,
        hash: entries[number - 1].hash,
    };
    let cut = |through| {
        let deed = Deed::new(Actor::Server, CUT, "entries").with(cut_detail(through));
        store.cut_audit(through, deed)
    };
    let wrong = crate::model::audit::Head {
        hash: [1; 32],
        ..at(4)
    };
    for never in [wrong, at(9)] {
        let refused = cut(never).await;
        assert!(
            matches!(refused, Err(StoreError::Conflict(_))),
            "{refused:?}"
        );
    }
    cut(at(4)).await.expect("cut");
    tidy(store.as_ref()).await;
    let left = store.audit_after(0, ALL).await.expect("read");
    assert_eq!((left[0].number, left.len()), (5, 6));
    assert_eq!(store.audit_anchor().await.expect("read"), at(4));
    let verdict = store
        .audit_verify(vec![at(2), at(4), at(6)])
        .await
        .expect("checked");
    assert_eq!((verdict.fault, verdict.cut, verdict.good), (None, 4, 10));
    let backwards = cut(at(3)).await;
    assert!(
        matches!(backwards, Err(StoreError::Conflict(_))),
        "{backwards:?}"
    );
}
