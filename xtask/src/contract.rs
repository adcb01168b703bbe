//! The API against its own document: schemathesis asks a real server what the document allows, and what it does not, and looks whether
//! every reply is one that the document describes. What it may not know (that a text must be a question) is in `contract/schemathesis.toml`.
//!
//! The server has a data folder of its own, a few simulated endpoints and an answered question, so that there is something to find.

use crate::packages;
use crate::shell::{cargo, root, run, target_dir, works};
use crate::world::World;
use anyhow::{Context, Result};
use std::path::PathBuf;
use std::process::Command;

/// Examples for each operation among the tests.
pub const FEW: u32 = 12;
/// Examples for each operation, unless told.
pub const MANY: u32 = 150;

/// An operation that may end the token that all others are tried with; it is tried last.
const LAST: &str = "delete_api_token";

/// Runs all of it. The examples are the same each time unless a seed is given.
pub fn check(examples: u32, seed: u64) -> Result<()> {
    let tool = tool()?;
    cargo(&["build", "--locked", "--package", "cordon"])?;
    let place = target_dir().join("contract/world");
    let world = World::start(&place)?;
    let run_tool = |token: &str, filter: [&str; 2], examples: u32| {
        run(Command::new(&tool)
            .arg("--config-file")
            .arg(root().join("xtask/contract/schemathesis.toml"))
            .args(["run", &format!("{}/api/v1/openapi.json", world.http)])
            .args(["--url", &world.http])
            .arg("--tls-verify=false")
            .args(["--max-examples", &examples.to_string()])
            .args(["--seed", &seed.to_string()])
            .args(filter)
            .current_dir(&place)
            .env("CONTRACT_TOKEN", token)
            // The address is this machine's, and its certificate the server's own.
            .env("PYTHONWARNINGS", "ignore"))
    };
    run_tool(&world.token, ["--exclude-operation-id", LAST], examples)?;
    run_tool(&world.token, ["--include-operation-id", LAST], examples)?;
    world.end()
}

/// Installs schemathesis where it is missing or another version.
fn tool() -> Result<PathBuf> {
    let venv = target_dir().join("contract/venv");
    let wanted = root().join("xtask/contract/requirements.txt");
    let text = std::fs::read_to_string(&wanted)
        .with_context(|| format!("cannot read {}", wanted.display()))?;
    let mark = venv.join("installed.txt");
    let tool = venv.join("bin/schemathesis");
    if std::fs::read_to_string(&mark).is_ok_and(|held| held == text) {
        return Ok(tool);
    }
    if !works("python3", &["-c", "import venv, ensurepip"]) {
        packages::these(&["python3-venv"])?;
    }
    run(Command::new("python3")
        .args(["-m", "venv", "--clear"])
        .arg(&venv))?;
    run(Command::new(venv.join("bin/python"))
        .args([
            "-m",
            "pip",
            "install",
            "--quiet",
            "--disable-pip-version-check",
        ])
        .arg("--requirement")
        .arg(&wanted))?;
    std::fs::write(&mark, text).with_context(|| format!("cannot write {}", mark.display()))?;
    Ok(tool)
}
