//! The patterns of a search: `*` stands for any characters, `?` for one; everything else for itself.
//!
//! These are the guide's: a bracket is a bracket. A pattern becomes conditions that the database can answer from an
//! index where its beginning is fixed.

/// A pattern with the wildcards `*` and `?`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Glob(String);

impl Glob {
    /// Reads a pattern; `None` for one that everything matches (empty, or stars alone).
    #[must_use]
    pub fn read(pattern: &str) -> Option<Self> {
        let pattern = pattern.trim();
        (!pattern.chars().all(|c| c == '*')).then(|| Self(pattern.to_owned()))
    }

    /// The pattern itself when it has no wildcard.
    #[must_use]
    pub fn exact(&self) -> Option<&str> {
        (!self.0.contains(['*', '?'])).then_some(self.0.as_str())
    }

    /// What every match begins with; may be empty.
    #[must_use]
    pub fn prefix(&self) -> &str {
        self.0.split(['*', '?']).next().unwrap_or_default()
    }

    /// The prefix, when the pattern is nothing but it and stars.
    #[must_use]
    pub fn only_prefix(&self) -> Option<&str> {
        let prefix = self.prefix();
        self.0
            .strip_prefix(prefix)
            .is_some_and(|rest| rest.chars().all(|c| c == '*'))
            .then_some(prefix)
    }

    /// For SQLite's GLOB operator, where a bracket begins a set.
    #[must_use]
    pub fn sql(&self) -> String {
        self.0.replace('[', "[[]")
    }

    /// The same pattern in upper case, for hexadecimal text.
    #[must_use]
    pub fn upper(&self) -> Self {
        Self(self.0.to_ascii_uppercase())
    }

    /// As written.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.0
    }
}

/// Bounds of all byte strings that begin with these hexadecimal digits: the first, and the first beyond (`None` when
/// there is none). `None` when a character is no digit.
#[must_use]
pub fn hex_bounds(digits: &str) -> Option<(Vec<u8>, Option<Vec<u8>>)> {
    let fill = |filler: char| {
        let mut text = digits.to_owned();
        if text.len() % 2 == 1 {
            text.push(filler);
        }
        hex::decode(text).ok()
    };
    Some((fill('0')?, beyond(fill('f')?)))
}

/// The smallest byte string above all that begin with these.
#[must_use]
pub fn beyond(mut prefix: Vec<u8>) -> Option<Vec<u8>> {
    while let Some(last) = prefix.pop() {
        if last < u8::MAX {
            prefix.push(last + 1);
            return Some(prefix);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns() {
        assert_eq!(Glob::read(" * "), None);
        assert_eq!(Glob::read(""), None);
        let glob = Glob::read("4d5A*").unwrap();
        assert_eq!(glob.only_prefix(), Some("4d5A"));
        assert_eq!(glob.exact(), None);
        assert_eq!(Glob::read("a?b*").unwrap().prefix(), "a");
        assert_eq!(Glob::read("a?b*").unwrap().only_prefix(), None);
        assert_eq!(Glob::read("x[1].log").unwrap().sql(), "x[[]1].log");
    }

    #[test]
    fn bounds() {
        assert_eq!(
            hex_bounds("1c7"),
            Some((vec![0x1c, 0x70], Some(vec![0x1c, 0x80])))
        );
        assert_eq!(hex_bounds("ff"), Some((vec![0xff], None)));
        assert_eq!(hex_bounds("xy"), None);
        assert_eq!(hex_bounds(""), Some((vec![], None)));
    }
}
