//! Reading directories by descriptor: getdents64(2) and statx(2), relative to the open directory.

use super::{Each, WalkError};
use crate::entry::{Attributes, Kind, flag, join};
use crate::stop::Stop;
use crate::times;
use rustix::fs::{AtFlags, Mode, OFlags, RawDir, RawDirEntry, Statx, StatxAttributes, StatxFlags};
use rustix::io::Errno;
use std::collections::HashSet;
use std::ffi::{CStr, CString, OsStr};
use std::fs::File;
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;
use std::sync::Arc;

/// Names of a few hundred entries at a time.
const BUFFER: usize = 64 << 10;
/// A path may be longer than the kernel takes in one call; it is opened in steps of at most this many bytes.
const STEP: usize = 3000;

const DIRECTORY: OFlags = OFlags::RDONLY
    .union(OFlags::DIRECTORY)
    .union(OFlags::NOFOLLOW)
    .union(OFlags::CLOEXEC)
    .union(OFlags::NONBLOCK);

/// How a directory is opened: by its path, by its name in an open parent, or not any more.
pub(super) enum Origin {
    Path(Vec<u8>),
    Child(Arc<OwnedFd>, CString),
    Open(Open),
}

impl Origin {
    pub(super) fn path(path: &[u8]) -> Self {
        Self::Path(path.to_vec())
    }

    /// Whether it was found in the directory above.
    pub(super) const fn is_child(&self) -> bool {
        matches!(self, Self::Child(..))
    }
}

/// An open directory: whatever it is called meanwhile, what is asked here is answered by it and no other.
#[derive(Clone, Debug)]
pub struct Open {
    descriptor: Arc<OwnedFd>,
    inode: u64,
    mount: Option<u64>,
    is_point: bool,
}

impl Open {
    fn new(descriptor: OwnedFd) -> Result<Self, Errno> {
        let wanted = StatxFlags::INO | NUMBERS;
        let found = rustix::fs::statx(&descriptor, c"", AtFlags::EMPTY_PATH, wanted)?;
        Ok(Self {
            descriptor: Arc::new(descriptor),
            inode: found.stx_ino,
            mount: number_in(&found),
            is_point: found.stx_attributes.contains(StatxAttributes::MOUNT_ROOT),
        })
    }

    /// A directory that was opened already. Its path is not needed here.
    ///
    /// # Errors
    /// As fstat(2).
    pub fn of(file: File, _path: &[u8]) -> std::io::Result<Self> {
        Ok(Self::new(file.into())?)
    }

    /// By its path.
    ///
    /// # Errors
    /// As open(2).
    pub fn at(path: &[u8]) -> std::io::Result<Self> {
        Ok(Self::new(open_directory(path)?)?)
    }

    /// A directory in it.
    ///
    /// # Errors
    /// As open(2).
    pub fn directory(&self, name: &[u8]) -> std::io::Result<Self> {
        let open = open_quietly(self.descriptor.as_fd(), &c_name(name)?, DIRECTORY)?;
        Ok(Self::new(open)?)
    }

    /// The directory in which it lies.
    ///
    /// # Errors
    /// As open(2).
    pub fn parent(&self) -> std::io::Result<Self> {
        self.directory(b"..")
    }

    /// Its inode.
    #[must_use]
    pub fn inode(&self) -> u64 {
        self.inode
    }

    /// The number of the mount through which it was opened, as [`mount_number`].
    #[must_use]
    pub fn mount(&self) -> Option<u64> {
        self.mount
    }

    /// Whether it is what is mounted on a point, and nothing that lies in the directory above.
    #[must_use]
    pub fn is_point(&self) -> bool {
        self.is_point
    }

    /// Its attributes now.
    ///
    /// # Errors
    /// As statx(2).
    pub fn itself(&self) -> std::io::Result<Attributes> {
        Ok(stat(self.descriptor.as_fd(), c"")?)
    }

    /// Attributes of whatever is open.
    ///
    /// # Errors
    /// As statx(2).
    pub fn attributes_of(open: BorrowedFd<'_>) -> std::io::Result<Attributes> {
        Ok(stat(open, c"")?)
    }

