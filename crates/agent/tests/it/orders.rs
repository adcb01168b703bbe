//! What the agent obeys, what it refuses, and that nothing it accepted is lost or done twice.

use crate::fake::Fake;
use crate::server::{ORDINAL, Server, now, run, run_in};
use agent::outside::{Clock, Outside, Patience};
use answer::State;
use ed25519_dalek::SigningKey;
use prost::Message as _;
use protocol::message::{CancelOrder, Order, payload::Payload, server_says};
use protocol::order::{sign, sign_trust};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

const WORD: &str = "Get Word from all machines";

#[tokio::test]
async fn answers_a_question_once() {
    let server = Server::start().await;
    let folder = tempfile::tempdir().unwrap();
    server.enrol(folder.path()).await;
    let fake = Fake::new();
    let running = run(folder.path(), &fake, &[]);
    let (mut peer, hello) = server.greet().await;
    assert_eq!(hello.protocol, protocol::VERSION);
    assert!(!hello.machine.is_empty() && !hello.instance.is_empty() && !hello.hostname.is_empty());

    let signed = server.sign(server.question(1, WORD));
    peer.order(signed.clone()).await;
    let parts = peer.answer().await;
    let part = &parts[0];
    assert_eq!((part.order, part.state()), (1, Some(State::Answered)));
    assert_eq!(part.rows[0].cells, [b"word".to_vec()]);
    peer.order(signed.clone()).await;
    peer.stored(&parts).await;
    peer.settle().await;
    peer.order(signed).await;
    let refusal = peer.refusal().await;
    assert_eq!((refusal.order, refusal.code.as_str()), (1, "replayed"));
    assert_eq!(fake.runs(), 1);

    peer.order(server.sign(server.question(2, "Get Word from all machines with Word = other")))
        .await;
    assert_eq!(peer.answer().await[0].state(), Some(State::NotConcerned));
    peer.order(server.sign(server.question(3, "Get Nothing Known from all machines")))
        .await;
    assert_eq!(peer.answer().await[0].state(), Some(State::Unsupported));
    running.stop().await;
    assert!(peer.closed().await);
}

#[tokio::test]
async fn every_bad_order_is_refused_and_reported() {
    let server = Server::start().await;
    let folder = tempfile::tempdir().unwrap();
    server.enrol(folder.path()).await;
    let fake = Fake::new();
    let running = run(folder.path(), &fake, &[]);
    let (mut peer, _) = server.greet().await;
    let good = || server.question(5, WORD);

    let stranger = SigningKey::from_bytes(&[66; 32]);
    let unknown = sign(good(), &stranger);
    let mut forged = unknown.clone();
    forged.key = server.sign(good()).key;
    let mut changed = server.sign(good());
    let mut other = Order::decode(changed.body.as_slice()).unwrap();
    other.asked_by = "someone else".into();
    changed.body = other.encode_to_vec();
    let expired = server.sign(Order {
        issued: now() - 700,
        expires: now() - 1,
        ..good()
    });
    let future = server.sign(Order {
        issued: now() + 4_000,
        expires: now() + 5_000,
        ..good()
    });
    let mut targets = Vec::new();
    let others: roaring::RoaringBitmap = [1, 2].into_iter().collect();
    others.serialize_into(&mut targets).unwrap();
    let misdirected = server.sign(Order { targets, ..good() });
    let empty = server.sign(Order {
        payload: None,
        ..good()
    });

    for (signed, code) in [
        (unknown, "unknown-key"),
        (forged, "bad-signature"),
        (changed, "bad-signature"),
        (expired, "expired"),
        (future, "bad-times"),
        (misdirected, "not-for-me"),
        (empty, "not-understood"),
    ] {
        peer.order(signed).await;
        let refusal = peer.refusal().await;
        assert_eq!((refusal.order, refusal.code.as_str()), (5, code));
        assert!(!refusal.detail.is_empty());
    }
    assert_eq!(fake.runs(), 0, "nothing refused was carried out");
    // The number was never used up by the refused ones.
    peer.order(server.sign(good())).await;
    assert_eq!(peer.answer().await[0].state(), Some(State::Answered));
    running.stop().await;
}

