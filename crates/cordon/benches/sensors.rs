//! `cargo xtask bench sensors [--beside PROGRAM] [NAME…]`: how long each sensor takes on this machine, as a whole process.
//!
//! Each is asked its own example, without a server. With `--beside`, an older program is asked the same in turn, and what takes more
//! than [`MUCH`] times as long as there is named at the end. What is over within [`SHORT`] is start and output, and is not compared.

#![expect(clippy::print_stdout, reason = "a benchmark prints its figures")]

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;

/// Runs of each sensor with each program.
const RUNS: usize = 7;
/// Ratio from which a sensor is named.
const MUCH: f64 = 1.5;
/// Seconds below which a sensor is not compared.
const SHORT: f64 = 0.02;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut beside: Option<PathBuf> = None;
    let mut names = Vec::new();
    let mut args = std::env::args().skip(1).filter(|arg| arg != "--bench");
    while let Some(arg) = args.next() {
        match arg.as_str() {
            "--beside" => beside = Some(args.next().ok_or("--beside wants a program")?.into()),
            _ => names.push(arg),
        }
    }
    let own = PathBuf::from(env!("CARGO_BIN_EXE_cordon"));
    let catalogue = sensors::catalogue();
    println!("seconds, medians of {RUNS} runs of a whole process\n");
    println!(
        "{:<40} {:>8} {:>8} {:>6}",
        "sensor", "now", "before", "ratio"
    );
    let mut slower = Vec::new();
    for sensor in catalogue.sensors() {
        let wanted = names.is_empty()
            || names
                .iter()
                .any(|name| name.eq_ignore_ascii_case(&sensor.name));
        if !sensor.platforms.includes_this() || !wanted {
            continue;
        }
        let (mut now, mut before) = (Vec::new(), Vec::new());
        for _ in 0..RUNS {
            now.extend(time(&own, &sensor.example)?);
            if let Some(beside) = &beside {
                before.extend(time(beside, &sensor.example)?);
            }
        }
        let (now, before) = (median(now), median(before));
        let ratio = now.zip(before).map(|(now, before)| now / before);
        println!(
            "{:<40} {} {} {}",
            sensor.name,
            cell(now, 8, 4),
            cell(before, 8, 4),
            cell(ratio, 6, 2)
        );
        if ratio.is_some_and(|ratio| ratio > MUCH) && now.is_some_and(|now| now > SHORT) {
            slower.push(sensor.name.as_str());
        }
    }
    if beside.is_some() {
        println!(
            "\nmore than {MUCH} times as long as before: {}",
            if slower.is_empty() {
                "none".to_owned()
            } else {
                slower.join(", ")
            }
        );
    }
    Ok(())
}

/// Seconds that a question takes; none where the program does not know it or fails.
fn time(program: &Path, question: &str) -> std::io::Result<Option<f64>> {
    let began = Instant::now();
    let status = Command::new(program)
        .args(["ask", "--local", "--output", "jsonl", question])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()?;
    let took = began.elapsed().as_secs_f64();
    // 1 says that there are no rows.
    Ok(matches!(status.code(), Some(0 | 1)).then_some(took))
}

fn median(mut values: Vec<f64>) -> Option<f64> {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied()
}

fn cell(value: Option<f64>, width: usize, digits: usize) -> String {
    match value {
        Some(value) => format!("{value:>width$.digits$}"),
        None => format!("{:>width$}", "-"),
    }
}
