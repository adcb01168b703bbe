//! The inventory and the hashes against an independent look at the same tree.

use crate::support::{Place, agree, walk};
use index::config::Config;
use index::glob::Glob;
use index::query::{Filter, Order};
use index::verify::Differs;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{FileExt, PermissionsExt, symlink};
use std::path::Path;
use std::process::Command;

fn named(place: &Place, name: &[u8], content: &[u8]) {
    std::fs::write(place.tree().join(OsStr::from_bytes(name)), content).unwrap();
}

/// Everything a hostile user may put into a directory.
fn odd(place: &Place) {
    for (number, name) in [
        b"line\nbreak".as_slice(),
        b"invalid \xff\xfe utf-8",
        b"tab\tand \x1b[31mescape",
        "rechts\u{202e}links".as_bytes(),
        b"[brackets]*?.txt",
        b" blanks ",
        b"quote'\"\\",
        &[b'n'; 255],
    ]
    .iter()
    .enumerate()
    {
        named(place, name, format!("content {number}").as_bytes());
    }
    place.write("empty", b"");
    place.write("a/b/c/deep", b"deep");
    symlink("/nowhere at all", place.tree().join("dangling")).unwrap();
    symlink("loop-b", place.tree().join("loop-a")).unwrap();
    symlink("loop-a", place.tree().join("loop-b")).unwrap();
    symlink("..", place.tree().join("a/up")).unwrap();
    let original = place.write("linked/one", b"shared by three names");
    std::fs::hard_link(&original, place.tree().join("linked/two")).unwrap();
    std::fs::hard_link(&original, place.tree().join("three")).unwrap();
    let fifo = Command::new("mkfifo")
        .arg(place.tree().join("fifo"))
        .status()
        .unwrap();
    assert!(fifo.success());
    drop(std::os::unix::net::UnixListener::bind(place.tree().join("socket")).unwrap());
    let script = place.write("run.sh", b"#!/bin/sh\n");
    std::fs::set_permissions(script, std::fs::Permissions::from_mode(0o4755)).unwrap();
}

#[test]
fn entries_and_hashes_agree_with_an_independent_look() {
    let place = Place::new();
    odd(&place);
    place.index();
    agree(&place);
    assert_eq!(place.differences(), []);
    let records = place.records();
    let link = place.tree().join("dangling");
    let link = &records[link.as_os_str().as_bytes()];
    assert_eq!(link.target.as_deref(), Some(b"/nowhere at all".as_slice()));
}

#[test]
fn a_second_walk_finds_the_difference_and_only_that() {
    let place = Place::new();
    odd(&place);
    for number in 0..500 {
        place.write(&format!("many/{}/{number}", number % 7), number.to_string());
    }
    place.index();
    let before = place.records();
    place.write("many/3/3", b"changed");
    std::fs::rename(place.tree().join("many/4"), place.tree().join("moved")).unwrap();
    std::fs::remove_dir_all(place.tree().join("many/5")).unwrap();
    // A directory in place of a file, and a file in place of a directory.
    std::fs::remove_file(place.tree().join("three")).unwrap();
    std::fs::create_dir(place.tree().join("three")).unwrap();
    place.write("three/inside", b"x");
    std::fs::remove_dir_all(place.tree().join("many/6")).unwrap();
    place.write("many/6", b"a file now");
    place.index();
    agree(&place);
    assert_eq!(place.differences(), []);
    let after = place.records();
    let same = place.tree().join("many/0/0");
    let same = same.as_os_str().as_bytes();
    assert_eq!(
        before[same].id, after[same].id,
        "an unchanged file keeps its row"
    );
    assert_eq!(before[same].first_seen, after[same].first_seen);
}

#[test]
fn a_changed_file_keeps_what_it_was_before() {
    let place = Place::new();
    place.write("file", b"before");
    place.index();
    assert_eq!(place.records().into_values().next().unwrap().changed, None);
    place.write("file", b"after!");
    place.index();
    let record = place.records().into_values().next().unwrap();
    assert!(record.changed.is_some());
    // Touched, but the same content: no change of hash.
    let other = Place::new();
    let path = other.write("file", b"same");
    other.index();
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600)).unwrap();
    other.index();
    let record = other.records().into_values().next().unwrap();
    assert_eq!((record.changed, record.state.name()), (None, "hashed"));
}

