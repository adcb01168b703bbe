//! The tail of a question: how its answer is to be shown. `by` counts machines by some columns alone, `on …` keeps the rows that so many
//! machines gave.
//!
//! Endpoints know nothing of it: it is about the merged answer, so it is taken off before the order is signed
//! ([`crate::Question::asked`]). Its columns are those of the answer's tables ([`crate::plan()`]); a name that two tables have stands behind its
//! table's heading (`Listen Ports:Local Port`).

use serde::{Deserialize, Serialize};
use std::collections::HashMap;
use std::fmt::{self, Display, Formatter};
use std::str::FromStr;

/// How an answer is to be shown. The default shows it as it is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tail {
    /// Machines are counted by these columns alone; none means by the whole row.
    pub by: Vec<TailColumn>,
    /// Only rows that so many machines gave.
    pub count: Option<CountBound>,
}

/// A column of an answer.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct TailColumn {
    /// Heading of its table, where several tables have a column of this name.
    pub table: Option<String>,
    /// Its name in the table.
    pub column: String,
}

/// How many machines a row is on. Never a bound that no row meets: each row is on one machine at least.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CountBound {
    /// Fewer than this.
    Fewer(u32),
    /// This or fewer.
    AtMost(u32),
    /// Exactly this.
    Exactly(u32),
    /// Any number but this.
    Not(u32),
    /// This or more.
    AtLeast(u32),
    /// More than this.
    More(u32),
    /// From the first to the second, both included.
    Between(u32, u32),
}

/// A bound of a number.
pub(crate) type Made = fn(u32) -> CountBound;

impl CountBound {
    /// Whether a row that so many machines gave is to be shown.
    #[must_use]
    pub fn holds(self, count: u64) -> bool {
        match self {
            Self::Fewer(n) => count < u64::from(n),
            Self::AtMost(n) => count <= u64::from(n),
            Self::Exactly(n) => count == u64::from(n),
            Self::Not(n) => count != u64::from(n),
            Self::AtLeast(n) => count >= u64::from(n),
            Self::More(n) => count > u64::from(n),
            Self::Between(least, most) => (u64::from(least)..=u64::from(most)).contains(&count),
        }
    }

    /// Whether a row may cease to meet it when more machines answer, so that what is shown before all have answered may mislead.
    #[must_use]
    pub fn is_upper(self) -> bool {
        !matches!(self, Self::AtLeast(_) | Self::More(_))
    }

    /// The bound, unless no row could meet it.
    pub(crate) fn checked(self) -> Result<Self, String> {
        let never = match self {
            Self::Fewer(n) => n <= 1,
            Self::AtMost(n) | Self::Exactly(n) => n == 0,
            Self::Between(least, most) => most == 0 || least > most,
            Self::Not(_) | Self::AtLeast(_) | Self::More(_) => false,
        };
        if never {
            return Err(format!(
                "no row is {self}: each is on one at least{}",
                if matches!(self, Self::Between(..)) {
                    ", and the smaller number stands first"
                } else {
                    ""
                }
            ));
        }
        Ok(self)
    }

    /// The short form that [`FromStr`] reads: `<3`, `2..5`.
    #[must_use]
    pub fn short(self) -> String {
        match self {
            Self::Fewer(n) => format!("<{n}"),
            Self::AtMost(n) => format!("<={n}"),
            Self::Exactly(n) => format!("={n}"),
            Self::Not(n) => format!("!={n}"),
            Self::AtLeast(n) => format!(">={n}"),
            Self::More(n) => format!(">{n}"),
            Self::Between(least, most) => format!("{least}..{most}"),
        }
    }
}

/// `on fewer than 3 machines`.
impl Display for CountBound {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let (words, last) = match *self {
            Self::Fewer(n) => (format!("fewer than {n}"), n),
            Self::AtMost(n) => (format!("at most {n}"), n),
            Self::Exactly(n) => (format!("exactly {n}"), n),
            Self::Not(n) => (format!("not exactly {n}"), n),
            Self::AtLeast(n) => (format!("at least {n}"), n),
            Self::More(n) => (format!("more than {n}"), n),
            Self::Between(least, most) => (format!("{least} to {most}"), most),
        };
        let machines = if last == 1 { "machine" } else { "machines" };
        write!(f, "on {words} {machines}")
    }
}

/// A text that is no bound on a count.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{text}` is no bound on the number of machines{why}; one is `<3`, `<=3`, `=3`, `!=3`, `>=3`, `>3` or `2..5`"
)]
pub struct NoBound {
    text: String,
    why: String,
}

/// Reads `<3`, `<=3`, `=3` or `3`, `!=3`, `>=3`, `>3`, `2..5`.
impl FromStr for CountBound {
    type Err = NoBound;

