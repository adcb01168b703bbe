//! What administrators do with endpoints and enrolment tokens, and what the server notes about endpoints.

use super::Identity;
use super::enrol::tame;
use crate::fleet::Outgoing;
use crate::model::actor::Actor;
use crate::model::audit::Deed;
use crate::model::endpoint::{Endpoint, Standing, TokenInfo, TokenRequest};
use crate::model::ids::{EndpointId, TokenId};
use crate::store::StoreError;
use crate::store::endpoints::{NewToken, Sighting};
use protocol::message::{Hello, Revocation};
use protocol::token::EnrolmentToken;
use sha2::{Digest as _, Sha256};

/// Why a revoked endpoint is sent away.
pub(crate) const REVOKED: &str = "this endpoint was revoked by an administrator";
/// Longest life of an enrolment token, in seconds.
const LONGEST_TOKEN_LIFE: i64 = 366 * 86_400;

/// Why a change of endpoints or tokens was not made.
#[derive(Debug, thiserror::Error)]
pub enum ManageError {
    /// No such endpoint.
    #[error("there is no endpoint {0}")]
    NoEndpoint(EndpointId),
    /// It is revoked, which is for good.
    #[error("endpoint {0} was revoked; it can only enrol anew, as another endpoint")]
    Revoked(EndpointId),
    /// A token with no use.
    #[error("an enrolment token needs at least one use and a life between one second and one year")]
    Token,
    /// No random bytes.
    #[error("the system gave no random bytes")]
    Random(#[source] getrandom::Error),
    /// The store.
    #[error("the change could not be stored")]
    Store(#[source] StoreError),
}

/// How an identity was seen twice.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Doubled {
    /// Where the newcomer connects from.
    pub address: std::net::SocketAddr,
    /// The connection that was there and answers; the newcomer was refused then. `None` when it only moved.
    pub beside: Option<std::net::SocketAddr>,
    /// Both say that they are one process, as copies of a running machine do.
    pub same_instance: bool,
}

impl Identity {
    /// Makes an enrolment token. Its text is given this once and kept nowhere.
    ///
    /// # Errors
    /// [`ManageError`].
    pub async fn create_token(
        &self,
        request: TokenRequest,
        by: &Actor,
    ) -> Result<(TokenInfo, EnrolmentToken), ManageError> {
        let approve = request.approve || self.approve_all;
        self.new_token(TokenRequest { approve, ..request }, by)
            .await
    }

    /// A token for the machine the server itself runs on: one use, ten minutes, no approval.
    pub(crate) async fn local_token(&self) -> Result<EnrolmentToken, ManageError> {
        let request = TokenRequest {
            uses: Some(1),
            life: std::time::Duration::from_secs(600),
            approve: false,
        };
        self.new_token(request, &Actor::Server)
            .await
            .map(|(_, token)| token)
    }

    async fn new_token(
        &self,
        request: TokenRequest,
        by: &Actor,
    ) -> Result<(TokenInfo, EnrolmentToken), ManageError> {
        let life = i64::try_from(request.life.as_secs()).unwrap_or(i64::MAX);
        if request.uses == Some(0) || !(1..=LONGEST_TOKEN_LIFE).contains(&life) {
            return Err(ManageError::Token);
        }
        let mut secret = vec![0_u8; 32];
        getrandom::fill(&mut secret).map_err(ManageError::Random)?;
        let now = self.clock.now();
        let token = NewToken {
            secret: Sha256::digest(&secret).into(),
            uses: request.uses,
            expires_at: now + jiff::SignedDuration::from_secs(life),
            approve: request.approve,
            created_by: by.to_string(),
            created_at: now,
        };
        let deed = Deed::new(by.clone(), "enrolment-token.create", "").with(serde_json::json!({
            "uses": token.uses, "expires_at": token.expires_at, "approve": token.approve,
        }));
        let info = self
            .store
            .add_token(token, deed)
            .await
            .map_err(ManageError::Store)?;
        let authority_fingerprint = self
            .trust
            .load()
            .showing()
            .map(super::authority::Authority::fingerprint)
            .unwrap_or_default();
        let token = EnrolmentToken {
            servers: self.servers(),
            authority_fingerprint,
            secret,
        };
        Ok((info, token))
    }

    /// All tokens, newest first.
    ///
    /// # Errors
    /// The store's.
    pub async fn tokens(&self) -> Result<Vec<TokenInfo>, StoreError> {
        self.store.tokens().await
    }

    /// Withdraws a token: it lets nobody in any more. Endpoints it let in stay.
    ///
    /// # Errors
    /// [`StoreError::Missing`] when there is none.
    pub async fn revoke_token(&self, id: TokenId, by: &Actor) -> Result<(), StoreError> {
        let deed = Deed::new(by.clone(), "enrolment-token.revoke", format!("token {id}"));
        self.store.revoke_token(id, self.clock.now(), deed).await
    }

    /// Lets a waiting endpoint work; for one that works already, clears the mark of a doubled identity.
    ///
    /// # Errors
    /// [`ManageError`].
    pub async fn approve(&self, id: EndpointId, by: &Actor) -> Result<Endpoint, ManageError> {
        self.stand(id, Standing::Approved, "endpoint.approve", by)
            .await
    }