#[test]
fn what_is_tried_again_is_counted() {
    use index::digest_state::DigestState;
    use index::store::write::{Outcome, Writer};
    let place = Place::new();
    for name in ["read", "changing", "broken", "denied", "new"] {
        place.write(name, name);
    }
    place.round().once(String::new(), false, || {}).unwrap();
    let counts = || {
        let report = place.report();
        (report.pending, report.again, report.differences)
    };
    assert_eq!(counts(), (5, 0, 0));
    let connection = index::store::open(&place.database()).unwrap();
    let mut writer = Writer::new(&connection);
    for record in place.records().into_values() {
        let state = match &*record.name {
            b"changing" => DigestState::Changing,
            b"broken" => DigestState::ReadError,
            b"denied" => DigestState::Denied,
            _ => continue,
        };
        let outcome = Outcome::Not(state);
        writer
            .digest(record.id, &record.attributes, 0, &outcome)
            .unwrap();
    }
    assert_eq!(counts(), (2, 2, 0));
    // Another file is mounted over it.
    let cover = |sign: char| {
        let covered = format!(
            "UPDATE entry SET flags = flags {sign} 256 WHERE CAST(name AS TEXT) = 'changing'"
        );
        assert_eq!(connection.execute(&covered, []).unwrap(), 1);
    };
    cover('+');
    assert_eq!(counts().1, 1);
    cover('-');
    drop(connection);
    place.round().hash_once().unwrap();
    // What nobody is allowed to read is not tried again.
    assert_eq!(counts(), (0, 0, 0));
}

#[test]
fn a_time_that_is_set_back_is_noticed() {
    let place = Place::new();
    let path = place.write("payload.exe", b"MZ\x90\x00");
    let set = |days: u64| {
        let time = std::time::UNIX_EPOCH + std::time::Duration::from_secs(days * 86400);
        let file = std::fs::File::options().write(true).open(&path).unwrap();
        file.set_modified(time).unwrap();
    };
    place.index();
    let was = place.records().into_values().next().unwrap();
    assert_eq!(was.set_back_from, None);
    set(14_000);
    place.index();
    let record = place.records().into_values().next().unwrap();
    assert_eq!(record.set_back_from, Some(was.attributes.mtime));
    assert!(record.attributes.ctime > record.attributes.mtime);
    agree(&place);
}

#[test]
fn paths_longer_than_a_system_call_takes() {
    let place = Place::new();
    // 60 levels of 200 bytes: 12,000 bytes, three times PATH_MAX.
    let script = format!(
        "cd '{}' && for i in $(seq 60); do d=$(printf 'd%.0s' $(seq 200)); mkdir $d && cd $d || exit 1; done && echo treasure > end",
        place.tree().display()
    );
    assert!(
        Command::new("bash")
            .args(["-c", &script])
            .status()
            .unwrap()
            .success()
    );
    place.index();
    let end = Filter {
        name: Glob::read("end"),
        ..Filter::default()
    };
    let found = place.find(&end);
    assert_eq!(found.len(), 1);
    assert_eq!(
        found[0].path().len(),
        place.tree().as_os_str().len() + 60 * 201 + 4
    );
    assert_eq!(found[0].state.name(), "hashed");
    assert_eq!(place.differences(), []);
    // Deeper than std::fs::remove_dir_all of the temporary folder likes.
    assert!(
        Command::new("rm")
            .arg("-rf")
            .arg(place.tree())
            .status()
            .unwrap()
            .success()
    );
}

