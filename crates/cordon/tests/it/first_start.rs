//! The first administrator is never lost: not by a taken port, not by SIGKILL at any step of the first start.

use crate::support::{OWN_PASSWORD, Process, Server, cordon, text};
use std::path::Path;
use std::process::{Output, Stdio};

/// Starts a server for the first time and kills it as soon as this file of its data folder is there.
fn kill_when(data: &Path, file: &str) {
    let child = cordon()
        .args(["server", "--http", "127.0.0.1:0", "--agents", "127.0.0.1:0"])
        .arg("--data")
        .arg(data)
        .stdout(Stdio::null())
        .spawn()
        .expect("the server starts");
    let mut process = Process(child);
    while !data.join(file).exists() {
        assert!(
            process.0.try_wait().expect("known").is_none(),
            "it ended before it made {file}"
        );
        std::hint::spin_loop();
    }
    process.kill();
}

#[test]
fn a_first_start_killed_at_any_step_loses_nobody() {
    for step in [
        "server.lock",
        "cordon.db",
        "cordon.db-wal",
        "identity",
        "identity/keys.json",
        "spill",
        "one-time-password",
        "authority.pem",
    ] {
        let folder = tempfile::tempdir().expect("a folder");
        let data = folder.path().join("server");
        kill_when(&data, step);
        let server = Server::start(&data);
        server.profile();
    }
}

fn reset(data: &Path, user: &str) -> Output {
    cordon()
        .args(["server", "reset-admin", "--user", user, "--data"])
        .arg(data)
        .output()
        .expect("it runs")
}

#[test]
fn a_password_is_in_no_log_and_an_administrator_is_reset_on_the_machine() {
    let folder = tempfile::tempdir().expect("a folder");
    let data = folder.path().join("server");
    let mut server = Server::start(&data);
    let profile = server.profile();
    let running = reset(&data, "admin");
    assert_eq!(running.status.code(), Some(2), "{running:?}");
    assert!(String::from_utf8_lossy(&running.stderr).contains("in use by another"));
    server.process.kill();

    let done = reset(&data, "admin");
    assert!(done.status.success(), "{done:?}");
    let said = text(&done);
    let file = said
        .trim_end()
        .strip_prefix("Administrator admin, one-time password in: ")
        .expect("where it lies");
    let password = std::fs::read_to_string(file).expect("readable");
    let password = password.trim_end();
    assert!(!said.contains(password), "{said}");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        let mode = std::fs::metadata(file).expect("there").permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }

    let again = Server::start(&data);
    assert_eq!(again.password.as_deref(), Some(password));
    let old = cordon()
        .args(["questions", "--profile"])
        .arg(&profile)
        .output()
        .expect("it runs");
    assert_eq!(old.status.code(), Some(2), "its token ended: {old:?}");
    again.profile();
    let verified = crate::support::run(&["audit", "verify", "--data", &data.display().to_string()]);
    assert_eq!(verified.status.code(), Some(0), "{verified:?}");
    assert_ne!(password, OWN_PASSWORD);
}
