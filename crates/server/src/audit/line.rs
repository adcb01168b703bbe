//! A head of the audit log as it leaves the machine: one line of JSON.

use crate::model::audit::{Hash, Head};
use serde::{Deserialize, Serialize};

#[derive(Serialize, Deserialize)]
struct Line {
    /// When it was seen.
    at: String,
    number: u64,
    hash: String,
}

/// The line, without its end.
pub(super) fn write(head: Head, at: jiff::Timestamp) -> Result<String, serde_json::Error> {
    serde_json::to_string(&Line {
        at: at.to_string(),
        number: head.number,
        hash: hex::encode(head.hash),
    })
}

/// The head that a line tells.
pub(super) fn read(text: &[u8]) -> Option<Head> {
    let line: Line = serde_json::from_slice(text).ok()?;
    let mut hash: Hash = [0; 32];
    hex::decode_to_slice(&line.hash, &mut hash).ok()?;
    Some(Head {
        number: line.number,
        hash,
    })
}
