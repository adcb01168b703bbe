//! `cordon index`: the Index of this machine, without any server.

mod bench;
mod export;
mod matches;
mod query;
mod run;
mod verify;

use crate::args::{IndexAction, IndexArgs, ListArgs, Output};
use crate::commands::ownership;
use crate::output::say;
use crate::output::{self, Form, Table};
use ::api::ValueType;
use ::api::table::Value;
use ::index::config::{Config, ConfigStore, Current, render_sample};
use ::index::home::{Home, Service};
use ::index::lists::{HashKind, Which};
use ::index::{status, store};
use anyhow::{Context, Result, bail};
use rusqlite::Connection;
use std::path::PathBuf;
use std::process::ExitCode;

/// Runs the command.
pub fn run(args: IndexArgs) -> Result<ExitCode> {
    let home = Home::new(&args.home);
    let done = act(&home, args.action);
    ownership::leave_to_owner(home.folder())?;
    done
}

fn act(home: &Home, action: IndexAction) -> Result<ExitCode> {
    match action {
        IndexAction::Run(args) => run::run(home, args),
        IndexAction::Service => run::service(home),
        IndexAction::Status { output } => show_status(home, output),
        IndexAction::Query(args) => query::run(home, args),
        IndexAction::Bench(args) => bench::run(args),
        IndexAction::Export(args) => export::run(home, &args),
        IndexAction::Verify(args) => verify::run(home, args),
        IndexAction::Config { file, sample } => match (file, sample) {
            (Some(file), _) => install(home, &file),
            (None, true) => {
                anstream::print!("{}", render_sample());
                Ok(ExitCode::SUCCESS)
            }
            (None, false) => show_config(home),
        },
        IndexAction::Start => start(home),
        IndexAction::Stop => stop(home),
        IndexAction::Blacklist(args) => install_list(home, Which::Blacklist, &args),
        IndexAction::KnownGood(args) => install_list(home, Which::KnownGood, &args),
        IndexAction::Matches { output } => matches::run(home, output),
        IndexAction::DeleteDatabase => delete_database(home),
    }
}

/// This database, or that of the home, open for questions. What the latter says while nothing keeps it current is of before, and told
/// so.
fn opened(home: &Home, database: Option<&PathBuf>) -> Result<Connection> {
    if let Some(database) = database {
        return Ok(store::open_to_read(database)?);
    }
    let running = || home.running().is_ok_and(|pid| pid.is_some());
    let Some(connection) = store::open_finished(&home.database(), running)? else {
        let state = status::current(home)?.state.name();
        bail!(
            "no inventory in {} is finished ({state}), so there is nothing to ask yet; `cordon index status` tells how far it is",
            home.folder().display()
        );
    };
    if !running() {
        anstream::eprintln!(
            "The Index does not run: what it says is of before. `cordon index start` starts it."
        );
    }
    Ok(connection)
}

fn show_status(home: &Home, form: Option<Output>) -> Result<ExitCode> {
    let status = status::current(home)?;
    // Programs read its members beside the table too, as in other documents.
    let members = serde_json::to_value(&status)?;
    let text = Form::of(form).is_text();
    use ValueType::{Decimal, Integer, Text};
    let mut facts: Vec<(&str, ValueType, Value)> = vec![
        ("Status", Text, status.state.name().into()),
        ("Detail", Text, status.detail.into()),
        (
            "Progress",
            Decimal,
            match status.percent {
                Some(percent) if text => format!("{percent:.1} %").into(),
                Some(percent) => Value::of(&format!("{percent}"), Decimal),
                None => Value::Nothing,
            },
        ),
        ("Entries", Integer, status.entries.into()),
    ];
    if text {
        if status.to_hash > 0 {
            let hashed = format!("{} of {}", status.hashed, status.to_hash);
            facts.push(("Hashed", Text, hashed.into()));
        }
        if status.waiting > 0 {
            facts.push(("Waiting to be read", Integer, status.waiting.into()));
        }
        facts.push(("Version", Text, status.version.into()));
        for volume in status.not_watched {
            facts.push(("Not watched", Text, volume.into()));
        }
        facts.retain(|(_, _, value)| !value.words().is_empty());
    } else {
        facts.extend([
            ("Hashed", Integer, status.hashed.into()),
            ("To hash", Integer, status.to_hash.into()),
            ("Waiting to be read", Integer, status.waiting.into()),
            ("Version", Text, status.version.into()),
            ("Not watched", Text, Value::List(status.not_watched)),
        ]);
    }
    output::print_facts(form, "status", facts, members)?;
    Ok(ExitCode::SUCCESS)
}

fn install(home: &Home, file: &std::path::Path) -> Result<ExitCode> {
    home.make()?;
    let store = ConfigStore::new(home.folder());
    let installed = store.install(file)?;
    for warning in &installed.warnings {
        anstream::eprintln!("{}: {warning}", file.display());
    }
    if let Current::Config(config, _) = store.current()? {
        tell_missing(file, &config);
    }
    say!(
        "configuration {} is in force{}",
        installed.version,
        if installed.changed { "" } else { ", as before" }
    );
    Ok(ExitCode::SUCCESS)
}

/// It may be mounted later, so it is taken; but a slip of the pen would look the same.
fn tell_missing(file: &std::path::Path, config: &Config) {
    for missing in ::index::ground::missing(&config.index_only) {
        anstream::eprintln!("{}: IndexOnly {missing}", file.display());
    }
}

