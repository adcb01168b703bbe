//! The word that goes up through whatever is at work when it is to end.

/// The work is to end now: somebody said so, or nobody takes what comes of it any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stop;
