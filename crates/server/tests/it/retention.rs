//! What is old goes, what is marked stays, by a clock that the test sets.

use crate::support::{World, ada};
use answer::{NewRow, State};
use jiff::Timestamp;
use server::access::Reader;
use server::model::actor::Actor;
use server::model::audit::Deed;
use server::model::clock::Clock;
use server::model::ids::QuestionId;
use server::questions::QuestionError;
use server::retention::{Limits, Retention, Swept, export};
use server::store::audit::AuditQuery;
use server::store::questions::{AnswerBatch, StoredPart};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

const PROCESSES: &str = "Get Running Processes from all machines";
const DAY: Duration = Duration::from_secs(86_400);

struct Old {
    world: World,
    clock: Clock,
    limits: Limits,
}

impl Old {
    async fn new(limits: Limits) -> Self {
        let clock = Clock::set_to(Timestamp::now());
        let folder = Arc::new(tempfile::tempdir().unwrap());
        let world = World::over(folder, |config| {
            config.clock = clock.clone();
            // The test sweeps.
            config.retention.every = None;
        })
        .await
        .unwrap();
        Self {
            world,
            clock,
            limits,
        }
    }

    fn exports(&self) -> PathBuf {
        self.world.folder.path().join(export::FOLDER)
    }

    async fn sweep(&self) -> Swept {
        let services = &self.world.running.services;
        let retention = Retention::new(
            Arc::clone(&services.store),
            Arc::clone(&services.questions),
            self.clock.clone(),
            self.limits.clone(),
            self.exports(),
        );
        retention.sweep().await.unwrap()
    }

    /// A closed question that one endpoint answered with this many bytes that cannot be made small.
    async fn question(&self, bytes: usize) -> QuestionId {
        let services = &self.world.running.services;
        let id = self.world.ask(PROCESSES).await.id;
        let mut noise = id.0;
        let cell: Box<[u8]> = (0..bytes)
            .map(|_| {
                noise = noise
                    .wrapping_mul(6_364_136_223_846_793_005)
                    .wrapping_add(99);
                noise.to_be_bytes()[0]
            })
            .collect();
        let batch = AnswerBatch {
            rows: vec![NewRow {
                table: 0,
                row: 0,
                cells: vec![cell, Box::default()],
            }],
            parts: vec![StoredPart {
                ordinal: 1,
                state: State::Answered,
                rows: vec![(0, 0)],
                problems: Vec::new(),
                rows_cut: 0,
            }],
        };
        services
            .store
            .save_answers(id, Arc::new(batch))
            .await
            .unwrap();
        services.questions.cancel(id, &ada()).await.unwrap();
        id
    }

    async fn ids(&self) -> Vec<QuestionId> {
        let questions = &self.world.running.services.questions;
        let mut ids: Vec<_> = questions
            .list(None, None, 100, &Reader::server())
            .await
            .unwrap()
            .into_iter()
            .map(|q| q.id)
            .collect();
        ids.sort();
        ids
    }

    async fn removed(&self, id: QuestionId) -> bool {
        let questions = &self.world.running.services.questions;
        match questions
            .with_answer(id, &Reader::server(), |_, _| ())
            .await
        {
            Ok(()) => false,
            Err(QuestionError::Removed { .. }) => true,
            Err(error) => panic!("{error}"),
        }
    }

    async fn actions(&self) -> Vec<String> {
        let query = AuditQuery {
            limit: 10_000,
            ..AuditQuery::default()
        };
        let entries = self.world.running.services.store.audit_entries(query).await;
        entries.unwrap().into_iter().map(|e| e.action).collect()
    }
}

#[tokio::test]
async fn answers_go_first_and_questions_later_but_not_what_is_kept() {
    let old = Old::new(Limits::default()).await;
    let (plain, kept) = (old.question(100).await, old.question(100).await);
    let questions = &old.world.running.services.questions;
    questions.keep(kept, true, &ada()).await.unwrap();
    let open = questions
        .ask(PROCESSES, &ada(), &Reader::server(), Some(DAY * 30), None)
        .await
        .unwrap()
        .id;
    assert_eq!(old.sweep().await, Swept::default(), "nothing is old");

    old.clock.advance(DAY * 91);
    let swept = old.sweep().await;
    assert_eq!((swept.answers, swept.questions), (1, 0));
    assert!(old.removed(plain).await && !old.removed(kept).await);
    let info = questions.info(plain, &Reader::server()).await.unwrap();
    assert!(info.answers_removed_at.is_some() && info.closed);
    assert_eq!(old.ids().await, [plain, kept, open]);
    assert_eq!(old.sweep().await.answers, 0, "once");

    old.clock.advance(DAY * 400);
    let swept = old.sweep().await;
    assert!(swept.questions >= 1, "{swept:?}");
    assert!(!old.ids().await.contains(&plain));
    assert!(old.ids().await.contains(&kept) && !old.removed(kept).await);
    let actions = old.actions().await;
    for action in ["answers.expire", "question.delete", "question.keep"] {
        assert!(actions.iter().any(|a| a == action), "{action}: {actions:?}");
    }
}

