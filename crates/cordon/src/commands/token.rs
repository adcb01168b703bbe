//! `cordon token`: enrolment tokens.

use super::secrets::Place;
use super::words::{moment, optional, yes};
use crate::api::Client;
use crate::args::{TokenAction, TokenArgs};
use crate::output::{self, Table};
use ::api::fleet::{EnrolmentTokenCreated, EnrolmentTokenInfo, EnrolmentTokenToCreate};
use anyhow::Result;
use serde_json::Value;

/// Runs the command.
pub async fn run(args: TokenArgs) -> Result<()> {
    let client = Client::connect(&args.connection)?;
    match args.action.unwrap_or(TokenAction::List) {
        TokenAction::Create {
            uses,
            unlimited,
            hours,
            approve,
            to,
        } => {
            let place = Place::named(to)?;
            let wanted = EnrolmentTokenToCreate {
                uses: (!unlimited).then_some(uses),
                expires_seconds: u64::from(hours) * 3600,
                approve,
            };
            let made: EnrolmentTokenCreated = client.post("/enrolment-tokens", wanted).await?;
            place.tell(&format!("Enrolment token {}", made.id), made.token.expose())
        }
        TokenAction::List => {
            let list: Vec<EnrolmentTokenInfo> = client.get("/enrolment-tokens").await?;
            let rows = list.into_iter().map(|token| {
                vec![
                    token.id.to_string(),
                    token
                        .uses_left
                        .map_or_else(|| "any".to_owned(), |left| left.to_string()),
                    token.used.to_string(),
                    moment(token.expires_at),
                    yes(token.approve),
                    token.created_by,
                    optional(token.revoked_at.map(moment)),
                ]
            });
            let names = [
                "Id",
                "Uses left",
                "Used",
                "Expires",
                "Approval",
                "Created by",
                "Revoked",
            ];
            output::print(args.output, &[Table::plain(&names, rows)], Value::Null)
        }
        TokenAction::Revoke { id } => {
            client.delete(&format!("/enrolment-tokens/{id}")).await?;
            anstream::println!("Ended: no machine can use this token any more.");
            Ok(())
        }
    }
}
