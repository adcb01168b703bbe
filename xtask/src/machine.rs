//! Indexes this machine's root file system with the running service and compares every entry and every hash with what
//! find(1) and sha256sum(1) say: after the first round, and again after a storm of changes.
//!
//! Not part of the tests: it reads every file of the machine, twice, and needs root. Other processes go on meanwhile, so
//! what differs is looked at again some times before it counts.

use crate::shell::{cargo, target_dir};
use anyhow::{Context, Result, bail, ensure};
use serde_json::Value;
use std::collections::{BTreeSet, HashMap};
use std::fmt::Write as _;
use std::fs;
use std::io::{BufRead, BufReader};
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

/// What is compared of an entry: kind, size, inode, links, mode, owner, group, content changed, anything changed.
type Facts = (String, u64, u64, u64, u32, u64, u64, i128, i128);

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
        let mut different = BTreeSet::new();
        let mut counts = (0, 0);
        for look in 0..LOOKS {
            let begin = Instant::now();
            let there = self.found()?;
            let sums = self.sums()?;
            let seconds = begin.elapsed().as_secs_f64();
            let kept = self.kept(&there)?;
            different = differences(&there, &sums, &kept);
            counts = (there.len(), sums.len());
            println!(
                "look {}: find and sha256sum took {seconds:.1} s; {} places differ",
                look + 1,
                different.len()
            );
            if different.is_empty() {
                break;
            }
        }
        let (entries, files) = counts;
        println!("{entries} entries and {files} SHA-256 compared");
        for line in different.iter().take(SHOWN) {
            println!("  {line}");
        }
        ensure!(different.is_empty(), "{} places differ", different.len());
        Ok(())
    }

    fn verify(&self) -> Result<()> {
        let mut last = String::new();
        for _ in 0..LOOKS {
            let out = self.command().args(["verify"]).output()?;
            last = String::from_utf8_lossy(&out.stdout).into_owned();
            if out.status.success() {
                println!("cordon index verify: {}", last.trim());
                return Ok(());
            }
        }
        bail!("cordon index verify found differences:\n{last}")
    }

    /// What find(1) says of the root file system, by path as the Index prints it.
    fn found(&self) -> Result<HashMap<String, Facts>> {
        let format = "%p\\0%y\\0%s\\0%i\\0%n\\0%m\\0%U\\0%G\\0%T@\\0%C@\\0";
        let out = self.find(&["-printf", format])?;
        let fields: Vec<&[u8]> = out.split(|b| *b == 0).collect();
        let mut found = HashMap::new();
        for f in fields.chunks_exact(10) {
            let text = |at: usize| std::str::from_utf8(f[at]).context("find printed no text");
            let number = |at: usize| -> Result<u64> { Ok(text(at)?.parse()?) };
            let kind = match text(1)? {
                "f" => "file",
                "d" => "directory",
                "l" => "link",
                "p" => "fifo",
                "s" => "socket",
                "b" => "block device",
                "c" => "character device",
                other => other,
            };
            let facts = (
                kind.to_owned(),
                number(2)?,
                number(3)?,
                number(4)?,
                u32::from_str_radix(text(5)?, 8)?,
                number(6)?,
                number(7)?,
                seconds(text(8)?)?,
                seconds(text(9)?)?,
            );
            found.insert(shown(f[0]), facts);
        }
        Ok(found)
    }

    /// What sha256sum(1) says, two processes at a time.
    fn sums(&self) -> Result<HashMap<String, String>> {
        let out = Command::new("sh")
            .args([
                "-c",
                "find / -xdev -path \"$1\" -prune -o -type f -print0 | xargs -0 -r -P 2 -n 500 sha256sum -z",
                "sh",
            ])
            .arg(self.folder.join("home"))
            .stderr(Stdio::null())
            .output()?;
        let lines = out.stdout.split(|b| *b == 0);
        let parts = lines.filter_map(|line| line.split_at_checked(64));
        Ok(parts
            .map(|(sum, path)| {
                let sum = String::from_utf8_lossy(sum).into_owned();
                (shown(path.get(2..).unwrap_or_default()), sum)
            })
            .collect())
    }

    /// find(1) over the root file system, without what the Index keeps of its own.
    fn find(&self, action: &[&str]) -> Result<Vec<u8>> {
        let out = Command::new("find")
            .args(["/", "-xdev", "-mindepth", "1", "-path"])
            .arg(self.folder.join("home"))
            .args(["-prune", "-o"])
            .args(action)
            .stderr(Stdio::null())
            .output()?;
        // Other processes remove files meanwhile; it says so with its exit status.
        Ok(out.stdout)
    }

    /// What the Index has of the same file system.
    fn kept(
        &self,
        there: &HashMap<String, Facts>,
    ) -> Result<HashMap<String, (Facts, Option<String>)>> {
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
            if text("volume") != "/" && !there.contains_key(&path) {
                continue;
            }
            let kind = text("kind");
            let facts = (
                kind.to_owned(),
                number("size"),
                number("inode"),
                number("links"),
                u32::from_str_radix(text("mode"), 8)?,
                number("uid"),
                number("gid"),
                nanoseconds(text("modified"))?,
                nanoseconds(text("changed"))?,
            );
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

fn differences(
    there: &HashMap<String, Facts>,
    sums: &HashMap<String, String>,
    kept: &HashMap<String, (Facts, Option<String>)>,
) -> BTreeSet<String> {
    let mut different = BTreeSet::new();
    for (path, facts) in there {
        match kept.get(path) {
            None => drop(different.insert(format!("{path}: not in the Index"))),
            Some((known, _)) if known != facts => {
                different.insert(format!("{path}: {known:?} instead of {facts:?}"));
            }
            Some((_, sum)) if sum.as_ref() != sums.get(path) => {
                let right = sums.get(path);
                different.insert(format!("{path}: SHA-256 {sum:?} instead of {right:?}"));
            }
            Some(_) => {}
        }
    }
    let gone = kept.keys().filter(|path| !there.contains_key(*path));
    different.extend(gone.map(|path| format!("{path}: not on the disk")));
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
                longer
                    .and_then(|mut f| std::io::Write::write_all(&mut f, b"more"))
                    .ok();
            }
        }
        Ok(())
    }
}
