//! `cordon index verify`.

use crate::args::{Output, VerifyArgs};
use crate::output::{self, Table};
use ::index::home::Home;
use ::index::round;
use ::index::verify::{Difference, verify};
use anyhow::Result;
use std::process::ExitCode;
use std::sync::{Mutex, PoisonError};

/// Runs the command. Exit code 1 when database and disk differ.
pub fn run(home: &Home, args: VerifyArgs) -> Result<ExitCode> {
    let database = args.database.unwrap_or_else(|| home.database());
    let round = round::of_database(&database)?;
    let differences = Mutex::new(Vec::new());
    let tell = |difference: Difference| {
        differences
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(difference);
    };
    let survey = round.survey()?;
    let report = if args.no_hashes {
        verify(&survey, None, &round.progress, &tell)?
    } else {
        round.with_plan(|plan| verify(&survey, Some(plan), &round.progress, &tell))?
    };
    let mut differences = differences
        .into_inner()
        .unwrap_or_else(PoisonError::into_inner);
    differences.sort_by(|a, b| a.path.cmp(&b.path));
    if matches!(args.output, Output::Json | Output::Jsonl) {
        if args.output == Output::Jsonl {
            for difference in &differences {
                anstream::println!("{}", serde_json::to_string(difference)?);
            }
        } else {
            anstream::println!(
                "{}",
                serde_json::json!({ "report": report, "differences": differences })
            );
        }
    } else {
        let rows = differences.iter().map(|d| {
            let kind = serde_json::to_value(d.differs).unwrap_or_default();
            vec![
                kind.as_str().unwrap_or_default().to_owned(),
                d.path.clone(),
                d.kept.clone(),
                d.found.clone(),
            ]
        });
        if report.differences > 0 {
            output::print(
                args.output,
                &[Table::plain(
                    &["Difference", "Path", "Database", "Disk"],
                    rows,
                )],
                serde_json::Value::Null,
            )?;
        }
        anstream::eprintln!(
            "{} entries compared, {} files read again, {} waiting for hashes, {} differences",
            report.entries,
            report.hashed,
            report.pending,
            report.differences
        );
    }
    Ok(ExitCode::from(if report.differences > 0 { 1 } else { 0 }))
}
