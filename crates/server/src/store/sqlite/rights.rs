//! Roles, user groups and bounds in SQLite.

use super::super::error::Reply;
use super::super::rights::{OwnDraft, Rights, RoleDraft, UserGroupDraft};
use super::SqliteStore;
use super::accounts::{about, person};
use super::chain::append;
use super::fault::{Fault, Result, optional};
use crate::model::audit::Deed;
use crate::model::ids::{RoleId, UserGroupId, UserId};
use crate::model::rights::{
    GroupMembers, KeptRights, NamedBounds, OwnRights, StoredRole, UserGroup,
};
use answer::EndpointSet;
use rusqlite::types::Type;
use rusqlite::{Connection, OptionalExtension as _, Row, params};
use serde::de::DeserializeOwned;

/// Holders that a refusal names.
const NAMED: u32 = 5;

impl Rights for SqliteStore {
    fn kept_rights(&self) -> Reply<'_, KeptRights> {
        self.read("reading roles and user groups", |db| {
            Ok(KeptRights {
                roles: all(db, "SELECT id, name, description, lines, version FROM roles ORDER BY name", role)?,
                user_groups: all(
                    db,
                    "SELECT id, name, description, bounds, version FROM user_groups ORDER BY name",
                    user_group,
                )?
                .into_iter()
                .map(|group| with_members(db, group))
                .collect::<Result<_>>()?,
                own: all(
                    db,
                    "SELECT id, bounds FROM users u
                     WHERE bounds IS NOT NULL OR EXISTS (SELECT 1 FROM user_roles r WHERE r.user_id = u.id) ORDER BY id",
                    own,
                )?
                .into_iter()
                .map(|own| with_roles(db, own))
                .collect::<Result<_>>()?,
                members: all(
                    db,
                    "SELECT name, version, members, others, evaluated_at FROM group_members ORDER BY name",
                    members,
                )?,
            })
        })
    }

    fn create_role(&self, wanted: RoleDraft, deed: Deed) -> Reply<'_, StoredRole> {
        self.write_small(format!("adding the role `{}`", wanted.name), move |tx| {
            let made = tx.execute(
                "INSERT INTO roles (name, description, lines) VALUES (?1, ?2, ?3) ON CONFLICT DO NOTHING",
                params![wanted.name, wanted.description, json(&wanted.lines)?],
            )?;
            if made == 0 {
                return Err(Fault::conflict(format!(
                    "a role `{}` exists already",
                    wanted.name
                )));
            }
            append(tx, &deed)?;
            the_role(tx, &wanted.name)
        })
    }

    fn change_role(
        &self,
        name: String,
        version: u64,
        wanted: RoleDraft,
        deed: Deed,
    ) -> Reply<'_, StoredRole> {
        self.write_small(format!("changing the role `{name}`"), move |tx| {
            let before = the_role(tx, &name)?;
            unchanged("role", &name, before.version, version)?;
            free("role", &wanted.name, the_role(tx, &wanted.name), |other| other.id == before.id)?;
            tx.execute(
                "UPDATE roles SET name = ?2, description = ?3, lines = ?4, version = version + 1 WHERE id = ?1",
                params![
                    before.id,
                    wanted.name,
                    wanted.description,
                    json(&wanted.lines)?
                ],
            )?;
            append(tx, &deed)?;
            the_role(tx, &wanted.name)
        })
    }

    fn delete_role(&self, name: String, deed: Deed) -> Reply<'_, ()> {
        self.write_small(format!("removing the role `{name}`"), move |tx| {
            let role = the_role(tx, &name)?;
            let holders: Vec<String> = tx
                .prepare_cached(
                    "SELECT '`' || u.name || '`' FROM user_roles r JOIN users u ON u.id = r.user_id WHERE r.role = ?1
                     UNION ALL
                     SELECT 'the user group `' || g.name || '`' FROM user_group_roles r
                     JOIN user_groups g ON g.id = r.user_group WHERE r.role = ?1 LIMIT ?2",
                )?
                .query_map(params![role.id, NAMED], |row| row.get(0))?
                .collect::<rusqlite::Result<_>>()?;
            if !holders.is_empty() {
                return Err(Fault::conflict(format!(
                    "the role `{}` is held by {}; take it from them first",
                    role.name,
                    holders.join(", ")
                )));
            }
            tx.execute("DELETE FROM roles WHERE id = ?1", [role.id])?;
            append(tx, &deed)?;
            Ok(())
        })
    }

    fn create_user_group(&self, wanted: UserGroupDraft, deed: Deed) -> Reply<'_, UserGroup> {
        self.write_small(format!("adding the user group `{}`", wanted.name), move |tx| {
            let id: Option<UserGroupId> = tx
                .query_row(
                    "INSERT INTO user_groups (name, description, bounds) VALUES (?1, ?2, ?3) ON CONFLICT DO NOTHING RETURNING id",
                    params![wanted.name, wanted.description, bounds_text(wanted.bounds.as_ref())?],
                    |row| row.get(0),
                )
                .optional()?;
            let id = id.ok_or_else(|| {
                Fault::conflict(format!("a user group `{}` exists already", wanted.name))
            })?;
            fill(tx, id, &wanted)?;
            append(tx, &deed)?;
            the_group(tx, &wanted.name)
        })
    }

    fn change_user_group(
        &self,
        name: String,
        version: u64,
        wanted: UserGroupDraft,
        deed: Deed,
    ) -> Reply<'_, UserGroup> {
        self.write_small(format!("changing the user group `{name}`"), move |tx| {
            let before = the_group(tx, &name)?;
            unchanged("user group", &name, before.version, version)?;
            free("user group", &wanted.name, the_group(tx, &wanted.name), |other| other.id == before.id)?;
            tx.execute(
                "UPDATE user_groups SET name = ?2, description = ?3, bounds = ?4, version = version + 1 WHERE id = ?1",
                params![
                    before.id,
                    wanted.name,
                    wanted.description,
                    bounds_text(wanted.bounds.as_ref())?
                ],
            )?;
            fill(tx, before.id, &wanted)?;
            append(tx, &deed)?;
            the_group(tx, &wanted.name)
        })
    }

    fn delete_user_group(&self, name: String, deed: Deed) -> Reply<'_, UserGroupId> {
        self.write_small(format!("removing the user group `{name}`"), move |tx| {
            let group = the_group(tx, &name)?;
            tx.execute("DELETE FROM user_groups WHERE id = ?1", [group.id])?;
            append(tx, &deed)?;
            Ok(group.id)
        })
    }

    fn set_own_rights(&self, wanted: OwnDraft, deed: Deed) -> Reply<'_, ()> {
        self.write_small(
            format!("changing the rights of the user `{}`", wanted.user),
            move |tx| {
                let person = person(tx, &wanted.user)?;
                tx.execute(
                    "UPDATE users SET bounds = ?2 WHERE id = ?1",
                    params![person.id, bounds_text(wanted.bounds.as_ref())?],
                )?;
                tx.execute("DELETE FROM user_roles WHERE user_id = ?1", [person.id])?;
                for role in &wanted.roles {
                    tx.prepare_cached(
                        "INSERT INTO user_roles (user_id, role) VALUES (?1, ?2) ON CONFLICT DO NOTHING",
                    )?
                    .execute(params![person.id, the_role(tx, role)?.id])?;
                }
                append(tx, &about(&deed, &person))?;
                Ok(())
            },
        )
    }

    fn save_group_members(&self, kept: GroupMembers) -> Reply<'_, ()> {
        self.write(
            format!("keeping who is in the group `{}`", kept.group),
            move |tx| {
                tx.prepare_cached(
                    "INSERT INTO group_members (name, version, members, others, evaluated_at)
                     SELECT name, version, ?3, ?4, ?5 FROM groups WHERE name = ?1 AND version = ?2
                     ON CONFLICT (name) DO UPDATE SET version = excluded.version, members = excluded.members,
                       others = excluded.others, evaluated_at = excluded.evaluated_at",
                )?
                .execute(params![
                    kept.group,
                    // As it came out of a column of such numbers.
                    kept.version.cast_signed(),
                    kept.members.to_bytes(),
                    kept.others.to_bytes(),
                    kept.evaluated_at
                ])?;
                Ok(())
            },
        )
    }
}

