//! `File Hash` and `File Contents Search`.

use super::folder::each_name;
use super::paths::{self, Trouble, is_absent, shown};
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
        let found = handle::at(path, true)?;
        let kind = FileType::from_raw_mode(fstat(&found)?.st_mode);
        match kind {
            FileType::Directory => search.folder(path, &mut buffer, sink),
            FileType::RegularFile => search.file(path, &found, &mut buffer, sink),
            other => Err(Trouble::Run(SensorError::Form {
                what: shown(path),
                problem: format!(
                    "it is a {}, and only a folder or a regular file can be searched",
                    handle::kind_name(other)
                ),
            })),
        }
    })
}

struct Search {
    pattern: Regex,
    names: Regex,
    size_max: String,
}

/// What became of reading a file.
enum Content {
    Whole,
    TooLarge,
}

impl Search {
    /// Searches the files of a folder. Larger files are left out, as the question says; one that cannot be read is noted.
    fn folder(&self, path: &[u8], buffer: &mut Vec<u8>, sink: &mut Sink) -> Result<(), Trouble> {
        let notes = sink.notes();
        let slash: &[u8] = if path.ends_with(b"/") { b"" } else { b"/" };
        each_name(path, sink, |folder, name, kind, sink| {
            if kind != FileType::RegularFile || !self.names.is_match(name) {
                return Ok(());
            }
            let full = [path, slash, name].concat();
            let read = match open(folder, name) {
                Ok(Some(file)) => self.read(&file, buffer, sink),
                Ok(None) => return Ok(()),
                Err(e) => Err(e.into()),
            };
            match read {
                Ok(Content::Whole) => self.tell(&full, buffer, sink)?,
                Ok(Content::TooLarge) => {}
                Err(Trouble::Access(e)) if is_absent(&e) => {}
                Err(Trouble::Access(e)) => notes.missed(shown(&full), e),
                Err(run) => return Err(run),
            }
            Ok(())
        })
    }

    /// Searches the one file that the question names. Where that was not done, it has to be said.
    fn file(
        &self,
        path: &[u8],
        found: &OwnedFd,
        buffer: &mut Vec<u8>,
        sink: &mut Sink,
    ) -> Result<(), Trouble> {
        let name = path.rsplit(|b| *b == b'/').next().unwrap_or_default();
        if !self.names.is_match(name) {
            return Ok(());
        }
        let Some(file) = handle::read(found)? else {
            return Ok(());
        };
        match self.read(&file, buffer, sink)? {
            Content::Whole => self.tell(path, buffer, sink),
            Content::TooLarge => Err(Trouble::Run(SensorError::Form {
                what: shown(path),
                problem: format!(
                    "it is larger than MaxFileSize ({}) and was not searched",
                    self.size_max
                ),
            })),
        }
    }

    /// Reads a file as a whole.
    fn read(&self, file: &File, buffer: &mut Vec<u8>, sink: &Sink) -> Result<Content, Trouble> {
        buffer.clear();
        if larger(file.metadata()?.len(), &self.size_max) {
            return Ok(Content::TooLarge);
        }
        loop {
            sink.check()?;
            match file.take(CHUNK).read_to_end(buffer) {
                Ok(0) => return Ok(Content::Whole),
                // Its size may be told wrong, or grow.
                Ok(_) if larger(buffer.len() as u64, &self.size_max) => {
                    return Ok(Content::TooLarge);
                }
                Ok(_) => {}
                Err(e) if e.kind() == ErrorKind::Interrupted => {}
                Err(e) => return Err(e.into()),
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
