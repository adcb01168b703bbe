//! Reading content: packs, objects, what people changed, history.

use super::supply::{FileInfo, name_of};
use super::{ContentError, Library};
use crate::store::content::{ContentDeed, DeedQuery, KeptContent};
use ::content::change::{self, Content, FieldChange, State};
use ::content::digest::Digest;
use ::content::name::{Key, Kind, fold};
use ::content::objects::{Manifest, Object};
use ::content::yaml;
use semver::Version;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// A pack that ships, is imported, or once was.
#[derive(Clone, Debug)]
pub struct FoundPack {
    /// Its name.
    pub name: String,
    /// What it is: of the version in force, else of the one that ships, else of the last one that was left.
    pub manifest: Option<Manifest>,
    /// Version that the program has.
    pub available: Option<Version>,
    /// Version in force.
    pub imported: Option<Version>,
    /// Versions that one can go back to, the last one left first.
    pub earlier: Vec<Option<Version>>,
    /// Objects that are there.
    pub objects: u64,
    /// Objects that people changed or deleted.
    pub edited: u64,
    /// Files that it asks for and nobody supplied.
    pub awaits: Vec<String>,
    /// Files that were supplied.
    pub supplied: BTreeMap<String, FileInfo>,
}

/// Which objects are wanted.
#[derive(Clone, Debug, Default)]
pub struct Wanted {
    /// Only of this kind.
    pub kind: Option<Kind>,
    /// Only of this pack.
    pub pack: Option<String>,
    /// Only in this content set.
    pub content_set: Option<String>,
    /// Only those with all these words in name, further names, keywords or description.
    pub text: Option<String>,
    /// From this place on.
    pub offset: usize,
    /// At most this many.
    pub limit: usize,
}

/// A page of objects.
#[derive(Clone, Debug, Default)]
pub struct Found {
    /// How many there are in all.
    pub total: usize,
    /// Those of the page.
    pub objects: Vec<FoundObject>,
}

/// An object.
#[derive(Clone, Debug)]
pub struct FoundObject {
    /// Its key.
    pub key: Key,
    /// Its value.
    pub content: Content,
    /// The pack it belongs to.
    pub pack: Option<String>,
    /// Whether it is another one than the pack shipped.
    pub edited: bool,
}

/// An object that people changed: as it was shipped, and as it is.
#[derive(Clone, Debug)]
pub struct Edited {
    /// The object.
    pub key: Key,
    /// As it was shipped.
    pub shipped: Content,
    /// As it is; none when it was deleted.
    pub here: Option<Content>,
}

impl Edited {
    /// Its name as people write it.
    #[must_use]
    pub fn name(&self) -> &str {
        text(&self.shipped, "name").unwrap_or(&self.key.name)
    }

    /// The fields in which it differs.
    #[must_use]
    pub fn fields(&self) -> Vec<FieldChange> {
        let here = self.here.as_ref().map(Content::value);
        change::diff(Some(self.shipped.value()), here)
    }
}

/// A file that an object names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NamedFile {
    /// Its name on the endpoint, for a file of a package; else its path.
    pub name: String,
    /// Whether whoever imports the pack supplies it.
    pub supplied: bool,
    /// The file; none when it was not supplied.
    pub file: Option<FileInfo>,
}

fn text<'c>(content: &'c Content, field: &str) -> Option<&'c str> {
    content.value().get(field)?.as_str()
}

impl FoundObject {
    /// Its name as people write it.
    #[must_use]
    pub fn name(&self) -> &str {
        text(&self.content, "name").unwrap_or(&self.key.name)
    }

    /// What it is for.
    #[must_use]
    pub fn description(&self) -> &str {
        text(&self.content, "description").unwrap_or_default()
    }

    /// The content set it lies in.
    #[must_use]
    pub fn content_set(&self) -> Option<&str> {
        text(&self.content, "content_set")
    }

    /// It as a text that can be edited.
    #[must_use]
    pub fn text(&self) -> String {
        yaml::print(self.content.value(), Object::fields(self.key.kind))
    }

    fn has(&self, words: &[String]) -> bool {
        let value = self.content.value();
        let lists = ["aliases", "keywords"]
            .into_iter()
            .filter_map(|field| value.get(field)?.as_array());
        let listed = lists.flatten().filter_map(Value::as_str);
        let all = [self.name(), self.description()].into_iter().chain(listed);
        let all: Vec<String> = all.map(fold).collect();
        words
            .iter()
            .all(|word| all.iter().any(|text| text.contains(word)))
    }
}

fn object(state: &State, key: &Key) -> Option<FoundObject> {
    let item = state.objects.get(key)?;
    let shipped = item.pack.as_ref().and_then(|pack| state.packs.get(pack));
    Some(FoundObject {
        key: key.clone(),
        content: item.content.clone(),
        pack: item.pack.clone(),
        edited: shipped.is_some_and(|pack| pack.shipped.get(key) != Some(&item.content)),
    })
}

fn edits(state: &State, pack: &str) -> Vec<Edited> {
    let Some(held) = state.packs.get(pack) else {
        return Vec::new();
    };
    held.shipped
        .iter()
        .filter_map(|(key, shipped)| {
            let here = state.objects.get(key).map(|item| item.content.clone());
            (here.as_ref() != Some(shipped)).then(|| Edited {
                key: key.clone(),
                shipped: shipped.clone(),
                here,
            })
        })
        .collect()
}

impl Library {
    /// All packs, by name.
    #[must_use]
    pub fn packs(&self) -> Vec<FoundPack> {
        let held = self.now();
        let shipped = self.shipped.iter().map(|s| s.manifest.name.as_str());
        let names: BTreeSet<&str> = shipped
            .chain(held.state.packs.keys().map(String::as_str))
            .collect();
        names
            .into_iter()
            .filter_map(|name| self.found(&held, name))
            .collect()
    }

