//! Sign-in, expiry, tokens and their limits, on a real store with a clock that the test sets.

use super::*;
use crate::access::{Access, SensorSets};
use crate::model::role::{Role, Scope};
use crate::store::sqlite::SqliteStore;
use jiff::Timestamp;
use std::net::IpAddr;

const HOUR: Duration = Duration::from_secs(3600);
const HOME: IpAddr = IpAddr::V4(std::net::Ipv4Addr::LOCALHOST);

fn home() -> Origin {
    Origin {
        address: HOME,
        device: None,
        client: None,
    }
}

struct World {
    auth: Auth,
    tally: Arc<Tally>,
    store: Arc<dyn Store>,
    clock: Clock,
    password: Zeroizing<String>,
    folder: tempfile::TempDir,
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
    let tally = Tally::start(Arc::clone(&store), clock.clone());
    let auth = Auth::with_sessions(
        Arc::clone(&store),
        access(&store).await,
        Arc::clone(&tally),
        folder.path(),
        limits,
        clock.clone(),
    )
    .expect("auth starts");
    let password = auth
        .first_start()
        .await
        .expect("the first start works")
        .expect("there was no user")
        .password;
    World {
        auth,
        tally,
        store,
        clock,
        password,
        folder,
    }
}

async fn access(store: &Arc<dyn Store>) -> Arc<Access> {
    let opened = Access::open(Arc::clone(store), SensorSets::default());
    opened.await.expect("rights are read")
}

fn text(s: &str) -> Zeroizing<String> {
    Zeroizing::new(s.to_owned())
}

impl World {
    /// With the one-time mark lifted: what these tests are about comes after that.
    async fn admin(&self) -> (Caller, Credential) {
        let (mut caller, credential) = self.newcomer().await;
        caller.user.one_time = false;
        (caller, credential)
    }

    async fn newcomer(&self) -> (Caller, Credential) {
        let signed = self
            .auth
            .sign_in("Admin", self.password.clone(), home())
            .await
            .expect("the one-time password signs in");
        let credential = Credential::Session(signed.session);
        let caller = self.auth.check(&credential).await.expect("a session");
        assert_eq!(caller.csrf(), Some(signed.csrf.as_str()));
        (caller, credential)
    }
}

impl World {
    /// The same folder as a new start finds it.
    async fn again(&self) -> Auth {
        let limits = SessionLimits {
            idle: 100,
            total: 1000,
        };
        Auth::with_sessions(
            Arc::clone(&self.store),
            access(&self.store).await,
            Arc::clone(&self.tally),
            self.folder.path(),
            limits,
            self.clock.clone(),
        )
        .expect("auth starts")
    }
}

#[tokio::test]
async fn the_first_start_makes_one_administrator_who_may_only_change_the_password() {
    let world = world().await;
    let (caller, _) = world.newcomer().await;
    assert!(caller.user.one_time);
    assert_eq!(caller.user.role, Role::Administrator);
    assert_eq!(caller.scopes(), []);
    let error = world.auth.delete_user(&caller, "admin".into()).await;
    assert!(matches!(
        error,
        Err(AuthError::Store(StoreError::Conflict(_)))
    ));
}

#[tokio::test]
async fn the_one_time_password_is_given_again_until_it_is_changed() {
    let world = world().await;
    let file = world.folder.path().join(first::PASSWORD_FILE);
    let given = async |auth: &Auth| auth.first_start().await.expect("works").expect("unclaimed");
    // As it is in the file.
    assert_eq!(given(&world.again().await).await.password, world.password);
    assert_eq!(
        std::fs::read_to_string(&file).expect("readable"),
        format!("{}\n", *world.password)
    );
    // Another, when the file is gone, or holds what is not the password: a crash came between file and store.
    let mut last = world.password.clone();
    for lost in [None, Some("half of a passw"), Some("")] {
        match lost {
            None => std::fs::remove_file(&file).expect("removed"),
            Some(text) => std::fs::write(&file, text).expect("written"),
        }
        let auth = world.again().await;
        let next = given(&auth).await.password;
        assert_ne!(next, last);
        let old = auth.sign_in("admin", last, home()).await;
        assert!(matches!(old, Err(AuthError::WrongPassword)));
        auth.sign_in("admin", next.clone(), home())
            .await
            .expect("the new one opens");
        last = next;
    }
    let auth = world.again().await;
    let signed = auth
        .sign_in("admin", last.clone(), home())
        .await
        .expect("in");
    let caller = auth
        .check(&Credential::Session(signed.session))
        .await
        .expect("a session");
    auth.change_password(&caller, last, text("a password of my own"), vec![], HOME)
        .await
        .expect("changed");
    assert!(!file.exists());
    // A leftover of a crash goes at the next start.
    std::fs::write(&file, "x").expect("written");
    assert!(
        world
            .again()
            .await
            .first_start()
            .await
            .expect("works")
            .is_none()
    );
    assert!(!file.exists());
}

