//! The inventory of one volume of an image.
//!
//! A file system gives its entries in its own order, so a directory may come after what it holds: it gets its number
//! when it is first heard of, and its entry when that comes. A directory costs some 50 bytes of memory until the volume
//! is done, because only a keyed hash of its path is kept; files cost none.

use super::{Indexed, Source, either};
use crate::engine::{Message, Teller};
use crate::entry::{Attributes, flag};
use crate::inventory::next_number;
use crate::round::{Round, every};
use crate::stop::Stop;
use crate::store::doing;
use crate::store::write::Writer;
use crate::text;
use crate::times;
use crate::walk::{DirectoryId, Found};
use question::chain;
use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::ops::ControlFlow;
use std::sync::atomic::Ordering;
use volumes::{Entry, EntryKind};

/// Entries told together.
const TOLD_AT_ONCE: usize = 4096;
/// The system's number for a failed read or write, on every system near enough.
const IO_ERROR: i32 = 5;
const DIRECTORY: u32 = 0o040_000;
const FILE: u32 = 0o100_000;

/// Puts all entries of a volume into the database.
pub(super) fn volume(
    round: &Round,
    mut source: Source,
    number: i64,
    teller: &Teller,
) -> Result<Indexed, Stop> {
    let next = teller.call(|writer| next_number(writer.connection()))?;
    round.numbers.fetch_max(next, Ordering::Relaxed);
    let mut placing = Placing {
        round,
        teller,
        number,
        root: round.numbers.fetch_add(1, Ordering::Relaxed),
        directories: Directories::default(),
        told: HashMap::new(),
        waiting: 0,
        report: Indexed {
            point: text::readable(&source.point()).into_owned(),
            kind: source.system.kind().to_owned(),
            offset: source.volume.offset,
            bytes: source.volume.len,
            ..Indexed::default()
        },
        prefix: source.prefix,
    };
    let root = placing.root;
    placing.directories.set(b"", root, false, false);
    placing.tell_directory(b"", root, None, 0)?;
    let mut stopped = false;
    let outcome = source
        .system
        .entries(&mut |entry| match placing.entry(&entry) {
            Ok(()) => ControlFlow::Continue(()),
            Err(Stop) => {
                stopped = true;
                ControlFlow::Break(())
            }
        });
    if stopped {
        return Err(Stop);
    }
    placing.tell_waiting()?;
    match outcome {
        Ok(found) => placing.report.damaged += found.damaged,
        Err(error) => {
            placing.report.failed = Some(chain(&error));
            teller.tell(Message::Problem(root, Some(IO_ERROR)))?;
        }
    }
    let whole = placing.report.failed.is_none();
    let lost = teller.call(move |writer| {
        let lost = lost_directories(writer, number)?;
        let now = whole.then(|| jiff::Timestamp::now().as_second());
        writer
            .connection()
            .execute("UPDATE volume SET walked = ?2 WHERE id = ?1", (number, now))
            .map_err(doing("keep when it was walked"))?;
        Ok(lost)
    })?;
    placing.report.entries += lost;
    Ok(placing.report)
}

/// Directories that only their entries told of, because they are deleted or damaged, get an entry without attributes.
fn lost_directories(writer: &mut Writer<'_>, volume: i64) -> Result<u64, crate::store::StoreError> {
    let failed = doing("keep a lost directory");
    let mut statement = writer
        .connection()
        .prepare("SELECT parent, path FROM directory WHERE volume = ?1 AND inode = 0 AND parent IS NOT NULL")
        .map_err(&failed)?;
    let mut rows = statement.query([volume]).map_err(&failed)?;
    let mut insert = writer.insert_statement()?;
    let attributes = Attributes {
        mode: DIRECTORY,
        links: 1,
        ..Attributes::default()
    };
    let mut lost = 0;
    while let Some(row) = rows.next().map_err(&failed)? {
        let parent: DirectoryId = row.get(0).map_err(&failed)?;
        let path = text::bytes(row.get_ref(1).map_err(&failed)?);
        let (_, name) = split(path);
        writer.insert(&mut insert, parent, name, &attributes, b"")?;
        lost += 1;
    }
    Ok(lost)
}

