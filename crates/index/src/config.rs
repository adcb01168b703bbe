//! The configuration of the Index: `config.ini`, one `Key=value` a line.
//!
//! Reading never fails. What is unknown or malformed is reported with its line and with the value used instead, and the
//! rest stays in force: an endpoint with one bad line must go on being indexed, and must say so. Lines that begin with
//! `;` or `#` are comments, keys are compared without regard to case, of a key given twice the last counts (the
//! `Exclude…` keys add up instead), section headers are reported and passed over.
//!
//! [`keys`] is the table behind everything, [`store`] keeps the versions on disk. The other modules of this crate only
//! take values from [`Config`]; [`Config::changes`] tells the engine what to do anew when the file has changed.

mod expressions;
pub mod keys;
mod sample;
pub mod store;
mod values;

pub use expressions::Expressions;
pub use keys::{KEYS, Key, Mark, Platform, Setting};
pub use sample::{MARKER, is_sample, render_sample};
pub use store::{ConfigStore, Current, Installed, StoreError, Version};
pub use values::{Hashes, Level};

use std::borrow::Cow;
use std::path::PathBuf;
use std::time::Duration;

/// Bytes of a configuration that are read.
pub const LARGEST: usize = 1 << 20;

/// Warnings that are kept; a file of nothing but mistakes does not fill the memory or the log.
pub const MOST_WARNINGS: usize = 200;

const MONTH: Duration = Duration::from_secs(30 * 86400);

/// The settings in force.
#[derive(Debug, Clone, PartialEq)]
pub struct Config {
    /// Percent of one processor; `None` for no limit.
    pub cpu_usage_limit: Option<f64>,
    /// Percent of one processor; `None` for no alarm.
    pub cpu_violation_threshold: Option<f64>,
    /// How long use above the threshold is tolerated.
    pub cpu_violation_interval: Duration,
    /// Violations after which to stop; 0 for never.
    pub stop_after_cpu_violations: u32,
    /// Write a stack sample at a violation.
    pub take_sample_on_cpu_violation: bool,
    /// Digests to calculate.
    pub hashes: Hashes,
    /// Only files smaller than this many bytes are hashed; `None` for all.
    pub max_size_to_hash: Option<u64>,
    /// Files between two looks at the throttle.
    pub file_indexes_per_throttle: u32,
    /// Blocks of 64 KiB between two looks at the throttle.
    pub file_hash_updates_per_throttle: u32,
    /// From the end of one hashing pass to the next.
    pub rescan_interval: Duration,
    /// Record permissions.
    pub scan_file_permissions: bool,
    /// Record changes as they happen.
    pub track_changes: bool,
    /// How much the log says.
    pub log_level: Level,
    /// Types of file systems to leave out; see [`Config::excludes_filesystem`].
    pub filesystem_types_to_exclude: Vec<String>,
    /// Between two readings of the recorder's events, where set.
    pub recorder_rescan_interval: Option<Duration>,
    /// Events of the recorder read at a time, where set.
    pub recorder_events_per_read: Option<u32>,
    /// Folder of the recorder, where set.
    pub recorder_directory: Option<PathBuf>,
    /// Paths left out of the index; see [`Config::excludes_indexing`].
    pub exclude_from_indexing: Expressions,
    /// Paths indexed but not hashed; see [`Config::excludes_hashing`].
    pub exclude_from_hashing: Expressions,
    /// Rest while on battery.
    pub pause_on_battery: bool,
    /// Folders to index; none for all local file systems.
    pub index_only: Vec<PathBuf>,
}

/// Something in the file that is not as it should be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Warning {
    /// Line, from 1; 0 where it concerns no single line.
    pub line: u32,
    /// The key as in [`KEYS`], or as written when it is not one of them.
    pub key: String,
    /// What is wrong, to be read after the key's name.
    pub message: String,
    /// What holds instead.
    pub used: String,
}

impl std::fmt::Display for Warning {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if self.line > 0 {
            write!(f, "line {}: ", self.line)?;
        }
        write!(f, "{} {}; {}", self.key, self.message, self.used)
    }
}

impl Default for Config {
    fn default() -> Self {
        Self::defaults(Platform::current())
    }
}

