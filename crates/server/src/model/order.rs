//! Orders as they are kept: what was signed, by which key, and what the order is for.

use super::ids::QuestionId;
use jiff::Timestamp;
use protocol::message::SignedOrder;

/// What an order is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OrderKind {
    /// Asks this question.
    Question(QuestionId),
    /// Stops an order of this question.
    Cancel(QuestionId),
}

/// An order as it is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredOrder {
    /// Number; grows, and is never given twice.
    pub number: u64,
    /// What it is for.
    pub kind: OrderKind,
    /// What was signed, and the signature.
    pub signed: SignedOrder,
    /// End.
    pub expires_at: Timestamp,
}

/// Signs the order once its number is known; again with another number when the first could not be kept.
pub type Seal = Box<dyn Fn(u64) -> Result<SignedOrder, SealError> + Send>;

/// An order that has no number yet: it gets one in the transaction that keeps it, so that no two servers over one store give the
/// same, and a restored backup gives none again.
pub struct NewOrder {
    /// End.
    pub expires_at: Timestamp,
    /// Signs it.
    pub seal: Seal,
}

/// Why an order was not signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SealError {
    /// There is no key.
    #[error("the server has no key to sign orders with")]
    NoKey,
    /// It does not fit a frame of the channel.
    #[error("the order does not fit into {0} bytes")]
    TooLarge(usize),
}
