//! The audit log as the store keeps it. See [`crate::model::audit`] for what it is and how it is checked.

use super::error::Reply;
use crate::model::audit::{Deed, Entry, Head, Verdict};
use crate::model::ids::EndpointId;
use jiff::Timestamp;

/// Which entries a reader wants: newest first.
#[derive(Clone, Debug, Default)]
pub struct AuditQuery {
    /// Only entries with a smaller number.
    pub before: Option<u64>,
    /// Only this person's, by tokens too; or exactly this.
    pub who: Option<String>,
    /// Only actions that start so.
    pub action: Option<String>,
    /// Only what was done to exactly this.
    pub object: Option<String>,
    /// Only what these endpoints did or what was done to them.
    pub endpoints: Option<Vec<EndpointId>>,
    /// Only entries of this second and later.
    pub from: Option<Timestamp>,
    /// Only entries before this second.
    pub to: Option<Timestamp>,
    /// At most this many.
    pub limit: u32,
}

/// What of an entry is looked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Field {
    /// Who did it; their tokens are theirs.
    Who,
    /// What it was done to.
    Object,
}

/// Reading and writing the log. Methods elsewhere that take a [`Deed`] write it in their own transaction.
pub trait Audit {
    /// Writes a deed that changes nothing in the store; gives its number.
    fn note(&self, deed: Deed) -> Reply<'_, u64>;
    /// Entries, newest first.
    fn audit_entries(&self, query: AuditQuery) -> Reply<'_, Vec<Entry>>;
    /// What the log has in a field, each once, what was written last first; `most` of them.
    fn audit_words(&self, field: Field, most: u32) -> Reply<'_, Vec<String>>;
    /// The newest entry's number and hash.
    fn audit_head(&self) -> Reply<'_, Head>;
    /// Checks the whole log, and that it holds these heads noted elsewhere.
    fn audit_verify(&self, noted: Vec<Head>) -> Reply<'_, Verdict>;
}
