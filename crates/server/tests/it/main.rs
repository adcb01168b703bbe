//! The server from outside: real TLS connections that speak the agent protocol, its API, and the life of questions across restarts.
#![expect(
    clippy::unwrap_used,
    reason = "helpers of tests end a test by panicking"
)]

mod api;
mod enrolment;
mod hostile;
mod keys;
mod orders;
mod questions;
mod start;
mod support;