impl Config {
    /// What holds on a system when the file is empty.
    #[must_use]
    pub fn defaults(platform: Platform) -> Self {
        let mut config = Self {
            cpu_usage_limit: None,
            cpu_violation_threshold: None,
            cpu_violation_interval: Duration::ZERO,
            stop_after_cpu_violations: 0,
            take_sample_on_cpu_violation: false,
            hashes: Hashes::default(),
            max_size_to_hash: None,
            file_indexes_per_throttle: 0,
            file_hash_updates_per_throttle: 0,
            rescan_interval: Duration::ZERO,
            scan_file_permissions: false,
            track_changes: false,
            log_level: Level::default(),
            filesystem_types_to_exclude: Vec::new(),
            recorder_rescan_interval: None,
            recorder_events_per_read: None,
            recorder_directory: None,
            exclude_from_indexing: Expressions::default(),
            exclude_from_hashing: Expressions::default(),
            pause_on_battery: false,
            index_only: Vec::new(),
        };
        for key in &KEYS {
            let default = key.default_on(platform);
            if !default.is_empty() {
                let set = config.set(key.setting, default, 0);
                debug_assert_eq!(set, Ok(()), "default of {}", key.name);
            }
        }
        config
    }

    /// Reads a file for the system this program runs on.
    #[must_use]
    pub fn read(text: impl AsRef<[u8]>) -> (Self, Vec<Warning>) {
        Self::read_for(text, Platform::current())
    }

    /// Reads a file as a given system would.
    #[must_use]
    pub fn read_for(text: impl AsRef<[u8]>, platform: Platform) -> (Self, Vec<Warning>) {
        let mut reader = Reader {
            config: Self::defaults(platform),
            platform,
            seen: [0; KEYS.len()],
            warnings: Vec::new(),
            dropped: 0,
        };
        let bytes = text.as_ref();
        let (bytes, cut) = match bytes.get(..LARGEST) {
            Some(start) => (start, bytes.len() > LARGEST),
            None => (bytes, false),
        };
        let bytes = decode(bytes);
        for (line, text) in (1..).zip(lines(&bytes)) {
            reader.line(line, text);
        }
        reader.finish(cut)
    }

    /// Whether this path, and what is below it, stays out of the index.
    #[must_use]
    pub fn excludes_indexing(&self, path: &[u8]) -> bool {
        self.exclude_from_indexing.is_match(path)
    }

    /// Whether this file is not hashed because of its path.
    #[must_use]
    pub fn excludes_hashing(&self, path: &[u8]) -> bool {
        self.exclude_from_hashing.is_match(path)
    }

    /// Whether file systems of this type are left out.
    #[must_use]
    pub fn excludes_filesystem(&self, kind: &str) -> bool {
        self.filesystem_types_to_exclude
            .iter()
            .any(|name| name.eq_ignore_ascii_case(kind))
    }

    /// Whether a file of this size is not hashed because of its size.
    #[must_use]
    pub fn too_large_to_hash(&self, size: u64) -> bool {
        self.max_size_to_hash.is_some_and(|limit| size >= limit)
    }

