//! Computer groups: a name that stands for a filter, with an owner and a version.

use super::error::Reply;
use crate::model::audit::Deed;
use crate::model::ids::{QuestionId, UserId};
use question::catalogue::Group;

/// A group about to be added.
#[derive(Clone, Debug)]
pub struct NewGroup {
    /// Name.
    pub name: String,
    /// Canonical filter.
    pub filter: String,
    /// Whose it is.
    pub owner: UserId,
    /// Their name.
    pub owner_name: String,
}

/// A group as kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredGroup {
    /// Name.
    pub name: String,
    /// Canonical filter.
    pub filter: String,
    /// Whose it is; `None` when that person is gone.
    pub owner: Option<UserId>,
    /// Their name.
    pub owner_name: Option<String>,
    /// Grows with each change of what the name means.
    pub version: u64,
    /// When it got this version, seconds since 1970.
    pub changed_at: i64,
}

/// Keeping groups.
pub trait Groups {
    /// All groups, by name, as questions read them.
    fn groups(&self) -> Reply<'_, Vec<Group>>;
    /// All groups, by name.
    fn stored_groups(&self) -> Reply<'_, Vec<StoredGroup>>;
    /// Adds a group; a name that is taken, or looks like one, is a conflict.
    fn create_group(&self, group: NewGroup, deed: Deed) -> Reply<'_, StoredGroup>;
    /// Gives a group of this version another filter.
    fn change_group(
        &self,
        name: String,
        version: u64,
        filter: String,
        deed: Deed,
    ) -> Reply<'_, StoredGroup>;
    /// Gives a group of this version to the person of this name. What it means stays, and so its version.
    fn give_group(
        &self,
        name: String,
        version: u64,
        owner: String,
        deed: Deed,
    ) -> Reply<'_, StoredGroup>;
    /// Removes a group of this version; open questions that were asked by it are a conflict.
    fn delete_group(&self, name: String, version: u64, deed: Deed) -> Reply<'_, ()>;
    /// Notes which groups a question was asked by, in their present versions.
    fn note_groups(&self, question: QuestionId, names: Vec<String>, deed: Deed) -> Reply<'_, ()>;
}
