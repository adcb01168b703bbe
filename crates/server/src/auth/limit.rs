//! How often a sign-in may be tried: buckets by address, by name, and by both together.
//!
//! The pair is what stops guessing; the name's own, larger bucket bounds guessing from many addresses; the address's bucket bounds trying
//! many names. A try is taken before the password is looked at, and given back when it was right. A known device, one that this person
//! signed in with before, has a bucket of its own and needs no other: whoever guesses, from however many addresses, slows themselves
//! and not the owner.

use crate::bucket::{Buckets, Limited, Neighbourhood};
use crate::model::account::Digest;
use crate::model::clock::Moment;
use std::net::IpAddr;
use std::time::Duration;

#[derive(Clone, PartialEq, Eq, Hash)]
enum Key {
    Pair(String, Neighbourhood),
    Name(String),
    Address(Neighbourhood),
    Device(Digest),
}

impl Limited for Key {
    fn size(&self) -> (f64, Duration) {
        match self {
            Self::Pair(..) | Self::Device(_) => (5.0, Duration::from_secs(15)),
            Self::Name(_) => (50.0, Duration::from_secs(6)),
            Self::Address(_) => (20.0, Duration::from_secs(3)),
        }
    }
}

/// The buckets.
#[derive(Default)]
pub struct LoginLimit(Buckets<Key>);

/// An admitted try; [`LoginLimit::give_back`] it when the password was right.
pub struct Try(Vec<Key>);

impl LoginLimit {
    /// Takes one try, or says how long to wait. `device` is one known to belong to this name.
    ///
    /// # Errors
    /// The time to wait.
    pub fn take(
        &self,
        name: &str,
        address: IpAddr,
        device: Option<Digest>,
        now: Moment,
    ) -> Result<Try, Duration> {
        let keys = match device {
            Some(device) => vec![Key::Device(device)],
            None => {
                let name: String = name.to_lowercase().chars().take(128).collect();
                let address = Neighbourhood::of(address);
                vec![
                    Key::Pair(name.clone(), address),
                    Key::Name(name),
                    Key::Address(address),
                ]
            }
        };
        self.0.take(&keys, now)?;
        Ok(Try(keys))
    }

    /// The password was right: the try does not count.
    pub fn give_back(&self, tried: &Try) {
        self.0.give_back(&tried.0);
    }
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
            assert!(limit.take("ada", HOME, None, start).is_ok());
        }
        let wait = limit.take("ADA", HOME, None, start).err().expect("stopped");
        assert!(wait <= Duration::from_secs(15));
        // From elsewhere the same person may still sign in.
        let elsewhere = IpAddr::from([192, 0, 2, 2]);
        assert!(limit.take("ada", elsewhere, None, start).is_ok());
        assert!(limit.take("ada", HOME, None, start.after(wait)).is_ok());
    }

    #[test]
    fn trying_many_names_from_one_address_stops() {
        let limit = LoginLimit::default();
        let start = Moment::default();
        let admitted = (0..100)
            .filter(|n| limit.take(&format!("user{n}"), HOME, None, start).is_ok())
            .count();
        assert_eq!(admitted, 20);
    }

    #[test]
    fn guessing_from_many_addresses_stops_and_a_known_device_still_gets_in() {
        let limit = LoginLimit::default();
        let start = Moment::default();
        let guess = |n: u8| {
            limit
                .take("ada", IpAddr::from([198, 51, 100, n]), None, start)
                .is_ok()
        };
        assert_eq!((0..200).filter(|n| guess(*n)).count(), 50);
        assert!(limit.take("ada", HOME, None, start).is_err());
        for _ in 0..5 {
            assert!(limit.take("ada", HOME, Some([1; 32]), start).is_ok());
        }
        assert!(
            limit.take("ada", HOME, Some([1; 32]), start).is_err(),
            "a stolen device may guess no more than anybody"
        );
        assert!(limit.take("ada", HOME, Some([2; 32]), start).is_ok());
    }

    #[test]
    fn a_right_password_does_not_count_and_a_64_counts_as_one() {
        let limit = LoginLimit::default();
        let start = Moment::default();
        let address = |n: u16| IpAddr::from([0x2001, 0xdb8, 0, 0, n, 0, 0, 1]);
        for n in 0..100 {
            let tried = limit.take("ada", address(n), None, start);
            limit.give_back(&tried.expect("admitted"));
        }
        let admitted = (0..100)
            .filter(|n| limit.take("ada", address(*n), None, start).is_ok())
            .count();
        assert_eq!(admitted, 5);
    }
}
