//! The log of open orders, which every connection reads at its own pace.
//!
//! An order is encoded once; each connection keeps a number for each lane, how far it has read. A push to ten thousand endpoints is
//! then one entry here and ten thousand wake-ups, a slow reader costs no memory, and a newcomer simply starts at the beginning.

use super::Progress;
use crate::model::clock::Moment;
use answer::EndpointSet;
use protocol::lane::Lane;
use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError, RwLock};

/// Orders handed to a connection in one go.
const AT_ONCE: usize = 16;

/// An order in the log.
pub(super) struct OpenOrder {
    pub number: u64,
    pub lane: Lane,
    pub progress: Arc<Progress>,
    /// For whom; `None` means for all.
    pub targets: Option<EndpointSet>,
    /// Encoded frame.
    pub frame: Arc<[u8]>,
    /// Not sent any more afterwards.
    pub deadline: Moment,
}

/// An order that a connection has to send.
pub(crate) struct Due {
    pub number: u64,
    pub lane: Lane,
    pub frame: Arc<[u8]>,
    pub progress: Arc<Progress>,
}

/// How far a connection has read.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Cursor {
    next: [u64; Lane::ALL.len()],
    /// Entries before this one may have been done on an earlier connection.
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

    /// Takes orders out.
    pub fn retain(&self, keep: impl Fn(&OpenOrder) -> bool) {
        self.write().by_place.retain(|_, order| keep(order));
    }

    /// Puts a newly signed frame in place of an old one. Connections that had the old one do not get it again.
    pub fn reframe(&self, number: u64, frame: &Arc<[u8]>) {
        for order in self.write().by_place.values_mut() {
            if order.number == number {
                *order = Arc::new(OpenOrder {
                    number,
                    lane: order.lane,
                    progress: Arc::clone(&order.progress),
                    targets: order.targets.clone(),
                    frame: Arc::clone(frame),
                    deadline: order.deadline,
                });
            }
        }
    }

    pub fn cursor(&self) -> Cursor {
        Cursor {
            next: [0; Lane::ALL.len()],
            old_before: self.read().next,
        }
    }

    /// Orders for this endpoint from the cursor on, no more of each lane than there is room for; the cursor moves past them.
    pub fn take(
        &self,
        ordinal: u32,
        cursor: &mut Cursor,
        now: Moment,
        room: impl Fn(Lane) -> usize,
    ) -> Vec<Due> {
        let mut taken = Vec::new();
        let Cursor { next, old_before } = cursor;
        for (lane, next) in Lane::ALL.into_iter().zip(next) {
            let mut left = room(lane).min(AT_ONCE);
            while left > 0 {
                // A few entries at a time, looked at outside the lock: whether an endpoint is done is another lock's to say.
                let some: Vec<_> = self
                    .read()
                    .by_place
                    .range(*next..)
                    .take(AT_ONCE)
                    .map(|(place, order)| (*place, Arc::clone(order)))
                    .collect();
                if some.is_empty() {
                    break;
                }
                for (place, order) in some {
                    if left == 0 {
                        break;
                    }
                    *next = place + 1;
                    let wanted = order.lane == lane
                        && order.deadline > now
                        && order.targets.as_ref().is_none_or(|t| t.contains(ordinal))
                        && (place >= *old_before || !order.progress.is_over(ordinal));
                    if wanted {
                        left -= 1;
                        taken.push(Due {
                            number: order.number,
                            lane,
                            frame: Arc::clone(&order.frame),
                            progress: Arc::clone(&order.progress),
                        });
                    }
                }
            }
        }
        taken
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn log(lanes: &[Lane]) -> OrderLog {
        let log = OrderLog::default();
        for (number, lane) in (1..).zip(lanes) {
            log.append(OpenOrder {
                number,
                lane: *lane,
                progress: Arc::new(Progress::new(EndpointSet::new())),
                targets: None,
                frame: Arc::from(&b"frame"[..]),
                deadline: Moment::default().after(Duration::from_secs(1)),
            });
        }
        log
    }

    fn numbers(taken: &[Due]) -> Vec<u64> {
        taken.iter().map(|due| due.number).collect()
    }

    #[test]
    fn a_lane_without_room_holds_up_no_other() {
        use Lane::{Control, Questions};
        let log = log(&[Questions, Questions, Control, Questions]);
        let mut cursor = log.cursor();
        let room = |lane: Lane| if lane == Control { usize::MAX } else { 1 };
        let mut take = |room: &dyn Fn(Lane) -> usize| {
            numbers(&log.take(7, &mut cursor, Moment::default(), room))
        };
        assert_eq!(take(&room), [3, 1]);
        assert_eq!(take(&|_| 0), [0_u64; 0]);
        assert_eq!(take(&|_| usize::MAX), [2, 4]);
        assert_eq!(take(&|_| usize::MAX), [0_u64; 0]);
    }

    #[test]
    fn a_newcomer_gets_what_it_has_not_done() {
        let log = log(&[Lane::Questions; 3]);
        log.read().by_place[&1].progress.done([7]);
        let mut cursor = log.cursor();
        let taken = log.take(7, &mut cursor, Moment::default(), |_| usize::MAX);
        assert_eq!(numbers(&taken), [1, 3]);
    }
}
