//! Asking the Index: one filter for the command line and for every sensor.
//!
//! A filter becomes one SQL statement. What has an index is asked through it: exact names and names with a fixed
//! beginning, hashes by their first bytes, directories by path. A pattern that begins with a wildcard reads the index of
//! names from end to end, which is the smallest thing that holds them all.

mod related;

pub use related::{Former, Match, former, listed, unanswered};

use crate::digest_state::DigestState;
use crate::entry::{Attributes, Kind, join};
use crate::glob::{Glob, beyond, hex_bounds};
use crate::store::write::extended::RECORDED;
use crate::store::{HASH_HEAD, StoreError, attributes, doing};
use crate::text::bytes;
use rusqlite::types::Value;
use rusqlite::{Connection, Row};
use std::ops::ControlFlow;

/// Which files are asked for. Conditions that are `None` do not restrict.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    /// The whole path of a file, or the directory it lies in.
    pub path: Option<Glob>,
    /// Name of a file.
    pub name: Option<Glob>,
    /// Size in bytes, as decimal text.
    pub size: Option<Glob>,
    /// MD5 as hexadecimal text, any case.
    pub md5: Option<Glob>,
    /// SHA-1 likewise.
    pub sha1: Option<Glob>,
    /// SHA-256 likewise.
    pub sha256: Option<Glob>,
    /// Magic number as hexadecimal text.
    pub magic: Option<Glob>,
    /// Further condition of the caller's, in SQL over `e`, `d`, `g`, `s` (set_back) and `f` (former), without foreign text.
    pub also: Option<&'static str>,
    /// Values of `?` in `also`, in order.
    pub values: Vec<i64>,
    /// Directories too.
    pub directories: bool,
    /// In which order.
    pub order: Order,
    /// At most so many.
    pub limit: Option<u64>,
}

/// The order of results.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Order {
    /// As found.
    #[default]
    Any,
    /// Newest modification first.
    LastModified,
    /// Largest first.
    Largest,
    /// Latest change of content first.
    LastChanged,
    /// What the Index saw last comes first.
    FirstSeen,
}

/// A file of the Index.
#[derive(Clone, Debug)]
pub struct Record {
    /// Its number.
    pub id: i64,
    /// The number of its volume.
    pub volume: i64,
    /// Its directory.
    pub directory: Vec<u8>,
    /// Its name.
    pub name: Vec<u8>,
    /// Its attributes.
    pub attributes: Attributes,
    /// When the Index first saw it: seconds since 1970.
    pub first_seen: i64,
    /// Whether there are hashes, and if not, why.
    pub state: DigestState,
    /// When it was hashed: seconds since 1970.
    pub hashed: Option<i64>,
    /// When its content was found changed: seconds since 1970.
    pub changed: Option<i64>,
    /// The first four bytes.
    pub magic: Option<Vec<u8>>,
    /// What it holds, by content.
    pub mime: Option<String>,
    /// MD5, SHA-1, SHA-256, BLAKE3, where calculated.
    pub md5: Option<Vec<u8>>,
    /// See `md5`.
    pub sha1: Option<Vec<u8>>,
    /// See `md5`.
    pub sha256: Option<Vec<u8>>,
    /// See `md5`.
    pub blake3: Option<Vec<u8>>,
    /// Its modification time before it was set back, in nanoseconds since 1970.
    pub set_back_from: Option<i64>,
    /// Where a symbolic link leads.
    pub target: Option<Vec<u8>>,
    /// Names of extended attributes, one a line.
    pub extended: Option<String>,
    /// Capabilities, as getcap(8) prints them.
    pub capabilities: Option<String>,
}

impl Record {
    /// Its whole path.
    #[must_use]
    pub fn path(&self) -> Vec<u8> {
        join(&self.directory, &self.name)
    }
}

// From the fourth column on: what [`attributes`] reads.
const SELECT: &str = "SELECT e.id, d.path, e.name, e.mode, e.size, e.mtime, e.ctime, e.btime, e.uid, e.gid, e.links, e.inode, e.flags,
 e.seen, g.state, g.hashed, g.changed, g.magic, m.name, g.md5, g.sha1, g.sha256, g.blake3, s.before, t.path, x.names, x.capabilities, d.volume";
const FROM: &str =
    " FROM entry e JOIN directory d ON d.id = e.dir LEFT JOIN digest g ON g.entry = e.id";
