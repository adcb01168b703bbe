//! Sensors with large results run in processes of their own: whatever becomes of one, who asked gets an answer that says so,
//! and the agent lives.

use crate::support::{
    Process, SOON, Server, ask, client, connected, cordon, enrol, json_of, rows, runtime,
};
use ::api::EndpointState;
use serde_json::Value;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::time::Instant;

/// Memory that the whole program may take in these tests, in KiB. Less than the rows below take once.
const MEMORY: u32 = 64 << 10;
const FILES: usize = 60_000;

/// A folder of more names than fit into [`MEMORY`] with all that is done to rows.
fn huge_folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    for n in 0..FILES {
        std::fs::write(folder.path().join(format!("{n:0>250}")), "").expect("written");
    }
    folder
}

/// The binary under a limit of memory that its children inherit.
fn limited(kibibytes: u32) -> Command {
    let cordon = cordon();
    let mut command = Command::new("/bin/sh");
    command
        .args(["-c", r#"ulimit -d "$1" && shift && exec "$@""#, "sh"])
        .arg(kibibytes.to_string())
        .arg(cordon.get_program())
        .env_remove("CORDON_PROFILE")
        .env_remove("CORDON_TOKEN")
        .env("CORDON_LOG", "warn")
        .stdin(Stdio::null());
    command
}

fn ask_locally(command: &mut Command, question: &str) -> (Output, Value) {
    let output = command
        .args(["ask", "--local", "--output", "json", question])
        .output()
        .expect("the binary runs");
    assert!(output.status.code().is_some(), "it died: {output:?}");
    let answer = json_of(&output);
    (output, answer)
}

fn found(answer: &Value) -> usize {
    answer["tables"][0]["rows"].as_array().expect("rows").len()
}

/// The state, however its words are joined.
fn state(answer: &Value) -> String {
    let coverage = answer["coverage"].as_object().expect("coverage");
    let state = coverage.keys().next().expect("a state");
    state
        .chars()
        .filter(char::is_ascii_alphabetic)
        .collect::<String>()
        .to_lowercase()
}

fn problems(answer: &Value) -> Vec<&str> {
    let problems = answer["problems"].as_array().expect("problems");
    problems
        .iter()
        .filter_map(|p| p["message"].as_str())
        .collect()
}

fn listing(folder: &Path) -> String {
    format!(
        "Get Folder Contents[\"{}\"] from all machines",
        folder.display()
    )
}

/// The processes of sensors that this process started.
fn sensors_of(parent: u32) -> Vec<u32> {
    let words = |pid: &str, file: &str| {
        let text = std::fs::read(format!("/proc/{pid}/{file}")).unwrap_or_default();
        String::from_utf8_lossy(&text).into_owned()
    };
    let is_one = |pid: &&str| {
        let status = words(pid, "status");
        status
            .lines()
            .any(|line| line == format!("PPid:\t{parent}"))
            && words(pid, "cmdline").contains("sensor-run")
    };
    std::fs::read_dir("/proc")
        .expect("processes")
        .flatten()
        .filter_map(|e| e.file_name().to_str().filter(is_one)?.parse().ok())
        .collect()
}

/// Waits for what another process does.
fn until(what: &str, mut done: impl FnMut() -> bool) {
    let late = Instant::now() + SOON;
    while !done() {
        assert!(Instant::now() < late, "{what}");
        std::thread::yield_now();
    }
}

#[test]
fn the_process_of_a_sensor_gives_what_a_thread_gives() {
    let folder = tempfile::tempdir().expect("a folder");
    for name in ["a", "b c", "d\ne"] {
        std::fs::write(folder.path().join(name), "needle and needle").expect("written");
    }
    let (_, answer) = ask_locally(&mut cordon(), &listing(folder.path()));
    assert_eq!((found(&answer), state(&answer)), (3, "answered".to_owned()));
    let question = format!(
        "Get File Contents Search[\"{}\", needle] from all machines",
        folder.path().display()
    );
    assert_eq!(found(&ask_locally(&mut cordon(), &question).1), 6);
    // What it cannot look at it says the same way.
    let (_, answer) = ask_locally(
        &mut cordon(),
        "Get File Contents Search[\"/dev/null\", needle] from all machines",
    );
    assert_eq!(state(&answer), "error");
    assert!(
        problems(&answer)[0].contains("Character Device"),
        "{answer}"
    );
    let (_, answer) = ask_locally(
        &mut cordon(),
        "Get File Contents Search[\"/etc\", \"(\"] from all machines",
    );
    assert!(problems(&answer)[0].contains("pattern"), "{answer}");
}

#[test]
fn a_huge_result_under_a_low_limit_is_an_answer_with_a_memory_limit() {
    let folder = huge_folder();
    let (output, answer) = ask_locally(&mut limited(MEMORY), &listing(folder.path()));
    assert_eq!(state(&answer), "memorylimit", "{output:?}");
    assert!(
        problems(&answer)[0].contains("memory limit reached"),
        "{answer}"
    );
    let some = found(&answer);
    assert!(
        (1_000..FILES).contains(&some),
        "{some} rows until then stay"
    );
    // With room for them they all come.
    let (_, answer) = ask_locally(&mut cordon(), &listing(folder.path()));
    assert_eq!(
        (found(&answer), state(&answer)),
        (FILES, "answered".to_owned())
    );
}

#[test]
fn a_sensor_that_needs_more_memory_than_its_process_has_says_so() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("large");
    let file = std::fs::File::create(&path).expect("made");
    file.set_len(60 << 20).expect("a size");
    let question = format!(
        "Get File Contents Search[\"{}\", needle, Text, *, \"64 MB\"] from all machines",
        path.display()
    );
    let (output, answer) = ask_locally(&mut limited(MEMORY), &question);
    assert_eq!(state(&answer), "memorylimit", "{output:?}");
    let (_, answer) = ask_locally(&mut cordon(), &question);
    assert_eq!(state(&answer), "empty", "{answer}");
}

/// A search that takes far longer than the test: its pattern is costly, and its content fits nothing.
fn slow_search(folder: &Path) -> String {
    let mut state = 1_u64;
    let content: Vec<u8> = (0..48 << 20)
        .map(|_| {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1);
            b'a' + u8::try_from(state >> 63).expect("a bit")
        })
        .collect();
    std::fs::write(folder.join("costly"), content).expect("written");
    format!(
        "Get File Contents Search[\"{}\", \"a[ab]{{500}}c\", Regex, *, \"64 MB\"] from all machines",
        folder.display()
    )
}

