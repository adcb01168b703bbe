//! The sensors of the Index against a small tree that is indexed for real, asked in the words of questions.
#![cfg(target_os = "linux")]

use crate::ask::{text, tool};
use index::config::{Config, ConfigStore};
use index::engine::Engine;
use index::home::Home;
use index::matching::{Which, put_in_force};
use index::round::Round;
use index::status::State;
use index::{lists, store};
use question::catalogue::Limits;
use sensors::framework::{HostFacts, LimitHit, Request, SensorError};
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use tempfile::TempDir;

const CONFIG: &str = "HashesToCalculate=MD5,SHA1,SHA256\nScanFilePermissions=true\n";

/// A machine of its own: a tree, and the state folder of an agent with its Index.
pub struct Machine {
    folder: TempDir,
}

type Answer = (Vec<Vec<String>>, Result<(), SensorError>);

impl Machine {
    pub fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("tree")).unwrap();
        Self { folder }
    }

    pub fn state(&self) -> PathBuf {
        self.folder.path().join("agent")
    }

    fn tree(&self) -> PathBuf {
        // As the Index knows it.
        self.folder.path().join("tree").canonicalize().unwrap()
    }

    fn at(&self, name: impl AsRef<OsStr>) -> PathBuf {
        self.tree().join(Path::new(name.as_ref()))
    }

    fn home(&self) -> Home {
        Home::of_agent(&self.state())
    }

    fn write(&self, name: impl AsRef<OsStr>, content: impl AsRef<[u8]>) -> &Self {
        let path = self.at(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, content).unwrap();
        self
    }

    fn configure(&self, config: &str) {
        let given = self.folder.path().join("given.ini");
        std::fs::write(&given, config).unwrap();
        self.home().make().unwrap();
        ConfigStore::new(self.home().folder())
            .install(&given)
            .unwrap();
    }

    fn round(&self, config: &str) -> Round {
        self.home().make().unwrap();
        Round {
            config: Arc::new(Config::read(config).0),
            database: self.home().database(),
            home: Some(self.home().folder().to_owned()),
            roots: vec![self.tree()],
            pacer: Arc::new(|| true),
            threads: 1,
            numbers: Arc::default(),
            met: Arc::default(),
            progress: Arc::default(),
        }
    }

    /// Indexes the tree as it is now.
    pub fn index(&self) -> &Self {
        self.index_with(CONFIG)
    }

    fn index_with(&self, config: &str) -> &Self {
        self.round(config)
            .once(config.to_owned(), true, || ())
            .unwrap();
        self
    }

    /// Runs the one sensor of a question.
    fn run(&self, question: &str) -> Answer {
        self.run_with(question, None, Arc::default())
    }

    fn run_with(&self, question: &str, limits: Option<Limits>, stop: Arc<AtomicBool>) -> Answer {
        let catalogue = sensors::catalogue();
        let text_of = format!("Get {question} from all machines");
        let asked =
            question::parse(&text_of, &catalogue).unwrap_or_else(|e| panic!("{text_of}: {e}"));
        let call = &asked.selects[0].call;
        let declared = catalogue.sensor(&call.sensor).unwrap();
        let request = Request {
            parameters: declared.parameter_values(&call.parameters),
            host: Arc::new(HostFacts {
                agent_version: env!("CARGO_PKG_VERSION").into(),
                state_dir: self.state(),
                ..HostFacts::default()
            }),
        };
        let (rows, outcome) = sensors::run(
            &call.sensor,
            &request,
            limits.unwrap_or(declared.limits),
            stop,
        );
        for row in &rows {
            assert_eq!(row.len(), declared.columns.len(), "{question}");
            for (cell, column) in row.iter().zip(&declared.columns) {
                let text = question::cell::text(cell);
                if !text.is_empty() {
                    question::value::parse_check(&text, column.value_type)
                        .unwrap_or_else(|e| panic!("{question}:{} = {text:?}: {e}", column.name));
                }
            }
        }
        (text(&rows), outcome)
    }

    fn rows(&self, question: &str) -> Vec<Vec<String>> {
        let (rows, outcome) = self.run(question);
        outcome.unwrap_or_else(|e| panic!("{question}: {e}"));
        rows
    }

    /// The only row.
    fn row(&self, question: &str) -> Vec<String> {
        let mut rows = self.rows(question);
        assert_eq!(rows.len(), 1, "{question}: {rows:?}");
        rows.remove(0)
    }

    /// The first column, in order, without the path of the tree.
    fn found(&self, question: &str) -> Vec<String> {
        let tree = format!("{}/", self.tree().display());
        let mut found: Vec<String> = self
            .rows(question)
            .into_iter()
            .map(|row| row[0].strip_prefix(&tree).unwrap_or(&row[0]).to_owned())
            .collect();
        found.sort();
        found
    }

    fn error(&self, question: &str) -> String {
        let (rows, outcome) = self.run(question);
        assert!(rows.is_empty(), "{question}: {rows:?}");
        match outcome {
            Ok(()) => panic!("{question} gave an empty answer"),
            Err(error) => error.to_string(),
        }
    }
}

