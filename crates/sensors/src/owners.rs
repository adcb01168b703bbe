//! Names for user and group ids, from the local account files. An id without a name stays a number.

use crate::framework::{Notes, SensorError};
use crate::users::sources::directory;
use std::collections::HashMap;
use std::io::ErrorKind;
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
        let (mut users, mut group_names) = (HashMap::new(), HashMap::new());
        match directory(Path::new("/"), notes) {
            Ok(directory) => {
                for account in directory.accounts() {
                    // The first name of an id counts, as for the C library.
                    users
                        .entry(account.uid)
                        .or_insert_with(|| account.name.clone());
                }
                for group in directory.groups {
                    group_names.entry(group.gid).or_insert(group.name);
                }
            }
            // A system without the file has no names to give.
            Err(SensorError::Read { source, .. }) if source.kind() == ErrorKind::NotFound => {}
            Err(e) => notes.add(e),
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
