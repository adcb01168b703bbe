//! `cordon server check`, `salvage` and `vacuum`: looking after a data folder without running a server.

use crate::EXIT_ERROR;
use crate::output::say;
use ::server::model::clock::Clock;
use ::server::retention::export;
use ::server::store::sqlite::{self, check, salvage};
use anyhow::{Context, Result};
use std::path::Path;
use std::process::ExitCode;

/// `vacuum`.
pub fn write_anew(data: &Path) -> Result<ExitCode> {
    let (before, after) = sqlite::vacuum(data)?;
    say!("{before} bytes before, {after} bytes now");
    Ok(ExitCode::SUCCESS)
}

/// `check`.
pub fn look(data: &Path) -> Result<ExitCode> {
    ::server::data::check(data).context("the data folder is not whole")?;
    let report = check::thoroughly(data)?;
    say!("{report}");
    let exports = export::verify(&data.join(export::FOLDER), report.anchor)
        .context("the exported audit entries cannot be checked")?;
    if let Some(verdict) = &exports {
        say!("exported audit entries: {verdict}");
    }
    let keys = ::server::identity::look(data, report.keys).map_err(anyhow::Error::new);
    match &keys {
        Ok(found) => say!("keys: {found}"),
        // Says itself what to do.
        Err(error) => say!("keys: {error:#}"),
    }
    if report.is_good() && exports.is_none_or(|v| v.is_intact()) {
        return Ok(if keys.is_ok() {
            ExitCode::SUCCESS
        } else {
            ExitCode::from(EXIT_ERROR)
        });
    }
    anstream::eprintln!(
        "cordon: this store is damaged; stop its server, keep the folder for analysis, and restore the last backup or run \
         `cordon server salvage --data {} --into NEW-FOLDER`",
        data.display()
    );
    Ok(ExitCode::from(EXIT_ERROR))
}

/// `salvage`.
pub fn save(data: &Path, into: &Path) -> Result<ExitCode> {
    let salvaged = salvage::salvage(data, into, Clock::system().now())?;
    say!("{salvaged}");
    say!(
        "saved into {0}; look at it with `cordon server check --data {0}`",
        into.display()
    );
    Ok(ExitCode::SUCCESS)
}
