//! Replacing the authority and the order key under running agents. The steps are told in [`super::trust`].

use super::authority::{Authority, CertificateError};
use super::keep::{KeepError, keep};
use super::tls::{ClientCheck, ShownCertificate};
use super::trust::{Epoch, TrustError, TrustState, seed, sign_next};
use super::vault::{AuthoritySecret, Secrets};
use super::{Identity, TlsError};
use crate::fleet::{Link, Outgoing};
use crate::model::actor::Actor;
use crate::model::audit::Deed;
use crate::model::endpoint::Standing;
use crate::model::trust::{TrustPart, TrustStatus};
use crate::store::StoreError;
use protocol::message::{ToAgent, server_says};
use std::sync::Arc;

/// Why trust was not changed.
#[derive(Debug, thiserror::Error)]
pub enum RotateError {
    /// A replacement is under way.
    #[error("a replacement of the {0} is under way; drop the old one before you start another")]
    UnderWay(&'static str),
    /// There is nothing to drop.
    #[error("no replacement of the {0} is under way")]
    NothingToDrop(&'static str),
    /// Endpoints would be locked out.
    #[error(
        "endpoints that do not know the replacement yet and would be locked out: {0}; wait until they were connected, or force it"
    )]
    Behind(u64),
    /// A new key or certificate could not be made.
    #[error("a new certificate or key could not be made")]
    Certificate(#[source] CertificateError),
    /// The new trust is not usable.
    #[error("the new trust is not usable")]
    Trust(#[source] TrustError),
    /// The key file and the audit entry.
    #[error("the new keys could not be kept")]
    Keep(#[source] KeepError),
    /// TLS.
    #[error("the new certificates cannot be used")]
    Tls(#[source] TlsError),
}

impl Identity {
    /// Where trust stands.
    #[must_use]
    pub fn trust_status(&self) -> TrustStatus {
        let trust = self.trust.load();
        let version = trust.bundle.version;
        let issuer = trust.issuer();
        let behind = self
            .registry()
            .by_ordinal
            .values()
            .filter(|e| {
                e.standing == Standing::Approved
                    && (e.trust_version < version || e.issuer != issuer)
            })
            .count();
        TrustStatus {
            version,
            authorities: trust
                .authorities()
                .iter()
                .map(|a| hex::encode(a.fingerprint()))
                .collect(),
            order_keys: trust.public_keys().iter().map(hex::encode).collect(),
            recovery_keys: trust.bundle.recovery_keys.iter().map(hex::encode).collect(),
            behind: behind as u64,
        }
    }

    /// First step: adds a new authority or order key beside the old one. Connected agents are told at once.
    ///
    /// # Errors
    /// [`RotateError`]; nothing has changed then.
    pub async fn rotate(&self, part: TrustPart, by: &Actor) -> Result<TrustStatus, RotateError> {
        let mut held = self.secrets.lock().await;
        let mut next = held.clone();
        match part {
            TrustPart::Authority => {
                if next.authorities.len() > 1 {
                    return Err(RotateError::UnderWay(part.name()));
                }
                let now = self.clock.seconds();
                next.authorities
                    .push(Authority::create(now).map_err(RotateError::Certificate)?);
            }
            TrustPart::OrderKey => {
                if next.order_keys.len() > 1 {
                    return Err(RotateError::UnderWay(part.name()));
                }
                let key = seed().map_err(RotateError::Certificate)?;
                next.order_keys.push(hex::encode(key.to_bytes()));
            }
        }
        self.change(&mut held, next, part, "trust.rotate", by).await
    }

    /// Second step: drops the old authority or order key. Refused while approved endpoints have not heard of the new one, unless
    /// `force` is set; those then have to enrol anew.
    ///
    /// # Errors
    /// [`RotateError`]; nothing has changed then.
    pub async fn drop_old(
        &self,
        part: TrustPart,
        force: bool,
        by: &Actor,
    ) -> Result<TrustStatus, RotateError> {
        let mut held = self.secrets.lock().await;
        let mut next = held.clone();
        let count = match part {
            TrustPart::Authority => next.authorities.len(),
            TrustPart::OrderKey => next.order_keys.len(),
        };
        if count < 2 {
            return Err(RotateError::NothingToDrop(part.name()));
        }
        let behind = self.trust_status().behind;
        if behind > 0 && !force {
            return Err(RotateError::Behind(behind));
        }
        match part {
            TrustPart::Authority => {
                let rest: Vec<AuthoritySecret> = next.authorities.split_off(count - 1);
                next.authorities = rest;
                let now = self.clock.seconds();
                let names = next.server.names.clone();
                if let Some(first) = next.authorities.first() {
                    next.server = Authority::load(first)
                        .and_then(|a| self.away.with(&a, |a| a.issue_server(&names, now)))
                        .map_err(RotateError::Certificate)?;
                }
            }
            TrustPart::OrderKey => {
                next.order_keys = next.order_keys.split_off(count - 1);
            }
        }
        let status = self
            .change(&mut held, next, part, "trust.drop-old", by)
            .await?;
        if part == TrustPart::Authority {
            self.end_tokens(by).await;
        }
        Ok(status)
    }

    /// Every enrolment token there is names the authority that was shown until now: it lets nobody in any more, and its list
    /// says so.
    async fn end_tokens(&self, by: &Actor) {
        let now = self.clock.now();
        let ended = async {
            for token in self.store.tokens().await? {
                if token.revoked_at.is_none() && token.expires_at > now {
                    self.revoke_token(token.id, by).await?;
                }
            }
            Ok::<(), StoreError>(())
        };
        if let Err(error) = ended.await {
            tracing::error!(
                error = &error as &dyn std::error::Error,
                "the enrolment tokens of the dropped authority could not be marked as ended; they let nobody in all the same"
            );
        }
    }

    /// Signs, keeps, uses and tells. The signer is the key that signs now: every agent that is up to date holds it.
    async fn change(
        &self,
        held: &mut Secrets,
        mut next: Secrets,
        part: TrustPart,
        action: &'static str,
        by: &Actor,
    ) -> Result<TrustStatus, RotateError> {
        {
            let trust = self.trust.load();
            let signer = trust
                .signing()
                .ok_or(RotateError::Trust(TrustError::Empty))?;
            sign_next(&mut next, signer, Epoch::Same).map_err(RotateError::Trust)?;
        }
        // What could be unusable is made before anything is kept: what is kept can be used.
        let state = TrustState::load(&next).map_err(RotateError::Trust)?;
        let check = ClientCheck::new(&state.certificates()).map_err(RotateError::Tls)?;
        let showing = state
            .showing()
            .ok_or(RotateError::Trust(TrustError::Empty))?;
        let shown =
            ShownCertificate::new(&next.server, &showing.certificate).map_err(RotateError::Tls)?;
        let deed = Deed::new(by.clone(), action, part.name())
            .with(serde_json::json!({ "version": next.trust_version }));
        keep(&self.vault, self.store.as_ref(), &next, deed)
            .await
            .map_err(RotateError::Keep)?;
        self.check.replace(check);
        self.shown.replace(shown);
        self.trust.store(Arc::new(state));
        *held = next;
        for link in self.fleet.links() {
            self.tell_trust(&link);
        }
        // Open orders may have to be signed anew.
        self.members.send_modify(|n| *n += 1);
        Ok(self.trust_status())
    }

    /// Sends an endpoint the trust it lacks, and a certificate of the newest authority if its own is of an older one.
    pub(crate) fn tell_trust(&self, link: &Arc<Link>) {
        let Some(endpoint) = self.by_ordinal(link.ordinal) else {
            return;
        };
        let sent = link.told().trust.max(endpoint.trust_version);
        let (frames, version, issuer) = {
            let trust = self.trust.load();
            (
                trust.frames_after(sent),
                trust.bundle.version,
                trust.issuer(),
            )
        };
        for frame in frames {
            if !link.send(Outgoing::Frame(frame)) {
                return;
            }
        }
        link.told().trust = version;
        let sent = link.told().certificate.as_ref().map(|c| c.issuer.clone());
        if endpoint.issuer == issuer || sent.as_ref() == Some(&issuer) {
            return;
        }
        match self.reissue(link) {
            Ok(credentials) => {
                let frame = protocol::frame::encode(&ToAgent {
                    body: Some(server_says::Body::Renewed(credentials)),
                });
                link.send(Outgoing::Frame(frame.into()));
            }
            Err(error) => {
                tracing::warn!(
                    error = &error as &dyn std::error::Error,
                    ordinal = link.ordinal,
                    "an endpoint's certificate could not be renewed"
                );
            }
        }
    }
}
