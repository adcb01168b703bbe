//! Mount namespaces other than the one whose mounts are told: those of containers, of services with file systems of their
//! own, of threads. One is told apart by the number of its first mount, which is in the table that everybody may read; its
//! own number needs the right to look into its processes.

use crate::framework::{SensorError, Sink};
use crate::processes::{container, threads, walk};
use crate::text;
use procfs::process::Process;
use std::collections::BTreeMap;
use std::io::Read;
use std::path::{Path, PathBuf};

/// A namespace.
pub struct Space {
    /// As `mnt:[4026532177]`, or `another` where we may not know.
    pub name: Vec<u8>,
    /// Container of a process in it.
    pub container: Vec<u8>,
    /// The table of a process in it.
    pub table: PathBuf,
}

/// Every namespace that a process or thread is in, but for that of a table.
///
/// # Errors
/// [`SensorError::Read`] when `/proc` cannot be listed, [`SensorError::Limit`].
pub fn others(base: &Path, sink: &Sink) -> Result<Vec<Space>, SensorError> {
    let notes = sink.notes();
    let base = first_mount(base);
    let mut found: BTreeMap<u64, Space> = BTreeMap::new();
    let mut add = |process: &Process, folder: PathBuf| {
        let table = folder.join("mountinfo");
        // One that ended, and one without any mounts, has none.
        let Some(id) = first_mount(&table).filter(|id| Some(*id) != base) else {
            return;
        };
        let space = found.entry(id).or_insert_with(|| Space {
            name: b"another".to_vec(),
            container: Vec::new(),
            table,
        });
        if space.name == b"another"
            && let Ok(link) = std::fs::read_link(folder.join("ns/mnt"))
        {
            space.name = link.into_os_string().into_encoded_bytes();
        }
        if space.container.is_empty() {
            space.container = container::of(process, &notes);
        }
    };
    for (seen, process) in walk::processes(&notes)? {
        sink.check()?;
        if seen.kernel {
            continue;
        }
        add(&process, PathBuf::from(format!("/proc/{}", process.pid())));
        if seen.threads > 1 {
            for thread in threads::all(seen.pid).into_iter().flatten() {
                let folder = format!("/proc/{}/task/{}", seen.pid, thread.pid());
                add(&thread, PathBuf::from(folder));
            }
        }
    }
    Ok(found.into_values().collect())
}

/// The number of a table's first mount.
fn first_mount(table: &Path) -> Option<u64> {
    let mut start = Vec::new();
    let file = std::fs::File::open(table).ok()?;
    file.take(64).read_to_end(&mut start).ok()?;
    text::number(text::word(&start).0)
}
