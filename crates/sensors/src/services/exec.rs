//! What a unit runs, with what environment, and what starts it: as one cell each.

use super::environment::{assignments, words};
use super::specifiers::Facts;
use super::systemd::UnitFile;
use super::unit::Unit;
use crate::disk;
use crate::framework::Notes;
use crate::text;
use std::path::Path;

/// Settings of commands beside the one that a service is for, in the order in which they run.
const OTHERS: [&str; 7] = [
    "ExecCondition",
    "ExecStartPre",
    "ExecStartPost",
    "ExecReload",
    "ExecStop",
    "ExecStopPre",
    "ExecStopPost",
];
/// Settings of the environment.
const ENVIRONMENT: [&str; 3] = ["EnvironmentFile", "PassEnvironment", "UnsetEnvironment"];
/// Variables that bring code of others into a program. Other variables of files of the environment may be secrets.
const CODE: &[&[u8]] = &[
    b"PATH",
    b"ENV",
    b"BASH_ENV",
    b"SHELL",
    b"PYTHONPATH",
    b"PYTHONSTARTUP",
    b"PYTHONHOME",
    b"PERL5LIB",
    b"PERL5OPT",
    b"RUBYOPT",
    b"RUBYLIB",
    b"NODE_OPTIONS",
    b"NODE_PATH",
    b"JAVA_TOOL_OPTIONS",
    b"_JAVA_OPTIONS",
    b"GCONV_PATH",
];

/// Whether a setting says what starts a unit.
type Wanted = fn(&[u8]) -> bool;

/// A unit with what its specifiers stand for.
pub struct Expanded<'a> {
    /// The unit.
    pub file: &'a UnitFile,
    /// What specifiers say.
    pub facts: &'a Facts<'a>,
}

impl Expanded<'_> {
    /// Puts in what specifiers stand for.
    #[must_use]
    pub fn text(&self, text: &[u8]) -> Vec<u8> {
        self.facts.expand(text, &self.file.id, &self.file.fragment)
    }

    /// The section that a kind of unit has to itself: `Service` of `a.service`.
    #[must_use]
    pub fn section(&self) -> String {
        let kind = self.file.name.rsplit('.').next().unwrap_or_default();
        let mut section = kind.to_owned();
        if let Some(first) = section.get_mut(..1) {
            first.make_ascii_uppercase();
        }
        section
    }

    /// What a service is for.
    #[must_use]
    pub fn command(&self) -> Vec<u8> {
        let commands = self.file.unit.all("Service", "ExecStart").iter();
        text::join(commands.map(|c| self.text(c)), b"; ")
    }

    /// What else runs, and when: `ExecStartPre=/bin/a; ExecStop=/bin/b`.
    #[must_use]
    pub fn other_commands(&self) -> Vec<u8> {
        text::join(self.settings(&OTHERS), b"; ")
    }

    /// Variables and where they come from.
    #[must_use]
    pub fn environment(&self, root: &Path, notes: &Notes) -> Vec<u8> {
        let section = self.section();
        let mut parts: Vec<Vec<u8>> = Vec::new();
        for value in self.file.unit.all(&section, "Environment") {
            parts.extend(words(value).into_iter().map(|word| self.text(&word)));
        }
        parts.extend(self.settings(&ENVIRONMENT));
        for value in self.file.unit.all(&section, "EnvironmentFile") {
            let value = self.text(value);
            let path = value.strip_prefix(b"-").unwrap_or(&value);
            let path = disk::below(root, String::from_utf8_lossy(path).as_ref());
            let bytes = disk::read_if_there(&path, disk::CONFIG_MAX, notes);
            for (key, value) in assignments(&bytes.unwrap_or_default()) {
                if brings_code(&key) {
                    parts.push([&key[..], b"=", &value].concat());
                }
            }
        }
        text::join(parts, b"; ")
    }

    /// What starts a unit, and what it starts: `ListenStream=22; Accept=yes; starts ssh@.service`.
    #[must_use]
    pub fn trigger(&self) -> Vec<u8> {
        let section = self.section();
        let unit = &self.file.unit;
        let stem = self.file.id.rsplit_once('.').map_or("", |(stem, _)| stem);
        let stated = |key: &str| self.text(unit.last(&section, key));
        let or = |stated: Vec<u8>, otherwise: String| {
            if stated.is_empty() {
                otherwise.into_bytes()
            } else {
                stated
            }
        };
        let (wanted, starts): (Wanted, _) = match section.as_str() {
            "Socket" => {
                let each = is_yes(unit.last("Socket", "Accept"));
                let service = or(
                    stated("Service"),
                    format!("{stem}{}.service", if each { "@" } else { "" }),
                );
                (
                    |k| k.starts_with(b"Listen") || k == b"Accept",
                    Some(service),
                )
            }
            "Path" => (
                |k| k.starts_with(b"Path") || k.starts_with(b"Directory"),
                Some(or(stated("Unit"), format!("{stem}.service"))),
            ),
            "Timer" => (
                |k| k.starts_with(b"On"),
                Some(or(stated("Unit"), format!("{stem}.service"))),
            ),
            "Automount" => (|k| k == b"Where", Some(format!("{stem}.mount").into())),
            "Mount" => (
                |k| matches!(k, b"What" | b"Where" | b"Type" | b"Options"),
                None,
            ),
            "Swap" => (|k| matches!(k, b"What" | b"Options"), None),
            _ => (|k| k == b"BusName", None),
        };
        let keys: Vec<&[u8]> = unit.keys(&section).filter(|k| wanted(k)).collect();
        let mut parts = Vec::new();
        for key in keys {
            let name = std::str::from_utf8(key).unwrap_or_default();
            let values = unit.all(&section, name).iter();
            parts.extend(values.map(|v| [key, b"=", &self.text(v)].concat()));
        }
        for key in ["OnFailure", "OnSuccess"] {
            let values = unit.all("Unit", key).iter();
            parts.extend(values.map(|v| [key.as_bytes(), b"=", &self.text(v)].concat()));
        }
        parts.extend(starts.map(|unit| [b"starts ", &unit[..]].concat()));
        text::join(parts, b"; ")
    }

    fn settings(&self, keys: &[&str]) -> Vec<Vec<u8>> {
        let section = self.section();
        let mut parts = Vec::new();
        for key in keys {
            let values = self.file.unit.all(&section, key).iter();
            parts.extend(values.map(|v| [key.as_bytes(), b"=", &self.text(v)].concat()));
        }
        parts
    }
}

/// The unit that a timer starts.
#[must_use]
pub fn started(unit: &Unit, id: &str, facts: &Facts<'_>) -> String {
    let stated = unit.last("Timer", "Unit");
    if stated.is_empty() {
        return format!("{}.service", id.trim_end_matches(".timer"));
    }
    String::from_utf8_lossy(&facts.expand(stated, id, Path::new(""))).into_owned()
}

fn is_yes(value: &[u8]) -> bool {
    [b"1".as_slice(), b"yes", b"y", b"true", b"t", b"on"]
        .iter()
        .any(|yes| value.eq_ignore_ascii_case(yes))
}

fn brings_code(key: &[u8]) -> bool {
    key.starts_with(b"LD_") || CODE.contains(&key)
}
