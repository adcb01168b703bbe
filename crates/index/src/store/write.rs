//! Changing the database: every statement that writes an entry, a directory or a digest stands here.
//!
//! One connection, one thread ([`crate::engine`]). Inserts are upserts by directory and name wherever two observers
//! (a walk and a change notice) may report the same file.

pub(crate) mod extended;
mod hashes;
pub(crate) mod places;

use super::{ATTRIBUTES, StoreError, attributes, doing};
use crate::digest_state::DigestState;
use crate::entry::{Attributes, Kind, flag};
use crate::lists::InForce;
use crate::text::{Name, bytes};
use crate::walk::DirectoryId;
use hashing::Content;
use rusqlite::{Connection, OptionalExtension, Row, Statement, params};
use std::collections::HashMap;

/// An entry as the database has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kept {
    /// Its number.
    pub id: i64,
    /// Its attributes when last seen.
    pub attributes: Attributes,
}

/// What became of an attempt to hash.
#[derive(Clone, Debug)]
pub enum Outcome {
    /// Read.
    Hashed(Box<Content>),
    /// Not read, and why.
    Not(DigestState),
}

fn kept(row: &Row<'_>) -> rusqlite::Result<Kept> {
    Ok(Kept {
        id: row.get(0)?,
        attributes: attributes(row, 1)?,
    })
}

/// The statements over one connection, and what they need to know.
pub struct Writer<'c> {
    connection: &'c Connection,
    /// Seconds since 1970: `seen`, `hashed`, `noticed` of what is written now.
    now: i64,
    mimes: HashMap<&'static str, i64>,
    /// Lists that each new hash is looked up in.
    pub lists: InForce,
    /// Whether extended attributes are recorded.
    pub permissions: bool,
}

impl<'c> Writer<'c> {
    /// Over an open database, inside a transaction of the caller's or not.
    #[must_use]
    pub fn new(connection: &'c Connection) -> Self {
        Self {
            connection,
            now: 0,
            mimes: HashMap::new(),
            lists: InForce::default(),
            permissions: false,
        }
    }