#[tokio::test]
async fn an_administrator_is_reset_on_the_machine_while_the_server_is_stopped() {
    let world = world().await;
    let (admin, session) = world.admin().await;
    let token = world
        .auth
        .create_token(&admin, "t".into(), "read".parse().expect("scopes"), HOUR)
        .await
        .expect("made");
    let mine = text("a password of my own");
    let changed = world.auth.change_password(
        &admin,
        world.password.clone(),
        mine.clone(),
        vec![token.id],
        HOME,
    );
    changed.await.expect("changed");
    let World {
        auth,
        tally,
        store,
        clock,
        folder,
        ..
    } = world;
    tally.stop().await;
    let reset =
        async |name: &str| first::reset_administrator(folder.path(), name, clock.clone()).await;
    assert!(matches!(
        reset("admin").await,
        Err(AuthError::Store(StoreError::InUse(_)))
    ));
    drop((auth, tally, store));
    assert!(matches!(reset("server").await, Err(AuthError::Invalid(_))));
    let other = reset("ada").await.expect("added");
    let again = reset("admin").await.expect("reset");
    assert_ne!(other.password, again.password);

    let store: Arc<dyn Store> =
        Arc::new(SqliteStore::open(folder.path(), clock.clone()).expect("opens"));
    let tally = Tally::start(Arc::clone(&store), clock.clone());
    let access = access(&store).await;
    let auth =
        Auth::new(Arc::clone(&store), access, tally, folder.path(), clock).expect("auth starts");
    for old in [session, Credential::Token(token.text)] {
        assert!(auth.check(&old).await.is_err(), "ended");
    }
    assert!(auth.sign_in("admin", mine, home()).await.is_err());
    auth.sign_in("admin", again.password, home())
        .await
        .expect("the new one opens");
    let entries = store
        .audit_entries(crate::store::audit::AuditQuery {
            action: Some("password.reset".into()),
            limit: 10,
            ..Default::default()
        })
        .await
        .expect("readable");
    assert_eq!(
        entries
            .iter()
            .map(|e| e.object.as_str())
            .collect::<Vec<_>>(),
        ["admin", "ada"]
    );
    assert!(!entries.iter().any(|e| e.detail.contains(&*other.password)));
}

#[tokio::test]
async fn programs_on_the_machine_get_a_token_of_an_account_that_nobody_can_sign_in_to() {
    let world = world().await;
    let token = world.auth.local_token(HOUR).await.expect("made");
    let next = world.auth.local_token(HOUR).await.expect("made");
    let check = async |text| world.auth.check(&Credential::Token(text)).await;
    assert!(check(token).await.is_err(), "the new one takes its place");
    let caller = check(next).await.expect("valid");
    assert!(caller.user.service && caller.may(Permission::ManageUsers));
    let guess = world.auth.sign_in("local", text("guess"), home()).await;
    assert!(matches!(guess, Err(AuthError::WrongPassword)));
    // It is no person: the first administrator is still the last one.
    let (admin, _) = world.admin().await;
    assert!(
        world
            .auth
            .delete_user(&admin, "admin".into())
            .await
            .is_err()
    );
}

#[tokio::test]
async fn wrong_names_and_passwords_look_alike_and_are_audited_and_limited() {
    let world = world().await;
    for name in ["admin", "nobody"] {
        let error = world.auth.sign_in(name, text("wrong"), home()).await.err();
        assert!(matches!(error, Some(AuthError::WrongPassword)));
    }
    for _ in 0..4 {
        drop(world.auth.sign_in("admin", text("wrong"), home()).await);
    }
    let error = world
        .auth
        .sign_in("admin", world.password.clone(), home())
        .await;
    assert!(matches!(error, Err(AuthError::TooMany(_))));
    world.tally.stop().await;
    let entries = world
        .store
        .audit_entries(crate::store::audit::AuditQuery {
            limit: 10,
            ..Default::default()
        })
        .await
        .expect("readable");
    let told: Vec<_> = entries
        .iter()
        .rev()
        .map(|e| (e.action.as_str(), e.object.as_str()))
        .collect();
    assert_eq!(
        told,
        [
            ("user.create", "admin"),
            ("login.failed", "admin"),
            ("login.failed", "nobody"),
            ("login.limited", "admin"),
            ("refusals.counted", "")
        ]
    );
    assert!(
        entries[0].detail.contains("\"count\":4"),
        "{:?}",
        entries[0]
    );
    assert!(!entries.iter().any(|e| e.detail.contains("wrong")));
}

