//! Processes against `ps`, `sha256sum`, `lsof` and `/proc`.
#![cfg(target_os = "linux")]

use crate::ask::{Running, rows, run, run_with, text, tool};
use question::catalogue::Limits;
use sensors::framework::{LimitHit, SensorError};
use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::io::{BufRead, Write};
use std::os::unix::ffi::OsStrExt;
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

/// Starts a copy of `cat` under this name and waits until it runs: it gives back the line it gets.
fn named_cat(folder: &Path, name: &OsStr) -> Running {
    let path = folder.join(name);
    copy_of_cat(&path);
    let mut child = Running::start(&mut Command::new(&path));
    wait_for_echo(&mut child);
    child
}

/// What runs at the other end of these pipes gives back the line it gets.
fn wait_for_echo(child: &mut Running) {
    let stdin = child.0.stdin.as_mut().expect("a pipe");
    stdin.write_all(b"ready\n").expect("it reads");
    let stdout = child.0.stdout.as_mut().expect("a pipe");
    let mut line = String::new();
    std::io::BufReader::with_capacity(1, stdout)
        .read_line(&mut line)
        .expect("it answers");
    assert_eq!(line, "ready\n");
}

fn of_tool(program: &str, arguments: &[&str]) -> String {
    String::from_utf8_lossy(&tool(program, arguments))
        .trim()
        .to_owned()
}

#[test]
fn details_are_those_of_ps() {
    let folder = tempfile::tempdir().unwrap();
    let child = named_cat(folder.path(), OsStr::new("detailed"));
    let pid = child.id().to_string();
    let path = folder.path().join("detailed");
    let ours = rows("Process Details", &["MD5"]);
    let row = ours.iter().find(|r| r[0] == pid).expect("the child");
    assert_eq!(row[1], std::process::id().to_string());
    assert_eq!(row[2], of_tool("ps", &["-o", "comm=", "-p", &pid]));
    assert_eq!(row[3], of_tool("ps", &["-o", "euser:32=", "-p", &pid]));
    let started = of_tool("ps", &["-o", "lstart=", "-p", &pid]);
    let seconds: i64 = of_tool("date", &["-u", "-d", &started, "+%s"])
        .parse()
        .unwrap();
    let ours_started: jiff::Timestamp = row[4].parse().unwrap();
    // ps counts from a time of boot of its own, with a fraction.
    assert!((ours_started.as_second() - seconds).abs() <= 1, "{row:?}");
    assert_eq!(row[5], of_tool("ps", &["-ww", "-o", "args=", "-p", &pid]));
    assert_eq!(row[6], path.to_str().unwrap());
    assert_eq!(row[7], "False");
    assert_eq!(row[8], digest_by_tool("md5sum", &path));

    let without = rows("Process Details", &["None"]);
    let row = without.iter().find(|r| r[0] == pid).expect("the child");
    assert_eq!(row[8], "");

    // All processes that stayed are there with their parents.
    let table = |text: String| -> BTreeSet<(String, String)> {
        text.lines()
            .filter_map(|l| l.trim().split_once(' '))
            .map(|(pid, parent)| (pid.to_owned(), parent.trim().to_owned()))
            .collect()
    };
    let before = table(of_tool("ps", &["-eo", "pid=,ppid="]));
    let ours: BTreeSet<(String, String)> = rows("Process Details", &["None"])
        .into_iter()
        .map(|r| (r[0].clone(), r[1].clone()))
        .collect();
    let after = table(of_tool("ps", &["-eo", "pid=,ppid="]));
    let missing: Vec<_> = before
        .intersection(&after)
        .filter(|p| !ours.contains(p))
        .collect();
    assert!(missing.is_empty(), "{missing:?}");
}

#[test]
fn any_bytes_in_names_and_arguments_survive() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(OsStr::from_bytes(b"odd\n\xFF) S 1"));
    std::fs::copy("/bin/sh", &path).unwrap();
    let child = Running::start(
        Command::new(&path)
            .arg("-c")
            .arg("read line")
            .arg(OsStr::from_bytes(b"\x1b[31m\xFE\n"))
            .arg("")
            .arg("last"),
    );
    std::fs::remove_file(&path).unwrap();
    let (found, _) = run("Process Details", &["SHA256"]);
    let pid = child.id().to_string();
    let row = found
        .iter()
        .find(|r| *r[0] == *pid.as_bytes())
        .expect("the child");
    assert_eq!(*row[1], *std::process::id().to_string().as_bytes());
    assert_eq!(*row[2], *b"odd\n\xFF) S 1");
    assert!(!row[3].is_empty(), "the user, whatever the name is");
    let expected = [
        path.as_os_str().as_bytes(),
        b" -c read line \x1b[31m\xFE\n  last",
    ]
    .concat();
    assert_eq!(*row[5], *expected);
    assert_eq!(*row[6], *path.as_os_str().as_bytes());
    assert_eq!(*row[7], *b"True");
    assert_eq!(
        *row[8],
        *digest_by_tool("sha256sum", Path::new("/bin/sh")).as_bytes()
    );
}

