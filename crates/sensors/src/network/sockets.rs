//! Who holds which socket, and in which network namespaces they are: one walk over all processes tells both.

use super::spaces::Spaces;
use crate::framework::{Notes, SensorError, Sink};
use crate::processes::executable::Executable;
use crate::processes::{container, descriptors, threads, walk};
use std::collections::HashMap;
use std::path::PathBuf;

/// A process that holds a socket.
#[derive(Clone, Default)]
pub struct Holder {
    pub pid: String,
    pub name: Vec<u8>,
    pub path: Vec<u8>,
    /// Id or name of the container it is in.
    pub container: Vec<u8>,
}

/// Processes by the inodes of the sockets that they hold. Several may hold one: a parent and the children it made.
#[derive(Default)]
pub struct Holders {
    all: Vec<Holder>,
    by_inode: HashMap<u64, Vec<u32>>,
}

impl Holders {
    /// Those that hold a socket.
    pub fn of(&self, inode: u64) -> impl Iterator<Item = &Holder> {
        let at = self.by_inode.get(&inode).map_or(&[][..], Vec::as_slice);
        at.iter()
            .filter_map(|at| self.all.get(usize::try_from(*at).ok()?))
    }
}

/// Walks the processes. Those that end meanwhile hold nothing; those that do not let us look are noted.
///
/// # Errors
/// [`SensorError::Read`] when `/proc` cannot be listed, [`SensorError::Limit`].
pub fn look(sink: &Sink, notes: &Notes) -> Result<(Holders, Spaces), SensorError> {
    let mut holders = Holders::default();
    let mut spaces = Spaces::own()?;
    for (seen, process) in walk::processes(notes)? {
        sink.check()?;
        if seen.kernel {
            continue;
        }
        let folder = PathBuf::from(format!("/proc/{}", process.pid()));
        spaces.process(&process, &folder, notes);
        spaces.mounted(&folder, notes);
        if seen.threads > 1 {
            for thread in threads::all(seen.pid).into_iter().flatten() {
                let folder = PathBuf::from(format!("/proc/{}/task/{}", seen.pid, thread.pid()));
                spaces.process(&thread, &folder, notes);
            }
        }
        let mut at = None;
        descriptors::each(&seen, &process, notes, |table, name, link| {
            if link.starts_with(b"net:[") {
                let path = descriptors::path(table, name);
                spaces.open(&link, &path, notes);
                return Ok(());
            }
            let Some(inode) = inode(&link) else {
                return Ok(());
            };
            let at = *at.get_or_insert_with(|| {
                let executable = walk::part(notes, &process, "exe", Executable::of(&process));
                holders.all.push(Holder {
                    pid: seen.pid.to_string(),
                    name: seen.name.clone(),
                    path: executable.flatten().map(|e| e.path).unwrap_or_default(),
                    container: container::of(&process, notes),
                });
                u32::try_from(holders.all.len() - 1).unwrap_or(u32::MAX)
            });
            let of = holders.by_inode.entry(inode).or_default();
            if of.last() != Some(&at) {
                of.push(at);
            }
            Ok(())
        })?;
    }
    Ok((holders, spaces))
}

/// The inode in `socket:[12345]`.
fn inode(link: &[u8]) -> Option<u64> {
    crate::text::number(link.strip_prefix(b"socket:[")?.strip_suffix(b"]")?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_of_sockets() {
        assert_eq!(inode(b"socket:[12345]"), Some(12_345));
        for other in [
            b"socket:12345".as_slice(),
            b"pipe:[1]",
            b"/socket:[1]",
            b"socket:[x]",
        ] {
            assert_eq!(inode(other), None);
        }
    }
}
