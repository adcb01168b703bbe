//! `cordon content`: packs on this machine, without any server, and what a server has of them. Faults and failures are on standard
//! output, so that other programs read them; what was done is told on standard error.
//!
//! Here is what needs no server. [`mod@shown`]: what there is, what differs, what was done; [`plan`]: import, upgrade, roll-back, removal;
//! [`edit`], [`files`], [`sync`]: objects and files, one by one or a folder of them; [`mod@named`]: what words name.

mod edit;
mod files;
mod named;
mod plan;
mod shown;
mod sync;
mod trial;

pub(super) use files::{fetch, name_of, read};
use named::Named;
pub(super) use named::Object;
pub(super) use shown::{file_table, find, show_object};

use crate::EXIT_UNSOUND;
use crate::api::{Client, with_query};
use crate::args::{ApplyArgs, ContentAction, ContentArgs, Output};
use crate::output::{self, Form, Table, counted, say, shown};
use ::api::ValueType;
use ::api::content::{ExpectedQuery, ObjectDetail, PackDetail, PackExportQuery};
use ::content::fault::Fault;
use ::content::fixture::{self, Verdict};
use ::content::name::Kind;
use ::content::objects::Platform;
use ::content::pack::tree::Tree;
use ::content::pack::{self, Pack, Surroundings, Why, archive};
use ::content::schema;
use anyhow::{Context, Result, bail};
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// Of faults.
const FAULTS: [(&str, ValueType); 4] = [
    ("file", ValueType::Text),
    ("line", ValueType::Integer),
    ("column", ValueType::Integer),
    ("message", ValueType::Text),
];
/// Of fixtures.
const TRIED: [(&str, ValueType); 4] = [
    ("object", ValueType::Text),
    ("fixture", ValueType::Text),
    ("passed", ValueType::Boolean),
    ("detail", ValueType::Text),
];
/// Rows of a difference that are told of a fixture.
const TOLD: usize = 3;

/// Runs the command.
pub fn run(args: ContentArgs) -> Result<ExitCode> {
    match args.action {
        ContentAction::Lint { folder } => lint(&folder, args.output),
        ContentAction::Test { folder } => test(&folder, args.output),
        ContentAction::Pack { folder, out } => write(&folder, out),
        ContentAction::Unpack { file, folder } => unpack(&file, &folder),
        ContentAction::Schema { kind } => print_schema(kind.as_deref()),
        action => {
            let client = Client::connect(&args.connection)?;
            super::runtime()?.block_on(on_server(&client, action, args.output))
        }
    }
}

/// What needs a server.
async fn on_server(
    client: &Client,
    action: ContentAction,
    output: Option<Output>,
) -> Result<ExitCode> {
    match action {
        ContentAction::Lint { .. }
        | ContentAction::Test { .. }
        | ContentAction::Pack { .. }
        | ContentAction::Unpack { .. }
        | ContentAction::Schema { .. } => bail!("this needs no server"),
        ContentAction::List => shown::list(client, output).await?,
        ContentAction::Find(wanted) => shown::find(client, wanted, output).await?,
        ContentAction::Show { what } => shown::show(client, &what, output).await?,
        ContentAction::Diff { what } => shown::diff(client, &what, output).await?,
        ContentAction::Import(import) => {
            return plan::import(client, &import.pack, &import.decide, &import.apply, output).await;
        }
        ContentAction::Upgrade { import } => {
            let pack = import.pack.as_deref();
            return plan::upgrade(client, pack, &import.decide, &import.apply, output).await;
        }
        ContentAction::Rollback { pack, to, apply } => {
            return plan::rollback(client, &pack, to, &apply, output).await;
        }
        ContentAction::Export {
            pack,
            of,
            shipped,
            out,
        } => export(client, &pack, of, shipped, out).await?,
        ContentAction::Sync {
            folder,
            prefer,
            dry_run,
            why,
        } => {
            let wanted = sync::Wanted {
                folder,
                prefer,
                dry_run,
                why,
            };
            return sync::run(client, &wanted, output).await;
        }
        ContentAction::History { what, limit } => {
            shown::history(client, what.as_deref(), limit, output).await?;
        }
        ContentAction::Edit {
            object,
            file,
            new,
            dry_run,
            why,
        } => {
            let edit = edit::Edit {
                object,
                file,
                new,
                dry_run,
                why,
            };
            return edit::run(client, edit, output).await;
        }
        ContentAction::Remove { what, apply } => match Named::of(&what)? {
            Named::Pack(pack) => return plan::remove(client, &pack, &apply, output).await,
            Named::Object(object) => delete(client, &object, &apply).await?,
        },
        ContentAction::File { action } => files::run(client, action, output).await?,
    }
    Ok(ExitCode::SUCCESS)
}

