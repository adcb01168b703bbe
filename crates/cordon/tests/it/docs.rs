//! What the documentation promises is there, and what is there is documented.

use crate::support::{
    Server, agent, client, connected, cordon, enrol, run, runtime, simulate, text,
};
use ::api::EndpointState;

/// A page of `docs/`.
fn page(name: &str) -> String {
    // From the folder of the crate, in which tests run: clones may share what was built in one of them.
    std::fs::read_to_string(std::path::Path::new("../../docs").join(name)).expect("a page")
}

#[test]
fn every_state_has_its_row_and_every_row_its_state() {
    let page = page("states.md");
    let rows: Vec<&str> = page
        .lines()
        .filter(|line| line.matches('|').count() == 5 && line.contains('`'))
        .collect();
    let wanted: Vec<String> = EndpointState::ALL
        .iter()
        .map(|state| format!("| {} | `{}` |", state.words(), state.name()))
        .collect();
    assert_eq!(rows.len(), wanted.len(), "{rows:?}");
    for (row, wanted) in rows.iter().zip(&wanted) {
        assert!(row.starts_with(wanted), "{row} instead of {wanted}");
    }
}

#[test]
fn help_tells_the_exit_status_of_an_answer() {
    for command in [&["ask", "--help"][..], &["questions", "show", "--help"]] {
        let help = text(&run(command));
        assert!(help.contains("Exit status: 0 there are rows"), "{help}");
    }
}

/// Lines of a page that a reader would type, each with the exit status that its comment tells, or 0.
fn typed(page: &str) -> Vec<(String, i32)> {
    let lines = page.lines().filter_map(|line| line.strip_prefix("$ "));
    let each = lines.map(|line| {
        let (command, comment) = line.split_once("  # ").unwrap_or((line, ""));
        let status = comment.trim().strip_prefix("status ");
        let status = status.and_then(|told| told.chars().next()?.to_digit(10));
        (command.trim().to_owned(), status.unwrap_or(0) as i32)
    });
    each.collect()
}

#[cfg(target_os = "linux")]
#[test]
fn the_ten_tasks_are_done_as_they_are_written() {
    const SIMULATED: u32 = 60;
    // Not in /tmp, which may lie in memory: that is no file system that is indexed.
    let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).expect("a folder");
    let server = Server::start(&folder.path().join("server"));
    let profile = server.profile();
    let place = folder.path().join("agent");
    enrol(&server.token(&profile, 1), &place);
    let _agent = agent(&place);
    let _fleet = simulate(SIMULATED, &server.token(&profile, SIMULATED), &[]);
    runtime().block_on(connected(&client(&profile), u64::from(SIMULATED) + 1));
    let here = folder.path().join("here");
    std::fs::create_dir(&here).expect("made");
    let program = cordon().get_program().to_owned();
    let beside = std::path::Path::new(&program).parent().expect("a folder");
    let path = std::env::var("PATH").expect("a path");
    let commands = typed(&page("tasks.md"));
    assert!(commands.len() > 30, "{commands:?}");
    for (command, status) in commands {
        let output = std::process::Command::new("sh")
            .args(["-c", &command])
            .current_dir(&here)
            .env("PATH", format!("{}:{path}", beside.display()))
            .env("CORDON_PROFILE", &profile)
            .env(::index::home::VARIABLE, folder.path().join("index"))
            .env("CORDON_LOG", "warn")
            .stdin(std::process::Stdio::null())
            .output()
            .expect("a shell");
        let told = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(status), "{command}: {told}");
        if status == 0 {
            continue;
        }
        // Whoever made a mistake is told in a line, not in a heap of them.
        assert!(status == 1 || !told.trim().is_empty(), "{command}");
    }
    assert!(here.join("evidence").read_dir().expect("listed").count() > 0);
}