/// A clock that is wrong costs no question: what was refused for it is answered when it is set right, on this connection or
/// a later one, and a server's word about the time changes nothing.
#[tokio::test]
async fn an_order_refused_for_the_clock_is_answered_when_it_is_right() {
    for wrong in [-86_400, 86_400] {
        let server = Server::start().await;
        let folder = tempfile::tempdir().unwrap();
        server.enrol(folder.path()).await;
        let clock = Arc::new(Skewed(AtomicI64::new(wrong)));
        let outside = Outside {
            clock: Arc::clone(&clock) as Arc<dyn Clock>,
            patience: Patience {
                again: Duration::from_millis(10),
                ..Patience::default()
            },
            ..Outside::default()
        };
        let fake = Fake::new();
        let running = run_in(folder.path(), &fake, &[], None, outside);
        let (mut peer, _) = server.greet().await;
        for number in [1, 2] {
            peer.order(server.sign(server.question(number, WORD))).await;
            let refusal = peer.refusal().await;
            assert_eq!(refusal.order, number);
            assert!(refusal.detail.contains("tried again"), "{}", refusal.detail);
        }
        peer.settle().await;
        assert_eq!(fake.runs(), 0);
        drop(peer);
        let (mut peer, _) = server.greet().await;
        peer.settle().await;
        clock.0.store(0, Ordering::SeqCst);
        let mut answered = Vec::new();
        for _ in [1, 2] {
            let parts = peer.answer().await;
            assert_eq!(parts[0].state(), Some(State::Answered));
            answered.push(parts[0].order);
            peer.stored(&parts).await;
        }
        answered.sort_unstable();
        assert_eq!(answered, [1, 2]);
        running.stop().await;
    }
}

struct Skewed(AtomicI64);

impl Clock for Skewed {
    fn now(&self) -> i64 {
        now() + self.0.load(Ordering::SeqCst)
    }
}

#[tokio::test]
async fn an_answer_without_acknowledgement_is_sent_again() {
    let server = Server::start().await;
    let folder = tempfile::tempdir().unwrap();
    server.enrol(folder.path()).await;
    let fake = Fake::new();
    let running = run(folder.path(), &fake, &[]);
    let (mut peer, _) = server.greet().await;
    let signed = server.sign(server.question(1, "Get Many from all machines"));
    peer.order(signed.clone()).await;
    let first = peer.answer().await;
    assert!(first.len() > 2, "several parts");
    drop(peer);

    let (mut peer, _) = server.greet().await;
    peer.order(signed).await;
    let second = peer.answer().await;
    assert_ne!(first[0].attempt, second[0].attempt);
    let rows = |parts: &[protocol::message::AnswerPart]| -> Vec<_> {
        parts.iter().flat_map(|p| p.rows.clone()).collect()
    };
    assert_eq!(rows(&first), rows(&second));
    assert_eq!(fake.runs(), 1, "it was sent again, not run again");
    peer.stored(&second).await;
    peer.settle().await;
    drop(peer);
    let (mut peer, _) = server.greet().await;
    peer.settle().await;
    running.stop().await;
}

#[tokio::test]
async fn answers_and_orders_survive_the_process() {
    let server = Server::start().await;
    let folder = tempfile::tempdir().unwrap();
    server.enrol(folder.path()).await;
    let fake = Fake::new();
    let running = run(folder.path(), &fake, &[]);
    let (mut peer, _) = server.greet().await;
    peer.order(server.sign(server.question(1, WORD))).await;
    let first = peer.answer().await;
    peer.order(server.sign(server.question(2, "Get Waits from all machines")))
        .await;
    peer.settle().await;
    running.stop().await;
    assert!(peer.closed().await);
    drop(peer);

    let fake = Fake::new();
    fake.open();
    let running = run(folder.path(), &fake, &[]);
    let (mut peer, _) = server.greet().await;
    let mut answers = [peer.answer().await, peer.answer().await];
    answers.sort_by_key(|parts| parts[0].order);
    assert_eq!(answers[0][0].rows, first[0].rows);
    assert_eq!(
        (answers[1][0].order, answers[1][0].state()),
        (2, Some(State::Answered))
    );
    assert_eq!(fake.runs(), 1, "only the one without an answer ran");
    for parts in &answers {
        peer.stored(parts).await;
    }
    peer.settle().await;
    running.stop().await;

    let running = run(folder.path(), &fake, &[]);
    let (mut peer, _) = server.greet().await;
    peer.order(server.sign(server.question(1, WORD))).await;
    assert_eq!(
        peer.refusal().await.code,
        "replayed",
        "what was done is known after a restart"
    );
    running.stop().await;
}

