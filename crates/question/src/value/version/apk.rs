//! Versions of Alpine packages, as apk-package(5) describes them:
//! `number{.number}[letter]{_suffix[number]}[~hash][-rN]`.
//!
//! Suffixes come in the order `alpha`, `beta`, `pre`, `rc` (all of them before a version without), then `cvs`, `svn`,
//! `git`, `hg`, `p` (after it). A number behind a point that begins with a zero is a fraction: `1.01` is before `1.1`. Of
//! two versions that begin alike the one that goes on is newer, unless it goes on with a suffix of the first kind; of two
//! that go on differently, the one with what stands earlier in the form above.

use super::digits;
use std::cmp::Ordering;

/// Suffixes in order; the first four come before a release.
const SUFFIXES: &[&str] = &["alpha", "beta", "pre", "rc", "cvs", "svn", "git", "hg", "p"];
const BEFORE_RELEASE: usize = 4;

#[derive(Debug)]
enum Token<'t> {
    First(&'t str),
    Number(&'t str),
    Letter(char),
    Suffix(usize),
    SuffixNumber(&'t str),
    Hash(&'t str),
    Revision(&'t str),
}

impl Token<'_> {
    /// Place in the form of a version.
    fn place(&self) -> u8 {
        match self {
            Self::First(_) => 0,
            Self::Number(_) => 1,
            Self::Letter(_) => 2,
            Self::Suffix(_) => 3,
            Self::SuffixNumber(_) => 4,
            Self::Hash(_) => 5,
            Self::Revision(_) => 6,
        }
    }

    fn announces(&self) -> bool {
        matches!(self, Self::Suffix(nth) if *nth < BEFORE_RELEASE)
    }
}

/// The end of a version comes after all of its tokens.
const END: u8 = 7;

/// How a cell stands to a value; a revision that the value does not name does not count. `None` when either is no version of
/// this form.
pub(super) fn compare(cell: &str, value: &str) -> Option<Ordering> {
    let mut cell = read(cell)?;
    let value = read(value)?;
    if !matches!(value.last(), Some(Token::Revision(_))) {
        cell.retain(|token| !matches!(token, Token::Revision(_)));
    }
    let (mut a, mut b) = (cell.iter(), value.iter());
    loop {
        let (x, y) = (a.next(), b.next());
        let order = match (x, y) {
            (None, None) => return Some(Ordering::Equal),
            (Some(x), Some(y)) if x.place() == y.place() => tokens(x, y),
            _ if x.is_some_and(Token::announces) => Ordering::Less,
            _ if y.is_some_and(Token::announces) => Ordering::Greater,
            _ => y
                .map_or(END, Token::place)
                .cmp(&x.map_or(END, Token::place)),
        };
        if order.is_ne() {
            return Some(order);
        }
    }
}

/// Compares two tokens of one place.
fn tokens(a: &Token<'_>, b: &Token<'_>) -> Ordering {
    match (a, b) {
        (Token::Number(a), Token::Number(b)) if a.starts_with('0') || b.starts_with('0') => {
            a.cmp(b)
        }
        (Token::First(a), Token::First(b))
        | (Token::Number(a), Token::Number(b))
        | (Token::SuffixNumber(a), Token::SuffixNumber(b))
        | (Token::Revision(a), Token::Revision(b)) => digits::compare(a, b),
        (Token::Letter(a), Token::Letter(b)) => a.cmp(b),
        (Token::Suffix(a), Token::Suffix(b)) => a.cmp(b),
        (Token::Hash(a), Token::Hash(b)) => a.cmp(b),
        _ => Ordering::Equal,
    }
}

fn read(text: &str) -> Option<Vec<Token<'_>>> {
    let number = |text| {
        let (number, rest) = digits::split(text, |c| c.is_ascii_digit());
        (!number.is_empty()).then_some((number, rest))
    };
    let (first, mut rest) = number(text)?;
    let mut out = vec![Token::First(first)];
    while let Some((digits, after)) = rest.strip_prefix('.').and_then(number) {
        out.push(Token::Number(digits));
        rest = after;
    }
    let mut chars = rest.chars();
    if let Some(letter) = chars.next().filter(char::is_ascii_lowercase) {
        out.push(Token::Letter(letter));
        rest = chars.as_str();
    }
    while let Some(after) = rest.strip_prefix('_') {
        let (name, after) = digits::split(after, |c| c.is_ascii_lowercase());
        out.push(Token::Suffix(SUFFIXES.iter().position(|s| *s == name)?));
        rest = after;
        if let Some((digits, after)) = number(rest) {
            out.push(Token::SuffixNumber(digits));
            rest = after;
        }
    }
    if let Some(after) = rest.strip_prefix('~') {
        let (hash, after) = digits::split(after, |c| c.is_ascii_hexdigit());
        out.push(Token::Hash(hash));
        rest = after;
    }
    if let Some((digits, after)) = rest.strip_prefix("-r").and_then(number) {
        out.push(Token::Revision(digits));
        rest = after;
    }
    rest.is_empty().then_some(out)
}
