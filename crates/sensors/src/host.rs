//! The machine itself: name, system, uptime, processor, memory, disks.
//!
//! Facts come from `/proc`, `/etc/os-release` (<https://www.freedesktop.org/software/systemd/man/latest/os-release.html>) and
//! `statvfs`. What every platform can say (name, which system it is) works everywhere.

use crate::framework::{Entry, Request, SensorError, Sink};
use question::catalogue::{Platforms, Sensor, ValueType};

/// Sensors of this family.
pub const SENSORS: &[Entry] = &[
    Entry {
        declare: computer_name,
        collect: collect_computer_name,
    },
    Entry {
        declare: computer_id,
        collect: collect_computer_id,
    },
    Entry {
        declare: operating_system,
        collect: collect_operating_system,
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
];

fn computer_name() -> Sensor {
    Sensor::new("Computer Name", "Host", "The machine's own host name.")
        .column("Computer Name", ValueType::Text, "Host name.")
        .one_row()
        .platforms(Platforms::ALL)
        .max_age(86_400)
}
fn computer_id() -> Sensor {
    Sensor::new("Computer ID", "Host", "Identity of the endpoint.")
        .column("Computer ID", ValueType::Text, "Endpoint id.")
        .one_row()
        .platforms(Platforms::ALL)
        .max_age(86_400)
}
fn operating_system() -> Sensor {
    Sensor::new(
        "Operating System",
        "Host",
        "Name and version of the operating system.",
    )
    .column(
        "Operating System",
        ValueType::Text,
        "As the system calls itself.",
    )
    .one_row()
    .platforms(Platforms::ALL)
    .max_age(86_400)
}
fn is_linux() -> Sensor {
    system("Is Linux", "Linux")
}
fn is_windows() -> Sensor {
    system("Is Windows", "Windows")
}
fn is_mac() -> Sensor {
    system("Is Mac", "macOS")
}
fn system(name: &str, system: &str) -> Sensor {
    Sensor::new(name, "Host", &format!("Whether the machine runs {system}."))
        .column(name, ValueType::Boolean, "True or False.")
        .one_row()
        .platforms(Platforms::ALL)
        .max_age(86_400)
}
fn truth(sink: &mut Sink, value: bool) -> Result<(), SensorError> {
    sink.push([if value { "True" } else { "False" }])?;
    Ok(())
}
fn collect_computer_name(_: &Request, sink: &mut Sink) -> Result<(), SensorError> {
    #[cfg(unix)]
    let name = rustix::system::uname()
        .nodename()
        .to_string_lossy()
        .into_owned();
    #[cfg(not(unix))]
    let name = std::env::var("COMPUTERNAME").unwrap_or_default();
    sink.push([name])?;
    Ok(())
}
fn collect_computer_id(request: &Request, sink: &mut Sink) -> Result<(), SensorError> {
    sink.push([&request.host.endpoint_id])?;
    Ok(())
}
fn collect_operating_system(_: &Request, sink: &mut Sink) -> Result<(), SensorError> {
    let text = std::fs::read_to_string("/etc/os-release").unwrap_or_default();
    let name = text
        .lines()
        .find_map(|l| l.strip_prefix("PRETTY_NAME="))
        .map_or_else(
            || std::env::consts::OS.to_owned(),
            |v| v.trim_matches('"').to_owned(),
        );
    sink.push([name])?;
    Ok(())
}