    /// A pack.
    ///
    /// # Errors
    /// It is not there.
    pub fn pack(&self, name: &str) -> Result<FoundPack, ContentError> {
        self.found(&self.now(), name)
            .ok_or_else(|| ContentError::missing(format!("the pack `{name}`")))
    }

    fn found(&self, held: &KeptContent, name: &str) -> Option<FoundPack> {
        let shipped = self
            .shipped
            .iter()
            .find(|shipped| shipped.manifest.name.as_str() == name);
        let installed = held.state.packs.get(name);
        if shipped.is_none() && installed.is_none() {
            return None;
        }
        let read = |manifest: &Content| change::read_manifest(manifest.value());
        let manifest = installed
            .and_then(|pack| pack.manifest.as_ref().and_then(read))
            .or_else(|| shipped.map(|shipped| shipped.manifest.clone()))
            .or_else(|| {
                let left = installed?.earlier.iter().rev();
                left.filter_map(|left| left.manifest.as_ref())
                    .find_map(read)
            });
        let supplied = installed.into_iter().flat_map(|pack| &pack.supplied);
        Some(FoundPack {
            name: name.to_owned(),
            manifest,
            available: shipped.map(|shipped| shipped.manifest.version.clone()),
            imported: installed.and_then(|pack| pack.version.clone()),
            earlier: installed
                .into_iter()
                .flat_map(|pack| pack.earlier.iter().rev())
                .map(|left| left.version.clone())
                .collect(),
            objects: held.state.of_pack(name).count() as u64,
            edited: edits(&held.state, name).len() as u64,
            awaits: held.state.awaits(name),
            supplied: supplied
                .map(|(name, digest)| (name.clone(), info(held, *digest)))
                .collect(),
        })
    }

    /// What people changed of a pack.
    ///
    /// # Errors
    /// It is not there.
    pub fn edits(&self, name: &str) -> Result<Vec<Edited>, ContentError> {
        self.pack(name)?;
        Ok(edits(&self.now().state, name))
    }

    /// Objects by kind and name.
    #[must_use]
    pub fn objects(&self, wanted: &Wanted) -> Found {
        let held = self.now();
        let words = wanted.text.as_deref().map(fold).unwrap_or_default();
        let words: Vec<String> = words.split_whitespace().map(str::to_owned).collect();
        let set = wanted.content_set.as_deref().map(fold);
        let fits = |found: &FoundObject| {
            wanted.kind.is_none_or(|kind| kind == found.key.kind)
                && (wanted.pack.is_none() || wanted.pack == found.pack)
                && (set.is_none() || set == found.content_set().map(fold))
                && found.has(&words)
        };
        let all = held.state.objects.keys();
        let all = all.filter_map(|key| object(&held.state, key)).filter(fits);
        let mut found = Found::default();
        for one in all {
            if found.total >= wanted.offset && found.objects.len() < wanted.limit {
                found.objects.push(one);
            }
            found.total += 1;
        }
        found
    }

    /// An object.
    ///
    /// # Errors
    /// It is not there.
    pub fn object(&self, key: &Key) -> Result<FoundObject, ContentError> {
        object(&self.now().state, key)
            .ok_or_else(|| ContentError::missing(format!("the {} `{}`", key.kind, key.name)))
    }

    /// The files that an object names.
    #[must_use]
    pub fn files_of(&self, found: &FoundObject) -> Vec<NamedFile> {
        let held = self.now();
        let value = found.content.value();
        if found.key.kind != Kind::Package {
            let named = change::files_of(value).into_iter();
            return named
                .map(|(name, digest)| NamedFile {
                    name,
                    supplied: false,
                    file: Some(info(&held, digest)),
                })
                .collect();
        }
        let pack = found.pack.as_ref().and_then(|p| held.state.packs.get(p));
        let mut files: Vec<NamedFile> = Vec::new();
        for file in value
            .get("files")
            .and_then(Value::as_array)
            .into_iter()
            .flatten()
        {
            let Some(name) = name_of(file) else { continue };
            let supplied = file.get("supplied").and_then(Value::as_str);
            let digest = match supplied {
                Some(asked) => pack.and_then(|pack| pack.supplied.get(asked).copied()),
                None => change::files_of(file).first().map(|(_, digest)| *digest),
            };
            files.push(NamedFile {
                name: name.to_owned(),
                supplied: supplied.is_some(),
                file: digest.map(|digest| info(&held, digest)),
            });
        }
        // Scripts that lie in files of their own.
        let listed: BTreeSet<Digest> = files.iter().filter_map(|f| Some(f.file?.digest)).collect();
        let scripts = change::files_of(value).into_iter();
        files.extend(scripts.filter(|(_, digest)| !listed.contains(digest)).map(
            |(name, digest)| NamedFile {
                name,
                supplied: false,
                file: Some(info(&held, digest)),
            },
        ));
        files
    }

    /// Whether a package differs from the one that it was copied from, as that was then.
    #[must_use]
    pub fn source_changed(&self, key: &Key) -> bool {
        self.now().state.source_changed(key)
    }

    /// What was done, newest first.
    ///
    /// # Errors
    /// The store's.
    pub async fn deeds(&self, query: DeedQuery) -> Result<Vec<ContentDeed>, ContentError> {
        Ok(self.store.content_deeds(query).await?)
    }
}

fn info(held: &KeptContent, digest: Digest) -> FileInfo {
    FileInfo {
        digest,
        size: held.files.get(&digest).copied().unwrap_or(0),
    }
}
