//! `cordon ask`: a question to the fleet, or to this machine alone.

use super::explain::{self, Understood};
use super::follow::{self, Live};
use super::{problems, rows};
use crate::api::{ApiError, ApiQuestion, Client};
use crate::args::{AskArgs, Output};
use crate::http::HttpError;
use crate::output::{self, Table};
use crate::{EXIT_EMPTY, EXIT_ERROR};
use ::api::EndpointState;
use ::api::question::ToAsk;
use anyhow::{Context, Result, bail};
use question::{Reading, cell};
use serde_json::json;
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
        Ok(Understood::Question(question)) => {
            explain::warn(&question::warnings(&question, &::sensors::catalogue()));
            text
        }
        Err(_) => text,
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
            cell::printable(problem.sensor.as_bytes()),
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
    let asked = ToAsk {
        text: text.to_owned(),
        expires_seconds: args.expires,
        targets: None,
    };
    let question: ApiQuestion = match client.post("/questions", asked).await {
        Ok(question) => question,
        Err(error) => {
            let place = error
                .downcast_ref::<ApiError>()
                .and_then(|e| e.details.clone());
            if let Some(place) = place {
                let as_json = matches!(form, Output::Json | Output::Jsonl);
                explain::report(text, &place.into(), as_json)?;
                return Ok(ExitCode::from(EXIT_ERROR));
            }
            return Err(doubtful(error));
        }
    };
    // First of all, so that the answer can be had whatever happens to this process.
    anstream::eprintln!(
        "cordon: question {id} is asked; `cordon questions show {id}` shows its answer later too",
        id = question.id
    );
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
    if coverage.values().sum::<u64>() == 0 {
        bail!(
            "no endpoint is enrolled yet: make a token with `cordon token create` and enrol a machine with `cordon enrol`"
        );
    }
    let how = rows::Form {
        output: form,
        rare: args.rare,
        most: if live { args.rows } else { usize::MAX },
    };
    let extra = problems::beside(&client, &question, &coverage, form).await?;
    let printed = rows::print(&client, &question, how, extra).await?;
    if form == Output::Table {
        if printed.hidden > 0 {
            anstream::eprintln!(
                "… {} more rows: `--rows N` shows more, `--output csv` gives all",
                printed.hidden
            );
        }
        anstream::eprintln!("{}", follow::states(&coverage));
    }
    problems::tell(&client, &question).await;
    let failed = coverage
        .iter()
        .any(|(state, count)| *count > 0 && went_wrong(*state));
    Ok(code(printed.rows == 0, failed))
}

/// Whether something went wrong there; an endpoint that did not get to answer is no failure of the question.
fn went_wrong(state: EndpointState) -> bool {
    !matches!(
        state,
        EndpointState::Answered
            | EndpointState::Empty
            | EndpointState::NotConcerned
            | EndpointState::Pending
            | EndpointState::Offline
    )
}

/// Asking twice makes two questions, so it is not done by itself: says where it is not known whether the first try came through.
fn doubtful(error: anyhow::Error) -> anyhow::Error {
    let unknown = error
        .downcast_ref::<HttpError>()
        .is_some_and(|e| e.is_passing() && !e.is_unsent());
    if unknown {
        error.context(
            "it is not known whether the question was asked; `cordon questions` lists what was",
        )
    } else {
        error
    }
}
