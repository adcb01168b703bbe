//! What stands out: changed content, listed hashes, new files, names that do not fit, times set back.

use super::{Machine, usual};
use crate::ask::tool;
use index::engine::Engine;
use index::lists::Which;
use index::matching::put_in_force;
use index::{lists, store};
use std::os::unix::fs::PermissionsExt;

#[test]
fn changed_content_with_its_former_hashes() {
    let machine = usual();
    machine.index();
    assert!(
        machine
            .rows("Index Query File Hash Recently Changed")
            .is_empty()
    );
    let before = machine.row("Index Query File Path and Hash[*, x1.log]");
    machine
        .write("docs/x1.log", "changed\n")
        .write("docs/fresh", "new\n")
        .index();
    let path = machine.at("docs/x1.log").display().to_string();
    let after = machine.row("Index Query File Path and Hash[*, x1.log]");
    let [md5, sha1, sha256] = [1, 2, 3].map(|at| after[at].as_str());
    assert_ne!(md5, before[1]);
    let changed = machine.rows("Index Query File Hash Recently Changed");
    assert_eq!(
        changed,
        [[
            &path, "8", md5, sha1, sha256, &before[1], &before[2], &before[3]
        ]]
    );
    for parameters in [
        "[*, *, *, *, *, *, 6368*, 24, 10, 1]",
        "[Hours=1, MaxRows=1]",
    ] {
        let rows = machine.rows(&format!(
            "Index Query File Hash Recently Changed{parameters}"
        ));
        assert_eq!(rows, changed);
    }
    let without = machine.row("Index Query File Hash Recently Changed[ShowFormer=0]");
    assert_eq!(without[5..], ["", "", ""]);
    assert!(
        machine
            .rows("Index Query File Hash Recently Changed[*, *, *, *, *, *, 4D5A*]")
            .is_empty()
    );
    assert!(!machine.row("Index Query File Details[*, x1.log]")[7].is_empty());
    // Times and permissions are no content: neither do they pass for a change, nor do they hide one.
    let touched = [path.clone(), machine.at("bin/tool").display().to_string()];
    for touched in &touched {
        tool("touch", &["-m", "-d", "2001-02-03T04:05:06Z", touched]);
        tool("chmod", &["600", touched]);
    }
    machine.index();
    assert_eq!(
        machine.rows("Index Query File Hash Recently Changed"),
        changed
    );
    // Long ago is not recent.
    let connection = store::open(&machine.home().database()).unwrap();
    connection
        .execute("UPDATE digest SET changed = changed - 90000", [])
        .unwrap();
    assert!(
        machine
            .rows("Index Query File Hash Recently Changed")
            .is_empty()
    );
    assert_eq!(
        machine
            .rows("Index Query File Hash Recently Changed[Hours=26]")
            .len(),
        1
    );
}

