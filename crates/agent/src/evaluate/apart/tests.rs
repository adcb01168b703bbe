//! The agent's side against programs that do as they please.

use super::*;
use crate::answers;
use protocol::frame;
use protocol::message::WireRow;
use std::sync::atomic::Ordering;

fn limits() -> Limits {
    Limits {
        memory: 64 << 20,
        ..Limits::default()
    }
}

fn run(program: &Program, limits: Limits) -> Gathered {
    run_with(program, &Request::default(), limits, Arc::default())
}

fn run_with(
    program: &Program,
    request: &Request,
    limits: Limits,
    cancelled: Arc<AtomicBool>,
) -> Gathered {
    program.run("Folder Contents", request, limits, cancelled, &Seat::take())
}

/// A program that reads its job and then does this, with a file in `$1`.
fn script(text: &str, file: &Path) -> Program {
    let text = format!("exec 3>&1; cat >/dev/null; {text}");
    Program::new("/bin/sh", &["-c", &text, "sh", file.to_str().unwrap()])
}

/// A file of frames: rows, and the last part if asked for.
fn frames(rows: usize, last: Option<AnswerPart>) -> tempfile::NamedTempFile {
    let part = AnswerPart {
        rows: (0..rows)
            .map(|n| WireRow {
                table: 0,
                cells: vec![n.to_string().into_bytes(), b"x".to_vec(), Vec::new()],
            })
            .collect(),
        ..AnswerPart::default()
    };
    let mut bytes = frame::encode(&part);
    bytes.extend(last.iter().flat_map(frame::encode));
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), bytes).unwrap();
    file
}

fn last() -> AnswerPart {
    AnswerPart {
        last: true,
        ..AnswerPart::default()
    }
}

fn state_of(gathered: &Gathered) -> Vec<State> {
    gathered.problems.iter().map(|(state, _)| *state).collect()
}

#[test]
fn rows_and_problems_come_over() {
    let mut end = last();
    end.problems = vec![answers::problem("x", State::Denied, "closed")];
    let file = frames(1_000, Some(end));
    let gathered = run(&script("cat \"$1\"", file.path()), limits());
    assert_eq!(gathered.rows.len(), 1_000);
    assert_eq!(gathered.problems, [(State::Denied, "closed".into())]);
    // It may take its time to end: nothing is waited for once all is said.
    let program = script("cat \"$1\"; exec sleep 1000", file.path());
    assert_eq!(run(&program, limits()).rows.len(), 1_000);
}

#[test]
fn whatever_way_it_ends_the_rows_until_then_stay_and_the_reason_is_told() {
    let file = frames(10, None);
    for (how, state, word) in [
        ("kill -SEGV $$", State::Error, "signal 11"),
        ("kill -KILL $$", State::MemoryLimit, "was killed"),
        ("kill -XCPU $$", State::CpuLimit, "processor"),
        ("exit 3", State::Error, "code 3"),
        ("exit 0", State::Error, "code 0"),
        ("echo oh dear >&2; exit 1", State::Error, "oh dear"),
        (
            "echo 'memory allocation of 8 bytes failed' >&2; kill -ABRT $$",
            State::MemoryLimit,
            "may take",
        ),
        (r"printf '\377\377\377\377'", State::Error, "is more than"),
        (
            r"printf '\0\0\0\1\377'; exec sleep 1000",
            State::Error,
            "no message",
        ),
        (r"printf '\0\0\0\377half'", State::Error, "code 0"),
    ] {
        let gathered = run(
            &script(&format!("cat \"$1\"; {how}"), file.path()),
            limits(),
        );
        assert_eq!(gathered.rows.len(), 10, "{how}");
        assert_eq!(
            state_of(&gathered),
            [state],
            "{how}: {:?}",
            gathered.problems
        );
        let words = &gathered.problems[0].1;
        assert!(words.contains(word), "{how}: {words}");
    }
    let nowhere = Program::new("/nowhere/cordon", &[]);
    let gathered = run(&nowhere, limits());
    assert_eq!(state_of(&gathered), [State::Error]);
    assert!(gathered.problems[0].1.contains("no process"));
}

#[test]
fn the_agent_holds_it_to_rows_and_memory_and_time() {
    let file = frames(1_000, None);
    let endless = script("while cat \"$1\"; do :; done", file.path());
    let few = Limits {
        rows: 2_500,
        ..limits()
    };
    let gathered = run(&endless, few);
    assert_eq!(gathered.rows.len(), 2_500);
    assert_eq!(state_of(&gathered), [State::RowLimit]);

    let small = Limits {
        memory: 1 << 20,
        rows: u64::MAX,
        bytes: u64::MAX,
        ..limits()
    };
    let gathered = run(&endless, small);
    assert!(gathered.rows.len() > 1_000);
    assert_eq!(state_of(&gathered), [State::MemoryLimit]);
    assert!(
        gathered.problems[0].1.contains("1024 KiB"),
        "{:?}",
        gathered.problems
    );

    let short = Limits {
        wall: Duration::from_millis(100),
        ..limits()
    };
    let hangs = script("cat \"$1\"; sleep 1000 & exec sleep 1000", file.path());
    let gathered = run(&hangs, short);
    assert_eq!(gathered.rows.len(), 1_000);
    assert_eq!(state_of(&gathered), [State::TimedOut]);
}

#[test]
fn cancelling_ends_it_and_a_job_that_nobody_reads_holds_up_nothing() {
    let request = Request {
        parameters: vec!["x".repeat(900_000)],
        ..Request::default()
    };
    let deaf = Program::new("/bin/sh", &["-c", "exec sleep 1000"]);
    let cancelled = Arc::new(AtomicBool::new(true));
    let gathered = run_with(&deaf, &request, limits(), Arc::clone(&cancelled));
    assert_eq!(state_of(&gathered), [State::Cancelled]);
    let short = Limits {
        wall: Duration::from_millis(100),
        ..limits()
    };
    cancelled.store(false, Ordering::Relaxed);
    let gathered = run_with(&deaf, &request, short, cancelled);
    assert_eq!(state_of(&gathered), [State::TimedOut]);
    // One that does read gets all of it.
    let file = frames(0, Some(last()));
    let counts = Program::new(
        "/bin/sh",
        &[
            "-c",
            "test $(wc -c) -gt 900000 && cat \"$1\"",
            "sh",
            file.path().to_str().unwrap(),
        ],
    );
    let gathered = run_with(&counts, &request, limits(), Arc::default());
    assert!(gathered.problems.is_empty(), "{:?}", gathered.problems);
}
