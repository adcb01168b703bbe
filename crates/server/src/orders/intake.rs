//! What the gateway hands over: a whole report of one endpoint, bounded and accounted for.
//!
//! All connections share the memory for reports on their way. Who needs more when it is used up gets it, for a moment, and the
//! connection that holds most in reports it has not finished has to go: so one endpoint that never finishes takes nothing from the
//! others.

use crate::fleet::{Link, Outgoing};
use answer::Contribution;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio_util::sync::CancellationToken;

/// Memory that reports on their way may take, all connections together.
#[derive(Clone)]
pub(crate) struct Memory(Arc<Pool>);

struct Pool {
    most: u64,
    held: Mutex<Held>,
}

#[derive(Default)]
struct Held {
    used: u64,
    next: u64,
    /// Unfinished bytes of each connection that has some.
    unfinished: HashMap<u64, Holder>,
}

struct Holder {
    ordinal: u32,
    bytes: u64,
    evict: CancellationToken,
}

impl Memory {
    pub fn new(most: u64) -> Self {
        Self(Arc::new(Pool {
            most,
            held: Mutex::default(),
        }))
    }

    fn held(&self) -> MutexGuard<'_, Held> {
        self.0.held.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What one connection takes of it.
    pub fn share(&self, ordinal: u32) -> Share {
        let mut held = self.held();
        held.next += 1;
        Share {
            memory: self.clone(),
            id: held.next,
            ordinal,
            evicted: CancellationToken::new(),
        }
    }

    /// Bytes taken, finished or not.
    #[cfg(test)]
    fn used(&self) -> u64 {
        self.held().used
    }
}

/// One connection's part of the [`Memory`].
pub(crate) struct Share {
    memory: Memory,
    id: u64,
    ordinal: u32,
    evicted: CancellationToken,
}

impl Share {
    /// Ends when this connection has to give back what it holds.
    pub async fn evicted(&self) {
        self.evicted.cancelled().await;
    }

    /// Nothing taken yet.
    pub fn charge(&self) -> Charge {
        Charge {
            memory: self.memory.clone(),
            holder: self.id,
            bytes: 0,
            finished: false,
        }
    }

    /// Takes more for a report that is not finished. False when this connection is the one that has to go.
    pub fn grow(&self, charge: &mut Charge, bytes: u64) -> bool {
        let pool = &self.memory.0;
        let mut held = self.memory.held();
        held.used += bytes;
        charge.bytes += bytes;
        let own = held.unfinished.entry(self.id).or_insert_with(|| Holder {
            ordinal: self.ordinal,
            bytes: 0,
            evict: self.evicted.clone(),
        });
        own.bytes += bytes;
        if held.used <= pool.most {
            return true;
        }
        let standing = held
            .unfinished
            .iter()
            .filter(|(_, holder)| !holder.evict.is_cancelled())
            .max_by_key(|(_, holder)| holder.bytes);
        let Some((id, holder)) = standing else {
            return held.used <= pool.most.saturating_mul(2);
        };
        tracing::warn!(
            ordinal = holder.ordinal,
            bytes = holder.bytes,
            "answers on their way fill the server's memory; the endpoint that holds most of it in unfinished ones is closed"
        );
        if *id == self.id {
            return false;
        }
        holder.evict.cancel();
        true
    }
}

/// What one report takes of the memory, given back when dropped.
pub(crate) struct Charge {
    memory: Memory,
    holder: u64,
    bytes: u64,
    finished: bool,
}

impl Charge {
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// The report is whole: from now on it is the server's to be done with it.
    pub fn finish(&mut self) {
        if !std::mem::replace(&mut self.finished, true) {
            self.memory.held().let_go(self.holder, self.bytes);
        }
    }
}

impl Held {
    fn let_go(&mut self, holder: u64, bytes: u64) {
        if let Some(held) = self.unfinished.get_mut(&holder) {
            held.bytes = held.bytes.saturating_sub(bytes);
            if held.bytes == 0 {
                self.unfinished.remove(&holder);
            }
        }
    }
}

impl Drop for Charge {
    fn drop(&mut self) {
        self.finish();
        let mut held = self.memory.held();
        held.used = held.used.saturating_sub(self.bytes);
    }
}

/// Whom to tell that a report is stored.
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
    /// `None` for what the server itself says.
    pub charge: Option<Charge>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_holds_most_unfinished_goes_first_and_memory_comes_back() {
        let memory = Memory::new(1000);
        let (hog, honest) = (memory.share(1), memory.share(2));
        let mut hoarded: Vec<_> = (0..9).map(|_| hog.charge()).collect();
        for charge in &mut hoarded {
            assert!(hog.grow(charge, 100));
        }
        let mut answer = honest.charge();
        assert!(honest.grow(&mut answer, 300), "the honest one is served");
        assert!(hog.evicted.is_cancelled());
        assert!(!honest.evicted.is_cancelled());
        drop(hoarded);
        assert_eq!(memory.used(), 300);
        answer.finish();
        assert!(memory.held().unfinished.is_empty());
        assert_eq!(memory.used(), 300);
        drop(answer);
        assert_eq!(memory.used(), 0);
    }

    #[test]
    fn who_is_the_largest_is_not_served() {
        let memory = Memory::new(1000);
        let hog = memory.share(1);
        let mut charge = hog.charge();
        assert!(hog.grow(&mut charge, 900));
        assert!(!hog.grow(&mut charge, 200));
    }
}
