//! Keeping users and API tokens.
//!
//! Secrets never come here: passwords arrive as argon2id strings, cookies and tokens as SHA-256 digests.
//! All times are seconds since 1970, given by the caller, so that expiry can be tested without waiting.

use super::error::Reply;
use crate::model::account::{ApiToken, Digest, User};
use crate::model::audit::Deed;
use crate::model::ids::{ApiTokenId, UserId};
use crate::model::role::{Role, Scopes};

/// A user about to be added.
#[derive(Clone)]
pub struct NewUser {
    /// Name.
    pub name: String,
    /// What they may do.
    pub role: Role,
    /// PHC string.
    pub password: String,
    /// See [`User::one_time`].
    pub one_time: bool,
    /// See [`User::service`].
    pub service: bool,
    /// Whether the one-time password is the server's own, which may make another while it is unused.
    pub by_server: bool,
    /// When.
    pub created_at: i64,
}

/// A new password, and what ends with the old one.
#[derive(Clone)]
pub struct NewPassword {
    /// For whom.
    pub user: UserId,
    /// PHC string.
    pub password: String,
    /// The session that goes on; all others end.
    pub keep_session: Option<Digest>,
    /// API tokens that go on; all others end.
    pub keep_tokens: Vec<ApiTokenId>,
}

/// What ended with an old password.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Ended {
    /// Sessions.
    pub sessions: u64,
    /// API tokens.
    pub tokens: u64,
}

/// A token about to be added.
#[derive(Clone, Debug)]
pub struct NewApiToken {
    /// SHA-256 of its text.
    pub digest: Digest,
    /// What its owner calls it.
    pub name: String,
    /// For whom it acts.
    pub user: UserId,
    /// What it may do at most.
    pub scopes: Scopes,
    /// When.
    pub created_at: i64,
    /// When it ends.
    pub expires_at: i64,
}

/// Keeping users and API tokens.
pub trait Accounts {
    /// All users, by name.
    fn users(&self) -> Reply<'_, Vec<User>>;
    /// A user and their PHC string.
    fn user_with_password(&self, name: String) -> Reply<'_, Option<(User, String)>>;
    /// Adds a user; a taken name is a conflict.
    fn create_user(&self, user: NewUser, deed: Deed) -> Reply<'_, UserId>;
    /// Adds a user if there is no person at all; says whether it did.
    fn create_first_user(&self, user: NewUser, deed: Deed) -> Reply<'_, bool>;
    /// Administrators who never changed the one-time password that the server made for them, with their PHC strings.
    fn unclaimed(&self) -> Reply<'_, Vec<(User, String)>>;
    /// Gives the person of this name a one-time password and the role, adding them if need be. Their sessions, API tokens and known
    /// devices end.
    fn reset_user(&self, user: NewUser, deed: Deed) -> Reply<'_, UserId>;
    /// Makes sure of the server's own account and replaces its API tokens of this name by this one.
    fn service_token(&self, user: NewUser, token: NewApiToken, deed: Deed) -> Reply<'_, ()>;
    /// Removes a user with their sessions and tokens; the last administrator stays.
    fn delete_user(&self, name: String, deed: Deed) -> Reply<'_, ()>;
    /// Sets a password of the user's own choice. Their sessions and API tokens end, but for those named; their devices are known no
    /// more.
    fn set_password(&self, new: NewPassword, deed: Deed) -> Reply<'_, Ended>;

    /// Gives a person another role; the last administrator stays one.
    fn set_role(&self, name: String, role: Role, deed: Deed) -> Reply<'_, User>;
    /// Gives a person who is there a one-time password of somebody else's making. Their sessions and API tokens end, and their devices are
    /// known no more.
    fn reset_password(&self, name: String, password: String, deed: Deed) -> Reply<'_, Ended>;
    /// Shuts a person out from this moment on, or lets them in again. Either way their sessions and API tokens end and their devices are
    /// known no more; the last administrator who is let in stays that.
    fn set_disabled(
        &self,
        name: String,
        since: Option<i64>,
        deed: Deed,
    ) -> Reply<'_, (User, Ended)>;

    /// Ends every session, API token and enrolment token, and forgets all devices.
    fn end_all_access(&self, at: jiff::Timestamp, deed: Deed) -> Reply<'_, ()>;

    /// Tokens of one user, or all.
    fn api_tokens(&self, user: Option<UserId>) -> Reply<'_, Vec<ApiToken>>;
    /// The token of this digest, over or not.
    fn api_token(&self, digest: Digest) -> Reply<'_, Option<ApiToken>>;
    /// Adds a token.
    fn create_api_token(&self, token: NewApiToken, deed: Deed) -> Reply<'_, ApiTokenId>;
    /// Notes that a token was used.
    fn touch_api_token(&self, id: ApiTokenId, now: i64) -> Reply<'_, ()>;
    /// Removes a token, of this user only if one is given.
    fn delete_api_token(&self, id: ApiTokenId, user: Option<UserId>, deed: Deed) -> Reply<'_, ()>;
}
