//! Packs in folders, with the packs that they require in folders beside them.

use super::model::{MANIFEST, Pack};
use super::read::read;
use super::surroundings::Surroundings;
use super::tree::Tree;
use crate::fault::{Fault, Faults};
use crate::form::{Form, Reading};
use crate::objects::Manifest;
use crate::yaml;
use std::path::Path;

/// Most packs that require each other in a row.
const MAX_CHAIN: usize = 16;

/// Reads the pack in a folder.
///
/// # Errors
/// Everything that is wrong with it.
pub fn open(folder: &Path, around: &Surroundings) -> Result<Pack, Vec<Fault>> {
    read(&Tree::from_folder(folder)?, around)
}

/// Reads the pack in a folder and first those that it requires, from the folders of their names beside it. What `around` has already is
/// not looked for.
///
/// # Errors
/// Everything that is wrong with it; that one that is required has faults is one fault.
pub fn open_beside(folder: &Path, around: &Surroundings) -> Result<Pack, Vec<Fault>> {
    // The folder's own name must not depend on how it was written (`.`).
    let folder = folder.canonicalize().map_err(|error| {
        let mut faults = Faults::default();
        faults.of_file("", format!("cannot find the folder: {error}"));
        faults.into_list()
    })?;
    beside(&folder, around, &mut Vec::new())
}

/// All faults of the pack in a folder, none for a sound one.
#[must_use]
pub fn lint(folder: &Path, around: &Surroundings) -> Vec<Fault> {
    open_beside(folder, around).err().unwrap_or_default()
}

fn beside(
    folder: &Path,
    around: &Surroundings,
    chain: &mut Vec<Manifest>,
) -> Result<Pack, Vec<Fault>> {
    let (tree, mut broken, whole) = Tree::look(folder);
    if !whole {
        return Err(broken.into_list());
    }
    let mut around = around.clone();
    for manifest in chain.iter() {
        present(&mut around, manifest);
    }
    if let Some(manifest) = manifest(&tree) {
        let requires: Vec<String> = manifest
            .requires
            .iter()
            .map(|r| r.pack.as_str().to_owned())
            .filter(|name| !around.packs.contains_key(name))
            .collect();
        chain.push(manifest);
        for name in requires {
            let Some(there) = folder
                .parent()
                .map(|p| p.join(&name))
                .filter(|f| f.join(MANIFEST).is_file() && chain.len() < MAX_CHAIN)
            else {
                continue;
            };
            match beside(&there, &around, chain) {
                Ok(pack) => around = around.with_pack(&pack),
                Err(faults) => {
                    if let Some(manifest) = Tree::from_folder(&there)
                        .ok()
                        .as_ref()
                        .and_then(self::manifest)
                    {
                        present(&mut around, &manifest);
                    }
                    let first = faults.first().map_or_else(String::new, ToString::to_string);
                    broken.of_file(
                        MANIFEST,
                        format!(
                            "the pack `{name}`, which is required, has {} faults itself: {first}",
                            faults.len()
                        ),
                    );
                }
            }
        }
        chain.pop();
    }
    let result = read(&tree, &around);
    if broken.is_empty() {
        return result;
    }
    let mut all = broken.into_list();
    all.extend(result.err().unwrap_or_default());
    Err(all)
}

fn present(around: &mut Surroundings, manifest: &Manifest) {
    let requires = manifest
        .requires
        .iter()
        .map(|r| r.pack.as_str().to_owned())
        .collect();
    around.add_pack(manifest.name.as_str(), manifest.version.clone(), requires);
}

/// The manifest of a tree, if it can be read; its faults are told when the pack is.
#[must_use]
pub fn manifest(tree: &Tree) -> Option<Manifest> {
    let mut faults = Faults::default();
    let node = yaml::read(MANIFEST, tree.get(MANIFEST)?, &mut faults)?;
    Manifest::read(&node, &mut Reading::new(MANIFEST, &mut faults, None))
}
