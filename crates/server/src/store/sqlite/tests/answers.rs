//! How answers lie in the file: what they cost, and those of earlier versions.

use super::*;
use crate::model::ids::{QuestionId, UserId};
use crate::model::order::{NewOrder, OrderKind};
use crate::store::questions::{AnswerBatch, NewQuestion, StoredPart};
use crate::store::{Questions as _, Upkeep as _};
use answer::{NewRow, State};
use jiff::Timestamp;
use protocol::message::SignedOrder;

const ENDPOINTS: u32 = 2000;

async fn ask(store: &SqliteStore) -> QuestionId {
    let order = NewOrder {
        expires_at: Timestamp::UNIX_EPOCH,
        seal: Box::new(|_| {
            Ok(SignedOrder {
                body: vec![7; 150],
                key: vec![7; 32],
                signature: vec![7; 64],
            })
        }),
    };
    let new = NewQuestion {
        text: "Get Computer Name from all machines".into(),
        tail: String::new(),
        plan: "{\"tables\":[{\"title\":\"Computer Name\",\"columns\":[]}]}".into(),
        asked_by: Actor::User {
            user: UserId(1),
            name: "ada".into(),
        },
        asked_at: Timestamp::UNIX_EPOCH,
        expires_at: Timestamp::UNIX_EPOCH,
        targets: None,
    };
    let deed = Deed::new(Actor::Server, "question.ask", "");
    let stored = store.add_question(new, order, deed).await.expect("kept");
    match stored.kind {
        OrderKind::Question(id) | OrderKind::Cancel(id) => id,
    }
}

/// What `ENDPOINTS` give: each its own name, or each some of forty rows; in batches of this size, in no order.
fn batches(shared: bool, size: usize) -> Vec<Arc<AnswerBatch>> {
    let mut ordinals: Vec<u32> = (1..=ENDPOINTS).collect();
    ordinals.sort_by_key(|o| o.wrapping_mul(2_654_435_761));
    let mut seen = 0;
    ordinals
        .chunks(size)
        .map(|chunk| {
            let mut batch = AnswerBatch::default();
            for ordinal in chunk {
                let rows: Vec<(u32, u32)> = if shared {
                    (0..40)
                        .filter(|row| *row < 25 || (ordinal * row) % 7 == 0)
                        .map(|row| (0, row))
                        .collect()
                } else {
                    vec![(0, seen)]
                };
                let new = if shared {
                    0..if seen == 0 { 40 } else { 0 }
                } else {
                    seen..seen + 1
                };
                for row in new {
                    let name = if shared {
                        format!("process-{row}")
                    } else {
                        format!("host-{ordinal:05}.example.org")
                    };
                    batch.rows.push(NewRow {
                        table: 0,
                        row,
                        cells: vec![name.into_bytes().into()],
                    });
                }
                seen += 1;
                batch.parts.push(StoredPart {
                    ordinal: *ordinal,
                    state: State::Answered,
                    rows,
                    problems: Vec::new(),
                    rows_cut: 0,
                });
            }
            Arc::new(batch)
        })
        .collect()
}

async fn used(store: &SqliteStore) -> u64 {
    let sizes = store.sizes().await.expect("measured");
    sizes.store - sizes.unused
}

#[tokio::test]
async fn a_small_question_to_two_thousand_endpoints_costs_less_than_thirty_kilobytes() {
    for (shared, size) in [(false, 1), (false, 100), (true, 1), (true, 100)] {
        let folder = folder();
        let store = open(folder.path());
        let before = used(&store).await;
        let questions = 4;
        for _ in 0..questions {
            let id = ask(&store).await;
            let save = move |tx: &Tx<'_>| {
                batches(shared, size)
                    .iter()
                    .try_for_each(|batch| super::super::answers::save(tx, id, batch))
            };
            store.write("a test", save).await.expect("kept");
            store
                .close_question(id, "{}".into(), "[]".into())
                .await
                .expect("closed");
        }
        while store.tidy(Timestamp::UNIX_EPOCH).await.expect("tidied") {}
        let each = (used(&store).await - before) / questions;
        assert!(
            each <= 30 * 1024,
            "{each} bytes (shared rows: {shared}, {size} answers at a time)"
        );
    }
}

#[tokio::test]
async fn a_reader_half_way_through_misses_nothing_when_chunks_are_put_together() {
    let folder = folder();
    let store = open(folder.path());
    let id = ask(&store).await;
    for batch in batches(true, 50) {
        store.save_answers(id, batch).await.expect("kept");
    }
    let first = store.answer_parts(id, 0, 1234).await.expect("read");
    let mut after = first.last().expect("some").0;
    store
        .close_question(id, "{}".into(), "[]".into())
        .await
        .expect("closed");
    let mut seen: std::collections::BTreeSet<u32> =
        first.iter().map(|(_, part)| part.ordinal).collect();
    loop {
        let some = store.answer_parts(id, after, 100).await.expect("read");
        let Some((last, _)) = some.last() else { break };
        after = *last;
        seen.extend(some.iter().map(|(_, part)| part.ordinal));
    }
    assert_eq!(seen.len(), ENDPOINTS as usize);
}

