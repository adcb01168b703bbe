//! Manners: holding the process to its share of the processor, and what else makes it unnoticed.
//!
//! Every thread that works calls [`Throttle::pace`] between stretches of work. One account serves them all: it gains
//! processor time at the rate of the limit and loses what the whole process has used, as the system counts it, so that
//! threads that do not call (the database's writer) are paid for by those that do. Whoever finds it overdrawn sleeps
//! until it is even. Credit is kept for a few seconds only and debt for a minute, so that the average over any minute is
//! the limit within a fifth of it, whatever went before.
//!
//! [`background`] asks the system for the lowest priority in processor and disk; [`SpaceGuard`] keeps the disk from
//! filling up; [`Violation`]s tell that the limit does not hold. Time, battery and free space come through [`Clock`],
//! [`Power`] and [`Space`], which tests replace.

mod manners;
mod sample;
mod space;
mod system;
mod window;

pub use manners::{MannersError, background, give_back_memory};
pub use sample::threads;
pub use space::{NEEDED_TO_INSTALL, Room, Space, SpaceGuard, SystemSpace};
pub use system::{SystemClock, SystemPower};
use window::Window;

use crate::config::Config;
use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Longest sleep at a time: so long it may take until a stop is noticed.
const NAP: Duration = Duration::from_millis(100);

/// Shortest sleep: waking costs time too, and a sleep of just what is owed could be eaten up by it again and again.
const DOZE: Duration = Duration::from_millis(50);

/// Credit and debt that are kept, as time at the limit.
const CREDIT: f64 = 5.0;
const DEBT: f64 = 60.0;

/// Between two looks at the battery.
const POWER_EVERY: Duration = Duration::from_secs(5);

/// Violations that wait to be taken.
const MOST_REPORTS: usize = 16;

/// Time as the throttle sees it.
pub trait Clock: Send + Sync {
    /// Time since any fixed moment; never goes back.
    fn wall(&self) -> Duration;
    /// Processor time that this process has used, all threads together.
    fn cpu(&self) -> Duration;
    /// Lets time pass.
    fn sleep(&self, time: Duration);
}

/// Where the machine's power comes from.
pub trait Power: Send + Sync {
    /// Whether it runs on its battery; `false` where that cannot be known.
    fn on_battery(&self) -> bool;
}

/// What the throttle is told.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Rules {
    /// Percent of one processor; `None` for no limit.
    pub limit: Option<f64>,
    /// Percent above which use is a violation; `None` for no alarm.
    pub threshold: Option<f64>,
    /// Time over which it is averaged, and so tolerated.
    pub interval: Duration,
    /// Violations after which work stops; 0 for never.
    pub stop_after: u32,
    /// Take a sample of the threads at a violation.
    pub sample: bool,
    /// Rest while on battery.
    pub pause_on_battery: bool,
}

impl Rules {
    /// No rule but a limit.
    #[must_use]
    pub const fn limit(limit: Option<f64>) -> Self {
        Self {
            limit,
            threshold: None,
            interval: Duration::from_secs(60),
            stop_after: 0,
            sample: false,
            pause_on_battery: false,
        }
    }
}

impl From<&Config> for Rules {
    fn from(config: &Config) -> Self {
        Self {
            limit: config.cpu_usage_limit,
            threshold: config.cpu_violation_threshold,
            interval: config.cpu_violation_interval,
            stop_after: config.stop_after_cpu_violations,
            sample: config.take_sample_on_cpu_violation,
            pause_on_battery: config.pause_on_battery,
        }
    }
}

/// Use of the processor above the threshold for longer than tolerated.
#[derive(Debug, Clone, PartialEq)]
pub struct Violation {
    /// Since the start, from 1.
    pub number: u32,
    /// Percent of one processor, averaged over the interval.
    pub used: f64,
    /// The threshold.
    pub threshold: f64,
    /// What the threads did, where asked for.
    pub sample: Option<String>,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            number,
            used,
            threshold,
            ..
        } = self;
        write!(
            f,
            "CPU use violation {number}: {used:.1} % of a processor, above the threshold of {threshold} %"
        )
    }
}

