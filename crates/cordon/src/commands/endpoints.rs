//! `cordon endpoints`: list, show, approve, revoke. What a name means is the server's to say.

use super::members;
use super::words::{moment, optional, word, yes};
use crate::api::{Client, encoded};
use crate::args::{EndpointAction, EndpointsArgs, Output, StandingName, WhichEndpoints};
use crate::output::{self, Table};
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
            anstream::println!(
                "Approved: {}. A machine that waited gets its certificate when it asks next.",
                called(&endpoint)
            );
            Ok(())
        }
        Some(EndpointAction::Revoke { name }) => {
            let endpoint: EndpointInfo = client.post(&path(&name, "/revoke"), json!({})).await?;
            anstream::println!(
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

async fn list(client: &Client, which: WhichEndpoints, form: Output) -> Result<()> {
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
    output::print(form, &[Table::plain(&names, rows)], Value::Null)
}

/// One endpoint: facts below each other for people, a row for programs.
fn show(endpoint: &EndpointInfo, groups: Option<Vec<String>>, form: Output) -> Result<()> {
    let vitals = endpoint.vitals;
    let mut facts = vec![
        ("Host", endpoint.hostname.clone()),
        ("Ordinal", endpoint.ordinal.to_string()),
        ("Id", endpoint.id.to_string()),
        ("State", word(endpoint.state)),
        ("Doubled", yes(endpoint.doubled)),
        ("Platform", word(endpoint.platform)),
        ("Agent version", endpoint.agent_version.clone()),
        ("Online", yes(endpoint.online)),
        ("Address", optional(endpoint.address.as_deref())),
        (
            "Connected since",
            optional(endpoint.connected_since.map(moment)),
        ),
        ("Last seen", optional(endpoint.last_seen.map(moment))),
        ("Enrolled", moment(endpoint.enrolled_at)),
        (
            "Certificate until",
            optional(endpoint.certificate_until.map(moment)),
        ),
        ("Agent memory", optional(vitals.map(|v| v.memory))),
        ("Agent CPU ms", optional(vitals.map(|v| v.cpu_ms))),
        ("Agent uptime s", optional(vitals.map(|v| v.uptime))),
        ("Hanging threads", optional(vitals.map(|v| v.hanging))),
    ];
    if let Some(groups) = groups {
        facts.push(("Groups", groups.join(", ")));
    }
    let table = if form == Output::Table {
        let rows = facts
            .into_iter()
            .map(|(name, value)| vec![name.to_owned(), value]);
        Table::plain(&["Fact", "Value"], rows)
    } else {
        let (names, row): (Vec<&str>, Vec<String>) = facts.into_iter().unzip();
        Table::plain(&names, [row])
    };
    output::print(form, &[table], Value::Null)
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
