//! The patterns of the searches: read from parameters, turned into those of the database.
//!
//! A name that is no UTF-8 is shown with `\xHH` for such a byte, and is found again by what was shown: the database is
//! asked with a wildcard in the place of the byte, and what it finds is compared as it would be shown.

use crate::framework::SensorError;
use ::index::glob::Glob;

/// A pattern for a name or path.
#[derive(Clone, Debug, Default)]
pub(super) struct NamePattern {
    /// For the database.
    pub glob: Option<Glob>,
    /// What is found must also fit this, as shown.
    pub shown: Option<String>,
}

impl NamePattern {
    /// Reads a pattern for names.
    pub fn name(text: &str) -> Self {
        let Some(glob) = Glob::read(text) else {
            return Self::default();
        };
        match without_bytes(glob.text()) {
            Some(wide) => Self {
                glob: Glob::read(&wide),
                shown: Some(glob.text().to_owned()),
            },
            None => Self {
                glob: Some(glob),
                shown: None,
            },
        }
    }

    /// Reads a pattern for paths. One that no path can fit is an error, not an empty answer.
    pub fn path(key: &str, text: &str) -> Result<Self, SensorError> {
        let text = if cfg!(windows) {
            text.replace('\\', "/")
        } else {
            text.to_owned()
        };
        let text = text.trim();
        let drive = matches!(text.as_bytes(), [letter, b':', ..] if letter.is_ascii_alphabetic());
        if text.is_empty() || text.starts_with(['/', '*', '?']) || drive {
            return Ok(Self::name(text));
        }
        Err(SensorError::Parameter {
            key: key.into(),
            problem: format!(
                "no directory's path fits `{text}`: it begins with a slash or a wildcard (a file's name belongs into {})",
                super::keys::NAME
            ),
        })
    }
}

/// Reads a pattern of digits that are at most so many.
pub(super) fn digits(
    key: &str,
    text: &str,
    most: usize,
    hexadecimal: bool,
) -> Result<Option<Glob>, SensorError> {
    let Some(glob) = Glob::read(text) else {
        return Ok(None);
    };
    let wrong = |problem: String| {
        Err(SensorError::Parameter {
            key: key.into(),
            problem,
        })
    };
    let radix = if hexadecimal { 16 } else { 10 };
    if let Some(other) = glob
        .text()
        .chars()
        .find(|c| !matches!(c, '*' | '?') && !c.is_digit(radix))
    {
        let what = if hexadecimal {
            "hexadecimal"
        } else {
            "decimal"
        };
        return wrong(format!("`{other}` is no {what} digit"));
    }
    let least = glob.text().chars().filter(|c| *c != '*').count();
    if least > most {
        return wrong(format!("{least} digits are more than the {most} there are"));
    }
    if let Some(exact) = glob.exact()
        && hexadecimal
        && most > 8
        && exact.len() < most
    {
        return wrong(format!(
            "{least} digits are less than the {most} there are; for a beginning, end with `*`"
        ));
    }
    Ok(Some(glob))
}

/// The pattern with a star for each `\xHH`; `None` when it has none.
fn without_bytes(pattern: &str) -> Option<String> {
    let mut made = String::with_capacity(pattern.len());
    let mut rest = pattern;
    let mut any = false;
    while let Some(at) = rest.find("\\x") {
        let (before, from) = rest.split_at(at);
        made.push_str(before);
        let byte = from
            .get(2..4)
            .filter(|digits| digits.bytes().all(|d| d.is_ascii_hexdigit()));
        if byte.is_some() {
            any = true;
            made.push('*');
            rest = from.get(4..).unwrap_or_default();
        } else {
            made.push_str("\\x");
            rest = from.get(2..).unwrap_or_default();
        }
    }
    made.push_str(rest);
    any.then_some(made)
}

/// Whether a text fits a pattern of `*` and `?`. Linear in the product of both lengths at worst.
pub(super) fn fits(pattern: &str, text: &str) -> bool {
    let (pattern, text): (Vec<char>, Vec<char>) =
        (pattern.chars().collect(), text.chars().collect());
    let (mut p, mut t) = (0, 0);
    // Where to go on when the last star has to take one more.
    let mut retry: Option<(usize, usize)> = None;
    while t < text.len() {
        match pattern.get(p) {
            Some('*') => {
                retry = Some((p + 1, t));
                p += 1;
                continue;
            }
            Some(c) if *c == '?' || text.get(t) == Some(c) => {
                p += 1;
                t += 1;
                continue;
            }
            _ => {}
        }
        let Some((after, from)) = retry else {
            return false;
        };
        retry = Some((after, from + 1));
        (p, t) = (after, from + 1);
    }
    pattern
        .get(p..)
        .is_some_and(|rest| rest.iter().all(|c| *c == '*'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_become_stars() {
        assert_eq!(without_bytes("plain"), None);
        assert_eq!(without_bytes(r"a\xFFb").as_deref(), Some("a*b"));
        assert_eq!(without_bytes(r"a\xZZ\xff").as_deref(), Some(r"a\xZZ*"));
        assert_eq!(without_bytes(r"\x"), None);
        assert_eq!(without_bytes(r"\xé"), None);
    }

    #[test]
    fn fitting() {
        for (pattern, text, expected) in [
            ("*", "", true),
            ("", "", true),
            ("?", "", false),
            ("a*b*c", "aXbYbZc", true),
            ("a*b*c", "aXbYbZ", false),
            ("*.log", "x.log.log", true),
            ("x[1]", "x[1]", true),
            ("x[1]", "x1", false),
            ("?", "ü", true),
            ("**a**", "bab", true),
        ] {
            assert_eq!(fits(pattern, text), expected, "{pattern} {text}");
        }
    }

    #[test]
    fn digits_that_can_fit() {
        assert!(digits("k", "*", 32, true).unwrap().is_none());
        assert!(digits("k", "1C7b*", 32, true).unwrap().is_some());
        assert!(digits("k", "10??", 20, false).unwrap().is_some());
        assert!(digits("k", "4D5A", 8, true).unwrap().is_some());
        for (text, most, hexadecimal) in [
            ("1a", 20, false),
            ("xyz*", 32, true),
            ("0123456789", 8, true),
            ("1c7b", 32, true),
        ] {
            assert!(digits("k", text, most, hexadecimal).is_err(), "{text}");
        }
    }

    #[test]
    fn paths_that_can_fit() {
        assert!(NamePattern::path("k", "/tmp/*").unwrap().glob.is_some());
        assert!(NamePattern::path("k", "*").unwrap().glob.is_none());
        assert!(NamePattern::path("k", "C:/Users").unwrap().glob.is_some());
        assert!(NamePattern::path("k", "sshd").is_err());
    }
}