#[test]
fn blacklist_matches() {
    let machine = usual();
    machine.index();
    let query = "Index Query Find Blacklist Matches";
    assert!(machine.error(query).contains("no blacklist"));
    let hash = |name: &str, at: usize| {
        machine.row(&format!(r#"Index Query File Path and Hash[*, "{name}"]"#))[at].clone()
    };
    let (tool_md5, text_sha1, odd_sha256) =
        (hash("tool", 1), hash("plain.txt", 2), hash("odd*", 3));
    let list = format!(
        "{tool_md5}\n{}\n{odd_sha256}\n{}\n",
        text_sha1.to_uppercase(),
        "0".repeat(32)
    );
    lists::build(list.as_bytes(), &machine.home().blacklist()).unwrap();
    assert!(machine.error(query).contains("not compared"));
    lists::build(tool_md5.as_bytes(), &machine.home().known_good()).unwrap();
    let database = machine.home().database();
    let engine = Engine::start(store::open(&database).unwrap(), &database).unwrap();
    let teller = engine.teller();
    for which in Which::ALL {
        put_in_force(&database, &teller, which, &which.path(&machine.home())).unwrap();
    }
    drop(teller);
    engine.finish().unwrap();
    let mut rows = machine.rows(query);
    rows.sort();
    let path = |name: &str| machine.at(name).display().to_string();
    assert_eq!(
        rows,
        [
            [path("bin/tool"), tool_md5, "MD5".into(), "True".into()],
            [
                path("docs/plain.txt"),
                text_sha1.clone(),
                "SHA1".into(),
                "False".into()
            ],
            [
                path("docs/second name"),
                text_sha1,
                "SHA1".into(),
                "False".into()
            ],
            [
                path(r"odd\xFF\xFEname"),
                odd_sha256,
                "SHA256".into(),
                "False".into()
            ],
        ]
    );
}

#[test]
fn what_is_new() {
    let machine = usual();
    machine.index();
    // As if the first inventory had been two days ago.
    let connection = store::open(&machine.home().database()).unwrap();
    connection
        .execute("UPDATE entry SET seen = seen - 172800", [])
        .unwrap();
    drop(connection);
    assert!(machine.rows("Index Query First Seen").is_empty());
    assert_eq!(machine.rows("Index Query First Seen[Hours=49]").len(), 12);
    machine
        .write("docs/fresh.txt", "fresh\n")
        .write("bin/dropped", b"\x7fELF\x02 dropped")
        .write("bin/plain", "just permitted")
        .write("bin/run.py", "#!/usr/bin/python3\n")
        .write("bin/tool", b"\x7fELF\x02\x01\x01\0 replaced");
    std::fs::set_permissions(machine.at("bin/plain"), PermissionsExt::from_mode(0o711)).unwrap();
    machine.index();
    let fresh = ["bin/dropped", "bin/plain", "bin/run.py", "docs/fresh.txt"];
    assert_eq!(machine.found("Index Query First Seen"), fresh);
    let bin = machine.at("bin").display().to_string();
    assert_eq!(
        machine.found(&format!(r#"Index Query First Seen[1, "{bin}", "*.py"]"#)),
        ["bin/run.py"]
    );
    let hour_ago = jiff::Timestamp::now() - jiff::SignedDuration::from_hours(1);
    let question = format!(r#"Index Query New Executables Since["{hour_ago:.0}"]"#);
    let mut programs: Vec<_> = machine
        .rows(&question)
        .into_iter()
        .map(|r| (r[0].clone(), r[1].clone()))
        .collect();
    programs.sort();
    let expected = [
        ("bin/dropped", "New File"),
        ("bin/plain", "New File"),
        ("bin/run.py", "New File"),
        ("bin/tool", "Changed Content"),
    ]
    .map(|(name, reason)| (machine.at(name).display().to_string(), reason.to_owned()));
    assert_eq!(programs, expected);
    assert_eq!(
        machine
            .rows(r#"Index Query New Executables Since["2001-01-01"]"#)
            .len(),
        6
    );
    assert!(
        machine
            .rows(r#"Index Query New Executables Since["2199-01-01"]"#)
            .is_empty()
    );
}

#[test]
fn content_that_does_not_fit_its_name() {
    let machine = usual();
    machine
        .write("real.png", b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR")
        .write("empty.png", "")
        .write(
            "program.txt",
            b"\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0\x02\0\x3e\0",
        )
        .index();
    assert_eq!(
        machine.found("Index Query Magic Mismatch"),
        ["picture.png", "program.txt"]
    );
    assert_eq!(
        machine.found(r#"Index Query Magic Mismatch[FileName="*.png"]"#),
        ["picture.png"]
    );
    assert_eq!(machine.rows("Index Query Magic Mismatch[Limit=1]").len(), 1);
    let row = machine.row("Index Query Magic Mismatch[*, picture.png]");
    assert_eq!(row[2], "4D5A9000");
}

#[test]
fn timestomped() {
    let machine = usual();
    machine.index();
    assert!(machine.rows("Index Query Timestomped").is_empty());
    let path = |name: &str| machine.at(name).display().to_string();
    let before = machine.row("Index Query File Details[*, x1.log]");
    tool(
        "touch",
        &["-m", "-d", "2001-02-03T04:05:06Z", &path("docs/x1.log")],
    );
    tool(
        "touch",
        &["-m", "-d", "2199-02-03T04:05:06Z", &path("docs/x[1].log")],
    );
    machine.index();
    let rows = machine.rows("Index Query Timestomped");
    assert_eq!(rows.len(), 2, "{rows:?}");
    assert_eq!(
        rows[0][..4],
        [
            &path("docs/x1.log"),
            "Set Back",
            "2001-02-03T04:05:06Z",
            &before[4]
        ]
    );
    assert_eq!(
        rows[1][..4],
        [
            &path("docs/x[1].log"),
            "In The Future",
            "2199-02-03T04:05:06Z",
            ""
        ]
    );
    assert_eq!(machine.rows("Index Query Timestomped[Limit=1]").len(), 1);
    assert_eq!(machine.rows("Index Query Timestomped[*, x1.log]").len(), 1);
}

#[test]
fn times_that_no_file_of_a_person_has_are_out_of_range() {
    let machine = Machine::in_memory();
    machine.write("old", "1").write("usual", "2");
    let old = machine.at("old").display().to_string();
    tool("touch", &["-m", "-d", "1601-01-01T00:00:00Z", &old]);
    machine.index();
    let rows = machine.rows("Index Query Timestomped");
    assert_eq!(rows.len(), 1, "{rows:?}");
    assert_eq!(
        rows[0][..4],
        [&old, "Out Of Range", "1601-01-01T00:00:00Z", ""]
    );
}
