//! Users, against `getent`, `who`, `last`, `ssh-keygen` and `cvtsudoers`, and against hostile files.

use crate::support::{Tree, collect, live, output, rows};
use proptest::prelude::*;
use sensors::framework::SensorError;
use sensors::users::utmp::{self, Layout};
use sensors::users::{administrators, collect as users, keys, logins, ssh_keys, sudoers};
use std::path::Path;

/// A record as the C library writes it on this machine.
pub fn record(kind: i16, pid: i32, line: &str, user: &str, host: &str, seconds: u32) -> Vec<u8> {
    let layout = Layout::of_this_machine();
    let mut bytes = vec![0; layout.size()];
    bytes[0..2].copy_from_slice(&kind.to_le_bytes());
    bytes[4..8].copy_from_slice(&pid.to_le_bytes());
    bytes[8..8 + line.len()].copy_from_slice(line.as_bytes());
    bytes[40..44].copy_from_slice(&[0; 4]);
    bytes[44..44 + user.len()].copy_from_slice(user.as_bytes());
    bytes[76..76 + host.len()].copy_from_slice(host.as_bytes());
    let (at, size) = if layout == Layout::Short {
        (340, 4)
    } else {
        (344, 8)
    };
    bytes[at..at + size].copy_from_slice(&u64::from(seconds).to_le_bytes()[..size]);
    bytes
}

pub const T: u32 = 1_700_000_000;

fn history() -> Vec<u8> {
    [
        record(utmp::BOOT, 0, "~", "reboot", "6.1.0", T),
        record(utmp::USER, 100, "tty1", "alice", "", T + 60),
        record(utmp::DEAD, 100, "tty1", "", "", T + 3_600),
        record(utmp::USER, 200, "pts/0", "bob", "198.51.100.7", T + 4_000),
        record(utmp::RUN_LEVEL, 0, "~", "shutdown", "6.1.0", T + 5_000),
        record(utmp::BOOT, 0, "~", "reboot", "6.1.0", T + 6_000),
        record(utmp::USER, 300, "pts/1", "carol", "host.example", T + 6_100),
        record(utmp::BOOT, 0, "~", "reboot", "6.1.0", T + 7_000),
        record(utmp::USER, 400, "pts/2", "dave", "", T + 7_100),
    ]
    .concat()
}

#[test]
fn last_logins_agree_with_last() {
    let tree = Tree::new();
    tree.file("/var/log/wtmp", history());
    let found = rows(|s| logins::last_logins(tree.root(), s));
    let file = tree.at("/var/log/wtmp");
    let last = output("last", &["-F", "-w", "-f", file.to_str().unwrap()]);
    let lines: Vec<&str> = last
        .lines()
        .filter(|l| {
            ["alice", "bob", "carol", "dave"]
                .iter()
                .any(|u| l.starts_with(u))
        })
        .collect();
    assert_eq!(lines.len(), found.len(), "{last}\n{found:?}");
    for (line, row) in lines.iter().zip(&found) {
        let words: Vec<&str> = line.split_whitespace().collect();
        assert_eq!(words[0], row[0]);
        assert_eq!(words[1], row[1]);
        assert!(line.contains(&row[2]), "{line} {row:?}");
        // `Tue Nov 14 22:13:20 2023` against `2023-11-14T22:13:20Z`
        let began: jiff::Timestamp = row[4].parse().unwrap();
        assert!(
            line.contains(&began.strftime("%b %d %H:%M:%S %Y").to_string()),
            "{line} {row:?}"
        );
        let end = match row[6].as_str() {
            "logged out" => row[5]
                .parse::<jiff::Timestamp>()
                .unwrap()
                .strftime("%H:%M:%S")
                .to_string(),
            // In these records `last` judges by the process as well, so both words for "no end" are right.
            "open" => "still".into(),
            other => other.into(),
        };
        assert!(
            line.contains(&end) || (end == "still" && line.contains("gone")),
            "{line} {row:?}"
        );
    }
    assert_eq!(found[0][0], "dave");
    assert_eq!(found[2][6], "down");
    assert_eq!(found[1][6], "crash");
}

