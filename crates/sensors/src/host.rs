//! The machine itself: name, system, uptime, processor, memory, file systems.
//!
//! Which system it is and what it is called every platform can say; the rest comes from the module of the system.

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

use crate::framework::{Entry, Request, SensorError, Sink};
use crate::text::boolean;
use question::catalogue::ValueType::{
    Boolean, DataSize, DateTime, Decimal, Duration, Integer, Text, Version,
};
use question::catalogue::{Platforms, Sensor};

/// What only the system's own module can tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Version,
    Virtual,
    Uptime,
    LastReboot,
    Cpu,
    Ram,
    DiskFree(View),
    /// Whether those of all namespaces are asked for.
    Mounts(View, bool),
}

/// Whose mounts are told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum View {
    /// Those of whoever asks without a server.
    Own,
    /// The machine's: an agent may run as a service whose unit gives it other mounts.
    Machine,
}

impl View {
    fn of(request: &Request) -> Self {
        if request.host.endpoint_id.is_empty() {
            Self::Own
        } else {
            Self::Machine
        }
    }
}

/// Sensors of this family.
pub const SENSORS: &[Entry] = &[
    Entry {
        declare: computer_name,
        collect: |_, sink| one(sink, system::name()),
    },
    Entry {
        declare: computer_id,
        collect: |request, sink| {
            let id = system::id(request, &sink.notes());
            one(sink, id)
        },
    },
    Entry {
        declare: operating_system,
        collect: |_, sink| {
            let system = system::operating_system(&sink.notes());
            one(sink, system)
        },
    },
    Entry {
        declare: os_version,
        collect: |_, sink| system::collect(Kind::Version, sink),
    },
    Entry {
        declare: is_linux,
        collect: |_, sink| truth(sink, cfg!(target_os = "linux")),
    },
    Entry {
        declare: is_windows,
        collect: |_, sink| truth(sink, cfg!(windows)),
    },
    Entry {
        declare: is_mac,
        collect: |_, sink| truth(sink, cfg!(target_os = "macos")),
    },
    Entry {
        declare: is_virtual,
        collect: |_, sink| system::collect(Kind::Virtual, sink),
    },
    Entry {
        declare: uptime,
        collect: |_, sink| system::collect(Kind::Uptime, sink),
    },
    Entry {
        declare: last_reboot,
        collect: |_, sink| system::collect(Kind::LastReboot, sink),
    },
    Entry {
        declare: cpu,
        collect: |_, sink| system::collect(Kind::Cpu, sink),
    },
    Entry {
        declare: ram,
        collect: |_, sink| system::collect(Kind::Ram, sink),
    },
    Entry {
        declare: disk_free,
        collect: |request, sink| system::collect(Kind::DiskFree(View::of(request)), sink),
    },
    Entry {
        declare: mounts,
        collect: |request, sink| {
            let all = request.parameter(0).eq_ignore_ascii_case("All");
            system::collect(Kind::Mounts(View::of(request), all), sink)
        },
    },
];

const CATEGORY: &str = "Host";
const DAY: u64 = 86_400;

fn one(sink: &mut Sink, cell: Vec<u8>) -> Result<(), SensorError> {
    Ok(sink.push([cell])?)
}

fn truth(sink: &mut Sink, value: bool) -> Result<(), SensorError> {
    Ok(sink.push([boolean(value)])?)
}

fn computer_name() -> Sensor {
    Sensor::new("Computer Name", CATEGORY, "The machine's own host name.")
        .column("Computer Name", Text, "Host name, as the system has it.")
        .one_row()
        .platforms(Platforms::ALL)
        .max_age(DAY)
}

fn computer_id() -> Sensor {
    Sensor::new(
        "Computer ID",
        CATEGORY,
        "What tells this endpoint from all others.",
    )
    .column(
        "Computer ID",
        Text,
        "Identifier from the endpoint's certificate; without a server, the machine's own.",
    )
    .one_row()
    .platforms(Platforms::ALL)
    .max_age(300)
}

fn operating_system() -> Sensor {
    Sensor::new(
        "Operating System",
        CATEGORY,
        "Name and version of the operating system, as it calls itself.",
    )
    .column(
        "Operating System",
        Text,
        "Such as `Debian GNU/Linux 12 (bookworm)`.",
    )
    .one_row()
    .platforms(Platforms::ALL)
    .max_age(DAY)
    .example("Get Operating System contains Debian from all machines")
}

fn os_version() -> Sensor {
    Sensor::new(
        "OS Version",
        CATEGORY,
        "Version of the distribution and of the kernel.",
    )
    .column(
        "Version",
        Version,
        "Version of the distribution, such as `12.4`.",
    )
    .column("Kernel", Version, "Version of the running kernel.")
    .alias("Kernel Version")
    .one_row()
    .max_age(DAY)
    .example("Get Computer Name and OS Version from all machines with OS Version:Kernel < 6.1")
}

