//! What an asker keeps open, for their quota.

use super::error::Reply;
use crate::model::ids::UserId;

/// An open question, as far as it costs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OpenQuestion {
    /// Its end, seconds since 1970.
    pub expires_at: i64,
    /// How many endpoints it names; `None` means every endpoint.
    pub targets: Option<u64>,
}

/// Counting open questions.
pub trait Quota {
    /// Open questions that this user asked, in person or by a token.
    fn open_of(&self, user: UserId) -> Reply<'_, Vec<OpenQuestion>>;
}
