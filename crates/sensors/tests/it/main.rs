//! Sensors against the system's own tools on the machine that runs the tests.
#![expect(
    clippy::unwrap_used,
    reason = "a test that panics here is a test that fails"
)]

mod accounts;
mod agent_self;
mod ask;
mod catalogue;
mod containers;
mod files;
mod free_words;
mod host;
mod index;
mod kernel;
mod language;
mod logins;
mod network;
mod policy;
mod processes;
mod routes;
mod samples;
mod schedule;
mod script;
mod services;
mod sight;
mod sockets;
mod software;
mod ssh;
mod support;
mod sweep;
mod threads;
mod units;
mod users;
