//! Questions good and bad, each with its canonical form or its error. See tests/data/corpus.txt.
//!
//! `CORPUS=write` writes what the parser gives into the file, for review.

use crate::catalogue::catalogue;
use question::parse;
use std::fmt::Write as _;

const FILE: &str = "tests/data/corpus.txt";

/// What the parser makes of a text, as the file has it.
fn outcome(text: &str) -> String {
    let catalogue = catalogue();
    match parse(text, &catalogue) {
        Ok(question) => {
            let canonical = question.to_string();
            let again = parse(&canonical, &catalogue);
            assert_eq!(again.as_ref(), Ok(&question), "{text}\n{canonical}");
            format!("= {canonical}")
        }
        Err(e) => {
            let place: String = text.chars().skip(e.start).take(e.end - e.start).collect();
            let mut out = format!("! {}..{} {} at <{place}>", e.start, e.end, e.message);
            if !e.nearest.is_empty() {
                write!(out, " nearest: {}", e.nearest.join(", ")).unwrap();
            }
            if !e.expected.is_empty() {
                write!(out, " expected: {}", e.expected.join(", ")).unwrap();
            }
            out
        }
    }
}

#[test]
fn corpus() {
    let file = std::fs::read_to_string(FILE).unwrap();
    let mut written = String::new();
    let (mut good, mut bad) = (0, 0);
    let mut wrong = Vec::new();
    let mut lines = file.lines().peekable();
    while let Some(line) = lines.next() {
        written.push_str(line);
        written.push('\n');
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let wanted = lines
            .next_if(|l| l.starts_with("= ") || l.starts_with("! "))
            .unwrap_or("(nothing)");
        let got = outcome(line);
        if got.starts_with('=') {
            good += 1
        } else {
            bad += 1
        }
        if got != wanted {
            wrong.push(format!("{line}\n  wanted {wanted}\n  got    {got}"));
        }
        written.push_str(&got);
        written.push('\n');
    }
    if std::env::var_os("CORPUS").is_some_and(|v| v == "write") {
        std::fs::write(FILE, written).unwrap();
        return;
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(
        good >= 80 && bad >= 60,
        "{good} good and {bad} bad questions"
    );
}
