//! `File Hash` and `File Contents Search`.

use super::folder::each_name;
use super::paths::{self, Trouble, shown};
use crate::digest::{Algorithm, DigestError, Hasher, PARAMETER};
use crate::files::{FILE, FOLDER, pattern};
use crate::framework::{Request, SensorError, Sink};
use crate::handle;
use question::catalogue::ValueType;
use regex::bytes::Regex;
use rustix::fs::{FileType, fstat};
use std::cmp::Ordering;
use std::fs::File;
use std::io::{ErrorKind, Read};
use std::os::fd::OwnedFd;

/// Files are searched as a whole in memory, so that no match is lost between two parts.
const SEARCHED_MAX: u64 = 64 << 20;
const CHUNK: u64 = 1 << 20;
/// Matches told for one file.
const MATCHES_MAX: usize = 100;
/// Bytes of a match that are shown.
const SHOWN_MAX: usize = 256;
/// Content is searched by windows of this size, with a look at the limits between two of them.
const WINDOW: usize = 256 << 10;
/// How far a match that begins in a window may reach out of it. One that is longer may be told in parts.
const REACH: usize = 16 << 10;

pub fn file_hash(request: &Request, sink: &mut Sink) -> Result<(), SensorError> {
    let Some(algorithm) = Algorithm::of_parameter(request.parameter(1))? else {
        return Err(SensorError::Parameter {
            key: PARAMETER.into(),
            problem: "names no algorithm".into(),
        });
    };
    let mut hasher = Hasher::new(algorithm);
    paths::each(FILE, request.parameter(0), sink, |path, sink| {
        let found = handle::at(path, true)?;
        let Some(mut file) = handle::read(&found)? else {
            let kind = handle::kind(&fstat(&found)?);
            return Err(Trouble::Run(SensorError::Form {
                what: shown(path),
                problem: format!("it is a {kind}, and only a regular file has a digest"),
            }));
        };
        let digest = hasher.file(&mut file, sink).map_err(|e| match e {
            DigestError::Limit(hit) => Trouble::from(hit),
            DigestError::Read(e) => Trouble::Access(e),
        })?;
        sink.push([path, digest.as_bytes()])?;
        Ok(())
    })
}

pub fn file_contents_search(request: &Request, sink: &mut Sink) -> Result<(), SensorError> {
    let search = Search {
        pattern: pattern::content(request.parameter(1), request.parameter(2))?,
        names: pattern::name(request.parameter(3))?,
        size_max: size_max(request.parameter(4))?,
    };
    let mut buffer = Vec::new();
    paths::each(FOLDER, request.parameter(0), sink, |path, sink| {
        each_name(path, sink, |folder, name, kind, sink| {
            if kind != FileType::RegularFile || !search.names.is_match(name) {
                return Ok(());
            }
            // One file that cannot be read does not hide the others.
            let Ok(Some(file)) = open(folder, name) else {
                return Ok(());
            };
            if search.read(&file, &mut buffer, sink)? {
                let slash: &[u8] = if path.ends_with(b"/") { b"" } else { b"/" };
                search.tell(&[path, slash, name].concat(), &buffer, sink)?;
            }
            Ok(())
        })
    })
}

struct Search {
    pattern: Regex,
    names: Regex,
    size_max: String,
}

impl Search {
    /// Reads a file; false when it is too large or cannot be read.
    fn read(&self, file: &File, buffer: &mut Vec<u8>, sink: &Sink) -> Result<bool, Trouble> {
        buffer.clear();
        if larger(file.metadata()?.len(), &self.size_max) {
            return Ok(false);
        }
        loop {
            sink.check()?;
            match file.take(CHUNK).read_to_end(buffer) {
                Ok(0) => return Ok(true),
                // Its size may be told wrong, or grow.
                Ok(_) if larger(buffer.len() as u64, &self.size_max) => return Ok(false),
                Ok(_) => {}
                Err(e) if e.kind() == ErrorKind::Interrupted => {}
                Err(_) => return Ok(false),
            }
        }
    }

    fn tell(&self, path: &[u8], content: &[u8], sink: &mut Sink) -> Result<(), Trouble> {
        let (mut at, mut told) = (0, 0);
        while at < content.len() && told < MATCHES_MAX {
            sink.check()?;
            let border = at.saturating_add(WINDOW);
            let seen = content.get(..border + REACH).unwrap_or(content);
            // What begins beyond the border is left to the next window, where it is seen with all that follows.
            let found = self.pattern.find_at(seen, at);
            let Some(place) = found.filter(|m| m.start() < border) else {
                at = border;
                continue;
            };
            at = place.end().max(place.start() + 1);
            // A pattern that fits nothing at all, as `x*` does, would fit everywhere.
            if place.is_empty() {
                continue;
            }
            let bytes = place.as_bytes();
            sink.push([
                path,
                place.start().to_string().as_bytes(),
                bytes.get(..SHOWN_MAX).unwrap_or(bytes),
            ])?;
            told += 1;
        }
        Ok(())
    }
}

fn open(folder: &OwnedFd, name: &[u8]) -> std::io::Result<Option<File>> {
    handle::read(handle::below(folder, name, false)?)
}

/// The parameter, checked. It stays text: `10 MB` and `10485760` compare as the language compares them.
fn size_max(text: &str) -> Result<String, SensorError> {
    let wrong = |problem: String| SensorError::Parameter {
        key: "MaxFileSize".into(),
        problem,
    };
    question::value::parse_check(text, ValueType::DataSize).map_err(wrong)?;
    if larger(SEARCHED_MAX + 1, text) {
        return Ok(text.to_owned());
    }
    Err(wrong(format!("{text} is more than {SEARCHED_MAX} bytes")))
}

fn larger(size: u64, than: &str) -> bool {
    question::value::compare(&size.to_string(), than, ValueType::DataSize)
        == Some(Ordering::Greater)
}
