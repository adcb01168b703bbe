//! Computer groups: a name that stands for a filter.

use super::Reply;
use crate::model::audit::Deed;
use question::catalogue::Group;

/// Keeping groups.
pub trait Groups {
    /// All groups, by name.
    fn groups(&self) -> Reply<'_, Vec<Group>>;
    /// Adds a group; a taken name is a conflict.
    fn create_group(&self, group: Group, by: String, deed: Deed) -> Reply<'_, ()>;
    /// Removes a group.
    fn delete_group(&self, name: String, deed: Deed) -> Reply<'_, ()>;
}
