//! The agent against a server of this file's making, over real TLS on the loopback interface.

#![expect(clippy::unwrap_used, reason = "helpers of tests may fail a test")]

mod channel;
mod enrolment;
mod fake;
#[cfg(target_os = "linux")]
mod full_disk;
mod indexing;
#[cfg(unix)]
mod local_socket;
mod orders;
mod server;
