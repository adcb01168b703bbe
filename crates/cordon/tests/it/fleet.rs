//! The question at the top of everything: answered by a real agent and a thousand simulated ones, in the terminal and through the API.

use crate::support::{
    Server, agent, ask, client, connected, cordon, enrol, json_of, rows, run, runtime, simulate,
};
use ::api::EndpointState;
use std::collections::BTreeMap;

const QUESTION: &str = "Get Running Processes with Hash from all machines with Is Linux = True";
const SIMULATED: u32 = 1_000;

#[test]
fn a_thousand_endpoints_and_a_real_one_answer_and_coverage_adds_up() {
    let folder = tempfile::tempdir().expect("a folder");
    let server = Server::start(&folder.path().join("server"));
    let profile = server.profile();
    enrol(&server.token(&profile, 1), &folder.path().join("agent"));
    let _agent = agent(&folder.path().join("agent"));
    let _fleet = simulate(
        SIMULATED,
        &server.token(&profile, SIMULATED),
        &["--errors", "0.02"],
    );
    let client = client(&profile);
    runtime().block_on(async {
        connected(&client, u64::from(SIMULATED) + 1).await;
        let (question, coverage) = ask(&client, QUESTION).await;
        assert_eq!(
            coverage.values().sum::<u64>(),
            u64::from(SIMULATED) + 1,
            "{coverage:?}"
        );
        let answered = coverage[&EndpointState::Answered];
        assert!(answered > 100, "{coverage:?}");
        let rows = rows(&client, &question, 0).await;
        assert!(rows.iter().all(|(_, count)| (1..=answered).contains(count)));
        let own = std::fs::canonicalize(env!("CARGO_BIN_EXE_cordon"))
            .expect("the binary")
            .display()
            .to_string();
        assert!(
            rows.iter().any(|(cells, _)| cells.contains(&own)),
            "the real agent's own process is among the rows"
        );

        let (question, counted) = ask(
            &client,
            "Get number of machines from all machines with Is Linux = True",
        )
        .await;
        let (one, machines) = (
            counted[&EndpointState::Answered],
            crate::support::rows(&client, &question, 0).await,
        );
        assert_eq!(machines, vec![(vec![], one)]);
    });

    let output = cordon()
        .args(["ask", QUESTION, "--output", "json", "--profile"])
        .arg(&profile)
        .output()
        .expect("asked");
    assert_eq!(
        output.status.code().map(|c| c < 2),
        Some(true),
        "{output:?}"
    );
    let answer = json_of(&output);
    let coverage: BTreeMap<String, u64> =
        serde_json::from_value(answer["coverage"].clone()).expect("coverage");
    assert_eq!(coverage.values().sum::<u64>(), u64::from(SIMULATED) + 1);
    assert!(
        !answer["tables"][0]["rows"]
            .as_array()
            .expect("rows")
            .is_empty()
    );

    let missing = cordon()
        .args([
            "ask",
            "Get Sensor Of Nobody from all machines",
            "--output",
            "json",
            "--profile",
        ])
        .arg(&profile)
        .output()
        .expect("asked");
    assert_eq!(missing.status.code(), Some(2), "{missing:?}");
    assert!(json_of(&missing)["start"].is_u64());

    let data = folder.path().join("server");
    let verified = run(&["audit", "verify", "--data", &data.display().to_string()]);
    assert_eq!(verified.status.code(), Some(0), "{verified:?}");
}

#[test]
fn simulated_endpoints_come_back_without_a_token() {
    let folder = tempfile::tempdir().expect("a folder");
    let server = Server::start(&folder.path().join("server"));
    let profile = server.profile();
    let state = folder.path().join("fleet");
    let state = state.to_str().expect("text");
    let client = client(&profile);
    let mut first = simulate(3, &server.token(&profile, 3), &["--state", state]);
    runtime().block_on(connected(&client, 3));
    first.end();
    let alone = |agents: &str| {
        let mut command = cordon();
        command.args(["simulate", "--agents", agents, "--state", state]);
        command
    };
    let again = crate::support::Process(alone("3").spawn().expect("started"));
    let (_, coverage) = runtime().block_on(ask(&client, "Get Computer Name from all machines"));
    assert_eq!(
        coverage.get(&EndpointState::Answered),
        Some(&3),
        "{coverage:?}"
    );
    // One that has no identity is told, with what lets it in and what can be done without.
    drop(again);
    let refused = alone("5").output().expect("it runs");
    assert_eq!(refused.status.code(), Some(2), "{refused:?}");
    let said = crate::support::said(&refused);
    for part in ["2 of 5 endpoints", "--token-file", "`--agents 3`"] {
        assert!(said.contains(part), "{said}");
    }
    let nowhere = run(&["simulate", "--agents", "2"]);
    assert_eq!(nowhere.status.code(), Some(2), "{nowhere:?}");
    assert!(
        crate::support::said(&nowhere).contains("CORDON_TOKEN"),
        "{nowhere:?}"
    );
}

#[test]
fn up_shows_a_first_answer_with_nothing_done_before() {
    let folder = tempfile::tempdir().expect("a folder");
    let up = |data: &std::path::Path| {
        let output = cordon()
            .args([
                "up",
                "--once",
                "--http",
                "127.0.0.1:0",
                "--agents",
                "127.0.0.1:0",
                "--data",
            ])
            .arg(data)
            .output()
            .expect("up runs");
        assert!(output.status.success(), "{output:?}");
        crate::support::text(&output)
    };
    let first = up(&folder.path().join("all"));
    assert!(
        first.contains("Console and API: https://")
            && first.contains("one-time password in: ")
            // In some containers not even root may look at the first process.
            && (first.contains("1 answered") || first.contains("1 denied")),
        "{first}"
    );
}