    /// Shuts an endpoint out for good: its connection is closed at once and its certificates are worth nothing.
    ///
    /// # Errors
    /// [`ManageError`].
    pub async fn revoke(&self, id: EndpointId, by: &Actor) -> Result<Endpoint, ManageError> {
        let endpoint = self
            .stand(id, Standing::Revoked, "endpoint.revoke", by)
            .await?;
        if let Some(link) = self.fleet.link(endpoint.ordinal) {
            link.send(Outgoing::Frame(self.revoked_frame(&endpoint).into()));
            link.close(REVOKED, true);
        }
        Ok(endpoint)
    }

    /// Tells a revoked endpoint so, in a way that it can check.
    pub(crate) fn revoked_frame(&self, endpoint: &Endpoint) -> Vec<u8> {
        self.trust.load().revoked_frame(&Revocation {
            endpoint: endpoint.id.0.to_vec(),
            ordinal: endpoint.ordinal,
            issued: self.clock.seconds(),
            reason: REVOKED.into(),
        })
    }

    async fn stand(
        &self,
        id: EndpointId,
        standing: Standing,
        action: &'static str,
        by: &Actor,
    ) -> Result<Endpoint, ManageError> {
        let endpoint = self.endpoint(id).ok_or(ManageError::NoEndpoint(id))?;
        if endpoint.standing == Standing::Revoked {
            return if standing == Standing::Revoked {
                Ok(endpoint)
            } else {
                Err(ManageError::Revoked(id))
            };
        }
        let deed =
            Deed::new(by.clone(), action, format!("endpoint {id}")).with(serde_json::json!({
                "ordinal": endpoint.ordinal, "hostname": endpoint.hostname,
            }));
        self.store
            .set_standing(endpoint.ordinal, standing, deed)
            .await
            .map_err(ManageError::Store)?;
        self.amend(endpoint.ordinal, |e| {
            e.standing = standing;
            e.doubled &= standing != Standing::Approved;
        });
        self.endpoint(id).ok_or(ManageError::NoEndpoint(id))
    }

    /// Marks an endpoint whose identity was shown by a second machine, or by two processes at once. Audited once until an
    /// administrator clears the mark, so that a copied machine which keeps trying cannot flood the log.
    pub(crate) async fn note_doubled(&self, ordinal: u32, seen: Doubled) {
        let Some(endpoint) = self.by_ordinal(ordinal) else {
            return;
        };
        tracing::warn!(ordinal, id = %endpoint.id, address = %seen.address, beside = ?seen.beside, "the identity of this endpoint is shown twice, or from another machine than before");
        if endpoint.doubled {
            return;
        }
        self.amend(ordinal, |e| e.doubled = true);
        let deed = Deed::new(
            Actor::endpoint(endpoint.id),
            "endpoint.doubled",
            format!("endpoint {}", endpoint.id),
        )
        .with(serde_json::json!({
            "ordinal": ordinal, "hostname": endpoint.hostname, "address": seen.address,
            "connected_from": seen.beside, "same_process": seen.same_instance, "refused": seen.beside.is_some(),
        }));
        if let Err(error) = self.store.set_doubled(ordinal, deed).await {
            tracing::error!(
                error = &error as &dyn std::error::Error,
                ordinal,
                "a doubled identity could not be noted"
            );
        }
    }

    /// Takes what an endpoint says of itself at the start of a connection, for the memory now and the store soon.
    pub(crate) fn introduce(&self, ordinal: u32, hello: &Hello) {
        self.amend(ordinal, |e| {
            e.hostname = tame(&hello.hostname, 255);
            e.platform = tame(&hello.platform, 32);
            e.agent_version = tame(&hello.agent_version, 64);
            e.machine = hello.machine.iter().copied().take(64).collect();
            e.trust_version = hello.trust_version;
            e.last_seen = Some(self.clock.now());
        });
    }

    /// Writes what these endpoints said of themselves to the store.
    pub(crate) async fn note_seen(&self, ordinals: Vec<u32>) {
        let at = self.clock.now();
        let sightings: Vec<_> = {
            let mut registry = self
                .registry
                .write()
                .unwrap_or_else(std::sync::PoisonError::into_inner);
            ordinals
                .into_iter()
                .filter_map(|ordinal| {
                    let endpoint = registry.by_ordinal.get_mut(&ordinal)?;
                    endpoint.last_seen = Some(at);
                    Some(Sighting {
                        ordinal,
                        at,
                        hostname: endpoint.hostname.clone(),
                        platform: endpoint.platform.clone(),
                        agent_version: endpoint.agent_version.clone(),
                        machine: endpoint.machine.clone(),
                        trust_version: endpoint.trust_version,
                    })
                })
                .collect()
        };
        if sightings.is_empty() {
            return;
        }
        if let Err(error) = self.store.sightings(sightings).await {
            tracing::warn!(
                error = &error as &dyn std::error::Error,
                "the times when endpoints were last seen could not be stored"
            );
        }
    }

    fn servers(&self) -> Vec<String> {
        self.servers
            .read()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
            .clone()
    }
}
