//! Indexes this machine's root file system with the running service and compares every entry and every hash with what
//! find(1) and sha256sum(1) say: after the first round, and again after a storm of changes.
//!
//! Not part of the tests: it reads every file of the machine, twice, and needs root. Other processes go on meanwhile, so
//! what differs is looked at again some times before it counts.

use crate::shell::{cargo, target_dir};
use anyhow::{Context, Result, anyhow, bail, ensure};
use serde_json::Value;
use std::collections::HashMap;
use std::fmt::Write as _;
use std::fs;
use std::io::{BufRead, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::Instant;

/// Looks at a place that differs before it counts.
const LOOKS: usize = 6;
/// Changes of a storm.
const CHANGES: usize = 30_000;
/// Places that differ, shown at most.
const SHOWN: usize = 20;

/// See the module.
pub fn run() -> Result<()> {
    cargo(&["build", "--locked", "--release", "--package", "cordon"])?;
    let mut machine = Machine::new()?;
    machine.start()?;
    let begin = Instant::now();
    machine.until_monitoring()?;
    println!(
        "indexed and hashed {} entries in {:.1} s",
        machine.status("entries")?,
        begin.elapsed().as_secs_f64()
    );
    machine.agrees()?;
    let begin = Instant::now();
    let mut storm = Storm {
        seed: 0x5EED,
        tree: machine.folder.join("storm"),
    };
    for _ in 0..CHANGES {
        storm.blow()?;
    }
    println!(
        "storm of {CHANGES} changes in {:.1} s",
        begin.elapsed().as_secs_f64()
    );
    machine.agrees()?;
    machine.verify()
}

/// The service over this machine, and a folder that is removed at the end.
struct Machine {
    folder: PathBuf,
    service: Option<Child>,
}

/// What is compared of an entry; times in nanoseconds since 1970.
#[derive(Debug, PartialEq, Eq)]
struct Facts {
    kind: String,
    size: u64,
    inode: u64,
    links: u64,
    mode: u32,
    uid: u64,
    gid: u64,
    modified: i128,
    changed: i128,
}

/// An entry as find(1) has it.
struct Found {
    path: Vec<u8>,
    facts: Facts,
}

/// An entry as the Index has it, with its SHA-256.
type Kept = (Facts, Option<String>);

impl Machine {
    fn new() -> Result<Self> {
        let folder = PathBuf::from(format!("/var/tmp/cordon-machine-{}", std::process::id()));
        fs::create_dir(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
        let machine = Self {
            folder,
            service: None,
        };
        let config = machine.folder.join("given.ini");
        fs::write(&config, "CPUUsageLimit=none\nMaxFileSizeToHashMB=none\n")?;
        machine.index(&["config", &config.to_string_lossy()])?;
        Ok(machine)
    }

    fn command(&self) -> Command {
        let mut command = Command::new(target_dir().join("release/cordon"));
        command
            .arg("index")
            .arg("--home")
            .arg(self.folder.join("home"));
        command.stdin(Stdio::null());
        command
    }

    fn index(&self, args: &[&str]) -> Result<Output> {
        let out = self.command().args(args).output()?;
        let error = String::from_utf8_lossy(&out.stderr);
        ensure!(out.status.success(), "cordon index {args:?}: {error}");
        Ok(out)
    }

    fn start(&mut self) -> Result<()> {
        self.service = Some(self.command().arg("run").stdout(Stdio::null()).spawn()?);
        Ok(())
    }

    fn status(&self, key: &str) -> Result<Value> {
        let out = self.index(&["status", "--output", "json"])?;
        let mut status: Value = serde_json::from_slice(&out.stdout)?;
        Ok(status[key].take())
    }

    fn until_monitoring(&self) -> Result<()> {
        while self.status("state")? != "Monitoring" {
            std::thread::sleep(std::time::Duration::from_millis(200));
        }
        Ok(())
    }

    /// Compares entries and hashes with the disk.
    fn agrees(&self) -> Result<()> {
        let mut sums = HashMap::new();
        let mut different = Vec::new();
        for look in 1..=LOOKS {
            let begin = Instant::now();
            let found = self.found()?;
            let of_these: Vec<&[u8]> = if look == 1 {
                let files = found.values().filter(|f| f.facts.kind == "file");
                files.map(|f| f.path.as_slice()).collect()
            } else {
                let files = different.iter().filter_map(|(path, _)| found.get(path));
                files.map(|f| f.path.as_slice()).collect()
            };
            sums.extend(sha256sum(&of_these)?);
            let seconds = begin.elapsed().as_secs_f64();
            different = differences(&found, &sums, &self.kept(&found)?);
            println!(
                "look {look}: {} entries by find, {} files by sha256sum in {seconds:.1} s; {} places differ",
                found.len(),
                of_these.len(),
                different.len()
            );
            if different.is_empty() {
                return Ok(());
            }
        }
        for (path, how) in different.iter().take(SHOWN) {
            println!("  {path}: {how}");
        }
        bail!("{} places differ", different.len())
    }

    fn verify(&self) -> Result<()> {
        let mut last = String::new();
        for _ in 0..LOOKS {
            let out = self.command().args(["verify"]).output()?;
            last = String::from_utf8_lossy(&out.stdout).into_owned();
            if out.status.success() {
                println!("cordon index verify finds nothing");
                return Ok(());
            }
        }
        bail!("cordon index verify found differences:\n{last}")
    }

    /// What find(1) says of the root file system, by path as the Index prints it; without where others are mounted, and
    /// without what the Index keeps of its own.
    fn found(&self) -> Result<HashMap<String, Found>> {
        let format = "%p\\0%y\\0%s\\0%i\\0%n\\0%m\\0%U\\0%G\\0%T@\\0%C@\\0%D\\0";
        let out = Command::new("find")
            .args(["/", "-xdev", "-path"])
            .arg(self.folder.join("home"))
            .args(["-prune", "-o", "-printf", format])
            .stderr(Stdio::null())
            .output()?;
        // Other processes remove files meanwhile; it says so with its exit status.
        let fields: Vec<&[u8]> = out.stdout.split(|b| *b == 0).collect();
        let mut records = fields.chunks_exact(11);
        let root = records.next().context("find printed nothing")?;
        let mut found = HashMap::new();
        for f in records.filter(|f| f[10] == root[10]) {
            let text = |at: usize| std::str::from_utf8(f[at]).context("find printed no text");
            let number = |at: usize| -> Result<u64> { Ok(text(at)?.parse()?) };
            let facts = Facts {
                kind: match text(1)? {
                    "f" => "file",
                    "d" => "directory",
                    "l" => "link",
                    "p" => "fifo",
                    "s" => "socket",
                    "b" => "block device",
                    "c" => "character device",
                    other => other,
                }
                .to_owned(),
                size: number(2)?,
                inode: number(3)?,
                links: number(4)?,
                mode: u32::from_str_radix(text(5)?, 8)?,
                uid: number(6)?,
                gid: number(7)?,
                modified: seconds(text(8)?)?,
                changed: seconds(text(9)?)?,
            };
            let path = f[0].to_vec();
            found.insert(shown(&path), Found { path, facts });
        }
        Ok(found)
    }

    /// What the Index has of the same: facts and SHA-256.
    fn kept(&self, found: &HashMap<String, Found>) -> Result<HashMap<String, Kept>> {
        let mut child = self
            .command()
            .args(["export", "--format", "jsonl"])
            .stdout(Stdio::piped())
            .spawn()?;
        let out = child.stdout.take().context("no output")?;
        let mut kept = HashMap::new();
        for line in BufReader::new(out).lines() {
            let row: Value = serde_json::from_str(&line?)?;
            let text = |key: &str| row[key].as_str().unwrap_or_default();
            let number = |key: &str| row[key].as_u64().unwrap_or_default();
            let path = text("path").to_owned();
            let other = text("volume") != "/" || text("flags").contains("mount-point");
            if other && !found.contains_key(&path) {
                continue;
            }
            let facts = Facts {
                kind: text("kind").to_owned(),
                size: number("size"),
                inode: number("inode"),
                links: number("links"),
                mode: u32::from_str_radix(text("mode"), 8)?,
                uid: number("uid"),
                gid: number("gid"),
                modified: nanoseconds(text("modified"))?,
                changed: nanoseconds(text("changed"))?,
            };
            let sum = row["sha256"].as_str().map(str::to_ascii_lowercase);
            kept.insert(path, (facts, sum));
        }
        ensure!(child.wait()?.success(), "the export failed");
        Ok(kept)
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        if let Some(mut service) = self.service.take() {
            service.kill().ok();
            service.wait().ok();
        }
        fs::remove_dir_all(&self.folder).ok();
    }
}

/// What sha256sum(1) says, two processes at a time, by path as the Index prints it.
fn sha256sum(files: &[&[u8]]) -> Result<HashMap<String, String>> {
    let halves = files.split_at(files.len() / 2);
    let sums = std::thread::scope(|scope| {
        let other = scope.spawn(|| sha256sum_in_turn(halves.1));
        let one = sha256sum_in_turn(halves.0);
        let other = other.join().map_err(|_| anyhow!("sha256sum's thread died"));
        Ok::<_, anyhow::Error>([one?, other??].concat())
    })?;
    let lines = sums.split(|b| *b == 0);
    let parts = lines.filter_map(|line| line.split_at_checked(64));
    Ok(parts
        .map(|(sum, path)| {
            let sum = String::from_utf8_lossy(sum).into_owned();
            (shown(path.get(2..).unwrap_or_default()), sum)
        })
        .collect())
}

fn sha256sum_in_turn(files: &[&[u8]]) -> Result<Vec<u8>> {
    let mut child = Command::new("xargs")
        .args(["-0", "-r", "sha256sum", "-z"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()?;
    let mut names = child.stdin.take().context("no input")?;
    let list = files.join(&0);
    let out = std::thread::scope(|scope| {
        scope.spawn(move || {
            // What it does not take shows as files without a sum.
            names.write_all(&list).ok();
        });
        child.wait_with_output()
    })?;
    Ok(out.stdout)
}

fn differences(
    found: &HashMap<String, Found>,
    sums: &HashMap<String, String>,
    kept: &HashMap<String, Kept>,
) -> Vec<(String, String)> {
    let mut different = Vec::new();
    for (path, Found { facts, .. }) in found {
        let how = match kept.get(path) {
            None => "not in the Index".to_owned(),
            Some((known, _)) if known != facts => format!("{known:?} instead of {facts:?}"),
            Some((_, sum)) if sum.as_ref() != sums.get(path) => {
                format!("SHA-256 {sum:?} instead of {:?}", sums.get(path))
            }
            Some(_) => continue,
        };
        different.push((path.clone(), how));
    }
    let gone = kept.keys().filter(|path| !found.contains_key(*path));
    different.extend(gone.map(|path| (path.clone(), "not on the disk".to_owned())));
    different.sort();
    different
}

/// A path as the Index prints it: bytes that are no text as `\xHH`.
fn shown(path: &[u8]) -> String {
    let mut text = String::new();
    for chunk in path.utf8_chunks() {
        text.push_str(chunk.valid());
        for byte in chunk.invalid() {
            let _infallible = write!(text, "\\x{byte:02X}");
        }
    }
    text
}

/// find's seconds with a fraction, in nanoseconds.
fn seconds(text: &str) -> Result<i128> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let nine: String = fraction
        .chars()
        .chain("000000000".chars())
        .take(9)
        .collect();
    Ok(whole.parse::<i128>()? * 1_000_000_000 + nine.parse::<i128>()?)
}

/// RFC 3339 in nanoseconds.
fn nanoseconds(text: &str) -> Result<i128> {
    let time: jiff::Timestamp = text.parse()?;
    Ok(time.as_nanosecond())
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
        let (a, b, c) = (self.number(8), self.number(6), self.number(4));
        self.tree.join(format!("d{a}/e{b}/f{c}"))
    }

    fn file(&mut self) -> PathBuf {
        let number = self.number(100);
        self.directory().join(format!("file{number}"))
    }

    /// Much of it fails where what it needs is not there: that is part of the weather.
    fn blow(&mut self) -> Result<()> {
        let (file, other) = (self.file(), self.file());
        let folder = file.parent().unwrap_or(Path::new("/")).to_owned();
        match self.number(16) {
            0..=5 => {
                fs::create_dir_all(&folder)?;
                fs::write(&file, self.number(1 << 40).to_string())?;
            }
            6 => drop(fs::remove_file(&file)),
            7..=9 => drop(fs::rename(&file, &other)),
            10 => drop(fs::hard_link(&file, &other)),
            11 => {
                let above = self.directory();
                fs::rename(
                    folder.parent().unwrap_or(&folder),
                    above.parent().unwrap_or(&above),
                )
                .ok();
            }
            12 => drop(fs::rename(&folder, self.directory())),
            13 => {
                let readable = self.number(2) == 0;
                if let Ok(metadata) = fs::metadata(&file) {
                    let mut permissions = metadata.permissions();
                    permissions.set_readonly(readable);
                    fs::set_permissions(&file, permissions).ok();
                }
            }
            14 if self.number(10) == 0 => drop(fs::remove_dir_all(&folder)),
            _ => {
                let longer = fs::File::options().append(true).open(&file);
                longer.and_then(|mut f| f.write_all(b"more")).ok();
            }
        }
        Ok(())
    }
}
