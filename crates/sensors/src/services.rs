//! Services: units of systemd ([`systemd`], [`mod@unit`], [`exec`]) in the folders of each manager ([`places`]), start scripts
//! ([`sysv`]), and what of them runs ([`running`]).
//!
//! Everything is read from files. No bus is asked: that also works in a rescue system, in an image, and on a machine
//! whose service manager hangs.

pub mod environment;
pub mod exec;
pub mod places;
pub mod running;
pub mod specifiers;
pub mod systemd;
pub mod sysv;
pub mod unit;

use crate::alive::Processes;
use crate::disk::{self, system_root};
use crate::framework::{Entry, Notes, SensorError, Sink};
use exec::Expanded;
use places::Manager;
use question::catalogue::Sensor;
use question::catalogue::ValueType::Text;
use specifiers::Facts;
use std::collections::BTreeSet;
use std::path::Path;

/// Kinds of units that run something, or make something run.
const SUFFIXES: [&str; 7] = [
    ".service",
    ".socket",
    ".path",
    ".timer",
    ".mount",
    ".automount",
    ".swap",
];

/// The sensors of this family.
pub const SENSORS: &[Entry] = &[Entry {
    declare: || {
        Sensor::new(
            "Service Details",
            "Services",
            "Units of systemd that run something or start what runs, of the system and of users, with drop-ins applied, \
             and start scripts of System V that no unit replaces.",
        )
        .column("Service Name", Text, "Name; services without their suffix.")
        .column("Service Display Name", Text, "Description.")
        .column("Service Status", Text, "Running, active (without processes), stopped, or unknown for a script without pid file.")
        .column("Service Startup Mode", Text, "State of a unit in the words of systemd (enabled, disabled, static, masked, alias …), or unreadable; for scripts enabled, disabled, or ignored where systemd passes over them.")
        .column("Command", Text, "What a service is for: the ExecStart lines of a unit, the path of a script.")
        .column("User", Text, "User that a unit states; empty means the superuser, one made for it, or the user whose unit it is.")
        .column("Kind", Text, "Systemd for services, socket, path, timer, mount, automount, swap, or sysv.")
        .column("Path", Text, "File of the unit or script.")
        .column("Other Commands", Text, "What runs before, after and instead: ExecCondition, ExecStartPre, ExecStartPost, ExecReload, ExecStop, ExecStopPost.")
        .column("Environment", Text, "Variables that are set, where others come from, and those of such files that bring code into a program, as LD_PRELOAD.")
        .column("Trigger", Text, "What starts it and what it starts: addresses of a socket, what a path unit watches, settings of a timer, what is mounted where, OnFailure.")
        .column("Manager", Text, "Who starts it: system, user (the manager of every user), or the name of one user.")
        .key("Service Name")
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
    let mut services = BTreeSet::new();
    for manager in managers(root, &notes)? {
        for suffix in SUFFIXES {
            let names = units(root, &manager, suffix, &running, sink)?;
            if manager.user.is_none() && manager.name == b"system" && suffix == ".service" {
                services = names;
            }
        }
    }
    scripts(root, &services, sink)
}

/// All managers of units below a root.
///
/// # Errors
/// [`SensorError::Limit`] only.
pub fn managers(root: &Path, notes: &Notes) -> Result<Vec<Manager>, SensorError> {
    let mut managers = vec![places::system(), places::everybody()];
    for user in places::users(root, notes)? {
        let manager = places::of_user(&user);
        let home = disk::below(root, &user.home);
        // A home that we may not look into is told once, not for each folder in it.
        if let Err(error) = std::fs::symlink_metadata(home.join(".config"))
            && error.kind() == std::io::ErrorKind::PermissionDenied
        {
            notes.missed(&home, error);
            continue;
        }
        let own = manager.folders.get(..manager.own).unwrap_or_default();
        let is_there = |path: &Path| disk::is_folder(&disk::below(root, path), notes);
        if own.iter().any(|folder| is_there(&folder.path)) {
            managers.push(manager);
        }
    }
    Ok(managers)
}

/// Specifiers of a manager's units.
#[must_use]
pub fn facts<'a>(root: &'a Path, manager: &'a Manager, notes: &'a Notes) -> Facts<'a> {
    let everybody = manager.user.is_none() && manager.name == b"user";
    Facts::new(root, notes, manager.user.as_ref(), everybody)
}

/// Rows of a manager's units of one kind; gives their names.
fn units(
    root: &Path,
    manager: &Manager,
    suffix: &str,
    running: &running::Running,
    sink: &mut Sink,
) -> Result<BTreeSet<String>, SensorError> {
    let notes = sink.notes();
    let facts = facts(root, manager, &notes);
    let units = systemd::Units::list(root, manager, suffix, &notes);
    let names = units.names();
    let uid = manager.user.as_ref().and_then(|user| user.uid);
    for name in &names {
        sink.check()?;
        let Some(file) = units.read(name, &notes) else {
            continue;
        };
        if !file.own {
            continue;
        }
        let whole = Expanded {
            file: &file,
            facts: &facts,
        };
        let state = match (&manager.user, manager.name.as_slice()) {
            (None, b"user") => "unknown",
            (Some(user), _) if user.uid.is_none() => "unknown",
            _ => running.state(uid, &file.id),
        };
        let kind = match suffix {
            ".service" => "systemd",
            other => other.trim_start_matches('.'),
        };
        sink.push([
            name.strip_suffix(".service").unwrap_or(name).as_bytes(),
            &whole.text(file.unit.last("Unit", "Description")),
            state.as_bytes(),
            file.state.as_bytes(),
            &whole.command(),
            &whole.text(file.unit.last(&whole.section(), "User")),
            kind.as_bytes(),
            &disk::cell(&file.path),
            &whole.other_commands(),
            &whole.environment(root, &notes),
            &whole.trigger(),
            &manager.name,
        ])?;
    }
    Ok(names)
}

/// Rows of start scripts.
fn scripts(root: &Path, services: &BTreeSet<String>, sink: &mut Sink) -> Result<(), SensorError> {
    let notes = sink.notes();
    let has_systemd = ["/usr/lib/systemd/systemd", "/lib/systemd/systemd"]
        .iter()
        .any(|path| disk::is_file(&disk::below(root, path), &notes));
    let processes = Processes::of(root);
    for script in sysv::scripts(root, &notes) {
        if services.contains(&format!("{}.service", script.name)) {
            continue;
        }
        let live = script.pid.and_then(|pid| processes.live(pid, &notes));
        let state = match live {
            Some(true) => "running",
            Some(false) => "stopped",
            None => "unknown",
        };
        let started = script.levels.chars().any(|c| matches!(c, '2'..='5' | 'S'));
        let mode = match started {
            true if script.direct && has_systemd => "ignored",
            true => "enabled",
            false => "disabled",
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
            b"",
            b"",
            b"",
            b"system",
        ])?;
    }
    Ok(())
}
