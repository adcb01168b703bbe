//! What is sealed opens for the addressed endpoint, for the purpose it was sealed for, and for nobody and nothing else.

use proptest::prelude::*;
use protocol::sealing::{Context, OVERHEAD, SealError, SealingKey, SealingPublic};

const HERE: Context<'static> = Context {
    endpoint: &[1; 32],
    purpose: "a test",
    about: b"order 7",
};

#[test]
fn only_the_addressed_endpoint_opens() {
    let key = SealingKey::generate().unwrap();
    let other = SealingKey::generate().unwrap();
    let sealed = key.public().seal(HERE, b"hunter2").unwrap();
    assert_eq!(sealed.len(), b"hunter2".len() + OVERHEAD);
    assert_eq!(&**key.open(HERE, &sealed).unwrap(), b"hunter2");
    assert_eq!(other.open(HERE, &sealed), Err(SealError::Open));
    // Twice the same secret does not show.
    assert_ne!(sealed, key.public().seal(HERE, b"hunter2").unwrap());
}

#[test]
fn every_part_of_the_context_counts() {
    let key = SealingKey::generate().unwrap();
    let sealed = key.public().seal(HERE, b"hunter2").unwrap();
    let elsewhere = [
        Context {
            endpoint: &[2; 32],
            ..HERE
        },
        Context {
            purpose: "a tes",
            ..HERE
        },
        Context {
            about: b"order 8",
            ..HERE
        },
    ];
    for context in elsewhere {
        assert_eq!(key.open(context, &sealed), Err(SealError::Open));
    }
}

#[test]
fn a_pair_is_known_by_its_private_half_and_its_text() {
    let key = SealingKey::generate().unwrap();
    let again = SealingKey::from_secret(key.secret()).unwrap();
    assert_eq!(again.public(), key.public());
    let text = key.public().to_string();
    assert_eq!(text.parse::<SealingPublic>(), Ok(key.public()));
    assert!(!format!("{key:?}").contains(&hex::encode(key.secret())));
    for bad in [
        "",
        "cordon:sealing:x25519:",
        "cordon:sealing:x25519:00",
        &text[1..],
    ] {
        assert_eq!(bad.parse::<SealingPublic>(), Err(SealError::Key), "{bad}");
    }
    assert_eq!(
        SealingKey::from_secret(&[1; 31]).unwrap_err(),
        SealError::Key
    );
}

#[test]
fn a_point_that_nothing_can_be_sealed_to_is_no_key() {
    let mut one = [0; 32];
    one[0] = 1;
    for point in [[0; 32], one] {
        assert_eq!(SealingPublic::from_bytes(&point), Err(SealError::Key));
    }
}

/// RFC 9180, appendix A.2.1 gives the key pair of the receiver and a message sealed to it; ours differ in the context, so
/// the pair is what can be compared.
#[test]
fn the_public_half_is_the_one_of_the_standard() {
    let secret = hex::decode("8057991eef8f1f1af18f4a9491d16a1ce333f695d4db8e38da75975c4478e0fb");
    let public = hex::decode("4310ee97d88cc1f088a5576c77ab0cf5c3ac797f3d95139c6c84b5429c59662a");
    let key = SealingKey::from_secret(&secret.unwrap()).unwrap();
    assert_eq!(key.public().as_bytes()[..], public.unwrap());
}

proptest! {
    #[test]
    fn no_changed_byte_opens(secret: Vec<u8>, at: prop::sample::Index, change in 1_u8..) {
        let key = SealingKey::generate().unwrap();
        let mut sealed = key.public().seal(HERE, &secret).unwrap();
        prop_assert_eq!(&**key.open(HERE, &sealed).unwrap(), &secret[..]);
        let at = at.index(sealed.len());
        sealed[at] ^= change;
        prop_assert!(key.open(HERE, &sealed).is_err());
    }

    #[test]
    fn foreign_bytes_are_refused(bytes: Vec<u8>) {
        let key = SealingKey::from_secret(&[9; 32]).unwrap();
        prop_assert!(key.open(HERE, &bytes).is_err());
        prop_assert!(String::from_utf8_lossy(&bytes).parse::<SealingPublic>().is_err());
    }
}