    /// The names of the keys whose values differ.
    #[must_use]
    pub fn changes(&self, other: &Self) -> Vec<&'static str> {
        let differs = |key: &&Key| self.value(key.setting) != other.value(key.setting);
        KEYS.iter().filter(differs).map(|key| key.name).collect()
    }

    /// A value as text, in the form that reading takes; a line for each expression; empty where nothing is set.
    #[must_use]
    pub fn value(&self, setting: Setting) -> String {
        fn text<T: ToString>(value: Option<T>) -> String {
            value.map(|value| value.to_string()).unwrap_or_default()
        }
        fn list(expressions: &Expressions) -> String {
            expressions.iter().collect::<Vec<_>>().join("\n")
        }
        match setting {
            Setting::CpuUsageLimit => self
                .cpu_usage_limit
                .map_or_else(|| "none".into(), |limit| limit.to_string()),
            Setting::CpuViolationThreshold => text(self.cpu_violation_threshold),
            Setting::CpuViolationInterval => self.cpu_violation_interval.as_secs().to_string(),
            Setting::StopAfterCpuViolations => self.stop_after_cpu_violations.to_string(),
            Setting::TakeSampleOnCpuViolation => self.take_sample_on_cpu_violation.to_string(),
            Setting::HashesToCalculate => self.hashes.to_string(),
            Setting::MaxFileSizeToHash => self
                .max_size_to_hash
                .map_or_else(|| "none".into(), |b| (b >> 20).to_string()),
            Setting::FileIndexesPerThrottle => self.file_indexes_per_throttle.to_string(),
            Setting::FileHashUpdatesPerThrottle => self.file_hash_updates_per_throttle.to_string(),
            Setting::RescanInterval => self.rescan_interval.as_secs().to_string(),
            Setting::ScanFilePermissions => self.scan_file_permissions.to_string(),
            Setting::TrackChanges => self.track_changes.to_string(),
            Setting::LogLevel => self.log_level.to_string(),
            Setting::FilesystemTypesToExclude => self.filesystem_types_to_exclude.join(","),
            Setting::RecorderRescanInterval => {
                text(self.recorder_rescan_interval.map(|d| d.as_secs()))
            }
            Setting::RecorderEventsPerRead => text(self.recorder_events_per_read),
            Setting::RecorderDirectory => {
                text(self.recorder_directory.as_ref().map(|path| path.display()))
            }
            Setting::ExcludeFromIndexing => list(&self.exclude_from_indexing),
            Setting::ExcludeFromHashing => list(&self.exclude_from_hashing),
            Setting::PauseOnBattery => self.pause_on_battery.to_string(),
            Setting::IndexOnly => {
                let folders = self
                    .index_only
                    .iter()
                    .map(|folder| folder.to_string_lossy());
                folders.collect::<Vec<_>>().join(",")
            }
        }
    }

    /// Sets one value; the message says what is wrong with it, to be read after the key's name.
    fn set(&mut self, setting: Setting, text: &str, line: u32) -> Result<(), String> {
        let number = |least: u32, most: u32| {
            let value = values::whole(text, least.into(), most.into())?;
            Ok::<u32, String>(u32::try_from(value).unwrap_or(most))
        };
        match setting {
            Setting::CpuUsageLimit => self.cpu_usage_limit = values::percent(text, 1.0, 100.0)?,
            Setting::CpuViolationThreshold => {
                self.cpu_violation_threshold =
                    unless_empty(text, |text| values::percent(text, 1.0, 6400.0))?.flatten();
            }
            Setting::CpuViolationInterval => {
                self.cpu_violation_interval = values::duration(text, MONTH)?
            }
            Setting::StopAfterCpuViolations => {
                self.stop_after_cpu_violations = number(0, u32::MAX)?
            }
            Setting::TakeSampleOnCpuViolation => {
                self.take_sample_on_cpu_violation = values::flag(text)?
            }
            Setting::HashesToCalculate => self.hashes = text.parse()?,
            Setting::MaxFileSizeToHash => {
                self.max_size_to_hash = match text.eq_ignore_ascii_case("none") {
                    true => None,
                    false => Some(values::whole(text, 1, 1 << 40)? << 20),
                };
            }
            Setting::FileIndexesPerThrottle => {
                self.file_indexes_per_throttle = number(1, 10_000_000)?
            }
            Setting::FileHashUpdatesPerThrottle => {
                self.file_hash_updates_per_throttle = number(1, 10_000_000)?
            }
            Setting::RescanInterval => self.rescan_interval = values::duration(text, MONTH)?,
            Setting::ScanFilePermissions => self.scan_file_permissions = values::flag(text)?,
            Setting::TrackChanges => self.track_changes = values::flag(text)?,
            Setting::LogLevel => self.log_level = text.parse()?,
            Setting::FilesystemTypesToExclude => {
                self.filesystem_types_to_exclude = filesystem_types(text)?
            }
            Setting::RecorderRescanInterval => {
                self.recorder_rescan_interval =
                    unless_empty(text, |text| values::duration(text, MONTH))?;
            }
            Setting::RecorderEventsPerRead => {
                self.recorder_events_per_read = unless_empty(text, |_| number(1, 10_000_000))?;
            }
            Setting::RecorderDirectory => self.recorder_directory = unless_empty(text, directory)?,
            Setting::ExcludeFromIndexing => self.exclude_from_indexing.add(line, text)?,
            Setting::ExcludeFromHashing => self.exclude_from_hashing.add(line, text)?,
            Setting::PauseOnBattery => self.pause_on_battery = values::flag(text)?,
            Setting::IndexOnly => {
                let folders = text.split(',').map(str::trim).filter(|f| !f.is_empty());
                self.index_only = folders.map(directory).collect::<Result<_, _>>()?;
            }
        }
        Ok(())
    }
}

