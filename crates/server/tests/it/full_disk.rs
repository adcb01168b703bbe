//! A disk that is really full: a small file system in memory, filled to the last byte.

use crate::api::{OWN_PASSWORD, Web};
use crate::support::{Agent, World, ada, count, soon};
use answer::{NewRow, State};
use reqwest::Method;
use serde_json::json;
use server::access::Reader;
use server::model::account::SessionLimits;
use server::model::actor::Actor;
use server::model::audit::Deed;
use server::model::endpoint::TokenRequest;
use server::model::ids::QuestionId;
use server::questions::AskError;
use server::store::StoreError;
use server::store::accounts::NewUser;
use server::store::questions::AnswerBatch;
use server::store::sessions::NewSession;
use server::store::sqlite::RESERVE_FILE;
use std::fs::{self, File};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

const PROCESSES: &str = "Get Running Processes from all machines";
const RESERVE: u64 = 8 << 20;

/// A file system of 48 MiB; it goes when this is dropped.
struct Disk(Arc<tempfile::TempDir>);

impl Disk {
    fn new() -> Self {
        let folder = Arc::new(tempfile::tempdir().unwrap());
        let mounted = Command::new("mount")
            .args(["-t", "tmpfs", "-o", "size=48m,mode=700", "tmpfs"])
            .arg(folder.path())
            .status()
            .unwrap();
        assert!(mounted.success(), "this test needs the right to mount");
        Self(folder)
    }

    fn filler(&self) -> PathBuf {
        self.0.path().join("filler")
    }

    /// Fills what is left.
    fn fill(&self) {
        let mut file = File::options()
            .create(true)
            .append(true)
            .open(self.filler())
            .unwrap();
        for size in [1 << 20, 4096, 1] {
            let bytes = vec![1; size];
            while file.write_all(&bytes).is_ok() {}
        }
    }

    /// Fills what is left until nothing more is taken, and leaves the reserve's room alone.
    async fn fill_beside(&self, world: &World) {
        while reserve(self.0.path()) == RESERVE {
            self.fill();
            if ask(world).await.is_err() {
                return;
            }
        }
    }

    async fn start(&self) -> World {
        World::over(Arc::clone(&self.0), |config| {
            config.store.reserve = RESERVE;
            config.store.spare = 0;
        })
        .await
        .unwrap()
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let gone = Command::new("umount")
            .arg("--lazy")
            .arg(self.0.path())
            .status();
        assert!(gone.is_ok_and(|s| s.success()), "it cannot be unmounted");
    }
}

fn reserve(folder: &Path) -> u64 {
    fs::metadata(folder.join(RESERVE_FILE)).unwrap().len()
}

async fn ask(world: &World) -> Result<QuestionId, AskError> {
    let questions = &world.running.services.questions;
    let asked = questions
        .ask(PROCESSES, &ada(), &Reader::server(), None, None)
        .await;
    asked.map(|info| info.id)
}

fn is_full(error: &AskError) -> bool {
    matches!(error, AskError::Store(StoreError::Full { .. }))
}

