//! The agent channel's server side: accepts connections, finds out who they are, and serves each in one task.
//!
//! - [`admission`]: TLS, then either a machine that enrols or an endpoint that says hello.
//! - [`connection`]: the life of an enrolled endpoint's connection.
//! - [`assembly`]: parts of answers, checked against the plan and put together.
//! - [`allowance`]: what a peer may ask for nothing; [`crate::strangers`]: those who have not yet shown who they are.
//!
//! An idle connection holds its TLS state, one task and an empty outbox; there are no read or write buffers beside what the TLS
//! library keeps. `docs/protocol.md` describes the channel.

mod admission;
mod allowance;
mod assembly;
mod connection;

use crate::fleet::Fleet;
use crate::identity::Identity;
use crate::model::clock::Clock;
use crate::orders::{Memory, Orders};
use crate::strangers::{Place, Strangers, Tally};
use protocol::message::Goodbye;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// Connections the system may hold ready for us.
const BACKLOG: u32 = 4096;
/// How often it is noted who was seen.
const NOTE_SEEN: Duration = Duration::from_secs(30);
/// Pause after the system could not give a connection (mostly: no file descriptors left).
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);
/// How long a drain waits for connections to end.
const DRAIN: Duration = Duration::from_secs(10);

/// Times of the channel. The defaults are what the protocol says.
#[derive(Clone, Copy, Debug)]
pub struct Timing {
    /// From the connection to the end of the first message.
    pub introduction: Duration,
    /// Silence after which the server asks whether the agent is there.
    pub ping_after: Duration,
    /// Silence after which the connection is dead.
    pub dead_after: Duration,
    /// How long a connection may take to show that it is there when another one comes with the same identity.
    pub challenge: Duration,
    /// How long a peer may take to read what it is sent.
    pub write: Duration,
    /// How long after an order went out the agent may take to say that it arrived.
    pub acknowledge: Duration,
    /// From one part of an answer to the next.
    pub unfinished: Duration,
}

impl Default for Timing {
    fn default() -> Self {
        Self {
            introduction: Duration::from_secs(10),
            // The agent pings first in most cases, so that only one side does.
            ping_after: Duration::from_secs(protocol::KEEP_ALIVE_SECONDS + 15),
            dead_after: Duration::from_secs(protocol::DEAD_AFTER_SECONDS),
            challenge: Duration::from_secs(3),
            write: Duration::from_secs(30),
            acknowledge: Duration::from_secs(5),
            unfinished: Duration::from_secs(60),
        }
    }
}

/// What all connections together may take.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Connections that have not yet shown who they are.
    pub strangers: usize,
    /// Bytes of memory for answers on their way.
    pub answers: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            strangers: 1024,
            answers: 512 << 20,
        }
    }
}

/// The running gateway.
pub(crate) struct Gateway {
    identity: Arc<Identity>,
    fleet: Arc<Fleet>,
    orders: Arc<Orders>,
    tls: TlsAcceptor,
    timing: Timing,
    clock: Clock,
    memory: Memory,
    strangers: Strangers,
    tally: Tally,
    seen: Mutex<Vec<u32>>,
    tasks: TaskTracker,
    /// No new connections.
    stop: CancellationToken,
    /// No connections at all.
    kill: CancellationToken,
}

/// Listens where agents connect.
pub(crate) fn listen(address: SocketAddr) -> std::io::Result<TcpListener> {
    let socket = if address.is_ipv4() {
        TcpSocket::new_v4()?
    } else {
        TcpSocket::new_v6()?
    };
    #[cfg(unix)]
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}