fn unless_empty<T>(
    text: &str,
    read: impl FnOnce(&str) -> Result<T, String>,
) -> Result<Option<T>, String> {
    (!text.is_empty()).then(|| read(text)).transpose()
}

fn directory(text: &str) -> Result<PathBuf, String> {
    // Absolute by the rules of either family: the same file may be looked at elsewhere than where it is used.
    let bytes = text.as_bytes();
    let drive = bytes.first().is_some_and(u8::is_ascii_alphabetic) && bytes.get(1) == Some(&b':');
    if bytes.contains(&0) || !(drive || bytes.starts_with(b"/") || bytes.starts_with(br"\\")) {
        return Err("is not an absolute path".into());
    }
    Ok(PathBuf::from(text))
}

fn filesystem_types(text: &str) -> Result<Vec<String>, String> {
    let types: Vec<String> = values::words(text).map(str::to_owned).collect();
    let sound = |name: &String| {
        name.len() <= 64
            && name
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b"._-+".contains(&b))
    };
    if types.len() > 256 || !types.iter().all(sound) {
        return Err("is not a list of file system types separated by commas".into());
    }
    Ok(types)
}

/// UTF-8 without its mark, or UTF-16 as some editors on Windows write it, told by its mark.
fn decode(bytes: &[u8]) -> Cow<'_, [u8]> {
    let wide = |bytes: &[u8], unit: fn([u8; 2]) -> u16| {
        let (pairs, _) = bytes.as_chunks::<2>();
        let units: Vec<u16> = pairs.iter().map(|pair| unit(*pair)).collect();
        Cow::Owned(String::from_utf16_lossy(&units).into_bytes())
    };
    match bytes {
        [0xEF, 0xBB, 0xBF, rest @ ..] => Cow::Borrowed(rest),
        [0xFF, 0xFE, rest @ ..] => wide(rest, u16::from_le_bytes),
        [0xFE, 0xFF, rest @ ..] => wide(rest, u16::from_be_bytes),
        _ => Cow::Borrowed(bytes),
    }
}

/// Lines ended by LF, CR LF or CR.
fn lines(bytes: &[u8]) -> impl Iterator<Item = &[u8]> {
    bytes.split(|b| *b == b'\n').flat_map(|line| {
        line.strip_suffix(b"\r")
            .unwrap_or(line)
            .split(|b| *b == b'\r')
    })
}

/// Foreign text for a message: short, on one line, without anything that acts on a terminal.
fn shown(text: &str) -> String {
    const MOST: usize = 60;
    let mut out: String = text
        .chars()
        .take(MOST)
        .flat_map(char::escape_debug)
        .collect();
    if text.chars().nth(MOST).is_some() {
        out.push('…');
    }
    out
}

/// The state of reading one file.
struct Reader {
    config: Config,
    platform: Platform,
    /// The line on which each key was set, 0 for not yet.
    seen: [u32; KEYS.len()],
    warnings: Vec<Warning>,
    dropped: usize,
}

impl Reader {
    fn warn(&mut self, line: u32, key: &str, message: impl Into<String>, used: impl Into<String>) {
        if self.warnings.len() >= MOST_WARNINGS {
            self.dropped += 1;
            return;
        }
        self.warnings.push(Warning {
            line,
            key: key.to_owned(),
            message: message.into(),
            used: used.into(),
        });
    }

