//! Network namespaces: which there are, and reading the sockets of each.
//!
//! Containers, services with `PrivateNetwork=` and `ip netns` have a network of their own, whose sockets no table of this
//! one shows. A namespace is found by the processes and threads in it, by what mounts it, and by who has it open. It is
//! told apart by the inode of a table in it, which everybody may ask for; only its number needs the right to look into
//! its processes.

use super::tables::{self, Socket};
use crate::disk;
use crate::framework::{Notes, SensorError};
use crate::processes::container;
use crate::text;
use procfs::process::Process;
use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};
use std::collections::{HashMap, HashSet};
use std::fs::File;
use std::os::fd::AsFd;
use std::os::unix::ffi::OsStringExt;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// Of this thread, where a run of a sensor may be alone in a namespace.
const OWN: &str = "/proc/thread-self";
/// Namespaces told at most; a machine that has more is told so.
const SPACES_MAX: usize = 10_000;

/// A namespace.
pub struct Space {
    /// `None` for the one this run is in.
    way: Option<Way>,
    /// Its number; `None` where we may not know.
    number: Option<u64>,
    /// What to call it: where it is mounted, else its number. Empty for the one this run is in.
    pub name: Vec<u8>,
    /// Container of a process in it.
    pub container: Vec<u8>,
}

/// How to read its tables.
struct Way {
    /// A folder `net` of a process in it, where there is one.
    folder: Option<PathBuf>,
    /// To go into it.
    handle: Option<File>,
}

/// The namespaces of a machine.
pub struct Spaces {
    found: Vec<Space>,
    /// Where each is among them, by the inode of a table.
    tables: HashMap<u64, usize>,
    numbers: HashSet<u64>,
    mounts: HashSet<PathBuf>,
    full: bool,
}

impl Spaces {
    /// The one this run is in.
    ///
    /// # Errors
    /// [`SensorError::Read`] when there is no process file system.
    pub fn own() -> Result<Self, SensorError> {
        let table =
            table_of(Path::new(OWN)).map_err(|e| SensorError::reading(format!("{OWN}/net"), e))?;
        let number = number_of(Path::new(OWN));
        Ok(Self {
            found: vec![Space {
                way: None,
                number,
                name: Vec::new(),
                container: Vec::new(),
            }],
            tables: HashMap::from([(table, 0)]),
            numbers: number.into_iter().collect(),
            mounts: HashSet::new(),
            full: false,
        })
    }

    /// Takes in the namespace of a process or of a thread.
    pub fn process(&mut self, process: &Process, folder: &Path, notes: &Notes) {
        // One that ended has none.
        let Ok(table) = table_of(folder) else { return };
        if let Some(known) = self.tables.get(&table) {
            // Where the first did not let us look, another may.
            if let Some(space) = self.found.get_mut(*known) {
                let number = space.complete(process, folder, notes);
                self.numbers.extend(number);
            }
            return;
        }
        if !self.room(notes) {
            return;
        }
        self.tables.insert(table, self.found.len());
        let mut space = Space {
            way: Some(Way {
                folder: Some(folder.join("net")),
                handle: None,
            }),
            number: None,
            name: b"another".to_vec(),
            container: Vec::new(),
        };
        self.numbers.extend(space.complete(process, folder, notes));
        self.found.push(space);
    }

    /// Takes in a namespace that a process has open.
    pub fn open(&mut self, link: &[u8], path: &Path, notes: &Notes) {
        let Some(number) = numbered(link) else { return };
        if !self.numbers.contains(&number) && self.room(notes) {
            match File::open(path) {
                Ok(handle) => self.held(number, handle, format!("net:[{number}]").into()),
                Err(e) => notes.missed(path, e),
            }
        }
    }

    /// Takes in the namespaces that a process sees mounted, as `ip netns` does, and their names.
    pub fn mounted(&mut self, folder: &Path, notes: &Notes) {
        // One file for each set of mounts is enough.
        let Ok(set) = std::fs::read_link(folder.join("ns/mnt")) else {
            return;
        };
        if !self.mounts.insert(set) {
            return;
        }
        let path = folder.join("mountinfo");
        let bytes = disk::read_if_there(&path, disk::CONFIG_MAX, notes).unwrap_or_default();
        for (number, at) in text::lines(&bytes).filter_map(mount_of_namespace) {
            let name = at
                .rsplit(|b| *b == b'/')
                .next()
                .unwrap_or_default()
                .to_vec();
            if let Some(known) = self.found.iter_mut().find(|s| s.number == Some(number)) {
                if known.way.is_some() && known.name.starts_with(b"net:[") {
                    known.name = name;
                }
                continue;
            }
            if !self.room(notes) {
                return;
            }
            let mut full = folder.join("root").into_os_string().into_vec();
            full.extend_from_slice(&at);
            let full = PathBuf::from(std::ffi::OsString::from_vec(full));
            match File::open(&full) {
                Ok(handle) => self.held(number, handle, name),
                Err(e) => notes.missed(&full, e),
            }
        }
    }

    fn held(&mut self, number: u64, handle: File, name: Vec<u8>) {
        self.numbers.insert(number);
        self.found.push(Space {
            way: Some(Way {
                folder: None,
                handle: Some(handle),
            }),
            number: Some(number),
            name,
            container: Vec::new(),
        });
    }

