//! Audit entries on their way out of the store: a gzip file of JSON lines, each with the fields as they were hashed.
//!
//! A file is written beside its place, flushed and renamed, before anything is cut off; so an entry is in the store or in a file, or
//! in both, never in none. The files of a folder follow each other and end where the store's log begins; [`verify`] checks that.

use crate::model::audit::{self, Entry, Hash, Head, Problem, Verdict};
use flate2::Compression;
use flate2::bufread::GzDecoder;
use flate2::write::GzEncoder;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use std::fs::{self, File, OpenOptions};
use std::io::{self, BufRead as _, BufReader, BufWriter, Read as _, Write as _};
use std::path::{Path, PathBuf};

/// Folder for exports in the data folder.
pub const FOLDER: &str = "audit";
const UNFINISHED: &str = ".unfinished";
/// Longest line that is read back.
const LONGEST_LINE: u64 = 16 << 20;

/// Why entries could not be exported or read back.
#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    /// A file or folder.
    #[error("cannot write {path}; check its disk and who may write there")]
    Write {
        /// Which.
        path: PathBuf,
        /// System's error.
        #[source]
        source: io::Error,
    },
    /// Reading back.
    #[error("cannot read {path}")]
    Read {
        /// Which.
        path: PathBuf,
        /// System's error.
        #[source]
        source: io::Error,
    },
    /// A line that is no entry.
    #[error("{path} is damaged in line {line}")]
    Line {
        /// Which file.
        path: PathBuf,
        /// Which line, from 1.
        line: u64,
        /// Why.
        #[source]
        source: serde_json::Error,
    },
}

#[derive(Serialize, Deserialize)]
struct Line {
    number: u64,
    time: String,
    who: String,
    action: String,
    object: String,
    detail: String,
    previous: String,
    hash: String,
}

impl From<&Entry> for Line {
    fn from(entry: &Entry) -> Self {
        Self {
            number: entry.number,
            time: entry.time.clone(),
            who: entry.who.clone(),
            action: entry.action.clone(),
            object: entry.object.clone(),
            detail: entry.detail.clone(),
            previous: hex::encode(entry.previous),
            hash: hex::encode(entry.hash),
        }
    }
}

impl From<Line> for Entry {
    fn from(line: Line) -> Self {
        // What is no hash is not the right one either: the check says so.
        let hash = |text: &str| -> Hash {
            let mut hash = [0; 32];
            if hex::decode_to_slice(text, &mut hash).is_err() {
                hash = [0xff; 32];
            }
            hash
        };
        Self {
            number: line.number,
            previous: hash(&line.previous),
            hash: hash(&line.hash),
            time: line.time,
            who: line.who,
            action: line.action,
            object: line.object,
            detail: line.detail,
        }
    }
}

/// A file that is being written.
pub struct Export {
    folder: PathBuf,
    unfinished: PathBuf,
    out: GzEncoder<BufWriter<File>>,
    first: u64,
    last: u64,
    hash: Hash,
}

/// A file that was written.
#[derive(Debug)]
pub struct Exported {
    /// Its name.
    pub name: String,
    /// SHA-256 of its bytes.
    pub digest: [u8; 32],
    /// Number of its first entry.
    pub first: u64,
    /// Number of its last entry.
    pub last: u64,
    /// Hash of its last entry.
    pub hash: Hash,
}

impl Export {
    /// Begins a file for entries from this one on.
    pub fn begin(folder: &Path, first: u64) -> Result<Self, ExportError> {
        let failed = |path: &Path| {
            let path = path.to_owned();
            |source| ExportError::Write { path, source }
        };
        let mut builder = fs::DirBuilder::new();
        builder.recursive(true);
        #[cfg(unix)]
        {
            use std::os::unix::fs::DirBuilderExt as _;
            builder.mode(0o700);
        }
        builder.create(folder).map_err(failed(folder))?;
        let unfinished = folder.join(UNFINISHED);
        let mut options = OpenOptions::new();
        options.create(true).truncate(true).write(true);
        #[cfg(unix)]
        {
            use std::os::unix::fs::OpenOptionsExt as _;
            options.mode(0o600);
        }
        let file = options.open(&unfinished).map_err(failed(&unfinished))?;
        Ok(Self {
            folder: folder.to_owned(),
            unfinished,
            out: GzEncoder::new(BufWriter::new(file), Compression::default()),
            first,
            last: first,
            hash: [0; 32],
        })
    }

