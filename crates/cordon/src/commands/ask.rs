//! `cordon ask`: a question to the fleet, or to this machine alone.

use super::explain::{self, Understood};
use super::follow::{self, Wait};
use super::look::{Look, What, code};
use super::which::{self, Shown};
use crate::EXIT_ERROR;
use crate::api::{ApiError, ApiQuestion, Client};
use crate::args::AskArgs;
use crate::http::HttpError;
use crate::output::{self, How, Printer, Table, Tree};
use ::api::ValueType;
use ::api::answer::ProblemInfo;
use ::api::document::{QuestionHead, Tail};
use ::api::language::ReadingInfo;
use ::api::question::{Plan, ToAsk};
use ::api::table::{Head, Machines, Row, Value};
use anyhow::{Context, Result, bail};
use question::{Headings, cell};
use std::io::{IsTerminal, Read};
use std::process::ExitCode;

/// Longest question that is read from standard input, in bytes; the language has a limit of its own below it.
const TEXT_MAX: u64 = 1 << 20;

/// What is told of earlier questions.
const HISTORY: [(&str, ValueType); 4] = [
    ("Id", ValueType::Integer),
    ("Asked", ValueType::DateTime),
    ("Question", ValueType::Text),
    ("Coverage", ValueType::Text),
];

/// Runs the command.
pub fn run(args: AskArgs) -> Result<ExitCode> {
    let how = How::from(&args.printing);
    if args.history {
        return super::runtime()?.block_on(history(&args, &how));
    }
    let text = text(&args)?;
    if args.explain {
        return explain::run(&text, how.form, &args.connection);
    }
    if !args.local {
        return super::runtime()?.block_on(to_fleet(text, how, &args));
    }
    let text = match explain::here(&text) {
        Ok(understood) => match text_of(understood, &text, &how, &args)? {
            Some(text) => text,
            None => return Ok(ExitCode::from(EXIT_ERROR)),
        },
        Err(error) => {
            explain::report(&text, &error, how.form.is_json())?;
            return Ok(ExitCode::from(EXIT_ERROR));
        }
    };
    local(&text, &how, &args)
}

/// Asks the server. Sensors and groups that only it knows are its to resolve: it has the last word on formal questions, and on
/// free words, for it knows the machines by their names.
async fn to_fleet(text: String, how: How, args: &AskArgs) -> Result<ExitCode> {
    let client = Client::connect(&args.connection);
    let understood = match &client {
        Ok(client) if !explain::is_question(&text) => explain::at_server(client, &text)
            .await
            .unwrap_or_else(|_| explain::here(&text)),
        _ => explain::here(&text),
    };
    let text = match understood {
        Ok(understood) => match text_of(understood, &text, &how, args)? {
            Some(text) => text,
            None => return Ok(ExitCode::from(EXIT_ERROR)),
        },
        Err(_) => text,
    };
    remote(client?, &text, how, args).await
}

/// The text to ask, when it is known or chosen.
fn text_of(
    understood: Understood,
    text: &str,
    how: &How,
    args: &AskArgs,
) -> Result<Option<String>> {
    match understood {
        Understood::Readings(readings) => choose(&readings, args.best),
        Understood::Question(parsed) => {
            explain::warn(&parsed.warnings);
            // What cannot be printed so need not be asked.
            let headings = Headings::from(&parsed.plan);
            which::effective(&args.which, &which::own(&parsed.question.tail), &headings)?;
            What::of(args.problems, args.in_state).check(how, &Head::of(&parsed.plan))?;
            Ok(Some(text.to_owned()))
        }
    }
}

