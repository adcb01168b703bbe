//! The agent against a server of this file's making, over real TLS on the loopback interface.

mod channel;
mod enrolment;
mod fake;
mod orders;
mod server;
