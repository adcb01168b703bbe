//! Attributes of a FILE record: the common header, resident and non-resident bodies, and the bodies that this crate reads.
//!
//! Formats: <https://flatcap.github.io/linux-ntfs/ntfs/concepts/attribute_header.html> and the pages of the attributes
//! beside it.

use super::reference::Reference;
use crate::bytes::{le16, le32, le64, part};
use crate::entry::Times;
use crate::time::filetime;

/// Attribute type codes.
pub mod kind {
    /// Times, DOS attributes, owner.
    pub const STANDARD_INFORMATION: u32 = 0x10;
    /// Where attributes lie that the base record has no room for.
    pub const ATTRIBUTE_LIST: u32 = 0x20;
    /// One name in one directory.
    pub const FILE_NAME: u32 = 0x30;
    /// Name of the volume.
    pub const VOLUME_NAME: u32 = 0x60;
    /// Content.
    pub const DATA: u32 = 0x80;
    /// Root of a B-tree, of a directory for instance.
    pub const INDEX_ROOT: u32 = 0x90;
    /// Target of a link, or a mark of a filter.
    pub const REPARSE_POINT: u32 = 0xC0;
    pub(super) const END: u32 = 0xFFFF_FFFF;
}

const COMPRESSED: u16 = 0x0001;
const ENCRYPTED: u16 = 0x4000;

/// Where the value of an attribute is.
#[derive(Debug, Clone, Copy)]
pub enum Body<'a> {
    /// In the record.
    Resident(&'a [u8]),
    /// In clusters.
    NonResident(NonResident<'a>),
}

/// The header of a non-resident attribute, or of one piece of it.
#[derive(Debug, Clone, Copy)]
pub struct NonResident<'a> {
    /// First cluster, counted in the attribute, that this piece describes.
    pub first: u64,
    /// Last cluster that this piece describes.
    pub last: u64,
    /// Clusters of a compression unit, as a power of two; 0 for plain content.
    pub unit: u8,
    /// Size of the value. Only true in the piece that starts at cluster 0.
    pub size: u64,
    /// Bytes that have been written; behind them the value is zeros.
    pub initialised: u64,
    /// Mapping pairs, see [`runs`](super::runs).
    pub runs: &'a [u8],
}

/// One attribute.
#[derive(Debug, Clone, Copy)]
pub struct Attribute<'a> {
    /// Type code, see [`kind`].
    pub kind: u32,
    /// Number of the attribute in its record.
    pub id: u16,
    /// Name in UTF-16LE; empty for most.
    pub name: &'a [u8],
    /// Value.
    pub body: Body<'a>,
    flags: u16,
}

impl<'a> Attribute<'a> {
    /// Whether the value is in LZNT1-compressed units.
    pub fn is_compressed(&self) -> bool {
        self.flags & COMPRESSED != 0
    }

    /// Whether the value is encrypted by the file system.
    pub fn is_encrypted(&self) -> bool {
        self.flags & ENCRYPTED != 0
    }

    /// The value when it lies in the record.
    pub fn resident(&self) -> Option<&'a [u8]> {
        match self.body {
            Body::Resident(value) => Some(value),
            Body::NonResident(_) => None,
        }
    }

    /// Bytes of the value; `None` for a piece that does not start at cluster 0 and does not know.
    pub fn size(&self) -> Option<u64> {
        match self.body {
            Body::Resident(value) => Some(value.len() as u64),
            Body::NonResident(piece) => (piece.first == 0).then_some(piece.size),
        }
    }

    /// Reads the attribute at the start of `bytes` and says how long it is. `None` at the end mark and for damage.
    fn parse(bytes: &'a [u8]) -> Option<(Attribute<'a>, usize)> {
        let kind = le32(bytes, 0)?;
        if kind == kind::END || kind == 0 {
            return None;
        }
        let len = usize::try_from(le32(bytes, 4)?).ok()?;
        if len < 0x18 {
            return None;
        }
        let whole = bytes.get(..len)?;
        let name_units = usize::from(*whole.get(9)?);
        let name = match name_units {
            0 => &[],
            _ => part(whole, le16(whole, 0x0A)?.into(), name_units * 2)?,
        };
        let flags = le16(whole, 0x0C)?;
        let body = if *whole.get(8)? == 0 {
            let size = usize::try_from(le32(whole, 0x10)?).ok()?;
            Body::Resident(part(whole, le16(whole, 0x14)?.into(), size)?)
        } else {
            Body::NonResident(NonResident {
                first: le64(whole, 0x10)?,
                last: le64(whole, 0x18)?,
                unit: (le16(whole, 0x22)? & 0xFF) as u8,
                size: le64(whole, 0x30)?,
                initialised: le64(whole, 0x38)?,
                runs: whole.get(usize::from(le16(whole, 0x20)?)..)?,
            })
        };
        let attribute = Attribute {
            kind,
            id: le16(whole, 0x0E)?,
            name,
            body,
            flags,
        };
        Some((attribute, len))
    }
}

