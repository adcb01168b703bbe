//! Files against `stat`, `find`, `grep` and `sha256sum`.
#![cfg(target_os = "linux")]

use crate::ask::{rows, run, run_with, text, tool};
use question::catalogue::Limits;
use sensors::framework::{LimitHit, SensorError};
use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::fs::File;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::os::unix::net::UnixListener;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tempfile::TempDir;

/// A folder with one of each kind. What it returns keeps the socket.
fn one_of_each() -> (TempDir, UnixListener) {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    std::fs::write(at("file"), b"needle and needle\n").unwrap();
    std::fs::set_permissions(at("file"), PermissionsExt::from_mode(0o4751)).unwrap();
    std::fs::hard_link(at("file"), at("second name")).unwrap();
    std::fs::write(
        at("").join(OsStr::from_bytes(b"odd\nna\xFFme")),
        b"needle\0needle",
    )
    .unwrap();
    std::fs::create_dir(at("folder")).unwrap();
    std::fs::write(at("folder").join("deeper"), b"needle").unwrap();
    symlink("file", at("link")).unwrap();
    symlink("loop", at("loop")).unwrap();
    symlink("/dev/zero", at("endless")).unwrap();
    symlink(at("folder"), at("way around")).unwrap();
    tool("mkfifo", &[at("fifo").to_str().unwrap()]);
    let socket = UnixListener::bind(at("socket")).unwrap();
    (folder, socket)
}

fn name(path: &Path) -> &str {
    path.to_str().expect("a path of text")
}

fn of_tool(program: &str, arguments: &[&str]) -> String {
    String::from_utf8_lossy(&tool(program, arguments))
        .trim_end_matches('\n')
        .to_owned()
}

#[test]
fn existence() {
    let (folder, _socket) = one_of_each();
    for there in ["file", "folder", "fifo", "socket", "loop", "endless"] {
        let path = folder.path().join(there);
        assert_eq!(rows("File Exists", &[name(&path)]), [[name(&path)]]);
    }
    for absent in ["nothing", "file/below", "loop/below"] {
        let path = folder.path().join(absent);
        let found = rows("File Exists", &[name(&path)]);
        assert!(found.is_empty(), "{found:?}");
    }
    let long = format!("/{}", "x".repeat(5000));
    assert!(rows("File Exists", &[&long]).is_empty());
    for bad in ["", "file", "../file", "C:\\x"] {
        let (_, outcome) = run("File Exists", &[bad]);
        assert!(
            matches!(outcome, Err(SensorError::Parameter { .. })),
            "{bad}"
        );
    }
}

#[test]
fn a_name_of_any_bytes_is_found_as_it_is_shown() {
    let (folder, _socket) = one_of_each();
    let asked = format!("{}/odd\nna\\xFFme", folder.path().display());
    let (found, outcome) = run("File Exists", &[&asked]);
    outcome.unwrap();
    let path = folder.path().join(OsStr::from_bytes(b"odd\nna\xFFme"));
    assert_eq!(found.len(), 1);
    assert_eq!(*found[0][0], *path.as_os_str().as_bytes());
    assert_eq!(text(&found)[0][0], asked);
}

#[test]
fn a_tilde_means_every_home() {
    let mut expected: BTreeSet<String> = of_tool("getent", &["passwd"])
        .lines()
        .filter_map(|l| l.split(':').nth(5))
        .map(|h| h.trim_end_matches('/').to_owned())
        .filter(|h| h.starts_with('/') && Path::new(h).is_dir())
        .collect();
    for home in std::fs::read_dir("/home").into_iter().flatten().flatten() {
        if home.path().is_dir() {
            expected.insert(name(&home.path()).to_owned());
        }
    }
    assert!(!expected.is_empty());
    let ours: BTreeSet<String> = rows("File Exists", &["~"]).into_iter().flatten().collect();
    assert_eq!(ours, expected);
    assert!(rows("File Exists", &["~/no such file anywhere"]).is_empty());
}

