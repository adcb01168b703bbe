//! Extended attributes of entries, where the configuration wants them.

use super::{Saw, Writer};
use crate::entry::{Attributes, flag};
use crate::extended::Extended;
use crate::store::{StoreError, doing, set_fact};
use crate::text::bytes;
use crate::walk::{DirectoryId, Seen};
use rusqlite::{OptionalExtension, params};

/// The fact that extended attributes of all entries are in the database.
pub const RECORDED: &str = "permissions";

impl Writer<'_> {
    /// Brings an entry to what was seen now, whether it was known or not. `written` says that its content may have
    /// changed; `None` lets times and size decide. Looks at its extended attributes by itself where they are recorded.
    ///
    /// # Errors
    /// [`StoreError::Statement`].
    pub fn see(
        &self,
        dir: DirectoryId,
        name: &[u8],
        now: &Attributes,
        target: &[u8],
        written: Option<bool>,
    ) -> Result<Saw, StoreError> {
        let saw = self.bring(dir, name, now, target, written)?;
        // What is mounted here is not asked: it may never answer.
        if self.permissions && now.flags & flag::MOUNT_POINT == 0 {
            let folder: Option<Vec<u8>> = self
                .connection
                .prepare_cached("SELECT path FROM directory WHERE id = ?1")
                .and_then(|mut s| {
                    s.query_row([dir], |row| Ok(bytes(row.get_ref(0)?).to_vec()))
                        .optional()
                })
                .map_err(doing("find a directory"))?;
            if let Some(folder) = folder {
                let found = self
                    .gatherer
                    .borrow_mut()
                    .of_entries(&folder, None, std::iter::once(Some(name)))
                    .pop()
                    .flatten();
                self.extended(saw.id, found.as_ref())?;
            }
        }
        Ok(saw)
    }

    /// As [`Self::see`], for an entry whose extended attributes were looked at already.
    ///
    /// # Errors
    /// [`StoreError::Statement`].
    pub fn see_gathered(&self, dir: DirectoryId, seen: &Seen<'_>) -> Result<Saw, StoreError> {
        let saw = self.bring(dir, seen.name, seen.attributes, seen.target, None)?;
        if self.permissions {
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
