//! Keeping roles, user groups, bounds, and what is known of the computer groups that bound.

use super::error::Reply;
use crate::model::audit::Deed;
use crate::model::ids::UserGroupId;
use crate::model::rights::{
    GroupMembers, KeptRights, NamedBounds, RoleLine, StoredRole, UserGroup,
};

/// A role as it is to be.
#[derive(Clone, Debug)]
pub struct RoleDraft {
    /// Name.
    pub name: String,
    /// Who it is for.
    pub description: String,
    /// What it grants and denies.
    pub lines: Vec<RoleLine>,
}

/// A user group as it is to be; everything in it by name.
#[derive(Clone, Debug)]
pub struct UserGroupDraft {
    /// Name.
    pub name: String,
    /// Who is in it.
    pub description: String,
    /// Users.
    pub members: Vec<String>,
    /// Roles that people made.
    pub roles: Vec<String>,
    /// Which endpoints they see.
    pub bounds: Option<NamedBounds>,
}

/// What a user is to be given themself.
#[derive(Clone, Debug)]
pub struct OwnDraft {
    /// Who, by name.
    pub user: String,
    /// Roles that people made, by name.
    pub roles: Vec<String>,
    /// Which endpoints they see.
    pub bounds: Option<NamedBounds>,
}

/// Keeping rights.
pub trait Rights {
    /// Everything, for judging by.
    fn kept_rights(&self) -> Reply<'_, KeptRights>;
    /// Adds a role; a taken name is a conflict.
    fn create_role(&self, role: RoleDraft, deed: Deed) -> Reply<'_, StoredRole>;
    /// Changes the role of this name and version. Its name may change too.
    fn change_role(
        &self,
        name: String,
        version: u64,
        role: RoleDraft,
        deed: Deed,
    ) -> Reply<'_, StoredRole>;
    /// Removes a role that nobody has.
    fn delete_role(&self, name: String, deed: Deed) -> Reply<'_, ()>;
    /// Adds a user group; a taken name is a conflict, an unknown user or role is missing.
    fn create_user_group(&self, group: UserGroupDraft, deed: Deed) -> Reply<'_, UserGroup>;
    /// Changes the user group of this name and version.
    fn change_user_group(
        &self,
        name: String,
        version: u64,
        group: UserGroupDraft,
        deed: Deed,
    ) -> Reply<'_, UserGroup>;
    /// Removes a user group; its members keep what they have otherwise.
    fn delete_user_group(&self, name: String, deed: Deed) -> Reply<'_, UserGroupId>;
    /// Gives a person roles and bounds of their own, in place of those before.
    fn set_own_rights(&self, own: OwnDraft, deed: Deed) -> Reply<'_, ()>;
    /// Keeps what was found out about a computer group, if that is still there in this version.
    fn save_group_members(&self, members: GroupMembers) -> Reply<'_, ()>;
}
