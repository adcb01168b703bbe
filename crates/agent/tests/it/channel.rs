//! The connection: fail-over, coming back, and servers that misbehave.

use crate::fake::Fake;
use crate::server::{Server, run};
use protocol::message::{Goodbye, server_says};
use tokio::net::TcpListener;

const WORD: &str = "Get Word from all machines";

#[tokio::test]
async fn tries_servers_in_order_until_one_answers() {
    let server = Server::start().await;
    let folder = tempfile::tempdir().unwrap();
    server.enrol(folder.path()).await;
    // A port that was free a moment ago, and a server of another authority.
    let nobody = TcpListener::bind("127.0.0.1:0")
        .await
        .unwrap()
        .local_addr()
        .unwrap();
    let stranger = Server::start().await;
    let servers = [nobody.to_string(), stranger.address(), server.address()];
    let running = run(folder.path(), &Fake::new(), &servers);
    let ((mut peer, _), ()) = tokio::join!(server.greet(), stranger.accept_failure());
    peer.order(server.sign(server.question(1, WORD))).await;
    let parts = peer.answer().await;
    peer.stored(&parts).await;
    running.stop().await;
}

#[tokio::test]
async fn comes_back_after_a_goodbye() {
    let server = Server::start().await;
    let folder = tempfile::tempdir().unwrap();
    server.enrol(folder.path()).await;
    let running = run(folder.path(), &Fake::new(), &[]);
    let (mut peer, first) = server.greet().await;
    peer.say(server_says::Body::Goodbye(Goodbye {
        reason: "restarting".into(),
        retry_after_ms: 1,
        revoked: false,
    }))
    .await;
    let (mut peer, second) = server.greet().await;
    assert_eq!(first.instance, second.instance, "the same process");
    assert_eq!(first.machine, second.machine);
    peer.settle().await;
    running.stop().await;
}

#[tokio::test]
async fn a_malformed_frame_ends_the_connection_not_the_agent() {
    let server = Server::start().await;
    let folder = tempfile::tempdir().unwrap();
    server.enrol(folder.path()).await;
    let running = run(folder.path(), &Fake::new(), &[]);
    for garbage in [&[0xFF; 64][..], &[0, 0, 0, 3, 0xFF, 0xFF, 0xFF]] {
        let (mut peer, _) = server.greet().await;
        peer.say_bytes(garbage).await;
        assert!(peer.closed().await);
    }
    let (mut peer, _) = server.greet().await;
    peer.order(server.sign(server.question(1, WORD))).await;
    peer.answer().await;
    running.stop().await;
}

#[tokio::test]
async fn skips_what_it_does_not_know() {
    let server = Server::start().await;
    let folder = tempfile::tempdir().unwrap();
    server.enrol(folder.path()).await;
    let running = run(folder.path(), &Fake::new(), &[]);
    let (mut peer, _) = server.greet().await;
    // Field 99, length-delimited, two bytes: a message of a later version.
    peer.say_bytes(&[0, 0, 0, 5, 0x9A, 0x06, 0x02, 0x01, 0x02])
        .await;
    peer.settle().await;
    running.stop().await;
}

#[tokio::test]
async fn more_orders_than_it_takes_at_once_are_all_answered() {
    let server = Server::start().await;
    let folder = tempfile::tempdir().unwrap();
    server.enrol(folder.path()).await;
    let fake = Fake::new();
    let running = run(folder.path(), &fake, &[]);
    let (mut peer, _) = server.greet().await;
    let count = agent::orders::MAX_OPEN as u64 + 40;
    for number in 1..=count {
        peer.order(server.sign(server.question(number, "Get Waits from all machines")))
            .await;
    }
    fake.open();
    let mut answered = std::collections::BTreeSet::new();
    for _ in 0..count {
        let parts = peer.answer().await;
        answered.insert(parts[0].order);
        peer.stored(&parts).await;
    }
    assert_eq!(answered.len() as u64, count);
    peer.settle().await;
    running.stop().await;
}
