//! Storms of changes: whoever looks wherever the watcher says ends with exactly what is there.

use super::ground::{Ground, PATIENCE, on_each, watch};
use index::changes::{Change, DirectoryKey, Options, Queue};
use rustix::fs::{AtFlags, CWD, Dir, Mode, OFlags, RenameFlags, StatxFlags, renameat_with};
use std::collections::{BTreeMap, HashMap, HashSet};
use std::ffi::OsStr;
use std::fs::{self, OpenOptions};
use std::io::Write;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// An inode, told from a later one of the same number by its birth.
type Id = (u64, i64, u32);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Facts {
    mode: u16,
    size: u64,
    modified: (i64, u32),
}

/// What one knows who looks where the watcher says, and nowhere else.
struct Mirror {
    root: Id,
    root_path: PathBuf,
    /// Names of each directory.
    names: HashMap<Id, BTreeMap<Vec<u8>, Id>>,
    /// Where each directory was seen last.
    above: HashMap<Id, (Id, Vec<u8>)>,
    facts: HashMap<Id, Facts>,
    changes: usize,
    lost: usize,
}

fn look(at: BorrowedFd<'_>, name: &[u8]) -> Option<(Id, Facts)> {
    let flags = AtFlags::SYMLINK_NOFOLLOW | AtFlags::EMPTY_PATH;
    let wanted = StatxFlags::BASIC_STATS | StatxFlags::BTIME;
    let found = rustix::fs::statx(at, OsStr::from_bytes(name), flags, wanted).ok()?;
    let id = (
        found.stx_ino,
        found.stx_btime.tv_sec,
        found.stx_btime.tv_nsec,
    );
    let directory = found.stx_mode & 0o170_000 == 0o040_000;
    let facts = Facts {
        mode: found.stx_mode,
        // A directory's own size and time are its parent's affair here.
        size: if directory { 0 } else { found.stx_size },
        modified: if directory {
            (0, 0)
        } else {
            (found.stx_mtime.tv_sec, found.stx_mtime.tv_nsec)
        },
    };
    Some((id, facts))
}

fn is_directory(facts: &Facts) -> bool {
    facts.mode & 0o170_000 == 0o040_000
}

fn open(at: BorrowedFd<'_>, name: &[u8]) -> Option<OwnedFd> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    rustix::fs::openat(at, OsStr::from_bytes(name), flags, Mode::empty()).ok()
}

impl Mirror {
    fn new(root: &Path) -> Self {
        let open = open(CWD, root.as_os_str().as_bytes()).unwrap();
        let (id, _) = look(open.as_fd(), b"").unwrap();
        let mut mirror = Self {
            root: id,
            root_path: root.to_owned(),
            names: HashMap::new(),
            above: HashMap::new(),
            facts: HashMap::new(),
            changes: 0,
            lost: 0,
        };
        mirror.list(open.as_fd(), id);
        mirror
    }

    fn list(&mut self, directory: BorrowedFd<'_>, id: Id) {
        self.names.insert(id, BTreeMap::new());
        for entry in Dir::read_from(directory).unwrap() {
            let Ok(entry) = entry else { break };
            let name = entry.file_name().to_bytes();
            if name != b"." && name != b".." {
                self.look_at(directory, id, name, true);
            }
        }
    }

    fn look_at(&mut self, at: BorrowedFd<'_>, directory: Id, name: &[u8], list: bool) {
        let Some((id, facts)) = look(at, name) else {
            let gone = self.names.get_mut(&directory).and_then(|n| n.remove(name));
            self.forget(gone, directory, name);
            return;
        };
        let Some(names) = self.names.get_mut(&directory) else {
            return;
        };
        let before = names.insert(name.to_vec(), id);
        if before != Some(id) {
            self.forget(before, directory, name);
        }
        self.facts.insert(id, facts);
        if is_directory(&facts) {
            self.above.insert(id, (directory, name.to_vec()));
            if list || !self.names.contains_key(&id) {
                // It may be gone again, or be another: that will be told.
                if let Some(open) = open(at, name) {
                    self.list(open.as_fd(), id);
                }
            }
        }
    }

