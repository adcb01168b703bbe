//! Typed comparison of cells and of the values that questions give.
//!
//! Everything arrives as text. A value in a question that does not read as its type is an error with its place; a cell
//! that does not is simply unequal to everything and in no order (an endpoint may send anything).

mod address;
mod number;
mod time;
mod types;
mod version;

pub use types::ValueType;

use std::cmp::Ordering;

pub(crate) use address::Network;
pub(crate) use time::Span;
pub(crate) use version::{Scheme, compare as compare_versions};

/// A text read as its type.
#[derive(Clone, Debug)]
pub(crate) enum Typed {
    /// Text, as it is.
    Text(String),
    /// Whole number.
    Integer(i128),
    /// Decimal number, finite.
    Decimal(f64),
    /// Version.
    Version(version::Version),
    /// Nanoseconds since 1970 UTC; a date alone is the whole day.
    Moment(Span),
    /// Nanoseconds.
    Duration(i128),
    /// Bytes.
    Size(i128),
    /// Address or network.
    Network(Network),
    /// Lower-case hexadecimal digits.
    Hash(String),
    /// True or false.
    Boolean(bool),
}

/// Reads a text as a type; the error says what it should look like.
pub(crate) fn read(text: &str, value_type: ValueType) -> Result<Typed, String> {
    let trimmed = text.trim();
    let wrong = |what: &str| format!("`{}` is not {what}", shortened(trimmed));
    match value_type {
        ValueType::Text => Ok(Typed::Text(text.to_owned())),
        ValueType::Integer => number::integer(trimmed)
            .map(Typed::Integer)
            .ok_or_else(|| wrong("a whole number")),
        ValueType::Decimal => number::decimal(trimmed)
            .map(Typed::Decimal)
            .ok_or_else(|| wrong("a number")),
        ValueType::Version => version::Version::read(trimmed)
            .map(Typed::Version)
            .ok_or_else(|| wrong("a version, such as 1.2.3")),
        ValueType::DateTime => time::moment(trimmed)
            .map(Typed::Moment)
            .ok_or_else(|| wrong("a date and time, such as 2026-11-22T08:30:00Z or 2026-11-22")),
        ValueType::Duration => time::duration(trimmed)
            .map(Typed::Duration)
            .ok_or_else(|| wrong("a span of time, such as 2 hours or 1d 3h")),
        ValueType::DataSize => number::size(trimmed)
            .map(Typed::Size)
            .ok_or_else(|| wrong("a data size, such as 1.5 GB")),
        ValueType::IpAddress => Network::read(trimmed)
            .map(Typed::Network)
            .ok_or_else(|| wrong("an IP address or network, such as 10.0.0.0/8 or 2001:db8::1")),
        ValueType::Hash => {
            let digits = trimmed.to_ascii_lowercase();
            if !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_hexdigit()) {
                Ok(Typed::Hash(digits))
            } else {
                Err(wrong("a digest in hexadecimal digits"))
            }
        }
        ValueType::Boolean => boolean(trimmed)
            .map(Typed::Boolean)
            .ok_or_else(|| wrong("True or False")),
    }
}

fn shortened(text: &str) -> String {
    if text.chars().count() <= 60 {
        return text.to_owned();
    }
    text.chars().take(57).chain("...".chars()).collect()
}

fn boolean(text: &str) -> Option<bool> {
    match text.to_ascii_lowercase().as_str() {
        "true" | "yes" | "1" => Some(true),
        "false" | "no" | "0" => Some(false),
        _ => None,
    }
}

/// Whether a text reads as a type, as the value of a parameter must.
///
/// # Errors
/// What the text should look like.
pub fn parse_check(text: &str, value_type: ValueType) -> Result<(), String> {
    read(text, value_type).map(|_| ())
}

/// Whether a text may stand after `=`, `<` and the like. An empty value asks for an empty cell, whatever the type.
pub(crate) fn check_compared(
    text: &str,
    value_type: ValueType,
    ordered: bool,
) -> Result<(), String> {
    if text.is_empty() && !ordered {
        return Ok(());
    }
    match read(text, value_type)? {
        Typed::Network(network) if ordered && !network.is_host() => Err(format!(
            "`{text}` is a network; only one address has an order"
        )),
        Typed::Hash(digits)
            if !ordered && !matches!(digits.len(), 8 | 16 | 32 | 40 | 48 | 56 | 64 | 96 | 128) =>
        {
            Err(format!(
                "no digest has {} digits (MD5 has 32, SHA-1 40, SHA-256 64): it would never match",
                digits.len()
            ))
        }
        _ => Ok(()),
    }
}

/// The bytes that a size means, as in `10 MB`; `None` for what is none.
#[must_use]
pub fn size(text: &str) -> Option<i128> {
    number::size(text.trim())
}

/// The first moment that a date-time text means, in nanoseconds since 1970 UTC; a day means its first moment.
#[must_use]
pub fn moment(text: &str) -> Option<i128> {
    time::moment(text.trim()).map(|span| span.start)
}

/// Order of two cells under a type, for sorting; `None` when either does not read as it.
#[must_use]
pub fn compare(a: &str, b: &str, value_type: ValueType) -> Option<Ordering> {
    if value_type == ValueType::Text {
        return Some(folded(a).cmp(&folded(b)));
    }
    let (a, b) = (read(a, value_type).ok()?, read(b, value_type).ok()?);
    match (&a, &b) {
        (Typed::Moment(a), Typed::Moment(b)) => Some((a.start, a.end).cmp(&(b.start, b.end))),
        (Typed::Network(a), Typed::Network(b)) => Some(a.cmp(b)),
        _ => order(&a, &b),
    }
}

