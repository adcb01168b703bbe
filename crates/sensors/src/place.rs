//! Where a sensor runs: on a thread of the agent, or in a process of its own.

use crate::framework::IN_AGENT;
use crate::script::shipped;
use question::catalogue::Sensor;

/// Whether a sensor is one of those that are run in a process of their own where that is possible. A script is one anyway.
#[must_use]
pub fn runs_apart(sensor: &Sensor) -> bool {
    let is_script = || {
        let mut scripts = shipped::SENSORS.iter();
        scripts.any(|entry| (entry.declare)().name == sensor.name)
    };
    sensor.limits.memory > IN_AGENT && !is_script()
}
