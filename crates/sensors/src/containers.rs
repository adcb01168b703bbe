//! Containers of Docker, containerd, Podman and CRI-O, read from the files that each runtime keeps on disk.
//!
//! No socket is opened: the answer does not depend on a daemon that may be stopped, hang or lie.

pub mod containerd;
pub mod docker;
pub mod storage;

use crate::alive::Processes;
use crate::disk::{self, system_root};
use crate::framework::{Entry, LARGE, Notes, SensorError, Sink};
use crate::text;
use question::catalogue::ValueType::{Boolean, DateTime, Integer, Text};
use question::catalogue::{Limits, Sensor};
use serde_json::Value;
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
        .column("State", Text, "State in the words of the runtime: running, exited, paused …")
        .column("Created", DateTime, "When it was made, UTC.")
        .column("Started", DateTime, "When it was last started, UTC; empty when not recorded.")
        .column("PID", Integer, "First process of a running container.")
        .column("Command", Text, "Command it runs.")
        .column("User", Text, "User inside the container; empty means the superuser.")
        .column("Privileged", Boolean, "Whether it has the host's devices and rights; empty when not recorded.")
        .column("Path", Text, "File that says so.")
        .max_age(300)
        // Any user may keep containers: files of JSON, which takes many times their size.
        .limits(Limits {
            memory: LARGE,
            ..Limits::default()
        })
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
    let mut push = |c: Container| {
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

/// Takes what is not known yet from a configuration of the Open Container Initiative: command, user, annotations.
fn from_oci(config: &Value, container: &mut Container) {
    let annotation = |keys: &[&str]| {
        keys.iter()
            .find_map(|k| config.pointer("/annotations")?.get(k)?.as_str())
            .unwrap_or_default()
            .to_owned()
    };
    if container.name.is_empty() {
        container.name = annotation(&[
            "io.kubernetes.cri.container-name",
            "io.kubernetes.container.name",
            "nerdctl/name",
            "io.kubernetes.cri.sandbox-name",
        ]);
    }
    if container.image.is_empty() {
        container.image = annotation(&[
            "io.kubernetes.cri.image-name",
            "io.kubernetes.cri-o.ImageName",
        ]);
    }
    if let Some(args) = config.pointer("/process/args").and_then(Value::as_array) {
        let args: Vec<&str> = args.iter().filter_map(Value::as_str).collect();
        container.command = args.join(" ");
    }
    if let Some(uid) = config.pointer("/process/user/uid").and_then(Value::as_u64)
        && uid > 0
    {
        container.user = uid.to_string();
    }
}
