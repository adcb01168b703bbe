//! Keeping the store small: what is old goes, what is marked stays, and room is given back in small steps.
//!
//! Nothing here decides what is too old: [`crate::retention`] does. A removal is one small transaction that hides the thing and says
//! so in the audit log; what it held is then cleared away by [`Upkeep::tidy`], a bounded piece at a time, so that no other write
//! waits long for it and a full disk has room for each step.

use super::error::Reply;
use crate::model::audit::{Deed, Entry, Head};
use crate::model::ids::QuestionId;
use jiff::Timestamp;

/// How large the store is, in bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sizes {
    /// Rows and parts of answers.
    pub answers: u64,
    /// Audit entries.
    pub audit: u64,
    /// Everything, with what is free inside.
    pub store: u64,
    /// Free inside, to be used again.
    pub unused: u64,
    /// What may still be written to the disk; `None` where it cannot be told.
    pub disk_free: Option<u64>,
}

/// Which closed questions: oldest first, none that is to be kept.
#[derive(Clone, Copy, Debug)]
pub struct EndedQuery {
    /// Only those that ended before this.
    pub before: Timestamp,
    /// Only those that still have their answers.
    pub with_answers: bool,
    /// At most this many.
    pub limit: u32,
}

/// A closed question.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ended {
    /// Which.
    pub id: QuestionId,
    /// When it ended.
    pub at: Timestamp,
    /// Bytes of its answers.
    pub bytes: u64,
}

/// See the module.
pub trait Upkeep {
    /// How large the store is.
    fn sizes(&self) -> Reply<'_, Sizes>;
    /// Closed questions that are not to be kept.
    fn ended_questions(&self, query: EndedQuery) -> Reply<'_, Vec<Ended>>;
    /// Marks a question as one to keep, or takes the mark away. Missing when there is none.
    fn keep_question(&self, id: QuestionId, keep: bool, deed: Deed) -> Reply<'_, ()>;
    /// Takes the answers of a closed question away; what is known of it in sum stays. False when it is open, to be kept, or
    /// has none.
    fn remove_answers(&self, id: QuestionId, at: Timestamp, deed: Deed) -> Reply<'_, bool>;
    /// Takes a closed question away, with its answers. Missing when there is none; a conflict while it is open.
    fn remove_question(&self, id: QuestionId, deed: Deed) -> Reply<'_, ()>;
    /// Takes orders away that ended before this, a bounded number; gives how many. Their numbers are not given again.
    fn remove_orders(&self, ended_before: Timestamp) -> Reply<'_, u64>;
    /// Entries of the audit log after this number, oldest first.
    fn audit_after(&self, number: u64, limit: u32) -> Reply<'_, Vec<Entry>>;
    /// The last entry that was cut off the front of the audit log.
    fn audit_anchor(&self) -> Reply<'_, Head>;
    /// Cuts the audit log off up to this entry, which becomes the anchor from which the rest is checked. The deed is added to
    /// the log and vouches for the anchor: its detail must hold what [`crate::model::audit::cut_detail`] says.
    fn cut_audit(&self, through: Head, deed: Deed) -> Reply<'_, ()>;
    /// Clears a bounded piece of what was removed away, puts loose chunks together, gives free room back to the disk. True when
    /// there is more to do.
    fn tidy(&self, now: Timestamp) -> Reply<'_, bool>;
}