/// Iterates over the attributes of a record.
#[derive(Debug, Clone)]
pub struct Attributes<'a> {
    rest: &'a [u8],
}

impl<'a> Attributes<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Attributes<'a> {
        Attributes { rest: bytes }
    }
}

impl<'a> Iterator for Attributes<'a> {
    type Item = Attribute<'a>;

    #[inline]
    fn next(&mut self) -> Option<Attribute<'a>> {
        let Some((attribute, len)) = Attribute::parse(self.rest) else {
            self.rest = &[];
            return None;
        };
        self.rest = self.rest.get(len..).unwrap_or_default();
        Some(attribute)
    }
}

/// `$STANDARD_INFORMATION`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Standard {
    /// The times that the system shows.
    pub times: Times,
    /// DOS attributes.
    pub attributes: u32,
    /// Owner for quotas; version 3 of the format.
    pub owner: Option<u32>,
    /// Key of the security descriptor in `$Secure`; version 3 of the format.
    pub security: Option<u32>,
}

impl Standard {
    /// Reads the value.
    pub fn parse(value: &[u8]) -> Option<Standard> {
        Some(Standard {
            times: times(value, 0)?,
            attributes: le32(value, 0x20)?,
            owner: le32(value, 0x30),
            security: le32(value, 0x34),
        })
    }
}

/// `$FILE_NAME`: a name in a directory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FileName<'a> {
    /// The directory.
    pub parent: Reference,
    /// Times; the system sets them when the name is made or moved, seldom after.
    pub times: Times,
    /// Size when the name was last brought up to date.
    pub size: u64,
    /// DOS attributes at that time.
    pub attributes: u32,
    /// Which rules the name obeys.
    pub namespace: Namespace,
    /// The name in UTF-16LE.
    pub name: &'a [u8],
}

/// Which rules a name obeys.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Namespace {
    /// Any name; case matters.
    Posix,
    /// A long name that has a short one beside it.
    Win32,
    /// The short name (8.3) to a long one.
    Dos,
    /// One name that is both.
    Win32AndDos,
}

impl<'a> FileName<'a> {
    /// Reads the value.
    pub fn parse(value: &'a [u8]) -> Option<FileName<'a>> {
        let units = usize::from(*value.get(0x40)?);
        Some(FileName {
            parent: Reference(le64(value, 0)?),
            times: times(value, 8)?,
            size: le64(value, 0x30)?,
            attributes: le32(value, 0x38)?,
            namespace: match *value.get(0x41)? {
                1 => Namespace::Win32,
                2 => Namespace::Dos,
                3 => Namespace::Win32AndDos,
                _ => Namespace::Posix,
            },
            name: part(value, 0x42, units * 2)?,
        })
    }
}

/// One entry of an `$ATTRIBUTE_LIST`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Listed<'a> {
    /// Type code of the attribute.
    pub kind: u32,
    /// First cluster of the piece.
    pub first: u64,
    /// The record that holds it.
    pub record: Reference,
    /// Number of the attribute in that record.
    pub id: u16,
    /// Name in UTF-16LE.
    pub name: &'a [u8],
}

/// Iterates over the value of an `$ATTRIBUTE_LIST`.
pub fn listed(value: &[u8]) -> impl Iterator<Item = Listed<'_>> {
    let mut rest = value;
    std::iter::from_fn(move || {
        let len = usize::from(le16(rest, 4)?);
        if len < 0x1A {
            return None;
        }
        let whole = rest.get(..len)?;
        rest = rest.get(len..)?;
        Some(Listed {
            kind: le32(whole, 0)?,
            first: le64(whole, 8)?,
            record: Reference(le64(whole, 0x10)?),
            id: le16(whole, 0x18)?,
            name: match usize::from(*whole.get(6)?) {
                0 => &[],
                units => part(whole, (*whole.get(7)?).into(), units * 2)?,
            },
        })
    })
}

fn times(value: &[u8], at: usize) -> Option<Times> {
    Some(Times {
        created: filetime(le64(value, at)?),
        modified: filetime(le64(value, at + 8)?),
        changed: filetime(le64(value, at + 16)?),
        accessed: filetime(le64(value, at + 24)?),
    })
}
