//! What runs by itself at set times: tables of cron and anacron ([`cron`]), jobs of at ([`at`]), timers of systemd.

pub mod at;
pub mod cron;

use crate::disk::{self, system_root};
use crate::framework::{Entry, Notes, SensorError, Sink};
use crate::services::systemd::{Units, expand};
use crate::text;
use crate::users::accounts::Account;
use crate::users::collect::accounts_of;
use question::catalogue::Sensor;
use question::catalogue::ValueType::Text;
use std::path::{Path, PathBuf};

/// The sensors of this family.
pub const SENSORS: &[Entry] = &[Entry {
    declare: || {
        Sensor::new(
            "Scheduled Tasks",
            "Persistence",
            "Commands that run at set times: cron and anacron tables, scripts in cron folders, jobs of at, and systemd timers.",
        )
        .column("Kind", Text, "Cron, cron folder, anacron, at, or timer.")
        .column("Owner", Text, "User the command runs as.")
        .column("Schedule", Text, "When: cron fields, a word such as @daily, the moment (UTC) of an at job, or the settings of a timer.")
        .column("Command", Text, "What runs; for a timer the command of the unit it starts.")
        .column("Enabled", Text, "State of a timer in the words of systemd; yes for what is simply there.")
        .column("Path", Text, "File that says so.")
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
    let mut push = |kind: &str, owner: &[u8], schedule: &[u8], command: &[u8], path: &Path| {
        let path = disk::cell(path);
        sink.push([kind.as_bytes(), owner, schedule, command, b"yes", &path])
            .map_err(SensorError::from)
    };
    tables(root, &notes, &mut push)?;
    folders(root, &notes, &mut push)?;
    let accounts = notes.note(accounts_of(root, &notes))?.unwrap_or_default();
    at_jobs(root, &accounts, &notes, &mut push)?;
    timers(root, &notes, sink)
}

type Push<'a> = dyn FnMut(&str, &[u8], &[u8], &[u8], &Path) -> Result<(), SensorError> + 'a;

fn tables(root: &Path, notes: &Notes, push: &mut Push) -> Result<(), SensorError> {
    let mut system = vec![PathBuf::from("/etc/crontab")];
    for path in disk::list(&disk::below(root, "/etc/cron.d"), notes) {
        let name = disk::name(&path);
        // Hidden files are place-holders of packages; backups of editors and packagers have these ends.
        let backup = [
            ".dpkg-old",
            ".dpkg-dist",
            ".dpkg-new",
            ".rpmsave",
            ".rpmorig",
            ".rpmnew",
            "~",
        ];
        if !name.is_empty() && !name.starts_with('.') && !backup.iter().any(|e| name.ends_with(e)) {
            system.push(Path::new("/etc/cron.d").join(name));
        }
    }
    for path in system {
        let full = disk::below(root, &path);
        let Some(bytes) = disk::read_if_there(&full, disk::CONFIG_MAX, notes) else {
            continue;
        };
        for entry in cron::parse(&bytes, true) {
            let owner = entry.user.unwrap_or_default();
            push("cron", &owner, &entry.schedule, &entry.command, &path)?;
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
                push(
                    "cron",
                    name.as_bytes(),
                    &entry.schedule,
                    &entry.command,
                    &shown,
                )?;
            }
        }
    }
    let path = Path::new("/etc/anacrontab");
    let bytes = disk::read_if_there(&disk::below(root, path), disk::CONFIG_MAX, notes);
    for entry in cron::parse_anacron(&bytes.unwrap_or_default()) {
        push("anacron", b"root", &entry.schedule, &entry.command, path)?;
    }
    Ok(())
}

fn folders(root: &Path, notes: &Notes, push: &mut Push) -> Result<(), SensorError> {
    for period in ["hourly", "daily", "weekly", "monthly", "yearly"] {
        let folders = [
            format!("/etc/cron.{period}"),
            format!("/etc/periodic/{period}"),
        ];
        for folder in folders {
            for path in disk::list(&disk::below(root, &folder), notes) {
                let name = disk::name(&path);
                if name.starts_with('.') || !disk::is_file(&path, notes) {
                    continue;
                }
                let shown = Path::new(&folder).join(name);
                let command = disk::cell(&shown);
                push("cron folder", b"root", period.as_bytes(), &command, &shown)?;
            }
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
            push(
                "at",
                &owner,
                due.as_bytes(),
                &job.command,
                &Path::new(folder).join(name),
            )?;
        }
    }
    Ok(())
}

fn timers(root: &Path, notes: &Notes, sink: &mut Sink) -> Result<(), SensorError> {
    let timers = Units::list(root, ".timer", notes);
    // What there cannot be looked at was just noted.
    let services = Units::list(root, ".service", &Notes::default());
    for name in timers.names() {
        let Some(timer) = timers.read(&name, notes) else {
            continue;
        };
        if timer.state == "alias" {
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
        let started = timer.unit.last("Timer", "Unit");
        let service = if started.is_empty() {
            format!("{}.service", name.trim_end_matches(".timer"))
        } else {
            String::from_utf8_lossy(&expand(started, &name)).into_owned()
        };
        let service = services.read(&service, notes);
        let (command, user) = service.map_or_else(Default::default, |s| {
            let commands = s.unit.all("Service", "ExecStart").iter();
            let commands = commands.map(|c| expand(c, &s.name));
            let user = s.unit.last("Service", "User").to_vec();
            (text::join(commands, b"; "), user)
        });
        let owner = if user.is_empty() { &b"root"[..] } else { &user };
        sink.push([
            b"timer",
            owner,
            &schedule,
            &command,
            timer.state.as_bytes(),
            &disk::cell(&timer.path),
        ])?;
    }
    Ok(())
}
