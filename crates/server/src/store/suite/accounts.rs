//! Users, sessions, devices, tokens.

use super::{Place, actions, deed};
use crate::model::account::{Device, Digest, SessionLimits};
use crate::model::ids::{ApiTokenId, UserId};
use crate::model::role::{Role, Scope, Scopes};
use crate::store::accounts::{NewApiToken, NewPassword, NewUser};
use crate::store::audit::AuditQuery;
use crate::store::sessions::NewSession;
use crate::store::{Store, StoreError};
use jiff::Timestamp;

const FOREVER: SessionLimits = SessionLimits {
    idle: 1_000_000,
    total: 1_000_000,
};

pub(super) fn user(name: &str, role: Role) -> NewUser {
    NewUser {
        name: name.into(),
        role,
        password: "phc".into(),
        one_time: true,
        by_server: false,
        service: false,
        created_at: 7,
    }
}

pub(super) async fn ada(store: &dyn Store) -> UserId {
    store
        .create_user(user("ada", Role::Administrator), deed("user.create"))
        .await
        .expect("added")
}

fn session(user: UserId, digest: u8, now: i64) -> NewSession {
    NewSession {
        digest: [digest; 32],
        user,
        device: None,
        address: None,
        client: None,
        now,
        limits: FOREVER,
    }
}

/// A session from a device that is known from then on.
async fn from_device(
    store: &dyn Store,
    user: UserId,
    session_digest: u8,
    device: Digest,
    now: i64,
) {
    let new = NewSession {
        device: Some(device),
        ..session(user, session_digest, now)
    };
    store
        .begin_session(new, deed("login"))
        .await
        .expect("begun");
}

fn token(user: UserId, digest: u8) -> NewApiToken {
    NewApiToken {
        digest: [digest; 32],
        name: "a script".into(),
        user,
        scopes: [Scope::Read].into_iter().collect::<Scopes>(),
        created_at: 10,
        expires_at: 20,
    }
}

pub async fn names_are_taken_once_and_only_what_happened_is_audited(place: &dyn Place) {
    let store = place.open();
    ada(store.as_ref()).await;
    let taken = store
        .create_user(user("Ada", Role::Reader), deed("user.create"))
        .await;
    assert!(matches!(taken, Err(StoreError::Conflict(_))), "{taken:?}");
    let missing = store.delete_user("eve".into(), deed("user.delete")).await;
    assert!(
        matches!(missing, Err(StoreError::Missing(_))),
        "{missing:?}"
    );
    assert_eq!(actions(store.as_ref()).await, ["user.create"]);
    drop(store);

    let store = place.open();
    let users = store.users().await.expect("users");
    assert_eq!(users.len(), 1);
    assert_eq!((users[0].name.as_str(), users[0].one_time), ("ada", true));
    let found = store.user_with_password("ADA".into()).await.expect("read");
    assert_eq!(found, Some((users[0].clone(), "phc".into())));
}

pub async fn the_first_administrator_is_made_once_and_the_last_one_stays(place: &dyn Place) {
    let store = place.open();
    for made in [true, false] {
        let first = user("admin", Role::Administrator);
        let did = store.create_first_user(first, deed("user.create")).await;
        assert_eq!(did.expect("answered"), made);
    }
    let last = store.delete_user("admin".into(), deed("user.delete")).await;
    assert!(matches!(last, Err(StoreError::Conflict(_))), "{last:?}");
    ada(store.as_ref()).await;
    store
        .delete_user("admin".into(), deed("user.delete"))
        .await
        .expect("another one is there");
}

pub async fn a_new_password_ends_other_sessions(place: &dyn Place) {
    let store = place.open();
    let user = ada(store.as_ref()).await;
    for digest in [1, 2] {
        store
            .begin_session(session(user, digest, 10), deed("login"))
            .await
            .expect("a session");
    }
    let new = NewPassword {
        user,
        password: "new".into(),
        keep_session: Some([1; 32]),
        keep_tokens: Vec::new(),
    };
    let ended = store
        .set_password(new, deed("password.change"))
        .await
        .expect("changed");
    assert_eq!((ended.sessions, ended.tokens), (1, 0));
    assert!(store.session([1; 32]).await.expect("read").is_some());
    assert!(store.session([2; 32]).await.expect("read").is_none());
    let (user, password) = store
        .user_with_password("ada".into())
        .await
        .expect("read")
        .expect("there");
    assert_eq!((user.one_time, password.as_str()), (false, "new"));
    store
        .end_session([1; 32], deed("logout"))
        .await
        .expect("ended");
    store
        .end_session([1; 32], deed("logout"))
        .await
        .expect("no matter");
    let told = actions(store.as_ref()).await;
    assert_eq!(told.iter().filter(|a| *a == "logout").count(), 1);
}

