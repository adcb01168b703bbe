//! The end of an identity, and how an administrator of the machine takes it back.
//!
//! An agent that believes it was revoked stays away for good, so it believes only what an order key signed for this very
//! endpoint ([`protocol::revocation`]). Whoever administers the machine can lift that ([`lift`]): the identity file says
//! by whom and when, the agent says it in its log at every start, and a copy of the same revocation does not count again.

use super::{Identity, IdentityError};
use crate::lock::{self, LockError};
use protocol::message::{Revocation, Revoked};
use protocol::revocation::{NotRevoked, Subject, first_valid};
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};

/// A revocation that was lifted on this machine.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lifted {
    /// When the revocation was signed, seconds since 1970 by the server's clock; 0 when that was not kept.
    pub issued: i64,
    /// When it was lifted, by this machine's clock.
    pub at: i64,
    /// Who lifted it.
    pub by: String,
}

/// Why nothing was lifted.
#[derive(Debug, thiserror::Error)]
pub enum LiftError {
    /// There is no identity.
    #[error("{0} holds no identity; there is nothing to lift")]
    NotEnrolled(PathBuf),
    /// It is not revoked.
    #[error("this endpoint is not revoked; there is nothing to lift")]
    NotRevoked,
    /// An agent runs here.
    #[error(transparent)]
    Lock(#[from] LockError),
    /// The identity cannot be read or written.
    #[error("the identity is not usable")]
    Identity(#[from] IdentityError),
}

impl Identity {
    /// Checks whether this endpoint is revoked, as the server says.
    ///
    /// # Errors
    /// Why the statement does not count.
    pub fn check_revoked(&self, revoked: &Revoked) -> Result<Revocation, NotRevoked> {
        let endpoint = self
            .named()
            .and_then(|named| hex::decode(&named.endpoint_id).ok())
            .unwrap_or_default();
        let subject = Subject {
            order_keys: &self.trust.order_keys,
            endpoint: &endpoint,
            ordinal: self.ordinal,
            lifted: self.lifted.as_ref().map(|lifted| lifted.issued),
        };
        first_valid(&revoked.statements, subject)
    }

    /// Marks this identity as revoked; nothing is written yet.
    pub fn revoke(&mut self, revocation: &Revocation) {
        self.revoked = true;
        self.revoked_issued = revocation.issued;
    }
}

/// Lifts the revocation of the identity in this folder. The agent must not run.
///
/// # Errors
/// [`LiftError`]; nothing has changed then.
pub fn lift(state_dir: &Path, by: &str) -> Result<Lifted, LiftError> {
    if !state_dir.is_dir() {
        return Err(LiftError::NotEnrolled(state_dir.into()));
    }
    let _lock = lock::take(state_dir)?;
    let mut identity =
        Identity::load(state_dir)?.ok_or_else(|| LiftError::NotEnrolled(state_dir.into()))?;
    if !identity.revoked {
        return Err(LiftError::NotRevoked);
    }
    let before = identity.lifted.as_ref().map_or(0, |lifted| lifted.issued);
    let lifted = Lifted {
        issued: identity.revoked_issued.max(before),
        at: crate::desk::now(),
        by: by.into(),
    };
    identity.revoked = false;
    identity.lifted = Some(lifted.clone());
    identity.save()?;
    tracing::warn!(by, "the revocation of this endpoint was lifted");
    Ok(lifted)
}
