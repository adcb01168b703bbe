//! What the fleet has done so far: counters, and the report made of them.

use serde::{Deserialize, Serialize};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

/// Counters of a running simulation.
#[derive(Debug, Default)]
pub struct Progress {
    pub(crate) enrolled: Counter,
    pub(crate) reused: Counter,
    pub(crate) waiting: Counter,
    pub(crate) refused_entry: Counter,
    pub(crate) revoked: Counter,
    pub(crate) connected: Counter,
    pub(crate) connections: Counter,
    pub(crate) orders: Counter,
    pub(crate) orders_refused: Counter,
    pub(crate) answers_sent: Counter,
    pub(crate) answers_stored: Counter,
    pub(crate) late: Counter,
    pub(crate) drop_outs: Counter,
    pub(crate) errors: Counter,
    refusal: Mutex<String>,
}

/// What a simulation did.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Report {
    /// Endpoints that enrolled in this run.
    pub enrolled: u64,
    /// Endpoints that came back with an identity of an earlier run.
    pub reused: u64,
    /// Endpoints that wait for approval now.
    pub waiting: u64,
    /// Endpoints that the server did not let in.
    pub refused_entry: u64,
    /// Endpoints whose identity was revoked.
    pub revoked: u64,
    /// Endpoints connected now.
    pub connected: u64,
    /// Connections made, repeated ones included.
    pub connections: u64,
    /// Orders accepted, each once for each endpoint.
    pub orders: u64,
    /// Orders refused.
    pub orders_refused: u64,
    /// Answers sent, repeated ones included.
    pub answers_sent: u64,
    /// Answers that the server confirmed.
    pub answers_stored: u64,
    /// Answers held back on purpose.
    pub late: u64,
    /// Connections dropped on purpose.
    pub drop_outs: u64,
    /// Errors answered on purpose.
    pub errors: u64,
}

impl Progress {
    /// The counters as they stand.
    #[must_use]
    pub fn report(&self) -> Report {
        Report {
            enrolled: self.enrolled.get(),
            reused: self.reused.get(),
            waiting: self.waiting.get(),
            refused_entry: self.refused_entry.get(),
            revoked: self.revoked.get(),
            connected: self.connected.get(),
            connections: self.connections.get(),
            orders: self.orders.get(),
            orders_refused: self.orders_refused.get(),
            answers_sent: self.answers_sent.get(),
            answers_stored: self.answers_stored.get(),
            late: self.late.get(),
            drop_outs: self.drop_outs.get(),
            errors: self.errors.get(),
        }
    }
    pub(crate) fn refused(&self, reason: &str) {
        self.refused_entry.up();
        if let Ok(mut held) = self.refusal.lock() {
            reason.clone_into(&mut held);
        }
    }
    pub(crate) fn last_refusal(&self) -> String {
        self.refusal
            .lock()
            .map(|held| held.clone())
            .unwrap_or_default()
    }
}

#[derive(Debug, Default)]
pub(crate) struct Counter(AtomicU64);

impl Counter {
    pub(crate) fn up(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
    pub(crate) fn down(&self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
    pub(crate) fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
    /// Counts one more for as long as the guard lives.
    pub(crate) fn hold(&self) -> Held<'_> {
        self.up();
        Held(self)
    }
}

pub(crate) struct Held<'a>(&'a Counter);

impl Drop for Held<'_> {
    fn drop(&mut self) {
        self.0.down();
    }
}