    fn room(&mut self, notes: &Notes) -> bool {
        let room = self.found.len() < SPACES_MAX;
        if !room && !std::mem::replace(&mut self.full, true) {
            notes.add(SensorError::Form {
                what: "/proc".into(),
                problem: format!(
                    "there are more than {SPACES_MAX} network namespaces, and only so many were looked at"
                ),
            });
        }
        room
    }

    /// Those that were found, the one of this run first.
    pub fn into_found(self) -> Vec<Space> {
        self.found
    }
}

impl Space {
    /// Fills in what a process in it tells; gives its number when that was not known.
    fn complete(&mut self, process: &Process, folder: &Path, notes: &Notes) -> Option<u64> {
        let way = self.way.as_mut()?;
        if self.container.is_empty() {
            self.container = container::of(process, notes);
        }
        if self.number.is_some() {
            return None;
        }
        self.number = number_of(folder);
        way.handle = File::open(folder.join("ns/net")).ok();
        if let Some(number) = self.number {
            self.name = format!("net:[{number}]").into();
        }
        self.number
    }

    /// Its sockets of the wanted protocols. What cannot be read is noted.
    ///
    /// # Errors
    /// When the namespace of this run itself has no tables.
    pub fn sockets(
        &self,
        wanted: &(dyn Fn(&str) -> bool + Sync),
        notes: &Notes,
    ) -> Result<Vec<Socket>, SensorError> {
        let here = || tables_here(wanted, notes);
        let Some(way) = &self.way else {
            return here();
        };
        // A thread of its own goes in, and ends there.
        let inside = way.handle.as_ref().map(|handle| {
            std::thread::scope(|scope| {
                let inside = scope.spawn(|| {
                    move_into_link_name_space(handle.as_fd(), Some(LinkNameSpaceType::Network))
                        .map(|()| here())
                });
                inside.join().unwrap_or(Err(rustix::io::Errno::IO))
            })
        });
        let said = match (inside, &way.folder) {
            (Some(Ok(read)), _) => read,
            (_, Some(folder)) => tables::read(folder, wanted, notes),
            (Some(Err(e)), None) => {
                let name = question::cell::text(&self.name);
                Err(SensorError::reading(
                    format!("network namespace {name}"),
                    e.into(),
                ))
            }
            (None, None) => Ok(Vec::new()),
        };
        match said {
            // The last process in it ended meanwhile.
            Err(SensorError::Read { source, .. }) if is_gone(&source) => Ok(Vec::new()),
            said => Ok(notes.note(said)?.unwrap_or_default()),
        }
    }
}

fn is_gone(error: &std::io::Error) -> bool {
    error.kind() == std::io::ErrorKind::NotFound || error.raw_os_error() == Some(libc::ESRCH)
}

fn tables_here(wanted: &dyn Fn(&str) -> bool, notes: &Notes) -> Result<Vec<Socket>, SensorError> {
    let mut all = tables::read(&Path::new(OWN).join("net"), wanted, notes)?;
    if wanted("mptcp") {
        all.extend(tables::multipath());
    }
    Ok(all)
}

/// Each namespace has tables of its own, and their inodes are no secret.
fn table_of(folder: &Path) -> std::io::Result<u64> {
    Ok(std::fs::metadata(folder.join("net/dev"))?.ino())
}

fn number_of(folder: &Path) -> Option<u64> {
    let link = std::fs::read_link(folder.join("ns/net")).ok()?;
    numbered(link.as_os_str().as_encoded_bytes())
}

/// The number in `net:[4026531840]`.
fn numbered(link: &[u8]) -> Option<u64> {
    text::number(link.strip_prefix(b"net:[")?.strip_suffix(b"]")?)
}

/// Number and place of a mounted network namespace, when a line of mountinfo is that of one:
/// `id parent device root place options … - nsfs nsfs rw`.
fn mount_of_namespace(line: &[u8]) -> Option<(u64, Vec<u8>)> {
    let mut words = line.split(|b| *b == b' ');
    let root = words.nth(3)?;
    let number = numbered(root)?;
    Some((number, unescaped(words.next()?)))
}

/// `\040` stands for a blank, and so on.
fn unescaped(word: &[u8]) -> Vec<u8> {
    let mut plain = Vec::with_capacity(word.len());
    let mut rest = word;
    while let Some((first, after)) = rest.split_first() {
        let code = rest
            .strip_prefix(b"\\")
            .and_then(|r| std::str::from_utf8(r.get(..3)?).ok())
            .and_then(|digits| u8::from_str_radix(digits, 8).ok());
        match code {
            Some(byte) => {
                plain.push(byte);
                rest = rest.get(4..).unwrap_or_default();
            }
            None => {
                plain.push(*first);
                rest = after;
            }
        }
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mounts_of_namespaces() {
        let line = br"36 35 0:4 net:[4026532301] /run/netns/a\040b rw shared:5 - nsfs nsfs rw";
        assert_eq!(
            mount_of_namespace(line),
            Some((4_026_532_301, b"/run/netns/a b".to_vec()))
        );
        assert_eq!(
            mount_of_namespace(b"36 35 0:4 mnt:[4] /x rw - nsfs nsfs rw"),
            None
        );
        assert_eq!(mount_of_namespace(b"odd"), None);
    }
}
