//! Snaps: the current revision of each, as mounted below `/snap` or `/var/lib/snapd/snap`.

use super::Package;
use crate::disk;
use crate::framework::{Notes, SensorError};
use crate::text;
use std::path::Path;

/// Name, version and first architecture of a `snap.yaml`: top-level scalars and one list are all that is needed.
#[must_use]
pub fn parse(bytes: &[u8]) -> Package {
    let mut package = Package::default();
    let mut in_architectures = false;
    for line in text::lines(bytes) {
        if let Some(item) = line.trim_ascii().strip_prefix(b"- ") {
            if in_architectures && package.architecture.is_empty() {
                package.architecture = scalar(item);
            }
            continue;
        }
        if line.starts_with(b" ") || line.starts_with(b"\t") {
            continue;
        }
        in_architectures = false;
        let Some((key, value)) = text::split_once(line, b':') else {
            continue;
        };
        match key {
            b"name" => package.name = scalar(value),
            b"version" => package.version = scalar(value),
            b"architectures" => {
                in_architectures = true;
                let inline = value.trim_ascii();
                let inline = inline.strip_prefix(b"[").unwrap_or(inline);
                let first = inline.split(|b| matches!(b, b',' | b']')).next();
                package.architecture = scalar(first.unwrap_or_default());
            }
            _ => {}
        }
    }
    package
}

fn scalar(text: &[u8]) -> Vec<u8> {
    let text = text.trim_ascii();
    for quote in [b"'", b"\""] {
        if let Some(inner) = text.strip_prefix(quote)
            && let Some(inner) = inner.strip_suffix(quote)
        {
            return inner.to_vec();
        }
    }
    text.to_vec()
}

/// Snaps below a root.
///
/// # Errors
/// The first error of `each`.
pub fn packages(
    root: &Path,
    notes: &Notes,
    each: &mut dyn FnMut(Package) -> Result<(), SensorError>,
) -> Result<(), SensorError> {
    for place in ["/snap", "/var/lib/snapd/snap"] {
        let folder = disk::below(root, place);
        let said = std::fs::symlink_metadata(&folder);
        if disk::look(said, &folder, notes).is_some_and(|m| m.is_symlink()) {
            continue;
        }
        for snap in disk::list(&folder, notes) {
            let yaml = snap.join("current/meta/snap.yaml");
            let Some(bytes) = disk::read_if_there(&yaml, disk::CONFIG_MAX, notes) else {
                continue;
            };
            let mut package = parse(&bytes);
            if package.name.is_empty() {
                package.name = disk::name(&snap).into();
            }
            each(package)?;
        }
    }
    Ok(())
}
