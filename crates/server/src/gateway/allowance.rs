//! How much a peer may ask of the server without giving anything: a bucket that refills slowly.
//!
//! An honest agent stays far below it. A peer that floods with messages that are well-formed but useless empties it and is closed.

use std::time::Instant;

/// What a quiet peer has saved up.
const FULL: f64 = 2000.0;
/// What comes back each second.
const REFILL: f64 = 20.0;

/// The bucket of one connection.
pub(super) struct Allowance {
    left: f64,
    counted: Instant,
}

impl Allowance {
    pub fn new(now: Instant) -> Self {
        Self {
            left: FULL,
            counted: now,
        }
    }

    /// Takes out the cost of a message; false when there is not enough left.
    pub fn spend(&mut self, cost: u32, now: Instant) -> bool {
        let passed = now.saturating_duration_since(self.counted).as_secs_f64();
        self.counted = now;
        self.left = (self.left + passed * REFILL).min(FULL) - f64::from(cost);
        self.left >= 0.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn a_flood_is_stopped_and_a_steady_trickle_is_not() {
        let start = Instant::now();
        let mut flood = Allowance::new(start);
        assert_eq!((0..10_000).filter(|_| flood.spend(1, start)).count(), 2000);
        let mut steady = Allowance::new(start);
        for second in 0..100_000 {
            assert!(steady.spend(15, start + Duration::from_secs(second)));
        }
    }
}
