//! `ask` that does not lose: its question from a pipe, what came when it is stopped, who did not answer and why, what was asked before.

use crate::support::{
    Process, Server, agent, client, connected, cordon, enrol, json_of, runtime, said, simulate,
    text,
};
use rustix::process::{Pid, Signal, kill_process};
use std::io::{BufRead, BufReader, Read, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};

const NAME: &str = "Get Computer Name from all machines";

fn ask(profile: &Path, args: &[&str]) -> Command {
    let mut command = cordon();
    command
        .args(["ask", "--profile"])
        .arg(profile)
        .args(args)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command
}

fn signal(child: &Child, signal: Signal) {
    let id = i32::try_from(child.id()).expect("a process's number");
    let id = Pid::from_raw(id).expect("a process's number");
    kill_process(id, signal).expect("told");
}

/// Reads what it says until a line that holds this.
fn until(from: &mut impl BufRead, what: &str) -> String {
    let mut seen = String::new();
    loop {
        let mut line = String::new();
        assert!(
            from.read_line(&mut line).expect("text") > 0,
            "`{what}` was not said, but {seen}"
        );
        if line.contains(what) {
            return line;
        }
        seen.push_str(&line);
    }
}

/// Two endpoints, of which one does not move: connected, and it will never answer.
struct Stuck {
    server: Server,
    profile: std::path::PathBuf,
    stuck: Process,
    _moving: Process,
    _folder: tempfile::TempDir,
}

impl Stuck {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let server = Server::start(&folder.path().join("server"));
        let profile = server.profile();
        let [moving, stuck] = ["moving", "stuck"].map(|name| {
            let place = folder.path().join(name);
            enrol(&server.token(&profile, 1), &place);
            agent(&place)
        });
        runtime().block_on(connected(&client(&profile), 2));
        signal(&stuck.0, Signal::STOP);
        Self {
            server,
            profile,
            stuck,
            _moving: moving,
            _folder: folder,
        }
    }
}

#[test]
fn what_came_is_printed_when_it_is_stopped_and_when_the_server_stays_away() {
    let mut world = Stuck::new();
    for server_goes in [false, true] {
        let mut asking = ask(&world.profile, &[NAME, "--follow", "--output", "json"])
            .spawn()
            .expect("asked");
        let mut stderr = BufReader::new(asking.stderr.take().expect("piped"));
        let line = until(&mut stderr, "is asked");
        let id = line.split_whitespace().nth(2).expect("a number").to_owned();
        let api = client(&world.profile);
        runtime().block_on(async {
            let path = format!("/questions/{id}");
            let question = api.get(&path).await.expect("it is there");
            let half = Some(cordon::follow::Wait::Share(0.5));
            let seen = cordon::follow::follow(&api, &question, half, |_, _| {});
            tokio::time::timeout(crate::support::SOON, seen)
                .await
                .expect("in time")
                .expect("followed")
        });
        if server_goes {
            world.server.process.kill();
            until(&mut stderr, "goes on");
        }
        signal(&asking, Signal::INT);
        let mut rest = String::new();
        stderr.read_to_string(&mut rest).expect("text");
        let output = asking.wait_with_output().expect("ended");
        assert_eq!(output.status.code(), Some(3), "{rest}");
        assert!(
            rest.contains("not whole") && rest.contains(&format!("questions show {id}")),
            "{rest}"
        );
        let answer = json_of(&output);
        assert_eq!(answer["question"]["id"].to_string(), id);
        let answered = answer["coverage"]["answered"].as_u64().unwrap_or(0);
        let rows = answer["tables"][0]["rows"].as_array().expect("rows").len();
        assert_eq!(rows as u64, answered, "{answer}");
        // A server that was killed may have told others first.
        assert!(server_goes || answered == 1, "{answer}");
    }
}

