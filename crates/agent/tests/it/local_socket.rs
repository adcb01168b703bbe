//! The socket for processes of this machine: who is spoken with, and what a peer cannot do.

use crate::fake::Fake;
use crate::server::{PATIENCE, Server, run_indexing};
use agent::inquiry::{self, InquiryError};
use agent::local_socket::{Accounts, Connection, Listener, PEERS, SocketError, connect, serve};
use protocol::frame::FrameError;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tokio::time::timeout;

/// No process of this machine runs under it.
const NOBODY: u32 = u32::MAX - 1;
const BOUND: usize = 1 << 10;

#[derive(Clone, PartialEq, prost::Message)]
struct Text {
    #[prost(string, tag = "1")]
    text: String,
}

fn text(text: impl Into<String>) -> Text {
    Text { text: text.into() }
}

/// Repeats what it is told.
struct Echo {
    _folder: tempfile::TempDir,
    path: PathBuf,
}

impl Echo {
    fn new(accounts: Accounts) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("socket");
        let listener = Listener::bind(&path, accounts).unwrap();
        let repeat = Arc::new(|told: Text| text(format!("{} again", told.text)));
        tokio::spawn(async move { match serve(listener, BOUND, repeat).await {} });
        Self {
            _folder: folder,
            path,
        }
    }

    async fn connect(&self) -> Connection {
        connect(&self.path, &Accounts::own_and_root())
            .await
            .unwrap()
    }
}

async fn ask(connection: &mut Connection, what: &str) -> Result<String, SocketError> {
    let reply: Text = timeout(PATIENCE, connection.ask(&text(what)))
        .await
        .expect("in time")?;
    Ok(reply.text)
}

#[tokio::test]
async fn both_ends_know_each_other() {
    let echo = Echo::new(Accounts::own_and_root());
    let mut connection = echo.connect().await;
    let peer = connection.peer();
    assert_eq!(peer.account, rustix::process::geteuid().as_raw());
    assert_eq!(peer.process, i32::try_from(std::process::id()).ok());
    assert_eq!(ask(&mut connection, "one").await.unwrap(), "one again");
    assert_eq!(ask(&mut connection, "two").await.unwrap(), "two again");
}

#[tokio::test]
async fn a_listener_turns_other_accounts_away() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("socket");
    let mut listener = Listener::bind(&path, Accounts::only([NOBODY])).unwrap();
    let own = rustix::process::geteuid().as_raw();
    let client = async {
        let mut connection = connect(&path, &Accounts::own_and_root()).await.unwrap();
        ask(&mut connection, "let me in").await
    };
    let (accepted, asked) = tokio::join!(listener.accept(), client);
    assert!(
        matches!(accepted, Err(SocketError::Stranger { peer }) if peer.account == own),
        "{accepted:?}"
    );
    assert!(asked.is_err(), "{asked:?}");
}

#[tokio::test]
async fn a_listener_of_another_account_is_told_nothing() {
    let echo = Echo::new(Accounts::own_and_root());
    let refused = connect(&echo.path, &Accounts::only([NOBODY])).await;
    assert!(
        matches!(refused, Err(SocketError::Stranger { .. })),
        "{refused:?}"
    );
    // Whoever turns one away goes on with the others.
    assert!(ask(&mut echo.connect().await, "a").await.is_ok());
}

#[tokio::test]
async fn a_frame_above_the_bound_ends_its_own_conversation_only() {
    let echo = Echo::new(Accounts::own_and_root());
    let (mut large, mut small) = (echo.connect().await, echo.connect().await);
    let error = ask(&mut large, &"x".repeat(BOUND)).await.unwrap_err();
    assert!(
        matches!(
            error,
            SocketError::Frame(FrameError::Closed | FrameError::Io { .. })
        ),
        "{error:?}"
    );
    assert_eq!(ask(&mut small, "b").await.unwrap(), "b again");
    // What is too large for any peer is not even sent.
    let error = ask(&mut small, &"x".repeat(protocol::frame::MAX)).await;
    assert!(
        matches!(error, Err(SocketError::Frame(FrameError::TooLarge { .. }))),
        "{error:?}"
    );
}

#[tokio::test]
async fn a_silent_peer_is_in_nobodys_way_and_peers_are_bounded() {
    let echo = Echo::new(Accounts::own_and_root());
    let mut first = echo.connect().await;
    let mut silent = Vec::new();
    for _ in 0..PEERS - 2 {
        silent.push(echo.connect().await);
    }
    let mut second = echo.connect().await;
    assert_eq!(ask(&mut second, "2").await.unwrap(), "2 again");
    assert_eq!(ask(&mut first, "1").await.unwrap(), "1 again");
    // One more than there may be is taken when another one has gone.
    let mut late = echo.connect().await;
    let answered = async {
        let reply = ask(&mut late, "late").await;
        (reply, first)
    };
    let mut answered = std::pin::pin!(answered);
    let not_yet = futures_now(answered.as_mut()).await;
    assert!(not_yet.is_none(), "the seventeenth was answered at once");
    drop(second);
    let (reply, mut first) = answered.await;
    assert_eq!(reply.unwrap(), "late again");
    assert_eq!(ask(&mut first, "1").await.unwrap(), "1 again");
}

/// What a future has when everything that is ready now was done.
async fn futures_now<F: Future + Unpin>(mut future: F) -> Option<F::Output> {
    for _ in 0..100 {
        let polled = std::future::poll_fn(|context| {
            std::task::Poll::Ready(std::pin::Pin::new(&mut future).poll(context))
        });
        if let std::task::Poll::Ready(done) = polled.await {
            return Some(done);
        }
        tokio::task::yield_now().await;
    }
    None
}

#[tokio::test]
async fn what_a_predecessor_left_is_replaced_and_nothing_is_left_behind() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("socket");
    std::fs::write(&path, "left by a crash").unwrap();
    let listener = Listener::bind(&path, Accounts::own_and_root()).unwrap();
    drop(listener);
    assert!(!path.exists());
    let long = folder.path().join("x".repeat(120));
    let refused = Listener::bind(&long, Accounts::own_and_root());
    assert!(
        matches!(refused, Err(SocketError::Bind { .. })),
        "{refused:?}"
    );
}

async fn status(folder: &Path) -> Result<Vec<(String, String)>, InquiryError> {
    timeout(PATIENCE, inquiry::status(folder))
        .await
        .expect("in time")
}

#[tokio::test]
async fn the_running_agent_says_how_it_stands() {
    let server = Server::start().await;
    let folder = tempfile::tempdir().unwrap();
    assert!(matches!(
        status(folder.path()).await,
        Err(InquiryError::Socket { .. })
    ));
    server.enrol(folder.path()).await;
    let running = run_indexing(folder.path(), &Fake::new(), &[server.address()], None);
    let _peer = server.greet().await;
    // The greeting is on its way to the agent: it is asked until it has it.
    let connected = async {
        loop {
            let facts = status(folder.path()).await.unwrap();
            let value = |name: &str| {
                let found = facts.iter().find(|(n, _)| n == name);
                found.map(|(_, v)| v.clone()).unwrap_or_default()
            };
            assert_eq!(value("Ordinal"), crate::server::ORDINAL.to_string());
            if value("Server") == server.address() {
                return;
            }
            tokio::task::yield_now().await;
        }
    };
    timeout(PATIENCE, connected).await.expect("connected");
    running.stop().await;
    assert!(!inquiry::path(folder.path()).exists());
}
