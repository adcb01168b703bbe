//! The latest login of each user: `lastlog`, a record for each user id in a file with holes (lastlog(8)), and the database
//! that newer systems keep instead (lastlog2(8)). All paths are below a given root.

use super::sources::{Directory, without_groups};
use super::utmp::Layout;
use crate::disk;
use crate::framework::{Notes, SensorError, Sink};
use crate::software::rpm::{damaged, open};
use crate::text;
use rusqlite::types::ValueRef;
use std::collections::BTreeMap;
use std::io::{Read, Seek, SeekFrom};
use std::path::Path;

const FILE: &str = "/var/log/lastlog";
const DATABASE: &str = "/var/lib/lastlog/lastlog2.db";
/// Up to this size the whole file is read, for users too who are gone; holes cost little.
const WHOLE_MAX: u64 = 64 << 20;

/// The latest login of a user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Latest {
    /// Login name; empty for a user id without an account.
    pub user: Vec<u8>,
    /// User id, where it is known.
    pub uid: Option<u32>,
    /// Terminal or service.
    pub terminal: Vec<u8>,
    /// Where the user came from.
    pub host: Vec<u8>,
    /// Seconds since 1970.
    pub seconds: i64,
    /// File that says so.
    pub source: &'static str,
}

/// Rows of Last Login per User.
///
/// # Errors
/// When a limit is reached.
pub fn last_login_per_user(root: &Path, sink: &mut Sink) -> Result<(), SensorError> {
    for latest in latest(root, sink)? {
        let uid = latest.uid.map_or_else(String::new, |uid| uid.to_string());
        sink.push([
            &latest.user[..],
            uid.as_bytes(),
            &latest.terminal,
            &latest.host,
            text::moment(latest.seconds, 0).as_bytes(),
            latest.source.as_bytes(),
        ])?;
    }
    Ok(())
}

/// The latest login of each user. What cannot be read is noted.
///
/// # Errors
/// When a limit is reached.
pub fn latest(root: &Path, sink: &Sink) -> Result<Vec<Latest>, SensorError> {
    let notes = sink.notes();
    let (file, database) = (disk::below(root, FILE), disk::below(root, DATABASE));
    let mut made = Vec::new();
    let there = [&file, &database].map(|path| disk::exists(path, &notes));
    if there == [false, false] {
        return Ok(made);
    }
    let accounts = notes
        .note(without_groups(root, &notes))?
        .unwrap_or_default();
    from_file(&file, &accounts, &notes, &mut made);
    sink.check()?;
    let [_, in_database] = there;
    if in_database {
        let read = from_database(&database, &accounts, sink, &mut made);
        notes.note(read)?;
    }
    Ok(made)
}

fn from_file(path: &Path, accounts: &Directory, notes: &Notes, made: &mut Vec<Latest>) {
    let Some(mut file) = disk::look(disk::open_regular(path), path, notes) else {
        return;
    };
    let mut names: BTreeMap<u32, &[u8]> = BTreeMap::new();
    for account in accounts.accounts() {
        names.entry(account.uid).or_insert(&account.name);
    }
    let time = match Layout::of_this_machine() {
        Layout::Short => 4,
        Layout::Long => 8,
    };
    let size = time + 32 + 256;
    let length = file.metadata().map_or(0, |m| m.len());
    if length <= WHOLE_MAX {
        let mut bytes = Vec::new();
        if let Err(e) = file.take(WHOLE_MAX).read_to_end(&mut bytes) {
            notes.missed(path, e);
        }
        for (uid, place) in (0..=u32::MAX).zip(bytes.chunks_exact(size)) {
            made.extend(record(names.get(&uid).copied(), uid, place, time));
        }
        return;
    }
    notes.add(SensorError::Form {
        what: path.display().to_string(),
        problem: "it is large, and only the records of known accounts were read".into(),
    });
    let step = size as u64;
    let mut place = vec![0; size];
    for (uid, name) in names {
        let at = u64::from(uid).saturating_mul(step);
        if at.saturating_add(step) > length {
            continue;
        }
        let read = file
            .seek(SeekFrom::Start(at))
            .and_then(|_| file.read_exact(&mut place));
        match read {
            Ok(()) => made.extend(record(Some(name), uid, &place, time)),
            Err(e) => notes.missed(path, e),
        }
    }
}

/// A time, a terminal, a host; `None` for somebody who never came.
fn record(name: Option<&[u8]>, uid: u32, place: &[u8], time: usize) -> Option<Latest> {
    let (when, rest) = place.split_at_checked(time)?;
    let mut wide = [0; 8];
    for (to, from) in wide.iter_mut().zip(when) {
        *to = *from;
    }
    // Of 32 bits the library makes a time without a sign.
    let seconds = i64::from_le_bytes(wide);
    let (line, host) = rest.split_at_checked(32)?;
    let plain = |field: &[u8]| field.split(|b| *b == 0).next().unwrap_or_default().to_vec();
    (seconds != 0).then(|| Latest {
        user: name.unwrap_or_default().to_vec(),
        uid: Some(uid),
        terminal: plain(line),
        host: plain(host),
        seconds,
        source: FILE,
    })
}

fn from_database(
    path: &Path,
    accounts: &Directory,
    sink: &Sink,
    made: &mut Vec<Latest>,
) -> Result<(), SensorError> {
    let connection = open(path)?;
    let damaged = |e: rusqlite::Error| damaged(path, &e);
    let mut statement = connection
        .prepare("SELECT Name, Time, TTY, RemoteHost FROM Lastlog2 ORDER BY Name")
        .map_err(damaged)?;
    let mut rows = statement.query([]).map_err(damaged)?;
    while let Some(row) = rows.next().map_err(damaged)? {
        sink.check()?;
        let bytes = |at: usize| match row.get_ref(at) {
            Ok(ValueRef::Text(value) | ValueRef::Blob(value)) => value.to_vec(),
            _ => Vec::new(),
        };
        let seconds = match row.get_ref(1) {
            Ok(ValueRef::Integer(seconds)) => seconds,
            _ => 0,
        };
        let user = bytes(0);
        let account = accounts.accounts().find(|a| a.name == user);
        made.push(Latest {
            uid: account.map(|a| a.uid),
            user,
            terminal: bytes(2),
            host: bytes(3),
            seconds,
            source: DATABASE,
        });
    }
    Ok(())
}
