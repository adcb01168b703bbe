//! `cordon up` tells how to go on from anywhere, and fails before it keeps anything.

use crate::support::{Process, cordon, text};
use std::io::{BufRead as _, BufReader};
use std::net::TcpListener;
use std::process::Stdio;

#[test]
fn a_busy_port_is_told_with_its_flag_and_nothing_is_stored() {
    let folder = tempfile::tempdir().expect("a folder");
    let held = TcpListener::bind("127.0.0.1:0").expect("a port");
    let busy = held.local_addr().expect("an address").to_string();
    let free = "127.0.0.1:0";
    let data = folder.path().join("data");
    let path = data.display().to_string();
    for (command, http, agents, flag) in [
        ("up", busy.as_str(), free, "--http"),
        ("up", free, busy.as_str(), "--agents"),
        ("server", busy.as_str(), free, "--http"),
        ("server", free, busy.as_str(), "--agents"),
    ] {
        let refused = cordon()
            .args([command, "--http", http, "--agents", agents, "--data", &path])
            .output()
            .expect("it runs");
        assert_eq!(refused.status.code(), Some(2), "{refused:?}");
        let told = String::from_utf8_lossy(&refused.stderr);
        assert!(
            told.contains(&busy) && told.contains(&format!("`{flag} ")),
            "{command}: {told}"
        );
        assert!(!data.exists(), "{command} with {flag}: nothing is stored");
    }
}

#[cfg(unix)]
#[test]
fn the_command_that_is_told_works_from_any_folder() {
    let folder = tempfile::tempdir().expect("a folder");
    let data = folder.path().join("with a blank");
    let mut up = Process(
        cordon()
            .args(["up", "--http", "127.0.0.1:0", "--agents", "127.0.0.1:0"])
            .arg("--data")
            .arg("with a blank")
            .current_dir(folder.path())
            .stdout(Stdio::piped())
            .spawn()
            .expect("up starts"),
    );
    let lines = BufReader::new(up.0.stdout.take().expect("piped")).lines();
    let told: Vec<String> = lines
        .map(|line| line.expect("text"))
        .take_while(|line| !line.starts_with("Stop with"))
        .collect();
    let whole = told.join("\n");
    let profile = data.join("profile.json");
    assert!(
        whole.contains(&format!("Profile: {}", profile.display())),
        "{whole}"
    );
    let index = data.join("agent").join("index");
    assert!(whole.contains(&index.display().to_string()), "{whole}");
    let command = told
        .iter()
        .map(|line| line.trim())
        .find(|line| line.contains(" ask "))
        .expect("a command");
    let elsewhere = tempfile::tempdir().expect("a folder");
    let shell = |line: &str| {
        std::process::Command::new("sh")
            .args(["-c", line])
            .env_remove("CORDON_PROFILE")
            .env("HOME", elsewhere.path())
            .current_dir(elsewhere.path())
            .output()
            .expect("a shell")
    };
    let asked = shell(command);
    assert!(asked.status.success(), "{command}: {asked:?}");
    assert!(text(&asked).contains("Computer Name"), "{asked:?}");
    let start = told
        .iter()
        .find_map(|line| line.split_once("To start it: "))
        .expect("how to start the Index")
        .1;
    let configured = shell(start);
    assert!(configured.status.success(), "{start}: {configured:?}");
    assert!(text(&configured).contains("is in force"), "{configured:?}");
    up.end();
}