#[test]
fn who_is_late_is_named_and_later_answers_are_picked_up() {
    let world = Stuck::new();
    // It is over before an order counts as not acknowledged.
    let asked = ask(&world.profile, &[NAME, "--wait", "1s"])
        .output()
        .expect("asked");
    assert_eq!(asked.status.code(), Some(3), "{asked:?}");
    assert!(said(&asked).contains("not whole: "), "{asked:?}");
    let share = ask(&world.profile, &[NAME, "--wait", "50%"])
        .output()
        .expect("asked");
    assert_eq!(share.status.code(), Some(0), "as much as wanted: {share:?}");
    let line = said(&share);
    let id = line.split_whitespace().nth(2).expect("a number").to_owned();
    let show = |args: &[&str]| {
        cordon()
            .args(["questions", "show", &id, "--profile"])
            .arg(&world.profile)
            .args(args)
            .output()
            .expect("shown")
    };
    let all = json_of(&show(&["--endpoints", "all", "--output", "json"]));
    let rows = all["tables"][0]["rows"].as_array().expect("rows");
    let states: Vec<_> = rows
        .iter()
        .map(|row| row["State"].as_str().expect("a state"))
        .collect();
    assert_eq!(states.len(), 2, "{all}");
    let late: Vec<_> = states.iter().filter(|s| **s != "answered").collect();
    assert_eq!(late.len(), 1, "{all}");
    let only = json_of(&show(&["--endpoints", "answered", "--output", "json"]));
    assert_eq!(
        only["tables"][0]["rows"].as_array().map(Vec::len),
        Some(1),
        "{only}"
    );
    assert_eq!(
        show(&["--endpoints", "timed out"]).status.code(),
        Some(1),
        "nobody has"
    );
    let wrong = show(&["--endpoints", "lost"]);
    assert!(
        wrong.status.code() == Some(2) && said(&wrong).contains("not_reached"),
        "{wrong:?}"
    );
    signal(&world.stuck.0, Signal::CONT);
    let whole = show(&["--follow", "--output", "json"]);
    assert_eq!(whole.status.code(), Some(0), "{whole:?}");
    assert_eq!(json_of(&whole)["coverage"]["answered"], 2);
}

#[test]
fn problems_are_told_with_the_endpoints_that_have_them() {
    const FLEET: u32 = 20;
    let folder = tempfile::tempdir().expect("a folder");
    let server = Server::start(&folder.path().join("server"));
    let profile = server.profile();
    let token = server.token(&profile, FLEET);
    let _fleet = simulate(FLEET, &token, &["--errors", "1"]);
    runtime().block_on(connected(&client(&profile), u64::from(FLEET)));
    let rows = ask(&profile, &["Get Running Processes from all machines"])
        .output()
        .expect("asked");
    assert_eq!(
        rows.status.code(),
        Some(2),
        "no row, and a reason: {rows:?}"
    );
    let problems = ask(
        &profile,
        &[
            "Get Running Processes from all machines",
            "--problems",
            "--output",
            "json",
        ],
    )
    .output()
    .expect("asked");
    assert_eq!(problems.status.code(), Some(0), "{problems:?}");
    let told = json_of(&problems);
    let first = &told["tables"][0]["rows"][0];
    assert_eq!(first["Sensor"], "Running Processes", "{told}");
    assert_eq!(first["Endpoints"], FLEET);
    let which = first["Which"].as_array().map(Vec::len);
    assert_eq!(which, Some(FLEET as usize), "{told}");
    let beside = told["problems"].as_array().map(Vec::len);
    assert_eq!(beside, Some(1), "the answer's own, too: {told}");
    // One table of problems, however many tables the answer has.
    let two = "Get Running Processes and Listen Ports from all machines";
    let csv = |more: &[&str]| {
        let words = [&[two, "--output", "csv"], more].concat();
        ask(&profile, &words).output().expect("asked")
    };
    let refused = csv(&[]);
    assert!(said(&refused).contains("--table"), "{refused:?}");
    let csv = csv(&["--problems"]);
    assert_eq!(csv.status.code(), Some(0), "{csv:?}");
    assert!(text(&csv).contains("Running Processes"), "{csv:?}");
}

#[test]
fn a_question_comes_from_a_pipe_and_is_found_again() {
    let folder = tempfile::tempdir().expect("a folder");
    let server = Server::start(&folder.path().join("server"));
    let profile = server.profile();
    let place = folder.path().join("agent");
    enrol(&server.token(&profile, 1), &place);
    let _agent = agent(&place);
    runtime().block_on(connected(&client(&profile), 1));
    let piped = |text: &[u8]| {
        let mut asking = ask(&profile, &["-"])
            .stdin(Stdio::piped())
            .spawn()
            .expect("asked");
        let mut stdin = asking.stdin.take().expect("piped");
        stdin.write_all(text).expect("written");
        drop(stdin);
        asking.wait_with_output().expect("ended")
    };
    let asked = piped(b"\n  Get Computer Name\n  from all machines\n");
    assert_eq!(asked.status.code(), Some(0), "{asked:?}");
    for (bad, why) in [(&b"  \n"[..], "no question"), (b"Get \xff", "no text")] {
        let refused = piped(bad);
        assert_eq!(refused.status.code(), Some(2), "{refused:?}");
        assert!(said(&refused).contains(why), "{refused:?}");
    }
    let history = ask(&profile, &["--history"]).output().expect("listed");
    assert_eq!(history.status.code(), Some(0), "{history:?}");
    let lines = text(&history);
    assert_eq!(lines.lines().count(), 2, "{lines}");
    assert!(
        lines.contains(NAME) && lines.contains("1 answered"),
        "{lines}"
    );
}
