//! From files to a pack: each object is read by the form of its kind, then all of them are held against each other.

use super::check::{self, Found};
use super::model::{Blob, MANIFEST, Pack};
use super::surroundings::Surroundings;
use super::tree::Tree;
use crate::digest::Digest;
use crate::fault::{Fault, Faults, Place, did_you_mean};
use crate::form::{Form, Reading};
use crate::name::{Key, Kind};
use crate::objects::{Manifest, Object};
use crate::trust::{SIGNATURES, read_signatures};
use crate::yaml;
use std::collections::BTreeMap;

/// Most objects of a pack.
pub const MAX_OBJECTS: usize = 20_000;
/// Folder of the files that objects name.
const FILES: &str = "files";
/// Files for people, which are no part of what a pack is.
const PROSE: [&str; 3] = ["README.md", "LICENSE", "CHANGELOG.md"];

/// Reads a pack from its files and checks it against what is there besides.
///
/// # Errors
/// Everything that is wrong with it, by file and place. A pack with a fault is refused whole.
pub fn read(tree: &Tree, around: &Surroundings) -> Result<Pack, Vec<Fault>> {
    let mut faults = Faults::default();
    let objects = tree
        .files()
        .filter(|(path, _)| folder_of(path).is_some_and(|f| Kind::of_folder(f).is_some()))
        .count();
    if objects > MAX_OBJECTS {
        faults.of_file(
            "",
            format!("the pack has {objects} objects; at most {MAX_OBJECTS} are read"),
        );
        return Err(faults.into_list());
    }
    let files: BTreeMap<String, Blob> = tree
        .files()
        .filter(|(path, _)| folder_of(path) == Some(FILES))
        .map(|(path, bytes)| {
            let blob = Blob {
                digest: Digest::of(bytes),
                bytes: bytes.into(),
            };
            (path.to_owned(), blob)
        })
        .collect();
    let digests: BTreeMap<String, String> = files
        .iter()
        .map(|(path, blob)| (path.clone(), blob.digest.to_hex()))
        .collect();

    let mut found = Found::default();
    let manifest = read_manifest(tree, &mut faults, &mut found);
    let mut objects: BTreeMap<Key, Object> = BTreeMap::new();
    let mut signatures = Vec::new();
    for (path, bytes) in tree.files() {
        match Belongs::of(path) {
            Belongs::Object(kind) => {
                let Some(node) = yaml::read(path, bytes, &mut faults) else {
                    continue;
                };
                let mut reading = Reading::new(path, &mut faults, Some(&digests));
                let object = Object::read(kind, &node, &mut reading);
                found.take(reading);
                let Some(mut object) = object else {
                    // What could not be read may still be referred to: one fault is enough.
                    found.broken(kind, &node);
                    continue;
                };
                if let Some(set) = manifest.as_ref().and_then(check::default_set) {
                    object.put_into(&set);
                }
                let key = object.key();
                if let Some(other) = found.files_of.get(&key) {
                    faults.of_file(
                        path,
                        format!("the {kind} `{}` stands in {other} too", object.name()),
                    );
                    continue;
                }
                found.files_of.insert(key.clone(), path.to_owned());
                if matches!(kind, Kind::SavedAction | Kind::Package) {
                    found.nodes.insert(key.clone(), node);
                }
                objects.insert(key, object);
            }
            Belongs::Signatures => match read_signatures(bytes) {
                Ok(list) => signatures = list,
                Err(problem) => faults.of_file(path, problem),
            },
            Belongs::Elsewhere => {}
            Belongs::Nowhere(problem) => faults.of_file(path, problem),
        }
    }
    check::check(
        manifest.as_ref(),
        &objects,
        &files,
        &found,
        around,
        &mut faults,
    );
    match manifest {
        Some(manifest) if faults.is_empty() => Ok(Pack {
            manifest,
            objects,
            files,
            signatures,
        }),
        _ => Err(faults.into_list()),
    }
}

fn read_manifest(tree: &Tree, faults: &mut Faults, found: &mut Found) -> Option<Manifest> {
    let Some(bytes) = tree.get(MANIFEST) else {
        faults.of_file(MANIFEST, "the pack has no `pack.yaml`");
        return None;
    };
    let node = yaml::read(MANIFEST, bytes, faults)?;
    let mut reading = Reading::new(MANIFEST, faults, None);
    let manifest = Manifest::read(&node, &mut reading);
    found.take(reading);
    found.manifest = Some(node);
    manifest
}

/// What a file of a pack is.
enum Belongs {
    Object(Kind),
    Signatures,
    Elsewhere,
    Nowhere(String),
}

fn folder_of(path: &str) -> Option<&str> {
    path.split_once('/').map(|(folder, _)| folder)
}

impl Belongs {
    fn of(path: &str) -> Self {
        let Some((folder, rest)) = path.split_once('/') else {
            return match path {
                MANIFEST => Self::Elsewhere,
                SIGNATURES => Self::Signatures,
                path if PROSE.contains(&path) => Self::Elsewhere,
                _ => Self::Nowhere(
                    "nothing of a pack; objects lie in folders by kind, other files in `files/`"
                        .into(),
                ),
            };
        };
        if folder == FILES {
            return Self::Elsewhere;
        }
        let Some(kind) = Kind::of_folder(folder) else {
            let folders = Kind::ALL.iter().map(|k| k.folder()).chain([FILES]);
            return Self::Nowhere(format!(
                "`{folder:.80}` is no folder of a pack{}",
                did_you_mean(folder, folders)
            ));
        };
        if rest.contains('/') || !rest.ends_with(".yaml") {
            return Self::Nowhere(format!(
                "`{folder}` holds one `.yaml` file for each {kind}, and nothing else"
            ));
        }
        Self::Object(kind)
    }
}

impl Found {
    pub(super) fn take(&mut self, reading: Reading<'_>) {
        self.mentions.extend(reading.mentions);
        self.questions.extend(reading.questions);
        self.columns.extend(reading.columns);
        self.named.extend(reading.named.into_iter().map(|n| n.path));
    }

    fn broken(&mut self, kind: Kind, node: &yaml::Node) {
        if let yaml::Body::Map(entries) = &node.body
            && let Some(name) = entries
                .iter()
                .find(|e| e.key == "name")
                .and_then(|e| e.node.text())
        {
            self.broken.insert(Key::new(kind, name));
        }
    }

    /// The place of a field of an object, or of the object's beginning.
    pub(super) fn place(&self, key: &Key, field: &str) -> Place {
        let field = match self.nodes.get(key).map(|n| &n.body) {
            Some(yaml::Body::Map(entries)) => entries.iter().find(|e| e.key == field),
            _ => None,
        };
        field.map_or(Place::START, |e| e.place)
    }
}
