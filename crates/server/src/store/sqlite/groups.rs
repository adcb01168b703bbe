//! Groups in SQLite.

use super::super::error::Reply;
use super::super::groups::{Groups, NewGroup, StoredGroup};
use super::SqliteStore;
use super::chain::append;
use super::fault::{Fault, Result, optional};
use crate::model::audit::Deed;
use crate::model::ids::QuestionId;
use crate::names;
use question::catalogue::Group;
use rusqlite::{Connection, OptionalExtension as _, Row, params};

const GROUP: &str = "SELECT g.name, g.filter, u.id, u.name, g.version, g.changed_at
                     FROM groups g LEFT JOIN users u ON u.id = g.owner";
/// Open questions that a refusal names.
const NAMED: u32 = 5;

fn stored(row: &Row<'_>) -> rusqlite::Result<StoredGroup> {
    let version: i64 = row.get(4)?;
    Ok(StoredGroup {
        name: row.get(0)?,
        filter: row.get(1)?,
        owner: row.get(2)?,
        owner_name: row.get(3)?,
        version: u64::try_from(version)
            .map_err(|_| rusqlite::Error::IntegralValueOutOfRange(4, version))?,
        changed_at: row.get(5)?,
    })
}

fn one(db: &Connection, name: &str) -> Result<StoredGroup> {
    let found = db
        .prepare_cached(&format!("{GROUP} WHERE g.name = ?1"))?
        .query_row([name], stored)
        .optional()?;
    found.ok_or_else(|| Fault::missing(format!("the group `{name}`")))
}

/// The group, if it still has the version that was looked at.
fn unchanged(db: &Connection, name: &str, version: u64) -> Result<()> {
    if one(db, name)?.version == version {
        return Ok(());
    }
    Err(Fault::conflict(format!(
        "somebody changed the group `{name}` meanwhile; look at it again"
    )))
}

