//! Searching: patterns, parameters, limits, and what a row tells.

use super::{CONFIG, usual};
use crate::ask::tool;
use index::store;
use question::catalogue::Limits;
use sensors::framework::{LimitHit, SensorError};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

#[test]
fn patterns_by_place_by_key_and_not_at_all() {
    let machine = usual();
    machine.index();
    let all = [
        "bin/script",
        "bin/tool",
        "docs/link",
        "docs/plain.txt",
        "docs/second name",
        "docs/x1.log",
        "docs/x[1].log",
        "empty",
        "large.bin",
        "new\nline",
        r"odd\xFF\xFEname",
        "picture.png",
    ];
    let tree = machine.tree().display().to_string();
    let cases: Vec<(String, Vec<&str>)> = vec![
        (String::new(), all.to_vec()),
        ("[*, *, *, *, *, *, *, 0]".into(), all.to_vec()),
        ("[Limit=0]".into(), all.to_vec()),
        (
            r#"["", "x*.log"]"#.into(),
            vec!["docs/x1.log", "docs/x[1].log"],
        ),
        (r#"[*, "x[1].log"]"#.into(), vec!["docs/x[1].log"]),
        (r#"[FileName="x?.log"]"#.into(), vec!["docs/x1.log"]),
        (r#"[FileName="*[*"]"#.into(), vec!["docs/x[1].log"]),
        (
            format!(r#"["{tree}"]"#),
            vec![
                "empty",
                "large.bin",
                "new\nline",
                r"odd\xFF\xFEname",
                "picture.png",
            ],
        ),
        (format!(r#"["{tree}/bin"]"#), vec!["bin/script", "bin/tool"]),
        (format!(r#"["{tree}/bin/tool"]"#), vec!["bin/tool"]),
        (format!(r#"["{tree}/do*", "*t"]"#), vec!["docs/plain.txt"]),
        (r#"[*, *, "100???"]"#.into(), vec!["large.bin"]),
        (r#"[*, *, 0]"#.into(), vec!["empty"]),
        // Content of "odd".
        (r#"[*, *, *, "C*", *, "45d7*"]"#.into(), vec![]),
        (r#"[MagicNumber="7f454c46"]"#.into(), vec!["bin/tool"]),
        (
            r#"[*, *, *, *, *, *, 4D5A*, 5]"#.into(),
            vec!["picture.png"],
        ),
        (
            r#"[FileMD5Hash="d41d8cd98f00b204e9800998ecf8427e"]"#.into(),
            vec!["empty"],
        ),
        (r#"[FileSHA1Hash="DA39A3EE*"]"#.into(), vec!["empty"]),
        (
            r#"[FileSHA256Hash="e3b0c442?8fc1c14*"]"#.into(),
            vec!["empty"],
        ),
        (r#"[*, "odd\xFF\xFEname"]"#.into(), vec![r"odd\xFF\xFEname"]),
        (r#"[*, "odd\xFE*"]"#.into(), vec![]),
        (
            format!(r#"["{tree}/odd\xFF\xFEname"]"#),
            vec![r"odd\xFF\xFEname"],
        ),
        (r#"[*, "odd*name"]"#.into(), vec![r"odd\xFF\xFEname"]),
        (r#"[*, "nothing of this name"]"#.into(), vec![]),
    ];
    for (parameters, expected) in cases {
        let found = machine.found(&format!("Index Query File Path Using Name{parameters}"));
        assert_eq!(found, expected, "{parameters}");
        // Every search agrees with it.
        if !parameters.contains("Limit")
            && !parameters.contains(", 0]")
            && !parameters.contains(", 5]")
        {
            let count = machine.row(&format!("Index Query File Count{parameters}"));
            assert_eq!(count, [expected.len().to_string()], "{parameters}");
            let exists = machine.row(&format!("Index Query File Exists{parameters}"));
            assert_eq!(exists, [if expected.is_empty() { "No" } else { "Yes" }]);
        }
        for sensor in [
            "Index Query File Details",
            "Index Query File Details Using Name",
            "Index Query File Details by Last Modified",
            "Index Query File Details Using Name Sort By Largest",
            "Index Query File Path and Hash",
            "Index Query File Permissions",
        ] {
            let found = machine.found(&format!("{sensor}{parameters}"));
            assert_eq!(found, expected, "{sensor}{parameters}");
        }
    }
}

#[test]
fn parameters_that_nothing_can_fit_are_errors() {
    let machine = usual();
    machine.index();
    for (parameters, key) in [
        (r#"["sshd"]"#, "DirectoryPath"),
        (r#"[FileSize="1 MB"]"#, "FileSize"),
        (r#"[FileMD5Hash="xyz"]"#, "FileMD5Hash"),
        (
            r#"[FileSHA1Hash="d41d8cd98f00b204e9800998ecf8427e"]"#,
            "FileSHA1Hash",
        ),
        (r#"[MagicNumber="0123456789"]"#, "MagicNumber"),
        ("[Limit=-1]", "Limit"),
    ] {
        let error = machine.error(&format!("Index Query File Details{parameters}"));
        assert!(error.contains(&format!("parameter {key}")), "{error}");
    }
    for hours in ["0", "-1", "99999999999999999999"] {
        let error = machine.error(&format!("Index Query First Seen[Hours={hours}]"));
        assert!(error.contains("parameter Hours"), "{error}");
    }
}

#[test]
fn limits() {
    let machine = usual();
    for n in 0..150 {
        machine.write(format!("many/{n}"), vec![b'x'; n]);
    }
    machine.index();
    let many = machine.at("many").display().to_string();
    let count = |parameters: &str| {
        machine
            .rows(&format!("Index Query File Details{parameters}"))
            .len()
    };
    assert_eq!(count(&format!(r#"["{many}"]"#)), 100);
    assert_eq!(count(&format!(r#"["{many}", Limit=0]"#)), 150);
    assert_eq!(count("[*, *, *, *, *, *, *, 5]"), 5);
    let largest = machine.rows(&format!(
        r#"Index Query File Details Using Name Sort By Largest["{many}", Limit=3]"#
    ));
    let sizes: Vec<&str> = largest.iter().map(|row| row[2].as_str()).collect();
    assert_eq!(sizes, ["149", "148", "147"]);
    tool(
        "touch",
        &["-d", "2001-01-01T00:00:00Z", &format!("{many}/7")],
    );
    tool(
        "touch",
        &["-d", "2000-01-01T00:00:00Z", &format!("{many}/8")],
    );
    machine.index();
    let newest = machine.rows(&format!(
        r#"Index Query File Details by Last Modified["{many}", Limit=149]"#
    ));
    assert_eq!(newest[148][4], "2001-01-01T00:00:00Z");
    assert!(
        newest
            .is_sorted_by(|a, b| a[4].parse::<jiff::Timestamp>().unwrap() >= b[4].parse().unwrap())
    );
    // The limits of a run hold too, and say so.
    let few = Limits {
        rows: 2,
        ..Limits::default()
    };
    let (rows, outcome) = machine.run_with(
        "Index Query File Path Using Name",
        Some(few),
        Arc::default(),
    );
    assert_eq!(rows.len(), 2);
    assert!(
        matches!(outcome, Err(SensorError::Limit(LimitHit::Rows))),
        "{outcome:?}"
    );
    for sensor in [
        "Index Query File Path Using Name",
        "Index Query File Path Using Name[*, nothing]",
    ] {
        let (rows, outcome) = machine.run_with(sensor, None, Arc::new(AtomicBool::new(true)));
        assert!(rows.is_empty());
        // A search this small may end before anybody looks.
        if sensor.ends_with("Name") {
            assert!(
                matches!(outcome, Err(SensorError::Limit(LimitHit::Cancelled))),
                "{outcome:?}"
            );
        }
    }
}

#[test]
fn details_are_those_of_stat_and_the_sums() {
    let machine = usual();
    machine.index();
    let plain = machine.at("docs/plain.txt");
    let path = plain.to_str().unwrap();
    let row = machine.row(&format!(r#"Index Query File Details["{path}"]"#));
    let of = |program: &str, arguments: &[&str]| {
        String::from_utf8(tool(program, arguments))
            .unwrap()
            .trim()
            .to_owned()
    };
    let sum = |program: &str| of(program, &[path]).split(' ').next().unwrap().to_owned();
    assert_eq!(row[0], path);
    assert_eq!(row[1..3], ["file", "10"]);
    let seconds = |cell: &str| {
        let all = cell.parse::<jiff::Timestamp>().unwrap().as_nanosecond();
        format!("{}.{:09}", all / 1_000_000_000, all % 1_000_000_000)
    };
    assert_eq!(seconds(&row[4]), of("stat", &["-c", "%.9Y", path]));
    assert_eq!(seconds(&row[5]), of("stat", &["-c", "%.9Z", path]));
    assert!(!row[6].is_empty() && row[7].is_empty());
    assert_eq!(
        row[8..11],
        [sum("md5sum"), sum("sha1sum"), sum("sha256sum")]
    );
    assert_eq!(row[11..], ["", "736F6D65", "text/plain", "hashed", "2", ""]);
    let link = machine.row(r#"Index Query File Details[*, link]"#);
    assert_eq!(
        (link[1].as_str(), link[14].as_str(), link[16].as_str()),
        ("link", "no content", "plain.txt")
    );
    let empty = machine.row(r#"Index Query File Details[*, empty]"#);
    assert_eq!(
        (empty[2].as_str(), empty[12].as_str(), empty[13].as_str()),
        ("0", "", "inode/x-empty")
    );
    let hashes = machine.row(r#"Index Query File Path and Hash[*, "second name"]"#);
    assert_eq!(hashes[1..], [&row[8], &row[9], &row[10], "hashed"]);
}

#[test]
fn a_missing_hash_has_its_reason() {
    let machine = usual();
    machine.write("large/two", vec![7; 2 << 20]);
    machine.index_with("MaxFileSizeToHashMB=1\nExcludeFromHashing=x1\\.log$\n");
    let state = |name: &str| {
        machine.row(&format!(r#"Index Query File Path and Hash[*, "{name}"]"#))[1..].to_vec()
    };
    assert_eq!(state("two"), ["", "", "", "too large"]);
    assert_eq!(state("x1.log"), ["", "", "", "excluded"]);
    assert_eq!(state("x[1].log")[3], "hashed");
}

#[test]
fn permissions_need_the_setting() {
    let machine = usual();
    machine.index_with("ScanFilePermissions=false\n");
    let error = machine.error("Index Query File Permissions");
    assert!(error.contains("ScanFilePermissions=true"), "{error}");
    machine.index();
    let row = machine.row("Index Query File Permissions[*, tool]");
    let path = row[0].as_str();
    let stat = String::from_utf8(tool("stat", &["-c", "%A|%a|%U|%G|%u|%g", path])).unwrap();
    let stat: Vec<&str> = stat.trim().split('|').collect();
    assert_eq!(row[1..7], stat[..]);
    assert_eq!(row[1], "-rwsr-xr-x");
    assert_eq!(row[7..9], ["False", "False"]);
    assert_eq!(row[9..], ["", ""]);
}

#[test]
fn capabilities_and_attributes_in_words() {
    let machine = usual();
    let path = machine.at("docs/plain.txt");
    rustix::fs::setxattr(&path, "user.note", b"1", rustix::fs::XattrFlags::empty()).unwrap();
    // cap_net_raw=ep, as the kernel stores it; root alone may.
    let mut value = [0; 20];
    value[..6].copy_from_slice(&[1, 0, 0, 2, 0, 0x20]);
    let flags = rustix::fs::XattrFlags::empty();
    let root = rustix::fs::setxattr(&path, "security.capability", &value, flags).is_ok();
    machine.index();
    let row = machine.row("Index Query File Permissions[*, plain.txt]");
    if root {
        assert_eq!(
            row[9..],
            ["cap_net_raw=ep", "security.capability, user.note"]
        );
    } else {
        assert_eq!(row[9..], ["", "user.note"]);
    }
    // Set after an inventory without it: nothing is claimed before every file was looked at.
    machine.index_with("ScanFilePermissions=false\n");
    let connection = store::open(&machine.home().database()).unwrap();
    store::set_fact(&connection, "configuration", CONFIG).unwrap();
    let error = machine.error("Index Query File Permissions");
    assert!(error.contains("being recorded"), "{error}");
    machine.index();
    assert_eq!(
        machine.row("Index Query File Permissions[*, plain.txt]"),
        row
    );
}
