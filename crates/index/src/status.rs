//! What the Index on this endpoint is doing: a closed list of states, with progress.
//!
//! The indexing process keeps `status.json` in its [`Home`]; whoever asks reads it and looks whether that process still
//! lives, so a killed process never passes for a working one.

use crate::config::{ConfigStore, Current};
use crate::ground;
use crate::home::{Home, HomeError};
use crate::throttle::{Room, SpaceGuard};
use serde::{Deserialize, Serialize};

/// The states, in the words that the sensor Index Status shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum State {
    /// Nothing of the Index is on this endpoint.
    #[serde(rename = "Not Installed")]
    NotInstalled,
    /// There is no `config.ini`, or just the sample.
    #[serde(rename = "Missing Config File")]
    MissingConfigFile,
    /// Configured, and no process indexes.
    #[serde(rename = "Not Running")]
    NotRunning,
    /// Stopped by an administrator.
    #[serde(rename = "Stopped")]
    Stopped,
    /// Opening its database.
    #[serde(rename = "Starting")]
    Starting,
    /// First inventory.
    #[serde(rename = "Indexing")]
    Indexing,
    /// Inventory from nothing because the database could not be used.
    #[serde(rename = "Performing Reindexing")]
    Reindexing,
    /// Walk that finds what changed meanwhile.
    #[serde(rename = "Checking For Changes")]
    Checking,
    /// Reading files.
    #[serde(rename = "Hashing")]
    Hashing,
    /// Everything is done; changes are seen as they happen.
    #[serde(rename = "Monitoring")]
    Monitoring,
    /// Everything is done; changes are found by the next walk.
    #[serde(rename = "Waiting For Rescan")]
    Waiting,
    /// Everything is done but for a folder of the configuration that is not there.
    #[serde(rename = "Waiting For Folder")]
    WaitingForFolder,
    /// On battery, and configured to rest there.
    #[serde(rename = "Paused On Battery")]
    PausedOnBattery,
    /// Used more processor time than allowed too often.
    #[serde(rename = "Stopped After CPU Violations")]
    CpuViolations,
    /// Less free space than the Index leaves to others.
    #[serde(rename = "Low Disk Space")]
    LowDiskSpace,
    /// The database failed; see the detail.
    #[serde(rename = "Database Error")]
    DatabaseError,
    /// The database is of a version that cannot hold what this program records.
    #[serde(rename = "Delete Index Database To Enable Hard Link Tracking")]
    OldDatabase,
}

impl State {
    /// All of them.
    pub const ALL: [Self; 17] = [
        Self::NotInstalled,
        Self::MissingConfigFile,
        Self::NotRunning,
        Self::Stopped,
        Self::Starting,
        Self::Indexing,
        Self::Reindexing,
        Self::Checking,
        Self::Hashing,
        Self::Monitoring,
        Self::Waiting,
        Self::WaitingForFolder,
        Self::PausedOnBattery,
        Self::CpuViolations,
        Self::LowDiskSpace,
        Self::DatabaseError,
        Self::OldDatabase,
    ];

    /// As shown.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::NotInstalled => "Not Installed",
            Self::MissingConfigFile => "Missing Config File",
            Self::NotRunning => "Not Running",
            Self::Stopped => "Stopped",
            Self::Starting => "Starting",
            Self::Indexing => "Indexing",
            Self::Reindexing => "Performing Reindexing",
            Self::Checking => "Checking For Changes",
            Self::Hashing => "Hashing",
            Self::Monitoring => "Monitoring",
            Self::Waiting => "Waiting For Rescan",
            Self::WaitingForFolder => "Waiting For Folder",
            Self::PausedOnBattery => "Paused On Battery",
            Self::CpuViolations => "Stopped After CPU Violations",
            Self::LowDiskSpace => "Low Disk Space",
            Self::DatabaseError => "Database Error",
            Self::OldDatabase => "Delete Index Database To Enable Hard Link Tracking",
        }
    }

    /// Whether the state stands although the process that wrote it ended.
    const fn outlives_its_process(self) -> bool {
        matches!(
            self,
            Self::CpuViolations | Self::LowDiskSpace | Self::DatabaseError | Self::OldDatabase
        )
    }
}

/// Seconds after which a status is old: it is written again every ten seconds at least.
const OLD: i64 = 60;

