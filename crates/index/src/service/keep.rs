//! Keeping the Index as a service of the system: one process that stays, and indexes whenever that is configured and
//! wanted.
//!
//! A service manager starts and ends a process; whether to index is said with `cordon index start` and `stop` and by a
//! configuration. So the process outlives each answer to that question: it waits without indexing, and without the lock
//! that says so. What was ended by one of its own limits rests for a while and goes on then, or as soon as somebody asks
//! for it. A failure ends it, for the service manager to begin anew.

use super::{Ended, ServiceError, index, process};
use crate::config::{ConfigStore, Current};
use crate::home::Home;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// How long what ended by one of its own limits is left alone.
pub const REST: Duration = Duration::from_secs(1800);
/// Between two looks at what is wanted, when nothing is done.
const LOOK: Duration = Duration::from_secs(1);
/// Between two looks at whether to end.
const BEAT: Duration = Duration::from_millis(100);

/// Keeps the Index in this home until `stop` is set. A process that somebody else started in it is ended first.
///
/// # Errors
/// [`ServiceError`].
pub fn keep(home: &Home, stop: &Arc<AtomicBool>) -> Result<(), ServiceError> {
    keep_resting(home, stop, REST)
}

fn keep_resting(home: &Home, stop: &Arc<AtomicBool>, rest: Duration) -> Result<(), ServiceError> {
    home.make()?;
    // Before the lock: once it is held, whoever indexes counts as this service.
    process::stop(home)?;
    let _service = home.lock_service()?;
    while !stop.load(Ordering::Relaxed) {
        if !home.wanted() || !configured(home) {
            wait(stop, LOOK, || false);
            continue;
        }
        let asked = home.wanted_since();
        if index(home, stop)? == Ended::Limit {
            wait(stop, rest, || home.wanted_since() != asked);
        }
    }
    Ok(())
}

/// One that cannot be read is the affair of the process that indexes, which says so in its log.
fn configured(home: &Home) -> bool {
    !matches!(
        ConfigStore::new(home.folder()).current(),
        Ok(Current::Missing | Current::Sample)
    )
}

fn wait(stop: &AtomicBool, time: Duration, news: impl Fn() -> bool) {
    let until = Instant::now() + time;
    while !stop.load(Ordering::Relaxed) && !news() {
        let left = until.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return;
        }
        std::thread::sleep(left.min(BEAT));
    }
}
