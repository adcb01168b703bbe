//! What several kinds of objects have in common.

use crate::form::{Bytes, Definitions, Form, Reading, Seconds, record, words};
use crate::yaml::{Body, Node};
use serde_json::{Map, Value, json};

words! {
    /// A system that endpoints run.
    pub enum Platform {
        /// Linux.
        Linux = "linux",
        /// macOS.
        Macos = "macos",
        /// Windows.
        Windows = "windows",
    }
}

words! {
    /// What runs a script.
    pub enum Interpreter {
        /// `/bin/sh`.
        Sh = "sh",
        /// `python3`, without the user's own modules.
        Python = "python",
        /// `pwsh`, or `powershell` on Windows.
        PowerShell = "powershell",
    }
}

words! {
    /// How a script's output is to be read as text.
    pub enum Encoding {
        /// UTF-8; what is none is kept as bytes.
        Utf8 = "utf-8",
        /// UTF-16, little end first, as many tools of Windows write.
        Utf16 = "utf-16",
        /// Windows code page 1252.
        Windows1252 = "windows-1252",
        /// The code page of the endpoint's console.
        System = "system",
    }
}

words! {
    /// How many rows an endpoint gives.
    pub enum RowCount {
        /// Exactly one.
        One = "one",
        /// Any number.
        Many = "many",
    }
}

record! {
    /// What one run may use. Whatever hits a limit is ended with everything it started, and says so.
    pub struct Limits {
        /// Wall time.
        wall: Seconds = Seconds(30),
        /// Processor time.
        cpu: Seconds = Seconds(15),
        /// Memory.
        memory: Bytes = Bytes(32 << 20),
        /// Processes at the same time.
        processes: u32 = 64,
        /// Rows.
        rows: u64 = 200_000,
        /// Bytes of output.
        output: Bytes = Bytes(32 << 20),
    }
}

/// Nothing more to say: what stands behind a word that says all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Nothing;

impl Form for Nothing {
    fn read(node: &Node, reading: &mut Reading<'_>) -> Option<Self> {
        match &node.body {
            Body::Nothing => Some(Self),
            Body::Map(entries) if entries.is_empty() => Some(Self),
            _ => {
                reading.fault(node.place, "nothing stands behind this word");
                None
            }
        }
    }
    fn write(&self) -> Value {
        Value::Object(Map::new())
    }
    fn schema(_: &mut Definitions) -> Value {
        json!({ "type": ["object", "null"], "maxProperties": 0 })
    }
    fn absent() -> Option<Self> {
        Some(Self)
    }
}

/// A key of a parameter: letters, digits and underscores, beginning with a letter.
pub(super) fn check_key(key: &str) -> Result<(), String> {
    let fits = key.len() <= 60
        && key.starts_with(|c: char| c.is_ascii_alphabetic())
        && key.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
    fits.then_some(()).ok_or_else(|| {
        format!("`{key:.60}` is no key: letters, digits and underscores, beginning with a letter")
    })
}

/// Faults where two keys of parameters are the same once they are environment variables.
pub(super) fn distinct_keys<'k>(
    keys: impl Iterator<Item = &'k str>,
    node: &Node,
    reading: &mut Reading<'_>,
) {
    let mut seen = std::collections::BTreeSet::new();
    for key in keys {
        if let Err(problem) = check_key(key) {
            reading.fault(node.place, problem);
        }
        if !seen.insert(key.to_ascii_uppercase()) {
            reading.fault(
                node.place,
                format!("two parameters have the key `{key}` (case does not count, for scripts see it in capitals)"),
            );
        }
    }
}

/// A piece of a text with places for values.
pub(super) enum Piece<'t> {
    /// Text that stays.
    Text(&'t str),
    /// The place of a value: `||key||`.
    Value(&'t str),
}

/// A text in pieces. Only a key between the marks makes a place; marks around anything else are text, as in a shell's `a || b`.
pub(super) fn pieces(text: &str) -> Vec<Piece<'_>> {
    let mut made = Vec::new();
    let mut kept = text;
    let mut from = 0;
    while let Some((before, inner)) = kept
        .get(from..)
        .and_then(|rest| rest.find("||"))
        .and_then(|at| kept.split_at_checked(from + at))
    {
        let inner = inner.get(2..).unwrap_or_default();
        match inner
            .split_once("||")
            .filter(|(key, _)| check_key(key).is_ok())
        {
            Some((key, after)) => {
                made.push(Piece::Text(before));
                made.push(Piece::Value(key));
                kept = after;
                from = 0;
            }
            None => from = before.len() + 2,
        }
    }
    made.push(Piece::Text(kept));
    made
}

/// The keys of all values of a text.
pub(super) fn placeholders(text: &str) -> Vec<&str> {
    let value = |piece| match piece {
        Piece::Value(key) => Some(key),
        Piece::Text(_) => None,
    };
    pieces(text).into_iter().filter_map(value).collect()
}

/// The node of a field of a mapping.
pub(super) fn field<'n>(node: &'n Node, key: &str) -> Option<&'n Node> {
    match &node.body {
        Body::Map(entries) => entries.iter().find(|e| e.key == key).map(|e| &e.node),
        _ => None,
    }
}
