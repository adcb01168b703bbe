//! Who is signed in, and who is shut out.

use super::accounts::{ada, user};
use super::{Place, actions, deed};
use crate::model::account::SessionLimits;
use crate::model::ids::UserId;
use crate::model::role::{Role, Scope, Scopes};
use crate::store::accounts::NewApiToken;
use crate::store::sessions::NewSession;
use crate::store::{Store, StoreError};

async fn begin(store: &dyn Store, user: UserId, digest: u8) -> Result<(), StoreError> {
    let new = NewSession {
        digest: [digest; 32],
        user,
        device: Some([digest; 32]),
        address: Some("192.0.2.7".into()),
        client: Some("a browser".into()),
        now: 10,
        limits: SessionLimits {
            idle: 1_000,
            total: 1_000,
        },
    };
    store.begin_session(new, deed("login")).await
}

async fn bob(store: &dyn Store, role: Role) -> UserId {
    let made = store.create_user(user("bob", role), deed("user.create"));
    made.await.expect("added")
}

pub async fn who_is_shut_out_has_nothing_left_and_the_last_administrator_stays_in(
    place: &dyn Place,
) {
    let store = place.open();
    let store = store.as_ref();
    let shut = |name: &str, since: Option<i64>| {
        let action = since.map_or("user.enable", |_| "user.disable");
        store.set_disabled(name.into(), since, deed(action))
    };
    let ada = ada(store).await;
    let last = shut("ada", Some(20)).await;
    assert!(matches!(last, Err(StoreError::Conflict(_))), "{last:?}");
    let bob = bob(store, Role::Administrator).await;
    begin(store, bob, 1).await.expect("begun");
    let token = NewApiToken {
        digest: [3; 32],
        name: "a script".into(),
        user: bob,
        scopes: [Scope::Read].into_iter().collect::<Scopes>(),
        created_at: 10,
        expires_at: 20,
    };
    store
        .create_api_token(token, deed("api-token.create"))
        .await
        .expect("added");
    let (told, ended) = shut("BOB", Some(20)).await.expect("shut out");
    assert_eq!(
        (told.disabled_at, ended.sessions, ended.tokens),
        (Some(20), 1, 1)
    );
    assert!(store.session([1; 32]).await.expect("read").is_none());
    assert!(store.api_token([3; 32]).await.expect("read").is_none());
    assert!(store.device([1; 32]).await.expect("read").is_none());
    // Whoever proved the password just before begins no session that would be there later.
    let late = begin(store, bob, 2).await;
    assert!(matches!(late, Err(StoreError::Conflict(_))), "{late:?}");
    // Twice is once, and goes on since the first time.
    let (told, ended) = shut("bob", Some(30)).await.expect("no matter");
    assert_eq!((told.disabled_at, ended.sessions), (Some(20), 0));
    // One who is shut out administers nothing: the other one stays.
    let last = shut("ada", Some(40)).await;
    assert!(matches!(last, Err(StoreError::Conflict(_))), "{last:?}");
    let last = store.set_role("ada".into(), Role::Reader, deed("user.role"));
    assert!(matches!(last.await, Err(StoreError::Conflict(_))));
    let last = store.delete_user("ada".into(), deed("user.delete")).await;
    assert!(matches!(last, Err(StoreError::Conflict(_))), "{last:?}");
    let (told, _) = shut("bob", None).await.expect("let in");
    assert_eq!(told.disabled_at, None);
    begin(store, bob, 2).await.expect("begun");
    shut("ada", Some(50)).await.expect("there is another one");
    let missing = shut("eve", Some(1)).await;
    assert!(
        matches!(missing, Err(StoreError::Missing(_))),
        "{missing:?}"
    );
    // What the machine's owner resets is let in.
    let reset = store.reset_user(user("ada", Role::Administrator), deed("password.reset"));
    assert_eq!(reset.await.expect("reset"), ada);
    let users = store.users().await.expect("read");
    assert!(users.iter().all(|user| user.disabled_at.is_none()));
    let told = actions(store).await;
    let count = |action: &str| told.iter().filter(|a| *a == action).count();
    assert_eq!((count("user.disable"), count("user.enable")), (2, 1));
}

pub async fn sessions_are_listed_and_ended_one_by_one_and_all(place: &dyn Place) {
    let store = place.open();
    let store = store.as_ref();
    let (ada, bob) = (ada(store).await, bob(store, Role::Reader).await);
    for (user, digest) in [(ada, 1), (bob, 2), (bob, 3), (bob, 4)] {
        begin(store, user, digest).await.expect("begun");
    }
    let all = store.sessions(None).await.expect("read");
    let told: Vec<_> = all.iter().map(|s| (s.user.id, s.digest[0])).collect();
    assert_eq!(told, [(ada, 1), (bob, 2), (bob, 3), (bob, 4)]);
    assert_eq!(all[0].address.as_deref(), Some("192.0.2.7"));
    assert_eq!(all[0].client.as_deref(), Some("a browser"));
    assert_eq!(
        store.session([1; 32]).await.expect("read").as_ref(),
        all.first()
    );
    assert_eq!(store.sessions(Some(bob)).await.expect("read"), all[1..]);

    let foreign = store.end_session_of(all[0].id, Some(bob), deed("session.end"));
    assert!(matches!(foreign.await, Err(StoreError::Missing(_))));
    let own = store.end_session_of(all[1].id, Some(bob), deed("session.end"));
    own.await.expect("ended");
    let gone = store.end_session_of(all[1].id, None, deed("session.end"));
    assert!(matches!(gone.await, Err(StoreError::Missing(_))));
    let ended = store.end_sessions_of(bob, Some([4; 32]), deed("sessions.end"));
    assert_eq!(ended.await.expect("ended"), 1);
    let left: Vec<_> = store.sessions(None).await.expect("read");
    let left: Vec<_> = left.iter().map(|session| session.digest[0]).collect();
    assert_eq!(left, [1, 4]);
    // Numbers do not come again.
    begin(store, ada, 5).await.expect("begun");
    let newest = store.session([5; 32]).await.expect("read").expect("there");
    assert!(newest.id > all[3].id);
    assert_eq!(
        actions(store)
            .await
            .iter()
            .filter(|a| *a == "session.end")
            .count(),
        1
    );
}
