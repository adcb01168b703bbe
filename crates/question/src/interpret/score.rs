//! How well words fit a sensor: rare words weigh more, a name more than a description.

use super::seed::{Seed, listed};
use super::tokens::{Token, stem, stems};
use crate::catalogue::{Catalogue, Sensor, ValueType};
use std::collections::{HashMap, HashSet};

/// Other words for the same, as stems.
const SYNONYMS: &[&[&str]] = &[
    &["login", "logon", "signin", "log", "authentication"],
    &["user", "account"],
    &["application", "app", "software", "package", "program"],
    &["process", "program", "task", "executable", "binary"],
    &["ram", "memory"],
    &["disk", "storage", "drive", "filesystem"],
    &["reboot", "boot", "restart"],
    &[
        "hash", "md5", "sha1", "sha256", "sha-1", "sha-256", "digest", "checksum",
    ],
    &["connection", "socket", "connect", "talk", "communicat"],
    &["adapter", "nic", "interface"],
    &["module", "driver"],
    &["schedul", "cron", "timer", "scheduled", "job"],
    &["service", "daemon", "unit"],
    &["sudoer", "sudo"],
    &["container", "docker", "podman"],
    &["folder", "directory", "dir"],
    &["cpu", "processor"],
    &["os", "distribution", "distro"],
    &["administrator", "admin"],
    &["route", "rout", "gateway"],
    &["hostname", "computer"],
    &["port", "listen"],
    &["ip", "address"],
    &["tag", "label"],
    &["version", "release"],
    &["free", "available", "space"],
    &["remote", "peer", "foreign"],
    &["load", "usage", "utilization"],
    &["child", "children"],
    &["search", "grep"],
    &["content", "file", "inside"],
    &["mount", "mounted"],
];

/// A sensor and how well it fits.
pub(super) struct Match<'a> {
    pub(super) sensor: &'a Sensor,
    pub(super) score: f64,
    /// Words of the text that no sensor knows.
    pub(super) unknown: HashSet<String>,
}

struct Entry<'a> {
    sensor: &'a Sensor,
    /// Names and aliases, each as its words.
    names: Vec<Vec<String>>,
    /// Weight of each word in this sensor.
    weights: HashMap<String, f64>,
}

/// The words of all sensors.
pub(super) struct Vocabulary<'a> {
    entries: Vec<Entry<'a>>,
    /// In how many sensors a word occurs.
    spread: HashMap<String, usize>,
    /// Words of names, aliases and columns: what a slip of the keys is mended to.
    naming: HashSet<String>,
}

impl<'a> Vocabulary<'a> {
    pub(super) fn new(catalogue: &'a Catalogue) -> Self {
        let mut spread: HashMap<String, usize> = HashMap::new();
        let mut naming = HashSet::new();
        let mut entries = Vec::new();
        for sensor in catalogue.sensors() {
            let names: Vec<Vec<String>> = std::iter::once(&sensor.name)
                .chain(&sensor.aliases)
                .map(|n| stems(n))
                .collect();
            let mut weights: HashMap<String, f64> = HashMap::new();
            let mut weigh = |words: &[String], weight: f64| {
                for word in words {
                    let slot = weights.entry(word.clone()).or_insert(0.0);
                    *slot = slot.max(weight);
                }
            };
            for name in &names {
                weigh(name, 1.0);
                naming.extend(name.iter().cloned());
            }
            for column in &sensor.columns {
                let words = stems(&column.name);
                // The name of a yes-or-no column is a condition by itself.
                let yes_or_no = column.value_type == ValueType::Boolean;
                weigh(&words, if yes_or_no { 0.8 } else { 0.6 });
                let listed: Vec<String> = listed(&column.description).map(|v| stem(&v)).collect();
                weigh(&listed, 0.6);
                naming.extend(words);
                weigh(&stems(&column.description), 0.3);
            }
            weigh(&stems(&sensor.category), 0.4);
            weigh(&stems(&sensor.description), 0.35);
            for parameter in &sensor.parameters {
                weigh(&stems(&parameter.key), 0.3);
                for allowed in &parameter.allowed {
                    weigh(&[stem(&allowed.to_lowercase())], 0.5);
                }
            }
            for word in weights.keys() {
                *spread.entry(word.clone()).or_insert(0) += 1;
            }
            entries.push(Entry {
                sensor,
                names,
                weights,
            });
        }
        Self {
            entries,
            spread,
            naming,
        }
    }

    pub(super) fn knows(&self, stem: &str) -> bool {
        self.spread.contains_key(stem) || synonyms(stem).any(|s| self.spread.contains_key(s))
    }

    /// Replaces words that no sensor knows by a name's word one slip away (two in a long word).
    pub(super) fn mend(&self, list: &mut [Token]) {
        for token in list.iter_mut() {
            let letters = token.lower.chars().count();
            if token.quoted
                || token.is_stop()
                || !(5..=30).contains(&letters)
                || !token.lower.chars().all(char::is_alphabetic)
                || self.knows(&token.stem)
            {
                continue;
            }
            let slips = if letters >= 8 { 2 } else { 1 };
            let near = self
                .naming
                .iter()
                .filter(|w| w.len() >= 4)
                .map(|w| (strsim::damerau_levenshtein(w, &token.stem), w))
                .filter(|(d, _)| *d <= slips)
                .min();
            if let Some((_, word)) = near {
                token.stem.clone_from(word);
            }
        }
    }

