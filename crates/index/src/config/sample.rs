//! The sample that is shipped: every key with its default, to be filled in and saved as `config.ini`.
//!
//! It begins with a line that says what it is. A file that still begins with this line does not count as a
//! configuration, so that nobody indexes a fleet with settings that no one has looked at.

use super::keys::{DOCUMENTED, KEYS, Key, Mark};
use std::fmt::Write as _;

/// The first line of the sample.
pub const MARKER: &str =
    "; SAMPLE, not in force. Set the values, remove this line, save as config.ini.";

/// How far the first line must agree; what follows may be worded otherwise in another version.
const TOLD_BY: &str = "; SAMPLE, not in force.";

/// Whether a file is the sample, perhaps edited but with its first line still in place.
#[must_use]
pub fn is_sample(text: &[u8]) -> bool {
    let text = super::decode(text.get(..4096).unwrap_or(text));
    let start = text.trim_ascii_start();
    start
        .get(..TOLD_BY.len())
        .is_some_and(|line| line.eq_ignore_ascii_case(TOLD_BY.as_bytes()))
}

/// The text of `sample_config.ini`.
#[must_use]
pub fn render_sample() -> String {
    let mut out = format!("{MARKER}\n;\n");
    out.push_str(
        "; One Key=value a line. Lines that begin with ; or # are comments. A change takes effect without a restart. What\n\
         ; is malformed or unknown is reported in the log with its line, and the default holds. Keys that do something\n\
         ; only on request stand behind a ; until they are wanted.\n",
    );
    for (at, key) in KEYS.iter().enumerate() {
        if at == DOCUMENTED {
            out.push_str("\n; ---- further settings ----\n");
        }
        let _written = writeln!(out);
        for line in wrapped(key.about) {
            let _written = writeln!(out, "; {line}");
        }
        let _written = writeln!(out, "; ({})", systems(key));
        let value = if key.default.is_empty() {
            key.example
        } else {
            key.default
        };
        let off = [key.windows, key.linux, key.mac]
            .iter()
            .all(|mark| *mark != Mark::Yes);
        let _written = writeln!(out, "{}{}={value}", if off { ";" } else { "" }, key.name);
    }
    out
}

fn systems(key: &Key) -> String {
    let marks = [
        (key.windows, "Windows"),
        (key.linux, "Linux"),
        (key.mac, "macOS"),
    ];
    let mut names: Vec<&str> = marks
        .into_iter()
        .filter_map(|(mark, name)| (mark != Mark::No).then_some(name))
        .collect();
    if key.everywhere {
        names.push("elsewhere too when set");
    }
    names.join(", ")
}

fn wrapped(text: &str) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split_whitespace() {
        match lines.last_mut() {
            Some(line) if line.chars().count() + word.chars().count() < 110 => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}
