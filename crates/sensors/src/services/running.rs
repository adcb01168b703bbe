//! Whether a unit runs now: from the control group file system, where systemd gives each service a group of its own,
//! and from the files it keeps under `/run/systemd/units` for units that are active without processes.

use crate::disk;
use crate::framework::{Notes, SensorError};
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
    /// Looks below a root. A part that cannot be read is noted, and counts as empty.
    #[must_use]
    pub fn look(root: &Path, notes: &Notes) -> Self {
        let systemd = disk::is_folder(&disk::below(root, "/run/systemd/system"), notes);
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
            running.walk(disk::below(root, place), notes);
        }
        for path in disk::list(&disk::below(root, "/run/systemd/units"), notes) {
            if let Some(unit) = disk::name(&path).strip_prefix("invocation:") {
                running.active.insert(unit.to_owned());
            }
        }
        running
    }

    fn walk(&mut self, start: PathBuf, notes: &Notes) {
        let mut open = vec![(start.clone(), 0_usize)];
        let mut walked = 0;
        while let Some((folder, depth)) = open.pop() {
            walked += 1;
            if walked > GROUPS_MAX {
                notes.add(SensorError::Form {
                    what: start.display().to_string(),
                    problem: format!(
                        "it holds more than {GROUPS_MAX} groups, and only so many were looked at"
                    ),
                });
                return;
            }
            let has_processes = has_processes(&folder.join("cgroup.procs"), notes);
            if has_processes {
                // A service may put its processes into groups of its own below its group.
                for part in folder.iter().filter_map(|p| p.to_str()) {
                    if part.ends_with(".service") {
                        self.populated.insert(part.to_owned());
                    }
                }
            }
            if depth < DEPTH_MAX {
                for path in disk::list(&folder, notes) {
                    let said = std::fs::symlink_metadata(&path);
                    if disk::look(said, &path, notes).is_some_and(|m| m.is_dir()) {
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

/// A threaded group cannot be read (`EOPNOTSUPP`): its processes are those of a group above it.
fn has_processes(path: &Path, notes: &Notes) -> bool {
    use std::io::Read;
    let mut bytes = Vec::new();
    let read = disk::open_regular(path).and_then(|file| file.take(64).read_to_end(&mut bytes));
    match read {
        Err(e) if e.kind() == std::io::ErrorKind::Unsupported => false,
        other => disk::look(other, path, notes).is_some_and(|length| length > 0),
    }
}