    fn forget(&mut self, id: Option<Id>, directory: Id, name: &[u8]) {
        let Some(id) = id else { return };
        let here = (directory, name.to_vec());
        if self.above.get(&id) == Some(&here) {
            self.above.remove(&id);
            for (name, below) in self.names.remove(&id).unwrap_or_default() {
                self.forget(Some(below), id, &name);
            }
        }
    }

    fn follow(&mut self, change: &Change) {
        self.changes += 1;
        let there = |mirror: &mut Self, key: &DirectoryKey, name: &[u8], list: bool| {
            let Ok(open) = key.open() else {
                return;
            };
            let Some((id, _)) = look(open.as_fd(), b"") else {
                return;
            };
            // A directory not known yet is listed when its own name is looked at.
            if name == b"." {
                if let Some((_, facts)) = look(open.as_fd(), b"") {
                    mirror.facts.insert(id, facts);
                }
            } else if mirror.names.contains_key(&id) {
                mirror.look_at(open.as_fd(), id, name, list);
            }
        };
        match change {
            Change::Touched {
                directory,
                name,
                written,
            } => there(self, directory, name, *written),
            Change::Renamed { from, to } => {
                there(self, &to.0, &to.1, false);
                there(self, &from.0, &from.1, false);
            }
            Change::File { attributes, .. } => {
                let (inode, born) = (attributes.inode, attributes.btime.unwrap_or_default());
                let id = (
                    inode,
                    born.div_euclid(1_000_000_000),
                    born.rem_euclid(1_000_000_000) as u32,
                );
                if let Some(facts) = self.facts.get_mut(&id) {
                    *facts = Facts {
                        mode: attributes.mode as u16,
                        size: attributes.size,
                        modified: (
                            attributes.mtime.div_euclid(1_000_000_000),
                            attributes.mtime.rem_euclid(1_000_000_000) as u32,
                        ),
                    };
                }
            }
            Change::Mounts | Change::Hidden { .. } | Change::Away { .. } | Change::Point { .. } => {
            }
            Change::Lost { .. } => {
                let (changes, lost) = (self.changes, self.lost + 1);
                *self = Self::new(&self.root_path);
                (self.changes, self.lost) = (changes, lost);
            }
        }
    }

    /// Every path with its facts.
    fn paths(&self) -> BTreeMap<Vec<u8>, (Id, Facts)> {
        let mut paths = BTreeMap::new();
        let mut open = vec![(self.root, Vec::new())];
        while let Some((directory, path)) = open.pop() {
            for (name, id) in self.names.get(&directory).into_iter().flatten() {
                let path = [&path, b"/".as_slice(), name].concat();
                let facts = self.facts[id];
                if is_directory(&facts) {
                    open.push((*id, path.clone()));
                }
                paths.insert(path, (*id, facts));
            }
        }
        paths
    }
}

/// Numbers that look like chance and are the same each time.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % sides as u64) as usize
    }
}

/// Makes, writes, renames and removes `files` files among few names and directories, so that all of it meets.
pub(super) fn rage(root: &Path, seed: u64, files: usize) {
    let mut dice = Dice(seed);
    let directories: Vec<PathBuf> = ["a", "a/b", "a/b/c", "d", "d/e", "f"]
        .iter()
        .map(|name| root.join(name))
        .collect();
    let mut done = 0;
    while done < files {
        let directory = &directories[dice.roll(directories.len())];
        let file = directory.join(format!("file{}", dice.roll(300)));
        let other = &directories[dice.roll(directories.len())];
        let other_file = other.join(format!("file{}", dice.roll(300)));
        // Any of it may fail: the other one was faster.
        match dice.roll(20) {
            0..=6 => {
                done += usize::from(fs::write(&file, vec![1; dice.roll(100)]).is_ok());
            }
            7..=9 => {
                let open = OpenOptions::new().append(true).open(&file);
                open.and_then(|mut open| open.write_all(b"more")).ok();
            }
            10..=12 => {
                fs::rename(&file, &other_file).ok();
            }
            13..=15 => {
                fs::remove_file(&file).ok();
            }
            16 => {
                let mode = 0o600 | (dice.roll(8) as u32);
                fs::set_permissions(&file, fs::Permissions::from_mode(mode)).ok();
                fs::set_permissions(directory, fs::Permissions::from_mode(0o700 | mode)).ok();
            }
            17 => {
                fs::hard_link(&file, &other_file).ok();
            }
            18 => {
                renameat_with(CWD, &file, CWD, &other_file, RenameFlags::EXCHANGE).ok();
            }
            _ => match dice.roll(8) {
                0 => {
                    fs::rename(directory, other).ok();
                }
                1 => {
                    fs::rename(directory, root.join("g")).ok();
                    fs::rename(root.join("g"), other).ok();
                }
                2 => {
                    fs::remove_dir_all(directory).ok();
                }
                _ => {
                    fs::create_dir_all(directory).ok();
                }
            },
        }
    }
}

