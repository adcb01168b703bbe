//! The fixed words of the language: how operators and types may be spelled, and which words force a name or value
//! into quotes when it is printed.

use crate::ast::Operator;
use crate::catalogue::ValueType;
use crate::scan::Scanner;

/// Spellings of operators in words. The longest that fits wins, so order within the table does not matter.
const SPELLINGS: &[(&str, Operator)] = &[
    ("contains", Operator::Contains),
    ("containing", Operator::Contains),
    ("contain", Operator::Contains),
    ("does contain", Operator::Contains),
    ("does not contain", Operator::NotContains),
    ("doesn't contain", Operator::NotContains),
    ("not containing", Operator::NotContains),
    ("not contains", Operator::NotContains),
    ("not contain", Operator::NotContains),
    ("starts with", Operator::StartsWith),
    ("starting with", Operator::StartsWith),
    ("start with", Operator::StartsWith),
    ("does not start with", Operator::NotStartsWith),
    ("not starting with", Operator::NotStartsWith),
    ("not starts with", Operator::NotStartsWith),
    ("ends with", Operator::EndsWith),
    ("ending with", Operator::EndsWith),
    ("end with", Operator::EndsWith),
    ("does not end with", Operator::NotEndsWith),
    ("not ending with", Operator::NotEndsWith),
    ("not ends with", Operator::NotEndsWith),
    ("equals", Operator::Equals),
    ("equal to", Operator::Equals),
    ("is equal to", Operator::Equals),
    ("is", Operator::Equals),
    ("is not", Operator::NotEquals),
    ("is not equal to", Operator::NotEquals),
    ("does not equal", Operator::NotEquals),
    ("not equals", Operator::NotEquals),
    ("not equal to", Operator::NotEquals),
    ("less than", Operator::Less),
    ("is less than", Operator::Less),
    ("greater than", Operator::Greater),
    ("is greater than", Operator::Greater),
    ("less than or equal to", Operator::LessOrEqual),
    ("is less than or equal to", Operator::LessOrEqual),
    ("greater than or equal to", Operator::GreaterOrEqual),
    ("is greater than or equal to", Operator::GreaterOrEqual),
    ("matches", Operator::Matches),
    ("matching", Operator::Matches),
    ("match", Operator::Matches),
    ("does match", Operator::Matches),
    ("does not match", Operator::NotMatches),
    ("not matching", Operator::NotMatches),
    ("not matches", Operator::NotMatches),
    ("in", Operator::In),
    ("is in", Operator::In),
    ("not in", Operator::NotIn),
    ("is not in", Operator::NotIn),
];

const SYMBOLS: &[(&str, Operator)] = &[
    ("<=", Operator::LessOrEqual),
    ("=<", Operator::LessOrEqual),
    (">=", Operator::GreaterOrEqual),
    ("=>", Operator::GreaterOrEqual),
    ("!=", Operator::NotEquals),
    ("<>", Operator::NotEquals),
    ("==", Operator::Equals),
    ("=", Operator::Equals),
    ("<", Operator::Less),
    (">", Operator::Greater),
];

/// The operator at `pos`, in any spelling, and where it ends.
pub(crate) fn operator_at(scan: &Scanner, pos: usize) -> Option<(Operator, usize)> {
    for (symbol, op) in SYMBOLS {
        if symbol
            .chars()
            .enumerate()
            .all(|(i, c)| scan.at(pos + i) == Some(c))
        {
            return Some((*op, pos + symbol.len()));
        }
    }
    // `matching case` belongs to the comparison before it.
    if scan.words_at(pos, "matching case").is_some() {
        return None;
    }
    SPELLINGS
        .iter()
        .filter_map(|(words, op)| scan.words_at(pos, words).map(|end| (*op, end)))
        .max_by_key(|(_, end)| *end)
}

/// Canonical spelling.
pub(crate) fn operator_text(op: Operator) -> &'static str {
    match op {
        Operator::Contains => "contains",
        Operator::NotContains => "does not contain",
        Operator::StartsWith => "starts with",
        Operator::NotStartsWith => "does not start with",
        Operator::EndsWith => "ends with",
        Operator::NotEndsWith => "does not end with",
        Operator::Equals => "=",
        Operator::NotEquals => "!=",
        Operator::Less => "<",
        Operator::LessOrEqual => "<=",
        Operator::Greater => ">",
        Operator::GreaterOrEqual => ">=",
        Operator::Matches => "matches",
        Operator::NotMatches => "does not match",
        Operator::In => "in",
        Operator::NotIn => "not in",
    }
}

