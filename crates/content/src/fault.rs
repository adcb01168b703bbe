//! Faults of a pack, each with its place, all of them at once.

use serde::Serialize;

/// Faults that are kept; what comes after them is counted. A pack that is wrong everywhere needs no longer list to be mended.
pub const MAX_FAULTS: usize = 2_000;
/// Longest message, in characters: a fault may quote what stood in the pack.
const MAX_MESSAGE: usize = 500;

/// A place in a file: line and column, both counted from 1 and the column in characters.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct Place {
    /// Line, from 1.
    pub line: u32,
    /// Column, from 1.
    pub column: u32,
}

impl Place {
    /// The first character of a file: where a fault stands that is of the whole file.
    pub const START: Self = Self { line: 1, column: 1 };

    /// So many characters to the right.
    #[must_use]
    pub fn right(self, characters: usize) -> Self {
        Self {
            line: self.line,
            column: self
                .column
                .saturating_add(u32::try_from(characters).unwrap_or(u32::MAX)),
        }
    }
}

/// One thing that is wrong with a pack.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Fault {
    /// File inside the pack, with forward slashes; empty for the pack as a whole.
    pub file: String,
    /// Line, from 1.
    pub line: u32,
    /// Column, from 1, in characters.
    pub column: u32,
    /// What is wrong and, where that is known, what would be right.
    pub message: String,
}

impl std::fmt::Display for Fault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "{}:{}:{}: {}",
            self.file, self.line, self.column, self.message
        )
    }
}

/// A list of faults that does not grow without bound.
#[derive(Clone, Debug, Default)]
pub struct Faults {
    list: Vec<Fault>,
    more: usize,
}

impl Faults {
    /// Adds a fault.
    pub fn add(&mut self, file: &str, place: Place, message: impl AsRef<str>) {
        if self.list.len() >= MAX_FAULTS {
            self.more += 1;
            return;
        }
        let message = message.as_ref();
        let mut text: String = message
            .chars()
            .take(MAX_MESSAGE)
            .map(|c| if c.is_control() { ' ' } else { c })
            .collect();
        if text.len() < message.len() {
            text.push('…');
        }
        self.list.push(Fault {
            file: file.to_owned(),
            line: place.line,
            column: place.column,
            message: text,
        });
    }

    /// Adds a fault of a file, or with an empty name of the pack as a whole.
    pub fn of_file(&mut self, file: &str, message: impl AsRef<str>) {
        self.add(file, Place::START, message);
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// The faults by file and place; what was not kept is told in a last one.
    #[must_use]
    pub fn into_list(mut self) -> Vec<Fault> {
        self.list.sort();
        self.list.dedup();
        if self.more > 0 {
            self.list.push(Fault {
                file: String::new(),
                line: 1,
                column: 1,
                message: format!(
                    "{} more faults are not listed; mend the first ones",
                    self.more
                ),
            });
        }
        self.list
    }
}

/// `Did you mean X?` with a blank before it, or nothing when no name comes near.
#[must_use]
pub fn did_you_mean<'n>(text: &str, names: impl Iterator<Item = &'n str>) -> String {
    question::nearest(text, names)
        .first()
        .map_or_else(String::new, |near| format!("; did you mean `{near}`?"))
}
