//! Where the files of users, logins and rights lie, and the rows made of them. All paths are below a given root.

use super::accounts::{self, Account, Group, Password};
use super::sudoers::{Kind, Reader, Statement};
use super::{ssh_keys, utmp};
use crate::alive::Processes;
use crate::disk;
use crate::framework::{Notes, SensorError, Sink};
use crate::text;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// Most bytes of login records read from one file: about half a million logins.
const RECORDS_MAX: u64 = 192 << 20;

/// Groups whose members administer the machine by common settings.
const ADMIN_GROUPS: [&[u8]; 3] = [b"sudo", b"wheel", b"admin"];

fn records(root: &Path, path: &str, notes: &Notes) -> Vec<utmp::Record> {
    let bytes = disk::read_if_there(&disk::below(root, path), RECORDS_MAX, notes);
    utmp::records(&bytes.unwrap_or_default(), utmp::Layout::of_this_machine()).collect()
}

/// Rows of Logged In Users.
///
/// # Errors
/// When a file cannot be read or a limit is reached.
pub fn logged_in_users(root: &Path, sink: &mut Sink) -> Result<(), SensorError> {
    let notes = sink.notes();
    let mut seen = BTreeSet::new();
    // A record outlives its session when that was killed: one whose process is known not to be there does not count.
    let processes = Processes::of(root);
    for path in ["/run/utmp", "/var/run/utmp"] {
        for record in records(root, path, &notes) {
            if record.kind == utmp::USER
                && !record.user.is_empty()
                && processes.live(record.pid, &notes) != Some(false)
                && seen.insert((record.user.clone(), record.line.clone()))
            {
                sink.push([
                    &record.user[..],
                    &record.line,
                    &record.host,
                    text::moment(record.seconds, record.micros).as_bytes(),
                    record.pid.to_string().as_bytes(),
                ])?;
            }
        }
    }
    // Systems without utmp keep sessions with the login manager alone.
    for path in disk::list(&disk::below(root, "/run/systemd/sessions"), &notes) {
        let Some(bytes) = disk::read_if_there(&path, 64 << 10, &notes) else {
            continue;
        };
        let fields: BTreeMap<&[u8], &[u8]> = text::lines(&bytes)
            .filter_map(|line| text::split_once(line, b'='))
            .collect();
        let field = |key: &[u8]| fields.get(key).copied().unwrap_or_default();
        let is_user = field(b"CLASS").starts_with(b"user") && field(b"STATE") != b"closing";
        let terminal = if field(b"TTY").is_empty() {
            field(b"DISPLAY")
        } else {
            field(b"TTY")
        };
        if is_user && seen.insert((field(b"USER").to_vec(), terminal.to_vec())) {
            let micros: i64 = text::number(field(b"REALTIME")).unwrap_or(0);
            sink.push([
                field(b"USER"),
                terminal,
                field(b"REMOTE_HOST"),
                text::moment(micros / 1_000_000, 0).as_bytes(),
                field(b"LEADER"),
            ])?;
        }
    }
    Ok(())
}

/// Rows of Last Logins.
///
/// # Errors
/// When a file cannot be read or a limit is reached.
pub fn last_logins(root: &Path, sink: &mut Sink) -> Result<(), SensorError> {
    let notes = sink.notes();
    let mut all = records(root, "/var/log/wtmp.1", &notes);
    all.extend(records(root, "/var/log/wtmp", &notes));
    for login in utmp::logins(&all) {
        let end = match login.end {
            utmp::End::Open => "open",
            utmp::End::LoggedOut => "logged out",
            utmp::End::Down => "down",
            utmp::End::Crash => "crash",
        };
        sink.push([
            &login.record.user[..],
            &login.record.line,
            &login.record.host,
            address(&login.record).as_bytes(),
            text::moment(login.record.seconds, login.record.micros).as_bytes(),
            login
                .until
                .map_or_else(String::new, |t| text::moment(t, 0))
                .as_bytes(),
            end.as_bytes(),
        ])?;
    }
    Ok(())
}

