//! What is there beside a pack: the agent's sensors, packs that are imported, objects that people made.

use super::model::Pack;
use crate::name::{Key, Kind, fold};
use crate::objects::Object;
use question::catalogue::{Catalogue, Group, Sensor};
use semver::Version;
use std::collections::BTreeMap;

/// A pack that is there.
#[derive(Clone, Debug)]
pub(super) struct Present {
    pub(super) version: Version,
    pub(super) requires: Vec<String>,
}

/// What a pack is checked against.
#[derive(Clone, Debug)]
pub struct Surroundings {
    pub(super) cordon: Version,
    pub(super) sensors: Vec<Sensor>,
    pub(super) groups: Vec<Group>,
    pub(super) packs: BTreeMap<String, Present>,
    /// Objects by key, with their names as written.
    pub(super) objects: BTreeMap<Key, String>,
    /// Names by which sensors are known beside their own.
    pub(super) natives: BTreeMap<String, String>,
}

impl Surroundings {
    /// The sensors that agents have built in, under a version of Cordon.
    #[must_use]
    pub fn new(catalogue: &Catalogue, cordon: Version) -> Self {
        let mut made = Self {
            cordon,
            sensors: Vec::new(),
            groups: catalogue.groups().cloned().collect(),
            packs: BTreeMap::new(),
            objects: BTreeMap::new(),
            natives: BTreeMap::new(),
        };
        for (name, sensor) in catalogue.names() {
            made.natives.insert(fold(name), sensor.name.clone());
        }
        made.sensors = catalogue.sensors().to_vec();
        made
    }

    /// The version of Cordon that this build is of.
    #[must_use]
    pub fn this() -> Version {
        Version::parse(env!("CARGO_PKG_VERSION")).unwrap_or_else(|_| Version::new(0, 0, 0))
    }

    /// With a pack that is there besides.
    #[must_use]
    pub fn with_pack(mut self, pack: &Pack) -> Self {
        let manifest = &pack.manifest;
        self.packs.insert(
            manifest.name.as_str().to_owned(),
            Present {
                version: manifest.version.clone(),
                requires: manifest
                    .requires
                    .iter()
                    .map(|r| r.pack.as_str().to_owned())
                    .collect(),
            },
        );
        for object in pack.objects.values() {
            self.add(object);
        }
        self
    }

    /// With an imported pack of which only this is known; its objects are added by [`Surroundings::add`].
    pub fn add_pack(&mut self, name: &str, version: Version, requires: Vec<String>) {
        self.packs
            .insert(name.to_owned(), Present { version, requires });
    }

    /// Adds an object that is there.
    pub fn add(&mut self, object: &Object) {
        self.objects.insert(object.key(), object.name().to_owned());
        match object {
            Object::Sensor(sensor) => {
                let native = sensor.native.as_ref().and_then(|n| self.native(n.as_str()));
                if let Some(made) = declared(sensor, native) {
                    self.sensors.push(made);
                }
            }
            Object::ComputerGroup(group) => {
                if let Some(filter) = &group.filter {
                    self.groups.push(Group {
                        name: group.name.as_str().to_owned(),
                        filter: filter.as_str().to_owned(),
                    });
                }
            }
            _ => {}
        }
    }

    /// The agent's own sensor of a name or alias.
    pub(super) fn native(&self, name: &str) -> Option<&Sensor> {
        let own = self.natives.get(&fold(name))?;
        self.sensors.iter().find(|s| s.name == *own)
    }

    /// All that questions may name.
    pub(super) fn catalogue(&self) -> Catalogue {
        Catalogue::new(self.sensors.iter().cloned()).with_groups(self.groups.iter().cloned())
    }

    /// Names of a kind, for proposals.
    pub(super) fn names(&self, kind: Kind) -> Vec<&str> {
        let mut names: Vec<&str> = self
            .objects
            .iter()
            .filter(|(key, _)| key.kind == kind)
            .map(|(_, name)| name.as_str())
            .collect();
        if kind == Kind::Sensor {
            names.extend(self.sensors.iter().map(|s| s.name.as_str()));
        }
        names
    }
}

/// What a sensor declares: by its scripts, or by the native one that it stands for under its own names.
fn declared(sensor: &crate::objects::Sensor, native: Option<&Sensor>) -> Option<Sensor> {
    if sensor.native.is_none() {
        return sensor.declaration();
    }
    let mut made = native?.clone();
    made.aliases = sensor
        .aliases
        .iter()
        .map(|a| a.as_str().to_owned())
        .collect();
    if fold(sensor.name.as_str()) != fold(&made.name) {
        made.name = sensor.name.as_str().to_owned();
    } else if made.aliases.is_empty() {
        // It is there already.
        return None;
    } else if let Some(alias) = made.aliases.pop() {
        // Its own name is taken; under its further names it is found.
        made.name = alias;
    }
    Some(made)
}
