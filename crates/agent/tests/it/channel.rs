//! The connection: fail-over, coming back, and servers that misbehave.

use crate::fake::Fake;
use crate::server::{Server, run, run_in};
use agent::outside::{Outside, Patience};
use protocol::message::{Goodbye, server_says};
use std::time::Duration;
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

/// However long a server takes to say nothing, it was no good connection: the next one has its turn. Here a connection
/// counts as good from its first moment on, so that every wait is long enough to have been one.
#[tokio::test]
async fn a_server_that_accepts_and_says_nothing_does_not_keep_the_next_one_away() {
    let server = Server::start().await;
    let folder = tempfile::tempdir().unwrap();
    server.enrol(folder.path()).await;
    let (mute_at_tls, mute_after_tls) = (Server::start().await, Server::start().await);
    // The second one has the right certificate: it hangs after the handshake.
    let mute_after_tls = mute_after_tls.shown_as(&server);
    let servers = [
        mute_at_tls.address(),
        mute_after_tls.address(),
        server.address(),
    ];
    let outside = Outside {
        patience: Patience {
            step: Duration::from_millis(300),
            greeting: Duration::from_millis(300),
            held: Duration::ZERO,
            ..Patience::default()
        },
        ..Outside::default()
    };
    let fake = Fake::new();
    let running = run_in(folder.path(), &fake, &servers, None, outside);
    let hang = async {
        let mut held = (Vec::new(), Vec::new());
        loop {
            tokio::select! {
                tcp = mute_at_tls.accept_mute() => held.0.push(tcp),
                peer = mute_after_tls.accept() => held.1.push(peer),
            }
        }
    };
    tokio::select! {
        () = hang => {}
        (mut peer, _) = server.greet() => peer.settle().await,
    }
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
