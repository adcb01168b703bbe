//! The superblock and the group descriptors.
//!
//! Format: <https://docs.kernel.org/filesystems/ext4/globals.html#super-block>.

use crate::bytes::{le16, le32};
use crate::entry::VolumeError;
use crate::source::Shared;

const WHAT: &str = "the superblock";
const MAGIC: u16 = 0xEF53;

/// Feature flags that change how the rest is read.
pub(super) mod incompatible {
    pub(in super::super) const COMPRESSION: u32 = 0x1;
    pub(in super::super) const FILE_TYPE: u32 = 0x2;
    pub(in super::super) const RECOVER: u32 = 0x4;
    pub(in super::super) const JOURNAL_DEVICE: u32 = 0x8;
    pub(in super::super) const META_GROUPS: u32 = 0x10;
    pub(in super::super) const EXTENTS: u32 = 0x40;
    pub(in super::super) const BITS_64: u32 = 0x80;
    pub(in super::super) const FLEXIBLE_GROUPS: u32 = 0x200;
    pub(in super::super) const LARGE_DIRECTORIES: u32 = 0x4000;
}
/// Blocks of a cluster at most, as a power of two: 64 MiB of blocks of 1 KiB.
const MOST_BLOCKS_IN_CLUSTER: u32 = 16;
const JOURNAL: u32 = 0x4;
const SPARSE_SUPER_2: u32 = 0x200;
const SPARSE_SUPER: u32 = 0x1;

/// What the superblock says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Superblock {
    pub(super) inodes: u32,
    pub(super) blocks: u64,
    pub(super) first_block: u64,
    pub(super) block: u64,
    blocks_per_group: u64,
    pub(super) inodes_per_group: u32,
    pub(super) inode_size: u64,
    pub(super) first_inode: u32,
    compatible: u32,
    pub(super) incompatible: u32,
    read_only_compatible: u32,
    descriptor: u64,
    first_meta_group: u64,
    backups: [u32; 2],
    pub(super) journal: u32,
}

impl Superblock {
    /// Reads it, or the first copy that can be found when it is gone.
    pub(super) fn read(volume: &Shared) -> Result<Superblock, VolumeError> {
        let mut bytes = [0; 1024];
        let first = volume.read_exact_at(1024, &mut bytes);
        if first.is_ok()
            && let Some(found) = Superblock::parse(&bytes)
        {
            return Ok(found);
        }
        // The first copy starts group 1, which begins after as many blocks as a bitmap of one block has bits.
        // With clusters, the bits are of clusters, and nothing comes before group 0.
        let plain = (10..=16).map(|power| {
            let block = 1u64 << power;
            (block, (8 * block + u64::from(power == 10)) * block)
        });
        let clustered = (10..=16).flat_map(|power| {
            let block = 1u64 << power;
            (0..=MOST_BLOCKS_IN_CLUSTER).map(move |ratio| (block, (8 * block * block) << ratio))
        });
        for (block, at) in plain.chain(clustered) {
            if volume.read_exact_at(at, &mut bytes).is_ok()
                && let Some(found) = Superblock::parse(&bytes).filter(|found| found.block == block)
            {
                return Ok(found);
            }
        }
        first.map_err(|source| VolumeError::Read {
            what: WHAT,
            offset: 1024,
            source,
        })?;
        Err(VolumeError::Damaged {
            what: WHAT,
            why: "it is gone, and so are its copies",
        })
    }

    fn parse(bytes: &[u8]) -> Option<Superblock> {
        (le16(bytes, 0x38)? == MAGIC).then_some(())?;
        let word = |at| le32(bytes, at);
        let dynamic = word(0x4C)? > 0;
        let incompatible = word(0x60)?;
        let wide = incompatible & incompatible::BITS_64 != 0;
        let block = 1024u64
            .checked_shl(word(0x18)?)
            .filter(|block| *block <= 64 << 10)?;
        let inode_size = if dynamic {
            u64::from(le16(bytes, 0x58)?)
        } else {
            128
        };
        let descriptor = if wide {
            u64::from(le16(bytes, 0xFE)?)
        } else {
            32
        };
        let (blocks_per_group, inodes_per_group) = (u64::from(word(0x20)?), word(0x28)?);
        let sound = inode_size.is_power_of_two()
            && (128..=block).contains(&inode_size)
            && descriptor.is_power_of_two()
            && (32..=1024).contains(&descriptor)
            && blocks_per_group > 0
            && inodes_per_group > 0;
        sound.then_some(Superblock {
            inodes: word(0)?,
            blocks: u64::from(word(4)?)
                | if wide {
                    u64::from(word(0x150)?) << 32
                } else {
                    0
                },
            first_block: word(0x14)?.into(),
            block,
            blocks_per_group,
            inodes_per_group,
            inode_size,
            first_inode: if dynamic { word(0x54)? } else { 11 },
            compatible: word(0x5C)?,
            incompatible,
            read_only_compatible: word(0x64)?,
            descriptor,
            first_meta_group: word(0x104)?.into(),
            backups: [word(0x24C)?, word(0x250)?],
            journal: word(0xE0)?,
        })
    }

    pub(super) fn has(&self, feature: u32) -> bool {
        self.incompatible & feature != 0
    }

    /// The name that the features amount to.
    pub(super) fn kind(&self) -> &'static str {
        let new = incompatible::EXTENTS | incompatible::BITS_64 | incompatible::FLEXIBLE_GROUPS;
        match () {
            () if self.has(new) => "ext4",
            () if self.compatible & JOURNAL != 0 => "ext3",
            () => "ext2",
        }
    }

    /// Groups that hold inodes.
    pub(super) fn groups(&self) -> u32 {
        self.inodes.div_ceil(self.inodes_per_group)
    }

    /// Byte at which the descriptor of a group starts.
    pub(super) fn descriptor_at(&self, group: u32) -> Option<u64> {
        let group = u64::from(group);
        let per_block = self.block / self.descriptor;
        let (set, within) = (group / per_block, group % per_block);
        let block = if self.has(incompatible::META_GROUPS) && set >= self.first_meta_group {
            let first = set.checked_mul(per_block)?;
            first
                .checked_mul(self.blocks_per_group)?
                .checked_add(self.first_block)?
                + u64::from(self.has_copy(first))
                // Before the superblock comes the boot sector, in a block of its own where blocks are that small.
                + u64::from(first == 0 && self.first_block < self.own_block())
        } else {
            self.own_block() + 1 + set
        };
        block
            .checked_mul(self.block)?
            .checked_add(within * self.descriptor)
    }

    /// The block in which the superblock lies: with clusters, block 0 is of group 0 also where blocks are of 1 KiB.
    fn own_block(&self) -> u64 {
        1024 / self.block
    }

    /// Whether the descriptors hold the high halves of numbers.
    pub(super) fn wide(&self) -> bool {
        self.has(incompatible::BITS_64) && self.descriptor >= 64
    }

    /// Whether a group starts with a copy of the superblock.
    fn has_copy(&self, group: u64) -> bool {
        if self.compatible & SPARSE_SUPER_2 != 0 {
            return group == 0
                || self
                    .backups
                    .iter()
                    .any(|backup| u64::from(*backup) == group);
        }
        let power_of = |base: u64| {
            let mut power = base;
            while power < group {
                power *= base;
            }
            power == group
        };
        group <= 1
            || self.read_only_compatible & SPARSE_SUPER == 0
            || [3, 5, 7].into_iter().any(power_of)
    }
}
