//! Trying scripts with known input: which runs there are, and whether what came out is what should.
//!
//! How a script is run is not known here: whoever can run one implements [`Runner`].

use crate::name::Key;
use crate::objects::{Encoding, Fixture, Interpreter, Nothing, Object, Output, Platform, Run};
use crate::pack::Pack;
use serde::Serialize;
use std::collections::BTreeMap;

/// Rows of a difference that are told; the others are counted.
const MOST_TOLD: usize = 20;

/// A run that is to be made.
#[derive(Clone, Debug, PartialEq)]
pub struct Prepared<'p> {
    /// The sensor or package.
    pub key: &'p Key,
    /// What is tried.
    pub name: &'p str,
    /// What runs the script.
    pub interpreter: Interpreter,
    /// The script.
    pub script: &'p [u8],
    /// How it prints rows.
    pub output: Output,
    /// How its output is to be read.
    pub encoding: Encoding,
    /// Names of the columns; for a package the one column is a line of output.
    pub columns: Vec<&'p str>,
    /// Environment: parameters, and what the fixture adds. `CORDON_ROOT`, the folder in which the files lie, is the runner's to add.
    pub environment: BTreeMap<String, String>,
    /// Files by their path below that folder.
    pub files: BTreeMap<&'p str, &'p str>,
}

/// What a run gave.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ran {
    /// Its rows.
    pub rows: Vec<Vec<String>>,
    /// Its error, where it failed.
    pub error: Option<String>,
}

/// Whoever can run scripts.
pub trait Runner {
    /// Runs one.
    ///
    /// # Errors
    /// Why it could not be started at all, as where there is no such interpreter.
    fn run(&mut self, prepared: &Prepared<'_>) -> Result<Ran, String>;
}

/// What came of a fixture.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Tried {
    /// The sensor or package.
    pub key: Key,
    /// The fixture.
    pub name: String,
    /// What came of it.
    pub verdict: Verdict,
}

/// Whether a run gave what it should.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case", tag = "verdict")]
pub enum Verdict {
    /// It did.
    Passed,
    /// It gave other rows.
    Differs {
        /// Rows that it should have given and did not.
        missing: Vec<Vec<String>>,
        /// Rows that it should not have given.
        unexpected: Vec<Vec<String>>,
        /// Further rows of both sorts that are not told.
        more: usize,
    },
    /// It failed, or did not where it should, or with other words.
    Failed {
        /// What it said.
        error: String,
    },
    /// It could not be started.
    NotRun {
        /// Why.
        reason: String,
    },
}

/// The environment variable of a parameter, as the engine of scripts on endpoints names it: upper case, anything but letters and digits
/// as underscore.
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

/// Tries all fixtures of a pack that are for a platform.
pub fn try_pack(pack: &Pack, platform: Platform, runner: &mut impl Runner) -> Vec<Tried> {
    let mut tried = Vec::new();
    for (key, object) in &pack.objects {
        let fixtures = match object {
            Object::Sensor(sensor) => &sensor.fixtures,
            Object::Package(package) => &package.fixtures,
            _ => continue,
        };
        for fixture in fixtures.iter().filter(|f| f.platform == platform) {
            let verdict = match prepare(pack, key, object, fixture) {
                Ok(prepared) => match runner.run(&prepared) {
                    Ok(ran) => judge(fixture, &ran),
                    Err(reason) => Verdict::NotRun { reason },
                },
                Err(reason) => Verdict::NotRun { reason },
            };
            tried.push(Tried {
                key: key.clone(),
                name: fixture.name.as_str().into(),
                verdict,
            });
        }
    }
    tried
}

/// The run of a fixture.
///
/// # Errors
/// Why there is none.
fn prepare<'p>(
    pack: &'p Pack,
    key: &'p Key,
    object: &'p Object,
    fixture: &'p Fixture,
) -> Result<Prepared<'p>, String> {
    let body = |text: &'p Option<crate::form::LongText>, file: &'p Option<crate::form::FileRef>| {
        let inline = text.as_ref().map(|t| t.as_str().as_bytes());
        let beside = || Some(&*pack.files.get(&file.as_ref()?.path)?.bytes);
        inline
            .or_else(beside)
            .ok_or_else(|| "its script is not there".to_owned())
    };
    let mut environment: BTreeMap<String, String> = BTreeMap::new();
    let (interpreter, script, output, encoding, columns) = match object {
        Object::Sensor(sensor) => {
            let made = sensor
                .script(fixture.platform)
                .ok_or("it has no script there")?;
            for parameter in &sensor.parameters {
                let default = parameter.default.as_ref().map_or("", |d| d.as_str());
                environment.insert(variable(parameter.key.as_str()), default.to_owned());
            }
            let columns = sensor.columns.iter().map(|c| c.name.as_str()).collect();
            let script = body(&made.text, &made.file)?;
            (
                made.interpreter,
                script,
                made.output.clone(),
                made.encoding,
                columns,
            )
        }
        Object::Package(package) => {
            let Some(Run::Script(made)) = package.run(fixture.platform) else {
                return Err("only scripts are tried".into());
            };
            // A whole line is one cell: nothing that a line holds ends it.
            let lines = Output::JsonLines(Nothing);
            (
                made.interpreter,
                body(&made.text, &made.file)?,
                lines,
                Encoding::Utf8,
                Vec::new(),
            )
        }
        _ => return Err("nothing of it runs".into()),
    };
    for (key, value) in &fixture.parameters {
        environment.insert(variable(key), value.as_str().to_owned());
    }
    for (key, value) in &fixture.environment {
        environment.insert(key.clone(), value.as_str().to_owned());
    }
    let files = fixture
        .files
        .iter()
        .map(|(path, text)| (path.trim_start_matches('/'), text.as_str()))
        .collect();
    Ok(Prepared {
        key,
        name: fixture.name.as_str(),
        interpreter,
        script,
        output,
        encoding,
        columns,
        environment,
        files,
    })
}

/// Whether a run gave what its fixture says. The order of rows does not count; how often each came does.
#[must_use]
pub fn judge(fixture: &Fixture, ran: &Ran) -> Verdict {
    match (&fixture.fails, &ran.error) {
        (Some(words), Some(error)) if error.contains(words.as_str()) => {}
        (None, None) => {}
        (_, Some(error)) => {
            return Verdict::Failed {
                error: error.clone(),
            };
        }
        (Some(_), None) => {
            return Verdict::Failed {
                error: "it did not fail".into(),
            };
        }
    }
    let mut counts: BTreeMap<Vec<String>, i64> = BTreeMap::new();
    for row in &fixture.rows {
        let cells = row.iter().map(|cell| cell.as_str().to_owned()).collect();
        *counts.entry(cells).or_default() += 1;
    }
    for row in &ran.rows {
        *counts.entry(row.clone()).or_default() -= 1;
    }
    let (mut missing, mut unexpected, mut more) = (Vec::new(), Vec::new(), 0);
    for (row, count) in counts {
        let list = if count > 0 {
            &mut missing
        } else {
            &mut unexpected
        };
        for _ in 0..count.unsigned_abs() {
            if list.len() < MOST_TOLD {
                list.push(row.clone());
            } else {
                more += 1;
            }
        }
    }
    if missing.is_empty() && unexpected.is_empty() {
        Verdict::Passed
    } else {
        Verdict::Differs {
            missing,
            unexpected,
            more,
        }
    }
}
