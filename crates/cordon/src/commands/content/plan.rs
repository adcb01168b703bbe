//! Changes of packs: what would be done is told first, then done as it was told.

use super::named::{self, Object, pack_path};
use super::shown::{cell, print_several};
use crate::EXIT_UNSOUND;
use crate::api::{ApiError, Client, with_query};
use crate::args::{ApplyArgs, DecideArgs, Output, SetsChoice};
use crate::output::{Form, Table, counted, say, shown};
use ::api::ValueType;
use ::api::content::{
    ApplyQuery, ContentSets, FieldOutcome, ImportQuery, ObjectName, PackAction, PackChange,
    PackChangeToApply, PackChanged, PackDetail, PackInfo, PackPlan, PlanKind, PlanStep, Side,
    StepKind,
};
use ::content::pack::archive;
use ::content::pack::tree::Tree;
use anyhow::{Context, Result, bail};
use hyper::Method;
use serde_json::json;
use std::io::{BufRead as _, IsTerminal as _, Write as _};
use std::path::Path;
use std::process::ExitCode;

const STEPS: [(&str, ValueType); 5] = [
    ("Step", ValueType::Text),
    ("Kind", ValueType::Text),
    ("Name", ValueType::Text),
    ("Conflict", ValueType::Boolean),
    ("Reason", ValueType::Text),
];
const FIELDS: [(&str, ValueType); 6] = [
    ("Object", ValueType::Text),
    ("Field", ValueType::Text),
    ("Outcome", ValueType::Text),
    ("Shipped before", ValueType::Text),
    ("Here", ValueType::Text),
    ("Shipped now", ValueType::Text),
];

/// What a change of a pack comes from.
enum Source {
    /// What the server knows.
    Known(String, PackChange),
    /// An archive.
    Archive(Vec<u8>, ImportQuery),
}

/// Imports a pack, or upgrades to it.
pub(super) async fn import(
    client: &Client,
    pack: &str,
    decide: &DecideArgs,
    apply: &ApplyArgs,
    output: Option<Output>,
) -> Result<ExitCode> {
    let source = match source(pack, decide)? {
        Ok(source) => source,
        Err(code) => return Ok(code),
    };
    change(client, &source, apply, output).await
}

/// Upgrades a pack, or all that the server has in a newer version.
pub(super) async fn upgrade(
    client: &Client,
    pack: Option<&str>,
    decide: &DecideArgs,
    apply: &ApplyArgs,
    output: Option<Output>,
) -> Result<ExitCode> {
    if let Some(pack) = pack {
        if !is_path(pack) {
            let detail: PackDetail = client.get(&pack_path(pack)).await?;
            if detail.pack.imported.is_none() {
                bail!("`{pack}` is not imported; `cordon content import {pack}` does that");
            }
        }
        return import(client, pack, decide, apply, output).await;
    }
    let packs: Vec<PackInfo> = client.get("/content/packs").await?;
    let newer: Vec<PackInfo> = packs
        .into_iter()
        .filter(|pack| {
            let version = |text: &Option<String>| semver_of(text.as_deref());
            let (available, imported) = (version(&pack.available), version(&pack.imported));
            imported.is_some() && available > imported
        })
        .collect();
    if newer.is_empty() {
        anstream::eprintln!("Every imported pack is as new as the one that the server has.");
    }
    let mut code = ExitCode::SUCCESS;
    for pack in newer {
        let done = import(client, &pack.name, decide, apply, output).await?;
        if done != ExitCode::SUCCESS {
            code = done;
        }
    }
    Ok(code)
}

/// Numbers of a version, to be compared; what comes after them does not matter for telling newer ones.
fn semver_of(text: Option<&str>) -> Option<Vec<u64>> {
    let numbers = text?.split(['-', '+']).next()?;
    numbers.split('.').map(|part| part.parse().ok()).collect()
}

/// Goes back to a version of a pack.
pub(super) async fn rollback(
    client: &Client,
    pack: &str,
    version: Option<String>,
    apply: &ApplyArgs,
    output: Option<Output>,
) -> Result<ExitCode> {
    let version = match version {
        Some(version) => version,
        None => {
            let detail: PackDetail = client.get(&pack_path(pack)).await?;
            match detail.pack.earlier.first() {
                Some(last) => last.clone(),
                None => bail!("no version of `{pack}` was left, so there is none to go back to"),
            }
        }
    };
    let change = PackChange {
        version: (version != "none").then_some(version),
        ..of(PackAction::Rollback)
    };
    self::change(
        client,
        &Source::Known(pack.to_owned(), change),
        apply,
        output,
    )
    .await
}

/// Takes a pack away.
pub(super) async fn remove(
    client: &Client,
    pack: &str,
    apply: &ApplyArgs,
    output: Option<Output>,
) -> Result<ExitCode> {
    let source = Source::Known(pack.to_owned(), of(PackAction::Remove));
    change(client, &source, apply, output).await
}

