//! Names that one person gives and others rely on: no two that look alike, none that does not look like what it is.
//!
//! After Unicode Technical Standard 39 (<https://www.unicode.org/reports/tr39/>): only characters that are recommended for identifiers, and
//! what ASCII has besides; one script (with the combinations that Japanese, Korean and Chinese write); and two names are alike when their
//! skeletons are. So nothing invisible, nothing that turns the direction of text, and no foreign letter among others of its look.

use unicode_security::confusable_detection::skeleton;
use unicode_security::{GeneralSecurityProfile as _, MixedScript as _};

/// Longest name, in characters.
const LONGEST: usize = 128;

/// Why a name is not taken.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum NameError {
    /// Too short or too long, or blanks at an end or behind each other.
    #[error(
        "a name has 1 to {LONGEST} characters, neither begins nor ends with a blank, and has no two blanks in a row"
    )]
    Length,
    /// A character that is not for names.
    #[error("the character U+{:04X} has no place in a name: it is invisible, changes the direction of text, or is easily taken for another", u32::from(*.0))]
    Character(char),
    /// Letters of several scripts.
    #[error("a name has letters of one script; this one mixes several, of which some look alike")]
    Mixed,
}

/// Whether this can be a name.
pub(crate) fn check(name: &str) -> Result<(), NameError> {
    let length = name.chars().count();
    if !(1..=LONGEST).contains(&length) || name.trim() != name || name.contains("  ") {
        return Err(NameError::Length);
    }
    let fits = |c: char| c.is_ascii_graphic() || c == ' ' || c.identifier_allowed();
    if let Some(odd) = name.chars().find(|c| !fits(*c)) {
        return Err(NameError::Character(odd));
    }
    if name.is_single_script() {
        Ok(())
    } else {
        Err(NameError::Mixed)
    }
}

/// Whether people take one name for the other.
pub(crate) fn alike(one: &str, other: &str) -> bool {
    // As questions read names: runs of blanks are one.
    let plain = |name: &str| name.split_whitespace().collect::<Vec<_>>().join(" ");
    let (one, other) = (plain(one), plain(other));
    let (small, other_small) = (one.to_lowercase(), other.to_lowercase());
    skeleton(&one).eq(skeleton(&other)) || skeleton(&small).eq(skeleton(&other_small))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_any_one_script_are_taken() {
        for name in [
            "Web servers",
            "db-01 (prod), Köln",
            "サーバー群",
            "Серверы баз данных",
            "服务器",
            "서버",
            "خوادم الويب",
        ] {
            assert_eq!(check(name), Ok(()), "{name}");
        }
    }

    #[test]
    fn what_cannot_be_seen_or_is_not_what_it_seems_is_refused() {
        for odd in [
            '\u{202e}',
            '\u{2066}',
            '\u{200e}',
            '\u{61c}', // direction
            '\u{200b}',
            '\u{200d}',
            '\u{feff}',
            '\u{2060}',
            '\u{ad}',
            '\u{e0041}', // invisible
            '\u{a0}',
            '\u{2003}',
            '\u{3000}', // blanks
            '\n',
            '\0',
            '\u{7f}',
            '\u{85}', // controls
            '\u{ff21}',
            '\u{1d400}', // letters in another dress
            '\u{e000}',
            '\u{fffd}',
        ] {
            let name = format!("web{odd}servers");
            assert_eq!(check(&name), Err(NameError::Character(odd)), "{odd:?}");
        }
        // A Cyrillic а, a Greek ο.
        for name in ["Web s\u{0435}rvers", "pr\u{03bf}d"] {
            assert_eq!(check(name), Err(NameError::Mixed), "{name}");
        }
        for name in ["", " web", "web ", "web  servers", &"x".repeat(129)] {
            assert_eq!(check(name), Err(NameError::Length), "{name}");
        }
    }

    #[test]
    fn names_that_look_alike_are_alike() {
        for (one, other) in [
            ("Web servers", "web SERVERS"),
            ("web-0", "web-O"),
            ("SERVERI", "SERVERl"),
            ("caf\u{e9}", "cafe\u{301}"),
            ("\u{0441}\u{0440}", "cp"),
            ("Web  servers", "Web servers"),
        ] {
            assert!(alike(one, other), "{one} {other}");
        }
        for (one, other) in [("web-1", "web-2"), ("db", "dbs"), ("Köln", "Koln")] {
            assert!(!alike(one, other), "{one} {other}");
        }
    }
}