/// A directory that was heard of.
#[derive(Clone, Copy)]
struct Slot {
    id: DirectoryId,
    /// Its own entry has come.
    met: bool,
    /// Left out with all below it.
    excluded: bool,
}

/// Directories by path, as two keyed hashes of it: nobody can make two paths the same.
#[derive(Default)]
struct Directories {
    slots: HashMap<(u64, u64), Slot>,
    keys: (RandomState, RandomState),
}

impl Directories {
    fn key(&self, path: &[u8]) -> (u64, u64) {
        (self.keys.0.hash_one(path), self.keys.1.hash_one(path))
    }

    fn get(&self, path: &[u8]) -> Option<Slot> {
        self.slots.get(&self.key(path)).copied()
    }

    fn set(&mut self, path: &[u8], id: DirectoryId, met: bool, excluded: bool) -> Slot {
        let slot = Slot { id, met, excluded };
        self.slots.insert(self.key(path), slot);
        slot
    }
}

struct Placing<'a> {
    round: &'a Round,
    teller: &'a Teller,
    number: i64,
    prefix: Vec<u8>,
    root: DirectoryId,
    directories: Directories,
    /// Entries that wait to be told, by directory.
    told: HashMap<DirectoryId, Found>,
    waiting: usize,
    report: Indexed,
}

impl Placing<'_> {
    fn entry(&mut self, entry: &Entry) -> Result<(), Stop> {
        let each = self.round.config.file_indexes_per_throttle.max(1);
        if !every(each, &self.round.pacer) {
            return Err(Stop);
        }
        if entry.deleted {
            self.report.deleted += 1;
            return Ok(());
        }
        let attributes = attributes(entry);
        for path in &entry.paths {
            self.name(entry, path, attributes)?;
        }
        Ok(())
    }

    /// One name of an entry; `path` is within the volume.
    fn name(&mut self, entry: &Entry, path: &[u8], attributes: Attributes) -> Result<(), Stop> {
        if path == b"/" {
            let root = self.root;
            self.directories.set(b"", root, true, false);
            self.tell_directory(b"", root, None, attributes.inode)?;
            return self.streams(entry, root, path, b"", attributes);
        }
        let (above, name) = split(path);
        let above = self.directory(above)?;
        if above.excluded || self.excludes(path) {
            return Ok(());
        }
        if entry.kind == EntryKind::Directory {
            let id = match self.directories.get(path) {
                Some(known) => {
                    // Two directories of one path, which only damage makes, are one with the entries of both.
                    self.report.damaged += u64::from(known.met);
                    known.id
                }
                None => self.round.numbers.fetch_add(1, Ordering::Relaxed),
            };
            self.directories.set(path, id, true, false);
            self.tell_directory(path, id, Some(above.id), attributes.inode)?;
        }
        self.report.orphans += u64::from(path.starts_with(volumes::entry::ORPHANS));
        let target = entry.link_target.as_deref().unwrap_or_default();
        self.push(above.id, name, attributes, target)?;
        self.streams(entry, above.id, path, name, attributes)
    }

    fn streams(
        &mut self,
        entry: &Entry,
        directory: DirectoryId,
        path: &[u8],
        name: &[u8],
        of: Attributes,
    ) -> Result<(), Stop> {
        for stream in &entry.streams {
            let with = |front: &[u8]| [front, b":", stream.name.as_slice()].concat();
            if self.excludes(&with(path)) {
                continue;
            }
            self.report.streams += 1;
            let attributes = Attributes {
                mode: FILE | of.mode & 0o7777,
                size: stream.size,
                flags: of.flags | flag::STREAM,
                ..of
            };
            self.push(directory, &with(name), attributes, b"")?;
        }
        Ok(())
    }

    /// The directory of this path, known or heard of for the first time.
    fn directory(&mut self, path: &[u8]) -> Result<Slot, Stop> {
        let mut unknown = Vec::new();
        let mut at = path;
        let mut slot = loop {
            if let Some(slot) = self.directories.get(at) {
                break slot;
            }
            unknown.push(at);
            if at.is_empty() {
                // The root is known from the beginning.
                return Err(Stop);
            }
            at = split(at).0;
        };
        for path in unknown.into_iter().rev() {
            let id = self.round.numbers.fetch_add(1, Ordering::Relaxed);
            let excluded = slot.excluded || self.excludes(path);
            if !excluded {
                self.tell_directory(path, id, Some(slot.id), 0)?;
            }
            slot = self.directories.set(path, id, false, excluded);
        }
        Ok(slot)
    }

    fn excludes(&self, path: &[u8]) -> bool {
        let path = [&self.prefix, path].concat();
        either(
            |path| self.round.config.excludes_indexing(path),
            &self.prefix,
            &path,
        )
    }

    fn tell_directory(
        &self,
        path: &[u8],
        id: DirectoryId,
        parent: Option<DirectoryId>,
        inode: u64,
    ) -> Result<(), Stop> {
        let mut path = [&self.prefix, path].concat();
        if path.is_empty() {
            path.push(b'/');
        }
        self.teller.tell(Message::Directory {
            id,
            parent,
            volume: self.number,
            inode,
            path,
            anew: true,
        })
    }

    fn push(
        &mut self,
        directory: DirectoryId,
        name: &[u8],
        attributes: Attributes,
        target: &[u8],
    ) -> Result<(), Stop> {
        self.report.entries += 1;
        self.round.met.fetch_add(1, Ordering::Relaxed);
        let found = self.told.entry(directory).or_default();
        found.push(name, attributes, target);
        // A long name counts as several entries, so that forged ones cannot fill the memory.
        self.waiting += 1 + (name.len() + target.len()) / 512;
        if self.waiting >= TOLD_AT_ONCE {
            self.tell_waiting()?;
        }
        Ok(())
    }

    fn tell_waiting(&mut self) -> Result<(), Stop> {
        self.waiting = 0;
        for (directory, found) in self.told.drain() {
            self.teller.tell(Message::New(directory, found))?;
        }
        Ok(())
    }
}

