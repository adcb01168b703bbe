//! `cordon audit`: read the audit log, verify its hash chain.

use crate::EXIT_ERROR;
use crate::api::Client;
use crate::args::{AuditAction, AuditArgs, Output};
use crate::output::{self, Table};
use ::api::audit::EntryInfo;
use anyhow::Result;
use serde_json::Value;
use std::process::ExitCode;

/// Runs the command.
pub fn run(args: AuditArgs) -> Result<ExitCode> {
    match args.action {
        AuditAction::Verify {
            data,
            mut heads,
            file,
        } => {
            if let Some(file) = file {
                heads.extend(::server::audit::read_heads(&file)?);
            }
            let database = data.join(::server::store::sqlite::FILE_NAME);
            let verdict = ::server::audit::verify_file(&database, &heads)?;
            if verdict.is_intact() {
                anstream::println!(
                    "{} entries are good; the last one is {}:{}",
                    verdict.good,
                    verdict.good,
                    verdict.head
                );
                return Ok(ExitCode::SUCCESS);
            }
            anstream::eprintln!("cordon: {verdict}; keep the data folder as it is for analysis");
            Ok(ExitCode::from(EXIT_ERROR))
        }
        AuditAction::List { connection } => {
            let list: Vec<EntryInfo> = super::runtime()?
                .block_on(async { Client::connect(&connection)?.get("/audit").await })?;
            let rows = list.into_iter().map(|entry| {
                vec![
                    entry.number.to_string(),
                    entry.at.to_string(),
                    entry.who,
                    entry.action,
                    entry.object,
                    serde_json::json!(entry.detail).to_string(),
                ]
            });
            output::print(
                Output::Table,
                &[Table::plain(
                    &["Number", "Time", "Who", "Action", "Object", "Detail"],
                    rows,
                )],
                Value::Null,
            )?;
            Ok(ExitCode::SUCCESS)
        }
    }
}