#[tokio::test]
async fn with_too_many_answers_the_oldest_go() {
    let limits = Limits {
        answers_size: 250_000,
        ..Limits::default()
    };
    let old = Old::new(limits).await;
    let mut ids = Vec::new();
    for _ in 0..4 {
        ids.push(old.question(100_000).await);
        old.clock.advance(Duration::from_secs(60));
    }
    let questions = &old.world.running.services.questions;
    questions.keep(ids[0], true, &ada()).await.unwrap();
    let swept = old.sweep().await;
    assert_eq!(swept.answers, 2, "the kept one counts, and stays");
    let mut removed = Vec::new();
    for id in &ids {
        removed.push(old.removed(*id).await);
    }
    assert_eq!(removed, [false, true, true, false]);
    let sizes = old.world.running.services.store.sizes().await.unwrap();
    assert!(sizes.answers <= 250_000, "{sizes:?}");
}

#[tokio::test]
async fn orders_go_when_nobody_can_need_them_and_their_numbers_are_not_given_again() {
    let old = Old::new(Limits::default()).await;
    let first = old.question(10).await;
    let order = old.world.info(first).await.order;
    old.clock.advance(DAY * 32);
    assert_eq!(old.sweep().await.orders, 1);
    // Not even by a clock that goes back.
    old.clock.jump(Timestamp::UNIX_EPOCH);
    let second = old.question(10).await;
    assert!(old.world.info(second).await.order > order);
}

#[tokio::test]
async fn old_audit_entries_are_exported_and_the_chain_goes_on() {
    let old = Old::new(Limits::default()).await;
    let store = Arc::clone(&old.world.running.services.store);
    let note = |count: usize| {
        let store = Arc::clone(&store);
        async move {
            let notes = (0..count).map(|_| store.note(Deed::new(Actor::Server, "test", "x")));
            for noted in futures_util::future::join_all(notes).await {
                noted.unwrap();
            }
        }
    };
    note(1500).await;
    let noted = store.audit_head().await.unwrap();
    for round in 1..=2 {
        old.clock.advance(DAY * 401);
        let swept = old.sweep().await;
        assert!(swept.entries > 100, "{round}: {swept:?}");
        // Those that are left follow from what was cut, and an entry says so; so do the files.
        let verdict = store.audit_verify(Vec::new()).await.unwrap();
        assert!(verdict.is_intact(), "{verdict}");
        let anchor = store.audit_anchor().await.unwrap();
        assert_eq!(verdict.cut, anchor.number);
        let exported = export::verify(&old.exports(), anchor).unwrap().unwrap();
        assert_eq!(
            (exported.fault.clone(), exported.good),
            (None, anchor.number)
        );
        assert_eq!(
            store.audit_after(0, 1).await.unwrap()[0].number,
            anchor.number + 1
        );
        note(1500).await;
    }
    assert!(store.audit_verify(vec![noted]).await.unwrap().is_intact());
    // Nothing but a sweep takes entries away, not even those who reach the file.
    let path = old
        .world
        .folder
        .path()
        .join(server::store::sqlite::FILE_NAME);
    let refused = rusqlite::Connection::open(&path)
        .and_then(|db| db.execute_batch("DELETE FROM audit WHERE number > 2000"));
    assert!(refused.is_err());
    let forged = rusqlite::Connection::open(&path).and_then(|db| {
        db.execute_batch(
            "UPDATE audit_anchor SET (number, hash) = (SELECT number, hash FROM audit ORDER BY number DESC LIMIT 1 OFFSET 9);
             DELETE FROM audit WHERE number <= (SELECT number FROM audit_anchor)",
        )
    });
    forged.unwrap();
    let verdict = store.audit_verify(Vec::new()).await.unwrap();
    assert!(
        !verdict.is_intact(),
        "nobody vouches for this cut: {verdict}"
    );
}

#[tokio::test]
async fn with_too_many_audit_entries_the_oldest_are_exported() {
    let limits = Limits {
        audit_size: 200_000,
        ..Limits::default()
    };
    let old = Old::new(limits).await;
    let store = Arc::clone(&old.world.running.services.store);
    let notes = (0..3000).map(|_| store.note(Deed::new(Actor::Server, "test", "x")));
    for noted in futures_util::future::join_all(notes).await {
        noted.unwrap();
    }
    let before = store.sizes().await.unwrap().audit;
    assert!(before > 200_000, "{before}");
    let swept = old.sweep().await;
    assert!(swept.entries > 500, "{swept:?}");
    let after = store.sizes().await.unwrap().audit;
    assert!(after <= 200_000, "{after}");
    assert!(store.audit_verify(Vec::new()).await.unwrap().is_intact());
    assert_eq!(old.sweep().await.entries, 0, "once");
}
