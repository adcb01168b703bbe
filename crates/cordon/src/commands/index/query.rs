//! `cordon index query`.

use crate::args::{Output, QueryArgs, QuerySort};
use crate::output::{self, Table};
use ::index::glob::Glob;
use ::index::home::Home;
use ::index::lists::HashKind;
use ::index::principals::{Names, Sort};
use ::index::query::{self, Filter, Order, Record};
use ::index::store::StoreError;
use ::index::{store, text};
use anyhow::Result;
use serde_json::{Value, json};
use std::io::Write;
use std::ops::ControlFlow;
use std::process::ExitCode;

const COLUMNS: [&str; 9] = [
    "path", "kind", "size", "modified", "md5", "sha1", "sha256", "magic", "state",
];

/// Those of `--permissions`.
const PERMISSIONS: [&str; 5] = ["mode", "owner", "group", "capabilities", "extended"];

/// Runs the command. Exit code 1 when nothing matches.
pub fn run(home: &Home, args: QueryArgs) -> Result<ExitCode> {
    let database = args.database.clone().unwrap_or_else(|| home.database());
    let connection = store::open_to_read(&database)?;
    let glob = |text: &Option<String>| text.as_deref().and_then(Glob::read);
    let hash = |wanted: HashKind, text: &Option<String>| match &args.hash {
        Some((kind, hash)) if *kind == wanted => Glob::read(hash),
        _ => glob(text),
    };
    let filter = Filter {
        path: glob(&args.path),
        name: glob(&args.name),
        size: glob(&args.size),
        md5: hash(HashKind::Md5, &args.md5),
        sha1: hash(HashKind::Sha1, &args.sha1),
        sha256: hash(HashKind::Sha256, &args.sha256),
        magic: glob(&args.magic),
        directories: args.directories,
        order: match args.sort {
            None => Order::Any,
            Some(QuerySort::Modified) => Order::LastModified,
            Some(QuerySort::Size) => Order::Largest,
            Some(QuerySort::FirstSeen) => Order::FirstSeen,
            Some(QuerySort::Changed) => Order::LastChanged,
        },
        limit: args.limit,
        ..Filter::default()
    };
    for path in query::unanswered(&connection)?.iter().take(3) {
        anstream::eprintln!(
            "{} did not answer when it was looked at last; what is known of it is as it was before",
            question::cell::printable(path)
        );
    }
    if args.count {
        let count = query::count(&connection, &filter)?;
        anstream::println!("{count}");
        return Ok(code(count > 0));
    }
    let mut names = args.permissions.then(|| Names::of(&connection));
    let mut object = |record: &Record| -> Result<Value, StoreError> {
        let mut object = object(record);
        if let (Some(names), Value::Object(fields)) = (&mut names, &mut object) {
            fields.extend(permissions(record, names)?);
        }
        Ok(object)
    };
    // Lines go out as they are found: a million of them need no memory.
    if args.output == Output::Jsonl {
        let mut out = std::io::BufWriter::new(std::io::stdout().lock());
        let (mut any, mut outcome) = (false, Ok(()));
        query::find(&connection, &filter, &mut |record| {
            any = true;
            outcome = object(&record)
                .map_err(anyhow::Error::from)
                .and_then(|object| {
                    let line = object.to_string();
                    Ok(writeln!(out, "{}", question::cell::harmless_json(&line))?)
                });
            if outcome.is_ok() {
                ControlFlow::Continue(())
            } else {
                ControlFlow::Break(())
            }
        })?;
        outcome?;
        out.flush()?;
        return Ok(code(any));
    }
    let mut columns = COLUMNS.to_vec();
    if args.permissions {
        columns.extend(PERMISSIONS);
    }
    let (mut rows, mut outcome) = (Vec::new(), Ok(()));
    query::find(&connection, &filter, &mut |record| {
        let object = match object(&record) {
            Ok(object) => object,
            Err(error) => {
                outcome = Err(error);
                return ControlFlow::Break(());
            }
        };
        rows.push(
            columns
                .iter()
                .map(|column| cell(object.get(*column)))
                .collect(),
        );
        ControlFlow::Continue(())
    })?;
    outcome?;
    let any = !rows.is_empty();
    output::print(args.output, &[Table::plain(&columns, rows)], Value::Null)?;
    Ok(code(any))
}

fn code(any: bool) -> ExitCode {
    ExitCode::from(if any { 0 } else { crate::EXIT_EMPTY })
}

fn cell(value: Option<&Value>) -> String {
    match value {
        Some(Value::String(text)) => text.clone(),
        Some(Value::Null) | None => String::new(),
        Some(Value::Array(list)) => {
            let parts: Vec<&str> = list.iter().filter_map(Value::as_str).collect();
            parts.join(",")
        }
        Some(other) => other.to_string(),
    }
}

/// What `--permissions` adds.
fn permissions(record: &Record, names: &mut Names<'_>) -> Result<[(String, Value); 7], StoreError> {
    let a = &record.attributes;
    let extended: Vec<&str> = record
        .extended
        .iter()
        .flat_map(|names| names.lines())
        .collect();
    let all = [
        ("mode", json!(format!("{:04o}", a.mode & 0o7777))),
        ("uid", json!(a.uid)),
        ("gid", json!(a.gid)),
        ("owner", json!(names.name(Sort::User, a.uid)?)),
        ("group", json!(names.name(Sort::Group, a.gid)?)),
        ("capabilities", json!(record.capabilities)),
        ("extended", json!(extended)),
    ];
    Ok(all.map(|(name, value)| (name.to_owned(), value)))
}

fn object(record: &Record) -> Value {
    let hex = |bytes: &Option<Vec<u8>>| bytes.as_deref().map(text::hex);
    json!({
        "path": text::readable(&record.path()),
        "kind": record.attributes.kind().name(),
        "size": record.attributes.size,
        "modified": text::time(record.attributes.mtime),
        "md5": hex(&record.md5),
        "sha1": hex(&record.sha1),
        "sha256": hex(&record.sha256),
        "magic": record.magic.as_deref().map(|m| text::hex(m).to_uppercase()),
        "state": record.state.name(),
    })
}
