//! `cordon token`: enrolment tokens.

use super::words::{optional, yes};
use crate::api::Client;
use crate::args::{Output, TokenAction, TokenArgs};
use crate::output::{self, Table};
use ::api::fleet::{EnrolmentTokenCreated, EnrolmentTokenInfo, EnrolmentTokenToCreate};
use anyhow::Result;
use serde_json::Value;

/// Runs the command.
pub async fn run(args: TokenArgs) -> Result<()> {
    let client = Client::connect(&args.connection)?;
    match args.action {
        TokenAction::Create {
            uses,
            hours,
            approve,
        } => {
            let wanted = EnrolmentTokenToCreate {
                uses: Some(uses),
                expires_seconds: u64::from(hours) * 3600,
                approve,
            };
            let made: EnrolmentTokenCreated = client.post("/enrolment-tokens", wanted).await?;
            anstream::println!("{}", made.token.expose());
            Ok(())
        }
        TokenAction::List => {
            let list: Vec<EnrolmentTokenInfo> = client.get("/enrolment-tokens").await?;
            let rows = list.into_iter().map(|token| {
                vec![
                    token.id.to_string(),
                    optional(token.uses_left),
                    token.expires_at.to_string(),
                    yes(token.approve),
                    token.created_by,
                ]
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
            client.delete(&format!("/enrolment-tokens/{id}")).await?;
            anstream::println!("Ended: no machine can use this token any more.");
            Ok(())
        }
    }
}
