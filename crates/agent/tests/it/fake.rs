//! Sensors whose behaviour a test decides.

use agent::evaluate::gathered::Gathered;
use agent::evaluate::source::Sensors;
use question::catalogue::{Limits, Platforms};
use question::{Catalogue, Sensor, ValueType};
use sensors::framework::{Request, SensorError, Sink};
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

pub struct Fake {
    catalogue: Catalogue,
    open: Mutex<bool>,
    changed: Condvar,
    pub runs: AtomicU32,
}

impl Fake {
    pub fn new() -> Arc<Self> {
        let sensor = |name: &str| {
            Sensor::new(name, "Test", "For tests.")
                .column(name, ValueType::Text, "A word.")
                .platforms(Platforms::ALL)
                .max_age(0)
        };
        let short = Limits {
            wall: Duration::from_millis(20),
            ..Limits::default()
        };
        Arc::new(Self {
            catalogue: Catalogue::new([
                sensor("Word").one_row(),
                sensor("Many"),
                sensor("Hangs").limits(short),
                sensor("Waits"),
            ]),
            open: Mutex::new(false),
            changed: Condvar::new(),
            runs: AtomicU32::new(0),
        })
    }

    /// Lets `Hangs` and `Waits` go on.
    pub fn open(&self) {
        *self.open.lock().unwrap() = true;
        self.changed.notify_all();
    }

    pub fn runs(&self) -> u32 {
        self.runs.load(Ordering::SeqCst)
    }
}

impl Drop for Fake {
    fn drop(&mut self) {
        self.open();
    }
}

impl Sensors for Fake {
    fn catalogue(&self) -> &Catalogue {
        &self.catalogue
    }

    fn run(
        &self,
        sensor: &str,
        _request: &Request,
        limits: Limits,
        cancelled: Arc<AtomicBool>,
    ) -> Gathered {
        self.runs.fetch_add(1, Ordering::SeqCst);
        let mut sink = Sink::new(limits, cancelled);
        let mut collect = || -> Result<(), SensorError> {
            match sensor {
                "Word" => sink.push(["word"])?,
                "Many" => {
                    for i in 0..3_000 {
                        sink.push([format!("{i} {}", "x".repeat(300))])?;
                    }
                }
                _ => {
                    let open = self.open.lock().unwrap();
                    drop(self.changed.wait_while(open, |open| !*open).unwrap());
                    sink.push(["late"])?;
                }
            }
            Ok(())
        };
        let ended = collect();
        sink.finish(ended).into()
    }
}
