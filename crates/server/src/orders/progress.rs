//! Who of an order's endpoints is done. Kept beside the subject's own answer because every connection asks.

use answer::EndpointSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{PoisonError, RwLock};

/// See the module. Only grows.
pub(crate) struct Progress {
    done: RwLock<EndpointSet>,
    closed: AtomicBool,
}

impl Progress {
    pub fn new(done: EndpointSet) -> Self {
        Self {
            done: RwLock::new(done),
            closed: AtomicBool::new(false),
        }
    }

    /// Whether this endpoint is done.
    pub fn is_done(&self, ordinal: u32) -> bool {
        let done = self.done.read().unwrap_or_else(PoisonError::into_inner);
        done.contains(ordinal)
    }

    /// Whether nothing more is expected of this endpoint: it is done, or the order is closed.
    pub fn is_over(&self, ordinal: u32) -> bool {
        self.closed.load(Ordering::Acquire) || self.is_done(ordinal)
    }

    /// These endpoints are done.
    pub fn done(&self, ordinals: impl IntoIterator<Item = u32>) {
        let mut done = self.done.write().unwrap_or_else(PoisonError::into_inner);
        for ordinal in ordinals {
            done.insert(ordinal);
        }
    }

    /// Nothing more is expected of anybody.
    pub fn close(&self) {
        self.closed.store(true, Ordering::Release);
    }
}
