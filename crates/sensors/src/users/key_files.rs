//! Rows of SSH Key Files: private keys and whether anything protects them, keys of the host, and hosts that are known. All
//! paths are below a given root.

use super::includes::path_of;
use super::keys::{Owner, owners};
use super::ssh_keys::{self, PrivateKey};
use super::ssh_server;
use crate::disk;
use crate::framework::{Notes, SensorError, Sink};
use crate::text;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// Kinds that may be asked for, the default first.
pub const KINDS: &[&str] = &["Private Keys", "Host Keys", "Known Hosts"];
/// A key is some kilobytes long; what is longer is none.
const KEY_MAX: u64 = 64 << 10;

/// Rows of SSH Key Files.
///
/// # Errors
/// When a parameter makes no sense, a file cannot be read or a limit is reached.
pub fn ssh_key_files(
    root: &Path,
    kind: &str,
    folder: &str,
    sink: &mut Sink,
) -> Result<(), SensorError> {
    let notes = sink.notes();
    let is = |name: &str| kind.trim().eq_ignore_ascii_case(name);
    if is("Known Hosts") {
        return known_hosts(root, &notes, sink);
    }
    if is("Host Keys") {
        return host_keys(root, &notes, sink);
    }
    let folder = folder.trim();
    if folder.is_empty() {
        let mut seen = BTreeSet::new();
        for owner in owners(root, &notes)? {
            let place = in_home(&owner, b".ssh");
            if seen.insert(place.clone()) {
                private_keys(root, &owner.name, &place, &notes, sink)?;
            }
        }
        return Ok(());
    }
    if !folder.starts_with('/') {
        return Err(SensorError::Parameter {
            key: "Folder".into(),
            problem: "is no absolute path; give one such as /srv/keys".into(),
        });
    }
    private_keys(root, b"", Path::new(folder), &notes, sink)
}

fn in_home(owner: &Owner, name: &[u8]) -> PathBuf {
    path_of(owner.home.clone()).join(path_of(name.to_vec()))
}

fn private_keys(
    root: &Path,
    user: &[u8],
    folder: &Path,
    notes: &Notes,
    sink: &mut Sink,
) -> Result<(), SensorError> {
    for found in disk::list(&disk::below(root, folder), notes) {
        sink.check()?;
        let path = folder.join(found.file_name().unwrap_or_default());
        private_key(root, user, &path, notes, sink)?;
    }
    Ok(())
}

fn private_key(
    root: &Path,
    user: &[u8],
    path: &Path,
    notes: &Notes,
    sink: &mut Sink,
) -> Result<(), SensorError> {
    let Some(bytes) = disk::start_of(&disk::below(root, path), KEY_MAX, notes) else {
        return Ok(());
    };
    let Some(mut key) = PrivateKey::read(&bytes) else {
        return Ok(());
    };
    let mut comment = Vec::new();
    // Beside a private key lies the public one, which knows its comment and, for older forms, its fingerprint.
    let mut beside = path.as_os_str().to_owned();
    beside.push(".pub");
    let beside = disk::below(root, Path::new(&beside));
    let public = disk::read_if_there(&beside, KEY_MAX, notes).unwrap_or_default();
    if let Some(public) = ssh_keys::keys(&public).next() {
        if key.fingerprint.is_empty() {
            key.fingerprint = public.fingerprint.clone();
            key.kind = public.kind.clone();
        }
        if key.fingerprint == public.fingerprint {
            comment = public.comment;
        }
    }
    sink.push([
        user,
        &key.kind,
        key.fingerprint.as_bytes(),
        text::boolean(key.protected).as_bytes(),
        &comment,
        &disk::cell(path),
        b"1",
    ])?;
    Ok(())
}

fn host_keys(root: &Path, notes: &Notes, sink: &mut Sink) -> Result<(), SensorError> {
    let mut paths = BTreeSet::new();
    for found in disk::list(&disk::below(root, "/etc/ssh"), notes) {
        paths.insert(Path::new("/etc/ssh").join(found.file_name().unwrap_or_default()));
    }
    let set = ssh_server::words_of(root, b"hostkey", notes)?;
    paths.extend(set.into_iter().map(path_of));
    for path in paths {
        private_key(root, b"", &path, notes, sink)?;
    }
    Ok(())
}

fn known_hosts(root: &Path, notes: &Notes, sink: &mut Sink) -> Result<(), SensorError> {
    let mut files = vec![
        (Vec::new(), PathBuf::from("/etc/ssh/ssh_known_hosts")),
        (Vec::new(), PathBuf::from("/etc/ssh/ssh_known_hosts2")),
    ];
    for owner in owners(root, notes)? {
        for name in [&b".ssh/known_hosts"[..], b".ssh/known_hosts2"] {
            files.push((owner.name.clone(), in_home(&owner, name)));
        }
    }
    let mut seen = BTreeSet::new();
    for (user, path) in files {
        if !seen.insert(path.clone()) {
            continue;
        }
        let full = disk::below(root, &path);
        let Some(bytes) = disk::read_if_there(&full, disk::CONFIG_MAX, notes) else {
            continue;
        };
        for known in ssh_keys::known_hosts(&bytes) {
            sink.push([
                &user[..],
                &known.kind,
                known.fingerprint.as_bytes(),
                b"",
                &known.options,
                &disk::cell(&path),
                known.line.to_string().as_bytes(),
            ])?;
        }
    }
    Ok(())
}
