//! Nobody without an order key shuts an endpoint out, and nobody shuts out another one than the key's owner meant.

use ed25519_dalek::SigningKey;
use proptest::prelude::*;
use protocol::message::{Revocation, SignedRevocation};
use protocol::order::sign_trust;
use protocol::revocation::{NotRevoked, Subject, check, first_valid, sign};

const ENDPOINT: [u8; 32] = [7; 32];

fn key(seed: u8) -> SigningKey {
    SigningKey::from_bytes(&[seed; 32])
}

fn keys(key: &SigningKey) -> Vec<Vec<u8>> {
    vec![key.verifying_key().to_bytes().to_vec()]
}

fn subject(order_keys: &[Vec<u8>]) -> Subject<'_> {
    Subject {
        order_keys,
        endpoint: &ENDPOINT,
        ordinal: 3,
        lifted: None,
    }
}

fn revocation() -> Revocation {
    Revocation {
        endpoint: ENDPOINT.to_vec(),
        ordinal: 3,
        issued: 1_000,
        reason: "lost laptop".into(),
    }
}

#[test]
fn counts_for_the_endpoint_it_names_and_no_other() {
    let trusted = keys(&key(1));
    let signed = sign(&revocation(), &key(1));
    assert_eq!(check(&signed, subject(&trusted)), Ok(revocation()));
    let other = Subject {
        endpoint: &[8; 32],
        ..subject(&trusted)
    };
    assert_eq!(check(&signed, other), Err(NotRevoked::NotForMe));
    let other = Subject {
        ordinal: 4,
        ..subject(&trusted)
    };
    assert_eq!(check(&signed, other), Err(NotRevoked::NotForMe));
}

#[test]
fn needs_a_trusted_key_and_its_own_domain() {
    let trusted = keys(&key(1));
    let stranger = sign(&revocation(), &key(2));
    assert_eq!(
        check(&stranger, subject(&trusted)),
        Err(NotRevoked::UnknownKey)
    );
    let forged = SignedRevocation {
        key: trusted[0].clone(),
        ..stranger.clone()
    };
    assert_eq!(
        check(&forged, subject(&trusted)),
        Err(NotRevoked::BadSignature)
    );
    // What the key signed for another purpose is no revocation.
    let trust = sign_trust(&protocol::message::Trust::default(), &key(1));
    let borrowed = SignedRevocation {
        revocation: trust.trust,
        key: trust.key,
        signature: trust.signature,
    };
    assert_eq!(
        check(&borrowed, subject(&trusted)),
        Err(NotRevoked::BadSignature)
    );
    let both = [stranger, sign(&revocation(), &key(1))];
    assert_eq!(first_valid(&both, subject(&trusted)), Ok(revocation()));
    assert_eq!(
        first_valid(&[], subject(&trusted)),
        Err(NotRevoked::Missing)
    );
}

#[test]
fn what_was_lifted_does_not_come_back_by_a_copy() {
    let trusted = keys(&key(1));
    let signed = sign(&revocation(), &key(1));
    let lifted = |at| Subject {
        lifted: Some(at),
        ..subject(&trusted)
    };
    assert_eq!(check(&signed, lifted(1_000)), Err(NotRevoked::Lifted));
    assert_eq!(check(&signed, lifted(999)), Ok(revocation()));
}

proptest! {
    #[test]
    fn no_changed_byte_is_believed(at: prop::sample::Index, change in 1_u8..) {
        let trusted = keys(&key(1));
        let mut signed = sign(&revocation(), &key(1));
        let at = at.index(signed.revocation.len());
        signed.revocation[at] ^= change;
        prop_assert_eq!(check(&signed, subject(&trusted)), Err(NotRevoked::BadSignature));
    }
}
