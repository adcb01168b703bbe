//! Tests of the question language through its public interface.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod basics;
mod catalogue;
mod complete;
mod corpus;
mod csv;
mod digests;
mod interpret;
mod keys;
mod laws;
mod meaning;
mod one_row;
mod spreadsheet;
