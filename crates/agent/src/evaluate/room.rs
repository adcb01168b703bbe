//! How much memory this process may still take, and what one run may have of it.
//!
//! Rows are copied on their way from a sensor to the spool: kept, filtered, joined, encoded. So a run gets an eighth of what
//! is left, and less where several run at once. Without a bound anywhere only a sensor's own limit counts.

use std::sync::atomic::{AtomicU64, Ordering};

/// Parts of the room; one run may keep rows in one of them.
const PARTS: u64 = 8;
/// A run may keep so much in any case: enough for a machine's name, its addresses, its processes.
const LEAST: u64 = 256 << 10;
/// A process of its own needs so much to be of use.
const LEAST_APART: u64 = 16 << 20;

static RUNNING: AtomicU64 = AtomicU64::new(0);

/// The place of a run among those that share the room; given back when dropped.
#[derive(Debug)]
pub struct Seat {
    room: u64,
    others: u64,
}

impl Seat {
    /// Takes a place, with the room there is now.
    #[must_use]
    pub fn take() -> Self {
        Self {
            others: RUNNING.fetch_add(1, Ordering::Relaxed),
            room: left().unwrap_or(u64::MAX),
        }
    }

    /// Bytes that rows may take in this process.
    #[must_use]
    pub fn rows(&self) -> u64 {
        for_rows(self.room, self.others)
    }

    /// Bytes that a process of its own may take beside this one: where both are bounded as one, they share the room.
    #[must_use]
    pub fn process(&self) -> u64 {
        for_process(self.room, self.others)
    }
}

fn for_rows(room: u64, others: u64) -> u64 {
    (room / PARTS / (others + 1)).max(LEAST)
}

fn for_process(room: u64, others: u64) -> u64 {
    (room / 2 / (others + 1)).max(LEAST_APART)
}

impl Drop for Seat {
    fn drop(&mut self) {
        RUNNING.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Bytes that this process may still take before a bound is met; `None` where there is none, or none is known.
#[must_use]
pub fn left() -> Option<u64> {
    system::left()
}

#[cfg(target_os = "linux")]
mod system {
    //! The limits of the process (getrlimit(2)), those of its control groups, and what the machine has.

    use rustix::process::{Resource, getrlimit};
    use std::path::{Path, PathBuf};

    pub fn left() -> Option<u64> {
        let text = |path: &str| std::fs::read_to_string(path).unwrap_or_default();
        let status = text("/proc/self/status");
        let limited = |resource, used: &str| {
            let limit = getrlimit(resource).current?;
            Some(limit.saturating_sub(kibibytes(&status, used)?))
        };
        [
            limited(Resource::Data, "VmData:"),
            limited(Resource::As, "VmSize:"),
            kibibytes(&text("/proc/meminfo"), "MemAvailable:"),
            of_groups(&text("/proc/self/cgroup")),
        ]
        .into_iter()
        .flatten()
        .min()
    }

    /// `Name:   123 kB`
    fn kibibytes(text: &str, name: &str) -> Option<u64> {
        let line = text.lines().find_map(|line| line.strip_prefix(name))?;
        let number: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
        number.checked_mul(1024)
    }

    /// The least that is left in a group and those above it, of the unified hierarchy or of the old one.
    fn of_groups(own: &str) -> Option<u64> {
        let mut least = None;
        for line in own.lines() {
            let mut parts = line.splitn(3, ':');
            let (_, kinds, path) = (parts.next(), parts.next()?, parts.next()?);
            let (place, files) = match kinds {
                "" => ("/sys/fs/cgroup", &["memory.max", "memory.high"][..]),
                kinds if kinds.split(',').any(|k| k == "memory") => {
                    ("/sys/fs/cgroup/memory", &["memory.limit_in_bytes"][..])
                }
                _ => continue,
            };
            let mut folder = PathBuf::from(place).join(path.trim_start_matches('/'));
            while folder.starts_with(place) {
                least = [least, of_group(&folder, files)]
                    .into_iter()
                    .flatten()
                    .min();
                if !folder.pop() {
                    break;
                }
            }
        }
        least
    }

    fn of_group(folder: &Path, files: &[&str]) -> Option<u64> {
        let text = |name: &str| std::fs::read_to_string(folder.join(name)).ok();
        let limit = files
            .iter()
            .filter_map(|name| text(name)?.trim().parse::<u64>().ok())
            .min()?;
        let used = text("memory.current").or_else(|| text("memory.usage_in_bytes"))?;
        // What files keep in memory is given up before anything else.
        let cache = text("memory.stat").map_or(0, |stat| cached(&stat));
        let used = used.trim().parse::<u64>().ok()?.saturating_sub(cache);
        Some(limit.saturating_sub(used))
    }

    fn cached(stat: &str) -> u64 {
        stat.lines()
            .filter_map(|line| line.split_once(' '))
            .filter(|(name, _)| matches!(*name, "inactive_file" | "active_file"))
            .filter_map(|(_, bytes)| bytes.trim().parse::<u64>().ok())
            .sum()
    }

    #[cfg(test)]
    mod tests {
        use super::*;

        #[test]
        fn what_the_system_writes() {
            let status = "Name:\tx\nVmSize:\t  1234 kB\nVmData:\t 5 kB\n";
            assert_eq!(kibibytes(status, "VmData:"), Some(5 * 1024));
            assert_eq!(kibibytes(status, "VmPeak:"), None);
            assert_eq!(
                cached("anon 5\nfile 100\ninactive_file 30\nactive_file 12\nodd\n"),
                42
            );
        }

        #[test]
        fn a_group_without_a_bound_bounds_nothing() {
            let folder = tempfile::tempdir().unwrap();
            let write = |name: &str, text: &str| {
                std::fs::write(folder.path().join(name), text).unwrap();
            };
            let files = ["memory.max", "memory.high"];
            write("memory.max", "max\n");
            write("memory.current", "1000\n");
            assert_eq!(of_group(folder.path(), &files), None);
            write("memory.high", "5000\n");
            write("memory.stat", "inactive_file 600\n");
            assert_eq!(of_group(folder.path(), &files), Some(4600));
            write("memory.max", "300\n");
            assert_eq!(of_group(folder.path(), &files), Some(0));
        }
    }
}

#[cfg(not(target_os = "linux"))]
mod system {
    pub fn left() -> Option<u64> {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn those_that_run_at_once_share_the_room() {
        assert_eq!(for_rows(800 << 20, 0), 100 << 20);
        assert_eq!(for_rows(800 << 20, 3), 25 << 20);
        assert_eq!(for_process(800 << 20, 1), 200 << 20);
        assert_eq!((for_rows(0, 7), for_process(0, 7)), (LEAST, LEAST_APART));
        assert!(for_rows(u64::MAX, 0) > 1 << 60, "without a bound");
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn this_machine_has_some() {
        assert!(left().is_some_and(|bytes| bytes > 1 << 20));
    }
}
