use crate::support::{cordon, json_of, one_form, run, text};
use std::process::Stdio;

#[test]
fn explain_prints_canonical_form_and_tree_and_runs_nothing() {
    let output = run(&[
        "ask",
        "--explain",
        "get running processes with hash from all machines with is linux = true",
        "--output",
        "json",
    ]);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let explained = json_of(&output);
    let canonical = explained["canonical"]
        .as_str()
        .expect("canonical text")
        .to_owned();
    assert!(
        canonical.starts_with("Get Running Processes with Hash")
            && canonical.contains("from all machines with Is Linux"),
        "{canonical}"
    );
    assert_eq!(
        explained["tree"]["selects"][0]["call"]["sensor"],
        "Running Processes with Hash"
    );
    let again = json_of(&run(&["ask", "--explain", &canonical, "--output", "json"]));
    assert_eq!(again["tree"], explained["tree"]);
    assert_eq!(again["canonical"], explained["canonical"]);
}

#[test]
fn conditions_that_another_row_may_meet_are_warned_of() {
    let apart = "Get Computer Name from all machines with Installed Applications:Name = openssl and Installed Applications:Version < 3.0.7";
    let explained = json_of(&run(&["ask", "--explain", apart, "--output", "json"]));
    let instead = explained["warnings"][0]["instead"]
        .as_str()
        .expect("the question that means one row");
    assert!(
        instead.contains("with Installed Applications having ("),
        "{instead}"
    );
    let output = run(&["ask", "--explain", apart]);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(
        told.contains("may be met by another row") && told.contains(instead),
        "{told}"
    );
    let together = run(&["ask", "--explain", instead, "--output", "json"]);
    assert_eq!(json_of(&together)["warnings"], serde_json::json!([]));
}

#[test]
fn free_words_give_ranked_readings() {
    let output = run(&[
        "ask",
        "--explain",
        "running processes with hash on linux",
        "--output",
        "json",
    ]);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let readings = json_of(&output)["readings"]
        .as_array()
        .expect("readings")
        .clone();
    let first = readings[0]["canonical"]
        .as_str()
        .expect("canonical text")
        .to_owned();
    assert!(
        first.contains("Running Processes with Hash") && first.contains("Is Linux"),
        "{first}"
    );
    let scores: Vec<f64> = readings
        .iter()
        .map(|r| r["score"].as_f64().expect("a score"))
        .collect();
    assert!(scores.is_sorted_by(|a, b| a >= b), "{scores:?}");
}

#[test]
fn a_bad_question_is_an_error_with_its_place() {
    let question = "Get Runing Processes from all machines";
    let output = run(&["ask", "--explain", question, "--output", "json"]);
    assert_eq!(output.status.code(), Some(2), "{output:?}");
    let error = json_of(&output);
    assert!(!error["message"].as_str().expect("a message").is_empty());
    let (start, end) = (
        error["start"].as_u64().expect("start") as usize,
        error["end"].as_u64().expect("end") as usize,
    );
    assert!(start < end && end <= question.chars().count(), "{error}");
    assert!(error["expected"].is_array());
    assert!(
        error["nearest"]
            .as_array()
            .expect("names")
            .iter()
            .any(|n| n == "Running Processes"),
        "{error}"
    );
}

#[test]
fn local_answers_need_no_server_and_exit_codes_tell_empty_from_error() {
    let output = run(&[
        "ask",
        "--local",
        "Get Computer Name and Is Linux from all machines",
        "--output",
        "json",
    ]);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let host = std::fs::read_to_string("/proc/sys/kernel/hostname").expect("a host name");
    assert_eq!(
        json_of(&output)["tables"][0]["rows"][0]["Computer Name"],
        host.trim()
    );

    let nowhere = run(&[
        "ask",
        "--local",
        "Get Computer Name from all machines with Is Windows = True",
    ]);
    assert_eq!(nowhere.status.code(), Some(1), "{nowhere:?}");
    let wrong = run(&[
        "ask",
        "--local",
        "Get Nothing Of The Kind from all machines",
    ]);
    assert_eq!(wrong.status.code(), Some(2), "{wrong:?}");
    assert!(
        String::from_utf8_lossy(&wrong.stderr).contains('^'),
        "the place is marked: {wrong:?}"
    );
}

#[test]
fn the_headline_question_is_answered_with_real_hashes() {
    let output = run(&[
        "ask",
        "--local",
        "Get Running Processes with Hash from all machines with Is Linux = True",
        "--output",
        "jsonl",
    ]);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let own = std::fs::canonicalize(env!("CARGO_BIN_EXE_cordon")).expect("the binary");
    let line = text(&output)
        .lines()
        .find(|l| l.contains(&own.display().to_string()))
        .map(str::to_owned)
        .expect("the asking process itself is running");
    let row: serde_json::Value = serde_json::from_str(&line).expect("a JSON object");
    let sum = std::process::Command::new("sha256sum")
        .arg(&own)
        .output()
        .expect("sha256sum");
    let expected = String::from_utf8_lossy(&sum.stdout)
        .split_whitespace()
        .next()
        .expect("a digest")
        .to_owned();
    let hashes: Vec<String> = row["values"]
        .as_object()
        .expect("an object")
        .values()
        .filter_map(|v| v.as_str())
        .map(str::to_lowercase)
        .collect();
    assert!(hashes.contains(&expected), "{line}");
}

