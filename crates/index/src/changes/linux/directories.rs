//! Finds directories by the handles of events: device, inode, and the path of the moment. And files: what they are now.
//!
//! What was found is kept, in bounded memory, until a directory somewhere is renamed or removed. Mounts are opened when
//! they are needed and let go soon after: an open directory would keep its file system from being unmounted.

use super::kernel;
use crate::changes::event::Handle;
use crate::changes::{DirectoryKey, Sight, WatchError};
use crate::entry::{Attributes, Kind};
use crate::walk;
use rustix::fs::{AtFlags, Mode, OFlags, Statx, StatxFlags};
use std::collections::HashMap;
use std::fs::File;
use std::io::{Error, ErrorKind};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Directories kept in each of two halves; with their paths about one megabyte in all.
const KEPT: usize = 2048;
/// How long to wait for the end of a removal.
const A_MOMENT: Duration = Duration::from_millis(250);
/// Attempts to catch the path of a directory that is renamed all the time.
const ATTEMPTS: usize = 8;

/// What came of looking for a directory.
#[derive(Clone)]
pub(super) enum Found {
    /// It is there.
    Here(DirectoryKey),
    /// It is removed, nothing shows this part, or its file system is not watched any more.
    Gone,
    /// It may be in what was at these places.
    Away(Vec<PathBuf>),
    /// It is there, and its path leads elsewhere: something is mounted over it.
    Hidden(DirectoryKey),
    /// It could not be looked for: its file system is away, or something ran out.
    Failed,
}

/// A file that was found.
pub(super) struct FoundFile {
    /// The mounts of its file system.
    pub(super) mounts: Arc<[PathBuf]>,
    /// What it is now.
    pub(super) attributes: Attributes,
}

/// How to find a directory again: its handle, and the mounts of its file system.
#[derive(Debug)]
pub(in crate::changes) struct Anchor {
    handle: Arc<[u8]>,
    roots: Arc<[Root]>,
}

impl Anchor {
    pub(in crate::changes) fn handle(&self) -> &Arc<[u8]> {
        &self.handle
    }
}

/// A mount of a watched file system. Another one on the same point may show another part of it, or for a moment another
/// file system: what is looked for through that is not found where it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::changes) struct Root {
    /// Where it is.
    pub(super) mount: PathBuf,
    /// The number that its file system has there: that of a subvolume is not the one which events carry.
    pub(super) number: [u8; 8],
    /// Its own number, where the system tells it.
    pub(super) id: Option<u64>,
}

/// The mounts of a watched file system.
#[derive(Clone, Default)]
struct Mounts {
    paths: Arc<[PathBuf]>,
    roots: Arc<[Root]>,
}

/// The directories of the watched file systems.
pub(super) struct Directories {
    mounts: HashMap<[u8; 8], Mounts>,
    open: HashMap<PathBuf, Option<Arc<OwnedFd>>>,
    /// Found since the younger half was full last, and before.
    young: HashMap<Arc<[u8]>, DirectoryKey>,
    old: HashMap<Arc<[u8]>, DirectoryKey>,
    moves: u64,
}

impl Directories {
    pub(super) fn new() -> Self {
        Self {
            mounts: HashMap::new(),
            open: HashMap::new(),
            young: HashMap::new(),
            old: HashMap::new(),
            moves: 0,
        }
    }

    /// A mount of the file system whose events carry this number.
    pub(super) fn add(&mut self, file_system: [u8; 8], root: Root) {
        let mounts = self.mounts.entry(file_system).or_default();
        mounts.paths = mounts.paths.iter().chain([&root.mount]).cloned().collect();
        mounts.roots = mounts.roots.iter().cloned().chain([root]).collect();
        self.forget();
    }

    /// Drops the other mounts, and the file systems of which none is left.
    pub(super) fn keep_mounts(&mut self, keep: impl Fn(&Path) -> bool) {
        for mounts in self.mounts.values_mut() {
            if mounts.paths.iter().all(|path| keep(path)) {
                continue;
            }
            mounts.paths = mounts.paths.iter().filter(|p| keep(p)).cloned().collect();
            let roots = mounts.roots.iter().filter(|root| keep(&root.mount));
            mounts.roots = roots.cloned().collect();
        }
        self.mounts.retain(|_, mounts| !mounts.paths.is_empty());
        self.forget();
    }

    pub(super) fn mounts(&self, file_system: [u8; 8]) -> &[PathBuf] {
        self.mounts
            .get(&file_system)
            .map(|mounts| &*mounts.paths)
            .unwrap_or_default()
    }

