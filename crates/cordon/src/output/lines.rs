//! The lines that tables and trees are drawn with: of Unicode, or of ASCII where the locale says that a terminal knows no other letters.

use comfy_table::{TableStyle, presets};

/// Variables of the environment that name the locale of letters, the one that wins first.
const LOCALE: [&str; 3] = ["LC_ALL", "LC_CTYPE", "LANG"];

/// A set of lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Lines {
    /// Box-drawing characters.
    Unicode,
    /// ASCII alone.
    Ascii,
}

impl Lines {
    /// Those of this process' locale.
    pub fn here() -> Self {
        if cfg!(windows) {
            // Its consoles are written to in Unicode whatever the environment says.
            return Self::Unicode;
        }
        Self::of(LOCALE.map(|name| std::env::var(name).unwrap_or_default()))
    }

    /// Those of a locale, from the values of [`LOCALE`].
    fn of(locale: [String; 3]) -> Self {
        let named = locale.into_iter().find(|value| !value.is_empty());
        let named = named.unwrap_or_default().to_lowercase().replace('-', "");
        if named.contains("utf8") {
            Self::Unicode
        } else {
            Self::Ascii
        }
    }

    /// How the frame of a table looks.
    pub fn frame(self) -> TableStyle {
        match self {
            Self::Unicode => presets::UTF8_BORDERS_ONLY,
            Self::Ascii => presets::ASCII_BORDERS_ONLY_CONDENSED,
        }
    }

    /// Before one that others follow, three columns wide as all of them.
    pub fn branch(self) -> &'static str {
        match self {
            Self::Unicode => "├─ ",
            Self::Ascii => "|- ",
        }
    }

    /// Before the last one.
    pub fn last(self) -> &'static str {
        match self {
            Self::Unicode => "└─ ",
            Self::Ascii => "`- ",
        }
    }

    /// Past what is below one that others follow.
    pub fn passing(self) -> &'static str {
        match self {
            Self::Unicode => "│  ",
            Self::Ascii => "|  ",
        }
    }

    /// Whether one of them begins with this.
    pub fn begin_with(self, c: char) -> bool {
        [self.branch(), self.last(), self.passing()]
            .iter()
            .any(|line| line.starts_with(c))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_variable_that_is_set_says_what_letters_there_are() {
        let of = |all: [&str; 3]| Lines::of(all.map(str::to_owned));
        assert_eq!(of(["", "", "de_DE.UTF-8"]), Lines::Unicode);
        assert_eq!(of(["", "C.utf8", "C"]), Lines::Unicode);
        assert_eq!(of(["C", "", "de_DE.UTF-8"]), Lines::Ascii);
        assert_eq!(of(["", "de_DE.ISO-8859-1", ""]), Lines::Ascii);
        assert_eq!(of(["", "", ""]), Lines::Ascii);
    }
}