/// Why work does not go on at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Hold {
    /// The machine runs on its battery: work rests until it does not.
    Battery,
    /// As many violations as allowed: work has stopped.
    Violations,
    /// [`Throttle::stop`] was called.
    Stopped,
}

/// Keeps the process to its share. Shared by all its threads.
pub struct Throttle {
    clock: Box<dyn Clock>,
    power: Box<dyn Power>,
    account: Mutex<Account>,
    stopped: AtomicBool,
}

impl fmt::Debug for Throttle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Throttle")
            .field("account", &self.account)
            .field("stopped", &self.stopped)
            .finish_non_exhaustive()
    }
}

#[derive(Debug)]
struct Account {
    rules: Rules,
    /// When it was last made up.
    wall: Duration,
    cpu: Duration,
    /// Seconds of processor time that may be used (or, below zero, have been used too much).
    balance: f64,
    minute: Window,
    alarm: Window,
    violations: u32,
    reports: Vec<Violation>,
    on_battery: bool,
    power_looked_at: Option<Duration>,
}

enum Next {
    Go,
    Wait(Duration),
    Stop,
}

impl Throttle {
    /// With a limit in percent of one processor, by the system's clock.
    #[must_use]
    pub fn new(limit: Option<f64>) -> Self {
        Self::with(
            Rules::limit(limit),
            Box::new(SystemClock::default()),
            Box::new(SystemPower::default()),
        )
    }

    /// With the rules of a configuration.
    #[must_use]
    pub fn from_config(config: &Config) -> Self {
        Self::with(
            config.into(),
            Box::new(SystemClock::default()),
            Box::new(SystemPower::default()),
        )
    }

    /// With any time and power.
    #[must_use]
    pub fn with(rules: Rules, clock: Box<dyn Clock>, power: Box<dyn Power>) -> Self {
        let (wall, cpu) = (clock.wall(), clock.cpu());
        let mut account = Account {
            rules,
            wall,
            cpu,
            balance: 0.0,
            minute: Window::new(Duration::from_secs(60)),
            alarm: Window::new(rules.interval),
            violations: 0,
            reports: Vec::new(),
            on_battery: false,
            power_looked_at: None,
        };
        account.minute.note(wall, cpu);
        account.alarm.note(wall, cpu);
        Self {
            clock,
            power,
            account: Mutex::new(account),
            stopped: AtomicBool::new(false),
        }
    }

    fn account(&self) -> MutexGuard<'_, Account> {
        self.account.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Between stretches of work: sleeps as long as needed and tells whether to go on.
    pub fn pace(&self) -> bool {
        self.pace_while(&|| true)
    }

    /// As [`Self::pace`], with a reason of the caller's to end the wait: it is asked ten times a second.
    pub fn pace_while(&self, go_on: &dyn Fn() -> bool) -> bool {
        loop {
            if !go_on() {
                return false;
            }
            match self.next() {
                Next::Go => return true,
                Next::Stop => return false,
                Next::Wait(time) => self.clock.sleep(time.clamp(DOZE, NAP)),
            }
        }
    }

    /// Makes up the account and looks for violations without waiting, for a thread that only watches.
    pub fn observe(&self) {
        self.account().make_up(self.clock.wall(), self.clock.cpu());
    }

    fn next(&self) -> Next {
        if self.stopped.load(Ordering::Relaxed) {
            return Next::Stop;
        }
        let (wall, cpu) = (self.clock.wall(), self.clock.cpu());
        let mut account = self.account();
        account.make_up(wall, cpu);
        if account.exhausted() {
            return Next::Stop;
        }
        if account.rules.pause_on_battery {
            if account
                .power_looked_at
                .is_none_or(|last| wall.saturating_sub(last) >= POWER_EVERY)
            {
                account.on_battery = self.power.on_battery();
                account.power_looked_at = Some(wall);
            }
            if account.on_battery {
                return Next::Wait(NAP);
            }
        }
        match account.rules.limit {
            Some(limit) if account.balance < 0.0 => Next::Wait(
                Duration::try_from_secs_f64(-account.balance / (limit / 100.0)).unwrap_or(NAP),
            ),
            _ => Next::Go,
        }
    }

