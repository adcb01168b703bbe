//! `cargo xtask bench index`: the Index against its peers, each pair in the same run.
//!
//! Parts, all by default, or those named: `inventory` (against updatedb), `hash` (against aide and sha256sum, page cache
//! warm), `cold` (against reading alone), `query` (a million rows), `lists` (100,000 and 10 million hashes), `live` (change
//! to answer, and a burst), `limit` (processor share over a minute, memory).

#![expect(clippy::print_stdout, reason = "a benchmark prints its figures")]

mod live;
mod peers;
mod rows;

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

type Outcome<T> = Result<T, Box<dyn std::error::Error>>;

/// Runs of each pair.
const RUNS: usize = 3;

fn main() -> Outcome<()> {
    let asked: Vec<String> = std::env::args()
        .skip(1)
        .filter(|a| a != "--bench")
        .collect();
    let wants = |part: &str| asked.is_empty() || asked.iter().any(|a| a == part);
    let cores = std::thread::available_parallelism()?.get();
    println!("{cores} processors; times in seconds, medians of {RUNS} runs\n");
    let folder = tempfile::tempdir()?;
    let bench = Bench {
        program: PathBuf::from(env!("CARGO_BIN_EXE_cordon")),
        folder: folder.path().to_owned(),
    };
    if wants("inventory") {
        peers::inventory(&bench)?;
    }
    if wants("hash") {
        peers::hash(&bench)?;
    }
    if wants("cold") {
        peers::cold(&bench)?;
    }
    if wants("query") {
        rows::query(&bench)?;
    }
    if wants("lists") {
        rows::lists(&bench)?;
    }
    if wants("live") {
        live::changes(&bench)?;
    }
    if wants("limit") {
        live::limit(&bench)?;
    }
    Ok(())
}

struct Bench {
    program: PathBuf,
    folder: PathBuf,
}

impl Bench {
    fn path(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    /// `cordon index …`.
    fn index(&self, args: &[&str]) -> Command {
        let mut command = Command::new(&self.program);
        command.arg("index").args(args).env("CORDON_LOG", "warn");
        command
    }
}

/// Seconds that a command takes; its output is dropped. Fails when it does.
fn time(command: &mut Command) -> Outcome<f64> {
    let began = Instant::now();
    let status = command
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()?;
    let took = began.elapsed().as_secs_f64();
    if !status.success() {
        return Err(format!("{command:?} failed: {status}").into());
    }
    Ok(took)
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}

/// The value below which this share of all lies.
fn quantile(values: &mut [f64], share: f64) -> f64 {
    values.sort_by(f64::total_cmp);
    let at = ((values.len() as f64 * share).ceil() as usize).clamp(1, values.len().max(1));
    values.get(at - 1).copied().unwrap_or(f64::NAN)
}

fn delete(database: &Path) {
    // Nothing there is as good.
    index::store::delete(database).ok();
}

/// Waits until `done` answers true, asking every few milliseconds.
fn until(
    what: &str,
    patience: Duration,
    mut done: impl FnMut() -> Outcome<bool>,
) -> Outcome<Duration> {
    let began = Instant::now();
    while !done()? {
        if began.elapsed() > patience {
            return Err(format!("{what} did not come within {patience:?}").into());
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    Ok(began.elapsed())
}
