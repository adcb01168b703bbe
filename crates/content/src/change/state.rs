//! All content of an installation, as data.

use super::content::Content;
use super::diff::{FieldChange, diff};
use crate::digest::Digest;
use crate::name::Key;
use crate::objects::Object;
use crate::pack::Surroundings;
use semver::Version;
use serde::{Deserialize, Serialize};
use serde_json::json;
use std::collections::{BTreeMap, BTreeSet};

/// All content of an installation.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct State {
    /// Objects by key.
    pub objects: BTreeMap<Key, Item>,
    /// Packs that are, or once were, imported, by name.
    pub packs: BTreeMap<String, Installed>,
    /// What was done, oldest first.
    pub history: Vec<Deed>,
}

/// An object that is there.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Item {
    /// The object.
    pub content: Content,
    /// The pack it belongs to; none for what people made themselves.
    pub pack: Option<String>,
}

/// A pack that is, or once was, imported.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Installed {
    /// Version in force; none when it was removed or rolled back to before its import.
    pub version: Option<Version>,
    /// Its `pack.yaml`.
    pub manifest: Option<Content>,
    /// Its objects as they were shipped.
    pub shipped: BTreeMap<Key, Content>,
    /// Files that were supplied, by the name under which the pack asks for them.
    pub supplied: BTreeMap<String, Digest>,
    /// What was there when each version was left; one for each version.
    pub earlier: Vec<Left>,
}

/// What was there of a pack when a version was left.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Left {
    /// The version; none for before the import.
    pub version: Option<Version>,
    /// Its `pack.yaml`.
    pub manifest: Option<Content>,
    /// Its objects as they were shipped.
    pub shipped: BTreeMap<Key, Content>,
    /// Its objects as they were.
    pub objects: BTreeMap<Key, Item>,
    /// Files that were supplied.
    pub supplied: BTreeMap<String, Digest>,
}

/// Who does something, when, and why.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Who {
    /// The actor, as the caller names actors.
    pub by: String,
    /// When, in seconds since 1970.
    pub at: i64,
    /// Why, in that person's words.
    pub why: String,
}

/// What was done.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Deed {
    /// Its number, from 1.
    pub number: u64,
    /// By whom, when and why.
    pub who: Who,
    /// What was done.
    pub cause: Cause,
    /// Objects that were changed by it.
    pub changes: Vec<ObjectChange>,
}

/// Kinds of deeds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "cause")]
pub enum Cause {
    /// A pack came, became another version, or went.
    Pack {
        /// The pack.
        pack: String,
        /// What it was.
        from: Option<Version>,
        /// What it is.
        to: Option<Version>,
        /// It went back to what was there before.
        back: bool,
    },
    /// Somebody edited an object.
    Edit,
    /// Somebody supplied a file, or took it away.
    Supply {
        /// The pack that asks for it.
        pack: String,
        /// The name of the file.
        name: String,
        /// What was there before.
        before: Option<Digest>,
        /// What is there now.
        after: Option<Digest>,
    },
}

/// An object that a deed changed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ObjectChange {
    /// The object.
    pub key: Key,
    /// What it was.
    pub before: Option<Content>,
    /// What it is.
    pub after: Option<Content>,
}

impl ObjectChange {
    /// The fields in which it differs.
    #[must_use]
    pub fn fields(&self) -> Vec<FieldChange> {
        diff(
            self.before.as_ref().map(Content::value),
            self.after.as_ref().map(Content::value),
        )
    }
}

impl State {
    /// Digest of everything that plans rest on; the history is no part of it.
    #[must_use]
    pub fn digest(&self) -> Digest {
        let contents = |map: &BTreeMap<Key, Content>| -> BTreeMap<String, Digest> {
            map.iter()
                .map(|(k, c)| (k.to_string(), c.digest()))
                .collect()
        };
        let items = |map: &BTreeMap<Key, Item>| -> BTreeMap<String, (Digest, Option<String>)> {
            map.iter()
                .map(|(k, i)| (k.to_string(), (i.content.digest(), i.pack.clone())))
                .collect()
        };
        let packs: BTreeMap<&String, serde_json::Value> = self
            .packs
            .iter()
            .map(|(name, pack)| {
                let earlier: Vec<serde_json::Value> = pack
                    .earlier
                    .iter()
                    .map(|left| {
                        json!([
                            left.version,
                            contents(&left.shipped),
                            items(&left.objects),
                            left.supplied
                        ])
                    })
                    .collect();
                let manifest = pack.manifest.as_ref().map(Content::digest);
                let value = json!([
                    pack.version,
                    manifest,
                    contents(&pack.shipped),
                    pack.supplied,
                    earlier
                ]);
                (name, value)
            })
            .collect();
        Digest::of_value(&json!([items(&self.objects), packs]))
    }

