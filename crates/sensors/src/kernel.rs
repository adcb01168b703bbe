//! The kernel's modules.
//!
//! The modules are those of `/proc/modules`; where a module's file lies comes from `modules.dep` (depmod(8)), its version and
//! taint marks from `/sys/module`. What taints the kernel is told from every place that says so.

#[cfg(target_os = "linux")]
pub mod linux;
#[cfg(target_os = "linux")]
pub use linux as system;

#[cfg(target_os = "macos")]
mod macos;
#[cfg(target_os = "macos")]
use macos as system;

#[cfg(windows)]
mod windows;
#[cfg(windows)]
use windows as system;

use crate::framework::Entry;
use question::catalogue::Sensor;
use question::catalogue::ValueType::{DataSize, Integer, Text, Version};

/// The sensors of this family.
pub const SENSORS: &[Entry] = &[
    Entry {
        declare: || {
            Sensor::new(
            "Kernel Modules",
            "Kernel",
            "Modules loaded into the kernel. A kernel without support for modules gives no rows.",
        )
        .column("Name", Text, "Name of the module.")
        .column("Size", DataSize, "Memory it takes, in bytes.")
        .column(
            "References",
            Integer,
            "How many users it has; empty when the kernel does not count.",
        )
        .column("Used By", Text, "Modules that use it, separated by commas.")
        .column("State", Text, "Live, Loading or Unloading.")
        .column(
            "Taint",
            Text,
            "Letters of the taint it brought: P proprietary, O out of tree, E unsigned, F forced.",
        )
        .column(
            "Version",
            Version,
            "Version that the module states, if any.",
        )
        .column(
            "Path",
            Text,
            "File of the module; empty when the module index does not list it.",
        )
        .max_age(900)
        .key("Name")
        .example("Get Kernel Modules having Kernel Modules:Taint contains E from all machines")
        },
        collect: |_, sink| system::kernel_modules(sink),
    },
    Entry {
        declare: || {
            Sensor::new(
            "Kernel Taint",
            "Kernel",
            "What makes the running kernel another one than was built: a row for each taint, with the modules that brought it. No rows mean that it is not tainted.",
        )
        .column("Taint", Text, "Letter of the taint, as the kernel writes it.")
        .column("Meaning", Text, "What it stands for.")
        .column("Modules", Text, "Modules that have this taint, separated by commas; empty when they are gone or it came otherwise.")
        .column("Source", Text, "Who says so: kernel, modules, or both.")
        .max_age(900)
        .example("Get Kernel Taint having Kernel Taint:Taint in (E, F, O) from all machines")
        },
        collect: |_, sink| system::kernel_taint(sink),
    },
];
