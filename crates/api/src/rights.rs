//! Roles, user groups, bounds, and what somebody may do in the end.

use crate::account::{Role, Scope};
use crate::ids::UserGroupId;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::openapi::RefOr;
use utoipa::openapi::schema::{ObjectBuilder, Schema, SchemaType, Type};
use utoipa::{IntoParams, PartialSchema, ToSchema};

/// A permission, by its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Permission(pub ::rights::Permission);

impl PartialSchema for Permission {
    fn schema() -> RefOr<Schema> {
        let names = ::rights::Permission::ALL.iter().map(|p| p.name());
        let schema = ObjectBuilder::new()
            .schema_type(SchemaType::Type(Type::String))
            .description(Some(
                "A permission, by its name; `GET /permissions` tells what each is.",
            ))
            .enum_values(Some(names));
        RefOr::T(Schema::Object(schema.build()))
    }
}

impl ToSchema for Permission {}

/// What a permission is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum About {
    /// Cordon as a whole; a rule about it names no content set.
    Cordon,
    /// The objects of a content set; a rule about it names one.
    ContentSet,
}

/// A permission, explained.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct PermissionInfo {
    /// Name in roles.
    pub name: Permission,
    /// Name for people.
    pub words: String,
    /// What it is about.
    pub about: About,
    /// The scope that a token needs for it.
    pub scope: Scope,
}

/// One rule of a role.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RoleRule {
    /// Which permission.
    pub permission: Permission,
    /// Over which content set; none for a permission about Cordon as a whole.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub content_set: Option<String>,
    /// A grant that counts only for who may use Ask.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub with_ask: bool,
}

/// A role.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct RoleInfo {
    /// Name.
    pub name: String,
    /// Who it is for.
    pub description: String,
    /// Whether it is built in: it is everybody's one role in `role`, and never changes.
    pub built_in: bool,
    /// What it grants; a built-in role grants over every content set.
    pub grants: Vec<RoleRule>,
    /// What it denies. A denial wins over every grant of every role.
    pub denies: Vec<RoleRule>,
    /// Grows with each change; 0 for what never changes.
    pub version: u64,
}

/// A role to be made, or as one is to be.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RoleToKeep {
    /// Name.
    pub name: String,
    /// Who it is for.
    #[serde(default)]
    pub description: String,
    /// What it grants.
    #[serde(default)]
    pub grants: Vec<RoleRule>,
    /// What it denies.
    #[serde(default)]
    pub denies: Vec<RoleRule>,
    /// When something is changed: the version that was looked at, so that nobody's change is lost; without it, whatever is there is
    /// replaced.
    #[serde(default)]
    #[schema(minimum = 1, maximum = 9_007_199_254_740_991_u64)]
    pub version: Option<u64>,
}

/// Which endpoints somebody sees, by the names of computer groups.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Bounds {
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

/// A user group.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct UserGroupInfo {
    /// Number.
    pub id: UserGroupId,
    /// Name.
    pub name: String,
    /// Who is in it.
    pub description: String,
    /// Its members, by name.
    pub members: Vec<String>,
    /// The roles that they have by it.
    pub roles: Vec<String>,
    /// The endpoints that they see by it; `null` when it says nothing of that.
    #[schema(required)]
    pub bounds: Option<Bounds>,
    /// Grows with each change.
    pub version: u64,
}

/// A user group to be made, or as one is to be.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct UserGroupToKeep {
    /// Name.
    pub name: String,
    /// Who is in it.
    #[serde(default)]
    pub description: String,
    /// Its members, by name.
    #[serde(default)]
    pub members: Vec<String>,
    /// The roles that they have by it.
    #[serde(default)]
    pub roles: Vec<String>,
    /// The endpoints that they see by it; none when it says nothing of that.
    #[serde(default)]
    pub bounds: Option<Bounds>,
    /// When something is changed: the version that was looked at, so that nobody's change is lost; without it, whatever is there is
    /// replaced.
    #[serde(default)]
    #[schema(minimum = 1, maximum = 9_007_199_254_740_991_u64)]
    pub version: Option<u64>,
}

/// What a user is to be given themself, in place of what they were given before.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct OwnRights {
    /// Roles that people made.
    #[serde(default)]
    pub roles: Vec<String>,
    /// The endpoints that they see; none when only their user groups say so.
    #[serde(default)]
    pub bounds: Option<Bounds>,
}

/// Which rights are asked about.
#[derive(Clone, Debug, Default, Serialize, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct RightsQuery {
    /// Only this permission.
    #[param(inline)]
    #[serde(default)]
    pub permission: Option<Permission>,
    /// Over this content set; without one, over each that a role of theirs names.
    #[serde(default)]
    pub content_set: Option<String>,
}

/// Whether something may be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Judgement {
    /// Granted, and nowhere denied.
    Granted,
    /// Nothing grants it.
    NotGranted,
    /// Something denies it, whatever grants it.
    Denied,
}

/// A role that has a say.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RightSource {
    /// The role.
    pub role: String,
    /// The user group by which it came; `null` when it was given to the user.
    #[schema(required)]
    pub user_group: Option<String>,
}

/// Whether somebody may do something, and why.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct RightInfo {
    /// What.
    pub permission: Permission,
    /// Over which content set; `null` for a permission about Cordon as a whole, and for every content set that is not listed.
    #[schema(required)]
    pub content_set: Option<String>,
    /// What comes out.
    pub verdict: Judgement,
    /// What grants it.
    pub granted_by: Vec<RightSource>,
    /// What denies it.
    pub denied_by: Vec<RightSource>,
}

/// A computer group that bounds somebody.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct BoundingGroup {
    /// Its name.
    pub name: String,
    /// Endpoints that said that they are in it.
    pub members: u64,
    /// Endpoints of which it is not known: outside where the group lets somebody in, inside where it shuts them out.
    pub unknown: u64,
    /// When endpoints were last asked; `null` when that was never done.
    #[schema(required)]
    pub evaluated_at: Option<Timestamp>,
}

/// What somebody may do, and whose endpoints they see.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct RightsInfo {
    /// Who.
    pub user: String,
    /// Their built-in role.
    pub role: Role,
    /// Roles that they were given themself.
    pub roles: Vec<String>,
    /// The user groups that they are in.
    pub user_groups: Vec<String>,
    /// What they were given themself to bound them; `null` for nothing.
    #[schema(required)]
    pub bounds: Option<Bounds>,
    /// How many of all endpoints they see.
    pub endpoints: u64,
    /// How many endpoints there are; `null` to who does not see them all.
    #[schema(required)]
    pub of_endpoints: Option<u64>,
    /// The computer groups that bound them, by themselves or by their user groups.
    pub groups: Vec<BoundingGroup>,
    /// Permission by permission.
    pub rights: Vec<RightInfo>,
}
