//! Accounts and groups that the service manager's user database adds: JSON records dropped into folders, and homes that it
//! keeps (nss-systemd(8), user records of systemd). The C library finds them where `nsswitch.conf` names `systemd`.

use super::accounts::{Account, Group};
use crate::disk;
use crate::framework::{Notes, SensorError};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsStr;
use std::path::{Path, PathBuf};

/// The earlier folder wins where two have a file of one name.
const FOLDERS: [&str; 5] = [
    "/etc/userdb",
    "/run/userdb",
    "/run/host/userdb",
    "/usr/local/lib/userdb",
    "/usr/lib/userdb",
];
const HOMES: &str = "/var/lib/systemd/home";
const RECORD_MAX: u64 = 1 << 20;

/// What the database adds.
#[derive(Debug, Default)]
pub struct UserDb {
    /// Accounts; their password field holds the hash, or a lock where there is none.
    pub accounts: Vec<Account>,
    /// Groups, with members that files of memberships add.
    pub groups: Vec<Group>,
    /// Account and group, where the group may be one of another source.
    pub memberships: BTreeSet<(Vec<u8>, Vec<u8>)>,
}

/// Reads the database below a root. Records that cannot be read are noted.
#[must_use]
pub fn read(root: &Path, notes: &Notes) -> UserDb {
    let mut files: BTreeMap<Vec<u8>, PathBuf> = BTreeMap::new();
    for folder in FOLDERS {
        for found in disk::list(&disk::below(root, folder), notes) {
            let name = found.file_name().unwrap_or_default();
            files
                .entry(name.as_encoded_bytes().to_vec())
                .or_insert_with(|| Path::new(folder).join(name));
        }
    }
    for found in disk::list(&disk::below(root, HOMES), notes) {
        let name = found.file_name().unwrap_or_default();
        let own = name.as_encoded_bytes();
        if let Some(user) = own.strip_suffix(b".identity") {
            files
                .entry([user, b".user"].concat())
                .or_insert_with(|| Path::new(HOMES).join(name));
        }
    }
    let mut made = UserDb::default();
    for (name, path) in &files {
        if let Some(stem) = name.strip_suffix(b".user") {
            // Links from ids to names lead to the same record.
            if let Some(record) = record(root, path, "userName", stem, notes) {
                let secret = record_beside(root, path, "-privileged", notes);
                made.memberships.extend(member_of(&record, stem));
                made.accounts
                    .extend(account(&record, secret.as_ref(), stem, path));
            }
        } else if let Some(stem) = name.strip_suffix(b".group") {
            if let Some(record) = record(root, path, "groupName", stem, notes) {
                made.groups.extend(group(&record, stem));
            }
        } else if let Some(stem) = name.strip_suffix(b".membership")
            && let Some((user, group)) = crate::text::split_once(stem, b':')
        {
            made.memberships.insert((user.to_vec(), group.to_vec()));
        }
    }
    made
}

/// A record of the name that its file has; under an id it is the same one again.
fn record(root: &Path, path: &Path, key: &str, stem: &[u8], notes: &Notes) -> Option<Value> {
    if stem.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let record = json(&disk::below(root, path), notes)?;
    let named = record.get(key).and_then(Value::as_str);
    if named.map(str::as_bytes) == Some(stem) {
        return Some(record);
    }
    notes.add(odd(
        path,
        format!("its {key} is not the name of the file, so nobody takes it"),
    ));
    None
}

/// A file beside a record, with parts that only the superuser may see.
fn record_beside(root: &Path, path: &Path, end: &str, notes: &Notes) -> Option<Value> {
    let mut name = path.file_name()?.to_owned();
    name.push(OsStr::new(end));
    json(&disk::below(root, path.with_file_name(name)), notes)
}

fn json(path: &Path, notes: &Notes) -> Option<Value> {
    let bytes = disk::read_if_there(path, RECORD_MAX, notes)?;
    match serde_json::from_slice(&bytes) {
        Ok(value) => Some(value),
        Err(e) => {
            notes.add(odd(path, e.to_string()));
            None
        }
    }
}

fn odd(path: &Path, problem: String) -> SensorError {
    SensorError::Form {
        what: path.display().to_string(),
        problem,
    }
}

fn text(record: &Value, key: &str) -> Option<Vec<u8>> {
    let text = record.get(key)?.as_str()?;
    Some(text.as_bytes().to_vec())
}

fn id(record: &Value, key: &str) -> Option<u32> {
    record.get(key)?.as_u64()?.try_into().ok()
}

fn account(record: &Value, secret: Option<&Value>, name: &[u8], path: &Path) -> Option<Account> {
    let uid = id(record, "uid")?;
    let system = match record.get("disposition").and_then(Value::as_str) {
        Some(disposition) => disposition != "regular",
        None => !(1_000..60_000).contains(&uid),
    };
    let home = || match (uid, system) {
        (0, _) => b"/root".to_vec(),
        (_, true) => b"/".to_vec(),
        _ => [b"/home/", name].concat(),
    };
    let shell = || match (uid, system) {
        (0, _) => b"/bin/sh".to_vec(),
        (_, true) => b"/usr/sbin/nologin".to_vec(),
        _ => b"/bin/bash".to_vec(),
    };
    let own = record.get("privileged");
    let hashes = [own, secret, secret.and_then(|s| s.get("privileged"))];
    let hash = hashes.into_iter().flatten().find_map(|part| {
        let first = part.get("hashedPassword")?.as_array()?.first()?;
        Some(first.as_str()?.as_bytes().to_vec())
    });
    let locked = record.get("locked").and_then(Value::as_bool) == Some(true);
    let mark: &[u8] = if locked || hash.is_none() { b"!" } else { b"" };
    Some(Account {
        name: name.to_vec(),
        password: [mark, &hash.unwrap_or_default()].concat(),
        uid,
        gid: id(record, "gid").unwrap_or(uid),
        gecos: text(record, "realName").unwrap_or_else(|| name.to_vec()),
        home: text(record, "homeDirectory").unwrap_or_else(home),
        shell: text(record, "shell").unwrap_or_else(shell),
        path: path.to_owned(),
    })
}

fn group(record: &Value, name: &[u8]) -> Option<Group> {
    let members = record.get("members").and_then(Value::as_array);
    let members = members.into_iter().flatten().filter_map(Value::as_str);
    Some(Group {
        name: name.to_vec(),
        gid: id(record, "gid")?,
        members: members.map(|m| m.as_bytes().to_vec()).collect(),
    })
}

fn member_of<'a>(
    record: &'a Value,
    name: &'a [u8],
) -> impl Iterator<Item = (Vec<u8>, Vec<u8>)> + use<'a> {
    let groups = record.get("memberOf").and_then(Value::as_array);
    let groups = groups.into_iter().flatten().filter_map(Value::as_str);
    groups.map(|group| (name.to_vec(), group.as_bytes().to_vec()))
}
