//! Open questions of one asker in SQLite.

use super::super::quota::{OpenQuestion, Quota};
use super::super::{Reply, StoreError};
use super::SqliteStore;
use crate::model::ids::UserId;
use answer::EndpointSet;

impl Quota for SqliteStore {
    fn open_of(&self, user: UserId) -> Reply<'_, Vec<OpenQuestion>> {
        self.read(move |db| {
            let mut statement = db.prepare_cached(
                "SELECT expires_at, targets FROM questions WHERE closed = 0 AND asked_by_user = ?1",
            )?;
            let mut rows = statement.query([user])?;
            let mut open = Vec::new();
            while let Some(row) = rows.next()? {
                let milliseconds: i64 = row.get(0)?;
                let packed: Option<Vec<u8>> = row.get(1)?;
                let targets = packed
                    .map(|bytes| EndpointSet::from_bytes(&bytes).map(|set| set.len()))
                    .transpose()
                    .map_err(|e| StoreError::Content {
                        what: "target set",
                        source: e.into(),
                    })?;
                open.push(OpenQuestion {
                    expires_at: milliseconds.div_euclid(1000),
                    targets,
                });
            }
            Ok(open)
        })
    }
}
