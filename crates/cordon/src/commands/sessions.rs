//! `cordon sessions`: who is signed in at the console, from where, and ending that.

use crate::api::Client;
use crate::args::{SessionAction, SessionsArgs};
use crate::output::{self, Table, counted, say};
use ::api::ValueType;
use ::api::account::{SessionInfo, SessionsEnded};
use anyhow::Result;
use serde_json::Value;

/// Of the list.
const COLUMNS: [(&str, ValueType); 6] = [
    ("Id", ValueType::Integer),
    ("User", ValueType::Text),
    ("Began", ValueType::DateTime),
    ("Last used", ValueType::DateTime),
    ("Address", ValueType::Text),
    ("Client", ValueType::Text),
];

/// Runs the command.
pub async fn run(args: SessionsArgs) -> Result<()> {
    let client = Client::connect(&args.connection)?;
    match args.action.unwrap_or(SessionAction::List) {
        SessionAction::List => {
            let list: Vec<SessionInfo> = client.get("/sessions").await?;
            let rows = list.into_iter().map(|session| {
                vec![
                    session.id.get().into(),
                    session.user.into(),
                    session.created_at.into(),
                    session.used_at.into(),
                    session.address.unwrap_or_default().into(),
                    session.client.unwrap_or_default().into(),
                ]
            });
            let table = Table::of("sessions", &COLUMNS, rows);
            output::print(args.output, &[table], Value::Null)
        }
        SessionAction::End { id: Some(id), .. } => {
            client.delete(&format!("/sessions/{id}")).await?;
            say!("Session {id} has ended.");
            Ok(())
        }
        SessionAction::End { id: None, .. } => {
            let ended: SessionsEnded = client.delete_for("/sessions").await?;
            say!(
                "{} of yours ended. API tokens go on: `cordon api-tokens` lists them.",
                counted(ended.sessions_ended, "session")
            );
            Ok(())
        }
    }
}
