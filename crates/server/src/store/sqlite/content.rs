//! Content in SQLite: values once by digest, and rows that name them.
//!
//! An object is one row, and so is what a version shipped or left of it: an edit writes one of each table it touches, whatever else is
//! kept. Values are never changed and never removed, for history names them; a value whose digest is another one than it is kept under
//! is damage, and told as such.

use super::super::content::{
    ContentChange, ContentDeed, Contents, DeedQuery, KeptContent, PackChange,
};
use super::super::error::Reply;
use super::SqliteStore;
use super::chain::append;
use super::fault::{Fault, Result};
use super::values::{number, time, unsigned};
use super::writer::Tx;
use crate::model::audit::Deed;
use ::content::change::{Content, Installed, Item, Left, ObjectChange, State};
use ::content::digest::{Digest, canonical};
use ::content::name::Key;
use rusqlite::{Connection, params};
use semver::Version;
use std::collections::{BTreeMap, HashMap};

/// Values by their number.
type Values = HashMap<i64, Content>;

impl Contents for SqliteStore {
    fn content(&self) -> Reply<'_, KeptContent> {
        self.read("reading the content", |db| {
            // One view, or a change in between would be seen by halves.
            let view = db.unchecked_transaction()?;
            let values = values(&view)?;
            Ok(KeptContent {
                revision: revision(&view)?,
                state: State {
                    objects: objects(&view, &values)?,
                    packs: packs(&view, &values)?,
                    history: Vec::new(),
                },
                files: files(&view)?,
            })
        })
    }

    fn change_content(&self, change: ContentChange, deed: Deed) -> Reply<'_, u64> {
        self.write("keeping a change of content", move |tx| {
            if revision(tx)? != change.revision {
                return Err(Fault::conflict(
                    "content was changed meanwhile; look at it again, nothing is lost",
                ));
            }
            let mut keeper = Keeper {
                tx,
                known: HashMap::new(),
            };
            for (key, item) in &change.objects {
                keeper.object(key, item.as_ref())?;
            }
            for (name, pack) in &change.packs {
                keeper.pack(name, pack)?;
            }
            for (digest, size) in &change.files {
                tx.prepare_cached(
                    "INSERT INTO content_files (digest, size) VALUES (?1, ?2) ON CONFLICT DO NOTHING",
                )?
                .execute(params![digest.as_bytes(), number(*size)])?;
            }
            let made = keeper.history(&change, &deed)?;
            append(tx, &deed.also("revision", made))?;
            Ok(made)
        })
    }

    fn content_deeds(&self, query: DeedQuery) -> Reply<'_, Vec<ContentDeed>> {
        self.read("reading the history of content", move |db| {
            let view = db.unchecked_transaction()?;
            deeds(&view, &query)
        })
    }
}

fn revision(db: &Connection) -> Result<u64> {
    let newest: i64 = db
        .prepare_cached("SELECT coalesce(max(number), 0) FROM content_deeds")?
        .query_row([], |row| row.get(0))?;
    Ok(unsigned(newest))
}

/// Writes what a change makes different.
struct Keeper<'a> {
    tx: &'a Tx<'a>,
    /// Numbers of values that were looked up: the same one stands at several places of a change.
    known: HashMap<Digest, i64>,
}

