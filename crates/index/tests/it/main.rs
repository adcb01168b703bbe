//! Tests of the Index through its public modules.

#[cfg(target_os = "linux")]
mod changes;
mod config;
mod lists;
mod log;
#[cfg(target_os = "linux")]
mod support;
mod throttle;
#[cfg(target_os = "linux")]
mod tree;
