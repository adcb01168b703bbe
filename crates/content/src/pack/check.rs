//! What the objects of a pack say of each other and of what is there besides.

use super::model::{Blob, MANIFEST};
use super::surroundings::Surroundings;
use crate::fault::{Faults, Place, did_you_mean};
use crate::form::{Asked, ColumnMention, Mention, Question};
use crate::name::{Key, Kind, Name, fold};
use crate::objects::{
    ContentSet, Manifest, Object, Package, Platform, SavedAction, Sensor, Widget,
};
use crate::yaml::{Body, Node};
use question::catalogue::Catalogue;
use std::collections::{BTreeMap, BTreeSet};

/// What was found while the files were read.
#[derive(Default)]
pub(super) struct Found {
    pub(super) mentions: Vec<Mention>,
    pub(super) questions: Vec<Question>,
    pub(super) columns: Vec<ColumnMention>,
    /// Files that objects name.
    pub(super) named: BTreeSet<String>,
    /// The file of each object.
    pub(super) files_of: BTreeMap<Key, String>,
    /// Objects that could not be read.
    pub(super) broken: BTreeSet<Key>,
    /// Nodes of those objects whose fields are looked at again.
    pub(super) nodes: BTreeMap<Key, Node>,
    pub(super) manifest: Option<Node>,
}

impl Found {
    fn file(&self, key: &Key) -> &str {
        self.files_of.get(key).map_or("", String::as_str)
    }
}

/// The content set of objects that say none.
pub(super) fn default_set(manifest: &Manifest) -> Option<Name<ContentSet>> {
    Name::new(manifest.content_sets.first()?.as_str()).ok()
}

/// Adds every fault.
pub(super) fn check(
    manifest: Option<&Manifest>,
    objects: &BTreeMap<Key, Object>,
    files: &BTreeMap<String, Blob>,
    found: &Found,
    around: &Surroundings,
    faults: &mut Faults,
) {
    if let Some(manifest) = manifest {
        requirements(manifest, found, around, faults);
    }
    for path in files.keys().filter(|path| !found.named.contains(*path)) {
        faults.of_file(path, "no object names this file");
    }
    sensors(objects, found, around, faults);
    let mut all = around.clone();
    for object in objects.values() {
        all.add(object);
    }
    mentions(manifest, objects, found, &all, faults);
    let catalogue = all.catalogue();
    questions(found, &catalogue, faults);
    columns(found, &catalogue, faults);
    for (key, object) in objects {
        match object {
            Object::Package(package) => supplied(key, package, manifest, found, faults),
            Object::SavedAction(action) => values(key, action, objects, found, faults),
            _ => {}
        }
    }
}

/// The place of an entry of a list of the manifest.
fn entry_of(found: &Found, list: &str, at: usize) -> Place {
    let field = |node: &Node, key: &str| match &node.body {
        Body::Map(entries) => entries
            .iter()
            .find(|e| e.key == key)
            .map(|e| e.node.clone()),
        _ => None,
    };
    let list = found.manifest.as_ref().and_then(|n| field(n, list));
    match list.map(|n| n.body) {
        Some(Body::List(entries)) => entries.get(at).map_or(Place::START, |n| n.place),
        _ => Place::START,
    }
}

fn requirements(manifest: &Manifest, found: &Found, around: &Surroundings, faults: &mut Faults) {
    let own = manifest.name.as_str();
    if manifest.cordon > around.cordon {
        faults.of_file(
            MANIFEST,
            format!(
                "the pack needs Cordon {} or later; this is {}",
                manifest.cordon, around.cordon
            ),
        );
    }
    for (at, require) in manifest.requires.iter().enumerate() {
        let name = require.pack.as_str();
        let mut fault = |message: String| {
            faults.add(MANIFEST, entry_of(found, "requires", at), message);
        };
        let Some(present) = around.packs.get(name) else {
            let near = did_you_mean(name, around.packs.keys().map(String::as_str));
            fault(format!(
                "the pack `{name}`, which is required, is not there{near}"
            ));
            continue;
        };
        if !require.version.matches(&present.version) {
            fault(format!(
                "`{name}` is required in version {}; {} is there",
                require.version, present.version
            ));
        }
        // Round about, through what the required ones require.
        let mut waiting = vec![name.to_owned()];
        let mut seen = BTreeSet::new();
        while let Some(next) = waiting.pop() {
            if next == own {
                fault(format!(
                    "`{name}` requires `{own}` in turn: packs require each other in a circle"
                ));
                break;
            }
            if seen.insert(next.clone())
                && let Some(present) = around.packs.get(&next)
            {
                waiting.extend(present.requires.iter().cloned());
            }
        }
    }
}

