//! What runs: processes, their executables, modules, open files and environment.
//!
//! Two kinds of sensors: those for counting over a fleet (`Running Processes`, `Running Processes with Hash`, `Process
//! Tree`) give rows without anything particular to one machine or moment, so that they merge; those for looking at one
//! machine (`Process Details`, `Open Files`) carry process ids.
//!
//! On Linux all of it comes from `/proc` (proc(5)), through the crate `procfs` where that keeps every byte.

#[cfg(target_os = "linux")]
#[path = "linux/mod.rs"]
mod system;

#[cfg(target_os = "macos")]
#[path = "macos.rs"]
mod system;

#[cfg(windows)]
#[path = "windows.rs"]
mod system;

#[cfg(target_os = "linux")]
pub use system::{Running, running};

use crate::digest::{ALGORITHMS, PARAMETER};
use crate::framework::Entry;
use question::catalogue::ValueType::{Hash, Text};
use question::catalogue::{Limits, Sensor};
use std::time::Duration;

/// The sensors of this family, as a system's module tells them apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Running,
    RunningWithHash,
}

/// The sensors of this family.
pub const SENSORS: &[Entry] = &[
    Entry {
        declare: running_processes,
        collect: |r, s| system::collect(Kind::Running, r, s),
    },
    Entry {
        declare: running_processes_with_hash,
        collect: |r, s| system::collect(Kind::RunningWithHash, r, s),
    },
];

const CATEGORY: &str = "Processes";

/// Reading every executable once takes longer than reading tables of the kernel.
fn hashing() -> Limits {
    Limits {
        wall: Duration::from_secs(120),
        cpu: Duration::from_secs(60),
        ..Limits::default()
    }
}

fn running_processes() -> Sensor {
    Sensor::new(
        "Running Processes",
        CATEGORY,
        "Names of the running processes, each once. Threads of the kernel stand in brackets, without their number.",
    )
    .column("Process", Text, "Name of the process.")
    .example("Get Running Processes containing ssh from all machines")
}

fn running_processes_with_hash() -> Sensor {
    Sensor::new(
        "Running Processes with Hash",
        CATEGORY,
        "Executables that are running and the digest of each. What is hashed is the file that the process was started \
         from, even when it was deleted or replaced since.",
    )
    .column("Path", Text, "Path of the executable.")
    .column(
        "Hash",
        Hash,
        "Digest of the executable; empty when it could not be read.",
    )
    .parameter(
        PARAMETER,
        Text,
        Some("SHA256"),
        ALGORITHMS,
        "Algorithm of the digest.",
    )
    .limits(hashing())
    .example("Get Running Processes with Hash[MD5] from all machines with Is Linux = True")
}
