//! How often a stranger may show an enrolment token that lets nobody in.
//!
//! A wrong one is charged to its address and to all strangers together. Who has used up the first is not looked at for a while; the
//! second only slows addresses that were wrong before, so that guesses from everywhere keep no honest machine out.

use crate::bucket::{Buckets, Limited, Neighbourhood};
use crate::model::clock::Moment;
use std::net::IpAddr;
use std::time::Duration;

#[derive(Clone, PartialEq, Eq, Hash)]
enum Key {
    Address(Neighbourhood),
    All,
}

impl Limited for Key {
    fn size(&self) -> (f64, Duration) {
        match self {
            Self::Address(_) => (10.0, Duration::from_secs(30)),
            Self::All => (200.0, Duration::from_secs(1)),
        }
    }
}

/// The buckets.
#[derive(Default)]
pub(super) struct Guesses(Buckets<Key>);

impl Guesses {
    /// Whether somebody from here is looked at, or how long they have to wait.
    pub fn admit(&self, address: IpAddr, now: Moment) -> Result<(), Duration> {
        let own = Key::Address(Neighbourhood::of(address));
        if !self.0.is_used(&own, now) {
            return Ok(());
        }
        self.0.look(&[own, Key::All], now)
    }

    /// They showed a token that lets nobody in.
    pub fn wrong(&self, address: IpAddr, now: Moment) {
        for key in [Key::Address(Neighbourhood::of(address)), Key::All] {
            // An empty bucket is as empty as can be.
            if self.0.take(&[key], now).is_err() {
                tracing::debug!(%address, "one more wrong enrolment token");
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn guesses_from_one_address_end_and_from_everywhere_keep_no_honest_one_out() {
        let guesses = Guesses::default();
        let start = Moment::default();
        let guess = |n: u32| {
            let address = IpAddr::from((0x0a00_0000 + n).to_be_bytes());
            let admitted = guesses.admit(address, start).is_ok();
            if admitted {
                guesses.wrong(address, start);
            }
            admitted
        };
        assert_eq!((0..50).filter(|_| guess(0)).count(), 10);
        // Each of many addresses is looked at once, then all of them together have had enough.
        assert_eq!((1..=1000).filter(|n| guess(*n)).count(), 1000);
        assert_eq!((1..=1000).filter(|n| guess(*n)).count(), 0);
        let honest = IpAddr::from([192, 0, 2, 1]);
        assert!(guesses.admit(honest, start).is_ok());
        let wait = guesses.admit([10, 0, 0, 0].into(), start).unwrap_err();
        assert!(wait <= Duration::from_secs(30));
    }
}
