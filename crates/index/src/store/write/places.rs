//! Where entries and directories stand: finding, moving and removing them.
//!
//! An entry that is gone from its place may be found at another one a moment later, and its hashes, with those of
//! everything below it, are worth keeping. So it can be taken from its place without being removed ([`Writer::displace`]):
//! its `dir` is then [`NOWHERE`] until it is put somewhere or removed, within the same transaction.

use super::{Kept, Writer, kept};
use crate::digest_state::DigestState;
use crate::entry::{Kind, flag, join};
use crate::store::{ATTRIBUTES, StoreError, doing};
use crate::stuck::TIMED_OUT;
use crate::text::{Name, bytes};
use crate::walk::DirectoryId;
use rusqlite::{OptionalExtension, Row, params};
use std::collections::HashMap;

/// The directory of what has no place. No directory has this number.
pub const NOWHERE: DirectoryId = 0;

/// A directory as the database has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeptDirectory {
    /// Its number.
    pub id: DirectoryId,
    /// Its parent; `None` for the root of a volume.
    pub parent: Option<DirectoryId>,
    /// Its volume.
    pub volume: i64,
    /// Its inode.
    pub inode: u64,
    /// Its path.
    pub path: Vec<u8>,
    /// Whether it could not be read.
    pub problem: bool,
}

/// Directories in no directory: path, number.
pub(crate) const ORPHANS: &str = "SELECT path, id FROM directory d WHERE parent IS NOT NULL AND NOT EXISTS (SELECT 1 FROM directory p WHERE p.id = d.parent)";

const DIRECTORY: &str = "id, parent, volume, inode, path, problem IS NOT NULL";

fn directory(row: &Row<'_>) -> rusqlite::Result<KeptDirectory> {
    Ok(KeptDirectory {
        id: row.get(0)?,
        parent: row.get(1)?,
        volume: row.get(2)?,
        inode: row.get::<_, i64>(3)?.cast_unsigned(),
        path: bytes(row.get_ref(4)?).to_vec(),
        problem: row.get(5)?,
    })
}

/// The last name of a path.
#[must_use]
pub fn last_name(path: &[u8]) -> &[u8] {
    path.rsplit(|b| *b == b'/').next().unwrap_or_default()
}

