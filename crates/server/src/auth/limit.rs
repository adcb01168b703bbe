//! How often a sign-in may be tried: leaky buckets by address, by name, and by both together.
//!
//! The pair is what stops guessing; the name's own, larger bucket bounds guessing from many addresses, and is large
//! enough that a stranger's guesses do not soon lock a person out; the address's bucket bounds trying many names.
//! A bucket is taken from before the password is looked at, and given back when it was right. IPv6 counts by /64.

use crate::model::clock::Moment;
use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// Buckets remembered; full ones are forgotten first.
const REMEMBERED: usize = 20_000;

#[derive(Clone, PartialEq, Eq, Hash)]
enum Key {
    Pair(String, u64, u64),
    Name(String),
    Address(u64, u64),
}

impl Key {
    /// Tries at once, and the time for one more.
    fn size(&self) -> (f64, Duration) {
        match self {
            Self::Pair(..) => (5.0, Duration::from_secs(15)),
            Self::Name(_) => (50.0, Duration::from_secs(6)),
            Self::Address(..) => (20.0, Duration::from_secs(3)),
        }
    }
}

struct Bucket {
    left: f64,
    at: Moment,
}

impl Bucket {
    fn refill(&mut self, key: &Key, now: Moment) {
        let (size, each) = key.size();
        let gained = now.since(self.at).as_secs_f64() / each.as_secs_f64();
        self.left = (self.left + gained).min(size);
        self.at = now;
    }
}

/// The buckets.
#[derive(Default)]
pub struct LoginLimit {
    buckets: Mutex<HashMap<Key, Bucket>>,
}

/// An admitted try; [`LoginLimit::give_back`] it when the password was right.
pub struct Try([Key; 3]);

impl LoginLimit {
    /// Takes one try, or says how long to wait.
    pub fn take(&self, name: &str, address: IpAddr, now: Moment) -> Result<Try, Duration> {
        let keys = keys(name, address);
        let mut buckets = self.buckets.lock().unwrap_or_else(PoisonError::into_inner);
        if buckets.len() >= REMEMBERED {
            buckets.retain(|key, bucket| {
                bucket.refill(key, now);
                bucket.left < key.size().0
            });
        }
        if buckets.len() >= REMEMBERED + 3 {
            // Someone fills the table with names and addresses; until it empties, nobody new signs in.
            return Err(Duration::from_secs(3));
        }
        let mut wait = Duration::ZERO;
        for key in &keys {
            let (size, each) = key.size();
            let bucket = buckets.entry(key.clone()).or_insert(Bucket {
                left: size,
                at: now,
            });
            bucket.refill(key, now);
            if bucket.left < 1.0 {
                wait = wait.max(each.mul_f64(1.0 - bucket.left));
            }
        }
        if wait > Duration::ZERO {
            return Err(wait);
        }
        for key in &keys {
            if let Some(bucket) = buckets.get_mut(key) {
                bucket.left -= 1.0;
            }
        }
        Ok(Try(keys))
    }

    /// The password was right: the try does not count.
    pub fn give_back(&self, tried: &Try) {
        let mut buckets = self.buckets.lock().unwrap_or_else(PoisonError::into_inner);
        for key in &tried.0 {
            if let Some(bucket) = buckets.get_mut(key) {
                bucket.left = (bucket.left + 1.0).min(key.size().0);
            }
        }
    }
}

fn keys(name: &str, address: IpAddr) -> [Key; 3] {
    let name: String = name.to_lowercase().chars().take(128).collect();
    let (high, low) = match address.to_canonical() {
        IpAddr::V4(v4) => (0, u64::from(v4.to_bits())),
        // One customer commonly has a whole /64, so it counts as one.
        IpAddr::V6(v6) => (u64::try_from(v6.to_bits() >> 64).unwrap_or(u64::MAX), 0),
    };
    [
        Key::Pair(name.clone(), high, low),
        Key::Name(name),
        Key::Address(high, low),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOME: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 1));

    #[test]
    fn guessing_one_name_from_one_address_stops_after_five_and_recovers() {
        let limit = LoginLimit::default();
        let start = Moment::default();
        for _ in 0..5 {
            assert!(limit.take("ada", HOME, start).is_ok());
        }
        let wait = limit.take("ADA", HOME, start).err().expect("stopped");
        assert!(wait <= Duration::from_secs(15));
        // From elsewhere the same person may still sign in.
        assert!(
            limit
                .take("ada", IpAddr::from([192, 0, 2, 2]), start)
                .is_ok()
        );
        assert!(limit.take("ada", HOME, start.after(wait)).is_ok());
    }

    #[test]
    fn trying_many_names_from_one_address_stops() {
        let limit = LoginLimit::default();
        let start = Moment::default();
        let admitted = (0..100)
            .filter(|n| limit.take(&format!("user{n}"), HOME, start).is_ok())
            .count();
        assert_eq!(admitted, 20);
    }

    #[test]
    fn guessing_one_name_from_many_addresses_stops() {
        let limit = LoginLimit::default();
        let start = Moment::default();
        let admitted = (0..200_u8)
            .filter(|n| {
                limit
                    .take("ada", IpAddr::from([198, 51, 100, *n]), start)
                    .is_ok()
            })
            .count();
        assert_eq!(admitted, 50);
    }

    #[test]
    fn a_right_password_does_not_count_and_a_64_counts_as_one() {
        let limit = LoginLimit::default();
        let start = Moment::default();
        for n in 0..100_u16 {
            let address = IpAddr::from([0x2001, 0xdb8, 0, 0, n, 0, 0, 1]);
            let tried = limit.take("ada", address, start).expect("admitted");
            limit.give_back(&tried);
        }
        let admitted = (0..100_u16)
            .filter(|n| {
                let address = IpAddr::from([0x2001, 0xdb8, 0, 0, *n, 0, 0, 1]);
                limit.take("ada", address, start).is_ok()
            })
            .count();
        assert_eq!(admitted, 5);
    }
}
