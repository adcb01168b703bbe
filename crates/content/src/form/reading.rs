//! Reading nodes: what is found on the way, and the fields of a mapping.

use super::Form;
use crate::fault::{Faults, Place, did_you_mean};
use crate::name::Kind;
use crate::yaml::{Body, Node};
use std::collections::{BTreeMap, BTreeSet};

/// A reference that an object makes to another by its name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mention {
    /// Kind of what is meant.
    pub kind: Kind,
    /// Its name as it was written.
    pub name: String,
    /// File and place of it.
    pub file: String,
    /// Where it stands.
    pub place: Place,
}

/// A column of a sensor that an object names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ColumnMention {
    /// The sensor.
    pub sensor: String,
    /// The column; `None` for the one that the sensor's name means.
    pub column: Option<String>,
    /// File it is in.
    pub file: String,
    /// Where it stands.
    pub place: Place,
}

/// What kind of text of the question language stands somewhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Asked {
    /// A whole question.
    Question,
    /// What stands after `from all machines with`.
    Filter,
}

/// A text of the question language, to be parsed once all sensors are known.
#[derive(Clone, Debug, PartialEq)]
pub struct Question {
    /// Which kind.
    pub asked: Asked,
    /// The text.
    pub text: String,
    /// File it is in.
    pub file: String,
    /// The scalar, for the place of each character.
    pub node: Node,
}

/// A file beside the objects that one of them names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FoundFile {
    /// Path inside the pack.
    pub path: String,
    /// File that names it.
    pub file: String,
    /// Where.
    pub place: Place,
}

/// What is on hand while the nodes of one file are read, and what is found in them.
pub struct Reading<'a> {
    /// The file, as faults name it.
    pub file: &'a str,
    /// Where faults go.
    pub faults: &'a mut Faults,
    /// Files of the pack with their digests in hexadecimal; `None` for objects that were checked before.
    pub files: Option<&'a BTreeMap<String, String>>,
    /// References found.
    pub mentions: Vec<Mention>,
    /// Questions and filters found.
    pub questions: Vec<Question>,
    /// Columns found.
    pub columns: Vec<ColumnMention>,
    /// Files named.
    pub named: Vec<FoundFile>,
}

impl<'a> Reading<'a> {
    /// Begins with a file.
    pub fn new(
        file: &'a str,
        faults: &'a mut Faults,
        files: Option<&'a BTreeMap<String, String>>,
    ) -> Self {
        Self {
            file,
            faults,
            files,
            mentions: Vec::new(),
            questions: Vec::new(),
            columns: Vec::new(),
            named: Vec::new(),
        }
    }

    /// Adds a fault.
    pub fn fault(&mut self, place: Place, message: impl AsRef<str>) {
        self.faults.add(self.file, place, message);
    }
}

/// The entries of a mapping, taken one by one.
pub(crate) struct Fields<'n> {
    place: Place,
    entries: BTreeMap<&'n str, &'n Node>,
}

impl<'n> Fields<'n> {
    /// The entries of a node. Unknown ones are faults, as is a node that is no mapping.
    pub(crate) fn of(
        node: &'n Node,
        what: &str,
        known: &[&str],
        reading: &mut Reading<'_>,
    ) -> Option<Self> {
        let mut entries = BTreeMap::new();
        match &node.body {
            Body::Map(list) => {
                for entry in list {
                    if known.contains(&entry.key.as_str()) {
                        entries.insert(entry.key.as_str(), &entry.node);
                    } else {
                        let near = did_you_mean(&entry.key, known.iter().copied());
                        let all = if near.is_empty() {
                            format!("; it has {}", known.join(", "))
                        } else {
                            near
                        };
                        reading.fault(
                            entry.place,
                            format!("{what} has no field `{}`{all}", entry.key),
                        );
                    }
                }
            }
            Body::Nothing => {}
            _ => {
                reading.fault(
                    node.place,
                    format!(
                        "{what} is a mapping of {}, not {}",
                        known.join(", "),
                        node.kind()
                    ),
                );
                return None;
            }
        }
        Some(Self {
            place: node.place,
            entries,
        })
    }

    /// The value of a field. `None` when it is wrong, or missing without a default.
    pub(crate) fn take<T: Form>(
        &mut self,
        key: &str,
        default: Option<T>,
        reading: &mut Reading<'_>,
    ) -> Option<T> {
        match self.entries.remove(key) {
            // A key with nothing behind it is one that somebody means to fill in.
            Some(node) if node.body == Body::Nothing => match default.or_else(T::absent) {
                Some(value) => Some(value),
                None => {
                    reading.fault(node.place, format!("`{key}` is empty and must be given"));
                    None
                }
            },
            Some(node) => T::read(node, reading),
            None => match default.or_else(T::absent) {
                Some(value) => Some(value),
                None => {
                    reading.fault(self.place, format!("`{key}` is missing"));
                    None
                }
            },
        }
    }
}

/// Faults unless exactly one of some fields of a node is given.
pub(crate) fn one_of(node: &Node, keys: &[&str], reading: &mut Reading<'_>) -> bool {
    let Body::Map(entries) = &node.body else {
        return true;
    };
    let given: BTreeSet<&str> = entries
        .iter()
        .filter(|e| e.node.body != Body::Nothing)
        .map(|e| e.key.as_str())
        .collect();
    let count = keys.iter().filter(|key| given.contains(*key)).count();
    if count == 1 {
        return true;
    }
    let list = keys
        .iter()
        .map(|k| format!("`{k}`"))
        .collect::<Vec<_>>()
        .join(" and ");
    reading.fault(
        node.place,
        format!(
            "exactly one of {list} must be given, {}",
            if count == 0 { "none is" } else { "not several" }
        ),
    );
    false
}
