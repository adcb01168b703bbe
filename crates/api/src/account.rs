//! Signing in and out, users, and API tokens.

use crate::Secret;
use crate::ids::{ApiTokenId, SessionId, UserId};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A part of all permissions, for narrowing a token.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, ToSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Scope {
    /// See questions, answers, endpoints and content.
    Read,
    /// Ask questions and cancel them; make groups.
    Ask,
    /// Everything else: change content, manage users, endpoints, enrolment and trust; read the audit log.
    Admin,
}

/// A role that is built in: what a person may do by themself. Roles that people make, and user groups, come on top.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, ToSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Everything, everywhere; no denial and no bound reaches it.
    Administrator,
    /// Everything with content, and nothing to people, endpoints or keys.
    ContentAdministrator,
    /// See content and answers, and ask.
    Operator,
    /// See content and answers.
    Reader,
    /// Nothing by itself: what other roles and user groups give.
    Member,
}

/// A name and a password.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Login {
    /// User name.
    pub name: String,
    /// Password.
    #[schema(value_type = String, format = Password)]
    pub password: Secret,
}

/// A session that began; its secret is in the cookie.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct LoggedIn {
    /// To be sent as `x-csrf-token` with every request that is not a GET.
    pub csrf: String,
    /// User name.
    pub name: String,
    /// Role.
    pub role: Role,
    /// Whether somebody else set the password: nothing but changing it works until that is done.
    pub one_time_password: bool,
}

/// The caller.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct Me {
    /// User name.
    pub name: String,
    /// Role.
    pub role: Role,
    /// The scopes of which this session or token may do something.
    pub permissions: Vec<Scope>,
    /// Whether somebody else set the password: nothing but changing it works until that is done.
    pub one_time_password: bool,
    /// The session's token for `x-csrf-token`; `null` for API tokens, which need none.
    #[schema(required)]
    pub csrf: Option<String>,
    /// Number of the API token that was shown; `null` in a session.
    #[schema(required)]
    pub token: Option<ApiTokenId>,
}

/// A change of the caller's own password.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PasswordChange {
    /// The password until now.
    #[schema(value_type = String, format = Password)]
    pub current: Secret,
    /// The password from now on, at least 12 characters.
    #[schema(value_type = String, format = Password)]
    pub new: Secret,
    /// Numbers of API tokens that go on; all others of the caller end.
    #[serde(default)]
    pub keep_tokens: Vec<ApiTokenId>,
}

/// A user.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct UserInfo {
    /// Number.
    pub id: UserId,
    /// Name.
    pub name: String,
    /// Role.
    pub role: Role,
    /// Whether somebody else set the password and it was not changed yet.
    pub one_time_password: bool,
    /// Whether this is no person but the server's own account for programs on its machine.
    pub service: bool,
    /// When they were added.
    pub created_at: Timestamp,
    /// Since when they are shut out; `null` for those who may sign in.
    #[schema(required)]
    pub disabled_at: Option<Timestamp>,
}

/// A user who was shut out.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct UserDisabled {
    /// Who.
    pub user: UserInfo,
    /// Sessions that ended with it; none when they were shut out already.
    pub sessions_ended: u64,
    /// API tokens that ended with it.
    pub tokens_ended: u64,
}

/// A session under way, without its secret.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct SessionInfo {
    /// Number.
    pub id: SessionId,
    /// Whose.
    pub user: String,
    /// When it began.
    pub created_at: Timestamp,
    /// Its last use, to the minute.
    pub used_at: Timestamp,
    /// The address from which it began; `null` for one that began before this was kept.
    #[schema(required)]
    pub address: Option<String>,
    /// What it began with, as that called itself: the browser.
    #[schema(required)]
    pub client: Option<String>,
    /// Whether this is the session that asks.
    pub current: bool,
}

/// A user to be added.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct UserToCreate {
    /// Name: 1 to 64 letters, digits or any of `. _ - @`.
    pub name: String,
    /// Role.
    pub role: Role,
    /// First password, at least 12 characters; without one, the server makes it.
    #[serde(default)]
    #[schema(value_type = Option<String>, format = Password)]
    pub password: Option<Secret>,
}

/// A user that was added.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct UserCreated {
    /// Number.
    pub id: UserId,
    /// Name.
    pub name: String,
    /// The password the server made, told this once only; `null` when it was given.
    #[schema(required, value_type = Option<String>, format = Password)]
    pub password: Option<Secret>,
}

/// What is to change about a user.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct UserChange {
    /// What they may do from now on, in sessions and by tokens that they have.
    pub role: Role,
}

/// A password that the server made in place of another.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct PasswordReset {
    /// The one-time password, told this once only.
    #[schema(value_type = String, format = Password)]
    pub password: Secret,
    /// Sessions that ended with the old one.
    pub sessions_ended: u64,
    /// API tokens that ended with it.
    pub tokens_ended: u64,
}

/// What ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SessionsEnded {
    /// Sessions that were under way.
    pub sessions_ended: u64,
}

/// An API token, without its secret.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct ApiTokenInfo {
    /// Number.
    pub id: ApiTokenId,
    /// What its owner calls it.
    pub name: String,
    /// For whom it acts.
    pub user: String,
    /// What it may do, as far as its owner may.
    pub scopes: Vec<Scope>,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it ends.
    pub expires_at: Timestamp,
    /// Its last use, to the minute.
    #[schema(required)]
    pub used_at: Option<Timestamp>,
}

/// An API token to be made.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ApiTokenToCreate {
    /// What to call it: 1 to 64 letters, digits, spaces or any of `. _ - @`.
    pub name: String,
    /// What it should be able to do. What the caller may not do is left out.
    #[schema(min_items = 1)]
    pub scopes: Vec<Scope>,
    /// Its life in seconds, 366 days at most.
    #[schema(minimum = 1, maximum = 31_622_400)]
    pub expires_seconds: u64,
}

/// An API token that was made.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct ApiTokenCreated {
    /// Number.
    pub id: ApiTokenId,
    /// The token, told this once only.
    #[schema(value_type = String, format = Password)]
    pub token: Secret,
    /// What it may do.
    pub scopes: Vec<Scope>,
    /// When it ends.
    pub expires_at: Timestamp,
}
