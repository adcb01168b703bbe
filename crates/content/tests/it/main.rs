//! Packs from files to state, as users of the crate see them.

#![expect(clippy::unwrap_used, reason = "helpers of tests may fail a test")]

mod aliases;
mod archives;
mod exports;
mod faults;
mod fixtures;
mod help;
mod model;
mod permissions;
mod shipped;
mod trust;
mod upgrades;
