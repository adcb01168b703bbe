//! The readers against real images and tables with known facts, and against the same bytes mutated.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod mft;
mod shared;
mod usn;