/// Lets the person choose among readings; without a terminal nothing is guessed.
fn choose(readings: &[ReadingInfo], best: bool) -> Result<Option<String>> {
    if best || readings.len() == 1 {
        let taken = readings.first().map(|r| r.canonical.clone());
        if let Some(taken) = &taken {
            anstream::eprintln!("cordon: read as: {}", cell::printable(taken.as_bytes()));
        }
        return Ok(taken);
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
    let read = std::io::stdin()
        .read_line(&mut line)
        .context("cannot read the choice")?;
    if read == 0 {
        anstream::eprintln!("\ncordon: nothing was chosen, and nothing is asked");
        return Ok(None);
    }
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

fn local(text: &str, how: &How, args: &AskArgs) -> Result<ExitCode> {
    let answer = ::agent::local::ask_with(text, super::native_sensors()?)?;
    for problem in &answer.problems {
        anstream::eprintln!(
            "cordon: {}: {}",
            cell::printable(problem.sensor.as_bytes()),
            cell::printable(problem.message.as_bytes())
        );
    }
    if args.problems {
        let table = Table::plain(
            "problems",
            &["Sensor", "Problem"],
            answer
                .problems
                .iter()
                .map(|p| vec![p.sensor.clone(), p.message.clone()]),
        );
        let empty = table.rows.is_empty();
        output::print(how.clone(), &[table], serde_json::Value::Null)?;
        return Ok(code(empty, false));
    }
    let mut plan = Plan::from(answer.plan);
    let tail = which::effective(&args.which, &answer.question.tail, &Headings::from(&plan))?;
    let places = tail.columns(&Headings::from(&plan));
    which::narrow(&mut plan, &tail);
    let heads = Head::of(&plan);
    let about = QuestionHead {
        text: answer.question.to_string(),
        ..QuestionHead::default()
    };
    let facts = serde_json::json!({"state": answer.state});
    let mut printer = Printer::new(how, Some(about), facts, &heads)?;
    let mut empty = true;
    for at in printer.wanted() {
        let (Some(head), Some(rows)) = (heads.get(at), answer.tables.get(at)) else {
            continue;
        };
        printer.tree(head, plan.tables.get(at).and_then(Tree::of))?;
        let by = places.get(at).and_then(Option::as_deref);
        // Each row is on this machine: on one.
        let shown = tail.count.is_none_or(|count| count.holds(1));
        for row in which::by(rows, by).into_iter().filter(|_| shown) {
            empty = false;
            let cells = row.iter().zip(&head.columns);
            let values = cells.map(|(c, column)| Value::of(&cell::text(c), column.value_type));
            printer.row(&Row {
                values: values.collect(),
                machines: Some(Machines {
                    count: 1,
                    endpoints: None,
                }),
            })?;
        }
    }
    let failed = !answer.problems.is_empty();
    let problems = answer.problems.into_iter().map(|problem| ProblemInfo {
        state: problem.state().unwrap_or(answer.state),
        sensor: problem.sensor,
        message: problem.message,
        count: 1,
        endpoints: Vec::new(),
    });
    printer.end(Some(&Tail {
        coverage: [(answer.state, 1)].into(),
        rows_cut: answer.rows_cut,
        problems: problems.collect(),
        ..Tail::default()
    }))?;
    Ok(code(empty, failed))
}

async fn remote(client: Client, text: &str, how: How, args: &AskArgs) -> Result<ExitCode> {
    let asked = ToAsk {
        text: text.to_owned(),
        expires_seconds: args.expires,
        targets: super::endpoints::ids(&client, &args.only).await?,
    };
    let mut question: ApiQuestion = match client.post("/questions", asked).await {
        Ok(question) => question,
        Err(error) => {
            let place = error
                .downcast_ref::<ApiError>()
                .and_then(|e| e.details.clone());
            if let Some(place) = place {
                explain::report(text, &place.into(), how.form.is_json())?;
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
    let shown = Shown::new(&args.which, &mut question)?;
    let look = Look {
        what: What::of(args.problems, args.in_state),
        how,
        shown,
        rare: args.rare,
        most: args.rows,
    };
    let wait = if args.follow {
        Some(Wait::End)
    } else {
        args.wait
    };
    look.follow(&client, &question, wait).await
}

/// The questions that this user asked last.
async fn history(args: &AskArgs, how: &How) -> Result<ExitCode> {
    let client = Client::connect(&args.connection)?;
    let most = u32::try_from(args.rows).unwrap_or(u32::MAX);
    let (asked, older) = super::questions::latest(&client, true, None, most).await?;
    let empty = asked.is_empty();
    let rows = asked.into_iter().map(|q| {
        vec![
            q.id.get().into(),
            q.asked_at.into(),
            q.text.into(),
            follow::states(&q.coverage).into(),
        ]
    });
    let table = Table::of("questions", &HISTORY, rows);
    output::print(how.clone(), &[table], serde_json::Value::Null)?;
    if older.is_some() {
        anstream::eprintln!("… older questions: `--rows N` shows more");
    }
    Ok(code(empty, false))
}

/// The question as it was typed, or from standard input.
fn text(args: &AskArgs) -> Result<String> {
    if !matches!(args.text.as_slice(), [only] if only == "-") {
        let text = args.text.join(" ");
        if text.trim().is_empty() {
            bail!(
                "the question is empty: `cordon ask \"Get Computer Name from all machines\"` is one"
            );
        }
        let number = |word: Option<&String>| {
            word.filter(|word| !word.is_empty() && word.bytes().all(|b| b.is_ascii_digit()))
                .cloned()
        };
        // A question neither begins nor ends with a number of machines.
        if args.which.machines == Some(u32::MAX)
            && args.text.len() > 1
            && let Some(number) = number(args.text.first()).or_else(|| number(args.text.last()))
        {
            bail!(
                "`{number}` behind `--machines` would be a word of the question: write `--machines={number}`, in one word"
            );
        }
        return Ok(text);
    }
    let mut text = String::new();
    std::io::stdin()
        .take(TEXT_MAX)
        .read_to_string(&mut text)
        .context("the question on standard input is no text (UTF-8)")?;
    let text = text.trim();
    if text.is_empty() {
        bail!("there is no question on standard input");
    }
    Ok(text.to_owned())
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