const REST: &str = " LEFT JOIN mime m ON m.id = g.mime LEFT JOIN set_back s ON s.entry = e.id LEFT JOIN target t ON t.entry = e.id
 LEFT JOIN extended x ON x.entry = e.id LEFT JOIN former f ON f.entry = e.id";

fn record(row: &Row<'_>) -> rusqlite::Result<Record> {
    let mode: u32 = row.get(3)?;
    let state: Option<i64> = row.get(14)?;
    Ok(Record {
        id: row.get(0)?,
        directory: bytes(row.get_ref(1)?).to_vec(),
        name: bytes(row.get_ref(2)?).to_vec(),
        attributes: attributes(row, 3)?,
        first_seen: row.get(13)?,
        state: match (state, Kind::of_mode(mode)) {
            (Some(code), _) => DigestState::of_code(code),
            (None, Kind::File) => DigestState::Pending,
            (None, _) => DigestState::NoContent,
        },
        hashed: row.get(15)?,
        changed: row.get(16)?,
        magic: row.get(17)?,
        mime: row.get(18)?,
        md5: row.get(19)?,
        sha1: row.get(20)?,
        sha256: row.get(21)?,
        blake3: row.get(22)?,
        set_back_from: row.get(23)?,
        target: match row.get_ref(24)? {
            rusqlite::types::ValueRef::Null => None,
            value => Some(bytes(value).to_vec()),
        },
        extended: row.get(25)?,
        capabilities: row.get(26)?,
        volume: row.get(27)?,
    })
}

/// Conditions under construction.
#[derive(Default)]
struct Where {
    conditions: Vec<String>,
    values: Vec<Value>,
}

impl Where {
    fn add(&mut self, condition: impl Into<String>) {
        self.conditions.push(condition.into());
    }

    /// The number of a new parameter.
    fn value(&mut self, value: impl Into<Value>) -> String {
        self.values.push(value.into());
        format!("?{}", self.values.len())
    }

    fn of(filter: &Filter) -> Self {
        let mut w = Self::default();
        if !filter.directories {
            w.add("e.mode & 61440 <> 16384");
        }
        if let Some(glob) = &filter.name {
            w.name(glob);
        }
        if let Some(glob) = &filter.path {
            w.path(glob);
        }
        if let Some(glob) = &filter.size {
            w.size(glob);
        }
        for (column, glob) in [
            ("md5", &filter.md5),
            ("sha1", &filter.sha1),
            ("sha256", &filter.sha256),
            ("magic", &filter.magic),
        ] {
            if let Some(glob) = glob {
                w.bytes(column, glob);
            }
        }
        if let Some(also) = filter.also {
            let mut parts = also.split('?');
            let mut text = parts.next().unwrap_or_default().to_owned();
            for (part, value) in parts.zip(&filter.values) {
                text.push_str(&w.value(*value));
                text.push_str(part);
            }
            w.add(format!("({text})"));
        }
        w
    }

    fn name(&mut self, glob: &Glob) {
        if let Some(exact) = glob.exact() {
            let text = self.value(exact.to_owned());
            self.add(format!("e.name = {text}"));
            return;
        }
        let pattern = self.value(glob.sql());
        // By the index of names alone, which is less than half the size of the table.
        let mut within = format!("name GLOB {pattern}");
        if let Some(upper) = beyond(glob.prefix().as_bytes().to_vec()) {
            // Names that are no UTF-8 are blobs, which sort behind all text.
            let low = self.value(glob.prefix().to_owned());
            let bytes_low = self.value(glob.prefix().as_bytes().to_vec());
            let bytes_high = self.value(upper.clone());
            let high = match String::from_utf8(upper) {
                Ok(upper) => format!(" AND name < {}", self.value(upper)),
                Err(_) => " AND name < x''".to_owned(),
            };
            within = format!(
                "(name >= {low}{high} OR name >= {bytes_low} AND name < {bytes_high}) AND {within}"
            );
        }
        self.add(format!(
            "e.id IN (SELECT id FROM entry INDEXED BY entry_name WHERE {within})"
        ));
    }

