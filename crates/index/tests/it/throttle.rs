//! Manners, with time that passes as the test wants.

use index::config::Config;
use index::throttle::{
    Clock, Hold, MannersError, Power, Room, Rules, Space, SpaceGuard, SystemPower, SystemSpace,
    Throttle, background, threads,
};
use proptest::prelude::*;
use std::fs;
use std::io;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// Time that passes only by working or sleeping.
#[derive(Clone, Default)]
struct Time(Arc<Mutex<(Duration, Duration)>>);

impl Time {
    /// Works on so many threads at once.
    fn work(&self, time: Duration, threads: u32) {
        let mut now = self.0.lock().unwrap();
        now.0 += time;
        now.1 += time * threads;
    }

    fn pass(&self, time: Duration) {
        self.0.lock().unwrap().0 += time;
    }
}

impl Clock for Time {
    fn wall(&self) -> Duration {
        self.0.lock().unwrap().0
    }

    fn cpu(&self) -> Duration {
        self.0.lock().unwrap().1
    }

    fn sleep(&self, time: Duration) {
        assert!(time <= Duration::from_millis(100));
        // A sleep takes a little longer than asked, and waking costs something.
        let mut now = self.0.lock().unwrap();
        now.0 += time + Duration::from_micros(60);
        now.1 += Duration::from_micros(20);
    }
}

#[derive(Clone, Default)]
struct Battery(Arc<AtomicBool>);

