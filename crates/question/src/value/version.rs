//! Versions: of packages in the order of their package manager ([`deb`], [`rpm`], [`apk`]), of anything else in one that
//! suits most.
//!
//! The general order compares numbers as numbers and letters as letters. An epoch (`1:2.3`) weighs most; what stands before
//! a dash decides before what follows it, so `590-2` comes before `590.1`. Missing parts count as zero, so `1.0` equals `1`.
//! Words that announce a release (`alpha`, `beta`, `pre`, `preview`, `rc`, `dev`, and whatever follows `~`) come before it;
//! other words come after it, but before a further number: `1.0`, `1.0a`, `1.0.1`.

mod apk;
mod deb;
mod digits;
mod rpm;

use std::cmp::Ordering;

/// Whose order two versions are compared in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Scheme {
    /// The general one.
    General,
    /// Debian packages.
    Deb,
    /// RPM packages.
    Rpm,
    /// Alpine packages.
    Apk,
}

impl Scheme {
    /// The scheme of a package manager, by the name that a cell gives.
    pub(crate) fn of(name: &str) -> Self {
        match name.trim() {
            "dpkg" => Self::Deb,
            "rpm" => Self::Rpm,
            "apk" => Self::Apk,
            _ => Self::General,
        }
    }
}

/// How a cell stands to a value. In the schemes of packages an epoch, release or revision that the value does not name does
/// not count. `None` when either is no version.
pub(crate) fn compare(cell: &str, value: &str, scheme: Scheme) -> Option<Ordering> {
    let (cell, value) = (cell.trim(), value.trim());
    let general = |cell, value| Some(Version::read(cell)?.cmp(&Version::read(value)?));
    if cell.is_empty() || value.is_empty() {
        return None;
    }
    match scheme {
        Scheme::General => general(cell, value),
        Scheme::Deb => Some(deb::compare(cell, value)),
        Scheme::Rpm => Some(rpm::compare(cell, value)),
        Scheme::Apk => apk::compare(cell, value).or_else(|| general(cell, value)),
    }
}

/// The digits before the first colon, and what follows it.
fn epoch(text: &str) -> (Option<&str>, &str) {
    match text.split_once(':') {
        Some((epoch, rest)) if !epoch.is_empty() && epoch.bytes().all(|b| b.is_ascii_digit()) => {
            (Some(epoch), rest)
        }
        _ => (None, text),
    }
}

/// A version cut into parts, in the general order.
#[derive(Clone, Debug)]
pub(crate) struct Version {
    epoch: String,
    /// What stands before the first dash, between it and the next, and so on.
    groups: Vec<Vec<Part>>,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Part {
    Before(String),
    /// What a missing part counts as, too.
    Zero,
    After(String),
    /// Digits without leading zeros, after their count: longer is greater, whatever the length.
    Number(usize, String),
}

fn number(digits: &str) -> Part {
    match digits.trim_start_matches('0') {
        "" => Part::Zero,
        digits => Part::Number(digits.len(), digits.to_owned()),
    }
}

impl Version {
    pub(super) fn read(text: &str) -> Option<Self> {
        let text = text.to_lowercase();
        let (epoch, rest) = epoch(&text);
        // A version says at least one number.
        rest.contains(|c: char| c.is_ascii_digit()).then(|| Self {
            epoch: epoch.unwrap_or_default().trim_start_matches('0').to_owned(),
            groups: rest.split('-').map(parts).collect(),
        })
    }
}

fn parts(text: &str) -> Vec<Part> {
    let mut parts = Vec::new();
    let mut tilde = false;
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        if !c.is_alphanumeric() {
            tilde = c == '~';
            continue;
        }
        let digit = c.is_ascii_digit();
        let mut run = String::from(c);
        while let Some(next) = chars.peek() {
            if !next.is_alphanumeric() || next.is_ascii_digit() != digit {
                break;
            }
            run.push(*next);
            chars.next();
        }
        let before = matches!(
            run.as_str(),
            "alpha" | "beta" | "pre" | "preview" | "rc" | "dev" | "snapshot"
        );
        parts.push(if tilde || before {
            Part::Before(run)
        } else if digit {
            number(&run)
        } else {
            Part::After(run)
        });
        tilde = false;
    }
    parts
}

/// Compares two lists of which the shorter one goes on with `missing`.
fn padded<T>(a: &[T], b: &[T], missing: &T, order: impl Fn(&T, &T) -> Ordering) -> Ordering {
    (0..a.len().max(b.len()))
        .map(|i| order(a.get(i).unwrap_or(missing), b.get(i).unwrap_or(missing)))
        .find(|o| o.is_ne())
        .unwrap_or(Ordering::Equal)
}

impl Ord for Version {
    fn cmp(&self, other: &Self) -> Ordering {
        let epochs = (self.epoch.len(), &self.epoch).cmp(&(other.epoch.len(), &other.epoch));
        epochs.then_with(|| {
            padded(&self.groups, &other.groups, &Vec::new(), |a, b| {
                padded(a, b, &Part::Zero, Ord::cmp)
            })
        })
    }
}

impl PartialOrd for Version {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Version {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Version {}

#[cfg(test)]
mod tests;
