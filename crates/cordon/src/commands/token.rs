//! `cordon token`: enrolment tokens.

use super::questions::field;
use crate::api::{Client, encoded};
use crate::args::{Output, TokenAction, TokenArgs};
use crate::output::{self, Table};
use anyhow::{Context, Result};
use serde_json::{Value, json};

/// Runs the command.
pub async fn run(args: TokenArgs) -> Result<()> {
    let client = Client::connect(&args.connection)?;
    match args.action {
        TokenAction::Create {
            uses,
            hours,
            approve,
        } => {
            let made: Value = client.post("/enrolment-tokens", json!({"uses": uses, "expires_seconds": u64::from(hours) * 3600, "approve": approve})).await?;
            anstream::println!(
                "{}",
                made.get("token")
                    .and_then(Value::as_str)
                    .context("the server made no token")?
            );
            Ok(())
        }
        TokenAction::List => {
            let list: Value = client.get("/enrolment-tokens").await?;
            let rows = list.as_array().into_iter().flatten().map(|t| {
                ["id", "uses_left", "expires_at", "approve", "created_by"]
                    .map(|k| field(t, k))
                    .to_vec()
            });
            output::print(
                Output::Table,
                &[Table::plain(
                    &["Id", "Uses left", "Expires", "Approval", "Created by"],
                    rows,
                )],
                Value::Null,
            )
        }
        TokenAction::Revoke { id } => {
            client
                .delete(&format!("/enrolment-tokens/{}", encoded(&id)))
                .await?;
            anstream::println!("Ended: no machine can use this token any more.");
            Ok(())
        }
    }
}
