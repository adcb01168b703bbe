//! `cordon index bench`.

use crate::args::{BenchArgs, Output};
use crate::output::counted;
use crate::output::{self, Table};
use ::index::bench::{Figures, measure};
use anyhow::{Context, Result, bail};
use indicatif::HumanBytes;
use std::process::ExitCode;
use std::time::Duration;

/// Runs the command.
pub fn run(args: BenchArgs) -> Result<ExitCode> {
    let folder = tempfile::tempdir().context("cannot make a folder for the database")?;
    let database = folder.path().join("bench.db");
    let figures = measure(args.roots, &database, Duration::from_secs(args.seconds))?;
    if figures.entries == 0 {
        bail!("there is nothing to index; give a folder that has files with --root");
    }
    print(&figures, args.output)
}

fn print(f: &Figures, form: Option<Output>) -> Result<ExitCode> {
    let mut rows = vec![
        vec![
            "Inventory".to_owned(),
            format!("{:.2} s", f.inventory_seconds),
            format!(
                "{}, {:.0} a second",
                counted(f.entries, "entry"),
                f.entries as f64 / f.inventory_seconds
            ),
        ],
        vec![
            "Walk without a difference".to_owned(),
            format!("{:.2} s", f.check_seconds),
            String::new(),
        ],
        vec![
            "MD5, SHA-1 and SHA-256".to_owned(),
            format!("{:.2} s", f.hash_seconds),
            format!(
                "{}, {}, {} a second{}",
                counted(f.files_hashed, "file"),
                HumanBytes(f.bytes_hashed),
                HumanBytes((f.bytes_hashed as f64 / f.hash_seconds) as u64),
                if f.hashing_cut_short {
                    "; more are left"
                } else {
                    ""
                }
            ),
        ],
        vec![
            "Database".to_owned(),
            HumanBytes(f.database_bytes).to_string(),
            format!("{} bytes an entry", f.database_bytes / f.entries.max(1)),
        ],
    ];
    rows.extend(f.searches.iter().map(|s| {
        vec![
            format!("Search: {}", s.search),
            format!("{:.2} ms", s.p50_ms),
            format!("p99 {:.2} ms", s.p99_ms),
        ]
    }));
    output::print(
        form,
        &[Table::plain(
            "figures",
            &["What", "Figure", "Details"],
            rows,
        )],
        // Programs want them without units.
        serde_json::to_value(f)?,
    )?;
    Ok(ExitCode::SUCCESS)
}