#[test]
fn sensors_are_listed_and_shown() {
    let list = json_of(&run(&["sensors", "--output", "json"]));
    let rows = list["tables"][0]["rows"].as_array().expect("rows");
    assert!(rows.len() >= 50);
    let named = |row: &&serde_json::Value| row["Sensor"] == "Process Tree";
    let tree = rows.iter().find(named).expect("listed");
    assert!(
        tree["Parameters"].as_array().is_some_and(|p| !p.is_empty()),
        "{tree}"
    );
    let one = json_of(&run(&["sensors", "Process Tree", "--output", "json"]));
    assert_eq!(
        one["name"], "Process Tree",
        "its declaration stands beside the tables"
    );
    assert_eq!(one["tables"][1]["table"], "parameters", "{one}");
    let page = run(&["sensors", "Running", "Processes", "with", "Hash"]);
    assert!(
        text(&page).contains("Running Processes with Hash"),
        "{page:?}"
    );
    let near = run(&["sensors", "Runing Processes"]);
    assert_eq!(near.status.code(), Some(2));
    assert!(
        String::from_utf8_lossy(&near.stderr).contains("Running Processes"),
        "{near:?}"
    );
}

#[test]
fn json_has_one_form_in_every_verb_that_needs_no_server() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = |name: &str| folder.path().join(name).display().to_string();
    let (tree, database, pack) = (path("tree"), path("index.db"), path("pack"));
    for made in [&tree, &pack] {
        std::fs::create_dir(made).expect("made");
        std::fs::write(format!("{made}/file"), "content").expect("written");
    }
    let made = run(&[
        "index",
        "run",
        "--once",
        "--root",
        &tree,
        "--database",
        &database,
    ]);
    assert!(made.status.success(), "{made:?}");
    std::fs::write(format!("{tree}/later"), "more").expect("written");
    let home = path("home");
    let verbs: [&[&str]; 10] = [
        &["sensors"],
        &["sensors", "Uptime"],
        &["ask", "--explain", "Get Uptime from all machines"],
        &["ask", "--explain", "uptime on linux"],
        &["ask", "--local", "Get Is Linux from all machines"],
        &["index", "status", "--home", &home],
        &["index", "query", "--database", &database],
        &["index", "verify", "--database", &database],
        &["index", "bench", "--root", &tree, "--seconds", "1"],
        &["content", "lint", &pack],
    ];
    for verb in verbs {
        let output = run(&[verb, &["--output", "json"]].concat());
        let document = json_of(&output);
        one_form(&document);
        let rows = document["tables"][0]["rows"].as_array().expect("rows");
        assert!(!rows.is_empty(), "{verb:?}: {document}");
    }
    let status = json_of(&run(&["index", "status", "--home", &home, "-o", "json"]));
    assert_eq!(
        status["state"], status["tables"][0]["rows"][0]["Status"],
        "{status}"
    );
    let found = json_of(&run(&[
        "index",
        "verify",
        "--database",
        &database,
        "-o",
        "json",
    ]));
    assert_eq!(found["report"]["differences"], 1, "{found}");
    assert_eq!(found["tables"][0]["rows"].as_array().map(Vec::len), Some(1));
    let jsonl = text(&run(&["content", "lint", &pack, "-o", "jsonl"]));
    assert!(jsonl.starts_with("{\"table\":\"faults\""), "{jsonl}");
}

#[test]
fn a_closed_pipe_is_no_error() {
    let mut child = cordon()
        .args(["sensors", "--output", "jsonl"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("started");
    drop(child.stdout.take());
    let output = child.wait_with_output().expect("ended");
    assert!(
        !String::from_utf8_lossy(&output.stderr).contains("panicked"),
        "{output:?}"
    );
}

#[test]
fn completions_and_version_are_printed() {
    assert!(text(&run(&["completions", "bash"])).contains("cordon"));
    assert!(text(&run(&["version"])).contains("protocol 1"));
}

#[test]
fn a_revocation_is_lifted_on_the_machine_and_only_once() {
    let folder = tempfile::tempdir().expect("a folder");
    let lift = || {
        cordon()
            .args(["agent", "lift-revocation", "--data"])
            .arg(folder.path())
            .output()
            .expect("ran")
    };
    let nothing = lift();
    assert_ne!(nothing.status.code(), Some(0));
    assert!(
        String::from_utf8_lossy(&nothing.stderr).contains("no identity"),
        "{nothing:?}"
    );
    let mut identity = agent::identity::Identity::generate(folder.path()).expect("an identity");
    identity.revoked = true;
    identity.save().expect("written");
    let lifted = lift();
    assert_eq!(lifted.status.code(), Some(0), "{lifted:?}");
    let kept = agent::identity::Identity::load(folder.path())
        .expect("readable")
        .expect("there");
    assert!(!kept.revoked && kept.lifted.is_some_and(|lifted| !lifted.by.is_empty()));
    assert_ne!(lift().status.code(), Some(0), "there is nothing to lift");
}
