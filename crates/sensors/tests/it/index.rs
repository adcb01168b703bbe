//! The sensors of the Index against a small tree that is indexed for real, asked in the words of questions.
#![cfg(target_os = "linux")]

mod findings;
mod search;
mod status;

use crate::ask::text;
use index::config::{Config, ConfigStore};
use index::home::Home;
use index::round::Round;
use question::catalogue::Limits;
use sensors::framework::{HostFacts, Request, SensorError};
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

    /// One whose files lie in memory, where any time can be set.
    fn in_memory() -> Self {
        let folder = tempfile::tempdir_in("/dev/shm").unwrap();
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
            surprises: Arc::default(),
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
        )
        .whole();
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
