//! How a text is understood, by this program or by a server, and `cordon ask --explain`, which tells it. Runs nothing; needs no server,
//! unless one is named with a profile.

use super::words::word;
use crate::EXIT_ERROR;
use crate::api::{ApiError, Client};
use crate::args::Connection;
use crate::output::{self, Form, Table, say};
use ::api::ValueType;
use ::api::language::{Parsed, ReadingInfo, Text, WarningInfo};
use ::api::table::Value as Cell;
use anyhow::Result;
use question::ParseError;
use serde_json::{Value, json};
use std::process::ExitCode;

/// Of the columns of an answer.
const COLUMNS: [(&str, ValueType); 4] = [
    ("Table", ValueType::Text),
    ("Column", ValueType::Text),
    ("Sensor", ValueType::Text),
    ("Type", ValueType::Text),
];
/// Of what free words may mean.
const READINGS: [(&str, ValueType); 2] =
    [("Score", ValueType::Decimal), ("Question", ValueType::Text)];

/// A text as understood.
pub enum Understood {
    /// It stands in the language.
    Question(Box<Parsed>),
    /// Free words, with ranked readings.
    Readings(Vec<ReadingInfo>),
}

/// Whether a text begins like a question: then it is none of free words, however it goes on.
pub fn is_question(text: &str) -> bool {
    let first = text.split_whitespace().next().unwrap_or_default();
    first.eq_ignore_ascii_case("get") || first.to_ascii_lowercase().starts_with("get?")
}

/// A text as this program understands it, which knows this machine's name and no other.
pub fn here(text: &str) -> Result<Understood, ParseError> {
    let catalogue = ::sensors::catalogue();
    match question::parse(text, &catalogue) {
        Ok(question) => Ok(Understood::Question(Box::new(Parsed::of(
            question, &catalogue,
        )))),
        Err(error) if is_question(text) => Err(error),
        Err(error) => {
            let own = [::agent::platform::hostname()];
            let readings = question::interpret_among(text, &catalogue, &own);
            let readings = readings.into_iter().map(ReadingInfo::from).collect();
            known(readings, error)
        }
    }
}

/// A text as the server understands it, which knows its sensors, groups and machines.
pub async fn at_server(client: &Client, text: &str) -> Result<Result<Understood, ParseError>> {
    let wanted = Text {
        text: text.to_owned(),
    };
    let error = match client
        .post::<Parsed>("/questions/parse", wanted.clone())
        .await
    {
        Ok(parsed) => return Ok(Ok(Understood::Question(Box::new(parsed)))),
        Err(error) => error,
    };
    let place = error
        .downcast_ref::<ApiError>()
        .and_then(|error| error.details.clone());
    let Some(place) = place else {
        return Err(error);
    };
    if is_question(text) {
        return Ok(Err(place.into()));
    }
    let readings: Vec<ReadingInfo> = client.post("/questions/interpret", wanted).await?;
    Ok(known(readings, place.into()))
}

fn known(readings: Vec<ReadingInfo>, error: ParseError) -> Result<Understood, ParseError> {
    if readings.is_empty() {
        Err(error)
    } else {
        Ok(Understood::Readings(readings))
    }
}

/// As the server of a profile that was named understands it, else as this program does.
fn understood(text: &str, connection: &Connection) -> Result<Result<Understood, ParseError>> {
    if connection.profile.is_none() {
        return Ok(here(text));
    }
    let asked =
        super::runtime()?.block_on(async { at_server(&Client::connect(connection)?, text).await });
    Ok(asked.unwrap_or_else(|error| {
        anstream::eprintln!(
            "cordon: note: as this program understands it, for the server could not be asked: {}",
            crate::output::shown(&format!("{error:#}"))
        );
        here(text)
    }))
}