#[test]
fn a_directory_of_very_many_entries_is_compared_within_bounds() {
    let place = Place::new();
    let folder = place.tree().join("huge");
    std::fs::create_dir(&folder).unwrap();
    for number in 0..25_000 {
        std::fs::write(folder.join(format!("{number}")), b"").unwrap();
    }
    let round = place.round();
    round.once(String::new(), false, || {}).unwrap();
    for number in (0..25_000).step_by(1000) {
        std::fs::remove_file(folder.join(format!("{number}"))).unwrap();
        std::fs::write(folder.join(format!("new {number}")), b"").unwrap();
    }
    round.once(String::new(), false, || {}).unwrap();
    let disk = walk(&place.tree());
    let kept = place.records();
    assert!(kept.keys().eq(disk.keys()));
    assert!(
        disk.iter()
            .all(|(path, found)| kept[path].attributes == *found)
    );
}

#[test]
fn files_without_hashes_say_why() {
    let place = Place::new();
    place.write("small", b"x");
    place.write("secret.key", b"x");
    place.write("cache/left-out", b"x");
    let sparse = std::fs::File::create(place.tree().join("terabyte")).unwrap();
    sparse.set_len(1 << 40).unwrap();
    let text = "HashesToCalculate=SHA256\nMaxFileSizeToHashMB=1\nExcludeFromHashing=\\.key$\nExcludeFromIndexing=/cache$\n";
    let (config, warnings) = Config::read(text);
    assert!(warnings.is_empty(), "{warnings:?}");
    let unlimited = Config {
        cpu_usage_limit: None,
        ..config
    };
    place
        .round_with(unlimited)
        .once(text.into(), true, || {})
        .unwrap();
    let records = place.records();
    let state = |name: &str| {
        let path = place.tree().join(name);
        records
            .get(path.as_os_str().as_bytes())
            .map(|r| r.state.name())
    };
    assert_eq!(state("small"), Some("hashed"));
    assert_eq!(state("secret.key"), Some("excluded"));
    assert_eq!(state("terabyte"), Some("too large"));
    assert_eq!(state("cache"), None);
    assert_eq!(state("cache/left-out"), None);
    let small = place.tree().join("small");
    let record = &records[small.as_os_str().as_bytes()];
    assert!(record.md5.is_none() && record.sha256.is_some());
    // The check works by the rules that the database was made by.
    assert_eq!(place.differences(), []);
}

#[test]
fn another_configuration_hashes_what_it_asks_for() {
    let place = Place::new();
    place.write("file", b"content");
    let with = |text: &str| {
        let config = Config {
            cpu_usage_limit: None,
            ..Config::read(text).0
        };
        place
            .round_with(config)
            .once(text.into(), true, || {})
            .unwrap();
        place.records().into_values().next().unwrap()
    };
    let record = with("HashesToCalculate=MD5\n");
    assert!(record.md5.is_some() && record.sha1.is_none());
    let record = with("HashesToCalculate=MD5,SHA1\n");
    assert!(record.md5.is_some() && record.sha1.is_some());
}

