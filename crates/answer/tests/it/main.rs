//! Tests of merging answers through the public interface.

#![expect(
    clippy::unwrap_used,
    reason = "helpers of tests fail by panicking, as tests do"
)]

mod groups;
mod laws;
mod model;
mod reading;
mod spilling;
mod views;
