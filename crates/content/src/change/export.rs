//! A pack as it is here, to be taken elsewhere: its objects with the files that they name.
//!
//! Two objects can name different files under one path, once somebody changed one of them; the later one then gets a path of its own, for
//! in a pack a path is one file.

use super::content::Content;
use super::state::{Installed, State};
use crate::digest::Digest;
use crate::fault::Faults;
use crate::form::{Form, Reading};
use crate::name::Key;
use crate::objects::{Manifest, Object};
use crate::yaml::Node;
use semver::Version;
use serde_json::Value;
use std::collections::BTreeMap;

/// A pack without the bytes of its files.
#[derive(Clone, Debug, PartialEq)]
pub struct Exported {
    /// What it is as a whole.
    pub manifest: Manifest,
    /// Its objects.
    pub objects: BTreeMap<Key, Object>,
    /// Digests of its files by their path.
    pub files: BTreeMap<String, Digest>,
}

/// A pack as it is here, with what people changed, or as it was shipped; of the version in force, or of one that was left. `None` when
/// there is no such version.
#[must_use]
pub fn export(
    state: &State,
    pack: &str,
    version: Option<&Version>,
    as_shipped: bool,
) -> Option<Exported> {
    let held = state.packs.get(pack)?;
    let (manifest, contents) = contents(state, pack, held, version, as_shipped)?;
    let mut paths = Paths::default();
    let mut objects = BTreeMap::new();
    for (key, content) in contents {
        let mut value = content.value().clone();
        paths.rename(&mut value);
        let object = Object::from_value(key.kind, &value).ok()?;
        objects.insert(key.clone(), object);
    }
    Some(Exported {
        manifest: read_manifest(manifest.value())?,
        objects,
        files: paths.files,
    })
}

type Contents<'s> = Vec<(&'s Key, &'s Content)>;

fn contents<'s>(
    state: &'s State,
    pack: &'s str,
    held: &'s Installed,
    version: Option<&Version>,
    as_shipped: bool,
) -> Option<(&'s Content, Contents<'s>)> {
    let in_force = held.version.as_ref();
    if in_force.is_some() && version.is_none_or(|version| Some(version) == in_force) {
        let objects = if as_shipped {
            held.shipped.iter().collect()
        } else {
            let own = state.of_pack(pack);
            own.map(|(key, item)| (key, &item.content)).collect()
        };
        return Some((held.manifest.as_ref()?, objects));
    }
    let version = version?;
    let left = held
        .earlier
        .iter()
        .find(|left| left.version.as_ref() == Some(version))?;
    let objects = if as_shipped {
        left.shipped.iter().collect()
    } else {
        let own = left.objects.iter();
        own.filter(|(_, item)| item.pack.as_deref() == Some(pack))
            .map(|(key, item)| (key, &item.content))
            .collect()
    };
    Some((left.manifest.as_ref()?, objects))
}

/// A manifest as it is kept.
#[must_use]
pub fn read_manifest(value: &Value) -> Option<Manifest> {
    let mut faults = Faults::default();
    let mut reading = Reading::new("pack.yaml", &mut faults, None);
    Manifest::read(&Node::from_value(value), &mut reading)
}

/// The files that a value names: path and digest of each.
#[must_use]
pub fn files_of(value: &Value) -> Vec<(String, Digest)> {
    let mut found = Vec::new();
    look(value, &mut found);
    found
}

fn look(value: &Value, found: &mut Vec<(String, Digest)>) {
    match value {
        Value::Object(map) => {
            found.extend(file(map));
            map.values().for_each(|value| look(value, found));
        }
        Value::Array(list) => list.iter().for_each(|value| look(value, found)),
        _ => {}
    }
}

/// What stands beside a path.
fn file(map: &serde_json::Map<String, Value>) -> Option<(String, Digest)> {
    let path = map.get("path")?.as_str()?;
    let digest = Digest::of_hex(map.get("sha256")?.as_str()?)?;
    Some((path.to_owned(), digest))
}

/// Paths that are taken, each by one file.
#[derive(Default)]
struct Paths {
    files: BTreeMap<String, Digest>,
}

impl Paths {
    fn rename(&mut self, value: &mut Value) {
        match value {
            Value::Object(map) => {
                if let Some((path, digest)) = file(map) {
                    let path = self.path(path, digest);
                    map.insert("path".into(), Value::String(path));
                }
                map.values_mut().for_each(|value| self.rename(value));
            }
            Value::Array(list) => list.iter_mut().for_each(|value| self.rename(value)),
            _ => {}
        }
    }

    fn path(&mut self, path: String, digest: Digest) -> String {
        let taken = |path: &String, files: &BTreeMap<String, Digest>| {
            files.get(path).is_some_and(|other| *other != digest)
        };
        let mut free = path.clone();
        if taken(&free, &self.files) {
            // Its digest tells it apart from any other.
            let (folder, name) = path.rsplit_once('/').unwrap_or(("files", &path));
            let hex = digest.to_hex();
            free = format!("{folder}/{}-{name}", hex.get(..12).unwrap_or(&hex));
        }
        self.files.insert(free.clone(), digest);
        free
    }
}
