//! `cordon index query`.

use crate::args::{QueryArgs, QuerySort};
use crate::output::say;
use crate::output::{Printer, Table};
use ::api::ValueType;
use ::api::table::{Row, Value};
use ::index::glob::Glob;
use ::index::home::Home;
use ::index::lists::HashKind;
use ::index::principals::{Names, Sort};
use ::index::query::{self, Filter, Order, Record};
use ::index::text;
use anyhow::Result;
use std::ops::ControlFlow;
use std::process::ExitCode;

const COLUMNS: [(&str, ValueType); 9] = [
    ("path", ValueType::Text),
    ("kind", ValueType::Text),
    ("size", ValueType::DataSize),
    ("modified", ValueType::DateTime),
    ("md5", ValueType::Hash),
    ("sha1", ValueType::Hash),
    ("sha256", ValueType::Hash),
    ("magic", ValueType::Text),
    ("state", ValueType::Text),
];

/// Those of `--permissions`.
const PERMISSIONS: [(&str, ValueType); 7] = [
    ("mode", ValueType::Text),
    ("uid", ValueType::Integer),
    ("gid", ValueType::Integer),
    ("owner", ValueType::Text),
    ("group", ValueType::Text),
    ("capabilities", ValueType::Text),
    ("extended", ValueType::Text),
];

/// Runs the command. Exit code 1 when nothing matches.
pub fn run(home: &Home, args: QueryArgs) -> Result<ExitCode> {
    let connection = super::opened(home, args.database.as_ref())?;
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
        say!("{count}");
        return Ok(code(count > 0));
    }
    let mut columns = COLUMNS.to_vec();
    if args.permissions {
        columns.extend(PERMISSIONS);
    }
    let head = Table::of("files", &columns, []).head;
    let facts = serde_json::Value::Null;
    let mut printer = Printer::new(
        &args.output.into(),
        None,
        facts,
        std::slice::from_ref(&head),
    )?;
    printer.table(&head)?;
    let mut names = args.permissions.then(|| Names::of(&connection));
    let (mut any, mut outcome) = (false, Ok(()));
    // Rows go out as they are found: a million of them need no memory.
    query::find(&connection, &filter, &mut |record| {
        any = true;
        outcome = row(&record, names.as_mut()).and_then(|row| printer.row(&row));
        if outcome.is_ok() {
            ControlFlow::Continue(())
        } else {
            ControlFlow::Break(())
        }
    })?;
    outcome?;
    printer.end(None)?;
    Ok(code(any))
}

fn code(any: bool) -> ExitCode {
    ExitCode::from(if any { 0 } else { crate::EXIT_EMPTY })
}

/// An entry in the order of the columns.
fn row(record: &Record, names: Option<&mut Names<'_>>) -> Result<Row> {
    let hex = |bytes: &Option<Vec<u8>>| Value::from(bytes.as_deref().map(text::hex));
    let a = &record.attributes;
    let magic = record.magic.as_deref().map(|m| text::hex(m).to_uppercase());
    let mut values: Vec<Value> = vec![
        text::readable(&record.path()).into_owned().into(),
        a.kind().name().into(),
        a.size.into(),
        text::time(a.mtime).into(),
        hex(&record.md5),
        hex(&record.sha1),
        hex(&record.sha256),
        magic.into(),
        record.state.name().into(),
    ];
    if let Some(names) = names {
        let extended = record.extended.iter().flat_map(|names| names.lines());
        values.extend([
            format!("{:04o}", a.mode & 0o7777).into(),
            a.uid.into(),
            a.gid.into(),
            names.name(Sort::User, a.uid)?.into(),
            names.name(Sort::Group, a.gid)?.into(),
            record.capabilities.clone().into(),
            Value::List(extended.map(str::to_owned).collect()),
        ]);
    }
    Ok(Row {
        values,
        machines: None,
    })
}
