//! The boot sector: sizes of sectors, clusters and records, and where the MFT starts.
//!
//! Format: <https://flatcap.github.io/linux-ntfs/ntfs/files/boot.html>.

use crate::bytes::{le16, le64};
use crate::entry::VolumeError;
use crate::source::Shared;

const SECTOR: usize = 512;
const LARGEST_CLUSTER: u64 = 2 << 20;

/// What the boot sector says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Boot {
    /// Bytes of a sector.
    pub sector: u32,
    /// Bytes of a cluster.
    pub cluster: u64,
    /// Sectors of the volume; the last of the partition, which copies this one, is not counted.
    pub sectors: u64,
    /// Cluster in which the MFT starts.
    pub mft: u64,
    /// Cluster in which the copy of its first records starts.
    pub mirror: u64,
    /// Bytes of a FILE record.
    pub record: u64,
    /// Serial number.
    pub serial: u64,
}

impl Boot {
    /// Reads it from the first sector of the volume, or the copy in the last.
    pub fn read(volume: &Shared) -> Result<Boot, VolumeError> {
        let mut sector = [0; SECTOR];
        let read = |offset, sector: &mut [u8]| volume.read_exact_at(offset, sector);
        let last = volume.len().saturating_sub(SECTOR as u64);
        let first = read(0, &mut sector);
        if first.is_ok()
            && let Some(boot) = Boot::parse(&sector)
        {
            return Ok(boot);
        }
        if read(last, &mut sector).is_ok()
            && let Some(boot) = Boot::parse(&sector)
        {
            return Ok(boot);
        }
        first.map_err(|source| VolumeError::Read {
            what: "the boot sector",
            offset: 0,
            source,
        })?;
        Err(VolumeError::Damaged {
            what: "the boot sector",
            why: "it is not that of an NTFS volume, nor is its copy",
        })
    }

    /// Reads the sector.
    pub fn parse(bytes: &[u8]) -> Option<Boot> {
        if bytes.get(3..11) != Some(b"NTFS    ") {
            return None;
        }
        let sector = le16(bytes, 0x0B)?;
        if !sector.is_power_of_two() || !(256..=4096).contains(&sector) {
            return None;
        }
        // Above 128 the number is a negative power of two.
        let cluster = match *bytes.get(0x0D)? {
            count @ 1..=128 => u64::from(sector) * u64::from(count),
            count @ 224.. => u64::from(sector) << (256 - u32::from(count)),
            _ => return None,
        };
        if !cluster.is_power_of_two() || cluster > LARGEST_CLUSTER {
            return None;
        }
        let record = match i8::from_le_bytes([*bytes.get(0x40)?]) {
            clusters @ 1.. => cluster * u64::from(clusters.unsigned_abs()),
            power @ -31..=-1 => 1 << power.unsigned_abs(),
            _ => return None,
        };
        Some(Boot {
            sector: sector.into(),
            cluster,
            sectors: le64(bytes, 0x28)?,
            mft: le64(bytes, 0x30)?,
            mirror: le64(bytes, 0x38)?,
            record,
            serial: le64(bytes, 0x48)?,
        })
    }
}
