//! `cordon endpoints`: list, approve, revoke.

use super::words::{optional, word, yes};
use crate::api::Client;
use crate::args::{EndpointAction, EndpointsArgs};
use crate::output::{self, Table};
use ::api::fleet::EndpointInfo;
use anyhow::Result;
use serde_json::{Value, json};

/// Runs the command.
pub async fn run(args: EndpointsArgs) -> Result<()> {
    let client = Client::connect(&args.connection)?;
    match args.action {
        None => {
            let list: Vec<EndpointInfo> = client.get("/endpoints").await?;
            let rows = list.into_iter().map(|endpoint| {
                vec![
                    endpoint.ordinal.to_string(),
                    endpoint.hostname,
                    word(endpoint.platform),
                    word(endpoint.state),
                    yes(endpoint.online),
                    optional(endpoint.last_seen),
                    endpoint.id.to_string(),
                ]
            });
            let names = [
                "Ordinal",
                "Host",
                "Platform",
                "State",
                "Online",
                "Last seen",
                "Id",
            ];
            output::print(args.output, &[Table::plain(&names, rows)], Value::Null)
        }
        Some(EndpointAction::Approve { id }) => {
            let _: EndpointInfo = client
                .post(&format!("/endpoints/{id}/approve"), json!({}))
                .await?;
            anstream::println!("Approved: the machine gets its certificate when it asks next.");
            Ok(())
        }
        Some(EndpointAction::Revoke { id }) => {
            let _: EndpointInfo = client
                .post(&format!("/endpoints/{id}/revoke"), json!({}))
                .await?;
            anstream::println!(
                "Revoked: its connection is closed and its certificate is refused from now on."
            );
            Ok(())
        }
    }
}
