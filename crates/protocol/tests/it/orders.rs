use ed25519_dalek::SigningKey;
use proptest::prelude::*;
use protocol::message::{Order, QuestionOrder, SignedOrder, Trust, payload::Payload};
use protocol::order::{self, Refused, Seen};

const NOW: i64 = 1_800_000_000;

struct Completed(Vec<u64>);

impl Seen for Completed {
    fn completed(&self, number: u64) -> bool {
        self.0.contains(&number)
    }
    fn cancelled(&self, _: u64) -> bool {
        false
    }
}

fn key(seed: u8) -> SigningKey {
    SigningKey::from_bytes(&[seed; 32])
}

fn trusted(key: &SigningKey) -> Vec<Vec<u8>> {
    vec![key.verifying_key().to_bytes().to_vec()]
}

fn an_order() -> Order {
    Order {
        number: 42,
        issued: NOW - 1,
        expires: NOW + 600,
        asked_by: "mara".into(),
        payload: Some(Payload::Question(QuestionOrder {
            text: "Get Computer Name from all machines".into(),
            limits: None,
        })),
        ..Default::default()
    }
}

fn check(signed: &SignedOrder, key: &SigningKey) -> Result<Order, Refused> {
    order::check(signed, &trusted(key), NOW, |_| true, &Completed(vec![]))
}

#[test]
fn a_proper_order_is_obeyed_and_its_content_is_what_was_signed() {
    let signed = order::sign(an_order(), &key(1));
    let checked = check(&signed, &key(1)).expect("proper");
    assert_eq!(checked.payload, an_order().payload);
    assert_eq!(checked.digest.len(), 32);
}

#[test]
fn an_order_of_an_unknown_key_is_refused() {
    assert_eq!(
        check(&order::sign(an_order(), &key(2)), &key(1)),
        Err(Refused::UnknownKey)
    );
}

#[test]
fn an_order_that_claims_a_trusted_key_without_having_it_is_refused() {
    let mut signed = order::sign(an_order(), &key(2));
    signed.key = key(1).verifying_key().to_bytes().to_vec();
    assert_eq!(check(&signed, &key(1)), Err(Refused::BadSignature));
}

#[test]
fn an_expired_order_is_refused() {
    let signed = order::sign(
        Order {
            expires: NOW,
            ..an_order()
        },
        &key(1),
    );
    assert_eq!(
        check(&signed, &key(1)),
        Err(Refused::Expired {
            expires: NOW,
            now: NOW
        })
    );
}

#[test]
fn an_order_from_the_future_or_without_a_sensible_end_is_refused() {
    for odd in [
        Order {
            issued: NOW + order::CLOCK_SLACK_SECONDS + 1,
            expires: NOW + 9_999,
            ..an_order()
        },
        Order {
            expires: NOW + order::LONGEST_LIFE_SECONDS + 10,
            ..an_order()
        },
        Order {
            issued: i64::MIN,
            expires: i64::MAX,
            ..an_order()
        },
    ] {
        assert!(matches!(
            check(&order::sign(odd, &key(1)), &key(1)),
            Err(Refused::BadTimes { .. })
        ));
    }
}

#[test]
fn an_order_for_others_is_refused() {
    let signed = order::sign(
        Order {
            targets: vec![1, 2, 3],
            ..an_order()
        },
        &key(1),
    );
    let refused = order::check(
        &signed,
        &trusted(&key(1)),
        NOW,
        |targets| targets == [9],
        &Completed(vec![]),
    );
    assert_eq!(refused, Err(Refused::NotForMe));
}

#[test]
fn an_order_carried_out_before_is_refused() {
    let signed = order::sign(an_order(), &key(1));
    let refused = order::check(
        &signed,
        &trusted(&key(1)),
        NOW,
        |_| true,
        &Completed(vec![42]),
    );
    assert_eq!(refused, Err(Refused::Replayed { number: 42 }));
}

#[test]
fn an_order_without_a_payload_this_agent_knows_is_refused() {
    let signed = order::sign(
        Order {
            payload: None,
            ..an_order()
        },
        &key(1),
    );
    assert_eq!(check(&signed, &key(1)), Err(Refused::NotUnderstood));
}

