//! Why a text is not a question, with its place, for people and for programs.

use serde::{Deserialize, Serialize};

/// A text that is not a question.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("{message} (characters {start} to {end})")]
pub struct ParseError {
    /// What is wrong.
    pub message: String,
    /// First character of the place, counted from 0.
    pub start: usize,
    /// Character after the last one of the place.
    pub end: usize,
    /// What could stand there instead.
    pub expected: Vec<String>,
    /// Names that come near to what stands there, nearest first.
    pub nearest: Vec<String>,
}