#[test]
fn a_sensor_that_crashes_is_an_error_and_takes_nobody_with_it() {
    let folder = tempfile::tempdir().expect("a folder");
    let question = slow_search(folder.path());
    let mut asking = cordon()
        .args(["ask", "--local", "--output", "json", &question])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("started");
    let mut sensor = Vec::new();
    until("no process of a sensor", || {
        assert!(
            asking.try_wait().expect("asked").is_none(),
            "it ended by itself"
        );
        sensor = sensors_of(asking.id());
        !sensor.is_empty()
    });
    // One that the program does not take up itself, as it does the one for a bad address.
    signal("ABRT", sensor[0]);
    let output = asking.wait_with_output().expect("ended");
    let answer = json_of(&output);
    assert_eq!(state(&answer), "error", "{output:?}");
    assert!(
        problems(&answer)[0].contains("ended by signal 6"),
        "{answer}"
    );
}

#[test]
fn when_the_agent_is_killed_its_sensors_go_too() {
    let folder = tempfile::tempdir().expect("a folder");
    let question = slow_search(folder.path());
    let mut asking = Process(
        cordon()
            .args(["ask", "--local", &question])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("started"),
    );
    let parent = asking.0.id();
    let mut sensor = Vec::new();
    until("no process of a sensor", || {
        sensor = sensors_of(parent);
        !sensor.is_empty()
    });
    asking.kill();
    let running = |pid: u32| {
        let stat = std::fs::read_to_string(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        stat.contains("sensor-run")
    };
    until("a sensor outlives the agent", || !running(sensor[0]));
}

fn signal(name: &str, pid: u32) {
    let sent = Command::new("/bin/kill")
        .args(["-s", name, &pid.to_string()])
        .status()
        .expect("kill runs");
    assert!(sent.success());
}

#[test]
fn an_agent_survives_what_it_cannot_hold() {
    let huge = huge_folder();
    let folder = tempfile::tempdir().expect("a folder");
    let server = Server::start(&folder.path().join("server"));
    let profile = server.profile();
    let state = folder.path().join("agent");
    enrol(&server.token(&profile, 1), &state);
    let mut agent = Process(
        limited(MEMORY)
            .args(["agent", "--data"])
            .arg(&state)
            .spawn()
            .expect("the agent starts"),
    );
    let client = client(&profile);
    runtime().block_on(async {
        connected(&client, 1).await;
        for _ in 0..3 {
            let (_, coverage) = ask(&client, &listing(huge.path())).await;
            let hit = coverage
                .iter()
                .find(|(state, _)| **state == EndpointState::MemoryLimit)
                .map(|(_, count)| *count);
            assert_eq!(hit, Some(1), "{coverage:?}");
        }
        let (question, coverage) = ask(&client, "Get Computer Name from all machines").await;
        assert_eq!(coverage[&EndpointState::Answered], 1, "{coverage:?}");
        assert_eq!(rows(&client, &question, 0).await.len(), 1);
    });
    assert!(
        agent.0.try_wait().expect("asked").is_none(),
        "it is the same agent"
    );
}
