//! Names of owners and groups, from the account files of the image itself.
//!
//! Of several systems on one disk the first gives the names: a number has one name in the database.

use super::{ImageError, Source};
use crate::engine::Teller;
use crate::principals::{FILES, MOST_BYTES};
use crate::store::{self, doing};
use crate::text::Name;
use rusqlite::{Connection, OptionalExtension};
use std::io::Read;
use std::path::Path;
use volumes::FileId;

/// Keeps the names, once the inventory is there.
pub(super) fn keep(
    database: &Path,
    sources: Vec<Source>,
    teller: &Teller,
) -> Result<(), ImageError> {
    let connection = store::open_to_read(database)?;
    for mut source in sources {
        // Only file systems with owners.
        if source.system.kind() == "ntfs" {
            continue;
        }
        let mut any = false;
        for (sort, path) in FILES {
            let path = [source.prefix.as_slice(), b"/", path.as_bytes()].concat();
            let Some(inode) = file(&connection, &path)? else {
                continue;
            };
            let Ok(content) = source.system.open(FileId(inode)) else {
                continue;
            };
            let mut bytes = Vec::new();
            // What a damaged file still gives counts.
            content.take(MOST_BYTES).read_to_end(&mut bytes).ok();
            any = true;
            teller.call(move |writer| writer.principals(sort, &bytes))?;
        }
        if any {
            break;
        }
    }
    Ok(())
}

/// The inode of the regular file at a path of the database.
fn file(connection: &Connection, path: &[u8]) -> Result<Option<u64>, store::StoreError> {
    let Some(at) = path.iter().rposition(|b| *b == b'/') else {
        return Ok(None);
    };
    connection
        .query_row(
            "SELECT e.inode FROM directory d JOIN entry e ON e.dir = d.id
             WHERE d.path = ?1 AND e.name = ?2 AND e.mode & 61440 = 32768",
            (
                Name(path.get(..at).unwrap_or_default()),
                Name(path.get(at + 1..).unwrap_or_default()),
            ),
            |row| row.get::<_, i64>(0),
        )
        .optional()
        .map(|inode| inode.map(i64::cast_unsigned))
        .map_err(doing("find the names of users"))
}
