//! Keeps the Index of this endpoint going where it is configured.
//!
//! Indexing is a process of its own, not a thread of the agent: it holds itself to a share of the processor, has an I/O
//! class and a log of its own, and what goes wrong in it does not take the endpoint's connection with it. The agent only
//! starts it, at its own start and whenever a look every half minute finds none. It does not end it: a first inventory
//! takes a while at a few percent of a processor, and an agent that is restarted or upgraded meanwhile must neither lose
//! that work nor miss the changes of the files in between. (A service manager that ends all processes of a service
//! together ends it too; then the walk at its next start finds what changed.) Only a process of another version than the
//! agent's is ended, and started anew from the agent's program, for it would write what the agent cannot read.
//!
//! A process that ended by one of its own limits, or that ends again and again, is left alone for half an hour.
//!
//! Where a service of the system keeps the Index (`cordon index service`, a unit of its own with the rights that watching
//! needs), the agent starts and ends nothing, whether that service runs or not.

use index::config::{ConfigStore, Current};
use index::home::{Home, Service};
use index::service::{self, ServiceError, Started};
use index::status::{self, State};
use std::convert::Infallible;
use std::fmt::Debug;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tracing::{info, warn};

/// Between two looks.
pub const INTERVAL: Duration = Duration::from_secs(30);
/// How long what failed is left alone.
pub const BACK_OFF: Duration = service::REST;
/// A process that lived for so long did not fail at its start.
const HELD: Duration = Duration::from_secs(300);

/// What a look found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Look {
    /// There is a configuration that is not the sample.
    pub configured: bool,
    /// No administrator stopped it.
    pub wanted: bool,
    /// A service of the system keeps it.
    pub kept: bool,
    /// A process indexes; the version it says it has, empty before it said so.
    pub running: Option<String>,
    /// When the last process ended by one of its own limits: seconds since 1970.
    pub gave_up: Option<i64>,
}

/// The indexing process, as far as the agent has to do with it.
pub trait Indexer: Debug + Send + Sync + 'static {
    /// How things stand.
    ///
    /// # Errors
    /// [`ServiceError`].
    fn look(&self) -> Result<Look, ServiceError>;

    /// Starts it, unless it runs.
    ///
    /// # Errors
    /// [`ServiceError`].
    fn start(&self) -> Result<Started, ServiceError>;

    /// Ends it.
    ///
    /// # Errors
    /// [`ServiceError`].
    fn stop(&self) -> Result<(), ServiceError>;
}

/// The process that `program index run` is.
#[derive(Clone, Debug)]
pub struct Native {
    home: Home,
    program: PathBuf,
}

impl Native {
    /// In the Index folder of the agent with this state folder.
    #[must_use]
    pub fn new(state_dir: &Path, program: PathBuf) -> Self {
        Self {
            home: Home::of_agent(state_dir),
            program,
        }
    }
}

impl Indexer for Native {
    fn look(&self) -> Result<Look, ServiceError> {
        let current = ConfigStore::new(self.home.folder()).current();
        let mut look = Look {
            // One that cannot be read is reported by Index Status.
            configured: matches!(current, Ok(Current::Config(..))),
            wanted: self.home.wanted(),
            kept: self.home.service()? != Service::None,
            ..Look::default()
        };
        let pid = self.home.running()?;
        let status = status::current(&self.home)?;
        match pid {
            Some(pid) => {
                // What a process before it wrote is not about this one.
                let said = status.pid == pid;
                look.running = Some(if said { status.version } else { String::new() });
            }
            None => {
                let limit = matches!(
                    status.state,
                    State::CpuViolations
                        | State::LowDiskSpace
                        | State::DatabaseError
                        | State::OldDatabase
                );
                look.gave_up = limit.then_some(status.at);
            }
        }
        Ok(look)
    }

    fn start(&self) -> Result<Started, ServiceError> {
        service::start(&self.home, &self.program)
    }

    fn stop(&self) -> Result<(), ServiceError> {
        service::stop(&self.home).map(drop)
    }
}

/// What came of a look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Nothing is to run here.
    Idle,
    /// A service of the system looks after it.
    Kept,
    /// It runs.
    Runs,
    /// It was started.
    Started,
    /// It failed and is left alone for now.
    Rests,
    /// It could not be looked at, or not be started.
    Failed,
}

/// Decides at each look what to do.
#[derive(Debug)]
pub struct Keeper {
    indexer: Arc<dyn Indexer>,
    /// Version of the agent, which the process shall have too.
    version: &'static str,
    started: Option<Instant>,
    /// After the last start: the next one not before, and how long that wait was.
    rest: Option<(Instant, Duration)>,
    replaced: bool,
    told: String,
}

impl Keeper {
    /// For an agent of this version.
    #[must_use]
    pub fn new(indexer: Arc<dyn Indexer>, version: &'static str) -> Self {
        Self {
            indexer,
            version,
            started: None,
            rest: None,
            replaced: false,
            told: String::new(),
        }
    }