/// Directory and name of a path; the directory is without `/` at its end.
fn split(path: &[u8]) -> (&[u8], &[u8]) {
    match path.iter().rposition(|byte| *byte == b'/') {
        Some(at) => (
            path.get(..at).unwrap_or_default(),
            path.get(at + 1..).unwrap_or_default(),
        ),
        None => (b"", path),
    }
}

fn attributes(entry: &Entry) -> Attributes {
    let kind = match entry.kind {
        EntryKind::File => FILE,
        EntryKind::Directory => DIRECTORY,
        EntryKind::Symlink => 0o120_000,
        EntryKind::Fifo => 0o010_000,
        EntryKind::Socket => 0o140_000,
        EntryKind::CharacterDevice => 0o020_000,
        EntryKind::BlockDevice => 0o060_000,
        EntryKind::Unknown => 0,
    };
    let dos = entry.dos_attributes.unwrap_or_default();
    let flags = [
        (0x1, flag::READ_ONLY),
        (0x2, flag::HIDDEN),
        (0x4, flag::SYSTEM),
        (0x800, flag::COMPRESSED),
        (0x4000, flag::ENCRYPTED),
    ];
    Attributes {
        mode: kind | entry.mode.unwrap_or_default() & 0o7777,
        size: entry.size,
        mtime: entry.modified.unwrap_or(times::NONE),
        ctime: entry.changed.unwrap_or(times::NONE),
        btime: entry.created,
        uid: entry.uid.unwrap_or_default(),
        gid: entry.gid.unwrap_or_default(),
        links: entry.links,
        inode: entry.id.0,
        flags: flags
            .iter()
            .filter(|(bit, _)| dos & bit != 0)
            .fold(0, |all, (_, flag)| all | flag)
            | if entry.damaged { flag::DAMAGED } else { 0 },
    }
}