#[test]
fn details_are_those_of_stat() {
    let (folder, _socket) = one_of_each();
    let mut paths: Vec<String> = [
        "file", "folder", "fifo", "socket", "link", "loop", "endless",
    ]
    .iter()
    .map(|n| name(&folder.path().join(n)).to_owned())
    .collect();
    paths.push("/dev/null".to_owned());
    tool(
        "touch",
        &["-m", "-d", "2001-02-03T04:05:06.789Z", &paths[0]],
    );
    // A time before 1970 and one far ahead.
    tool("touch", &["-m", "-d", "1960-01-01T00:00:00Z", &paths[1]]);
    tool("touch", &["-m", "-d", "2200-01-01T00:00:00Z", &paths[2]]);
    let kinds = [
        ("regular file", "File"),
        ("regular empty file", "File"),
        ("directory", "Directory"),
        ("fifo", "FIFO"),
        ("socket", "Socket"),
        ("symbolic link", "Symbolic Link"),
        ("character special file", "Character Device"),
    ];
    for path in &paths {
        if Path::new(path).is_symlink() {
            // Reading a link is noted as an access, once: not between the two looks that are compared.
            tool("readlink", &[path]);
        }
        let ours = rows("File Details", &[path]);
        assert_eq!(ours.len(), 1, "{path}");
        let row = &ours[0];
        let by_stat = of_tool(
            "stat",
            &[
                "--printf",
                "%F|%s|%.9Y|%.9Z|%.9X|%.9W|%04a|%U|%G|%i|%h",
                path,
            ],
        );
        let stat: Vec<&str> = by_stat.split('|').collect();
        assert_eq!(row[0], *path);
        let kind = kinds.iter().find(|(tool, _)| *tool == stat[0]);
        assert_eq!(Some(row[1].as_str()), kind.map(|k| k.1), "{by_stat}");
        assert_eq!(row[2], stat[1]);
        for (ours, theirs) in row[3..6].iter().zip(&stat[2..5]) {
            let ours: jiff::Timestamp = ours.parse().unwrap();
            assert_eq!(seconds(ours), *theirs, "{path}");
        }
        if row[6].is_empty() {
            // stat shows what is not known as 0 or as a dash.
            assert!(stat[5].starts_with(['0', '-']), "{by_stat}");
        } else {
            assert_eq!(seconds(row[6].parse().unwrap()), stat[5]);
        }
        assert_eq!(row[7..12], stat[6..11], "{path}");
        let target = match stat[0] {
            "symbolic link" => of_tool("readlink", &[path]),
            _ => String::new(),
        };
        assert_eq!(row[12], target);
    }
    assert_eq!(rows("File Details", &[&paths[0]])[0][7], "4751");
    assert!(rows("File Details", &["/no such file"]).is_empty());
}

/// As `stat` prints a time: seconds rounded down, and nine digits.
fn seconds(t: jiff::Timestamp) -> String {
    let all = t.as_nanosecond();
    let second = 1_000_000_000;
    format!("{}.{:09}", all.div_euclid(second), all.rem_euclid(second))
}

#[test]
fn digests_are_those_of_the_tools() {
    let (folder, _socket) = one_of_each();
    let large = folder.path().join("large");
    std::fs::write(&large, vec![7; 3 << 20]).unwrap();
    for path in [large, folder.path().join("file"), "/proc/version".into()] {
        for (algorithm, program) in [
            ("MD5", "md5sum"),
            ("SHA1", "sha1sum"),
            ("sha256", "sha256sum"),
        ] {
            let expected = of_tool(program, &[name(&path)]);
            let digest = expected.split(' ').next().unwrap();
            assert_eq!(
                rows("File Hash", &[name(&path), algorithm]),
                [[name(&path), digest]]
            );
        }
    }
    let link = folder.path().join("link");
    let linked = of_tool("sha256sum", &[name(&link)]);
    assert_eq!(rows("File Hash", &[name(&link)])[0][1], linked[..64]);
    assert!(rows("File Hash", &["/no such file"]).is_empty());
    for odd in ["fifo", "socket", "endless", "folder"] {
        let (found, outcome) = run("File Hash", &[name(&folder.path().join(odd))]);
        assert!(found.is_empty());
        assert!(
            matches!(outcome, Err(SensorError::Form { .. })),
            "{odd}: {outcome:?}"
        );
    }
    let (_, outcome) = run("File Hash", &["/etc/passwd", "CRC32"]);
    assert!(matches!(outcome, Err(SensorError::Parameter { .. })));
}

