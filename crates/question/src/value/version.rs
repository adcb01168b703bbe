//! Versions of any scheme: numbers compare as numbers, letters as letters.
//!
//! An epoch (`1:2.3`) weighs most. Missing parts count as zero, so `1.0` equals `1`. Words that announce a release
//! (`alpha`, `beta`, `pre`, `preview`, `rc`, `dev`, and whatever follows `~`) come before it, other words after it.

use std::cmp::Ordering;

/// A version cut into parts.
#[derive(Clone, Debug)]
pub(crate) struct Version {
    epoch: String,
    parts: Vec<Part>,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Part {
    Before(String),
    /// Digits without leading zeros, after their count: longer is greater, whatever the length.
    Number(usize, String),
    After(String),
}

const ZERO: Part = Part::Number(0, String::new());

fn number(digits: &str) -> Part {
    let digits = digits.trim_start_matches('0');
    Part::Number(digits.len(), digits.to_owned())
}

impl Version {
    pub(super) fn read(text: &str) -> Option<Self> {
        let text = text.to_lowercase();
        let (epoch, rest) = match text.split_once(':') {
            Some((epoch, rest))
                if !epoch.is_empty() && epoch.bytes().all(|b| b.is_ascii_digit()) =>
            {
                (epoch.trim_start_matches('0').to_owned(), rest)
            }
            _ => (String::new(), text.as_str()),
        };
        let mut parts = Vec::new();
        let mut tilde = false;
        let mut chars = rest.chars().peekable();
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
        // A version says at least one number.
        rest.contains(|c: char| c.is_ascii_digit())
            .then_some(Self { epoch, parts })
    }
}

impl Ord for Version {
    fn cmp(&self, other: &Self) -> Ordering {
        let epochs = (self.epoch.len(), &self.epoch).cmp(&(other.epoch.len(), &other.epoch));
        epochs.then_with(|| {
            let zero = ZERO;
            let longer = self.parts.len().max(other.parts.len());
            (0..longer)
                .map(|i| {
                    let a = self.parts.get(i).unwrap_or(&zero);
                    a.cmp(other.parts.get(i).unwrap_or(&zero))
                })
                .find(|o| o.is_ne())
                .unwrap_or(Ordering::Equal)
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
