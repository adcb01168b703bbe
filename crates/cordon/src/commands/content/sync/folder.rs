//! The folder of `content sync`: one below it for each pack, and one for what belongs to none, each laid out as a pack is.
//!
//! Objects name their files by path, as people write them; on their way to the server the digest of what lies there stands beside it.

use ::content::change::files_of;
use ::content::digest::Digest;
use ::content::fault::{Fault, Faults};
use ::content::form::Reading;
use ::content::name::{Key, Kind};
use ::content::objects::Object;
use ::content::pack::path_of;
use ::content::pack::tree::Tree;
use ::content::yaml;
use anyhow::{Context, Result, anyhow, bail};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// Folder of what belongs to no pack.
pub(super) const OWN: &str = "own";
/// What both sides had when they were last the same.
const STATE: &str = ".cordon-sync.json";

/// What is kept of the last time.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Last {
    /// Digests of objects by key.
    objects: BTreeMap<String, String>,
}

/// An object of the folder.
#[derive(Clone, Debug)]
pub(super) struct Local {
    /// It.
    pub object: Object,
    /// Its file, below the folder.
    file: String,
    digest: Digest,
}

impl Local {
    /// Its text for the server: files stand with their digests.
    pub fn text(&self) -> String {
        yaml::print(&self.object.write(), Object::fields(self.object.kind()))
    }

    fn top(&self) -> &str {
        self.file.split('/').next().unwrap_or_default()
    }
}

/// The folder.
#[derive(Debug)]
pub(super) struct Folder {
    path: PathBuf,
    last: Last,
    objects: BTreeMap<Key, Local>,
    /// Digests of the files that objects can name, by path below the folder.
    files: BTreeMap<String, Digest>,
}

impl Folder {
    /// Reads a folder, which may be new.
    pub fn open(path: &Path) -> Result<Result<Self, Vec<Fault>>> {
        let state = path.join(STATE);
        let last = match std::fs::read(&state) {
            Ok(bytes) => serde_json::from_slice(&bytes)
                .with_context(|| format!("{} is not what `sync` writes", state.display()))?,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Last::default(),
            Err(error) => {
                return Err(error).with_context(|| format!("cannot read {}", state.display()));
            }
        };
        let mut made = Self {
            path: path.to_owned(),
            last,
            objects: BTreeMap::new(),
            files: BTreeMap::new(),
        };
        if !path.exists() {
            return Ok(Ok(made));
        }
        let tree = match Tree::from_folder(path) {
            Ok(tree) => tree,
            Err(faults) => return Ok(Err(faults)),
        };
        let faults = made.take(&tree);
        Ok(if faults.is_empty() {
            Ok(made)
        } else {
            Err(faults)
        })
    }

    fn take(&mut self, tree: &Tree) -> Vec<Fault> {
        let mut faults = Faults::default();
        let mut by_top: BTreeMap<&str, BTreeMap<String, String>> = BTreeMap::new();
        for (path, bytes) in tree.files() {
            if let Some((top, rest)) = path.split_once('/')
                && rest.starts_with("files/")
            {
                let digest = Digest::of(bytes);
                self.files.insert(path.to_owned(), digest);
                let files = by_top.entry(top).or_default();
                files.insert(rest.to_owned(), digest.to_hex());
            }
        }
        let none = BTreeMap::new();
        for (path, bytes) in tree.files() {
            let Some((top, kind)) = kind_of(path) else {
                continue;
            };
            let Some(node) = yaml::read(path, bytes, &mut faults) else {
                continue;
            };
            let files = by_top.get(top).unwrap_or(&none);
            let mut reading = Reading::new(path, &mut faults, Some(files));
            let Some(object) = Object::read(kind, &node, &mut reading) else {
                continue;
            };
            let local = Local {
                digest: Digest::of_value(&object.write()),
                file: path.to_owned(),
                object,
            };
            let key = local.object.key();
            if let Some(other) = self.objects.get(&key) {
                faults.of_file(
                    path,
                    format!("the {kind} `{}` stands in {} too", key.name, other.file),
                );
                continue;
            }
            self.objects.insert(key, local);
        }
        faults.into_list()
    }

    /// All objects that are here, or were.
    pub fn keys(&self) -> impl Iterator<Item = Key> {
        let last = self.last.objects.keys().filter_map(|key| Key::of_text(key));
        self.objects.keys().cloned().chain(last)
    }

    /// An object that is here.
    pub fn get(&self, key: &Key) -> Option<&Local> {
        self.objects.get(key)
    }

    /// Its digest.
    pub fn digest(&self, key: &Key) -> Option<Digest> {
        self.objects.get(key).map(|local| local.digest)
    }

    /// The digest that both sides had last.
    pub fn last(&self, key: &Key) -> Option<String> {
        self.last.objects.get(&key.to_string()).cloned()
    }

    /// The file of an object that is here.
    pub fn file(&self, key: &Key) -> Option<String> {
        self.objects.get(key).map(|local| local.file.clone())
    }

    /// Notes that both sides have what is here.
    pub fn same(&mut self, key: &Key) {
        let digest = self.digest(key);
        self.note(key, digest);
    }

    fn note(&mut self, key: &Key, digest: Option<Digest>) {
        let text = key.to_string();
        match digest {
            Some(digest) => self.last.objects.insert(text, digest.to_hex()),
            None => self.last.objects.remove(&text),
        };
    }

    /// Where an object lies, or will.
    pub fn place(&self, key: &Key, top: &str) -> Result<String> {
        if let Some(file) = self.file(key) {
            return Ok(file);
        }
        ::content::path::check(top)
            .map_err(|problem| anyhow!("the name of a pack is no folder: {problem}"))?;
        let prefix = format!("{top}/");
        let mut taken: BTreeSet<String> = self
            .objects
            .values()
            .filter_map(|local| local.file.strip_prefix(&prefix))
            .map(str::to_owned)
            .collect();
        Ok(format!("{prefix}{}", path_of(key, &mut taken)))
    }

