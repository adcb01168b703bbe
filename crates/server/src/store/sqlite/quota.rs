//! Open questions of one asker in SQLite.

use super::super::error::Reply;
use super::super::quota::{OpenQuestion, Quota};
use super::SqliteStore;
use super::fault::Fault;
use crate::model::ids::UserId;
use answer::EndpointSet;

impl Quota for SqliteStore {
    fn open_of(&self, user: UserId) -> Reply<'_, Vec<OpenQuestion>> {
        self.read(
            format!("reading the open questions of user {user}"),
            move |db| {
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
                        .map_err(|e| Fault::content("target set", e))?;
                    open.push(OpenQuestion {
                        expires_at: milliseconds.div_euclid(1000),
                        targets,
                    });
                }
                Ok(open)
            },
        )
    }
}
