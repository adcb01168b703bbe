//! What runs: processes, their executables, modules, open files and environment.
//!
//! Two kinds of sensors: those for counting over a fleet (`Running Processes`, `Running Processes with Hash`, `Process
//! Tree`) give rows without anything particular to one machine or moment, so that they merge; those for looking at one
//! machine (`Process Details`, `Open Files`) carry process ids.
//!
//! On Linux all of it comes from `/proc` (proc(5)), through the crate `procfs` where that keeps every byte.

#[cfg(target_os = "linux")]
mod linux;
#[cfg(target_os = "linux")]
use linux as system;

#[cfg(target_os = "macos")]
mod macos;
#[cfg(target_os = "macos")]
use macos as system;

#[cfg(windows)]
mod windows;
#[cfg(windows)]
use windows as system;

#[cfg(target_os = "linux")]
pub use system::{Running, running};
#[cfg(target_os = "linux")]
pub(crate) use system::{container, descriptors, executable, threads, walk};

use crate::digest::{ALGORITHMS, ALGORITHMS_OR_NONE, PARAMETER};
use crate::framework::{Entry, LARGE};
use question::catalogue::ValueType::{Boolean, DateTime, Hash, Integer, Text};
use question::catalogue::{Limits, Sensor};
use std::time::Duration;

/// The sensors of this family, as a system's module tells them apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Running,
    RunningWithHash,
    Details,
    Tree,
    Children,
    Modules,
    OpenFiles,
    Environment,
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
    Entry {
        declare: process_details,
        collect: |r, s| system::collect(Kind::Details, r, s),
    },
    Entry {
        declare: process_tree,
        collect: |r, s| system::collect(Kind::Tree, r, s),
    },
    Entry {
        declare: child_processes,
        collect: |r, s| system::collect(Kind::Children, r, s),
    },
    Entry {
        declare: loaded_modules,
        collect: |r, s| system::collect(Kind::Modules, r, s),
    },
    Entry {
        declare: open_files,
        collect: |r, s| system::collect(Kind::OpenFiles, r, s),
    },
    Entry {
        declare: process_environment,
        collect: |r, s| system::collect(Kind::Environment, r, s),
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
    .key("Hash")
    .example("Get Running Processes with Hash[MD5] from all machines")
}

fn process_details() -> Sensor {
    Sensor::new(
        "Process Details",
        CATEGORY,
        "Every process with its parent, user, start, command line and executable.",
    )
    .column("Process ID", Integer, "Id of the process.")
    .column("Parent Process ID", Integer, "Id of its parent.")
    .column("Process", Text, "Name of the process.")
    .column("User", Text, "Effective user.")
    .column("Start Time", DateTime, "When it was started.")
    .column(
        "Command Line",
        Text,
        "Arguments as the process shows them, joined by spaces; empty for threads of the kernel.",
    )
    .column("Path", Text, "Path of the executable.")
    .column(
        "Deleted",
        Boolean,
        "Whether the executable is no longer at that path: deleted, replaced, or never in a file system.",
    )
    .column("Hash", Hash, "Digest of the executable.")
    .column(
        "State",
        Text,
        "What it does, in the words of proc(5); zombie also when only its main thread has ended. This and what follows only \
         when all is asked for.",
    )
    .column("Threads", Integer, "How many threads it has.")
    .column("Terminal", Text, "Terminal it belongs to; empty for none.")
    .column("Working Folder", Text, "Folder it works in.")
    .column("Chroot", Text, "Folder that it takes for `/`.")
    .column(
        "Namespaces",
        Text,
        "Namespaces that are not those of the machine's first process, as net:[4026532177].",
    )
    .column("Control Group", Text, "Its control group.")
    .column(
        "Container",
        Text,
        "Container it is in: its id, or its name where it has none.",
    )
    .column(
        "Capabilities",
        Text,
        "Rights that are in effect, as SYS_ADMIN; all for those of the superuser.",
    )
    .column(
        "Tracer",
        Integer,
        "Id of the process that traces it; empty for none.",
    )
    .parameter(
        PARAMETER,
        Text,
        Some("SHA256"),
        ALGORITHMS_OR_NONE,
        "Algorithm of the digest; None leaves it out.",
    )
    .parameter(
        "Columns",
        Text,
        Some("Usual"),
        &["Usual", "All"],
        "The usual columns, or all of them.",
    )
    .max_age(60)
    .limits(hashing())
    .key("Process")
    .example("Get Process Details[None] having Process Details:Deleted = True from all machines")
}

