//! `pack.yaml`: what a pack is as a whole.

use super::ContentSet;
use crate::form::{Line, LongText, PackName, Reading, Requirement, Sha256Text, record};
use crate::name::Ref;
use crate::yaml::Node;
use semver::Version;

/// The format of packs that this build reads and writes.
pub const FORMAT: u32 = 1;

record! {
    /// `pack.yaml`: what a pack is as a whole.
    pub struct Manifest {
        /// Format of the pack.
        format: u32 = FORMAT,
        /// Name, which never changes.
        name: PackName,
        /// Name for people.
        title: Line,
        /// Version, by the rules of <https://semver.org>.
        version: Version,
        /// What it brings.
        description: LongText = LongText::default(),
        /// Who publishes it.
        publisher: Line,
        /// Least version of Cordon.
        cordon: Version = Version::new(0, 1, 0),
        /// Packs that must be there.
        requires: Vec<Require>,
        /// Content sets that its objects lie in. The first one is for objects that say none.
        content_sets: Vec<Ref<ContentSet>>,
        /// Files that whoever imports it supplies.
        supplied: Vec<Supplied>,
        /// What changed, the newest first.
        changelog: Vec<Release>,
    }
    checked by check;
}

record! {
    /// A pack that must be there.
    pub struct Require {
        /// Its name.
        pack: PackName,
        /// Which versions will do.
        version: Requirement = Requirement::any(),
    }
}

record! {
    /// A file that is no part of the pack: whoever imports it supplies it. It is kept over upgrades, and until it is there what needs it
    /// says so.
    pub struct Supplied {
        /// Name, under which packages refer to it.
        name: Line,
        /// What it is and where it is to be had.
        help: LongText,
        /// Digest that it must have; any file will do where none is said.
        sha256: Option<Sha256Text>,
    }
}

record! {
    /// What a version changed.
    pub struct Release {
        /// The version.
        version: Version,
        /// The day.
        date: Option<Line>,
        /// What changed, for people.
        changes: Vec<LongText>,
    }
}

fn check(made: &Manifest, node: &Node, reading: &mut Reading<'_>) {
    let place = |key: &str| super::shared::field(node, key).map_or(node.place, |n| n.place);
    if made.format != FORMAT {
        reading.fault(
            place("format"),
            format!(
                "the pack has format {}; this Cordon reads format {FORMAT}",
                made.format
            ),
        );
    }
    if made.changelog.iter().all(|r| r.version != made.version) {
        reading.fault(
            place("changelog"),
            format!(
                "the changelog does not say what version {} changed",
                made.version
            ),
        );
    }
    let mut names = std::collections::BTreeSet::new();
    for file in &made.supplied {
        if let Err(problem) = crate::path::check(file.name.as_str()) {
            reading.fault(place("supplied"), problem);
        }
        if !names.insert(file.name.as_str().to_lowercase()) {
            reading.fault(
                place("supplied"),
                format!("`{}` is asked for twice", file.name),
            );
        }
    }
    let mut packs = std::collections::BTreeSet::new();
    for require in &made.requires {
        if require.pack == made.name {
            reading.fault(place("requires"), "a pack does not require itself");
        }
        if !packs.insert(&require.pack) {
            reading.fault(
                place("requires"),
                format!("`{}` is required twice", require.pack),
            );
        }
    }
}
