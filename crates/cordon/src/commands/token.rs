//! `cordon token`: enrolment tokens.

use super::secrets::Place;
use crate::api::Client;
use crate::args::{TokenAction, TokenArgs};
use crate::output::say;
use crate::output::{self, Table};
use ::api::ValueType;
use ::api::fleet::{EnrolmentTokenCreated, EnrolmentTokenInfo, EnrolmentTokenToCreate};
use anyhow::Result;
use serde_json::Value;

/// Of the list.
const COLUMNS: [(&str, ValueType); 7] = [
    ("Id", ValueType::Integer),
    ("Uses left", ValueType::Integer),
    ("Used", ValueType::Integer),
    ("Expires", ValueType::DateTime),
    ("Approval", ValueType::Boolean),
    ("Created by", ValueType::Text),
    ("Revoked", ValueType::DateTime),
];

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
                    token.id.get().into(),
                    token.uses_left.into(),
                    token.used.into(),
                    token.expires_at.into(),
                    token.approve.into(),
                    token.created_by.into(),
                    token.revoked_at.into(),
                ]
            });
            let table = Table::of("enrolment tokens", &COLUMNS, rows);
            output::print(args.output, &[table], Value::Null)
        }
        TokenAction::Revoke { id } => {
            client.delete(&format!("/enrolment-tokens/{id}")).await?;
            say!("Ended: no machine can use this token any more.");
            Ok(())
        }
    }
}