fn all<T>(
    db: &Connection,
    sql: &str,
    read: impl FnMut(&Row<'_>) -> rusqlite::Result<T>,
) -> Result<Vec<T>> {
    let mut statement = db.prepare_cached(sql)?;
    let rows = statement.query_map([], read)?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

fn number(row: &Row<'_>, column: usize) -> rusqlite::Result<u64> {
    let number: i64 = row.get(column)?;
    u64::try_from(number).map_err(|_| rusqlite::Error::IntegralValueOutOfRange(column, number))
}

fn json<T: serde::Serialize>(value: &T) -> Result<String> {
    serde_json::to_string(value)
        .map_err(|error| Fault::from(rusqlite::Error::ToSqlConversionFailure(error.into())))
}

fn bounds_text(bounds: Option<&NamedBounds>) -> Result<Option<String>> {
    bounds.map(json).transpose()
}

fn parsed<T: DeserializeOwned>(text: &str, column: usize) -> rusqlite::Result<T> {
    serde_json::from_str(text).map_err(|error| {
        rusqlite::Error::FromSqlConversionFailure(column, Type::Text, error.into())
    })
}

fn bounds(row: &Row<'_>, column: usize) -> rusqlite::Result<Option<NamedBounds>> {
    let text: Option<String> = row.get(column)?;
    text.map(|text| parsed(&text, column)).transpose()
}

fn role(row: &Row<'_>) -> rusqlite::Result<StoredRole> {
    Ok(StoredRole {
        id: row.get(0)?,
        name: row.get(1)?,
        description: row.get(2)?,
        lines: parsed(&row.get::<_, String>(3)?, 3)?,
        version: number(row, 4)?,
    })
}

fn user_group(row: &Row<'_>) -> rusqlite::Result<UserGroup> {
    Ok(UserGroup {
        id: row.get(0)?,
        name: row.get(1)?,
        description: row.get(2)?,
        members: Vec::new(),
        roles: Vec::new(),
        bounds: bounds(row, 3)?,
        version: number(row, 4)?,
    })
}

fn own(row: &Row<'_>) -> rusqlite::Result<OwnRights> {
    Ok(OwnRights {
        user: row.get(0)?,
        roles: Vec::new(),
        bounds: bounds(row, 1)?,
    })
}

fn members(row: &Row<'_>) -> rusqlite::Result<GroupMembers> {
    let set = |column: usize| -> rusqlite::Result<EndpointSet> {
        let bytes: Vec<u8> = row.get(column)?;
        EndpointSet::from_bytes(&bytes).map_err(|error| {
            rusqlite::Error::FromSqlConversionFailure(column, Type::Blob, error.into())
        })
    };
    Ok(GroupMembers {
        group: row.get(0)?,
        version: number(row, 1)?,
        members: set(2)?,
        others: set(3)?,
        evaluated_at: row.get(4)?,
    })
}

fn with_members(db: &Connection, mut group: UserGroup) -> Result<UserGroup> {
    group.members = db
        .prepare_cached("SELECT user_id FROM user_group_members WHERE user_group = ?1")?
        .query_map([group.id], |row| row.get(0))?
        .collect::<rusqlite::Result<_>>()?;
    group.roles = db
        .prepare_cached("SELECT role FROM user_group_roles WHERE user_group = ?1")?
        .query_map([group.id], |row| row.get(0))?
        .collect::<rusqlite::Result<_>>()?;
    Ok(group)
}

fn with_roles(db: &Connection, mut own: OwnRights) -> Result<OwnRights> {
    own.roles = db
        .prepare_cached("SELECT role FROM user_roles WHERE user_id = ?1")?
        .query_map([own.user], |row| row.get(0))?
        .collect::<rusqlite::Result<_>>()?;
    Ok(own)
}

fn the_role(db: &Connection, name: &str) -> Result<StoredRole> {
    let found = db
        .prepare_cached("SELECT id, name, description, lines, version FROM roles WHERE name = ?1")?
        .query_row([name], role)
        .optional()?;
    found.ok_or_else(|| Fault::missing(format!("the role `{name}`")))
}

fn the_group(db: &Connection, name: &str) -> Result<UserGroup> {
    let found = db
        .prepare_cached(
            "SELECT id, name, description, bounds, version FROM user_groups WHERE name = ?1",
        )?
        .query_row([name], user_group)
        .optional()?;
    with_members(
        db,
        found.ok_or_else(|| Fault::missing(format!("the user group `{name}`")))?,
    )
}

fn unchanged(kind: &str, name: &str, now: u64, seen: u64) -> Result<()> {
    if now == seen {
        return Ok(());
    }
    Err(Fault::conflict(format!(
        "somebody changed the {kind} `{name}` meanwhile; look at it again"
    )))
}

/// Refuses a name that another one has.
fn free<T>(kind: &str, name: &str, found: Result<T>, same: impl Fn(&T) -> bool) -> Result<()> {
    match optional(found)? {
        Some(other) if !same(&other) => {
            Err(Fault::conflict(format!("a {kind} `{name}` exists already")))
        }
        _ => Ok(()),
    }
}

/// Puts members and roles into a group in place of those before.
fn fill(tx: &Connection, id: UserGroupId, wanted: &UserGroupDraft) -> Result<()> {
    tx.execute("DELETE FROM user_group_members WHERE user_group = ?1", [id])?;
    tx.execute("DELETE FROM user_group_roles WHERE user_group = ?1", [id])?;
    for name in &wanted.members {
        let user: UserId = person(tx, name)?.id;
        tx.prepare_cached(
            "INSERT INTO user_group_members (user_group, user_id) VALUES (?1, ?2) ON CONFLICT DO NOTHING",
        )?
        .execute(params![id, user])?;
    }
    for name in &wanted.roles {
        let role: RoleId = the_role(tx, name)?.id;
        tx.prepare_cached(
            "INSERT INTO user_group_roles (user_group, role) VALUES (?1, ?2) ON CONFLICT DO NOTHING",
        )?
        .execute(params![id, role])?;
    }
    Ok(())
}
