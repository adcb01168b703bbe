//! What runs by itself at set times: tables of cron and anacron ([`cron`]), scripts that run-parts starts ([`parts`]), jobs
//! of at ([`at`]), timers of systemd.

pub mod at;
pub mod cron;
pub mod parts;

use crate::disk::{self, system_root};
use crate::framework::{Entry, Notes, SensorError, Sink};
use crate::services::exec::{Expanded, started};
use crate::services::systemd::Units;
use crate::services::{facts, managers};
use crate::text;
use crate::users::accounts::Account;
use crate::users::collect::accounts_of;
use question::catalogue::Sensor;
use question::catalogue::ValueType::Text;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// The sensors of this family.
pub const SENSORS: &[Entry] = &[Entry {
    declare: || {
        Sensor::new(
            "Scheduled Tasks",
            "Persistence",
            "Commands that run at set times: cron and anacron tables, scripts in cron folders, jobs of at, and systemd timers of \
             the system and of users.",
        )
        .column("Kind", Text, "Cron, cron folder, anacron, at, or timer.")
        .column("Owner", Text, "User the command runs as.")
        .column("Schedule", Text, "When: cron fields, a word such as @daily, the moment (UTC) of an at job, or the settings of a timer.")
        .column("Command", Text, "What runs; for a timer the command of the unit it starts.")
        .column("Enabled", Text, "State of a timer in the words of systemd; yes for what is simply there, no for what cron or run-parts pass over.")
        .column("Path", Text, "File that says so.")
        .column("Environment", Text, "Variables that are set for the command, as SHELL, PATH or LD_PRELOAD in its table or unit.")
        .key("Command")
        .example("Get Scheduled Tasks having Scheduled Tasks:Command contains curl from all machines")
    },
    collect: |_, sink| scheduled_tasks(system_root()?, sink),
}];

/// Rows of Scheduled Tasks below a root.
///
/// # Errors
/// When a file cannot be read (the others still give their rows) or a limit is reached.
pub fn scheduled_tasks(root: &Path, sink: &mut Sink) -> Result<(), SensorError> {
    let notes = sink.notes();
    let mut push = |task: Task<'_>| {
        sink.push([
            task.kind.as_bytes(),
            task.owner,
            task.schedule,
            task.command,
            if task.runs { b"yes" } else { b"no" },
            &disk::cell(task.path),
            task.environment,
        ])
        .map_err(SensorError::from)
    };
    let mut folders = BTreeMap::new();
    tables(root, &notes, &mut folders, &mut push)?;
    run_parts(root, &notes, &folders, &mut push)?;
    let accounts = notes.note(accounts_of(root, &notes))?.unwrap_or_default();
    at_jobs(root, &accounts, &notes, &mut push)?;
    timers(root, &notes, sink)
}

/// One row.
struct Task<'a> {
    kind: &'a str,
    owner: &'a [u8],
    schedule: &'a [u8],
    command: &'a [u8],
    runs: bool,
    path: &'a Path,
    environment: &'a [u8],
}

type Push<'a> = dyn FnMut(Task<'_>) -> Result<(), SensorError> + 'a;
/// Folders whose scripts are run, with owner, times and environment.
type Folders = BTreeMap<PathBuf, [Vec<u8>; 3]>;

fn tables(
    root: &Path,
    notes: &Notes,
    folders: &mut Folders,
    push: &mut Push,
) -> Result<(), SensorError> {
    let strict = parts::cron_is_strict(root, notes);
    let mut system = vec![(PathBuf::from("/etc/crontab"), true)];
    for path in disk::list(&disk::below(root, "/etc/cron.d"), notes) {
        let name = disk::name(&path);
        if !parts::is_left_behind(name) {
            let runs = !strict || parts::is_plain(name);
            system.push((Path::new("/etc/cron.d").join(name), runs));
        }
    }
    let mut each = |kind: &str, owner: &[u8], entry: &cron::Entry, path: &Path, runs: bool| {
        if let Some(folder) = parts::folder_of(&entry.command) {
            let said = [
                owner.to_vec(),
                entry.schedule.clone(),
                entry.environment.clone(),
            ];
            folders.entry(folder).or_insert(said);
        }
        push(Task {
            kind,
            owner,
            schedule: &entry.schedule,
            command: &entry.command,
            runs,
            path,
            environment: &entry.environment,
        })
    };
    for (path, runs) in system {
        let full = disk::below(root, &path);
        let Some(bytes) = disk::read_if_there(&full, disk::CONFIG_MAX, notes) else {
            continue;
        };
        for entry in cron::parse(&bytes, true) {
            let owner = entry.user.clone().unwrap_or_default();
            each("cron", &owner, &entry, &path, runs)?;
        }
    }
    // Tables of users: Debian, Red Hat and SUSE, Alpine and BusyBox.
    for folder in [
        "/var/spool/cron/crontabs",
        "/var/spool/cron",
        "/var/spool/cron/tabs",
        "/etc/crontabs",
    ] {
        for path in disk::list(&disk::below(root, folder), notes) {
            let name = disk::name(&path).to_owned();
            // Alpine links one of the folders to the other; the real place is enough.
            let Some(bytes) = disk::read_if_there(&path, disk::CONFIG_MAX, notes) else {
                continue;
            };
            let shown = Path::new(folder).join(&name);
            for entry in cron::parse(&bytes, false) {
                each("cron", name.as_bytes(), &entry, &shown, true)?;
            }
        }
    }
    let path = Path::new("/etc/anacrontab");
    let bytes = disk::read_if_there(&disk::below(root, path), disk::CONFIG_MAX, notes);
    for entry in cron::parse_anacron(&bytes.unwrap_or_default()) {
        each("anacron", b"root", &entry, path, true)?;
    }
    Ok(())
}

