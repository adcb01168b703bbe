//! Whether a process lives, and whether this run may know: a `/proc` that hides the processes of others (`hidepid`,
//! proc(5)) answers for them as for processes that are not there.

use crate::disk;
use crate::framework::{Notes, SensorError};
use std::path::Path;

/// Looks for processes below a root.
pub struct Processes<'a> {
    root: &'a Path,
    /// Whether there is a process file system at all.
    there: bool,
    hidden: bool,
}

impl<'a> Processes<'a> {
    /// Looks at the process file system of a root. That it hides processes is noted when one is not found there.
    #[must_use]
    pub fn of(root: &'a Path) -> Self {
        Self {
            root,
            there: disk::below(root, "/proc/self").exists(),
            hidden: hidden(root),
        }
    }

    /// Whether there is a process of this number; `None` where nobody can tell: without a process file system (another
    /// system's disk, say), and where it hides those of others, which is then noted.
    #[must_use]
    pub fn live(&self, pid: impl std::fmt::Display, notes: &Notes) -> Option<bool> {
        if disk::exists(&disk::below(self.root, format!("/proc/{pid}")), notes) {
            return Some(true);
        }
        if !self.there {
            return None;
        }
        if self.hidden {
            note_hidden(notes);
            return None;
        }
        Some(false)
    }
}

/// Notes that processes of others are not seen.
pub fn note_hidden(notes: &Notes) {
    notes.add(SensorError::Several {
        denied: true,
        words: "processes of other users are hidden: /proc is mounted with hidepid, and the right to see them is missing"
            .into(),
    });
}

/// Whether the process file system of a root hides processes from this thread.
#[must_use]
pub fn hidden(root: &Path) -> bool {
    let at = |path: &str| disk::below(root, path);
    // In every set of processes there is a first one.
    if at("/proc/self").exists() && std::fs::symlink_metadata(at("/proc/1")).is_err() {
        return true;
    }
    #[cfg(target_os = "linux")]
    {
        root == Path::new("/") && told_to_hide()
    }
    #[cfg(not(target_os = "linux"))]
    {
        false
    }
}

/// The first process may be one's own, in a set of processes of a container. Then the mount says what it hides.
#[cfg(target_os = "linux")]
fn told_to_hide() -> bool {
    use rustix::thread::{CapabilitySet, capabilities};
    if capabilities(None).is_ok_and(|held| held.effective.contains(CapabilitySet::SYS_PTRACE)) {
        return false;
    }
    let Ok(mounts) = std::fs::read("/proc/self/mountinfo") else {
        return false;
    };
    let groups = || {
        let own = rustix::process::getgroups().unwrap_or_default();
        own.into_iter()
            .chain([rustix::process::getegid()])
            .map(rustix::process::Gid::as_raw)
            .collect::<Vec<u32>>()
    };
    // Mounts one over the other: the last one is what is seen.
    crate::text::lines(&mounts)
        .filter_map(options_of_proc)
        .last()
        .is_some_and(|options| hides(&options, &groups()))
}

/// Options of the file system, when a line of mountinfo is that of `/proc`.
#[cfg(target_os = "linux")]
fn options_of_proc(line: &[u8]) -> Option<Vec<Vec<u8>>> {
    let mut words = line.split(|b| *b == b' ');
    if words.nth(4)? != b"/proc" {
        return None;
    }
    let mut words = words.skip_while(|w| *w != b"-").skip(1);
    if words.next()? != b"proc" {
        return None;
    }
    let options = words.nth(1)?;
    Some(options.split(|b| *b == b',').map(<[u8]>::to_vec).collect())
}

#[cfg(target_os = "linux")]
fn hides(options: &[Vec<u8>], groups: &[u32]) -> bool {
    let value = |key: &[u8]| options.iter().find_map(|o| o.strip_prefix(key));
    match value(b"hidepid=") {
        Some(b"ptraceable" | b"4") => true,
        Some(b"invisible" | b"2") => !value(b"gid=")
            .and_then(crate::text::number)
            .is_some_and(|gid: u32| groups.contains(&gid)),
        // Those that only close the folders show themselves as refusals.
        _ => false,
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn what_a_mount_hides() {
        let read = |line: &str, groups: &[u32]| {
            options_of_proc(line.as_bytes()).map(|options| hides(&options, groups))
        };
        let line =
            |options: &str| format!("22 1 0:21 / /proc rw,nosuid shared:5 - proc proc rw{options}");
        assert_eq!(read(&line(""), &[]), Some(false));
        assert_eq!(read(&line(",hidepid=noaccess"), &[]), Some(false));
        assert_eq!(read(&line(",gid=7,hidepid=invisible"), &[1]), Some(true));
        assert_eq!(read(&line(",gid=7,hidepid=2"), &[1, 7]), Some(false));
        assert_eq!(read(&line(",gid=7,hidepid=ptraceable"), &[7]), Some(true));
        assert_eq!(read("22 1 0:21 / /sys rw - sysfs sysfs rw", &[]), None);
        assert_eq!(read("odd", &[]), None);
    }
}
