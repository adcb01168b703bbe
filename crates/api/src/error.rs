//! How every failure is told: `{"error": {"code", "message", "details"}}`.

use question::ParseError;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// The body of every error.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ErrorBody {
    /// The error.
    pub error: ErrorContent,
}

/// What went wrong.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ErrorContent {
    /// For programs; never changes its meaning.
    pub code: ErrorCode,
    /// For people: what is wrong and what to do.
    pub message: String,
    /// The place of the error in a question; `null` for every other error.
    #[schema(required)]
    pub details: Option<Place>,
    /// Everything that is wrong with a pack or an object, by place; left out for every other error.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub faults: Vec<PackFault>,
}

/// One thing that is wrong with a pack or an object.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct PackFault {
    /// File inside the pack, or the kind of an object by itself; empty for the pack as a whole.
    pub file: String,
    /// Line, from 1.
    pub line: u32,
    /// Column, from 1, in characters.
    pub column: u32,
    /// What is wrong and, where that is known, what would be right.
    pub message: String,
}

/// Kinds of errors.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ErrorCode {
    /// No credential, or one that is not valid any more.
    Unauthenticated,
    /// The caller may not.
    Forbidden,
    /// A one-time password: nothing but changing it works.
    PasswordChangeRequired,
    /// The password is right, and its user is shut out.
    Disabled,
    /// A session's request without its token.
    Csrf,
    /// It is not there.
    NotFound,
    /// It was there and was removed because of its age or size.
    Gone,
    /// It stands against what is there.
    Conflict,
    /// A value breaks a rule.
    Invalid,
    /// A text is no question; `details` has the place.
    Parse,
    /// A pack or an object has faults; `faults` has all of them.
    Faults,
    /// Somebody changed it since it was looked at: look at it again. Nothing was done, and nothing is lost.
    Changed,
    /// Too many tries.
    TooMany,
    /// The caller has as much under way as one person may.
    Quota,
    /// The request is too large.
    TooLarge,
    /// Not at the moment; `retry-after` says when to try again.
    Unavailable,
    /// The server's disk is full; nothing was stored.
    Full,
    /// What the server has stored is damaged; the message says what an administrator has to do.
    Damaged,
    /// The server cannot read or write its disk.
    Disk,
    /// The server failed.
    Internal,
}

/// Where a text stops being a question, and what might have been meant.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Place {
    /// What is wrong.
    pub message: String,
    /// First character of the place, counted from 0.
    pub start: u32,
    /// Character after the last one of the place.
    pub end: u32,
    /// What could stand there instead.
    pub expected: Vec<String>,
    /// Names that come near to what stands there, nearest first.
    pub nearest: Vec<String>,
}

impl From<ParseError> for Place {
    fn from(error: ParseError) -> Self {
        // A question has 32,000 characters at most.
        let place = |at: usize| u32::try_from(at).unwrap_or(u32::MAX);
        Self {
            start: place(error.start),
            end: place(error.end),
            message: error.message,
            expected: error.expected,
            nearest: error.nearest,
        }
    }
}

impl From<Place> for ParseError {
    fn from(place: Place) -> Self {
        Self {
            message: place.message,
            start: place.start as usize,
            end: place.end as usize,
            expected: place.expected,
            nearest: place.nearest,
        }
    }
}
