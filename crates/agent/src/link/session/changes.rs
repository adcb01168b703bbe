//! New trust and new certificates. What the endpoint is changes in memory after it was written down, never before: what it
//! would no longer know after a restart, nobody may count on.
//!
//! A disk that takes nothing is no reason to end. The old identity stays, and the new one is tried again for as long as
//! the connection lives; on the next one the server, which was not told that it is held ([`Identity::holds`]), sends it
//! anew. Each change is made on top of what could not be written yet, because bundles follow one another.

use super::{RENEW_AGAIN, Session, blocking, held};
use crate::identity::Identity;
use protocol::message::{Credentials, Refusal, SignedTrust, agent_says};
use protocol::order::check_trust;
use tokio::time::Instant;

impl Session<'_> {
    pub(super) async fn take_trust(&self, signed: &SignedTrust) {
        let mut changed = self.newest();
        let refused = match check_trust(signed, &changed.trust) {
            Ok(trust) => {
                let version = trust.version;
                match changed.adopt_trust(trust) {
                    Ok(()) => {
                        if self.write_down(changed).await {
                            tracing::info!(version, "trust was changed");
                        }
                        return;
                    }
                    Err(error) => ("not-understood", crate::chain(&error)),
                }
            }
            Err(refused) => (refused.code(), refused.to_string()),
        };
        let (code, detail) = refused;
        tracing::warn!(code, %detail, "a change of trust was refused");
        self.refuse_change(code, format!("change of trust: {detail}"))
            .await;
    }

    pub(super) async fn take_certificate(&self, credentials: Credentials) {
        *held(&self.renewing) = None;
        let mut renewed = self.newest();
        match renewed.adopt_renewed(credentials) {
            Ok(()) => {
                if self.write_down(renewed).await {
                    tracing::info!("the certificate was renewed");
                }
            }
            Err(error) => {
                tracing::error!(error = %crate::chain(&error), "the renewed certificate is not usable; the old one stays");
                *held(&self.renewing) = Some(Instant::now());
            }
        }
    }

    /// What this endpoint is, with what could not be written yet.
    fn newest(&self) -> Identity {
        match &*held(&self.unwritten) {
            Some(unwritten) => unwritten.clone(),
            None => held(&self.identity).clone(),
        }
    }

    /// Whether something waits to be written.
    pub(super) fn is_behind(&self) -> bool {
        held(&self.unwritten).is_some()
    }

    /// Tries again what could not be written.
    pub(super) async fn catch_up(&self) {
        let waiting = held(&self.unwritten).clone();
        if let Some(waiting) = waiting
            && self.write_down(waiting).await
        {
            tracing::info!("what could not be written to the identity before is written now");
        }
    }

    /// Makes this the endpoint's identity, on disk and then here; says so to the server, and what follows from it. False
    /// when the disk did not take it: then it waits.
    async fn write_down(&self, changed: Identity) -> bool {
        let saved = blocking(move || {
            let saved = changed.save();
            (changed, saved)
        })
        .await;
        let Some((changed, saved)) = saved else {
            return false;
        };
        if let Err(error) = saved {
            let first = held(&self.unwritten).replace(changed).is_none();
            if first {
                let detail = crate::chain(&error);
                tracing::error!(error = %detail, "a change of the identity could not be written; the old one stays, and it is tried again");
                self.refuse_change("not-kept", detail).await;
            }
            return false;
        }
        let holds = changed.holds();
        *held(&self.unwritten) = None;
        **held(&self.identity) = changed;
        self.say(agent_says::Body::Holds(holds)).await;
        if let Some(request) = self.renewal() {
            self.say(request).await;
        }
        true
    }

    async fn refuse_change(&self, code: &str, detail: String) {
        self.say(agent_says::Body::Refusal(Refusal {
            order: 0,
            code: code.into(),
            detail,
        }))
        .await;
    }

    /// The request for a new certificate, when it is time to and no other is under way.
    pub(super) fn renewal(&self) -> Option<agent_says::Body> {
        let under_way = held(&self.renewing).is_some_and(|asked| asked.elapsed() < RENEW_AGAIN);
        if under_way || self.is_behind() || !held(&self.identity).renewal_due(self.clock.now()) {
            return None;
        }
        let request = held(&self.identity).signing_request();
        match request {
            Ok(request) => {
                *held(&self.renewing) = Some(Instant::now());
                Some(agent_says::Body::Renew(request))
            }
            Err(error) => {
                tracing::error!(error = %crate::chain(&error), "cannot ask for a new certificate");
                None
            }
        }
    }
}
