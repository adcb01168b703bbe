//! People and programs that may use the server: users, their sessions, API tokens.
//!
//! Secrets never come here: cookies and tokens are known by their SHA-256 digests.
//! All times are seconds since 1970.

use super::ids::{ApiTokenId, SessionId, UserId};
use super::role::{Role, Scopes};

/// SHA-256 of a session's or a token's secret.
pub type Digest = [u8; 32];

/// A user as shown to people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct User {
    /// Number.
    pub id: UserId,
    /// Name, unique without regard to case.
    pub name: String,
    /// What they may do.
    pub role: Role,
    /// Whether somebody else set the password: until they change it, they may do nothing else.
    pub one_time: bool,
    /// Whether this is no person but the server's own account for programs on its machine.
    pub service: bool,
    /// When they were added.
    pub created_at: i64,
    /// Since when they are shut out, if they are: nothing of theirs lets them in.
    pub disabled_at: Option<i64>,
}

/// A session with its user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Session {
    /// Number.
    pub id: SessionId,
    /// SHA-256 of its secret.
    pub digest: Digest,
    /// Who.
    pub user: User,
    /// From where it began, where that is known.
    pub address: Option<String>,
    /// What it began with, as that called itself.
    pub client: Option<String>,
    /// When it began.
    pub created_at: i64,
    /// Its last use, to the minute.
    pub seen_at: i64,
}

/// A browser that somebody signed in with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Device {
    /// Name of its user.
    pub user_name: String,
    /// When they last signed in with it.
    pub seen_at: i64,
}

/// An API token as shown to people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApiToken {
    /// Number.
    pub id: ApiTokenId,
    /// What its owner calls it.
    pub name: String,
    /// For whom it acts.
    pub user: User,
    /// What it may do at most.
    pub scopes: Scopes,
    /// When it was made.
    pub created_at: i64,
    /// When it ends.
    pub expires_at: i64,
    /// Its last use, to the minute.
    pub used_at: Option<i64>,
}

/// How long sessions last, in seconds.
#[derive(Clone, Copy, Debug)]
pub struct SessionLimits {
    /// Without use.
    pub idle: i64,
    /// In all.
    pub total: i64,
}

impl SessionLimits {
    /// Whether a session is over.
    #[must_use]
    pub fn is_over(&self, session: &Session, now: i64) -> bool {
        now.saturating_sub(session.seen_at) > self.idle
            || now.saturating_sub(session.created_at) > self.total
    }
}
