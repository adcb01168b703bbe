//! The one place where the server's time comes from.
//!
//! Two readings: the wall clock, which people and certificates use and which may jump, and a steady one for deadlines,
//! which never goes back. A test holds a clock of its own, sets it, and whoever sleeps by it wakes.

use jiff::Timestamp;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::watch;

/// A point of the steady reading: how long after the clock was made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Moment(Duration);

impl Moment {
    /// This much later; the last moment there is when that is beyond it.
    #[must_use]
    pub fn after(self, time: Duration) -> Self {
        Self(self.0.saturating_add(time))
    }

    /// How long before `self` the other was; zero when it was not.
    #[must_use]
    pub fn since(self, earlier: Self) -> Duration {
        self.0.saturating_sub(earlier.0)
    }
}

/// A clock; clones tell the same time.
#[derive(Clone, Debug)]
pub struct Clock(Arc<Source>);

#[derive(Debug)]
enum Source {
    System { began: Instant },
    Set(watch::Sender<Reading>),
}

#[derive(Clone, Copy, Debug)]
struct Reading {
    wall: Timestamp,
    steady: Duration,
}

impl Default for Clock {
    fn default() -> Self {
        Self::system()
    }
}

impl Clock {
    /// The system's.
    #[must_use]
    pub fn system() -> Self {
        Self(Arc::new(Source::System {
            began: Instant::now(),
        }))
    }

    /// One that stands at this time until [`Self::advance`] or [`Self::jump`] moves it.
    #[must_use]
    pub fn set_to(wall: Timestamp) -> Self {
        let steady = Duration::ZERO;
        Self(Arc::new(Source::Set(watch::Sender::new(Reading {
            wall,
            steady,
        }))))
    }

    /// The wall clock.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        match &*self.0 {
            Source::System { .. } => Timestamp::now(),
            Source::Set(reading) => reading.borrow().wall,
        }
    }

    /// The wall clock in whole seconds since 1970.
    #[must_use]
    pub fn seconds(&self) -> i64 {
        self.now().as_second()
    }

    /// The steady reading.
    #[must_use]
    pub fn moment(&self) -> Moment {
        Moment(match &*self.0 {
            Source::System { began } => began.elapsed(),
            Source::Set(reading) => reading.borrow().steady,
        })
    }

    /// Sleeps until this moment.
    pub async fn sleep_until(&self, moment: Moment) {
        match &*self.0 {
            Source::System { began } => match began.checked_add(moment.0) {
                Some(instant) => tokio::time::sleep_until(instant.into()).await,
                None => std::future::pending().await,
            },
            Source::Set(reading) => {
                let mut seen = reading.subscribe();
                // The sender is ours: it cannot be gone.
                if seen.wait_for(|r| r.steady >= moment.0).await.is_err() {
                    std::future::pending().await
                }
            }
        }
    }

    /// Sleeps this long.
    pub async fn sleep(&self, time: Duration) {
        self.sleep_until(self.moment().after(time)).await;
    }

    /// Lets time pass on a clock that was set; the system's goes by itself.
    pub fn advance(&self, time: Duration) {
        self.change(|reading| {
            reading.steady = reading.steady.saturating_add(time);
            if let Ok(time) = jiff::SignedDuration::try_from(time)
                && let Ok(wall) = reading.wall.checked_add(time)
            {
                reading.wall = wall;
            }
        });
    }

    /// Sets the wall clock of a clock that was set, as an administrator or a time service does; no time passes.
    pub fn jump(&self, wall: Timestamp) {
        self.change(|reading| reading.wall = wall);
    }

    fn change(&self, change: impl FnOnce(&mut Reading)) {
        if let Source::Set(reading) = &*self.0 {
            reading.send_modify(change);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn who_sleeps_by_a_set_clock_wakes_when_it_is_time() {
        let clock = Clock::set_to(Timestamp::UNIX_EPOCH);
        let end = clock.moment().after(Duration::from_secs(60));
        let sleeper = tokio::spawn({
            let clock = clock.clone();
            async move { clock.sleep_until(end).await }
        });
        clock.advance(Duration::from_secs(59));
        tokio::task::yield_now().await;
        assert!(!sleeper.is_finished());
        clock.advance(Duration::from_secs(1));
        sleeper.await.expect("the sleeper wakes");
        assert_eq!(clock.seconds(), 60);
    }

    #[test]
    fn a_jump_of_the_wall_clock_lets_no_time_pass() {
        let clock = Clock::set_to(Timestamp::UNIX_EPOCH);
        let before = clock.moment();
        clock.jump(Timestamp::MAX);
        assert_eq!(clock.moment(), before);
        clock.advance(Duration::from_secs(5));
        assert_eq!(clock.moment().since(before), Duration::from_secs(5));
        assert_eq!(clock.now(), Timestamp::MAX);
    }
}
