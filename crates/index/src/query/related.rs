//! What belongs to a file of the Index beside its record: its hashes of before, and the lists that hold its hash.

use super::Connection;
use crate::lists::HashKind;
use crate::lists::Which;
use crate::store::{StoreError, doing};
use rusqlite::OptionalExtension;

/// Hashes of a file before its content last changed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Former {
    /// Until when they were its hashes: seconds since 1970.
    pub until: i64,
    /// MD5, where it was calculated.
    pub md5: Option<Vec<u8>>,
    /// SHA-1 likewise.
    pub sha1: Option<Vec<u8>>,
    /// SHA-256 likewise.
    pub sha256: Option<Vec<u8>>,
}

/// A list that holds one of a file's hashes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Match {
    /// Which of its hashes.
    pub kind: HashKind,
    /// Since when this is known: seconds since 1970.
    pub since: i64,
}

/// The hashes of before of the file with this number.
///
/// # Errors
/// [`StoreError::Statement`].
pub fn former(connection: &Connection, file: i64) -> Result<Option<Former>, StoreError> {
    connection
        .prepare_cached("SELECT until, md5, sha1, sha256 FROM former WHERE entry = ?1")
        .and_then(|mut s| {
            s.query_row([file], |row| {
                Ok(Former {
                    until: row.get(0)?,
                    md5: row.get(1)?,
                    sha1: row.get(2)?,
                    sha256: row.get(3)?,
                })
            })
            .optional()
        })
        .map_err(doing("find former hashes"))
}

/// How a list holds the file with this number; `None` when it does not.
///
/// # Errors
/// [`StoreError::Statement`].
pub fn listed(
    connection: &Connection,
    list: Which,
    file: i64,
) -> Result<Option<Match>, StoreError> {
    let found: Option<(i64, i64)> = connection
        .prepare_cached("SELECT kind, since FROM listed WHERE entry = ?1 AND list = ?2")
        .and_then(|mut s| {
            s.query_row((file, list as i64), |row| Ok((row.get(0)?, row.get(1)?)))
                .optional()
        })
        .map_err(doing("find listed files"))?;
    Ok(found.and_then(|(kind, since)| {
        let kind = HashKind::ALL.into_iter().find(|k| *k as i64 == kind)?;
        Some(Match { kind, since })
    }))
}

/// Directories that did not answer when they were looked at last, a hundred at most: what the database has of them, and of
/// all below, is as it was before.
///
/// # Errors
/// [`StoreError::Statement`].
pub fn unanswered(connection: &Connection) -> Result<Vec<Vec<u8>>, StoreError> {
    connection
        .prepare_cached("SELECT path FROM directory WHERE problem IS NOT NULL AND problem = ?1 ORDER BY path LIMIT 100")
        .and_then(|mut s| {
            s.query_map([crate::stuck::TIMED_OUT], |row| {
                Ok(crate::text::bytes(row.get_ref(0)?).to_vec())
            })?
            .collect()
        })
        .map_err(doing("find what gave no answer"))
}
