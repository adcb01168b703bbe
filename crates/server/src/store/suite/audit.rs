//! The audit log.

use super::{Place, actions, deed};
use crate::model::actor::Actor;
use crate::model::audit::{Deed, Head};
use crate::model::ids::UserId;
use crate::store::audit::AuditQuery;

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
    let page = AuditQuery {
        before: Some(3),
        limit: 1,
        ..all
    };
    assert_eq!(find(page).await, [2]);
}
