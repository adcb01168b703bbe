//! Sign-in, expiry, tokens and their limits, on a real store with a clock that the test sets.

use super::*;
use crate::store::sqlite::SqliteStore;
use jiff::Timestamp;

const HOME: IpAddr = IpAddr::V4(std::net::Ipv4Addr::LOCALHOST);

struct World {
    auth: Auth,
    store: Arc<dyn Store>,
    clock: Clock,
    password: Zeroizing<String>,
    _folder: tempfile::TempDir,
}

async fn world() -> World {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let clock = Clock::set_to(Timestamp::from_second(1_000_000).expect("a time"));
    let store: Arc<dyn Store> =
        Arc::new(SqliteStore::open(folder.path(), clock.clone()).expect("opens"));
    let limits = SessionLimits {
        idle: 100,
        total: 1000,
    };
    let auth = Auth::with_sessions(Arc::clone(&store), limits, clock.clone()).expect("auth starts");
    let password = auth
        .first_start()
        .await
        .expect("the first start works")
        .expect("there was no user");
    World {
        auth,
        store,
        clock,
        password,
        _folder: folder,
    }
}

fn text(s: &str) -> Zeroizing<String> {
    Zeroizing::new(s.to_owned())
}

impl World {
    async fn admin(&self) -> (Caller, Credential) {
        let signed = self
            .auth
            .sign_in("Admin", self.password.clone(), HOME)
            .await
            .expect("the one-time password signs in");
        let credential = Credential::Session(signed.session);
        let caller = self.auth.check(&credential).await.expect("a session");
        assert_eq!(caller.csrf(), Some(signed.csrf.as_str()));
        (caller, credential)
    }
}

#[tokio::test]
async fn the_first_start_makes_one_administrator_once() {
    let world = world().await;
    assert!(world.auth.first_start().await.expect("works").is_none());
    let (caller, _) = world.admin().await;
    assert!(caller.user.one_time);
    assert_eq!(caller.user.role, Role::Administrator);
    let error = world.auth.delete_user(&caller, "admin".into()).await;
    assert!(matches!(
        error,
        Err(AuthError::Store(StoreError::Conflict(_)))
    ));
}

#[tokio::test]
async fn wrong_names_and_passwords_look_alike_and_are_audited_and_limited() {
    let world = world().await;
    for name in ["admin", "nobody"] {
        let error = world.auth.sign_in(name, text("wrong"), HOME).await.err();
        assert!(matches!(error, Some(AuthError::WrongPassword)));
    }
    let entries = world
        .store
        .audit_entries(crate::store::audit::AuditQuery {
            action: Some("login.failed".into()),
            limit: 10,
            ..Default::default()
        })
        .await
        .expect("readable");
    assert_eq!(entries.len(), 2);
    assert!(!entries.iter().any(|e| e.detail.contains("wrong")));
    for _ in 0..4 {
        drop(world.auth.sign_in("admin", text("wrong"), HOME).await);
    }
    let error = world
        .auth
        .sign_in("admin", world.password.clone(), HOME)
        .await;
    assert!(matches!(error, Err(AuthError::TooMany(_))));
}

#[tokio::test]
async fn sessions_end_without_use_in_all_and_on_sign_out() {
    let world = world().await;
    let (_, credential) = world.admin().await;
    world.clock.advance(Duration::from_secs(101));
    assert!(world.auth.check(&credential).await.is_err(), "idle");

    let (caller, credential) = world.admin().await;
    let Credential::Session(secret) = &credential else {
        unreachable!("sign-in gives a session");
    };
    for _ in 0..10 {
        world.clock.advance(Duration::from_secs(99));
        let now = world.clock.seconds();
        assert!(world.auth.check(&credential).await.is_ok());
        // What the check does in the background, awaited here.
        let digest = secret::digest(secret);
        world
            .store
            .touch_session(digest, now)
            .await
            .expect("stored");
    }
    world.clock.advance(Duration::from_secs(99));
    assert!(world.auth.check(&credential).await.is_err(), "total");

    let (_, credential) = world.admin().await;
    let caller = Caller {
        user: caller.user,
        ..world.auth.check(&credential).await.expect("in")
    };
    world.auth.sign_out(&caller).await.expect("out");
    assert!(world.auth.check(&credential).await.is_err(), "signed out");
}

#[tokio::test]
async fn a_new_password_ends_other_sessions_and_the_one_time_mark() {
    let world = world().await;
    let (_, other) = world.admin().await;
    let (caller, own) = world.admin().await;
    let change = |new: &'static str| {
        world
            .auth
            .change_password(&caller, world.password.clone(), text(new), HOME)
    };
    assert!(matches!(change("short").await, Err(AuthError::Invalid(_))));
    change("a longer password").await.expect("changed");
    assert!(world.auth.check(&other).await.is_err());
    assert!(!world.auth.check(&own).await.expect("kept").user.one_time);
    let old = world
        .auth
        .sign_in("admin", world.password.clone(), HOME)
        .await;
    assert!(matches!(old, Err(AuthError::WrongPassword)));
}

#[tokio::test]
async fn tokens_are_narrowed_by_scope_role_and_time_and_cannot_widen_themselves() {
    let world = world().await;
    let (admin, _) = world.admin().await;
    let (_, told) = world
        .auth
        .create_user(&admin, "rita".into(), Role::Operator, None)
        .await
        .expect("made");
    let told = told.expect("a password to tell");
    let rita = world.auth.sign_in("rita", told, HOME).await.expect("in");
    let rita = world
        .auth
        .check(&Credential::Session(rita.session))
        .await
        .expect("in");
    let scopes = |s: &str| s.parse::<Scopes>().expect("scopes");
    let hour = Duration::from_secs(3600);
    let error = world
        .auth
        .create_token(&rita, "t".into(), scopes("admin"), hour)
        .await;
    assert!(matches!(
        error,
        Err(AuthError::Forbidden(Permission::Admin))
    ));
    let made = world
        .auth
        .create_token(&rita, "command line".into(), scopes("ask,admin"), hour)
        .await
        .expect("made");
    assert_eq!(made.scopes, scopes("ask"));
    let id = made.id;
    let credential = Credential::Token(made.text);
    let token = world.auth.check(&credential).await.expect("valid");
    assert_eq!(token.permissions(), [Permission::Ask]);
    assert_eq!(token.actor().to_string(), format!("rita (token {id})"));
    let widened = world
        .auth
        .create_token(&token, "u".into(), scopes("read"), hour)
        .await;
    assert!(matches!(
        widened,
        Err(AuthError::Forbidden(Permission::Read))
    ));
    let made = world
        .auth
        .create_token(&token, "v".into(), scopes("ask"), 10 * hour)
        .await
        .expect("made");
    assert_eq!(made.expires_at, world.clock.seconds() + 3600);
    let changed = world
        .auth
        .change_password(&token, text("x"), text("a longer password"), HOME)
        .await;
    assert!(matches!(changed, Err(AuthError::SessionOnly)));

    let before = world.clock.now();
    world.clock.advance(Duration::from_secs(3600));
    assert!(world.auth.check(&credential).await.is_err(), "expired");
    world.clock.jump(before);
    assert!(world.auth.check(&credential).await.is_ok());
    world
        .auth
        .delete_user(&admin, "rita".into())
        .await
        .expect("gone");
    assert!(
        world.auth.check(&credential).await.is_err(),
        "its owner is gone"
    );
    let verdict = world.store.audit_verify(None).await.expect("checked");
    assert_eq!(verdict.fault, None);
}
