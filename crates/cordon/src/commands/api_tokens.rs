//! `cordon api-tokens`: what programs sign in with. (`cordon token` is about tokens that let machines in.)

use super::secrets::Place;
use super::words::{moment, optional, word};
use crate::api::Client;
use crate::args::{ApiTokenAction, ApiTokensArgs, ScopeName};
use crate::output::{self, Table};
use ::api::account::{ApiTokenCreated, ApiTokenInfo, ApiTokenToCreate, Permission};
use anyhow::Result;
use serde_json::Value;

/// Runs the command.
pub async fn run(args: ApiTokensArgs) -> Result<()> {
    let client = Client::connect(&args.connection)?;
    match args.action.unwrap_or(ApiTokenAction::List) {
        ApiTokenAction::List => {
            let list: Vec<ApiTokenInfo> = client.get("/api-tokens").await?;
            let rows = list.into_iter().map(|token| {
                vec![
                    token.id.to_string(),
                    token.name,
                    token.user,
                    words(&token.scopes, ","),
                    moment(token.created_at),
                    moment(token.expires_at),
                    optional(token.used_at.map(moment)),
                ]
            });
            let names = [
                "Id",
                "Name",
                "User",
                "Scopes",
                "Created",
                "Expires",
                "Last used",
            ];
            output::print(args.output, &[Table::plain(&names, rows)], Value::Null)
        }
        ApiTokenAction::Create {
            name,
            scopes,
            days,
            to,
        } => {
            let place = Place::named(to)?;
            let scopes: Vec<Permission> = scopes.into_iter().map(Into::into).collect();
            let wanted = ApiTokenToCreate {
                name,
                scopes: scopes.clone(),
                expires_seconds: u64::from(days) * 86_400,
            };
            let made: ApiTokenCreated = client.post("/api-tokens", wanted).await?;
            place.tell(&format!("API token {}", made.id), made.token.expose())?;
            anstream::eprintln!(
                "API token {} may {} until {}; `cordon api-tokens revoke {}` ends it.",
                made.id,
                words(&made.scopes, " and "),
                moment(made.expires_at),
                made.id
            );
            let missing: Vec<Permission> = scopes
                .into_iter()
                .filter(|scope| !made.scopes.contains(scope))
                .collect();
            if !missing.is_empty() {
                anstream::eprintln!(
                    "cordon: warning: you may not {} with this sign-in, and so the token cannot (`cordon whoami`)",
                    words(&missing, " and ")
                );
            }
            Ok(())
        }
        ApiTokenAction::Revoke { id } => {
            client.delete(&format!("/api-tokens/{id}")).await?;
            anstream::println!("API token {id} has ended: nothing can use it any more.");
            Ok(())
        }
    }
}

fn words(scopes: &[Permission], between: &str) -> String {
    let words: Vec<String> = scopes.iter().map(word).collect();
    words.join(between)
}

impl From<ScopeName> for Permission {
    fn from(name: ScopeName) -> Self {
        match name {
            ScopeName::Read => Self::Read,
            ScopeName::Ask => Self::Ask,
            ScopeName::Admin => Self::Admin,
        }
    }
}
