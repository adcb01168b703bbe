//! Index Status, its details, and whether the tools are those of the agent.

use super::rows::number;
use super::state;
use crate::framework::{Request, SensorError, Sink};
use ::index::status::{State, Status};
use ::index::{store, text};

pub(super) fn status(request: &Request, sink: &mut Sink) -> Result<(), SensorError> {
    let home = state::home(request);
    state::entered(&home)?;
    sink.push([state::current(&home)?.state.name()])?;
    Ok(())
}

pub(super) fn details(request: &Request, sink: &mut Sink) -> Result<(), SensorError> {
    let home = state::home(request);
    state::entered(&home)?;
    let status = state::current(&home)?;
    let installed = status.state != State::MissingConfigFile;
    let only = |there: bool, cell: Vec<u8>| if there { cell } else { Vec::new() };
    sink.push([
        status.state.name().into(),
        status.detail.into_bytes(),
        status
            .percent
            .map(|p| format!("{p:.0}").into_bytes())
            .unwrap_or_default(),
        only(installed, number(status.entries)),
        only(installed, number(status.hashed)),
        only(installed, number(status.to_hash)),
        only(installed, status.version.into_bytes()),
        only(status.pid > 0, number(status.pid)),
        only(status.at > 0, text::seconds(status.at).into_bytes()),
        status.not_watched.join("; ").into_bytes(),
    ])?;
    Ok(())
}

/// The package that brings the tools to this system, as the content packs call it.
const PACKAGE: &str = if cfg!(windows) {
    "Distribute Endpoint Index Tools"
} else if cfg!(target_os = "macos") {
    "Distribute Endpoint Index Tools For Mac"
} else {
    "Distribute Endpoint Index Tools For Linux"
};

pub(super) fn latest_tools(request: &Request, sink: &mut Sink) -> Result<(), SensorError> {
    let wanted = match request.host.agent_version.as_str() {
        "" => env!("CARGO_PKG_VERSION"),
        version => version,
    };
    let home = state::home(request);
    state::entered(&home)?;
    // What a process said of itself last; else what wrote the database; else, where nothing ran yet, the agent's own
    // program, for that is what would run.
    let said = std::fs::read(home.status())
        .ok()
        .and_then(|bytes| serde_json::from_slice::<Status>(&bytes).ok())
        .map(|status| status.version)
        .filter(|version| !version.is_empty());
    let wrote = || {
        let connection = store::open_to_read(&home.database()).ok()?;
        store::fact::<String>(&connection, "tool").ok().flatten()
    };
    let version = said.or_else(wrote).unwrap_or_else(|| wanted.to_owned());
    let package = if version == wanted { "No" } else { PACKAGE };
    sink.push([version.as_str(), package])?;
    Ok(())
}