#[test]
fn logged_in_users_agree_with_who() {
    let tree = Tree::new();
    tree.file("/run/utmp", history());
    let found = rows(|s| logins::logged_in_users(tree.root(), s));
    let who = output("who", &[tree.at("/run/utmp").to_str().unwrap()]);
    let expected: Vec<(String, String)> = who
        .lines()
        .map(|l| {
            let mut words = l.split_whitespace().map(String::from);
            (words.next().unwrap(), words.next().unwrap())
        })
        .collect();
    let got: Vec<(String, String)> = found.iter().map(|r| (r[0].clone(), r[1].clone())).collect();
    assert_eq!(got, expected);
    assert_eq!(found.len(), 4);
}

#[test]
fn a_session_is_not_dead_because_its_process_is_hidden() {
    let tree = Tree::new();
    tree.file("/run/utmp", record(utmp::USER, 7, "pts/0", "bob", "", T))
        .file("/proc/self/stat", "")
        .file("/proc/1/stat", "");
    assert!(
        rows(|s| logins::logged_in_users(tree.root(), s)).is_empty(),
        "it ended"
    );
    // The first process is never missing: here it is hidden.
    std::fs::remove_dir_all(tree.at("/proc/1")).unwrap();
    let (found, outcome) = collect(|s| logins::logged_in_users(tree.root(), s));
    assert_eq!(found.len(), 1);
    assert!(outcome.unwrap_err().is_denied());
}

#[test]
fn sessions_of_the_login_manager_count_once() {
    let tree = Tree::new();
    tree.file("/run/utmp", record(utmp::USER, 7, "pts/0", "bob", "", T))
        .file("/run/systemd/sessions/1", "USER=bob\nCLASS=user\nSTATE=active\nTTY=pts/0\nLEADER=7\n")
        .file(
            "/run/systemd/sessions/2",
            "USER=eve\nCLASS=user\nSTATE=active\nTTY=\nREMOTE_HOST=203.0.113.9\nREALTIME=1700000000000000\nLEADER=9\n",
        )
        .file("/run/systemd/sessions/c1", "USER=gdm\nCLASS=greeter\nSTATE=active\n");
    let found = rows(|s| logins::logged_in_users(tree.root(), s));
    assert_eq!(found.len(), 2, "{found:?}");
    assert_eq!(
        found[1],
        ["eve", "", "203.0.113.9", "2023-11-14T22:13:20Z", "9"]
    );
}

#[test]
fn failed_logins_newest_first_with_address() {
    let tree = Tree::new();
    let mut bad = record(LOGIN, 5, "ssh:notty", "admin", "203.0.113.5", T);
    let at = if Layout::of_this_machine() == Layout::Short {
        348
    } else {
        360
    };
    bad[at..at + 4].copy_from_slice(&[203, 0, 113, 5]);
    tree.file(
        "/var/log/btmp",
        [bad, record(LOGIN, 6, "ssh:notty", "root", "::1", T + 1)].concat(),
    );
    let found = rows(|s| logins::failed_logins(tree.root(), s));
    assert_eq!(found[0][0], "root");
    assert_eq!(
        found[1],
        [
            "admin",
            "ssh:notty",
            "203.0.113.5",
            "203.0.113.5",
            "2023-11-14T22:13:20Z"
        ]
    );
    let newest = output(
        "lastb",
        &["-F", "-w", "-f", tree.at("/var/log/btmp").to_str().unwrap()],
    );
    assert!(
        newest.lines().next().unwrap().starts_with("root"),
        "{newest}"
    );
}

const LOGIN: i16 = utmp::LOGIN;

#[test]
fn a_cut_record_is_left_out() {
    let mut bytes = history();
    bytes.truncate(bytes.len() - 1);
    let layout = Layout::of_this_machine();
    let (found, lost) = utmp::read(&bytes, layout);
    assert_eq!((found.len(), lost), (8, layout.size() - 1));
    assert_eq!(utmp::read(&bytes[..100], layout), (Vec::new(), 100));
}

proptest! {
    #[test]
    fn any_bytes_are_records(bytes in prop::collection::vec(any::<u8>(), 0..3_000)) {
        for layout in [Layout::Short, Layout::Long] {
            let (records, lost) = utmp::read(&bytes, layout);
            prop_assert!(records.len() * layout.size() + lost <= bytes.len());
            prop_assert!(utmp::logins(&records).len() <= records.len());
        }
    }

    #[test]
    fn any_bytes_are_a_policy_and_keys(bytes in prop::collection::vec(any::<u8>(), 0..2_000)) {
        std::hint::black_box(sudoers::parse(&bytes, Path::new("/x")));
        ssh_keys::keys(&bytes).count();
    }

    #[test]
    fn any_policy_text_is_read(text in "([a-zA-Z%#@!()=:,\\\\\" /\n]|Defaults|ALL|User_Alias|#include){0,80}") {
        for s in sudoers::parse(text.as_bytes(), Path::new("/x")) {
            prop_assert!(s.line >= 1);
        }
    }
}

