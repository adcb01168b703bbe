//! Reparse points: symbolic links, junctions, and the special files of the Linux subsystem.
//!
//! Format: <https://learn.microsoft.com/openspecs/windows_protocols/ms-fscc/c3a420cb-8a72-4adf-87e8-eee95379d78f>.

use crate::bytes::{le16, le32, part};
use crate::entry::EntryKind;
use crate::text::utf16;

const MOUNT_POINT: u32 = 0xA000_0003;
const SYMLINK: u32 = 0xA000_000C;
const LX_SYMLINK: u32 = 0xA000_001D;
const UNIX_SOCKET: u32 = 0x8000_0023;
const LX_FIFO: u32 = 0x8000_0024;
const LX_CHARACTER: u32 = 0x8000_0025;
const LX_BLOCK: u32 = 0x8000_0026;
const WOF: u32 = 0x8000_0017;
const DEDUPLICATED: u32 = 0x8000_0013;

/// What a reparse point makes of its file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reparse {
    /// The tag, which tells the filter that is responsible.
    pub tag: u32,
    /// The kind of entry it makes, when it makes another than the record says.
    pub kind: Option<EntryKind>,
    /// Where it leads: the substitute name without its `\??\`, or the path of a Linux link.
    pub target: Option<Vec<u8>>,
}

impl Reparse {
    /// Reads the value of a `$REPARSE_POINT`.
    pub fn parse(value: &[u8]) -> Option<Reparse> {
        let tag = le32(value, 0)?;
        let data = part(value, 8, le16(value, 4)?.into())?;
        let kind = match tag {
            MOUNT_POINT | SYMLINK | LX_SYMLINK => Some(EntryKind::Symlink),
            UNIX_SOCKET => Some(EntryKind::Socket),
            LX_FIFO => Some(EntryKind::Fifo),
            LX_CHARACTER => Some(EntryKind::CharacterDevice),
            LX_BLOCK => Some(EntryKind::BlockDevice),
            _ => None,
        };
        let target = match tag {
            MOUNT_POINT => names(data, 8),
            SYMLINK => names(data, 12),
            LX_SYMLINK => data.get(4..).map(<[u8]>::to_vec),
            _ => None,
        };
        Some(Reparse { tag, kind, target })
    }

    /// Why the content of the file is not what its `$DATA` holds.
    pub(super) fn hides_content(tag: u32) -> Option<&'static str> {
        match tag {
            WOF => Some("content compressed by the overlay filter (WOF)"),
            DEDUPLICATED => Some("content kept in a deduplication store"),
            _ => None,
        }
    }
}

/// The name to follow, or the one to show when that is missing.
fn names(data: &[u8], strings: usize) -> Option<Vec<u8>> {
    let name = |at: usize| {
        let start = strings + usize::from(le16(data, at)?);
        let found = part(data, start, le16(data, at + 2)?.into())?;
        (!found.is_empty()).then_some(found)
    };
    let target = utf16(name(0).or_else(|| name(4))?);
    Some(
        target
            .strip_prefix(br"\??\")
            .map(<[u8]>::to_vec)
            .unwrap_or(target),
    )
}
