//! The engine of script sensors: parameters, rows, limits, and nothing left behind.

use crate::support::{live, text};
use question::catalogue::ValueType::{Boolean, Integer, Text};
use question::catalogue::{Limits, Sensor};
use sensors::framework::{LimitHit, Request, SensorError, Sink};
use sensors::script::{Interpreter, Output, ScriptSensor, variable};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// Enough for an interpreter.
fn limits() -> Limits {
    Limits {
        memory: 256 << 20,
        ..Limits::default()
    }
}

fn shell(script: &str) -> ScriptSensor {
    ScriptSensor {
        sensor: Sensor::new("Test", "Test", "A test.")
            .column("A", Text, "First.")
            .column("B", Text, "Second.")
            .parameter("some key", Text, Some("default"), &[], "A parameter."),
        interpreter: Interpreter::Shell,
        script: script.into(),
        output: Output::Delimited("|".into()),
    }
}

fn run_with(
    script: &ScriptSensor,
    parameter: &str,
    limits: Limits,
) -> (Vec<Vec<String>>, Result<(), SensorError>) {
    let mut sink = Sink::new(limits, Arc::new(AtomicBool::new(false)));
    let request = Request {
        parameters: vec![parameter.into()],
        ..Request::default()
    };
    let outcome = script.collect(&request, &mut sink);
    let (rows, outcome) = sink.finish(outcome).whole();
    (text(rows), outcome)
}

fn run(script: &ScriptSensor) -> (Vec<Vec<String>>, Result<(), SensorError>) {
    run_with(script, "", limits())
}

#[test]
fn parameters_are_data() {
    assert_eq!(variable("some key"), "CORDON_PARAM_SOME_KEY");
    let script = shell("printf '%s|%s\\n' \"$CORDON_PARAM_SOME_KEY\" \"${HOME}\"");
    for evil in ["$(touch /tmp/x)", "'; exit 1; '", "\"`id`\"", "ä ö\tü"] {
        let (rows, outcome) = run_with(&script, evil, limits());
        outcome.unwrap();
        assert_eq!(rows, [[evil, "/"]]);
    }
    assert_eq!(run(&script).0, [["default", "/"]]);
    let (_, outcome) = run_with(&script, "a\0b", limits());
    assert!(matches!(outcome, Err(SensorError::Parameter { .. })));
}

#[test]
fn the_environment_of_the_agent_does_not_leak() {
    let (rows, _) = run(&shell("env | cut -d= -f1 | sort | tr '\\n' ' '"));
    let names: Vec<&str> = rows[0][0].split(' ').filter(|n| !n.is_empty()).collect();
    assert!(names.contains(&"CORDON_PARAM_SOME_KEY"));
    assert!(
        !names.iter().any(|n| n.starts_with("CARGO") || *n == "USER"),
        "{names:?}"
    );
}

#[test]
fn delimited_rows() {
    let (rows, outcome) = run(&shell("printf 'a|b\\n\\nonly\\r\\nx|y|z\\nlast|one'"));
    outcome.unwrap();
    assert_eq!(
        rows,
        [["a", "b"], ["only", ""], ["x", "y|z"], ["last", "one"]]
    );
}

#[test]
fn json_rows_from_python() {
    let mut script = shell(
        "import json\nprint(json.dumps(['x', 5]))\nprint(json.dumps({'b': True, 'a': None}))",
    );
    script.interpreter = Interpreter::Python;
    script.output = Output::JsonLines;
    script.sensor.columns[1].value_type = Boolean;
    let (rows, outcome) = run(&script);
    outcome.unwrap();
    assert_eq!(rows, [["x", "5"], ["", "True"]]);
}

#[test]
fn rows_before_a_broken_line_stay() {
    for broken in ["{", "[1,2,3]", "{\"C\":1}", "5"] {
        let mut script = shell(&format!("echo '[\"a\",\"b\"]'; echo '{broken}'"));
        script.output = Output::JsonLines;
        let (rows, outcome) = run(&script);
        assert_eq!(rows, [["a", "b"]]);
        let message = outcome.unwrap_err().to_string();
        assert!(message.contains("line 2"), "{message}");
    }
}

#[test]
fn a_failing_script_says_why() {
    let (rows, outcome) = run(&shell("echo row; echo it broke >&2; exit 3"));
    assert_eq!(rows.len(), 1);
    let message = outcome.unwrap_err().to_string();
    assert!(
        message.contains("code 3") && message.contains("it broke"),
        "{message}"
    );
}

#[test]
fn what_a_script_could_not_look_at_it_says_on_standard_error() {
    let script = shell(
        "echo row; echo missed denied /secret >&2; echo a warning >&2; echo missed failed /x: broken >&2",
    );
    let mut sink = Sink::new(limits(), Arc::default());
    let outcome = script.collect(&Request::default(), &mut sink);
    let run = sink.finish(outcome);
    run.outcome.unwrap();
    assert_eq!(text(run.rows), [["row", ""]]);
    let told: Vec<(bool, String)> = run
        .problems
        .iter()
        .map(|p| (p.is_denied(), p.to_string()))
        .collect();
    assert_eq!(
        told,
        [
            (true, "access to /secret was denied".to_owned()),
            (false, "cannot read /x: broken".to_owned())
        ]
    );
}

#[test]
fn a_missing_interpreter_is_told() {
    let mut script = shell("1");
    script.interpreter = Interpreter::PowerShell;
    let (_, outcome) = run(&script);
    if let Err(e) = outcome {
        assert!(e.to_string().contains("not installed"), "{e}");
    }
}

