//! Inodes: what they say of a file, and the small contents they hold themselves.
//!
//! Format: <https://docs.kernel.org/filesystems/ext4/dynamic.html#index-nodes>.

use crate::bytes::{le16, le32, part};
use crate::entry::{EntryKind, Times};
use crate::times;

const INLINE: u32 = 0x1000_0000;
const EXTENTS: u32 = 0x8_0000;
const ENCRYPTED: u32 = 0x800;
const HASHED: u32 = 0x1000;
const COMPRESSED: u32 = 0x4;
/// Attributes of the inode's own space start with this.
const ATTRIBUTES: u32 = 0xEA02_0000;
const SYSTEM: u8 = 7;
const IN_BLOCK: usize = 60;

/// An inode, with all the bytes that the table gives it.
#[derive(Debug, Clone)]
pub(super) struct Inode {
    bytes: Vec<u8>,
}

impl Inode {
    /// At least 128 bytes.
    pub(super) fn new(bytes: Vec<u8>) -> Option<Inode> {
        (bytes.len() >= 128).then_some(Inode { bytes })
    }

    fn half(&self, at: usize) -> u32 {
        le16(&self.bytes, at).unwrap_or_default().into()
    }

    fn word(&self, at: usize) -> u32 {
        le32(&self.bytes, at).unwrap_or_default()
    }

    /// A field behind the first 128 bytes, when this inode is long enough to have it.
    fn extra(&self, at: usize) -> Option<u32> {
        let end = 128 + usize::from(le16(&self.bytes, 128)?);
        (at + 4 <= end).then(|| le32(&self.bytes, at))?
    }

    pub(super) fn mode(&self) -> u32 {
        self.half(0)
    }

    pub(super) fn kind(&self) -> EntryKind {
        match self.mode() >> 12 {
            0x1 => EntryKind::Fifo,
            0x2 => EntryKind::CharacterDevice,
            0x4 => EntryKind::Directory,
            0x6 => EntryKind::BlockDevice,
            0x8 => EntryKind::File,
            0xA => EntryKind::Symlink,
            0xC => EntryKind::Socket,
            _ => EntryKind::Unknown,
        }
    }

    pub(super) fn uid(&self) -> u32 {
        self.half(2) | self.half(0x78) << 16
    }

    pub(super) fn gid(&self) -> u32 {
        self.half(0x18) | self.half(0x7A) << 16
    }

    pub(super) fn links(&self) -> u32 {
        self.half(0x1A)
    }

    /// When it was deleted, in seconds; 0 for never.
    pub(super) fn deleted_at(&self) -> u32 {
        self.word(0x14)
    }

    /// The high half is something else in the directories of old versions.
    pub(super) fn size(&self, large_directories: bool) -> u64 {
        let high = self.kind() == EntryKind::File || large_directories;
        u64::from(self.word(4))
            | if high {
                u64::from(self.word(0x6C)) << 32
            } else {
                0
            }
    }

    pub(super) fn times(&self) -> Times {
        let time = |at: usize, extra: usize| {
            let more = self.extra(extra).unwrap_or_default();
            let seconds = i64::from(self.word(at).cast_signed()) + (i64::from(more & 3) << 32);
            Some(times::of(seconds, more >> 2))
        };
        Times {
            accessed: time(0x08, 0x8C),
            changed: time(0x0C, 0x84),
            modified: time(0x10, 0x88),
            created: self
                .extra(0x90)
                .filter(|seconds| *seconds != 0)
                .and_then(|_| time(0x90, 0x94)),
        }
    }

    pub(super) fn uses_extents(&self) -> bool {
        self.word(0x20) & EXTENTS != 0
    }

    pub(super) fn is_encrypted(&self) -> bool {
        self.word(0x20) & ENCRYPTED != 0
    }

    pub(super) fn is_compressed(&self) -> bool {
        self.word(0x20) & COMPRESSED != 0
    }

    pub(super) fn is_hashed(&self) -> bool {
        self.word(0x20) & HASHED != 0
    }

    /// The 60 bytes that hold block numbers, an extent tree, or the target of a short link.
    pub(super) fn block(&self) -> &[u8] {
        part(&self.bytes, 0x28, IN_BLOCK).unwrap_or_default()
    }

    /// A content that lies in the inode: a short link, or inline data with what overflows into the attribute for it.
    pub(super) fn inline(&self) -> Option<Vec<u8>> {
        let size = usize::try_from(self.size(true)).ok()?;
        if self.word(0x20) & INLINE != 0 {
            let mut content = self.block().to_vec();
            if size > IN_BLOCK {
                content.extend_from_slice(self.system_data()?);
            }
            content.truncate(size);
            return Some(content);
        }
        let short = self.kind() == EntryKind::Symlink && size < IN_BLOCK && !self.uses_extents();
        short.then(|| self.block().get(..size).map(<[u8]>::to_vec))?
    }

    /// The value of the extended attribute `system.data` in the inode's own space.
    fn system_data(&self) -> Option<&[u8]> {
        let start = 128 + usize::from(le16(&self.bytes, 128)?);
        let space = self.bytes.get(start..)?;
        (le32(space, 0)? == ATTRIBUTES).then_some(())?;
        let entries = space.get(4..)?;
        let mut rest = entries;
        loop {
            let name_len = usize::from(*rest.first()?);
            if le32(rest, 0)? == 0 {
                return None;
            }
            if *rest.get(1)? == SYSTEM && part(rest, 16, name_len)? == b"data" {
                let size = usize::try_from(le32(rest, 8)?).ok()?;
                return part(entries, le16(rest, 2)?.into(), size);
            }
            rest = rest.get((16 + name_len).next_multiple_of(4)..)?;
        }
    }
}
