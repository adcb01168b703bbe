//! Runs sensors side by side, each on a thread of its own, and answers for them when they do not come back.
//!
//! One lock guards what runs, what hangs and the cache of rows. Equal runs are shared: a hundred questions for the same
//! processes read them once. A run that is still going a moment after its wall time counts as hanging: whoever waits gets
//! "timed out", its place goes to another, and its sensor is refused until the thread comes back. A thread cannot be
//! killed safely, only be told to stop; that is why they are counted.

use super::cache::{BUDGET, Cache, Key};
use super::source::Sensors;
use crate::vitals::RunTimes;
use answer::State;
use question::Row;
use question::catalogue::Limits;
use sensors::framework::{HostFacts, Request};
use std::collections::HashMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Sensors that run at once; hanging ones do not count.
const MAX_RUNNING: usize = 8;
/// What a run may take beyond its wall time before it counts as hanging: time to notice the limit and hand in its rows.
const GRACE: Duration = Duration::from_millis(500);
const STACK: usize = 2 << 20;

/// Gives the facts that sensors cannot find by themselves, as they are now.
pub type Facts = Arc<dyn Fn() -> HostFacts + Send + Sync>;

/// Rows of a run, and why they are not all.
#[derive(Clone, Debug)]
pub struct Ran {
    /// Rows found.
    pub rows: Arc<Vec<Row>>,
    /// States and words, when these are not all rows or not whole ones.
    pub problems: Vec<(State, String)>,
}

impl Ran {
    fn failed(state: State, message: impl Into<String>) -> Self {
        Self {
            rows: Arc::default(),
            problems: vec![(state, message.into())],
        }
    }

    /// The gravest of its problems.
    #[must_use]
    pub fn state(&self) -> Option<State> {
        self.problems.iter().map(|(state, _)| *state).min()
    }
}

/// What to run.
#[derive(Clone, Debug)]
pub struct Call {
    /// Canonical name and parameters.
    pub key: Key,
    /// Rows gathered within this time may serve; zero runs the sensor anew.
    pub max_age: Duration,
    /// How long the rows of this run may serve others.
    pub keep_for: Duration,
    /// Limits of the run.
    pub limits: Limits,
}

/// A run that was asked for.
#[derive(Debug)]
pub enum Ticket {
    /// The outcome is there.
    Ready(Ran),
    /// It runs.
    Flight {
        /// Its number.
        id: u64,
        /// Whether its limits are those asked for.
        own_limits: bool,
    },
}

struct Flight {
    key: Key,
    deadline: Instant,
    limits: Limits,
    cancelled: Arc<AtomicBool>,
    /// Tickets that wait for it.
    waiting: usize,
    outcome: Option<Ran>,
}

struct Shared {
    flights: HashMap<u64, Flight>,
    /// The youngest flight of each key.
    joinable: HashMap<Key, u64>,
    hanging: HashMap<String, u32>,
    running: usize,
    next: u64,
    cache: Cache,
    run_times: RunTimes,
}

/// See the module.
pub struct Runner {
    sensors: Arc<dyn Sensors>,
    facts: Facts,
    shared: Mutex<Shared>,
    changed: Condvar,
}

impl Runner {
    /// A runner over these sensors.
    #[must_use]
    pub fn new(sensors: Arc<dyn Sensors>, facts: Facts) -> Arc<Self> {
        Arc::new(Self {
            sensors,
            facts,
            shared: Mutex::new(Shared {
                flights: HashMap::new(),
                joinable: HashMap::new(),
                hanging: HashMap::new(),
                running: 0,
                next: 0,
                cache: Cache::new(BUDGET),
                run_times: RunTimes::default(),
            }),
            changed: Condvar::new(),
        })
    }

    /// The sensors it runs.
    #[must_use]
    pub fn sensors(&self) -> &Arc<dyn Sensors> {
        &self.sensors
    }