#[test]
fn a_changed_file_has_its_new_digest_even_with_its_old_time_and_size() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    std::fs::write(at("a"), b"before").unwrap();
    tool("cp", &["-p", &at("a"), &at("times")]);
    let before = rows("File Hash", &[&at("a")]);
    std::fs::write(at("a"), b"after!").unwrap();
    tool("touch", &["-r", &at("times"), &at("a")]);
    let after = rows("File Hash", &[&at("a")]);
    assert_ne!(before, after);
    assert_eq!(after[0][1], of_tool("sha256sum", &[&at("a")])[..64]);
}

#[test]
fn looking_leaves_no_trace() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("file");
    std::fs::write(&path, b"needle").unwrap();
    let at = name(&path);
    // Older than the last change: the usual mounts would now note any reading.
    tool("touch", &["-a", "-d", "2001-02-03T04:05:06Z", at]);
    let accessed = of_tool("stat", &["-c", "%.9X", at]);
    assert_eq!(rows("File Hash", &[at]).len(), 1);
    let found = rows("File Contents Search", &[name(folder.path()), "needle"]);
    assert_eq!(found.len(), 1);
    assert_eq!(of_tool("stat", &["-c", "%.9X", at]), accessed);
}

#[test]
fn a_folder_has_what_find_finds() {
    let (folder, _socket) = one_of_each();
    let letters = [
        ("f", "File"),
        ("d", "Directory"),
        ("l", "Symbolic Link"),
        ("p", "FIFO"),
        ("s", "Socket"),
        ("c", "Character Device"),
        ("b", "Block Device"),
    ];
    for path in [folder.path(), Path::new("/dev"), Path::new("/etc")] {
        let by_find = tool(
            "find",
            &[
                name(path),
                "-mindepth",
                "1",
                "-maxdepth",
                "1",
                "-printf",
                "%y|%f\\0",
            ],
        );
        let expected: BTreeSet<(String, Vec<u8>)> = by_find
            .split(|b| *b == 0)
            .filter(|l| !l.is_empty())
            .map(|l| {
                let kind = letters.iter().find(|(k, _)| k.as_bytes() == &l[..1]);
                (kind.expect("a known kind").1.to_owned(), l[2..].to_vec())
            })
            .collect();
        let (found, outcome) = run("Folder Contents", &[name(path)]);
        outcome.unwrap();
        assert!(found.iter().all(|r| *r[0] == *name(path).as_bytes()));
        let ours: BTreeSet<(String, Vec<u8>)> = found
            .iter()
            .map(|r| (String::from_utf8(r[2].to_vec()).unwrap(), r[1].to_vec()))
            .collect();
        assert_eq!(ours, expected);
        assert_eq!(ours.len(), found.len());
    }
    assert!(rows("Folder Contents", &["/no such folder"]).is_empty());
    // A file is no folder.
    assert!(rows("Folder Contents", &["/etc/passwd"]).is_empty());

    let limits = Limits {
        rows: 3,
        ..Limits::default()
    };
    let (found, outcome) = run_with("Folder Contents", &["/dev"], limits, Arc::default());
    assert_eq!(found.len(), 3);
    assert!(matches!(outcome, Err(SensorError::Limit(LimitHit::Rows))));
}

