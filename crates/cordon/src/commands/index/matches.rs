//! `cordon index matches`.

use crate::EXIT_EMPTY;
use crate::args::Output;
use crate::commands::words::yes;
use crate::output::{self, Table};
use ::index::home::Home;
use ::index::lists::{HashKind, Which};
use ::index::query::{self, Filter};
use ::index::{matching, store, text};
use anyhow::{Result, bail};
use std::ops::ControlFlow;
use std::process::ExitCode;

/// Runs the command. Exit code 1 when nothing matches.
pub fn run(home: &Home, form: Output) -> Result<ExitCode> {
    let connection = store::open_to_read(&home.database())?;
    if matching::matched_against(&connection, Which::Blacklist)?.is_none() {
        bail!(
            "there is no blacklist in {}; put one in force with `cordon index blacklist FILE`",
            home.folder().display()
        );
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
                text::readable(&record.path()).into_owned(),
                kind.to_owned(),
                hash.as_deref().map(text::hex).unwrap_or_default(),
                found
                    .map(|found| text::seconds(found.since))
                    .unwrap_or_default(),
                yes(good),
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
    let columns = ["path", "kind", "hash", "since", "known good"];
    let table = Table::plain(&columns, rows);
    output::print(form, &[table], serde_json::Value::Null)?;
    Ok(ExitCode::from(if any { 0 } else { EXIT_EMPTY }))
}