    /// The connection itself, to read or to begin and end transactions.
    #[must_use]
    pub fn connection(&self) -> &'c Connection {
        self.connection
    }

    /// Sets the time of what is written from now on: seconds since 1970.
    pub fn at(&mut self, now: i64) {
        self.now = now;
    }

    fn run(
        &self,
        what: &'static str,
        sql: &'static str,
        parameters: impl rusqlite::Params,
    ) -> Result<usize, StoreError> {
        self.connection
            .prepare_cached(sql)
            .and_then(|mut s| s.execute(parameters))
            .map_err(doing(what))
    }

    /// Adds a volume or finds the one at this point.
    ///
    /// # Errors
    /// [`StoreError::Statement`].
    pub fn volume(&self, point: &[u8], kind: &str, source: &[u8]) -> Result<i64, StoreError> {
        self.connection
            .prepare_cached(
                "INSERT INTO volume (point, kind, source) VALUES (?1, ?2, ?3)
                 ON CONFLICT (point) DO UPDATE SET kind = excluded.kind, source = excluded.source RETURNING id",
            )
            .and_then(|mut s| s.query_row(params![Name(point), kind, Name(source)], |r| r.get(0)))
            .map_err(doing("keep a volume"))
    }

    /// Adds a directory, or moves the one of this number to a new place.
    ///
    /// # Errors
    /// [`StoreError::Statement`].
    pub fn directory(
        &self,
        id: DirectoryId,
        parent: Option<DirectoryId>,
        volume: i64,
        inode: u64,
        path: &[u8],
    ) -> Result<(), StoreError> {
        self.run(
            "keep a directory",
            "INSERT INTO directory (id, parent, volume, inode, path) VALUES (?1, ?2, ?3, ?4, ?5)
             ON CONFLICT (id) DO UPDATE SET parent = excluded.parent, volume = excluded.volume, inode = excluded.inode, path = excluded.path",
            params![id, parent, volume, inode.cast_signed(), Name(path)],
        )
        .map(drop)
    }

    /// As [`Self::directory`], where something may be kept already that contradicts it: what else has its path makes way, and
    /// what would lie in a directory or volume that is gone meanwhile is not kept.
    ///
    /// # Errors
    /// [`StoreError::Statement`].
    pub fn directory_among(
        &self,
        id: DirectoryId,
        parent: Option<DirectoryId>,
        volume: i64,
        inode: u64,
        path: &[u8],
    ) -> Result<(), StoreError> {
        let stands = match parent {
            Some(parent) => self.has_directory(parent)?,
            None => self.has_volume(volume)?,
        };
        if !stands {
            return Ok(());
        }
        for other in self.directories_at(parent, path)? {
            if other != id {
                self.remove_tree(other)?;
            }
        }
        self.directory(id, parent, volume, inode, path)
    }

    /// Says why a directory could not be read, or that it now can.
    ///
    /// # Errors
    /// [`StoreError::Statement`].
    pub fn problem(&self, id: DirectoryId, problem: Option<i32>) -> Result<(), StoreError> {
        self.run(
            "keep a directory's state",
            "UPDATE directory SET problem = ?2 WHERE id = ?1 AND problem IS NOT ?2",
            params![id, problem],
        )
        .map(drop)
    }

    /// Adds an entry that is known to be new.
    ///
    /// # Errors
    /// [`StoreError::Statement`].
    pub fn insert(
        &self,
        statement: &mut Statement<'_>,
        dir: DirectoryId,
        name: &[u8],
        a: &Attributes,
        target: &[u8],
    ) -> Result<i64, StoreError> {
        let failed = doing("keep an entry");
        // Bound one by one: the tuple way costs a dynamic call for each value, and this runs a million times.
        let mut bind = |at: usize, value: i64| statement.raw_bind_parameter(at, value);
        bind(1, dir).map_err(&failed)?;
        bind(3, i64::from(a.mode)).map_err(&failed)?;
        bind(4, a.size.cast_signed()).map_err(&failed)?;
        bind(5, a.mtime).map_err(&failed)?;
        bind(6, a.ctime).map_err(&failed)?;
        bind(8, i64::from(a.uid)).map_err(&failed)?;
        bind(9, i64::from(a.gid)).map_err(&failed)?;
        bind(10, i64::from(a.links)).map_err(&failed)?;
        bind(11, a.inode.cast_signed()).map_err(&failed)?;
        bind(12, i64::from(a.flags)).map_err(&failed)?;
        bind(13, self.now).map_err(&failed)?;
        statement
            .raw_bind_parameter(2, Name(name))
            .map_err(&failed)?;
        statement.raw_bind_parameter(7, a.btime).map_err(&failed)?;
        statement.raw_execute().map_err(&failed)?;
        let id = self.connection.last_insert_rowid();
        if !target.is_empty() {
            self.target(id, target)?;
        }
        Ok(id)
    }

    /// The statement for [`Self::insert`].
    ///
    /// # Errors
    /// [`StoreError::Statement`].
    pub fn insert_statement(&self) -> Result<rusqlite::CachedStatement<'c>, StoreError> {
        self.connection
            .prepare_cached(
                "INSERT INTO entry (dir, name, mode, size, mtime, ctime, btime, uid, gid, links, inode, flags, seen)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13)",
            )
            .map_err(doing("keep an entry"))
    }

    fn target(&self, id: i64, target: &[u8]) -> Result<(), StoreError> {
        self.run(
            "keep a link's target",
            "INSERT INTO target (entry, path) VALUES (?1, ?2) ON CONFLICT DO UPDATE SET path = excluded.path",
            params![id, Name(target)],
        )
        .map(drop)
    }

    /// The entry of this name, if there is one.
    ///
    /// # Errors
    /// [`StoreError::Statement`].
    pub fn find(&self, dir: DirectoryId, name: &[u8]) -> Result<Option<Kept>, StoreError> {
        self.connection
            .prepare_cached(&format!(
                "SELECT e.id, {ATTRIBUTES} FROM entry e WHERE e.name = ?1 AND e.dir = ?2"
            ))
            .and_then(|mut s| s.query_row(params![Name(name), dir], kept).optional())
            .map_err(doing("find an entry"))
    }

    /// As [`Self::see`], without extended attributes.
    fn bring(
        &self,
        dir: DirectoryId,
        name: &[u8],
        now: &Attributes,
        target: &[u8],
        written: Option<bool>,
    ) -> Result<Option<Saw>, StoreError> {
        let Some(before) = self.find(dir, name)? else {
            // A walk may tell of a directory that a change has removed meanwhile.
            if !self.has_directory(dir)? {
                return Ok(None);
            }
            let id = self.insert(&mut *self.insert_statement()?, dir, name, now, target)?;
            return Ok(Some(Saw { id, content: true }));
        };
        let a = &before.attributes;
        let replaced = !a.same(now);
        let content = replaced
            || match written {
                Some(written) => written || a.size != now.size,
                None => a.content_may_differ(now),
            };
        if before.attributes != *now {
            self.run(
                "bring an entry up to date",
                "UPDATE entry SET mode = ?2, size = ?3, mtime = ?4, ctime = ?5, btime = ?6, uid = ?7, gid = ?8, links = ?9,
                 inode = ?10, flags = ?11 WHERE id = ?1",
                params![
                    before.id,
                    now.mode,
                    now.size.cast_signed(),
                    now.mtime,
                    now.ctime,
                    now.btime,
                    now.uid,
                    now.gid,
                    now.links,
                    now.inode.cast_signed(),
                    now.flags
                ],
            )?;
            if a.set_back(now) {
                self.run(
                    "keep that a time was set back",
                    "INSERT INTO set_back (entry, before, noticed) VALUES (?1, ?2, ?3)
                     ON CONFLICT DO UPDATE SET before = max(before, excluded.before), noticed = excluded.noticed",
                    params![before.id, a.mtime, self.now],
                )?;
            }
            // A directory put in place of another is compared entry by entry when it is walked. What a mount covers is not.
            let entered = now.kind() == Kind::Directory && now.flags & flag::MOUNT_POINT == 0;
            if a.kind() == Kind::Directory && !entered {
                self.forget_directory(dir, name)?;
            }
        }
        if !target.is_empty() {
            self.target(before.id, target)?;
        }
        if content && (now.kind() == Kind::File || a.kind() == Kind::File) {
            self.content_changed(before.id)?;
        }
        Ok(Some(Saw {
            id: before.id,
            content,
        }))
    }

    /// Entries of a directory by name; `None` when there are more than `most`.
    ///
    /// # Errors
    /// [`StoreError::Statement`].
    pub fn children(
        connection: &Connection,
        dir: DirectoryId,
        most: usize,
    ) -> Result<Option<HashMap<Vec<u8>, Kept>>, StoreError> {
        let failed = doing("read a directory's entries");
        let mut statement = connection
            .prepare_cached(&format!(
                "SELECT e.id, {ATTRIBUTES}, e.name FROM entry e WHERE e.dir = ?1"
            ))
            .map_err(&failed)?;
        let mut rows = statement.query([dir]).map_err(&failed)?;
        let mut children = HashMap::new();
        while let Some(row) = rows.next().map_err(&failed)? {
            if children.len() >= most {
                return Ok(None);
            }
            let name = bytes(row.get_ref(11).map_err(&failed)?).to_vec();
            children.insert(name, kept(row).map_err(&failed)?);
        }
        Ok(Some(children))
    }

    fn mime(&mut self, name: &'static str) -> Result<i64, StoreError> {
        if let Some(id) = self.mimes.get(name) {
            return Ok(*id);
        }
        let id = self
            .connection
            .prepare_cached(
                "INSERT INTO mime (name) VALUES (?1) ON CONFLICT (name) DO UPDATE SET name = excluded.name RETURNING id",
            )
            .and_then(|mut s| s.query_row([name], |row| row.get(0)))
            .map_err(doing("keep a content type"))?;
        self.mimes.insert(name, id);
        Ok(id)
    }

    /// Keeps what hashing a file gave, for all its names, if it is still the file that was read. `at` is when it was opened,
    /// in seconds since 1970.
    ///
    /// # Errors
    /// [`StoreError::Statement`].
    pub fn digest(
        &mut self,
        id: i64,
        read: &Attributes,
        at: i64,
        outcome: &Outcome,
    ) -> Result<Option<Vec<i64>>, StoreError> {
        let now: Option<(Kept, i64)> = self
            .connection
            .prepare_cached(&format!(
                "SELECT e.id, {ATTRIBUTES}, d.volume FROM entry e JOIN directory d ON d.id = e.dir WHERE e.id = ?1"
            ))
            .and_then(|mut s| {
                s.query_row([id], |row| Ok((kept(row)?, row.get(11)?)))
                    .optional()
            })
            .map_err(doing("find a hashed file"))?;
        let Some((now, volume)) = now else {
            return Ok(None);
        };
        if now.attributes.content_may_differ(read) {
            return Ok(None);
        }
        let names: Vec<i64> = if now.attributes.links > 1 {
            self.connection
                .prepare_cached(&format!(
                    "SELECT e.id, {ATTRIBUTES} FROM entry e JOIN directory d ON d.id = e.dir WHERE e.inode = ?1 AND d.volume = ?2",
                ))
                .and_then(|mut s| {
                    s.query_map(params![read.inode.cast_signed(), volume], kept)?
                        .collect::<Result<Vec<Kept>, _>>()
                })
                .map_err(doing("find a file's other names"))?
                .into_iter()
                // A snapshot gives its files the inodes of others, and they go their own ways.
                .filter(|other| !other.attributes.content_may_differ(read))
                .map(|other| other.id)
                .collect()
        } else {
            vec![id]
        };
        for id in &names {
            // A file is read once more for many reasons, and by the time this is told what led to it may be another: its
            // directory moved, and that was followed. Nothing would have it read before the next pass.
            if matches!(outcome, Outcome::Not(state) if state.passes()) && self.is_hashed(*id)? {
                continue;
            }
            self.digest_of_one(*id, at, outcome)?;
        }
        Ok(Some(names))
    }
}

/// What [`Writer::see`] found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Saw {
    /// The entry.
    pub id: i64,
    /// Whether its content is new or may have changed.
    pub content: bool,
}