    fn path(&mut self, glob: &Glob) {
        if let Some(exact) = glob.exact() {
            let exact = exact
                .strip_suffix('/')
                .filter(|e| !e.is_empty())
                .unwrap_or(exact);
            let (parent, name) = exact.rsplit_once('/').unwrap_or(("", exact));
            let parent = if parent.is_empty() { "/" } else { parent };
            let (whole, parent, name) = (
                self.value(exact.to_owned()),
                self.value(parent.to_owned()),
                self.value(name.to_owned()),
            );
            self.add(format!(
                "(e.dir IN (SELECT id FROM directory WHERE path = {whole})
                  OR e.dir IN (SELECT id FROM directory WHERE path = {parent}) AND e.name = {name})"
            ));
            return;
        }
        let pattern = self.value(glob.sql());
        let whole = format!(
            "(d.path GLOB {pattern} OR CASE d.path WHEN '/' THEN '' ELSE d.path END || '/' || e.name GLOB {pattern})"
        );
        // Every match lies in the last whole directory of the fixed beginning, or below it.
        if let Some((directory, _)) = glob.prefix().rsplit_once('/')
            && !directory.is_empty()
        {
            let (own, low, high) = (
                self.value(directory.to_owned()),
                self.value(format!("{directory}/")),
                self.value(format!("{directory}0")),
            );
            self.add(format!(
                "e.dir IN (SELECT id FROM directory WHERE path = {own} OR path >= {low} AND path < {high})"
            ));
        }
        self.add(whole);
    }

    fn size(&mut self, glob: &Glob) {
        match glob.exact().and_then(|e| e.parse::<i64>().ok()) {
            Some(size) => {
                let size = self.value(size);
                self.add(format!("e.size = {size}"));
            }
            None => {
                let pattern = self.value(glob.sql());
                self.add(format!("CAST(e.size AS TEXT) GLOB {pattern}"));
            }
        }
    }

    fn bytes(&mut self, column: &str, glob: &Glob) {
        let indexed = column != "magic";
        let Some((low, high)) = glob.exact().or(glob.only_prefix()).and_then(hex_bounds) else {
            let pattern = self.value(glob.upper().sql());
            self.add(format!("hex(g.{column}) GLOB {pattern}"));
            return;
        };
        if indexed {
            // The index holds the head of a hash; a longer beginning narrows to that first.
            let head: Vec<u8> = low.iter().copied().take(HASH_HEAD).collect();
            let long = low.len() >= HASH_HEAD;
            let least = self.value(head.clone());
            let mut range = format!("substr(g.{column}, 1, {HASH_HEAD}) >= {least}");
            let above = if long { beyond(head) } else { high.clone() };
            if let Some(above) = above {
                let above = self.value(above);
                range.push_str(&format!(
                    " AND substr(g.{column}, 1, {HASH_HEAD}) < {above}"
                ));
            }
            self.add(format!("g.{column} IS NOT NULL AND {range}"));
        }
        if glob.exact().is_some() {
            let value = self.value(low);
            self.add(format!("g.{column} = {value}"));
            return;
        }
        let least = self.value(low);
        self.add(format!("g.{column} >= {least}"));
        if let Some(high) = high {
            let above = self.value(high);
            self.add(format!("g.{column} < {above}"));
        }
    }

    fn sql(&self) -> String {
        if self.conditions.is_empty() {
            String::new()
        } else {
            format!(" WHERE {}", self.conditions.join(" AND "))
        }
    }
}

fn statement_of(filter: &Filter, select: &str) -> (String, Vec<Value>) {
    let conditions = Where::of(filter);
    let order = match filter.order {
        Order::Any => "",
        Order::LastModified => " ORDER BY e.mtime DESC, e.id",
        Order::Largest => " ORDER BY e.size DESC, e.id",
        Order::LastChanged => " ORDER BY g.changed DESC, e.id",
        Order::FirstSeen => " ORDER BY e.seen DESC, e.id",
    };
    let limit = filter
        .limit
        .map(|n| format!(" LIMIT {n}"))
        .unwrap_or_default();
    (
        format!("{select}{FROM}{REST}{}{order}{limit}", conditions.sql()),
        conditions.values,
    )
}

