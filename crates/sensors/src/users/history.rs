//! Login histories with the files they were rotated into: `wtmp.1`, `wtmp-20240131`, and packed ones.

use super::utmp::{self, Layout, Record};
use crate::disk;
use crate::framework::{Notes, SensorError};
use std::io::Read;
use std::path::{Path, PathBuf};

/// Most bytes of login records read in all: about half a million logins.
const RECORDS_MAX: u64 = 192 << 20;
const FOLDER: &str = "/var/log";

/// A history and its files.
pub struct History<'a> {
    root: &'a Path,
    notes: &'a Notes,
    /// The oldest first.
    files: Vec<PathBuf>,
}

impl<'a> History<'a> {
    /// The history of this name (`wtmp`) below a root.
    #[must_use]
    pub fn of(root: &'a Path, name: &str, notes: &'a Notes) -> Self {
        let mut found: Vec<(Age, PathBuf)> = Vec::new();
        for path in disk::list(&disk::below(root, FOLDER), notes) {
            if let Some(age) = Age::of(disk::name(&path), name) {
                found.push((age, Path::new(FOLDER).join(disk::name(&path))));
            }
        }
        found.sort();
        Self {
            root,
            notes,
            files: found.into_iter().map(|(_, path)| path).collect(),
        }
    }

    /// Records of all files. Where they are too many the newest are kept, and that is noted.
    #[must_use]
    pub fn oldest_first(&self) -> Vec<Record> {
        let mut room = RECORDS_MAX;
        let mut parts: Vec<Vec<Record>> = Vec::new();
        for path in self.files.iter().rev() {
            let bytes = read(&disk::below(self.root, path), room, self.notes);
            room = room.saturating_sub(bytes.len() as u64);
            parts.push(decode(&bytes, path, self.notes));
        }
        parts.into_iter().rev().flatten().collect()
    }
}

/// Records of one file.
#[must_use]
pub fn records(root: &Path, path: &Path, notes: &Notes) -> Vec<Record> {
    let bytes = read(&disk::below(root, path), RECORDS_MAX, notes);
    decode(&bytes, path, notes)
}

fn decode(bytes: &[u8], path: &Path, notes: &Notes) -> Vec<Record> {
    let (records, lost) = utmp::read(bytes, Layout::of(bytes));
    if lost > 0 {
        notes.add(SensorError::Form {
            what: path.display().to_string(),
            problem: format!("{lost} of its {} bytes are no whole records", bytes.len()),
        });
    }
    records
}

fn read(path: &Path, most: u64, notes: &Notes) -> Vec<u8> {
    let bytes = disk::read_if_there(path, most, notes).unwrap_or_default();
    let packed = match path.extension().and_then(|e| e.to_str()) {
        Some("gz") => "gzip",
        Some("xz" | "bz2" | "zst" | "lzma") => "other",
        _ => return bytes,
    };
    let odd = |problem: String| SensorError::Form {
        what: path.display().to_string(),
        problem,
    };
    if packed != "gzip" {
        notes.add(odd("it is packed in a way that is not read here".into()));
        return Vec::new();
    }
    let mut plain = Vec::new();
    let unpacking = flate2::read::MultiGzDecoder::new(bytes.as_slice());
    if let Err(e) = unpacking
        .take(most.saturating_add(1))
        .read_to_end(&mut plain)
    {
        notes.add(odd(format!("it cannot be unpacked to its end: {e}")));
    }
    let most_here = usize::try_from(most).unwrap_or(usize::MAX);
    if plain.len() > most_here {
        plain.truncate(most_here);
        notes.add(odd(format!(
            "unpacked it is larger than {most} bytes, and only so many were read"
        )));
    }
    plain
}

/// How old a file is by its name, the oldest first.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Age {
    /// `wtmp.2`: the larger the number, the older.
    Number(std::cmp::Reverse<u64>),
    /// `wtmp-20240131`: as the text sorts.
    Date(String),
    /// The file itself.
    Now,
}

impl Age {
    fn of(file: &str, name: &str) -> Option<Self> {
        let rest = file.strip_prefix(name)?;
        if rest.is_empty() {
            return Some(Self::Now);
        }
        let bare = [".gz", ".xz", ".bz2", ".zst", ".lzma"]
            .iter()
            .find_map(|end| rest.strip_suffix(end))
            .unwrap_or(rest);
        if let Some(number) = bare.strip_prefix('.').and_then(|n| n.parse().ok()) {
            return Some(Self::Number(std::cmp::Reverse(number)));
        }
        let date = bare.strip_prefix('-').or_else(|| bare.strip_prefix('.'))?;
        let is_date = date.starts_with(|c: char| c.is_ascii_digit())
            && date
                .chars()
                .all(|c| c.is_ascii_digit() || "-.:_T".contains(c));
        is_date.then(|| Self::Date(date.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_of_a_history_by_age() {
        let mut names = [
            "wtmp",
            "wtmp.1",
            "wtmp.10.gz",
            "wtmp.2.xz",
            "wtmp-20231201",
            "wtmp-20240131.gz",
            "wtmp-20240131-1706659201",
            "wtmpdb",
            "wtmp.lock",
            "btmp",
            "wtmp.old",
            "wtmp-",
        ]
        .into_iter()
        .filter_map(|file| Age::of(file, "wtmp").map(|age| (age, file)))
        .collect::<Vec<_>>();
        names.sort();
        let names: Vec<&str> = names.into_iter().map(|(_, name)| name).collect();
        assert_eq!(
            names,
            [
                "wtmp.10.gz",
                "wtmp.2.xz",
                "wtmp.1",
                "wtmp-20231201",
                "wtmp-20240131.gz",
                "wtmp-20240131-1706659201",
                "wtmp"
            ]
        );
    }
}
