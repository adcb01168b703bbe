//! Orders that were refused because of this machine's clock. The clock may be wrong and be set right, so they are kept for
//! a while and judged again when their time has come by it; the refusal that the server got stands until then.
//!
//! Nothing is believed here but the clock of this machine: what the server says of the time would let it make old orders
//! pass. Pure: the caller brings both clocks, the one on the wall and the one that only goes forward.

use prost::Message as _;
use protocol::message::{Order, SignedOrder};
use protocol::order::{CLOCK_SLACK_SECONDS, LONGEST_LIFE_SECONDS};
use std::time::Duration;
use tokio::time::Instant;

/// Orders kept at most; the oldest goes first.
const MOST: usize = 64;
/// Bytes kept at most, all orders together.
const MOST_BYTES: usize = 4 << 20;

/// See the module.
#[derive(Debug, Default)]
pub struct Deferred {
    kept: Vec<Kept>,
}

#[derive(Debug)]
struct Kept {
    number: u64,
    issued: i64,
    expires: i64,
    /// When it is over whatever the wall clock says.
    over: Instant,
    signed: SignedOrder,
}

/// Whether this refusal ([`protocol::order::Refused::code`]) is about the clock.
#[must_use]
pub fn is_about_the_clock(code: &str) -> bool {
    code == "expired" || code == "bad-times"
}

impl Deferred {
    /// Keeps an order that was refused for the clock. False when no clock could make it good.
    pub fn keep(&mut self, signed: SignedOrder, now: Instant) -> bool {
        let Ok(order) = Order::decode(signed.body.as_slice()) else {
            return false;
        };
        let life = order.expires.saturating_sub(order.issued);
        if !(1..=LONGEST_LIFE_SECONDS).contains(&life) || signed.body.len() > MOST_BYTES {
            return false;
        }
        self.kept.retain(|kept| kept.number != order.number);
        let life = life.saturating_add(CLOCK_SLACK_SECONDS).unsigned_abs();
        self.kept.push(Kept {
            number: order.number,
            issued: order.issued,
            expires: order.expires,
            over: now + Duration::from_secs(life),
            signed,
        });
        while self.kept.len() > MOST || self.bytes() > MOST_BYTES {
            let dropped = self.kept.remove(0);
            tracing::warn!(
                order = dropped.number,
                "too many orders wait for this machine's clock; the oldest is dropped"
            );
        }
        true
    }

    fn bytes(&self) -> usize {
        self.kept.iter().map(|kept| kept.signed.body.len()).sum()
    }

    /// Whether anything waits.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.kept.is_empty()
    }

    /// Takes out what passes by this wall clock, in order of number, and forgets what has lived its whole life here.
    pub fn ripe(&mut self, wall: i64, now: Instant) -> Vec<SignedOrder> {
        let mut ripe = Vec::new();
        for kept in std::mem::take(&mut self.kept) {
            let begun = kept.issued.saturating_sub(CLOCK_SLACK_SECONDS) <= wall;
            if begun && wall < kept.expires {
                ripe.push(kept);
            } else if now < kept.over {
                self.kept.push(kept);
            } else {
                tracing::debug!(order = kept.number, "an order is over by any clock");
            }
        }
        ripe.sort_by_key(|kept| kept.number);
        ripe.into_iter().map(|kept| kept.signed).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn order(number: u64, issued: i64, expires: i64) -> SignedOrder {
        let order = Order {
            number,
            issued,
            expires,
            ..Order::default()
        };
        SignedOrder {
            body: order.encode_to_vec(),
            ..SignedOrder::default()
        }
    }

    fn numbers(ripe: &[SignedOrder]) -> Vec<u64> {
        ripe.iter()
            .map(|signed| Order::decode(signed.body.as_slice()).unwrap().number)
            .collect()
    }

    #[test]
    fn waits_for_the_clock_in_both_directions() {
        let start = Instant::now();
        let mut deferred = Deferred::default();
        assert!(deferred.keep(order(2, 10_000, 20_000), start));
        assert!(deferred.keep(order(1, 10_000, 20_000), start));
        assert!(
            deferred.ripe(20_000, start).is_empty(),
            "expired by a clock that is ahead"
        );
        assert!(
            deferred.ripe(9_699, start).is_empty(),
            "not issued by a clock that is behind"
        );
        assert_eq!(numbers(&deferred.ripe(9_700, start)), [1, 2]);
        assert!(deferred.is_empty());
    }

    #[test]
    fn forgets_what_is_over_by_any_clock() {
        let start = Instant::now();
        let mut deferred = Deferred::default();
        assert!(deferred.keep(order(1, 10_000, 10_100), start));
        assert!(
            deferred
                .ripe(0, start + Duration::from_secs(399))
                .is_empty()
        );
        assert!(!deferred.is_empty());
        assert!(
            deferred
                .ripe(0, start + Duration::from_secs(400))
                .is_empty()
        );
        assert!(deferred.is_empty());
    }

    #[test]
    fn is_bounded_and_keeps_no_copy_and_nothing_hopeless() {
        let now = Instant::now();
        let mut deferred = Deferred::default();
        for number in 0..200 {
            assert!(deferred.keep(order(number / 2, 10_000, 20_000), now));
        }
        assert_eq!(deferred.kept.len(), MOST);
        assert_eq!(deferred.kept.last().map(|kept| kept.number), Some(99));
        assert!(!deferred.keep(order(1, 0, LONGEST_LIFE_SECONDS + 1), now));
        assert!(!deferred.keep(order(1, 10, 10), now));
        assert!(!deferred.keep(order(1, i64::MIN, i64::MAX), now));
        let nothing = SignedOrder {
            body: vec![0xFF; 3],
            ..SignedOrder::default()
        };
        assert!(!deferred.keep(nothing, now));
    }
}
