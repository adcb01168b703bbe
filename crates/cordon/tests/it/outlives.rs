//! The command line outlives the server: a question goes on after its server was killed, and answers of any length come through in
//! little memory.

use crate::support::{Server, agent, cordon, enrol, json_of, text};
use crate::torrent::Torrent;
use serde_json::Value;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::{Command, Output, Stdio};

fn show(profile: &Path, id: &str, form: &str) -> Output {
    let output = cordon()
        .args(["questions", "show", id, "--output", form, "--profile"])
        .arg(profile)
        .output()
        .expect("shown");
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    output
}

#[test]
fn a_question_goes_on_after_its_server_was_killed() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut server = Server::start(&folder.path().join("server"));
    let profile = server.profile();
    let place = folder.path().join("agent");
    enrol(&server.token(&profile, 1), &place);
    // The only endpoint is not there yet, so the question cannot be over before the server is.
    let mut ask = cordon()
        .args(["ask", "Get Computer Name from all machines", "--follow"])
        .args(["--output", "json", "--profile"])
        .arg(&profile)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("asked");
    let mut said = BufReader::new(ask.stderr.take().expect("piped")).lines();
    let mut until = |what: &str| {
        let mut seen = Vec::new();
        for line in &mut said {
            let line = line.expect("text");
            let found = line.contains(what);
            seen.push(line);
            if found {
                return seen.pop().unwrap_or_default();
            }
        }
        panic!("`{what}` was not said, but {seen:?}");
    };
    let line = until("is asked");
    let id = line.split_whitespace().nth(2).expect("a number").to_owned();
    for _ in 0..2 {
        server.restart();
        until("goes on");
        until("the server is back");
    }
    let _agent = agent(&place);
    let mut answer = String::new();
    let mut stdout = ask.stdout.take().expect("piped");
    stdout.read_to_string(&mut answer).expect("text");
    assert_eq!(ask.wait().expect("ended").code(), Some(0), "{answer}");
    let answer: Value = serde_json::from_str(&answer).expect("JSON");
    assert_eq!(
        answer["question"]["id"].to_string(),
        id,
        "the same question"
    );
    assert_eq!(answer["coverage"]["answered"], 1);
    let name = answer["tables"][0]["rows"][0]["Computer Name"].clone();
    assert!(name.is_string(), "{answer}");

    let asked = cordon()
        .args(["questions", "--output", "json", "--profile"])
        .arg(&profile)
        .output()
        .expect("listed");
    let asked = json_of(&asked);
    assert_eq!(
        asked["tables"][0]["rows"].as_array().map(Vec::len),
        Some(1),
        "asked once"
    );

    // Every form tells the same.
    let name = name.as_str().unwrap_or_default();
    assert_eq!(
        json_of(&show(&profile, &id, "json"))["tables"],
        answer["tables"]
    );
    let lines = text(&show(&profile, &id, "jsonl"));
    let lines: Vec<Value> = lines
        .lines()
        .map(|line| serde_json::from_str(line).expect("a line"))
        .collect();
    assert_eq!(lines.len(), 2, "a row, and how far the answer is");
    assert_eq!(lines[0]["values"]["Computer Name"], name);
    assert_eq!(lines[1]["coverage"], answer["coverage"]);
    assert_eq!(
        text(&show(&profile, &id, "csv")),
        format!("Computer Name,Machines\r\n{name},1\r\n")
    );
    let piped = cordon()
        .args(["questions", "show", &id, "--profile"])
        .arg(&profile)
        .output()
        .expect("shown");
    assert_eq!(
        text(&piped),
        format!("Computer Name\tMachines\n{name}\t1\n")
    );
    let aligned = text(&show(&profile, &id, "table"));
    assert!(aligned.contains(&format!("│ {name} ")), "{aligned}");
}

#[test]
fn answers_of_any_length_need_little_memory() {
    const ROWS: u64 = 3_000_000;
    let torrent = Torrent::start(ROWS);
    for (form, lines) in [("csv", ROWS + 1), ("jsonl", ROWS + 1)] {
        // Held as a whole, the rows would need several times this.
        let mut shown = Command::new("sh")
            .args(["-c", "ulimit -d 98304 && exec \"$@\"", "sh"])
            .arg(env!("CARGO_BIN_EXE_cordon"))
            .args(["questions", "show", "7", "--output", form, "--profile"])
            .arg(&torrent.profile)
            .stdout(Stdio::piped())
            .spawn()
            .expect("shown");
        let mut out = shown.stdout.take().expect("piped");
        let (mut buffer, mut count) = (vec![0; 1 << 20], 0);
        loop {
            let read = out.read(&mut buffer).expect("text");
            if read == 0 {
                break;
            }
            count += buffer[..read].iter().filter(|b| **b == b'\n').count() as u64;
        }
        let status = shown.wait().expect("ended");
        assert!(status.success(), "{form}: {status} after {count} lines");
        assert_eq!(count, lines, "{form}");
    }
}

#[test]
fn a_transfer_that_breaks_off_is_an_error() {
    let torrent = Torrent::broken_after(1000);
    let output = cordon()
        .args(["questions", "show", "7", "--output", "csv", "--profile"])
        .arg(&torrent.profile)
        .output()
        .expect("shown");
    assert_eq!(output.status.code(), Some(2), "{output:?}");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(said.contains("broke off"), "{said}");
}