    /// Attributes of a name in it; `None` when there is nothing.
    ///
    /// # Errors
    /// As statx(2).
    pub fn examine(&self, name: &[u8]) -> std::io::Result<Option<Attributes>> {
        match stat(self.descriptor.as_fd(), &c_name(name)?) {
            Ok(attributes) => Ok(Some(attributes)),
            Err(Errno::NOENT) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// What a walk says of a name on which something is mounted: that it is there, and what it is, without looking at what
    /// is mounted. `None` when there is no such name.
    ///
    /// # Errors
    /// As open(2), getdents64(2).
    pub fn covered(&self, name: &[u8]) -> std::io::Result<Option<Attributes>> {
        // Whoever else reads this directory does so from where it is.
        let again = open_quietly(self.descriptor.as_fd(), c".", DIRECTORY)?;
        let mut buffer = vec![MaybeUninit::uninit(); BUFFER];
        let mut names = RawDir::new(again.as_fd(), &mut buffer);
        while let Some(entry) = names.next() {
            let entry = entry?;
            if entry.file_name().to_bytes() == name {
                return Ok(Some(covered(&entry)));
            }
        }
        Ok(None)
    }

    /// Where a symbolic link in it leads; empty when it is none.
    #[must_use]
    pub fn link_target(&self, name: &[u8]) -> Vec<u8> {
        c_name(name)
            .map(|name| read_link(self.descriptor.as_fd(), &name))
            .unwrap_or_default()
    }

    pub(super) fn child(&self, name: &[u8]) -> Origin {
        // A name from the kernel holds no zero byte.
        Origin::Child(
            Arc::clone(&self.descriptor),
            CString::new(name).unwrap_or_default(),
        )
    }
}

impl AsRawFd for Open {
    fn as_raw_fd(&self) -> RawFd {
        self.descriptor.as_raw_fd()
    }
}

/// Why a listing ended early.
pub(super) enum ListEnd {
    Stop,
    Failed(WalkError),
}

impl From<Stop> for ListEnd {
    fn from(_: Stop) -> Self {
        Self::Stop
    }
}

/// Buffers of one walking thread.
pub(super) struct Reader {
    buffer: Vec<MaybeUninit<u8>>,
}

impl Reader {
    pub(super) fn new() -> Self {
        Self {
            buffer: vec![MaybeUninit::uninit(); BUFFER],
        }
    }

    pub(super) fn open(&mut self, origin: &Origin, path: &[u8]) -> Result<Open, WalkError> {
        let opened = match origin {
            Origin::Path(path) => open_directory(path),
            Origin::Child(parent, name) => open_quietly(parent.as_fd(), name, DIRECTORY),
            // Names are read from where the descriptor is: one that was listed already would seem to be empty.
            Origin::Open(open) => open_quietly(open.descriptor.as_fd(), c".", DIRECTORY),
        };
        opened
            .and_then(Open::new)
            .map_err(|source| WalkError::Open {
                path: display(path),
                source: source.into(),
            })
    }

    pub(super) fn list(
        &mut self,
        open: &Open,
        path: &[u8],
        mount_points: &HashSet<Vec<u8>>,
        each: &mut Each<'_>,
    ) -> Result<(), ListEnd> {
        let descriptor = open.descriptor.as_fd();
        // Few directories hold a mount point: only there are whole paths compared.
        let holds_mounts = mount_points.iter().any(|m| parent_of(m) == path);
        let mut names = RawDir::new(descriptor, &mut self.buffer);
        while let Some(entry) = names.next() {
            let entry = match entry {
                Ok(entry) => entry,
                Err(source) => {
                    return Err(ListEnd::Failed(WalkError::List {
                        path: display(path),
                        source: source.into(),
                    }));
                }
            };
            let name = entry.file_name();
            let bytes = name.to_bytes();
            if bytes == b"." || bytes == b".." {
                continue;
            }
            if holds_mounts && mount_points.contains(&join(path, bytes)) {
                each(bytes, covered(&entry), b"")?;
                continue;
            }
            match stat(descriptor, name) {
                // Mounted since: what is said of it is what the table of mounts would have made of it.
                Ok(attributes) if attributes.flags & flag::MOUNT_POINT != 0 => {
                    each(bytes, covered(&entry), b"")?;
                }
                Ok(attributes) if attributes.kind() == Kind::Link => {
                    let target = read_link(descriptor, name);
                    each(bytes, attributes, &target)?;
                }
                Ok(attributes) => each(bytes, attributes, b"")?,
                // Gone since it was listed.
                Err(Errno::NOENT) => {}
                // The entry stands, its attributes cannot be had: better half an entry than none.
                Err(_) => {
                    let mode = match entry.file_type() {
                        rustix::fs::FileType::Directory => 0o040_000,
                        rustix::fs::FileType::Symlink => 0o120_000,
                        rustix::fs::FileType::RegularFile => 0o100_000,
                        _ => 0,
                    };
                    let unknown = Attributes {
                        mode,
                        inode: entry.ino(),
                        links: 1,
                        mtime: times::NONE,
                        ctime: times::NONE,
                        ..Attributes::default()
                    };
                    each(bytes, unknown, b"")?;
                }
            }
        }
        Ok(())
    }
}

/// What is known of a name on which something is mounted.
fn covered(entry: &RawDirEntry<'_>) -> Attributes {
    let mode = match entry.file_type() {
        rustix::fs::FileType::Directory => 0o040_000,
        _ => 0o100_000,
    };
    Attributes {
        mode,
        inode: entry.ino(),
        links: 1,
        flags: flag::MOUNT_POINT,
        mtime: times::NONE,
        ctime: times::NONE,
        ..Attributes::default()
    }
}

fn parent_of(path: &[u8]) -> &[u8] {
    match path.iter().rposition(|b| *b == b'/') {
        Some(0) => b"/",
        Some(at) => path.get(..at).unwrap_or_default(),
        None => b"",
    }
}

fn stat(directory: BorrowedFd<'_>, name: &CStr) -> Result<Attributes, Errno> {
    let mut flags = AtFlags::SYMLINK_NOFOLLOW | AtFlags::NO_AUTOMOUNT | AtFlags::STATX_DONT_SYNC;
    if name.is_empty() {
        flags |= AtFlags::EMPTY_PATH;
    }
    let found = rustix::fs::statx(
        directory,
        name,
        flags,
        StatxFlags::BASIC_STATS | StatxFlags::BTIME,
    )?;
    let mut attributes = attributes(&found);
    if stands_for_a_subvolume(directory, &attributes) {
        (attributes.mtime, attributes.ctime) = (times::NONE, times::NONE);
    }
    Ok(attributes)
}

/// The inode of a Btrfs folder that stands where the original of a snapshot has a subvolume. It is made up at each look,
/// and its times with it.
const EMPTY_SUBVOLUME: u64 = 2;

fn stands_for_a_subvolume(directory: BorrowedFd<'_>, found: &Attributes) -> bool {
    const BTRFS: i64 = 0x9123_683E;
    found.inode == EMPTY_SUBVOLUME
        && found.btime.is_none()
        && found.size == 0
        && found.kind() == Kind::Directory
        && rustix::fs::fstatfs(directory).is_ok_and(|facts| facts.f_type == BTRFS)
}

/// Empty when it cannot be read.
fn read_link(directory: BorrowedFd<'_>, name: &CStr) -> Vec<u8> {
    rustix::fs::readlinkat(directory, name, Vec::new())
        .map(CString::into_bytes)
        .unwrap_or_default()
}

fn attributes(found: &Statx) -> Attributes {
    let time = |t: rustix::fs::StatxTimestamp| times::of(t.tv_sec, t.tv_nsec);
    let has = |a: StatxAttributes| found.stx_attributes.contains(a);
    let bit = |a: StatxAttributes, bit: u32| if has(a) { bit } else { 0 };
    Attributes {
        mode: u32::from(found.stx_mode),
        size: found.stx_size,
        mtime: time(found.stx_mtime),
        ctime: time(found.stx_ctime),
        btime: (found.stx_mask & StatxFlags::BTIME.bits() != 0).then(|| time(found.stx_btime)),
        uid: found.stx_uid,
        gid: found.stx_gid,
        links: found.stx_nlink,
        inode: found.stx_ino,
        flags: bit(StatxAttributes::IMMUTABLE, flag::IMMUTABLE)
            | bit(StatxAttributes::APPEND, flag::APPEND_ONLY)
            | bit(StatxAttributes::COMPRESSED, flag::COMPRESSED)
            | bit(StatxAttributes::ENCRYPTED, flag::ENCRYPTED)
            | bit(StatxAttributes::VERITY, flag::VERITY)
            | bit(StatxAttributes::MOUNT_ROOT, flag::MOUNT_POINT),
    }
}

/// Opens with O_NOATIME, which is for the owner and root only, or else without it: open(2). The service of the packages is neither.
pub(crate) fn quietly<T>(
    open: impl Fn(OFlags) -> Result<T, std::io::Error>,
) -> Result<T, std::io::Error> {
    match open(OFlags::NOATIME) {
        Err(error) if error.raw_os_error() == Some(libc::EPERM) => open(OFlags::empty()),
        other => other,
    }
}

fn open_quietly(parent: BorrowedFd<'_>, name: &CStr, flags: OFlags) -> Result<OwnedFd, Errno> {
    let open = |quiet| {
        Ok(rustix::fs::openat(
            parent,
            name,
            flags | quiet,
            Mode::empty(),
        )?)
    };
    quietly(open).map_err(|error| Errno::from_io_error(&error).unwrap_or(Errno::IO))
}

/// Opens a directory by its absolute path, however long, following no link on its last step.
fn open_directory(path: &[u8]) -> Result<OwnedFd, Errno> {
    let (parent, name) = parent(path)?;
    open_quietly(parent.as_fd(), &name, DIRECTORY)
}

/// `STATX_MNT_ID_UNIQUE`, since Linux 6.8.
const UNIQUE: StatxFlags = StatxFlags::from_bits_retain(0x4000);
/// One or the other number of a mount.
const NUMBERS: StatxFlags = UNIQUE.union(StatxFlags::MNT_ID);

/// The number of the mount in which a directory lies: one that is given to no other mount later, or where the system has no
/// such number, that of the table of mounts. None where it tells neither (before Linux 5.8).
#[must_use]
pub fn mount_number(path: &[u8]) -> Option<u64> {
    // By its path: while it were open, nobody could unmount it.
    let flags = AtFlags::SYMLINK_NOFOLLOW | AtFlags::NO_AUTOMOUNT | AtFlags::STATX_DONT_SYNC;
    number_in(&rustix::fs::statx(rustix::fs::CWD, path, flags, NUMBERS).ok()?)
}

/// The same of something that is open.
pub(crate) fn mount_number_of(open: BorrowedFd<'_>) -> Option<u64> {
    number_in(&rustix::fs::statx(open, c"", AtFlags::EMPTY_PATH, NUMBERS).ok()?)
}

fn number_in(found: &Statx) -> Option<u64> {
    (found.stx_mask & NUMBERS.bits() != 0).then_some(found.stx_mnt_id)
}

/// Asks a directory for all that a walk asks it: open, attributes, the first names.
///
/// # Errors
/// As open(2), statx(2), getdents64(2).
pub fn probe(path: &[u8]) -> std::io::Result<()> {
    let open = open_directory(path)?;
    stat(open.as_fd(), c".")?;
    let mut buffer = [MaybeUninit::uninit(); 4096];
    RawDir::new(&open, &mut buffer).next().transpose()?;
    Ok(())
}

/// Opens a regular file for reading, without waiting (a FIFO put in its place would block) and without moving its
/// access time. The caller checks that it is the file that was meant.
///
/// # Errors
/// As open(2).
pub fn open_file(path: &[u8]) -> std::io::Result<File> {
    let (parent, name) = parent(path)?;
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC | OFlags::NONBLOCK;
    Ok(File::from(open_quietly(parent.as_fd(), &name, flags)?))
}

/// The directory from which the rest of a path can be named in one call, and that rest.
fn parent(path: &[u8]) -> Result<(OwnedFd, CString), Errno> {
    let through = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let mut at = rustix::fs::open(c"/", through, Mode::empty())?;
    let mut rest = path.strip_prefix(b"/").unwrap_or(path);
    while rest.len() > STEP {
        let cut = rest
            .get(..STEP)
            .and_then(|part| part.iter().rposition(|b| *b == b'/'))
            .ok_or(Errno::NAMETOOLONG)?;
        let (step, more) = rest.split_at(cut);
        at = rustix::fs::openat(&at, c_name(step)?.as_c_str(), through, Mode::empty())?;
        rest = more.strip_prefix(b"/").unwrap_or(more);
    }
    let last = if rest.is_empty() {
        b".".as_slice()
    } else {
        rest
    };
    Ok((at, c_name(last)?))
}

fn c_name(name: &[u8]) -> Result<CString, Errno> {
    CString::new(name).map_err(|_| Errno::INVAL)
}

fn display(path: &[u8]) -> PathBuf {
    PathBuf::from(OsStr::from_bytes(path))
}