#[test]
fn local_users_agree_with_getent() {
    let found = live("Local Users");
    let passwd = output("getent", &["-s", "files", "passwd"]);
    let expected: Vec<Vec<&str>> = passwd.lines().map(|l| l.split(':').collect()).collect();
    assert_eq!(found.len(), expected.len());
    for (row, line) in found.iter().zip(&expected) {
        assert_eq!([&row[0], &row[1], &row[2]], [line[0], line[2], line[3]]);
        assert_eq!([&row[4], &row[5], &row[6]], [line[4], line[5], line[6]]);
        let mut groups: Vec<&str> = row[3].split(',').filter(|g| !g.is_empty()).collect();
        let id = output("id", &["-nG", &row[0]]);
        let mut expected: Vec<&str> = id.split_whitespace().collect();
        groups.sort_unstable();
        expected.sort_unstable();
        assert_eq!(groups, expected, "{row:?}");
    }
}

#[test]
fn passwords_are_told_by_state_only() {
    let tree = Tree::new();
    tree.file("/etc/passwd", "root:x:0:0:root:/root:/bin/sh\nold:$1$secret:5:5::/:/bin/sh\nopen::6:6::/:/bin/sh\nnew:x:7:7::/:/bin/sh\nbroken:x\n")
        .file("/etc/shadow", "root:$y$j9T$hash:19000:0:99999:7:::\nnew:!locked:0::::::\n");
    let found = rows(|s| users::local_users(tree.root(), s));
    let states: Vec<&str> = found.iter().map(|r| r[7].as_str()).collect();
    assert_eq!(states, ["set", "set", "empty", "locked"]);
    assert_eq!(found[0][8], "2022-01-08T00:00:00Z");
    assert!(!format!("{found:?}").contains("hash"));
}

const POLICY: &str = r#"# a comment with root ALL=(ALL) ALL
Defaults	env_reset, secure_path="/usr/sbin:/usr/bin"
User_Alias	OPS = alice, \
	%operators : WEB = www-data
Cmnd_Alias SHELLS = /bin/sh, /bin/bash
Runas_Alias DB = postgres
root	ALL=(ALL:ALL) ALL
%sudo	ALL=(ALL:ALL) ALL
OPS	ALL = (root) NOPASSWD: SETENV: /usr/bin/systemctl restart nginx, /bin/ls
carol	web = /bin/cat : db = (DB) NOPASSWD: ALL
#1005	ALL=(ALL) NOPASSWD: ALL
bob ALL=(ALL) ALL # trailing
"#;

#[test]
fn sudoers_agree_with_cvtsudoers() {
    let tree = Tree::new();
    tree.file("/etc/sudoers", POLICY);
    let found = rows(|s| administrators::sudoers(tree.root(), s));
    let file = tree.at("/etc/sudoers");
    let json = output("cvtsudoers", &["-f", "json", file.to_str().unwrap()]);
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    let specs = json["User_Specs"].as_array().unwrap();
    let rules: Vec<&Vec<String>> = found.iter().filter(|r| r[0] == "rule").collect();
    // The other tool joins nothing: one specification for each host part, as here.
    assert_eq!(rules.len(), specs.len(), "{rules:?}\n{json:#}");
    for (row, spec) in rules.iter().zip(specs) {
        let hosts: Vec<&str> = spec["Host_List"]
            .as_array()
            .unwrap()
            .iter()
            .map(|h| {
                h.as_object()
                    .unwrap()
                    .values()
                    .next()
                    .unwrap()
                    .as_str()
                    .unwrap()
            })
            .collect();
        assert_eq!(row[2], hosts.join(", "));
        let no_password = json_text(&spec["Cmnd_Specs"]).contains("\"authenticate\":false");
        assert_eq!(row[4].contains("NOPASSWD"), no_password, "{row:?} {spec:#}");
        for command in json_strings(&spec["Cmnd_Specs"], "command") {
            assert!(row[5].contains(&command), "{row:?} {command}");
        }
    }
    let names: Vec<&str> = rules.iter().map(|r| r[1].as_str()).collect();
    assert_eq!(
        names,
        ["root", "%sudo", "OPS", "carol", "carol", "#1005", "bob"]
    );
    let carol = rules[4];
    assert_eq!(
        carol[2..7],
        ["db", "DB", "NOPASSWD", "ALL", "/etc/sudoers"].map(String::from)
    );
    let alias: Vec<&Vec<String>> = found.iter().filter(|r| r[0] == "user alias").collect();
    assert_eq!(alias.len(), 2);
    assert_eq!(
        (alias[0][1].as_str(), alias[0][5].as_str()),
        ("OPS", "alice, %operators")
    );
    assert_eq!(alias[0][7], "3");
    assert!(
        found
            .iter()
            .any(|r| r[0] == "defaults" && r[5].contains("secure_path"))
    );
}

