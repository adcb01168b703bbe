//! Whether a unit runs now: from the control group file system, where systemd gives each service a group of its own,
//! and from the files it keeps under `/run/systemd/units` for units that are active without processes. The managers of
//! users keep both too, each in its own place.

use crate::disk;
use crate::framework::{Notes, SensorError};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// Groups walked at most.
const GROUPS_MAX: usize = 50_000;
/// Depth of groups walked at most.
const DEPTH_MAX: usize = 24;

/// A unit of the system's manager, or of the manager of a user.
type Named = (Option<u32>, String);

/// What runs.
pub struct Running {
    systemd: bool,
    populated: BTreeSet<Named>,
    active: BTreeSet<Named>,
}

/// A group to walk.
struct Group {
    path: PathBuf,
    depth: usize,
    /// Whose manager made it.
    manager: Option<u32>,
    /// Units that it belongs to.
    units: Vec<Named>,
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
            "/sys/fs/cgroup",
            "/sys/fs/cgroup/unified",
            "/sys/fs/cgroup/systemd",
        ] {
            running.walk(disk::below(root, place), notes);
        }
        running.active_in(&disk::below(root, "/run/systemd/units"), None, notes);
        for user in disk::list(&disk::below(root, "/run/user"), notes) {
            if let Ok(uid) = disk::name(&user).parse() {
                running.active_in(&user.join("systemd/units"), Some(uid), notes);
            }
        }
        running
    }

    fn active_in(&mut self, folder: &Path, manager: Option<u32>, notes: &Notes) {
        for path in disk::list(folder, notes) {
            if let Some(unit) = disk::name(&path).strip_prefix("invocation:") {
                self.active.insert((manager, unit.to_owned()));
            }
        }
    }

    fn walk(&mut self, start: PathBuf, notes: &Notes) {
        let mut open = vec![Group {
            path: start.clone(),
            depth: 0,
            manager: None,
            units: Vec::new(),
        }];
        let mut walked = 0;
        while let Some(group) = open.pop() {
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
            let inside = !group.units.is_empty();
            if inside && has_processes(&group.path.join("cgroup.procs"), notes) {
                self.populated.extend(group.units.iter().cloned());
            }
            if group.depth >= DEPTH_MAX {
                continue;
            }
            for path in disk::list(&group.path, notes) {
                let said = std::fs::symlink_metadata(&path);
                if disk::look(said, &path, notes).is_some_and(|m| m.is_dir()) {
                    open.extend(group.below(path));
                }
            }
        }
    }

    /// State of a unit: running, active (without processes) or stopped.
    #[must_use]
    pub fn state(&self, manager: Option<u32>, unit: &str) -> &'static str {
        let unit = (manager, unit.to_owned());
        if self.populated.contains(&unit) {
            "running"
        } else if self.active.contains(&unit) {
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

impl Group {
    /// What a group below this one is. Groups of others than the manager, such as those of containers, are none of its
    /// units, whatever they are called.
    fn below(&self, path: PathBuf) -> Option<Self> {
        let name = disk::name(&path).to_owned();
        let mut group = Self {
            path,
            depth: self.depth + 1,
            manager: self.manager,
            units: self.units.clone(),
        };
        // The group of a user's manager is a unit of the system, and holds groups of units again.
        let of_manager = self.units.is_empty()
            || (self.manager.is_some() && self.units.iter().all(|(of, _)| of.is_none()));
        if !of_manager {
            return Some(group);
        }
        if name.ends_with(".service") {
            let user = name
                .strip_prefix("user@")
                .and_then(|n| n.strip_suffix(".service"));
            group.units.push((self.manager, name.clone()));
            if let (None, Some(Ok(uid))) = (self.manager, user.map(str::parse)) {
                group.manager = Some(uid);
            }
            return Some(group);
        }
        let is_kind = [".slice", ".scope", ".socket", ".mount", ".swap"]
            .iter()
            .any(|kind| name.ends_with(kind));
        if !is_kind {
            return None;
        }
        if !name.ends_with(".slice") {
            group.units.push((self.manager, name));
        }
        Some(group)
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
