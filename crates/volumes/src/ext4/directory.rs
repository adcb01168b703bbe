//! Directories: names and the inodes they mean, and the names that were deleted but not yet overwritten.
//!
//! Deleting a name makes the entry before it longer; the bytes stay. What lies in that room and still looks like an entry
//! is given as deleted. Format: <https://docs.kernel.org/filesystems/ext4/dynamic.html#directory-entries>.

use crate::bytes::{le16, le32};

const HEAD: usize = 8;

/// A name in a directory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Name<'a> {
    pub(super) inode: u32,
    pub(super) name: &'a [u8],
    pub(super) deleted: bool,
}

/// How the entries of this volume are laid out.
#[derive(Debug, Clone, Copy)]
pub(super) struct Layout {
    /// A byte of the name's length is the type of the file instead.
    pub(super) types: bool,
    /// Inodes of the volume: no entry means a higher one.
    pub(super) inodes: u32,
}

/// Gives the names in one block. `Err` when the chain of entries breaks; what came before has been given.
pub(super) fn names<'a>(
    block: &'a [u8],
    layout: Layout,
    index: bool,
    each: &mut dyn FnMut(Name<'a>),
) -> Result<(), DamagedDirectory> {
    let mut at = 0;
    while at + HEAD <= block.len() {
        let entry = block.get(at..).unwrap_or_default();
        let len = entry_len(entry, block.len() - at).ok_or(DamagedDirectory)?;
        let found = parse(entry, len, layout).ok_or(DamagedDirectory)?;
        let mut own = 0;
        if found.inode != 0 {
            own = needed(found.name.len());
            each(found);
        }
        // The room behind `..` in an indexed directory, and blocks without any name, hold the index.
        let holds_index =
            index && (found.name == b".." || (found.inode == 0 && len == block.len()));
        if !holds_index {
            leftovers(entry.get(..len).unwrap_or_default(), own, layout, each);
        }
        at += len;
    }
    Ok(())
}

/// The chain of entries in a directory is broken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct DamagedDirectory;

fn entry_len(entry: &[u8], rest: usize) -> Option<usize> {
    let len = match usize::from(le16(entry, 4)?) {
        // 65,536 does not fit and is written so.
        0 | 0xFFFF if rest == 1 << 16 => rest,
        len => len,
    };
    (len >= HEAD && len.is_multiple_of(4) && len <= rest).then_some(len)
}

fn parse(entry: &[u8], len: usize, layout: Layout) -> Option<Name<'_>> {
    let name_len = if layout.types {
        usize::from(*entry.get(6)?)
    } else {
        usize::from(le16(entry, 6)?)
    };
    let name = entry
        .get(HEAD..HEAD + name_len)
        .filter(|_| HEAD + name_len <= len)?;
    Some(Name {
        inode: le32(entry, 0)?,
        name,
        deleted: false,
    })
}

fn needed(name_len: usize) -> usize {
    (HEAD + name_len).next_multiple_of(4)
}

/// Looks for deleted names in the room of an entry that its own name does not need.
fn leftovers<'a>(room: &'a [u8], from: usize, layout: Layout, each: &mut dyn FnMut(Name<'a>)) {
    let mut at = from;
    while at + HEAD < room.len() {
        let entry = room.get(at..).unwrap_or_default();
        match leftover(entry, layout) {
            Some(found) => {
                at += needed(found.name.len());
                each(found);
            }
            None => at += 4,
        }
    }
}

fn leftover(entry: &[u8], layout: Layout) -> Option<Name<'_>> {
    let len = usize::from(le16(entry, 4)?);
    let mut found = parse(entry, entry.len(), layout)?;
    let plausible = !found.name.is_empty()
        && found.name.len() < 256
        && found.inode <= layout.inodes
        && len.is_multiple_of(4)
        && len >= needed(found.name.len())
        && len <= entry.len().next_multiple_of(4)
        && (!layout.types || *entry.get(7)? <= 7)
        && !matches!(found.name, b"." | b"..")
        && !found.name.iter().any(|byte| matches!(byte, 0 | b'/'));
    found.deleted = true;
    plausible.then_some(found)
}
