//! Runs of digits of any length, and cutting texts into runs.

use std::cmp::Ordering;

/// Compares two runs of digits as numbers; none is zero.
pub(super) fn compare(a: &str, b: &str) -> Ordering {
    let (a, b) = (a.trim_start_matches('0'), b.trim_start_matches('0'));
    a.len().cmp(&b.len()).then_with(|| a.cmp(b))
}

/// The run of characters at the start that are so, and what follows it.
pub(super) fn split(text: &str, so: impl Fn(char) -> bool) -> (&str, &str) {
    let end = text.find(|c| !so(c)).unwrap_or(text.len());
    text.split_at_checked(end).unwrap_or((text, ""))
}