/// How a cell stands to the value of a question: a moment within the day of a date is equal to it, an address within a
/// network equal to that.
pub(crate) fn order(cell: &Typed, value: &Typed) -> Option<Ordering> {
    match (cell, value) {
        (Typed::Text(a), Typed::Text(b)) | (Typed::Hash(a), Typed::Hash(b)) => Some(a.cmp(b)),
        (Typed::Integer(a), Typed::Integer(b))
        | (Typed::Duration(a), Typed::Duration(b))
        | (Typed::Size(a), Typed::Size(b)) => Some(a.cmp(b)),
        (Typed::Decimal(a), Typed::Decimal(b)) => a.partial_cmp(b),
        (Typed::Version(a), Typed::Version(b)) => Some(a.cmp(b)),
        (Typed::Boolean(a), Typed::Boolean(b)) => Some(a.cmp(b)),
        (Typed::Moment(a), Typed::Moment(b)) => Some(if a.start >= b.start && a.start < b.end {
            Ordering::Equal
        } else {
            a.start.cmp(&b.start)
        }),
        (Typed::Network(a), Typed::Network(b)) => Some(if b.holds(a) {
            Ordering::Equal
        } else {
            a.cmp(b)
        }),
        _ => None,
    }
}

/// Lower case, without a copy where there is nothing to change.
pub(crate) fn folded(text: &str) -> std::borrow::Cow<'_, str> {
    if text
        .bytes()
        .all(|b| b.is_ascii() && !b.is_ascii_uppercase())
    {
        std::borrow::Cow::Borrowed(text)
    } else {
        std::borrow::Cow::Owned(text.to_lowercase())
    }
}

/// The canonical spelling of a value where its type has one.
pub(crate) fn canonical(text: &str, value_type: ValueType) -> Option<&'static str> {
    if value_type != ValueType::Boolean {
        return None;
    }
    boolean(text.trim()).map(|b| if b { "True" } else { "False" })
}

#[cfg(test)]
mod tests {
    use super::*;
    use ValueType as T;

    fn less(a: &str, b: &str, t: T) {
        assert_eq!(compare(a, b, t), Some(Ordering::Less), "{a} < {b}");
        assert_eq!(compare(b, a, t), Some(Ordering::Greater), "{b} > {a}");
    }
    fn same(a: &str, b: &str, t: T) {
        assert_eq!(compare(a, b, t), Some(Ordering::Equal), "{a} = {b}");
    }

    #[test]
    fn types_compare_by_meaning() {
        less("9", "10", T::Integer);
        less("-9", "+3", T::Integer);
        less("9.5", "10", T::Decimal);
        same("1.50", "1.5", T::Decimal);
        less("1.9", "1.10", T::Version);
        same("1.0", "1", T::Version);
        less("1.0~rc1", "1.0", T::Version);
        less("1.0-rc1", "1.0", T::Version);
        less("1.0", "1.0a", T::Version);
        less("1.0a", "1.0.1", T::Version);
        less("1.0a", "1.0b", T::Version);
        same("1.0.0-0", "1", T::Version);
        less("590-2", "590.1", T::Version);
        less("2.36-9+deb12u7", "2.36.1", T::Version);
        less("6.1.0-13-amd64", "6.1.0-15-amd64", T::Version);
        less("2024-01-05", "2024-02-01", T::Version);
        less("12.4+deb12u5", "12.4.1", T::Version);
        less("9.9", "1:0.1", T::Version);
        less(
            "2026-11-22T10:00:00+02:00",
            "2026-11-22T09:00:00Z",
            T::DateTime,
        );
        same("2026-11-22 09:00", "2026-11-22T09:00:00Z", T::DateTime);
        same(
            "Sun, 22 Nov 2026 09:00:00 +0000",
            "2026-11-22T09:00:00Z",
            T::DateTime,
        );
        less("90 minutes", "2 hours", T::Duration);
        same("1d 3h", "27 hours", T::Duration);
        same("2 years, 3 days", "733 days", T::Duration);
        same("90", "1m30s", T::Duration);
        less("34.2Gig", "1 TB", T::DataSize);
        same("1.5 GB", "1610612736", T::DataSize);
        same("1 KiB", "1024", T::DataSize);
        less("9.0.0.1", "10.0.0.1", T::IpAddress);
        less("10.0.0.1", "::1", T::IpAddress);
        same("::ffff:10.0.0.1", "10.0.0.1", T::IpAddress);
        same("ABCDEF12", "abcdef12", T::Hash);
        same("yes", "True", T::Boolean);
        same("Straße", "STRAßE", T::Text);
    }

    #[test]
    fn what_is_not_of_the_type_has_no_order() {
        for (text, t) in [
            ("abc", T::Integer),
            ("1.5", T::Integer),
            ("1e999", T::Decimal),
            ("NaN", T::Decimal),
            ("", T::Version),
            ("2026-13-01", T::DateTime),
            ("yesterday", T::DateTime),
            ("2 fortnights", T::Duration),
            ("hours", T::Duration),
            ("5 XB", T::DataSize),
            ("10.0.0.256", T::IpAddress),
            ("10.0.0.0/33", T::IpAddress),
            ("xyz", T::Hash),
            ("maybe", T::Boolean),
        ] {
            assert!(parse_check(text, t).is_err(), "{text} as {}", t.name());
            assert_eq!(compare(text, "1", t), None);
        }
    }
}
