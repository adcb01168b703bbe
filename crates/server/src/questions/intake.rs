//! What the gateway hands over: a whole answer of one endpoint, bounded and accounted for.

use crate::fleet::{Link, Outgoing};
use answer::Contribution;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Memory that answers on their way may take, all connections together.
#[derive(Clone)]
pub(crate) struct Memory {
    used: Arc<AtomicU64>,
    most: u64,
}

impl Memory {
    pub fn new(most: u64) -> Self {
        Self {
            used: Arc::new(AtomicU64::new(0)),
            most,
        }
    }

    /// Nothing taken yet.
    pub fn charge(&self) -> Charge {
        Charge {
            memory: self.clone(),
            bytes: 0,
        }
    }
}

/// A share of the memory, given back when dropped.
pub(crate) struct Charge {
    memory: Memory,
    bytes: u64,
}

impl Charge {
    /// Takes more; false when there is none left.
    pub fn grow(&mut self, bytes: u64) -> bool {
        let before = self.memory.used.fetch_add(bytes, Ordering::Relaxed);
        self.bytes += bytes;
        before.saturating_add(bytes) <= self.memory.most
    }

    pub fn bytes(&self) -> u64 {
        self.bytes
    }
}

impl Drop for Charge {
    fn drop(&mut self) {
        self.memory.used.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

/// Whom to tell that an answer is stored.
pub(crate) struct Receipt {
    pub link: Arc<Link>,
    pub order: u64,
    pub attempt: u64,
}

impl Receipt {
    /// The endpoint may forget its answer.
    pub fn give(self) {
        // A peer that left or does not read asks again when it comes back.
        self.link.send(Outgoing::Stored {
            order: self.order,
            attempt: self.attempt,
        });
    }
}

/// An endpoint's answer, or its refusal.
pub(crate) struct Delivery {
    pub contribution: Contribution,
    /// `None` for a refusal, which wants no receipt.
    pub receipt: Option<Receipt>,
    pub charge: Charge,
}
