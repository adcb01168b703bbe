//! A disk that is really full, on the server or on an endpoint: whoever asks is told what is wrong, where, and what to do, and the exit
//! status says that the answer is not whole.

use crate::support::{
    Process, Server, agent, client, connected, cordon, enrol, json_of, runtime, said, simulate,
    with,
};
use std::fs::File;
use std::io::{BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

const PROCESSES: &str = "Get Running Processes from all machines";
const NAME: &str = "Get Computer Name from all machines";

/// A small file system in memory; it goes when this is dropped.
struct Disk(PathBuf);

impl Disk {
    fn new(at: &Path, size: &str) -> Self {
        std::fs::create_dir_all(at).expect("made");
        let mounted = Command::new("mount")
            .args([
                "-t",
                "tmpfs",
                "-o",
                &format!("size={size},mode=700"),
                "tmpfs",
            ])
            .arg(at)
            .status();
        let mounted = mounted.is_ok_and(|status| status.success());
        assert!(mounted, "this test needs the right to mount");
        Self(at.to_owned())
    }

    fn filler(&self) -> PathBuf {
        self.0.join("filler")
    }

    /// Fills what is left.
    fn fill(&self) {
        let mut options = File::options();
        let mut file = options
            .create(true)
            .append(true)
            .open(self.filler())
            .expect("opened");
        for size in [1 << 20, 4096, 1] {
            let bytes = vec![1; size];
            while file.write_all(&bytes).is_ok() {}
        }
    }

    fn free(&self) {
        std::fs::remove_file(self.filler()).expect("removed");
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let gone = Command::new("umount").arg("--lazy").arg(&self.0).status();
        assert!(gone.is_ok_and(|s| s.success()), "it cannot be unmounted");
    }
}

/// Reads what is said until a line that holds this.
fn until(from: &mut impl BufRead, what: &str) -> String {
    let mut seen = String::new();
    loop {
        let mut line = String::new();
        let read = from.read_line(&mut line).expect("text");
        assert!(read > 0, "`{what}` was not said, but {seen}");
        if line.contains(what) {
            return line;
        }
        seen.push_str(&line);
    }
}

#[test]
fn an_asker_is_told_that_the_servers_disk_is_full() {
    const FLEET: u32 = 20;
    let folder = tempfile::tempdir().expect("a folder");
    let disk = Disk::new(&folder.path().join("disk"), "48m");
    let server = Server::start_with(&disk.0.join("server"), &["--spare-mib", "0"]);
    let profile = server.profile();
    let client = client(&profile);
    let token = server.token(&profile, FLEET);
    let state = folder.path().join("fleet");
    let state = state.to_str().expect("text");
    let mut fleet = simulate(FLEET, &token, &["--state", state]);
    runtime().block_on(connected(&client, FLEET.into()));
    fleet.end();
    // Asked while there was room, and answered when there is none.
    let mut asking = cordon()
        .args([
            "ask",
            PROCESSES,
            "--follow",
            "--output",
            "json",
            "--profile",
        ])
        .arg(&profile)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("asked");
    let mut stderr = BufReader::new(asking.stderr.take().expect("piped"));
    let line = until(&mut stderr, "is asked");
    let id = line.split_whitespace().nth(2).expect("a number").to_owned();
    let refused = loop {
        disk.fill();
        let output = with(&profile, &["ask", NAME, "--wait", "0s"]);
        if output.status.code() == Some(2) {
            break said(&output);
        }
    };
    assert!(
        refused.contains("the server's disk is full") && refused.contains("make room"),
        "{refused}"
    );
    let _fleet = simulate(FLEET, &token, &["--state", state]);
    let told = until(&mut stderr, "disk is full");
    assert!(
        told.contains("not kept") && told.contains("makes room"),
        "{told}"
    );
    let show = |more: &[&str]| with(&profile, &[&["questions", "show", &id], more].concat());
    let shown = show(&["--output", "json"]);
    assert_eq!(shown.status.code(), Some(3), "{shown:?}");
    let told = said(&shown);
    assert!(
        told.contains("not whole: the server's disk is full") && told.contains("makes room"),
        "{told}"
    );
    let trouble = json_of(&shown)["trouble"].as_str().map(str::to_owned);
    assert!(
        trouble.is_some_and(|t| t.contains("disk is full")),
        "{shown:?}"
    );
    // With room again everything is kept, and who waited has it all.
    disk.free();
    until(&mut stderr, "keeps answers again");
    let mut rest = String::new();
    stderr.read_to_string(&mut rest).expect("text");
    let output = asking.wait_with_output().expect("ended");
    assert_eq!(output.status.code(), Some(0), "{rest}");
    let whole = json_of(&output);
    assert_eq!(whole["coverage"]["answered"], FLEET, "{rest}");
    assert!(whole.get("trouble").is_none(), "{rest}");
    assert_eq!(show(&[]).status.code(), Some(0));
}

#[test]
fn a_question_that_a_full_server_does_not_take_is_told_as_that() {
    let folder = tempfile::tempdir().expect("a folder");
    // More than any disk has.
    let server = Server::start_with(
        &folder.path().join("server"),
        &["--spare-mib", "1000000000000"],
    );
    let profile = server.profile();
    let refused = with(&profile, &["ask", NAME]);
    assert_eq!(refused.status.code(), Some(2), "{refused:?}");
    let told = said(&refused);
    assert!(
        told.contains("the server's disk is full") && told.contains("deleting questions"),
        "{told}"
    );
}

#[test]
fn an_asker_is_told_which_endpoints_disk_is_full() {
    let folder = tempfile::tempdir().expect("a folder");
    let disk = Disk::new(&folder.path().join("disk"), "1m");
    let server = Server::start(&folder.path().join("server"));
    let profile = server.profile();
    let place = disk.0.join("agent");
    enrol(&server.token(&profile, 1), &place);
    let _agent: Process = agent(&place);
    let client = client(&profile);
    runtime().block_on(connected(&client, 1));
    disk.fill();
    let asked = with(&profile, &["ask", NAME, "--output", "json"]);
    assert_eq!(asked.status.code(), Some(3), "{asked:?}");
    let answer = json_of(&asked);
    assert_eq!(answer["coverage"]["disk_full"], 1, "{answer}");
    let told = said(&asked);
    let host = std::fs::read_to_string("/proc/sys/kernel/hostname").expect("a host name");
    for part in [
        "not whole",
        "1 endpoint has no room",
        host.trim(),
        "free some space",
    ] {
        assert!(told.contains(part), "no `{part}` in {told}");
    }
    let id = answer["question"]["id"].to_string();
    let which = with(
        &profile,
        &[
            "questions",
            "show",
            &id,
            "--endpoints",
            "disk_full",
            "--output",
            "json",
        ],
    );
    let why = json_of(&which)["tables"][0]["rows"][0]["Why"].to_string();
    assert!(why.contains(&disk.0.display().to_string()), "{why}");
    disk.free();
    let again = with(&profile, &["ask", NAME]);
    assert_eq!(again.status.code(), Some(0), "{again:?}");
}