fn process_tree() -> Sensor {
    Sensor::new(
        "Process Tree",
        CATEGORY,
        "Which process was started by which, parents before their children: each chain of names once, so that equal trees of many \
         machines merge; or every process with its id.",
    )
    .column(
        "Tree",
        Text,
        "Names from the first process down to this one, joined by ` > `.",
    )
    .column("Process", Text, "Name of the process at the end of the chain.")
    .column("Depth", Integer, "Number of its ancestors.")
    .column(
        "Process ID",
        Integer,
        "Id of the process. This and what follows only when all is asked for.",
    )
    .column("Parent Process ID", Integer, "Id of its parent.")
    .column("User", Text, "Effective user.")
    .column("Start Time", DateTime, "When it was started.")
    .column(
        "Command Line",
        Text,
        "Arguments as the process shows them, joined by spaces.",
    )
    .parameter(
        "Columns",
        Text,
        Some("Usual"),
        &["Usual", "All"],
        "The usual columns, or all of them for every process.",
    )
    .max_age(60)
    .key("Process")
    .example(r#"Get Process Tree having Process Tree:Tree contains "sshd > " from all machines"#)
}

fn child_processes() -> Sensor {
    Sensor::new(
        "Child Processes",
        CATEGORY,
        "Processes whose parent has a given name.",
    )
    .column("Parent", Text, "Name of the parent.")
    .column("Process", Text, "Name of the child.")
    .column("Path", Text, "Path of the child's executable.")
    .column(
        "Command Line",
        Text,
        "The child's arguments, joined by spaces.",
    )
    .column("User", Text, "The child's effective user.")
    .parameter(
        "ProcessName",
        Text,
        None,
        &[],
        "Name of the parent, without regard to case.",
    )
    .max_age(60)
    .key("Process")
    .example("Get Child Processes[nginx] from all machines")
}

fn loaded_modules() -> Sensor {
    Sensor::new(
        "Loaded Modules",
        CATEGORY,
        "Files whose code is mapped into processes: executables, shared libraries, code in memory files.",
    )
    .column("Process", Text, "Name of the process.")
    .column("Path", Text, "Path of the mapped file.")
    .column(
        "Deleted",
        Boolean,
        "Whether the mapped file is no longer at that path.",
    )
    .column(
        "Hash",
        Hash,
        "Digest of the mapped file, when an algorithm was asked for and the file could be read.",
    )
    .parameter(
        PARAMETER,
        Text,
        Some("None"),
        ALGORITHMS_OR_NONE,
        "Algorithm of the digest; None leaves it out.",
    )
    .parameter(
        "ProcessName",
        Text,
        Some(""),
        &[],
        "Only processes of this name, without regard to case; empty for all.",
    )
    .limits(hashing())
    .key("Path")
    .example("Get Loaded Modules having Loaded Modules:Deleted = True from all machines")
}

fn open_files() -> Sensor {
    Sensor::new(
        "Open Files",
        CATEGORY,
        "Files, sockets, pipes and devices that processes have open.",
    )
    .column("Process ID", Integer, "Id of the process.")
    .column("Process", Text, "Name of the process.")
    .column(
        "Path",
        Text,
        "Path of the file, or the kernel's name for what has no path.",
    )
    .column(
        "Type",
        Text,
        "File, Directory, Character Device, Block Device, FIFO, Socket or Anonymous.",
    )
    .column(
        "Deleted",
        Boolean,
        "Whether an open file is no longer at that path.",
    )
    .parameter(
        "ProcessName",
        Text,
        Some(""),
        &[],
        "Only processes of this name, without regard to case; empty for all.",
    )
    .max_age(60)
    // A process may have a million files open.
    .limits(Limits {
        memory: LARGE,
        ..Limits::default()
    })
    .key("Path")
    .example("Get Open Files[sshd] from all machines")
}

fn process_environment() -> Sensor {
    Sensor::new(
        "Process Environment",
        CATEGORY,
        "Variables in the environment with which a process was started; changes that it makes itself do not show.",
    )
    .alias("Environment of a Process")
    .column("Process ID", Integer, "Id of the process.")
    .column("Process", Text, "Name of the process.")
    .column("Variable", Text, "Name of the variable.")
    .column("Value", Text, "Its value.")
    .parameter(
        "Process",
        Text,
        None,
        &[],
        "Id of a process, or a name without regard to case.",
    )
    .max_age(60)
    .key("Variable")
    .example("Get Process Environment[sshd] from all machines")
}