pub async fn sessions_that_are_over_are_cleared_away(place: &dyn Place) {
    let store = place.open();
    let user = ada(store.as_ref()).await;
    let limits = SessionLimits {
        idle: 10,
        total: 100,
    };
    let begin = |digest, now| {
        let new = NewSession {
            limits,
            ..session(user, digest, now)
        };
        store.begin_session(new, deed("login"))
    };
    begin(1, 0).await.expect("begun");
    begin(2, 0).await.expect("begun");
    store.touch_session([2; 32], 5).await.expect("touched");
    store.touch_session([2; 32], 3).await.expect("touched");
    begin(3, 12).await.expect("begun");
    assert!(store.session([1; 32]).await.expect("read").is_none());
    let kept = store.session([2; 32]).await.expect("read").expect("kept");
    assert_eq!(kept.seen_at, 5, "a late note does not take time back");
}

pub async fn a_device_is_known_until_the_password_changes(place: &dyn Place) {
    let store = place.open();
    let user = ada(store.as_ref()).await;
    let (phone, other) = ([7; 32], [8; 32]);
    from_device(store.as_ref(), user, 1, phone, 10).await;
    from_device(store.as_ref(), user, 2, phone, 20).await;
    assert_eq!(store.device(other).await.expect("read"), None);
    drop(store);
    let store = place.open();
    let known = Some(Device {
        user_name: "ada".into(),
        seen_at: 20,
    });
    assert_eq!(store.device(phone).await.expect("read"), known);
    let new = NewPassword {
        user,
        password: "new".into(),
        keep_session: Some([2; 32]),
        keep_tokens: Vec::new(),
    };
    store
        .set_password(new, deed("password.change"))
        .await
        .expect("changed");
    assert_eq!(store.device(phone).await.expect("read"), None);
}

pub async fn the_devices_seen_last_are_known(place: &dyn Place) {
    let store = place.open();
    let user = ada(store.as_ref()).await;
    for number in 1..=40 {
        from_device(
            store.as_ref(),
            user,
            number,
            [number; 32],
            i64::from(number),
        )
        .await;
    }
    let is_known = async |number: u8| store.device([number; 32]).await.expect("read").is_some();
    assert!(is_known(40).await && is_known(39).await);
    assert!(
        !is_known(1).await,
        "a guesser cannot fill the store with devices"
    );
}

pub async fn all_access_ends_at_once(place: &dyn Place) {
    let store = place.open();
    let user = ada(store.as_ref()).await;
    from_device(store.as_ref(), user, 1, [7; 32], 10).await;
    store
        .create_api_token(token(user, 1), deed("api-token.create"))
        .await
        .expect("made");
    let secret = super::endpoints::token(store.as_ref(), None, false).await;
    let at = Timestamp::UNIX_EPOCH;
    store
        .end_all_access(at, deed("trust.recover"))
        .await
        .expect("ended");
    assert!(store.session([1; 32]).await.expect("read").is_none());
    assert!(store.device([7; 32]).await.expect("read").is_none());
    assert!(store.api_tokens(None).await.expect("read").is_empty());
    let withdrawn = store.tokens().await.expect("read").remove(0);
    assert_eq!((withdrawn.id, withdrawn.revoked_at), (secret, Some(at)));
    let told = store
        .audit_entries(AuditQuery {
            limit: 1,
            ..AuditQuery::default()
        })
        .await
        .expect("read")
        .remove(0);
    assert_eq!(told.action, "trust.recover");
    let ended: serde_json::Value = serde_json::from_str(&told.detail).expect("JSON");
    assert_eq!(
        ended["ended"],
        serde_json::json!({"sessions": 1, "api_tokens": 1, "enrolment_tokens": 1})
    );
}

pub async fn one_time_passwords_of_the_server_are_told_until_they_are_changed(place: &dyn Place) {
    let store = place.open();
    let first = NewUser {
        by_server: true,
        ..user("admin", Role::Administrator)
    };
    let made = store.create_first_user(first.clone(), deed("user.create"));
    assert!(made.await.expect("made"));
    let unclaimed = store.unclaimed().await.expect("read");
    assert_eq!(unclaimed.len(), 1);
    let admin = unclaimed[0].0.id;
    from_device(store.as_ref(), admin, 1, [7; 32], 10).await;
    let again = NewUser {
        password: "another".into(),
        ..first
    };
    let reset = store
        .reset_user(again, deed("user.reset"))
        .await
        .expect("reset");
    assert_eq!(reset, admin);
    assert!(store.session([1; 32]).await.expect("read").is_none());
    assert!(store.device([7; 32]).await.expect("read").is_none());
    let unclaimed = store.unclaimed().await.expect("read");
    assert_eq!(unclaimed[0].1, "another");
    let new = NewPassword {
        user: admin,
        password: "own".into(),
        keep_session: None,
        keep_tokens: Vec::new(),
    };
    store
        .set_password(new, deed("password.change"))
        .await
        .expect("changed");
    assert!(store.unclaimed().await.expect("read").is_empty());
}

