//! Versions of Debian packages, as deb-version(7) orders them: `[epoch:]upstream[-revision]`.
//!
//! Parts compare in turns of a run without digits and a number. In the former a `~` comes before everything, even the end
//! of the part, letters before all other characters.

use super::digits;
use std::cmp::Ordering;

struct Version<'t> {
    epoch: Option<&'t str>,
    upstream: &'t str,
    revision: Option<&'t str>,
}

impl<'t> Version<'t> {
    fn read(text: &'t str) -> Self {
        let (epoch, rest) = super::epoch(text);
        let (upstream, revision) = match rest.rsplit_once('-') {
            Some((upstream, revision)) => (upstream, Some(revision)),
            None => (rest, None),
        };
        Self {
            epoch,
            upstream,
            revision,
        }
    }
}

/// How a cell stands to a value; an epoch or revision that the value does not name does not count.
pub(super) fn compare(cell: &str, value: &str) -> Ordering {
    let (cell, value) = (Version::read(cell), Version::read(value));
    let epochs = value.epoch.map_or(Ordering::Equal, |epoch| {
        digits::compare(cell.epoch.unwrap_or_default(), epoch)
    });
    epochs
        .then_with(|| parts(cell.upstream, value.upstream))
        .then_with(|| match value.revision {
            Some(revision) => parts(cell.revision.unwrap_or_default(), revision),
            None => Ordering::Equal,
        })
}

fn parts(a: &str, b: &str) -> Ordering {
    let (mut a, mut b) = (a, b);
    while !a.is_empty() || !b.is_empty() {
        let (text_a, rest_a) = digits::split(a, |c| !c.is_ascii_digit());
        let (text_b, rest_b) = digits::split(b, |c| !c.is_ascii_digit());
        let (number_a, rest_a) = digits::split(rest_a, |c| c.is_ascii_digit());
        let (number_b, rest_b) = digits::split(rest_b, |c| c.is_ascii_digit());
        let order = texts(text_a, text_b).then_with(|| digits::compare(number_a, number_b));
        if order.is_ne() {
            return order;
        }
        (a, b) = (rest_a, rest_b);
    }
    Ordering::Equal
}

fn texts(a: &str, b: &str) -> Ordering {
    // The end of a run weighs as much as nothing.
    let weight = |c: Option<char>| match c {
        Some('~') => (0, '~'),
        None => (1, ' '),
        Some(c) if c.is_ascii_alphabetic() => (2, c),
        Some(c) => (3, c),
    };
    let (mut a, mut b) = (a.chars(), b.chars());
    loop {
        let (x, y) = (a.next(), b.next());
        let order = weight(x).cmp(&weight(y));
        if order.is_ne() || (x.is_none() && y.is_none()) {
            return order;
        }
    }
}
