//! What the agent says about itself.

use crate::support::text;
use question::ast::Row;
use question::catalogue::Limits;
use sensors::framework::{HostFacts, Request, SensorError};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

fn run(sensor: &str, host: HostFacts) -> (Vec<Row>, Result<(), SensorError>) {
    let request = Request {
        host: Arc::new(host),
        ..Request::default()
    };
    sensors::run(
        sensor,
        &request,
        Limits::default(),
        Arc::new(AtomicBool::new(false)),
    )
    .whole()
}

#[test]
fn tags_are_the_lines_of_their_file() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(
        folder.path().join("tags.txt"),
        "\u{FEFF}production\r\n# not a tag\n\n  two words  \nlast",
    )
    .unwrap();
    let host = HostFacts {
        state_dir: folder.path().into(),
        ..HostFacts::default()
    };
    let (rows, outcome) = run("Custom Tags", host);
    outcome.unwrap();
    assert_eq!(text(rows).concat(), ["production", "two words", "last"]);
    let (rows, outcome) = run("Custom Tags", HostFacts::default());
    outcome.unwrap();
    assert!(rows.is_empty());
}

#[test]
fn version_status_and_run_times_come_from_the_agent() {
    let host = HostFacts {
        agent_version: "9.8.7".into(),
        status: vec![("Connected".into(), "True".into())],
        run_times: vec![("CPU".into(), 3, 1.25, 2.0, "ok".into())],
        ..HostFacts::default()
    };
    let (rows, _) = run("Agent Version", host.clone());
    assert_eq!(text(rows), [["9.8.7"]]);
    let (rows, _) = run("Agent Status", host.clone());
    assert_eq!(text(rows), [["Connected", "True"]]);
    let (rows, _) = run("Sensor Run Times", host);
    assert_eq!(text(rows), [["CPU", "3", "1.2", "2.0", "ok"]]);
    let (rows, _) = run("Agent Version", HostFacts::default());
    assert_eq!(text(rows), [[env!("CARGO_PKG_VERSION")]]);
}
