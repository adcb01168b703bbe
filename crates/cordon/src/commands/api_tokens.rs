//! `cordon api-tokens`: what programs sign in with. (`cordon token` is about tokens that let machines in.)

use super::secrets::Place;
use super::words::{moment, word};
use crate::api::Client;
use crate::args::{ApiTokenAction, ApiTokensArgs, ScopeName};
use crate::output::{self, Table, say};
use ::api::ValueType;
use ::api::account::{ApiTokenCreated, ApiTokenInfo, ApiTokenToCreate, Scope};
use anyhow::Result;
use serde_json::Value;

/// Of the list.
const COLUMNS: [(&str, ValueType); 7] = [
    ("Id", ValueType::Integer),
    ("Name", ValueType::Text),
    ("User", ValueType::Text),
    ("Scopes", ValueType::Text),
    ("Created", ValueType::DateTime),
    ("Expires", ValueType::DateTime),
    ("Last used", ValueType::DateTime),
];

/// Runs the command.
pub async fn run(args: ApiTokensArgs) -> Result<()> {
    let client = Client::connect(&args.connection)?;
    match args.action.unwrap_or(ApiTokenAction::List) {
        ApiTokenAction::List => {
            let list: Vec<ApiTokenInfo> = client.get("/api-tokens").await?;
            let rows = list.into_iter().map(|token| {
                vec![
                    token.id.get().into(),
                    token.name.into(),
                    token.user.into(),
                    words(&token.scopes, ",").into(),
                    token.created_at.into(),
                    token.expires_at.into(),
                    token.used_at.into(),
                ]
            });
            let table = Table::of("API tokens", &COLUMNS, rows);
            output::print(args.output, &[table], Value::Null)
        }
        ApiTokenAction::Create {
            name,
            scopes,
            days,
            to,
        } => {
            let place = Place::named(to)?;
            let scopes: Vec<Scope> = scopes.into_iter().map(Into::into).collect();
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
            let wanted = i64::from(days) * 86_400;
            let given = made.expires_at.as_second() - jiff::Timestamp::now().as_second();
            // A clock that goes an hour wrong is no cut.
            if given + 3600 < wanted {
                anstream::eprintln!(
                    "cordon: warning: it ends before the {days} days that were asked for: no token outlives the one that makes it (`cordon login --days \
                     N` makes a longer one)"
                );
            }
            let missing: Vec<Scope> = scopes
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
            say!("API token {id} has ended: nothing can use it any more.");
            Ok(())
        }
    }
}

fn words(scopes: &[Scope], between: &str) -> String {
    let words: Vec<String> = scopes.iter().map(word).collect();
    words.join(between)
}

impl From<ScopeName> for Scope {
    fn from(name: ScopeName) -> Self {
        match name {
            ScopeName::Read => Self::Read,
            ScopeName::Ask => Self::Ask,
            ScopeName::Admin => Self::Admin,
        }
    }
}
