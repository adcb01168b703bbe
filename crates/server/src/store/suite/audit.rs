//! The audit log.

use super::{Place, actions, deed};
use crate::model::actor::Actor;
use crate::model::audit::{Deed, Head};
use crate::model::ids::{ApiTokenId, EndpointId, UserId};
use crate::store::audit::{AuditQuery, Field};
use jiff::{SignedDuration, Timestamp};

pub async fn the_chain_holds_across_changes_and_reopening(place: &dyn Place) {
    let store = place.open();
    for number in 1..=3 {
        assert_eq!(store.note(deed("test")).await.expect("noted"), number);
    }
    let noted = store.audit_head().await.expect("a head");
    drop(store);
    let store = place.open();
    assert_eq!(store.note(deed("test")).await.expect("noted"), 4);
    let verdict = store.audit_verify(vec![noted]).await.expect("checked");
    assert_eq!((verdict.good, verdict.fault), (4, None));
    let wrong = Head {
        hash: [1; 32],
        ..noted
    };
    let verdict = store
        .audit_verify(vec![noted, wrong])
        .await
        .expect("checked");
    assert!(!verdict.is_intact(), "it was rewritten");
    assert_eq!(actions(store.as_ref()).await.len(), 4);
}

pub async fn entries_are_found_by_who_and_what(place: &dyn Place) {
    let store = place.open();
    let ada = Actor::User {
        user: UserId(1),
        name: "ada".into(),
    };
    for (who, action) in [
        (Actor::Server, "login"),
        (ada.clone(), "login.failed"),
        (ada, "question.ask"),
    ] {
        store
            .note(Deed::new(who, action, "x"))
            .await
            .expect("noted");
    }
    let words = store.audit_words(Field::Who, 10).await.expect("read");
    assert_eq!(words, ["ada", "server"]);
    let words = store.audit_words(Field::Object, 1).await.expect("read");
    assert_eq!(words, ["x"]);
    let find = async |query: AuditQuery| -> Vec<u64> {
        let entries = store.audit_entries(query).await.expect("read");
        entries.into_iter().map(|e| e.number).collect()
    };
    let all = AuditQuery {
        limit: 10,
        ..AuditQuery::default()
    };
    assert_eq!(find(all.clone()).await, [3, 2, 1]);
    let ada = AuditQuery {
        who: Some("ada".into()),
        ..all.clone()
    };
    assert_eq!(find(ada).await, [3, 2]);
    let logins = AuditQuery {
        action: Some("login".into()),
        ..all.clone()
    };
    assert_eq!(find(logins).await, [2, 1]);
    let object = AuditQuery {
        object: Some("y".into()),
        ..all.clone()
    };
    assert!(find(object).await.is_empty());
    let page = AuditQuery {
        before: Some(3),
        limit: 1,
        ..all
    };
    assert_eq!(find(page).await, [2]);
}

pub async fn entries_are_found_by_endpoint_and_time(place: &dyn Place) {
    let store = place.open();
    let id = |byte| EndpointId([byte; 32]);
    for (who, object) in [
        (Actor::Server, format!("endpoint {}", id(1))),
        (Actor::endpoint(id(1)), "keys".to_owned()),
        (Actor::endpoint(id(2)), "keys".to_owned()),
        (
            Actor::Token {
                user: UserId(1),
                name: "ada".into(),
                token: ApiTokenId(7),
            },
            "x".to_owned(),
        ),
    ] {
        store
            .note(Deed::new(who, "test", object))
            .await
            .expect("noted");
    }
    let find = async |query: AuditQuery| -> Vec<u64> {
        let entries = store.audit_entries(query).await.expect("read");
        entries.into_iter().map(|e| e.number).collect()
    };
    let all = AuditQuery {
        limit: 10,
        ..AuditQuery::default()
    };
    let of = |ids: Vec<EndpointId>| AuditQuery {
        endpoints: Some(ids),
        ..all.clone()
    };
    assert_eq!(find(of(vec![id(1)])).await, [2, 1]);
    assert_eq!(find(of(vec![id(1), id(2)])).await, [3, 2, 1]);
    assert!(find(of(Vec::new())).await.is_empty(), "none is not all");
    let ada = AuditQuery {
        who: Some("ada".into()),
        ..all.clone()
    };
    assert_eq!(find(ada).await, [4], "by a token too");
    let first = store.audit_entries(all.clone()).await.expect("read");
    let at: Timestamp = first[3].time.parse().expect("a time");
    let from = AuditQuery {
        from: Some(at),
        ..all.clone()
    };
    assert_eq!(find(from).await.len(), 4, "its own second counts");
    let before = AuditQuery {
        to: Some(at),
        ..all.clone()
    };
    assert!(find(before).await.is_empty());
    let later = AuditQuery {
        from: Some(at + SignedDuration::from_hours(1)),
        ..all
    };
    assert!(find(later).await.is_empty());
}
