//! Shutting an endpoint out for good, so that the endpoint itself can check it.
//!
//! An agent that is told it was revoked disables itself until an administrator acts on its machine. That is as strong as
//! any order, so it needs what an order needs: the signature of an order key. Without it, whoever holds only the server's
//! TLS key could silence a fleet for ever by saying goodbye to it.

use crate::message::{Revocation, SignedRevocation};
use crate::order::{self, Refused};
use ed25519_dalek::{Signer, SigningKey};
use prost::Message;

const DOMAIN: &[u8] = b"cordon revocation v1\0";

/// Why a revocation does not count.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotRevoked {
    /// Nothing was signed.
    #[error("no order key signed it")]
    Missing,
    /// Signed by a key that this endpoint does not trust.
    #[error("it is signed by a key that this endpoint does not trust")]
    UnknownKey,
    /// The signature does not fit the bytes.
    #[error("its signature does not fit: it is forged or was changed on the way")]
    BadSignature,
    /// The signed bytes are no revocation.
    #[error("the signed bytes are not a revocation")]
    NotUnderstood,
    /// For another endpoint.
    #[error("it is for another endpoint")]
    NotForMe,
    /// An administrator of the machine lifted it.
    #[error("it was lifted on this machine")]
    Lifted,
}

/// Who an endpoint is, and what it no longer obeys.
#[derive(Clone, Copy, Debug)]
pub struct Subject<'a> {
    /// Keys that may sign.
    pub order_keys: &'a [Vec<u8>],
    /// Endpoint id.
    pub endpoint: &'a [u8],
    /// Ordinal.
    pub ordinal: u32,
    /// What was issued up to this moment was lifted; `None` when nothing was.
    pub lifted: Option<i64>,
}

/// Signs.
#[must_use]
pub fn sign(revocation: &Revocation, key: &SigningKey) -> SignedRevocation {
    let bytes = revocation.encode_to_vec();
    let signature = key
        .sign(&order::prefixed(DOMAIN, &bytes))
        .to_bytes()
        .to_vec();
    SignedRevocation {
        revocation: bytes,
        key: key.verifying_key().to_bytes().to_vec(),
        signature,
    }
}

/// Checks a revocation as the endpoint it should be for.
///
/// # Errors
/// [`NotRevoked`]; the endpoint goes on.
pub fn check(signed: &SignedRevocation, subject: Subject<'_>) -> Result<Revocation, NotRevoked> {
    order::verify(
        DOMAIN,
        &signed.revocation,
        &signed.key,
        &signed.signature,
        subject.order_keys,
    )
    .map_err(|refused| match refused {
        Refused::UnknownKey => NotRevoked::UnknownKey,
        _ => NotRevoked::BadSignature,
    })?;
    let revocation =
        Revocation::decode(signed.revocation.as_slice()).map_err(|_| NotRevoked::NotUnderstood)?;
    if revocation.endpoint != subject.endpoint || revocation.ordinal != subject.ordinal {
        return Err(NotRevoked::NotForMe);
    }
    if subject
        .lifted
        .is_some_and(|lifted| revocation.issued <= lifted)
    {
        return Err(NotRevoked::Lifted);
    }
    Ok(revocation)
}

/// The first of several statements that counts.
///
/// # Errors
/// Why the last of them does not.
pub fn first_valid(
    statements: &[SignedRevocation],
    subject: Subject<'_>,
) -> Result<Revocation, NotRevoked> {
    let mut last = NotRevoked::Missing;
    for signed in statements {
        match check(signed, subject) {
            Ok(revocation) => return Ok(revocation),
            Err(reason) => last = reason,
        }
    }
    Err(last)
}