impl Writer<'_> {
    /// Whether there is a directory of this number.
    pub(super) fn has_directory(&self, id: DirectoryId) -> Result<bool, StoreError> {
        self.connection
            .prepare_cached("SELECT 1 FROM directory WHERE id = ?1")
            .and_then(|mut s| s.exists([id]))
            .map_err(doing("find a directory"))
    }

    /// Whether there is a volume of this number.
    pub(super) fn has_volume(&self, id: i64) -> Result<bool, StoreError> {
        self.connection
            .prepare_cached("SELECT 1 FROM volume WHERE id = ?1")
            .and_then(|mut s| s.exists([id]))
            .map_err(doing("find a volume"))
    }

    /// The directories that have this path in another, or as the roots of volumes.
    pub(super) fn directories_at(
        &self,
        parent: Option<DirectoryId>,
        path: &[u8],
    ) -> Result<Vec<DirectoryId>, StoreError> {
        self.connection
            .prepare_cached("SELECT id FROM directory WHERE path = ?1 AND parent IS ?2")
            .and_then(|mut s| {
                s.query_map(params![Name(path), parent], |row| row.get(0))?
                    .collect()
            })
            .map_err(doing("find a directory"))
    }

    /// Removes a directory of which a walk found no entry in its parent, with everything below it, if it is still there.
    ///
    /// # Errors
    /// [`StoreError::Statement`].
    pub fn remove_stray(
        &self,
        parent: DirectoryId,
        id: DirectoryId,
        path: &[u8],
    ) -> Result<(), StoreError> {
        let row = self.directory_of(id)?;
        if row.is_some_and(|row| row.parent == Some(parent) && row.path == path) {
            self.remove_tree(id)?;
        }
        Ok(())
    }

    /// The directory of this number.
    ///
    /// # Errors
    /// [`StoreError::Statement`].
    pub fn directory_of(&self, id: DirectoryId) -> Result<Option<KeptDirectory>, StoreError> {
        self.connection
            .prepare_cached(&format!("SELECT {DIRECTORY} FROM directory WHERE id = ?1"))
            .and_then(|mut s| s.query_row([id], directory).optional())
            .map_err(doing("find a directory"))
    }

    /// The directory that stands under this name in another.
    ///
    /// # Errors
    /// [`StoreError::Statement`].
    pub fn directory_in(
        &self,
        parent: DirectoryId,
        name: &[u8],
    ) -> Result<Option<KeptDirectory>, StoreError> {
        Ok(self.directories_in(parent, name)?.into_iter().next())
    }

    /// The directories that stand under this name in another. There is one, as a rule.
    ///
    /// # Errors
    /// [`StoreError::Statement`].
    pub fn directories_in(
        &self,
        parent: DirectoryId,
        name: &[u8],
    ) -> Result<Vec<KeptDirectory>, StoreError> {
        let Some(above) = self.directory_of(parent)? else {
            return Ok(Vec::new());
        };
        self.connection
            .prepare_cached(&format!(
                "SELECT {DIRECTORY} FROM directory WHERE path = ?1 AND parent = ?2"
            ))
            .and_then(|mut s| {
                s.query_map(params![Name(&join(&above.path, name)), parent], directory)?
                    .collect()
            })
            .map_err(doing("find a directory"))
    }

    /// The directories of this inode, the latest first. There is one, as a rule: another may be left of a directory that is
    /// gone or was moved, until that is told.
    ///
    /// # Errors
    /// [`StoreError::Statement`].
    pub fn directories_with(
        &self,
        volume: i64,
        inode: u64,
    ) -> Result<Vec<KeptDirectory>, StoreError> {
        self.connection
            .prepare_cached(&format!(
                "SELECT {DIRECTORY} FROM directory WHERE inode = ?1 AND volume = ?2 ORDER BY id DESC"
            ))
            .and_then(|mut s| {
                s.query_map(params![inode.cast_signed(), volume], directory)?
                    .collect()
            })
            .map_err(doing("find a directory"))
    }

    /// The entry of a directory in its parent; none for the root of a volume.
    ///
    /// # Errors
    /// [`StoreError::Statement`].
    pub fn entry_of(&self, directory: &KeptDirectory) -> Result<Option<Kept>, StoreError> {
        match directory.parent {
            None => Ok(None),
            Some(NOWHERE) => self
                .connection
                .prepare_cached(&format!(
                    "SELECT e.id, {ATTRIBUTES} FROM entry e WHERE e.inode = ?1 AND e.dir = ?2"
                ))
                .and_then(|mut s| {
                    s.query_row(params![directory.inode.cast_signed(), NOWHERE], kept)
                        .optional()
                })
                .map_err(doing("find a directory's entry")),
            Some(parent) => self.find(parent, last_name(&directory.path)),
        }
    }

    /// The names of an inode: directory and name.
    ///
    /// # Errors
    /// [`StoreError::Statement`].
    pub fn names_with(
        &self,
        volume: i64,
        inode: u64,
    ) -> Result<Vec<(DirectoryId, Vec<u8>)>, StoreError> {
        self.connection
            .prepare_cached(
                "SELECT e.dir, e.name FROM entry e JOIN directory d ON d.id = e.dir
                 WHERE e.inode = ?1 AND d.volume = ?2",
            )
            .and_then(|mut s| {
                s.query_map(params![inode.cast_signed(), volume], |row| {
                    Ok((row.get(0)?, bytes(row.get_ref(1)?).to_vec()))
                })?
                .collect()
            })
            .map_err(doing("find a file's other names"))
    }

    /// What is known of an inode, name by name, and when its content was read: seconds since 1970, if its hashes are known.
    ///
    /// # Errors
    /// [`StoreError::Statement`].
    pub fn entries_with(
        &self,
        volume: i64,
        inode: u64,
    ) -> Result<Vec<(Kept, Option<i64>)>, StoreError> {
        self.connection
            .prepare_cached(&format!(
                "SELECT e.id, {ATTRIBUTES}, g.hashed FROM entry e JOIN directory d ON d.id = e.dir
                 LEFT JOIN digest g ON g.entry = e.id AND g.state = {} WHERE e.inode = ?1 AND d.volume = ?2",
                DigestState::Hashed as i64
            ))
            .and_then(|mut s| {
                s.query_map(params![inode.cast_signed(), volume], |row| {
                    Ok((kept(row)?, row.get(11)?))
                })?
                .collect()
            })
            .map_err(doing("find a file's names"))
    }

    /// The volumes: number, path of the root, type of file system.
    ///
    /// # Errors
    /// [`StoreError::Statement`].
    pub fn volumes(&self) -> Result<Vec<(i64, Vec<u8>, String)>, StoreError> {
        self.connection
            .prepare_cached("SELECT id, point, kind FROM volume")
            .and_then(|mut s| {
                s.query_map([], |row| {
                    Ok((row.get(0)?, bytes(row.get_ref(1)?).to_vec(), row.get(2)?))
                })?
                .collect()
            })
            .map_err(doing("read what is indexed"))
    }

    /// Whether a file's content still waits to be read, be it for the first time or once more.
    ///
    /// # Errors
    /// [`StoreError::Statement`].
    pub fn waits_for_hashes(&self, id: i64) -> Result<bool, StoreError> {
        let state: Option<i64> = self
            .connection
            .prepare_cached("SELECT state FROM digest WHERE entry = ?1")
            .and_then(|mut s| s.query_row([id], |row| row.get(0)).optional())
            .map_err(doing("find a file's hashes"))?;
        Ok(state.is_none_or(|state| DigestState::of_code(state).retried()))
    }

    /// Takes an entry from its place, with everything below it. Answers its directory, if it is one.
    ///
    /// # Errors
    /// [`StoreError::Statement`].
    pub fn displace(
        &self,
        entry: &Kept,
        dir: DirectoryId,
        name: &[u8],
    ) -> Result<Option<DirectoryId>, StoreError> {
        let mut below = None;
        if entry.attributes.kind() == Kind::Directory
            && let Some(directory) = self.directory_in(dir, name)?
        {
            self.run(
                "move a directory",
                "UPDATE directory SET parent = ?2 WHERE id = ?1",
                params![directory.id, NOWHERE],
            )?;
            below = Some(directory.id);
        }
        self.run(
            "move an entry",
            "UPDATE entry SET dir = ?2 WHERE id = ?1",
            params![entry.id, NOWHERE],
        )?;
        Ok(below)
    }

    /// Puts an entry under a name where nothing stands, with everything below it.
    ///
    /// # Errors
    /// [`StoreError::Statement`].
    pub fn put(
        &self,
        entry: i64,
        below: Option<DirectoryId>,
        dir: DirectoryId,
        name: &[u8],
    ) -> Result<(), StoreError> {
        self.run(
            "move an entry",
            "UPDATE entry SET dir = ?2, name = ?3 WHERE id = ?1",
            params![entry, dir, Name(name)],
        )?;
        match below {
            Some(id) => self.put_directory(id, dir, name),
            None => Ok(()),
        }
    }

    /// Says where a directory stands, and so everything below it.
    ///
    /// # Errors
    /// [`StoreError::Statement`].
    pub fn put_directory(
        &self,
        id: DirectoryId,
        parent: DirectoryId,
        name: &[u8],
    ) -> Result<(), StoreError> {
        let Some(above) = self.directory_of(parent)? else {
            return Ok(());
        };
        self.run(
            "move a directory",
            "UPDATE directory SET parent = ?2 WHERE id = ?1",
            params![id, parent],
        )?;
        self.settle(id, &join(&above.path, name))
    }

    /// Gives a directory its path, and those below it theirs.
    fn settle(&self, id: DirectoryId, path: &[u8]) -> Result<(), StoreError> {
        let failed = doing("find what lies below a directory");
        let mut statement = self
            .connection
            .prepare_cached(
                "WITH RECURSIVE below (id) AS (SELECT ?1 UNION SELECT d.id FROM directory d JOIN below b ON d.parent = b.id)
                 SELECT d.id, coalesce(d.parent, 0), d.path FROM below b JOIN directory d ON d.id = b.id",
            )
            .map_err(&failed)?;
        let mut rows = statement.query([id]).map_err(&failed)?;
        let mut own = None;
        let mut below: HashMap<DirectoryId, Vec<(DirectoryId, Vec<u8>)>> = HashMap::new();
        while let Some(row) = rows.next().map_err(&failed)? {
            let number: DirectoryId = row.get(0).map_err(&failed)?;
            let before = bytes(row.get_ref(2).map_err(&failed)?).to_vec();
            if number == id {
                own = Some(before);
            } else {
                let parent = row.get(1).map_err(&failed)?;
                below.entry(parent).or_default().push((number, before));
            }
        }
        drop(rows);
        let mut open: Vec<(DirectoryId, Vec<u8>, Vec<u8>)> = Vec::new();
        open.extend(own.map(|before| (id, before, path.to_vec())));
        while let Some((number, before, now)) = open.pop() {
            if now != before {
                self.run(
                    "move a directory",
                    "UPDATE directory SET path = ?2 WHERE id = ?1",
                    params![number, Name(&now)],
                )?;
            }
            for (child, before) in below.remove(&number).unwrap_or_default() {
                let path = join(&now, last_name(&before));
                open.push((child, before, path));
            }
        }
        Ok(())
    }

    /// Removes an entry, and everything below it when it is a directory. Answers the inodes of files that may have other
    /// names elsewhere, whose number of links is another now.
    ///
    /// # Errors
    /// [`StoreError::Statement`].
    pub fn remove(&self, dir: DirectoryId, name: &[u8]) -> Result<Vec<u64>, StoreError> {
        let Some(before) = self.find(dir, name)? else {
            return Ok(Vec::new());
        };
        let mut shared = Vec::new();
        if before.attributes.kind() == Kind::Directory {
            shared = self.forget_directory(dir, name)?;
        } else if before.attributes.several_names() {
            shared.push(before.attributes.inode);
        }
        self.remove_entry(before.id)?;
        Ok(shared)
    }

    /// Removes one entry by number.
    ///
    /// # Errors
    /// [`StoreError::Statement`].
    pub fn remove_entry(&self, id: i64) -> Result<(), StoreError> {
        self.run("remove an entry", "DELETE FROM entry WHERE id = ?1", [id])
            .map(drop)
    }

    pub(super) fn forget_directory(
        &self,
        parent: DirectoryId,
        name: &[u8],
    ) -> Result<Vec<u64>, StoreError> {
        let mut shared = Vec::new();
        for directory in self.directories_in(parent, name)? {
            shared.extend(self.remove_tree(directory.id)?);
        }
        Ok(shared)
    }

    /// Removes a directory and everything below it (not its entry in its parent). Answers as [`Self::remove`].
    ///
    /// # Errors
    /// [`StoreError::Statement`].
    pub fn remove_tree(&self, id: DirectoryId) -> Result<Vec<u64>, StoreError> {
        let below: Vec<i64> = self
            .connection
            .prepare_cached(
                "WITH RECURSIVE below (id) AS (SELECT ?1 UNION SELECT d.id FROM directory d JOIN below b ON d.parent = b.id)
                 SELECT id FROM below",
            )
            .and_then(|mut s| s.query_map([id], |row| row.get(0))?.collect())
            .map_err(doing("find what lies below a directory"))?;
        let mut shared: Vec<u64> = Vec::new();
        for id in below {
            let files = self
                .connection
                .prepare_cached(
                    "SELECT DISTINCT inode FROM entry WHERE dir = ?1 AND links > 1 AND mode & 61440 <> 16384",
                )
                .and_then(|mut s| {
                    s.query_map([id], |row| row.get::<_, i64>(0))?
                        .collect::<Result<Vec<_>, _>>()
                })
                .map_err(doing("find files of several names"))?;
            shared.extend(files.into_iter().map(i64::cast_unsigned));
            self.run(
                "remove a directory's entries",
                "DELETE FROM entry WHERE dir = ?1",
                [id],
            )?;
            self.run(
                "remove a directory",
                "DELETE FROM directory WHERE id = ?1",
                [id],
            )?;
        }
        Ok(shared)
    }

    /// The names below a directory on which something was mounted when they were looked at: directory and name.
    ///
    /// # Errors
    /// [`StoreError::Statement`].
    pub fn covered_below(
        &self,
        id: DirectoryId,
    ) -> Result<Vec<(DirectoryId, Vec<u8>)>, StoreError> {
        self.connection
            .prepare_cached(
                "WITH RECURSIVE below (id) AS (SELECT ?1 UNION SELECT d.id FROM directory d JOIN below b ON d.parent = b.id)
                 SELECT e.dir, e.name FROM below b JOIN entry e ON e.dir = b.id WHERE e.flags & ?2",
            )
            .and_then(|mut s| {
                s.query_map([id, flag::MOUNT_POINT.into()], |row| {
                    Ok((row.get(0)?, bytes(row.get_ref(1)?).to_vec()))
                })?
                .collect()
            })
            .map_err(doing("find what is mounted below a directory"))
    }

    /// The directories below one, and itself, that could not be read, but for those that gave no answer.
    ///
    /// # Errors
    /// [`StoreError::Statement`].
    pub fn unlisted_below(&self, id: DirectoryId) -> Result<Vec<DirectoryId>, StoreError> {
        self.connection
            .prepare_cached(
                "WITH RECURSIVE below (id) AS (SELECT ?1 UNION SELECT d.id FROM directory d JOIN below b ON d.parent = b.id)
                 SELECT d.id FROM below b JOIN directory d ON d.id = b.id WHERE d.problem IS NOT NULL AND d.problem <> ?2",
            )
            .and_then(|mut s| {
                s.query_map([id, TIMED_OUT.into()], |row| row.get(0))?
                    .collect()
            })
            .map_err(doing("find directories that were not read"))
    }

    /// Removes the directories whose parent is not known, with everything below them: no walk would ever come to them.
    ///
    /// # Errors
    /// [`StoreError::Statement`].
    pub fn remove_orphans(&self) -> Result<(), StoreError> {
        let orphans: Vec<DirectoryId> = self
            .connection
            .prepare_cached(ORPHANS)
            .and_then(|mut s| s.query_map([], |row| row.get(1))?.collect())
            .map_err(doing("find directories in no directory"))?;
        for id in orphans {
            self.remove_tree(id)?;
        }
        Ok(())
    }

    /// The files below a directory that wait for their hashes, so many at most.
    ///
    /// # Errors
    /// [`StoreError::Statement`].
    pub fn waiting_below(&self, id: DirectoryId, most: usize) -> Result<Vec<i64>, StoreError> {
        self.connection
            .prepare_cached(
                "WITH RECURSIVE below (id) AS (SELECT ?1 UNION SELECT d.id FROM directory d JOIN below b ON d.parent = b.id)
                 SELECT e.id FROM below b JOIN entry e ON e.dir = b.id LEFT JOIN digest g ON g.entry = e.id
                 WHERE e.mode & 61440 = 32768 AND e.flags & 256 = 0 AND (g.entry IS NULL OR g.state NOT IN (0, 1, 2, 5)) LIMIT ?2",
            )
            .and_then(|mut s| {
                s.query_map(params![id, most as i64], |row| row.get(0))?
                    .collect()
            })
            .map_err(doing("find files that wait for their hashes"))
    }
}