#[tokio::test]
async fn strangers_who_guess_do_not_lock_out_a_device_that_is_known() {
    let world = world().await;
    let from = |device: Option<&Zeroizing<String>>| Origin {
        address: HOME,
        device: device.cloned(),
        client: None,
    };
    let right = || world.password.clone();
    let first = world.auth.sign_in("admin", right(), from(None)).await;
    let device = first.expect("in").device.expect("a new device");
    // Wrong guesses from as many addresses as it takes to empty the name's bucket.
    for n in 0..60 {
        let origin = Origin {
            address: IpAddr::from([198, 51, 100, n]),
            device: None,
            client: None,
        };
        drop(world.auth.sign_in("admin", text("guess"), origin).await);
    }
    for unknown in [None, Some(&text("made up"))] {
        let stranger = world.auth.sign_in("admin", right(), from(unknown)).await;
        assert!(matches!(stranger, Err(AuthError::TooMany(_))));
    }
    let owner = world
        .auth
        .sign_in("ADMIN", right(), from(Some(&device)))
        .await;
    assert!(owner.expect("in").device.is_none(), "it is known already");
    // It opens no other account, and guesses with it come to an end too.
    for _ in 0..5 {
        let guess = world
            .auth
            .sign_in("admin", text("guess"), from(Some(&device)))
            .await;
        assert!(matches!(guess, Err(AuthError::WrongPassword)));
    }
    let slowed = world
        .auth
        .sign_in("admin", right(), from(Some(&device)))
        .await;
    assert!(matches!(slowed, Err(AuthError::TooMany(_))));
    world.clock.advance(DEVICE_LIFE);
    let known = world.auth.known_device("admin", &device).await;
    assert_eq!(known.expect("looked up"), None, "not for ever");
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
            .change_password(&caller, world.password.clone(), text(new), vec![], HOME)
    };
    assert!(matches!(change("short").await, Err(AuthError::Invalid(_))));
    change("a longer password").await.expect("changed");
    assert!(world.auth.check(&other).await.is_err());
    assert!(!world.auth.check(&own).await.expect("kept").user.one_time);
    let old = world
        .auth
        .sign_in("admin", world.password.clone(), home())
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
    let rita = world.auth.sign_in("rita", told.clone(), home()).await;
    let session = Credential::Session(rita.expect("in").session);
    let rita = world.auth.check(&session).await.expect("in");
    assert_eq!(rita.scopes(), [], "before she changes the password");
    let own = text("rita's own password");
    let changed = world.auth.change_password(&rita, told, own, vec![], HOME);
    changed.await.expect("changed");
    let rita = world.auth.check(&session).await.expect("still in");
    let scopes = |s: &str| s.parse::<Scopes>().expect("scopes");
    let hour = HOUR;
    let error = world
        .auth
        .create_token(&rita, "t".into(), scopes("admin"), hour)
        .await;
    assert!(matches!(
        error,
        Err(AuthError::Forbidden {
            permission: Permission::ManageUsers,
            lacks: Lacks::Grant,
            ..
        })
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
    assert_eq!(token.scopes(), [Scope::Ask]);
    assert_eq!(token.actor().to_string(), format!("rita (token {id})"));
    let widened = world
        .auth
        .create_token(&token, "u".into(), scopes("read"), hour)
        .await;
    assert!(matches!(widened, Err(AuthError::OutOfScope(Scope::Read))));
    let made = world
        .auth
        .create_token(&token, "v".into(), scopes("ask"), 10 * hour)
        .await
        .expect("made");
    assert_eq!(made.expires_at, world.clock.seconds() + 3600);
    let changed = world
        .auth
        .change_password(&token, text("x"), text("a longer password"), vec![], HOME)
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
    let verdict = world.store.audit_verify(Vec::new()).await.expect("checked");
    assert_eq!(verdict.fault, None);
}
