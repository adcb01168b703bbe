//! Reading directories through the standard library, where no better way is written yet.
//!
//! It shows every entry with what `std::fs::Metadata` tells: sizes and times everywhere, inode and owner on Unix.

use super::{Each, WalkError};
use crate::entry::{Attributes, flag, join};
use crate::stop::Stop;
use std::collections::HashSet;
use std::fs::{File, Metadata};
use std::path::PathBuf;
use std::time::SystemTime;

pub(super) enum Origin {
    Path(Vec<u8>),
    Open(Open),
}

impl Origin {
    pub(super) fn path(path: &[u8]) -> Self {
        Self::Path(path.to_vec())
    }

    /// Of no meaning here: nothing tells what is mounted.
    pub(super) const fn is_child(&self) -> bool {
        false
    }
}

/// A directory, by its path: there is no watcher yet that would need more.
#[derive(Clone, Debug)]
pub struct Open {
    path: Vec<u8>,
    inode: u64,
}

impl Open {
    /// A directory that was opened already.
    ///
    /// # Errors
    /// As [`Self::at`].
    pub fn of(_file: File, path: &[u8]) -> std::io::Result<Self> {
        Self::at(path)
    }

    /// By its path.
    ///
    /// # Errors
    /// As the system says.
    pub fn at(path: &[u8]) -> std::io::Result<Self> {
        let found = std::fs::symlink_metadata(native(path))?;
        Ok(Self {
            path: path.to_vec(),
            inode: attributes(&found).inode,
        })
    }

    /// A directory in it.
    ///
    /// # Errors
    /// As the system says.
    pub fn directory(&self, name: &[u8]) -> std::io::Result<Self> {
        Self::at(&join(&self.path, name))
    }

    /// The directory in which it lies.
    ///
    /// # Errors
    /// As the system says.
    pub fn parent(&self) -> std::io::Result<Self> {
        let at = self.path.iter().rposition(|b| *b == b'/').unwrap_or(0);
        Self::at(self.path.get(..at.max(1)).unwrap_or_default())
    }

    /// Its inode.
    #[must_use]
    pub fn inode(&self) -> u64 {
        self.inode
    }

    /// The number of the mount in which it lies: not known here.
    #[must_use]
    pub const fn mount(&self) -> Option<u64> {
        None
    }

    /// Whether it is what is mounted on a point: not known here.
    #[must_use]
    pub const fn is_point(&self) -> bool {
        false
    }

    /// Its attributes now.
    ///
    /// # Errors
    /// As the system says.
    pub fn itself(&self) -> std::io::Result<Attributes> {
        Ok(attributes(&std::fs::symlink_metadata(native(&self.path))?))
    }

