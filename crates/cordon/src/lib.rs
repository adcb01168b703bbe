//! The one binary: command line and composition. It holds no logic of its own; it is a library as well so that benchmarks and tests
//! use the same API client.
//!
//! Exit codes: 0 for success (`ask`: the answer has rows), 1 for an empty answer or a check that failed, 2 for an error, 3 for what was
//! done in part (`docs/states.md`).

#![cfg_attr(not(test), deny(clippy::indexing_slicing, clippy::string_slice))]

pub mod api;
mod args;
mod commands;
mod http;
mod output;
mod pins;
mod profile;

pub use commands::follow;

use clap::Parser;
use std::process::ExitCode;

/// The answer has no row.
const EXIT_EMPTY: u8 = 1;
/// What was checked is not as it should be.
const EXIT_UNSOUND: u8 = 1;
/// What was asked for was done in part: a volume of an image was not read, an endpoint did not answer yet.
const EXIT_PARTIAL: u8 = 3;
/// Something went wrong.
const EXIT_ERROR: u8 = 2;

/// What the status of an answer means, for its help.
const EXIT_HELP: &str = "Exit status: 0 there are rows; 1 there is none; 2 an error, or no row and something went wrong on endpoints;
3 incomplete: stopped, cancelled, or the server went away, before every connected endpoint had answered, or none could be asked";

/// Runs the command line.
#[must_use]
pub fn main() -> ExitCode {
    let cli = match args::Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => return unread(&error),
    };
    match commands::run(cli) {
        Ok(code) => code,
        Err(error) => {
            // A closed pipe (`cordon … | head`) is the reader's choice, not our failure.
            let broken_pipe = error
                .chain()
                .filter_map(|e| e.downcast_ref::<std::io::Error>())
                .any(|e| e.kind() == std::io::ErrorKind::BrokenPipe);
            if broken_pipe {
                return ExitCode::SUCCESS;
            }
            let text = output::told(&error);
            // Standard error may lie on a full disk: the exit status says it all the same.
            let written = std::io::Write::write_fmt(
                &mut anstream::stderr(),
                format_args!("cordon: {text}\n"),
            );
            drop(written);
            ExitCode::from(EXIT_ERROR)
        }
    }
}

/// Says what is wrong with what was typed and what to type instead, or the help that was asked for.
fn unread(error: &clap::Error) -> ExitCode {
    let typed = std::env::args_os().skip(1);
    let typed: Vec<String> = typed
        .map(|word| word.to_string_lossy().into_owned())
        .collect();
    // Where it cannot be written, the exit status says it all the same.
    match args::hint(error, &typed) {
        Some(hint) => {
            let hint = output::shown(&hint);
            let style = clap::builder::styling::AnsiColor::Red.on_default().bold();
            let (name, rest) = hint.split_once(' ').unwrap_or(("", &hint));
            let written = std::io::Write::write_fmt(
                &mut anstream::stderr(),
                format_args!("{style}{name}{style:#} {rest}"),
            );
            drop(written);
        }
        None => drop(error.print()),
    }
    ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(EXIT_ERROR))
}
