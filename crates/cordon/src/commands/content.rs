//! `cordon content`: packs on this machine, without any server. Faults and failures are on standard output, so that other programs read
//! them; what was done is told on standard error.

mod trial;

use crate::EXIT_UNSOUND;
use crate::args::{ContentAction, ContentArgs, Output};
use crate::output::{self, Form, Table, counted, say, shown};
use ::api::ValueType;
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
    }
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