    /// Adds the next entry.
    pub fn add(&mut self, entry: &Entry) -> Result<(), ExportError> {
        let failed = |source| ExportError::Write {
            path: self.unfinished.clone(),
            source,
        };
        let line = serde_json::to_vec(&Line::from(entry)).map_err(|e| failed(e.into()))?;
        self.out.write_all(&line).map_err(failed)?;
        self.out.write_all(b"\n").map_err(failed)?;
        (self.last, self.hash) = (entry.number, entry.hash);
        Ok(())
    }

    /// Brings the file safely to its place.
    pub fn finish(self) -> Result<Exported, ExportError> {
        let name = format!("audit-{:012}-{:012}.jsonl.gz", self.first, self.last);
        let path = self.folder.join(&name);
        let failed = |source| ExportError::Write {
            path: path.clone(),
            source,
        };
        let file = self
            .out
            .finish()
            .and_then(|out| out.into_inner().map_err(io::IntoInnerError::into_error))
            .map_err(failed)?;
        file.sync_all().map_err(failed)?;
        let digest = digest(&self.unfinished).map_err(failed)?;
        fs::rename(&self.unfinished, &path).map_err(failed)?;
        #[cfg(unix)]
        File::open(&self.folder)
            .and_then(|folder| folder.sync_all())
            .map_err(failed)?;
        Ok(Exported {
            name,
            digest,
            first: self.first,
            last: self.last,
            hash: self.hash,
        })
    }
}

fn digest(path: &Path) -> io::Result<[u8; 32]> {
    let mut hasher = Sha256::new();
    let mut file = File::open(path)?;
    let mut buffer = vec![0; 1 << 16];
    loop {
        let read = file.read(&mut buffer)?;
        if read == 0 {
            return Ok(hasher.finalize().into());
        }
        hasher.update(buffer.get(..read).unwrap_or_default());
    }
}

/// Files of a folder, oldest first; none when there is no folder.
fn files(folder: &Path) -> Result<Vec<PathBuf>, ExportError> {
    let failed = |source| ExportError::Read {
        path: folder.to_owned(),
        source,
    };
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(failed(error)),
    };
    let mut files = Vec::new();
    for entry in entries {
        let path = entry.map_err(failed)?.path();
        let name = path.file_name().and_then(|n| n.to_str()).unwrap_or("");
        if name.starts_with("audit-") && name.ends_with(".jsonl.gz") {
            files.push(path);
        }
    }
    // Numbers have leading zeros.
    files.sort();
    Ok(files)
}

/// Entries of all files, in order.
fn entries(files: Vec<PathBuf>) -> impl Iterator<Item = Result<Entry, ExportError>> {
    files.into_iter().flat_map(|path| {
        let lines: Box<dyn Iterator<Item = Result<Entry, ExportError>>> = match File::open(&path) {
            Ok(file) => Box::new(lines(path, file)),
            Err(source) => Box::new(std::iter::once(Err(ExportError::Read { path, source }))),
        };
        lines
    })
}

