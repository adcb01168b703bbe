//! What the agent measures about itself: memory, processor time, run times of its sensors.

use crate::platform;
use protocol::message;
use std::collections::BTreeMap;
use std::sync::LazyLock;
use std::time::{Duration, Instant};

static STARTED: LazyLock<Instant> = LazyLock::new(Instant::now);

/// How long the agent has been running.
#[must_use]
pub fn uptime() -> Duration {
    STARTED.elapsed()
}

/// The measurements as the channel spells them.
#[must_use]
pub fn measure(hanging: u32) -> message::Vitals {
    let usage = platform::usage();
    message::Vitals {
        memory: usage.memory.unwrap_or(0),
        cpu_ms: usage
            .cpu
            .map_or(0, |t| u64::try_from(t.as_millis()).unwrap_or(u64::MAX)),
        uptime: uptime().as_secs(),
        hanging,
    }
}

#[derive(Clone, Debug, Default)]
struct Times {
    runs: u64,
    total: Duration,
    longest: Duration,
    last: &'static str,
}

/// Run times for each sensor since the agent's start.
#[derive(Clone, Debug, Default)]
pub struct RunTimes(BTreeMap<String, Times>);

impl RunTimes {
    /// Adds a run.
    pub fn record(&mut self, sensor: &str, took: Duration, state: &'static str) {
        let times = match self.0.get_mut(sensor) {
            Some(times) => times,
            None => self.0.entry(sensor.into()).or_default(),
        };
        times.runs += 1;
        times.total += took;
        times.longest = times.longest.max(took);
        times.last = state;
    }

    /// Sensor, runs, average and longest in milliseconds, last state.
    #[must_use]
    pub fn rows(&self) -> Vec<(String, u64, f64, f64, String)> {
        let ms = |t: Duration| t.as_secs_f64() * 1000.0;
        self.0
            .iter()
            .map(|(sensor, times)| {
                #[expect(
                    clippy::cast_precision_loss,
                    reason = "no agent runs a sensor 2^52 times"
                )]
                let average = ms(times.total) / times.runs as f64;
                (
                    sensor.clone(),
                    times.runs,
                    average,
                    ms(times.longest),
                    times.last.to_owned(),
                )
            })
            .collect()
    }
}

/// Rows of the sensor Agent Status that every agent can give.
#[must_use]
pub fn status(hanging: u32) -> Vec<(String, String)> {
    let usage = platform::usage();
    let known =
        |value: Option<String>| value.unwrap_or_else(|| "not measured on this platform".into());
    vec![
        ("Version".into(), env!("CARGO_PKG_VERSION").into()),
        ("Platform".into(), platform::NAME.into()),
        ("Uptime in seconds".into(), uptime().as_secs().to_string()),
        (
            "Memory in bytes".into(),
            known(usage.memory.map(|m| m.to_string())),
        ),
        (
            "Processor time in seconds".into(),
            known(usage.cpu.map(|t| format!("{:.3}", t.as_secs_f64()))),
        ),
        ("Hanging sensors".into(), hanging.to_string()),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn averages_and_keeps_the_longest() {
        let mut times = RunTimes::default();
        times.record("A", Duration::from_millis(10), "answered");
        times.record("A", Duration::from_millis(30), "timed out");
        let rows = times.rows();
        assert_eq!(rows.len(), 1);
        let (name, runs, average, longest, last) = &rows[0];
        assert_eq!((name.as_str(), *runs, last.as_str()), ("A", 2, "timed out"));
        assert!((average - 20.0).abs() < 1e-9 && (longest - 30.0).abs() < 1e-9);
    }
}
