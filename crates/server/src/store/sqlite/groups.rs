//! Groups in SQLite.

use super::super::{Groups, Reply, StoreError};
use super::{SqliteStore, audit};
use crate::model::audit::Deed;
use question::catalogue::Group;
use rusqlite::params;

impl Groups for SqliteStore {
    fn groups(&self) -> Reply<'_, Vec<Group>> {
        self.read(|db| {
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

    fn create_group(&self, group: Group, by: String, deed: Deed) -> Reply<'_, ()> {
        self.write(move |tx| {
            let added = tx.execute(
                "INSERT INTO groups (name, filter, created_at, created_by) VALUES (?1, ?2, ?3, ?4)
                 ON CONFLICT DO NOTHING",
                params![group.name, group.filter, tx.now.as_second(), by],
            )?;
            if added == 0 {
                return Err(StoreError::Conflict(format!(
                    "a group `{}` exists already",
                    group.name
                )));
            }
            audit::append(tx, &deed)?;
            Ok(())
        })
    }

    fn delete_group(&self, name: String, deed: Deed) -> Reply<'_, ()> {
        self.write(move |tx| {
            if tx.execute("DELETE FROM groups WHERE name = ?1", [&name])? == 0 {
                return Err(StoreError::Missing(format!("the group `{name}`")));
            }
            audit::append(tx, &deed)?;
            Ok(())
        })
    }
}
