//! Whether a data folder holds all of a server, or nothing yet.
//!
//! A server makes what it does not find: a database, keys. That is right in a new folder. In one that has lost a half of what was in
//! it, it would give a server that looks well and knows nobody, or whom nobody knows. So half a folder is refused before anything is
//! made; what belongs to the store alone is looked at by the store.

use crate::store::sqlite;
use std::path::{Path, PathBuf};

/// The keys' file in the data folder.
const KEYS: [&str; 2] = ["identity", "keys.json"];

/// One half of a server is missing.
#[derive(Debug, thiserror::Error)]
pub enum HalfError {
    /// The database is gone.
    #[error(
        "{} holds a server's keys, but its database {} is {}: put it back from the last backup; for a new server, which no agent \
         of the old one will know, name an empty folder",
        .folder.display(), .database.display(), if *.empty { "empty" } else { "missing" }
    )]
    KeysAlone {
        /// The data folder.
        folder: PathBuf,
        /// The database.
        database: PathBuf,
        /// Whether there is a file.
        empty: bool,
    },
    /// The keys are gone.
    #[error(
        "{} holds a server's database, but its keys {} are {}: put them back from a backup; without them no agent trusts this \
         server, and a new one needs an empty folder",
        .folder.display(), .keys.display(), if *.empty { "empty" } else { "missing" }
    )]
    DatabaseAlone {
        /// The data folder.
        folder: PathBuf,
        /// The keys.
        keys: PathBuf,
        /// Whether there is a file.
        empty: bool,
    },
}

/// Bytes of a file; `None` when there is none.
fn length(path: &Path) -> Option<u64> {
    std::fs::metadata(path).ok().map(|meta| meta.len())
}

/// Refuses half a folder.
///
/// # Errors
/// What is missing, and what to do.
pub fn check(folder: &Path) -> Result<(), HalfError> {
    let keys: PathBuf = [folder, Path::new(KEYS[0]), Path::new(KEYS[1])]
        .iter()
        .collect();
    let database = folder.join(sqlite::FILE_NAME);
    let (has_keys, has_database) = (length(&keys), length(&database));
    if has_keys.is_some_and(|l| l > 0) {
        return match has_database {
            Some(1..) => Ok(()),
            found => Err(HalfError::KeysAlone {
                folder: folder.to_owned(),
                database,
                empty: found.is_some(),
            }),
        };
    }
    // A first start that ended between the two leaves a database in which there is nobody.
    if has_keys.is_some() || sqlite::holds_anything(&database) {
        return Err(HalfError::DatabaseAlone {
            folder: folder.to_owned(),
            keys,
            empty: has_keys.is_some(),
        });
    }
    Ok(())
}
