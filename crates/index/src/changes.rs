//! Changes of watched file systems, as they happen.
//!
//! On Linux by fanotify(7) over whole file systems, with directory handles and names: no watch for each directory, no
//! limit to their number, nothing missed in directories that are only just made. Other systems have no watcher yet and
//! say so ([`WatchError::Unsupported`]); what cannot be watched is walked instead.
//!
//! # What a change means
//! A change says **where to look**, not what happened: by the time it is read, the kernel has already joined events of the
//! same name, and this module joins more. Whoever looks at each place after it was named ends with the true state:
//!
//! - [`Change::Touched`]: look at this name in this directory. It may be new, changed, gone, or another file than before.
//!   Creating or removing a name also changes the directory itself (its times and link count) and, with hard links, the
//!   link count and change time of the other names of the inode. The name `.` stands for the directory itself.
//! - [`Change::Renamed`]: a hint that what is known of one name (with a directory: of everything below) belongs to another
//!   name now, and a request to look at **both** names. Only looking tells: a second file may have come to either name.
//!   What is found there is what was known only if inode *and* birth time are the same; so much for what was hashed. And what was taken in
//!   at the new name before, by a look that came early, is newer than what is known at the former. A
//!   directory that is not the known one, or was created ([`Change::Touched`] with `written`), is to be listed as a whole.
//! - [`Change::File`]: a file was written, got other attributes, or got or lost a name. The name under which it was may be
//!   gone by now and never have been seen, be out of sight, or was looked at when it led to another file: whoever knows the file by any name looks at that. With
//!   `written`, hashes that are known by then are of no use. Needs Linux 5.17.
//! - [`Change::Lost`]: changes were lost; everything on this mount (on all of them, without one) may differ.
//! - [`Change::Mounts`]: the table of mounts is another: something was mounted or unmounted, or moved along with a folder
//!   above it. What is mounted over a folder hides it, and the kernel tells nothing of it when that goes again.
//! - [`Change::Hidden`]: something changed in a directory to which no path leads at the moment. It is to be listed once
//!   one does.
//! - [`Change::Away`]: something changed in a file system that was not where it is known to be mounted. What is mounted is to
//!   be asked for, and what is there again, or still, is to be walked.
//! - [`Change::Point`]: nobody's notice but that of whoever learned of it from the table of mounts.
//!
//! Changes in a directory that is gone are left out: its own end is reported.
//!
//! # Where to look
//! Paths change while one reads. A [`DirectoryKey`] names the directory by device and inode; its path is the one that led
//! there when the batch was made, and may lead elsewhere or nowhere when one looks. Who looks by path must therefore not take
//! "not found" for "gone": the name may be there still, in a directory that moved, and the notice of its move will not ask for
//! the name again. [`DirectoryKey::open`] opens the directory itself, wherever it is by then; [`DirectoryKey::now`] tells its
//! path of the moment.
//!
//! # What the kernel does not tell
//! - A new access time alone, set by path (utimensat(2)), moves the change time and is told only as an access; watching
//!   accesses would cost every reader. Such entries keep an old change time until the next walk.
//! - Writing through a shared mapping is told when the file is closed for the last time.
//! - Writing to the block device below a mounted file system.

use crate::entry::Attributes;
use std::fs::File;
use std::hash::{Hash, Hasher};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

pub mod event;
#[cfg(any(target_os = "linux", test))]
mod pending;

#[cfg(target_os = "linux")]
mod linux;
#[cfg(target_os = "linux")]
use linux::{Anchor, now, open};
#[cfg(target_os = "linux")]
pub use linux::{Waker, Watcher};

#[cfg(not(target_os = "linux"))]
mod unsupported;
#[cfg(not(target_os = "linux"))]
use unsupported::{Anchor, now, open};
#[cfg(not(target_os = "linux"))]
pub use unsupported::{Waker, Watcher};

/// A directory, however it may be called by now. Two are equal when device, inode, path and handle are: an inode may be
/// given out again, a handle is not.
#[derive(Clone, Debug)]
pub struct DirectoryKey {
    /// Device, as the table of mounts has it (on Btrfs: of the subvolume).
    pub device: (u32, u32),
    /// Inode.
    pub inode: u64,
    /// Absolute path that led there a moment ago.
    pub path: Vec<u8>,
    /// How to find it again wherever it is.
    anchor: Option<Arc<Anchor>>,
}

