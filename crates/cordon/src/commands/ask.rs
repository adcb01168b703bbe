//! `cordon ask`: a question to the fleet, or to this machine alone.

use super::explain::{self, Understood};
use super::follow::{self, Live};
use crate::api::{ApiError, ApiQuestion, Client};
use crate::args::{AskArgs, Output};
use crate::output::{self, Table};
use crate::{EXIT_EMPTY, EXIT_ERROR};
use anyhow::{Context, Result, bail};
use question::{ParseError, Reading, cell};
use serde_json::json;
use std::collections::BTreeMap;
use std::io::IsTerminal;
use std::process::ExitCode;

/// Runs the command.
pub fn run(args: AskArgs) -> Result<ExitCode> {
    let text = args.text.join(" ");
    let form = args.output.unwrap_or(Output::Table);
    if args.explain {
        return explain::run(&text, form);
    }
    let as_json = matches!(form, Output::Json | Output::Jsonl);
    // Sensors and groups that only the server knows are the server's to resolve: it has the last word on formal questions.
    let text = match explain::understand(&text, &::sensors::catalogue()) {
        Ok(Understood::Readings(readings)) => match choose(&readings, args.best)? {
            Some(chosen) => chosen,
            None => return Ok(ExitCode::from(EXIT_ERROR)),
        },
        Err(error) if args.local => {
            explain::report(&text, &error, as_json)?;
            return Ok(ExitCode::from(EXIT_ERROR));
        }
        Ok(Understood::Question(_)) | Err(_) => text,
    };
    if args.local {
        local(&text, form)
    } else {
        super::runtime()?.block_on(remote(&text, form, &args))
    }
}

/// Lets the person choose among readings; without a terminal nothing is guessed.
fn choose(readings: &[Reading], best: bool) -> Result<Option<String>> {
    if best || readings.len() == 1 {
        return Ok(readings.first().map(|r| r.canonical.clone()));
    }
    let interactive = std::io::stdin().is_terminal() && std::io::stderr().is_terminal();
    anstream::eprintln!("This can be read as:");
    for (at, reading) in readings.iter().enumerate() {
        anstream::eprintln!("  {}  {}", at + 1, reading.canonical);
    }
    if !interactive {
        anstream::eprintln!("cordon: give one of these, or `--best` to take the first");
        return Ok(None);
    }
    anstream::eprint!("Which one [1]? ");
    let mut line = String::new();
    std::io::stdin()
        .read_line(&mut line)
        .context("cannot read the choice")?;
    let number = if line.trim().is_empty() {
        1
    } else {
        line.trim()
            .parse::<usize>()
            .context("this is no number of the list")?
    };
    let reading = number
        .checked_sub(1)
        .and_then(|at| readings.get(at))
        .context("this number is not in the list")?;
    Ok(Some(reading.canonical.clone()))
}

fn local(text: &str, form: Output) -> Result<ExitCode> {
    let answer = ::agent::local::ask_with(text, super::native_sensors()?)?;
    let mut tables = Vec::new();
    for (plan, rows) in answer.plan.tables.iter().zip(&answer.tables) {
        let rows = rows
            .iter()
            .map(|r| {
                (
                    r.iter().map(|c| cell::text(c).into_owned()).collect(),
                    Some(1),
                )
            })
            .collect();
        tables.push(Table {
            title: plan.title.clone(),
            columns: plan.columns.iter().map(|c| c.name.clone()).collect(),
            rows,
        });
    }
    let state = answer.state;
    let problems: Vec<_> = answer
        .problems
        .iter()
        .map(|p| json!({"sensor": p.sensor, "message": p.message}))
        .collect();
    for problem in &answer.problems {
        anstream::eprintln!(
            "cordon: {}: {}",
            problem.sensor,
            cell::printable(problem.message.as_bytes())
        );
    }
    let empty = tables.iter().all(|t| t.rows.is_empty());
    output::print(
        form,
        &tables,
        json!({"question": answer.question.to_string(), "state": state, "problems": problems}),
    )?;
    Ok(code(empty, !answer.problems.is_empty()))
}

/// An answer without a row is an error only when something went wrong on the way to it.
fn code(empty: bool, problems: bool) -> ExitCode {
    match (empty, problems) {
        (false, _) => ExitCode::SUCCESS,
        (true, false) => ExitCode::from(EXIT_EMPTY),
        (true, true) => ExitCode::from(EXIT_ERROR),
    }
}

async fn remote(text: &str, form: Output, args: &AskArgs) -> Result<ExitCode> {
    let client = Client::connect(&args.connection)?;
    let asked: Result<ApiQuestion> = client
        .post(
            "/questions",
            json!({"text": text, "expires_seconds": args.expires}),
        )
        .await;
    let question = match asked {
        Ok(question) => question,
        Err(error) => {
            let parse = error
                .downcast_ref::<ApiError>()
                .filter(|e| e.status == 422)
                .and_then(|e| serde_json::from_value::<ParseError>(e.details.clone()).ok());
            let Some(parse) = parse else {
                return Err(error);
            };
            explain::report(text, &parse, matches!(form, Output::Json | Output::Jsonl))?;
            return Ok(ExitCode::from(EXIT_ERROR));
        }
    };
    let live =
        std::io::stdout().is_terminal() && std::io::stderr().is_terminal() && form == Output::Table;
    let coverage = if live {
        let mut screen = Live::new(&question, args.rows, args.rare);
        let coverage = follow::follow(&client, &question, args.wait, |coverage, rows| {
            screen.change(coverage, rows)
        })
        .await;
        screen.finish();
        coverage?
    } else {
        follow::follow(&client, &question, args.wait, |_, _| {}).await?
    };
    let mut tables = follow::all_rows(&client, &question, args.rare).await?;
    let empty = tables.iter().all(|t| t.rows.is_empty());
    if coverage.values().sum::<u64>() == 0 {
        bail!(
            "no endpoint is enrolled yet: make a token with `cordon token create` and enrol a machine with `cordon enrol`"
        );
    }
    let mut hidden = 0;
    if live {
        for table in &mut tables {
            hidden += table.rows.len().saturating_sub(args.rows);
            table.rows.truncate(args.rows);
        }
    }
    output::print(
        form,
        &tables,
        json!({"question": question.text, "id": question.id, "coverage": coverage}),
    )?;
    if form == Output::Table {
        if hidden > 0 {
            anstream::eprintln!(
                "… {hidden} more rows: `--rows N` shows more, `--output csv` gives all"
            );
        }
        anstream::eprintln!("{}", follow::states(&coverage));
    }
    let failed: BTreeMap<_, _> = coverage
        .iter()
        .filter(|(state, n)| {
            **n > 0
                && !matches!(
                    state.as_str(),
                    "answered"
                        | "empty"
                        | "not_concerned"
                        | "not-concerned"
                        | "pending"
                        | "offline"
                )
        })
        .collect();
    Ok(code(empty, !failed.is_empty()))
}
