//! A folder and the server brought to the same content, both ways, so that content can lie in a repository.
//!
//! Beside the objects the folder keeps what both sides had when they were last the same (`.cordon-sync.json`). What differs from that on
//! one side alone goes to the other; what differs on both is left as it is and told, unless one side is preferred. An object goes to the
//! server as an edit of what was seen there: whoever changes it in this very moment is not overwritten either.

mod folder;

use super::named;
use crate::EXIT_UNSOUND;
use crate::api::{ApiError, Client, encoded, with_query};
use crate::args::{Output, SyncSide};
use crate::output::{self, Form, Table, counted};
use ::api::ValueType;
use ::api::content::{
    ExpectedQuery, ObjectDetail, ObjectEdit, ObjectInfo, ObjectsPage, ObjectsQuery, StoredFile,
};
use ::api::ids::Sha256;
use ::content::digest::Digest;
use ::content::name::Key;
use anyhow::{Context, Result, bail};
use folder::{Folder, Local};
use hyper::Method;
use serde_json::json;
use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::process::ExitCode;

const ROWS: [(&str, ValueType); 5] = [
    ("Step", ValueType::Text),
    ("Kind", ValueType::Text),
    ("Name", ValueType::Text),
    ("File", ValueType::Text),
    ("Reason", ValueType::Text),
];
/// Objects that are asked for at once.
const PAGE: u32 = 20_000;

/// What is wanted.
pub(super) struct Wanted {
    pub folder: PathBuf,
    pub prefer: Option<SyncSide>,
    pub dry_run: bool,
    pub why: String,
}

/// What becomes of an object that is not the same on both sides.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    /// The folder gets the server's.
    Pull,
    /// The server gets the folder's.
    Push,
    /// Both changed it.
    Conflict,
}

/// A step with what came of it.
struct Done {
    step: &'static str,
    key: Key,
    name: String,
    file: String,
    reason: String,
    failed: bool,
}

/// Runs the command.
pub(super) async fn run(
    client: &Client,
    wanted: &Wanted,
    output: Option<Output>,
) -> Result<ExitCode> {
    let server = server(client).await?;
    let mut folder = match Folder::open(&wanted.folder)? {
        Ok(folder) => folder,
        Err(faults) => {
            super::tell(&faults, output)?;
            anstream::eprintln!(
                "{}; nothing was done",
                counted(faults.len() as u64, "fault")
            );
            return Ok(ExitCode::from(EXIT_UNSOUND));
        }
    };
    let steps = steps(&server, &mut folder, wanted.prefer);
    let mut done = Vec::new();
    for (key, step) in &steps {
        let there = server.get(key);
        let one = match step {
            Step::Pull => pull(client, &mut folder, key, there, wanted.dry_run).await?,
            Step::Push => push(client, &mut folder, key, there, wanted).await?,
            Step::Conflict => conflict(&folder, key, there),
        };
        done.push(one);
    }
    if !wanted.dry_run {
        folder.keep()?;
    }
    tell(&done, wanted, output)
}

/// All objects of the server.
async fn server(client: &Client) -> Result<BTreeMap<Key, ObjectInfo>> {
    let mut found = BTreeMap::new();
    loop {
        let query = ObjectsQuery {
            offset: u32::try_from(found.len()).ok(),
            limit: Some(PAGE),
            ..ObjectsQuery::default()
        };
        let page: ObjectsPage = client.query("/content/objects", query).await?;
        let some = !page.objects.is_empty();
        for object in page.objects {
            let key = Key::new(named::of_api(object.kind), &object.name);
            found.insert(key, object);
        }
        if !some || found.len() as u64 >= page.total {
            return Ok(found);
        }
    }
}

fn digest(sha256: Sha256) -> Result<Digest> {
    Digest::of_hex(&sha256.to_string()).context("that is no digest")
}

/// What is to be done: first what others refer to, and the other way round for what goes.
fn steps(
    server: &BTreeMap<Key, ObjectInfo>,
    folder: &mut Folder,
    prefer: Option<SyncSide>,
) -> Vec<(Key, Step)> {
    let mut keys: BTreeSet<Key> = server.keys().cloned().collect();
    keys.extend(folder.keys());
    let (mut made, mut gone) = (Vec::new(), Vec::new());
    for key in keys {
        let there = server.get(&key).map(|object| object.sha256.to_string());
        let here = folder.digest(&key).map(Digest::to_hex);
        let last = folder.last(&key);
        if there == here {
            folder.same(&key);
            continue;
        }
        let step = if here == last {
            Step::Pull
        } else if there == last {
            Step::Push
        } else {
            match prefer {
                Some(SyncSide::Server) => Step::Pull,
                Some(SyncSide::Folder) => Step::Push,
                None => Step::Conflict,
            }
        };
        let goes = match step {
            Step::Pull => there.is_none(),
            _ => here.is_none(),
        };
        if goes { &mut gone } else { &mut made }.push((key, step));
    }
    gone.reverse();
    made.extend(gone);
    made
}

fn conflict(folder: &Folder, key: &Key, there: Option<&ObjectInfo>) -> Done {
    let reason = match (there, folder.get(key)) {
        (None, _) => "deleted on the server, changed in the folder",
        (_, None) => "changed on the server, deleted in the folder",
        _ => "changed on the server and in the folder",
    };
    Done {
        step: "conflict",
        key: key.clone(),
        name: name(folder, key, there),
        file: folder.file(key).unwrap_or_default(),
        reason: reason.to_owned(),
        failed: true,
    }
}