fn json_text(value: &serde_json::Value) -> String {
    value.to_string().replace(' ', "")
}

fn json_strings(value: &serde_json::Value, key: &str) -> Vec<String> {
    match value {
        serde_json::Value::Array(items) => {
            items.iter().flat_map(|v| json_strings(v, key)).collect()
        }
        serde_json::Value::Object(fields) => fields
            .iter()
            .flat_map(|(k, v)| match v {
                serde_json::Value::String(text) if k == key => vec![text.clone()],
                other => json_strings(other, key),
            })
            .collect(),
        _ => Vec::new(),
    }
}

#[test]
fn sudoers_follow_includes_and_end_loops() {
    let tree = Tree::new();
    tree.file(
        "/etc/sudoers",
        "root ALL=(ALL) ALL\n@includedir /etc/sudoers.d\n@include more\n",
    )
    .file("/etc/sudoers.d/10-ops", "ops ALL=(ALL) NOPASSWD: ALL\n")
    .file("/etc/sudoers.d/backup~", "evil ALL=(ALL) ALL\n")
    .file("/etc/sudoers.d/pkg.dpkg-old", "evil ALL=(ALL) ALL\n")
    .file("/etc/more", "extra ALL=/bin/ls\n#include /etc/sudoers\n");
    let (found, outcome) = collect(|s| administrators::sudoers(tree.root(), s));
    assert!(
        matches!(outcome, Err(SensorError::Form { .. })),
        "{outcome:?}"
    );
    let rules: Vec<&str> = found
        .iter()
        .filter(|r| r[0] == "rule")
        .map(|r| r[1].as_str())
        .collect();
    assert_eq!(rules[..3], ["root", "ops", "extra"]);
    assert!(!rules.contains(&"evil"));
}

#[test]
fn administrators_for_each_reason() {
    let tree = Tree::new();
    tree.file(
        "/etc/passwd",
        "root:x:0:0::/root:/bin/sh\ntoor:x:0:0::/root:/bin/sh\nalice:x:1000:27::/home/a:/bin/sh\nbob:x:1001:100::/home/b:/bin/sh\ndeploy:x:1005:100::/home/d:/bin/sh\nop:x:1006:50::/:/bin/sh\n",
    )
    .file("/etc/group", "sudo:x:27:bob\noperators:x:50:\nusers:x:100:\n")
    .file(
        "/etc/sudoers",
        "User_Alias OPS = %operators\nCmnd_Alias EVERYTHING = ALL\n%sudo ALL=(ALL:ALL) ALL\nOPS ALL = EVERYTHING\n#1005 ALL=(ALL) NOPASSWD: ALL\ncarol ALL=(postgres) ALL\ndan ALL=/bin/ls\n",
    );
    let found = rows(|s| administrators::local_administrators(tree.root(), s));
    let has = |who: &str, reason: &str| found.iter().any(|r| r[0] == who && r[1] == reason);
    assert!(
        has("root", "user ID 0") && has("toor", "user ID 0"),
        "{found:?}"
    );
    assert!(has("alice", "member of group sudo") && has("bob", "member of group sudo"));
    assert!(has("op", "sudo rule for %operators"));
    assert!(has("deploy", "sudo rule"));
    assert!(
        !found.iter().any(|r| r[0] == "carol" || r[0] == "dan"),
        "{found:?}"
    );
    let rule = found.iter().find(|r| r[0] == "deploy").unwrap();
    assert_eq!(rule[2], "/etc/sudoers:5");
}