/// Spellings of types after `as`, lower case.
const TYPES: &[(&str, ValueType)] = &[
    ("text", ValueType::Text),
    ("string", ValueType::Text),
    ("integer", ValueType::Integer),
    ("numericinteger", ValueType::Integer),
    ("decimal", ValueType::Decimal),
    ("numeric", ValueType::Decimal),
    ("numericdecimal", ValueType::Decimal),
    ("number", ValueType::Decimal),
    ("version", ValueType::Version),
    ("datetime", ValueType::DateTime),
    ("date", ValueType::DateTime),
    ("date time", ValueType::DateTime),
    ("variousdate", ValueType::DateTime),
    ("besdate", ValueType::DateTime),
    ("wmidate", ValueType::DateTime),
    ("duration", ValueType::Duration),
    ("timediff", ValueType::Duration),
    ("datasize", ValueType::DataSize),
    ("data size", ValueType::DataSize),
    ("ipaddress", ValueType::IpAddress),
    ("ip address", ValueType::IpAddress),
    ("hash", ValueType::Hash),
    ("boolean", ValueType::Boolean),
];

/// The type named at `pos`, and where its name ends.
pub(crate) fn type_at(scan: &Scanner, pos: usize) -> Option<(ValueType, usize)> {
    TYPES
        .iter()
        .filter_map(|(words, t)| scan.words_at(pos, words).map(|end| (*t, end)))
        .max_by_key(|(_, end)| *end)
}

/// Words that cannot be a value, or stand in one of several words, without quotes: each continues the question.
pub(crate) fn ends_value(word: &str) -> bool {
    matches!(word, "and" | "or" | "from" | "having" | "matching")
}

/// Words that a value of several words may not hold without quotes, because they more likely start something else.
pub(crate) fn breaks_value(word: &str) -> bool {
    is_operator_word(word) || matches!(word, "with" | "get")
}

fn is_operator_word(word: &str) -> bool {
    matches!(
        word,
        "contains"
            | "containing"
            | "contain"
            | "matches"
            | "matching"
            | "match"
            | "equals"
            | "equal"
            | "starts"
            | "starting"
            | "ends"
            | "ending"
            | "does"
            | "doesn't"
    )
}

/// Words with a meaning of their own; a value that is one of them is printed in quotes.
fn is_reserved(word: &str) -> bool {
    is_operator_word(word)
        || ends_value(word)
        || matches!(
            word,
            "all" | "any" | "as" | "get" | "in" | "is" | "not" | "with" | "start" | "end" | "case"
        )
}

fn bare_character(c: char) -> bool {
    c.is_alphanumeric() || matches!(c, '-' | '_' | '.')
}

/// Whether a value may be printed without quotes.
pub(crate) fn is_bare_value(value: &str) -> bool {
    !value.is_empty() && value.chars().all(bare_character) && !is_reserved(&value.to_lowercase())
}

fn name_characters(name: &str) -> bool {
    !name.is_empty()
        && !name.starts_with(' ')
        && !name.ends_with(' ')
        && !name.contains("  ")
        && name.chars().all(|c| {
            c == ' ' || bare_character(c) || matches!(c, '/' | '\'' | '+' | '#' | '%' | '@')
        })
}

/// Whether a sensor's name may stand without quotes. `with`, `in`, `is` and `not` within it do no harm (nothing in
/// canonical form continues a name with them so that it could be misread); the words that join and compare would, and
/// so would words at its start that mean something before a name (`not In Use` is no `not in`).
pub(crate) fn is_bare_name(name: &str) -> bool {
    let lower = name.to_lowercase();
    bare_outside(&lower) && !lower.split(' ').any(continues_question)
}

/// Whether a name that [`is_bare_name`] refuses may be read without quotes after all: it does for the words in it that
/// join and compare, and `unnamed` says for what stands before each of them that nothing has that name.
pub(crate) fn bare_but_for(name: &str, unnamed: impl Fn(&str) -> bool) -> bool {
    let lower = name.to_lowercase();
    bare_outside(&lower)
        && lower.match_indices(' ').all(|(at, _)| {
            let (before, rest) = lower.split_at(at);
            let word = rest.trim_start().split(' ').next().unwrap_or_default();
            !continues_question(word) || unnamed(before)
        })
        && !lower.split(' ').next().is_some_and(continues_question)
}

/// Words that continue a question after a name.
fn continues_question(word: &str) -> bool {
    is_operator_word(word) || ends_value(word) || word == "as"
}

fn bare_outside(lower: &str) -> bool {
    name_characters(lower)
        && !matches!(
            lower.split(' ').next(),
            Some("all" | "any" | "not" | "in" | "get" | "with" | "machines")
        )
        && !lower.starts_with("number of machines")
        && !ends_like_operator(lower)
}

/// `Logged In`: before a list, `Logged` and the operator `in` would read the same.
fn ends_like_operator(lower: &str) -> bool {
    matches!(lower.rsplit(' ').next(), Some("in" | "not"))
}

/// Whether a column's name may stand without quotes: it is always followed by `as` or an operator, so only those harm.
pub(crate) fn is_bare_column(name: &str) -> bool {
    let lower = name.to_lowercase();
    name_characters(name)
        && !lower.split(' ').any(|w| is_operator_word(w) || w == "as")
        && !ends_like_operator(&lower)
}

/// A text in quotes, quotes within doubled: one value of the language, whatever the text holds.
#[must_use]
pub fn quote(text: &str) -> String {
    format!("\"{}\"", text.replace('"', "\"\""))
}
