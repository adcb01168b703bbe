//! Whether a unit runs now: from the control group file system, where systemd gives each service a group of its own,
//! and from the files it keeps under `/run/systemd/units` for units that are active without processes.

use crate::disk;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// Groups walked at most.
const GROUPS_MAX: usize = 50_000;
/// Depth of groups walked at most.
const DEPTH_MAX: usize = 16;

/// What runs.
pub struct Running {
    systemd: bool,
    populated: BTreeSet<String>,
    active: BTreeSet<String>,
}

impl Running {
    /// Looks below a root. A part that cannot be read counts as empty.
    #[must_use]
    pub fn look(root: &Path) -> Self {
        let systemd = disk::below(root, "/run/systemd/system").is_dir();
        let mut running = Self {
            systemd,
            populated: BTreeSet::new(),
            active: BTreeSet::new(),
        };
        if !systemd {
            return running;
        }
        // The unified hierarchy, or systemd's own among the old ones.
        for place in [
            "/sys/fs/cgroup/system.slice",
            "/sys/fs/cgroup/unified/system.slice",
            "/sys/fs/cgroup/systemd/system.slice",
        ] {
            running.walk(disk::below(root, place));
        }
        for path in disk::list(&disk::below(root, "/run/systemd/units")).unwrap_or_default() {
            if let Some(unit) = disk::name(&path).strip_prefix("invocation:") {
                running.active.insert(unit.to_owned());
            }
        }
        running
    }

    fn walk(&mut self, start: PathBuf) {
        let mut open = vec![(start, 0_usize)];
        let mut walked = 0;
        while let Some((folder, depth)) = open.pop() {
            walked += 1;
            if walked > GROUPS_MAX {
                return;
            }
            let has_processes = disk::read_if_there(&folder.join("cgroup.procs"), 64)
                .ok()
                .flatten()
                .is_some_and(|b| !b.is_empty());
            if has_processes {
                // A service may put its processes into groups of its own below its group.
                for part in folder.iter().filter_map(|p| p.to_str()) {
                    if part.ends_with(".service") {
                        self.populated.insert(part.to_owned());
                    }
                }
            }
            if depth < DEPTH_MAX {
                for path in disk::list(&folder).unwrap_or_default() {
                    if std::fs::symlink_metadata(&path).is_ok_and(|m| m.is_dir()) {
                        open.push((path, depth + 1));
                    }
                }
            }
        }
    }

    /// State of a unit: running, active (without processes) or stopped.
    #[must_use]
    pub fn state(&self, unit: &str) -> &'static str {
        if self.populated.contains(unit) {
            "running"
        } else if self.active.contains(unit) {
            "active"
        } else {
            "stopped"
        }
    }

    /// Whether systemd manages this machine.
    #[must_use]
    pub fn systemd(&self) -> bool {
        self.systemd
    }
}