/// Processes with this word in their command line. The word is made at run time, so the test itself has it not.
fn alive(word: &str) -> bool {
    std::fs::read_dir("/proc")
        .unwrap()
        .filter_map(Result::ok)
        .any(|e| {
            std::fs::read(e.path().join("cmdline"))
                .is_ok_and(|c| c.windows(word.len()).any(|w| w == word.as_bytes()))
        })
}

fn seconds(what: u64) -> Limits {
    Limits {
        wall: Duration::from_secs(what),
        ..limits()
    }
}

#[test]
fn at_the_wall_time_the_whole_group_ends() {
    // The numbers are odd so that the processes can be found again.
    let number = 31_000 + u64::from(std::process::id() % 900);
    let script = shell(&format!("echo first; sleep {number}.5 & sleep {number}.5"));
    let began = Instant::now();
    let (rows, outcome) = run_with(&script, "", seconds(1));
    assert!(
        matches!(outcome, Err(SensorError::Limit(LimitHit::Wall))),
        "{outcome:?}"
    );
    assert_eq!(rows, [["first", ""]], "rows until then stay");
    assert!(began.elapsed() < Duration::from_secs(10));
    assert_gone(&format!("{number}.5"));
}

#[test]
fn a_script_that_ends_leaves_nothing_behind() {
    let number = 32_000 + u64::from(std::process::id() % 900);
    let began = Instant::now();
    let (rows, outcome) = run(&shell(&format!("sleep {number}.5 & echo done")));
    outcome.unwrap();
    assert_eq!(rows, [["done", ""]]);
    assert!(began.elapsed() < Duration::from_secs(10));
    assert_gone(&format!("{number}.5"));
}

/// A killed process may need a moment until it is reaped by whoever took it over; its command line is then empty.
fn assert_gone(word: &str) {
    let until = Instant::now() + Duration::from_secs(5);
    while alive(word) {
        assert!(Instant::now() < until, "a process of the script is left");
        std::thread::yield_now();
    }
}

#[test]
fn cancelling_ends_it() {
    let stop = Arc::new(AtomicBool::new(false));
    let flag = Arc::clone(&stop);
    let (began, running) = std::sync::mpsc::channel();
    let thread = std::thread::spawn(move || {
        let mut sink = Sink::new(limits(), flag);
        began.send(()).unwrap();
        shell("sleep 3000").collect(&Request::default(), &mut sink)
    });
    running.recv().unwrap();
    stop.store(true, Ordering::Relaxed);
    let outcome = thread.join().unwrap();
    assert!(
        matches!(outcome, Err(SensorError::Limit(LimitHit::Cancelled))),
        "{outcome:?}"
    );
}

#[test]
fn processor_time_is_bounded_for_one_process_and_for_the_group() {
    let limits = Limits {
        cpu: Duration::from_secs(1),
        ..limits()
    };
    for script in [
        "while :; do :; done",
        "(while :; do :; done) & (while :; do :; done) & wait",
    ] {
        let (_, outcome) = run_with(&shell(script), "", limits);
        assert!(
            matches!(outcome, Err(SensorError::Limit(LimitHit::Cpu))),
            "{script}: {outcome:?}"
        );
    }
}

#[test]
fn memory_is_bounded() {
    let mut script = shell("a = bytearray(700 << 20)\nprint('[\"got it\"]')");
    script.interpreter = Interpreter::Python;
    script.output = Output::JsonLines;
    let (rows, outcome) = run(&script);
    assert!(rows.is_empty());
    assert!(
        matches!(outcome, Err(SensorError::Limit(LimitHit::Memory))),
        "{outcome:?}"
    );
}

#[test]
fn output_is_bounded() {
    let limits = Limits {
        rows: 100,
        ..limits()
    };
    let (rows, outcome) = run_with(&shell("yes 'a|b'"), "", limits);
    assert_eq!(rows.len(), 100);
    assert!(
        matches!(outcome, Err(SensorError::Limit(LimitHit::Rows))),
        "{outcome:?}"
    );
    let (_, outcome) = run(&shell("head -c 20000000 /dev/zero | tr '\\0' x"));
    assert!(
        matches!(outcome, Err(SensorError::Form { .. })),
        "{outcome:?}"
    );
    let (rows, outcome) = run(&shell("head -c 5000000 /dev/zero >&2; echo fine"));
    outcome.unwrap();
    assert_eq!(rows, [["fine", ""]]);
}

#[test]
fn a_declaration_comes_from_json() {
    let script = shell("echo a");
    let json = serde_json::to_vec(&script).unwrap();
    assert_eq!(ScriptSensor::from_json(&json).unwrap(), script);
    let mut twice = script.clone();
    twice.sensor = twice
        .sensor
        .parameter("SOME-KEY", Integer, None, &[], "Again.");
    let json = serde_json::to_vec(&twice).unwrap();
    assert!(
        ScriptSensor::from_json(&json)
            .unwrap_err()
            .to_string()
            .contains("CORDON_PARAM_SOME_KEY")
    );
    let mut long = script.clone();
    long.script = "#".repeat(sensors::script::SCRIPT_MAX + 1);
    assert!(long.check().is_err());
    assert!(ScriptSensor::from_json(b"{}").is_err());
}

#[test]
fn shipped_scripts_work_here() {
    let rows = live("Mandatory Access Control");
    let systems: Vec<&str> = rows.iter().map(|r| r[0].as_str()).collect();
    assert_eq!(systems, ["SELinux", "AppArmor"]);
    for row in &rows {
        assert!(
            ["enforcing", "permissive", "enabled", "disabled"].contains(&row[1].as_str()),
            "{row:?}"
        );
    }
}
