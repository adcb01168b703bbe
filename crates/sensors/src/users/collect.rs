//! Rows of Local Users. All paths are below a given root.

use super::accounts::{self, Account};
use super::password::{self, Password, Shadow};
use super::sources::{directory, without_groups};
use crate::disk;
use crate::framework::{Notes, SensorError, Sink};
use crate::text;
use std::collections::BTreeMap;
use std::path::Path;

const DAY: i64 = 86_400;
/// Where passwords lie; the second for the accounts that a source of `nsswitch.conf` adds.
const SHADOWS: [&str; 2] = ["/etc/shadow", "/var/lib/extrausers/shadow"];

/// The accounts below a root by which somebody can be known.
///
/// # Errors
/// When `passwd` cannot be read.
pub fn accounts_of(root: &Path, notes: &Notes) -> Result<Vec<Account>, SensorError> {
    Ok(without_groups(root, notes)?.accounts().cloned().collect())
}

/// Rows of Local Users.
///
/// # Errors
/// When a file cannot be read or a limit is reached.
pub fn local_users(root: &Path, sink: &mut Sink) -> Result<(), SensorError> {
    let notes = sink.notes();
    let directory = directory(root, &notes)?;
    let files = SHADOWS.map(|path| {
        let path = disk::below(root, path);
        disk::read_if_there(&path, disk::CONFIG_MAX, &notes).unwrap_or_default()
    });
    let mut shadows: BTreeMap<&[u8], Shadow<'_>> = BTreeMap::new();
    for shadow in files.iter().flat_map(|bytes| password::shadow(bytes)) {
        // The first line of a name counts.
        shadows.entry(shadow.name).or_insert(shadow);
    }
    let today = jiff::Timestamp::now().as_second().div_euclid(DAY);
    for account in &directory.listed {
        let shadow = shadows.get(account.name.as_slice());
        let row = Row::of(account, shadow, today);
        let groups = directory.groups_of(account);
        let switch = accounts::is_switch(&account.name);
        let number = |id: u32| {
            if switch {
                String::new()
            } else {
                id.to_string()
            }
        };
        sink.push([
            &account.name[..],
            number(account.uid).as_bytes(),
            number(account.gid).as_bytes(),
            &if switch {
                Vec::new()
            } else {
                text::join(groups, b",")
            },
            &account.gecos,
            &account.home,
            &account.shell,
            row.password.as_str().as_bytes(),
            row.changed.as_bytes(),
            row.algorithm.as_bytes(),
            row.expires.as_bytes(),
            row.ends.as_bytes(),
            row.standing.as_bytes(),
            &disk::cell(&account.path),
        ])?;
    }
    Ok(())
}

/// What is told of a password.
struct Row {
    password: Password,
    algorithm: &'static str,
    changed: String,
    expires: String,
    ends: String,
    standing: String,
}

impl Row {
    fn of(account: &Account, shadow: Option<&Shadow<'_>>, today: i64) -> Self {
        let own = password::in_passwd(&account.password);
        let hash = own.or(shadow.map(|s| s.hash));
        let day = |day: Option<i64>| {
            let seconds = day.and_then(|day| day.checked_mul(DAY));
            seconds.map_or_else(String::new, |s| text::moment(s, 0))
        };
        Self {
            password: hash.map_or(Password::Unknown, Password::of_hash),
            algorithm: hash.and_then(password::algorithm).unwrap_or_default(),
            changed: day(shadow.and_then(|s| s.changed)),
            expires: day(shadow.and_then(Shadow::expires)),
            ends: day(shadow.and_then(|s| s.ends)),
            standing: shadow
                .map(|s| s.standing(today))
                .unwrap_or_default()
                .join(", "),
        }
    }
}
