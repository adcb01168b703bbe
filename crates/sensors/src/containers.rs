//! Containers of Docker, containerd, Podman and CRI-O, read from the files that each runtime keeps on disk.
//!
//! No socket is opened: the answer does not depend on a daemon that may be stopped, hang or lie.

pub mod containerd;
pub mod docker;
mod oci;
mod ports;
pub mod storage;

use crate::alive::Processes;
use crate::disk::{self, system_root};
use crate::framework::{Entry, LARGE, Notes, SensorError, Sink};
use crate::text;
use question::catalogue::ValueType::{Boolean, DateTime, Integer, Text};
use question::catalogue::{Limits, Sensor};
use std::path::{Path, PathBuf};

/// The sensors of this family.
pub const SENSORS: &[Entry] = &[Entry {
    declare: || {
        Sensor::new(
            "Containers",
            "Containers",
            "Containers of Docker, Podman and CRI-O, and running ones of containerd, from the runtimes' files.",
        )
        .column("Runtime", Text, "Docker, containerd, podman or cri-o.")
        .column("Container ID", Text, "Identifier.")
        .column("Name", Text, "Name.")
        .column("Image", Text, "Image it was made from.")
        .column("State", Text, "State in the words of the runtime: running, exited, paused … or gone, where it says running and its process is not there any more.")
        .column("Created", DateTime, "When it was made, UTC.")
        .column("Started", DateTime, "When it was last started, UTC; empty when not recorded.")
        .column("PID", Integer, "First process of a running container; empty when it is gone.")
        .column("Command", Text, "Command it runs.")
        .column("User", Text, "User inside the container; empty means the superuser.")
        .column("Privileged", Boolean, "Whether it has the host's devices and rights; empty when not recorded.")
        .column("Path", Text, "File that says so.")
        .column("Host Mounts", Text, "Files and folders of the machine in it, as source:destination, joined by semicolons.")
        .column("Host Namespaces", Text, "Namespaces of the machine that it is in: pid, network, ipc, uts, mount, user.")
        .column("Capabilities", Text, "Rights beyond those that every container gets, as CAP_SYS_ADMIN or ALL.")
        .column("Environment", Text, "Variables it is started with, joined by semicolons.")
        .column("Ports", Text, "Ports of the machine that lead into it, as 0.0.0.0:8080->80/tcp.")
        .max_age(300)
        // Any user may keep containers: files of JSON, which takes many times their size.
        .limits(Limits {
            memory: LARGE,
            ..Limits::default()
        })
        .key("Name")
        .example("Get Containers having Containers:Privileged = True from all machines")
    },
    collect: |_, sink| rows(system_root()?, sink),
}];

/// A container.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Container {
    /// Which runtime.
    pub runtime: &'static str,
    /// Identifier.
    pub id: String,
    /// Name.
    pub name: String,
    /// Image.
    pub image: String,
    /// State in the words of the runtime.
    pub state: String,
    /// Moment of creation as the runtime writes it.
    pub created: String,
    /// Moment of the last start as the runtime writes it.
    pub started: String,
    /// First process.
    pub pid: Option<i64>,
    /// Command with arguments.
    pub command: String,
    /// User inside.
    pub user: String,
    /// Whether it has the host's rights.
    pub privileged: Option<bool>,
    /// File that says so.
    pub path: PathBuf,
    /// Files of the machine in it: `source:destination`.
    pub mounts: Vec<String>,
    /// Namespaces of the machine that it is in.
    pub host: Vec<&'static str>,
    /// Rights beyond the ordinary ones.
    pub capabilities: Vec<String>,
    /// Variables.
    pub environment: Vec<String>,
    /// Ports of the machine that lead into it.
    pub ports: Vec<String>,
}

/// Rows of Containers below a root.
///
/// # Errors
/// When a file cannot be read (the others still give their rows) or a limit is reached.
pub fn rows(root: &Path, sink: &mut Sink) -> Result<(), SensorError> {
    let seen = Seen {
        root,
        notes: &sink.notes(),
        processes: &Processes::of(root),
    };
    let mut push = |mut c: Container| {
        seen.check_process(&mut c);
        sink.push([
            c.runtime.as_bytes(),
            c.id.as_bytes(),
            c.name.as_bytes(),
            c.image.as_bytes(),
            c.state.as_bytes(),
            moment(&c.created).as_bytes(),
            moment(&c.started).as_bytes(),
            c.pid.map_or_else(String::new, |p| p.to_string()).as_bytes(),
            c.command.as_bytes(),
            c.user.as_bytes(),
            c.privileged.map_or("", text::boolean).as_bytes(),
            &disk::cell(&c.path),
            c.mounts.join("; ").as_bytes(),
            c.host.join(" ").as_bytes(),
            c.capabilities.join(" ").as_bytes(),
            c.environment.join("; ").as_bytes(),
            c.ports.join("; ").as_bytes(),
        ])?;
        Ok(())
    };
    docker::containers(&seen, &mut push)?;
    storage::containers(&seen, &mut push)?;
    containerd::containers(&seen, &mut push)
}

