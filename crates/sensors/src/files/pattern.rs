//! Patterns over bytes: what `File Contents Search` looks for, and which file names it takes.

use crate::framework::SensorError;
use regex::bytes::{Regex, RegexBuilder};

/// Bounds what a pattern may cost: its program and its cache of states. Time is at worst the product of program and
/// content, so a larger program would also outrun the checks between two windows of a search.
const PROGRAM_MAX: usize = 1 << 20;

/// The pattern of a question.
pub fn content(pattern: &str, kind: &str) -> Result<Regex, SensorError> {
    if pattern.is_empty() {
        return Err(wrong("is empty; give what to search for".into()));
    }
    let source = match kind.to_ascii_lowercase().as_str() {
        "hex" => hex(pattern)?,
        "text" => regex::escape(pattern),
        _ => pattern.to_owned(),
    };
    RegexBuilder::new(&source)
        // Content is bytes: `.` is any of them, `\\xFF` that one. `(?u)` in the pattern brings characters back.
        .unicode(false)
        .multi_line(true)
        .size_limit(PROGRAM_MAX)
        .dfa_size_limit(PROGRAM_MAX)
        .build()
        .map_err(|e| wrong(e.to_string()))
}

/// A pattern for whole file names.
pub fn name(glob: &str) -> Result<Regex, SensorError> {
    let mut source = String::from("(?s-u)\\A");
    for character in glob.chars() {
        match character {
            '*' => source.push_str(".*"),
            // One character, or one byte that is part of none.
            '?' => source.push_str("(?:(?u:.)|(?-u:.))"),
            other => source.push_str(&regex::escape(other.encode_utf8(&mut [0; 4]))),
        }
    }
    source.push_str("\\z");
    RegexBuilder::new(&source)
        .size_limit(PROGRAM_MAX)
        .build()
        .map_err(|e| SensorError::Parameter {
            key: "FileName".into(),
            problem: e.to_string(),
        })
}

fn hex(pattern: &str) -> Result<String, SensorError> {
    let digits: Vec<char> = pattern
        .chars()
        .filter(|c| !c.is_ascii_whitespace())
        .collect();
    let mut source = String::from("(?s-u)");
    for pair in digits.chunks(2) {
        match pair {
            ['?', '?'] => source.push('.'),
            [high, low] if high.is_ascii_hexdigit() && low.is_ascii_hexdigit() => {
                source.extend(['\\', 'x', *high, *low]);
            }
            _ => {
                let odd: String = pair.iter().collect();
                return Err(wrong(format!(
                    "{odd:?} is no pair of hexadecimal digits; write bytes as 4D5A90 or 4D ?? 90"
                )));
            }
        }
    }
    Ok(source)
}

fn wrong(problem: String) -> SensorError {
    SensorError::Parameter {
        key: "pattern".into(),
        problem,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hexadecimal_patterns() {
        let at = |p: &str, t: &[u8]| content(p, "Hex").unwrap().find(t).map(|m| m.start());
        assert_eq!(at("4D5A", b"xxMZ"), Some(2));
        assert_eq!(at("ff fe ?? 00", b"\0\xFF\xFE\n\0"), Some(1));
        assert_eq!(at("0a", b"a\nb"), Some(1));
        for bad in ["4D5", "4G", "?4", ""] {
            assert!(
                matches!(content(bad, "Hex"), Err(SensorError::Parameter { .. })),
                "{bad}"
            );
        }
    }

    #[test]
    fn other_patterns() {
        assert!(
            content("a.c", "Text")
                .unwrap()
                .find(b"abc a.c")
                .unwrap()
                .start()
                == 4
        );
        assert!(content("^b$", "Regex").unwrap().is_match(b"a\nb\nc"));
        assert!(
            content("a.\\xFFb", "Regex")
                .unwrap()
                .is_match(b"a\xFE\xFFb")
        );
        assert!(content("ä+", "Regex").unwrap().is_match("x ää".as_bytes()));
        assert!(
            content("(?u)Ä", "Regex").is_ok()
                && content("(?iu)Ä", "Regex").unwrap().is_match("ä".as_bytes())
        );
        assert!(content("(", "Regex").is_err());
        assert!(content("(?:\\w{1000}){1000}", "Regex").is_err());
    }

    #[test]
    fn file_names() {
        let fits = |glob: &str, n: &[u8]| name(glob).unwrap().is_match(n);
        assert!(fits("*.log", b"a.log"));
        assert!(!fits("*.log", b"a.log.1"));
        assert!(fits("*", b"\xFF\n\xFE"));
        assert!(fits("a?c", "aäc".as_bytes()));
        assert!(fits("a?c", b"a\xFFc"));
        assert!(!fits("a?c", b"ac"));
        assert!(fits("[a].(b)", b"[a].(b)"));
    }
}