    /// All sensors that fit at all, best first.
    pub(super) fn matches(
        &self,
        words: &[Token],
        catalogue: &'a Catalogue,
        seeds: &[Seed],
    ) -> Vec<Match<'a>> {
        let total = catalogue.sensors().len() as f64;
        let rarity = |word: &str| {
            let spread = self.spread.get(word).copied().unwrap_or(1) as f64;
            (1.0 + total / spread).ln()
        };
        let unknown: HashSet<String> = words
            .iter()
            .filter(|w| w.quoted || !self.knows(&w.stem))
            .map(|w| w.stem.clone())
            .collect();
        let known: Vec<&Token> = words
            .iter()
            .filter(|w| !unknown.contains(&w.stem))
            .collect();
        let whole: f64 = known.iter().map(|w| rarity(&w.stem)).sum();
        let mut out: Vec<Match<'a>> = self
            .entries
            .iter()
            .filter_map(|entry| {
                let covered: f64 = known
                    .iter()
                    .map(|w| rarity(&w.stem) * entry.weight(&w.stem))
                    .sum();
                let query = if whole > 0.0 { covered / whole } else { 0.0 };
                let name = entry.name_share(&known);
                let suits = seed_suits(entry.sensor, seeds);
                if query == 0.0 && !suits {
                    return None;
                }
                let mut score = 0.6 * query + 0.33 * name;
                if suits {
                    score += if known.is_empty() { 0.35 } else { 0.05 };
                }
                // A sensor that works nowhere but on another platform helps less; leave that to the person.
                Some(Match {
                    sensor: entry.sensor,
                    score: score.min(0.94),
                    unknown: unknown.clone(),
                })
            })
            .collect();
        out.sort_by(|a, b| {
            b.score
                .total_cmp(&a.score)
                // Of equals, the one that says least besides.
                .then(a.sensor.columns.len().cmp(&b.sensor.columns.len()))
                .then(a.sensor.name.len().cmp(&b.sensor.name.len()))
        });
        out
    }

    /// Sensors whose names stand in the text word for word, longest names first, and how many words they take.
    pub(super) fn named_in_full(&self, words: &[Token]) -> (Vec<&'a Sensor>, usize) {
        let mut out: Vec<&'a Sensor> = Vec::new();
        let mut covered = 0;
        let mut at = 0;
        while at < words.len() {
            let rest = words.get(at..).unwrap_or_default();
            let best = self
                .entries
                .iter()
                .flat_map(|e| e.names.iter().map(move |n| (n, e.sensor)))
                .filter(|(name, _)| {
                    !name.is_empty()
                        && name.len() <= rest.len()
                        && name.iter().zip(rest).all(|(n, w)| *n == w.stem)
                })
                .max_by_key(|(name, _)| name.len());
            match best {
                Some((name, sensor)) => {
                    if !out.iter().any(|s| s.name == sensor.name) {
                        out.push(sensor);
                    }
                    covered += name.len();
                    at += name.len();
                }
                None => at += 1,
            }
        }
        (out, covered)
    }
}

impl Entry<'_> {
    fn weight(&self, stem: &str) -> f64 {
        let own = self.weights.get(stem).copied().unwrap_or(0.0);
        let other = synonyms(stem)
            .filter_map(|s| self.weights.get(s))
            .fold(0.0_f64, |a, b| a.max(*b));
        own.max(other * 0.7)
    }

    /// How much of the name that fits best is in the text.
    fn name_share(&self, words: &[&Token]) -> f64 {
        self.names
            .iter()
            .filter(|n| !n.is_empty())
            .map(|name| {
                let share: f64 = name
                    .iter()
                    .map(|n| {
                        if words.iter().any(|w| w.stem == *n) {
                            1.0
                        } else if words.iter().any(|w| synonyms(&w.stem).any(|s| s == n)) {
                            0.7
                        } else {
                            0.0
                        }
                    })
                    .sum();
                share / name.len() as f64
            })
            .fold(0.0, f64::max)
    }
}

fn synonyms(stem: &str) -> impl Iterator<Item = &'static str> {
    SYNONYMS
        .iter()
        .filter(move |ring| ring.contains(&stem))
        .flat_map(|ring| ring.iter().copied())
        .filter(move |w| *w != stem)
}

/// Whether a value in the text calls for what the sensor has: a column for a digest or an address, a parameter for a path.
fn seed_suits(sensor: &Sensor, seeds: &[Seed]) -> bool {
    let has = |t: ValueType| sensor.columns.iter().any(|c| c.value_type == t);
    let mut needed = sensor.parameters.iter().filter(|p| p.default.is_none());
    let only = needed.next().filter(|_| needed.next().is_none());
    seeds.iter().any(|s| {
        if s.is_path() {
            return only.is_some_and(|p| s.suits_parameter(p));
        }
        (s.digest().is_some() && has(ValueType::Hash))
            || (s.is_address() && has(ValueType::IpAddress))
    })
}