#[test]
fn verification_finds_each_planted_difference() {
    let place = Place::new();
    odd(&place);
    for number in 0..100 {
        place.write(
            &format!("d{}/f{number}", number % 5),
            format!("content {number}"),
        );
    }
    place.index();
    assert_eq!(place.differences(), []);
    let at = |name: &str| place.tree().join(name);
    let touch = |path: &Path, seconds: u64| {
        let file = std::fs::File::options().write(true).open(path).unwrap();
        file.set_modified(std::time::UNIX_EPOCH + std::time::Duration::from_secs(seconds))
            .unwrap();
    };
    let mut planted: Vec<(&str, Differs)> = Vec::new();
    for name in ["new-1", "d0/new-2", "a/b/new-3", "d1/new\nline"] {
        place.write(name, b"x");
        planted.push((name, Differs::NotIndexed));
    }
    std::fs::create_dir(at("d2/new-directory")).unwrap();
    planted.push(("d2/new-directory", Differs::NotIndexed));
    for name in ["d0/f0", "d1/f1", "a/b/c/deep", "dangling"] {
        std::fs::remove_file(at(name)).unwrap();
        planted.push((name, Differs::NotOnDisk));
    }
    std::fs::rename(at("d2/f2"), at("d2/renamed")).unwrap();
    planted.push(("d2/f2", Differs::NotOnDisk));
    planted.push(("d2/renamed", Differs::NotIndexed));
    // Same length, and the modification time put back: only the change time and the hash tell.
    for name in ["d3/f3", "d4/f4", "d3/f8"] {
        let kept = std::fs::metadata(at(name)).unwrap().modified().unwrap();
        let file = std::fs::File::options().write(true).open(at(name)).unwrap();
        file.write_all_at(b"C", 0).unwrap();
        file.set_modified(kept).unwrap();
        planted.push((name, Differs::Attribute));
    }
    for (name, mode) in [("d3/f13", 0o600), ("run.sh", 0o755)] {
        std::fs::set_permissions(at(name), std::fs::Permissions::from_mode(mode)).unwrap();
        planted.push((name, Differs::Attribute));
    }
    touch(&at("d4/f9"), 1_000_000_000);
    planted.push(("d4/f9", Differs::Attribute));
    std::fs::hard_link(at("d4/f14"), at("d4/another-name")).unwrap();
    planted.push(("d4/another-name", Differs::NotIndexed));
    planted.push(("d4/f14", Differs::Attribute));
    std::os::unix::fs::chown(at("d3/f18"), Some(1234), None).unwrap();
    planted.push(("d3/f18", Differs::Attribute));
    place.write("d4/f19", b"longer than it was before");
    planted.push(("d4/f19", Differs::Attribute));
    assert!(planted.len() >= 20);
    let differences = place.differences();
    for (name, differs) in planted {
        let path = index::text::readable(at(name).as_os_str().as_bytes()).into_owned();
        assert!(
            differences
                .iter()
                .any(|d| d.path == path && d.differs == differs),
            "{name}: {differs:?} not among {differences:#?}"
        );
    }
    // A hash that somebody changed in the database.
    let tampered = Place::new();
    tampered.write("file", b"content");
    tampered.index();
    let connection = index::store::open(&tampered.database()).unwrap();
    connection
        .execute("UPDATE digest SET sha256 = zeroblob(32)", [])
        .unwrap();
    drop(connection);
    assert_eq!(
        tampered
            .differences()
            .iter()
            .map(|d| d.differs)
            .collect::<Vec<_>>(),
        [Differs::Hash]
    );
}

