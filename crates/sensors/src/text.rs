//! Small helpers for text that comes from files of any bytes.

use jiff::Timestamp;

/// Lines of a file without their ends; a carriage return before the line feed goes too.
pub fn lines(bytes: &[u8]) -> impl Iterator<Item = &[u8]> {
    bytes
        .split(|b| *b == b'\n')
        .map(|line| line.strip_suffix(b"\r").unwrap_or(line))
}

/// Splits at the first occurrence of a byte.
#[must_use]
pub fn split_once(bytes: &[u8], at: u8) -> Option<(&[u8], &[u8])> {
    let place = bytes.iter().position(|b| *b == at)?;
    let (left, right) = bytes.split_at(place);
    Some((left, right.get(1..).unwrap_or_default()))
}

/// Splits off the first word; the rest comes without the white space before it.
#[must_use]
pub fn word(bytes: &[u8]) -> (&[u8], &[u8]) {
    let bytes = bytes.trim_ascii_start();
    let end = bytes
        .iter()
        .position(u8::is_ascii_whitespace)
        .unwrap_or(bytes.len());
    let (word, rest) = bytes.split_at(end);
    (word, rest.trim_ascii_start())
}

/// Reads decimal digits, nothing else.
#[must_use]
pub fn number<T: std::str::FromStr>(bytes: &[u8]) -> Option<T> {
    std::str::from_utf8(bytes).ok()?.trim().parse().ok()
}

/// A moment in seconds and microseconds since 1970 as the cell text of a date-time; empty for zero and for moments
/// out of range.
#[must_use]
pub fn moment(seconds: i64, micros: i64) -> String {
    if seconds == 0 && micros == 0 {
        return String::new();
    }
    // Cells carry whole seconds: the records they come from are no more exact than that in practice.
    Timestamp::from_second(seconds).map_or_else(|_| String::new(), |t| t.to_string())
}

/// Joins parts with a separator.
#[must_use]
pub fn join<P: AsRef<[u8]>>(parts: impl IntoIterator<Item = P>, separator: &[u8]) -> Vec<u8> {
    let mut joined = Vec::new();
    for (at, part) in parts.into_iter().enumerate() {
        if at > 0 {
            joined.extend_from_slice(separator);
        }
        joined.extend_from_slice(part.as_ref());
    }
    joined
}

/// `True` or `False`, as cells of type boolean are written.
#[must_use]
pub fn boolean(value: bool) -> &'static str {
    if value { "True" } else { "False" }
}