    fn forget(&mut self) {
        self.young.clear();
        self.old.clear();
        self.open.clear();
    }

    /// Closes what was opened.
    pub(super) fn let_go(&mut self) {
        self.open.clear();
    }

    /// Forgets paths when directories moved since it was last told.
    pub(super) fn moved(&mut self, moves: u64) {
        if self.moves != moves {
            self.moves = moves;
            self.young.clear();
            self.old.clear();
        }
    }

    pub(super) fn find(&mut self, bytes: &Arc<[u8]>) -> Found {
        if let Some(key) = self.young.get(bytes) {
            return Found::Here(key.clone());
        }
        if let Some((bytes, key)) = self.old.remove_entry(bytes) {
            self.keep(bytes, key.clone());
            return Found::Here(key);
        }
        let Ok(handle) = Handle::new(bytes) else {
            return Found::Failed;
        };
        let Some(mounts) = self.mounts.get(&handle.file_system()).cloned() else {
            return Found::Gone;
        };
        let anchor = Arc::new(Anchor {
            handle: Arc::clone(bytes),
            roots: mounts.roots,
        });
        let roots: Vec<_> = anchor.roots.iter().map(|root| self.root(root)).collect();
        match look(anchor.roots.iter().zip(roots), handle, &anchor) {
            Ok(Sight::Here(key)) => {
                self.keep(Arc::clone(bytes), key.clone());
                Found::Here(key)
            }
            Ok(Sight::Hidden(key)) => Found::Hidden(key),
            Ok(Sight::Gone) => Found::Gone,
            Ok(Sight::Away(mounts)) => Found::Away(mounts),
            Err(_) => Found::Failed,
        }
    }

    /// What a file is now, of whatever kind; none when it has no name any more, is a directory, or its file system is away.
    ///
    /// # Errors
    /// As open_by_handle_at(2).
    pub(super) fn file(&mut self, handle: Handle<'_>) -> Result<Option<FoundFile>, Error> {
        let Some(mounts) = self.mounts.get(&handle.file_system()).cloned() else {
            return Ok(None);
        };
        let mut roots = mounts.roots.iter().map(|root| self.root(root));
        let Some(root) = roots.find_map(Result::transpose).transpose()? else {
            return Ok(None);
        };
        let file = match open_found(root.as_fd(), handle.file_handle(), OFlags::PATH) {
            Err(error) if error.raw_os_error() == Some(libc::ESTALE) => return Ok(None),
            outcome => outcome?,
        };
        let now = walk::Open::attributes_of(file.as_fd())?;
        let meant = now.links > 0 && now.kind() != Kind::Directory;
        Ok(meant.then_some(FoundFile {
            mounts: mounts.paths,
            attributes: now,
        }))
    }

    fn root(&mut self, root: &Root) -> Result<Option<Arc<OwnedFd>>, Error> {
        if let Some(open) = self.open.get(&root.mount) {
            return Ok(open.clone());
        }
        let open = open_root(root)?.map(Arc::new);
        self.open.insert(root.mount.clone(), open.clone());
        Ok(open)
    }

    fn keep(&mut self, bytes: Arc<[u8]>, key: DirectoryKey) {
        if self.young.len() >= KEPT {
            self.old = std::mem::take(&mut self.young);
        }
        self.young.insert(bytes, key);
    }
}

/// Opens a directory for reading: by its handle, or else by its path if that leads to it.
pub(in crate::changes) fn open(key: &DirectoryKey) -> Result<File, Error> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW;
    let open = if let Some(anchor) = &key.anchor {
        let handle = Handle::new(&anchor.handle).map_err(Error::other)?;
        // Through the mount that shows it where its path says: what is mounted in a directory is so through one mount and not
        // through another.
        let (shows, others): (Vec<&Root>, Vec<&Root>) = anchor
            .roots
            .iter()
            .partition(|root| within(&key.path, root));
        let mut roots = shows.into_iter().chain(others).map(open_root);
        let root = roots.find_map(Result::transpose).transpose()?;
        let root = root.ok_or(ErrorKind::NotFound)?;
        let open = |quiet| open_found(root.as_fd(), handle.file_handle(), flags | quiet);
        walk::quietly(open).map_err(|error| match error.raw_os_error() {
            Some(libc::ESTALE) => ErrorKind::NotFound.into(),
            _ => error,
        })?
    } else {
        let flags = flags | OFlags::CLOEXEC;
        walk::quietly(|quiet| Ok(rustix::fs::open(&*key.path, flags | quiet, Mode::empty())?))?
    };
    let facts = facts(open.as_fd(), c"", AtFlags::EMPTY_PATH)?;
    // While somebody holds it open, a removed directory can still be had.
    if facts.stx_nlink == 0 || identity(&facts) != (key.device, key.inode) {
        return Err(ErrorKind::NotFound.into());
    }
    Ok(open.into())
}