    /// Starts a run, or joins an equal one, or takes rows from the cache. Waits for a free place.
    pub fn begin(self: &Arc<Self>, call: &Call, cancelled: &AtomicBool) -> Ticket {
        let give_up = Instant::now() + call.limits.wall;
        let mut shared = self.lock();
        loop {
            let now = Instant::now();
            if cancelled.load(Ordering::Relaxed) {
                return Ticket::Ready(Ran::failed(State::Cancelled, "cancelled"));
            }
            if let Some(rows) = shared.cache.get(&call.key, call.max_age, now) {
                return Ticket::Ready(Ran {
                    rows,
                    problems: Vec::new(),
                });
            }
            if !call.max_age.is_zero()
                && let Some(id) = shared.joinable.get(&call.key).copied()
                && let Some(flight) = shared.flights.get_mut(&id)
                && flight.outcome.is_none()
                && !flight.cancelled.load(Ordering::Relaxed)
            {
                flight.waiting += 1;
                return Ticket::Flight {
                    id,
                    own_limits: flight.limits == call.limits,
                };
            }
            if shared.hanging.contains_key(&call.key.0) {
                return Ticket::Ready(Ran::failed(
                    State::TimedOut,
                    "an earlier run of this sensor still hangs; it is not run again until that one ends",
                ));
            }
            if shared.running < MAX_RUNNING {
                break;
            }
            if now >= give_up {
                return Ticket::Ready(Ran::failed(
                    State::TimedOut,
                    "other sensors took all places for the whole time limit",
                ));
            }
            self.sweep(&mut shared, now);
            let next_hang = shared
                .flights
                .values()
                .filter(|f| f.outcome.is_none())
                .map(|f| f.deadline)
                .min();
            let until = next_hang.map_or(give_up, |at| at.min(give_up));
            shared = self.wait_until(shared, until);
        }
        self.launch(&mut shared, call)
    }

    fn launch(self: &Arc<Self>, shared: &mut Shared, call: &Call) -> Ticket {
        let id = shared.next;
        shared.next += 1;
        let cancelled = Arc::new(AtomicBool::new(false));
        let started = Instant::now();
        let work = {
            let (runner, call) = (Arc::clone(self), call.clone());
            let cancelled = Arc::clone(&cancelled);
            move || {
                // Here, on the run's own thread: the facts ask others, under locks of theirs.
                let request = Request {
                    parameters: call.key.1.clone(),
                    host: Arc::new((runner.facts)()),
                };
                let run = || {
                    runner
                        .sensors
                        .run(&call.key.0, &request, call.limits, cancelled)
                };
                let ran = match catch_unwind(AssertUnwindSafe(run)) {
                    Ok(gathered) => Ran {
                        rows: Arc::new(gathered.rows),
                        problems: gathered.problems,
                    },
                    Err(_) => Ran::failed(
                        State::Error,
                        "the sensor broke down; the agent's log has more",
                    ),
                };
                runner.landed(id, &call, started, ran);
            }
        };
        let thread = std::thread::Builder::new()
            .name("sensor".into())
            .stack_size(STACK)
            .spawn(work);
        if let Err(error) = thread {
            let message = format!("no thread for the sensor: {error}");
            return Ticket::Ready(Ran::failed(State::Error, message));
        }
        shared.running += 1;
        shared.joinable.insert(call.key.clone(), id);
        shared.flights.insert(
            id,
            Flight {
                key: call.key.clone(),
                deadline: started + call.limits.wall + GRACE,
                limits: call.limits,
                cancelled,
                waiting: 1,
                outcome: None,
            },
        );
        Ticket::Flight {
            id,
            own_limits: true,
        }
    }

    /// A run came back, in time or after it had been given up.
    fn landed(&self, id: u64, call: &Call, started: Instant, ran: Ran) {
        let took = started.elapsed();
        let mut shared = self.lock();
        let outcome = ran.state().map_or("answered", State::words);
        shared.run_times.record(&call.key.0, took, outcome);
        if ran.problems.is_empty() {
            shared.cache.put(
                call.key.clone(),
                Arc::clone(&ran.rows),
                call.keep_for,
                started,
            );
        }
        match shared.flights.get_mut(&id) {
            Some(flight) if flight.outcome.is_none() => {
                flight.outcome = Some(ran);
                let unwanted = flight.waiting == 0;
                shared.running -= 1;
                shared.no_longer_joinable(id, &call.key);
                if unwanted {
                    shared.flights.remove(&id);
                }
            }
            _ => {
                tracing::info!(sensor = %call.key.0, ?took, "a hanging sensor came back");
                if let Some(count) = shared.hanging.get_mut(&call.key.0) {
                    *count -= 1;
                    if *count == 0 {
                        shared.hanging.remove(&call.key.0);
                    }
                }
            }
        }
        drop(shared);
        self.changed.notify_all();
    }

