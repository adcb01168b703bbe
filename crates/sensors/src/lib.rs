//! Sensors: the tables an endpoint can produce.
//!
//! Each family of sensors is a module that declares them as data and implements them for each system. [`entries`] lists
//! them all, [`catalogue`] gives the declarations to the language, [`run`] runs one. The crate works alone: `cordon ask
//! --local` needs nothing else.
//!
//! What a run could not look at stands beside its rows ([`framework::Notes`]): an unreadable file is not an empty answer.

#![cfg_attr(not(test), deny(clippy::indexing_slicing, clippy::string_slice))]

pub mod agent_self;
mod alive;
pub mod containers;
pub mod digest;
pub mod disk;
pub mod docs;
pub mod files;
pub mod framework;
#[cfg(unix)]
pub mod group;
#[cfg(target_os = "linux")]
mod handle;
pub mod host;
pub mod index;
pub mod kernel;
#[cfg(target_os = "linux")]
pub mod mountinfo;
pub mod network;
#[cfg(target_os = "linux")]
mod owners;
pub mod place;
pub mod processes;
pub mod schedule;
pub mod script;
pub mod services;
pub mod software;
pub mod text;
pub mod users;

use framework::{Entry, Request, Run, SensorError, Sink};
use question::catalogue::{Catalogue, Limits};
use std::collections::HashMap;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, LazyLock};

/// Families in the order of the documentation. A new family is one line here.
const FAMILIES: &[&[Entry]] = &[
    host::SENSORS,
    network::SENSORS,
    processes::SENSORS,
    files::SENSORS,
    index::SENSORS,
    users::SENSORS,
    software::SENSORS,
    services::SENSORS,
    schedule::SENSORS,
    kernel::SENSORS,
    containers::SENSORS,
    agent_self::SENSORS,
    script::shipped::SENSORS,
];

static BY_NAME: LazyLock<HashMap<String, Entry>> =
    LazyLock::new(|| entries().map(|e| ((e.declare)().name, *e)).collect());

/// Every sensor of this build.
pub fn entries() -> impl Iterator<Item = &'static Entry> {
    FAMILIES.iter().copied().flatten()
}

/// The declarations of every sensor of this build.
#[must_use]
pub fn catalogue() -> Catalogue {
    Catalogue::new(entries().map(|e| (e.declare)()))
}

/// Runs a sensor on the calling thread (give it one of its own: processor time is measured by thread).
///
/// Returns the rows found, what could not be looked at, and the error that stopped it early, if one did.
pub fn run(sensor: &str, request: &Request, limits: Limits, cancelled: Arc<AtomicBool>) -> Run {
    run_into(sensor, request, Sink::new(limits, cancelled))
}

/// As [`run`], with the rows going into this sink.
pub fn run_into(sensor: &str, request: &Request, mut sink: Sink) -> Run {
    let outcome = BY_NAME
        .get(sensor)
        .map_or(Err(SensorError::Unsupported), |e| {
            (e.collect)(request, &mut sink)
        });
    sink.finish(outcome)
}