/// What the Index is doing, with progress.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Status {
    /// The state.
    pub state: State,
    /// More about it, for people: a reason, a count.
    #[serde(default)]
    pub detail: String,
    /// How far it is, in percent; `None` where nobody can know.
    #[serde(default)]
    pub percent: Option<f64>,
    /// Entries in the inventory, or met so far.
    #[serde(default)]
    pub entries: u64,
    /// Files hashed in this pass.
    #[serde(default)]
    pub hashed: u64,
    /// Files to hash in this pass.
    #[serde(default)]
    pub to_hash: u64,
    /// Files that wait to be read again: they changed lately, or could not be read when that was tried.
    #[serde(default)]
    pub waiting: u64,
    /// Version of the program that indexes.
    #[serde(default)]
    pub version: String,
    /// Process that indexes; 0 for none.
    #[serde(default)]
    pub pid: u32,
    /// When this was written: seconds since 1970.
    #[serde(default)]
    pub at: i64,
    /// File systems whose changes are not seen as they happen, with the reason.
    #[serde(default)]
    pub not_watched: Vec<String>,
}

impl Status {
    /// A state and nothing more.
    #[must_use]
    pub fn of(state: State, detail: impl Into<String>) -> Self {
        Self {
            state,
            detail: detail.into(),
            percent: None,
            entries: 0,
            hashed: 0,
            to_hash: 0,
            waiting: 0,
            version: env!("CARGO_PKG_VERSION").into(),
            pid: 0,
            at: 0,
            not_watched: Vec::new(),
        }
    }
}

/// What was written last, by a process that may be gone.
pub(crate) fn last(home: &Home) -> Option<Status> {
    let text = std::fs::read(home.status()).ok()?;
    serde_json::from_slice(&text).ok()
}

/// What the Index in this home is doing now.
///
/// # Errors
/// [`HomeError::Read`].
pub fn current(home: &Home) -> Result<Status, HomeError> {
    if !home.exists() {
        return Ok(Status::of(State::NotInstalled, ""));
    }
    let running = home.running()?;
    let written = last(home);
    // What a process wrote that was killed says nothing of the one that runs now. 0: its number is not known.
    if let (Some(pid), Some(status)) = (running, &written)
        && (pid == 0 || pid == status.pid)
    {
        return Ok(fresh(home, status.clone()));
    }
    let config = match ConfigStore::new(home.folder()).current() {
        Ok(Current::Config(config, _)) => config,
        Ok(Current::Missing) => return Ok(Status::of(State::MissingConfigFile, "")),
        Ok(Current::Sample) => {
            return Ok(Status::of(
                State::MissingConfigFile,
                "config.ini is the sample",
            ));
        }
        Err(error) => return Ok(Status::of(State::MissingConfigFile, error.to_string())),
    };
    // Who indexes says it; before that, nobody else would.
    let waits = || {
        let missing = ground::missing(&config.index_only);
        let texts: Vec<String> = missing.iter().map(ToString::to_string).collect();
        texts.join("; ")
    };
    if running.is_some() {
        let starting = Status::of(State::Starting, waits());
        return Ok(match written {
            Some(last) => fresh(
                home,
                Status {
                    entries: last.entries,
                    at: last.at,
                    ..starting
                },
            ),
            None => starting,
        });
    }
    if !home.wanted() {
        return Ok(stopped(written, &waits()));
    }
    match written {
        Some(status) if status.state.outlives_its_process() => Ok(Status { pid: 0, ..status }),
        Some(status) => Ok(Status {
            percent: None,
            pid: 0,
            detail: match waits() {
                missing if missing.is_empty() => format!("last: {}", status.state.name()),
                missing => format!("last: {}; {missing}", status.state.name()),
            },
            state: State::NotRunning,
            ..status
        }),
        None => Ok(Status::of(State::NotRunning, waits())),
    }
}

/// Stopped, with what it holds still: it can be asked all the same. `waits` is what it would wait for.
fn stopped(last: Option<Status>, waits: &str) -> Status {
    let last = last.unwrap_or_else(|| Status::of(State::Stopped, ""));
    let held = match jiff::Timestamp::from_second(last.at) {
        Ok(at) if last.entries > 0 => format!("holds what there was at {at}"),
        _ => String::new(),
    };
    let said = [held.as_str(), waits].into_iter().filter(|s| !s.is_empty());
    Status {
        state: State::Stopped,
        detail: said.collect::<Vec<_>>().join("; "),
        percent: None,
        pid: 0,
        ..last
    }
}

/// What was said, unless it is old and a full disk tells why nothing was said since.
fn fresh(home: &Home, status: Status) -> Status {
    let age = jiff::Timestamp::now().as_second().saturating_sub(status.at);
    if age < OLD || status.state == State::LowDiskSpace {
        return status;
    }
    let Room::Low(free) = SpaceGuard::new(home.folder()).room() else {
        return status;
    };
    Status {
        state: State::LowDiskSpace,
        detail: format!(
            "{free} bytes free; the status could not be written for {age} s, last: {}",
            status.state.name()
        ),
        percent: None,
        ..status
    }
}