#[test]
fn matches_are_those_of_grep() {
    let folder = tempfile::tempdir().unwrap();
    let mut large = vec![0; 2 << 20];
    // Across each border between two readings or two windows of the search, wherever the windows begin.
    for border in (1..8).map(|n| n * (256 << 10)) {
        large[border - 3..border + 3].copy_from_slice(b"needle");
    }
    let content: [(&str, &[u8]); 4] = [
        ("one.txt", b"needle\nNeedle needle\n"),
        ("two.txt", b"\xFF\xFEneedle\0\x4D\x5A\x90\0"),
        ("three.log", b"needles"),
        ("large.txt", &large),
    ];
    for (file, bytes) in content {
        std::fs::write(folder.path().join(file), bytes).unwrap();
    }
    let at = name(folder.path());
    let by_grep = |pattern: &str| -> BTreeSet<Vec<u8>> {
        let output = tool(
            "sh",
            &["-c", "grep -obaP -e \"$0\" \"$1\"/*.txt", pattern, at],
        );
        output
            .split(|b| *b == b'\n')
            .filter(|l| !l.is_empty())
            .map(<[u8]>::to_vec)
            .collect()
    };
    let ours = |pattern: &str, kind: &str| -> BTreeSet<Vec<u8>> {
        let (found, outcome) = run("File Contents Search", &[at, pattern, kind, "*.txt"]);
        outcome.unwrap();
        found.iter().map(|r| r.join(&b':')).collect()
    };
    for pattern in ["needle", "^needle$", "(?i)n[e]+dle\\b", "e{2}"] {
        let expected = by_grep(pattern);
        assert!(!expected.is_empty());
        assert_eq!(ours(pattern, "Regex"), expected, "{pattern}");
    }
    assert_eq!(ours("4d 5A ?? 00", "Hex"), {
        let path = format!("{at}/two.txt:9:");
        BTreeSet::from([[path.as_bytes(), b"MZ\x90\0"].concat()])
    });
    assert_eq!(ours("needle", "Text"), by_grep("needle"));
    assert!(ours("n.edle", "Text").is_empty());
    for (pattern, kind) in [("(", "Regex"), ("4", "Hex"), ("", "Text")] {
        let (_, outcome) = run("File Contents Search", &[at, pattern, kind]);
        assert!(matches!(outcome, Err(SensorError::Parameter { .. })));
    }
}

#[test]
fn a_search_passes_what_could_hold_it() {
    let (folder, _socket) = one_of_each();
    let sparse = File::create(folder.path().join("sparse")).unwrap();
    sparse.set_len(1 << 40).unwrap();
    std::fs::write(folder.path().join("many"), "needle ".repeat(500)).unwrap();
    std::fs::write(folder.path().join("long"), "needle".repeat(500)).unwrap();
    let limits = Limits {
        wall: Duration::from_secs(10),
        ..Limits::default()
    };
    let at = name(folder.path());
    let (found, outcome) = run_with(
        "File Contents Search",
        &[at, "(needle)+"],
        limits,
        Arc::default(),
    );
    outcome.unwrap();
    let of = |file: &[u8]| -> Vec<&[u8]> {
        let path = folder.path().join(OsStr::from_bytes(file));
        found
            .iter()
            .filter(|r| *r[0] == *path.as_os_str().as_bytes())
            .map(|r| &*r[1])
            .collect()
    };
    assert_eq!(of(b"file"), [b"0".as_slice(), b"11"]);
    assert_eq!(of(b"second name"), [b"0".as_slice(), b"11"]);
    assert_eq!(of(b"odd\nna\xFFme"), [b"0".as_slice(), b"7"]);
    assert_eq!(of(b"many").len(), 100, "the bound for one file");
    assert_eq!(of(b"long"), [b"0"]);
    // Links are not followed, folders below not entered.
    assert_eq!(found.len(), 2 + 2 + 2 + 100 + 1);
    let long = found.iter().map(|r| r[2].len()).max();
    assert_eq!(long, Some(256));

    let few = rows(
        "File Contents Search",
        &[at, "needle", "Text", "*", "100 B"],
    );
    assert_eq!(few.len(), 6, "larger files are left out");
    let (_, outcome) = run("File Contents Search", &[at, "needle", "Text", "*", "1 GB"]);
    assert!(matches!(outcome, Err(SensorError::Parameter { .. })));
    // Files that the kernel makes have no size.
    assert_eq!(
        rows("File Contents Search", &["/proc/sys/kernel", "^Linux$"]),
        [["/proc/sys/kernel/ostype", "0", "Linux"]]
    );
}