async fn delete(client: &Client, object: &Object, apply: &ApplyArgs) -> Result<()> {
    let detail: ObjectDetail = client.get(&object.path()).await?;
    if apply.dry_run {
        anstream::eprintln!("Nothing was done: --dry-run.");
        return Ok(());
    }
    let query = ExpectedQuery {
        expected: detail.object.sha256,
        why: files::reason(&apply.why).why,
    };
    client.delete(&with_query(&object.path(), query)?).await?;
    say!("Deleted {} `{}`.", object.kind, shown(&detail.object.name));
    Ok(())
}

/// Writes a pack of the server as one file.
async fn export(
    client: &Client,
    pack: &str,
    version: Option<String>,
    shipped: bool,
    out: Option<PathBuf>,
) -> Result<()> {
    let detail: PackDetail = client.get(&named::pack_path(pack)).await?;
    let query = PackExportQuery {
        version: version.clone(),
        shipped,
    };
    let path = format!("{}/export", named::pack_path(pack));
    let bytes = client.file(&with_query(&path, query)?).await?;
    let version = version.or(detail.pack.imported).unwrap_or_default();
    let out = out.unwrap_or_else(|| {
        PathBuf::from(format!("{}-{version}{}", detail.pack.name, archive::ENDING))
    });
    std::fs::write(&out, &bytes).with_context(|| format!("cannot write {}", out.display()))?;
    say!("{} ({} bytes)", out.display(), bytes.len());
    Ok(())
}

/// What every pack finds: the sensors that agents have built in, under this version.
fn around() -> Surroundings {
    Surroundings::new(&::sensors::catalogue(), Surroundings::this())
}

/// That there is a folder is the caller's word; what is in it is the pack's.
fn must_be_folder(folder: &Path) -> Result<()> {
    if !folder.is_dir() {
        bail!(
            "{} is no folder; a pack is a folder with a pack.yaml",
            folder.display()
        );
    }
    Ok(())
}

fn lint(folder: &Path, form: Option<Output>) -> Result<ExitCode> {
    must_be_folder(folder)?;
    let opened = pack::open_beside(folder, &around());
    let faults = opened.as_ref().err().map_or(&[][..], Vec::as_slice);
    tell(faults, form)?;
    match opened {
        Ok(pack) => {
            for mark in pack::marks(&pack) {
                anstream::eprintln!("note: {}: {}", shown(&mark.key.to_string()), why(&mark.why));
            }
            anstream::eprintln!(
                "{} {}: {}, no fault",
                pack.manifest.name.as_str(),
                pack.manifest.version,
                counted(pack.objects.len() as u64, "object")
            );
            Ok(ExitCode::SUCCESS)
        }
        Err(faults) => {
            anstream::eprintln!("{}", counted(faults.len() as u64, "fault"));
            Ok(ExitCode::from(EXIT_UNSOUND))
        }
    }
}

/// A line each in programs' forms; for people as compilers write them.
fn tell(faults: &[Fault], form: Option<Output>) -> Result<()> {
    match Form::of(form) {
        Form::Aligned | Form::Tabs if form.is_none() => {
            for fault in faults {
                say!("{}", shown(&fault.to_string()));
            }
            Ok(())
        }
        _ => {
            let rows = faults.iter().map(|fault| {
                vec![
                    fault.file.clone().into(),
                    u64::from(fault.line).into(),
                    u64::from(fault.column).into(),
                    fault.message.clone().into(),
                ]
            });
            output::print(form, &[Table::of("faults", &FAULTS, rows)], Value::Null)
        }
    }
}

fn why(why: &Why) -> String {
    match why {
        Why::Powerful { platform, reason } => {
            format!("powerful on {platform}: {}", shown(reason))
        }
        Why::IgnoresActionLock => "runs where the action lock is on".to_owned(),
        Why::AwaitsFile { name } => {
            format!("waits for {}, which the importer supplies", shown(name))
        }
        Why::Untried { platform } => format!("no fixture tries it on {platform}"),
    }
}

/// A pack without a fault, or its faults on standard output.
fn sound(folder: &Path) -> Result<Result<Pack, ExitCode>> {
    must_be_folder(folder)?;
    match pack::open_beside(folder, &around()) {
        Ok(pack) => Ok(Ok(pack)),
        Err(faults) => {
            tell(&faults, None)?;
            anstream::eprintln!(
                "{}; nothing was done",
                counted(faults.len() as u64, "fault")
            );
            Ok(Err(ExitCode::from(EXIT_UNSOUND)))
        }
    }
}

