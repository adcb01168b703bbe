//! Every file of a volume: a walk down the directories, then the inodes that no directory names.
//!
//! Only the directories that wait and the names of files with several links are held; a file with one name is given at
//! once. Each directory is entered once, whatever loops were forged.

use super::Core;
use super::directory::{Layout, names};
use super::inode::Inode;
use super::superblock::incompatible;
use crate::entry::{Entry, EntryKind, FileId, ORPHANS, Report, VolumeError};
use std::borrow::Cow;
use std::collections::HashMap;
use std::ops::ControlFlow;
use std::sync::Arc;

const ROOT: u32 = 2;
/// A directory is read in pieces of this size.
const PIECE: usize = 1 << 20;
/// No path of a real volume is longer: deeper directories are given, not entered.
const LONGEST_PATH: usize = 64 << 10;
const LONGEST_TARGET: usize = 4096;

/// A set of inode numbers, in pages as they come.
#[derive(Default)]
struct Seen(HashMap<u32, [u64; 64]>);

impl Seen {
    /// Whether the number is new.
    fn insert(&mut self, number: u32) -> bool {
        let page = self.0.entry(number >> 12).or_insert([0; 64]);
        let Some(word) = page.get_mut((number >> 6 & 63) as usize) else {
            return false;
        };
        let bit = 1 << (number & 63);
        let new = *word & bit == 0;
        *word |= bit;
        new
    }

    fn contains(&self, number: u32) -> bool {
        let word = self
            .0
            .get(&(number >> 12))
            .and_then(|page| page.get((number >> 6 & 63) as usize));
        word.is_some_and(|word| word >> (number & 63) & 1 != 0)
    }
}

/// The names of the directories met, each once, with the directory above.
#[derive(Default)]
struct Directories {
    all: Vec<(u32, usize, u16)>,
    names: Vec<u8>,
}

impl Directories {
    /// Place of the root, which has no entry of its own.
    const ROOT: u32 = u32::MAX;

    fn add(&mut self, parent: u32, name: &[u8]) -> Option<u32> {
        let place = u32::try_from(self.all.len())
            .ok()
            .filter(|place| *place != Self::ROOT)?;
        self.all
            .push((parent, self.names.len(), u16::try_from(name.len()).ok()?));
        self.names.extend_from_slice(name);
        Some(place)
    }

    /// The path without `/` at its end; `None` when it is longer than any.
    fn path(&self, place: u32) -> Option<Vec<u8>> {
        let (mut up, mut at, mut len) = (Vec::new(), place, 0);
        while at != Self::ROOT {
            let (parent, start, size) = *self.all.get(at as usize)?;
            let name = self.names.get(start..start + usize::from(size))?;
            len += 1 + name.len();
            (len <= LONGEST_PATH).then_some(())?;
            up.push(name);
            at = parent;
        }
        let mut path = Vec::with_capacity(len);
        for name in up.iter().rev() {
            path.push(b'/');
            path.extend_from_slice(name);
        }
        Some(path)
    }
}

/// The directory whose entries are being given.
struct Here {
    place: u32,
    path: Vec<u8>,
}

impl Here {
    fn child(&self, name: &[u8]) -> Vec<u8> {
        let mut full = Vec::with_capacity(self.path.len() + 1 + name.len());
        full.extend_from_slice(&self.path);
        full.push(b'/');
        full.extend_from_slice(name);
        full
    }
}

pub(super) struct Walk<'w> {
    core: &'w Arc<Core>,
    each: &'w mut dyn FnMut(Entry) -> ControlFlow<()>,
    report: Report,
    seen: Seen,
    directories: Directories,
    /// Directories to be read, with their places in `directories`.
    waiting: Vec<(u32, u32)>,
    /// Names of files with several links, until all have come: place of the directory, name.
    linked: HashMap<u32, Vec<(u32, Vec<u8>)>>,
    /// Bytes of directories that may still be read: all together are no more than the volume.
    budget: u64,
}

