//! What every file system here tells of a file, and the interface they share.

use std::io::{self, Read};
use std::ops::ControlFlow;

/// Number by which a file system knows a file: an inode number, or an NTFS file reference (record number in the low 48
/// bits, sequence number in the high 16).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FileId(pub u64);

/// What an entry is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum EntryKind {
    /// A file with content.
    File,
    /// A directory.
    Directory,
    /// A symbolic link, or an NTFS junction.
    Symlink,
    /// A named pipe.
    Fifo,
    /// A socket.
    Socket,
    /// A character device.
    CharacterDevice,
    /// A block device.
    BlockDevice,
    /// Something this reader does not know, a deleted name without inode for instance.
    Unknown,
}

/// Four times, as [`crate::times`] has them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Times {
    /// Last change of the content.
    pub modified: Option<i64>,
    /// Last change of the metadata.
    pub changed: Option<i64>,
    /// Creation.
    pub created: Option<i64>,
    /// Last access.
    pub accessed: Option<i64>,
}

/// A named stream beside the main content.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stream {
    /// Name, as WTF-8.
    pub name: Vec<u8>,
    /// Bytes.
    pub size: u64,
}

/// One file, directory or other entry, with every name it has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Inode number or file reference.
    pub id: FileId,
    /// Every hard link: absolute, separated by `/`; UTF-16 names as WTF-8. What has lost its directory lies under
    /// [`ORPHANS`].
    pub paths: Vec<Vec<u8>>,
    /// What it is.
    pub kind: EntryKind,
    /// Size of the main content in bytes; 0 for NTFS directories.
    pub size: u64,
    /// Last change of the content, as [`crate::times`] has it.
    pub modified: Option<i64>,
    /// Last change of the metadata.
    pub changed: Option<i64>,
    /// Creation.
    pub created: Option<i64>,
    /// Last access.
    pub accessed: Option<i64>,
    /// Unix permission bits, where the file system has them.
    pub mode: Option<u32>,
    /// Owner.
    pub uid: Option<u32>,
    /// Group.
    pub gid: Option<u32>,
    /// Hard links.
    pub links: u32,
    /// Target of a symbolic link or junction.
    pub link_target: Option<Vec<u8>>,
    /// The file is deleted; its metadata is what was left of it.
    pub deleted: bool,
    /// A directory on the way to the root is gone.
    pub orphan: bool,
    /// What tells of it was written in part only: it is shown as far as it can be read, and may be wrong.
    pub damaged: bool,
    /// Named streams.
    pub streams: Vec<Stream>,
    /// DOS attributes as NTFS keeps them in the standard information.
    pub dos_attributes: Option<u32>,
    /// Times kept with the name on NTFS. A tool that sets the times of a file back leaves these alone.
    pub name_times: Option<Times>,
}

impl Entry {
    /// One of which nothing else is known yet.
    pub(crate) fn new(id: FileId, kind: EntryKind) -> Self {
        Self {
            id,
            paths: Vec::new(),
            kind,
            size: 0,
            modified: None,
            changed: None,
            created: None,
            accessed: None,
            mode: None,
            uid: None,
            gid: None,
            links: 0,
            link_target: None,
            deleted: false,
            orphan: false,
            damaged: false,
            streams: Vec::new(),
            dos_attributes: None,
            name_times: None,
        }
    }
}

/// Folder under which entries are shown whose directory is gone.
pub const ORPHANS: &[u8] = b"/$OrphanFiles";

/// What a walk over all entries met.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Report {
    /// Entries given out.
    pub entries: u64,
    /// Of these, deleted ones.
    pub deleted: u64,
    /// Of these, ones without a way to the root.
    pub orphans: u64,
    /// Records, blocks or directories that were damaged and left out, wholly or in part.
    pub damaged: u64,
    /// The receiver ended the walk early.
    pub stopped: bool,
}

/// Why a volume, or a file on it, could not be read.
#[derive(Debug, thiserror::Error)]
pub enum VolumeError {
    /// The source failed.
    #[error("cannot read {what} at byte {offset}")]
    Read {
        /// What was to be read.
        what: &'static str,
        /// Where in the volume.
        offset: u64,
        /// The failure.
        #[source]
        source: io::Error,
    },
    /// The bytes do not form what they should.
    #[error("{what} is damaged: {why}")]
    Damaged {
        /// Which structure.
        what: &'static str,
        /// What is wrong with it.
        why: &'static str,
    },
    /// The bytes are right but need something that is not built.
    #[error("{what} is not supported")]
    Unsupported {
        /// What it would need.
        what: &'static str,
    },
    /// There is no such file, or it was replaced by another since.
    #[error("no file {id:#x} on this volume")]
    NoSuchFile {
        /// The number asked for.
        id: u64,
    },
    /// The entry has no content of this name.
    #[error("the entry has no such content")]
    NoContent,
}

/// A file system that can be listed and read.
pub trait FileSystem: Send {
    /// Name of the format: `ntfs`, `ext4`, …
    fn kind(&self) -> &'static str;

    /// Gives every entry once, the deleted ones that can still be seen included. The order is the format's.
    fn entries(
        &mut self,
        each: &mut dyn FnMut(Entry) -> ControlFlow<()>,
    ) -> Result<Report, VolumeError>;

    /// The main content of a file.
    fn open(&mut self, id: FileId) -> Result<Box<dyn Read + '_>, VolumeError>;

    /// A named stream. Only NTFS has them.
    fn open_stream(&mut self, id: FileId, name: &[u8]) -> Result<Box<dyn Read + '_>, VolumeError> {
        if name.is_empty() {
            return self.open(id);
        }
        Err(VolumeError::NoContent)
    }
}
