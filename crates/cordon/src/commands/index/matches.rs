//! `cordon index matches`.

use crate::EXIT_EMPTY;
use crate::args::Output;
use crate::output::{self, Table};
use ::api::ValueType;
use ::index::home::Home;
use ::index::lists::{HashKind, HashList, Which};
use ::index::query::{self, Filter};
use ::index::{matching, text};
use anyhow::{Result, bail};
use std::ops::ControlFlow;
use std::process::ExitCode;
use std::time::{Duration, Instant};

/// A list that was put in force is compared within this time, or nothing compares it.
const PATIENCE: Duration = Duration::from_secs(60);

/// Of the list.
const COLUMNS: [(&str, ValueType); 5] = [
    ("path", ValueType::Text),
    ("kind", ValueType::Text),
    ("hash", ValueType::Hash),
    ("since", ValueType::DateTime),
    ("known good", ValueType::Boolean),
];

/// Runs the command. Exit code 1 when nothing matches.
pub fn run(home: &Home, form: Option<Output>) -> Result<ExitCode> {
    let list = Which::Blacklist.path(home);
    if !list.is_file() {
        bail!(
            "there is no blacklist in {}; put one in force with `cordon index blacklist FILE`",
            home.folder().display()
        );
    }
    let connection = super::opened(home, None)?;
    let begin = Instant::now();
    // A service that runs takes up a new list within moments.
    for which in [Which::Blacklist, Which::KnownGood] {
        let list = which.path(home);
        if !list.is_file() {
            continue;
        }
        let wanted = HashList::open(&list)?.checksum();
        while matching::matched_against(&connection, which)? != Some(wanted) {
            if home.running()?.is_none() || begin.elapsed() > PATIENCE {
                bail!(
                    "{} was not compared with the files yet; start the Index with `cordon index start`",
                    list.display()
                );
            }
            std::thread::sleep(Duration::from_millis(50));
        }
    }
    let filter = Filter {
        also: Some("e.id IN (SELECT entry FROM listed WHERE list = 0)"),
        ..Filter::default()
    };
    let (mut rows, mut outcome) = (Vec::new(), Ok(()));
    query::find(&connection, &filter, &mut |record| {
        let mut look = || {
            let found = query::listed(&connection, Which::Blacklist, record.id)?;
            let good = query::listed(&connection, Which::KnownGood, record.id)?.is_some();
            let (kind, hash) = match found.map(|found| found.kind) {
                Some(HashKind::Md5) => ("MD5", &record.md5),
                Some(HashKind::Sha1) => ("SHA1", &record.sha1),
                Some(HashKind::Sha256) => ("SHA256", &record.sha256),
                None => ("", &None),
            };
            rows.push(vec![
                text::readable(&record.path()).into_owned().into(),
                kind.into(),
                hash.as_deref().map(text::hex).into(),
                found.map(|found| text::seconds(found.since)).into(),
                good.into(),
            ]);
            Ok(())
        };
        match look() {
            Ok(()) => ControlFlow::Continue(()),
            Err(error) => {
                outcome = Err(error);
                ControlFlow::Break(())
            }
        }
    })?;
    outcome.map_err(|error: ::index::store::StoreError| error)?;
    let any = !rows.is_empty();
    let table = Table::of("matches", &COLUMNS, rows);
    output::print(form, &[table], serde_json::Value::Null)?;
    Ok(ExitCode::from(if any { 0 } else { EXIT_EMPTY }))
}
