//! Services: units of systemd ([`systemd`], [`mod@unit`]), start scripts ([`sysv`]), and what of them runs ([`running`]).
//!
//! Everything is read from files. No bus is asked: that also works in a rescue system, in an image, and on a machine
//! whose service manager hangs.

pub mod running;
pub mod systemd;
pub mod sysv;
pub mod unit;

use crate::alive::Processes;
use crate::disk::{self, system_root};
use crate::framework::{Entry, SensorError, Sink};
use crate::text;
use question::catalogue::Sensor;
use question::catalogue::ValueType::Text;
use std::path::Path;

/// The sensors of this family.
pub const SENSORS: &[Entry] = &[Entry {
    declare: || {
        Sensor::new(
            "Service Details",
            "Services",
            "Services of systemd, with drop-ins applied, and start scripts of System V that no unit replaces.",
        )
        .column("Service Name", Text, "Name; units without their suffix.")
        .column("Service Display Name", Text, "Description.")
        .column("Service Status", Text, "Running, active (without processes), stopped, or unknown for a script without pid file.")
        .column("Service Startup Mode", Text, "State of a unit in the words of systemd (enabled, disabled, static, masked, alias …), or unreadable; enabled or disabled for scripts.")
        .column("Command", Text, "What is started: the ExecStart lines of a unit, the path of a script.")
        .column("User", Text, "User that a unit states; empty means the superuser or one made for it.")
        .column("Kind", Text, "Systemd or sysv.")
        .column("Path", Text, "File of the unit or script.")
        .example("Get Service Details having Service Details:Service Startup Mode = enabled from all machines")
    },
    collect: |_, sink| service_details(system_root()?, sink),
}];

/// Rows of Service Details below a root.
///
/// # Errors
/// When a file cannot be read or a limit is reached.
pub fn service_details(root: &Path, sink: &mut Sink) -> Result<(), SensorError> {
    let notes = sink.notes();
    let running = running::Running::look(root, &notes);
    let units = systemd::Units::list(root, ".service", &notes);
    let names = units.names();
    for name in &names {
        let Some(file) = units.read(name, &notes) else {
            continue;
        };
        let commands = file
            .unit
            .all("Service", "ExecStart")
            .iter()
            .map(|c| systemd::expand(c, name));
        sink.push([
            name.trim_end_matches(".service").as_bytes(),
            &systemd::expand(file.unit.last("Unit", "Description"), name),
            running.state(name).as_bytes(),
            file.state.as_bytes(),
            &text::join(commands, b"; "),
            file.unit.last("Service", "User"),
            b"systemd",
            &disk::cell(&file.path),
        ])?;
    }
    let processes = Processes::of(root);
    for script in sysv::scripts(root, &notes) {
        if names.contains(&format!("{}.service", script.name)) {
            continue;
        }
        let live = script.pid.and_then(|pid| processes.live(pid, &notes));
        let state = match live {
            Some(true) => "running",
            Some(false) => "stopped",
            None => "unknown",
        };
        let mode = if script.levels.chars().any(|c| matches!(c, '2'..='5' | 'S')) {
            "enabled"
        } else {
            "disabled"
        };
        let path = disk::cell(&script.path);
        sink.push([
            script.name.as_bytes(),
            &script.description,
            state.as_bytes(),
            mode.as_bytes(),
            &path,
            b"",
            b"sysv",
            &path,
        ])?;
    }
    Ok(())
}