fn name(folder: &Folder, key: &Key, there: Option<&ObjectInfo>) -> String {
    there
        .map(|object| object.name.clone())
        .or_else(|| folder.get(key).map(|local| local.object.name().to_owned()))
        .unwrap_or_else(|| key.name.clone())
}

/// The folder gets what the server has.
async fn pull(
    client: &Client,
    folder: &mut Folder,
    key: &Key,
    there: Option<&ObjectInfo>,
    dry_run: bool,
) -> Result<Done> {
    let name = name(folder, key, there);
    let Some(there) = there else {
        let file = folder.file(key).unwrap_or_default();
        if !dry_run {
            folder.remove(key)?;
        }
        return Ok(Done {
            step: "deleted here",
            key: key.clone(),
            name,
            file,
            reason: String::new(),
            failed: false,
        });
    };
    let top = there.pack.clone().unwrap_or_else(|| folder::OWN.to_owned());
    let step = match folder.get(key) {
        Some(_) => "pulled",
        None => "added here",
    };
    let file = folder.place(key, &top)?;
    if !dry_run {
        let path = format!(
            "/content/objects/{}/{}",
            key.kind.word(),
            encoded(&there.name)
        );
        let detail: ObjectDetail = client.get(&path).await?;
        let mut missing = folder.put(key, &file, &detail.text)?;
        while let Some((digest, place)) = missing.pop() {
            let bytes = client.file(&format!("/content/files/{digest}")).await?;
            if Digest::of(&bytes) != digest {
                bail!("the server gave other bytes than `{place}` has");
            }
            folder.write_file(&place, &bytes)?;
        }
    }
    Ok(Done {
        step,
        key: key.clone(),
        name,
        file,
        reason: String::new(),
        failed: false,
    })
}

/// The server gets what the folder has.
async fn push(
    client: &Client,
    folder: &mut Folder,
    key: &Key,
    there: Option<&ObjectInfo>,
    wanted: &Wanted,
) -> Result<Done> {
    let local = folder.get(key).cloned();
    let mut done = Done {
        step: match (&local, there) {
            (None, _) => "deleted there",
            (_, None) => "added there",
            _ => "pushed",
        },
        key: key.clone(),
        name: name(folder, key, there),
        file: folder.file(key).unwrap_or_default(),
        reason: String::new(),
        failed: false,
    };
    if wanted.dry_run {
        return Ok(done);
    }
    let pushed = match local {
        Some(local) => send(client, folder, key, &local, there, &wanted.why).await,
        None => delete(client, key, there, &wanted.why).await,
    };
    match pushed {
        Ok(()) => folder.same(key),
        Err(error) => {
            let Some(refused) = error.downcast_ref::<ApiError>() else {
                return Err(error);
            };
            done.step = "refused";
            done.failed = true;
            done.reason = match refused.faults.as_slice() {
                [] => refused.message.clone(),
                faults => faults
                    .iter()
                    .map(|fault| format!("{}:{}: {}", fault.line, fault.column, fault.message))
                    .collect::<Vec<_>>()
                    .join("; "),
            };
        }
    }
    Ok(done)
}

async fn send(
    client: &Client,
    folder: &Folder,
    key: &Key,
    local: &Local,
    there: Option<&ObjectInfo>,
    why: &str,
) -> Result<()> {
    for (path, digest) in folder.files(local) {
        let kept: StoredFile = client
            .send_file(Method::POST, "/content/files", folder.read_file(&path)?)
            .await?;
        if self::digest(kept.sha256)? != digest {
            bail!("`{path}` changed while it was sent; run this again");
        }
    }
    let edit = ObjectEdit {
        text: local.text(),
        expected: there.map(|object| object.sha256),
        why: why.to_owned(),
    };
    let path = format!(
        "/content/objects/{}/{}",
        key.kind.word(),
        encoded(local.object.name())
    );
    let _: ObjectDetail = client.put(&path, edit).await?;
    Ok(())
}

async fn delete(client: &Client, key: &Key, there: Option<&ObjectInfo>, why: &str) -> Result<()> {
    let Some(there) = there else { return Ok(()) };
    let query = ExpectedQuery {
        expected: there.sha256,
        why: super::files::reason(why).why,
    };
    let path = format!(
        "/content/objects/{}/{}",
        key.kind.word(),
        encoded(&there.name)
    );
    client.delete(&with_query(&path, query)?).await
}

fn tell(done: &[Done], wanted: &Wanted, output: Option<Output>) -> Result<ExitCode> {
    let rows = done.iter().map(|done| {
        vec![
            done.step.into(),
            done.key.kind.word().into(),
            done.name.clone().into(),
            done.file.clone().into(),
            done.reason.clone().into(),
        ]
    });
    let failed = done.iter().filter(|done| done.failed).count();
    let facts = json!({"dry_run": wanted.dry_run, "failed": failed});
    output::print(output, &[Table::of("steps", &ROWS, rows)], facts)?;
    if Form::of(output).is_text() {
        let what = if wanted.dry_run {
            "Nothing was done: --dry-run."
        } else if failed > 0 {
            "What changed on both sides is as it was; `--prefer server` or `--prefer folder` decides."
        } else {
            "Folder and server have the same content."
        };
        anstream::eprintln!("{}. {what}", counted(done.len() as u64, "step"));
    }
    Ok(if failed > 0 {
        ExitCode::from(EXIT_UNSOUND)
    } else {
        ExitCode::SUCCESS
    })
}