#[test]
fn the_content_of_one_file_is_searched() {
    let (folder, _socket) = one_of_each();
    let at = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let search = |path: &str, more: &[&str]| {
        let parameters = [&[path, "needle"], more].concat();
        let (found, outcome) = run("File Contents Search", &parameters);
        let places: Vec<(String, String)> = text(&found)
            .into_iter()
            .map(|row| (row[0].clone(), row[1].clone()))
            .collect();
        (places, outcome)
    };
    let (found, outcome) = search(&at("file"), &[]);
    outcome.unwrap();
    let offsets = ["0", "11"].map(|offset| (at("file"), offset.to_owned()));
    assert_eq!(found, offsets);
    // A link that is named is followed, as for File Hash; a name that fits no pattern for names is left out.
    assert_eq!(search(&at("link"), &[]).0.len(), 2);
    assert_eq!(search(&at("file"), &["Text", "f*"]).0.len(), 2);
    let (found, outcome) = search(&at("file"), &["Text", "*.log"]);
    outcome.unwrap();
    assert!(found.is_empty());
    // What is named and not searched is said.
    let (found, outcome) = search(&at("file"), &["Text", "*", "10 B"]);
    assert!(found.is_empty());
    let said = outcome.unwrap_err().to_string();
    assert!(
        said.contains(&at("file")) && said.contains("MaxFileSize"),
        "{said}"
    );
    for odd in ["fifo", "socket", "endless"] {
        let (found, outcome) = search(&at(odd), &[]);
        assert!(found.is_empty());
        assert!(
            matches!(outcome, Err(SensorError::Form { .. })),
            "{odd}: {outcome:?}"
        );
    }
    for absent in ["nothing", "file/below"] {
        let (found, outcome) = search(&at(absent), &[]);
        outcome.unwrap();
        assert!(found.is_empty());
    }
    let tool = of_tool("grep", &["-obUa", "needle", &at("file")]);
    assert_eq!(tool, "0:needle\n11:needle");
}

#[test]
fn a_huge_sparse_file_ends_at_a_limit() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("sparse");
    File::create(&path).unwrap().set_len(1 << 40).unwrap();
    let limits = Limits {
        cpu: Duration::from_millis(300),
        ..Limits::default()
    };
    let (found, outcome) = run_with("File Hash", &[name(&path)], limits, Arc::default());
    assert!(found.is_empty());
    assert!(
        matches!(
            outcome,
            Err(SensorError::Limit(LimitHit::Cpu | LimitHit::Wall))
        ),
        "{outcome:?}"
    );
}

#[test]
fn a_costly_pattern_ends_at_a_limit() {
    let folder = tempfile::tempdir().unwrap();
    // Nothing repeats, so that no table of states helps.
    let mut state = 1_u64;
    let content: Vec<u8> = (0..32 << 20)
        .map(|_| {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1);
            b'a' + u8::try_from(state >> 63).unwrap()
        })
        .collect();
    std::fs::write(folder.path().join("costly"), content).unwrap();
    let limits = Limits {
        cpu: Duration::from_millis(200),
        ..Limits::default()
    };
    let pattern = "a[ab]{500}c";
    let (found, outcome) = run_with(
        "File Contents Search",
        &[name(folder.path()), pattern],
        limits,
        Arc::default(),
    );
    assert!(found.is_empty());
    assert!(
        matches!(
            outcome,
            Err(SensorError::Limit(LimitHit::Cpu | LimitHit::Wall))
        ),
        "{outcome:?}"
    );
}

#[test]
fn hashing_again_reads_nothing() {
    // Bytes that this thread read, as the kernel counts them (proc(5), `io`).
    let read = || -> u64 {
        std::fs::read_to_string("/proc/thread-self/io")
            .unwrap()
            .lines()
            .find_map(|l| l.strip_prefix("rchar: "))
            .and_then(|n| n.parse().ok())
            .expect("a count")
    };
    // Long unchanged, and larger than all else that is read in between.
    let path = "/bin/bash";
    let size = std::fs::metadata(path).unwrap().len();
    assert!(size > 200_000);
    let first = rows("File Hash", &[path]);
    let before = read();
    let second = rows("File Hash", &[path]);
    assert!(read() - before < size / 2);
    assert_eq!(first, second);
    assert_ne!(rows("File Hash", &[path, "SHA1"]), first);
}
