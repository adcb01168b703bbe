//! Looking after a server's data folder from the command line: what a kill leaves is good, what was lost is found, what is left is
//! saved, and a server starts on it.

use crate::support::{Server, cordon, text};
use std::path::Path;
use std::process::{Output, Stdio};

fn server(action: &str, data: &Path, rest: &[&str]) -> Output {
    cordon()
        .args(["server", action])
        .args(rest)
        .arg("--data")
        .arg(data)
        .output()
        .expect("it runs")
}

#[test]
fn a_lost_log_is_found_and_the_rest_is_saved() {
    let folder = tempfile::tempdir().expect("a folder");
    let data = folder.path().join("server");
    let mut first = Server::start(&data);
    let running = server("check", &data, &[]);
    assert_eq!(running.status.code(), Some(0), "{running:?}");
    assert!(text(&running).contains("a server is using them"));
    first.process.kill();

    let killed = server("check", &data, &[]);
    assert_eq!(killed.status.code(), Some(0), "{killed:?}");
    assert!(text(&killed).contains("the audit log is intact"));

    std::fs::remove_file(data.join("cordon.db-wal")).expect("the log is there after a kill");
    let lost = server("check", &data, &[]);
    assert_eq!(lost.status.code(), Some(2), "{lost:?}");
    let told = format!("{}{}", text(&lost), String::from_utf8_lossy(&lost.stderr));
    assert!(
        told.contains("cordon.db-wal is missing") && told.contains("salvage"),
        "{told}"
    );
    let refused = cordon()
        .args(["server", "--http", "127.0.0.1:0", "--agents", "127.0.0.1:0"])
        .arg("--data")
        .arg(&data)
        .stdin(Stdio::null())
        .output()
        .expect("it ends by itself");
    assert_eq!(refused.status.code(), Some(2), "{refused:?}");
    assert!(String::from_utf8_lossy(&refused.stderr).contains("cordon.db-wal is missing"));

    let new = folder.path().join("new");
    let into = new.to_str().expect("text");
    let saved = server("salvage", &data, &["--into", into]);
    assert_eq!(saved.status.code(), Some(0), "{saved:?}");
    assert!(text(&saved).contains("the keys were copied"), "{saved:?}");
    let again = server("salvage", &data, &["--into", into]);
    assert_eq!(again.status.code(), Some(2), "nothing is written over");
    let good = server("check", &new, &[]);
    assert_eq!(good.status.code(), Some(0), "{good:?}");
    let vacuumed = server("vacuum", &new, &[]);
    assert_eq!(vacuumed.status.code(), Some(0), "{vacuumed:?}");
}

#[test]
#[cfg(unix)]
fn keys_that_a_start_would_refuse_are_found() {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = tempfile::tempdir().expect("a folder");
    let data = folder.path().join("server");
    let mut first = Server::start(&data);
    first.process.kill();
    let checked = |code: i32, words: &str| {
        let found = server("check", &data, &[]);
        assert_eq!(found.status.code(), Some(code), "{found:?}");
        assert!(text(&found).contains(words), "{found:?}");
    };
    checked(0, "keys: good");
    let keys = data.join("identity/keys.json");
    let mode = |mode| {
        std::fs::set_permissions(&keys, std::fs::Permissions::from_mode(mode)).expect("set");
    };
    mode(0o644);
    checked(2, "make it 0600");
    mode(0o600);
    let held = std::fs::read(&keys).expect("read");
    std::fs::write(&keys, &held[..held.len() / 2]).expect("cut");
    checked(2, "are damaged");
    std::fs::write(&keys, &held).expect("put back");
    let mut second = Server::start(&folder.path().join("other"));
    second.process.kill();
    std::fs::copy(folder.path().join("other/identity/keys.json"), &keys).expect("copied");
    checked(2, "do not belong to this database");
}

#[test]
fn nothing_is_done_to_half_a_folder() {
    let folder = tempfile::tempdir().expect("a folder");
    let data = folder.path().join("server");
    let mut first = Server::start(&data);
    first.process.kill();
    let encrypted = folder.path().join("passphrase");
    std::fs::write(&encrypted, "a long passphrase of mine").expect("written");
    let new = encrypted.to_str().expect("text");
    std::fs::rename(data.join("identity"), folder.path().join("identity")).expect("moved");
    for (action, rest) in [
        ("reset-admin", [].as_slice()),
        ("keys", &["encrypt", "--new", new]),
        ("check", &[]),
    ] {
        let refused = server(action, &data, rest);
        assert_eq!(refused.status.code(), Some(2), "{refused:?}");
        let told = String::from_utf8_lossy(&refused.stderr);
        assert!(told.contains("keys") && told.contains("backup"), "{told}");
    }
    assert!(!data.join("identity").exists(), "nothing was made");
    std::fs::rename(folder.path().join("identity"), data.join("identity")).expect("back");
    let good = server("reset-admin", &data, &[]);
    assert_eq!(good.status.code(), Some(0), "{good:?}");
}

#[test]
fn a_question_is_kept_and_deleted_from_the_command_line() {
    let folder = tempfile::tempdir().expect("a folder");
    let first = Server::start(&folder.path().join("server"));
    let profile = first.profile();
    let run = |words: &[&str]| {
        let output = cordon()
            .args(words)
            .arg("--profile")
            .arg(&profile)
            .output()
            .expect("it runs");
        let told = format!(
            "{}{}",
            text(&output),
            String::from_utf8_lossy(&output.stderr)
        );
        (output.status.code(), told)
    };
    let question = "Get Computer Name from all machines";
    // Nobody is there to answer.
    let asked = run(&["ask", question, "--wait", "1s", "--output", "json"]);
    let listed = || run(&["questions", "--output", "json"]).1;
    assert!(listed().contains(question), "{asked:?}");
    let id = "1";
    for keep in [
        &["questions", "keep", id][..],
        &["questions", "keep", id, "--no"],
    ] {
        let (code, told) = run(keep);
        assert_eq!(code, Some(0), "{told}");
    }
    let (code, told) = run(&["questions", "delete", id]);
    assert!(
        code != Some(0) && told.contains("cancel it first"),
        "{told}"
    );
    assert_eq!(run(&["questions", "cancel", id]).0, Some(0));
    assert_eq!(run(&["questions", "delete", id]).0, Some(0));
    assert!(!listed().contains(question), "{}", listed());
}
