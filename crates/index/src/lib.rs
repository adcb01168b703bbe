//! The Index: every file of an endpoint in SQLite, kept current.

pub mod config;