    /// Looks, and starts what is to run. `clock` is in seconds since 1970.
    pub fn look(&mut self, now: Instant, clock: i64) -> Outcome {
        let look = match self.indexer.look() {
            Ok(look) => look,
            Err(error) => return self.failed("cannot look after the Index", &error),
        };
        if !look.configured || !look.wanted {
            self.rest = None;
            return Outcome::Idle;
        }
        if look.kept {
            self.rest = None;
            return Outcome::Kept;
        }
        if let Some(version) = &look.running {
            let held = self
                .started
                .is_none_or(|started| now.saturating_duration_since(started) >= HELD);
            if held {
                self.rest = None;
            }
            if version.is_empty() || version == self.version || self.replaced {
                return Outcome::Runs;
            }
            // Once: whoever runs another version beside the agent's on purpose starts it again.
            self.replaced = true;
            info!(
                version,
                "the indexing process is of another version; it is replaced"
            );
            if let Err(error) = self.indexer.stop() {
                return self.failed("cannot end the indexing process", &error);
            }
            return self.start(now);
        }
        let rests = |at: i64| {
            // A clock that was set back must not make it rest for ever.
            (0..BACK_OFF.as_secs()).contains(&u64::try_from(clock - at).unwrap_or(u64::MAX))
        };
        if look.gave_up.is_some_and(rests) || self.rest.is_some_and(|(until, _)| now < until) {
            return Outcome::Rests;
        }
        self.start(now)
    }

    fn start(&mut self, now: Instant) -> Outcome {
        // The next start may follow at the next look, the one after it in twice the time, and so on.
        let wait = self
            .rest
            .map_or(INTERVAL / 2, |(_, wait)| (wait * 2).min(BACK_OFF));
        self.rest = Some((now + wait, wait));
        self.started = Some(now);
        match self.indexer.start() {
            Ok(Started::Already(_)) => Outcome::Runs,
            Ok(Started::Now(pid)) => {
                info!(pid, "indexing started");
                self.told.clear();
                Outcome::Started
            }
            Err(error) => self.failed("cannot start indexing", &error),
        }
    }

    /// Says in the log what failed, once in a row.
    fn failed(&mut self, what: &str, error: &ServiceError) -> Outcome {
        let text = format!("{what}: {}", crate::chain(error));
        if self.told != text {
            warn!("{text}");
            self.told = text;
        }
        Outcome::Failed
    }
}

