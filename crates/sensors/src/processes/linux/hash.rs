//! `Running Processes with Hash`.

use super::executable::Executable;
use super::walk::{self, Access};
use crate::digest::{Algorithm, DigestError, Hasher};
use crate::framework::{Request, SensorError, Sink};
use std::collections::HashSet;

pub fn running_with_hash(request: &Request, sink: &mut Sink) -> Result<(), SensorError> {
    let mut hasher = hasher(request.parameter(0))?;
    let mut access = Access::default();
    let mut told = HashSet::new();
    for (_, process) in walk::processes()? {
        sink.check()?;
        let Some(Some(executable)) = access.note(Executable::of(&process)) else {
            continue;
        };
        let digest = digest(&executable, hasher.as_mut(), sink)?;
        let row = (executable.path, digest);
        if !told.contains(&row) {
            sink.push([row.0.as_slice(), row.1.as_bytes()])?;
            told.insert(row);
        }
    }
    access.outcome("/proc/*/exe")
}

/// The hasher that a parameter asks for.
pub fn hasher(parameter: &str) -> Result<Option<Hasher>, SensorError> {
    Ok(Algorithm::of_parameter(parameter)?.map(Hasher::new))
}

/// Digest of an executable; empty when none is asked for or the file cannot be read.
pub fn digest(
    executable: &Executable,
    hasher: Option<&mut Hasher>,
    sink: &Sink,
) -> Result<String, SensorError> {
    let Some(hasher) = hasher else {
        return Ok(String::new());
    };
    match executable.open() {
        Ok(Some(mut file)) => of_open(hasher.file(&mut file, sink)),
        _ => Ok(String::new()),
    }
}

/// A digest that could not be had is an empty cell; a limit ends the run.
pub fn of_open(result: Result<String, DigestError>) -> Result<String, SensorError> {
    match result {
        Ok(digest) => Ok(digest),
        Err(DigestError::Limit(hit)) => Err(hit.into()),
        Err(DigestError::Read(_)) => Ok(String::new()),
    }
}
