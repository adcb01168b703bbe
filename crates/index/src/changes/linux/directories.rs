//! Finds directories by the handles of events: device, inode, and the path of the moment.
//!
//! What was found is kept, in bounded memory, until a directory somewhere is renamed or removed. Mounts are opened when
//! they are needed and let go soon after: an open directory would keep its file system from being unmounted.

use super::kernel;
use crate::changes::DirectoryKey;
use crate::changes::event::Handle;
use rustix::fs::{AtFlags, Mode, OFlags, Statx, StatxFlags};
use std::collections::HashMap;
use std::fs::File;
use std::io::{Error, ErrorKind};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::PathBuf;
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
    /// It is removed, or no path leads there.
    Gone,
    /// It could not be looked for: its file system is away, or something ran out.
    Failed,
}

/// Device and inode.
type Place = ((u32, u32), u64);

/// The directories of the watched file systems.
pub(super) struct Directories {
    mounts: HashMap<[u8; 8], Vec<PathBuf>>,
    open: HashMap<PathBuf, Option<Arc<OwnedFd>>>,
    /// Found since the younger half was full last, and before.
    young: HashMap<Arc<[u8]>, DirectoryKey>,
    old: HashMap<Arc<[u8]>, DirectoryKey>,
    moves: u64,
    /// Handles of the directories of the last batch.
    batch: HashMap<Place, Arc<[u8]>>,
}

impl Directories {
    pub(super) fn new() -> Self {
        Self {
            mounts: HashMap::new(),
            open: HashMap::new(),
            young: HashMap::new(),
            old: HashMap::new(),
            moves: 0,
            batch: HashMap::new(),
        }
    }

    pub(super) fn add(&mut self, file_system: [u8; 8], mount: PathBuf) {
        let mounts = self.mounts.entry(file_system).or_default();
        if !mounts.contains(&mount) {
            mounts.push(mount);
        }
    }

    pub(super) fn mounts(&self, file_system: [u8; 8]) -> &[PathBuf] {
        self.mounts
            .get(&file_system)
            .map(Vec::as_slice)
            .unwrap_or_default()
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

    pub(super) fn new_batch(&mut self) {
        self.batch.clear();
    }

    pub(super) fn find(&mut self, bytes: &Arc<[u8]>) -> Found {
        let kept = self.young.get(bytes).cloned();
        let kept = kept.or_else(|| {
            let (bytes, key) = self.old.remove_entry(bytes)?;
            self.keep(bytes, key.clone());
            Some(key)
        });
        let found = match kept {
            Some(key) => Found::Here(key),
            None => self.look(bytes),
        };
        if let Found::Here(key) = &found {
            let number = (key.device, key.inode);
            self.batch.insert(number, Arc::clone(bytes));
        }
        found
    }

    /// Opens a directory of the last batch for reading.
    pub(super) fn open(&mut self, key: &DirectoryKey) -> Result<File, Error> {
        let bytes = self.batch.get(&(key.device, key.inode)).cloned();
        let bytes = bytes.ok_or(ErrorKind::NotFound)?;
        let handle = Handle::new(&bytes).map_err(Error::other)?;
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOATIME | OFlags::NOFOLLOW;
        let roots = self.roots(handle);
        let mount = roots.first().ok_or(ErrorKind::NotFound)?;
        let open = kernel::open_by_handle(mount.as_fd(), handle.file_handle(), flags)?;
        // While somebody holds it open, a removed directory can still be had.
        if facts(open.as_fd(), c"", AtFlags::EMPTY_PATH)?.stx_nlink == 0 {
            return Err(ErrorKind::NotFound.into());
        }
        Ok(open.into())
    }

    fn keep(&mut self, bytes: Arc<[u8]>, key: DirectoryKey) {
        if self.young.len() >= KEPT {
            self.old = std::mem::take(&mut self.young);
        }
        self.young.insert(bytes, key);
    }

    fn look(&mut self, bytes: &Arc<[u8]>) -> Found {
        let Ok(handle) = Handle::new(bytes) else {
            return Found::Failed;
        };
        let mut found = Found::Failed;
        // Each mount may show another part of the file system.
        for mount in self.roots(handle) {
            match locate(mount.as_fd(), handle.file_handle()) {
                Ok(Some(key)) => {
                    self.keep(Arc::clone(bytes), key.clone());
                    return Found::Here(key);
                }
                Ok(None) => found = Found::Gone,
                Err(error) if error.raw_os_error() == Some(libc::ESTALE) => return Found::Gone,
                Err(_) => {}
            }
        }
        found
    }

    /// The open roots of the mounts of a handle's file system.
    fn roots(&mut self, handle: Handle<'_>) -> Vec<Arc<OwnedFd>> {
        let mounts = self.mounts.get(&handle.file_system());
        mounts
            .into_iter()
            .flatten()
            .filter_map(|mount| {
                let open = self.open.entry(mount.clone()).or_insert_with(|| {
                    let (root, file_system) = kernel::open_mount(mount).ok()?;
                    // Another file system may be mounted there by now.
                    (file_system == handle.file_system()).then(|| Arc::new(root))
                });
                open.clone()
            })
            .collect()
    }
}

/// Device, inode and path of the directory that a handle names; none if it is removed or no path leads there.
fn locate(mount: BorrowedFd<'_>, handle: &[u8]) -> Result<Option<DirectoryKey>, Error> {
    let directory = open_found(mount, handle)?;
    let facts = facts(directory.as_fd(), c"", AtFlags::EMPTY_PATH)?;
    if facts.stx_nlink == 0 {
        return Ok(None);
    }
    let mut path = path_of(directory.as_fd())?;
    for _ in 0..ATTEMPTS {
        // The kernel tells a path also for what another mount hides, and for what lies outside of the mounted part.
        if leads_to(&path, &facts) {
            break;
        }
        let again = path_of(directory.as_fd())?;
        if again == path {
            return Ok(None);
        }
        path = again;
    }
    Ok(Some(DirectoryKey {
        device: (facts.stx_dev_major, facts.stx_dev_minor),
        inode: facts.stx_ino,
        path,
    }))
}

/// The kernel says that memory ran out also of a directory that is just being removed (seen on ext4, Linux 6.18); a moment
/// later it says the truth.
fn open_found(mount: BorrowedFd<'_>, handle: &[u8]) -> Result<OwnedFd, Error> {
    let begin = Instant::now();
    loop {
        match kernel::open_by_handle(mount, handle, OFlags::PATH) {
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
    one.stx_ino == other.stx_ino
        && one.stx_dev_major == other.stx_dev_major
        && one.stx_dev_minor == other.stx_dev_minor
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
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC | OFlags::NOATIME;
        let parent = rustix::fs::openat(&above, c"..", flags, Mode::empty())?;
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
