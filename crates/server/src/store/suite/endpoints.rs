//! Enrolment and endpoints.

use super::{Place, actions, deed};
use crate::model::endpoint::{Endpoint, Keys, Refusal, Standing};
use crate::model::ids::{EndpointId, TokenId};
use crate::store::endpoints::{Applicant, Enrolment, NewToken, Sighting};
use crate::store::{Store, StoreError};
use jiff::{SignedDuration, Timestamp};

const SECRET: [u8; 32] = [9; 32];

fn time(seconds: i64) -> Timestamp {
    Timestamp::UNIX_EPOCH
        .checked_add(SignedDuration::from_secs(seconds))
        .expect("a time")
}

pub(super) async fn token(store: &dyn Store, uses: Option<u32>, approve: bool) -> TokenId {
    let new = NewToken {
        secret: SECRET,
        uses,
        expires_at: time(100),
        approve,
        created_by: "ada".into(),
        created_at: time(0),
    };
    store
        .add_token(new, deed("token.create"))
        .await
        .expect("added")
        .id
}

fn applicant(id: u8, now: i64) -> Applicant {
    Applicant {
        id: EndpointId([id; 32]),
        hostname: format!("box-{id}"),
        platform: "linux".into(),
        machine: vec![id],
        sealing: Some([id; 32]),
        secret: SECRET,
        now: time(now),
    }
}

async fn let_in(store: &dyn Store, id: u8) -> Endpoint {
    match store.enrol(applicant(id, 1)).await.expect("answered") {
        Enrolment::Known { endpoint, .. } => endpoint,
        Enrolment::Refused(refusal) => panic!("refused: {refusal:?}"),
    }
}

async fn refusal(store: &dyn Store, applicant: Applicant) -> Refusal {
    match store.enrol(applicant).await.expect("answered") {
        Enrolment::Known { endpoint, .. } => panic!("let in: {endpoint:?}"),
        Enrolment::Refused(refusal) => refusal,
    }
}

pub async fn a_token_lets_in_as_many_as_it_says(place: &dyn Place) {
    let store = place.open();
    token(store.as_ref(), Some(2), true).await;
    let first = let_in(store.as_ref(), 1).await;
    assert_eq!(first.standing, Standing::Waiting);
    // The same machine again: known, and not counted.
    assert_eq!(let_in(store.as_ref(), 1).await.ordinal, first.ordinal);
    let second = let_in(store.as_ref(), 2).await;
    assert_ne!(second.ordinal, first.ordinal);
    let third = refusal(store.as_ref(), applicant(3, 1)).await;
    assert!(matches!(third, Refusal::UsedUp), "{third:?}");
    assert_eq!(store.tokens().await.expect("read")[0].used, 2);
    let enrolled = |a: &&String| *a == "endpoint.enrol";
    let told = actions(store.as_ref()).await;
    assert_eq!(told.iter().filter(enrolled).count(), 2);
}

pub async fn refusals_say_why_and_change_nothing(place: &dyn Place) {
    let store = place.open();
    let unknown = refusal(store.as_ref(), applicant(1, 1)).await;
    assert!(matches!(unknown, Refusal::UnknownToken), "{unknown:?}");
    let id = token(store.as_ref(), None, false).await;
    let late = refusal(store.as_ref(), applicant(1, 100)).await;
    assert!(matches!(late, Refusal::Expired), "{late:?}");
    store
        .revoke_token(id, time(5), deed("token.revoke"))
        .await
        .expect("withdrawn");
    let withdrawn = refusal(store.as_ref(), applicant(1, 6)).await;
    assert!(matches!(withdrawn, Refusal::Withdrawn), "{withdrawn:?}");
    assert!(store.endpoints().await.expect("read").is_empty());
    let gone = store
        .revoke_token(TokenId(77), time(5), deed("token.revoke"))
        .await;
    assert!(matches!(gone, Err(StoreError::Missing(_))), "{gone:?}");
}

pub async fn what_endpoints_say_is_kept(place: &dyn Place) {
    let store = place.open();
    token(store.as_ref(), None, false).await;
    let ordinal = let_in(store.as_ref(), 1).await.ordinal;
    store
        .set_doubled(ordinal, deed("endpoint.doubled"))
        .await
        .expect("marked");
    store
        .certificates_issued(vec![(ordinal, "authority".into(), time(9))])
        .await
        .expect("noted");
    let sighting = Sighting {
        ordinal,
        at: time(7),
        hostname: "renamed".into(),
        platform: "linux".into(),
        agent_version: "1.2.3".into(),
        machine: vec![8],
        trust_version: 4,
    };
    store.sightings(vec![sighting]).await.expect("noted");
    drop(store);
    let store = place.open();
    let kept = store.endpoints().await.expect("read").remove(0);
    assert_eq!(
        (kept.hostname.as_str(), kept.trust_version, kept.doubled),
        ("renamed", 4, true)
    );
    assert_eq!(
        (kept.last_seen, kept.certificate_until),
        (Some(time(7)), Some(time(9)))
    );
    // Letting it in again clears the mark; an endpoint that is not there cannot change.
    store
        .set_standing(ordinal, Standing::Approved, deed("endpoint.approve"))
        .await
        .expect("changed");
    assert!(!store.endpoints().await.expect("read")[0].doubled);
    let gone = store
        .set_standing(99, Standing::Revoked, deed("endpoint.revoke"))
        .await;
    assert!(matches!(gone, Err(StoreError::Missing(_))), "{gone:?}");
}

pub async fn keys_change_with_renewals_and_a_token_speaks_for_the_key_that_shows_it(
    place: &dyn Place,
) {
    let store = place.open();
    token(store.as_ref(), None, false).await;
    let endpoint = let_in(store.as_ref(), 1).await;
    let first = Keys {
        current: Some([1; 32]),
        next: None,
        sealing: Some([1; 32]),
    };
    assert_eq!(endpoint.keys, first);
    // A renewal brought another key, and the endpoint showed it.
    let renewed = Keys {
        current: Some([3; 32]),
        next: Some([4; 32]),
        sealing: Some([5; 32]),
    };
    let ordinal = endpoint.ordinal;
    store
        .set_keys(ordinal, renewed, Some(deed("endpoint.key")))
        .await
        .expect("kept");
    drop(store);
    let store = place.open();
    let kept = async |store: &dyn Store| store.endpoints().await.expect("read").remove(0).keys;
    assert_eq!(kept(store.as_ref()).await, renewed);
    // Asking again by the token it was let in by does not bring the old key back.
    assert_eq!(let_in(store.as_ref(), 1).await.keys, renewed);
    assert_eq!(kept(store.as_ref()).await, renewed);
    // Another token of an administrator does.
    let other = NewToken {
        secret: [8; 32],
        uses: Some(1),
        expires_at: time(100),
        approve: false,
        created_by: "ada".into(),
        created_at: time(0),
    };
    store
        .add_token(other, deed("token.create"))
        .await
        .expect("added");
    let again = Applicant {
        secret: [8; 32],
        ..applicant(1, 2)
    };
    store.enrol(again).await.expect("answered");
    assert_eq!(kept(store.as_ref()).await, first);
    let told = actions(store.as_ref()).await;
    assert!(told.iter().any(|a| a == "endpoint.key"), "{told:?}");
    let gone = store.set_keys(99, first, Some(deed("endpoint.key"))).await;
    assert!(matches!(gone, Err(StoreError::Missing(_))), "{gone:?}");
    let after = actions(store.as_ref()).await;
    assert_eq!(after, told, "what did not happen is not told");
}