/// Rows of Failed Logins.
///
/// # Errors
/// When a file cannot be read or a limit is reached.
pub fn failed_logins(root: &Path, sink: &mut Sink) -> Result<(), SensorError> {
    let notes = sink.notes();
    for path in ["/var/log/btmp", "/var/log/btmp.1"] {
        for record in records(root, path, &notes).iter().rev() {
            if record.user.is_empty() && record.line.is_empty() {
                continue;
            }
            sink.push([
                &record.user[..],
                &record.line,
                &record.host,
                address(record).as_bytes(),
                text::moment(record.seconds, record.micros).as_bytes(),
            ])?;
        }
    }
    Ok(())
}

fn address(record: &utmp::Record) -> String {
    record.address.map_or_else(String::new, |a| a.to_string())
}

/// The accounts below a root.
///
/// # Errors
/// When `passwd` cannot be read.
pub fn accounts_of(root: &Path, notes: &Notes) -> Result<Vec<Account>, SensorError> {
    let bytes = disk::read(&disk::below(root, "/etc/passwd"), disk::CONFIG_MAX, notes)?;
    Ok(accounts::accounts(&bytes).collect())
}

fn groups_of(root: &Path, notes: &Notes) -> Vec<Group> {
    let bytes = disk::read_if_there(&disk::below(root, "/etc/group"), disk::CONFIG_MAX, notes);
    accounts::groups(&bytes.unwrap_or_default()).collect()
}

/// Rows of Local Users.
///
/// # Errors
/// When a file cannot be read or a limit is reached.
pub fn local_users(root: &Path, sink: &mut Sink) -> Result<(), SensorError> {
    let notes = sink.notes();
    let groups = groups_of(root, &notes);
    let shadow = disk::below(root, "/etc/shadow");
    let shadow = disk::read_if_there(&shadow, disk::CONFIG_MAX, &notes).unwrap_or_default();
    let passwords: BTreeMap<&[u8], (Password, Option<i64>)> = accounts::shadow(&shadow)
        .map(|(name, password, changed)| (name, (password, changed)))
        .collect();
    for account in accounts_of(root, &notes)? {
        let (mut password, changed) = passwords
            .get(account.name.as_slice())
            .copied()
            .unwrap_or((Password::Unknown, None));
        if let Some(known) = accounts::password_in_passwd(&account) {
            password = known;
        }
        let primary = groups.iter().filter(|g| g.gid == account.gid);
        let others = groups
            .iter()
            .filter(|g| g.gid != account.gid && g.members.contains(&account.name));
        sink.push([
            &account.name[..],
            account.uid.to_string().as_bytes(),
            account.gid.to_string().as_bytes(),
            &text::join(primary.chain(others).map(|g| &g.name), b","),
            &account.gecos,
            &account.home,
            &account.shell,
            password.as_str().as_bytes(),
            changed
                .and_then(|days| days.checked_mul(86_400))
                .map_or_else(String::new, |t| text::moment(t, 0))
                .as_bytes(),
        ])?;
    }
    Ok(())
}

/// Rows of Local Administrators.
///
/// # Errors
/// When a file cannot be read or a limit is reached.
pub fn local_administrators(root: &Path, sink: &mut Sink) -> Result<(), SensorError> {
    let notes = sink.notes();
    let accounts = accounts_of(root, &notes)?;
    let groups = groups_of(root, &notes);
    for account in accounts.iter().filter(|a| a.uid == 0) {
        sink.push([&account.name[..], b"user ID 0", b"/etc/passwd"])?;
    }
    for group in groups
        .iter()
        .filter(|g| ADMIN_GROUPS.contains(&&g.name[..]))
    {
        let reason = [b"member of group ", &group.name[..]].concat();
        for member in members(group, &accounts) {
            sink.push([&member[..], &reason, b"/etc/group"])?;
        }
    }
    let statements = policy(root, &notes)?;
    let mut rows = BTreeSet::new();
    for rule in statements.iter().filter(|s| grants_all(s, &statements)) {
        let source = [
            &disk::cell(&rule.path)[..],
            b":",
            rule.line.to_string().as_bytes(),
        ]
        .concat();
        for who in resolve(&rule.who, Kind::UserAlias, &statements) {
            let group = who.strip_prefix(b"%").and_then(|name| {
                groups.iter().find(|g| match name.strip_prefix(b"#") {
                    Some(gid) => text::number(gid) == Some(g.gid),
                    None => g.name == name,
                })
            });
            match group {
                Some(group) => {
                    let reason = [b"sudo rule for %", &group.name[..]].concat();
                    rows.extend(
                        members(group, &accounts)
                            .into_iter()
                            .map(|m| (source.clone(), m, reason.clone())),
                    );
                }
                None => {
                    let name = named(&who, &accounts);
                    rows.insert((source.clone(), name, b"sudo rule".to_vec()));
                }
            }
        }
    }
    for (source, who, reason) in rows {
        sink.push([who, reason, source])?;
    }
    Ok(())
}

