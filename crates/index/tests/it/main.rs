//! Tests of the Index through its public modules.

mod config;
mod lists;
mod log;
mod throttle;
