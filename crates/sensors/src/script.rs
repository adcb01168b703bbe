//! Script sensors: a declaration that carries its script, and the engine that runs it.
//!
//! A [`ScriptSensor`] is plain data and can come from a JSON file. Its parameters reach the script as environment
//! variables (`CORDON_PARAM_<KEY>`), never as part of a command line, so no value can become code. The script runs in
//! a process group of its own under limits of processor time and memory; at the wall time or when its output
//! is too much the whole group is killed. [`rows`] makes rows of what it printed.
//!
//! What a script could not look at it says on standard error, a line each: `missed denied PATH` where rights were missing,
//! `missed failed PATH: REASON` for anything else. All other text there is shown only when the script fails.

pub mod rows;
pub mod shipped;

#[cfg(unix)]
mod unix;
#[cfg(unix)]
use unix as engine;

#[cfg(not(unix))]
mod windows;
#[cfg(not(unix))]
use windows as engine;

use crate::framework::{Request, SensorError, Sink};
use question::catalogue::Sensor;
use serde::{Deserialize, Serialize};

/// Longest script in bytes: the system bounds a single argument at 128 KiB.
pub const SCRIPT_MAX: usize = 100 << 10;
/// Begins a line of standard error that tells what a script could not look at.
#[cfg(unix)]
const MISSED: &str = "missed ";

/// What runs the script.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Interpreter {
    /// `/bin/sh`.
    Shell,
    /// `python3`, without the user's own modules.
    Python,
    /// `pwsh`.
    PowerShell,
}

/// How the script prints rows.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Output {
    /// One JSON value a line: an array of cells, or an object with the columns' names as keys.
    JsonLines,
    /// One row a line, cells between delimiters.
    Delimited(String),
}

/// A sensor whose rows a script prints.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ScriptSensor {
    /// The declaration, as for any sensor.
    pub sensor: Sensor,
    /// What runs the script.
    pub interpreter: Interpreter,
    /// The script.
    pub script: String,
    /// How it prints rows.
    pub output: Output,
}

impl ScriptSensor {
    /// Reads a declaration from JSON and checks it.
    ///
    /// # Errors
    /// [`SensorError::Form`] when it is not one or does not hold together.
    pub fn from_json(json: &[u8]) -> Result<Self, SensorError> {
        let form = |problem: String| SensorError::Form {
            what: "script sensor".into(),
            problem,
        };
        let made: Self = serde_json::from_slice(json).map_err(|e| form(e.to_string()))?;
        made.check().map_err(form)?;
        Ok(made)
    }

    /// What is wrong with the declaration, if anything is.
    ///
    /// # Errors
    /// A sentence for people.
    pub fn check(&self) -> Result<(), String> {
        if self.sensor.name.trim().is_empty() || self.sensor.columns.is_empty() {
            return Err("a sensor needs a name and at least one column".into());
        }
        if self.script.len() > SCRIPT_MAX || self.script.contains('\0') {
            return Err(format!(
                "a script has at most {SCRIPT_MAX} bytes and no byte of value zero"
            ));
        }
        if matches!(&self.output, Output::Delimited(d) if d.is_empty()) {
            return Err("the delimiter must not be empty".into());
        }
        let mut seen = std::collections::BTreeSet::new();
        for p in &self.sensor.parameters {
            if !seen.insert(variable(&p.key)) {
                return Err(format!(
                    "two parameters would both be {} in the environment",
                    variable(&p.key)
                ));
            }
        }
        Ok(())
    }

    /// Runs the script and adds its rows.
    ///
    /// # Errors
    /// A limit that was hit (rows until then are in the sink), a script that failed, or no such interpreter here.
    pub fn collect(&self, request: &Request, sink: &mut Sink) -> Result<(), SensorError> {
        let mut environment = Vec::new();
        for (at, p) in self.sensor.parameters.iter().enumerate() {
            let value = match request.parameter(at) {
                "" => p.default.clone().unwrap_or_default(),
                value => value.to_owned(),
            };
            if value.contains('\0') {
                return Err(SensorError::Parameter {
                    key: p.key.clone(),
                    problem: "must not contain a byte of value zero".into(),
                });
            }
            environment.push((variable(&p.key), value));
        }
        self.collect_with(&environment, sink)
    }

    /// As [`collect`](Self::collect), with this environment in place of parameters.
    ///
    /// # Errors
    /// The same.
    pub fn collect_with(
        &self,
        environment: &[(String, String)],
        sink: &mut Sink,
    ) -> Result<(), SensorError> {
        self.check().map_err(|problem| SensorError::Form {
            what: self.sensor.name.clone(),
            problem,
        })?;
        let mut reader = rows::Reader::new(&self.sensor.columns, &self.output, &self.sensor.name);
        engine::run(self, environment, &mut reader, sink)
    }
}

/// Notes what a script says that it could not look at.
#[cfg(unix)]
fn missed(errors: &[u8], notes: &crate::framework::Notes) {
    let text = String::from_utf8_lossy(errors);
    for line in text.lines().filter_map(|line| line.strip_prefix(MISSED)) {
        match line.split_once(' ') {
            Some(("denied", path)) => notes.add(SensorError::Denied { what: path.into() }),
            Some(("failed", what)) => notes.add(SensorError::Several {
                denied: false,
                words: format!("cannot read {what}"),
            }),
            _ => {}
        }
    }
    if errors.len() >= crate::group::STDERR_MAX && text.contains(MISSED) {
        notes.add(SensorError::Several {
            denied: false,
            words: "the script says more on standard error than is read".into(),
        });
    }
}

/// The environment variable of a parameter: upper case, anything but letters and digits as underscore.
#[must_use]
pub fn variable(key: &str) -> String {
    let key = key.chars().map(|c| {
        if c.is_ascii_alphanumeric() {
            c.to_ascii_uppercase()
        } else {
            '_'
        }
    });
    format!("CORDON_PARAM_{}", key.collect::<String>())
}
