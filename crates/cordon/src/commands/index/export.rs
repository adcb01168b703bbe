//! `cordon index export`.

use crate::args::{ExportArgs, ExportFormat};
use ::index::export::{self, Format};
use ::index::home::Home;
use anyhow::{Context, Result, bail};
use std::ffi::OsString;
use std::fs::File;
use std::io::{BufWriter, IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// Runs the command.
pub fn run(home: &Home, args: &ExportArgs) -> Result<ExitCode> {
    let connection = super::opened(home, args.database.as_ref())?;
    let format = match args.format {
        ExportFormat::Bodyfile => Format::Bodyfile,
        ExportFormat::Csv => Format::Csv,
        ExportFormat::Jsonl => Format::Jsonl,
        ExportFormat::Parquet => Format::Parquet,
    };
    let Some(file) = &args.output_file else {
        let stdout = std::io::stdout();
        if format == Format::Parquet && stdout.is_terminal() {
            bail!("Parquet is not for a terminal: name a file with --output-file");
        }
        export::export(&connection, format, &mut BufWriter::new(stdout.lock()))?;
        return Ok(ExitCode::SUCCESS);
    };
    let rows = into_file(file, |out| Ok(export::export(&connection, format, out)?))?;
    anstream::eprintln!("{rows} entries written to {}", file.display());
    Ok(ExitCode::SUCCESS)
}

/// A file that is there when it is whole, and not before.
fn into_file(file: &Path, write: impl FnOnce(&mut dyn Write) -> Result<u64>) -> Result<u64> {
    let mut partial = OsString::from(file);
    partial.push(".partial");
    let partial = PathBuf::from(partial);
    let written: Result<u64> = (|| {
        let mut out = BufWriter::new(File::create(&partial)?);
        let rows = write(&mut out)?;
        out.into_inner()?.sync_all()?;
        std::fs::rename(&partial, file)?;
        Ok(rows)
    })();
    if written.is_err() {
        // What failed is told; that its rest could not be removed would only hide it.
        std::fs::remove_file(&partial).ok();
    }
    written.with_context(|| format!("cannot write {}", file.display()))
}
