//! Extended attributes of entries, where the configuration wants them.

use super::{Saw, Writer};
use crate::entry::{Extended, flag};
use crate::store::{StoreError, set_fact};
use crate::walk::{DirectoryId, Seen};
use rusqlite::params;

/// The fact that extended attributes of all entries are in the database.
pub const RECORDED: &str = "permissions";

impl Writer<'_> {
    /// Brings an entry to what was seen now, whether it was known or not. `written` says that its content may have
    /// changed; `None` lets times and size decide. None when its directory is not known.
    ///
    /// # Errors
    /// [`StoreError::Statement`].
    pub fn see(
        &self,
        dir: DirectoryId,
        seen: &Seen<'_>,
        written: Option<bool>,
    ) -> Result<Option<Saw>, StoreError> {
        let saw = self.bring(dir, seen.name, seen.attributes, seen.target, written)?;
        // What is mounted here was not asked: it may never answer.
        if let Some(saw) = &saw
            && self.permissions
            && seen.attributes.flags & flag::MOUNT_POINT == 0
        {
            self.extended(saw.id, seen.extended)?;
        }
        Ok(saw)
    }

    /// Keeps which extended attributes an entry has.
    ///
    /// # Errors
    /// [`StoreError::Statement`].
    pub fn extended(&self, id: i64, extended: Option<&Extended>) -> Result<(), StoreError> {
        match extended {
            Some(extended) => self.run(
                "keep extended attributes",
                "INSERT INTO extended (entry, names, capabilities) VALUES (?1, ?2, ?3)
                 ON CONFLICT DO UPDATE SET names = excluded.names, capabilities = excluded.capabilities",
                params![id, extended.names, extended.capabilities],
            ),
            None => self.run(
                "forget extended attributes",
                "DELETE FROM extended WHERE entry = ?1",
                [id],
            ),
        }
        .map(drop)
    }

    /// Records extended attributes from now on, or no longer. What was recorded does not stay when nothing keeps it
    /// current.
    ///
    /// # Errors
    /// [`StoreError::Statement`].
    pub fn record_permissions(&mut self, wanted: bool) -> Result<(), StoreError> {
        self.permissions = wanted;
        if !wanted {
            self.run("forget extended attributes", "DELETE FROM extended", [])?;
            set_fact(self.connection, RECORDED, None::<i64>)?;
        }
        Ok(())
    }
}