/// `flood` directories of different names are made at the same time: those the kernel cannot join.
fn storm(ground: &Ground, options: &Options, flood: usize) -> Mirror {
    let files = 20_000;
    let root = &ground.root;
    fs::create_dir_all(root.join("a/b/c")).unwrap();
    let mut watcher = watch(ground, options);
    let mut mirror = Mirror::new(root);
    let waker = watcher.waker();
    let begin = Instant::now();
    let ended = std::thread::scope(|scope| {
        let ragers = [0x9e37_79b9_7f4a_7c15, 0x2545_f491_4f6c_dd1d]
            .map(|seed| scope.spawn(move || rage(root, seed, files / 2)));
        let mark = scope.spawn(move || {
            for number in 0..flood {
                fs::create_dir(root.join(number.to_string())).unwrap();
            }
            for rager in ragers {
                rager.join().unwrap();
            }
            fs::write(root.join("mark"), b"").unwrap();
            waker.wake();
            Instant::now()
        });
        while !mirror.names[&mirror.root].contains_key(b"mark".as_slice()) {
            assert!(begin.elapsed() < PATIENCE * 3, "the last change never came");
            for change in watcher.next(PATIENCE).unwrap() {
                mirror.follow(&change);
            }
        }
        mark.join().unwrap()
    });
    eprintln!(
        "{}: {files} files in {:?}, known {:?} later; {} changes, lost {}",
        ground.kind,
        ended.duration_since(begin),
        ended.elapsed(),
        mirror.changes,
        mirror.lost
    );
    let (known, there) = (mirror.paths(), Mirror::new(root).paths());
    let differences: Vec<_> = there
        .keys()
        .chain(known.keys())
        .collect::<HashSet<_>>()
        .into_iter()
        .filter(|path| known.get(*path) != there.get(*path))
        .map(|path| {
            (
                String::from_utf8_lossy(path),
                known.get(path),
                there.get(path),
            )
        })
        .collect();
    assert!(differences.is_empty(), "{}: {differences:?}", ground.kind);
    mirror
}

#[test]
fn looking_where_told_ends_with_the_truth() {
    on_each(|ground| {
        let mirror = storm(ground, &Options::default(), 0);
        assert_eq!(mirror.lost, 0);
    });
}

#[test]
fn and_so_it_does_when_changes_are_lost() {
    on_each(|ground| {
        let options = Options {
            most_pending: 3_000,
            gather: Duration::from_millis(200),
            ..Options::default()
        };
        let mirror = storm(ground, &options, 0);
        assert!(mirror.lost > 0);
    });
}

#[test]
fn and_when_the_kernel_loses_them() {
    on_each(|ground| {
        let options = Options {
            queue: Queue::Limited,
            // Nothing is read until all is over.
            gather: Duration::from_secs(3600),
            ..Options::default()
        };
        let limit = fs::read_to_string("/proc/sys/fs/fanotify/max_queued_events").unwrap();
        let limit: usize = limit.trim().parse().unwrap();
        let mirror = storm(ground, &options, limit + 1_000);
        assert!(mirror.lost > 0);
    });
}