/// Where the runtimes' files are looked for, and who is told what cannot be looked at.
struct Seen<'a> {
    root: &'a Path,
    notes: &'a Notes,
    processes: &'a Processes<'a>,
}

impl Seen<'_> {
    fn at(&self, path: impl AsRef<Path>) -> PathBuf {
        disk::below(self.root, path)
    }

    fn list(&self, folder: &Path) -> Vec<PathBuf> {
        disk::list(folder, self.notes)
    }

    fn read(&self, path: &Path) -> Option<Vec<u8>> {
        disk::read_if_there(path, disk::CONFIG_MAX, self.notes)
    }

    /// What a file of JSON says. One that cannot be read, or is something else, is noted.
    fn json<T: serde::de::DeserializeOwned>(&self, path: &Path) -> Option<T> {
        self.parsed(path, serde_json::from_slice(&self.read(path)?))
    }

    fn parsed<T>(&self, path: &Path, parsed: serde_json::Result<T>) -> Option<T> {
        match parsed {
            Ok(value) => Some(value),
            Err(e) => {
                self.notes.add(SensorError::Form {
                    what: path.display().to_string(),
                    problem: e.to_string(),
                });
                None
            }
        }
    }

    /// The number in a pid file.
    fn pid(&self, path: &Path) -> Option<i64> {
        let bytes = disk::start_of(path, 64, self.notes)?;
        text::number(bytes.trim_ascii())
    }

    /// What a runtime wrote down is true until it stops or the machine does: the process tells whether it still is.
    fn check_process(&self, container: &mut Container) {
        let Some(pid) = container.pid else { return };
        if !matches!(container.state.as_str(), "running" | "paused") {
            return;
        }
        let live = self.live(pid);
        if live == Some(false) || (live == Some(true) && self.is_another(pid, container)) {
            container.state = "gone".into();
            container.pid = None;
        }
    }

    /// Whether a process is one that got the number later: it began long after the container did, and its control group
    /// does not name the container.
    fn is_another(&self, pid: i64, container: &Container) -> bool {
        /// Clocks are set, most of all soon after a start of the machine.
        const TOLERANCE: i64 = 60;
        let file = |name: &str| {
            let path = self.at(format!("/proc/{pid}/{name}"));
            disk::start_of(&path, 64 << 10, &Notes::default())
        };
        let Some(groups) = file("cgroup") else {
            return false;
        };
        let named = !container.id.is_empty()
            && groups
                .windows(container.id.len())
                .any(|part| part == container.id.as_bytes());
        let began: Option<jiff::Timestamp> = container.started.parse().ok();
        let Some(began) = began.filter(|_| !named) else {
            return false;
        };
        let process = file("stat").and_then(|stat| self.began(&stat));
        process.is_some_and(|process| process > began.as_second().saturating_add(TOLERANCE))
    }

    /// When a process began, in seconds since 1970, from its `stat` and the moment the machine started.
    fn began(&self, stat: &[u8]) -> Option<i64> {
        /// The kernel tells in hundredths, whatever it counts in.
        const TICKS: i64 = 100;
        let after_name = stat.rsplit(|b| *b == b')').next()?;
        let ticks = after_name
            .split(u8::is_ascii_whitespace)
            .filter(|word| !word.is_empty())
            .nth(19)?;
        let ticks: i64 = text::number(ticks)?;
        let machine = disk::start_of(&self.at("/proc/stat"), 1 << 20, &Notes::default())?;
        let machine = text::lines(&machine).find_map(|line| line.strip_prefix(b"btime "))?;
        text::number::<i64>(machine)?.checked_add(ticks / TICKS)
    }

    fn live(&self, pid: i64) -> Option<bool> {
        self.processes.live(pid, self.notes)
    }
}

/// Whole seconds in UTC; empty for text that is no moment and for the year one, which means never.
fn moment(text: &str) -> String {
    let parsed: Option<jiff::Timestamp> = text.parse().ok();
    parsed
        .filter(|t| t.as_second() > 0)
        .map_or_else(String::new, |t| text::moment(t.as_second(), 0))
}