impl<'w> Walk<'w> {
    pub(super) fn new(
        core: &'w Arc<Core>,
        each: &'w mut dyn FnMut(Entry) -> ControlFlow<()>,
    ) -> Walk<'w> {
        Walk {
            core,
            each,
            report: Report::default(),
            seen: Seen::default(),
            directories: Directories::default(),
            waiting: Vec::new(),
            linked: HashMap::new(),
            budget: core.volume.len(),
        }
    }

    pub(super) fn run(mut self) -> Result<Report, VolumeError> {
        let root = self.core.inode(ROOT).map_err(|source| VolumeError::Read {
            what: "the root directory",
            offset: 0,
            source,
        })?;
        let root = root.filter(|root| root.kind() == EntryKind::Directory);
        let root = root.ok_or(VolumeError::Damaged {
            what: "the root directory",
            why: "its inode is not that of a directory",
        })?;
        self.seen.insert(ROOT);
        let ended = self
            .give(ROOT, &root, vec![b"/".to_vec()], false)
            .is_break()
            || self.all().is_break();
        self.report.stopped = ended;
        Ok(self.report)
    }

    fn all(&mut self) -> ControlFlow<()> {
        self.waiting.push((ROOT, Directories::ROOT));
        while let Some((number, place)) = self.waiting.pop() {
            match self.directories.path(place) {
                Some(path) => self.directory(number, &Here { place, path })?,
                None => self.report.damaged += 1,
            }
        }
        // Names that the link count promised did not come: give what there is.
        let mut rest: Vec<_> = std::mem::take(&mut self.linked).into_iter().collect();
        rest.sort_unstable();
        for (number, names) in rest {
            let paths = self.paths(&names);
            if let Ok(Some(inode)) = self.core.inode(number) {
                self.give(number, &inode, paths, false)?;
            }
        }
        self.nameless()
    }

    fn directory(&mut self, number: u32, here: &Here) -> ControlFlow<()> {
        let content = match self.core.inode(number) {
            Ok(Some(inode)) => {
                let (inline, hashed) = (inode.inline(), inode.is_hashed());
                self.core
                    .content(inode)
                    .ok()
                    .map(|content| (content, inline, hashed))
            }
            _ => None,
        };
        let Some((content, inline, hashed)) = content else {
            self.report.damaged += 1;
            return ControlFlow::Continue(());
        };
        let layout = Layout {
            types: self.core.superblock.has(incompatible::FILE_TYPE),
            inodes: self.core.superblock.inodes,
        };
        if let Some(inline) = inline {
            // The number of the parent comes first, then entries: those in the inode, those in its attribute.
            let (first, second) = inline.split_at(inline.len().min(60));
            self.block(first.get(4..).unwrap_or_default(), layout, false, here)?;
            return self.block(second, layout, false, here);
        }
        let block = usize::try_from(self.core.superblock.block).unwrap_or(PIECE);
        let mut piece = vec![
            0;
            usize::try_from(content.len())
                .unwrap_or(PIECE)
                .min(PIECE)
                .next_multiple_of(block)
        ];
        let mut offset = content.data_from(0);
        while offset < content.len() {
            if self.budget == 0 {
                self.report.damaged += 1;
                break;
            }
            // What cannot be read, block by block, is left out.
            let filled = match content.read_full_at(offset, &mut piece) {
                Ok(filled) => filled,
                Err(_) => {
                    let one = piece.get_mut(..block).unwrap_or_default();
                    content.read_full_at(offset, one).unwrap_or_else(|_| {
                        self.report.damaged += 1;
                        one.fill(0);
                        0
                    })
                }
            };
            for bytes in piece.get(..filled).unwrap_or_default().chunks(block) {
                if !crate::bytes::all_zero(bytes) {
                    self.block(bytes, layout, hashed, here)?;
                }
            }
            let step = if filled == 0 { block } else { filled };
            self.budget = self.budget.saturating_sub(step as u64);
            offset =
                content.data_from(offset.saturating_add(step as u64)) / block as u64 * block as u64;
            if filled > 0 && filled % block != 0 {
                break;
            }
        }
        ControlFlow::Continue(())
    }

    fn block(
        &mut self,
        bytes: &[u8],
        layout: Layout,
        hashed: bool,
        here: &Here,
    ) -> ControlFlow<()> {
        let mut found = Vec::new();
        if names(bytes, layout, hashed, &mut |name| found.push(name)).is_err() {
            self.report.damaged += 1;
        }
        for name in found {
            if matches!(name.name, b"." | b".." | b"") {
                continue;
            }
            // Only a forged name holds these; it must not look like a path.
            let clean: Cow<'_, [u8]> = match name.name.iter().any(|byte| matches!(byte, 0 | b'/')) {
                true => name
                    .name
                    .iter()
                    .map(|byte| {
                        if matches!(byte, 0 | b'/') {
                            b'?'
                        } else {
                            *byte
                        }
                    })
                    .collect(),
                false => name.name.into(),
            };
            match name.deleted {
                true => self.deleted(name.inode, here.child(&clean))?,
                false => self.entry(name.inode, here, &clean)?,
            }
        }
        ControlFlow::Continue(())
    }

    fn entry(&mut self, number: u32, here: &Here, name: &[u8]) -> ControlFlow<()> {
        let Ok(Some(inode)) = self.core.inode(number) else {
            self.report.damaged += 1;
            return ControlFlow::Continue(());
        };
        let new = self.seen.insert(number);
        if inode.kind() == EntryKind::Directory {
            // A second name of a directory is forged or damage.
            if !new {
                self.report.damaged += 1;
                return ControlFlow::Continue(());
            }
            if let Some(place) = self.directories.add(here.place, name) {
                self.waiting.push((number, place));
            }
            return self.give(number, &inode, vec![here.child(name)], false);
        }
        if inode.links() <= 1 {
            return self.give(number, &inode, vec![here.child(name)], false);
        }
        let names = self.linked.entry(number).or_default();
        names.push((here.place, name.to_vec()));
        if names.len() < inode.links() as usize {
            return ControlFlow::Continue(());
        }
        let names = self.linked.remove(&number).unwrap_or_default();
        let paths = self.paths(&names);
        self.give(number, &inode, paths, false)
    }

    fn paths(&self, names: &[(u32, Vec<u8>)]) -> Vec<Vec<u8>> {
        let path = |(place, name): &(u32, Vec<u8>)| {
            let here = Here {
                place: *place,
                path: self.directories.path(*place)?,
            };
            Some(here.child(name))
        };
        names.iter().filter_map(path).collect()
    }

    /// A deleted name. Its inode still tells of the file unless it has been given to another.
    fn deleted(&mut self, number: u32, path: Vec<u8>) -> ControlFlow<()> {
        let inode = self
            .core
            .inode(number)
            .ok()
            .flatten()
            .filter(|inode| inode.links() == 0 && inode.mode() != 0);
        match inode {
            Some(inode) if self.seen.insert(number) => self.give(number, &inode, vec![path], true),
            _ => {
                let entry = Entry {
                    deleted: true,
                    paths: vec![path],
                    ..Entry::new(FileId(0), EntryKind::Unknown)
                };
                self.report.entries += 1;
                self.report.deleted += 1;
                (self.each)(entry)
            }
        }
    }

    /// Inodes that hold something and that no directory named.
    fn nameless(&mut self) -> ControlFlow<()> {
        let size = usize::try_from(self.core.superblock.inode_size).unwrap_or(128);
        let per_group = self.core.superblock.inodes_per_group;
        let mut table = Vec::new();
        for group in 0..self.core.superblock.groups() {
            let Ok(at) = self.core.table(group) else {
                self.report.damaged += 1;
                continue;
            };
            let bytes = u64::from(per_group) * self.core.superblock.inode_size;
            let end = at.saturating_add(bytes).min(self.core.volume.len());
            let mut offset = at;
            while offset < end {
                table.resize(usize::try_from(end - offset).unwrap_or(PIECE).min(PIECE), 0);
                let Ok(filled) = self.core.volume.read_full_at(offset, &mut table) else {
                    self.report.damaged += 1;
                    break;
                };
                for (index, bytes) in table
                    .get(..filled)
                    .unwrap_or_default()
                    .chunks_exact(size)
                    .enumerate()
                {
                    let index = (offset - at) / size as u64 + index as u64;
                    let number = u64::from(group) * u64::from(per_group) + index + 1;
                    let Ok(number) = u32::try_from(number) else {
                        break;
                    };
                    if number >= self.core.superblock.first_inode
                        && bytes.first_chunk() != Some(&[0, 0])
                    {
                        self.orphan(number, bytes)?;
                    }
                }
                if filled == 0 {
                    break;
                }
                offset += filled as u64;
            }
        }
        ControlFlow::Continue(())
    }

    fn orphan(&mut self, number: u32, bytes: &[u8]) -> ControlFlow<()> {
        if self.seen.contains(number) || number > self.core.superblock.inodes {
            return ControlFlow::Continue(());
        }
        let Some(inode) =
            Inode::new(bytes.to_vec()).filter(|inode| inode.kind() != EntryKind::Unknown)
        else {
            return ControlFlow::Continue(());
        };
        let deleted = inode.links() == 0 || inode.deleted_at() != 0;
        let path = [ORPHANS, format!("/OrphanFile-{number}").as_bytes()].concat();
        self.report.orphans += 1;
        self.give_as(number, &inode, vec![path], deleted, true)
    }

    fn give(
        &mut self,
        number: u32,
        inode: &Inode,
        paths: Vec<Vec<u8>>,
        deleted: bool,
    ) -> ControlFlow<()> {
        self.give_as(number, inode, paths, deleted, false)
    }

    fn give_as(
        &mut self,
        number: u32,
        inode: &Inode,
        paths: Vec<Vec<u8>>,
        deleted: bool,
        orphan: bool,
    ) -> ControlFlow<()> {
        let times = inode.times();
        let kind = inode.kind();
        let entry = Entry {
            paths,
            size: inode.size(self.core.superblock.has(incompatible::LARGE_DIRECTORIES)),
            modified: times.modified,
            changed: times.changed,
            created: times.created,
            accessed: times.accessed,
            mode: Some(inode.mode() & 0o7777),
            uid: Some(inode.uid()),
            gid: Some(inode.gid()),
            links: inode.links(),
            link_target: (kind == EntryKind::Symlink)
                .then(|| self.target(inode))
                .flatten(),
            deleted,
            orphan,
            ..Entry::new(FileId(number.into()), kind)
        };
        self.report.entries += 1;
        self.report.deleted += u64::from(deleted);
        (self.each)(entry)
    }

    fn target(&self, inode: &Inode) -> Option<Vec<u8>> {
        let content = self.core.content(inode.clone()).ok()?;
        let mut target = vec![0; usize::try_from(content.len()).ok()?.min(LONGEST_TARGET)];
        content.read_exact_at(0, &mut target).ok()?;
        Some(target)
    }
}