pub async fn the_servers_own_account_has_one_token_of_a_name(place: &dyn Place) {
    let store = place.open();
    for digest in [1, 2] {
        let own = NewUser {
            service: true,
            one_time: false,
            ..user("server", Role::Administrator)
        };
        store
            .service_token(own, token(UserId(0), digest), deed("api-token.create"))
            .await
            .expect("kept");
    }
    assert!(store.api_token([1; 32]).await.expect("read").is_none());
    assert!(store.api_token([2; 32]).await.expect("read").is_some());
    assert_eq!(store.api_tokens(None).await.expect("read").len(), 1);
}

pub async fn tokens_belong_to_their_owner(place: &dyn Place) {
    let store = place.open();
    let ada = ada(store.as_ref()).await;
    let bob = store
        .create_user(user("bob", Role::Operator), deed("user.create"))
        .await
        .expect("added");
    let id = store
        .create_api_token(token(ada, 1), deed("api-token.create"))
        .await
        .expect("made");
    store
        .create_api_token(token(bob, 2), deed("api-token.create"))
        .await
        .expect("made");
    assert_eq!(store.api_tokens(Some(ada)).await.expect("read").len(), 1);
    assert_eq!(store.api_tokens(None).await.expect("read").len(), 2);
    store.touch_api_token(id, 15).await.expect("noted");
    let found = store.api_token([1; 32]).await.expect("read").expect("it");
    assert_eq!((found.id, found.used_at), (id, Some(15)));
    let foreign = store
        .delete_api_token(id, Some(bob), deed("api-token.delete"))
        .await;
    assert!(
        matches!(foreign, Err(StoreError::Missing(_))),
        "{foreign:?}"
    );
    store
        .delete_api_token(id, Some(ada), deed("api-token.delete"))
        .await
        .expect("its owner may");
    store
        .delete_user("bob".into(), deed("user.delete"))
        .await
        .expect("removed");
    assert!(store.api_tokens(None).await.expect("read").is_empty());
    let gone = store
        .delete_api_token(ApiTokenId(77), None, deed("api-token.delete"))
        .await;
    assert!(matches!(gone, Err(StoreError::Missing(_))), "{gone:?}");
}

pub async fn a_failure_names_the_operation(place: &dyn Place) {
    let store = place.open();
    let nobody = UserId(99);
    let error = store
        .begin_session(session(nobody, 1, 0), deed("login"))
        .await
        .expect_err("there is no such user");
    let text = error.to_string();
    assert!(text.contains("beginning a session of user 99"), "{text}");
    assert!(actions(store.as_ref()).await.is_empty());
}

pub async fn others_change_roles_passwords_and_sessions(place: &dyn Place) {
    let store = place.open();
    let ada = ada(store.as_ref()).await;
    let role = |name: &str, role| store.set_role(name.into(), role, deed("user.role"));
    let last = role("ada", Role::Reader).await;
    assert!(matches!(last, Err(StoreError::Conflict(_))), "{last:?}");
    store
        .create_user(user("bob", Role::Reader), deed("user.create"))
        .await
        .expect("added");
    let changed = role("BOB", Role::Administrator).await.expect("changed");
    assert_eq!(
        (changed.name.as_str(), changed.role),
        ("bob", Role::Administrator)
    );
    assert_eq!(
        role("ada", Role::Reader).await.expect("changed").role,
        Role::Reader
    );
    let missing = role("eve", Role::Reader).await;
    assert!(
        matches!(missing, Err(StoreError::Missing(_))),
        "{missing:?}"
    );

    from_device(store.as_ref(), ada, 1, [9; 32], 10).await;
    store
        .begin_session(session(ada, 2, 10), deed("login"))
        .await
        .expect("begun");
    store
        .create_api_token(token(ada, 3), deed("api-token.create"))
        .await
        .expect("added");
    let ended = store.end_sessions("ada".into(), deed("sessions.end"));
    assert_eq!(ended.await.expect("ended"), 2);
    assert!(store.session([1; 32]).await.expect("read").is_none());
    assert!(store.device([9; 32]).await.expect("read").is_none());
    assert!(store.api_token([3; 32]).await.expect("read").is_some());

    let reset = store.reset_password("Ada".into(), "new".into(), deed("password.reset"));
    let reset = reset.await.expect("reset");
    assert_eq!((reset.sessions, reset.tokens), (0, 1));
    let (user, password) = store
        .user_with_password("ada".into())
        .await
        .expect("read")
        .expect("there");
    assert_eq!(
        (user.one_time, user.role, password.as_str()),
        (true, Role::Reader, "new")
    );
    let missing = store.reset_password("eve".into(), "new".into(), deed("password.reset"));
    assert!(matches!(missing.await, Err(StoreError::Missing(_))));
    assert!(
        store.users().await.expect("read").len() == 2,
        "nobody was added"
    );
}
