//! Whether memory goes back to the system after a burst: reads some large answers back from the store, as somebody who looks at them
//! makes the server do, lets the clock run until they are forgotten, and prints what the process holds.
//!
//!     cargo run --release -p server --example burst

#![expect(clippy::print_stdout, reason = "a measurement is printed")]

use answer::{NewRow, State};
use jiff::Timestamp;
use question::catalogue::{Catalogue, Sensor, ValueType};
use server::access::Reader;
use server::model::actor::Actor;
use server::model::clock::Clock;
use server::model::ids::QuestionId;
use server::store::questions::{AnswerBatch, StoredPart};
use server::{Config, Running};
use std::error::Error;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

const QUESTIONS: u32 = 8;
const ROWS: u32 = 200_000;
const ENDPOINTS: u32 = 2000;

fn resident() -> u64 {
    let statm = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    let pages: u64 = statm
        .split(' ')
        .nth(1)
        .and_then(|p| p.parse().ok())
        .unwrap_or(0);
    (pages * 4096) >> 20
}

async fn start(folder: &Path, clock: &Clock) -> Result<Running, Box<dyn Error>> {
    let sensor = Sensor::new("Running Processes", "Processes", "Programs that run.").column(
        "Name",
        ValueType::Text,
        "Name of the program.",
    );
    let mut config = Config::local(folder.to_owned(), Catalogue::new([sensor]));
    config.clock = clock.clone();
    Ok(server::start(config).await?)
}

async fn fill(running: &Running) -> Result<Vec<QuestionId>, Box<dyn Error>> {
    let services = &running.services;
    let mut ids = Vec::new();
    for _ in 0..QUESTIONS {
        let text = "Get Running Processes from all machines";
        let reader = Reader::server();
        let asked = services
            .questions
            .ask(text, &Actor::Server, &reader, None, None);
        let id = asked.await?.id;
        for chunk in 0..ROWS / 2000 {
            let rows = chunk * 2000..(chunk + 1) * 2000;
            let batch = AnswerBatch {
                rows: rows
                    .clone()
                    .map(|row| NewRow {
                        table: 0,
                        row,
                        cells: vec![
                            format!("a process with the number {row}")
                                .into_bytes()
                                .into(),
                        ],
                    })
                    .collect(),
                parts: (1..=ENDPOINTS)
                    .map(|ordinal| StoredPart {
                        ordinal,
                        state: State::Answered,
                        rows: vec![(0, chunk * 2000 + ordinal - 1), (0, chunk * 2000)],
                        problems: Vec::new(),
                        rows_cut: 0,
                    })
                    .collect(),
            };
            services.store.save_answers(id, Arc::new(batch)).await?;
        }
        services.questions.cancel(id, &Actor::Server).await?;
        ids.push(id);
    }
    Ok(ids)
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let folder = tempfile::tempdir()?;
    let clock = Clock::set_to(Timestamp::now());
    let running = start(folder.path(), &clock).await?;
    let ids = fill(&running).await?;
    running.drain().await;
    let running = start(folder.path(), &clock).await?;
    println!("before: {} MiB", resident());
    let questions = &running.services.questions;
    let reader = Reader::server();
    let looks = ids
        .iter()
        .map(|id| questions.with_answer(*id, &reader, |answer, _| answer.rows()));
    for rows in futures_util::future::join_all(looks).await {
        assert_eq!(rows?, u64::from(ROWS));
    }
    println!("all {QUESTIONS} answers in memory: {} MiB", resident());
    // Beyond the time after which an answer that nobody looks at is forgotten, and beyond the next look at the memory.
    for minute in 1..=12 {
        clock.advance(Duration::from_secs(60));
        tokio::time::sleep(Duration::from_millis(300)).await;
        println!("minute {minute}: {} MiB", resident());
    }
    running.drain().await;
    Ok(())
}
