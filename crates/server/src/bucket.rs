//! Leaky buckets for whatever strangers may try: so many at once, then one more each so often.
//!
//! Memory is bounded: full buckets are forgotten first, for they are as good as new ones.

use crate::model::clock::Moment;
use std::collections::HashMap;
use std::hash::Hash;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// Buckets remembered in one table.
const REMEMBERED: usize = 20_000;

/// What a bucket is for.
pub(crate) trait Limited: Clone + Eq + Hash {
    /// Tries at once, and the time for one more.
    fn size(&self) -> (f64, Duration);
}

/// An address as limits count it: an IPv4 address, or the first half of an IPv6 address, for one customer commonly has a whole /64.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Neighbourhood(IpAddr);

impl Neighbourhood {
    pub fn of(address: IpAddr) -> Self {
        Self(match address.to_canonical() {
            IpAddr::V6(v6) => IpAddr::V6(std::net::Ipv6Addr::from_bits(
                v6.to_bits() & !u128::from(u64::MAX),
            )),
            v4 => v4,
        })
    }
}

struct Bucket {
    left: f64,
    at: Moment,
}

impl Bucket {
    fn refill(&mut self, (size, each): (f64, Duration), now: Moment) {
        let gained = now.since(self.at).as_secs_f64() / each.as_secs_f64();
        self.left = (self.left + gained).min(size);
        self.at = now;
    }
}

/// A table of buckets.
pub(crate) struct Buckets<K>(Mutex<HashMap<K, Bucket>>);

impl<K> Default for Buckets<K> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<K: Limited> Buckets<K> {
    /// Takes one try from each of these buckets, or from none and says how long to wait.
    pub fn take(&self, keys: &[K], now: Moment) -> Result<(), Duration> {
        let mut buckets = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        wait(&mut buckets, keys, now)?;
        for key in keys {
            if let Some(bucket) = buckets.get_mut(key) {
                bucket.left -= 1.0;
            }
        }
        Ok(())
    }

    /// Whether [`Self::take`] would give a try now.
    pub fn look(&self, keys: &[K], now: Moment) -> Result<(), Duration> {
        let mut buckets = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        wait(&mut buckets, keys, now)
    }

    /// Undoes [`Self::take`]: these tries do not count.
    pub fn give_back(&self, keys: &[K]) {
        let mut buckets = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for key in keys {
            if let Some(bucket) = buckets.get_mut(key) {
                bucket.left = (bucket.left + 1.0).min(key.size().0);
            }
        }
    }

    /// Whether something is missing from this bucket.
    pub fn is_used(&self, key: &K, now: Moment) -> bool {
        let mut buckets = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        buckets.get_mut(key).is_some_and(|bucket| {
            bucket.refill(key.size(), now);
            bucket.left < key.size().0
        })
    }
}

/// How long until each of these buckets holds a try.
fn wait<K: Limited>(
    buckets: &mut HashMap<K, Bucket>,
    keys: &[K],
    now: Moment,
) -> Result<(), Duration> {
    if buckets.len() >= REMEMBERED {
        buckets.retain(|key, bucket| {
            bucket.refill(key.size(), now);
            bucket.left < key.size().0
        });
    }
    if buckets.len() >= REMEMBERED + keys.len() {
        // Someone fills the table with names and addresses; until it empties, nobody new gets a try.
        return Err(Duration::from_secs(3));
    }
    let mut wait = Duration::ZERO;
    for key in keys {
        let (size, each) = key.size();
        let bucket = buckets.entry(key.clone()).or_insert(Bucket {
            left: size,
            at: now,
        });
        bucket.refill((size, each), now);
        if bucket.left < 1.0 {
            wait = wait.max(each.mul_f64(1.0 - bucket.left));
        }
    }
    if wait > Duration::ZERO {
        return Err(wait);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Clone, PartialEq, Eq, Hash)]
    struct Two(u64);

    impl Limited for Two {
        fn size(&self) -> (f64, Duration) {
            (2.0, Duration::from_secs(10))
        }
    }

    #[test]
    fn a_bucket_gives_what_it_holds_and_fills_again() {
        let buckets = Buckets::default();
        let start = Moment::default();
        assert!(!buckets.is_used(&Two(0), start));
        assert!(buckets.take(&[Two(0)], start).is_ok());
        assert!(buckets.take(&[Two(0), Two(1)], start).is_ok());
        assert_eq!(
            buckets.take(&[Two(0), Two(1)], start),
            Err(Duration::from_secs(10))
        );
        assert!(
            buckets.take(&[Two(1)], start).is_ok(),
            "nothing was taken from the other"
        );
        buckets.give_back(&[Two(0)]);
        assert!(buckets.take(&[Two(0)], start).is_ok());
        let later = start.after(Duration::from_secs(20));
        assert!(!buckets.is_used(&Two(0), later));
    }

    #[test]
    fn memory_is_bounded_and_full_buckets_make_way() {
        let buckets = Buckets::default();
        let start = Moment::default();
        let admitted = (0..2 * REMEMBERED as u64)
            .filter(|n| buckets.take(&[Two(*n)], start).is_ok())
            .count();
        assert_eq!(admitted, REMEMBERED + 1);
        let later = start.after(Duration::from_secs(10));
        assert!(buckets.take(&[Two(u64::MAX)], later).is_ok());
    }

    #[test]
    fn a_64_counts_as_one_and_a_mapped_address_as_itself() {
        let of = |text: &str| Neighbourhood::of(text.parse().expect("an address"));
        assert_eq!(of("2001:db8::1"), of("2001:db8::ffff:2"));
        assert_ne!(of("2001:db8::1"), of("2001:db8:0:1::1"));
        assert_eq!(of("::ffff:192.0.2.1"), of("192.0.2.1"));
        assert_ne!(of("192.0.2.1"), of("192.0.2.2"));
    }
}
