//! Resolving names. Sensor names have several words and stand without quotes, so the longest name that fits wins:
//! `Running Processes with Hash` is not `Running Processes` followed by `with`.
//!
//! A name with a word in it that joins or compares (`File Path and Hash`, `Blacklist Matches`) may stand without quotes
//! as long as nothing is named by what stands before that word, so that the text has one meaning; it is printed in quotes,
//! for other catalogues may know more names.

use crate::catalogue::{Catalogue, Column, Group, Sensor};
use crate::scan::{fold, is_word};
use crate::words::{bare_but_for, is_bare_column, is_bare_name};
use std::collections::{HashMap, HashSet};

/// Names of one kind, ready for look-up.
pub(crate) struct Names<'a> {
    sensors: Index<&'a Sensor>,
    groups: Index<&'a Group>,
}

struct Index<T> {
    /// Bare names by their first word, longest first.
    bare: HashMap<String, Vec<(Vec<char>, T)>>,
    /// All names in folded form.
    quoted: HashMap<String, T>,
}

/// Lower case, runs of white space as one blank.
pub(crate) fn normal(name: &str) -> String {
    let mut out = String::with_capacity(name.len());
    for word in name.split_whitespace() {
        if !out.is_empty() {
            out.push(' ');
        }
        out.extend(word.chars().map(fold));
    }
    out
}

impl<T: Copy> Index<T> {
    fn new<'n>(names: impl Iterator<Item = (&'n str, T)>, bare: impl Fn(&str) -> bool) -> Self {
        let mut index = Self {
            bare: HashMap::new(),
            quoted: HashMap::new(),
        };
        for (name, meaning) in names {
            let folded = normal(name);
            if bare(&folded) {
                let first: String = folded.chars().take_while(|c| is_word(*c)).collect();
                index
                    .bare
                    .entry(first)
                    .or_default()
                    .push((folded.chars().collect(), meaning));
            }
            index.quoted.entry(folded).or_insert(meaning);
        }
        for list in index.bare.values_mut() {
            list.sort_by_key(|(name, _)| std::cmp::Reverse(name.len()));
        }
        index
    }

    fn longest(&self, chars: &[char], pos: usize) -> Option<(usize, T)> {
        let first: String = chars
            .get(pos..)?
            .iter()
            .take(128)
            .take_while(|c| is_word(**c))
            .map(|c| fold(*c))
            .collect();
        self.bare
            .get(&first)?
            .iter()
            .find_map(|(name, meaning)| end_of(name, chars, pos).map(|end| (end, *meaning)))
    }
}

/// Where `name` ends when it stands at `pos` as whole words.
pub(crate) fn end_of(name: &[char], chars: &[char], pos: usize) -> Option<usize> {
    let mut at = pos;
    for c in name {
        if *c == ' ' {
            let before = at;
            while chars.get(at).is_some_and(|c| c.is_whitespace()) {
                at += 1;
            }
            if at == before {
                return None;
            }
        } else {
            if fold(*chars.get(at)?) != *c {
                return None;
            }
            at += 1;
        }
    }
    (!chars.get(at).is_some_and(|c| is_word(*c))).then_some(at)
}

impl<'a> Names<'a> {
    pub(crate) fn new(catalogue: &'a Catalogue) -> Self {
        let taken: HashSet<String> = catalogue
            .names()
            .map(|(name, _)| normal(name))
            .chain(catalogue.groups().map(|g| normal(&g.name)))
            .collect();
        Self {
            sensors: Index::new(catalogue.names(), |name| {
                is_bare_name(name) || bare_but_for(name, |before| !taken.contains(before))
            }),
            groups: Index::new(catalogue.groups().map(|g| (g.name.as_str(), g)), |name| {
                is_bare_name(name) || name.starts_with("all ")
            }),
        }
    }

    /// The longest sensor name that stands at `pos` without quotes, and where it ends.
    pub(crate) fn sensor_at(&self, chars: &[char], pos: usize) -> Option<(usize, &'a Sensor)> {
        self.sensors.longest(chars, pos)
    }

    /// The longest group name that stands at `pos` without quotes, and where it ends.
    pub(crate) fn group_at(&self, chars: &[char], pos: usize) -> Option<(usize, &'a Group)> {
        self.groups.longest(chars, pos)
    }

    /// The sensor of a quoted name.
    pub(crate) fn sensor(&self, name: &str) -> Option<&'a Sensor> {
        self.sensors.quoted.get(&normal(name)).copied()
    }

    /// The group of a quoted name.
    pub(crate) fn group(&self, name: &str) -> Option<&'a Group> {
        self.groups.quoted.get(&normal(name)).copied()
    }
}

/// The longest column name of a sensor that stands at `pos` without quotes, and where it ends.
pub(crate) fn column_at<'s>(
    sensor: &'s Sensor,
    chars: &[char],
    pos: usize,
) -> Option<(usize, &'s Column)> {
    sensor
        .columns
        .iter()
        .filter(|c| is_bare_column(&c.name))
        .filter_map(|c| {
            let folded: Vec<char> = normal(&c.name).chars().collect();
            end_of(&folded, chars, pos).map(|end| (end, c))
        })
        .max_by_key(|(end, _)| *end)
}

/// Up to three names that come near to `text`, nearest first.
pub fn nearest<'n>(text: &str, names: impl Iterator<Item = &'n str>) -> Vec<String> {
    // What is far longer than any name is near to none; the bound keeps the work small.
    let wanted: String = normal(text).chars().take(80).collect();
    if wanted.is_empty() {
        return Vec::new();
    }
    let mut scored: Vec<(f64, &str)> = names
        .map(|name| {
            let folded = normal(name);
            let whole = strsim::normalized_damerau_levenshtein(&wanted, &folded);
            let start = strsim::jaro_winkler(&wanted, &folded) - 0.15;
            // `Port` for `Local Port`: less near than what is spelled nearly so.
            let part = format!(" {folded} ").contains(&format!(" {wanted} "));
            let part = if part && wanted.len() > 2 { 0.6 } else { 0.0 };
            (whole.max(start).max(part), name)
        })
        .filter(|(score, _)| *score >= 0.6)
        .collect();
    scored.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(b.1)));
    let mut out: Vec<String> = Vec::new();
    for (_, name) in scored {
        if !out.iter().any(|o| o == name) {
            out.push(name.to_owned());
        }
        if out.len() == 3 {
            break;
        }
    }
    out
}
