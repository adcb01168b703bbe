//! Where the Index of this endpoint is, and what it is doing.

use crate::framework::{Request, SensorError};
use ::index::home::Home;
use ::index::status::{self, State, Status};
use std::io::ErrorKind;
use std::path::Path;

/// The folder of the Index that this request is about.
pub(super) fn home(request: &Request) -> Home {
    Home::of_agent(&request.host.state_dir)
}

/// What the Index of this endpoint is doing. The agent that answers has the Index in it, so where nothing of it was set up
/// yet, what is missing is the configuration: "Not Installed" is a word of machines without an agent.
pub(super) fn current(home: &Home) -> Result<Status, SensorError> {
    let status = status::current(home).map_err(|error| SensorError::Index {
        state: State::DatabaseError.name(),
        advice: "the folder of the Index cannot be read".into(),
        source: Some(Box::new(error)),
    })?;
    Ok(match status.state {
        State::NotInstalled => Status::of(State::MissingConfigFile, "nothing is set up yet"),
        _ => status,
    })
}

/// Fails where the files of the Index are there and cannot be read: what follows would take them for absent.
pub(super) fn entered(home: &Home) -> Result<(), SensorError> {
    let refused = |path: &Path, said: std::io::Result<()>| match said {
        Err(e) if e.kind() != ErrorKind::NotFound => Err(SensorError::reading(path, e)),
        _ => Ok(()),
    };
    refused(home.folder(), std::fs::metadata(home.folder()).map(drop))?;
    for path in [home.status(), home.database()] {
        refused(&path, std::fs::File::open(&path).map(drop))?;
    }
    Ok(())
}
