//! The indexing process of an endpoint: one round at its start, then changes as they happen, and a round at each rescan.
//!
//! It works alone in its [`Home`] under a lock: the agent, an administrator's `cordon index start` and a scheduled
//! action may all start it, and the second one finds it running. It notices a new configuration by itself, says in
//! `status.json` what it does, and ends when it is told to (SIGTERM, or `wanted` says so).
//!
//! Where a service of the system keeps the Index ([`mod@keep`]), that service alone starts and ends it; the others then say
//! what they want and leave the rest to it.

mod bell;
mod keep;
mod places;
mod process;
mod session;
mod watch;
mod watching;

pub use keep::{REST, keep};
pub use process::{Started, install_list, start, stop};

use crate::config::{Config, ConfigStore, Current};
use crate::home::{Home, HomeError, Service};
use crate::log::{Level, Log};
use crate::round::{Pacer, RoundError};
use crate::status::{self, State, Status};
use crate::store;
use crate::throttle::{self, NEEDED_TO_INSTALL, Room, SpaceGuard, Throttle};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// Between two looks at configuration, wish and status.
const BEAT: Duration = Duration::from_millis(500);

/// Between two looks whether a full disk has room again.
const LOW_SPACE: Duration = Duration::from_secs(5);

/// Failure of the indexing process.
#[derive(Debug, thiserror::Error)]
pub enum ServiceError {
    /// Its folder.
    #[error(transparent)]
    Home(#[from] HomeError),
    /// The configuration cannot be read.
    #[error(transparent)]
    Config(#[from] crate::config::StoreError),
    /// A round.
    #[error(transparent)]
    Round(#[from] RoundError),
    /// A list of hashes.
    #[error(transparent)]
    Match(#[from] crate::matching::MatchError),
    /// The program cannot be started.
    #[error("cannot start {}", .program.display())]
    Spawn {
        /// Which.
        program: std::path::PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// It was started and ended at once.
    #[error("the indexing process ended at once; its log in {} tells why", .0.display())]
    EndedAtOnce(std::path::PathBuf),
    /// The process does not end.
    #[error("process {0} was told to stop and still runs")]
    StillRuns(u32),
    /// It cannot be told.
    #[error("cannot tell process {pid} to stop")]
    Signal {
        /// Which.
        pid: u32,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// A service keeps the Index, and it does not run.
    #[error(
        "a service of the system keeps the Index in {}, and it does not run: start that service (on Linux with `systemctl start cordon-index`)", .0.display()
    )]
    ServiceDown(std::path::PathBuf),
    /// A thread cannot be started.
    #[error("cannot start a thread")]
    Thread(#[source] std::io::Error),
}

/// Why a session ended without failing.
enum End {
    /// The process is to end.
    Stop,
    /// There is another configuration.
    Reconfigured,
    /// The database was deleted or damaged: begin from nothing.
    Anew(String),
    /// Ended by one of its own limits.
    Limit(State, String),
}

/// Why the process ended without failing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ended {
    /// It was told to.
    Told,
    /// One of its own limits ended it.
    Limit,
}

/// Runs the indexing process in this home until `stop` is set or an administrator stops it.
///
/// # Errors
/// [`ServiceError`].
pub fn run(home: &Home, stop: &Arc<AtomicBool>) -> Result<(), ServiceError> {
    match home.service()? {
        Service::None => index(home, stop).map(drop),
        Service::Down => Err(ServiceError::ServiceDown(home.folder().to_owned())),
        Service::Up(pid) => Err(HomeError::Busy {
            path: home.folder().to_owned(),
            pid: Some(pid),
        }
        .into()),
    }
}

fn index(home: &Home, stop: &Arc<AtomicBool>) -> Result<Ended, ServiceError> {
    home.make()?;
    let _lock = home.lock()?;
    // Where the system refuses, the limit of processor time still holds.
    throttle::background().ok();
    // A log that cannot be written is no reason not to index.
    let log = Log::open_sooner_or_later(home.folder(), Level::Information);
    log.catch_panics();
    log.notice(
        "service",
        format_args!("indexing, version {}", env!("CARGO_PKG_VERSION")),
    );
    let outcome = sessions(home, stop, &log);
    match &outcome {
        Ok(_) => log.notice("service", "ended"),
        Err(error) => log.fatal("service", question::chain(error)),
    }
    outcome
}

fn sessions(home: &Home, stop: &Arc<AtomicBool>, log: &Log) -> Result<Ended, ServiceError> {
    let mut anew = false;
    while !ended(home, stop) {
        let configured = ConfigStore::new(home.folder()).current()?;
        let Current::Config(config, warnings) = configured else {
            say(home, log, &Status::of(State::MissingConfigFile, ""));
            rest(home, stop, BEAT);
            continue;
        };
        log.set_level(config.log_level);
        for warning in warnings {
            log.warning("config.ini", warning);
        }
        if !home.database().exists()
            && let Ok(Room::Low(free)) = SpaceGuard::new(home.folder()).can_install()
        {
            let detail = format!("{free} bytes free, {NEEDED_TO_INSTALL} needed to begin");
            log.critical("service", &detail);
            until_room(home, stop, log, &detail);
            continue;
        }
        match session::run(home, stop, log, Arc::new(*config), anew)? {
            End::Stop => break,
            End::Reconfigured => {
                log.notice(
                    "service",
                    "the configuration or the file systems are others now",
                );
                anew = false;
            }
            End::Anew(why) => {
                log.information("service", format_args!("{why}. Performing reindexing..."));
                store::delete(&home.database()).map_err(RoundError::Store)?;
                anew = true;
            }
            End::Limit(State::LowDiskSpace, detail) => {
                log.critical("service", format_args!("Low Disk Space: {detail}"));
                until_room(home, stop, log, &detail);
            }
            End::Limit(state, detail) => {
                log.critical("service", format_args!("{}: {detail}", state.name()));
                say(home, log, &Status::of(state, detail));
                return Ok(Ended::Limit);
            }
        }
    }
    // What it holds can be asked still.
    let ended = Status {
        entries: status::last(home).map_or(0, |last| last.entries),
        ..Status::of(State::NotRunning, "")
    };
    say(home, log, &ended);
    Ok(Ended::Told)
}

/// Says what is done, to whoever may ask. Where that cannot be written, the work goes on all the same.
fn say(home: &Home, log: &Log, status: &Status) {
    if let Err(error) = status::write(home, status) {
        log.warning("service", question::chain(&error));
    }
}

/// Waits until the disk has room again.
fn until_room(home: &Home, stop: &AtomicBool, log: &Log, detail: &str) {
    let low = Status::of(State::LowDiskSpace, detail);
    let room = SpaceGuard::new(home.folder());
    // What said so may have been another disk, that of temporary files, or a quota: then it is tried again.
    while !ended(home, stop) {
        // Again and again: who reads it takes what is old for what was not said.
        say(home, log, &low);
        rest(home, stop, LOW_SPACE);
        let free = match home.database().exists() {
            true => room.room(),
            false => room.can_install().unwrap_or(Room::Enough),
        };
        if free == Room::Enough {
            log.notice("service", "there is room again");
            return;
        }
    }
}

fn ended(home: &Home, stop: &AtomicBool) -> bool {
    stop.load(Ordering::Relaxed) || !home.wanted()
}

/// Waits this long, or until the process is to end.
fn rest(home: &Home, stop: &AtomicBool, time: Duration) {
    let until = std::time::Instant::now() + time;
    while !ended(home, stop) {
        let left = until.saturating_duration_since(std::time::Instant::now());
        if left.is_zero() {
            return;
        }
        std::thread::sleep(left.min(Duration::from_millis(100)));
    }
}

/// The pace of work done at once: by its configuration's limit.
#[must_use]
pub fn pacer_of(config: &Config) -> Pacer {
    let throttle = Throttle::from_config(config);
    Arc::new(move || throttle.pace())
}
