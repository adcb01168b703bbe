//! From a pack to its files, as people keep them.

use super::model::{MANIFEST, Pack};
use super::tree::Tree;
use crate::form::Form;
use crate::name::Key;
use crate::objects::{Manifest, Object};
use crate::trust::{SIGNATURES, print_signatures};
use crate::yaml;
use std::collections::BTreeSet;

impl Pack {
    /// Its files: manifest, one file for each object, the files beside them, signatures.
    ///
    /// # Errors
    /// The bound of [`Tree`] that it passes, as a sentence.
    pub fn to_tree(&self) -> Result<Tree, String> {
        let mut tree = Tree::default();
        let manifest = yaml::print(&self.manifest.write(), Manifest::fields());
        tree.add(MANIFEST, manifest.into_bytes())?;
        let mut taken = BTreeSet::new();
        for (key, object) in &self.objects {
            let path = path_of(key, &mut taken);
            let text = yaml::print(&object.write(), Object::fields(object.kind()));
            tree.add(&path, text.into_bytes())?;
        }
        for (path, blob) in &self.files {
            tree.add(path, blob.bytes.to_vec())?;
        }
        if !self.signatures.is_empty() {
            tree.add(SIGNATURES, print_signatures(&self.signatures).into_bytes())?;
        }
        Ok(tree)
    }
}

/// The path of an object's file: its name in letters, digits and dashes; where two names come to the same, the later one gets a number.
#[must_use]
pub fn path_of(key: &Key, taken: &mut BTreeSet<String>) -> String {
    let mut stem = String::new();
    for c in key.name.chars() {
        if c.is_ascii_alphanumeric() {
            stem.push(c);
        } else if !stem.ends_with('-') && !stem.is_empty() {
            stem.push('-');
        }
    }
    let stem: String = stem.trim_end_matches('-').chars().take(80).collect();
    let stem = if crate::path::check(&stem).is_ok() {
        stem
    } else {
        format!("{}-{stem}", key.kind.word())
    };
    let mut path = format!("{}/{stem}.yaml", key.kind.folder());
    let mut number = 1;
    while !taken.insert(path.clone()) {
        number += 1;
        path = format!("{}/{stem}-{number}.yaml", key.kind.folder());
    }
    path
}