impl Groups for SqliteStore {
    fn groups(&self) -> Reply<'_, Vec<Group>> {
        self.read("reading the groups", |db| {
            let mut statement =
                db.prepare_cached("SELECT name, filter FROM groups ORDER BY name")?;
            let groups = statement.query_map([], |row| {
                Ok(Group {
                    name: row.get(0)?,
                    filter: row.get(1)?,
                })
            })?;
            Ok(groups.collect::<rusqlite::Result<_>>()?)
        })
    }

    fn stored_groups(&self) -> Reply<'_, Vec<StoredGroup>> {
        self.read("reading the groups", |db| {
            let mut statement = db.prepare_cached(&format!("{GROUP} ORDER BY g.name"))?;
            let groups = statement.query_map([], stored)?;
            Ok(groups.collect::<rusqlite::Result<_>>()?)
        })
    }

    fn create_group(&self, group: NewGroup, deed: Deed) -> Reply<'_, StoredGroup> {
        self.write(format!("adding the group `{}`", group.name), move |tx| {
            let names: Vec<String> = tx
                .prepare_cached("SELECT name FROM groups")?
                .query_map([], |row| row.get(0))?
                .collect::<rusqlite::Result<_>>()?;
            let name = &group.name;
            if let Some(taken) = names.iter().find(|taken| names::alike(taken, name)) {
                return Err(Fault::conflict(if taken == name {
                    format!("a group `{name}` exists already")
                } else {
                    format!("`{name}` looks like the group `{taken}`; choose another name")
                }));
            }
            // A name that was in use before goes on counting: it never means two things in one version.
            let version: i64 = tx
                .prepare_cached(
                    "INSERT INTO group_versions (name, version) VALUES (?1, 1)
                     ON CONFLICT DO UPDATE SET version = version + 1 RETURNING version",
                )?
                .query_row([name], |row| row.get(0))?;
            tx.prepare_cached(
                "INSERT INTO groups (name, filter, created_at, created_by, owner, version, changed_at)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?3)",
            )?
            .execute(params![
                name,
                group.filter,
                tx.now.as_second(),
                group.owner_name,
                group.owner,
                version
            ])?;
            append(tx, &deed.also("version", version))?;
            one(tx, name)
        })
    }

    fn change_group(
        &self,
        name: String,
        version: u64,
        filter: String,
        deed: Deed,
    ) -> Reply<'_, StoredGroup> {
        self.write(format!("changing the group `{name}`"), move |tx| {
            unchanged(tx, &name, version)?;
            let next: i64 = tx
                .prepare_cached(
                    "UPDATE group_versions SET version = version + 1 WHERE name = ?1 RETURNING version",
                )?
                .query_row([&name], |row| row.get(0))?;
            tx.prepare_cached(
                "UPDATE groups SET filter = ?2, version = ?3, changed_at = ?4 WHERE name = ?1",
            )?
            .execute(params![name, filter, next, tx.now.as_second()])?;
            // Of what it means now, nothing is known yet.
            tx.execute("DELETE FROM group_members WHERE name = ?1", [&name])?;
            append(tx, &deed.also("version", next))?;
            one(tx, &name)
        })
    }

    fn give_group(
        &self,
        name: String,
        version: u64,
        owner: String,
        deed: Deed,
    ) -> Reply<'_, StoredGroup> {
        self.write_small(format!("giving the group `{name}` away"), move |tx| {
            unchanged(tx, &name, version)?;
            let given = tx.execute(
                "UPDATE groups SET owner = u.id FROM users u
                 WHERE u.name = ?2 AND u.service = 0 AND groups.name = ?1",
                params![name, owner],
            )?;
            if given == 0 {
                return Err(Fault::missing(format!("the user `{owner}`")));
            }
            append(tx, &deed)?;
            one(tx, &name)
        })
    }

    fn delete_group(&self, name: String, version: u64, deed: Deed) -> Reply<'_, ()> {
        self.write_small(format!("removing the group `{name}`"), move |tx| {
            unchanged(tx, &name, version)?;
            let open: Vec<String> = tx
                .prepare_cached(
                    "SELECT q.id FROM group_uses u JOIN questions q ON q.id = u.question
                     WHERE u.name = ?1 AND q.closed = 0 ORDER BY q.id LIMIT ?2",
                )?
                .query_map(params![name, NAMED], |row| {
                    Ok(row.get::<_, QuestionId>(0)?.to_string())
                })?
                .collect::<rusqlite::Result<_>>()?;
            if !open.is_empty() {
                return Err(Fault::conflict(format!(
                    "open questions were asked by the group `{name}`: {}; cancel them or wait for their end",
                    open.join(", ")
                )));
            }
            let bound: Vec<String> = tx
                .prepare_cached(
                    "SELECT '`' || name || '`' FROM users WHERE bounds IS NOT NULL AND EXISTS
                       (SELECT 1 FROM json_tree(bounds) WHERE type = 'text' AND atom = ?1 COLLATE NOCASE)
                     UNION ALL
                     SELECT 'the user group `' || name || '`' FROM user_groups WHERE bounds IS NOT NULL AND EXISTS
                       (SELECT 1 FROM json_tree(bounds) WHERE type = 'text' AND atom = ?1 COLLATE NOCASE) LIMIT ?2",
                )?
                .query_map(params![name, NAMED], |row| row.get(0))?
                .collect::<rusqlite::Result<_>>()?;
            if !bound.is_empty() {
                return Err(Fault::conflict(format!(
                    "the group `{name}` bounds what {} may see; take it from there first",
                    bound.join(", ")
                )));
            }
            tx.execute("DELETE FROM group_members WHERE name = ?1", [&name])?;
            tx.execute("DELETE FROM group_uses WHERE name = ?1", [&name])?;
            tx.execute("DELETE FROM groups WHERE name = ?1", [&name])?;
            append(tx, &deed)?;
            Ok(())
        })
    }

    fn note_groups(&self, question: QuestionId, names: Vec<String>, deed: Deed) -> Reply<'_, ()> {
        self.write(format!("noting the groups of question {question}"), move |tx| {
            let mut versions = serde_json::Map::new();
            for name in &names {
                let Some(group) = optional(one(tx, name))? else {
                    // Removed in the moment since the question was read.
                    continue;
                };
                tx.prepare_cached(
                    "INSERT INTO group_uses (name, question) VALUES (?1, ?2) ON CONFLICT DO NOTHING",
                )?
                .execute(params![group.name, question])?;
                versions.insert(group.name, group.version.into());
            }
            append(tx, &deed.also("versions", versions))?;
            Ok(())
        })
    }
}
