//! `cordon audit`: read the audit log, verify its hash chain, here or through the server.

use crate::EXIT_UNSOUND;
use crate::api::Client;
use crate::args::{AuditAction, AuditArgs, ListEntries, Output, VerifyLog};
use crate::output::{self, Form, Table, counted, say};
use ::api::ValueType;
use ::api::audit::{EntriesQuery, EntryInfo, NotedHead};
use ::api::ids::{EntryHash, EntryNumber};
use ::server::model::audit::{Fault, Head, Verdict};
use anyhow::{Context, Result, bail};
use serde_json::Value;
use std::path::Path;
use std::process::ExitCode;

/// Where the package's server keeps its data.
const DATA: &str = "/var/lib/cordon/server";
/// Entries of one request.
const PAGE: u32 = 10_000;

/// Runs the command.
pub fn run(args: AuditArgs) -> Result<ExitCode> {
    match args.action {
        Some(AuditAction::Verify(wanted)) => verify(wanted),
        Some(AuditAction::List(wanted)) => super::runtime()?.block_on(list(wanted)),
        None => super::runtime()?.block_on(list(args.list)),
    }
}

async fn list(wanted: ListEntries) -> Result<ExitCode> {
    if let (Some(since), Some(until)) = (&wanted.since, &wanted.until)
        && since.0 >= until.0
    {
        bail!(
            "`--since` ({}) is not before `--until` ({}), so no entry can fit: exchange them",
            since.0,
            until.0
        );
    }
    let client = Client::connect(&wanted.connection)?;
    let mut query = EntriesQuery {
        before: wanted.before,
        who: wanted.who,
        action: wanted.action,
        object: wanted.object,
        endpoint: wanted.endpoint,
        from: wanted.since.map(|when| when.0),
        to: wanted.until.map(|when| when.0),
        limit: None,
    };
    let mut entries: Vec<EntryInfo> = Vec::new();
    let more = loop {
        let left = wanted
            .limit
            .saturating_sub(u32::try_from(entries.len()).unwrap_or(u32::MAX));
        // One more than is shown tells whether there are more.
        let limit = left.saturating_add(1).min(PAGE);
        query.limit = Some(limit);
        let page: Vec<EntryInfo> = client.query("/audit", &query).await?;
        let whole = page.len() < limit as usize;
        query.before = page.last().map(|entry| entry.number);
        entries.extend(page);
        if entries.len() > wanted.limit as usize {
            entries.truncate(wanted.limit as usize);
            break true;
        }
        if whole {
            break false;
        }
    };
    let last = entries.last().map(|entry| entry.number);
    if last.is_none() {
        anstream::eprintln!("cordon: no entry fits");
    }
    output::print(wanted.output, &[table(entries, wanted.output)], Value::Null)?;
    if let (true, Some(last)) = (more, last) {
        anstream::eprintln!("… older entries: `--before {last}` goes on, `--limit N` gives more");
    }
    Ok(ExitCode::SUCCESS)
}

/// Entries, with endpoints by their host names; programs get the identifiers too.
fn table(entries: Vec<EntryInfo>, form: Option<Output>) -> Table {
    let mut columns = vec![
        ("Number", ValueType::Integer),
        ("Time", ValueType::DateTime),
        ("Who", ValueType::Text),
        ("Action", ValueType::Text),
        ("Object", ValueType::Text),
        ("Detail", ValueType::Text),
    ];
    let programs = !Form::of(form).is_text();
    if programs {
        columns.push(("Endpoint", ValueType::Text));
        columns.push(("Hash", ValueType::Text));
    }
    let rows = entries.into_iter().map(|entry| {
        let (mut who, mut object) = (entry.who, entry.object);
        let mut id = String::new();
        if let Some(endpoint) = entry.endpoint {
            id = endpoint.id.to_string();
            who = who.replace(
                &format!("endpoint:{id}"),
                &format!("endpoint {}", endpoint.hostname),
            );
            object = object.replace(&id, &endpoint.hostname);
        }
        let mut row = vec![
            entry.number.get().into(),
            entry.at.into(),
            who.into(),
            entry.action.into(),
            object.into(),
            serde_json::json!(entry.detail).to_string().into(),
        ];
        if programs {
            row.push(id.into());
            row.push(entry.hash.to_string().into());
        }
        row
    });
    Table::of("audit", &columns, rows)
}

fn verify(wanted: VerifyLog) -> Result<ExitCode> {
    let mut heads = wanted.heads;
    if let Some(file) = &wanted.file {
        heads.extend(::server::audit::read_heads(file)?);
    }
    let file = |folder: &Path| folder.join(::server::store::sqlite::FILE_NAME);
    let folder = match wanted.data {
        Some(data) => Some(data),
        None if wanted.connection.profile.is_some() => None,
        None => Some(Path::new(DATA).to_owned()).filter(|data| file(data).exists()),
    };
    let (verdict, advice) = match folder {
        Some(folder) => (
            ::server::audit::verify_file(&file(&folder), &heads)?,
            "keep the data folder as it is for analysis",
        ),
        None => (
            super::runtime()?.block_on(ask(&wanted.connection, heads))?,
            "check the server's data folder on its machine (`cordon audit verify --data DIR`) and keep it as it is for analysis",
        ),
    };
    if verdict.is_intact() {
        say!(
            "{} {} good; the last one is {}:{}",
            counted(verdict.good, "entry"),
            if verdict.good == 1 { "is" } else { "are" },
            verdict.good,
            verdict.head
        );
        return Ok(ExitCode::SUCCESS);
    }
    anstream::eprintln!("cordon: {verdict}; {advice}");
    Ok(ExitCode::from(EXIT_UNSOUND))
}

/// What the server finds. It is asked once for each head: the first that is not in the log is told.
async fn ask(connection: &crate::args::Connection, heads: Vec<Head>) -> Result<Verdict> {
    let client = Client::connect(connection)?;
    let mut noted: Vec<NotedHead> = Vec::new();
    for head in heads {
        noted.push(NotedHead {
            number: Some(EntryNumber::try_from(head.number).context("no log has this entry")?),
            hash: Some(EntryHash(head.hash)),
        });
    }
    if noted.is_empty() {
        noted.push(NotedHead::default());
    }
    let mut found: Option<::api::audit::Verdict> = None;
    for head in noted {
        let verdict: ::api::audit::Verdict = client.query("/audit/verify", &head).await?;
        let broken = verdict.fault.is_some();
        found = Some(verdict);
        if broken {
            break;
        }
    }
    let found = found.context("the server was not asked")?;
    Ok(Verdict {
        good: found.good,
        cut: found.cut,
        head: found.head.to_string(),
        fault: found.fault.map(|fault| Fault {
            number: fault.number.get(),
            problem: fault.problem.into(),
        }),
    })
}
