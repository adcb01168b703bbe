//! Keeping sessions, and the devices that somebody signed in with.
//!
//! Secrets never come here: cookies arrive as SHA-256 digests. All times are seconds since 1970, given by the caller.

use super::error::Reply;
use crate::model::account::{Device, Digest, Session, SessionLimits};
use crate::model::audit::Deed;
use crate::model::ids::{SessionId, UserId};

/// A session about to begin.
#[derive(Clone, Debug)]
pub struct NewSession {
    /// SHA-256 of its secret.
    pub digest: Digest,
    /// Whose.
    pub user: UserId,
    /// SHA-256 of the device's secret.
    pub device: Option<Digest>,
    /// From where.
    pub address: Option<String>,
    /// With what, as that calls itself.
    pub client: Option<String>,
    /// When.
    pub now: i64,
    /// Sessions that are over by these are cleared away.
    pub limits: SessionLimits,
}

/// Keeping sessions.
pub trait Sessions {
    /// Begins a session, unless its user is shut out by now; those that are over by the two limits are cleared away, and the device is
    /// known from now on.
    fn begin_session(&self, new: NewSession, deed: Deed) -> Reply<'_, ()>;
    /// The device of this digest.
    fn device(&self, digest: Digest) -> Reply<'_, Option<Device>>;
    /// The session of this digest, over or not.
    fn session(&self, digest: Digest) -> Reply<'_, Option<Session>>;
    /// Sessions of one user, or all, over or not, by number.
    fn sessions(&self, user: Option<UserId>) -> Reply<'_, Vec<Session>>;
    /// Notes that a session was used.
    fn touch_session(&self, digest: Digest, now: i64) -> Reply<'_, ()>;
    /// Ends a session.
    fn end_session(&self, digest: Digest, deed: Deed) -> Reply<'_, ()>;
    /// Ends the session of this number, of this user only if one is given.
    fn end_session_of(&self, id: SessionId, user: Option<UserId>, deed: Deed) -> Reply<'_, ()>;
    /// Ends a user's sessions but for one that is to go on; gives how many there were. Their devices are known no more.
    fn end_sessions_of(&self, user: UserId, keep: Option<Digest>, deed: Deed) -> Reply<'_, u64>;
    /// Ends a person's sessions; gives how many there were. Their devices are known no more.
    fn end_sessions(&self, name: String, deed: Deed) -> Reply<'_, u64>;
}
