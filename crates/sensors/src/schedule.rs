//! What runs by itself at set times: tables of cron and anacron ([`cron`]), jobs of at ([`at`]), timers of systemd.

pub mod at;
pub mod cron;

use crate::disk::{self, FirstProblem, system_root};
use crate::framework::{Entry, SensorError, Sink};
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
    let mut problems = FirstProblem::default();
    let mut push = |kind: &str, owner: &[u8], schedule: &[u8], command: &[u8], path: &Path| {
        let path = disk::cell(path);
        sink.push([kind.as_bytes(), owner, schedule, command, b"yes", &path])
            .map_err(SensorError::from)
    };
    problems.note(tables(root, &mut push))?;
    problems.note(folders(root, &mut push))?;
    let accounts = problems.note(accounts_of(root))?.unwrap_or_default();
    problems.note(at_jobs(root, &accounts, &mut push))?;
    problems.note(timers(root, sink))?;
    problems.outcome()
}

type Push<'a> = dyn FnMut(&str, &[u8], &[u8], &[u8], &Path) -> Result<(), SensorError> + 'a;

fn tables(root: &Path, push: &mut Push) -> Result<(), SensorError> {
    let mut problems = FirstProblem::default();
    let mut system = vec![PathBuf::from("/etc/crontab")];
    let listed = disk::list(&disk::below(root, "/etc/cron.d"));
    for path in problems.note(listed)?.unwrap_or_default() {
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
        let read = disk::read_if_there(&disk::below(root, &path), disk::CONFIG_MAX);
        let Some(Some(bytes)) = problems.note(read)? else {
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
        let listed = disk::list(&disk::below(root, folder));
        for path in problems.note(listed)?.unwrap_or_default() {
            let name = disk::name(&path).to_owned();
            // Alpine links one of the folders to the other; the real place is enough.
            let Some(Some(bytes)) = problems.note(disk::read_if_there(&path, disk::CONFIG_MAX))?
            else {
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
    let read = disk::read_if_there(&disk::below(root, path), disk::CONFIG_MAX);
    let bytes = problems.note(read)?.flatten().unwrap_or_default();
    for entry in cron::parse_anacron(&bytes) {
        push("anacron", b"root", &entry.schedule, &entry.command, path)?;
    }
    problems.outcome()
}

fn folders(root: &Path, push: &mut Push) -> Result<(), SensorError> {
    for period in ["hourly", "daily", "weekly", "monthly", "yearly"] {
        let folders = [
            format!("/etc/cron.{period}"),
            format!("/etc/periodic/{period}"),
        ];
        for folder in folders {
            for path in disk::list(&disk::below(root, &folder))? {
                let name = disk::name(&path);
                if name.starts_with('.') || !path.is_file() {
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

fn at_jobs(root: &Path, accounts: &[Account], push: &mut Push) -> Result<(), SensorError> {
    let mut problems = FirstProblem::default();
    for folder in [
        "/var/spool/cron/atjobs",
        "/var/spool/at",
        "/var/spool/atjobs",
    ] {
        let listed = disk::list(&disk::below(root, folder));
        for path in problems.note(listed)?.unwrap_or_default() {
            let name = disk::name(&path);
            let Some(Some(bytes)) = problems.note(disk::read_if_there(&path, disk::CONFIG_MAX))?
            else {
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
    problems.outcome()
}

fn timers(root: &Path, sink: &mut Sink) -> Result<(), SensorError> {
    let mut problems = FirstProblem::default();
    let timers = Units::list(root, ".timer")?;
    let services = Units::list(root, ".service")?;
    for name in timers.names() {
        let Some(Some(timer)) = problems.note(timers.read(&name))? else {
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
        let service = problems.note(services.read(&service))?.flatten();
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
    problems.outcome()
}
