//! Versions of RPM packages: `[epoch:]version[-release]`, each part in the order that RPM documents.
//!
//! A part is a row of numbers and runs of letters; what stands between them only parts them. A number is newer than
//! letters, and of two versions that begin alike the longer one is newer. `~` comes before everything, even the end; `^`
//! comes after the end, but before whatever else may follow.

use super::digits;
use std::cmp::Ordering;

/// How a cell stands to a value; an epoch or release that the value does not name does not count.
pub(super) fn compare(cell: &str, value: &str) -> Ordering {
    let (cell_epoch, cell) = super::epoch(cell);
    let (value_epoch, value) = super::epoch(value);
    let (cell_version, cell_release) = cell.rsplit_once('-').unwrap_or((cell, ""));
    let epochs = value_epoch.map_or(Ordering::Equal, |epoch| {
        digits::compare(cell_epoch.unwrap_or_default(), epoch)
    });
    epochs.then_with(|| match value.rsplit_once('-') {
        Some((version, release)) => {
            parts(cell_version, version).then_with(|| parts(cell_release, release))
        }
        None => parts(cell_version, value),
    })
}

/// Compares one part of two versions.
pub(super) fn parts(a: &str, b: &str) -> Ordering {
    let apart = |c: char| !c.is_ascii_alphanumeric() && c != '~' && c != '^';
    let (mut a, mut b) = (a, b);
    loop {
        a = digits::split(a, apart).1;
        b = digits::split(b, apart).1;
        match (a.strip_prefix('~'), b.strip_prefix('~')) {
            (Some(rest_a), Some(rest_b)) => {
                (a, b) = (rest_a, rest_b);
                continue;
            }
            (Some(_), None) => return Ordering::Less,
            (None, Some(_)) => return Ordering::Greater,
            (None, None) => {}
        }
        match (a.strip_prefix('^'), b.strip_prefix('^')) {
            (Some(rest_a), Some(rest_b)) => {
                (a, b) = (rest_a, rest_b);
                continue;
            }
            (Some(_), None) if b.is_empty() => return Ordering::Greater,
            (Some(_), None) => return Ordering::Less,
            (None, Some(_)) if a.is_empty() => return Ordering::Less,
            (None, Some(_)) => return Ordering::Greater,
            (None, None) => {}
        }
        if a.is_empty() || b.is_empty() {
            return a.len().min(1).cmp(&b.len().min(1));
        }
        let (number_a, number_b) = (numeric(a), numeric(b));
        if number_a != number_b {
            return number_a.cmp(&number_b);
        }
        let same = |c: char| {
            if number_a {
                c.is_ascii_digit()
            } else {
                c.is_ascii_alphabetic()
            }
        };
        let (run_a, rest_a) = digits::split(a, same);
        let (run_b, rest_b) = digits::split(b, same);
        let order = if number_a {
            digits::compare(run_a, run_b)
        } else {
            run_a.cmp(run_b)
        };
        if order.is_ne() {
            return order;
        }
        (a, b) = (rest_a, rest_b);
    }
}

fn numeric(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_digit())
}
