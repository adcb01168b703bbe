//! Peers that have not yet shown who they are: how many there may be, and who goes when there are too many.
//!
//! Nobody is kept waiting for a place: a newcomer always gets one, and the one that has had its place for longest goes, of the address
//! that holds most of them. So a host that opens connections and says nothing takes places from itself, and an honest agent, whose
//! introduction takes a moment, is not the oldest. What happens to strangers is counted and told every few seconds in one line, whatever
//! their number. Pure but for the token that ends a stranger's task.

use std::collections::{BTreeMap, HashMap};
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio_util::sync::CancellationToken;

/// The strangers of a gateway.
#[derive(Clone)]
pub(super) struct Strangers(Arc<Inner>);

struct Inner {
    most: usize,
    held: Mutex<Held>,
}

#[derive(Default)]
struct Held {
    next: u64,
    all: BTreeMap<u64, (Origin, CancellationToken)>,
    by_origin: HashMap<Origin, usize>,
}

/// Where a stranger comes from; of IPv6 the /64, which is commonly one customer's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Origin(u128);

impl Origin {
    fn of(address: IpAddr) -> Self {
        match address.to_canonical() {
            IpAddr::V4(v4) => Self(u128::from(v4.to_bits())),
            IpAddr::V6(v6) => Self(v6.to_bits() >> 64 << 64),
        }
    }
}

/// A stranger's place, given back when dropped.
pub(super) struct Place {
    strangers: Strangers,
    number: u64,
    evicted: CancellationToken,
}

impl Strangers {
    pub fn new(most: usize) -> Self {
        Self(Arc::new(Inner {
            most: most.max(1),
            held: Mutex::default(),
        }))
    }

    fn held(&self) -> MutexGuard<'_, Held> {
        self.0.held.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes a newcomer in; true beside it when somebody else had to go for it.
    pub fn enter(&self, address: IpAddr) -> (Place, bool) {
        let mut held = self.held();
        let full = held.all.len() >= self.0.most;
        if full {
            held.evict();
        }
        let origin = Origin::of(address);
        let evicted = CancellationToken::new();
        let number = held.next;
        held.next += 1;
        held.all.insert(number, (origin, evicted.clone()));
        *held.by_origin.entry(origin).or_default() += 1;
        let place = Place {
            strangers: self.clone(),
            number,
            evicted,
        };
        (place, full)
    }
}

impl Held {
    /// The oldest of the origin with most goes.
    fn evict(&mut self) {
        let Some(most) = self.by_origin.values().max().copied() else {
            return;
        };
        let oldest = self
            .all
            .iter()
            .find(|(_, (origin, _))| self.by_origin.get(origin) == Some(&most))
            .map(|(number, _)| *number);
        if let Some(number) = oldest
            && let Some(token) = self.remove(number)
        {
            token.cancel();
        }
    }

    fn remove(&mut self, number: u64) -> Option<CancellationToken> {
        let (origin, token) = self.all.remove(&number)?;
        if let Some(count) = self.by_origin.get_mut(&origin) {
            *count -= 1;
            if *count == 0 {
                self.by_origin.remove(&origin);
            }
        }
        Some(token)
    }
}

impl Place {
    /// Ends when somebody else needs the place.
    pub async fn evicted(&self) {
        self.evicted.cancelled().await;
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.strangers.held().remove(self.number);
    }
}

/// Counts by kind of what befell strangers, with one address each as an example.
#[derive(Default)]
pub(super) struct Tally(Mutex<BTreeMap<&'static str, (u64, Option<IpAddr>)>>);

impl Tally {
    /// One more; true for the first of its kind since the last [`Self::take`], which may be told in full.
    pub fn add(&self, kind: &'static str, address: IpAddr) -> bool {
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let count = counts.entry(kind).or_insert((0, Some(address)));
        count.0 += 1;
        count.0 == 1
    }

    /// What was counted since the last time, and told only once.
    pub fn take(&self) -> Vec<(&'static str, u64, Option<IpAddr>)> {
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        std::mem::take(&mut *counts)
            .into_iter()
            .filter(|(_, (count, _))| *count > 1)
            .map(|(kind, (count, example))| (kind, count, example))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOST: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 1));
    const OTHER: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 2));

    #[test]
    fn who_holds_many_places_takes_them_from_itself() {
        let strangers = Strangers::new(4);
        let (early, _) = strangers.enter(OTHER);
        let crowd: Vec<Place> = (0..10).map(|_| strangers.enter(HOST).0).collect();
        assert!(!early.evicted.is_cancelled());
        let gone: Vec<bool> = crowd.iter().map(|p| p.evicted.is_cancelled()).collect();
        assert_eq!(gone, [[true; 7].as_slice(), &[false; 3]].concat());
        let (late, full) = strangers.enter(OTHER);
        assert!(full && !late.evicted.is_cancelled() && !early.evicted.is_cancelled());
        drop((early, late, crowd));
        assert!(strangers.held().all.is_empty() && strangers.held().by_origin.is_empty());
    }

    #[test]
    fn one_customer_is_one_origin() {
        let of = |text: &str| Origin::of(text.parse().expect("an address"));
        assert_eq!(of("2001:db8::1"), of("2001:db8::ffff:1"));
        assert_ne!(of("2001:db8::1"), of("2001:db8:0:1::1"));
        assert_eq!(of("::ffff:192.0.2.1"), Origin::of(HOST));
    }

    #[test]
    fn a_thousand_of_a_kind_are_one_line() {
        let tally = Tally::default();
        assert!(tally.add("slow", HOST));
        assert!((0..1000).all(|_| !tally.add("slow", OTHER)));
        tally.add("handshake", OTHER);
        assert_eq!(tally.take(), [("slow", 1001, Some(HOST))]);
        assert!(tally.take().is_empty());
    }
}
