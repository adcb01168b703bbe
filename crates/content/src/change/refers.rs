//! Who refers to whom: by a field that names an object, or by the text of a question or filter that names a sensor or computer group.
//!
//! Texts are looked through without a catalogue, for what they name may be just what goes: at each word the longest name that is known
//! counts, as it does when a question is parsed.

use super::state::{Item, State};
use crate::name::{Key, Kind, fold};
use crate::objects::Object;
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// The names of all sensors and computer groups of a state, by their first word.
pub(super) struct Names {
    by_word: HashMap<String, Vec<(String, Key)>>,
}

impl Names {
    pub(super) fn new(state: &State) -> Self {
        let mut by_word: HashMap<String, Vec<(String, Key)>> = HashMap::new();
        let mut add = |name: &str, key: &Key| {
            let name = fold(name);
            if let Some(word) = name.split_whitespace().next() {
                let list = by_word.entry(word.to_owned()).or_default();
                list.push((name.clone(), key.clone()));
            }
        };
        for (key, item) in &state.objects {
            if !matches!(key.kind, Kind::Sensor | Kind::ComputerGroup) {
                continue;
            }
            add(&key.name, key);
            let aliases = item
                .content
                .value()
                .get("aliases")
                .and_then(|a| a.as_array());
            for alias in aliases.into_iter().flatten().filter_map(|a| a.as_str()) {
                add(alias, key);
            }
        }
        for list in by_word.values_mut() {
            list.sort_by_key(|(name, _)| std::cmp::Reverse(name.len()));
        }
        Self { by_word }
    }

    /// The objects that an object refers to.
    pub(super) fn mentions(&self, key: &Key, item: &Item) -> BTreeSet<Key> {
        let Ok(object) = Object::from_value(key.kind, item.content.value()) else {
            return BTreeSet::new();
        };
        let mut found: BTreeSet<Key> = object.mentions().into_iter().collect();
        for text in object.texts() {
            self.look(&fold(&text), &mut found);
        }
        found.remove(key);
        found
    }

    fn look(&self, text: &str, found: &mut BTreeSet<Key>) {
        let mut inside = false;
        for (at, c) in text.char_indices() {
            let begins = is_word(c) && !inside;
            inside = is_word(c);
            let Some(rest) = text.get(at..).filter(|_| begins) else {
                continue;
            };
            let word: String = rest
                .split_whitespace()
                .next()
                .unwrap_or_default()
                .to_owned();
            let word = word.trim_end_matches(|c| !is_word(c));
            // A first word may go on with a mark (`C++`), or a mark may follow it (`[`, `:`).
            for first in [word, word.split(|c| !is_word(c)).next().unwrap_or_default()] {
                let longest = self
                    .by_word
                    .get(first)
                    .into_iter()
                    .flatten()
                    .find(|(name, _)| {
                        rest.strip_prefix(name.as_str())
                            .is_some_and(|after| !after.starts_with(is_word))
                    });
                if let Some((_, key)) = longest {
                    found.insert(key.clone());
                    break;
                }
            }
        }
    }
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

/// Objects that would refer to one that goes, when these objects change.
pub(super) fn broken(state: &State, objects: &BTreeMap<Key, Option<Item>>) -> Vec<(Key, Key)> {
    let gone: BTreeSet<&Key> = objects
        .iter()
        .filter(|(key, item)| item.is_none() && state.objects.contains_key(*key))
        .map(|(key, _)| key)
        .collect();
    if gone.is_empty() {
        return Vec::new();
    }
    let names = Names::new(state);
    let staying = state
        .objects
        .iter()
        .filter(|(key, _)| !objects.contains_key(*key))
        .chain(
            objects
                .iter()
                .filter_map(|(key, item)| Some((key, item.as_ref()?))),
        );
    let mut found = Vec::new();
    for (key, item) in staying {
        for to in names.mentions(key, item) {
            if gone.contains(&to) {
                found.push((key.clone(), to));
            }
        }
    }
    found.sort();
    found
}
