//! Certificates of endpoints that are enrolled: renewing them, and knowing which one an endpoint holds.
//!
//! What was sent is not what is held: a reply may be lost, a disk may be full. Whether an old authority or order key can be
//! dropped hangs on what endpoints hold, so that counts only when an endpoint showed it: in the handshake, in its greeting,
//! or by saying [`Holds`].
//!
//! A renewal may bring another key. The first connection that shows it ends the key before.

use super::Identity;
use super::authority::{CertificateError, RequestedKey};
use crate::fleet::Link;
use crate::model::actor::Actor;
use crate::model::audit::Deed;
use crate::model::endpoint::{Certified, Endpoint};
use jiff::Timestamp;
use protocol::message::{Credentials, Holds};
use protocol::sealing::SealingPublic;
use rcgen::PublicKeyData;
use sha2::{Digest as _, Sha256};

/// A certificate that an endpoint showed in a handshake, verified.
pub(crate) struct Shown {
    /// SHA-256 of the public key (SubjectPublicKeyInfo, DER).
    pub key: [u8; 32],
    /// SHA-256 of the certificate.
    pub digest: [u8; 32],
    /// Name of its issuer, DER.
    pub issuer: Vec<u8>,
    /// Its end, seconds since 1970.
    pub until: i64,
}

/// What the key that an endpoint shows is worth.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum KeyStanding {
    /// Its key.
    Current,
    /// Its key from now on: none was known yet, or a renewal brought it.
    New,
    /// Another one took its place.
    Ended,
}

impl Endpoint {
    /// The key that secrets for this endpoint are sealed to.
    #[must_use]
    pub fn sealing(&self) -> Option<SealingPublic> {
        self.keys
            .sealing
            .and_then(|key| SealingPublic::from_bytes(&key).ok())
    }

    pub(crate) fn key_standing(&self, key: [u8; 32]) -> KeyStanding {
        match self.keys.current {
            Some(current) if current == key => KeyStanding::Current,
            None => KeyStanding::New,
            Some(_) if self.keys.next == Some(key) => KeyStanding::New,
            Some(_) => KeyStanding::Ended,
        }
    }
}

impl Identity {
    /// A new certificate for a connected endpoint: for the keys of this request, or none when the request is bad.
    pub(crate) async fn renew(
        &self,
        link: &Link,
        request: &[u8],
    ) -> Result<Credentials, CertificateError> {
        let key = RequestedKey::read(request)?;
        let mut endpoint = self
            .by_ordinal(link.ordinal)
            .ok_or(CertificateError::NoEndpoint)?;
        let before = endpoint.keys;
        let shown: [u8; 32] = Sha256::digest(&link.key).into();
        if key.digest() == shown {
            // An agent of before there were sealing keys says nothing about the one it may have had.
            let sealing = key.sealing().map(|sealing| *sealing.as_bytes());
            endpoint.keys.sealing = sealing.or(before.sealing);
        } else {
            endpoint.keys.next = Some(key.digest());
            endpoint.keys.sealing = key.sealing().map(|sealing| *sealing.as_bytes());
        }
        if endpoint.keys != before {
            let deed = keys_deed(&endpoint, "endpoint.renew-keys").with(serde_json::json!({
                "ordinal": endpoint.ordinal, "hostname": endpoint.hostname, "address": link.address(),
                "key": hex::encode(key.digest()), "another_key": key.digest() != shown,
                "sealing_key": endpoint.keys.sealing.map(hex::encode),
                "sealing_key_before": before.sealing.map(hex::encode),
            }));
            self.store
                .set_keys(endpoint.ordinal, endpoint.keys, Some(deed))
                .await
                .map_err(CertificateError::Store)?;
            self.amend(endpoint.ordinal, |e| e.keys = endpoint.keys);
        }
        let (credentials, certified) = self.issue(&endpoint, key.key(), endpoint.sealing())?;
        self.note_renewal(link, &endpoint, "it asked");
        link.told().certificate = Some(certified);
        Ok(credentials)
    }

    /// Once in an hour for each endpoint: however often it asks, the log does not grow by it.
    fn note_renewal(&self, link: &Link, endpoint: &Endpoint, reason: &str) {
        let deed = keys_deed(endpoint, "endpoint.renew").with(serde_json::json!({
            "ordinal": endpoint.ordinal, "address": link.address(), "reason": reason,
        }));
        self.tally.seldom(deed);
    }

