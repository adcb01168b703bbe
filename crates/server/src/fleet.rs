//! Who is connected, right now: a [`Link`] for each connection, by ordinal.
//!
//! The gateway puts links in and takes them out; questions and identity reach endpoints through them. Nothing here waits for
//! the network: a link's outbox takes a message or says that it is full.

pub mod link;

pub use link::{Link, Outgoing};

use answer::EndpointSet;
use serde::Serialize;
use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};
use tokio::sync::watch;

/// Connections that a new order wakes in one go.
const WOKEN_AT_ONCE: usize = 64;

/// The connected endpoints.
#[derive(Default)]
pub struct Fleet {
    connected: RwLock<Connected>,
    changed: watch::Sender<u64>,
}

#[derive(Default)]
struct Connected {
    links: HashMap<u32, Arc<Link>>,
    /// The keys of `links`, kept beside them because every question looks at them whenever somebody comes or goes.
    online: EndpointSet,
}

/// A connection as shown to people.
#[derive(Clone, Debug, Serialize)]
pub struct Presence {
    /// Ordinal of the endpoint.
    pub ordinal: u32,
    /// Where it connects from.
    pub address: SocketAddr,
    /// Since when.
    pub since: jiff::Timestamp,
    /// When its last message came.
    pub heard: jiff::Timestamp,
    /// What it measured about itself, once it has said so.
    pub vitals: Option<AgentVitals>,
}

/// See [`protocol::message::Vitals`].
#[derive(Clone, Copy, Debug, Serialize)]
pub struct AgentVitals {
    /// Resident memory in bytes.
    pub memory: u64,
    /// Processor time in milliseconds.
    pub cpu_ms: u64,
    /// Uptime in seconds.
    pub uptime: u64,
    /// Threads that hang in a sensor beyond its limit.
    pub hanging: u32,
}

/// A place in the fleet, given up when dropped, however the connection's task ends.
pub(crate) struct Membership {
    fleet: Arc<Fleet>,
    link: Arc<Link>,
}

impl Membership {
    /// The connection.
    pub fn link(&self) -> &Arc<Link> {
        &self.link
    }
}

impl Drop for Membership {
    fn drop(&mut self) {
        self.link.end();
        self.fleet.leave(&self.link);
    }
}

/// What became of a newcomer.
pub(crate) enum Joined {
    /// It is the only connection of its endpoint now.
    Alone(Membership),
    /// This one is connected with the same identity. Which of the two stays is for the caller to find out.
    Beside(Arc<Link>),
}

impl Fleet {
    /// Nobody is connected.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes a connection in, in the place of `older` when that one is still there: it is closed then. Nothing changes while
    /// another one is.
    pub(crate) fn join(self: &Arc<Self>, link: &Arc<Link>, older: Option<&Arc<Link>>) -> Joined {
        let replaced = {
            let mut connected = self.write();
            match connected.links.get(&link.ordinal) {
                Some(held) if older.is_none_or(|older| !Arc::ptr_eq(older, held)) => {
                    return Joined::Beside(Arc::clone(held));
                }
                _ => {
                    connected.online.insert(link.ordinal);
                    connected.links.insert(link.ordinal, Arc::clone(link))
                }
            }
        };
        match replaced {
            Some(older) => older.close(
                "a newer connection of the same endpoint took its place",
                false,
            ),
            None => self.touch(),
        }
        Joined::Alone(Membership {
            fleet: Arc::clone(self),
            link: Arc::clone(link),
        })
    }

    /// Forgets a connection, unless a newer one stands in its place.
    fn leave(&self, link: &Arc<Link>) {
        let mut connected = self.write();
        let held = connected.links.get(&link.ordinal);
        if held.is_some_and(|held| Arc::ptr_eq(held, link)) {
            connected.links.remove(&link.ordinal);
            connected.online.remove(link.ordinal);
            drop(connected);
            self.touch();
        }
    }

    fn read(&self) -> RwLockReadGuard<'_, Connected> {
        self.connected
            .read()
            .unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, Connected> {
        self.connected
            .write()
            .unwrap_or_else(PoisonError::into_inner)
    }

    fn touch(&self) {
        self.changed.send_modify(|n| *n += 1);
    }

    /// Changes whenever somebody comes or goes.
    #[must_use]
    pub fn changes(&self) -> watch::Receiver<u64> {
        self.changed.subscribe()
    }

    /// The connected endpoints.
    #[must_use]
    pub fn online(&self) -> EndpointSet {
        self.read().online.clone()
    }

    /// How many are connected.
    #[must_use]
    pub fn count(&self) -> usize {
        self.read().links.len()
    }

    /// Whether this endpoint is connected.
    #[must_use]
    pub fn is_online(&self, ordinal: u32) -> bool {
        self.link(ordinal).is_some()
    }

    /// How this endpoint is connected.
    #[must_use]
    pub fn presence(&self, ordinal: u32) -> Option<Presence> {
        self.link(ordinal).map(|link| link.presence())
    }

    /// How every connected endpoint is connected, by ordinal.
    #[must_use]
    pub fn presences(&self) -> Vec<Presence> {
        let mut all: Vec<_> = self.links().iter().map(|link| link.presence()).collect();
        all.sort_by_key(|p| p.ordinal);
        all
    }

    pub(crate) fn link(&self, ordinal: u32) -> Option<Arc<Link>> {
        self.read().links.get(&ordinal).cloned()
    }

    pub(crate) fn links(&self) -> Vec<Arc<Link>> {
        self.read().links.values().cloned().collect()
    }

    /// Wakes those that wait for credit: an order that filled it may be over.
    pub(crate) fn wake_waiting(&self) {
        for link in self.links() {
            if link.is_waiting() {
                link.wake();
            }
        }
    }

    /// Wakes the writers of all connections: there is a new order in the log. Some at a time: what the first of them
    /// answer, and whoever asked, must not wait behind ten thousand others.
    pub(crate) async fn wake_all(&self) {
        // Copied out first: waking takes a while, and joining must not wait for it.
        for some in self.links().chunks(WOKEN_AT_ONCE) {
            for link in some {
                link.wake();
            }
            tokio::task::yield_now().await;
        }
    }
}
