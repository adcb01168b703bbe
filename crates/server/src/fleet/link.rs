//! One connection as the rest of the server sees it: who it is, when it was heard, and what is to be sent to it.
//!
//! The outbox is bounded: [`FRAMES`] whole frames and [`RECEIPTS`] receipts. Orders do not go through it at all; each
//! connection reads them from the shared log at its own pace, so a broadcast costs a connection one wake-up and no memory.

use super::{AgentVitals, Presence};
use crate::model::ids::EndpointId;
use protocol::message::{Goodbye, Vitals};
use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::Notify;

/// Whole frames that may wait for a peer that reads slowly.
pub const FRAMES: usize = 64;
/// Receipts that may wait.
pub const RECEIPTS: usize = 4096;

/// Something to send to one endpoint.
#[derive(Clone, Debug)]
pub enum Outgoing {
    /// An encoded frame, perhaps shared with other connections.
    Frame(Arc<[u8]>),
    /// An answer is stored.
    Stored {
        /// Order.
        order: u64,
        /// Attempt.
        attempt: u64,
    },
}

#[derive(Default)]
struct Outbox {
    items: VecDeque<Outgoing>,
    frames: usize,
    ping: bool,
    pong: Option<u64>,
    goodbye: Option<Goodbye>,
}

/// What the writer takes out of the outbox in one go.
#[derive(Default)]
pub(crate) struct Taken {
    pub items: Vec<Outgoing>,
    pub ping: bool,
    pub pong: Option<u64>,
    /// After this nothing more is sent.
    pub goodbye: Option<Goodbye>,
}

/// A connection of an enrolled endpoint.
pub struct Link {
    /// Ordinal of the endpoint.
    pub ordinal: u32,
    /// Its identity.
    pub id: EndpointId,
    /// Facts about its machine, hashed.
    pub(crate) machine: Box<[u8]>,
    /// Public key it showed (SubjectPublicKeyInfo, DER).
    pub(crate) key: Box<[u8]>,
    address: SocketAddr,
    since: jiff::Timestamp,
    started: Instant,
    heard_ms: AtomicU64,
    vitals: Mutex<Option<AgentVitals>>,
    outbox: Mutex<Outbox>,
    wake: Notify,
}

impl Link {
    pub(crate) fn new(
        ordinal: u32,
        id: EndpointId,
        machine: &[u8],
        key: &[u8],
        address: SocketAddr,
    ) -> Arc<Self> {
        Arc::new(Self {
            ordinal,
            id,
            machine: machine.into(),
            key: key.into(),
            address,
            since: jiff::Timestamp::now(),
            started: Instant::now(),
            heard_ms: AtomicU64::new(0),
            vitals: Mutex::new(None),
            outbox: Mutex::new(Outbox::default()),
            wake: Notify::new(),
        })
    }

    fn outbox(&self) -> std::sync::MutexGuard<'_, Outbox> {
        self.outbox.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Queues a message. A peer that lets the queue fill up is told goodbye; it gets what it missed when it comes back.
    pub(crate) fn send(&self, item: Outgoing) -> bool {
        {
            let mut outbox = self.outbox();
            if outbox.goodbye.is_some() {
                return false;
            }
            let full = match &item {
                Outgoing::Frame(_) => outbox.frames >= FRAMES,
                Outgoing::Stored { .. } => outbox.items.len() - outbox.frames >= RECEIPTS,
            };
            if full {
                outbox.goodbye = Some(Goodbye {
                    reason: "this endpoint does not read what it is sent".into(),
                    retry_after_ms: 1000,
                    revoked: false,
                });
            } else {
                outbox.frames += usize::from(matches!(item, Outgoing::Frame(_)));
                outbox.items.push_back(item);
            }
        }
        self.wake();
        true
    }

    pub(crate) fn ping(&self) {
        self.outbox().ping = true;
        self.wake();
    }

    /// Only the newest ping of the peer is answered: pings that come faster than they are answered cost nothing.
    pub(crate) fn pong(&self, value: u64) {
        self.outbox().pong = Some(value);
        self.wake();
    }

    /// Closes the connection after what is queued was sent.
    pub(crate) fn goodbye(&self, goodbye: Goodbye) {
        self.outbox().goodbye.get_or_insert(goodbye);
        self.wake();
    }

    pub(crate) fn close(&self, reason: &str, revoked: bool) {
        self.goodbye(Goodbye {
            reason: reason.into(),
            retry_after_ms: 0,
            revoked,
        });
    }

    /// Whether the connection is about to be closed.
    #[cfg(test)]
    pub(crate) fn closing(&self) -> bool {
        self.outbox().goodbye.is_some()
    }

    pub(crate) fn wake(&self) {
        self.wake.notify_one();
    }

    /// Ends after [`Self::wake`].
    pub(crate) async fn woken(&self) {
        self.wake.notified().await;
    }

    pub(crate) fn take(&self) -> Taken {
        let mut outbox = self.outbox();
        outbox.frames = 0;
        Taken {
            // Taking the buffer too: an idle connection keeps none.
            items: std::mem::take(&mut outbox.items).into(),
            ping: std::mem::take(&mut outbox.ping),
            pong: outbox.pong.take(),
            goodbye: outbox.goodbye.clone(),
        }
    }

    pub(crate) fn heard(&self) {
        let now = u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.heard_ms.store(now, Ordering::Relaxed);
    }

    /// Since when nothing was heard.
    pub(crate) fn silence(&self) -> Duration {
        let heard = Duration::from_millis(self.heard_ms.load(Ordering::Relaxed));
        self.started.elapsed().saturating_sub(heard)
    }

    pub(crate) fn set_vitals(&self, vitals: &Vitals) {
        *self.vitals.lock().unwrap_or_else(PoisonError::into_inner) = Some(AgentVitals {
            memory: vitals.memory,
            cpu_ms: vitals.cpu_ms,
            uptime: vitals.uptime,
            hanging: vitals.hanging,
        });
    }

    pub(super) fn presence(&self) -> Presence {
        Presence {
            ordinal: self.ordinal,
            address: self.address,
            since: self.since,
            silent_seconds: self.silence().as_secs(),
            vitals: *self.vitals.lock().unwrap_or_else(PoisonError::into_inner),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn link() -> Arc<Link> {
        Link::new(
            7,
            EndpointId([1; 32]),
            b"m",
            b"k",
            ([127, 0, 0, 1], 9).into(),
        )
    }

    #[test]
    fn a_full_outbox_closes_the_connection_instead_of_growing() {
        let link = link();
        let frame: Arc<[u8]> = Arc::from(&b"x"[..]);
        for _ in 0..FRAMES {
            assert!(link.send(Outgoing::Frame(Arc::clone(&frame))));
        }
        assert!(!link.closing());
        link.send(Outgoing::Frame(Arc::clone(&frame)));
        assert!(link.closing());
        assert!(!link.send(Outgoing::Frame(frame)));
        let taken = link.take();
        assert_eq!(taken.items.len(), FRAMES);
        assert!(taken.goodbye.is_some());
    }

    #[test]
    fn pings_of_a_flooding_peer_are_answered_once() {
        let link = link();
        for n in 0..10_000 {
            link.pong(n);
        }
        assert_eq!(link.take().pong, Some(9_999));
        assert_eq!(link.take().pong, None);
    }
}
