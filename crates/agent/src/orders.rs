//! The life of an order on this endpoint, as a state machine without input or output.
//!
//! ```text
//! offered -> refused                                   (reported, forgotten)
//!         -> accepted -> running -> spooled -> done    (each step written down by the caller before it counts)
//!                 \__________\__________\_____^        (cancelled, or too late to be of use)
//! ```
//!
//! An order only ever moves forward; a copy of one that is accepted, running or spooled changes nothing, a copy of one
//! that is done is refused as replayed. Numbers of done orders are kept until the order could no longer pass the check
//! of its expiry, then pruned. Should this endpoint's clock run ahead and be set back, pruned numbers could pass again:
//! [`Pruned`] remembers the highest number and expiry that were ever pruned, and what lies below both is a replay too.
//!
//! [`crate::desk`] drives it and keeps it on disk through [`crate::spool`].

use prost::Message as _;
use protocol::message::{Order, SignedOrder, payload::Payload};
use protocol::order::{self, CLOCK_SLACK_SECONDS, Refused, Seen};
use std::collections::BTreeMap;

/// Orders that are accepted or running at most; the agent reads no more from its server while it has these.
pub const MAX_OPEN: usize = 64;
/// Orders that run at once.
pub const MAX_RUNNING: usize = 4;
/// How long after an order's expiry its answer is still worth sending, in seconds.
pub const ANSWER_GRACE_SECONDS: i64 = 3600;

/// Where an order stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Stage {
    /// Passed all checks, is written down, waits for its turn.
    Accepted,
    /// Is worked on.
    Running,
    /// Its answer is written down and not yet acknowledged.
    Spooled,
}

/// What to do with an order that arrived.
#[derive(Clone, Debug, PartialEq)]
pub enum Verdict {
    /// Write it down, then [`Book::accept`] it.
    Accept(Box<Order>),
    /// Write both numbers down as done, then [`Book::cancel`].
    Cancel {
        /// Number of the cancelling order.
        number: u64,
        /// Its expiry.
        expires: i64,
        /// Number of the order to stop.
        target: u64,
    },
    /// A copy of an order that is under way: nothing.
    Copy(Stage),
    /// Report it.
    Refuse {
        /// The number it claimed, 0 when it could not be read.
        number: u64,
        /// Why.
        refused: Refused,
    },
}

/// Whom this endpoint obeys, and who it is.
#[derive(Clone, Copy, Debug)]
pub struct Standing<'a> {
    /// Keys that may sign orders.
    pub order_keys: &'a [Vec<u8>],
    /// Number of this endpoint.
    pub ordinal: u32,
}

/// What was ever pruned from the done orders.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Pruned {
    /// Highest number.
    pub number: u64,
    /// Highest expiry.
    pub expires: i64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Open {
    stage: Stage,
    expires: i64,
}

/// All orders this endpoint knows.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Book {
    open: BTreeMap<u64, Open>,
    done: BTreeMap<u64, i64>,
    pruned: Pruned,
    /// Kept beside the map because each frame asks for it.
    running: usize,
    unfinished: usize,
}

struct Checked<'a> {
    book: &'a Book,
    expires: i64,
}

impl Seen for Checked<'_> {
    fn completed(&self, number: u64) -> bool {
        self.book.done.contains_key(&number)
            || (!self.book.open.contains_key(&number)
                && number <= self.book.pruned.number
                && self.expires <= self.book.pruned.expires)
    }
}

impl Book {
    /// The book as it was when the agent ended: what was running has to run again.
    #[must_use]
    pub fn restore(
        accepted: impl IntoIterator<Item = (u64, i64)>,
        spooled: impl IntoIterator<Item = (u64, i64)>,
        done: impl IntoIterator<Item = (u64, i64)>,
        pruned: Pruned,
    ) -> Self {
        let mut book = Self {
            done: done.into_iter().collect(),
            pruned,
            ..Self::default()
        };
        for (number, expires) in accepted {
            book.accept(number, expires);
        }
        for (number, expires) in spooled {
            if book.forget(number).is_some() {
                tracing::debug!(order = number, "was accepted and spooled");
            }
            let stage = Stage::Spooled;
            book.open.insert(number, Open { stage, expires });
        }
        book
    }

    /// Checks an order that arrived at `now` (seconds since 1970). Changes nothing.
    #[must_use]
    pub fn judge(&self, signed: &SignedOrder, standing: Standing<'_>, now: i64) -> Verdict {
        // Only decides what the refusal names and which pruned numbers matter; `check` decodes what was signed itself.
        let claimed = Order::decode(signed.body.as_slice()).ok();
        let seen = Checked {
            book: self,
            expires: claimed.as_ref().map_or(0, |o| o.expires),
        };
        let is_target = |targets: &[u8]| {
            roaring::RoaringBitmap::deserialize_from(targets)
                .is_ok_and(|set| set.contains(standing.ordinal))
        };
        let order = match order::check(signed, standing.order_keys, now, is_target, &seen) {
            Ok(order) => order,
            Err(refused) => {
                return Verdict::Refuse {
                    number: claimed.map_or(0, |o| o.number),
                    refused,
                };
            }
        };
        if let Some(open) = self.open.get(&order.number) {
            return Verdict::Copy(open.stage);
        }
        if let Some(Payload::Cancel(cancel)) = &order.payload {
            return Verdict::Cancel {
                number: order.number,
                expires: order.expires,
                target: cancel.order,
            };
        }
        Verdict::Accept(Box::new(order))
    }