impl Keeper<'_> {
    /// The number of a value, which is kept if it was not yet.
    fn value(&mut self, value: &Content) -> Result<i64> {
        let digest = value.digest();
        if let Some(id) = self.known.get(&digest) {
            return Ok(*id);
        }
        let body = String::from_utf8(canonical(value.value()))
            .map_err(|error| Fault::content("value of content", error))?;
        self.tx
            .prepare_cached(
                "INSERT INTO content_values (digest, body) VALUES (?1, ?2) ON CONFLICT DO NOTHING",
            )?
            .execute(params![digest.as_bytes(), body])?;
        let id: i64 = self
            .tx
            .prepare_cached("SELECT id FROM content_values WHERE digest = ?1")?
            .query_row([digest.as_bytes()], |row| row.get(0))?;
        self.known.insert(digest, id);
        Ok(id)
    }

    fn maybe(&mut self, value: Option<&Content>) -> Result<Option<i64>> {
        value.map(|value| self.value(value)).transpose()
    }

    fn object(&mut self, key: &Key, item: Option<&Item>) -> Result<()> {
        let key = key.to_string();
        let Some(item) = item else {
            self.tx
                .prepare_cached("DELETE FROM content_objects WHERE key = ?1")?
                .execute([key])?;
            return Ok(());
        };
        let value = self.value(&item.content)?;
        self.tx
            .prepare_cached(
                "INSERT INTO content_objects (key, value, pack) VALUES (?1, ?2, ?3)
                 ON CONFLICT DO UPDATE SET value = ?2, pack = ?3",
            )?
            .execute(params![key, value, item.pack])?;
        Ok(())
    }

    fn pack(&mut self, name: &str, pack: &PackChange) -> Result<()> {
        for left in &pack.left {
            self.left(name, left)?;
        }
        let manifest = self.maybe(pack.manifest.as_ref())?;
        let version = pack.version.as_ref().map(Version::to_string);
        let edition: i64 = self
            .tx
            .prepare_cached(
                "INSERT INTO content_editions (pack, current, version, manifest) VALUES (?1, 1, ?2, ?3)
                 ON CONFLICT (pack) WHERE current = 1 DO UPDATE SET version = ?2, manifest = ?3 RETURNING id",
            )?
            .query_row(params![name, version, manifest], |row| row.get(0))?;
        if let Some(shipped) = &pack.shipped {
            self.tx
                .prepare_cached("DELETE FROM content_shipped WHERE edition = ?1")?
                .execute([edition])?;
            self.shipped(edition, shipped)?;
        }
        self.tx
            .prepare_cached("DELETE FROM content_supplied WHERE edition = ?1")?
            .execute([edition])?;
        self.supplied(edition, &pack.supplied)
    }

    fn left(&mut self, name: &str, left: &Left) -> Result<()> {
        let version = left.version.as_ref().map(Version::to_string);
        self.tx
            .prepare_cached(
                "DELETE FROM content_editions
                 WHERE pack = ?1 AND coalesce(version, '') = coalesce(?2, '') AND current = 0",
            )?
            .execute(params![name, version])?;
        let manifest = self.maybe(left.manifest.as_ref())?;
        let edition: i64 = self
            .tx
            .prepare_cached(
                "INSERT INTO content_editions (pack, current, version, manifest) VALUES (?1, 0, ?2, ?3) RETURNING id",
            )?
            .query_row(params![name, version, manifest], |row| row.get(0))?;
        self.shipped(edition, &left.shipped)?;
        for (key, item) in &left.objects {
            let value = self.value(&item.content)?;
            self.tx
                .prepare_cached(
                    "INSERT INTO content_left (edition, key, value, pack) VALUES (?1, ?2, ?3, ?4)",
                )?
                .execute(params![edition, key.to_string(), value, item.pack])?;
        }
        self.supplied(edition, &left.supplied)
    }

    fn shipped(&mut self, edition: i64, shipped: &BTreeMap<Key, Content>) -> Result<()> {
        for (key, value) in shipped {
            let value = self.value(value)?;
            self.tx
                .prepare_cached(
                    "INSERT INTO content_shipped (edition, key, value) VALUES (?1, ?2, ?3)",
                )?
                .execute(params![edition, key.to_string(), value])?;
        }
        Ok(())
    }

    fn supplied(&mut self, edition: i64, supplied: &BTreeMap<String, Digest>) -> Result<()> {
        for (name, digest) in supplied {
            self.tx
                .prepare_cached(
                    "INSERT INTO content_supplied (edition, name, digest) VALUES (?1, ?2, ?3)",
                )?
                .execute(params![edition, name, digest.as_bytes()])?;
        }
        Ok(())
    }

    /// The entry of history; gives its number.
    fn history(&mut self, change: &ContentChange, deed: &Deed) -> Result<u64> {
        let made: i64 = self
            .tx
            .prepare_cached(
                "INSERT INTO content_deeds (at, actor, why, cause) VALUES (?1, ?2, ?3, ?4) RETURNING number",
            )?
            .query_row(
                params![
                    self.tx.now.as_millisecond(),
                    json(&deed.who)?,
                    change.why,
                    json(&change.cause)?
                ],
                |row| row.get(0),
            )?;
        for change in &change.changes {
            let before = self.maybe(change.before.as_ref())?;
            let after = self.maybe(change.after.as_ref())?;
            self.tx
                .prepare_cached(
                    "INSERT INTO content_changes (deed, key, before, after) VALUES (?1, ?2, ?3, ?4)",
                )?
                .execute(params![made, change.key.to_string(), before, after])?;
        }
        Ok(unsigned(made))
    }
}

fn json(what: &impl serde::Serialize) -> Result<String> {
    serde_json::to_string(what).map_err(|error| Fault::content("value of content", error))
}

fn digest(bytes: &[u8]) -> Result<Digest> {
    Digest::of_hex(&hex::encode(bytes)).ok_or_else(|| odd("digest of content"))
}

