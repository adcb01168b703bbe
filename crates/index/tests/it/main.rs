//! Tests of the Index through its public modules.
#![expect(
    clippy::unwrap_used,
    reason = "a test that panics is a test that fails"
)]

#[cfg(target_os = "linux")]
mod changes;
mod config;
mod export;
#[cfg(target_os = "linux")]
mod hanging;
mod image;
mod lists;
mod log;
#[cfg(target_os = "linux")]
mod mounts;
#[cfg(target_os = "linux")]
mod permissions;
mod samples;
#[cfg(target_os = "linux")]
mod support;
mod throttle;
#[cfg(target_os = "linux")]
mod tree;
