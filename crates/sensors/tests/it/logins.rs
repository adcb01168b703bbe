//! Login records that crashed, were rotated, or lie in databases, against `last` where it can tell.

use crate::support::{Tree, collect, output, rows};
use crate::users::{T, record};
use proptest::prelude::*;
use rusqlite::Connection;
use sensors::users::utmp::{self, Layout};
use sensors::users::{lastlog, logins};
use std::io::Write;

fn login(n: u32) -> Vec<u8> {
    let (user, line) = (format!("u{n}"), format!("pts/{n}"));
    record(utmp::USER, 9, &line, &user, "h", T + n * 60)
}

fn names(rows: &[Vec<String>]) -> Vec<&str> {
    rows.iter().map(|r| r[0].as_str()).collect()
}

#[test]
fn a_torn_record_costs_only_itself() {
    let layout = Layout::of_this_machine();
    let whole: Vec<u8> = (0..6).flat_map(login).collect();
    for lost in [1, 4, 68, 300, layout.size() - 1] {
        // Of the second record, at several places, some bytes did not reach the disk.
        for at in [
            layout.size() + 1,
            layout.size() + 316 - 68,
            2 * layout.size() - lost,
        ] {
            let mut bytes = whole.clone();
            bytes.drain(at..at + lost);
            let tree = Tree::new();
            tree.file("/var/log/wtmp", &bytes);
            let (found, outcome) = collect(|s| logins::last_logins(tree.root(), s));
            for name in ["u0", "u3", "u4", "u5"] {
                assert!(names(&found).contains(&name), "{lost} at {at}: {found:?}");
            }
            assert!(
                found.len() >= 4 && found.len() <= 6,
                "{lost} at {at}: {found:?}"
            );
            let said = outcome.unwrap_err().to_string();
            assert!(said.contains("no whole records"), "{said}");
        }
    }
}

#[test]
fn garbage_between_records_is_passed_over_and_counted() {
    let layout = Layout::of_this_machine();
    let garbage: Vec<u8> = (0..1_000_u32).map(|n| (n * 7 % 251) as u8 | 0x80).collect();
    for length in [1, 100, layout.size(), 1_000] {
        let bytes = [login(0), garbage[..length].to_vec(), login(1), login(2)].concat();
        let (found, lost) = utmp::read(&bytes, layout);
        assert_eq!((found.len(), lost), (3, length));
    }
    // Zeros are places that were never written: nothing was there to lose.
    let bytes = [login(0), vec![0; 2 * layout.size()], login(1)].concat();
    let (found, lost) = utmp::read(&bytes, layout);
    assert_eq!((found.len(), lost), (2, 0));
}

/// Of two torn records around a whole one, the first has the next one's host where its time would be.
#[test]
fn what_is_torn_does_not_swallow_a_record_that_a_torn_one_follows() {
    let layout = Layout::of_this_machine();
    let size = layout.size();
    let mut bytes: Vec<u8> = (0..6).flat_map(login).collect();
    bytes.drain(5 * size + 1..5 * size + 2);
    bytes.drain(3 * size + 1..3 * size + 118);
    let (found, lost) = utmp::read(&bytes, layout);
    for user in ["u0", "u1", "u2", "u4"] {
        assert!(found.iter().any(|r| r.user == user.as_bytes()), "{user}");
    }
    assert!(lost > 0, "and it is said");
}

/// What is left of a torn record and the beginning of the next one can pass for a record.
#[test]
fn a_torn_record_does_not_take_the_next_one_along() {
    let layout = Layout::of_this_machine();
    let (torn, whole) = (login(0), login(1));
    for lost in 1..layout.size() - 1 {
        let bytes = [&torn[..1], &torn[1 + lost..], &whole].concat();
        let (found, _) = utmp::read(&bytes, layout);
        assert!(found.iter().any(|r| r.user == b"u1"), "{lost}");
    }
}

proptest! {
    #[test]
    fn whole_records_are_never_lost(count in 1_u32..20, gone in prop::collection::vec((0_usize..8_000, 1_usize..384), 0..3)) {
        let layout = Layout::of_this_machine();
        let size = layout.size();
        let whole: Vec<u8> = (0..count).flat_map(login).collect();
        let mut bytes = Vec::new();
        let mut at = 0;
        let mut gone: Vec<(usize, usize)> = gone.into_iter().filter(|(from, _)| *from < whole.len()).collect();
        gone.sort_unstable();
        for (from, length) in gone {
            if from >= at {
                bytes.extend_from_slice(&whole[at..from]);
                at = (from + length).min(whole.len());
            }
        }
        bytes.extend_from_slice(&whole[at..]);
        let (found, lost) = utmp::read(&bytes, layout);
        let untouched = (0..count).filter(|n| {
            let own = login(*n);
            bytes.windows(size).any(|window| window == own)
        });
        for n in untouched {
            let user = format!("u{n}");
            prop_assert!(found.iter().any(|r| r.user == user.as_bytes()), "{user}: {lost} lost");
        }
        // One that lost its end takes less than a place.
        prop_assert!(found.len() <= count as usize && lost <= bytes.len());
    }
}

