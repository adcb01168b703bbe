//! RPM packages: the SQLite form of the database, whose rows hold a package header each.
//!
//! A header is a count of index entries and of data bytes, then the entries (tag, type, offset, count) and the data,
//! all big endian: <https://rpm-software-management.github.io/rpm/manual/format_header.html>. The older forms of the
//! database (Berkeley DB, ndb) are named in an error, not passed over.

use super::Package;
use crate::disk;
use crate::framework::{LimitHit, Notes, SensorError};
use rusqlite::{Connection, OpenFlags};
use std::path::{Path, PathBuf};

const TAG_NAME: u32 = 1000;
const TAG_VERSION: u32 = 1001;
const TAG_RELEASE: u32 = 1002;
const TAG_EPOCH: u32 = 1003;
const TAG_ARCH: u32 = 1022;
const TYPE_INT32: u32 = 4;
const TYPE_STRING: u32 = 6;

/// Folders of the database, newest place first.
const FOLDERS: [&str; 3] = ["/usr/lib/sysimage/rpm", "/var/lib/rpm", "/usr/share/rpm"];

/// The package of a header; `None` when the bytes are no header or name no package.
#[must_use]
pub fn header(bytes: &[u8]) -> Option<Package> {
    let entries = usize::try_from(word(bytes, 0)?).ok()?;
    let data_size = usize::try_from(word(bytes, 4)?).ok()?;
    let index = bytes.get(8..8 + entries.checked_mul(16)?)?;
    let data_start = 8 + index.len();
    let data = bytes.get(data_start..data_start.checked_add(data_size)?)?;
    let (mut name, mut version, mut release, mut arch, mut epoch) = (None, None, None, None, None);
    for entry in index.chunks_exact(16) {
        let (tag, kind) = (word(entry, 0)?, word(entry, 4)?);
        let at = usize::try_from(word(entry, 8)?).ok()?;
        let Some(value) = data.get(at..) else {
            continue;
        };
        let text = || (kind == TYPE_STRING).then(|| value.split(|b| *b == 0).next())?;
        match tag {
            TAG_NAME => name = text(),
            TAG_VERSION => version = text(),
            TAG_RELEASE => release = text(),
            TAG_ARCH => arch = text(),
            TAG_EPOCH if kind == TYPE_INT32 => epoch = word(value, 0),
            _ => {}
        }
    }
    let name = name.filter(|n| !n.is_empty())?;
    let mut full = epoch.map_or_else(Vec::new, |e| format!("{e}:").into_bytes());
    full.extend_from_slice(version.unwrap_or_default());
    if let Some(release) = release {
        full.push(b'-');
        full.extend_from_slice(release);
    }
    Some(Package {
        name: name.to_vec(),
        version: full,
        architecture: arch.unwrap_or_default().to_vec(),
    })
}

fn word(bytes: &[u8], at: usize) -> Option<u32> {
    let four = bytes.get(at..at.checked_add(4)?)?;
    Some(u32::from_be_bytes(four.try_into().ok()?))
}

/// Packages below a root. Keys that rpm keeps as packages (`gpg-pubkey`) are left out.
///
/// # Errors
/// When a database is in a form that is not read here or cannot be read, or the first error of `each`.
pub fn packages(
    root: &Path,
    notes: &Notes,
    each: &mut dyn FnMut(Package) -> Result<(), SensorError>,
) -> Result<(), SensorError> {
    let mut seen: Vec<PathBuf> = Vec::new();
    for folder in FOLDERS {
        let Some(folder) = disk::real(&disk::below(root, folder), notes) else {
            continue;
        };
        if seen.contains(&folder) {
            continue;
        }
        let sqlite = folder.join("rpmdb.sqlite");
        if disk::is_file(&sqlite, notes) {
            from_sqlite(&sqlite, notes, each)?;
        } else if disk::is_file(&folder.join("Packages.db"), notes) {
            return Err(other_form(&folder.join("Packages.db"), "ndb"));
        } else if disk::is_file(&folder.join("Packages"), notes) {
            return Err(other_form(&folder.join("Packages"), "Berkeley DB"));
        }
        seen.push(folder);
    }
    Ok(())
}

fn other_form(path: &Path, form: &str) -> SensorError {
    SensorError::Form {
        what: path.display().to_string(),
        problem: format!(
            "an rpm database in {form} form is not supported, only the SQLite form is"
        ),
    }
}

fn from_sqlite(
    path: &Path,
    notes: &Notes,
    each: &mut dyn FnMut(Package) -> Result<(), SensorError>,
) -> Result<(), SensorError> {
    let damaged = |e: rusqlite::Error| damaged(path, &e);
    let connection = open(path)?;
    let mut statement = connection
        .prepare("SELECT blob FROM Packages ORDER BY hnum")
        .map_err(damaged)?;
    let mut rows = statement.query([]).map_err(damaged)?;
    let mut strange = 0_u64;
    while let Some(row) = rows.next().map_err(damaged)? {
        let blob = row.get_ref(0).map_err(damaged)?;
        match blob.as_blob().ok().and_then(header) {
            Some(package) if package.name != b"gpg-pubkey" => each(package)?,
            Some(_) => {}
            None => strange += 1,
        }
    }
    if strange > 0 {
        notes.add(SensorError::Form {
            what: path.display().to_string(),
            problem: format!("{strange} packages in it have no header that can be read"),
        });
    }
    Ok(())
}

/// The error for what the database says.
pub(crate) fn damaged(path: &Path, error: &rusqlite::Error) -> SensorError {
    if error.sqlite_error_code() == Some(rusqlite::ErrorCode::OutOfMemory) {
        return LimitHit::Memory.into();
    }
    SensorError::Form {
        what: path.display().to_string(),
        problem: error.to_string(),
    }
}

/// Opens for reading. Without a write-ahead log that holds something, the file is opened as one that cannot change:
/// otherwise SQLite would make files beside it.
pub(crate) fn open(path: &Path) -> Result<Connection, SensorError> {
    // The database's own words do not tell a refusal from a damage.
    disk::open_regular(path).map_err(|e| SensorError::reading(path, e))?;
    opened(path).map_err(|e| damaged(path, &e))
}

fn opened(path: &Path) -> rusqlite::Result<Connection> {
    let mut log = path.as_os_str().to_owned();
    log.push("-wal");
    let logged = std::fs::metadata(&log).is_ok_and(|m| m.len() > 0);
    let mut uri = String::from("file:");
    for byte in path.as_os_str().as_encoded_bytes() {
        match byte {
            b'/' | b'.' | b'-' | b'_' | b'0'..=b'9' | b'a'..=b'z' | b'A'..=b'Z' => {
                uri.push(char::from(*byte));
            }
            _ => uri.push_str(&format!("%{byte:02x}")),
        }
    }
    uri.push_str(if logged { "?mode=ro" } else { "?immutable=1" });
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY
        | OpenFlags::SQLITE_OPEN_URI
        | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(&uri, flags)?;
    connection.busy_timeout(std::time::Duration::from_secs(2))?;
    Ok(connection)
}
