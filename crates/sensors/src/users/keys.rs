//! Rows of SSH Authorized Keys. All paths are below a given root.

use super::includes::path_of;
use super::sources::without_groups;
use super::ssh_keys;
use super::ssh_server;
use crate::disk;
use crate::framework::{Notes, SensorError, Sink};
use std::collections::BTreeSet;
use std::path::Path;

/// Somebody with a home folder.
pub(super) struct Owner {
    pub name: Vec<u8>,
    pub uid: Option<u32>,
    pub home: Vec<u8>,
}

/// Accounts, and homes without a local account: users from a directory service, or accounts removed since.
pub(super) fn owners(root: &Path, notes: &Notes) -> Result<Vec<Owner>, SensorError> {
    let mut owners: Vec<Owner> = notes
        .note(without_groups(root, notes))?
        .unwrap_or_default()
        .accounts()
        .map(|account| Owner {
            name: account.name.clone(),
            uid: Some(account.uid),
            home: account.home.clone(),
        })
        .collect();
    for found in disk::list(&disk::below(root, "/home"), notes) {
        let name = found.file_name().unwrap_or_default().as_encoded_bytes();
        let home = [b"/home/", name].concat();
        let known = owners.iter().any(|owner| owner.home == home);
        if !known && disk::is_folder(&found, notes) {
            owners.push(Owner {
                name: name.to_vec(),
                uid: None,
                home,
            });
        }
    }
    Ok(owners)
}

/// Rows of SSH Authorized Keys.
///
/// # Errors
/// When a file cannot be read or a limit is reached.
pub fn ssh_authorized_keys(root: &Path, sink: &mut Sink) -> Result<(), SensorError> {
    let notes = sink.notes();
    let patterns = key_patterns(root, &notes)?;
    let mut seen = BTreeSet::new();
    for owner in owners(root, &notes)? {
        for pattern in &patterns {
            let path = ssh_keys::expand(pattern, &owner.name, owner.uid, &owner.home);
            let path = path_of(path);
            // Accounts that share a home share its keys, and each of them is opened by them.
            if !seen.insert((owner.name.clone(), path.clone())) {
                continue;
            }
            let full = disk::below(root, &path);
            let Some(bytes) = disk::read_if_there(&full, disk::CONFIG_MAX, &notes) else {
                continue;
            };
            for key in ssh_keys::keys(&bytes) {
                sink.push([
                    &owner.name[..],
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
fn key_patterns(root: &Path, notes: &Notes) -> Result<BTreeSet<Vec<u8>>, SensorError> {
    let defaults: [&[u8]; 2] = [b".ssh/authorized_keys", b".ssh/authorized_keys2"];
    let mut patterns: BTreeSet<Vec<u8>> = defaults.map(<[u8]>::to_vec).into();
    let set = ssh_server::words_of(root, b"authorizedkeysfile", notes)?;
    patterns.extend(set.into_iter().filter(|p| p != b"none"));
    Ok(patterns)
}