/// Calls `each` with every file that matches, until it breaks.
///
/// # Errors
/// [`StoreError::Statement`].
pub fn find(
    connection: &Connection,
    filter: &Filter,
    each: &mut dyn FnMut(Record) -> ControlFlow<()>,
) -> Result<(), StoreError> {
    let failed = doing("search the Index");
    let (sql, values) = statement_of(filter, SELECT);
    let mut statement = connection.prepare_cached(&sql).map_err(&failed)?;
    let mut rows = statement
        .query(rusqlite::params_from_iter(values))
        .map_err(&failed)?;
    while let Some(row) = rows.next().map_err(&failed)? {
        if each(record(row).map_err(&failed)?).is_break() {
            break;
        }
    }
    Ok(())
}

/// How many files match, up to the filter's limit.
///
/// # Errors
/// [`StoreError::Statement`].
pub fn count(connection: &Connection, filter: &Filter) -> Result<u64, StoreError> {
    let (sql, values) = statement_of(
        &Filter {
            order: Order::Any,
            ..filter.clone()
        },
        "SELECT 1",
    );
    connection
        .prepare_cached(&format!("SELECT count(*) FROM ({sql})"))
        .and_then(|mut s| {
            s.query_row(rusqlite::params_from_iter(values), |row| {
                row.get::<_, i64>(0)
            })
        })
        .map(i64::cast_unsigned)
        .map_err(doing("count files of the Index"))
}

/// Whether any file matches.
///
/// # Errors
/// [`StoreError::Statement`].
pub fn exists(connection: &Connection, filter: &Filter) -> Result<bool, StoreError> {
    let first = Filter {
        limit: Some(1),
        ..filter.clone()
    };
    Ok(count(connection, &first)? > 0)
}

/// Whether extended attributes of all entries are in the database.
///
/// # Errors
/// [`StoreError::Statement`].
pub fn permissions_recorded(connection: &Connection) -> Result<bool, StoreError> {
    let fact: Option<i64> = crate::store::fact(connection, RECORDED)?;
    Ok(fact.is_some())
}

/// Names of users (`0`) or groups (`1`) as last seen, by number.
///
/// # Errors
/// [`StoreError::Statement`].
pub fn principal(
    connection: &Connection,
    kind: i64,
    id: u32,
) -> Result<Option<String>, StoreError> {
    use rusqlite::OptionalExtension;
    connection
        .prepare_cached("SELECT name FROM principal WHERE kind = ?1 AND id = ?2")
        .and_then(|mut s| s.query_row((kind, id), |row| row.get(0)).optional())
        .map_err(doing("find a user's name"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store;

    /// How SQLite goes about it.
    fn plan(connection: &Connection, filter: &Filter) -> String {
        let (sql, values) = statement_of(filter, SELECT);
        let mut statement = connection
            .prepare(&format!("EXPLAIN QUERY PLAN {sql}"))
            .unwrap();
        let lines = statement
            .query_map(rusqlite::params_from_iter(values), |row| {
                row.get::<_, String>(3)
            })
            .unwrap();
        lines.map(Result::unwrap).collect::<Vec<_>>().join("\n")
    }

    #[test]
    fn what_has_an_index_is_found_by_it() {
        let folder = tempfile::tempdir().unwrap();
        let connection = store::open(&folder.path().join("index.db")).unwrap();
        let pacer: store::Pacer = std::sync::Arc::new(|| true);
        store::make_indexes(&connection, &pacer).unwrap();
        store::make_digest_indexes(&connection, &pacer).unwrap();
        let sha256 = "A".repeat(64);
        type Set = fn(&mut Filter, Glob);
        let cases: [(&str, Set, &str); 8] = [
            (&sha256, |f, g| f.sha256 = Some(g), "digest_sha256"),
            ("ABCDEF0123*", |f, g| f.sha256 = Some(g), "digest_sha256"),
            ("AB*", |f, g| f.sha1 = Some(g), "digest_sha1"),
            (&sha256[..32], |f, g| f.md5 = Some(g), "digest_md5"),
            ("passwd", |f, g| f.name = Some(g), "entry_name"),
            ("pass*", |f, g| f.name = Some(g), "entry_name"),
            ("/etc/passwd", |f, g| f.path = Some(g), "entry_name"),
            ("/etc/*", |f, g| f.path = Some(g), "directory_path"),
        ];
        for (glob, set, index) in cases {
            let mut filter = Filter::default();
            set(&mut filter, Glob::read(glob).unwrap());
            let plan = plan(&connection, &filter);
            assert!(plan.contains(index), "{glob}: {plan}");
        }
    }
}
