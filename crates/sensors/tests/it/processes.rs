//! Processes against `ps`, `sha256sum`, `lsof` and `/proc`.
#![cfg(target_os = "linux")]

use crate::ask::{Running, rows, run_with, text, tool};
use question::catalogue::Limits;
use sensors::framework::{LimitHit, SensorError};
use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

/// Copies `cat`, which waits for its standard input.
fn copy_of_cat(to: &Path) {
    std::fs::copy("/bin/cat", to).expect("cat can be copied");
}

fn digest_by_tool(tool_name: &str, path: &Path) -> String {
    let output = tool(tool_name, &[path.to_str().expect("a path of text")]);
    String::from_utf8_lossy(&output)
        .split_whitespace()
        .next()
        .expect("a digest")
        .to_owned()
}

#[test]
fn running_processes_are_those_of_ps() {
    // Processes come and go between two looks: what ps saw before and after must be in our table.
    let seen_by_ps = || -> BTreeSet<String> {
        String::from_utf8_lossy(&tool("ps", &["-eo", "pid=,comm="]))
            .lines()
            .filter(|l| !l.contains("<defunct>"))
            .map(|l| l.trim().to_owned())
            .collect()
    };
    let before = seen_by_ps();
    let ours: Vec<String> = rows("Running Processes", &[])
        .into_iter()
        .flatten()
        .collect();
    let after = seen_by_ps();
    let stayed: Vec<&str> = before
        .intersection(&after)
        .filter_map(|l| l.split_once(' '))
        .map(|(_, comm)| comm.trim())
        .collect();
    assert!(stayed.len() > 3, "{stayed:?}");
    for comm in &stayed {
        let of_kernel = format!("[{}]", comm.split('/').next().unwrap_or(comm));
        assert!(
            ours.iter()
                .any(|o| o == comm || *o == of_kernel || (comm.len() == 15 && o.starts_with(comm))),
            "{comm} is missing in {ours:?}"
        );
    }
    let distinct: BTreeSet<&String> = ours.iter().collect();
    assert_eq!(distinct.len(), ours.len(), "each name once");
}

#[test]
fn a_long_name_is_whole() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a-name-of-more-than-fifteen-bytes");
    copy_of_cat(&path);
    let _child = Running::start(&mut Command::new(&path));
    let ours = rows("Running Processes", &[]);
    assert!(
        ours.contains(&vec!["a-name-of-more-than-fifteen-bytes".to_owned()]),
        "{ours:?}"
    );
}

#[test]
fn hashes_are_those_of_the_tools() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("hashed");
    copy_of_cat(&path);
    let _one = Running::start(&mut Command::new(&path));
    let _two = Running::start(&mut Command::new(&path));
    for (parameter, tool_name) in [
        ("SHA256", "sha256sum"),
        ("sha1", "sha1sum"),
        ("MD5", "md5sum"),
    ] {
        let expected = vec![
            path.to_str().unwrap().to_owned(),
            digest_by_tool(tool_name, &path),
        ];
        let ours = rows("Running Processes with Hash", &[parameter]);
        let count = ours.iter().filter(|r| **r == expected).count();
        assert_eq!(count, 1, "{expected:?} in {ours:?}");
    }
    // Every executable of the machine that is at its path has the digest that the tool finds there.
    for row in rows("Running Processes with Hash", &[]) {
        if row[0] == "/bin/cat" || row[0].starts_with("/usr/") {
            assert_eq!(row[1], digest_by_tool("sha256sum", Path::new(&row[0])));
        }
    }
}

#[test]
fn a_deleted_executable_is_hashed() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("deleted");
    copy_of_cat(&path);
    // Different content from any other file, so that no digest of another one can pass.
    let mut bytes = std::fs::read(&path).unwrap();
    bytes.extend_from_slice(b"only here");
    std::fs::write(&path, bytes).unwrap();
    let digest = digest_by_tool("sha256sum", &path);
    let child = Running::start(&mut Command::new(&path));
    std::fs::remove_file(&path).unwrap();
    assert!(
        std::fs::read_link(format!("/proc/{}/exe", child.id()))
            .unwrap()
            .to_string_lossy()
            .ends_with("(deleted)")
    );
    let ours = rows("Running Processes with Hash", &[]);
    let expected = vec![path.to_str().unwrap().to_owned(), digest];
    assert!(ours.contains(&expected), "{expected:?} in {ours:?}");
}

#[test]
fn a_replaced_executable_gives_what_runs_not_what_lies_there() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("replaced");
    copy_of_cat(&path);
    let running = digest_by_tool("sha256sum", &path);
    let _child = Running::start(&mut Command::new(&path));
    let new = folder.path().join("new");
    std::fs::write(&new, b"something else").unwrap();
    std::fs::rename(&new, &path).unwrap();
    let ours = rows("Running Processes with Hash", &[]);
    let name = path.to_str().unwrap();
    let found: Vec<_> = ours.iter().filter(|r| r[0] == name).collect();
    assert_eq!(found.len(), 1);
    assert_eq!(found[0][1], running);
}

#[test]
fn limits_end_a_run_with_what_was_found() {
    let limits = Limits {
        rows: 2,
        ..Limits::default()
    };
    let (found, outcome) = run_with("Running Processes with Hash", &[], limits, Arc::default());
    assert_eq!(found.len(), 2, "{:?}", text(&found));
    assert!(matches!(outcome, Err(SensorError::Limit(LimitHit::Rows))));

    let cancelled = Arc::new(AtomicBool::new(true));
    let (found, outcome) = run_with("Running Processes", &[], Limits::default(), cancelled);
    assert!(found.is_empty());
    assert!(matches!(
        outcome,
        Err(SensorError::Limit(LimitHit::Cancelled))
    ));
}