    /// Attributes of a name in it; `None` when there is nothing.
    ///
    /// # Errors
    /// As the system says.
    pub fn examine(&self, name: &[u8]) -> std::io::Result<Option<Attributes>> {
        match std::fs::symlink_metadata(native(&join(&self.path, name))) {
            Ok(found) => Ok(Some(attributes(&found))),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// What a walk says of a name on which something is mounted; nothing is known of that here.
    ///
    /// # Errors
    /// None here.
    pub fn covered(&self, _name: &[u8]) -> std::io::Result<Option<Attributes>> {
        Ok(None)
    }

    /// Where a symbolic link in it leads; empty when it is none.
    #[must_use]
    pub fn link_target(&self, name: &[u8]) -> Vec<u8> {
        link_target(&join(&self.path, name))
    }

    pub(super) fn child(&self, name: &[u8]) -> Origin {
        Origin::Path(join(&self.path, name))
    }
}

pub(super) enum ListEnd {
    Stop,
    Failed(WalkError),
}

impl From<Stop> for ListEnd {
    fn from(_: Stop) -> Self {
        Self::Stop
    }
}

pub(super) struct Reader;

impl Reader {
    pub(super) fn new() -> Self {
        Self
    }

    pub(super) fn open(&mut self, origin: &Origin, _path: &[u8]) -> Result<Open, WalkError> {
        match origin {
            Origin::Path(path) => Open::at(path).map_err(|source| WalkError::Open {
                path: native(path),
                source,
            }),
            Origin::Open(open) => Ok(open.clone()),
        }
    }

    pub(super) fn list(
        &mut self,
        open: &Open,
        path: &[u8],
        mount_points: &HashSet<Vec<u8>>,
        each: &mut Each<'_>,
    ) -> Result<(), ListEnd> {
        let failed = |source| {
            ListEnd::Failed(WalkError::List {
                path: native(path),
                source,
            })
        };
        for entry in std::fs::read_dir(native(&open.path)).map_err(failed)? {
            let entry = entry.map_err(failed)?;
            let name = entry.file_name();
            let name = name.as_encoded_bytes();
            let Ok(found) = entry.metadata() else {
                continue;
            };
            let mut attributes = attributes(&found);
            if mount_points.contains(&join(path, name)) {
                attributes.flags |= flag::MOUNT_POINT;
            }
            let target = if found.file_type().is_symlink() {
                link_target(&join(path, name))
            } else {
                Vec::new()
            };
            each(name, attributes, &target)?;
        }
        Ok(())
    }
}

fn attributes(found: &Metadata) -> Attributes {
    let time = |t: std::io::Result<SystemTime>| {
        t.ok()
            .map(|t| match t.duration_since(SystemTime::UNIX_EPOCH) {
                Ok(after) => i64::try_from(after.as_nanos()).unwrap_or(i64::MAX),
                Err(before) => -i64::try_from(before.duration().as_nanos()).unwrap_or(i64::MAX),
            })
    };
    let kind = found.file_type();
    let mode = if kind.is_dir() {
        0o040_000
    } else if kind.is_symlink() {
        0o120_000
    } else {
        0o100_000
    };
    let modified = time(found.modified()).unwrap_or_default();
    let attributes = Attributes {
        mode,
        size: found.len(),
        mtime: modified,
        ctime: modified,
        btime: time(found.created()),
        links: 1,
        ..Attributes::default()
    };
    #[cfg(unix)]
    {
        use std::os::unix::fs::MetadataExt;
        return Attributes {
            mode: found.mode(),
            ctime: found
                .ctime()
                .saturating_mul(1_000_000_000)
                .saturating_add(found.ctime_nsec()),
            uid: found.uid(),
            gid: found.gid(),
            links: u32::try_from(found.nlink()).unwrap_or(u32::MAX),
            inode: found.ino(),
            ..attributes
        };
    }
    #[cfg(windows)]
    {
        use std::os::windows::fs::MetadataExt;
        let bits = found.file_attributes();
        let bit = |dos: u32, ours: u32| if bits & dos != 0 { ours } else { 0 };
        return Attributes {
            flags: bit(0x1, flag::READ_ONLY)
                | bit(0x2, flag::HIDDEN)
                | bit(0x4, flag::SYSTEM)
                | bit(0x800, flag::COMPRESSED)
                | bit(0x4000, flag::ENCRYPTED),
            ..attributes
        };
    }
    #[cfg(not(any(unix, windows)))]
    attributes
}

/// Opens a file for reading.
///
/// # Errors
/// As the system says.
pub fn open_file(path: &[u8]) -> std::io::Result<File> {
    File::open(native(path))
}

/// The number of the mount in which a directory lies; other systems have none.
#[must_use]
pub const fn mount_number(_path: &[u8]) -> Option<u64> {
    None
}

/// Asks a directory for all that a walk asks it: attributes and the first name.
///
/// # Errors
/// As the system says.
pub fn probe(path: &[u8]) -> std::io::Result<()> {
    let path = native(path);
    std::fs::symlink_metadata(&path)?;
    std::fs::read_dir(&path)?.next().transpose()?;
    Ok(())
}

/// Where a symbolic link leads; empty when it is none.
fn link_target(path: &[u8]) -> Vec<u8> {
    std::fs::read_link(native(path))
        .map(|target| crate::text::from_native(target.as_os_str()))
        .unwrap_or_default()
}

fn native(path: &[u8]) -> PathBuf {
    PathBuf::from(crate::text::native(path))
}
