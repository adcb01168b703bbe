//! Putting a full log away: renamed, compressed, the oldest removed.
//!
//! `cordon-index.log` becomes `cordon-index.log.20261123T114028.123456Z`, and that becomes the same with `.gz`, which
//! has the whole content before it has its name. A crash at any moment leaves files from which [`recover`] goes on:
//! nothing is lost and nothing is kept twice.

use super::NAME;
use flate2::Compression;
use flate2::write::GzEncoder;
use jiff::{SignedDuration, Timestamp};
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

/// Compressed logs that are kept, besides the one that is written.
pub const KEPT: usize = 10;

/// Puts the log away that is in a folder.
///
/// # Errors
/// When a file cannot be renamed, compressed or removed.
pub fn rotate(folder: &Path, now: Timestamp) -> io::Result<()> {
    let mut moment = now;
    // Two in the same microsecond, or a clock that was set back: the next free name.
    let aside = loop {
        let path = folder.join(format!("{NAME}.{}Z", moment.strftime("%Y%m%dT%H%M%S.%6f")));
        if !path.exists() && !with(&path, ".gz").exists() {
            break path;
        }
        moment = moment
            .checked_add(SignedDuration::from_micros(1))
            .map_err(io::Error::other)?;
    };
    match fs::rename(folder.join(NAME), &aside) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        outcome => outcome?,
    }
    // Also those that a full disk kept from being compressed before.
    recover(folder)
}

/// Completes what a crash interrupted.
///
/// # Errors
/// As [`rotate`].
pub fn recover(folder: &Path) -> io::Result<()> {
    for name in names(folder)? {
        if name.ends_with(".new") {
            fs::remove_file(folder.join(name))?;
        } else if !name.ends_with(".gz") {
            compress(&folder.join(name))?;
        }
    }
    prune(folder)
}

fn compress(aside: &Path) -> io::Result<()> {
    let (new, done) = (with(aside, ".gz.new"), with(aside, ".gz"));
    if !done.exists() {
        let mut options = File::options();
        options.write(true).create(true).truncate(true);
        #[cfg(unix)]
        {
            use std::os::unix::fs::OpenOptionsExt;
            options.mode(0o600);
        }
        let mut encoder = GzEncoder::new(options.open(&new)?, Compression::default());
        io::copy(&mut File::open(aside)?, &mut encoder)?;
        encoder.finish()?.sync_all()?;
        fs::rename(&new, &done)?;
    }
    fs::remove_file(aside)
}

fn prune(folder: &Path) -> io::Result<()> {
    let mut kept: Vec<String> = names(folder)?
        .into_iter()
        .filter(|name| name.ends_with(".gz"))
        .collect();
    kept.sort();
    for name in kept.iter().take(kept.len().saturating_sub(KEPT)) {
        fs::remove_file(folder.join(name))?;
    }
    Ok(())
}

/// The logs that were put away, in any state: those named with a time stamp, and nothing else that lies there.
fn names(folder: &Path) -> io::Result<Vec<String>> {
    let mut names = Vec::new();
    for entry in fs::read_dir(folder)? {
        let name = entry?.file_name();
        let Some(name) = name.to_str() else { continue };
        let Some(rest) = name
            .strip_prefix(NAME)
            .and_then(|rest| rest.strip_prefix('.'))
        else {
            continue;
        };
        let (stamp, end) = rest.split_once('Z').unwrap_or_default();
        let stamped = stamp.len() == 22
            && stamp
                .bytes()
                .all(|b| b.is_ascii_digit() || b"T.".contains(&b));
        if stamped && ["", ".gz", ".gz.new"].contains(&end) {
            names.push(name.to_owned());
        }
    }
    Ok(names)
}

fn with(path: &Path, end: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(end);
    PathBuf::from(name)
}