    /// Takes an order in. Nothing happens to one that is under way or done.
    pub fn accept(&mut self, number: u64, expires: i64) {
        if self.open.contains_key(&number) || self.done.contains_key(&number) {
            return;
        }
        let stage = Stage::Accepted;
        self.open.insert(number, Open { stage, expires });
        self.unfinished += 1;
    }

    /// The next order to run, now marked as running; `None` when nothing waits or enough run.
    pub fn start_next(&mut self) -> Option<u64> {
        if self.running >= MAX_RUNNING {
            return None;
        }
        let (number, open) = self
            .open
            .iter_mut()
            .find(|(_, open)| open.stage == Stage::Accepted)?;
        open.stage = Stage::Running;
        self.running += 1;
        Some(*number)
    }

    /// The answer of a running order is written down. False when the order is no longer wanted.
    pub fn spooled(&mut self, number: u64) -> bool {
        match self.open.get_mut(&number) {
            Some(open) if open.stage == Stage::Running => {
                open.stage = Stage::Spooled;
                self.running -= 1;
                self.unfinished -= 1;
                true
            }
            _ => false,
        }
    }

    /// The order is done: acknowledged, cancelled or of no more use. Gives its expiry, if it was under way.
    pub fn finish(&mut self, number: u64) -> Option<i64> {
        let open = self.forget(number)?;
        self.done.insert(number, open.expires);
        Some(open.expires)
    }

    /// Records a cancelling order and finishes its target; true when the target was under way.
    pub fn cancel(&mut self, number: u64, expires: i64, target: u64) -> bool {
        self.done.insert(number, expires);
        self.finish(target).is_some()
    }

    /// Orders whose time is over: those that never ran and answers that came too late to be sent.
    #[must_use]
    pub fn overdue(&self, now: i64) -> Vec<u64> {
        let late = |open: &Open| match open.stage {
            Stage::Accepted => open.expires <= now,
            Stage::Running => false,
            Stage::Spooled => open.expires.saturating_add(ANSWER_GRACE_SECONDS) <= now,
        };
        self.open
            .iter()
            .filter(|(_, open)| late(open))
            .map(|(number, _)| *number)
            .collect()
    }

    /// Forgets done orders that could no longer pass the check of their expiry, and gives their numbers.
    pub fn prune(&mut self, now: i64) -> Vec<u64> {
        let limit = now.saturating_sub(CLOCK_SLACK_SECONDS);
        let mut gone = Vec::new();
        self.done.retain(|number, expires| {
            let keep = *expires > limit;
            if !keep {
                gone.push((*number, *expires));
            }
            keep
        });
        for (number, expires) in &gone {
            self.pruned.number = self.pruned.number.max(*number);
            self.pruned.expires = self.pruned.expires.max(*expires);
        }
        gone.into_iter().map(|(number, _)| number).collect()
    }

    fn forget(&mut self, number: u64) -> Option<Open> {
        let open = self.open.remove(&number)?;
        match open.stage {
            Stage::Accepted => self.unfinished -= 1,
            Stage::Running => {
                self.unfinished -= 1;
                self.running -= 1;
            }
            Stage::Spooled => {}
        }
        Some(open)
    }

    /// Whether another order may be read.
    #[must_use]
    pub fn has_room(&self) -> bool {
        self.unfinished < MAX_OPEN
    }

    /// Where an order stands; `None` when it is not under way.
    #[must_use]
    pub fn stage(&self, number: u64) -> Option<Stage> {
        self.open.get(&number).map(|open| open.stage)
    }

    /// Expiry of an order under way.
    #[must_use]
    pub fn expires(&self, number: u64) -> Option<i64> {
        self.open.get(&number).map(|open| open.expires)
    }

    /// Numbers of the orders whose answers wait for an acknowledgement.
    pub fn waiting(&self) -> impl Iterator<Item = u64> {
        self.open
            .iter()
            .filter(|(_, open)| open.stage == Stage::Spooled)
            .map(|(number, _)| *number)
    }

    /// How many orders are accepted or running.
    #[must_use]
    pub fn unfinished(&self) -> usize {
        self.unfinished
    }

    /// Numbers and expiries of done orders.
    pub fn done(&self) -> impl Iterator<Item = (u64, i64)> {
        self.done
            .iter()
            .map(|(number, expires)| (*number, *expires))
    }

    /// What was ever pruned.
    #[must_use]
    pub fn pruned(&self) -> Pruned {
        self.pruned
    }
}

#[cfg(test)]
#[path = "orders_tests.rs"]
mod tests;