/// The directory with its path of this moment.
pub(in crate::changes) fn now(key: &DirectoryKey) -> Result<Sight, Error> {
    let Some(anchor) = &key.anchor else {
        return match open(key) {
            Ok(_) => Ok(Sight::Here(key.clone())),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(Sight::Gone),
            Err(error) => Err(error),
        };
    };
    let handle = Handle::new(&anchor.handle).map_err(Error::other)?;
    let roots = anchor.roots.iter().map(|root| (root, open_root(root)));
    look(roots, handle, anchor)
}

/// The root of a mount; none when its file system is not mounted there (any more).
fn open_root(root: &Root) -> Result<Option<OwnedFd>, Error> {
    match kernel::open_mount(&root.mount) {
        Ok(found) => {
            let is = found.file_system == root.number && found.mount == root.id;
            Ok(is.then_some(found.root))
        }
        Err(WatchError::Open { source, .. }) => match source.raw_os_error() {
            Some(libc::ENOENT | libc::ENOTDIR | libc::ELOOP | libc::ESTALE | libc::EACCES) => {
                Ok(None)
            }
            _ => Err(source),
        },
        Err(other) => Err(Error::other(other)),
    }
}

/// Looks for a directory through each mount: each may show another part of the file system.
fn look<'a>(
    roots: impl Iterator<Item = (&'a Root, Result<Option<impl AsFd>, Error>)>,
    handle: Handle<'_>,
    anchor: &Arc<Anchor>,
) -> Result<Sight, Error> {
    let mut hidden = None;
    let mut elsewhere = None;
    let mut failed = None;
    let mut away = Vec::new();
    for (root, open) in roots {
        let located = match open {
            Ok(None) => {
                away.push(root.mount.clone());
                continue;
            }
            Ok(Some(open)) => locate(open.as_fd(), handle.file_handle()),
            Err(error) => Err(error),
        };
        let keyed = |mut key: DirectoryKey| {
            key.anchor = Some(Arc::clone(anchor));
            key
        };
        match located {
            // A mount that was added for a folder of it shows more than that folder, and the folder may lie in another one.
            Ok(Sight::Here(key)) if !within(&key.path, root) => {
                elsewhere = elsewhere.or(Some(keyed(key)));
            }
            Ok(Sight::Here(key)) => return Ok(Sight::Here(keyed(key))),
            // What the mount does not show at all has no path there.
            Ok(Sight::Hidden(key)) if !within(&key.path, root) => {}
            Ok(Sight::Hidden(key)) => hidden = hidden.or(Some(keyed(key))),
            Ok(Sight::Gone | Sight::Away(_)) => {}
            Err(error) if error.raw_os_error() == Some(libc::ESTALE) => return Ok(Sight::Gone),
            Err(error) => failed = Some(error),
        }
    }
    match (hidden, failed, elsewhere) {
        (Some(key), ..) => Ok(Sight::Hidden(key)),
        (None, Some(error), _) => Err(error),
        // It may lie in the part that one of these shows.
        (None, None, _) if !away.is_empty() => Ok(Sight::Away(away)),
        (None, None, Some(key)) => Ok(Sight::Here(key)),
        (None, None, None) => Ok(Sight::Gone),
    }
}

fn within(path: &[u8], root: &Root) -> bool {
    crate::mounts::within(path, root.mount.as_os_str().as_bytes())
}

/// Device, inode and path of the directory that a handle names.
fn locate(mount: BorrowedFd<'_>, handle: &[u8]) -> Result<Sight, Error> {
    let directory = open_found(mount, handle, OFlags::PATH)?;
    let facts = facts(directory.as_fd(), c"", AtFlags::EMPTY_PATH)?;
    if facts.stx_nlink == 0 {
        return Ok(Sight::Gone);
    }
    let (device, inode) = identity(&facts);
    let mut path = path_of(directory.as_fd())?;
    for _ in 0..ATTEMPTS {
        // The kernel tells a path also for what another mount hides, and for what lies outside of the mounted part.
        if leads_to(&path, &facts) {
            break;
        }
        let again = path_of(directory.as_fd())?;
        // It may have been moved away and back meanwhile.
        if again == path && !leads_to(&path, &facts) {
            return Ok(Sight::Hidden(DirectoryKey::new(device, inode, path)));
        }
        path = again;
    }
    Ok(Sight::Here(DirectoryKey::new(device, inode, path)))
}