    fn line(&mut self, number: u32, bytes: &[u8]) {
        const PASSED_OVER: &str = "the line is passed over";
        let Ok(text) = std::str::from_utf8(bytes) else {
            let start = String::from_utf8_lossy(bytes);
            let name = start.split('=').next().unwrap_or_default().trim();
            return self.warn(
                number,
                &shown(name),
                "is on a line that is not UTF-8",
                PASSED_OVER,
            );
        };
        let text = text.trim();
        if text.is_empty() || text.starts_with([';', '#']) {
            return;
        }
        if text.starts_with('[') {
            return self.warn(
                number,
                &shown(text),
                "begins a section, and there are none here",
                PASSED_OVER,
            );
        }
        let Some((name, value)) = text.split_once('=') else {
            return self.warn(number, &shown(text), "has no = after the key", PASSED_OVER);
        };
        let (name, value) = (name.trim(), value.trim());
        let Some((at, key)) = KEYS
            .iter()
            .enumerate()
            .find(|(_, key)| key.name.eq_ignore_ascii_case(name))
        else {
            return self.warn(
                number,
                &shown(name),
                "is not a key of this file",
                PASSED_OVER,
            );
        };
        self.key(number, at, key, value);
    }

    fn key(&mut self, number: u32, at: usize, key: &'static Key, value: &str) {
        let expression = matches!(
            key.setting,
            Setting::ExcludeFromIndexing | Setting::ExcludeFromHashing
        );
        if !key.applies(self.platform) {
            let used = format!("{} is used", or_nothing(key.absent));
            return self.warn(
                number,
                key.name,
                format!("has no meaning on {}", self.platform.name()),
                used,
            );
        }
        let value = if expression { value } else { bare(value) };
        let before = if expression {
            String::new()
        } else {
            self.config.value(key.setting)
        };
        let outcome = self.config.set(key.setting, value, number);
        let first = self.seen.get(at).copied().unwrap_or(0);
        if let Err(problem) = outcome {
            let message = format!("{problem}: {}", or_nothing(&shown(value)));
            let used = match expression {
                true => "the other expressions stay in force".to_owned(),
                false if first > 0 => {
                    format!("{} from line {first} is used", or_nothing(&shown(&before)))
                }
                false => format!("the default is used: {}", or_nothing(&before)),
            };
            return self.warn(number, key.name, message, used);
        }
        if first > 0 && !expression {
            let used = format!("{} is used", or_nothing(&shown(value)));
            self.warn(
                number,
                key.name,
                format!("is set on line {first} already"),
                used,
            );
        }
        if let Some(seen) = self.seen.get_mut(at) {
            *seen = number;
        }
        if key.mark(self.platform) == Mark::No {
            let message = format!("is usual on macOS only, not on {}", self.platform.name());
            self.warn(
                number,
                key.name,
                message,
                format!("{} is used", or_nothing(&shown(value))),
            );
        }
    }

    fn finish(mut self, cut: bool) -> (Config, Vec<Warning>) {
        for setting in [Setting::ExcludeFromIndexing, Setting::ExcludeFromHashing] {
            let (list, name) = match setting {
                Setting::ExcludeFromIndexing => (
                    &mut self.config.exclude_from_indexing,
                    "ExcludeFromIndexing",
                ),
                _ => (&mut self.config.exclude_from_hashing, "ExcludeFromHashing"),
            };
            for (line, source) in list.compile() {
                let message = format!(
                    "finds no room in what all expressions together may take: {}",
                    shown(&source)
                );
                self.warn(line, name, message, "the other expressions stay in force");
            }
        }
        if cut {
            let message = format!("is longer than {LARGEST} bytes");
            self.warn(0, "The file", message, "what is beyond is passed over");
        }
        if self.dropped > 0 {
            let message = format!("has {} more mistakes", self.dropped);
            self.warnings.push(Warning {
                line: 0,
                key: "The file".into(),
                message,
                used: "they are not listed".into(),
            });
        }
        (self.config, self.warnings)
    }
}

/// A value without a comment after it (a blank, then `;` or `#`) and without quotes around it.
fn bare(value: &str) -> &str {
    let comment =
        value
            .char_indices()
            .zip(value.chars().skip(1))
            .find_map(|((at, blank), mark)| {
                (blank.is_whitespace() && matches!(mark, ';' | '#')).then_some(at)
            });
    let value = comment
        .and_then(|at| value.get(..at))
        .unwrap_or(value)
        .trim();
    value
        .strip_prefix('"')
        .and_then(|rest| rest.strip_suffix('"'))
        .unwrap_or(value)
}

fn or_nothing(text: &str) -> &str {
    if text.is_empty() { "nothing" } else { text }
}