fn of(action: PackAction) -> PackChange {
    PackChange {
        action,
        version: None,
        content_sets: ContentSets::Keep,
        winner: Side::Local,
        take: Vec::new(),
    }
}

/// A bare word names a pack that the server has; anything else is a place.
fn is_path(pack: &str) -> bool {
    pack.contains(['/', '\\']) || pack.ends_with(archive::ENDING)
}

fn source(pack: &str, decide: &DecideArgs) -> Result<Result<Source, ExitCode>> {
    let content_sets = match decide.content_sets {
        SetsChoice::Keep => ContentSets::Keep,
        SetsChoice::Overwrite => ContentSets::Overwrite,
    };
    let winner = if decide.take_all {
        Side::Shipped
    } else {
        Side::Local
    };
    let taken = decide.take.iter().map(|text| Object::of(text));
    let taken: Vec<Object> = taken.collect::<Result<_>>()?;
    if !is_path(pack) {
        let take = taken.into_iter().map(|object| ObjectName {
            kind: named::to_api(object.kind),
            name: object.name,
        });
        let change = PackChange {
            content_sets,
            winner,
            take: take.collect(),
            ..of(PackAction::Import)
        };
        return Ok(Ok(Source::Known(pack.to_owned(), change)));
    }
    let path = Path::new(pack);
    let bytes = if path.is_dir() {
        match Tree::from_folder(path) {
            Ok(tree) => archive::write(&tree).context("cannot pack it")?,
            Err(faults) => {
                super::tell(&faults, None)?;
                return Ok(Err(ExitCode::from(EXIT_UNSOUND)));
            }
        }
    } else {
        std::fs::read(path).with_context(|| format!("cannot read {pack}"))?
    };
    let take = taken
        .iter()
        .map(|object| format!("{}/{}", object.kind.word(), object.name));
    let take: Vec<String> = take.collect();
    Ok(Ok(Source::Archive(
        bytes,
        ImportQuery {
            content_sets,
            winner,
            take: (!take.is_empty()).then(|| take.join("\n")),
        },
    )))
}

async fn change(
    client: &Client,
    source: &Source,
    apply: &ApplyArgs,
    output: Option<Output>,
) -> Result<ExitCode> {
    let planned = match plan(client, source).await {
        Ok(planned) => planned,
        Err(error) => return faults(error),
    };
    let text = Form::of(output).is_text();
    if text {
        tell(&planned, None, output)?;
    }
    if apply.dry_run {
        if text {
            anstream::eprintln!("Nothing was done: --dry-run.");
        } else {
            tell(&planned, None, output)?;
        }
        return Ok(ExitCode::SUCCESS);
    }
    if text && !apply.yes && !agreed()? {
        anstream::eprintln!("Nothing was done.");
        return Ok(ExitCode::from(EXIT_UNSOUND));
    }
    let done = match done(client, source, &planned, &apply.why).await {
        Ok(done) => done,
        Err(error) => return faults(error),
    };
    if text {
        say!("{}", shown(&told(&planned, &done)));
    } else {
        tell(&planned, Some(&done), output)?;
    }
    Ok(ExitCode::SUCCESS)
}

async fn plan(client: &Client, source: &Source) -> Result<PackPlan> {
    match source {
        Source::Known(pack, change) => {
            let path = format!("{}/plan", pack_path(pack));
            client.post(&path, change).await
        }
        Source::Archive(bytes, query) => {
            let path = with_query("/content/plan", query)?;
            client.send_file(Method::POST, &path, bytes.clone()).await
        }
    }
}

async fn done(client: &Client, source: &Source, plan: &PackPlan, why: &str) -> Result<PackChanged> {
    match source {
        Source::Known(pack, change) => {
            let path = format!("{}/apply", pack_path(pack));
            let wanted = PackChangeToApply {
                change: change.clone(),
                plan: plan.digest,
                why: why.to_owned(),
            };
            client.post(&path, wanted).await
        }
        Source::Archive(bytes, query) => {
            let query = ApplyQuery {
                content_sets: query.content_sets,
                winner: query.winner,
                take: query.take.clone(),
                plan: plan.digest,
                why: (!why.is_empty()).then(|| why.to_owned()),
            };
            let path = with_query("/content/import", query)?;
            client.send_file(Method::POST, &path, bytes.clone()).await
        }
    }
}

/// At a terminal one is asked; a script has said what it wants.
fn agreed() -> Result<bool> {
    if !std::io::stdin().is_terminal() || !std::io::stderr().is_terminal() {
        return Ok(true);
    }
    anstream::eprint!("Apply this? [y/N] ");
    std::io::stderr().flush()?;
    let mut line = String::new();
    std::io::stdin().lock().read_line(&mut line)?;
    Ok(matches!(line.trim(), "y" | "Y" | "yes"))
}

