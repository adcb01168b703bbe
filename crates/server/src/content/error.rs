//! Why something is not done with content. Nothing is changed then.

use super::files::FilesError;
use crate::store::StoreError;
use ::content::change::{EditRefused, NotApplied, Refusal, SupplyRefused};
use ::content::fault::Fault;

/// Why something is not done.
#[derive(Debug, thiserror::Error)]
pub enum ContentError {
    /// The store.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Files beside the database.
    #[error("the files of content cannot be read or written")]
    Files(#[from] FilesError),
    /// A pack or an object has faults.
    #[error("{what} has {} {}; nothing was done: {}", faults.len(), if faults.len() == 1 { "fault" } else { "faults" },
        faults.first().map_or_else(String::new, ToString::to_string))]
    Faults {
        /// What was read.
        what: String,
        /// All of them.
        faults: Vec<Fault>,
    },
    /// There is no plan.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// The plan is not applied.
    #[error(transparent)]
    NotApplied(#[from] NotApplied),
    /// What would be done is not what was looked at.
    #[error(
        "what would be done is not what was looked at: content or the pack changed since; look at it again, nothing was done"
    )]
    OtherPlan,
    /// An edit is refused.
    #[error(transparent)]
    Edit(#[from] EditRefused),
    /// A file is not taken.
    #[error(transparent)]
    Supply(#[from] SupplyRefused),
    /// It is not there.
    #[error("{0} does not exist")]
    Missing(String),
    /// It cannot be.
    #[error("{0}")]
    Invalid(String),
    /// It is larger than it may be.
    #[error("{what} has more than {most} bytes")]
    TooLarge {
        /// What.
        what: &'static str,
        /// Most that it may have.
        most: u64,
    },
    /// The work ended by a defect.
    #[error("the work on content ended unexpectedly; this is a defect of Cordon")]
    Ended(#[source] tokio::task::JoinError),
}

impl ContentError {
    /// Something that is not there.
    pub(super) fn missing(what: impl Into<String>) -> Self {
        Self::Missing(what.into())
    }
}
