//! The life of an order on this endpoint, as a state machine without input or output.
//!
//! ```text
//! offered -> refused                                   (reported, forgotten)
//!         -> accepted -> started -> spooled -> done    (each step written down by the caller before it counts)
//!                 \__________\__________\_____^        (cancelled, or too late to be of use)
//! ```
//!
//! That an order was started is written down before its first effect, with the number of the attempt. What is found started after a
//! restart has ended the agent, or the agent was ended while it worked on it: what then happens is each kind's to say
//! ([`Restart`]). One that may be repeated runs alone the next time, so that it cannot take others with it, and after
//! [`MOST_ATTEMPTS`] never again.
//!
//! An order that was cancelled before it came leaves a mark until no order of its age could be obeyed any more.
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

/// Orders that are accepted or running at most: the credit that the agent gives its server. More are refused as busy.
pub const MAX_OPEN: usize = 64;
/// Orders that run at once.
pub const MAX_RUNNING: usize = 4;
/// Attempts at an order that ended the agent; afterwards it is answered with that.
pub const MOST_ATTEMPTS: u32 = 2;
/// How long after an order's expiry its answer is still worth sending, in seconds.
pub const ANSWER_GRACE_SECONDS: i64 = 3600;

/// Where an order stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Stage {
    /// Passed all checks, is written down, waits for its turn.
    Accepted,
    /// Is worked on.
    Started,
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

/// What a restart means for an order that was started.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Restart {
    /// Its work changes nothing: it is done again.
    Repeat,
    /// Its work goes on where it stopped.
    Resume,
    /// Its work may have had its effect or not, and doing it again could do harm: the answer says so.
    OutcomeUnknown,
}

impl Restart {
    /// Of orders with this payload.
    #[must_use]
    pub const fn of(payload: &Payload) -> Self {
        match payload {
            Payload::Question(_) | Payload::Cancel(_) => Self::Repeat,
        }
    }
}

/// An order as a spool gives it back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Kept {
    /// Number.
    pub number: u64,
    /// Seconds since 1970.
    pub expires: i64,
    /// Attempts that were started and not ended.
    pub attempts: u32,
}

/// What a spool gives back.
#[derive(Clone, Debug, Default)]
pub struct Remembered {
    /// Accepted and not answered.
    pub accepted: Vec<Kept>,
    /// Answered and not acknowledged: number and expiry.
    pub answered: Vec<(u64, i64)>,
    /// Done: number and expiry.
    pub done: Vec<(u64, i64)>,
    /// Cancelled before they came: number, and until when that is remembered.
    pub cancelled: Vec<(u64, i64)>,
    /// What was ever pruned.
    pub pruned: Pruned,
}

/// What a cancellation came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cancelled {
    /// The order was under way and is no more.
    UnderWay,
    /// It was done before.
    Done,
    /// It has not come; should it, it is refused until this time.
    NotYet {
        /// Seconds since 1970.
        until: i64,
    },
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
    attempts: u32,
}

/// All orders this endpoint knows.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Book {
    open: BTreeMap<u64, Open>,
    done: BTreeMap<u64, i64>,
    cancelled: BTreeMap<u64, i64>,
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

    fn cancelled(&self, number: u64) -> bool {
        self.book.cancelled.contains_key(&number)
    }
}