fn lines(path: PathBuf, file: File) -> impl Iterator<Item = Result<Entry, ExportError>> {
    let mut reader = BufReader::new(GzDecoder::new(BufReader::new(file)));
    let mut number = 0;
    let mut ended = false;
    std::iter::from_fn(move || {
        if ended {
            return None;
        }
        number += 1;
        let mut text = Vec::new();
        let read = (&mut reader)
            .take(LONGEST_LINE)
            .read_until(b'\n', &mut text);
        let entry = match read {
            Ok(0) => return None,
            Ok(_) => serde_json::from_slice::<Line>(&text)
                .map(Entry::from)
                .map_err(|source| ExportError::Line {
                    path: path.clone(),
                    line: number,
                    source,
                }),
            Err(source) => Err(ExportError::Read {
                path: path.clone(),
                source,
            }),
        };
        ended = entry.is_err();
        Some(entry)
    })
}

/// Checks the exports of a folder up to where the store's log begins. Files that were moved elsewhere may be missing at the front.
/// `None` when there are none and none are needed.
///
/// # Errors
/// A file that cannot be read.
pub fn verify(folder: &Path, anchor: Head) -> Result<Option<Verdict>, ExportError> {
    let files = files(folder)?;
    if files.is_empty() && anchor.number == 0 {
        return Ok(None);
    }
    let first = entries(files.clone()).next().transpose()?;
    let start = first.map_or(anchor, |first| Head {
        number: first.number.saturating_sub(1),
        hash: first.previous,
    });
    // A file whose entries were not cut off in the end (the server was stopped in between) is written again.
    let known = entries(files).filter(|e| e.as_ref().map_or(true, |e| e.number <= anchor.number));
    let mut verdict = audit::verify_from(start, known, anchor, &[])?;
    if verdict
        .fault
        .as_ref()
        .is_some_and(|f| f.problem == Problem::NotVouched)
    {
        // Earlier exports vouch for themselves wherever they are.
        verdict.fault = None;
    }
    Ok(Some(verdict))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn log(count: u64) -> Vec<Entry> {
        let mut previous = [0; 32];
        (1..=count)
            .map(|number| {
                let mut entry = Entry {
                    number,
                    time: "2026-11-22T22:00:00Z".into(),
                    who: "ada".into(),
                    action: "question.ask".into(),
                    object: format!("question {number}"),
                    detail: "{\"text\":\"Get \\\"x\\\"\"}".into(),
                    previous,
                    hash: [0; 32],
                };
                entry.hash = entry.digest();
                previous = entry.hash;
                entry
            })
            .collect()
    }

    fn export(folder: &Path, entries: &[Entry]) -> Exported {
        let mut export = Export::begin(folder, entries[0].number).expect("begun");
        for entry in entries {
            export.add(entry).expect("added");
        }
        export.finish().expect("finished")
    }

    #[test]
    fn exports_follow_each_other_and_show_what_was_changed() {
        let folder = tempfile::tempdir().expect("a folder");
        let nothing = Head {
            number: 0,
            hash: [0; 32],
        };
        let checked = verify(folder.path(), nothing).expect("read");
        assert!(checked.is_none());
        let log = log(9);
        export(folder.path(), &log[..4]);
        let last = export(folder.path(), &log[4..]);
        let anchor = Head {
            number: 9,
            hash: last.hash,
        };
        let good = |anchor| verify(folder.path(), anchor).expect("read").expect("some");
        assert_eq!((good(anchor).fault, good(anchor).good), (None, 9));
        // Exported, but the cut did not come to pass.
        let early = Head {
            number: 4,
            hash: log[3].hash,
        };
        assert_eq!(good(early).fault, None);
        // The older one was moved to an archive.
        let older = folder
            .path()
            .join("audit-000000000001-000000000004.jsonl.gz");
        std::fs::rename(&older, folder.path().join("elsewhere")).expect("moved");
        assert_eq!(good(anchor).fault, None);
        // Written anew with another name in it.
        let mut forged = log[4..].to_vec();
        forged[2].who = "eve".into();
        export(folder.path(), &forged);
        assert_eq!(good(anchor).fault.map(|f| f.number), Some(7));
        std::fs::remove_file(folder.path().join(&last.name)).expect("removed");
        assert!(good(anchor).fault.is_none(), "nothing contradicts");
    }
}