/// Members by name and by primary group.
fn members(group: &Group, accounts: &[Account]) -> BTreeSet<Vec<u8>> {
    let primary = accounts.iter().filter(|a| a.gid == group.gid);
    group
        .members
        .iter()
        .cloned()
        .chain(primary.map(|a| a.name.clone()))
        .collect()
}

/// `#1000` as the name of that account.
fn named(who: &[u8], accounts: &[Account]) -> Vec<u8> {
    who.strip_prefix(b"#")
        .and_then(text::number)
        .and_then(|uid: u32| accounts.iter().find(|a| a.uid == uid))
        .map_or_else(|| who.to_vec(), |a| a.name.clone())
}

/// Whether a rule lets somebody run anything as the superuser: one of its commands is `ALL`, and it may run as root.
fn grants_all(rule: &Statement, statements: &[Statement]) -> bool {
    if rule.kind != Kind::Rule {
        return false;
    }
    let users = rule.run_as.split(|b| *b == b':').next().unwrap_or_default();
    let as_root = if users.trim_ascii().is_empty() {
        // `()` and `(:group)` run as the caller; no brackets at all run as root.
        rule.run_as.is_empty()
    } else {
        resolve(users, Kind::RunasAlias, statements)
            .iter()
            .any(|u| matches!(&u[..], b"ALL" | b"root" | b"#0"))
    };
    // A later element may carry tags or another `(run as)` of its own.
    let all = rule.what.split(|b| *b == b',').any(|command| {
        let last = command.rsplit(|b| matches!(b, b':' | b')' | b' ')).next();
        let last = last.unwrap_or_default();
        resolve(last, Kind::CommandAlias, statements).contains(&b"ALL"[..])
    });
    as_root && all
}

/// Elements of a comma list with aliases replaced by their members; negated elements are left out.
fn resolve(list: &[u8], kind: Kind, statements: &[Statement]) -> BTreeSet<Vec<u8>> {
    let mut found = BTreeSet::new();
    let mut seen = BTreeSet::new();
    let mut open: Vec<Vec<u8>> = elements(list);
    while let Some(element) = open.pop() {
        if element.starts_with(b"!") || !seen.insert(element.clone()) {
            continue;
        }
        let mut alias = statements
            .iter()
            .filter(|s| s.kind == kind && s.who == element)
            .peekable();
        if alias.peek().is_none() {
            found.insert(element);
        } else {
            open.extend(alias.flat_map(|s| elements(&s.what)));
        }
    }
    found
}

fn elements(list: &[u8]) -> Vec<Vec<u8>> {
    list.split(|b| *b == b',')
        .map(|e| e.trim_ascii().to_vec())
        .filter(|e| !e.is_empty())
        .collect()
}

fn policy(root: &Path, notes: &Notes) -> Result<Vec<Statement>, SensorError> {
    let host = disk::below(root, "/proc/sys/kernel/hostname");
    let host = disk::read_if_there(&host, 4096, notes).unwrap_or_default();
    let host = String::from_utf8_lossy(host.trim_ascii()).into_owned();
    let host = host.split('.').next().unwrap_or_default();
    let mut reader = Reader::new(root, host, notes);
    let outcome = reader.read(Path::new("/etc/sudoers"));
    notes.note(outcome)?;
    Ok(reader.statements)
}

