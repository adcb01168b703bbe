//! Files whose hashes stand in a list: the blacklist that is looked for, the known good that is subtracted.
//!
//! A list that is put in force is matched at once against every hash of the database, and from then on each new hash
//! is looked up when it is written, so a listed file is a row as soon as it is hashed. A list much shorter than the
//! database asks the database for each of its hashes; a longer one is asked for each hash of the database.

use crate::engine::Teller;
use crate::lists::{HashKind, HashList, ListError, Which};
use crate::stop::Stop;
use crate::store::{self, HASH_HEAD, StoreError, doing};
use rusqlite::{Connection, params};
use std::path::Path;
use std::sync::Arc;

/// Matches told together.
const TOLD_AT_ONCE: usize = 1000;
/// Asking the database for one listed hash costs about as much as asking the list for so many.
const PROBE: u64 = 3;

/// Failure to match.
#[derive(Debug, thiserror::Error)]
pub enum MatchError {
    /// The list.
    #[error(transparent)]
    List(#[from] ListError),
    /// The database.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The thread that writes the database ended.
    #[error("the database is not written any more")]
    Stopped,
}

impl From<Stop> for MatchError {
    fn from(_: Stop) -> Self {
        Self::Stopped
    }
}

/// Checksum of the list that a database was last matched against.
///
/// # Errors
/// [`StoreError::Statement`].
pub fn matched_against(connection: &Connection, which: Which) -> Result<Option<u32>, StoreError> {
    let fact = store::fact::<i64>(connection, which.fact())?;
    Ok(fact.and_then(|checksum| u32::try_from(checksum).ok()))
}

/// Puts the list at this path in force and matches it against every hash there is, unless that was done before. No file
/// takes the list out of force. Returns how many files match when it matched.
///
/// # Errors
/// [`MatchError`].
pub fn put_in_force(
    database: &Path,
    teller: &Teller,
    which: Which,
    path: &Path,
) -> Result<Option<u64>, MatchError> {
    let list = if path.exists() {
        Some(Arc::new(HashList::open(path)?))
    } else {
        None
    };
    let in_force = list.clone();
    // From here on each new hash is looked up, so nothing falls between the switch and the match.
    let before = teller.call(move |writer| {
        writer.lists.set(which, in_force);
        store::fact::<i64>(writer.connection(), which.fact())
    })?;
    let now = list.as_ref().map(|list| i64::from(list.checksum()));
    if before == now {
        return Ok(None);
    }
    teller.call(move |writer| {
        writer
            .connection()
            .execute("DELETE FROM listed WHERE list = ?1", [which as i64])
            .map(drop)
            .map_err(doing("drop the matches of the list before"))
    })?;
    let mut count = 0;
    if let Some(list) = &list {
        let connection = store::open_to_read(database)?;
        for kind in HashKind::ALL {
            count += match_kind(&connection, teller, which, list, kind)?;
        }
    }
    teller.call(move |writer| store::set_fact(writer.connection(), which.fact(), now))?;
    Ok(Some(count))
}

const fn column(kind: HashKind) -> &'static str {
    match kind {
        HashKind::Md5 => "md5",
        HashKind::Sha1 => "sha1",
        HashKind::Sha256 => "sha256",
    }
}

fn match_kind(
    connection: &Connection,
    teller: &Teller,
    which: Which,
    list: &HashList,
    kind: HashKind,
) -> Result<u64, MatchError> {
    let listed = list.len(kind);
    if listed == 0 {
        return Ok(0);
    }
    let failed = doing("match a list");
    let column = column(kind);
    let rows: i64 = connection
        .query_row("SELECT coalesce(max(rowid), 0) FROM digest", [], |r| {
            r.get(0)
        })
        .map_err(&failed)?;
    let mut found = Found {
        teller,
        which,
        kind,
        ready: Vec::new(),
        count: 0,
    };
    if listed.saturating_mul(PROBE) < rows.cast_unsigned() {
        let mut statement = connection
            .prepare(&format!(
                "SELECT entry FROM digest WHERE substr({column}, 1, {HASH_HEAD}) = ?1 AND {column} IS NOT NULL AND {column} = ?2"
            ))
            .map_err(&failed)?;
        for hash in list.iter(kind) {
            let hash = hash?;
            let head = hash.get(..HASH_HEAD).unwrap_or_default();
            let mut rows = statement.query(params![head, &*hash]).map_err(&failed)?;
            while let Some(row) = rows.next().map_err(&failed)? {
                found.push(row.get(0).map_err(&failed)?, &hash)?;
            }
        }
    } else {
        let mut statement = connection
            .prepare(&format!(
                "SELECT entry, {column} FROM digest WHERE {column} IS NOT NULL"
            ))
            .map_err(&failed)?;
        let mut rows = statement.query([]).map_err(&failed)?;
        while let Some(row) = rows.next().map_err(&failed)? {
            let hash = row
                .get_ref(1)
                .map_err(&failed)?
                .as_blob()
                .unwrap_or_default();
            if list.contains(kind, hash)? {
                let entry = row.get(0).map_err(&failed)?;
                found.push(entry, hash)?;
            }
        }
    }
    found.tell()?;
    Ok(found.count)
}

/// Matches on their way to the engine.
struct Found<'a> {
    teller: &'a Teller,
    which: Which,
    kind: HashKind,
    ready: Vec<(i64, Vec<u8>)>,
    count: u64,
}

impl Found<'_> {
    fn push(&mut self, entry: i64, hash: &[u8]) -> Result<(), Stop> {
        self.count += 1;
        self.ready.push((entry, hash.to_vec()));
        if self.ready.len() >= TOLD_AT_ONCE {
            self.tell()?;
        }
        Ok(())
    }

    fn tell(&mut self) -> Result<(), Stop> {
        let (ready, which, kind) = (std::mem::take(&mut self.ready), self.which, self.kind);
        self.teller.call(move |writer| {
            let still = format!(
                "SELECT 1 FROM digest WHERE entry = ?1 AND {} = ?2",
                column(kind)
            );
            for (entry, hash) in ready {
                // The file may have changed since it was matched.
                let same = writer
                    .connection()
                    .prepare_cached(&still)
                    .and_then(|mut s| s.exists(params![entry, hash]))
                    .map_err(doing("match a list"))?;
                if same {
                    writer.listed(which, entry, kind)?;
                }
            }
            Ok(())
        })
    }
}
