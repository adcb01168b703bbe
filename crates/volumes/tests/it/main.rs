//! The readers against real images and tables with known facts, and against the same bytes mutated.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod ext;
mod fixtures;
mod forge;
mod images;
mod kinds;
mod mft;
mod mutations;
mod ntfs;
mod shared;
mod usn;
