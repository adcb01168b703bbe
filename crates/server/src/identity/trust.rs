//! What agents are told to believe, and how one authority or order key takes another's place.
//!
//! A replacement has two steps. First the new part is added: agents that are connected get a signed [`Trust`] with old and new at
//! once, others when they come; both parts are accepted. Then the old part is dropped. Every bundle ever signed is kept, because an
//! agent that was away for several steps must follow them one by one, each signed by a key it knows by then.

use super::authority::{Authority, CertificateError, fingerprint};
use super::vault::Secrets;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use ed25519_dalek::SigningKey;
use prost::Message as _;
use protocol::message::{Revocation, Revoked, SignedTrust, ToAgent, Trust, server_says};
use rustls::pki_types::CertificateDer;
use std::sync::Arc;

/// Why the stored trust is unusable.
#[derive(Debug, thiserror::Error)]
pub enum TrustError {
    /// An authority is unreadable.
    #[error("a stored authority is not usable")]
    Authority(#[source] CertificateError),
    /// An order key is unreadable.
    #[error("a stored order key is not 32 bytes in hexadecimal digits")]
    OrderKey(#[source] hex::FromHexError),
    /// A bundle is unreadable.
    #[error("a stored trust bundle is not base64")]
    Encoding(#[source] base64::DecodeError),
    /// A bundle is no message.
    #[error("a stored trust bundle is not readable")]
    Bundle(#[source] prost::DecodeError),
    /// There is nothing to sign with.
    #[error("no authority or no order key is stored")]
    Empty,
}

/// Keys and bundles of the moment. Replaced as a whole.
pub(crate) struct TrustState {
    authorities: Vec<Authority>,
    order_keys: Vec<SigningKey>,
    /// What agents should hold.
    pub bundle: Trust,
    /// Every bundle, with its version, as a frame.
    frames: Vec<(u64, Arc<[u8]>)>,
    /// Every order key that any bundle named since the last recovery.
    known_keys: Vec<Vec<u8>>,
}

pub(crate) fn seed() -> Result<SigningKey, CertificateError> {
    let mut seed = zeroize::Zeroizing::new([0_u8; 32]);
    getrandom::fill(seed.as_mut()).map_err(CertificateError::Random)?;
    Ok(SigningKey::from_bytes(&seed))
}

impl TrustState {
    /// Reads keys and bundles.
    pub fn load(secrets: &Secrets) -> Result<Self, TrustError> {
        let authorities = secrets
            .authorities
            .iter()
            .map(|a| Authority::load(a).map_err(TrustError::Authority))
            .collect::<Result<Vec<_>, _>>()?;
        let order_keys = order_keys(secrets)?;
        if authorities.is_empty() || order_keys.is_empty() {
            return Err(TrustError::Empty);
        }
        let mut known_keys: Vec<Vec<u8>> = Vec::new();
        let mut epoch = 0;
        let frames = secrets
            .trust_history
            .iter()
            .map(|text| {
                let bytes = BASE64.decode(text).map_err(TrustError::Encoding)?;
                let signed = SignedTrust::decode(bytes.as_slice()).map_err(TrustError::Bundle)?;
                let trust = Trust::decode(signed.trust.as_slice()).map_err(TrustError::Bundle)?;
                let frame = protocol::frame::encode(&ToAgent {
                    body: Some(server_says::Body::Trust(signed)),
                });
                if trust.epoch() > epoch {
                    // After a recovery no key of before counts, not even for what it signed long ago: a thief may have it.
                    epoch = trust.epoch();
                    known_keys.clear();
                }
                for key in trust.order_keys {
                    if !known_keys.contains(&key) {
                        known_keys.push(key);
                    }
                }
                Ok((trust.version, Arc::from(frame)))
            })
            .collect::<Result<Vec<_>, TrustError>>()?;
        let bundle = bundle(secrets, &authorities, &order_keys)?;
        Ok(Self {
            authorities,
            order_keys,
            bundle,
            frames,
            known_keys,
        })
    }

    /// The authority that issues endpoint certificates.
    pub fn issuing(&self) -> Option<&Authority> {
        self.authorities.last()
    }

    /// The authority under which the server shows itself.
    pub fn showing(&self) -> Option<&Authority> {
        self.authorities.first()
    }

    /// All authorities, oldest first.
    pub fn authorities(&self) -> &[Authority] {
        &self.authorities
    }

    /// Certificates of all authorities.
    pub fn certificates(&self) -> Vec<CertificateDer<'static>> {
        self.authorities
            .iter()
            .map(|a| a.certificate.clone())
            .collect()
    }

    /// The key that signs orders.
    pub fn signing(&self) -> Option<&SigningKey> {
        self.order_keys.last()
    }

    /// Public order keys, oldest first.
    pub fn public_keys(&self) -> Vec<Vec<u8>> {
        self.bundle.order_keys.clone()
    }

    /// Whether any bundle since the last recovery named this order key.
    pub fn knew(&self, key: &[u8]) -> bool {
        self.known_keys.iter().any(|known| known == key)
    }

    /// What ends an endpoint for good, as a frame: signed by every key that an agent may hold.
    pub fn revoked_frame(&self, revocation: &Revocation) -> Vec<u8> {
        let statements = self
            .order_keys
            .iter()
            .map(|key| protocol::revocation::sign(revocation, key))
            .collect();
        protocol::frame::encode(&ToAgent {
            body: Some(server_says::Body::Revoked(Revoked { statements })),
        })
    }

    /// Frames with the bundles newer than this version, in order.
    pub fn frames_after(&self, version: u64) -> Vec<Arc<[u8]>> {
        self.frames
            .iter()
            .filter(|(v, _)| *v > version)
            .map(|(_, frame)| Arc::clone(frame))
            .collect()
    }

    /// Hex fingerprint of the issuing authority.
    pub fn issuer(&self) -> String {
        self.issuing()
            .map(|a| hex::encode(fingerprint(&a.certificate)))
            .unwrap_or_default()
    }
}

pub(super) fn order_keys(secrets: &Secrets) -> Result<Vec<SigningKey>, TrustError> {
    secrets
        .order_keys
        .iter()
        .map(|text| {
            let mut seed = zeroize::Zeroizing::new([0_u8; 32]);
            hex::decode_to_slice(text, seed.as_mut()).map_err(TrustError::OrderKey)?;
            Ok(SigningKey::from_bytes(&seed))
        })
        .collect()
}

fn bundle(
    secrets: &Secrets,
    authorities: &[Authority],
    order_keys: &[SigningKey],
) -> Result<Trust, TrustError> {
    Ok(Trust {
        version: secrets.trust_version,
        authorities: authorities
            .iter()
            .map(|a| a.certificate.as_ref().to_vec())
            .collect(),
        order_keys: order_keys
            .iter()
            .map(|k| k.verifying_key().to_bytes().to_vec())
            .collect(),
        servers: Vec::new(),
        recovery_keys: secrets
            .recovery_keys
            .iter()
            .map(|key| hex::decode(key).map_err(TrustError::OrderKey))
            .collect::<Result<_, _>>()?,
    })
}

/// Which epoch a new bundle is of; see [`Trust::epoch`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Epoch {
    /// The one of the bundle before: an order key signs.
    Same,
    /// The next: a recovery key signs.
    Next,
}

/// Raises the version and signs what `secrets` holds now. The signer must be a key that agents held before the change.
pub(crate) fn sign_next(
    secrets: &mut Secrets,
    signer: &SigningKey,
    epoch: Epoch,
) -> Result<(), TrustError> {
    secrets.trust_version = match epoch {
        Epoch::Same => secrets.trust_version + 1,
        Epoch::Next => Trust::next_epoch(secrets.trust_version),
    };
    let authorities = secrets
        .authorities
        .iter()
        .map(|a| Authority::load(a).map_err(TrustError::Authority))
        .collect::<Result<Vec<_>, _>>()?;
    let trust = bundle(secrets, &authorities, &order_keys(secrets)?)?;
    let signed = protocol::order::sign_trust(&trust, signer);
    secrets
        .trust_history
        .push(BASE64.encode(signed.encode_to_vec()));
    Ok(())
}
