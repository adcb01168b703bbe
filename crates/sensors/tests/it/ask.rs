//! Running sensors and tools.

use question::ast::Row;
use question::catalogue::Limits;
use sensors::framework::{Request, Run, SensorError};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

/// Runs a sensor with its declared limits.
pub fn run(sensor: &str, parameters: &[&str]) -> (Vec<Row>, Result<(), SensorError>) {
    let catalogue = sensors::catalogue();
    let declared = catalogue
        .sensor(sensor)
        .unwrap_or_else(|| panic!("{sensor} is not declared"));
    run_with(sensor, parameters, declared.limits, Arc::default())
}

/// Runs a sensor; the outcome is an error where the rows are not all.
pub fn run_with(
    sensor: &str,
    parameters: &[&str],
    limits: Limits,
    cancelled: Arc<AtomicBool>,
) -> (Vec<Row>, Result<(), SensorError>) {
    run_all(sensor, parameters, limits, cancelled).whole()
}

/// Runs a sensor; parameters that are not given have their declared defaults.
pub fn run_all(
    sensor: &str,
    parameters: &[&str],
    limits: Limits,
    cancelled: Arc<AtomicBool>,
) -> Run {
    let catalogue = sensors::catalogue();
    let declared = catalogue
        .sensor(sensor)
        .unwrap_or_else(|| panic!("{sensor} is not declared"));
    let request = Request {
        parameters: declared
            .parameters
            .iter()
            .enumerate()
            .map(|(at, p)| match parameters.get(at) {
                Some(given) => (*given).to_owned(),
                None => p.default.clone().expect("a required parameter"),
            })
            .collect(),
        ..Request::default()
    };
    let run = sensors::run(&declared.name, &request, limits, cancelled);
    for row in &run.rows {
        assert_eq!(row.len(), declared.columns.len(), "cells of {sensor}");
        for (cell, column) in row.iter().zip(&declared.columns) {
            let text = question::cell::text(cell);
            if !text.is_empty() {
                question::value::parse_check(&text, column.value_type)
                    .unwrap_or_else(|e| panic!("{sensor}:{} = {text:?}: {e}", column.name));
            }
        }
    }
    run
}

/// All rows of a run that came to its end, as text. A machine may have processes that not even the superuser may look
/// into: what those tell is for the tests of [`crate::sight`].
pub fn rows(sensor: &str, parameters: &[&str]) -> Vec<Vec<String>> {
    let catalogue = sensors::catalogue();
    let limits = catalogue.sensor(sensor).expect("it is declared").limits;
    let run = run_all(sensor, parameters, limits, Arc::default());
    run.outcome.unwrap_or_else(|e| panic!("{sensor}: {e}"));
    text(&run.rows)
}

/// Rows as text.
pub fn text(rows: &[Row]) -> Vec<Vec<String>> {
    rows.iter()
        .map(|r| {
            r.iter()
                .map(|c| question::cell::text(c).into_owned())
                .collect()
        })
        .collect()
}

/// Output of a tool that must succeed.
pub fn tool(program: &str, arguments: &[&str]) -> Vec<u8> {
    let output = Command::new(program)
        .args(arguments)
        .env("LC_ALL", "C")
        .env("TZ", "UTC")
        .output()
        .unwrap_or_else(|e| panic!("{program} cannot be run: {e}"));
    assert!(
        output.status.success(),
        "{program} {arguments:?}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    output.stdout
}

/// A child process that ends with its owner.
pub struct Running(pub Child);

impl Running {
    /// Starts a command that waits on its standard input, which stays open as long as this lives.
    pub fn start(command: &mut Command) -> Self {
        Self(
            command
                .stdin(Stdio::piped())
                .stdout(Stdio::piped())
                .spawn()
                .expect("the command can be started"),
        )
    }

    /// Its process id.
    pub fn id(&self) -> u32 {
        self.0.id()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended by itself.
        self.0.kill().ok();
        self.0.wait().ok();
    }
}
