//! Local accounts and groups: lines of `passwd` and `group` (passwd(5), group(5)), as the C library takes them.

use super::clib::{self, Fields};
use std::path::PathBuf;

/// An account.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Account {
    /// Login name.
    pub name: Vec<u8>,
    /// The password field: normally `x`, meaning that `shadow` has it.
    pub password: Vec<u8>,
    /// User id.
    pub uid: u32,
    /// Id of the primary group.
    pub gid: u32,
    /// Full name and more.
    pub gecos: Vec<u8>,
    /// Home folder.
    pub home: Vec<u8>,
    /// Login shell.
    pub shell: Vec<u8>,
    /// File that says so.
    pub path: PathBuf,
}

/// A group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Group {
    /// Name.
    pub name: Vec<u8>,
    /// Group id.
    pub gid: u32,
    /// Members other than by primary group.
    pub members: Vec<Vec<u8>>,
}

/// Whether a name is a line for a network service (`+`, `-` and what follows): listed, and nobody can log in with it.
#[must_use]
pub fn is_switch(name: &[u8]) -> bool {
    matches!(name.first(), Some(b'+' | b'-'))
}

/// Everything that `getent passwd` lists: accounts, and lines for network services, whose numbers mean nothing.
pub fn listed(bytes: &[u8]) -> impl Iterator<Item = Account> {
    clib::lines(bytes).filter_map(|line| {
        let mut fields = Fields::of(line);
        let name = fields.text();
        let switch = is_switch(name);
        // Of such a line a sign alone is enough.
        let (mut password, mut uid, mut gid) = (&b""[..], 0, 0);
        if !switch || !fields.rest().is_empty() {
            password = fields.text();
            if switch {
                fields.number_or_nothing()?;
                fields.number_or_nothing()?;
            } else {
                uid = fields.number()?;
                gid = fields.number()?;
            }
        }
        Some(Account {
            name: name.to_vec(),
            password: password.to_vec(),
            uid,
            gid,
            gecos: fields.text().to_vec(),
            home: fields.text().to_vec(),
            shell: fields.rest().to_vec(),
            path: PathBuf::new(),
        })
    })
}

/// Accounts alone.
pub fn accounts(bytes: &[u8]) -> impl Iterator<Item = Account> {
    listed(bytes).filter(|account| !is_switch(&account.name))
}

/// Groups.
pub fn groups(bytes: &[u8]) -> impl Iterator<Item = Group> {
    clib::lines(bytes).filter_map(|line| {
        let mut fields = Fields::of(line);
        let name = fields.text();
        if is_switch(name) {
            return None;
        }
        let _password = fields.text();
        let gid = fields.number()?;
        Some(Group {
            name: name.to_vec(),
            gid,
            members: members(fields.rest()),
        })
    })
}

/// Names between commas; blanks before a name are passed over, those after it belong to it.
fn members(list: &[u8]) -> Vec<Vec<u8>> {
    list.split(|b| *b == b',')
        .map(clib::after_space)
        .filter(|member| !member.is_empty())
        .map(<[u8]>::to_vec)
        .collect()
}