fn show_config(home: &Home) -> Result<ExitCode> {
    let store = ConfigStore::new(home.folder());
    let config = match store.current()? {
        Current::Config(config, warnings) => {
            for warning in warnings {
                anstream::eprintln!("{}: {warning}", store.path().display());
            }
            tell_missing(&store.path(), &config);
            config
        }
        Current::Missing | Current::Sample => bail!(
            "there is no configuration in {}; print a sample with `cordon index config --sample`, set its values, remove its first line and give it with `cordon index config FILE`",
            home.folder().display()
        ),
    };
    let defaults = Config::default();
    let rows = ::index::config::KEYS.iter().map(|key| {
        let (value, default) = (config.value(key.setting), defaults.value(key.setting));
        let note = if value == default { "default" } else { "" };
        vec![key.name.to_owned(), value, note.to_owned()]
    });
    output::print(
        None::<Output>,
        &[Table::plain("configuration", &["Key", "Value", ""], rows)],
        serde_json::Value::Null,
    )?;
    Ok(ExitCode::SUCCESS)
}

fn start(home: &Home) -> Result<ExitCode> {
    home.make()?;
    // Looked at first: a service that waits begins as soon as it is wanted, and that is a start.
    let running = home.running()?;
    home.set_wanted(true)?;
    let program = std::env::current_exe().context("cannot find this program's own file")?;
    match ::index::service::start(home, &program)? {
        ::index::service::Started::Already(pid) if running.is_some() => {
            say!("indexing already, process {pid}")
        }
        ::index::service::Started::Already(pid) | ::index::service::Started::Now(pid) => {
            say!("indexing started, process {pid}")
        }
    }
    say!("{}", what_is_indexed(home)?);
    Ok(ExitCode::SUCCESS)
}

/// What an Index that was started does, by its configuration.
fn what_is_indexed(home: &Home) -> Result<String> {
    let store = ConfigStore::new(home.folder());
    let Current::Config(config, _) = store.current()? else {
        return Ok(format!(
            "nothing is indexed until there is a configuration: `cordon index config --sample` prints one to start from, `cordon index config FILE` puts it in force ({})",
            store.path().display()
        ));
    };
    let value = |name: &str| {
        let key = ::index::config::KEYS.iter().find(|key| key.name == name);
        key.map(|key| config.value(key.setting)).unwrap_or_default()
    };
    let places = match value("IndexOnly") {
        places if places.is_empty() => "all local file systems".to_owned(),
        places => places,
    };
    let hashes = match value("HashesToCalculate") {
        hashes if hashes.is_empty() => "no hashes".to_owned(),
        hashes => hashes,
    };
    Ok(format!(
        "{places}; {hashes}; as {} says; in {}",
        store.path().display(),
        home.database().display()
    ))
}

fn stop(home: &Home) -> Result<ExitCode> {
    if home.exists() {
        home.set_wanted(false)?;
    }
    match ::index::service::stop(home)? {
        Some(pid) => say!("indexing stopped, process {pid}"),
        None => say!("not indexing"),
    }
    Ok(ExitCode::SUCCESS)
}

fn install_list(home: &Home, which: Which, args: &ListArgs) -> Result<ExitCode> {
    let name = args.file.as_deref().unwrap_or(std::path::Path::new("-"));
    let source: Option<Box<dyn std::io::Read>> = match &args.file {
        None => None,
        Some(file) if file.as_os_str() == "-" => Some(Box::new(std::io::stdin())),
        Some(file) => {
            let file = std::fs::File::open(file);
            let file = file.with_context(|| format!("cannot read the list {}", name.display()))?;
            Some(Box::new(file))
        }
    };
    let installed = ::index::service::install_list(home, which, source);
    let (built, matched) = installed.with_context(|| format!("{}", name.display()))?;
    for warning in &built.warnings {
        let (line, message) = (warning.line, &warning.message);
        anstream::eprintln!("{}: line {line}: {message}", name.display());
    }
    let counts: Vec<String> = HashKind::ALL
        .iter()
        .zip(built.counts)
        .filter(|(_, count)| *count > 0)
        .map(|(kind, count)| format!("{count} {}", kind.name()))
        .collect();
    say!(
        "{} in force{}",
        if counts.is_empty() {
            "an empty list is".to_owned()
        } else {
            counts.join(", ")
        },
        match matched {
            Some(1) => "; 1 file matches".to_owned(),
            Some(count) => format!("; {count} files match"),
            None => String::new(),
        }
    );
    Ok(ExitCode::SUCCESS)
}

fn delete_database(home: &Home) -> Result<ExitCode> {
    // A running process would go on writing a file that has no name: it is ended first, and started again after.
    let wanted = home.wanted();
    let kept = home.service()? != Service::None;
    if kept && wanted {
        // A service ends by nothing else.
        home.set_wanted(false)?;
    }
    let running = ::index::service::stop(home);
    let deleted = running.and_then(|running| {
        store::delete(&home.database()).map_err(::index::round::RoundError::Store)?;
        Ok(running)
    });
    if kept && wanted {
        home.set_wanted(true)?;
    }
    let running = deleted?;
    say!("deleted {}", home.database().display());
    if running.is_some() && wanted && !kept {
        return start(home);
    }
    Ok(ExitCode::SUCCESS)
}
