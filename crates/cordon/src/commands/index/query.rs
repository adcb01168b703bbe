//! `cordon index query`.

use crate::args::{Output, QueryArgs, QuerySort};
use crate::output::{self, Table};
use ::index::glob::Glob;
use ::index::home::Home;
use ::index::query::{self, Filter, Order, Record};
use ::index::{store, text};
use anyhow::Result;
use serde_json::{Value, json};
use std::io::Write;
use std::ops::ControlFlow;
use std::process::ExitCode;

const COLUMNS: [&str; 9] = [
    "path", "kind", "size", "modified", "md5", "sha1", "sha256", "magic", "state",
];

/// Runs the command. Exit code 1 when nothing matches.
pub fn run(home: &Home, args: QueryArgs) -> Result<ExitCode> {
    let database = args.database.clone().unwrap_or_else(|| home.database());
    let connection = store::open_to_read(&database)?;
    let glob = |text: &Option<String>| text.as_deref().and_then(Glob::read);
    let filter = Filter {
        path: glob(&args.path),
        name: glob(&args.name),
        size: glob(&args.size),
        md5: glob(&args.md5),
        sha1: glob(&args.sha1),
        sha256: glob(&args.sha256),
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
    if args.count {
        let count = query::count(&connection, &filter)?;
        anstream::println!("{count}");
        return Ok(code(count > 0));
    }
    // Lines go out as they are found: a million of them need no memory.
    if args.output == Output::Jsonl {
        let mut out = std::io::BufWriter::new(std::io::stdout().lock());
        let (mut any, mut failure) = (false, None);
        query::find(&connection, &filter, &mut |record| {
            any = true;
            match writeln!(out, "{}", object(&record)) {
                Ok(()) => ControlFlow::Continue(()),
                Err(error) => {
                    failure = Some(error);
                    ControlFlow::Break(())
                }
            }
        })?;
        if let Some(error) = failure {
            return Err(error.into());
        }
        out.flush()?;
        return Ok(code(any));
    }
    let mut rows = Vec::new();
    query::find(&connection, &filter, &mut |record| {
        let object = object(&record);
        rows.push(
            COLUMNS
                .iter()
                .map(|column| match object.get(*column) {
                    Some(Value::String(text)) => text.clone(),
                    Some(Value::Null) | None => String::new(),
                    Some(other) => other.to_string(),
                })
                .collect(),
        );
        ControlFlow::Continue(())
    })?;
    let any = !rows.is_empty();
    output::print(args.output, &[Table::plain(&COLUMNS, rows)], Value::Null)?;
    Ok(code(any))
}

fn code(any: bool) -> ExitCode {
    ExitCode::from(if any { 0 } else { crate::EXIT_EMPTY })
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
