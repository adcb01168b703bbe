//! `cordon endpoints`: list, approve, revoke.

use super::questions::field;
use crate::api::{Client, encoded};
use crate::args::{EndpointAction, EndpointsArgs};
use crate::output::{self, Table};
use anyhow::Result;
use serde_json::{Value, json};

/// Runs the command.
pub async fn run(args: EndpointsArgs) -> Result<()> {
    let client = Client::connect(&args.connection)?;
    match args.action {
        None => {
            let list: Value = client.get("/endpoints").await?;
            const COLUMNS: [(&str, &str); 7] = [
                ("Ordinal", "ordinal"),
                ("Host", "hostname"),
                ("Platform", "platform"),
                ("State", "state"),
                ("Online", "online"),
                ("Last seen", "last_seen"),
                ("Id", "id"),
            ];
            let rows = list
                .as_array()
                .into_iter()
                .flatten()
                .map(|e| COLUMNS.iter().map(|(_, key)| field(e, key)).collect());
            let names: Vec<&str> = COLUMNS.iter().map(|c| c.0).collect();
            output::print(args.output, &[Table::plain(&names, rows)], Value::Null)
        }
        Some(EndpointAction::Approve { id }) => {
            let _: Value = client
                .post(&format!("/endpoints/{}/approve", encoded(&id)), json!({}))
                .await?;
            anstream::println!("Approved: the machine gets its certificate when it asks next.");
            Ok(())
        }
        Some(EndpointAction::Revoke { id }) => {
            let _: Value = client
                .post(&format!("/endpoints/{}/revoke", encoded(&id)), json!({}))
                .await?;
            anstream::println!(
                "Revoked: its connection is closed and its certificate is refused from now on."
            );
            Ok(())
        }
    }
}