#[test]
fn a_name_that_ends_like_a_deleted_one_is_not_deleted() {
    let folder = tempfile::tempdir().unwrap();
    let child = named_cat(folder.path(), OsStr::new("tool (deleted)"));
    let pid = child.id().to_string();
    let ours = rows("Process Details", &["None"]);
    let row = ours.iter().find(|r| r[0] == pid).expect("the child");
    assert!(row[6].ends_with("tool (deleted)"), "{row:?}");
    assert_eq!(row[7], "False");
}

#[test]
fn the_tree_shows_who_started_whom() {
    let folder = tempfile::tempdir().unwrap();
    let parent = folder.path().join("tree-parent");
    let child = folder.path().join("tree-child");
    std::fs::copy("/bin/sh", &parent).unwrap();
    copy_of_cat(&child);
    let mut running = Running::start(
        Command::new(&parent)
            .arg("-c")
            .arg("\"$0\" - ; true")
            .arg(&child),
    );
    wait_for_echo(&mut running);

    let own = std::fs::read_to_string("/proc/self/comm").unwrap();
    let tree = rows("Process Tree", &[]);
    let row = tree
        .iter()
        .find(|r| r[0].ends_with("tree-parent > tree-child"))
        .unwrap_or_else(|| panic!("{tree:?}"));
    assert_eq!(row[1], "tree-child");
    assert_eq!(row[2], row[0].matches(" > ").count().to_string());
    // Names of threads of the test program differ from its own.
    assert!(row[0].contains(own.trim().get(..3).unwrap()), "{row:?}");
    let distinct: BTreeSet<&Vec<String>> = tree.iter().collect();
    assert_eq!(distinct.len(), tree.len());

    // Every process has a row when all is asked for, right below its parent's or a sibling's family.
    let user = of_tool("id", &["-un"]);
    let whole = rows("Process Tree", &["All"]);
    let child_row = whole
        .iter()
        .find(|r| r[0].ends_with("tree-parent > tree-child"))
        .unwrap_or_else(|| panic!("{whole:?}"));
    let pid = of_tool("pgrep", &["-P", &running.id().to_string()]);
    let started = of_tool(
        "date",
        &[
            "-u",
            "-d",
            &of_tool("ps", &["-o", "lstart=", "-p", &pid]),
            "+%s",
        ],
    );
    assert_eq!(
        child_row[3..6],
        [pid.clone(), running.id().to_string(), user]
    );
    let told: jiff::Timestamp = child_row[6].parse().unwrap();
    assert!(
        (told.as_second() - started.parse::<i64>().unwrap()).abs() <= 1,
        "{child_row:?} {started}"
    );
    assert_eq!(child_row[7], format!("{} -", child.display()));
    let mut above: Vec<&str> = Vec::new();
    for row in &whole {
        let depth: usize = row[2].parse().unwrap();
        assert!(depth <= above.len(), "no parent before {row:?}");
        above.truncate(depth);
        if depth > 0 {
            assert_eq!(row[4], *above[depth - 1], "{row:?}");
        }
        above.push(&row[3]);
    }

    let user = of_tool("id", &["-un"]);
    let child_path = child.to_str().unwrap().to_owned();
    for asked in ["tree-parent", "TREE-Parent"] {
        let expected = vec![
            "tree-parent".to_owned(),
            "tree-child".to_owned(),
            child_path.clone(),
            format!("{child_path} -"),
            user.clone(),
        ];
        assert_eq!(rows("Child Processes", &[asked]), [expected]);
    }
    assert!(rows("Child Processes", &["no-such-process"]).is_empty());
    // The shell outlives its killed child only to end itself.
    let pid = of_tool("pgrep", &["-P", &running.id().to_string()]);
    tool("kill", &[&pid]);
}

