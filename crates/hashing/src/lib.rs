//! Digests, magic numbers and content types of files: one read for all of them, several files at once.
//!
//! [`many()`] is the whole machine: it takes files from its caller, reads each once, and gives back what was asked. SHA-1 and SHA-256 of a file run through the
//! processor side by side (`sha`), MD5 of up to sixteen files runs with one file to a vector lane (`md5`), because a single MD5 cannot be made faster than its chain of
//! additions. `cache` leaves the page cache as it was; `mime` tells a content type from the first bytes and what a file extension promises.
//!
//! The crate opens nothing: which files to read, with which flags, and in which order is its caller's business (`index`), and so is the share of the processor, through the
//! `pace` function of [`many()`].

#![cfg_attr(not(test), deny(clippy::indexing_slicing, clippy::string_slice))]

mod cache;
mod content;
mod many;
mod md5;
mod mime;
mod read;
mod sha;
mod stream;

pub use content::{Content, Digests, HashError, Kinds, Magic, Options, Pace};
pub use many::{many, many_watched, one};
pub use mime::{expected_mimes, mime};
pub use stream::from_reader;

/// The parts that a benchmark compares with one another; not for other crates.
#[doc(hidden)]
pub mod parts {
    pub use crate::cache::{Found, Probe};
    pub use crate::md5::{LANES, Lanes, Level};
    pub use crate::sha::{SHA1_START, SHA256_START, Way, both};
}
