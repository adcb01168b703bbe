//! The indexing process killed at any moment, while the tree it indexes changes all the time.

#![expect(clippy::unwrap_used, reason = "what fails here fails the test")]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

const KILLS: u64 = 50;
/// Long enough for a loaded machine; nothing waits so long when all is well.
const PATIENCE: Duration = Duration::from_secs(120);

struct Index {
    folder: tempfile::TempDir,
    running: Option<Child>,
}

impl Index {
    fn new() -> Self {
        let index = Self {
            folder: tempfile::tempdir().unwrap(),
            running: None,
        };
        std::fs::create_dir(index.tree()).unwrap();
        index.configure("1s");
        index
    }

    fn configure(&self, rescan: &str) {
        let config = self.folder.path().join("given.ini");
        let text = format!(
            "CPUUsageLimit=none\nHashesToCalculate=SHA256\nRescanInterval={rescan}\nIndexOnly={}\n",
            self.tree().display()
        );
        std::fs::write(&config, text).unwrap();
        let done = self.cordon(&["config", config.to_str().unwrap()]);
        assert!(done.status.success(), "{done:?}");
    }

    fn tree(&self) -> PathBuf {
        self.folder.path().join("tree")
    }

    fn home(&self) -> PathBuf {
        self.folder.path().join("home")
    }

    fn cordon(&self, args: &[&str]) -> Output {
        Command::new(env!("CARGO_BIN_EXE_cordon"))
            .args(["index", "--home"])
            .arg(self.home())
            .args(args)
            .output()
            .unwrap()
    }

    fn start(&mut self) {
        let child = Command::new(env!("CARGO_BIN_EXE_cordon"))
            .args(["index", "--home"])
            .arg(self.home())
            .arg("run")
            .stdin(Stdio::null())
            .spawn()
            .unwrap();
        self.running = Some(child);
    }

    fn kill(&mut self) {
        if let Some(mut child) = self.running.take() {
            child.kill().unwrap();
            child.wait().unwrap();
        }
    }

    fn state(&self) -> String {
        let out = self.cordon(&["status", "--output", "json"]);
        let status: serde_json::Value = serde_json::from_slice(&out.stdout).unwrap();
        status["state"].as_str().unwrap().to_owned()
    }

    fn reach(&self, states: &[&str]) {
        let began = Instant::now();
        loop {
            let state = self.state();
            if states.contains(&state.as_str()) {
                return;
            }
            assert!(began.elapsed() < PATIENCE, "{state} instead of {states:?}");
        }
    }

    /// Asks until the database agrees with the disk and nothing waits for its hashes, be it for the first time or once more.
    fn settle(&self) {
        let began = Instant::now();
        loop {
            let out = self.cordon(&["verify", "--output", "json"]);
            let found: serde_json::Value = serde_json::from_slice(&out.stdout).unwrap_or_default();
            let report = &found["report"];
            if out.status.success() && report["pending"] == 0 && report["again"] == 0 {
                return;
            }
            assert!(
                began.elapsed() < PATIENCE,
                "{}\n{}\n{}",
                serde_json::to_string_pretty(&found).unwrap(),
                String::from_utf8_lossy(&out.stderr),
                std::fs::read_to_string(self.home().join("cordon-index.log")).unwrap_or_default()
            );
        }
    }

    /// SHA-256 by path, as the Index has them; where there is none, why.
    fn hashes(&self) -> BTreeMap<String, String> {
        let out = self.cordon(&["query", "--output", "jsonl"]);
        String::from_utf8(out.stdout)
            .unwrap()
            .lines()
            .map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap())
            .map(|row| {
                let text = |key: &str| row["values"][key].as_str().unwrap_or_default().to_owned();
                let hash = text("sha256");
                let told = if hash.is_empty() { text("state") } else { hash };
                (text("path"), told)
            })
            .collect()
    }
}