/// Prints canonical form and tree, ranked readings, or the error.
pub fn run(text: &str, form: Form, connection: &Connection) -> Result<ExitCode> {
    let as_json = form.is_json();
    match understood(text, connection)? {
        Ok(Understood::Question(parsed)) => {
            let Parsed {
                canonical,
                asked,
                question,
                plan,
                warnings,
            } = *parsed;
            let tail = canonical.strip_prefix(&asked).unwrap_or_default().trim();
            if as_json {
                let rows = plan.tables.iter().flat_map(|table| {
                    table.columns.iter().map(|column| {
                        vec![
                            table.title.as_str().into(),
                            column.name.as_str().into(),
                            column.sensor.as_str().into(),
                            word(column.value_type).into(),
                        ]
                    })
                });
                output::print(
                    form,
                    &[Table::of("columns", &COLUMNS, rows)],
                    json!({"canonical": canonical, "asked": asked, "tree": question, "warnings": warnings}),
                )?;
            } else {
                say!("{canonical}");
                for table in &plan.tables {
                    let columns: Vec<&str> =
                        table.columns.iter().map(|c| c.name.as_str()).collect();
                    say!(
                        "  table: {}",
                        if columns.is_empty() {
                            "number of machines".into()
                        } else {
                            columns.join(" | ")
                        }
                    );
                }
                if !tail.is_empty() {
                    say!("  shown: {tail}");
                    say!("  endpoints are asked: {asked}");
                }
                warn(&warnings);
            }
            Ok(ExitCode::SUCCESS)
        }
        Ok(Understood::Readings(readings)) => {
            if as_json {
                let list: Vec<Value> = readings
                    .iter()
                    .map(
                        |r| json!({"canonical": r.canonical, "score": r.score, "tree": r.question, "warnings": r.warnings}),
                    )
                    .collect();
                let rows = readings.iter().map(|reading| {
                    vec![
                        Cell::of(&format!("{:.2}", reading.score), ValueType::Decimal),
                        reading.canonical.as_str().into(),
                    ]
                });
                output::print(
                    form,
                    &[Table::of("readings", &READINGS, rows)],
                    json!({ "readings": list }),
                )?;
            } else {
                for reading in &readings {
                    say!("{:.2}  {}", reading.score, reading.canonical);
                    warn(&reading.warnings);
                }
            }
            Ok(ExitCode::SUCCESS)
        }
        Err(error) => {
            report(text, &error, as_json)?;
            Ok(ExitCode::from(EXIT_ERROR))
        }
    }
}

/// Tells people what a question may not mean as they meant it.
pub fn warn(warnings: &[WarningInfo]) {
    for warning in warnings {
        anstream::eprintln!(
            "cordon: note: {}",
            question::cell::printable(warning.message.as_bytes())
        );
        if let Some(instead) = &warning.instead {
            anstream::eprintln!(
                "  one row: {}",
                question::cell::printable(instead.as_bytes())
            );
        }
    }
}

/// Reports a bad question: as JSON on standard output for programs, with its place marked on standard error for people.
pub fn report(text: &str, error: &ParseError, as_json: bool) -> Result<()> {
    if as_json {
        let text = serde_json::to_string_pretty(&serde_json::to_value(error)?)?;
        say!("{}", question::cell::harmless_json(&text));
        return Ok(());
    }
    anstream::eprint!("{}", marked(text, error));
    Ok(())
}

/// Letters of a question that are shown on each side of an error, and of the marked place and the message at most.
const AROUND: usize = 60;
const MARKED: usize = 200;
const MESSAGE: usize = 1_000;

/// The question with the place of the error marked, what was expected and what is near. Of a long one, what stands around the place.
pub fn marked(text: &str, error: &ParseError) -> String {
    let from = error.start.saturating_sub(AROUND);
    let width = error.end.saturating_sub(error.start).clamp(1, MARKED);
    let to = error.start.saturating_add(width).saturating_add(AROUND);
    let shown: String = text
        .chars()
        .take(to)
        .skip(from)
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect();
    let message: String = error.message.chars().take(MESSAGE).collect();
    let (before, after) = (
        if from > 0 { "… " } else { "" },
        if text.chars().nth(to).is_some() {
            " …"
        } else {
            ""
        },
    );
    let mut out = format!(
        "cordon: {}\n  {before}{}{after}\n  {}{}\n",
        question::cell::printable(message.as_bytes()),
        question::cell::printable(shown.as_bytes()),
        " ".repeat(error.start - from + before.chars().count()),
        "^".repeat(width)
    );
    if !error.expected.is_empty() {
        out.push_str(&format!("  expected: {}\n", error.expected.join(", ")));
    }
    if !error.nearest.is_empty() {
        out.push_str(&format!("  did you mean: {}?\n", error.nearest.join(", ")));
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_is_shown_with_what_stands_around_it() {
        let text = format!("Get {} from all machines", "x".repeat(40_000));
        let error = ParseError {
            start: 20_000,
            end: 20_003,
            message: "no".repeat(5_000),
            expected: Vec::new(),
            nearest: Vec::new(),
        };
        let shown = marked(&text, &error);
        assert!(shown.len() < 2_000, "{}", shown.len());
        let lines: Vec<&str> = shown.lines().collect();
        let place = lines[2].find('^').unwrap();
        assert_eq!(lines[2].matches('^').count(), 3);
        assert_eq!(place, 2 + 2 + AROUND);
        assert!(lines[1].contains("… x") && lines[1].ends_with(" …"));
        let short = ParseError {
            start: 4,
            end: 5,
            ..error
        };
        let shown = marked("Get x", &short);
        assert!(shown.contains("\n  Get x\n      ^\n"), "{shown}");
    }
}
