//! The server from outside: real TLS connections to its API.
#![allow(
    clippy::unwrap_used,
    reason = "helpers of tests end a test by panicking"
)]

mod api;
mod support;