/// A tree with one of each.
fn usual() -> Machine {
    let machine = Machine::new();
    machine
        .write("bin/tool", b"\x7fELF\x02\x01\x01\0 program")
        .write("bin/script", "#!/bin/sh\necho\n")
        .write("docs/plain.txt", "some text\n")
        .write("docs/x[1].log", "log\n")
        .write("docs/x1.log", "another log\n")
        .write("empty", "")
        .write(OsStr::from_bytes(b"odd\xFF\xFEname"), "odd")
        .write("new\nline", "line")
        .write("large.bin", vec![0_u8; 100_000])
        .write("picture.png", b"MZ\x90\0 this is no picture");
    std::fs::set_permissions(machine.at("bin/tool"), PermissionsExt::from_mode(0o4755)).unwrap();
    std::fs::hard_link(machine.at("docs/plain.txt"), machine.at("docs/second name")).unwrap();
    std::os::unix::fs::symlink("plain.txt", machine.at("docs/link")).unwrap();
    machine
}

#[test]
fn no_index_is_never_an_empty_answer() {
    let machine = Machine::new();
    let queries: Vec<String> = sensors::catalogue()
        .sensors()
        .iter()
        .filter(|s| s.name.starts_with("Index Query"))
        .map(|s| {
            let needed = s.parameters.iter().any(|p| p.default.is_none());
            let parameters = if needed { r#"["2026-01-01"]"# } else { "" };
            format!("{}{parameters}", s.name)
        })
        .collect();
    assert_eq!(queries.len(), 15);
    let all = |word: &str, advice: &str| {
        for query in &queries {
            let error = machine.error(query);
            assert!(
                error.starts_with(word) && error.contains(advice),
                "{query}: {error}"
            );
        }
    };
    assert_eq!(machine.row("Index Status"), ["Missing Config File"]);
    all("Missing Config File: ", "cordon index config FILE");
    machine.home().make().unwrap();
    assert_eq!(machine.row("Index Status"), ["Missing Config File"]);
    all("Missing Config File: ", "cordon index config FILE");
    machine.configure(CONFIG);
    assert_eq!(machine.row("Index Status"), ["Not Running"]);
    all("Not Running: ", "cordon index start");
    // A database that was begun.
    drop(store::open(&machine.home().database()).unwrap());
    all("Not Running: ", "no inventory");
    let lock = machine.home().lock().unwrap();
    all("Starting: ", "not finished");
    drop(lock);
    std::fs::write(
        machine.home().database(),
        b"no database at all, but long enough for a header",
    )
    .unwrap();
    all("Database Error: ", "cannot be asked");
}

#[test]
fn status_words_are_a_closed_list() {
    let catalogue = sensors::catalogue();
    let declared = catalogue.sensor("Index Status").unwrap();
    assert_eq!(declared.columns.len(), 1);
    let words = &declared.columns[0].description;
    for state in State::ALL {
        // An agent that answers has the Index in it.
        let possible = state != State::NotInstalled;
        assert_eq!(words.contains(state.name()), possible, "{state:?}");
    }
}

#[test]
fn details_of_the_status() {
    let machine = usual();
    machine.configure(CONFIG);
    let row = machine.row("Index Status Details");
    assert_eq!((row[0].as_str(), row[7].as_str()), ("Not Running", ""));
    let mut status = index::status::Status::of(State::Hashing, "on it");
    status.percent = Some(41.6);
    status.entries = 12;
    status.not_watched = vec!["/a: why".into(), "/b: why".into()];
    let _lock = machine.home().lock().unwrap();
    index::status::write(&machine.home(), &status).unwrap();
    let row = machine.row("Index Status Details");
    assert_eq!(row[..4], ["Hashing", "on it", "42", "12"]);
    assert_eq!(row[6], env!("CARGO_PKG_VERSION"));
    assert_eq!(row[7], std::process::id().to_string());
    assert_eq!(row[9], "/a: why; /b: why");
    assert_eq!(machine.row("Index Status"), ["Hashing"]);
}

#[test]
fn latest_tools() {
    let machine = usual();
    let own = env!("CARGO_PKG_VERSION");
    assert_eq!(machine.row("Index Has Latest Tools"), [own, "No"]);
    machine.index();
    assert_eq!(machine.row("Index Has Latest Tools"), [own, "No"]);
    let connection = store::open(&machine.home().database()).unwrap();
    store::set_fact(&connection, "tool", "0.0.1").unwrap();
    let row = machine.row("Index Has Latest Tools");
    assert_eq!(row, ["0.0.1", "Distribute Endpoint Index Tools For Linux"]);
    // What a process says counts before what the database says.
    index::status::write(
        &machine.home(),
        &index::status::Status::of(State::Hashing, ""),
    )
    .unwrap();
    assert_eq!(machine.row("Index Has Latest Tools"), [own, "No"]);
}

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