/// Looks after the Index for as long as it is polled.
pub async fn keep(indexer: Option<Arc<dyn Indexer>>) -> Infallible {
    let Some(indexer) = indexer else {
        return std::future::pending().await;
    };
    let mut keeper = Some(Keeper::new(indexer, env!("CARGO_PKG_VERSION")));
    loop {
        if let Some(mut looking) = keeper.take() {
            // Starting waits for the process to say that it runs.
            let looked = tokio::task::spawn_blocking(move || {
                looking.look(Instant::now(), jiff::Timestamp::now().as_second());
                looking
            });
            match looked.await {
                Ok(looked) => keeper = Some(looked),
                Err(error) => warn!(%error, "the Index is not looked after any more"),
            }
        }
        tokio::time::sleep(INTERVAL).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::{Mutex, PoisonError};

    #[derive(Debug, Default)]
    struct Fake {
        look: Mutex<Look>,
        starts: Mutex<u32>,
        stops: Mutex<u32>,
        fails: bool,
    }

    impl Fake {
        fn set(&self, look: Look) {
            *self.look.lock().unwrap_or_else(PoisonError::into_inner) = look;
        }

        fn starts(&self) -> u32 {
            *self.starts.lock().unwrap_or_else(PoisonError::into_inner)
        }
    }

    impl Indexer for Fake {
        fn look(&self) -> Result<Look, ServiceError> {
            Ok(self
                .look
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .clone())
        }
        fn start(&self) -> Result<Started, ServiceError> {
            *self.starts.lock().unwrap_or_else(PoisonError::into_inner) += 1;
            if self.fails {
                return Err(ServiceError::EndedAtOnce("/somewhere".into()));
            }
            Ok(Started::Now(1))
        }
        fn stop(&self) -> Result<(), ServiceError> {
            *self.stops.lock().unwrap_or_else(PoisonError::into_inner) += 1;
            Ok(())
        }
    }

    fn ready() -> Look {
        Look {
            configured: true,
            wanted: true,
            ..Look::default()
        }
    }

    fn running(version: &str) -> Look {
        Look {
            running: Some(version.into()),
            ..ready()
        }
    }

    const NOW: i64 = 1_700_000_000;

    fn keeper(look: Look) -> (Arc<Fake>, Keeper, Instant) {
        let fake = Arc::new(Fake::default());
        fake.set(look);
        let keeper = Keeper::new(Arc::clone(&fake) as Arc<dyn Indexer>, "1.0");
        (fake, keeper, Instant::now())
    }

    #[test]
    fn starts_only_what_is_configured_and_wanted() {
        for (configured, wanted) in [(false, true), (true, false), (false, false)] {
            let (fake, mut keeper, start) = keeper(Look {
                configured,
                wanted,
                ..Look::default()
            });
            assert_eq!(keeper.look(start, NOW), Outcome::Idle);
            assert_eq!(fake.starts(), 0);
        }
        let (fake, mut keeper, start) = keeper(ready());
        assert_eq!(keeper.look(start, NOW), Outcome::Started);
        fake.set(running("1.0"));
        assert_eq!(keeper.look(start + INTERVAL, NOW), Outcome::Runs);
        assert_eq!(fake.starts(), 1);
    }

    #[test]
    fn what_a_service_keeps_is_neither_started_nor_ended() {
        for look in [ready(), running("0.9"), running("")] {
            let (fake, mut keeper, start) = keeper(Look { kept: true, ..look });
            assert_eq!(keeper.look(start, NOW), Outcome::Kept);
            assert_eq!(fake.starts(), 0);
            assert_eq!(*fake.stops.lock().expect("whole"), 0);
        }
    }

    #[test]
    fn a_process_that_ended_by_its_own_limit_rests_for_half_an_hour() {
        let half_hour = 1800;
        let (fake, mut keeper, start) = keeper(Look {
            gave_up: Some(NOW),
            ..ready()
        });
        for later in [0, 30, half_hour - 1] {
            assert_eq!(keeper.look(start, NOW + later), Outcome::Rests);
        }
        assert_eq!(keeper.look(start, NOW + half_hour), Outcome::Started);
        assert_eq!(fake.starts(), 1);
        // The clock was set back: nobody knows how long ago it was.
        let later = start + BACK_OFF;
        assert_eq!(keeper.look(later, NOW - 1), Outcome::Started);
    }

    #[test]
    fn a_process_that_ends_at_each_start_is_started_ever_more_rarely() {
        let fake = Arc::new(Fake {
            fails: true,
            ..Fake::default()
        });
        fake.set(ready());
        let mut keeper = Keeper::new(Arc::clone(&fake) as Arc<dyn Indexer>, "1.0");
        let start = Instant::now();
        let looks = |hours: u32, keeper: &mut Keeper, from: Instant| {
            for n in 0..hours * 120 {
                keeper.look(from + INTERVAL * n, NOW);
            }
        };
        looks(2, &mut keeper, start);
        let first = fake.starts();
        assert!((6..=12).contains(&first), "{first}");
        looks(2, &mut keeper, start + Duration::from_secs(7200));
        assert!((3..=5).contains(&(fake.starts() - first)));
    }

    #[test]
    fn a_process_that_held_is_started_again_at_the_next_look() {
        let (fake, mut keeper, start) = keeper(ready());
        for _ in 0..20 {
            keeper.look(start, NOW);
        }
        assert_eq!(fake.starts(), 1);
        fake.set(running("1.0"));
        assert_eq!(keeper.look(start + HELD, NOW), Outcome::Runs);
        fake.set(ready());
        assert_eq!(keeper.look(start + HELD + INTERVAL, NOW), Outcome::Started);
    }

    #[test]
    fn another_version_is_replaced_once() {
        let (fake, mut keeper, start) = keeper(running("0.9"));
        assert_eq!(keeper.look(start, NOW), Outcome::Started);
        assert_eq!(keeper.look(start + INTERVAL, NOW), Outcome::Runs);
        assert_eq!(
            (
                fake.starts(),
                *fake.stops.lock().unwrap_or_else(PoisonError::into_inner)
            ),
            (1, 1)
        );
        let (fake, mut keeper, start) = self::keeper(running(""));
        assert_eq!(keeper.look(start, NOW), Outcome::Runs);
        assert_eq!(fake.starts(), 0);
    }

    #[test]
    fn the_native_look_reads_the_folder() {
        let folder = tempfile::tempdir().expect("a folder");
        let native = Native::new(folder.path(), "/nowhere/cordon".into());
        let look = |native: &Native| native.look().expect("a look");
        assert!(!look(&native).configured);
        let home = Home::of_agent(folder.path());
        home.make().expect("made");
        std::fs::write(home.folder().join("config.ini"), "CPUUsageLimit=5\n").expect("written");
        assert_eq!(look(&native), ready());
        status::write(&home, &status::Status::of(State::LowDiskSpace, "")).expect("written");
        assert!(look(&native).gave_up.is_some());
        let lock = home.lock().expect("locked");
        let own = index::status::Status::of(State::Hashing, "").version;
        assert_eq!(look(&native), running(&own));
        // What another process wrote is not about this one.
        let text = std::fs::read_to_string(home.status()).expect("status");
        let text = text.replace(
            &format!("\"pid\": {}", std::process::id()),
            "\"pid\": 999999999",
        );
        std::fs::write(home.status(), text).expect("written");
        assert_eq!(look(&native), running(""));
        drop(lock);
        let service = home.lock_service().expect("locked");
        assert!(look(&native).kept);
        drop(service);
        // It is the service's, also while that does not run.
        assert!(look(&native).kept);
        std::fs::remove_file(home.folder().join("service.lock")).expect("removed");
        assert!(!look(&native).kept);
        home.set_wanted(false).expect("written");
        assert!(!look(&native).wanted);
        assert!(native.start().is_err());
    }
}
