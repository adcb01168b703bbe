//! The login history as a database, where systems keep it whose times outlive 2038 (wtmpdb(8)).

use super::utmp::{End, Login, Record, USER};
use crate::disk;
use crate::framework::{SensorError, Sink};
use crate::software::rpm::{damaged, open};
use rusqlite::types::ValueRef;
use rusqlite::{Connection, Row};
use std::path::Path;

const PATH: &str = "/var/lib/wtmpdb/wtmp.db";
/// Most entries taken, the newest first.
const ENTRIES_MAX: usize = 500_000;
/// The machine started; logged out when it was shut down.
const BOOT: i64 = 1;
/// A user came.
const LOGIN: i64 = 3;

struct Entry {
    kind: i64,
    user: Vec<u8>,
    login: i64,
    logout: Option<i64>,
    terminal: Vec<u8>,
    host: Vec<u8>,
}

/// Logins of the database, newest first; none where there is no database. That it cannot be read is noted.
///
/// # Errors
/// When a limit is reached.
pub fn logins(root: &Path, sink: &Sink) -> Result<Vec<Login>, SensorError> {
    let notes = sink.notes();
    let path = disk::below(root, PATH);
    if !disk::exists(&path, &notes) {
        return Ok(Vec::new());
    }
    let read = open(&path).and_then(|connection| entries(&connection, &path, sink));
    Ok(notes
        .note(read)?
        .map(|entries| paired(&entries))
        .unwrap_or_default())
}

fn entries(connection: &Connection, path: &Path, sink: &Sink) -> Result<Vec<Entry>, SensorError> {
    let damaged = |e: rusqlite::Error| damaged(path, &e);
    let mut statement = connection
        .prepare("SELECT Type, User, Login, Logout, TTY, RemoteHost FROM wtmp ORDER BY Login DESC, ID DESC")
        .map_err(damaged)?;
    let mut rows = statement.query([]).map_err(damaged)?;
    let mut made = Vec::new();
    loop {
        sink.check()?;
        match rows.next() {
            Ok(None) => break,
            Ok(Some(_)) if made.len() >= ENTRIES_MAX => {
                sink.notes().add(SensorError::Form {
                    what: path.display().to_string(),
                    problem: format!(
                        "it holds more than {ENTRIES_MAX} entries, and only the newest were read"
                    ),
                });
                break;
            }
            Ok(Some(row)) => made.extend(entry(row)),
            Err(e) => {
                // What was read until here is worth its rows.
                sink.notes().note::<()>(Err(damaged(e)))?;
                break;
            }
        }
    }
    Ok(made)
}

/// A row whose columns are of other types is none.
fn entry(row: &Row<'_>) -> Option<Entry> {
    let number = |at: usize| match row.get_ref(at) {
        Ok(ValueRef::Integer(value)) => Some(value),
        _ => None,
    };
    let bytes = |at: usize| match row.get_ref(at) {
        Ok(ValueRef::Text(value) | ValueRef::Blob(value)) => value.to_vec(),
        _ => Vec::new(),
    };
    Some(Entry {
        kind: number(0)?,
        user: bytes(1),
        login: number(2)?,
        logout: number(3),
        terminal: bytes(4),
        host: bytes(5),
    })
}

/// Entries, newest first, as logins. One without an end lasts until the machine went down or started again.
fn paired(entries: &[Entry]) -> Vec<Login> {
    let mut machine_end: Option<(i64, End)> = None;
    let mut made = Vec::new();
    for (at, entry) in entries.iter().enumerate() {
        match entry.kind {
            BOOT => machine_end = Some((entry.login, End::Crash)),
            LOGIN => {
                let (until, end) = match (entry.logout, machine_end) {
                    (Some(until), _) => (Some(until), End::LoggedOut),
                    (None, Some((again, end))) => {
                        let boots = entries.get(at..).unwrap_or_default();
                        let boot = boots.iter().find(|e| e.kind == BOOT);
                        // The start that it belongs to knows whether it was shut down.
                        match boot.and_then(|b| b.logout) {
                            Some(down) => (Some(down), End::Down),
                            None => (Some(again), end),
                        }
                    }
                    (None, None) => (None, End::Open),
                };
                made.push(login(entry, until, end));
            }
            _ => {}
        }
    }
    made
}

fn login(entry: &Entry, until: Option<i64>, end: End) -> Login {
    let address = std::str::from_utf8(&entry.host).ok();
    Login {
        record: Record {
            kind: USER,
            pid: 0,
            line: entry.terminal.clone(),
            user: entry.user.clone(),
            host: entry.host.clone(),
            seconds: entry.login.div_euclid(1_000_000),
            micros: entry.login.rem_euclid(1_000_000),
            address: address.and_then(|a| a.parse().ok()),
        },
        until: until.map(|t| t.div_euclid(1_000_000)),
        end,
    }
}
