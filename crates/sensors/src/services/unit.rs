//! The text of a systemd unit (systemd.syntax(7)): sections with assignments, and how fragments and drop-ins add up.

use crate::text;
use std::collections::BTreeMap;

/// Section and key.
type Key = (Vec<u8>, Vec<u8>);

/// Assignments by section and key. Values of a key keep their order; an empty value clears what came before it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Unit {
    values: BTreeMap<Key, Vec<Vec<u8>>>,
}

impl Unit {
    /// Adds a fragment or drop-in after what is there.
    pub fn add(&mut self, bytes: &[u8]) {
        let mut section: Vec<u8> = Vec::new();
        let mut whole: Vec<u8> = Vec::new();
        for line in text::lines(bytes) {
            let line = line.trim_ascii();
            if matches!(line.first(), Some(b'#' | b';')) {
                // Also between continued lines a comment is left out.
                continue;
            }
            if let Some(part) = line.strip_suffix(b"\\") {
                whole.extend_from_slice(part);
                whole.push(b' ');
                continue;
            }
            whole.extend_from_slice(line);
            self.line(&whole, &mut section);
            whole.clear();
        }
        if !whole.is_empty() {
            self.line(&whole, &mut section);
        }
    }

    fn line(&mut self, line: &[u8], section: &mut Vec<u8>) {
        let line = line.trim_ascii();
        if let Some(name) = line.strip_prefix(b"[").and_then(|l| l.strip_suffix(b"]")) {
            *section = name.to_vec();
        } else if let Some((key, value)) = text::split_once(line, b'=') {
            let value = value.trim_ascii();
            let values = self
                .values
                .entry((section.clone(), key.trim_ascii().to_vec()))
                .or_default();
            if value.is_empty() {
                values.clear();
            } else {
                values.push(value.to_vec());
            }
        }
    }

    /// Values of a key.
    #[must_use]
    pub fn all(&self, section: &str, key: &str) -> &[Vec<u8>] {
        self.values
            .get(&(section.as_bytes().to_vec(), key.as_bytes().to_vec()))
            .map_or(&[], Vec::as_slice)
    }

    /// The last value of a key, which wins for keys that take one; empty when there is none.
    #[must_use]
    pub fn last(&self, section: &str, key: &str) -> &[u8] {
        self.all(section, key).last().map_or(b"", Vec::as_slice)
    }

    /// Every key of a section that has values.
    pub fn keys<'a>(&'a self, section: &'a str) -> impl Iterator<Item = &'a [u8]> {
        self.values
            .iter()
            .filter(move |((s, _), v)| s == section.as_bytes() && !v.is_empty())
            .map(|((_, key), _)| key.as_slice())
    }
}