impl Power for Battery {
    fn on_battery(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

fn throttle(rules: Rules) -> (Throttle, Time, Battery) {
    let (time, battery) = (Time::default(), Battery::default());
    (
        Throttle::with(rules, Box::new(time.clone()), Box::new(battery.clone())),
        time,
        battery,
    )
}

const MS: Duration = Duration::from_millis(1);
const SECOND: Duration = Duration::from_secs(1);

/// Percent used in each minute that starts at any second of the run.
fn minutes(
    throttle: &Throttle,
    time: &Time,
    until: Duration,
    stretch: impl Fn(u64) -> (Duration, u32),
) -> Vec<f64> {
    let (mut seconds, mut number) = (Vec::new(), 0);
    while time.wall() < until {
        let (work, threads) = stretch(number);
        number += 1;
        time.work(work, threads);
        assert!(throttle.pace());
        while seconds.len() < time.wall().as_secs() as usize {
            seconds.push(time.cpu());
        }
    }
    seconds
        .windows(61)
        .map(|window| (window[60] - window[0]).as_secs_f64() / 60.0 * 100.0)
        .collect()
}

#[test]
fn every_minute_has_its_share() {
    for (limit, threads) in [(5.0, 1), (5.0, 2), (5.0, 8), (1.0, 1), (50.0, 4)] {
        let (throttle, time, _) = throttle(Rules::limit(Some(limit)));
        let all = minutes(&throttle, &time, 300 * SECOND, |n| {
            (Duration::from_millis(2 + n * 7 % 20), threads)
        });
        for used in &all {
            assert!(
                (limit * 0.8..=limit * 1.2).contains(used),
                "{limit} % on {threads} threads: {used}"
            );
        }
        assert!(
            (throttle.used() - limit).abs() < limit * 0.2,
            "{}",
            throttle.used()
        );
    }
}

#[test]
fn no_limit_does_not_wait() {
    let (throttle, time, _) = throttle(Rules::limit(None));
    for _ in 0..1000 {
        time.work(SECOND, 4);
        assert!(throttle.pace());
    }
    assert_eq!(time.wall(), 1000 * SECOND);
}

#[test]
fn rest_earns_little_and_debt_is_forgiven_after_a_minute() {
    let (throttle, time, _) = throttle(Rules::limit(Some(5.0)));
    // A day without work, then work: at most five seconds' credit is used at once.
    time.pass(86400 * SECOND);
    assert!(throttle.pace());
    let used = minutes(&throttle, &time, time.wall() + 120 * SECOND, |_| {
        (5 * MS, 1)
    });
    assert!(
        used.last().is_some_and(|used| (4.0..=6.0).contains(used)),
        "{used:?}"
    );
    // Something nobody could pace took an hour: the wait is a minute, not twenty hours.
    time.work(3600 * SECOND, 1);
    let before = time.wall();
    assert!(throttle.pace());
    let waited = time.wall() - before;
    assert!((59 * SECOND..62 * SECOND).contains(&waited), "{waited:?}");
}

#[test]
fn the_limit_changes_at_once() {
    let (throttle, time, _) = throttle(Rules::limit(Some(1.0)));
    time.work(SECOND, 1);
    throttle.set_limit(Some(50.0));
    let before = time.wall();
    assert!(throttle.pace());
    assert_eq!(time.wall(), before, "the debt at the old limit is gone");
    time.work(SECOND, 1);
    assert!(throttle.pace());
    let waited = time.wall() - before - SECOND;
    assert!((900 * MS..1200 * MS).contains(&waited), "{waited:?}");
}

#[test]
fn the_caller_and_stop_end_a_wait() {
    let (throttle, time, _) = throttle(Rules::limit(Some(1.0)));
    time.work(10 * SECOND, 1);
    let asked = AtomicU64::new(0);
    assert!(!throttle.pace_while(&|| asked.fetch_add(1, Ordering::Relaxed) < 5));
    assert!(time.wall() < 11 * SECOND);
    throttle.stop();
    assert!(!throttle.pace());
    assert_eq!(throttle.hold(), Some(Hold::Stopped));
}

#[test]
fn rests_on_battery_when_told() {
    let (never, time, battery) = throttle(Rules::limit(None));
    battery.0.store(true, Ordering::Relaxed);
    assert!(never.pace() && time.wall() == Duration::ZERO && never.hold().is_none());

    let (throttle, time, battery) = throttle(Rules {
        pause_on_battery: true,
        ..Rules::limit(Some(5.0))
    });
    assert!(throttle.pace());
    battery.0.store(true, Ordering::Relaxed);
    time.pass(10 * SECOND);
    let rounds = AtomicU64::new(0);
    let held = Mutex::new(None);
    assert!(throttle.pace_while(&|| {
        match rounds.fetch_add(1, Ordering::Relaxed) {
            1 => *held.lock().unwrap() = throttle.hold(),
            600 => battery.0.store(false, Ordering::Relaxed),
            _ => {}
        }
        true
    }));
    assert_eq!(*held.lock().unwrap(), Some(Hold::Battery));
    assert_eq!(throttle.hold(), None);
    assert!(
        (60 * SECOND..80 * SECOND).contains(&time.wall()),
        "{:?}",
        time.wall()
    );
}

#[test]
fn violations_are_counted_and_stop() {
    let rules = Rules {
        threshold: Some(20.0),
        interval: 10 * SECOND,
        stop_after: 3,
        sample: true,
        ..Rules::limit(None)
    };
    let (throttle, time, _) = throttle(rules);
    // 15 % is none.
    for _ in 0..60 {
        time.work(150 * MS, 1);
        time.pass(850 * MS);
        assert!(throttle.pace());
    }
    assert_eq!(throttle.violations(), 0);
    // A peak shorter than tolerated, by its average, is none either.
    time.work(400 * MS, 1);
    time.pass(600 * MS);
    assert!(throttle.pace());
    assert_eq!(throttle.violations(), 0);
    // 30 % is one about each ten seconds.
    let mut seconds = 0;
    loop {
        time.work(300 * MS, 1);
        time.pass(700 * MS);
        seconds += 1;
        if !throttle.pace() {
            break;
        }
    }
    assert!((21..=31).contains(&seconds), "{seconds}");
    assert_eq!(
        (throttle.violations(), throttle.hold()),
        (3, Some(Hold::Violations))
    );
    let reports = throttle.take_violations();
    assert_eq!(
        reports
            .iter()
            .map(|report| report.number)
            .collect::<Vec<_>>(),
        [1, 2, 3]
    );
    assert!(reports.iter().all(|r| (20.0..31.0).contains(&r.used)
        && r.sample.as_ref().is_some_and(|s| s.contains("stack"))));
    assert!(
        reports[2]
            .to_string()
            .starts_with("CPU use violation 3: 30.0 % of a processor"),
        "{}",
        reports[2]
    );
    assert!(throttle.take_violations().is_empty());
}

#[test]
fn zero_never_stops_and_watching_counts() {
    let rules = Rules {
        threshold: Some(20.0),
        interval: SECOND,
        ..Rules::limit(None)
    };
    let (throttle, time, _) = throttle(rules);
    for _ in 0..100 {
        time.work(SECOND, 2);
        throttle.observe();
    }
    assert_eq!(throttle.violations(), 100);
    assert_eq!(throttle.take_violations().len(), 16);
    assert!(throttle.pace() && throttle.hold().is_none());
    assert_eq!(throttle.used().round(), 200.0);
}

#[test]
fn rules_of_a_configuration() {
    let (config, _) = Config::read(
        "CPUUsageLimit=7\nCPUViolationThreshold=30\nStopAfterCPUViolations=2\nTakeSampleOnCPUViolation=1\nPauseOnBattery=1\nCPUViolationInterval=9",
    );
    let rules = Rules::from(&config);
    assert_eq!(
        rules,
        Rules {
            limit: Some(7.0),
            threshold: Some(30.0),
            interval: 9 * SECOND,
            stop_after: 2,
            sample: true,
            pause_on_battery: true
        }
    );
    assert!(Throttle::from_config(&config).pace());
}

#[test]
fn power_supplies() {
    let folder = tempfile::tempdir().unwrap();
    let power = SystemPower::at(folder.path());
    let supply = |name: &str, kind: &str, status: &str, online: &str| {
        let path = folder.path().join(name);
        fs::create_dir_all(&path).unwrap();
        for (file, text) in [("type", kind), ("status", status), ("online", online)] {
            fs::write(path.join(file), format!("{text}\n")).unwrap();
        }
    };
    assert!(!power.on_battery(), "no supplies");
    supply("BAT0", "Battery", "Discharging", "");
    assert!(power.on_battery());
    supply("AC", "Mains", "", "0");
    assert!(power.on_battery());
    supply("AC", "Mains", "", "1");
    assert!(
        !power.on_battery(),
        "a battery may discharge for its own good"
    );
    supply("AC", "Mains", "", "0");
    supply("BAT0", "Battery", "Full", "");
    assert!(!power.on_battery());
    supply("mouse", "Battery", "Discharging", "");
    fs::write(folder.path().join("mouse/scope"), "Device\n").unwrap();
    assert!(!power.on_battery());
    assert!(!SystemPower::at("/nowhere").on_battery());
}

#[derive(Clone)]
struct Disk(Arc<Mutex<io::Result<Option<u64>>>>);

impl Space for Disk {
    fn free(&self, _: &Path) -> io::Result<Option<u64>> {
        self.0
            .lock()
            .unwrap()
            .as_ref()
            .map(|free| *free)
            .map_err(|error| error.kind().into())
    }
}

#[test]
fn the_disk_is_not_filled() {
    let disk = Disk(Arc::new(Mutex::new(Ok(Some(1 << 30)))));
    let guard = SpaceGuard::with("/x", Box::new(disk.clone()), Duration::ZERO);
    let free = |bytes| *disk.0.lock().unwrap() = Ok(Some(bytes));
    assert_eq!(
        (guard.can_install().unwrap(), guard.room()),
        (Room::Enough, Room::Enough)
    );
    free((1 << 30) - 1);
    assert_eq!(
        (guard.can_install().unwrap(), guard.room()),
        (Room::Low((1 << 30) - 1), Room::Enough)
    );
    free(255 << 20);
    assert_eq!(guard.room(), Room::Low(255 << 20));
    free(400 << 20);
    assert_eq!(guard.room(), Room::Low(400 << 20), "not back at once");
    free(512 << 20);
    assert_eq!(guard.room(), Room::Enough);
    free(400 << 20);
    assert_eq!(guard.room(), Room::Enough);
    *disk.0.lock().unwrap() = Ok(None);
    assert_eq!(
        (guard.can_install().unwrap(), guard.room()),
        (Room::Enough, Room::Enough)
    );
    *disk.0.lock().unwrap() = Err(io::ErrorKind::NotFound.into());
    assert!(guard.can_install().is_err() && guard.room() == Room::Enough);
    let folder = tempfile::tempdir().unwrap();
    assert!(
        SystemSpace
            .free(folder.path())
            .unwrap()
            .is_none_or(|free| free > 0)
    );
}

#[test]
#[cfg(target_os = "linux")]
fn the_last_in_line() {
    // Its own process under nextest; under plain `cargo test` this lowers the priority of the other tests too.
    match background() {
        Ok(()) => {}
        Err(MannersError::Disk { source }) => {
            return assert_eq!(source.raw_os_error(), Some(1), "not allowed here");
        }
        Err(error) => panic!("{error}"),
    }
    let stat = fs::read_to_string("/proc/thread-self/stat").unwrap();
    assert_eq!(
        stat.rsplit(')').next().unwrap().split_whitespace().nth(16),
        Some("19")
    );
    let inherited = std::thread::spawn(|| fs::read_to_string("/proc/thread-self/stat").unwrap())
        .join()
        .unwrap();
    assert_eq!(
        inherited
            .rsplit(')')
            .next()
            .unwrap()
            .split_whitespace()
            .nth(16),
        Some("19")
    );
    background().unwrap();
}

#[test]
fn a_sample_names_the_threads() {
    let (tell, wait) = std::sync::mpsc::channel::<()>();
    let (started, starts) = std::sync::mpsc::channel();
    let thread = std::thread::Builder::new()
        .name("waits (here)".into())
        .spawn(move || {
            started.send(()).unwrap();
            wait.recv()
        })
        .unwrap();
    starts.recv().unwrap();
    let sample = threads();
    drop(tell);
    assert!(thread.join().unwrap().is_err());
    assert!(sample.contains("stack of the thread"), "{sample}");
    if cfg!(target_os = "linux") {
        assert!(
            sample.contains("waits (here)") && sample.contains("state "),
            "{sample}"
        );
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    /// Whatever the stretches of work are like, no minute has more than its share by more than the work of one stretch.
    #[test]
    fn any_stretches(limit in 1.0..60.0_f64, stretches in prop::collection::vec((0..40_u64, 1..5_u32, 0..3000_u64), 1..40)) {
        let (throttle, time, _) = throttle(Rules::limit(Some(limit)));
        let (mut seconds, mut number) = (vec![], 0);
        while time.wall() < 200 * SECOND {
            let (work, threads, idle) = stretches[number % stretches.len()];
            number += 1;
            time.work(Duration::from_millis(work + 1), threads);
            time.pass(Duration::from_millis(if number % 7 == 0 { idle } else { 0 }));
            prop_assert!(throttle.pace());
            while seconds.len() < time.wall().as_secs() as usize {
                seconds.push(time.cpu());
            }
        }
        for window in seconds.windows(61) {
            let used = (window[60] - window[0]).as_secs_f64() / 60.0 * 100.0;
            prop_assert!(used <= limit * 1.1 + 0.7, "{} of {}", used, limit);
        }
    }
}
