//! Flatpaks: applications and runtimes below `/var/lib/flatpak` and below each home, in folders
//! `app/ID/ARCHITECTURE/BRANCH/active`.

use super::Package;
use crate::disk;
use crate::framework::{Notes, SensorError};
use std::path::{Path, PathBuf};

/// Version of the newest release in AppStream metadata: the first `<release version="…">`.
#[must_use]
pub fn release_version(bytes: &[u8]) -> Option<Vec<u8>> {
    let place = find(bytes, b"<release ")?;
    let element = bytes.get(place..)?.split(|b| *b == b'>').next()?;
    let value = element.get(find(element, b"version=")? + b"version=".len()..)?;
    let (quote, rest) = value.split_first()?;
    if !matches!(quote, b'"' | b'\'') {
        return None;
    }
    rest.split(|b| b == quote).next().map(<[u8]>::to_vec)
}

fn find(haystack: &[u8], needle: &[u8]) -> Option<usize> {
    haystack.windows(needle.len()).position(|w| w == needle)
}

/// Flatpaks below a root.
///
/// # Errors
/// The first error of `each`.
pub fn packages(
    root: &Path,
    notes: &Notes,
    each: &mut dyn FnMut(Package) -> Result<(), SensorError>,
) -> Result<(), SensorError> {
    let mut places = vec![disk::below(root, "/var/lib/flatpak")];
    let mut homes: Vec<PathBuf> = disk::list(&disk::below(root, "/home"), notes);
    homes.push(disk::below(root, "/root"));
    places.extend(homes.iter().map(|h| h.join(".local/share/flatpak")));
    for place in places {
        for kind in ["app", "runtime"] {
            for id in disk::list(&place.join(kind), notes) {
                for architecture in disk::list(&id, notes) {
                    if !is_folder(&architecture, notes) {
                        continue;
                    }
                    for branch in disk::list(&architecture, notes) {
                        if is_folder(&branch, notes) && disk::exists(&branch.join("active"), notes)
                        {
                            each(package(&id, &architecture, &branch, notes))?;
                        }
                    }
                }
            }
        }
    }
    Ok(())
}

/// `current` beside the architectures is a link to one of them.
fn is_folder(path: &Path, notes: &Notes) -> bool {
    let said = std::fs::symlink_metadata(path);
    disk::look(said, path, notes).is_some_and(|m| m.is_dir())
}

fn package(id: &Path, architecture: &Path, branch: &Path, notes: &Notes) -> Package {
    let name = disk::name(id);
    let stated = ["metainfo", "appdata"].iter().find_map(|folder| {
        ["metainfo.xml", "appdata.xml"].iter().find_map(|end| {
            let path = branch.join(format!("active/files/share/{folder}/{name}.{end}"));
            let bytes = disk::read_if_there(&path, disk::CONFIG_MAX, notes)?;
            release_version(&bytes)
        })
    });
    Package {
        name: name.into(),
        // Runtimes and applications without metadata are told apart by their branch.
        version: stated.unwrap_or_else(|| disk::name(branch).into()),
        architecture: disk::name(architecture).into(),
    }
}
