//! Which accounts and groups there are: the files that `nsswitch.conf` names (nsswitch.conf(5)), read in its order.
//!
//! `passwd` itself is always read: a machine whose settings name other sources alone has its superuser there all the same.
//! Directories on the network are no local accounts, and are not asked.

use super::accounts::{self, Account, Group};
use super::userdb;
use crate::disk;
use crate::framework::{Notes, SensorError};
use crate::text;
use std::path::Path;

/// The accounts of a machine and what belongs to them.
#[derive(Debug, Default)]
pub struct Directory {
    /// In the order in which the C library lists them; lines for network services are among them.
    pub listed: Vec<Account>,
    /// Groups of all sources.
    pub groups: Vec<Group>,
}

/// Reads the accounts and groups below a root.
///
/// # Errors
/// When `passwd` cannot be read.
pub fn directory(root: &Path, notes: &Notes) -> Result<Directory, SensorError> {
    let switch = switch(root, notes);
    let mut made = listed(root, &switch, notes)?;
    made.groups = groups_in(root, Path::new("/etc/group"), notes);
    for folder in folders(&services(&switch, b"group")) {
        made.groups
            .extend(groups_in(root, &Path::new(folder).join("group"), notes));
    }
    made.add_user_database(root, &switch, notes);
    Ok(made)
}

/// As [`directory`], for whoever has no use for groups and nothing to say of them.
///
/// # Errors
/// When `passwd` cannot be read.
pub fn without_groups(root: &Path, notes: &Notes) -> Result<Directory, SensorError> {
    let switch = switch(root, notes);
    let mut made = listed(root, &switch, notes)?;
    made.add_user_database(root, &switch, notes);
    Ok(made)
}

fn switch(root: &Path, notes: &Notes) -> Vec<u8> {
    let path = disk::below(root, "/etc/nsswitch.conf");
    disk::read_if_there(&path, disk::CONFIG_MAX, notes).unwrap_or_default()
}

fn listed(root: &Path, switch: &[u8], notes: &Notes) -> Result<Directory, SensorError> {
    let mut made = Directory::default();
    let bytes = disk::read(&disk::below(root, "/etc/passwd"), disk::CONFIG_MAX, notes)?;
    made.add_accounts(&bytes, Path::new("/etc/passwd"));
    for folder in folders(&services(switch, b"passwd")) {
        let path = Path::new(folder).join("passwd");
        let bytes = disk::read_if_there(&disk::below(root, &path), disk::CONFIG_MAX, notes);
        made.add_accounts(&bytes.unwrap_or_default(), &path);
    }
    Ok(made)
}

fn groups_in(root: &Path, path: &Path, notes: &Notes) -> Vec<Group> {
    let bytes = disk::read_if_there(&disk::below(root, path), disk::CONFIG_MAX, notes);
    accounts::groups(&bytes.unwrap_or_default()).collect()
}

/// What is said of a database.
fn line<'a>(switch: &'a [u8], database: &[u8]) -> Option<&'a [u8]> {
    text::lines(switch).find_map(|line| {
        let line = line.split(|b| *b == b'#').next().unwrap_or_default();
        let (name, rest) = text::split_once(line, b':')?;
        (name.trim_ascii() == database).then_some(rest)
    })
}

fn holds_merge(line: &[u8]) -> bool {
    let lower = line.to_ascii_lowercase();
    lower.windows(6).any(|part| part == b"=merge")
}

/// Names of the sources of a database, in their order.
fn services(switch: &[u8], database: &[u8]) -> Vec<Vec<u8>> {
    let words = line(switch, database).unwrap_or_default();
    // What stands in brackets is what to do with an answer.
    words
        .split(u8::is_ascii_whitespace)
        .filter(|word| !word.is_empty() && !word.starts_with(b"["))
        .map(<[u8]>::to_vec)
        .collect()
}

/// Folders of the sources that keep files of the usual form elsewhere.
fn folders(services: &[Vec<u8>]) -> Vec<&'static str> {
    let folder = |name: &Vec<u8>| match &name[..] {
        b"extrausers" => Some("/var/lib/extrausers"),
        // The vendor's files of systems whose `/etc` begins empty.
        b"altfiles" => Some("/usr/lib"),
        _ => None,
    };
    services.iter().filter_map(folder).collect()
}

impl Directory {
    /// What the service manager's user database adds, where it is named as a source.
    fn add_user_database(&mut self, root: &Path, switch: &[u8], notes: &Notes) {
        let mut names = services(switch, b"passwd").into_iter();
        if !names.any(|name| name == b"systemd") {
            return;
        }
        let found = userdb::read(root, notes);
        self.listed.extend(found.accounts);
        // Members of a group of another source count only where the sources are merged.
        let merged = line(switch, b"group").is_some_and(holds_merge);
        let own = self.groups.len();
        self.groups.extend(found.groups);
        for (user, name) in found.memberships {
            let mut groups = self.groups.iter_mut().enumerate();
            if let Some((_, group)) =
                groups.find(|(at, g)| g.name == name && (merged || *at >= own))
                && !group.members.contains(&user)
            {
                group.members.push(user);
            }
        }
    }

    fn add_accounts(&mut self, bytes: &[u8], path: &Path) {
        self.listed
            .extend(accounts::listed(bytes).map(|mut account| {
                account.path = path.to_owned();
                account
            }));
    }

    /// Accounts by which somebody can be known: of several with one name the first.
    pub fn accounts(&self) -> impl Iterator<Item = &Account> {
        let mut seen = std::collections::BTreeSet::new();
        self.listed.iter().filter(move |account| {
            !accounts::is_switch(&account.name) && seen.insert(&account.name)
        })
    }

    /// Names of the groups of an account, the primary one first.
    #[must_use]
    pub fn groups_of(&self, account: &Account) -> Vec<&[u8]> {
        let primary = self.groups.iter().find(|g| g.gid == account.gid);
        let others = self
            .groups
            .iter()
            .filter(|g| g.gid != account.gid && g.members.contains(&account.name));
        primary
            .into_iter()
            .chain(others)
            .map(|g| g.name.as_slice())
            .collect()
    }
}
