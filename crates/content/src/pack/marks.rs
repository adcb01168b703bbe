//! What whoever imports a pack should know of it, though it is no fault.

use super::check::works_on;
use super::model::Pack;
use crate::form::LongText;
use crate::name::Key;
use crate::objects::{Interpreter, Object, Package, Platform, Run};
use serde::Serialize;

/// Something to know of an object.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Mark {
    /// The object.
    pub key: Key,
    /// What.
    pub why: Why,
}

/// What there is to know.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case", tag = "mark")]
pub enum Why {
    /// The package runs what a parameter holds: whoever may give its value can run anything.
    Powerful {
        /// Where.
        platform: String,
        /// How.
        reason: String,
    },
    /// The package runs where the action lock is on.
    IgnoresActionLock,
    /// The package waits for a file that the importer supplies.
    AwaitsFile {
        /// Its name.
        name: String,
    },
    /// The sensor has no fixture for a platform that it works on.
    Untried {
        /// The platform.
        platform: String,
    },
}

/// All marks of a pack.
#[must_use]
pub fn marks(pack: &Pack) -> Vec<Mark> {
    let mut found = Vec::new();
    for (key, object) in &pack.objects {
        let mut mark = |why: Why| {
            found.push(Mark {
                key: key.clone(),
                why,
            });
        };
        match object {
            Object::Package(package) => {
                let text = |path: &str| {
                    let blob = pack.files.get(path)?;
                    String::from_utf8(blob.bytes.to_vec()).ok()
                };
                for (platform, reason) in powerful(package, text) {
                    mark(Why::Powerful {
                        platform: platform.word().into(),
                        reason,
                    });
                }
                if package.ignore_action_lock {
                    mark(Why::IgnoresActionLock);
                }
                for file in &package.files {
                    if let Some(name) = &file.supplied {
                        mark(Why::AwaitsFile {
                            name: name.as_str().into(),
                        });
                    }
                }
            }
            Object::Sensor(sensor) => {
                for platform in works_on(sensor) {
                    if sensor.fixtures.iter().all(|f| f.platform != platform) {
                        mark(Why::Untried {
                            platform: platform.word().into(),
                        });
                    }
                }
            }
            _ => {}
        }
    }
    found
}

/// Programs that run text which they are given.
const SHELLS: &[&str] = &[
    "sh",
    "bash",
    "dash",
    "zsh",
    "ksh",
    "ash",
    "busybox",
    "python",
    "python3",
    "perl",
    "ruby",
    "node",
    "powershell",
    "pwsh",
    "cmd",
    "cscript",
    "wscript",
    "mshta",
    "osascript",
    "env",
    "sudo",
    "su",
    "eval",
    "xargs",
    "find",
    "awk",
    "ssh",
];

/// Words by which a script runs text.
const RUNS_TEXT: &[(Interpreter, &[&str])] = &[
    (
        Interpreter::Sh,
        &[
            "eval ",
            "sh -c",
            "bash -c",
            "source ",
            "xargs",
            "python",
            "perl",
            "awk",
            ". \"$CORDON_PARAM",
            ". $CORDON_PARAM",
        ],
    ),
    (
        Interpreter::Python,
        &[
            "exec(",
            "eval(",
            "shell=True",
            "os.system",
            "os.popen",
            "compile(",
        ],
    ),
    (
        Interpreter::PowerShell,
        &[
            "invoke-expression",
            "iex ",
            "iex(",
            "|iex",
            "| iex",
            "scriptblock]::create",
            "-encodedcommand",
            "-command",
            "cmd /c",
            "cmd.exe /c",
            "add-type",
        ],
    ),
];

/// On which platforms a package runs what a parameter holds, and how. `text` gives the text of a file of its pack.
///
/// It is found by how the package is written, so a script that hides what it does is not found; what is found is marked for approval.
pub fn powerful(
    package: &Package,
    text: impl Fn(&str) -> Option<String>,
) -> Vec<(Platform, String)> {
    let mut found = Vec::new();
    for (platform, run) in package.runs() {
        let reason = match run {
            Run::Command(command) => {
                let holds = |text: &str| text.contains("||");
                let program = command.program.as_str();
                let stem = program
                    .rsplit(['/', '\\'])
                    .next()
                    .unwrap_or(program)
                    .to_lowercase();
                let stem = stem.strip_suffix(".exe").unwrap_or(&stem);
                if holds(program) {
                    Some("a parameter names the program".to_owned())
                } else if SHELLS.contains(&stem)
                    && command.arguments.iter().map(LongText::as_str).any(holds)
                {
                    Some(format!("`{stem}` is given a parameter, which it may run"))
                } else {
                    None
                }
            }
            Run::Script(script) => {
                let own = script.text.as_ref().map(|t| t.as_str().to_owned());
                let body = own.or_else(|| text(&script.file.as_ref()?.path));
                body.and_then(|body| runs_parameter(script.interpreter, &body))
            }
            Run::Job(_) => None,
        };
        if let Some(reason) = reason {
            found.push((platform, reason));
        }
    }
    found
}

fn runs_parameter(interpreter: Interpreter, body: &str) -> Option<String> {
    if !body.contains("CORDON_PARAM_") {
        return None;
    }
    let lower = body.to_lowercase();
    let (_, words) = RUNS_TEXT.iter().find(|(i, _)| *i == interpreter)?;
    let word = words.iter().find(|w| lower.contains(&w.to_lowercase()))?;
    Some(format!(
        "the script takes parameters and runs text (`{}`)",
        word.trim()
    ))
}