/// Scripts in the folders that are there for it, and in those that a table names.
fn run_parts(
    root: &Path,
    notes: &Notes,
    named: &Folders,
    push: &mut Push,
) -> Result<(), SensorError> {
    let rules = parts::Rules::of(root, notes);
    let mut folders = Vec::new();
    for period in ["hourly", "daily", "weekly", "monthly", "yearly"] {
        for folder in ["/etc/cron.", "/etc/periodic/"] {
            let folder = PathBuf::from(format!("{folder}{period}"));
            let (owner, environment) = match named.get(&folder) {
                Some([owner, _, environment]) => (owner.clone(), environment.clone()),
                None => (b"root".to_vec(), Vec::new()),
            };
            folders.push((folder, [owner, period.into(), environment]));
        }
    }
    let standard: Vec<PathBuf> = folders.iter().map(|(folder, _)| folder.clone()).collect();
    let others = named.iter().filter(|(f, _)| !standard.contains(f));
    folders.extend(others.map(|(folder, said)| (folder.clone(), said.clone())));
    for (folder, [owner, schedule, environment]) in folders {
        for path in disk::list(&disk::below(root, &folder), notes) {
            let name = disk::name(&path);
            if name.starts_with('.') || !disk::is_file(&path, notes) {
                continue;
            }
            let shown = folder.join(name);
            push(Task {
                kind: "cron folder",
                owner: &owner,
                schedule: &schedule,
                command: &disk::cell(&shown),
                runs: rules.runs(&path, notes),
                path: &shown,
                environment: &environment,
            })?;
        }
    }
    Ok(())
}

fn at_jobs(
    root: &Path,
    accounts: &[Account],
    notes: &Notes,
    push: &mut Push,
) -> Result<(), SensorError> {
    for folder in [
        "/var/spool/cron/atjobs",
        "/var/spool/at",
        "/var/spool/atjobs",
    ] {
        for path in disk::list(&disk::below(root, folder), notes) {
            let name = disk::name(&path);
            let Some(bytes) = disk::read_if_there(&path, disk::CONFIG_MAX, notes) else {
                continue;
            };
            let Some(job) = at::parse(name, &bytes) else {
                continue;
            };
            let owner = job.uid.map_or_else(Vec::new, |uid| {
                let known = accounts.iter().find(|a| a.uid == uid);
                known.map_or_else(|| uid.to_string().into_bytes(), |a| a.name.clone())
            });
            let due = text::moment(job.due, 0);
            push(Task {
                kind: "at",
                owner: &owner,
                schedule: due.as_bytes(),
                command: &job.command,
                runs: true,
                path: &Path::new(folder).join(name),
                environment: b"",
            })?;
        }
    }
    Ok(())
}

fn timers(root: &Path, notes: &Notes, sink: &mut Sink) -> Result<(), SensorError> {
    for manager in managers(root, notes)? {
        let facts = facts(root, &manager, notes);
        let timers = Units::list(root, &manager, ".timer", notes);
        // What there cannot be looked at was just noted.
        let services = Units::list(root, &manager, ".service", &Notes::default());
        for name in timers.names() {
            let Some(timer) = timers.read(&name, notes) else {
                continue;
            };
            if timer.state == "alias" || !timer.own {
                continue;
            }
            // Every setting of when, in one text: `OnCalendar=daily; Persistent=true`.
            let schedule = text::join(
                timer
                    .unit
                    .keys("Timer")
                    .filter(|k| k.starts_with(b"On"))
                    .flat_map(|key| {
                        let values = timer
                            .unit
                            .all("Timer", std::str::from_utf8(key).unwrap_or(""));
                        values.iter().map(move |v| [key, b"=", &v[..]].concat())
                    }),
                b"; ",
            );
            let service = services.read(&started(&timer.unit, &timer.id, &facts), notes);
            let (mut command, mut owner, mut environment) =
                <(Vec<u8>, Vec<u8>, Vec<u8>)>::default();
            if let Some(file) = &service {
                let whole = Expanded {
                    file,
                    facts: &facts,
                };
                command = whole.command();
                owner = whole.text(file.unit.last("Service", "User"));
                environment = whole.environment(root, notes);
            }
            if owner.is_empty() {
                owner = match manager.name.as_slice() {
                    b"system" if manager.user.is_none() => b"root".to_vec(),
                    other => other.to_vec(),
                };
            }
            sink.push([
                b"timer",
                &owner[..],
                &schedule,
                &command,
                timer.state.as_bytes(),
                &disk::cell(&timer.path),
                &environment,
            ])?;
        }
    }
    Ok(())
}
