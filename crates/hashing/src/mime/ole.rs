//! What lies in a compound file ([MS-CFB](https://learn.microsoft.com/openspecs/windows_protocols/ms-cfb/)), as far as its directory is in view.

use super::{at, has, le16, le32};

/// The names of streams and storages that tell the program.
const TELLING: &[(&str, &str)] = &[
    ("WordDocument", "application/msword"),
    ("Workbook", "application/vnd.ms-excel"),
    ("Book", "application/vnd.ms-excel"),
    ("PowerPoint Document", "application/vnd.ms-powerpoint"),
    ("VisioDocument", "application/vnd.visio"),
    ("__properties_version1.0", "application/vnd.ms-outlook"),
    ("__nameid_version1.0", "application/vnd.ms-outlook"),
    ("EncryptedPackage", "application/encrypted"),
    ("Catalog", "application/x-thumbs-db"),
];

/// Class identifiers of the root storage that tell an installer package, its transforms and its patches (first four bytes, little-endian).
const INSTALLER: [u32; 3] = [0x000c_1084, 0x000c_1082, 0x000c_1086];
const INSTALLER_REST: &[u8] = &[0, 0, 0, 0, 0xc0, 0, 0, 0, 0, 0, 0, 0x46];

const ENTRY: usize = 128;

pub(super) fn mime(bytes: &[u8]) -> &'static str {
    inside(bytes).unwrap_or("application/x-ole-storage")
}

fn inside(bytes: &[u8]) -> Option<&'static str> {
    let shift = u32::from(le16(bytes, 30)?);
    if !matches!(shift, 9 | 12) {
        return None;
    }
    let sector = usize::try_from(le32(bytes, 48)?).ok()?;
    let size = 1usize << shift;
    let start = sector.checked_add(1)?.checked_mul(size)?;
    // The directory's first sector: four entries of the older format, 32 of the newer. Further ones mostly follow it.
    let directory = bytes.get(start..bytes.len().min(start.checked_add(4 * size)?))?;
    if let Some(class) = le32(directory, 80)
        && INSTALLER.contains(&class)
        && has(directory, 84, INSTALLER_REST)
    {
        return Some("application/x-msi");
    }
    for entry in directory.chunks_exact(ENTRY) {
        let len = usize::from(le16(entry, 64)?).min(64);
        let name = at(entry, 0, len.saturating_sub(2))?;
        let is = |wanted: &str| {
            let mut units = name
                .as_chunks::<2>()
                .0
                .iter()
                .map(|u| u16::from_le_bytes(*u));
            wanted.encode_utf16().all(|unit| units.next() == Some(unit)) && units.next().is_none()
        };
        if let Some((_, mime)) = TELLING.iter().find(|(name, _)| is(name)) {
            return Some(mime);
        }
    }
    None
}
