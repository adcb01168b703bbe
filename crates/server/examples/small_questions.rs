//! What small questions cost on disk: asks some, puts the answers of simulated endpoints straight into a store, and measures the file.
//!
//!     cargo run --release -p server --example small_questions -- [ENDPOINTS [QUESTIONS]]

#![expect(clippy::print_stdout, reason = "a measurement is printed")]

use answer::{NewRow, State};
use jiff::Timestamp;
use protocol::message::SignedOrder;
use server::model::actor::Actor;
use server::model::audit::Deed;
use server::model::clock::Clock;
use server::model::ids::UserId;
use server::model::order::{NewOrder, OrderKind};
use server::store::questions::{AnswerBatch, NewQuestion, StoredPart};
use server::store::sqlite::SqliteStore;
use server::store::{Store, StoreError};
use std::error::Error;
use std::sync::Arc;
use std::time::Instant;

/// What the endpoints answer.
#[derive(Clone, Copy, Debug)]
enum Shape {
    /// Each its own name.
    OwnRow,
    /// Each some of forty rows.
    SharedRows,
    /// All the same row.
    OneRow,
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut numbers = std::env::args().skip(1).map(|text| text.parse::<u32>());
    let endpoints = numbers.next().transpose()?.unwrap_or(2000);
    let questions = numbers.next().transpose()?.unwrap_or(20);
    println!("{endpoints} endpoints, {questions} questions of each kind");
    for shape in [Shape::OwnRow, Shape::SharedRows, Shape::OneRow] {
        for batch in [1, 50, 512] {
            let folder = tempfile::tempdir()?;
            let store = SqliteStore::open(folder.path(), Clock::system())?;
            let before = used(&store).await?;
            let began = Instant::now();
            for _ in 0..questions {
                question(&store, endpoints, shape, batch).await?;
            }
            while store_tidy(&store).await? {}
            let each = (used(&store).await? - before) / u64::from(questions);
            println!(
                "{shape:?}, {batch} answers at a time: {each} bytes a question, {:.1} ms each",
                began.elapsed().as_secs_f64() * 1000.0 / f64::from(questions)
            );
        }
    }
    Ok(())
}

async fn used(store: &dyn Store) -> Result<u64, StoreError> {
    let sizes = store.sizes().await?;
    Ok(sizes.store - sizes.unused)
}

async fn store_tidy(store: &dyn Store) -> Result<bool, StoreError> {
    store.tidy(Timestamp::now()).await
}

async fn question(
    store: &dyn Store,
    endpoints: u32,
    shape: Shape,
    batch: usize,
) -> Result<(), StoreError> {
    let new = NewQuestion {
        text: "Get Computer Name from all machines".into(),
        tail: String::new(),
        plan: r#"{"tables":[{"title":"Computer Name","columns":[{"name":"Computer Name","sensor":"Computer Name","value_type":"text"}],"parts":1}]}"#.into(),
        asked_by: Actor::User {
            user: UserId(1),
            name: "ada".into(),
        },
        asked_at: Timestamp::now(),
        expires_at: Timestamp::now(),
        targets: None,
    };
    let order = NewOrder {
        expires_at: Timestamp::now(),
        seal: Box::new(|_| {
            Ok(SignedOrder {
                body: vec![7; 150],
                key: vec![7; 32],
                signature: vec![7; 64],
            })
        }),
    };
    let deed = Deed::new(Actor::Server, "question.ask", "");
    let stored = store.add_question(new, order, deed).await?;
    let (OrderKind::Question(id) | OrderKind::Cancel(id)) = stored.kind;
    let mut ordinals: Vec<u32> = (1..=endpoints).collect();
    ordinals.sort_by_key(|o| o.wrapping_mul(2_654_435_761));
    let mut seen = 0;
    for chunk in ordinals.chunks(batch) {
        let mut batch = AnswerBatch::default();
        for ordinal in chunk {
            let (rows, names): (Vec<u32>, Vec<(u32, String)>) = match shape {
                Shape::OwnRow => (
                    vec![seen],
                    vec![(seen, format!("host-{ordinal:05}.example.org"))],
                ),
                Shape::SharedRows => (
                    (0..40)
                        .filter(|row| *row < 25 || (ordinal * row) % 7 == 0)
                        .collect(),
                    (0..40).map(|row| (row, format!("process-{row}"))).collect(),
                ),
                Shape::OneRow => (vec![0], vec![(0, "Linux".into())]),
            };
            if matches!(shape, Shape::OwnRow) || seen == 0 {
                batch
                    .rows
                    .extend(names.into_iter().map(|(row, name)| NewRow {
                        table: 0,
                        row,
                        cells: vec![name.into_bytes().into()],
                    }));
            }
            seen += 1;
            batch.parts.push(StoredPart {
                ordinal: *ordinal,
                state: State::Answered,
                rows: rows.into_iter().map(|row| (0, row)).collect(),
                problems: Vec::new(),
                rows_cut: 0,
            });
        }
        store.save_answers(id, Arc::new(batch)).await?;
    }
    store.close_question(id, "{}".into(), "[]".into()).await
}
