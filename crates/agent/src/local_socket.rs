//! A socket for processes of this machine, each side of which knows the account of the other from the kernel.
//!
//! The agent stays narrow: it reads, and changes nothing. What acts runs in services of its own, with the rights and the limits that
//! acting needs, and is told over such a socket what to do: the acting service listens and takes work from the agent's account alone,
//! the agent connects and gives it to a listener of the expected account alone. Today the agent itself listens, for people at the
//! machine who ask how it stands ([`crate::inquiry`]).
//!
//! Messages are frames of the protocol ([`protocol::frame`]): bounded, and the end of the connection when they make no sense. Peers are
//! bounded in number and time. On Windows there is no such socket yet, and asking for one says so.

use prost::Message;
use protocol::frame::{self, FrameError};
use std::convert::Infallible;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tokio::task::JoinSet;
use tracing::warn;

#[cfg(unix)]
mod unix;
#[cfg(windows)]
mod windows;

#[cfg(unix)]
use unix as system;
#[cfg(windows)]
use windows as system;

pub use system::{Listener, connect};

/// Peers at once; further ones wait.
pub const PEERS: usize = 16;
/// How long a peer may take for a frame.
const PATIENCE: Duration = Duration::from_secs(10);
/// After the system refused a connection for want of something.
const AGAIN: Duration = Duration::from_secs(1);

/// Who is at the other end, by the kernel's word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Peer {
    /// Its account.
    pub account: u32,
    /// Its process, where the system tells; it may have ended since.
    pub process: Option<i32>,
}

/// The accounts that are spoken with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Accounts(Vec<u32>);

impl Accounts {
    /// These and no others.
    #[must_use]
    pub fn only(accounts: impl Into<Vec<u32>>) -> Self {
        Self(accounts.into())
    }

    /// This process' own, and root.
    #[must_use]
    pub fn own_and_root() -> Self {
        let mut accounts = vec![0];
        accounts.extend(system::own_account());
        Self(accounts)
    }

    /// The owner of this file or folder, and root.
    ///
    /// # Errors
    /// The system's, when it cannot be looked at.
    pub fn owner_and_root(path: &Path) -> io::Result<Self> {
        let mut accounts = vec![0];
        accounts.extend(system::owner(path)?);
        Ok(Self(accounts))
    }
}

/// Why there is no conversation.
#[derive(Debug, thiserror::Error)]
pub enum SocketError {
    /// Not on this system.
    #[error("there is no local socket on this system yet")]
    Unsupported,
    /// The socket cannot be made.
    #[error("cannot listen at {path}")]
    Bind {
        /// Where.
        path: PathBuf,
        /// System's error.
        #[source]
        source: io::Error,
    },
    /// Nobody listens, or not to us.
    #[error("cannot connect to {path}")]
    Connect {
        /// Where.
        path: PathBuf,
        /// System's error.
        #[source]
        source: io::Error,
    },
    /// No peer can be taken.
    #[error("cannot take a connection")]
    Accept(#[source] io::Error),
    /// The system does not say who the peer is.
    #[error("cannot learn whose process the other end is")]
    Unknown(#[source] io::Error),
    /// The peer is somebody else.
    #[error(
        "the other end is a process of account {}{}, which is none that is spoken with here",
        .peer.account, .peer.process.map(|p| format!(" (process {p})")).unwrap_or_default()
    )]
    Stranger {
        /// Who.
        peer: Peer,
    },
    /// A message could not be sent or read.
    #[error("the conversation broke off")]
    Frame(#[from] FrameError),
    /// The peer took too long.
    #[error("the other end said nothing for {} seconds", PATIENCE.as_secs())]
    Silent,
}

/// A conversation with a peer that was checked.
#[derive(Debug)]
pub struct Connection {
    stream: system::Stream,
    peer: Peer,
}

impl Connection {
    /// Who is at the other end.
    #[must_use]
    pub fn peer(&self) -> Peer {
        self.peer
    }

    /// Sends a message.
    ///
    /// # Errors
    /// [`SocketError`]; the conversation is over then.
    pub async fn send<M: Message>(&mut self, message: &M) -> Result<(), SocketError> {
        let sent = frame::write(&mut self.stream, message);
        let sent = tokio::time::timeout(PATIENCE, sent).await;
        Ok(sent.map_err(|_| SocketError::Silent)??)
    }

    /// Reads a message of at most `bound` bytes.
    ///
    /// # Errors
    /// [`SocketError`]; the conversation is over then.
    pub async fn receive<M: Message + Default>(&mut self, bound: usize) -> Result<M, SocketError> {
        let read = frame::read(&mut self.stream, bound);
        let read = tokio::time::timeout(PATIENCE, read).await;
        Ok(read.map_err(|_| SocketError::Silent)??)
    }

    /// Sends a request and reads what it is answered.
    ///
    /// # Errors
    /// [`SocketError`]; the conversation is over then.
    pub async fn ask<M: Message, R: Message + Default>(
        &mut self,
        request: &M,
    ) -> Result<R, SocketError> {
        self.send(request).await?;
        self.receive(frame::MAX).await
    }
}

/// Answers requests of at most `bound` bytes for as long as it is polled, several peers side by side.
pub async fn serve<Q, R>(
    mut listener: Listener,
    bound: usize,
    answer: Arc<dyn Fn(Q) -> R + Send + Sync>,
) -> Infallible
where
    Q: Message + Default + 'static,
    R: Message + 'static,
{
    let mut open = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept(), if open.len() < PEERS => match accepted {
                Ok(connection) => drop(open.spawn(converse(connection, bound, Arc::clone(&answer)))),
                Err(error @ (SocketError::Stranger { .. } | SocketError::Unknown(_))) => {
                    warn!(error = %crate::chain(&error), "a process of this machine was turned away");
                }
                Err(error) => {
                    warn!(error = %crate::chain(&error), "the local socket takes nobody for now");
                    tokio::time::sleep(AGAIN).await;
                }
            },
            Some(_) = open.join_next() => {}
        }
    }
}

async fn converse<Q: Message + Default, R: Message>(
    mut connection: Connection,
    bound: usize,
    answer: Arc<dyn Fn(Q) -> R + Send + Sync>,
) {
    let ended: SocketError = loop {
        let request = match connection.receive(bound).await {
            Ok(request) => request,
            Err(error) => break error,
        };
        if let Err(error) = connection.send(&answer(request)).await {
            break error;
        }
    };
    if !matches!(ended, SocketError::Frame(FrameError::Closed)) {
        warn!(peer = ?connection.peer, error = %crate::chain(&ended), "a conversation on the local socket was ended");
    }
}
