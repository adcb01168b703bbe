//! Signed orders and the checks an endpoint makes before it obeys one.
//!
//! The server signs the encoded [`Order`] with Ed25519 under a domain prefix; endpoints pin the keys at enrolment. What is
//! unsigned, changed, expired, from the future, replayed or for someone else is refused with a [`Refused`] that the endpoint reports.
//! Which numbers were seen is the caller's to keep ([`Seen`]), because it must survive a restart.

use crate::message::{Order, SignedOrder, SignedTrust, Trust, payload::Payload};
use ed25519_dalek::{Signature, Signer, SigningKey, VerifyingKey};
use prost::Message;
use sha2::{Digest, Sha256};

const ORDER_DOMAIN: &[u8] = b"cordon order v1\0";
const TRUST_DOMAIN: &[u8] = b"cordon trust v1\0";

/// How far an endpoint's clock may be behind the server's before an order counts as from the future, in seconds.
pub const CLOCK_SLACK_SECONDS: i64 = 300;
/// Longest life of an order, in seconds: 30 days.
pub const LONGEST_LIFE_SECONDS: i64 = 30 * 86_400;

/// Why an order is not obeyed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// Signed by a key that this endpoint does not trust.
    #[error("the order is signed by a key that this endpoint does not trust")]
    UnknownKey,
    /// The signature does not fit the bytes.
    #[error("the signature does not fit the order: it is forged or was changed on the way")]
    BadSignature,
    /// The signed bytes are no order, or one of a kind that this agent does not know.
    #[error("the signed bytes are not an order that this agent understands")]
    NotUnderstood,
    /// The payload's digest does not match.
    #[error("the digest does not fit the order's content")]
    BadDigest,
    /// Too late.
    #[error(
        "the order expired at {expires} (seconds since 1970); this endpoint's clock says {now}"
    )]
    Expired {
        /// End of the order.
        expires: i64,
        /// Clock of the endpoint.
        now: i64,
    },
    /// Issued in the future or with a life longer than allowed.
    #[error(
        "the order was issued at {issued} and expires at {expires}; this endpoint's clock says {now}"
    )]
    BadTimes {
        /// Issue time.
        issued: i64,
        /// End.
        expires: i64,
        /// Clock of the endpoint.
        now: i64,
    },
    /// For other endpoints.
    #[error("the order is not for this endpoint")]
    NotForMe,
    /// For nobody in particular, and of a kind that needs to name its endpoints.
    #[error("the order names no endpoint; only a question may be for all without naming them")]
    NoTargets,
    /// Cancelled before it came.
    #[error("order {number} was cancelled before it came")]
    Cancelled {
        /// Its number.
        number: u64,
    },
    /// The endpoint has all the work it takes.
    #[error("this endpoint has {open} orders under way and takes no more at the moment")]
    Busy {
        /// Orders under way.
        open: usize,
    },
    /// A change of trust that takes another kind of key.
    #[error(
        "this change of trust does not fit the key that signed it: recovery keys begin a new epoch and change recovery keys, order keys neither"
    )]
    NotByRecovery,
    /// Seen before and done.
    #[error("order {number} was carried out before")]
    Replayed {
        /// Its number.
        number: u64,
    },
}

impl Refused {
    /// Short form for [`crate::message::Refusal::code`].
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::UnknownKey => "unknown-key",
            Self::BadSignature => "bad-signature",
            Self::NotUnderstood => "not-understood",
            Self::BadDigest => "bad-digest",
            Self::Expired { .. } => "expired",
            Self::BadTimes { .. } => "bad-times",
            Self::NotForMe => "not-for-me",
            Self::NoTargets => "no-targets",
            Self::Cancelled { .. } => "cancelled",
            Self::Busy { .. } => "busy",
            Self::NotByRecovery => "not-by-recovery",
            Self::Replayed { .. } => "replayed",
        }
    }
}

/// Which orders an endpoint has carried out. Must survive a restart.
pub trait Seen {
    /// Whether this order was completed before, so that another copy is a replay.
    fn completed(&self, number: u64) -> bool;

    /// Whether this order was cancelled before it came.
    fn cancelled(&self, number: u64) -> bool;
}

/// Whether an order with this payload may be for every endpoint without naming it. A new kind has to say.
#[must_use]
pub const fn may_be_for_all(payload: &Payload) -> bool {
    match payload {
        Payload::Question(_) => true,
        Payload::Cancel(_) => false,
    }
}

/// SHA-256 over an encoded payload.
#[must_use]
pub fn digest(payload: &Payload) -> Vec<u8> {
    let mut bytes = Vec::new();
    payload.encode(&mut bytes);
    Sha256::digest(&bytes).to_vec()
}

/// Fills in the digest and signs.
#[must_use]
pub fn sign(mut order: Order, key: &SigningKey) -> SignedOrder {
    order.digest = order.payload.as_ref().map(digest).unwrap_or_default();
    let body = order.encode_to_vec();
    let signature = key.sign(&prefixed(ORDER_DOMAIN, &body)).to_bytes().to_vec();
    SignedOrder {
        body,
        key: key.verifying_key().to_bytes().to_vec(),
        signature,
    }
}

