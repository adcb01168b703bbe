//! A publisher's signature on a pack.

use super::refused::Refused;
use super::root::{Root, Use};
use super::signature::{Signature, Signed};
use crate::digest::canonical;
use ed25519_dalek::SigningKey;
use serde_json::Value;

const DOMAIN: &[u8] = b"cordon content pack v1\0";

/// Signs what stands for a pack (`Pack::statement`).
#[must_use]
pub fn sign_statement(statement: &Value, key: &SigningKey) -> Signature {
    Signature::make(DOMAIN, &canonical(statement), key)
}

/// Verifies that a publisher, or a content key of one's own, vouches for a pack. `statement` is made of the pack as it was read, so that
/// a change of any byte of any object or file is a signature that does not fit.
///
/// # Errors
/// [`Refused`].
pub fn verify_pack(
    statement: &Value,
    signatures: &[Signature],
    root: &Root,
    now: i64,
) -> Result<(), Refused> {
    let signed = Signed {
        body: String::from_utf8(canonical(statement)).unwrap_or_default(),
        signatures: signatures.to_vec(),
    };
    root.verify(DOMAIN, &signed, &[Use::Publisher, Use::Content], now)
}
