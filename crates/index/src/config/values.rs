//! The kinds of values in `config.ini`: text to value and back.
//!
//! Reading accepts what people write (`5 %`, `1h`, `yes`); writing gives one canonical form, so that two configurations
//! can be compared by their texts and reading what was written gives the same value.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

/// How much the log says, from nothing to everything.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub enum Level {
    /// Logging is off.
    None,
    /// The process cannot go on.
    Fatal,
    /// Part of its work has ended for good.
    Critical,
    /// Something asked for was not done.
    Error,
    /// Something is not as it should be.
    Warning,
    /// Unusual, and worth knowing.
    Notice,
    /// The course of the work.
    #[default]
    Information,
    /// For the people who build this program.
    Debug,
    /// Every step.
    Trace,
}

impl Level {
    /// All, from least to most talkative.
    pub const ALL: [Self; 9] = [
        Self::None,
        Self::Fatal,
        Self::Critical,
        Self::Error,
        Self::Warning,
        Self::Notice,
        Self::Information,
        Self::Debug,
        Self::Trace,
    ];

    /// As in the configuration.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Fatal => "fatal",
            Self::Critical => "critical",
            Self::Error => "error",
            Self::Warning => "warning",
            Self::Notice => "notice",
            Self::Information => "information",
            Self::Debug => "debug",
            Self::Trace => "trace",
        }
    }

    /// As at the start of a line in the log.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::None => "None",
            Self::Fatal => "Fatal",
            Self::Critical => "Critical",
            Self::Error => "Error",
            Self::Warning => "Warning",
            Self::Notice => "Notice",
            Self::Information => "Information",
            Self::Debug => "Debug",
            Self::Trace => "Trace",
        }
    }
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Level {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Self::ALL
            .into_iter()
            .find(|level| level.name().eq_ignore_ascii_case(text))
            .ok_or_else(|| "is not a log level".to_owned())
    }
}

/// Which digests are calculated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Hashes {
    /// MD5.
    pub md5: bool,
    /// SHA-1.
    pub sha1: bool,
    /// SHA-256.
    pub sha256: bool,
    /// BLAKE3.
    pub blake3: bool,
}

impl Hashes {
    /// Whether nothing is calculated.
    #[must_use]
    pub const fn is_none(self) -> bool {
        !(self.md5 || self.sha1 || self.sha256 || self.blake3)
    }
}

impl fmt::Display for Hashes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<&str> = [
            (self.md5, "MD5"),
            (self.sha1, "SHA1"),
            (self.sha256, "SHA256"),
            (self.blake3, "BLAKE3"),
        ]
        .into_iter()
        .filter_map(|(on, name)| on.then_some(name))
        .collect();
        if names.is_empty() {
            return f.write_str("None");
        }
        f.write_str(&names.join(","))
    }
}

impl FromStr for Hashes {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let mut hashes = Self::default();
        let mut none = false;
        for word in words(text) {
            match word.to_ascii_lowercase().replace('-', "").as_str() {
                "md5" => hashes.md5 = true,
                "sha1" => hashes.sha1 = true,
                "sha256" => hashes.sha256 = true,
                "blake3" => hashes.blake3 = true,
                "none" => none = true,
                _ => {
                    return Err("names a hash that is not MD5, SHA1, SHA256, BLAKE3 or none".into());
                }
            }
        }
        match (none, hashes.is_none()) {
            (true, false) => Err("says none and names a hash as well".into()),
            (false, true) => Err("names no hash; to switch hashing off, write None".into()),
            _ => Ok(hashes),
        }
    }
}

/// The parts between commas, without blanks around them and without empty ones.
pub(super) fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(',')
        .map(str::trim)
        .filter(|word| !word.is_empty())
}

pub(super) fn flag(text: &str) -> Result<bool, String> {
    match text.to_ascii_lowercase().as_str() {
        "true" | "yes" | "on" | "1" => Ok(true),
        "false" | "no" | "off" | "0" => Ok(false),
        _ => Err("is neither true nor false".into()),
    }
}

/// A percentage within the bounds, or `None` for the word none.
pub(super) fn percent(text: &str, least: f64, most: f64) -> Result<Option<f64>, String> {
    if text.eq_ignore_ascii_case("none") {
        return Ok(None);
    }
    let number = text.strip_suffix('%').unwrap_or(text).trim_end();
    match decimal(number) {
        Some(value) if (least..=most).contains(&value) => Ok(Some(value)),
        Some(_) => Err(format!("is not between {least} and {most}")),
        None => Err("is not a number".into()),
    }
}

/// Digits with at most one point: `parse::<f64>` alone would also take `inf`, `nan` and `1e9`.
fn decimal(text: &str) -> Option<f64> {
    let plain = text.len() <= 16 && text.bytes().all(|b| b.is_ascii_digit() || b == b'.');
    plain.then(|| text.parse().ok()).flatten()
}

pub(super) fn whole(text: &str, least: u64, most: u64) -> Result<u64, String> {
    if text.is_empty() || !text.bytes().all(|b| b.is_ascii_digit()) {
        return Err("is not a whole number".into());
    }
    text.parse::<u64>()
        .ok()
        .filter(|value| (least..=most).contains(value))
        .ok_or_else(|| format!("is not between {least} and {most}"))
}

/// Whole seconds, or a number followed by s, m, h or d.
pub(super) fn duration(text: &str, most: Duration) -> Result<Duration, String> {
    const UNITS: [([char; 2], u64); 4] = [
        (['s', 'S'], 1),
        (['m', 'M'], 60),
        (['h', 'H'], 3600),
        (['d', 'D'], 86400),
    ];
    let (number, unit) = UNITS
        .into_iter()
        .find_map(|(letters, unit)| Some((text.strip_suffix(letters)?, unit)))
        .unwrap_or((text, 1));
    let number = whole(number.trim_end(), 0, u64::MAX)
        .map_err(|_| "is not a number of seconds".to_owned())?;
    number
        .checked_mul(unit)
        .filter(|seconds| (1..=most.as_secs()).contains(seconds))
        .map(Duration::from_secs)
        .ok_or_else(|| format!("is not between 1 and {} seconds", most.as_secs()))
}
