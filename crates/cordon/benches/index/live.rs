//! The indexing process: from a change to its row, a burst, its share of the processor, its memory.

use super::{Bench, Outcome, quantile, time, until};
use index::glob::Glob;
use index::home::Home;
use index::query::{self, Filter};
use index::status::{self, State};
use std::path::Path;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

const CHANGES: usize = 200;
const BURST: usize = 100_000;

/// A process that indexes this machine, ended when dropped.
struct Process {
    child: Child,
    home: Home,
}

impl Process {
    fn start(bench: &Bench, name: &str, config: &str) -> Outcome<Self> {
        let home = Home::new(bench.path(name));
        let file = bench.path(&format!("{name}.ini"));
        std::fs::write(&file, config)?;
        time(
            bench
                .index(&["config", "--home"])
                .arg(home.folder())
                .arg(&file),
        )?;
        let child = bench
            .index(&["run", "--home"])
            .arg(home.folder())
            .stdout(Stdio::null())
            .stderr(Stdio::inherit())
            .spawn()?;
        Ok(Self { child, home })
    }

    fn reach(&self, wanted: &[State], patience: Duration) -> Outcome<Duration> {
        until("the status", patience, || {
            Ok(status::current(&self.home).is_ok_and(|s| wanted.contains(&s.state)))
        })
    }

    /// Processor seconds used so far.
    fn cpu(&self) -> Outcome<f64> {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.child.id()))?;
        let fields: Vec<&str> = stat
            .rsplit(')')
            .next()
            .unwrap_or_default()
            .split_whitespace()
            .collect();
        let ticks = |at: usize| {
            fields
                .get(at)
                .and_then(|f| f.parse::<f64>().ok())
                .unwrap_or_default()
        };
        Ok((ticks(11) + ticks(12)) / 100.0)
    }

    /// Megabytes: resident now, and at most.
    fn memory(&self) -> Outcome<(f64, f64)> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id()))?;
        let kilobytes = |key: &str| {
            status
                .lines()
                .find_map(|l| l.strip_prefix(key))
                .and_then(|l| l.split_whitespace().next())
                .and_then(|n| n.parse::<f64>().ok())
                .unwrap_or_default()
        };
        Ok((kilobytes("VmRSS:") / 1024.0, kilobytes("VmHWM:") / 1024.0))
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It may have ended by itself.
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

fn find(database: &Path, name: &str) -> Outcome<bool> {
    let connection = index::store::open_to_read(database)?;
    let filter = Filter {
        name: Glob::read(name),
        ..Filter::default()
    };
    Ok(query::exists(&connection, &filter)?)
}

/// From a change to its row, and a burst of changes.
pub fn changes(bench: &Bench) -> Outcome<()> {
    println!("## Changes, with this whole machine indexed");
    let process = Process::start(
        bench,
        "live",
        "CPUUsageLimit=none\nHashesToCalculate=MD5\nMaxFileSizeToHashMB=1\nRescanInterval=3600\n",
    )?;
    let took = process.reach(&[State::Monitoring], Duration::from_secs(600))?;
    let (now, most) = process.memory()?;
    println!(
        "inventory and hashes up to 1 MB in {:.1} s; memory {now:.1} MB, at most {most:.1} MB (aims 25 idle, 60)",
        took.as_secs_f64()
    );
    let tree = bench.path("changing");
    std::fs::create_dir(&tree)?;
    let mut times = Vec::new();
    let database = process.home.database();
    for number in 0..CHANGES {
        let name = format!("change-{number}-of-the-bench");
        std::fs::write(tree.join(&name), b"x")?;
        times.push(
            until("a change", Duration::from_secs(60), || {
                find(&database, &name)
            })?
            .as_secs_f64(),
        );
    }
    println!(
        "change to row: p50 {:.3}, p99 {:.3} (aim 1)",
        quantile(&mut times, 0.5),
        quantile(&mut times, 0.99)
    );
    let began = Instant::now();
    for number in 0..BURST {
        let path = tree.join(format!("burst-{number}"));
        std::fs::write(&path, number.to_string())?;
        match number % 3 {
            0 => std::fs::remove_file(&path)?,
            1 => std::fs::rename(&path, tree.join(format!("moved-{number}")))?,
            _ => {}
        }
    }
    let made = began.elapsed().as_secs_f64();
    let last = "the-last-of-the-burst";
    std::fs::write(tree.join(last), b"x")?;
    let behind = until("the end of the burst", Duration::from_secs(300), || {
        find(&database, last)
    })?;
    // Removed names are gone for good once the last is there; what is there must be what the disk has.
    let connection = index::store::open_to_read(&database)?;
    let filter = Filter {
        path: Glob::read(&format!("{}/*", tree.display())),
        ..Filter::default()
    };
    let mut kept: Vec<Vec<u8>> = Vec::new();
    query::find(&connection, &filter, &mut |r| {
        kept.push(r.name);
        std::ops::ControlFlow::Continue(())
    })?;
    let mut there: Vec<Vec<u8>> = std::fs::read_dir(&tree)?
        .map(|e| Ok(e?.file_name().into_encoded_bytes()))
        .collect::<std::io::Result<_>>()?;
    kept.sort();
    there.sort();
    println!(
        "burst of {BURST} files written, a third removed, a third renamed in {made:.1} s: all rows {:.1} s later, {} files, {}",
        behind.as_secs_f64(),
        there.len(),
        if kept == there {
            "final state exact"
        } else {
            "FINAL STATE DIFFERS"
        }
    );
    let hashed = until("the hashes of the burst", Duration::from_secs(300), || {
        let connection = index::store::open_to_read(&database)?;
        let filter = Filter {
            name: Glob::read(last),
            ..Filter::default()
        };
        let mut hashed = false;
        query::find(&connection, &filter, &mut |r| {
            hashed |= r.md5.is_some();
            std::ops::ControlFlow::Continue(())
        })?;
        Ok(hashed)
    })?;
    println!("hashes of the last {:.1} s later", hashed.as_secs_f64());
    // Idle: nothing changes but what the machine does by itself.
    let cpu = process.cpu()?;
    std::thread::sleep(Duration::from_secs(30));
    let idle = (process.cpu()? - cpu) / 30.0 * 100.0;
    println!(
        "idle: {idle:.2} % of a core over 30 s, {:.1} MB\n",
        process.memory()?.0
    );
    Ok(())
}

/// The share of the processor over a minute of hashing.
pub fn limit(bench: &Bench) -> Outcome<()> {
    println!("## Processor limit");
    let process = Process::start(bench, "limit", "CPUUsageLimit=5\n")?;
    process.reach(&[State::Indexing, State::Hashing], Duration::from_secs(60))?;
    let (began, cpu) = (Instant::now(), process.cpu()?);
    std::thread::sleep(Duration::from_secs(60));
    let share = (process.cpu()? - cpu) / began.elapsed().as_secs_f64() * 100.0;
    println!(
        "5 % asked: {share:.2} % of a core over a minute (aim 4 to 6); at most {:.1} MB\n",
        process.memory()?.1
    );
    Ok(())
}
