//! `cordon endpoints`: list, show, approve, revoke. What a name means is the server's to say.

use super::members;
use super::words::word;
use crate::api::{Client, encoded};
use crate::args::{EndpointAction, EndpointsArgs, Output, StandingName, WhichEndpoints};
use crate::output::{self, Table, say};
use ::api::ValueType;
use ::api::fleet::{EndpointInfo, EndpointsQuery, Standing};
use ::api::group::GroupInfo;
use ::api::ids::EndpointId;
use anyhow::Result;
use serde_json::{Value, json};
use std::time::Duration;

/// How long a machine that is connected may take to say which groups it is in.
const GROUPS_WAIT: Duration = Duration::from_secs(30);
/// Groups that are asked at a time.
const AT_A_TIME: usize = 8;

/// Of the list.
const COLUMNS: [(&str, ValueType); 7] = [
    ("Ordinal", ValueType::Integer),
    ("Host", ValueType::Text),
    ("Platform", ValueType::Text),
    ("State", ValueType::Text),
    ("Online", ValueType::Boolean),
    ("Last seen", ValueType::DateTime),
    ("Id", ValueType::Text),
];

/// Runs the command.
pub async fn run(args: EndpointsArgs) -> Result<()> {
    let client = Client::connect(&args.connection)?;
    let path = |name: &str, what: &str| format!("/endpoints/{}{what}", encoded(name));
    match args.action {
        None => list(&client, args.which, args.output).await,
        Some(EndpointAction::List(which)) => list(&client, which, args.output).await,
        Some(EndpointAction::Show { name, groups }) => {
            let endpoint: EndpointInfo = client.get(&path(&name, "")).await?;
            let groups = match groups {
                true => Some(groups_of(&client, &endpoint).await?),
                false => None,
            };
            show(&endpoint, groups, args.output)
        }
        Some(EndpointAction::Approve { name }) => {
            let endpoint: EndpointInfo = client.post(&path(&name, "/approve"), json!({})).await?;
            say!(
                "Approved: {}. A machine that waited gets its certificate when it asks next.",
                called(&endpoint)
            );
            Ok(())
        }
        Some(EndpointAction::Revoke { name }) => {
            let endpoint: EndpointInfo = client.post(&path(&name, "/revoke"), json!({})).await?;
            say!(
                "Revoked: {}. Its connection is closed and its certificate is refused from now on.",
                called(&endpoint)
            );
            Ok(())
        }
    }
}

/// The identifiers of the endpoints that these names mean; nothing when none is named.
pub(crate) async fn ids(client: &Client, names: &[String]) -> Result<Option<Vec<EndpointId>>> {
    let mut ids = Vec::new();
    for name in names {
        let path = format!("/endpoints/{}", encoded(name));
        let endpoint: EndpointInfo = client.get(&path).await?;
        ids.push(endpoint.id);
    }
    Ok((!ids.is_empty()).then_some(ids))
}

/// An endpoint in a sentence: what people call it, and what tells it apart.
fn called(endpoint: &EndpointInfo) -> String {
    format!(
        "{} (endpoint {}, {})",
        output::shown(&endpoint.hostname),
        endpoint.ordinal,
        endpoint.id
    )
}

async fn list(client: &Client, which: WhichEndpoints, form: Option<Output>) -> Result<()> {
    let query = EndpointsQuery {
        contains: which.contains,
        online: match (which.online, which.offline) {
            (true, _) => Some(true),
            (_, true) => Some(false),
            _ => None,
        },
        state: which.state.map(Into::into),
        ..EndpointsQuery::default()
    };
    let list: Vec<EndpointInfo> = client.query("/endpoints", query).await?;
    let rows = list.into_iter().map(|endpoint| {
        vec![
            endpoint.ordinal.into(),
            endpoint.hostname.into(),
            word(endpoint.platform).into(),
            word(endpoint.state).into(),
            endpoint.online.into(),
            endpoint.last_seen.into(),
            endpoint.id.to_string().into(),
        ]
    });
    let table = Table::of("endpoints", &COLUMNS, rows);
    output::print(form, &[table], Value::Null)
}

/// One endpoint: facts below each other for people, a row for programs.
fn show(endpoint: &EndpointInfo, groups: Option<Vec<String>>, form: Option<Output>) -> Result<()> {
    let vitals = endpoint.vitals;
    use ValueType::{Boolean, DateTime, Integer, Text};
    let mut facts: Vec<(&str, ValueType, ::api::table::Value)> = vec![
        ("Host", Text, endpoint.hostname.clone().into()),
        ("Ordinal", Integer, endpoint.ordinal.into()),
        ("Id", Text, endpoint.id.to_string().into()),
        ("State", Text, word(endpoint.state).into()),
        ("Doubled", Boolean, endpoint.doubled.into()),
        ("Platform", Text, word(endpoint.platform).into()),
        ("Agent version", Text, endpoint.agent_version.clone().into()),
        ("Online", Boolean, endpoint.online.into()),
        ("Address", Text, endpoint.address.clone().into()),
        ("Connected since", DateTime, endpoint.connected_since.into()),
        ("Last seen", DateTime, endpoint.last_seen.into()),
        ("Enrolled", DateTime, endpoint.enrolled_at.into()),
        (
            "Certificate until",
            DateTime,
            endpoint.certificate_until.into(),
        ),
        ("Agent memory", Integer, vitals.map(|v| v.memory).into()),
        ("Agent CPU ms", Integer, vitals.map(|v| v.cpu_ms).into()),
        ("Agent uptime s", Integer, vitals.map(|v| v.uptime).into()),
        ("Hanging threads", Integer, vitals.map(|v| v.hanging).into()),
    ];
    if let Some(groups) = groups {
        facts.push(("Groups", Text, ::api::table::Value::List(groups)));
    }
    output::print_facts(form, "endpoint", facts, Value::Null)
}

/// Names of the groups that it says it is in. Only the machine itself knows.
async fn groups_of(client: &Client, endpoint: &EndpointInfo) -> Result<Vec<String>> {
    if !endpoint.online {
        anstream::eprintln!("cordon: it is not connected, so which groups it is in is not known");
        return Ok(Vec::new());
    }
    let groups: Vec<GroupInfo> = client.get("/groups").await?;
    let mut within = Vec::new();
    for some in groups.chunks(AT_A_TIME) {
        let asked = some
            .iter()
            .map(|group| members::is_in(client, endpoint.id, &group.filter, GROUPS_WAIT));
        for (group, said) in some.iter().zip(futures_util::future::join_all(asked).await) {
            match said? {
                Some(true) => within.push(group.name.clone()),
                Some(false) => {}
                None => anstream::eprintln!(
                    "cordon: it has not said whether it is in `{}`",
                    output::shown(&group.name)
                ),
            }
        }
    }
    Ok(within)
}

impl From<StandingName> for Standing {
    fn from(name: StandingName) -> Self {
        match name {
            StandingName::Waiting => Self::Waiting,
            StandingName::Approved => Self::Approved,
            StandingName::Revoked => Self::Revoked,
        }
    }
}
