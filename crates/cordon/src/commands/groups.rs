//! `cordon groups`: names that stand for filters, whose they are, and which machines they mean now.

use super::members;
use crate::api::{Client, encoded};
use crate::args::{GroupAction, GroupsArgs, Meaning, Output};
use crate::output::{self, Table, say};
use ::api::ValueType;
use ::api::error::ErrorCode;
use ::api::fleet::EndpointInfo;
use ::api::group::{GroupChange, GroupInfo, GroupOwner, GroupToCreate};
use anyhow::{Result, bail};
use serde_json::{Value, json};
use std::time::Duration;

/// Of the list.
const COLUMNS: [(&str, ValueType); 5] = [
    ("Name", ValueType::Text),
    ("Filter", ValueType::Text),
    ("Owner", ValueType::Text),
    ("Version", ValueType::Integer),
    ("Changed", ValueType::DateTime),
];
/// Of those in a group.
const MACHINES: [(&str, ValueType); 3] = [
    ("Ordinal", ValueType::Integer),
    ("Host", ValueType::Text),
    ("Id", ValueType::Text),
];

/// Runs the command.
pub async fn run(args: GroupsArgs) -> Result<()> {
    let client = Client::connect(&args.connection)?;
    let path = |name: &str| format!("/groups/{}", encoded(name));
    match args.action.unwrap_or(GroupAction::List) {
        GroupAction::List => {
            let list: Vec<GroupInfo> = client.get("/groups").await?;
            output::print(args.output, &[table(list)], Value::Null)
        }
        GroupAction::Show {
            name,
            no_members,
            wait,
        } => {
            let group = find(&client, &name).await?;
            let wait = (!no_members).then(|| Duration::from_secs(wait));
            show(&client, group, wait, args.output).await
        }
        GroupAction::Create { name, meaning } => {
            let filter = filter(&client, meaning).await?;
            let made: GroupInfo = client
                .post("/groups", GroupToCreate { name, filter })
                .await?;
            say!(
                "`{}` means machines with {}: ask with `… from {}`.",
                output::shown(&made.name),
                output::shown(&made.filter),
                output::shown(&made.name)
            );
            Ok(())
        }
        GroupAction::Change { name, meaning } => {
            let filter = filter(&client, meaning).await?;
            let changed: GroupInfo = client.put(&path(&name), GroupChange { filter }).await?;
            say!(
                "`{}` means machines with {} from version {} on; questions asked before keep what they meant.",
                output::shown(&changed.name),
                output::shown(&changed.filter),
                changed.version
            );
            Ok(())
        }
        GroupAction::Owner { name, user } => {
            let path = format!("{}/owner", path(&name));
            let given: GroupInfo = client.put(&path, GroupOwner { owner: user }).await?;
            say!(
                "`{}` belongs to {} from now on.",
                output::shown(&given.name),
                given.owner.unwrap_or_default()
            );
            Ok(())
        }
        GroupAction::Delete { name } => {
            client.delete(&path(&name)).await?;
            say!("The group is removed; questions asked by it keep what they meant.");
            Ok(())
        }
    }
}

fn table(groups: impl IntoIterator<Item = GroupInfo>) -> Table {
    let rows = groups.into_iter().map(|group| {
        vec![
            group.name.into(),
            group.filter.into(),
            group.owner.into(),
            group.version.into(),
            group.changed_at.into(),
        ]
    });
    Table::of("groups", &COLUMNS, rows)
}

async fn find(client: &Client, name: &str) -> Result<GroupInfo> {
    let list: Vec<GroupInfo> = client.get("/groups").await?;
    let names: Vec<String> = list.iter().map(|group| group.name.clone()).collect();
    let wanted = name.to_lowercase();
    if let Some(group) = list.into_iter().find(|g| g.name.to_lowercase() == wanted) {
        return Ok(group);
    }
    let near = question::nearest(name, names.iter().map(String::as_str));
    if near.is_empty() {
        bail!("there is no group `{name}`; `cordon groups` lists those there are");
    }
    bail!("there is no group `{name}`; near: {}", near.join(", "))
}

/// Prints a group, and who is in it when that is to be asked.
async fn show(
    client: &Client,
    group: GroupInfo,
    wait: Option<Duration>,
    form: Option<Output>,
) -> Result<()> {
    let filter = group.filter.clone();
    let mut tables = vec![table([group.clone()])];
    let mut extra = json!({"group": group});
    let mut told = None;
    if let Some(wait) = wait {
        match members::of(client, &filter, wait).await {
            Ok(found) => {
                let rows = found.members.iter().map(|member| {
                    vec![
                        member.ordinal.into(),
                        member.hostname.clone().into(),
                        member.id.map(|id| id.to_string()).into(),
                    ]
                });
                tables.push(Table::of("machines", &MACHINES, rows));
                if let Some(extra) = extra.as_object_mut() {
                    extra.insert("members".to_owned(), found.members.len().into());
                    extra.insert("coverage".to_owned(), json!(found.coverage));
                    extra.insert("question".to_owned(), json!(found.question));
                }
                told = Some(found.told());
            }
            Err(error) if is_forbidden(&error) => {
                told = Some(
                    "Which machines are in it has to be asked of them, which this sign-in may not."
                        .to_owned(),
                );
            }
            Err(error) => return Err(error),
        }
    }
    // CSV has room for one: the machines, where they were asked for.
    let shown = match (form, tables.as_slice()) {
        (Some(Output::Csv), [.., last]) => std::slice::from_ref(last),
        (_, all) => all,
    };
    output::print(form, shown, extra)?;
    if let Some(told) = told {
        anstream::eprintln!("{told}");
    }
    Ok(())
}

fn is_forbidden(error: &anyhow::Error) -> bool {
    error
        .downcast_ref::<crate::api::ApiError>()
        .is_some_and(|e| e.code == Some(ErrorCode::Forbidden))
}

/// The filter as it was given, or one on the host names of machines.
async fn filter(client: &Client, meaning: Meaning) -> Result<String> {
    if meaning.endpoints.is_empty() {
        return Ok(meaning.filter.join(" "));
    }
    // By what nobody else can say of themselves: a host name is the endpoint's own word, and two may have it.
    let mut conditions: Vec<String> = Vec::new();
    for name in &meaning.endpoints {
        let path = format!("/endpoints/{}", encoded(name));
        let endpoint: EndpointInfo = client.get(&path).await?;
        let condition = format!("Computer ID = {}", endpoint.id);
        if !conditions.contains(&condition) {
            conditions.push(condition);
        }
    }
    Ok(conditions.join(" or "))
}