/// The kernel says that memory ran out also of a directory that is just being removed (seen on ext4, Linux 6.18); a moment
/// later it says the truth.
fn open_found(mount: BorrowedFd<'_>, handle: &[u8], flags: OFlags) -> Result<OwnedFd, Error> {
    let begin = Instant::now();
    loop {
        match kernel::open_by_handle(mount, handle, flags) {
            Err(error)
                if error.raw_os_error() == Some(libc::ENOMEM) && begin.elapsed() < A_MOMENT =>
            {
                std::thread::sleep(Duration::from_millis(1));
            }
            result => return result,
        }
    }
}

fn facts(
    directory: BorrowedFd<'_>,
    name: impl rustix::path::Arg,
    flags: AtFlags,
) -> Result<Statx, Error> {
    let flags = flags | AtFlags::SYMLINK_NOFOLLOW | AtFlags::NO_AUTOMOUNT;
    let wanted = StatxFlags::INO | StatxFlags::NLINK | StatxFlags::TYPE;
    Ok(rustix::fs::statx(directory, name, flags, wanted)?)
}

fn leads_to(path: &[u8], there: &Statx) -> bool {
    match facts(rustix::fs::CWD, path, AtFlags::empty()) {
        Ok(here) => same(&here, there),
        // A path that is too long to ask for was put together from what was found.
        Err(error) => error.raw_os_error() == Some(libc::ENAMETOOLONG),
    }
}

fn same(one: &Statx, other: &Statx) -> bool {
    identity(one) == identity(other)
}

/// Device and inode.
const fn identity(facts: &Statx) -> ((u32, u32), u64) {
    ((facts.stx_dev_major, facts.stx_dev_minor), facts.stx_ino)
}

/// The path of an open directory. The kernel tells none longer than a page: then it is put together on the way up.
fn path_of(directory: BorrowedFd<'_>) -> Result<Vec<u8>, Error> {
    use std::os::fd::AsRawFd;
    let told = |fd: BorrowedFd<'_>| {
        rustix::fs::readlink(format!("/proc/self/fd/{}", fd.as_raw_fd()), Vec::new())
    };
    let mut above: OwnedFd = match told(directory) {
        Ok(path) => return Ok(path.into_bytes()),
        Err(rustix::io::Errno::NAMETOOLONG) => directory.try_clone_to_owned()?,
        Err(error) => return Err(error.into()),
    };
    let mut names: Vec<Vec<u8>> = Vec::new();
    loop {
        let here = facts(above.as_fd(), c"", AtFlags::EMPTY_PATH)?;
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let parent = walk::quietly(|quiet| {
            Ok(rustix::fs::openat(
                &above,
                c"..",
                flags | quiet,
                Mode::empty(),
            )?)
        })?;
        names.push(name_in(&parent, &here)?);
        match told(parent.as_fd()) {
            Ok(path) => {
                let mut path = path.into_bytes();
                for name in names.iter().rev() {
                    path.push(b'/');
                    path.extend_from_slice(name);
                }
                return Ok(path);
            }
            Err(rustix::io::Errno::NAMETOOLONG) => above = parent,
            Err(error) => return Err(error.into()),
        }
    }
}

fn name_in(parent: &OwnedFd, child: &Statx) -> Result<Vec<u8>, Error> {
    for entry in rustix::fs::Dir::read_from(parent)? {
        let entry = entry?;
        let name = entry.file_name();
        if entry.ino() == child.stx_ino
            && facts(parent.as_fd(), name, AtFlags::empty()).is_ok_and(|it| same(&it, child))
        {
            return Ok(name.to_bytes().to_vec());
        }
    }
    Err(ErrorKind::NotFound.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_inode_that_is_given_out_again_is_another_directory() {
        let of = |handle: &[u8]| {
            let mut key = DirectoryKey::new((7, 1), 20, b"/tree/d".to_vec());
            key.anchor = Some(Arc::new(Anchor {
                handle: handle.into(),
                roots: Arc::default(),
            }));
            key
        };
        let (gone, now) = (of(b"first"), of(b"second"));
        assert_ne!(gone, now);
        assert_ne!(gone.identity(), now.identity());
        assert_eq!(now, of(b"second"));
    }
}