#[test]
fn trust_passes_on_only_from_a_key_that_is_trusted_and_only_forwards() {
    let bundle = |version| Trust {
        version,
        authorities: vec![vec![1]],
        order_keys: trusted(&key(2)),
        ..Trust::default()
    };
    let held = Trust {
        version: 3,
        authorities: vec![vec![1]],
        order_keys: trusted(&key(1)),
        ..Trust::default()
    };
    let next = order::sign_trust(&bundle(4), &key(1));
    assert_eq!(order::check_trust(&next, &held), Ok(bundle(4)));
    assert_eq!(
        order::check_trust(&order::sign_trust(&bundle(3), &key(1)), &held),
        Err(Refused::Replayed { number: 3 })
    );
    assert_eq!(
        order::check_trust(&order::sign_trust(&bundle(4), &key(2)), &held),
        Err(Refused::UnknownKey)
    );
    let without = Trust {
        order_keys: vec![],
        ..bundle(4)
    };
    assert_eq!(
        order::check_trust(&order::sign_trust(&without, &key(1)), &held),
        Err(Refused::NotUnderstood)
    );
    let elsewhere = Trust {
        version: Trust::next_epoch(3),
        ..bundle(4)
    };
    assert_eq!(
        order::check_trust(&order::sign_trust(&elsewhere, &key(1)), &held),
        Err(Refused::NotByRecovery),
        "an order key cannot begin an epoch"
    );
    // The signature of an order is none of a trust bundle, even over the same bytes.
    let mut crossed = next.clone();
    crossed.signature = order::sign(an_order(), &key(1)).signature;
    assert_eq!(
        order::check_trust(&crossed, &held),
        Err(Refused::BadSignature)
    );
}

#[test]
fn a_recovery_key_begins_a_new_epoch_that_no_order_key_can_reach_or_undo() {
    let held = Trust {
        version: 7,
        authorities: vec![vec![1]],
        order_keys: trusted(&key(1)),
        recovery_keys: trusted(&key(9)),
        ..Trust::default()
    };
    let trust = |version, order: u8, recovery: u8| Trust {
        version,
        order_keys: trusted(&key(order)),
        recovery_keys: trusted(&key(recovery)),
        ..held.clone()
    };
    let check = |trust: &Trust, signer: u8, held: &Trust| {
        order::check_trust(&order::sign_trust(trust, &key(signer)), held)
    };
    let next = Trust::next_epoch(7);
    let recovered = check(&trust(next, 2, 9), 9, &held).expect("the recovery key is believed");
    assert_eq!(recovered.epoch(), 1);
    assert!(
        check(&trust(next + 5, 2, 8), 9, &held).is_ok(),
        "it may replace itself"
    );
    for (what, wrong, signer, held) in [
        ("the epoch is not new", trust(8, 2, 9), 9, &held),
        ("an order key begins an epoch", trust(next, 2, 9), 1, &held),
        (
            "an order key changes recovery keys",
            trust(8, 1, 8),
            1,
            &held,
        ),
        ("the last epoch again", trust(next, 2, 9), 9, &recovered),
    ] {
        let refused = check(&wrong, signer, held);
        assert!(
            matches!(
                refused,
                Err(Refused::NotByRecovery | Refused::Replayed { .. })
            ),
            "{what}: {refused:?}"
        );
    }
    assert_eq!(
        check(&trust(next + 1, 1, 9), 1, &recovered),
        Err(Refused::UnknownKey),
        "what was stolen is worth nothing"
    );
    // A thief who was first, with the largest version an order key can name.
    let thiefs = check(&trust(next - 1, 3, 9), 1, &held).expect("an order key was believed");
    assert!(check(&trust(next, 2, 9), 9, &thiefs).is_ok());
    // Where there is none yet, an order key brings the first.
    let before = Trust {
        recovery_keys: vec![],
        ..held.clone()
    };
    assert!(check(&trust(8, 1, 9), 1, &before).is_ok());
    let mut odd = trust(8, 1, 9);
    odd.recovery_keys = vec![vec![1; 31]];
    assert_eq!(check(&odd, 1, &before), Err(Refused::NotUnderstood));
    // A recovery key signs no orders.
    let signed = order::sign(an_order(), &key(9));
    assert_eq!(
        order::open(&signed, &held.order_keys),
        Err(Refused::UnknownKey)
    );
}

proptest! {
    #[test]
    fn no_changed_bit_goes_unnoticed(place in 0_usize..10_000, bit in 0_u8..8) {
        let mut signed = order::sign(an_order(), &key(1));
        let parts = [signed.body.len(), signed.key.len(), signed.signature.len()];
        let mut at = place % parts.iter().sum::<usize>();
        for (part, length) in [&mut signed.body, &mut signed.key, &mut signed.signature].into_iter().zip(parts) {
            if at < length {
                part[at] ^= 1 << bit;
                break;
            }
            at -= length;
        }
        prop_assert!(matches!(check(&signed, &key(1)), Err(Refused::BadSignature | Refused::UnknownKey)));
    }
}
