//! What is printed of an answer is of one moment, however much comes meanwhile: rows, machines, coverage, and the line below them.

use crate::support::{Server, client, connected, json_of, runtime, said, simulate, with};
use serde_json::Value;
use std::collections::BTreeSet;

const FLEET: u32 = 150;
const LOOKS: usize = 25;

/// Endpoints that a document has in its first table, each once.
fn named(document: &Value) -> u64 {
    let rows = document["tables"][0]["endpoints"].as_array();
    let rows = rows.into_iter().flatten();
    let all: BTreeSet<String> = rows
        .flat_map(|row| row.as_array().into_iter().flatten())
        .map(|machine| machine["id"].to_string())
        .collect();
    all.len() as u64
}

#[test]
fn coverage_and_rows_are_of_one_moment() {
    let folder = tempfile::tempdir().expect("a folder");
    let server = Server::start(&folder.path().join("server"));
    let profile = server.profile();
    let token = server.token(&profile, FLEET);
    // Late ones keep the answer moving.
    let _fleet = simulate(FLEET, &token, &["--late", "20%"]);
    runtime().block_on(connected(&client(&profile), FLEET.into()));
    for look in 0..LOOKS {
        let question = [
            "Get Computer Name from all machines",
            "Get Operating System and Computer Name from all machines",
        ][look % 2];
        let asked = with(
            &profile,
            &[
                "ask",
                question,
                "--wait",
                "0s",
                "--machines",
                "--output",
                "json",
            ],
        );
        let document = json_of(&asked);
        let answered = document["coverage"]["answered"].as_u64().unwrap_or(0);
        assert_eq!(named(&document), answered, "{document}");
        let told = said(&asked);
        let line = format!("{answered} answered");
        assert!(
            answered == 0 || told.contains(&line),
            "no `{line}` in {told}"
        );
        let whole = asked.status.code() == Some(0);
        assert_eq!(whole, answered == u64::from(FLEET), "{told}");
        let id = document["question"]["id"].to_string();
        // By columns, and as lines: the same holds.
        let shown = with(
            &profile,
            &[
                "questions",
                "show",
                &id,
                "--by",
                "Computer Name",
                "--output",
                "jsonl",
            ],
        );
        let lines = crate::support::text(&shown);
        let rows: Vec<Value> = lines
            .lines()
            .map(|line| serde_json::from_str(line).expect("a line"))
            .collect();
        let (end, rows) = rows.split_last().expect("a last line");
        let machines: u64 = rows
            .iter()
            .filter_map(|row| row["machines"]["count"].as_u64())
            .sum();
        assert_eq!(
            machines,
            end["coverage"]["answered"].as_u64().unwrap_or(0),
            "{lines}"
        );
        let all = json_of(&with(
            &profile,
            &[
                "questions",
                "show",
                &id,
                "--endpoints",
                "all",
                "--output",
                "json",
            ],
        ));
        let states = all["tables"][0]["rows"].as_array().expect("rows");
        let answered = states
            .iter()
            .filter(|row| row["State"] == "answered")
            .count();
        assert_eq!(
            all["coverage"]["answered"].as_u64().unwrap_or(0),
            answered as u64,
            "{all}"
        );
    }
}