/// Rows of Sudoers.
///
/// # Errors
/// When a file cannot be read or a limit is reached.
pub fn sudoers(root: &Path, sink: &mut Sink) -> Result<(), SensorError> {
    let notes = sink.notes();
    for s in policy(root, &notes)? {
        sink.push([
            s.kind.as_str().as_bytes(),
            &s.who,
            &s.hosts,
            &s.run_as,
            &s.tags,
            &s.what,
            &disk::cell(&s.path),
            s.line.to_string().as_bytes(),
        ])?;
    }
    Ok(())
}

/// Rows of SSH Authorized Keys.
///
/// # Errors
/// When a file cannot be read or a limit is reached.
pub fn ssh_authorized_keys(root: &Path, sink: &mut Sink) -> Result<(), SensorError> {
    let notes = sink.notes();
    let patterns = key_patterns(root, &notes);
    let mut owners: Vec<(String, u32, String)> = notes
        .note(accounts_of(root, &notes))?
        .unwrap_or_default()
        .iter()
        .map(|a| (lossy(&a.name), a.uid, lossy(&a.home)))
        .collect();
    // Homes without a local account: users from a directory service, or accounts removed since.
    for home in disk::list(&disk::below(root, "/home"), &notes) {
        let name = disk::name(&home).to_owned();
        let path = format!("/home/{name}");
        let known = owners.iter().any(|(_, _, h)| *h == path);
        if !name.is_empty() && !known && disk::is_folder(&home, &notes) {
            owners.push((name, u32::MAX, path));
        }
    }
    let mut seen = BTreeSet::new();
    for (user, uid, home) in owners {
        for pattern in &patterns {
            let path = PathBuf::from(ssh_keys::expand(pattern, &user, uid, &home));
            // Accounts that share a home share its keys, and each of them is opened by them.
            if !seen.insert((user.clone(), path.clone())) {
                continue;
            }
            let full = disk::below(root, &path);
            let Some(bytes) = disk::read_if_there(&full, disk::CONFIG_MAX, &notes) else {
                continue;
            };
            for key in ssh_keys::keys(&bytes) {
                sink.push([
                    user.as_bytes(),
                    &key.kind,
                    key.fingerprint.as_bytes(),
                    &key.options,
                    &key.comment,
                    &disk::cell(&path),
                    key.line.to_string().as_bytes(),
                ])?;
            }
        }
    }
    Ok(())
}

/// Where keys may lie: the server's default places and what its configuration adds.
fn key_patterns(root: &Path, notes: &Notes) -> BTreeSet<String> {
    let mut patterns: BTreeSet<String> = [".ssh/authorized_keys", ".ssh/authorized_keys2"]
        .map(String::from)
        .into();
    let mut open = vec![PathBuf::from("/etc/ssh/sshd_config")];
    let mut seen = BTreeSet::new();
    while let Some(path) = open.pop() {
        if seen.len() >= 1_000 || !seen.insert(path.clone()) {
            continue;
        }
        let full = disk::below(root, &path);
        let Some(bytes) = disk::read_if_there(&full, disk::CONFIG_MAX, notes) else {
            continue;
        };
        patterns.extend(ssh_keys::key_file_settings(&bytes).filter(|p| p != "none"));
        for include in ssh_keys::includes(&bytes) {
            let include = Path::new("/etc/ssh").join(include);
            let Some(folder) = include.parent() else {
                continue;
            };
            let wanted = disk::name(&include);
            // Patterns in practice are `*.conf` or a plain name; the part around one star is compared.
            let (start, end) = wanted.split_once('*').unwrap_or((wanted, ""));
            let star = wanted.contains('*');
            for found in disk::list(&disk::below(root, folder), notes) {
                let name = disk::name(&found);
                let fits = if star {
                    name.starts_with(start) && name.ends_with(end)
                } else {
                    name == wanted
                };
                if fits {
                    open.push(folder.join(name));
                }
            }
        }
    }
    patterns
}

fn lossy(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}
