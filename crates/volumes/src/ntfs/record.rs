//! One FILE record of the MFT: update sequence, header, and the way to its attributes.
//!
//! A record is written in sectors. The last two bytes of each 512-byte stride are moved into an array in the header and
//! replaced by a counter, so that a record of which only some sectors reached the disk is noticed ("torn"). Format:
//! <https://github.com/libyal/libfsntfs/blob/main/documentation/New%20Technologies%20File%20System%20(NTFS).asciidoc>,
//! <https://flatcap.github.io/linux-ntfs/ntfs/concepts/file_record.html>.

use super::attribute::Attributes;
use super::reference::Reference;
use crate::bytes::{le16, le32, le64};

const STRIDE: usize = 512;
const IN_USE: u16 = 1;
const DIRECTORY: u16 = 2;
const INDEX_VIEW: u16 = 8;

/// Why a record cannot be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum RecordError {
    /// All zeros, or at least no signature: never used.
    #[error("never used")]
    Unused,
    /// Another signature.
    #[error("not a FILE record")]
    Signature,
    /// The header contradicts itself.
    #[error("the header is damaged")]
    Header,
    /// The disk does not give it.
    #[error("cannot be read")]
    Unreadable,
}

/// A record whose update sequence has been undone. Borrows the buffer it was read into.
#[derive(Debug, Clone, Copy)]
pub struct Record<'a> {
    bytes: &'a [u8],
    first_attribute: usize,
    used: usize,
    flags: u16,
    torn: bool,
}

impl<'a> Record<'a> {
    /// Undoes the update sequence in place and reads the header. `bytes` is exactly one record.
    pub fn parse(bytes: &'a mut [u8]) -> Result<Record<'a>, RecordError> {
        match bytes.first_chunk::<4>() {
            // The latter is written over the signature by whoever finds a torn record; what it holds is still there.
            Some(b"FILE" | b"BAAD") => {}
            Some([0, 0, 0, 0]) | None => return Err(RecordError::Unused),
            Some(_) => return Err(RecordError::Signature),
        }
        let bad = bytes.starts_with(b"BAAD");
        // Without a sound array nothing can be put back: the record is as good as torn.
        let torn = bad | !undo_update_sequence(bytes).unwrap_or(false);
        let bytes: &'a [u8] = bytes;
        let first_attribute = le16(bytes, 0x14).ok_or(RecordError::Header)?;
        let flags = le16(bytes, 0x16).ok_or(RecordError::Header)?;
        let used = le32(bytes, 0x18).ok_or(RecordError::Header)?;
        if first_attribute < 0x2A || usize::from(first_attribute) > bytes.len() {
            return Err(RecordError::Header);
        }
        Ok(Record {
            bytes,
            first_attribute: first_attribute.into(),
            used: usize::try_from(used).unwrap_or(usize::MAX).min(bytes.len()),
            flags,
            torn,
        })
    }

    /// Whether the record holds a file now, as against a deleted one.
    pub fn in_use(&self) -> bool {
        self.flags & IN_USE != 0
    }

    /// Whether it is a directory.
    pub fn is_directory(&self) -> bool {
        self.flags & DIRECTORY != 0
    }

    /// Whether it holds an index of something else than names, as `$Secure` and `$Quota` do.
    pub fn is_index_view(&self) -> bool {
        self.flags & INDEX_VIEW != 0
    }

    /// Sectors of different writes: some contents may be old.
    pub fn is_torn(&self) -> bool {
        self.torn
    }

    /// Sequence number: how many times the record has been given to a file.
    pub fn sequence(&self) -> u16 {
        le16(self.bytes, 0x10).unwrap_or_default()
    }

    /// Number of names, DOS names included.
    pub fn links(&self) -> u16 {
        le16(self.bytes, 0x12).unwrap_or_default()
    }

    /// Position in `$LogFile` of the last change.
    pub fn log_sequence(&self) -> u64 {
        le64(self.bytes, 8).unwrap_or_default()
    }

    /// For a record that holds more attributes of another: that other.
    pub fn base(&self) -> Option<Reference> {
        le64(self.bytes, 0x20)
            .filter(|base| *base != 0)
            .map(Reference)
    }

    /// The attributes, up to the end mark or the first that is damaged.
    pub fn attributes(&self) -> Attributes<'a> {
        Attributes::new(
            self.bytes
                .get(self.first_attribute..self.used)
                .unwrap_or_default(),
        )
    }
}

/// Size that the record says it has, before anything else of it is believed.
pub(super) fn allocated_size(bytes: &[u8]) -> Option<u32> {
    (bytes.first_chunk::<4>() == Some(b"FILE")).then(|| le32(bytes, 0x1C))?
}

/// Puts the moved bytes back. `Some(false)` when a stride carries another counter; it keeps what it holds.
fn undo_update_sequence(bytes: &mut [u8]) -> Option<bool> {
    let start = usize::from(le16(bytes, 4)?);
    let strides = usize::from(le16(bytes, 6)?).checked_sub(1)?;
    if strides == 0 || strides * STRIDE > bytes.len() || start + 2 * (strides + 1) > STRIDE - 2 {
        return None;
    }
    let counter: [u8; 2] = *bytes.get(start..)?.first_chunk()?;
    let mut whole = true;
    for stride in 0..strides {
        let original: [u8; 2] = *bytes.get(start + 2 * (stride + 1)..)?.first_chunk()?;
        let end = (stride + 1) * STRIDE;
        let mark = bytes.get_mut(end - 2..end)?;
        if mark == counter {
            mark.copy_from_slice(&original);
        } else {
            whole = false;
        }
    }
    Some(whole)
}