/// Names of sensors: native ones must be there, others must not be.
fn sensors(
    objects: &BTreeMap<Key, Object>,
    found: &Found,
    around: &Surroundings,
    faults: &mut Faults,
) {
    let mut names: BTreeMap<String, &Key> = BTreeMap::new();
    for (key, object) in objects {
        let Object::Sensor(sensor) = object else {
            continue;
        };
        let file = found.file(key);
        if let Some(native) = &sensor.native {
            if around.native(native.as_str()).is_none() {
                let near =
                    did_you_mean(native.as_str(), around.natives.values().map(String::as_str));
                faults.of_file(
                    file,
                    format!("no agent has a native sensor `{native}`{near}"),
                );
            }
        } else if let Some(native) = around.natives.get(&key.name) {
            faults.of_file(
                file,
                format!("agents have a sensor `{native}` built in; give this one another name, or say `native: {native}`"),
            );
        }
        for name in std::iter::once(&sensor.name).chain(&sensor.aliases) {
            if let Some(other) = names.insert(fold(name.as_str()), key)
                && other != key
            {
                faults.of_file(
                    file,
                    format!(
                        "`{name}` is a name of `{}` too ({})",
                        other.name,
                        found.file(other)
                    ),
                );
            }
        }
    }
}

fn mentions(
    manifest: Option<&Manifest>,
    objects: &BTreeMap<Key, Object>,
    found: &Found,
    all: &Surroundings,
    faults: &mut Faults,
) {
    let mut aliases: BTreeSet<Key> = BTreeSet::new();
    for object in objects.values() {
        let names: Vec<Key> = match object {
            Object::Sensor(s) => keys(&s.aliases),
            Object::Package(p) => keys(&p.aliases),
            Object::SavedAction(a) => keys(&a.aliases),
            Object::Role(r) => keys(&r.aliases),
            _ => continue,
        };
        aliases.extend(names);
    }
    let sensors: BTreeSet<String> = all
        .sensors
        .iter()
        .flat_map(|s| std::iter::once(&s.name).chain(&s.aliases))
        .map(|name| fold(name))
        .collect();
    let mut own_sets: Option<BTreeSet<String>> = None;
    if let Some(manifest) = manifest {
        own_sets = Some(
            manifest
                .content_sets
                .iter()
                .map(|s| fold(s.as_str()))
                .collect(),
        );
    }
    for mention in &found.mentions {
        let key = Key::new(mention.kind, &mention.name);
        let there = all.objects.contains_key(&key)
            || aliases.contains(&key)
            || found.broken.contains(&key)
            || (key.kind == Kind::Sensor && sensors.contains(&key.name));
        if !there {
            let near = did_you_mean(&mention.name, all.names(mention.kind).into_iter());
            faults.add(
                &mention.file,
                mention.place,
                format!("there is no {} `{}`{near}", mention.kind, mention.name),
            );
        } else if mention.kind == Kind::ContentSet
            && mention.file != MANIFEST
            && !mention.file.starts_with(Kind::Role.folder())
            && own_sets
                .as_ref()
                .is_some_and(|sets| !sets.contains(&key.name))
        {
            faults.add(
                &mention.file,
                mention.place,
                format!(
                    "`pack.yaml` does not list the content set `{}`",
                    mention.name
                ),
            );
        }
    }
}

fn keys<K: crate::name::Named>(names: &[Name<K>]) -> Vec<Key> {
    names.iter().map(Name::key).collect()
}

/// What stands before a filter to make a question of it.
const BEFORE_FILTER: &str = "Get number of machines from all machines with ";

