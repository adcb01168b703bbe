//! Script sensors that come with Cordon, registered like native ones.

use super::{Interpreter, Output, ScriptSensor};
use crate::framework::{Entry, LARGE, Request, SensorError, Sink};
use question::catalogue::ValueType::{Integer, Text};
use question::catalogue::{Limits, Sensor};
use std::sync::LazyLock;

/// The sensors of this family.
pub const SENSORS: &[Entry] = &[Entry {
    declare: || MANDATORY_ACCESS.sensor.clone(),
    collect: |request, sink| on_linux(&MANDATORY_ACCESS, request, sink),
}];

/// For the process that runs a script, most of it address space for the interpreter.
fn interpreter() -> Limits {
    Limits {
        memory: LARGE,
        ..Limits::default()
    }
}

/// The scripts read places that only Linux has.
fn on_linux(script: &ScriptSensor, request: &Request, sink: &mut Sink) -> Result<(), SensorError> {
    crate::disk::system_root()?;
    script.collect(request, sink)
}

static MANDATORY_ACCESS: LazyLock<ScriptSensor> = LazyLock::new(|| {
    ScriptSensor {
    sensor: Sensor::new(
        "Mandatory Access Control",
        "Security",
        "Whether the kernel enforces mandatory access control with SELinux or AppArmor, and how much of it.",
    )
    .column("System", Text, "SELinux or AppArmor.")
    .column("Mode", Text, "Enforcing, permissive, enabled or disabled.")
    .column("Policy", Text, "Policy of SELinux as configured; empty for AppArmor.")
    .column("Enforced Profiles", Integer, "Profiles of AppArmor in enforce mode; empty for SELinux.")
    .column("Complaining Profiles", Integer, "Profiles of AppArmor in complain mode; empty for SELinux.")
    .alias("SELinux Status")
    .alias("AppArmor Status")
    .max_age(900)
    .limits(interpreter())
    .example(
        "Get Mandatory Access Control having Mandatory Access Control:Mode = disabled from all machines",
    ),
    interpreter: Interpreter::Shell,
    script: include_str!("shipped/mandatory_access.sh").into(),
    output: Output::Delimited("|".into()),
}
});
