//! Alpine packages: the installed database of apk, blocks of lines with a letter, a colon and a value.

use super::Package;
use crate::disk;
use crate::framework::{Notes, SensorError};
use crate::text;
use std::path::Path;

/// Packages of a database: `P` name, `V` version, `A` architecture.
pub fn parse(bytes: &[u8]) -> impl Iterator<Item = Package> {
    let mut package = Package::default();
    // One empty line more than the file has, so that its last block ends too.
    text::lines(bytes)
        .chain(std::iter::once(&b""[..]))
        .filter_map(move |line| {
            match line.split_at_checked(2) {
                Some((b"P:", value)) => package.name = value.to_vec(),
                Some((b"V:", value)) => package.version = value.to_vec(),
                Some((b"A:", value)) => package.architecture = value.to_vec(),
                None if line.is_empty() => {
                    let whole = std::mem::take(&mut package);
                    return (!whole.name.is_empty()).then_some(whole);
                }
                _ => {}
            }
            None
        })
}

/// Packages below a root.
///
/// # Errors
/// The first error of `each`.
pub fn packages(
    root: &Path,
    notes: &Notes,
    each: &mut dyn FnMut(Package) -> Result<(), SensorError>,
) -> Result<(), SensorError> {
    // The second place is that of systems with a merged /usr; where one leads to the other, one is enough.
    for path in ["/lib/apk/db/installed", "/usr/lib/apk/db/installed"] {
        if let Some(bytes) = disk::read_if_there(&disk::below(root, path), 128 << 20, notes) {
            for package in parse(&bytes) {
                each(package)?;
            }
            return Ok(());
        }
    }
    Ok(())
}