/// Faults of a pack are lines on standard output, as `lint` writes them; any other error stays one.
pub(super) fn faults(error: anyhow::Error) -> Result<ExitCode> {
    let Some(refused) = error
        .downcast_ref::<ApiError>()
        .filter(|refused| !refused.faults.is_empty())
    else {
        return Err(error);
    };
    for fault in &refused.faults {
        let line = format!(
            "{}:{}:{}: {}",
            fault.file, fault.line, fault.column, fault.message
        );
        say!("{}", shown(&line));
    }
    anstream::eprintln!(
        "{}; nothing was done",
        counted(refused.faults.len() as u64, "fault")
    );
    Ok(ExitCode::from(EXIT_UNSOUND))
}

/// A plan as tables: steps, and fields that are not the same on all sides.
fn tell(plan: &PackPlan, done: Option<&PackChanged>, output: Option<Output>) -> Result<()> {
    let form = Form::of(output);
    let steps = plan.steps.iter().map(|step| {
        vec![
            step_word(step.step).into(),
            named::word(step.kind).into(),
            step.name.clone().into(),
            step.conflict.into(),
            step.reason.clone().into(),
        ]
    });
    let steps = Table::of("steps", &STEPS, steps);
    let fields = plan.steps.iter().flat_map(|step: &PlanStep| {
        step.fields.iter().map(move |field| {
            vec![
                format!("{}/{}", named::word(step.kind), step.name).into(),
                field.path.clone().into(),
                outcome(field.outcome).into(),
                cell(field.before.as_ref(), form).into(),
                cell(field.local.as_ref(), form).into(),
                cell(field.shipped.as_ref(), form).into(),
            ]
        })
    });
    let fields = Table::of("fields", &FIELDS, fields);
    let mut tables = vec![steps];
    if !fields.rows.is_empty() || !form.is_text() {
        tables.push(fields);
    }
    print_several(output, &tables, json!({"plan": plan, "applied": done}))?;
    if form.is_text() {
        anstream::eprintln!("{}", shown(&summary(plan)));
    }
    Ok(())
}

/// What would be done, in a sentence or two.
fn summary(plan: &PackPlan) -> String {
    let to = plan.to.as_deref().unwrap_or("none");
    let from = plan.from.as_deref().unwrap_or("none");
    let what = match plan.what {
        PlanKind::Import => format!("Import of {} {to}", plan.pack),
        PlanKind::Upgrade => format!("Upgrade of {} from {from} to {to}", plan.pack),
        PlanKind::Rollback => format!("{} from {from} back to {to}", plan.pack),
        PlanKind::Remove => format!("Removal of {} {from}", plan.pack),
    };
    let mut text = format!("{what}: {}", counted(plan.steps.len() as u64, "step"));
    let conflicts = plan.steps.iter().filter(|step| step.conflict).count();
    if conflicts > 0 {
        text.push_str(&format!(
            ", {} where a local edit stands in the way",
            counted(conflicts as u64, "object")
        ));
    }
    text.push('.');
    if !plan.awaits.is_empty() {
        text.push_str(&format!(
            " Files to be supplied: {}.",
            plan.awaits.join(", ")
        ));
    }
    for broken in &plan.broken {
        text.push_str(&format!(
            "\n{} would refer to {}, which goes: this cannot be applied.",
            broken.from, broken.to
        ));
    }
    text
}

fn told(plan: &PackPlan, done: &PackChanged) -> String {
    let objects = counted(done.changed, "object");
    let version = |version: &Option<String>| version.clone().unwrap_or_default();
    match plan.what {
        PlanKind::Import => format!("Imported {} {}: {objects}.", done.pack, version(&done.to)),
        PlanKind::Upgrade => format!(
            "Upgraded {} from {} to {}: {objects} changed.",
            done.pack,
            version(&done.from),
            version(&done.to)
        ),
        PlanKind::Rollback => match &done.to {
            Some(to) => format!("{} is {to} again: {objects} changed.", done.pack),
            None => format!("{} is as before its import: {objects} changed.", done.pack),
        },
        PlanKind::Remove => format!("Removed {}: {objects}.", done.pack),
    }
}

fn step_word(step: StepKind) -> &'static str {
    match step {
        StepKind::Added => "added",
        StepKind::Changed => "changed",
        StepKind::Removed => "removed",
        StepKind::Kept => "kept",
        StepKind::Adopted => "adopted",
        StepKind::LetGo => "let go",
        StepKind::StaysDeleted => "stays deleted",
    }
}

fn outcome(outcome: FieldOutcome) -> &'static str {
    match outcome {
        FieldOutcome::Taken => "taken",
        FieldOutcome::Kept => "kept",
        FieldOutcome::ConflictKept => "conflict: kept",
        FieldOutcome::ConflictTaken => "conflict: taken",
        FieldOutcome::Overwritten => "overwritten",
    }
}