#[test]
fn rotated_files_are_one_history() {
    let tree = Tree::new();
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    packed.write_all(&login(0)).unwrap();
    tree.file("/var/log/wtmp.3.gz", packed.finish().unwrap())
        .file("/var/log/wtmp.2", login(1))
        .file("/var/log/wtmp.1", login(2))
        .file("/var/log/wtmp-20231130", login(3))
        .file("/var/log/wtmp-20231201", login(4))
        .file("/var/log/wtmp", login(5))
        .file(
            "/var/log/btmp-20231201",
            record(utmp::LOGIN, 1, "ssh", "guess", "", T),
        )
        .file(
            "/var/log/btmp",
            record(utmp::LOGIN, 1, "ssh", "again", "", T + 9),
        );
    let found = rows(|s| logins::last_logins(tree.root(), s));
    assert_eq!(names(&found), ["u5", "u4", "u3", "u2", "u1", "u0"]);
    let found = rows(|s| logins::failed_logins(tree.root(), s));
    assert_eq!(names(&found), ["again", "guess"]);
    // What cannot be unpacked is told.
    tree.file("/var/log/wtmp.4.xz", "x")
        .file("/var/log/wtmp.5.gz", "x");
    let mut sink = crate::support::sink();
    let outcome = logins::last_logins(tree.root(), &mut sink);
    let problems = sink.finish(outcome).problems;
    let said: Vec<String> = problems.iter().map(ToString::to_string).collect();
    assert_eq!(said.len(), 2, "{said:?}");
    assert!(said.iter().any(|w| w.contains("wtmp.4.xz")), "{said:?}");
}

#[test]
fn logins_across_rotated_files_end_as_last_tells() {
    let layout = Layout::of_this_machine();
    let old = [login(0), login(1)].concat();
    let new = [
        record(utmp::DEAD, 9, "pts/0", "", "", T + 500),
        record(utmp::BOOT, 0, "~", "reboot", "6.1", T + 900),
    ]
    .concat();
    let tree = Tree::new();
    tree.file("/var/log/wtmp.1", &old)
        .file("/var/log/wtmp", &new)
        .file("/whole", [old, new].concat());
    let found = rows(|s| logins::last_logins(tree.root(), s));
    let told = output(
        "last",
        &["-F", "-w", "-f", tree.at("/whole").to_str().unwrap()],
    );
    assert!(told.contains("u1") && told.contains("crash"), "{told}");
    assert_eq!(
        (&found[0][6][..], &found[1][6][..]),
        ("crash", "logged out")
    );
    assert_eq!(layout, Layout::of(&login(0)));
}

#[test]
fn sessions_without_a_terminal_are_told_each() {
    let tree = Tree::new();
    for n in [4, 5] {
        tree.file(
            &format!("/run/systemd/sessions/{n}"),
            format!("USER=person\nSTATE=active\nCLASS=user\nTYPE=tty\nREMOTE=1\nREMOTE_HOST=192.0.2.{n}\nLEADER=1\nREALTIME=170000000{n}000000\n"),
        );
    }
    tree.file(
        "/run/systemd/sessions/6",
        "USER=person\nSTATE=online\nCLASS=user\nREMOTE_HOST=a\\x20b\nLEADER=1\n",
    );
    let found = rows(|s| logins::logged_in_users(tree.root(), s));
    let hosts: Vec<&str> = found.iter().map(|r| r[2].as_str()).collect();
    assert_eq!(hosts, ["192.0.2.4", "192.0.2.5", "a b"]);
}

