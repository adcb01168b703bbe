//! `cordon index verify`.

use crate::args::VerifyArgs;
use crate::output::counted;
use crate::output::{self, Form, Table};
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
    let text = Form::of(args.output).is_text();
    let rows = differences.iter().map(|d| {
        let kind = serde_json::to_value(d.differs).unwrap_or_default();
        vec![
            kind.as_str().unwrap_or_default().to_owned(),
            d.path.clone(),
            d.kept.clone(),
            d.found.clone(),
        ]
    });
    // People are told that there is none in the line below.
    if !text || report.differences > 0 {
        let names = ["Difference", "Path", "Database", "Disk"];
        output::print(
            args.output,
            &[Table::plain("differences", &names, rows)],
            serde_json::json!({ "report": report }),
        )?;
    }
    if text {
        anstream::eprintln!(
            "{} compared, {} read again, {} waiting for hashes{}, {}",
            counted(report.entries, "entry"),
            counted(report.hashed, "file"),
            report.pending,
            match report.again {
                0 => String::new(),
                again => format!(", {again} to be tried again"),
            },
            counted(report.differences, "difference")
        );
    }
    Ok(ExitCode::from(if report.differences > 0 { 1 } else { 0 }))
}
