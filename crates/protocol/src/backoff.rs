//! How long to wait before the next round of servers: exponential with full jitter, so that a fleet that lost its server
//! does not come back as one wave. Pure: the caller brings the dice.

use std::time::Duration;

const FIRST: Duration = Duration::from_millis(500);
const LONGEST: Duration = Duration::from_secs(60);

/// See the module.
#[derive(Clone, Copy, Debug, Default)]
pub struct Backoff {
    failures: u32,
}

impl Backoff {
    /// The next wait; `dice` is uniform over all numbers. Never below what the server asked for.
    pub fn next(&mut self, at_least: Duration, dice: u64) -> Duration {
        let ceiling = FIRST
            .saturating_mul(1_u32.checked_shl(self.failures).unwrap_or(u32::MAX))
            .min(LONGEST);
        self.failures = self.failures.saturating_add(1).min(16);
        let span = u64::try_from(ceiling.as_millis()).unwrap_or(u64::MAX);
        // Jitter goes on top of the server's wish: all agents get the same wish.
        at_least.min(MAX_WISH) + Duration::from_millis(dice % (span + 1))
    }

    /// A connection held: the next failure starts again at the shortest wait.
    pub fn reset(&mut self) {
        self.failures = 0;
    }
}

/// A server may ask for an hour at most.
const MAX_WISH: Duration = Duration::from_secs(3600);

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn grows_to_a_minute_and_resets() {
        let mut backoff = Backoff::default();
        let ceilings: Vec<u128> = (0..10)
            .map(|_| {
                let mut at_most = backoff;
                let mut longest = 0;
                for dice in [500, 1_000, 2_000, 4_000, 8_000, 16_000, 32_000, 60_000] {
                    longest = longest.max(at_most.clone().next(Duration::ZERO, dice).as_millis());
                }
                at_most.next(Duration::ZERO, 0);
                backoff = at_most;
                longest
            })
            .collect();
        assert_eq!(ceilings.first(), Some(&500));
        assert_eq!(ceilings.last(), Some(&60_000));
        assert!(ceilings.is_sorted());
        backoff.reset();
        assert!(backoff.next(Duration::ZERO, u64::MAX) <= FIRST);
    }

    proptest! {
        #[test]
        fn stays_between_the_wish_and_a_minute_more(rounds in 0_u32..200, dice: u64, wish in 0_u64..10_000_000) {
            let mut backoff = Backoff::default();
            for _ in 0..rounds { backoff.next(Duration::ZERO, dice); }
            let wish = Duration::from_millis(wish);
            let wait = backoff.next(wish, dice);
            prop_assert!(wait >= wish.min(MAX_WISH) && wait <= wish.min(MAX_WISH) + LONGEST);
        }
    }
}
