//! Names for user and group ids, from the local account files. An id without a name stays a number.

use crate::disk;
use crate::framework::Notes;
use crate::users::accounts::{accounts, groups};
use std::collections::HashMap;
use std::path::Path;

/// Names of users and groups, read once for a run.
pub struct Owners {
    users: HashMap<u32, Vec<u8>>,
    groups: HashMap<u32, Vec<u8>>,
}

impl Owners {
    /// Reads the account files. One that cannot be read gives no names, and is noted.
    #[must_use]
    pub fn read(notes: &Notes) -> Self {
        let file = |path: &str| {
            disk::read_if_there(Path::new(path), disk::CONFIG_MAX, notes).unwrap_or_default()
        };
        let mut users = HashMap::new();
        for account in accounts(&file("/etc/passwd")) {
            // The first name of an id counts, as for the C library.
            users.entry(account.uid).or_insert(account.name);
        }
        let mut group_names = HashMap::new();
        for group in groups(&file("/etc/group")) {
            group_names.entry(group.gid).or_insert(group.name);
        }
        Self {
            users,
            groups: group_names,
        }
    }

    /// Name of a user.
    #[must_use]
    pub fn user(&self, id: u32) -> Vec<u8> {
        name(&self.users, id)
    }

    /// Name of a group.
    #[must_use]
    pub fn group(&self, id: u32) -> Vec<u8> {
        name(&self.groups, id)
    }
}

fn name(names: &HashMap<u32, Vec<u8>>, id: u32) -> Vec<u8> {
    names
        .get(&id)
        .cloned()
        .unwrap_or_else(|| id.to_string().into_bytes())
}
