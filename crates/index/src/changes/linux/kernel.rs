//! The calls that no safe crate offers: fanotify_init(2), fanotify_mark(2), name_to_handle_at(2), open_by_handle_at(2)
//! and the number of a file system from statfs(2).
#![expect(unsafe_code, reason = "no safe crate offers these calls")]

use crate::changes::event::{LONGEST_HANDLE, mask};
use crate::changes::{Queue, WatchError};
use rustix::fs::{Mode, OFlags};
use std::collections::HashSet;
use std::io::{Error, ErrorKind};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd};
use std::path::Path;

/// Events that are asked for. Not: accesses (each reader would pay) and opening.
const WANTED: u64 = mask::CREATE
    | mask::DELETE
    | mask::MODIFY
    | mask::CLOSE_WRITE
    | mask::ATTRIB
    | mask::ON_DIRECTORY;

/// A new group of watches.
pub(super) fn group(queue: Queue) -> Result<OwnedFd, WatchError> {
    let mut flags = libc::FAN_CLASS_NOTIF
        | libc::FAN_CLOEXEC
        | libc::FAN_NONBLOCK
        | libc::FAN_REPORT_DIR_FID
        | libc::FAN_REPORT_NAME;
    if queue == Queue::Unlimited {
        flags |= libc::FAN_UNLIMITED_QUEUE;
    }
    let event_flags = (libc::O_RDONLY | libc::O_CLOEXEC | libc::O_LARGEFILE).cast_unsigned();
    let init = |flags| {
        // SAFETY: takes two numbers and gives a new descriptor or -1.
        owned(unsafe { libc::fanotify_init(flags, event_flags) }.into())
    };
    // With the file beside each name, so that a name of which nobody knows is not all that is told of a file. Before
    // Linux 5.17 making a name would not come with its file, and the events of one file would be twice as many.
    let group = init(flags | libc::FAN_REPORT_FID | libc::FAN_REPORT_TARGET_FID);
    let group = group.or_else(|error| match error.raw_os_error() {
        Some(libc::EINVAL) => init(flags),
        _ => Err(error),
    });
    group.map_err(|error| match error.raw_os_error() {
        // A kernel without fanotify, or before 5.9, without names.
        Some(libc::ENOSYS | libc::EINVAL) => WatchError::Unsupported,
        _ => WatchError::Group(error),
    })
}

/// The root of a mount, open.
pub(super) struct Mounted {
    /// It.
    pub root: OwnedFd,
    /// The number of its file system, as events carry it.
    pub file_system: [u8; 8],
    /// The number of the mount, where the system tells it.
    pub mount: Option<u64>,
}

/// Opens the root of a mount.
pub(super) fn open_mount(path: &Path) -> Result<Mounted, WatchError> {
    let failed = |source| WatchError::Open {
        path: path.to_owned(),
        source,
    };
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC | OFlags::NOFOLLOW;
    let root = rustix::fs::open(path, flags, Mode::empty()).map_err(|e| failed(e.into()))?;
    Ok(Mounted {
        file_system: file_system(root.as_fd()).map_err(failed)?,
        mount: crate::walk::mount_number_of(root.as_fd()),
        root,
    })
}

/// Whether directories of this file system can be opened by the handles that events carry: some file systems (overlay) and
/// processes (without `CAP_DAC_READ_SEARCH`) cannot.
pub(super) fn check_handles(root: &OwnedFd, path: &Path) -> Result<(), WatchError> {
    own_handle(root.as_fd())
        .and_then(|handle| open_by_handle(root.as_fd(), &handle, OFlags::PATH))
        .map(drop)
        .map_err(|source| WatchError::Handles {
            path: path.to_owned(),
            source,
        })
}

/// Watches the file system in which this directory lies.
pub(super) fn mark(group: &OwnedFd, root: &OwnedFd, path: &Path) -> Result<(), WatchError> {
    let mark = |wanted: u64| {
        // SAFETY: both descriptors are open; without a path the call concerns the second one itself.
        let result = unsafe {
            libc::fanotify_mark(
                group.as_raw_fd(),
                libc::FAN_MARK_ADD | libc::FAN_MARK_FILESYSTEM,
                wanted,
                root.as_raw_fd(),
                std::ptr::null(),
            )
        };
        if result == 0 {
            Ok(())
        } else {
            Err(Error::last_os_error())
        }
    };
    let marked = mark(WANTED | mask::RENAME).or_else(|error| match error.raw_os_error() {
        // Before Linux 5.17 the two names of a rename come apart.
        Some(libc::EINVAL) => mark(WANTED | mask::MOVED_FROM | mask::MOVED_TO),
        _ => Err(error),
    });
    marked.map_err(|source| WatchError::Mark {
        path: path.to_owned(),
        source,
    })
}

