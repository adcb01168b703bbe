//! One object by itself, as an editor hands it in.

use super::check::{self, Found};
use super::surroundings::Surroundings;
use crate::fault::{Fault, Faults};
use crate::form::Reading;
use crate::name::Kind;
use crate::objects::Object;
use crate::yaml;
use std::collections::BTreeMap;

/// Reads one object from its text and checks it against what is there besides; `around` must not have it. `file` is how faults name the
/// text. Files that it names stand with their digests, for there is no folder to look for them.
///
/// # Errors
/// Everything that is wrong with it, by place.
pub fn object(
    kind: Kind,
    file: &str,
    text: &[u8],
    around: &Surroundings,
) -> Result<Object, Vec<Fault>> {
    let mut faults = Faults::default();
    let mut found = Found::default();
    let mut objects = BTreeMap::new();
    if let Some(node) = yaml::read(file, text, &mut faults) {
        let mut reading = Reading::new(file, &mut faults, None);
        let object = Object::read(kind, &node, &mut reading);
        found.take(reading);
        if let Some(object) = object {
            let key = object.key();
            found.files_of.insert(key.clone(), file.to_owned());
            found.nodes.insert(key.clone(), node);
            objects.insert(key, object);
        }
    }
    check::check(
        None,
        &objects,
        &BTreeMap::new(),
        &found,
        around,
        &mut faults,
    );
    match objects.into_values().next() {
        Some(object) if faults.is_empty() => Ok(object),
        _ => Err(faults.into_list()),
    }
}