    /// Puts other rules in force, with a fresh account. Violations stay counted.
    pub fn set_rules(&self, rules: Rules) {
        let mut account = self.account();
        let (wall, cpu) = (self.clock.wall(), self.clock.cpu());
        account.make_up(wall, cpu);
        if rules.limit != account.rules.limit {
            account.balance = 0.0;
        }
        if (rules.interval, rules.threshold) != (account.rules.interval, account.rules.threshold) {
            account.alarm = Window::new(rules.interval);
            account.alarm.note(wall, cpu);
        }
        account.rules = rules;
    }

    /// Puts another limit in force.
    pub fn set_limit(&self, limit: Option<f64>) {
        let rules = Rules {
            limit,
            ..self.account().rules
        };
        self.set_rules(rules);
    }

    /// Lets every [`Self::pace`] return `false` from now on, also those that wait.
    pub fn stop(&self) {
        self.stopped.store(true, Ordering::Relaxed);
    }

    /// Why work does not go on, if it does not for another reason than its share.
    #[must_use]
    pub fn hold(&self) -> Option<Hold> {
        let account = self.account();
        if self.stopped.load(Ordering::Relaxed) {
            Some(Hold::Stopped)
        } else if account.exhausted() {
            Some(Hold::Violations)
        } else if account.rules.pause_on_battery && account.on_battery {
            Some(Hold::Battery)
        } else {
            None
        }
    }

    /// Percent of one processor that was used over the last minute, or since the start when that is less.
    #[must_use]
    pub fn used(&self) -> f64 {
        let (wall, cpu) = (self.clock.wall(), self.clock.cpu());
        self.account().minute.average(wall, cpu).unwrap_or(0.0)
    }

    /// How many violations there were.
    #[must_use]
    pub fn violations(&self) -> u32 {
        self.account().violations
    }

    /// The violations since the last call, for the log; of more than a few the oldest.
    #[must_use]
    pub fn take_violations(&self) -> Vec<Violation> {
        std::mem::take(&mut self.account().reports)
    }
}

impl Account {
    fn exhausted(&self) -> bool {
        self.rules.stop_after > 0 && self.violations >= self.rules.stop_after
    }

    fn make_up(&mut self, wall: Duration, cpu: Duration) {
        // Two threads may come here in another order than they looked at the clock.
        let (passed, used) = (wall.saturating_sub(self.wall), cpu.saturating_sub(self.cpu));
        (self.wall, self.cpu) = (self.wall.max(wall), self.cpu.max(cpu));
        if let Some(limit) = self.rules.limit {
            let rate = limit / 100.0;
            let balance = self.balance + rate * passed.as_secs_f64() - used.as_secs_f64();
            self.balance = balance.clamp(-DEBT * rate, CREDIT * rate);
        }
        self.minute.note(self.wall, self.cpu);
        self.alarm.note(self.wall, self.cpu);
        let (Some(threshold), Some(used)) = (
            self.rules.threshold,
            self.alarm.full_average(self.wall, self.cpu),
        ) else {
            return;
        };
        if used <= threshold || self.exhausted() {
            return;
        }
        self.violations = self.violations.saturating_add(1);
        self.alarm.clear();
        self.alarm.note(self.wall, self.cpu);
        if self.reports.len() < MOST_REPORTS {
            let sample = self.rules.sample.then(threads);
            self.reports.push(Violation {
                number: self.violations,
                used,
                threshold,
                sample,
            });
        }
    }
}