/// Says what this process does.
///
/// # Errors
/// [`HomeError::Write`].
pub fn write(home: &Home, status: &Status) -> Result<(), HomeError> {
    let status = Status {
        pid: std::process::id(),
        at: jiff::Timestamp::now().as_second(),
        ..status.clone()
    };
    let text = serde_json::to_vec_pretty(&status).unwrap_or_default();
    home.replace_anyhow(&home.status(), &text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_their_stored_forms_agree() {
        for state in State::ALL {
            assert_eq!(
                serde_json::to_value(state).unwrap(),
                serde_json::json!(state.name())
            );
        }
    }

    #[test]
    fn states_without_a_process() {
        let folder = tempfile::tempdir().unwrap();
        let home = Home::new(folder.path().join("index"));
        let state = |home: &Home| current(home).unwrap().state;
        assert_eq!(state(&home), State::NotInstalled);
        home.make().unwrap();
        assert_eq!(state(&home), State::MissingConfigFile);
        let given = folder.path().join("given.ini");
        std::fs::write(&given, "CPUUsageLimit=5\n").unwrap();
        ConfigStore::new(home.folder()).install(&given).unwrap();
        assert_eq!(state(&home), State::NotRunning);
        home.set_wanted(false).unwrap();
        assert_eq!(state(&home), State::Stopped);
        // What it holds is told still.
        let last = Status {
            entries: 7,
            ..Status::of(State::Monitoring, "")
        };
        write(&home, &last).unwrap();
        let stopped = current(&home).unwrap();
        assert_eq!((stopped.state, stopped.entries), (State::Stopped, 7));
        assert!(stopped.detail.contains("holds what there was at 2"));
    }

    #[test]
    fn a_folder_that_is_not_there_is_named_before_anybody_indexes() {
        let folder = tempfile::tempdir().unwrap();
        let home = Home::new(folder.path().join("index"));
        home.make().unwrap();
        let gone = folder.path().join("gone");
        let config = format!("CPUUsageLimit=5\nIndexOnly={}\n", gone.display());
        std::fs::write(home.folder().join("config.ini"), config).unwrap();
        let named = |status: &Status| status.detail.contains(&gone.display().to_string());
        let status = current(&home).unwrap();
        assert!(status.state == State::NotRunning && named(&status));
        write(&home, &Status::of(State::Hashing, "")).unwrap();
        let status = current(&home).unwrap();
        assert!(status.detail.starts_with("last: Hashing; ") && named(&status));
        home.set_wanted(false).unwrap();
        let status = current(&home).unwrap();
        assert!(status.state == State::Stopped && named(&status));
        std::fs::create_dir(&gone).unwrap();
        assert_eq!(current(&home).unwrap().detail, "");
    }

    #[test]
    fn a_process_that_is_gone_does_not_pass_for_a_working_one() {
        let folder = tempfile::tempdir().unwrap();
        let home = Home::new(folder.path());
        std::fs::write(folder.path().join("config.ini"), "CPUUsageLimit=5\n").unwrap();
        write(&home, &Status::of(State::Hashing, "")).unwrap();
        assert_eq!(current(&home).unwrap().state, State::NotRunning);
        let lock = home.lock().unwrap();
        assert_eq!(current(&home).unwrap().state, State::Hashing);
        drop(lock);
        write(&home, &Status::of(State::LowDiskSpace, "")).unwrap();
        assert_eq!(current(&home).unwrap().state, State::LowDiskSpace);
    }

    #[test]
    fn a_process_that_just_started_does_not_pass_for_the_one_before() {
        let folder = tempfile::tempdir().unwrap();
        let home = Home::new(folder.path());
        std::fs::write(folder.path().join("config.ini"), "CPUUsageLimit=5\n").unwrap();
        let killed = Status {
            entries: 7,
            ..Status::of(State::Monitoring, "")
        };
        write(&home, &killed).unwrap();
        let text = std::fs::read_to_string(home.status()).unwrap();
        let mut said: Status = serde_json::from_str(&text).unwrap();
        said.pid += 1;
        std::fs::write(home.status(), serde_json::to_vec(&said).unwrap()).unwrap();
        let lock = home.lock().unwrap();
        let starting = current(&home).unwrap();
        assert_eq!((starting.state, starting.entries), (State::Starting, 7));
        write(&home, &killed).unwrap();
        assert_eq!(current(&home).unwrap().state, State::Monitoring);
        drop(lock);
    }
}