    /// Waits for a run: at most until it counts as hanging, or the order is cancelled.
    pub fn wait(&self, ticket: Ticket, cancelled: &AtomicBool) -> Ran {
        let id = match ticket {
            Ticket::Ready(ran) => return ran,
            Ticket::Flight { id, .. } => id,
        };
        let mut shared = self.lock();
        loop {
            self.sweep(&mut shared, Instant::now());
            let Some(flight) = shared.flights.get_mut(&id) else {
                return Ran::failed(State::Error, "the run was lost");
            };
            let outcome = if cancelled.load(Ordering::Relaxed) {
                Some(Ran::failed(State::Cancelled, "cancelled"))
            } else {
                flight.outcome.clone()
            };
            let deadline = flight.deadline;
            if let Some(ran) = outcome {
                flight.waiting -= 1;
                if flight.waiting == 0 {
                    // Nobody wants it any more: it stops at its next check.
                    flight.cancelled.store(true, Ordering::Relaxed);
                    if flight.outcome.is_some() {
                        shared.flights.remove(&id);
                    }
                }
                return ran;
            }
            shared = self.wait_until(shared, deadline);
        }
    }

    /// Gives up runs that are past their deadline.
    fn sweep(&self, shared: &mut Shared, now: Instant) {
        let mut given_up = Vec::new();
        for (id, flight) in &mut shared.flights {
            if flight.outcome.is_none() && now >= flight.deadline {
                flight.cancelled.store(true, Ordering::Relaxed);
                flight.outcome = Some(Ran::failed(
                    State::TimedOut,
                    format!(
                        "the sensor did not end within {:?} and does not react",
                        flight.limits.wall
                    ),
                ));
                given_up.push((*id, flight.key.clone(), flight.waiting == 0));
            }
        }
        for (id, key, unwanted) in &given_up {
            tracing::warn!(sensor = %key.0, "a sensor hangs; it is refused until it comes back");
            shared.running -= 1;
            *shared.hanging.entry(key.0.clone()).or_insert(0) += 1;
            shared.no_longer_joinable(*id, key);
            if *unwanted {
                shared.flights.remove(id);
            }
        }
        if !given_up.is_empty() {
            self.changed.notify_all();
        }
    }

    /// Wakes all that wait, so that they see that their order was cancelled.
    pub fn nudge(&self) {
        drop(self.lock());
        self.changed.notify_all();
    }

    /// Threads that hang.
    #[must_use]
    pub fn hanging(&self) -> u32 {
        let mut shared = self.lock();
        self.sweep(&mut shared, Instant::now());
        shared.hanging.values().sum()
    }

    /// Run times so far.
    #[must_use]
    pub fn run_times(&self) -> RunTimes {
        self.lock().run_times.clone()
    }

    /// Forgets cached rows that are too old; true when that freed something.
    pub fn expire_cache(&self) -> bool {
        self.lock().cache.expire(Instant::now())
    }

    fn wait_until<'a>(
        &'a self,
        shared: MutexGuard<'a, Shared>,
        until: Instant,
    ) -> MutexGuard<'a, Shared> {
        let wait = until.saturating_duration_since(Instant::now());
        self.changed
            .wait_timeout(shared, wait)
            .unwrap_or_else(PoisonError::into_inner)
            .0
    }

    fn lock(&self) -> MutexGuard<'_, Shared> {
        self.shared.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Shared {
    fn no_longer_joinable(&mut self, id: u64, key: &Key) {
        if self.joinable.get(key) == Some(&id) {
            self.joinable.remove(key);
        }
    }
}