/// Checks an order as the endpoint with this ordinal at this time (seconds since 1970).
///
/// `is_target` tells whether a non-empty serialized target set holds this endpoint.
///
/// # Errors
/// [`Refused`], to be reported.
pub fn check(
    signed: &SignedOrder,
    trusted: &[Vec<u8>],
    now: i64,
    is_target: impl FnOnce(&[u8]) -> bool,
    seen: &impl Seen,
) -> Result<Order, Refused> {
    let order = open(signed, trusted)?;
    admit(&order, now, is_target, seen)?;
    Ok(order)
}

/// First half of [`check`], the same for every endpoint that holds the same keys: who signed, and what.
///
/// # Errors
/// [`Refused`], to be reported.
pub fn open(signed: &SignedOrder, trusted: &[Vec<u8>]) -> Result<Order, Refused> {
    verify(
        ORDER_DOMAIN,
        &signed.body,
        &signed.key,
        &signed.signature,
        trusted,
    )?;
    let order = Order::decode(signed.body.as_slice()).map_err(|_| Refused::NotUnderstood)?;
    let payload = order.payload.as_ref().ok_or(Refused::NotUnderstood)?;
    if digest(payload) != order.digest {
        return Err(Refused::BadDigest);
    }
    Ok(order)
}

/// Second half of [`check`]: whether an opened order is for this endpoint, now, and for the first time.
///
/// # Errors
/// [`Refused`], to be reported.
pub fn admit(
    order: &Order,
    now: i64,
    is_target: impl FnOnce(&[u8]) -> bool,
    seen: &impl Seen,
) -> Result<(), Refused> {
    if order.expires <= now {
        return Err(Refused::Expired {
            expires: order.expires,
            now,
        });
    }
    if order.issued > now.saturating_add(CLOCK_SLACK_SECONDS)
        || order.expires.saturating_sub(order.issued) > LONGEST_LIFE_SECONDS
    {
        return Err(Refused::BadTimes {
            issued: order.issued,
            expires: order.expires,
            now,
        });
    }
    if order.targets.is_empty() {
        if !order.payload.as_ref().is_some_and(may_be_for_all) {
            return Err(Refused::NoTargets);
        }
    } else if !is_target(&order.targets) {
        return Err(Refused::NotForMe);
    }
    if seen.cancelled(order.number) {
        return Err(Refused::Cancelled {
            number: order.number,
        });
    }
    if seen.completed(order.number) {
        return Err(Refused::Replayed {
            number: order.number,
        });
    }
    Ok(())
}

/// Signs a trust bundle with an order key that agents already hold.
#[must_use]
pub fn sign_trust(trust: &Trust, key: &SigningKey) -> SignedTrust {
    let bytes = trust.encode_to_vec();
    let signature = key
        .sign(&prefixed(TRUST_DOMAIN, &bytes))
        .to_bytes()
        .to_vec();
    SignedTrust {
        trust: bytes,
        key: key.verifying_key().to_bytes().to_vec(),
        signature,
    }
}

/// Checks a trust bundle against what is trusted so far; an older or equal version is refused as a replay.
///
/// An order key signs within the epoch that is held, and cannot touch recovery keys once there are some; a recovery key begins a new
/// epoch. See [`Trust::epoch`].
///
/// # Errors
/// [`Refused`], to be reported.
pub fn check_trust(signed: &SignedTrust, held: &Trust) -> Result<Trust, Refused> {
    let by_recovery = held.recovery_keys.contains(&signed.key);
    let trusted = if by_recovery {
        &held.recovery_keys
    } else {
        &held.order_keys
    };
    verify(
        TRUST_DOMAIN,
        &signed.trust,
        &signed.key,
        &signed.signature,
        trusted,
    )?;
    let trust = Trust::decode(signed.trust.as_slice()).map_err(|_| Refused::NotUnderstood)?;
    if trust.version <= held.version {
        return Err(Refused::Replayed {
            number: trust.version,
        });
    }
    let same_epoch = trust.epoch() == held.epoch();
    let touches_recovery =
        !held.recovery_keys.is_empty() && trust.recovery_keys != held.recovery_keys;
    if by_recovery == same_epoch || (!by_recovery && touches_recovery) {
        return Err(Refused::NotByRecovery);
    }
    if trust.recovery_keys.iter().any(|key| key.len() != 32) {
        return Err(Refused::NotUnderstood);
    }
    if trust.authorities.is_empty() || trust.order_keys.is_empty() {
        return Err(Refused::NotUnderstood);
    }
    Ok(trust)
}

/// Whether a signed order was signed by the key it names and is what was signed; whose key that is, is the caller's to know.
#[must_use]
pub fn is_genuine(signed: &SignedOrder) -> bool {
    open(signed, std::slice::from_ref(&signed.key)).is_ok()
}

pub(crate) fn verify(
    domain: &[u8],
    bytes: &[u8],
    key: &[u8],
    signature: &[u8],
    trusted: &[Vec<u8>],
) -> Result<(), Refused> {
    if !trusted.iter().any(|t| t == key) {
        return Err(Refused::UnknownKey);
    }
    let key: [u8; 32] = key.try_into().map_err(|_| Refused::UnknownKey)?;
    let key = VerifyingKey::from_bytes(&key).map_err(|_| Refused::UnknownKey)?;
    let signature = Signature::from_slice(signature).map_err(|_| Refused::BadSignature)?;
    key.verify_strict(&prefixed(domain, bytes), &signature)
        .map_err(|_| Refused::BadSignature)
}

pub(crate) fn prefixed(domain: &[u8], bytes: &[u8]) -> Vec<u8> {
    [domain, bytes].concat()
}