#[test]
fn modules_are_the_mapped_files_with_code() {
    let folder = tempfile::tempdir().unwrap();
    let maps = std::fs::read_to_string("/proc/self/maps").unwrap();
    let library = maps
        .lines()
        .filter_map(|l| l.split_whitespace().nth(5))
        .find(|p| p.contains("libgcc_s"))
        .expect("the test program uses libgcc_s");
    let preloaded = folder.path().join("lib with blank.so");
    let name = folder.path().join("module-user");
    copy_of_cat(&name);
    // A blank divides the list of libraries to load, so the file gets its name later.
    let first = folder.path().join("lib.so");
    std::fs::copy(library, &first).unwrap();
    let mut child = Running::start(Command::new(&name).env("LD_PRELOAD", &first));
    wait_for_echo(&mut child);
    std::fs::rename(&first, &preloaded).unwrap();

    let script = r#"$2 ~ /x/ && $6 ~ /^\// { $1=$2=$3=$4=$5=""; sub(/^ +/, ""); print }"#;
    let by_tool: BTreeSet<String> =
        of_tool("awk", &[script, &format!("/proc/{}/maps", child.id())])
            .lines()
            .map(str::to_owned)
            .collect();
    assert!(by_tool.contains(preloaded.to_str().unwrap()), "{by_tool:?}");
    let ours = rows("Loaded Modules", &["SHA256", "module-user"]);
    let paths: BTreeSet<String> = ours.iter().map(|r| r[1].clone()).collect();
    assert_eq!(paths, by_tool);
    assert_eq!(paths.len(), ours.len());
    for row in &ours {
        assert_eq!(row[0], "module-user");
        assert_eq!(row[2], "False");
        assert_eq!(row[3], digest_by_tool("sha256sum", Path::new(&row[1])));
    }

    std::fs::remove_file(&preloaded).unwrap();
    let ours = rows("Loaded Modules", &["SHA256", "module-user"]);
    let row = ours
        .iter()
        .find(|r| r[1] == preloaded.to_str().unwrap())
        .expect("the deleted library");
    assert_eq!(row[2], "True");
    assert_eq!(row[3], digest_by_tool("sha256sum", Path::new(library)));

    let ours = rows("Loaded Modules", &["None", ""]);
    assert!(ours.iter().any(|r| r[0] != "module-user"));
    assert!(ours.iter().all(|r| r[3].is_empty()));
}

#[test]
fn open_files_are_those_of_lsof() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    std::fs::write(at("open"), b"x").unwrap();
    std::fs::write(at("gone"), b"x").unwrap();
    tool("mkfifo", &[&at("fifo")]);
    let mut child = Running::start(Command::new("/bin/sh").arg("-c").arg(format!(
        "exec 3<{} 4<{} 5<>{} 6</dev/null 7<{}; exec cat",
        at("open"),
        at("gone"),
        at("fifo"),
        folder.path().display()
    )));
    wait_for_echo(&mut child);
    std::fs::remove_file(at("gone")).unwrap();
    let pid = child.id().to_string();
    let (found, outcome) = run("Open Files", &["cat"]);
    outcome.unwrap();
    let ours: Vec<Vec<String>> = text(&found).into_iter().filter(|r| r[0] == pid).collect();
    let has = |path: &str, kind: &str, deleted: &str| {
        ours.iter()
            .any(|r| r[1] == "cat" && r[2] == path && r[3] == kind && r[4] == deleted)
    };
    assert!(has(&at("open"), "File", "False"), "{ours:?}");
    assert!(has(&at("gone"), "File", "True"), "{ours:?}");
    assert!(has(&at("fifo"), "FIFO", "False"), "{ours:?}");
    assert!(has("/dev/null", "Character Device", "False"), "{ours:?}");
    assert!(
        has(folder.path().to_str().unwrap(), "Directory", "False"),
        "{ours:?}"
    );
    // As many descriptors with numbers as lsof tells, and each of its paths among ours.
    let by_lsof = of_tool("lsof", &["-a", "-p", &pid, "-d", "0-255", "-Fn"]);
    let names: Vec<&str> = by_lsof
        .lines()
        .filter_map(|l| l.strip_prefix('n'))
        .collect();
    assert_eq!(names.len(), ours.len(), "{names:?} {ours:?}");
    for name in names.iter().filter(|n| n.starts_with('/')) {
        let bare = name.strip_suffix(" (deleted)").unwrap_or(name);
        assert!(ours.iter().any(|r| r[2] == bare), "{name} in {ours:?}");
    }
}

#[test]
fn the_environment_is_what_the_process_got() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("environed");
    copy_of_cat(&path);
    let mut child = Running::start(
        Command::new(&path)
            .env_clear()
            .env("PLAIN", "a=b")
            .env("ODD", OsStr::from_bytes(b"\xFF\n\x1b]0;x\x07")),
    );
    wait_for_echo(&mut child);
    let pid = child.id().to_string();
    for asked in [pid.as_str(), "environed"] {
        let (found, outcome) = run("Process Environment", &[asked]);
        outcome.unwrap();
        let mut pairs: Vec<(&[u8], &[u8])> = found.iter().map(|r| (&*r[2], &*r[3])).collect();
        pairs.sort_unstable();
        let expected: [(&[u8], &[u8]); 2] = [(b"ODD", b"\xFF\n\x1b]0;x\x07"), (b"PLAIN", b"a=b")];
        assert_eq!(pairs, expected);
        assert!(
            found
                .iter()
                .all(|r| *r[0] == *pid.as_bytes() && *r[1] == *b"environed")
        );
    }
    let (_, outcome) = run("Process Environment", &[" "]);
    assert!(matches!(outcome, Err(SensorError::Parameter { .. })));
}