impl Book {
    /// The book as it was when the agent ended: what was started and not answered is accepted again.
    #[must_use]
    pub fn restore(remembered: Remembered) -> Self {
        let mut book = Self {
            done: remembered.done.into_iter().collect(),
            cancelled: remembered.cancelled.into_iter().collect(),
            pruned: remembered.pruned,
            ..Self::default()
        };
        for kept in remembered.accepted {
            book.accept(kept.number, kept.expires);
            if let Some(open) = book.open.get_mut(&kept.number) {
                open.attempts = kept.attempts;
            }
        }
        for (number, expires) in remembered.answered {
            if book.forget(number).is_some() {
                tracing::debug!(order = number, "was accepted and spooled");
            }
            let open = Open {
                stage: Stage::Spooled,
                expires,
                attempts: 0,
            };
            book.open.insert(number, open);
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
        if !self.has_room() {
            return Verdict::Refuse {
                number: order.number,
                refused: Refused::Busy {
                    open: self.unfinished,
                },
            };
        }
        Verdict::Accept(Box::new(order))
    }

    /// Takes an order in. Nothing happens to one that is under way or done.
    pub fn accept(&mut self, number: u64, expires: i64) {
        if self.open.contains_key(&number) || self.done.contains_key(&number) {
            return;
        }
        let open = Open {
            stage: Stage::Accepted,
            expires,
            attempts: 0,
        };
        self.open.insert(number, open);
        self.unfinished += 1;
    }

    /// The next order to work on; `None` when nothing waits or enough is under way. The caller writes down that it is started, then
    /// calls [`Self::started`].
    #[must_use]
    pub fn next_to_start(&self) -> Option<u64> {
        if self.running >= MAX_RUNNING {
            return None;
        }
        let of = |stage| {
            self.open
                .iter()
                .filter(move |(_, open)| open.stage == stage)
        };
        // What ended the agent once runs when nothing else does, and nothing else runs beside it.
        if of(Stage::Started).any(|(_, open)| open.attempts > 1) {
            return None;
        }
        let fresh = of(Stage::Accepted).find(|(_, open)| open.attempts == 0);
        let suspect = || of(Stage::Accepted).next().filter(|_| self.running == 0);
        fresh.or_else(suspect).map(|(number, _)| *number)
    }

    /// An accepted order is started: gives the number of the attempt, from 1. `None` when it is not there to be started.
    pub fn started(&mut self, number: u64) -> Option<u32> {
        let open = self.open.get_mut(&number)?;
        if open.stage != Stage::Accepted {
            return None;
        }
        open.stage = Stage::Started;
        open.attempts += 1;
        self.running += 1;
        Some(open.attempts)
    }

    /// Attempts at an order so far.
    #[must_use]
    pub fn attempts(&self, number: u64) -> u32 {
        self.open.get(&number).map_or(0, |open| open.attempts)
    }

    /// Orders that are worked on.
    pub fn under_way(&self) -> impl Iterator<Item = u64> {
        self.open
            .iter()
            .filter(|(_, open)| open.stage == Stage::Started)
            .map(|(number, _)| *number)
    }

    /// The answer of a running order is written down. False when the order is no longer wanted.
    pub fn spooled(&mut self, number: u64) -> bool {
        match self.open.get_mut(&number) {
            Some(open) if open.stage == Stage::Started => {
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

    /// Records a cancelling order. Its target is done, or, when it has not come, is not let in when it does.
    pub fn cancel(&mut self, number: u64, expires: i64, target: u64, now: i64) -> Cancelled {
        let outcome = self.would_cancel(target, now);
        self.done.insert(number, expires);
        match outcome {
            Cancelled::UnderWay => {
                self.finish(target);
            }
            Cancelled::NotYet { until } => {
                self.cancelled.insert(target, until);
            }
            Cancelled::Done => {}
        }
        outcome
    }

    /// What cancelling this order would come to. Changes nothing.
    #[must_use]
    pub fn would_cancel(&self, target: u64, now: i64) -> Cancelled {
        if self.open.contains_key(&target) {
            return Cancelled::UnderWay;
        }
        if self.done.contains_key(&target) {
            return Cancelled::Done;
        }
        // The order may have been issued up to now, by a clock that is a little ahead.
        let until = now
            .saturating_add(order::LONGEST_LIFE_SECONDS)
            .saturating_add(CLOCK_SLACK_SECONDS);
        Cancelled::NotYet { until }
    }

    /// Orders whose time is over: those that never ran and answers that came too late to be sent.
    #[must_use]
    pub fn overdue(&self, now: i64) -> Vec<u64> {
        let late = |open: &Open| match open.stage {
            Stage::Accepted => open.expires <= now,
            Stage::Started => false,
            Stage::Spooled => open.expires.saturating_add(ANSWER_GRACE_SECONDS) <= now,
        };
        self.open
            .iter()
            .filter(|(_, open)| late(open))
            .map(|(number, _)| *number)
            .collect()
    }

    /// Forgets done orders that could no longer pass the check of their expiry, and cancelled ones that could no longer come; gives
    /// their numbers.
    pub fn prune(&mut self, now: i64) -> Vec<u64> {
        let limit = now.saturating_sub(CLOCK_SLACK_SECONDS);
        let mut gone = Vec::new();
        for kept in [&mut self.done, &mut self.cancelled] {
            kept.retain(|number, expires| {
                let keep = *expires > limit;
                if !keep {
                    gone.push((*number, *expires));
                }
                keep
            });
        }
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
            Stage::Started => {
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

    /// Numbers of orders that were cancelled before they came, and until when that is remembered.
    pub fn cancelled(&self) -> impl Iterator<Item = (u64, i64)> {
        self.cancelled
            .iter()
            .map(|(number, until)| (*number, *until))
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