/// Opens the top of the file system of which a mount shows a subvolume: only there can it be watched as a whole. It is
/// mounted for that where no path leads, and stays so as long as the descriptor is open.
pub(super) fn open_top(mount: &Path) -> Result<(OwnedFd, [u8; 8]), Error> {
    use rustix::mount::{
        FsMountFlags, FsOpenFlags, MountAttrFlags, fsconfig_create, fsconfig_set_flag,
        fsconfig_set_string, fsmount, fsopen,
    };
    let table = crate::mounts::current().map_err(Error::other)?;
    let visible = crate::mounts::visible(&table);
    let path = crate::text::from_native(mount.as_os_str());
    let shown = crate::mounts::on(&path, &visible).ok_or(ErrorKind::NotFound)?;
    let context = fsopen(shown.kind.as_str(), FsOpenFlags::FSOPEN_CLOEXEC)?;
    fsconfig_set_string(&context, "source", shown.source.as_slice())?;
    // As it is already: a file system that is only read is not made one that is written.
    if shown.options.split(|b| *b == b',').any(|o| o == b"ro") {
        fsconfig_set_flag(&context, "ro")?;
    }
    fsconfig_create(&context)?;
    let quiet = MountAttrFlags::MOUNT_ATTR_RDONLY
        | MountAttrFlags::MOUNT_ATTR_NOEXEC
        | MountAttrFlags::MOUNT_ATTR_NOSUID
        | MountAttrFlags::MOUNT_ATTR_NODEV;
    let mounted = fsmount(&context, FsMountFlags::FSMOUNT_CLOEXEC, quiet)?;
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let top = rustix::fs::openat(&mounted, c".", flags, Mode::empty())?;
    let number = file_system(top.as_fd())?;
    Ok((top, number))
}

/// The devices of the file systems that are watched by this group: one that was unmounted everywhere is no longer among
/// them, whatever came to its place.
pub(super) fn marked(group: &OwnedFd) -> Result<HashSet<(u32, u32)>, Error> {
    let text = std::fs::read(format!("/proc/self/fdinfo/{}", group.as_raw_fd()))?;
    let text = String::from_utf8_lossy(&text);
    let devices = text.lines().filter_map(|line| {
        let device = line.strip_prefix("fanotify sdev:")?.split(' ').next()?;
        let number = u32::from_str_radix(device, 16).ok()?;
        // As the kernel has it: twelve bits and twenty.
        Some((number >> 20, number & 0xF_FFFF))
    });
    Ok(devices.collect())
}

/// Number of the file system in which this lies, as events carry it.
fn file_system(fd: BorrowedFd<'_>) -> Result<[u8; 8], Error> {
    let mut facts = std::mem::MaybeUninit::<libc::statfs>::uninit();
    // SAFETY: the descriptor is open, and there is room for the structure.
    if unsafe { libc::fstatfs(fd.as_raw_fd(), facts.as_mut_ptr()) } != 0 {
        return Err(Error::last_os_error());
    }
    // SAFETY: the call succeeded and filled it.
    let number: libc::fsid_t = unsafe { facts.assume_init() }.f_fsid;
    // SAFETY: `fsid_t` is two 32-bit numbers whose fields the crate keeps private; the compiler checks the size.
    Ok(unsafe { std::mem::transmute::<libc::fsid_t, [u8; 8]>(number) })
}

/// `struct file_handle`, with room for the longest.
#[repr(C)]
struct RawHandle {
    length: u32,
    kind: i32,
    content: [u8; LONGEST_HANDLE],
}

const HEADER: usize = 8;

/// The handle of an open directory.
fn own_handle(fd: BorrowedFd<'_>) -> Result<Vec<u8>, Error> {
    let mut handle = RawHandle {
        length: LONGEST_HANDLE as u32,
        kind: 0,
        content: [0; LONGEST_HANDLE],
    };
    let mut mount = 0;
    // SAFETY: `length` tells the room in `content`; the empty path ends with NUL and means the descriptor itself.
    let result = unsafe {
        libc::syscall(
            libc::SYS_name_to_handle_at,
            fd.as_raw_fd(),
            c"".as_ptr(),
            std::ptr::from_mut(&mut handle),
            std::ptr::from_mut::<libc::c_int>(&mut mount),
            libc::AT_EMPTY_PATH,
        )
    };
    if result != 0 {
        return Err(Error::last_os_error());
    }
    let mut bytes = handle.length.to_ne_bytes().to_vec();
    bytes.extend_from_slice(&handle.kind.to_ne_bytes());
    let content = handle.content.get(..handle.length as usize);
    bytes.extend_from_slice(content.ok_or(ErrorKind::InvalidData)?);
    Ok(bytes)
}

/// Opens what a handle (`struct file_handle`) names, in the file system where `mount` lies.
pub(super) fn open_by_handle(
    mount: BorrowedFd<'_>,
    handle: &[u8],
    flags: OFlags,
) -> Result<OwnedFd, Error> {
    let wrong = || Error::from(ErrorKind::InvalidInput);
    let (length, rest) = handle.split_first_chunk().ok_or_else(wrong)?;
    let (kind, given) = rest.split_first_chunk().ok_or_else(wrong)?;
    let length = u32::from_ne_bytes(*length);
    let mut content = [0; LONGEST_HANDLE];
    if given.len() != length as usize {
        return Err(wrong());
    }
    let room = content.get_mut(..given.len()).ok_or_else(wrong)?;
    room.copy_from_slice(given);
    let handle = RawHandle {
        length,
        kind: i32::from_ne_bytes(*kind),
        content,
    };
    let flags = (flags | OFlags::CLOEXEC).bits();
    debug_assert_eq!(std::mem::offset_of!(RawHandle, content), HEADER);
    // SAFETY: the descriptor is open; the structure has the kernel's layout and `length` lies within its content.
    let fd = unsafe {
        libc::syscall(
            libc::SYS_open_by_handle_at,
            mount.as_raw_fd(),
            std::ptr::from_ref(&handle),
            flags,
        )
    };
    owned(fd)
}

fn owned(fd: libc::c_long) -> Result<OwnedFd, Error> {
    match i32::try_from(fd) {
        // SAFETY: the kernel gave this descriptor a moment ago, to nobody else.
        Ok(fd) if fd >= 0 => Ok(unsafe { OwnedFd::from_raw_fd(fd) }),
        _ => Err(Error::last_os_error()),
    }
}
