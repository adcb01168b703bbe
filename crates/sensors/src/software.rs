//! What is installed, from the files of each package manager; none of their programs is run.
//!
//! Each submodule reads one source: [`dpkg`], [`apk`], [`rpm`], [`snap`], [`flatpak`].

pub mod apk;
pub mod dpkg;
pub mod flatpak;
pub mod rpm;
pub mod snap;

use crate::disk::system_root;
use crate::framework::{Entry, LARGE, Notes, SensorError, Sink};
use question::catalogue::ValueType::Text;
use question::catalogue::{Limits, Sensor};
use std::path::Path;

/// The sensors of this family.
pub const SENSORS: &[Entry] = &[Entry {
    declare: || {
        Sensor::new(
            "Installed Applications",
            "Software",
            "Installed packages from the databases of dpkg, rpm, apk, snap and flatpak.",
        )
        .column("Name", Text, "Name of the package.")
        .package_version("Version", "Source", "Version, with epoch and release where the source has them; compared as the source compares.")
        .column("Architecture", Text, "Architecture as the source names it.")
        // A database of packages is read as a whole.
        .limits(Limits {
            memory: LARGE,
            ..Limits::default()
        })
        .column("Source", Text, "Which package manager: dpkg, rpm, apk, snap or flatpak.")
        .key("Name")
        .example("Get Installed Applications having Installed Applications:Name contains ssl from all machines")
    },
    collect: |_, sink| installed_applications(system_root()?, sink),
}];

/// A package.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Package {
    /// Name.
    pub name: Vec<u8>,
    /// Version.
    pub version: Vec<u8>,
    /// Architecture.
    pub architecture: Vec<u8>,
}

/// Rows of Installed Applications below a root.
///
/// # Errors
/// When a database cannot be read (the others still give their rows) or a limit is reached.
pub fn installed_applications(root: &Path, sink: &mut Sink) -> Result<(), SensorError> {
    let notes = sink.notes();
    type Source = fn(
        &Path,
        &Notes,
        &mut dyn FnMut(Package) -> Result<(), SensorError>,
    ) -> Result<(), SensorError>;
    let sources: [(&str, Source); 5] = [
        ("dpkg", dpkg::packages),
        ("rpm", rpm::packages),
        ("apk", apk::packages),
        ("snap", snap::packages),
        ("flatpak", flatpak::packages),
    ];
    for (name, packages) in sources {
        let mut push = |p: Package| {
            sink.push([&p.name[..], &p.version, &p.architecture, name.as_bytes()])?;
            Ok(())
        };
        let outcome = packages(root, &notes, &mut push);
        notes.note(outcome)?;
    }
    Ok(())
}
