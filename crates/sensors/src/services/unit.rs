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
        let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
        for line in text::lines(bytes) {
            if matches!(line.trim_ascii_start().first(), Some(b'#' | b';')) {
                // Also between continued lines a comment is left out.
                continue;
            }
            // A backslash that another one escapes continues nothing.
            let slashes = line.iter().rev().take_while(|b| **b == b'\\').count();
            if slashes % 2 == 1 {
                whole.extend_from_slice(line.strip_suffix(b"\\").unwrap_or(line));
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
        // The manager takes no line that is not text.
        if std::str::from_utf8(line).is_err() {
            return;
        }
        if let Some(name) = line.strip_prefix(b"[").and_then(|l| l.strip_suffix(b"]")) {
            *section = name.to_vec();
        } else if let Some((key, value)) = text::split_once(line, b'=') {
            let key = key.trim_ascii();
            let value = value.trim_ascii();
            if value.is_empty() {
                self.clear(section, key);
                return;
            }
            self.values
                .entry((section.clone(), key.to_vec()))
                .or_default()
                .push(value.to_vec());
        }
    }

    /// Takes back what was said. Some settings are one list under several names.
    fn clear(&mut self, section: &[u8], key: &[u8]) {
        let lists: &[&[u8]] = match section {
            b"Timer" => &[b"On"],
            b"Socket" => &[b"Listen"],
            b"Path" => &[b"Path", b"Directory"],
            _ => &[],
        };
        let listed = |key: &[u8]| lists.iter().any(|list| key.starts_with(list));
        if listed(key) {
            self.values
                .retain(|(s, k), _| s.as_slice() != section || !listed(k));
        } else {
            self.values.remove(&(section.to_vec(), key.to_vec()));
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
