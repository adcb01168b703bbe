//! Writing the database anew, so that it can give room back in small steps from then on.
//!
//! A database of an earlier version cannot. It is written anew once, at a start, when it is small enough not to hold the start up
//! and the disk has room for it twice; a larger one waits for `cordon server vacuum`.

use super::super::error::{Result, StoreError};
use super::super::lock::FolderLock;
use super::check;
use super::connection::{FILE_NAME, open_writing, present};
use super::fault::Fault;
use super::reserve;
use super::state::StateFile;
use super::values::unsigned;
use rusqlite::Connection;
use std::path::Path;

/// Largest database that a start writes anew by itself.
const AT_START: u64 = 256 << 20;

/// Writes the database of a folder anew, whatever its size. No server may be running.
pub fn vacuum(folder: &Path) -> Result<(u64, u64)> {
    let path = folder.join(FILE_NAME);
    present(&path)?;
    let _lock = FolderLock::take(folder)?;
    let state = StateFile::of(folder);
    let read = state.read().map_err(|source| StoreError::Folder {
        path: state.path().to_owned(),
        source,
    })?;
    check::whole(folder, read)?;
    let told = |e: rusqlite::Error| Fault::from(e).told("writing the database anew".into(), &path);
    let connection = open_writing(&path)?;
    let before = size(&connection).map_err(told)?;
    write_anew(&connection).map_err(told)?;
    let after = size(&connection).map_err(told)?;
    let busy: i64 = connection
        .query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get(0))
        .map_err(told)?;
    if busy == 0
        && let Err(error) = state.set_closed()
    {
        tracing::warn!(%error, "it could not be noted that the store was closed");
    }
    Ok((before, after))
}

/// At a start: does what is needed once, or says what is to be done. Nothing depends on it.
pub(super) fn once(connection: &Connection, path: &Path) {
    let needed = || -> rusqlite::Result<Option<u64>> {
        let mode: i64 = connection.pragma_query_value(None, "auto_vacuum", |row| row.get(0))?;
        Ok(if mode == 2 {
            None
        } else {
            Some(size(connection)?)
        })
    };
    let size = match needed() {
        Ok(None) => return,
        Ok(Some(size)) => size,
        Err(error) => {
            tracing::warn!(%error, "it cannot be told whether the database gives room back");
            return;
        }
    };
    let room = reserve::free(path).is_none_or(|free| free / 3 > size);
    if size > AT_START || !room {
        tracing::warn!(
            bytes = size,
            "the database cannot give room back to the disk; `cordon server vacuum` changes that while the server is stopped"
        );
        return;
    }
    match write_anew(connection) {
        Ok(()) => tracing::info!("the database was written anew and gives room back from now on"),
        Err(error) => tracing::warn!(%error, "the database could not be written anew"),
    }
}

fn size(connection: &Connection) -> rusqlite::Result<u64> {
    let number = |name: &str| -> rusqlite::Result<u64> {
        connection.pragma_query_value(None, name, |row| Ok(unsigned(row.get(0)?)))
    };
    Ok(number("page_count")?.saturating_mul(number("page_size")?))
}

fn write_anew(connection: &Connection) -> rusqlite::Result<()> {
    connection.pragma_update(None, "auto_vacuum", "INCREMENTAL")?;
    connection.execute_batch("VACUUM")
}