fn system_is(name: &str, system: &str) -> Sensor {
    Sensor::new(
        name,
        CATEGORY,
        &format!("Whether the machine runs {system}."),
    )
    .column(name, Boolean, "`True` or `False`.")
    .one_row()
    .platforms(Platforms::ALL)
    .max_age(DAY)
    .example(&format!(
        "Get Computer Name from all machines with {name} = True"
    ))
}

fn is_linux() -> Sensor {
    system_is("Is Linux", "Linux")
}

fn is_windows() -> Sensor {
    system_is("Is Windows", "Windows")
}

fn is_mac() -> Sensor {
    system_is("Is Mac", "macOS").alias("Is macOS")
}

fn is_virtual() -> Sensor {
    Sensor::new(
        "Is Virtual",
        CATEGORY,
        "Whether the machine is a virtual one, and what makes it.",
    )
    .column("Is Virtual", Boolean, "`True` or `False`.")
    .column(
        "Platform",
        Text,
        "What the firmware or the hypervisor calls itself; empty on real hardware.",
    )
    .one_row()
    .max_age(DAY)
    .example("Get number of machines from all machines with Is Virtual:\"Is Virtual\" = True")
}

fn uptime() -> Sensor {
    Sensor::new("Uptime", CATEGORY, "For how long the machine has been up.")
        .column(
            "Uptime",
            Duration,
            "Time since boot, in seconds, such as `86400s`.",
        )
        .one_row()
        .max_age(60)
        .example("Get Computer Name from all machines with Uptime > \"30 days\"")
}

fn last_reboot() -> Sensor {
    Sensor::new("Last Reboot", CATEGORY, "When the machine was booted.")
        .column("Last Reboot", DateTime, "Moment of boot, UTC.")
        .one_row()
        .example("Get Last Reboot from all machines")
}

fn cpu() -> Sensor {
    Sensor::new("CPU", CATEGORY, "The processor and how busy it is.")
        .column("Model", Text, "Model name.")
        .column(
            "Logical Processors",
            Integer,
            "Processors that the system schedules on.",
        )
        .column("Load", Decimal, "Load average over one minute.")
        .one_row()
        .max_age(60)
        .example("Get Computer Name and CPU from all machines with CPU:Load > 8")
}

fn ram() -> Sensor {
    Sensor::new("RAM", CATEGORY, "Memory of the machine.")
        .column("Total", DataSize, "Memory the system can use, in bytes.")
        .column(
            "Available",
            DataSize,
            "Memory that programs could still get, in bytes.",
        )
        .column("Swap Total", DataSize, "Swap space, in bytes.")
        .column("Swap Free", DataSize, "Free swap space, in bytes.")
        .one_row()
        .max_age(60)
        .key("Total")
        .example("Get Computer Name from all machines with RAM:Total < \"4 GB\"")
}

fn disk_free() -> Sensor {
    Sensor::new(
        "Disk Free",
        CATEGORY,
        "Space on each local file system that holds data.",
    )
    .column("Mount Point", Text, "Where it is mounted.")
    .column("File System", Text, "Its type.")
    .column("Total", DataSize, "Size in bytes.")
    .column(
        "Free",
        DataSize,
        "What ordinary users may still fill, in bytes.",
    )
    .max_age(300)
    .key("Free")
    .example("Get Computer Name and Disk Free having Disk Free:Free < \"1 GB\" from all machines")
}

fn mounts() -> Sensor {
    Sensor::new(
        "Mounts",
        CATEGORY,
        "Every mounted file system, as the machine's first process has it; asked without a server, as whoever asks has it.",
    )
    .column("Mount Point", Text, "Where it is mounted.")
    .column("Source", Text, "Device, share or name.")
    .column("File System", Text, "Its type.")
    .column("Options", Text, "Mount options, in alphabetical order.")
    .column(
        "Namespace",
        Text,
        "Mount namespace, as mnt:[4026532177]; empty for the one that is told without a parameter.",
    )
    .column(
        "Container",
        Text,
        "Container of a process in it: its id, or its name where it has none; empty for the machine itself.",
    )
    .column(
        "Layer",
        Integer,
        "How many mounts lie over it at the same place; 0 for the one that is seen.",
    )
    .parameter(
        "Namespaces",
        Text,
        Some("One"),
        &["One", "All"],
        "Mounts of one namespace, or those of all others too.",
    )
    .max_age(300)
    .key("Mount Point")
    .example("Get Mounts having Mounts:\"File System\" in (nfs, nfs4, cifs) from all machines")
}
