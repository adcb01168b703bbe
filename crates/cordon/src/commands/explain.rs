//! `cordon ask --explain`: how a question is understood. Runs nothing and needs no server.

use crate::EXIT_ERROR;
use crate::args::Output;
use ::api::language::{ReadingInfo, Tree};
use ::api::question::Plan;
use anyhow::Result;
use question::catalogue::Catalogue;
use question::{ParseError, Reading, Warning};
use serde_json::{Value, json};
use std::process::ExitCode;

/// A text as understood.
pub enum Understood {
    /// It stands in the language.
    Question(Box<question::ast::Question>),
    /// Free words, with ranked readings.
    Readings(Vec<Reading>),
}

/// Parses a text, or reads it as free words when it does not begin like a question.
pub fn understand(text: &str, catalogue: &Catalogue) -> Result<Understood, ParseError> {
    match question::parse(text, catalogue) {
        Ok(parsed) => Ok(Understood::Question(Box::new(parsed))),
        Err(error) => {
            let first = text.split_whitespace().next().unwrap_or_default();
            let formal =
                first.eq_ignore_ascii_case("get") || first.to_ascii_lowercase().starts_with("get?");
            let readings = if formal {
                Vec::new()
            } else {
                question::interpret(text, catalogue)
            };
            if readings.is_empty() {
                Err(error)
            } else {
                Ok(Understood::Readings(readings))
            }
        }
    }
}

/// Prints canonical form and tree, ranked readings, or the error.
pub fn run(text: &str, form: Output) -> Result<ExitCode> {
    let catalogue = ::sensors::catalogue();
    let as_json = matches!(form, Output::Json | Output::Jsonl);
    match understand(text, &catalogue) {
        Ok(Understood::Question(question)) => {
            let canonical = question.to_string();
            let plan = Plan::from(question::plan(&question, &catalogue));
            let warnings = question::warnings(&question, &catalogue);
            if as_json {
                show(
                    form,
                    &json!({"canonical": canonical, "tree": Tree::from(*question), "tables": plan.tables, "warnings": warnings}),
                )?;
            } else {
                anstream::println!("{canonical}");
                for table in &plan.tables {
                    let columns: Vec<&str> =
                        table.columns.iter().map(|c| c.name.as_str()).collect();
                    anstream::println!(
                        "  table: {}",
                        if columns.is_empty() {
                            "number of machines".into()
                        } else {
                            columns.join(" | ")
                        }
                    );
                }
                warn(&warnings);
            }
            Ok(ExitCode::SUCCESS)
        }
        Ok(Understood::Readings(readings)) => {
            if as_json {
                let list: Vec<Value> = readings
                    .into_iter()
                    .map(ReadingInfo::from)
                    .map(
                        |r| json!({"canonical": r.canonical, "score": r.score, "tree": r.question, "warnings": r.warnings}),
                    )
                    .collect();
                show(form, &json!({"readings": list}))?;
            } else {
                for reading in &readings {
                    anstream::println!("{:.2}  {}", reading.score, reading.canonical);
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
pub fn warn(warnings: &[Warning]) {
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
        return show(Output::Json, &serde_json::to_value(error)?);
    }
    anstream::eprint!("{}", marked(text, error));
    Ok(())
}

/// The question with the place of the error marked, what was expected and what is near.
pub fn marked(text: &str, error: &ParseError) -> String {
    let shown: String = text
        .chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect();
    let width = error.end.saturating_sub(error.start).max(1);
    let mut out = format!(
        "cordon: {}\n  {}\n  {}{}\n",
        question::cell::printable(error.message.as_bytes()),
        question::cell::printable(shown.as_bytes()),
        " ".repeat(error.start),
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

fn show(form: Output, value: &Value) -> Result<()> {
    let text = if form == Output::Jsonl {
        value.to_string()
    } else {
        serde_json::to_string_pretty(value)?
    };
    anstream::println!("{}", question::cell::harmless_json(&text));
    Ok(())
}
