//! Whose keys belong to this SQLite file.

use super::super::error::Reply;
use super::super::origin::Origin;
use super::SqliteStore;
use super::fault::Result;
use rusqlite::{Connection, OptionalExtension as _};

/// The mark of the keys. A database of an earlier version has no place for it.
pub(super) fn origin(db: &Connection) -> Result<Option<[u8; 32]>> {
    let known: bool = db
        .prepare_cached("SELECT EXISTS (SELECT 1 FROM sqlite_schema WHERE name = 'keys_origin')")?
        .query_row([], |row| row.get(0))?;
    if !known {
        return Ok(None);
    }
    Ok(db
        .prepare_cached("SELECT origin FROM keys_origin")?
        .query_row([], |row| row.get(0))
        .optional()?)
}

impl Origin for SqliteStore {
    fn keys_origin(&self) -> Reply<'_, Option<[u8; 32]>> {
        self.read("reading whose keys belong to the database", origin)
    }

    fn learn_keys_origin(&self, new: [u8; 32]) -> Reply<'_, [u8; 32]> {
        self.write_small("noting whose keys belong to the database", move |tx| {
            tx.execute(
                "INSERT OR IGNORE INTO keys_origin (one, origin) VALUES (1, ?1)",
                [new],
            )?;
            Ok(tx.query_row("SELECT origin FROM keys_origin", [], |row| row.get(0))?)
        })
    }
}