#[tokio::test]
async fn answers_of_an_earlier_version_are_brought_over_once() {
    let folder = folder();
    let path = folder.path().join(FILE_NAME);
    {
        let mut db = connection::open_writing(&path).expect("opens");
        let old: Vec<_> = migrate::MIGRATIONS
            .iter()
            .filter(|m| m.number < 40)
            .copied()
            .collect();
        migrate::apply(&mut db, &path, &old).expect("an old schema");
        db.execute_batch(
            "INSERT INTO questions (text, plan, asked_by, asked_at, expires_at, order_number, closed)
                 VALUES ('q', '{}', 'ada', 0, 0, 1, 1), ('r', '{}', 'ada', 0, 0, 2, 0);
             INSERT INTO answer_rows VALUES (1, 0, 0, x'0202686903616263'), (1, 0, 1, x'00'), (2, 5, 0, x'0100');
             INSERT INTO answer_parts (question, ordinal, state, rows, problems, rows_cut) VALUES
                 (1, 9, 13, x'00020001', NULL, 0),
                 (2, 4, 5, x'', '[[\"Sensor\",\"error\",\"text\"]]', 7),
                 (1, 9, 13, x'000101', NULL, 3);
             PRAGMA wal_checkpoint(TRUNCATE);",
        )
        .expect("old answers");
    }
    for _ in 0..2 {
        let store = open(folder.path());
        let (one, two) = (QuestionId(1), QuestionId(2));
        let rows = store.answer_rows(one, None, 10).await.expect("read");
        let cells: Vec<Vec<&[u8]>> = rows
            .iter()
            .map(|r| r.cells.iter().map(|c| c.as_ref()).collect())
            .collect();
        assert_eq!(cells, [vec![&b"hi"[..], b"abc"], vec![]]);
        let parts = store.answer_parts(one, 0, 10).await.expect("read");
        let mut given: Vec<_> = parts.iter().flat_map(|(_, p)| p.rows.clone()).collect();
        given.dedup();
        assert_eq!(given, [(0, 0), (0, 1)]);
        assert_eq!(parts.iter().map(|(_, p)| p.rows_cut).max(), Some(3));
        let parts = store.answer_parts(two, 0, 10).await.expect("read");
        assert_eq!(
            (
                parts[0].1.state,
                parts[0].1.rows_cut,
                parts[0].1.problems.len()
            ),
            (State::Error, 7, 1)
        );
        assert_eq!(
            store.answer_rows(two, None, 10).await.expect("read").len(),
            1
        );
        // It gives room back from now on, and what is closed is put together.
        while store.tidy(Timestamp::UNIX_EPOCH).await.expect("tidied") {}
        let left: (i64, i64, i64) = store
            .read("a test", |db| {
                Ok((
                    db.pragma_query_value(None, "auto_vacuum", |row| row.get(0))?,
                    db.query_row(
                        "SELECT count(*) FROM sqlite_schema WHERE name IN ('answer_rows', 'answer_parts')",
                        [],
                        |row| row.get(0),
                    )?,
                    db.query_row(
                        "SELECT count(*) FROM answer_part_chunks WHERE question = 1 AND loose = 1",
                        [],
                        |row| row.get(0),
                    )?,
                ))
            })
            .await
            .expect("read");
        assert_eq!(left, (2, 0, 0));
    }
}

#[tokio::test]
async fn what_is_removed_gives_its_room_back() {
    let folder = folder();
    let store = open(folder.path());
    let id = ask(&store).await;
    // Rows that cannot be made small.
    let mut noise = 1_u64;
    for at in 0..40_u32 {
        let rows = (0..100)
            .map(|row| NewRow {
                table: 0,
                row: at * 100 + row,
                cells: vec![
                    (0..8000)
                        .map(|_| {
                            noise = noise
                                .wrapping_mul(6_364_136_223_846_793_005)
                                .wrapping_add(1);
                            noise.to_be_bytes()[0]
                        })
                        .collect(),
                ],
            })
            .collect();
        let batch = AnswerBatch {
            rows,
            parts: Vec::new(),
        };
        store.save_answers(id, Arc::new(batch)).await.expect("kept");
    }
    let deed = || Deed::new(Actor::Server, "question.delete", "");
    let open = store.remove_question(id, deed()).await;
    assert!(matches!(open, Err(StoreError::Conflict(_))), "{open:?}");
    store
        .close_question(id, "{}".into(), "[]".into())
        .await
        .expect("closed");
    let full = store.sizes().await.expect("measured");
    assert!(full.answers > 30 << 20, "{full:?}");
    store.remove_question(id, deed()).await.expect("removed");
    assert!(store.question(id).await.expect("read").is_none());
    let gone = store.remove_question(id, deed()).await;
    assert!(matches!(gone, Err(StoreError::Missing(_))), "{gone:?}");
    // Some at a time: the steps between which others have their turn.
    let mut steps = 0;
    while store.tidy(Timestamp::UNIX_EPOCH).await.expect("tidied") {
        steps += 1;
    }
    assert!(steps > 5, "{steps} steps");
    let after = store.sizes().await.expect("measured");
    assert_eq!(after.answers, 0);
    assert!(after.store < 20 << 20, "{after:?}");
}