#[tokio::test]
async fn one_hanging_sensor_does_not_hold_up_another() {
    let server = Server::start().await;
    let folder = tempfile::tempdir().unwrap();
    server.enrol(folder.path()).await;
    let fake = Fake::new();
    let running = run(folder.path(), &fake, &[]);
    let (mut peer, _) = server.greet().await;
    peer.order(server.sign(server.question(1, "Get Waits from all machines")))
        .await;
    peer.order(server.sign(server.question(2, WORD))).await;
    assert_eq!(peer.answer().await[0].order, 2);
    peer.order(server.sign(server.question(3, "Get Word and Hangs from all machines")))
        .await;
    let parts = peer.answer().await;
    assert_eq!(
        (parts[0].order, parts[0].state()),
        (3, Some(State::TimedOut))
    );
    assert_eq!(parts[0].problems[0].sensor, "Hangs");
    fake.open();
    let parts = peer.answer().await;
    assert_eq!(
        (parts[0].order, parts[0].state()),
        (1, Some(State::Answered))
    );
    running.stop().await;
}

/// A target set with this endpoint in it.
fn only_me() -> Vec<u8> {
    let mut targets = Vec::new();
    let only: roaring::RoaringBitmap = [ORDINAL].into_iter().collect();
    only.serialize_into(&mut targets).unwrap();
    targets
}

#[tokio::test]
async fn a_cancelled_question_is_dropped() {
    let server = Server::start().await;
    let folder = tempfile::tempdir().unwrap();
    server.enrol(folder.path()).await;
    let fake = Fake::new();
    let running = run(folder.path(), &fake, &[]);
    let (mut peer, _) = server.greet().await;
    let asked = server.sign(server.question(1, "Get Waits from all machines"));
    peer.order(asked.clone()).await;
    let cancel = Order {
        targets: only_me(),
        payload: Some(Payload::Cancel(CancelOrder { order: 1 })),
        ..server.question(2, WORD)
    };
    peer.order(server.sign(cancel)).await;
    peer.settle().await;
    peer.order(asked).await;
    assert_eq!(peer.refusal().await.code, "replayed");
    fake.open();
    peer.order(server.sign(server.question(3, WORD))).await;
    assert_eq!(
        peer.answer().await[0].order,
        3,
        "the cancelled one gives no answer"
    );
    running.stop().await;
}

/// An agent that has all the work it can hold, and more in front of it, still hears what is not work.

#[tokio::test]
async fn a_damaged_spool_does_not_stop_the_agent() {
    let server = Server::start().await;
    let folder = tempfile::tempdir().unwrap();
    server.enrol(folder.path()).await;
    std::fs::write(folder.path().join("spool.db"), vec![0x5A; 20_000]).unwrap();
    let running = run(folder.path(), &Fake::new(), &[]);
    let (mut peer, _) = server.greet().await;
    peer.order(server.sign(server.question(1, WORD))).await;
    assert_eq!(peer.answer().await[0].state(), Some(State::Answered));
    running.stop().await;
    assert!(folder.path().join("spool.db.damaged").exists());
}

/// What a spool holds after the agent died twice while it worked on this order.
fn died_twice(folder: &std::path::Path, number: u64, signed: &protocol::message::SignedOrder) {
    let (mut spool, _) = agent::spool::Spool::open(folder).unwrap();
    spool.accept(number, now() + 600, signed).unwrap();
    spool.start(number).unwrap();
    spool.start(number).unwrap();
}

