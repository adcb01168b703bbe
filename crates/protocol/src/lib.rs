//! What server and agent say to each other: messages, frames and signed orders. Pure: no sockets, no clock.
//!
//! - [`message`]: the messages, protobuf-encoded. A peer skips a message or field it does not know.
//! - [`frame`]: length-prefixed frames with a hard upper bound, read and written over any byte stream.
//! - [`lane`]: which orders wait for each other.
//! - [`order`]: orders, how they are signed, and the checks an endpoint makes before it obeys one.
//! - [`backoff`]: how long an endpoint waits before it connects again.
//! - [`revocation`]: how a server shuts an endpoint out so that the endpoint can check it.
//! - [`sealing`]: secrets that only one endpoint opens.
//! - [`bounds`]: how large an answer may be, as both sides reckon it.
//! - [`token`]: enrolment tokens as text.
//!
//! The channel itself is TLS 1.3 with client certificates on port [`PORT`]; `docs/protocol.md` tells the whole story.

#![cfg_attr(not(test), deny(clippy::indexing_slicing, clippy::string_slice))]

pub mod backoff;
pub mod bounds;
pub mod frame;
pub mod lane;
pub mod message;
pub mod order;
pub mod revocation;
pub mod sealing;
pub mod token;

/// Default TCP port of the agent channel.
pub const PORT: u16 = 17472;
/// Application protocol of the channel (ALPN).
pub const ALPN: &[u8] = b"cordon/1";
/// Name that every server's certificate carries, whatever it is reached by.
pub const SERVER_NAME: &str = "cordon-server";
/// Version of the protocol this build speaks. Peers of different versions talk in what both know.
pub const VERSION: u32 = 1;
/// Longest silence on a connection, in seconds, before one side sends a ping.
pub const KEEP_ALIVE_SECONDS: u64 = 60;
/// A connection without any frame for this long is dead.
pub const DEAD_AFTER_SECONDS: u64 = 150;