#[test]
fn a_history_in_a_database_is_read_with_its_ends() {
    let tree = Tree::new();
    tree.file("/var/lib/wtmpdb/wtmp.db", "");
    let at = tree.at("/var/lib/wtmpdb/wtmp.db");
    let second = 1_000_000_i64;
    let t = i64::from(T);
    let connection = Connection::open(&at).unwrap();
    connection
        .execute_batch(&format!(
            "CREATE TABLE wtmp(ID INTEGER PRIMARY KEY, Type INTEGER, User TEXT NOT NULL, Login INTEGER, Logout INTEGER, TTY TEXT, RemoteHost TEXT, Service TEXT);
             INSERT INTO wtmp VALUES(1, 1, 'reboot', {0}, {1}, '~', '6.1', NULL);
             INSERT INTO wtmp VALUES(2, 3, 'left', {2}, {3}, 'pts/0', '192.0.2.9', 'sshd');
             INSERT INTO wtmp VALUES(3, 3, 'shut', {3}, NULL, 'pts/1', 'host', 'sshd');
             INSERT INTO wtmp VALUES(4, 1, 'reboot', {4}, NULL, '~', '6.1', NULL);
             INSERT INTO wtmp VALUES(5, 3, 'cut', {5}, NULL, NULL, NULL, NULL);
             INSERT INTO wtmp VALUES(6, 1, 'reboot', {6}, NULL, '~', '6.1', NULL);
             INSERT INTO wtmp VALUES(7, 3, x'66ff', 5000000000000000, NULL, 'tty1', NULL, 'login');",
            t * second, (t + 90) * second, (t + 10) * second, (t + 20) * second, (t + 100) * second, (t + 110) * second, (t + 200) * second
        ))
        .unwrap();
    drop(connection);
    tree.file("/var/log/wtmp", login(0));
    let found = rows(|s| logins::last_logins(tree.root(), s));
    assert_eq!(
        names(&found),
        ["f\u{fffd}", "cut", "shut", "left", "u0"],
        "{found:?}"
    );
    let ends: Vec<&str> = found.iter().map(|r| r[6].as_str()).collect();
    assert_eq!(ends, ["open", "crash", "down", "logged out", "open"]);
    assert_eq!(found[0][4], "2128-06-11T08:53:20Z", "times beyond 32 bits");
    assert_eq!(found[3][3], "192.0.2.9");
    // A database of another form is a problem and no end of the rest.
    tree.file(
        "/var/lib/wtmpdb/wtmp.db",
        "no database at all, but long enough to look at",
    );
    let (found, outcome) = collect(|s| logins::last_logins(tree.root(), s));
    assert_eq!(names(&found), ["u0"]);
    assert!(outcome.unwrap_err().to_string().contains("wtmp.db"));
}

#[test]
fn latest_logins_by_user_agree_with_lastlog() {
    let tree = Tree::new();
    let time = if Layout::of_this_machine() == Layout::Short {
        4
    } else {
        8
    };
    let entry = |seconds: u32, line: &str, host: &str| {
        let mut bytes = vec![0; time + 32 + 256];
        bytes[..4].copy_from_slice(&seconds.to_le_bytes());
        bytes[time..time + line.len()].copy_from_slice(line.as_bytes());
        bytes[time + 32..time + 32 + host.len()].copy_from_slice(host.as_bytes());
        bytes
    };
    let never = entry(0, "", "");
    let file = [
        entry(T, "tty1", ""),
        never.clone(),
        never,
        entry(T + 60, "pts/0", "198.51.100.7"),
    ]
    .concat();
    tree.file("/etc/passwd", "root:x:0:0::/:/\nb:x:1:1::/:/\n")
        .file("/var/log/lastlog", file);
    let found = rows(|s| lastlog::last_login_per_user(tree.root(), s));
    assert_eq!(
        found,
        [
            [
                "root",
                "0",
                "tty1",
                "",
                "2023-11-14T22:13:20Z",
                "/var/log/lastlog"
            ],
            [
                "",
                "3",
                "pts/0",
                "198.51.100.7",
                "2023-11-14T22:14:20Z",
                "/var/log/lastlog"
            ]
        ]
    );
    tree.file("/var/lib/lastlog/lastlog2.db", "");
    let connection = Connection::open(tree.at("/var/lib/lastlog/lastlog2.db")).unwrap();
    connection
        .execute_batch("CREATE TABLE Lastlog2(Name TEXT PRIMARY KEY, Time INTEGER, TTY TEXT, RemoteHost TEXT, Service TEXT); INSERT INTO Lastlog2 VALUES('b', 1700000000, 'pts/1', 'h', 'sshd'), ('gone', 5000000000, NULL, NULL, NULL);")
        .unwrap();
    drop(connection);
    let found = rows(|s| lastlog::last_login_per_user(tree.root(), s));
    assert_eq!(
        found[2][..5],
        ["b", "1", "pts/1", "h", "2023-11-14T22:13:20Z"]
    );
    assert_eq!(found[3][..5], ["gone", "", "", "", "2128-06-11T08:53:20Z"]);
}

#[test]
fn a_login_that_only_the_records_by_user_still_have_is_told_once() {
    let tree = Tree::new();
    tree.file("/etc/passwd", "root:x:0:0::/:/\n")
        .file("/var/log/wtmp", login(5))
        .file("/var/lib/lastlog/lastlog2.db", "");
    let connection = Connection::open(tree.at("/var/lib/lastlog/lastlog2.db")).unwrap();
    connection
        .execute_batch(&format!(
            "CREATE TABLE Lastlog2(Name TEXT PRIMARY KEY, Time INTEGER, TTY TEXT, RemoteHost TEXT, Service TEXT); INSERT INTO Lastlog2 VALUES('u5', {}, 'pts/5', 'h', 'sshd'), ('old', 1600000000, 'pts/1', '192.0.2.7', 'sshd');",
            T + 301
        ))
        .unwrap();
    drop(connection);
    let found = rows(|s| logins::last_logins(tree.root(), s));
    assert_eq!(names(&found), ["u5", "old"]);
    assert_eq!(found[1][2..4], ["192.0.2.7", "192.0.2.7"]);
    assert_eq!(found[1][6], "unknown");
}