/// What an administrator does to get out of it: signs in, makes a token.
async fn administer(world: &World, number: u8) {
    let store = &world.running.services.store;
    let limits = SessionLimits {
        idle: 1_000_000,
        total: 1_000_000,
    };
    let user = store.users().await.unwrap()[0].id;
    let session = NewSession {
        digest: [number; 32],
        user,
        device: Some([number; 32]),
        address: None,
        client: None,
        now: 0,
        limits,
    };
    let deed = Deed::new(Actor::Server, "login", "admin");
    store.begin_session(session, deed).await.unwrap();
    let request = TokenRequest {
        uses: Some(1),
        life: Duration::from_secs(60),
        approve: false,
    };
    world
        .identity()
        .create_token(request, &ada())
        .await
        .unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn on_a_full_disk_administrators_still_work_and_nobody_else_uses_their_room() {
    let disk = Disk::new();
    let folder = disk.0.path().to_owned();
    let world = disk.start().await;
    assert_eq!(reserve(&folder), RESERVE);
    let questions = Arc::clone(&world.running.services.questions);
    let mut closed = Vec::new();
    for _ in 0..3 {
        let id = ask(&world).await.unwrap();
        questions.cancel(id, &ada()).await.unwrap();
        closed.push(id);
    }
    // A good part of the disk is answers.
    fill_with_answers(&world, closed[0]).await;
    // Ordinary changes go on until there is no room, then they are refused.
    disk.fill();
    let refused = loop {
        match ask(&world).await {
            Ok(_) => disk.fill(),
            Err(error) => break error,
        }
    };
    assert!(is_full(&refused), "{refused:?}");
    for number in 0..20 {
        administer(&world, number).await;
    }
    assert_eq!(reserve(&folder), 0, "it gave way");
    let refused = ask(&world).await.expect_err("the room is not for this");
    assert!(is_full(&refused), "{refused:?}");
    let user = NewUser {
        name: "helper".into(),
        role: server::model::role::Role::Administrator,
        password: "phc".into(),
        one_time: true,
        by_server: false,
        service: false,
        created_at: 0,
    };
    let deed = Deed::new(Actor::Server, "user.create", "helper");
    let store = Arc::clone(&world.running.services.store);
    store.create_user(user, deed).await.unwrap();
    for id in closed {
        questions.remove(id, &ada()).await.unwrap();
    }

    // What they took makes room for the reserve and for others, however full the rest of the disk is.
    while store.tidy(jiff::Timestamp::now()).await.unwrap() {}
    assert!(disk.filler().exists());
    let id = ask(&world).await.unwrap();
    assert_eq!(reserve(&folder), RESERVE, "the reserve was made anew");
    questions.cancel(id, &ada()).await.unwrap();
    disk.fill_beside(&world).await;
    administer(&world, 99).await;

    // It starts again on the full disk, too.
    drop((questions, store));
    soon_stop(world).await;
    let world = disk.start().await;
    administer(&world, 100).await;
    disk.fill_beside(&world).await;
    administer(&world, 101).await;

    // With room on the disk everything is as before.
    fs::remove_file(disk.filler()).unwrap();
    let id = ask(&world).await.unwrap();
    assert_eq!(reserve(&folder), RESERVE, "the reserve was made anew");
    let verdict = world.running.services.store.audit_verify(Vec::new()).await;
    assert!(verdict.unwrap().is_intact());
    world
        .running
        .services
        .questions
        .cancel(id, &ada())
        .await
        .unwrap();
    soon_stop(world).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn on_a_full_disk_a_cancelled_question_ends_without_the_answer_that_cannot_be_kept() {
    let disk = Disk::new();
    let folder = disk.0.path().to_owned();
    let world = disk.start().await;
    let (early, late) = (world.agent().await, world.agent().await);
    let (mut early, mut late) = (early.connect(&world).await, late.connect(&world).await);
    let asked = world.ask(PROCESSES).await;
    early.order().await;
    late.order().await;
    early
        .answer(asked.order, &[&["sshd", "root"], &["early", "root"]])
        .await;
    early.stored().await;
    let secret = world.token(Some(1), false).await;
    disk.fill_beside(&world).await;
    for number in 0..100 {
        if reserve(&folder) == 0 {
            break;
        }
        administer(&world, number).await;
    }
    assert_eq!(reserve(&folder), 0, "it gave way");
    let refused = Agent::new().enrol(&world, &secret).await.refused;
    assert!(refused.contains("disk is full"), "{refused}");
    late.answer(asked.order, &[&["sshd", "root"], &["late", "root"]])
        .await;
    world
        .until(asked.id, "the answer", |i| count(i, State::Answered) == 2)
        .await;
    let questions = Arc::clone(&world.running.services.questions);
    let trouble = soon("the reason", questions.trouble(asked.id))
        .await
        .unwrap();
    assert!(
        trouble.is_some_and(|told| told.contains("disk is full")),
        "whoever asks is told that it is not kept"
    );
    soon("the end", questions.cancel(asked.id, &ada()))
        .await
        .unwrap();
    // What it says now is what is kept, and the endpoint need not keep its answer.
    let expected = [
        (vec!["early".to_owned(), "root".to_owned()], 1),
        (vec!["sshd".to_owned(), "root".to_owned()], 1),
    ];
    let info = world.info(asked.id).await;
    assert!(info.closed && info.cancelled && info.trouble.is_none());
    let counts = [State::Answered, State::Cancelled].map(|state| count(&info, state));
    assert_eq!((counts, info.rows), ([1, 1], 2));
    assert_eq!(world.rows(asked.id).await, expected);
    late.stored().await;
    drop((early, late, questions));
    let world = world.restart().await;
    let info = world.info(asked.id).await;
    let counts = [State::Answered, State::Cancelled].map(|state| count(&info, state));
    assert_eq!((counts, info.rows), ([1, 1], 2));
    assert_eq!(world.rows(asked.id).await, expected);
    let questions = Arc::clone(&world.running.services.questions);
    soon("the deletion", questions.remove(asked.id, &ada()))
        .await
        .unwrap();
    drop(questions);
    soon_stop(world).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn on_a_full_disk_the_api_says_so_and_signing_in_tokens_and_deletion_work() {
    let disk = Disk::new();
    let world = disk.start().await;
    let admin = Web::admin(&world).await;
    let wanted = json!({ "text": PROCESSES });
    let asked = admin
        .ok(Method::POST, "/questions", Some(wanted.clone()))
        .await;
    let question = format!("/questions/{}", asked["id"]);
    admin.ok(Method::DELETE, &question, None).await;
    disk.fill();
    while ask(&world).await.is_ok() {
        disk.fill();
    }
    let refused = admin
        .refused(Method::POST, "/questions", Some(wanted), 507, "full")
        .await;
    let text = refused["error"]["message"].as_str().unwrap();
    assert!(text.contains("disk is full"), "{text}");

    let mut again = Web::new(&world);
    again.sign_in("admin", OWN_PASSWORD).await;
    let reader = again.token(&["read"]).await;
    assert_eq!(reader.get(&question).await["closed"], true);
    let token = json!({"uses": 1});
    let token = again
        .ok(Method::POST, "/enrolment-tokens", Some(token))
        .await;
    again
        .ok(
            Method::DELETE,
            &format!("/enrolment-tokens/{}", token["id"]),
            None,
        )
        .await;
    again
        .ok(Method::POST, &format!("{question}/delete"), None)
        .await;
    again.ok(Method::POST, "/logout", None).await;
    fs::remove_file(disk.filler()).unwrap();
    soon_stop(world).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn with_little_room_left_no_new_question_is_taken() {
    let folder = Arc::new(tempfile::tempdir().unwrap());
    let world = World::over(folder, |config| config.store.spare = u64::MAX)
        .await
        .unwrap();
    let refused = ask(&world).await.expect_err("no disk has that much");
    assert!(is_full(&refused), "{refused:?}");
    administer(&world, 1).await;
}

/// Twelve megabytes that cannot be made small.
async fn fill_with_answers(world: &World, id: QuestionId) {
    let mut noise = 1_u64;
    for row in 0..120 {
        let cell = (0..100_000).map(|_| {
            noise = noise
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1);
            noise.to_be_bytes()[0]
        });
        let batch = AnswerBatch {
            rows: vec![NewRow {
                table: 0,
                row,
                cells: vec![cell.collect()],
            }],
            parts: Vec::new(),
        };
        let store = &world.running.services.store;
        store.save_answers(id, Arc::new(batch)).await.unwrap();
    }
}

async fn soon_stop(world: World) {
    drop(world.stop().await);
}