#[test]
fn searches() {
    let place = Place::new();
    place.write("bin/tool.exe", b"MZ\x90\x00program");
    place.write("bin/Tool.txt", b"text");
    place.write("doc/[1]*.txt", b"brackets");
    place.write("doc/1.txt", b"no brackets");
    named(&place, b"doc-\xff.txt", b"not utf-8");
    place.index();
    let glob = |text: &str| Glob::read(text);
    let name = |text: &str| {
        place.names(&Filter {
            name: glob(text),
            ..Filter::default()
        })
    };
    assert_eq!(name("tool.exe"), ["tool.exe"]);
    assert_eq!(name("*exe"), ["tool.exe"]);
    assert_eq!(name("?ool*"), ["Tool.txt", "tool.exe"]);
    assert_eq!(name("[1]*.txt"), ["[1]*.txt"]);
    assert_eq!(name("doc-*"), ["doc-\u{fffd}.txt"]);
    assert_eq!(name("*").len(), 5);
    assert!(name("nothing").is_empty());
    let path = |text: String| {
        place.names(&Filter {
            path: glob(&text),
            ..Filter::default()
        })
    };
    let tree = place.tree().display().to_string();
    assert_eq!(path(format!("{tree}/bin")), ["Tool.txt", "tool.exe"]);
    assert_eq!(path(format!("{tree}/bin/")), ["Tool.txt", "tool.exe"]);
    assert_eq!(path(format!("{tree}/bin/tool.exe")), ["tool.exe"]);
    assert_eq!(
        path(format!("{tree}/d*.txt")),
        ["1.txt", "[1]*.txt", "doc-\u{fffd}.txt"]
    );
    assert_eq!(path("*/bin".into()), ["Tool.txt", "tool.exe"]);
    assert_eq!(path(format!("{tree}/b*")), ["Tool.txt", "tool.exe"]);
    let filter = |f: &dyn Fn(&mut Filter)| {
        let mut filter = Filter::default();
        f(&mut filter);
        place.names(&filter)
    };
    assert_eq!(filter(&|f| f.magic = glob("4d5a*")), ["tool.exe"]);
    assert_eq!(filter(&|f| f.magic = glob("4D5A9000")), ["tool.exe"]);
    assert_eq!(filter(&|f| f.magic = glob("?D5A*")), ["tool.exe"]);
    let record = place
        .find(&Filter {
            name: glob("tool.exe"),
            ..Filter::default()
        })
        .remove(0);
    let md5 = index::text::hex(&record.md5.unwrap());
    let sha256 = index::text::hex(&record.sha256.unwrap()).to_uppercase();
    assert_eq!(filter(&|f| f.md5 = glob(&md5)), ["tool.exe"]);
    assert_eq!(
        filter(&|f| f.md5 = glob(&format!("{}*", &md5[..5]))),
        ["tool.exe"]
    );
    assert_eq!(
        filter(&|f| f.md5 = glob(&format!("*{}", &md5[20..]))),
        ["tool.exe"]
    );
    assert_eq!(filter(&|f| f.sha256 = glob(&sha256)), ["tool.exe"]);
    assert_eq!(
        filter(&|f| f.sha256 = glob(&format!("{}*", &sha256[..40]))),
        ["tool.exe"]
    );
    assert!(filter(&|f| f.sha1 = glob("not hex")).is_empty());
    assert_eq!(filter(&|f| f.size = glob("11")), ["1.txt", "tool.exe"]);
    assert_eq!(filter(&|f| f.size = glob("1?")), ["1.txt", "tool.exe"]);
    let largest = place.find(&Filter {
        order: Order::Largest,
        limit: Some(2),
        ..Filter::default()
    });
    assert_eq!(largest.len(), 2);
    assert!(largest[0].attributes.size >= largest[1].attributes.size);
    assert_eq!(
        filter(&|f| {
            f.name = glob("*txt");
            f.magic = glob("74*");
        }),
        ["Tool.txt"]
    );
}

#[test]
fn a_damaged_database_is_refused_with_what_to_do() {
    let place = Place::new();
    place.write("file", b"x");
    std::fs::write(
        place.database(),
        b"this is no database at all, but long enough to look at",
    )
    .unwrap();
    let error = place.round().once(String::new(), true, || {}).unwrap_err();
    assert!(error.to_string().contains("delete-database"), "{error}");
    assert_eq!(
        std::fs::read(place.database()).unwrap().first(),
        Some(&b't'),
        "nothing was overwritten"
    );
}

#[test]
fn hashes_go_with_the_limits_that_allowed_them() {
    let place = Place::new();
    place.write("small", b"1");
    place.write("large", [b'x'; 5000]);
    place.write("secret/key", b"2");
    place.index();
    let states = || -> Vec<(String, &str, bool)> {
        let files = index::query::Filter::default();
        let mut states: Vec<_> = place
            .find(&files)
            .into_iter()
            .map(|r| {
                let name = String::from_utf8(r.name).unwrap();
                (name, r.state.name(), r.md5.is_some())
            })
            .collect();
        states.sort();
        states
    };
    let row = |name: &str, state, hashes| (name.to_owned(), state, hashes);
    let hashed = |name| row(name, "hashed", true);
    assert_eq!(states(), [hashed("key"), hashed("large"), hashed("small")]);
    let rules = format!("ExcludeFromHashing=^{}/secret/\n", place.tree().display());
    let (rules, warnings) = index::config::Config::read(rules);
    assert!(warnings.is_empty(), "{warnings:?}");
    let less = index::config::Config {
        max_size_to_hash: Some(4096),
        exclude_from_hashing: rules.exclude_from_hashing,
        ..index::round::unbounded()
    };
    let round = place.round_with(less);
    round.once(String::new(), true, || {}).unwrap();
    assert_eq!(
        states(),
        [
            row("key", "excluded", false),
            row("large", "too large", false),
            hashed("small")
        ]
    );
    // As it was before.
    place.index();
    assert_eq!(states(), [hashed("key"), hashed("large"), hashed("small")]);
}
