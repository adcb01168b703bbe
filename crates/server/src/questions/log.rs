//! The log of open orders, which every connection reads at its own pace.
//!
//! An order is encoded once; each connection keeps a number, how far it has read. A push to ten thousand endpoints is then one entry
//! here and ten thousand wake-ups, a slow reader costs no memory, and a newcomer simply starts at the beginning.

use super::Live;
use crate::model::clock::Moment;
use answer::EndpointSet;
use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError, RwLock};

/// Orders handed to a connection in one go.
const AT_ONCE: usize = 16;

/// An order in the log.
pub(super) struct OpenOrder {
    /// Order's number.
    pub number: u64,
    /// Question that the order asks or stops.
    pub live: Arc<Live>,
    /// Whether it stops the question.
    pub cancels: bool,
    /// For whom; `None` means for all.
    pub targets: Option<EndpointSet>,
    /// Encoded frame.
    pub frame: Arc<[u8]>,
    /// Not sent any more afterwards.
    pub deadline: Moment,
}

/// How far a connection has read.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Cursor {
    next: u64,
    /// Entries before this one may have been answered on an earlier connection.
    old_before: u64,
}

#[derive(Default)]
struct Entries {
    by_place: BTreeMap<u64, Arc<OpenOrder>>,
    next: u64,
}

/// See the module.
#[derive(Default)]
pub(super) struct OrderLog(RwLock<Entries>);

impl OrderLog {
    fn read(&self) -> std::sync::RwLockReadGuard<'_, Entries> {
        self.0.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> std::sync::RwLockWriteGuard<'_, Entries> {
        self.0.write().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn append(&self, order: OpenOrder) {
        let mut entries = self.write();
        let place = entries.next;
        entries.next += 1;
        entries.by_place.insert(place, Arc::new(order));
    }

    /// Takes orders out: for questions that ended, or because they expired.
    pub fn retain(&self, keep: impl Fn(&OpenOrder) -> bool) {
        self.write().by_place.retain(|_, order| keep(order));
    }

    /// Puts a newly signed frame in place of an old one. Connections that had the old one do not get it again.
    pub fn reframe(&self, number: u64, frame: &Arc<[u8]>) {
        let mut entries = self.write();
        for order in entries.by_place.values_mut() {
            if order.number == number {
                *order = Arc::new(OpenOrder {
                    number,
                    live: Arc::clone(&order.live),
                    cancels: order.cancels,
                    targets: order.targets.clone(),
                    frame: Arc::clone(frame),
                    deadline: order.deadline,
                });
            }
        }
    }

    pub fn cursor(&self) -> Cursor {
        Cursor {
            next: 0,
            old_before: self.read().next,
        }
    }

    /// Frames for this endpoint from the cursor on; the cursor moves past them.
    pub fn take(&self, ordinal: u32, cursor: &mut Cursor, now: Moment) -> Vec<Arc<[u8]>> {
        let mut taken = Vec::new();
        while taken.len() < AT_ONCE {
            // A few entries at a time, looked at outside the lock: whether an endpoint has answered is another lock's to say.
            let some: Vec<_> = self
                .read()
                .by_place
                .range(cursor.next..)
                .take(AT_ONCE)
                .map(|(place, order)| (*place, Arc::clone(order)))
                .collect();
            if some.is_empty() {
                break;
            }
            for (place, order) in some {
                if taken.len() == AT_ONCE {
                    break;
                }
                cursor.next = place + 1;
                let wanted = order.deadline > now
                    && order.targets.as_ref().is_none_or(|t| t.contains(ordinal))
                    && (order.cancels
                        || place >= cursor.old_before
                        || !order.live.answered(ordinal));
                if wanted {
                    taken.push(Arc::clone(&order.frame));
                }
            }
        }
        taken
    }
}