fn test(folder: &Path, form: Option<Output>) -> Result<ExitCode> {
    let pack = match sound(folder)? {
        Ok(pack) => pack,
        Err(code) => return Ok(code),
    };
    let Some(here) = platform() else {
        bail!("no fixture is for this system");
    };
    let tried = fixture::try_pack(&pack, here, &mut trial::Here);
    let passed = tried
        .iter()
        .filter(|t| t.verdict == Verdict::Passed)
        .count();
    let rows = tried.iter().map(|tried| {
        vec![
            tried.key.to_string().into(),
            tried.name.clone().into(),
            (tried.verdict == Verdict::Passed).into(),
            detail(&tried.verdict).into(),
        ]
    });
    output::print(form, &[Table::of("fixtures", &TRIED, rows)], Value::Null)?;
    let all = tried.len();
    anstream::eprintln!(
        "{passed} of {} gave what they should",
        counted(all as u64, "fixture")
    );
    Ok(if passed == all {
        ExitCode::SUCCESS
    } else {
        ExitCode::from(EXIT_UNSOUND)
    })
}

fn detail(verdict: &Verdict) -> String {
    match verdict {
        Verdict::Passed => String::new(),
        Verdict::Differs {
            missing,
            unexpected,
            more,
        } => {
            let rows = |sign: char, rows: &[Vec<String>]| {
                let told = rows.iter().take(TOLD);
                told.map(|row| format!("{sign}{}", row.join("|")))
                    .collect::<Vec<_>>()
            };
            let mut parts = rows('-', missing);
            parts.extend(rows('+', unexpected));
            let left = missing.len() + unexpected.len() + more - parts.len();
            if left > 0 {
                parts.push(format!("and {left} more"));
            }
            parts.join(", ")
        }
        Verdict::Failed { error } => error.clone(),
        Verdict::NotRun { reason } => format!("not run: {reason}"),
    }
}

fn platform() -> Option<Platform> {
    match std::env::consts::OS {
        "linux" => Some(Platform::Linux),
        "windows" => Some(Platform::Windows),
        "macos" => Some(Platform::Macos),
        _ => None,
    }
}

fn write(folder: &Path, out: Option<PathBuf>) -> Result<ExitCode> {
    let pack = match sound(folder)? {
        Ok(pack) => pack,
        Err(code) => return Ok(code),
    };
    let name = pack.manifest.name.as_str();
    let out = out.unwrap_or_else(|| {
        PathBuf::from(format!(
            "{name}-{}{}",
            pack.manifest.version,
            archive::ENDING
        ))
    });
    // As it lies in the folder, comments and signatures included.
    let tree = Tree::from_folder(folder).map_err(whole)?;
    let bytes = archive::write(&tree).context("cannot pack it")?;
    std::fs::write(&out, &bytes).with_context(|| format!("cannot write {}", out.display()))?;
    say!(
        "{} ({} bytes), digest {}",
        out.display(),
        bytes.len(),
        pack.digest()
    );
    Ok(ExitCode::SUCCESS)
}

fn unpack(file: &Path, folder: &Path) -> Result<ExitCode> {
    if folder.exists() {
        bail!(
            "{} is there already; name a folder that is not",
            folder.display()
        );
    }
    let bytes = std::fs::read(file).with_context(|| format!("cannot read {}", file.display()))?;
    let tree = archive::read(&bytes)
        .map_err(whole)
        .with_context(|| format!("{} is no pack", file.display()))?;
    tree.to_folder(folder)
        .with_context(|| format!("cannot write {}", folder.display()))?;
    say!("{}", folder.display());
    Ok(ExitCode::SUCCESS)
}

/// Faults of something as a whole, as one error.
fn whole(faults: Vec<Fault>) -> anyhow::Error {
    let all: Vec<String> = faults
        .iter()
        .map(|fault| shown(&fault.to_string()))
        .collect();
    anyhow::anyhow!("{}", all.join("; "))
}

fn print_schema(kind: Option<&str>) -> Result<ExitCode> {
    let kinds = || {
        let words = Kind::ALL.map(Kind::word);
        format!("pack, {}", words.join(", "))
    };
    let schema = match kind {
        None => {
            say!("{}", kinds());
            return Ok(ExitCode::SUCCESS);
        }
        Some("pack") => schema::manifest(),
        Some(word) => match Kind::ALL.into_iter().find(|kind| kind.word() == word) {
            Some(kind) => schema::object(kind),
            None => bail!("there is no kind `{}`; there are: {}", shown(word), kinds()),
        },
    };
    say!("{}", serde_json::to_string_pretty(&schema)?);
    Ok(ExitCode::SUCCESS)
}