    /// Writes an object's text; gives the files that it names and that are not here as they must be.
    pub fn put(&mut self, key: &Key, file: &str, text: &str) -> Result<Vec<(Digest, String)>> {
        let mut faults = Faults::default();
        let node = yaml::read(file, text.as_bytes(), &mut faults);
        let object = node.and_then(|node| {
            let mut reading = Reading::new(file, &mut faults, None);
            Object::read(key.kind, &node, &mut reading)
        });
        let object = object.with_context(|| {
            format!(
                "the server's text of {key} cannot be read; is this program older than the server?"
            )
        })?;
        let top = file.split('/').next().unwrap_or_default().to_owned();
        let mut value = object.write();
        let digest = Digest::of_value(&value);
        let mut missing = Vec::new();
        for (path, wanted) in files_of(&value) {
            let place = format!("{top}/{path}");
            if self.files.get(&place) != Some(&wanted) {
                if let Some(other) = self.other(key, &place) {
                    return Err(anyhow!(
                        "{key} and {other} name different files as `{place}`; give one of them another name on the server"
                    ));
                }
                self.files.insert(place.clone(), wanted);
                missing.push((wanted, place));
            }
        }
        by_path(&mut value);
        let text = yaml::print(&value, Object::fields(key.kind));
        self.write_file(file, text.as_bytes())?;
        self.objects.insert(
            key.clone(),
            Local {
                object,
                file: file.to_owned(),
                digest,
            },
        );
        self.note(key, Some(digest));
        Ok(missing)
    }

    /// Another object that names what lies at a place.
    fn other(&self, but: &Key, place: &str) -> Option<&Key> {
        self.files.get(place)?;
        let names = |local: &Local| {
            files_of(&local.object.write())
                .iter()
                .any(|(path, _)| format!("{}/{path}", local.top()) == place)
        };
        let others = self.objects.iter().filter(|(key, _)| *key != but);
        others
            .filter(|(_, local)| names(local))
            .map(|(key, _)| key)
            .next()
    }

    /// Removes an object's file; what it named stays, for others may name it.
    pub fn remove(&mut self, key: &Key) -> Result<()> {
        if let Some(local) = self.objects.remove(key) {
            let path = self.path.join(&local.file);
            match std::fs::remove_file(&path) {
                Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                    return Err(error).with_context(|| format!("cannot remove {}", path.display()));
                }
                _ => {}
            }
        }
        self.note(key, None);
        Ok(())
    }

    /// The files that an object names, by path below the folder.
    pub fn files(&self, local: &Local) -> Vec<(String, Digest)> {
        let files = files_of(&local.object.write()).into_iter();
        files
            .map(|(path, digest)| (format!("{}/{path}", local.top()), digest))
            .collect()
    }

    /// A file's bytes.
    pub fn read_file(&self, place: &str) -> Result<Vec<u8>> {
        let path = self.path.join(place);
        std::fs::read(&path).with_context(|| format!("cannot read {}", path.display()))
    }

    /// Writes a file. Nothing is written through a link.
    pub fn write_file(&self, place: &str, bytes: &[u8]) -> Result<()> {
        ::content::path::check(place)
            .map_err(|problem| anyhow!("`{place}` cannot be written: {problem}"))?;
        let mut at = self.path.clone();
        std::fs::create_dir_all(&at).with_context(|| format!("cannot make {}", at.display()))?;
        let mut parts = place.split('/').peekable();
        while let Some(part) = parts.next() {
            at.push(part);
            let there = std::fs::symlink_metadata(&at);
            let last = parts.peek().is_none();
            let fits =
                there.as_ref().map_or(
                    true,
                    |meta| if last { meta.is_file() } else { meta.is_dir() },
                );
            if !fits {
                bail!(
                    "{} is in the way; it is neither followed nor replaced",
                    at.display()
                );
            }
            if !last && there.is_err() {
                std::fs::create_dir(&at)
                    .with_context(|| format!("cannot make {}", at.display()))?;
            }
        }
        std::fs::write(&at, bytes).with_context(|| format!("cannot write {}", at.display()))
    }

    /// Keeps what both sides have now.
    pub fn keep(&self) -> Result<()> {
        let path = self.path.join(STATE);
        let mut text = serde_json::to_string_pretty(&self.last)?;
        text.push('\n');
        std::fs::create_dir_all(&self.path)
            .and_then(|()| std::fs::write(&path, text))
            .with_context(|| format!("cannot write {}", path.display()))
    }
}

/// The top folder and the kind of an object's file: `TOP/KINDS/NAME.yaml`.
fn kind_of(path: &str) -> Option<(&str, Kind)> {
    let (top, rest) = path.split_once('/')?;
    let (folder, file) = rest.split_once('/')?;
    let plain = !file.contains('/') && file.ends_with(".yaml");
    let kind = Kind::of_folder(folder)?;
    plain.then_some((top, kind))
}

/// Files by their path alone: what lies there says the rest.
fn by_path(value: &mut Value) {
    match value {
        Value::Object(map) => {
            map.values_mut().for_each(|inner| {
                let path = inner.as_object().and_then(|file| {
                    file.get("sha256")?;
                    file.get("path")?.as_str().map(str::to_owned)
                });
                match path {
                    Some(path) => *inner = Value::String(path),
                    None => by_path(inner),
                }
            });
        }
        Value::Array(list) => list.iter_mut().for_each(by_path),
        _ => {}
    }
}