impl DirectoryKey {
    /// A directory that is known by its path alone.
    #[must_use]
    pub const fn new(device: (u32, u32), inode: u64, path: Vec<u8>) -> Self {
        Self {
            device,
            inode,
            path,
            anchor: None,
        }
    }

    /// Opens the directory, wherever it is by now. It cannot be unmounted until the file is closed.
    ///
    /// # Errors
    /// [`WatchError::Directory`] when it is gone (its source is then `NotFound`) or cannot be opened.
    pub fn open(&self) -> Result<File, WatchError> {
        open(self).map_err(|source| self.failed(source))
    }

    /// The same directory with the path of this moment.
    ///
    /// # Errors
    /// [`WatchError::Directory`] when it cannot be looked for.
    pub fn now(&self) -> Result<Sight, WatchError> {
        now(self).map_err(|source| self.failed(source))
    }

    fn failed(&self, source: std::io::Error) -> WatchError {
        WatchError::Directory {
            path: self.path.clone(),
            source,
        }
    }

    /// What is no other directory's, where it is known by its handle.
    #[must_use]
    pub fn identity(&self) -> Identity {
        let handle = self.anchor.as_ref().map(|anchor| anchor.handle());
        (self.device, self.inode, handle.map(Arc::clone))
    }
}

/// See [`DirectoryKey::identity`]: device, inode, handle.
pub type Identity = ((u32, u32), u64, Option<Arc<[u8]>>);

impl PartialEq for DirectoryKey {
    fn eq(&self, other: &Self) -> bool {
        self.path == other.path && self.identity() == other.identity()
    }
}

impl Eq for DirectoryKey {}

impl Hash for DirectoryKey {
    fn hash<H: Hasher>(&self, state: &mut H) {
        (&self.path, self.identity()).hash(state);
    }
}

/// Where a directory is.
#[derive(Clone, Debug)]
pub enum Sight {
    /// A path leads there.
    Here(DirectoryKey),
    /// Its path leads elsewhere: something is mounted over it.
    Hidden(DirectoryKey),
    /// It is removed, or lies in a part of the file system that is mounted nowhere.
    Gone,
    /// Its file system is not at these of the places where it is known to be mounted, and the others do not show it.
    Away(Vec<PathBuf>),
}

/// Where to look again. See the module's text for what each one asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// A name was created, written, removed, or got other attributes.
    Touched {
        /// The directory.
        directory: DirectoryKey,
        /// The name in it; `.` for the directory itself.
        name: Vec<u8>,
        /// Whether content may have changed. Not set, only attributes did, or the name is gone.
        written: bool,
    },
    /// A name became another.
    Renamed {
        /// Directory and name before.
        from: (DirectoryKey, Vec<u8>),
        /// Directory and name after.
        to: (DirectoryKey, Vec<u8>),
    },
    /// A file, under whatever name, was written, got other attributes, or got or lost a name.
    File {
        /// The mounts of its file system.
        mounts: Arc<[PathBuf]>,
        /// What it is now.
        attributes: Attributes,
        /// Whether content may have changed.
        written: bool,
    },
    /// Changes were lost.
    Lost {
        /// Where; everywhere when not known.
        mount: Option<PathBuf>,
    },
    /// Something was mounted, unmounted or moved.
    Mounts,
    /// Something changed in a directory that is there, and to which no path leads at the moment.
    Hidden {
        /// Which, with the path that it would have.
        directory: DirectoryKey,
    },
    /// Something changed in a file system that is at none of the places where it is known to be mounted.
    Away {
        /// These places.
        mounts: Vec<PathBuf>,
    },
    /// Something was mounted on a path, or what was mounted there is no longer.
    Point {
        /// Where.
        path: Vec<u8>,
    },
}

impl Change {
    /// Where it is, where that is one path.
    #[must_use]
    pub fn path(&self) -> Option<&[u8]> {
        match self {
            Self::Touched { directory, .. } | Self::Hidden { directory } => Some(&directory.path),
            Self::Renamed { to, .. } => Some(&to.0.path),
            Self::Point { path } => Some(path),
            Self::File { .. } | Self::Lost { .. } | Self::Mounts | Self::Away { .. } => None,
        }
    }
}

