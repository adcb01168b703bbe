//! What is kept of rights: roles that people make, user groups, and what bounds somebody, all by names.
//!
//! [`crate::access`] turns it into the sets that [`rights`] judges by. Content sets and computer groups are named here as people name
//! them; one that does not exist grants nothing, and comes into force when it is made.

use super::ids::{RoleId, UserGroupId, UserId};
use ::rights::{Effect, Permission};
use answer::EndpointSet;
use serde::{Deserialize, Serialize};

/// One line of a role.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RoleLine {
    /// Grant or deny.
    pub effect: Effect,
    /// What.
    pub permission: Permission,
    /// Over which content set; `None` for a permission about Cordon as a whole.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub content_set: Option<String>,
    /// A grant that counts only for who may use Ask.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub with_ask: bool,
}

/// A role that people made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredRole {
    /// Number.
    pub id: RoleId,
    /// Name, unique without regard to case.
    pub name: String,
    /// Who it is for.
    pub description: String,
    /// What it grants and denies.
    pub lines: Vec<RoleLine>,
    /// Grows with each change.
    pub version: u64,
}

/// What bounds somebody, by the names of computer groups.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct NamedBounds {
    /// Every endpoint, those to come included.
    #[serde(default)]
    pub everything: bool,
    /// The groups whose endpoints are within.
    #[serde(default)]
    pub within: Vec<String>,
    /// The groups whose endpoints are not, whatever lets them in.
    #[serde(default)]
    pub without: Vec<String>,
}

/// People who have roles and bounds in common.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UserGroup {
    /// Number.
    pub id: UserGroupId,
    /// Name, unique without regard to case.
    pub name: String,
    /// Who is in it.
    pub description: String,
    /// Its members.
    pub members: Vec<UserId>,
    /// What they may do.
    pub roles: Vec<RoleId>,
    /// Which endpoints they see; `None` where the group says nothing of that.
    pub bounds: Option<NamedBounds>,
    /// Grows with each change.
    pub version: u64,
}

/// What a user was given themself, beside their built-in role.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OwnRights {
    /// Who.
    pub user: UserId,
    /// Roles that people made.
    pub roles: Vec<RoleId>,
    /// Which endpoints they see; `None` where only their user groups say so.
    pub bounds: Option<NamedBounds>,
}

/// Which endpoints are in a computer group, as far as the server knows.
#[derive(Clone, Debug, PartialEq)]
pub struct GroupMembers {
    /// Name of the group.
    pub group: String,
    /// The version of the group that was evaluated.
    pub version: u64,
    /// Those that said that they are in it.
    pub members: EndpointSet,
    /// Those that said that they are not. Of all others it is not known.
    pub others: EndpointSet,
    /// When that was evaluated, seconds since 1970.
    pub evaluated_at: i64,
}

/// Everything that is kept of rights.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct KeptRights {
    /// Roles that people made, by name.
    pub roles: Vec<StoredRole>,
    /// User groups, by name.
    pub user_groups: Vec<UserGroup>,
    /// Users who were given something themselves.
    pub own: Vec<OwnRights>,
    /// What is known of computer groups.
    pub members: Vec<GroupMembers>,
}