impl Drop for Index {
    fn drop(&mut self) {
        self.kill();
    }
}

/// What sha256sum says of every file.
fn sha256sum(tree: &Path) -> BTreeMap<String, String> {
    let out = Command::new("sh")
        .args([
            "-c",
            "find \"$1\" -type f -print0 | xargs -0 -r sha256sum",
            "sh",
        ])
        .arg(tree)
        .output()
        .unwrap();
    String::from_utf8(out.stdout)
        .unwrap()
        .lines()
        .map(|line| {
            let (hash, path) = line.split_once("  ").unwrap();
            (path.to_owned(), hash.to_owned())
        })
        .collect()
}

/// Changes of a tree, the same ones for the same seed.
struct Storm {
    seed: u64,
    tree: PathBuf,
}

impl Storm {
    fn number(&mut self, below: u64) -> u64 {
        // xorshift64
        self.seed ^= self.seed << 13;
        self.seed ^= self.seed >> 7;
        self.seed ^= self.seed << 17;
        self.seed % below
    }

    fn directory(&mut self) -> PathBuf {
        let (a, b) = (self.number(6), self.number(4));
        self.tree.join(format!("d{a}")).join(format!("e{b}"))
    }

    fn file(&mut self) -> PathBuf {
        let number = self.number(60);
        self.directory().join(format!("f{number}"))
    }

    /// Fails where what it needs is not there: that is part of the weather.
    fn blow(&mut self) {
        let file = self.file();
        let other = self.file();
        match self.number(12) {
            0..=4 => {
                std::fs::create_dir_all(file.parent().unwrap()).unwrap();
                std::fs::write(&file, format!("content {}", self.number(1 << 40))).ok();
            }
            5 => drop(std::fs::remove_file(&file)),
            6 | 7 => drop(std::fs::rename(&file, &other)),
            8 => drop(std::fs::hard_link(&file, &other)),
            9 => {
                let to = self.directory();
                std::fs::rename(file.parent().unwrap(), to).ok();
            }
            10 => {
                use std::os::unix::fs::PermissionsExt;
                let mode = if self.number(2) == 0 { 0o600 } else { 0o755 };
                std::fs::set_permissions(&file, std::fs::Permissions::from_mode(mode)).ok();
            }
            _ => {
                if self.number(20) == 0 {
                    std::fs::remove_dir_all(file.parent().unwrap()).ok();
                } else {
                    let longer = std::fs::File::options().append(true).open(&file);
                    longer
                        .and_then(|mut f| std::io::Write::write_all(&mut f, b"more"))
                        .ok();
                }
            }
        }
    }
}

#[test]
fn killed_fifty_times_it_loses_no_file() {
    let mut index = Index::new();
    let mut storm = Storm {
        seed: 0x5EED,
        tree: index.tree(),
    };
    for _ in 0..3000 {
        storm.blow();
    }
    for kill in 0..KILLS {
        index.start();
        // Killed at the start, in the inventory, while it hashes, while it watches.
        match kill % 5 {
            0 => {}
            1 => index.reach(&[
                "Starting",
                "Indexing",
                "Checking For Changes",
                "Hashing",
                "Monitoring",
            ]),
            2 => index.reach(&["Hashing", "Monitoring"]),
            _ => index.reach(&["Monitoring"]),
        }
        for _ in 0..storm.number(400) {
            storm.blow();
        }
        index.kill();
        // And while nobody looks.
        for _ in 0..storm.number(100) {
            storm.blow();
        }
    }
    // No rescan comes to mend what the notices of the last storm leave, nor tells late what it saw before.
    index.configure("1d");
    index.start();
    index.reach(&["Monitoring"]);
    for _ in 0..2000 {
        storm.blow();
    }
    index.settle();
    let kept = index.hashes();
    let there = sha256sum(&index.tree());
    assert!(there.len() > 100, "{}", there.len());
    assert_eq!(kept, there);
}
