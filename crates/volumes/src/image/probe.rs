//! What file system some bytes start with, by its signature.

use crate::bytes::{le16, le32};
use crate::source::Shared;

/// A kind of file system, or of something else that fills a partition.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum FileSystemKind {
    /// NTFS.
    Ntfs,
    /// ext2, ext3 or ext4.
    Ext,
    /// XFS.
    Xfs,
    /// Btrfs.
    Btrfs,
    /// FAT12, FAT16 or FAT32.
    Fat,
    /// exFAT.
    ExFat,
    /// ReFS.
    ReFs,
    /// ISO 9660.
    Iso9660,
    /// HFS+.
    HfsPlus,
    /// APFS.
    Apfs,
    /// A Windows volume that is encrypted as a whole.
    Fve,
    /// A volume encrypted by LUKS.
    Luks,
    /// A physical volume of LVM.
    Lvm,
    /// Swap space.
    Swap,
    /// Nothing known.
    Unknown,
}

impl FileSystemKind {
    /// Name for people.
    pub fn name(self) -> &'static str {
        match self {
            FileSystemKind::Ntfs => "NTFS",
            FileSystemKind::Ext => "ext2/3/4",
            FileSystemKind::Xfs => "XFS",
            FileSystemKind::Btrfs => "Btrfs",
            FileSystemKind::Fat => "FAT",
            FileSystemKind::ExFat => "exFAT",
            FileSystemKind::ReFs => "ReFS",
            FileSystemKind::Iso9660 => "ISO 9660",
            FileSystemKind::HfsPlus => "HFS+",
            FileSystemKind::Apfs => "APFS",
            FileSystemKind::Fve => "a Windows volume encrypted as a whole",
            FileSystemKind::Luks => "a volume encrypted by LUKS",
            FileSystemKind::Lvm => "a volume of LVM",
            FileSystemKind::Swap => "swap space",
            FileSystemKind::Unknown => "an unknown file system",
        }
    }

    /// Whether this crate reads it.
    pub fn is_supported(self) -> bool {
        matches!(self, FileSystemKind::Ntfs | FileSystemKind::Ext)
    }
}

/// Signatures: where, what, which.
const SIGNATURES: &[(u64, &[u8], FileSystemKind)] = &[
    (3, b"NTFS    ", FileSystemKind::Ntfs),
    (3, b"-FVE-FS-", FileSystemKind::Fve),
    (3, b"EXFAT   ", FileSystemKind::ExFat),
    (3, b"ReFS\0\0\0\0", FileSystemKind::ReFs),
    (0, b"XFSB", FileSystemKind::Xfs),
    (0, b"LUKS\xba\xbe", FileSystemKind::Luks),
    (32, b"NXSB", FileSystemKind::Apfs),
    (512, b"LABELONE", FileSystemKind::Lvm),
    (1024, b"H+\0\x04", FileSystemKind::HfsPlus),
    (1024, b"HX\0\x05", FileSystemKind::HfsPlus),
    (1080, b"\x53\xef", FileSystemKind::Ext),
    (4086, b"SWAPSPACE2", FileSystemKind::Swap),
    (0x8001, b"CD001", FileSystemKind::Iso9660),
    (0x1_0040, b"_BHRfS_M", FileSystemKind::Btrfs),
    (54, b"FAT12   ", FileSystemKind::Fat),
    (54, b"FAT16   ", FileSystemKind::Fat),
    (82, b"FAT32   ", FileSystemKind::Fat),
];

/// What the bytes start with.
pub fn probe(bytes: &Shared) -> FileSystemKind {
    let known = SIGNATURES
        .iter()
        .find(|(at, wanted, _)| holds(bytes, *at, wanted));
    match known {
        Some((.., kind)) => *kind,
        None if is_fat(bytes) => FileSystemKind::Fat,
        None => FileSystemKind::Unknown,
    }
}

/// Whether the first sector describes a FAT. The name in it is for people, and not every program that makes one writes it.
fn is_fat(bytes: &Shared) -> bool {
    let mut sector = [0; 512];
    if bytes.read_exact_at(0, &mut sector).is_err() || !sector.ends_with(&[0x55, 0xaa]) {
        return false;
    }
    let byte = |at: usize| sector.get(at).copied().unwrap_or_default();
    let number = |at: usize| le16(&sector, at).unwrap_or_default();
    let (sector_size, reserved, length) = (number(11), number(14), number(22));
    let length_32 = le32(&sector, 36).unwrap_or_default();
    matches!(byte(0), 0xeb | 0xe9)
        && matches!(sector_size, 512 | 1024 | 2048 | 4096)
        && byte(13).is_power_of_two()
        && reserved > 0
        && matches!(byte(16), 1 | 2)
        && byte(21) >= 0xf0
        && (length > 0 || length_32 > 0)
}

/// The same for a volume that may have lost its first sector: NTFS keeps a copy in the last.
pub(super) fn probe_both_ends(bytes: &Shared) -> FileSystemKind {
    let copy = bytes.len().saturating_sub(512);
    match probe(bytes) {
        FileSystemKind::Unknown if holds(bytes, copy + 3, b"NTFS    ") => FileSystemKind::Ntfs,
        known => known,
    }
}

fn holds(bytes: &Shared, at: u64, wanted: &[u8]) -> bool {
    let mut found = [0; 16];
    let found = found.get_mut(..wanted.len()).unwrap_or_default();
    bytes.read_exact_at(at, found).is_ok() && found == wanted
}
