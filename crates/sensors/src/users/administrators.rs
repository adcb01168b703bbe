//! Rows of who may act as the superuser, and of the sudo policy that says so. All paths are below a given root.

use super::accounts::{Account, Group};
use super::sources::{Directory, directory};
use super::sudoers::judge::{Machine, Policy, Subject};
use super::sudoers::{Placed, Reader};
use crate::disk;
use crate::framework::{Notes, SensorError, Sink};
use crate::text;
use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv6Addr};
use std::path::Path;

/// Groups whose members administer the machine by common settings.
const ADMIN_GROUPS: [&[u8]; 3] = [b"sudo", b"wheel", b"admin"];
const TABLE_MAX: u64 = 1 << 20;
/// Where the policy lies; the second where the first is left to the administrator and is not there.
const POLICIES: [&str; 2] = ["/etc/sudoers", "/usr/etc/sudoers"];

/// Rows of Local Administrators.
///
/// # Errors
/// When a file cannot be read or a limit is reached.
pub fn local_administrators(root: &Path, sink: &mut Sink) -> Result<(), SensorError> {
    let notes = sink.notes();
    let directory = directory(root, &notes)?;
    for account in directory.accounts().filter(|a| a.uid == 0) {
        sink.push([&account.name[..], b"user ID 0", &disk::cell(&account.path)])?;
    }
    for group in directory
        .groups
        .iter()
        .filter(|g| ADMIN_GROUPS.contains(&&g.name[..]))
    {
        let reason = [b"member of group ", &group.name[..]].concat();
        for member in members(group, &directory) {
            sink.push([&member[..], &reason, b"/etc/group"])?;
        }
    }
    let host = host(root, &notes);
    let entries = policy(root, &host, &notes)?;
    let accounts = directory.accounts().collect();
    let mut machine = Machine::new(host, accounts, &directory.groups);
    machine.addresses = addresses(root, &notes);
    let mut rows = BTreeSet::new();
    for grant in Policy::of(&entries).administrators(&machine, || sink.check())? {
        let source = [
            &disk::cell(&grant.rule.path)[..],
            b":",
            grant.rule.line.to_string().as_bytes(),
        ]
        .concat();
        let name = match grant.subject {
            Subject::Anybody => b"ALL".to_vec(),
            Subject::User(name) | Subject::Group(name) => name,
        };
        let reason = match grant.by {
            Some(by) => [b"sudo rule for ", &by[..]].concat(),
            None => b"sudo rule".to_vec(),
        };
        rows.insert((
            grant.rule.path.clone(),
            grant.rule.line,
            name,
            reason,
            source,
        ));
    }
    for (_, _, name, reason, source) in rows {
        sink.push([name, reason, source])?;
    }
    Ok(())
}

/// Members by name and by primary group.
fn members(group: &Group, directory: &Directory) -> BTreeSet<Vec<u8>> {
    let primary = |account: &&Account| account.gid == group.gid;
    let primary = directory.accounts().filter(primary);
    group
        .members
        .iter()
        .cloned()
        .chain(primary.map(|a| a.name.clone()))
        .collect()
}

fn host(root: &Path, notes: &Notes) -> Vec<u8> {
    let path = disk::below(root, "/proc/sys/kernel/hostname");
    let host = disk::read_if_there(&path, 4096, notes).unwrap_or_default();
    host.trim_ascii().to_vec()
}

/// The machine's own addresses, from the kernel's tables.
fn addresses(root: &Path, notes: &Notes) -> Vec<IpAddr> {
    let read = |path: &str| {
        disk::read_if_there(&disk::below(root, path), TABLE_MAX, notes).unwrap_or_default()
    };
    let mut found = local_v4(&read("/proc/net/fib_trie"));
    found.extend(text::lines(&read("/proc/net/if_inet6")).filter_map(local_v6));
    found
}

/// `|-- 10.0.0.5` with `/32 host LOCAL` below it.
fn local_v4(table: &[u8]) -> Vec<IpAddr> {
    let mut last = None;
    let mut found = Vec::new();
    for line in text::lines(table).map(<[u8]>::trim_ascii) {
        if let Some(address) = line.strip_prefix(b"|-- ") {
            last = text::number::<IpAddr>(address);
        } else if line == b"/32 host LOCAL" {
            found.extend(last.take());
        }
    }
    found
}

/// Thirty-two digits and more behind them.
fn local_v6(line: &[u8]) -> Option<IpAddr> {
    let digits = std::str::from_utf8(text::word(line).0).ok()?;
    let value = u128::from_str_radix(digits, 16).ok()?;
    Some(Ipv6Addr::from(value).into())
}

fn policy(root: &Path, host: &[u8], notes: &Notes) -> Result<Vec<Placed>, SensorError> {
    let short = host.split(|b| *b == b'.').next().unwrap_or_default();
    let mut reader = Reader::new(root, short, notes);
    let there = |path: &&str| disk::exists(&disk::below(root, path), notes);
    let path = POLICIES.iter().copied().find(there);
    let outcome = reader.read(Path::new(path.unwrap_or("/etc/sudoers")));
    notes.note(outcome)?;
    Ok(reader.entries)
}

/// Rows of Sudoers.
///
/// # Errors
/// When a file cannot be read or a limit is reached.
pub fn sudoers(root: &Path, sink: &mut Sink) -> Result<(), SensorError> {
    let notes = sink.notes();
    let host = host(root, &notes);
    for s in policy(root, &host, &notes)?
        .iter()
        .flat_map(Placed::statements)
    {
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