fn questions(found: &Found, catalogue: &Catalogue, faults: &mut Faults) {
    let texts: Vec<String> = found
        .questions
        .iter()
        .map(|q| match q.asked {
            Asked::Question => q.text.clone(),
            Asked::Filter => format!("{BEFORE_FILTER}{}", q.text),
        })
        .collect();
    let parsed = question::parse_all(texts.iter().map(String::as_str), catalogue);
    for (question, parsed) in found.questions.iter().zip(parsed) {
        let Err(error) = parsed else { continue };
        let before = match question.asked {
            Asked::Question => 0,
            Asked::Filter => BEFORE_FILTER.chars().count(),
        };
        let near = error
            .nearest
            .first()
            .map_or_else(String::new, |n| format!("; did you mean `{n}`?"));
        let place = question.node.place_of(error.start.saturating_sub(before));
        let message = format!("{}{near}", error.message);
        faults.add(&question.file, place, message);
    }
}

fn columns(found: &Found, catalogue: &Catalogue, faults: &mut Faults) {
    for mention in &found.columns {
        let Some(sensor) = catalogue.sensor(&mention.sensor) else {
            continue;
        };
        let message = match &mention.column {
            Some(column) if sensor.column_index(column).is_none() => {
                let near = did_you_mean(column, sensor.columns.iter().map(|c| c.name.as_str()));
                format!("`{}` has no column `{column}`{near}", sensor.name)
            }
            None if sensor.key_column().is_none() => {
                format!(
                    "`{}` has several columns; say which one is meant",
                    sensor.name
                )
            }
            _ => continue,
        };
        faults.add(&mention.file, mention.place, message);
    }
}

/// Files that a package awaits from whoever imports the pack.
fn supplied(
    key: &Key,
    package: &Package,
    manifest: Option<&Manifest>,
    found: &Found,
    faults: &mut Faults,
) {
    let Some(manifest) = manifest else { return };
    for name in package.files.iter().filter_map(|f| f.supplied.as_ref()) {
        if manifest.supplied.iter().all(|s| s.name != *name) {
            let near = did_you_mean(
                name.as_str(),
                manifest.supplied.iter().map(|s| s.name.as_str()),
            );
            faults.add(
                found.file(key),
                found.place(key, "files"),
                format!("`pack.yaml` does not ask for the file `{name}`{near}"),
            );
        }
    }
}

/// Values of a saved action against the parameters of its package, where that is in the same pack.
fn values(
    key: &Key,
    action: &SavedAction,
    objects: &BTreeMap<Key, Object>,
    found: &Found,
    faults: &mut Faults,
) {
    let Some(Object::Package(package)) = objects.get(&action.package.key()) else {
        return;
    };
    let place = found.place(key, "values");
    let mut fault = |message: String| faults.add(found.file(key), place, message);
    for given in action.values.keys() {
        let parameter = package
            .parameters
            .iter()
            .find(|p| p.key.as_ref().is_some_and(|k| k.as_str() == given));
        match parameter {
            None => {
                let known = package.parameters.iter().filter_map(|p| p.key.as_ref());
                let near = did_you_mean(given, known.map(crate::form::Line::as_str));
                fault(format!(
                    "`{}` has no parameter `{given}`{near}",
                    package.name
                ));
            }
            Some(p) if matches!(p.widget, Widget::Secret(_)) => {
                fault(format!(
                    "`{given}` is a secret; it is given when the action is run, and kept nowhere"
                ));
            }
            Some(_) => {}
        }
    }
    for parameter in &package.parameters {
        if let Some(name) = parameter.key.as_ref().filter(|_| parameter.required)
            && action.enabled
            && parameter.filled.is_none()
            && !action.values.contains_key(name.as_str())
        {
            fault(format!("`{}` needs a value for `{name}`", package.name));
        }
    }
}

/// Where a sensor works, for people.
pub(super) fn works_on(sensor: &Sensor) -> Vec<Platform> {
    Platform::ALL
        .iter()
        .copied()
        .filter(|p| sensor.script(*p).is_some())
        .collect()
}
