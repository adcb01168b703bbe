//! What the Index knows of one directory entry: the attributes that every file system has in common.
//!
//! Field names follow statx(2). A name is bytes: what a file system accepts is no text.

/// Attributes of one entry, as found at one moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Attributes {
    /// File type and permissions, as in `st_mode`. File systems without permissions give the type alone.
    pub mode: u32,
    /// Bytes.
    pub size: u64,
    /// Content changed: as [`crate::times`] has it.
    pub mtime: i64,
    /// Anything changed, kept by the kernel alone.
    pub ctime: i64,
    /// Born; `None` where the file system does not keep it.
    pub btime: Option<i64>,
    /// Owner.
    pub uid: u32,
    /// Group.
    pub gid: u32,
    /// Names of this inode.
    pub links: u32,
    /// Inode, or NTFS file reference.
    pub inode: u64,
    /// Bits of [`flag`].
    pub flags: u32,
}

/// What extended attributes an entry has.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Extended {
    /// Their names, sorted, one a line; whatever would not fit a line stands as `\xHH`.
    pub names: String,
    /// Capabilities, as getcap(8) prints them.
    pub capabilities: Option<String>,
}

/// Bits of [`Attributes::flags`].
pub mod flag {
    /// Cannot be changed, not even by root (`chattr +i`).
    pub const IMMUTABLE: u32 = 1;
    /// Can only grow (`chattr +a`).
    pub const APPEND_ONLY: u32 = 2;
    /// Stored compressed by the file system.
    pub const COMPRESSED: u32 = 4;
    /// Stored encrypted by the file system.
    pub const ENCRYPTED: u32 = 8;
    /// Sealed by fs-verity.
    pub const VERITY: u32 = 16;
    /// Hidden (DOS attribute).
    pub const HIDDEN: u32 = 32;
    /// System (DOS attribute).
    pub const SYSTEM: u32 = 64;
    /// Read-only (DOS attribute).
    pub const READ_ONLY: u32 = 128;
    /// Another file system is mounted here.
    pub const MOUNT_POINT: u32 = 256;
    /// A named stream of a file: the entry's name is the file's, a colon, the stream's.
    pub const STREAM: u32 = 512;
    /// What the file system keeps of it is damaged: what is shown may be wrong.
    pub const DAMAGED: u32 = 1024;
}

const TYPE: u32 = 0o170_000;

/// What an entry is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// Regular file: has content to hash.
    File,
    /// Directory.
    Directory,
    /// Symbolic link.
    Link,
    /// Named pipe.
    Fifo,
    /// Socket.
    Socket,
    /// Block device.
    Block,
    /// Character device.
    Character,
    /// None of these.
    Other,
}

impl Kind {
    /// The type bits of a mode, read.
    #[must_use]
    pub const fn of_mode(mode: u32) -> Self {
        match mode & TYPE {
            0o100_000 => Self::File,
            0o040_000 => Self::Directory,
            0o120_000 => Self::Link,
            0o010_000 => Self::Fifo,
            0o140_000 => Self::Socket,
            0o060_000 => Self::Block,
            0o020_000 => Self::Character,
            _ => Self::Other,
        }
    }

    /// One word for people and exports.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::File => "file",
            Self::Directory => "directory",
            Self::Link => "link",
            Self::Fifo => "fifo",
            Self::Socket => "socket",
            Self::Block => "block device",
            Self::Character => "character device",
            Self::Other => "other",
        }
    }
}

/// The nine letters of permissions, as ls(1) shows them.
#[must_use]
pub fn permissions(mode: u32) -> String {
    let mut shown = String::with_capacity(9);
    for (shift, special, letter) in [(6, 0o4000, 's'), (3, 0o2000, 's'), (0, 0o1000, 't')] {
        let bits = mode >> shift;
        shown.push(if bits & 4 > 0 { 'r' } else { '-' });
        shown.push(if bits & 2 > 0 { 'w' } else { '-' });
        shown.push(match (mode & special > 0, bits & 1 > 0) {
            (false, false) => '-',
            (false, true) => 'x',
            (true, true) => letter,
            (true, false) => letter.to_ascii_uppercase(),
        });
    }
    shown
}

impl Attributes {
    /// What the entry is.
    #[must_use]
    pub const fn kind(&self) -> Kind {
        Kind::of_mode(self.mode)
    }

    /// Whether these are the same file or directory. Inodes are given out again at once; a birth time is not.
    #[must_use]
    pub fn same(&self, later: &Self) -> bool {
        self.inode == later.inode
            && self.btime == later.btime
            && self.mode & TYPE == later.mode & TYPE
    }

    /// Whether it has other names. Symbolic links, devices and sockets may have several, too; the links of a directory are
    /// its own and its subdirectories' `..`.
    #[must_use]
    pub fn several_names(&self) -> bool {
        self.links > 1 && self.kind() != Kind::Directory
    }

    /// Whether content of these two moments may differ. Setting a modification time back moves the change time, so both count.
    #[must_use]
    pub fn content_may_differ(&self, later: &Self) -> bool {
        self.size != later.size
            || self.mtime != later.mtime
            || self.ctime != later.ctime
            || !self.same(later)
    }

    /// Whether the modification time of the same file was set back between these two moments.
    #[must_use]
    pub fn set_back(&self, later: &Self) -> bool {
        self.same(later) && later.mtime < self.mtime && later.ctime > self.ctime
    }
}

/// Path of a name in a directory.
#[must_use]
pub fn join(directory: &[u8], name: &[u8]) -> Vec<u8> {
    let mut path = Vec::with_capacity(directory.len() + name.len() + 1);
    path.extend_from_slice(directory);
    if !directory.ends_with(b"/") {
        path.push(b'/');
    }
    path.extend_from_slice(name);
    path
}
