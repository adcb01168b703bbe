//! ext2, ext3 and ext4.
//!
//! Why not a ready crate: those that are kept and well licensed give neither inode numbers nor link counts nor change
//! times, follow names only (so that hard links cannot be told) and stop at damage; an inventory of a dead disk needs all
//! of that, and the deleted names as well. Description of the format: <https://docs.kernel.org/filesystems/ext4/>.
//!
//! A volume that was not unmounted is read as if its journal had been played back; nothing is ever written.

mod blocks;
mod directory;
mod inode;
mod journal;
mod superblock;
mod walk;

use crate::cache::{Pages, Recent};
use crate::entry::{Entry, EntryKind, FileId, FileSystem, Report, VolumeError};
use crate::source::{Cursor, Shared};
use blocks::{Content, damaged};
use inode::Inode;
use std::io::{self, Read};
use std::ops::ControlFlow;
use std::sync::Arc;
use superblock::{Superblock, incompatible};

/// What the parts share.
pub(crate) struct Core {
    volume: Shared,
    superblock: Superblock,
    pages: Pages,
    blocks: Recent,
}

impl Core {
    fn new(volume: Shared) -> Result<Core, VolumeError> {
        let superblock = Superblock::read(&volume)?;
        if superblock.has(incompatible::JOURNAL_DEVICE) {
            return Err(VolumeError::Unsupported {
                what: "a device that holds only a journal",
            });
        }
        if superblock.has(incompatible::COMPRESSION) {
            return Err(VolumeError::Unsupported {
                what: "ext2 with compression",
            });
        }
        // Otherwise forged numbers make work without end.
        if u64::from(superblock.inodes) * superblock.inode_size > volume.len() {
            return Err(VolumeError::Damaged {
                what: "the superblock",
                why: "it has more inodes than fit on the volume",
            });
        }
        let (pages, blocks) = (Pages::new(volume.clone(), 64), Recent::new(64));
        Ok(Core {
            volume,
            superblock,
            pages,
            blocks,
        })
    }

    /// A block of a map, kept for a while.
    fn block(&self, number: u64) -> io::Result<Arc<Vec<u8>>> {
        self.blocks.get(number, || {
            let size = self.superblock.block;
            let mut bytes = vec![0; usize::try_from(size).map_err(|_| damaged())?];
            self.volume
                .read_exact_at(number.checked_mul(size).ok_or_else(damaged)?, &mut bytes)?;
            Ok(bytes)
        })
    }

    /// Byte at which the inodes of a group start.
    fn table(&self, group: u32) -> io::Result<u64> {
        let at = self.superblock.descriptor_at(group).ok_or_else(damaged)?;
        let low = u32::from_le_bytes(self.pages.entry(at + 0x08)?);
        let high = if self.superblock.wide() {
            u32::from_le_bytes(self.pages.entry(at + 0x28)?)
        } else {
            0
        };
        let block = u64::from(low) | u64::from(high) << 32;
        if block == 0 || block >= self.superblock.blocks {
            return Err(damaged());
        }
        block.checked_mul(self.superblock.block).ok_or_else(damaged)
    }

    /// Reads an inode; `None` for a number that the volume does not have.
    fn inode(&self, number: u32) -> io::Result<Option<Inode>> {
        if number == 0 || number > self.superblock.inodes {
            return Ok(None);
        }
        let (group, index) = (
            (number - 1) / self.superblock.inodes_per_group,
            (number - 1) % self.superblock.inodes_per_group,
        );
        let at = self
            .table(group)?
            .checked_add(u64::from(index) * self.superblock.inode_size)
            .ok_or_else(damaged)?;
        let bytes = self.pages.bytes(
            at,
            usize::try_from(self.superblock.inode_size).map_err(|_| damaged())?,
        )?;
        Ok(Inode::new(bytes))
    }

    /// The bytes of a file, link or directory.
    fn content(self: &Arc<Core>, inode: Inode) -> Result<Shared, VolumeError> {
        if inode.is_encrypted() && inode.kind() != EntryKind::Directory {
            return Err(VolumeError::Unsupported {
                what: "content encrypted by the file system",
            });
        }
        if inode.is_compressed() {
            return Err(VolumeError::Unsupported {
                what: "compressed content",
            });
        }
        if let Some(bytes) = inode.inline() {
            return Ok(Arc::new(bytes));
        }
        let size = inode.size(self.superblock.has(incompatible::LARGE_DIRECTORIES));
        Ok(Arc::new(Content {
            core: self.clone(),
            inode,
            size,
        }))
    }
}

/// An ext2, ext3 or ext4 volume.
pub struct Ext {
    core: Arc<Core>,
    replayed: bool,
}

impl Ext {
    /// Reads the superblock and, where the volume was not unmounted, the journal.
    pub fn open(volume: Shared) -> Result<Ext, VolumeError> {
        let core = Arc::new(Core::new(volume.clone())?);
        let waiting = core.superblock.has(incompatible::RECOVER) && core.superblock.journal != 0;
        let Some(replayed) = waiting.then(|| replay(&core, volume)).flatten() else {
            return Ok(Ext {
                core,
                replayed: false,
            });
        };
        Ok(Ext {
            core: Arc::new(Core::new(Arc::new(replayed))?),
            replayed: true,
        })
    }

    /// Whether blocks were taken from the journal because the volume was not unmounted.
    pub fn is_replayed(&self) -> bool {
        self.replayed
    }

    /// The content of a file by the number of its inode.
    pub fn content(&self, number: u32) -> Result<Shared, VolumeError> {
        let id = u64::from(number);
        let inode = self
            .core
            .inode(number)
            .map_err(|source| VolumeError::Read {
                what: "the inode",
                offset: id,
                source,
            })?
            .ok_or(VolumeError::NoSuchFile { id })?;
        match inode.kind() {
            EntryKind::File | EntryKind::Symlink => self.core.content(inode),
            _ => Err(VolumeError::NoContent),
        }
    }
}

fn replay(core: &Arc<Core>, volume: Shared) -> Option<journal::Replayed> {
    let inode = core.inode(core.superblock.journal).ok()??;
    let journal = core.content(inode).ok()?;
    journal::Replayed::new(volume, journal, core.superblock.block)
}

impl FileSystem for Ext {
    fn kind(&self) -> &'static str {
        self.core.superblock.kind()
    }

    fn entries(
        &mut self,
        each: &mut dyn FnMut(Entry) -> ControlFlow<()>,
    ) -> Result<Report, VolumeError> {
        walk::Walk::new(&self.core, each).run()
    }

    fn open(&mut self, id: FileId) -> Result<Box<dyn Read + '_>, VolumeError> {
        let number = u32::try_from(id.0).map_err(|_| VolumeError::NoSuchFile { id: id.0 })?;
        Ok(Box::new(Cursor::new(self.content(number)?)))
    }
}
