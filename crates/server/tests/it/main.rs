//! The server from outside: real TLS connections that speak the agent protocol, its API, and the life of questions across restarts.
#![expect(
    clippy::unwrap_used,
    reason = "helpers of tests end a test by panicking"
)]

mod api;
mod enrolment;
mod folders;
#[cfg(target_os = "linux")]
mod full_disk;
mod hostile;
mod keys;
mod orders;
mod questions;
mod retention;
mod start;
mod support;