/// What this program does not write.
fn odd(what: &'static str) -> Fault {
    Fault::content(what, "it is none")
}

fn key(text: &str) -> Result<Key> {
    Key::of_text(text).ok_or_else(|| odd("key of content"))
}

fn version(text: Option<String>) -> Result<Option<Version>> {
    text.map(|text| Version::parse(&text))
        .transpose()
        .map_err(|error| Fault::content("version of a pack", error))
}

fn read_value(kept: &[u8], body: &str) -> Result<Content> {
    let value =
        serde_json::from_str(body).map_err(|error| Fault::content("value of content", error))?;
    let content = Content::new(value);
    if content.digest().as_bytes() != kept {
        return Err(Fault::content(
            "value of content",
            "its digest is another one than it is kept under",
        ));
    }
    Ok(content)
}

fn named(values: &Values, id: i64) -> Result<Content> {
    let found = values.get(&id).cloned();
    found.ok_or_else(|| odd("reference to a value of content"))
}

/// The values of everything but history.
fn values(db: &Connection) -> Result<Values> {
    let mut statement = db.prepare_cached(
        "SELECT id, digest, body FROM content_values WHERE id IN (
             SELECT value FROM content_objects UNION SELECT value FROM content_shipped
             UNION SELECT value FROM content_left UNION SELECT manifest FROM content_editions)",
    )?;
    let mut rows = statement.query([])?;
    let mut found = Values::new();
    while let Some(row) = rows.next()? {
        let kept: Vec<u8> = row.get(1)?;
        let body: String = row.get(2)?;
        found.insert(row.get(0)?, read_value(&kept, &body)?);
    }
    Ok(found)
}

fn objects(db: &Connection, values: &Values) -> Result<BTreeMap<Key, Item>> {
    let mut statement = db.prepare_cached("SELECT key, value, pack FROM content_objects")?;
    let mut rows = statement.query([])?;
    let mut found = BTreeMap::new();
    while let Some(row) = rows.next()? {
        let item = Item {
            content: named(values, row.get(1)?)?,
            pack: row.get(2)?,
        };
        found.insert(key(&row.get::<_, String>(0)?)?, item);
    }
    Ok(found)
}

fn files(db: &Connection) -> Result<BTreeMap<Digest, u64>> {
    let mut statement = db.prepare_cached("SELECT digest, size FROM content_files")?;
    let mut rows = statement.query([])?;
    let mut found = BTreeMap::new();
    while let Some(row) = rows.next()? {
        found.insert(digest(&row.get::<_, Vec<u8>>(0)?)?, unsigned(row.get(1)?));
    }
    Ok(found)
}

fn packs(db: &Connection, values: &Values) -> Result<BTreeMap<String, Installed>> {
    let mut shipped = shipped(db, values)?;
    let mut left = left(db, values)?;
    let mut supplied = supplied(db)?;
    let mut statement = db.prepare_cached(
        "SELECT id, pack, current, version, manifest FROM content_editions ORDER BY id",
    )?;
    let mut rows = statement.query([])?;
    let mut found: BTreeMap<String, Installed> = BTreeMap::new();
    while let Some(row) = rows.next()? {
        let id: i64 = row.get(0)?;
        let pack = found.entry(row.get(1)?).or_default();
        let version = version(row.get(3)?)?;
        let manifest = row
            .get::<_, Option<i64>>(4)?
            .map(|id| named(values, id))
            .transpose()?;
        let shipped = shipped.remove(&id).unwrap_or_default();
        let supplied = supplied.remove(&id).unwrap_or_default();
        if row.get(2)? {
            pack.version = version;
            pack.manifest = manifest;
            pack.shipped = shipped;
            pack.supplied = supplied;
        } else {
            pack.earlier.push(Left {
                version,
                manifest,
                shipped,
                objects: left.remove(&id).unwrap_or_default(),
                supplied,
            });
        }
    }
    Ok(found)
}

/// What stands in a table for each edition.
type ByEdition<T> = HashMap<i64, T>;

fn shipped(db: &Connection, values: &Values) -> Result<ByEdition<BTreeMap<Key, Content>>> {
    let mut statement = db.prepare_cached("SELECT edition, key, value FROM content_shipped")?;
    let mut rows = statement.query([])?;
    let mut found: ByEdition<BTreeMap<Key, Content>> = HashMap::new();
    while let Some(row) = rows.next()? {
        let value = named(values, row.get(2)?)?;
        let list = found.entry(row.get(0)?).or_default();
        list.insert(key(&row.get::<_, String>(1)?)?, value);
    }
    Ok(found)
}

