//! Scripts of packs with known input, run by the engine that runs them on endpoints.

use ::content::fixture::{Prepared, Ran, Runner};
use ::content::objects::{Interpreter, Output};
use ::sensors::framework::Sink;
use ::sensors::script::{self, ScriptSensor};
use question::catalogue::{Limits, Sensor, ValueType};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

/// Names the folder in which a fixture's files lie.
const ROOT: &str = "CORDON_ROOT";
/// Most of it is address space for the interpreter.
const MEMORY: u64 = 256 << 20;

/// This machine.
pub(super) struct Here;

impl Runner for Here {
    fn run(&mut self, prepared: &Prepared<'_>) -> Result<Ran, String> {
        let folder = tempfile::tempdir().map_err(|e| format!("no folder for its files: {e}"))?;
        for (path, content) in &prepared.files {
            lay(folder.path(), path, content)
                .map_err(|e| format!("its file {path} cannot be made: {e}"))?;
        }
        let text = std::str::from_utf8(prepared.script)
            .map_err(|_| "the script is no text in UTF-8".to_owned())?;
        let sensor = prepared.columns.iter().fold(
            Sensor::new(prepared.name, "Content", "A fixture."),
            |sensor, column| sensor.column(column, ValueType::Text, ""),
        );
        let script = ScriptSensor {
            sensor,
            interpreter: match prepared.interpreter {
                Interpreter::Sh => script::Interpreter::Shell,
                Interpreter::Python => script::Interpreter::Python,
                Interpreter::PowerShell => script::Interpreter::PowerShell,
            },
            script: text.to_owned(),
            output: match &prepared.output {
                Output::JsonLines(_) => script::Output::JsonLines,
                Output::Delimited(by) => script::Output::Delimited(by.as_str().to_owned()),
            },
        };
        let mut environment: Vec<(String, String)> =
            prepared.environment.clone().into_iter().collect();
        environment.push((ROOT.to_owned(), folder.path().display().to_string()));
        let limits = Limits {
            memory: MEMORY,
            ..Limits::default()
        };
        let mut sink = Sink::new(limits, Arc::new(AtomicBool::new(false)));
        let outcome = script.collect_with(&environment, &mut sink);
        let run = sink.finish(outcome);
        let cell = |cell: &question::Cell| String::from_utf8_lossy(cell).into_owned();
        Ok(Ran {
            rows: run
                .rows
                .iter()
                .map(|row| row.iter().map(cell).collect())
                .collect(),
            error: run.outcome.err().map(|error| error.to_string()),
        })
    }
}

/// Paths of a pack were checked: they lead nowhere else.
fn lay(root: &Path, path: &str, content: &str) -> std::io::Result<()> {
    let file = root.join(path.trim_start_matches('/'));
    if let Some(folder) = file.parent() {
        std::fs::create_dir_all(folder)?;
    }
    std::fs::write(file, content)
}