#[test]
fn keys_agree_with_ssh_keygen() {
    let tree = Tree::new();
    for (kind, bits) in [("ed25519", "256"), ("rsa", "2048"), ("ecdsa", "384")] {
        let file = tree.at(&format!("key-{kind}"));
        output(
            "ssh-keygen",
            &[
                "-q",
                "-t",
                kind,
                "-b",
                bits,
                "-N",
                "",
                "-C",
                "a comment with words",
                "-f",
                file.to_str().unwrap(),
            ],
        );
    }
    let public = |kind: &str| std::fs::read_to_string(tree.at(&format!("key-{kind}.pub"))).unwrap();
    let keys = format!(
        "# comment\n{}command=\"echo \\\"a b\\\"\",from=\"10.0.0.0/8\" {}{}ssh-rsa !!!notbase64 x\nnonsense\n",
        public("ed25519"),
        public("rsa"),
        public("ecdsa")
    );
    tree.file(
        "/etc/passwd",
        "root:x:0:0::/root:/bin/sh\nsvc:x:10:10::/srv/svc:/bin/sh\n",
    )
    .file(
        "/etc/ssh/sshd_config",
        "Include /etc/ssh/sshd_config.d/*.conf\n",
    )
    .file(
        "/etc/ssh/sshd_config.d/10.conf",
        "AuthorizedKeysFile .ssh/authorized_keys /etc/ssh/keys/%u\n",
    )
    .file("/root/.ssh/authorized_keys", &keys)
    .file("/etc/ssh/keys/svc", public("ed25519"))
    .file("/home/leftover/.ssh/authorized_keys2", public("rsa"));
    let found = rows(|s| keys::ssh_authorized_keys(tree.root(), s));
    let listed = output(
        "ssh-keygen",
        &[
            "-lf",
            tree.at("/root/.ssh/authorized_keys").to_str().unwrap(),
        ],
    );
    let expected: Vec<&str> = listed
        .lines()
        .map(|l| l.split(' ').nth(1).unwrap())
        .collect();
    let root: Vec<&Vec<String>> = found.iter().filter(|r| r[0] == "root").collect();
    let got: Vec<&str> = root
        .iter()
        .map(|r| r[2].as_str())
        .filter(|f| !f.is_empty())
        .collect();
    assert_eq!(got, expected);
    assert_eq!(
        root.len(),
        4,
        "the key that cannot be decoded is told too: {root:?}"
    );
    assert_eq!(
        root[1][3],
        "command=\"echo \\\"a b\\\"\",from=\"10.0.0.0/8\""
    );
    assert_eq!(root[1][4], "a comment with words");
    assert_eq!(root[1][6], "3");
    assert!(
        found
            .iter()
            .any(|r| r[0] == "svc" && r[5] == "/etc/ssh/keys/svc"),
        "{found:?}"
    );
    assert!(found.iter().any(|r| r[0] == "leftover"), "{found:?}");
}

#[test]
fn hostile_files_neither_block_nor_break() {
    let tree = Tree::new();
    // A home with a FIFO, a link to itself, a device and ten megabytes in one line.
    let long = [b"ssh-ed25519 ".to_vec(), vec![0xFF; 10 << 20]].concat();
    tree.file("/etc/passwd", "a:x:1:1::/home/a:/bin/sh\nb:x:2:2::/home/b:/bin/sh\nc:x:3:3::/home/c:/bin/sh\nd:x:4:4::/home/d:/bin/sh\n\u{FEFF}\u{202E}:x:y\n")
        .file("/home/a/.ssh/authorized_keys", long)
        .link("/home/b/.ssh/authorized_keys", "authorized_keys")
        .link("/home/c/.ssh/authorized_keys", "/dev/zero")
        .file("/home/d/.ssh/x", "");
    let fifo = tree.at("/home/d/.ssh/authorized_keys");
    output("mkfifo", &[fifo.to_str().unwrap()]);
    let (found, outcome) = collect(|s| keys::ssh_authorized_keys(tree.root(), s));
    assert_eq!(found.len(), 1, "only the long line looks like a key");
    let cut = outcome.unwrap_err().to_string();
    assert!(cut.contains("only so many were read"), "{cut}");
    assert_eq!(found[0][2], "");
    let policy = [b"ALL ALL=".to_vec(), vec![b'('; 10 << 20]].concat();
    tree.file("/etc/sudoers", policy);
    let (found, outcome) = collect(|s| administrators::sudoers(tree.root(), s));
    assert!(outcome.is_err(), "not all of it was read");
    assert!(found.len() <= 1);
    assert!(
        found
            .iter()
            .flatten()
            .all(|cell| cell.len() <= sensors::framework::CELL_MAX)
    );
}