fn left(db: &Connection, values: &Values) -> Result<ByEdition<BTreeMap<Key, Item>>> {
    let mut statement = db.prepare_cached("SELECT edition, key, value, pack FROM content_left")?;
    let mut rows = statement.query([])?;
    let mut found: ByEdition<BTreeMap<Key, Item>> = HashMap::new();
    while let Some(row) = rows.next()? {
        let item = Item {
            content: named(values, row.get(2)?)?,
            pack: row.get(3)?,
        };
        let list = found.entry(row.get(0)?).or_default();
        list.insert(key(&row.get::<_, String>(1)?)?, item);
    }
    Ok(found)
}

fn supplied(db: &Connection) -> Result<ByEdition<BTreeMap<String, Digest>>> {
    let mut statement = db.prepare_cached("SELECT edition, name, digest FROM content_supplied")?;
    let mut rows = statement.query([])?;
    let mut found: ByEdition<BTreeMap<String, Digest>> = HashMap::new();
    while let Some(row) = rows.next()? {
        let list = found.entry(row.get(0)?).or_default();
        list.insert(row.get(1)?, digest(&row.get::<_, Vec<u8>>(2)?)?);
    }
    Ok(found)
}

fn deeds(db: &Connection, query: &DeedQuery) -> Result<Vec<ContentDeed>> {
    let mut statement = db.prepare_cached(
        "SELECT number, at, actor, why, cause FROM content_deeds d
         WHERE number < ?1
           AND (?2 IS NULL OR number IN (SELECT deed FROM content_changes WHERE key = ?2))
           AND (?3 IS NULL OR cause ->> 'pack' = ?3)
         ORDER BY number DESC LIMIT ?4",
    )?;
    let before = query.before.map_or(i64::MAX, number);
    let wanted = query.key.as_ref().map(Key::to_string);
    let mut rows = statement.query(params![before, wanted, query.pack, query.limit])?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        let id: i64 = row.get(0)?;
        let read = |error| Fault::content("entry of the history of content", error);
        let (actor, cause): (String, String) = (row.get(2)?, row.get(4)?);
        found.push(ContentDeed {
            number: unsigned(id),
            at: time(row, 1)?,
            who: serde_json::from_str(&actor).map_err(read)?,
            why: row.get(3)?,
            cause: serde_json::from_str(&cause).map_err(read)?,
            changes: changes(db, id, wanted.as_deref())?,
        });
    }
    Ok(found)
}

fn changes(db: &Connection, deed: i64, wanted: Option<&str>) -> Result<Vec<ObjectChange>> {
    let mut statement = db.prepare_cached(
        "SELECT c.key, b.digest, b.body, a.digest, a.body FROM content_changes c
         LEFT JOIN content_values b ON b.id = c.before LEFT JOIN content_values a ON a.id = c.after
         WHERE c.deed = ?1 AND (?2 IS NULL OR c.key = ?2) ORDER BY c.key",
    )?;
    let mut rows = statement.query(params![deed, wanted])?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        let value = |at: usize| -> Result<Option<Content>> {
            let kept: Option<Vec<u8>> = row.get(at)?;
            let body: Option<String> = row.get(at + 1)?;
            kept.zip(body)
                .map(|(kept, body)| read_value(&kept, &body))
                .transpose()
        };
        found.push(ObjectChange {
            key: key(&row.get::<_, String>(0)?)?,
            before: value(1)?,
            after: value(3)?,
        });
    }
    Ok(found)
}

/// Values that cannot be read, in words; at most so many.
pub(super) fn unreadable(db: &Connection, most: usize) -> Vec<String> {
    let look = || -> rusqlite::Result<Vec<String>> {
        let mut statement = db.prepare("SELECT id, digest, body FROM content_values")?;
        let mut rows = statement.query([])?;
        let mut found = Vec::new();
        while let Some(row) = rows.next()? {
            let (id, kept, body): (i64, Vec<u8>, String) = (row.get(0)?, row.get(1)?, row.get(2)?);
            if read_value(&kept, &body).is_err() && found.len() < most {
                found.push(format!("value {id} of content is not what it was"));
            }
        }
        Ok(found)
    };
    // A database of an earlier version has none.
    let there = db.query_row(
        "SELECT EXISTS (SELECT 1 FROM sqlite_schema WHERE name = 'content_values')",
        [],
        |row| row.get(0),
    );
    match there {
        Ok(false) => Vec::new(),
        _ => look().unwrap_or_else(|error| vec![format!("values of content: {error}")]),
    }
}