    /// A new certificate for the keys a connected endpoint has already.
    pub(crate) fn reissue(&self, link: &Link) -> Result<Credentials, CertificateError> {
        let key =
            rcgen::SubjectPublicKeyInfo::from_der(&link.key).map_err(CertificateError::Request)?;
        let endpoint = self
            .by_ordinal(link.ordinal)
            .ok_or(CertificateError::NoEndpoint)?;
        let (credentials, certified) = self.issue(&endpoint, &key, endpoint.sealing())?;
        self.note_renewal(link, &endpoint, "its authority was replaced");
        link.told().certificate = Some(certified);
        Ok(credentials)
    }

    pub(super) fn issue(
        &self,
        endpoint: &Endpoint,
        key: &impl PublicKeyData,
        sealing: Option<SealingPublic>,
    ) -> Result<(Credentials, Certified), CertificateError> {
        let trust = self.trust.load();
        let authority = trust.issuing().ok_or(CertificateError::NoEndpoint)?;
        let now = self.clock.seconds();
        let issued = self.away.with(authority, |a| {
            a.issue_endpoint(endpoint.id, key, sealing, now)
        })?;
        let certified = Certified {
            digest: Sha256::digest(&issued.certificate).into(),
            issuer: trust.issuer(),
            until: Timestamp::from_second(issued.not_after).unwrap_or(Timestamp::MAX),
        };
        let credentials = Credentials {
            certificate: issued.certificate.as_ref().to_vec(),
            ordinal: endpoint.ordinal,
            trust: Some(trust.bundle.clone()),
        };
        Ok((credentials, certified))
    }

    /// Takes a key into use that an endpoint shows for the first time; the one before has ended then.
    pub(crate) async fn take_key(&self, endpoint: &Endpoint, key: [u8; 32]) {
        let mut keys = endpoint.keys;
        let before = keys.current.replace(key);
        keys.next = None;
        let deed = before.map(|before| {
            keys_deed(endpoint, "endpoint.key-replaced").with(serde_json::json!({
                "ordinal": endpoint.ordinal, "hostname": endpoint.hostname,
                "key": hex::encode(key), "key_before": hex::encode(before),
            }))
        });
        match self.store.set_keys(endpoint.ordinal, keys, deed).await {
            Ok(()) => self.amend(endpoint.ordinal, |e| e.keys = keys),
            Err(error) => tracing::error!(
                error = &error as &dyn std::error::Error,
                ordinal = endpoint.ordinal,
                "an endpoint's new key could not be kept; the old one is good until it is"
            ),
        }
    }

    /// Notes which certificate an endpoint showed.
    pub(crate) async fn certificate_shown(&self, ordinal: u32, shown: &Shown) {
        let issuer = {
            let trust = self.trust.load();
            trust
                .authorities()
                .iter()
                .find(|authority| authority.subject == shown.issuer)
                .map(|authority| hex::encode(authority.fingerprint()))
        };
        let Some(issuer) = issuer else { return };
        let until = Timestamp::from_second(shown.until).unwrap_or(Timestamp::MAX);
        let certified = Certified {
            digest: shown.digest,
            issuer,
            until,
        };
        self.certificate_held(ordinal, &certified).await;
    }

    /// Notes what an endpoint says it has written down.
    pub(crate) async fn holds(&self, link: &Link, holds: &Holds) {
        self.trust_held(link.ordinal, holds.trust_version.min(self.trust_version()));
        let sent = link.told().certificate.clone();
        if let Some(certified) = sent
            && certified.digest[..] == holds.certificate
        {
            self.certificate_held(link.ordinal, &certified).await;
        }
    }

    pub(super) fn trust_held(&self, ordinal: u32, version: u64) {
        self.amend(ordinal, |e| e.trust_version = version);
    }

    pub(super) async fn certificate_held(&self, ordinal: u32, certified: &Certified) {
        let known = self.by_ordinal(ordinal).is_none_or(|e| {
            e.issuer == certified.issuer && e.certificate_until == Some(certified.until)
        });
        if known {
            return;
        }
        let noted = vec![(ordinal, certified.issuer.clone(), certified.until)];
        // The note serves people and the end of a change of authority; the certificate is good without it.
        if let Err(error) = self.store.certificates_issued(noted).await {
            tracing::warn!(
                error = &error as &dyn std::error::Error,
                ordinal,
                "a new certificate could not be noted"
            );
        }
        self.amend(ordinal, |e| {
            e.issuer.clone_from(&certified.issuer);
            e.certificate_until = Some(certified.until);
        });
    }
}

fn keys_deed(endpoint: &Endpoint, action: &'static str) -> Deed {
    Deed::new(
        Actor::endpoint(endpoint.id),
        action,
        format!("endpoint {}", endpoint.id),
    )
}
