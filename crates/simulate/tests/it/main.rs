//! Simulated endpoints against a small server over real TLS. The server here is made for tests: it can also do what a right one never does.

#![expect(
    clippy::unwrap_used,
    reason = "helpers of tests fail by panicking, as tests do"
)]

mod fleet;
mod harness;
mod real_server;
mod refusals;