impl Gateway {
    pub fn start(
        listener: TcpListener,
        identity: Arc<Identity>,
        fleet: Arc<Fleet>,
        orders: Arc<Orders>,
        timing: Timing,
        limits: Limits,
        clock: Clock,
    ) -> Result<Arc<Self>, crate::identity::TlsError> {
        let tls = TlsAcceptor::from(identity.agent_channel()?);
        let gateway = Arc::new(Self {
            identity,
            fleet,
            orders,
            tls,
            timing,
            clock,
            memory: Memory::new(limits.answers),
            strangers: Strangers::new(limits.strangers),
            tally: Tally::default(),
            seen: Mutex::default(),
            tasks: TaskTracker::new(),
            stop: CancellationToken::new(),
            kill: CancellationToken::new(),
        });
        gateway.tasks.spawn(Arc::clone(&gateway).accept(listener));
        gateway.tasks.spawn(Arc::clone(&gateway).note_seen());
        gateway.tasks.spawn(Arc::clone(&gateway).tell_tally());
        Ok(gateway)
    }

    async fn accept(self: Arc<Self>, listener: TcpListener) {
        loop {
            let accepted = tokio::select! {
                () = self.stop.cancelled() => return,
                accepted = listener.accept() => accepted,
            };
            match accepted {
                Ok((stream, address)) => {
                    // All of them are silent, so one can always give way.
                    let Some((place, full)) = self.strangers.enter(address.ip(), false) else {
                        continue;
                    };
                    if full && self.tally.add("gave way to a newcomer", address.ip()) {
                        tracing::warn!(%address, "all places of connections that have not introduced themselves are taken; the oldest give way");
                    }
                    self.tasks
                        .spawn(Arc::clone(&self).serve(stream, address, place));
                }
                Err(error) => {
                    tracing::warn!(%error, "a connection could not be accepted");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            }
        }
    }

    async fn serve(self: Arc<Self>, stream: TcpStream, address: SocketAddr, place: Place) {
        let kill = self.kill.clone();
        let whole = async move {
            // On the heap, and gone after the introduction: what a handshake needs must not stay with an idle connection.
            let admitted = tokio::select! {
                admitted = Box::pin(self.admit(stream, address)) => admitted,
                () = place.evicted() => None,
            };
            drop(place);
            if let Some(admitted) = admitted {
                self.run(admitted).await;
            }
        };
        tokio::select! {
            () = kill.cancelled() => {}
            () = whole => {}
        }
    }

    async fn tell_tally(self: Arc<Self>) {
        self.tally.tell("agents", &self.stop).await;
    }

    fn saw(&self, ordinal: u32) {
        self.seen
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(ordinal);
    }

    async fn note_seen(self: Arc<Self>) {
        loop {
            let stopped = tokio::select! {
                () = self.stop.cancelled() => true,
                () = tokio::time::sleep(NOTE_SEEN) => false,
            };
            let mut seen =
                std::mem::take(&mut *self.seen.lock().unwrap_or_else(PoisonError::into_inner));
            if stopped {
                seen.extend(self.fleet.online().iter());
            }
            seen.sort_unstable();
            seen.dedup();
            self.identity.note_seen(seen).await;
            if stopped {
                return;
            }
        }
    }

    /// Accepts nobody any more and says goodbye to everybody, asking each to come back at another moment.
    pub async fn drain(&self) {
        self.stop.cancel();
        let links = self.fleet.links();
        // A thousand a second: as many handshakes as two cores do with ease.
        let spread = u32::try_from(links.len())
            .unwrap_or(u32::MAX)
            .clamp(200, 10_000);
        let count = u32::try_from(links.len()).unwrap_or(u32::MAX).max(1);
        for (at, link) in (0_u32..).zip(links) {
            let retry = u64::from(at) * u64::from(spread) / u64::from(count);
            link.goodbye(Goodbye {
                reason: "the server is stopping".into(),
                retry_after_ms: u32::try_from(retry).unwrap_or(spread),
                revoked: false,
            });
        }
        self.tasks.close();
        if tokio::time::timeout(DRAIN, self.tasks.wait())
            .await
            .is_err()
        {
            tracing::warn!("some endpoints did not take their goodbye; their connections are cut");
            self.kill.cancel();
            self.tasks.wait().await;
        }
    }
}
