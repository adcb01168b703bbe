//! `Running Processes with Hash`.

use super::executable::Executable;
use super::walk::{self, part};
use crate::digest::{Algorithm, DigestError, Hasher};
use crate::framework::{Request, SensorError, Sink};
use std::collections::HashSet;
use std::ffi::OsStr;
use std::fs::File;
use std::os::unix::ffi::OsStrExt;

pub fn running_with_hash(request: &Request, sink: &mut Sink) -> Result<(), SensorError> {
    let mut hasher = hasher(request.parameter(0))?;
    let notes = sink.notes();
    let mut told = HashSet::new();
    for (_, process) in walk::processes(&notes)? {
        sink.check()?;
        let executable = part(&notes, &process, "exe", Executable::of(&process));
        let Some(Some(executable)) = executable else {
            continue;
        };
        let digest = digest(&executable, hasher.as_mut(), sink)?;
        let row = (executable.path, digest);
        if !told.contains(&row) {
            sink.push([row.0.as_slice(), row.1.as_bytes()])?;
            told.insert(row);
        }
    }
    Ok(())
}

/// The hasher that a parameter asks for.
pub fn hasher(parameter: &str) -> Result<Option<Hasher>, SensorError> {
    Ok(Algorithm::of_parameter(parameter)?.map(Hasher::new))
}

/// Digest of an executable; empty when none is asked for, or when the file cannot be read, which is noted.
pub fn digest(
    executable: &Executable,
    hasher: Option<&mut Hasher>,
    sink: &Sink,
) -> Result<String, SensorError> {
    let Some(hasher) = hasher else {
        return Ok(String::new());
    };
    of_open(executable.open(), &executable.path, hasher, sink)
}

/// Digest of what was opened, which has this path. One that could not be had is an empty cell and noted; a limit ends
/// the run.
pub fn of_open(
    opened: std::io::Result<Option<File>>,
    path: &[u8],
    hasher: &mut Hasher,
    sink: &Sink,
) -> Result<String, SensorError> {
    let digest = match opened {
        Ok(Some(mut file)) => hasher.file(&mut file, sink),
        Ok(None) => return Ok(String::new()),
        Err(e) => Err(DigestError::Read(e)),
    };
    match digest {
        Ok(digest) => Ok(digest),
        Err(DigestError::Limit(hit)) => Err(hit.into()),
        Err(DigestError::Read(e)) => {
            sink.notes().missed(OsStr::from_bytes(path), e);
            Ok(String::new())
        }
    }
}
