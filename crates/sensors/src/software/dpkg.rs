//! Debian packages: the status file of dpkg, paragraphs of `Field: value` lines (deb-control(5)).

use super::Package;
use crate::disk;
use crate::framework::{Notes, SensorError};
use crate::text;
use std::path::Path;

/// Most bytes of a status file.
const STATUS_MAX: u64 = 128 << 20;

/// Packages that are unpacked or configured, in the order of the file: what `dpkg -l` shows with a second letter of
/// `i`. Removed packages that left configuration files are not installed.
pub fn parse(bytes: &[u8]) -> impl Iterator<Item = Package> {
    let mut lines = text::lines(bytes);
    std::iter::from_fn(move || {
        loop {
            let mut package = Package::default();
            let mut installed = false;
            let mut any = false;
            for line in lines.by_ref() {
                if line.trim_ascii().is_empty() {
                    if any {
                        break;
                    }
                    continue;
                }
                any = true;
                // Continuation lines begin with a blank.
                if line.starts_with(b" ") || line.starts_with(b"\t") {
                    continue;
                }
                let Some((field, value)) = text::split_once(line, b':') else {
                    continue;
                };
                let value = value.trim_ascii();
                if field.eq_ignore_ascii_case(b"Package") {
                    package.name = value.to_vec();
                } else if field.eq_ignore_ascii_case(b"Version") {
                    package.version = value.to_vec();
                } else if field.eq_ignore_ascii_case(b"Architecture") {
                    package.architecture = value.to_vec();
                } else if field.eq_ignore_ascii_case(b"Status") {
                    let state = value.rsplit(|b| *b == b' ').next().unwrap_or_default();
                    installed = !matches!(state, b"not-installed" | b"config-files");
                }
            }
            if !any {
                return None;
            }
            if installed && !package.name.is_empty() {
                return Some(package);
            }
        }
    })
}

/// Packages below a root, also those of images that keep one file for each package.
///
/// # Errors
/// The first error of `each`.
pub fn packages(
    root: &Path,
    notes: &Notes,
    each: &mut dyn FnMut(Package) -> Result<(), SensorError>,
) -> Result<(), SensorError> {
    let status = disk::below(root, "/var/lib/dpkg/status");
    let bytes = disk::read_if_there(&status, STATUS_MAX, notes).unwrap_or_default();
    for package in parse(&bytes) {
        each(package)?;
    }
    // Images without dpkg itself keep a paragraph for each package here, without a Status field.
    for path in disk::list(&disk::below(root, "/var/lib/dpkg/status.d"), notes) {
        if disk::name(&path).ends_with(".md5sums") {
            continue;
        }
        let bytes = disk::read_if_there(&path, disk::CONFIG_MAX, notes).unwrap_or_default();
        let with_status = [b"Status: install ok installed\n", &bytes[..]].concat();
        for package in parse(&with_status) {
            each(package)?;
        }
    }
    Ok(())
}