    /// The objects of a pack.
    pub fn of_pack<'s>(&'s self, pack: &'s str) -> impl Iterator<Item = (&'s Key, &'s Item)> {
        self.objects
            .iter()
            .filter(move |(_, item)| item.pack.as_deref() == Some(pack))
    }

    /// What was done to an object, oldest first.
    pub fn history_of<'s>(
        &'s self,
        key: &'s Key,
    ) -> impl Iterator<Item = (&'s Deed, &'s ObjectChange)> {
        self.history.iter().flat_map(move |deed| {
            deed.changes
                .iter()
                .filter(move |change| change.key == *key)
                .map(move |change| (deed, change))
        })
    }

    /// An object, read.
    #[must_use]
    pub fn object(&self, key: &Key) -> Option<Object> {
        let item = self.objects.get(key)?;
        Object::from_value(key.kind, item.content.value()).ok()
    }

    /// Whether a package or sensor differs from the one it was copied from, as that was then: the mark "source changed since".
    #[must_use]
    pub fn source_changed(&self, key: &Key) -> bool {
        let Some(Object::Package(package)) = self.object(key) else {
            return false;
        };
        package.source.is_some_and(|source| {
            self.objects
                .get(&source.package.key())
                .is_none_or(|item| item.content.digest().to_hex() != source.sha256.as_str())
        })
    }

    /// Files that a pack asks for and nobody supplied yet.
    #[must_use]
    pub fn awaits(&self, pack: &str) -> Vec<String> {
        let Some(pack) = self.packs.get(pack) else {
            return Vec::new();
        };
        asked(pack.manifest.as_ref())
            .into_iter()
            .filter(|name| !pack.supplied.contains_key(name))
            .collect()
    }

    /// Digests of all files that anything here rests on, also what could be rolled back to: what must not be thrown away.
    #[must_use]
    pub fn files(&self) -> BTreeSet<Digest> {
        let mut found = BTreeSet::new();
        let mut look = |content: &Content| digests(content.value(), &mut found);
        for item in self.objects.values() {
            look(&item.content);
        }
        for pack in self.packs.values() {
            pack.shipped.values().for_each(&mut look);
            for left in &pack.earlier {
                left.shipped.values().for_each(&mut look);
                left.objects.values().for_each(|i| look(&i.content));
            }
        }
        for deed in &self.history {
            for change in &deed.changes {
                change
                    .before
                    .iter()
                    .chain(&change.after)
                    .for_each(&mut look);
            }
        }
        for pack in self.packs.values() {
            found.extend(pack.supplied.values().copied());
            found.extend(
                pack.earlier
                    .iter()
                    .flat_map(|l| l.supplied.values().copied()),
            );
        }
        found
    }

    /// What a pack is checked against here: the agent's sensors, the packs that are imported, all objects. The pack `but` is left out,
    /// for its next version is not to be held against the one before.
    #[must_use]
    pub fn surroundings(
        &self,
        catalogue: &question::Catalogue,
        cordon: Version,
        but: &str,
    ) -> Surroundings {
        let mut around = Surroundings::new(catalogue, cordon);
        for (name, pack) in self.packs.iter().filter(|(name, _)| *name != but) {
            let (Some(version), Some(manifest)) = (&pack.version, &pack.manifest) else {
                continue;
            };
            let requires = manifest.value().get("requires").and_then(|r| r.as_array());
            let requires = requires
                .into_iter()
                .flatten()
                .filter_map(|r| Some(r.get("pack")?.as_str()?.to_owned()))
                .collect();
            around.add_pack(name, version.clone(), requires);
        }
        for (key, item) in &self.objects {
            if item.pack.as_deref() != Some(but)
                && let Ok(object) = Object::from_value(key.kind, item.content.value())
            {
                around.add(&object);
            }
        }
        around
    }

    pub(super) fn record(&mut self, who: &Who, cause: Cause, changes: Vec<ObjectChange>) {
        let number = self.history.last().map_or(1, |deed| deed.number + 1);
        self.history.push(Deed {
            number,
            who: who.clone(),
            cause,
            changes,
        });
    }
}

/// The names of the files that a manifest asks for.
pub(super) fn asked(manifest: Option<&Content>) -> Vec<String> {
    let list = manifest
        .and_then(|m| m.value().get("supplied"))
        .and_then(|s| s.as_array());
    list.into_iter()
        .flatten()
        .filter_map(|s| Some(s.get("name")?.as_str()?.to_owned()))
        .collect()
}

/// The digests of files in a value: what stands beside a path.
fn digests(value: &serde_json::Value, found: &mut BTreeSet<Digest>) {
    match value {
        serde_json::Value::Object(map) => {
            if map.contains_key("path")
                && let Some(digest) = map.get("sha256").and_then(|s| Digest::of_hex(s.as_str()?))
            {
                found.insert(digest);
            }
            map.values().for_each(|v| digests(v, found));
        }
        serde_json::Value::Array(list) => list.iter().for_each(|v| digests(v, found)),
        _ => {}
    }
}