#[tokio::test]
async fn a_question_that_ended_the_agent_twice_is_answered_with_that_and_never_run_again() {
    let server = Server::start().await;
    let folder = tempfile::tempdir().unwrap();
    server.enrol(folder.path()).await;
    died_twice(folder.path(), 1, &server.sign(server.question(1, WORD)));
    let fake = Fake::new();
    let running = run(folder.path(), &fake, &[]);
    let (mut peer, _) = server.greet().await;
    let parts = peer.answer().await;
    assert_eq!(
        (parts[0].order, parts[0].state()),
        (1, Some(State::EndedAgent))
    );
    assert!(parts[0].problems[0].message.contains("2 times"));
    assert_eq!(fake.runs(), 0);
    // Others are answered as ever.
    peer.order(server.sign(server.question(2, WORD))).await;
    assert_eq!(peer.answer().await[0].state(), Some(State::Answered));
    running.stop().await;
}

#[tokio::test]
async fn an_agent_that_is_stopped_in_order_ended_at_nothing() {
    let server = Server::start().await;
    let folder = tempfile::tempdir().unwrap();
    server.enrol(folder.path()).await;
    let asked = server.sign(server.question(1, "Get Waits from all machines"));
    // More often than any question may end the agent.
    for _ in 0..3 {
        let fake = Fake::new();
        let running = run(folder.path(), &fake, &[]);
        let (mut peer, _) = server.greet().await;
        peer.order(asked.clone()).await;
        // It says that the order arrived when it is still at work after a while.
        let accepted = peer.accepted().await;
        assert_eq!(accepted.order, 1);
        running.stop().await;
    }
    let fake = Fake::new();
    fake.open();
    let running = run(folder.path(), &fake, &[]);
    let (mut peer, _) = server.greet().await;
    let parts = peer.answer().await;
    assert_eq!(
        (parts[0].order, parts[0].state()),
        (1, Some(State::Answered))
    );
    running.stop().await;
}

#[tokio::test]
async fn a_question_cancelled_before_it_came_is_never_carried_out() {
    let server = Server::start().await;
    let folder = tempfile::tempdir().unwrap();
    server.enrol(folder.path()).await;
    let fake = Fake::new();
    let cancel = server.sign(Order {
        targets: only_me(),
        payload: Some(Payload::Cancel(CancelOrder { order: 1 })),
        ..server.question(2, WORD)
    });
    let running = run(folder.path(), &fake, &[]);
    let (mut peer, _) = server.greet().await;
    peer.order(cancel).await;
    peer.settle().await;
    running.stop().await;
    // The mark outlives the agent.
    let running = run(folder.path(), &fake, &[]);
    let (mut peer, _) = server.greet().await;
    peer.order(server.sign(server.question(1, WORD))).await;
    assert_eq!(peer.refusal().await.code, "cancelled");
    assert_eq!(fake.runs(), 0);
    running.stop().await;
}

#[tokio::test]
async fn with_all_the_work_it_takes_it_reads_on_and_stops_when_it_is_told() {
    let server = Server::start().await;
    let folder = tempfile::tempdir().unwrap();
    server.enrol(folder.path()).await;
    let fake = Fake::new();
    let running = run(folder.path(), &fake, &[]);
    let (mut peer, hello) = server.greet().await;
    let credit = u64::from(hello.credit);
    assert_eq!(usize::try_from(credit).unwrap(), agent::orders::MAX_OPEN);
    for number in 1..=credit {
        peer.order(server.sign(server.question(number, "Get Waits from all machines")))
            .await;
    }
    // One more than it gave credit for.
    peer.order(server.sign(server.question(900, WORD))).await;
    assert_eq!(peer.refusal().await.code, "busy");
    let cancel = Order {
        targets: only_me(),
        payload: Some(Payload::Cancel(CancelOrder { order: credit })),
        ..server.question(901, WORD)
    };
    peer.order(server.sign(cancel)).await;
    let mut trust = server.trust();
    trust.version = 2;
    peer.say(server_says::Body::Trust(sign_trust(&trust, &server.key)))
        .await;
    peer.settle().await;
    assert_eq!(peer.holds.take().map(|holds| holds.trust_version), Some(2));
    // There is room for one more.
    peer.order(server.sign(server.question(902, WORD))).await;
    peer.settle().await;
    fake.open();
    for _ in 0..credit {
        let parts = peer.answer().await;
        assert_ne!(parts[0].order, credit);
        peer.stored(&parts).await;
    }
    running.stop().await;
}