impl std::fmt::Display for Change {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let at = |directory: &DirectoryKey, name: &[u8]| {
            let path = crate::entry::join(&directory.path, name);
            format!("{} ({})", crate::text::readable(&path), directory.inode)
        };
        match self {
            Self::Touched {
                directory,
                name,
                written,
            } => {
                let how = if *written { "written" } else { "touched" };
                write!(f, "{how}: {}", at(directory, name))
            }
            Self::Renamed { from, to } => {
                write!(
                    f,
                    "renamed: {} to {}",
                    at(&from.0, &from.1),
                    at(&to.0, &to.1)
                )
            }
            Self::File {
                mounts, attributes, ..
            } => write!(f, "a file: inode {} at {mounts:?}", attributes.inode),
            Self::Lost { mount } => write!(f, "lost: {mount:?}"),
            Self::Mounts => write!(f, "the table of mounts"),
            Self::Hidden { directory } => write!(f, "hidden: {}", at(directory, b".")),
            Self::Away { mounts } => write!(f, "away: {mounts:?}"),
            Self::Point { path } => write!(f, "a point: {}", crate::text::readable(path)),
        }
    }
}

/// How to watch.
#[derive(Clone, Debug)]
pub struct Options {
    /// Folders where this process' own changes are not reported: those of the database.
    pub own_folders: Vec<PathBuf>,
    /// How the kernel keeps events until they are read.
    pub queue: Queue,
    /// How many bytes of joined changes wait at most for [`Watcher::next`]; beyond, they become [`Change::Lost`]. A change
    /// takes about 45 bytes, with a written file twice that. As much again may be in the hands of a caller who is in the middle of them.
    pub most_pending: usize,
    /// How long events gather in the kernel, where those of the same name are joined, before they are read. Part of the
    /// time from a change to its report; a busy log file costs one event in this time, not one for each line.
    pub gather: Duration,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            own_folders: Vec::new(),
            queue: Queue::Unlimited,
            most_pending: 12 << 20,
            gather: Duration::from_millis(100),
        }
    }
}

/// How the kernel keeps events until they are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Queue {
    /// As many as come. The default: the system's limit (16,384) is less than what one busy second brings, and each
    /// overflow costs a walk of everything. A thread of its own does nothing but empty the queue, into memory that *is*
    /// limited, so the kernel holds what comes within some [`Options::gather`] and no more.
    Unlimited,
    /// The limit of the system (`/proc/sys/fs/fanotify/max_queued_events`).
    Limited,
}

/// Failure to watch, or to go on watching.
#[derive(Debug, thiserror::Error)]
pub enum WatchError {
    /// Not on this system, or not with its kernel.
    #[error("this system cannot report changes of whole file systems")]
    Unsupported,
    /// The kernel refuses a group of watches (no right to, as a rule).
    #[error("the kernel gives no watch group (fanotify): root rights are needed")]
    Group(#[source] std::io::Error),
    /// A thread, or what it needs, cannot be had.
    #[error("cannot start the thread that reads changes")]
    Thread(#[source] std::io::Error),
    /// A mount cannot be opened.
    #[error("cannot open {}", .path.display())]
    Open {
        /// Which.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// Between two looks something else was mounted there. What is there then is watched after the next look.
    #[error("something else is mounted on {} by now", .path.display())]
    Another {
        /// Where.
        path: PathBuf,
    },
    /// The kernel does not watch this file system.
    #[error("the file system at {} cannot be watched", .path.display())]
    Mark {
        /// Which.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// Only a subvolume is mounted, and the file system as a whole, which could be watched, cannot be had.
    #[error("the file system of which {} shows a subvolume cannot be watched", .path.display())]
    Top {
        /// Which.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The kernel does not tell what is watched.
    #[error("cannot read which file systems are watched")]
    Marks(#[source] std::io::Error),
    /// The file system's directories cannot be found again by their handles.
    #[error("directories at {} cannot be opened by handle", .path.display())]
    Handles {
        /// Which.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// Events cannot be read any more.
    #[error("cannot read events of the kernel")]
    Read(#[source] std::io::Error),
    /// An event that makes no sense: this kernel speaks another dialect.
    #[error("an event of the kernel cannot be understood")]
    Event(#[from] event::EventError),
    /// Watching ended before; the reason was given then.
    #[error("watching has ended")]
    Ended,
    /// A directory is gone, or cannot be opened.
    #[error("the directory {} is no longer to be had", String::from_utf8_lossy(.path))]
    Directory {
        /// Which, as it was called.
        path: Vec<u8>,
        /// Why.
        #[source]
        source: std::io::Error,
    },
}
