//! Who is signed in, and ending that.

use super::{Auth, AuthError, Caller, Via};
use crate::model::account::{Digest, Session};
use crate::model::audit::Deed;
use crate::model::ids::SessionId;
use ::rights::Permission;

impl Caller {
    /// The digest of the session that this is, if it is one.
    fn session(&self) -> Option<Digest> {
        match &self.via {
            Via::Session { digest, .. } => Some(*digest),
            Via::Token { .. } => None,
        }
    }

    /// Whether this is the caller's own session.
    #[must_use]
    pub fn is_in(&self, session: &Session) -> bool {
        self.session() == Some(session.digest)
    }
}

impl Auth {
    /// Sessions under way: the caller's own, or for an administrator all.
    pub async fn sessions(&self, caller: &Caller) -> Result<Vec<Session>, AuthError> {
        let now = self.now();
        let of = (!caller.may(Permission::ManageSessions)).then_some(caller.user.id);
        let mut all = self.store.sessions(of).await?;
        all.retain(|session| !self.sessions.is_over(session, now));
        Ok(all)
    }

    /// Ends a session: one's own, or for an administrator anybody's.
    pub async fn end_session(&self, caller: &Caller, id: SessionId) -> Result<(), AuthError> {
        let of = (!caller.may(Permission::ManageSessions)).then_some(caller.user.id);
        let deed = Deed::new(caller.actor(), "session.end", id.to_string());
        Ok(self.store.end_session_of(id, of, deed).await?)
    }

    /// Ends all of the caller's own sessions but the one that asks; says how many.
    pub async fn end_own_sessions(&self, caller: &Caller) -> Result<u64, AuthError> {
        let deed = Deed::new(caller.actor(), "sessions.end", &caller.user.name);
        let (user, keep) = (caller.user.id, caller.session());
        Ok(self.store.end_sessions_of(user, keep, deed).await?)
    }

    /// Ends a user's sessions; says how many.
    pub async fn end_sessions(&self, caller: &Caller, name: String) -> Result<u64, AuthError> {
        self.may_touch(caller, &name).await?;
        let deed = Deed::new(caller.actor(), "sessions.end", &name);
        Ok(self.store.end_sessions(name, deed).await?)
    }
}