    fn from_str(text: &str) -> Result<Self, NoBound> {
        let wrong = |why: String| NoBound {
            text: text.to_owned(),
            why,
        };
        let plain = || wrong(String::new());
        let number = |digits: &str| digits.trim().parse::<u32>().map_err(|_| plain());
        let trimmed = text.trim();
        let bound = if let Some((least, most)) = trimmed.split_once("..") {
            // `2..=5` is how programmers write it.
            Self::Between(number(least)?, number(most.trim_start_matches('='))?)
        } else {
            let forms: [(&str, Made); 9] = [
                ("<=", Self::AtMost),
                ("=<", Self::AtMost),
                (">=", Self::AtLeast),
                ("=>", Self::AtLeast),
                ("!=", Self::Not),
                ("==", Self::Exactly),
                ("<", Self::Fewer),
                (">", Self::More),
                ("=", Self::Exactly),
            ];
            let found = forms
                .iter()
                .find_map(|(sign, made)| Some((trimmed.strip_prefix(sign)?, *made)));
            let (digits, made) = found.unwrap_or((trimmed, Self::Exactly as Made));
            made(number(digits)?)
        };
        bound.checked().map_err(|why| wrong(format!(" ({why})")))
    }
}

impl Tail {
    /// Whether it shows the answer as it is.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// For each table, the places of the columns that are counted by, in the order of the tail; `None` where whole rows are.
    #[must_use]
    pub fn columns(&self, headings: &Headings) -> Vec<Option<Vec<usize>>> {
        let of_table = |table: &Heading| {
            let named = self.by.iter().filter(|column| {
                let wanted = column.table.as_deref();
                wanted.is_none_or(|wanted| wanted.eq_ignore_ascii_case(&table.title))
            });
            let places: Vec<usize> = named.filter_map(|c| table.place(&c.column)).collect();
            (!places.is_empty()).then_some(places)
        };
        headings.tables.iter().map(of_table).collect()
    }
}

/// The headings of an answer's tables: what a tail may name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Headings {
    /// One for each table.
    pub tables: Vec<Heading>,
}

/// The heading of one table.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Heading {
    /// Of the table.
    pub title: String,
    /// Names of its columns.
    pub columns: Vec<String>,
}

impl Heading {
    fn place(&self, column: &str) -> Option<usize> {
        let mut names = self.columns.iter();
        names.position(|name| name.eq_ignore_ascii_case(column))
    }
}

impl Headings {
    /// Those of one table alone.
    #[must_use]
    pub fn of_table(title: impl Into<String>, columns: Vec<String>) -> Self {
        let title = title.into();
        Self {
            tables: vec![Heading { title, columns }],
        }
    }

    /// Every column, by the table it is in, each as a tail names it in the fewest words.
    pub(crate) fn all(&self) -> Vec<(usize, TailColumn)> {
        let mut tables_with: HashMap<String, usize> = HashMap::new();
        for column in self.tables.iter().flat_map(|table| &table.columns) {
            *tables_with.entry(column.to_lowercase()).or_default() += 1;
        }
        let columns = self.tables.iter().enumerate().flat_map(|(at, table)| {
            let columns = table.columns.iter();
            columns.map(move |column| (at, &table.title, column))
        });
        columns
            .map(|(at, title, column)| {
                let several = tables_with.get(&column.to_lowercase()) > Some(&1);
                let table = several.then(|| title.clone());
                let column = column.clone();
                (at, TailColumn { table, column })
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bound_is_read_as_it_is_written() {
        for (text, bound) in [
            ("<3", CountBound::Fewer(3)),
            (" <= 3", CountBound::AtMost(3)),
            ("=<3", CountBound::AtMost(3)),
            ("3", CountBound::Exactly(3)),
            ("==3", CountBound::Exactly(3)),
            ("!=3", CountBound::Not(3)),
            (">=3", CountBound::AtLeast(3)),
            (">3", CountBound::More(3)),
            ("2..5", CountBound::Between(2, 5)),
            ("2 ..= 5", CountBound::Between(2, 5)),
        ] {
            assert_eq!(text.parse(), Ok(bound), "{text}");
            assert_eq!(bound.short().parse(), Ok(bound), "{text}");
        }
        for bad in [
            "",
            "<",
            "x",
            "<-1",
            "<1",
            "=0",
            "5..2",
            "0..0",
            "<4294967296",
            "..",
            "1..",
            "<3 4",
        ] {
            let error = bad.parse::<CountBound>().unwrap_err().to_string();
            assert!(error.contains("`2..5`"), "{bad}: {error}");
        }
    }

    #[test]
    fn bounds_hold_for_what_they_say() {
        let counts = |text: &str| -> Vec<u64> {
            let bound: CountBound = text.parse().unwrap();
            (1..6).filter(|count| bound.holds(*count)).collect()
        };
        assert_eq!(counts("<3"), [1, 2]);
        assert_eq!(counts("<=3"), [1, 2, 3]);
        assert_eq!(counts("=3"), [3]);
        assert_eq!(counts("!=3"), [1, 2, 4, 5]);
        assert_eq!(counts(">=3"), [3, 4, 5]);
        assert_eq!(counts(">3"), [4, 5]);
        assert_eq!(counts("2..4"), [2, 3, 4]);
    }
}
