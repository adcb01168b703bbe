//! A text that rows are looked through for.

/// A text to look for without regard to case.
pub(crate) enum Needle {
    /// Only ASCII: looked for in any bytes, letter by letter.
    Ascii(Vec<u8>),
    /// Anything else: looked for in the lower-case text of a cell.
    Text(String),
}

impl Needle {
    pub(crate) fn new(text: &str) -> Self {
        if text.is_ascii() {
            Self::Ascii(text.to_ascii_lowercase().into_bytes())
        } else {
            Self::Text(text.to_lowercase())
        }
    }

    pub(crate) fn is_in(&self, cell: &[u8]) -> bool {
        match self {
            Self::Ascii(needle) => cell
                .windows(needle.len())
                .any(|part| part.eq_ignore_ascii_case(needle)),
            Self::Text(needle) => String::from_utf8_lossy(cell)
                .to_lowercase()
                .contains(needle.as_str()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn needles_ignore_case_and_do_not_mind_odd_bytes() {
        assert!(Needle::new("SSHD").is_in(b"/usr/sbin/sshd"));
        assert!(!Needle::new("sshd").is_in(b"ssh"));
        assert!(Needle::new("x").is_in(b"\xff\xfeX"));
        assert!(Needle::new("STRASSE Ä").is_in("strasse ä 5".as_bytes()));
        assert!(!Needle::new("ä").is_in(b"a\xff"));
    }
}
