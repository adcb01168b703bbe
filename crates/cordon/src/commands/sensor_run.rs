//! `cordon sensor-run`: the process of one sensor. The agent starts it and talks to it over its standard input and output.

use ::agent::evaluate::apart::{Program, serve};
use ::agent::evaluate::source::Native;
use anyhow::{Context, Result};

/// What makes this program run a sensor.
const COMMAND: &str = "sensor-run";

/// Runs the command.
pub fn run() -> Result<()> {
    serve::serve(std::io::stdin().lock(), std::io::stdout())?;
    Ok(())
}

/// Sensors that run in this program again where their results are large.
pub fn native() -> Result<Native> {
    let program = Program::own(&[COMMAND]).context("cannot find this program's own file")?;
    Ok(Native::apart(program))
}
