//! Peers that have not yet shown what they want: how many there may be, and who goes when there are too many.
//!
//! Nobody is kept waiting for a place: a newcomer gets one, and of those that are silent the one that has been so for longest goes, of
//! the address that holds most places. So a host that opens connections and says nothing takes places from itself, and an honest peer,
//! whose first word takes a moment, is not the oldest. On the agents' port a peer is silent until it has introduced itself and then needs
//! no place; on the API's it is silent between requests ([`Place::busy`]). What happens to strangers is counted and told every few
//! seconds in one line, whatever their number ([`Tally`]). Pure but for the token that ends a stranger's task.

use std::collections::{BTreeMap, HashMap};
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// What befalls strangers is told this often, in one line for each kind.
const TELL: Duration = Duration::from_secs(10);

/// The strangers of a port.
#[derive(Clone)]
pub(crate) struct Strangers(Arc<Inner>);

struct Inner {
    most: usize,
    share: usize,
    held: Mutex<Held>,
}

#[derive(Default)]
struct Held {
    next: u64,
    places: HashMap<u64, Taken>,
    /// Places that are silent, the one that has been so for longest first.
    silent: BTreeMap<u64, u64>,
    by_origin: HashMap<Origin, usize>,
}

struct Taken {
    origin: Origin,
    evicted: CancellationToken,
    /// Things it is doing; none when it is silent.
    uses: usize,
    /// Its key among the silent.
    since: u64,
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

/// A stranger's place, given back when it and everything it does ([`Busy`]) are dropped.
pub(crate) struct Place(Arc<Seat>);

struct Seat {
    strangers: Strangers,
    number: u64,
    evicted: CancellationToken,
}

/// A place that does something, until this is dropped: it does not give way.
pub(crate) struct Busy(Arc<Seat>);

impl Strangers {
    /// At most so many.
    pub fn new(most: usize) -> Self {
        Self::shared(most, most)
    }

    /// At most so many, and of these so many of one origin.
    pub fn shared(most: usize, share: usize) -> Self {
        Self(Arc::new(Inner {
            most: most.max(1),
            share: share.max(1),
            held: Mutex::default(),
        }))
    }

    fn held(&self) -> MutexGuard<'_, Held> {
        self.0.held.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes a newcomer in; true beside it when somebody else had to go for it. `None` when all that could go are busy. Only an
    /// origin that is `bounded` keeps to its share.
    pub fn enter(&self, address: IpAddr, bounded: bool) -> Option<(Place, bool)> {
        let origin = Origin::of(address);
        let mut held = self.held();
        let own = held.by_origin.get(&origin).copied().unwrap_or(0);
        let over = bounded && own >= self.0.share;
        let gives_way = over || held.places.len() >= self.0.most;
        if gives_way && !held.evict(over.then_some(origin)) {
            return None;
        }
        let evicted = CancellationToken::new();
        let number = held.next;
        held.next += 1;
        let taken = Taken {
            origin,
            evicted: evicted.clone(),
            uses: 0,
            since: number,
        };
        held.places.insert(number, taken);
        held.silent.insert(number, number);
        *held.by_origin.entry(origin).or_default() += 1;
        let seat = Seat {
            strangers: self.clone(),
            number,
            evicted,
        };
        Some((Place(Arc::new(seat)), gives_way))
    }
}

impl Held {
    /// The one that has been silent for longest goes, of this origin, or of the one with most places of those that have a silent one.
    /// False when there is none.
    fn evict(&mut self, of: Option<Origin>) -> bool {
        let silent = || {
            let places = self.silent.values();
            places.filter_map(|number| Some((*number, self.places.get(number)?.origin)))
        };
        let count = |origin| self.by_origin.get(&origin).copied().unwrap_or(0);
        let oldest = match of {
            Some(own) => silent().find(|(_, origin)| *origin == own),
            None => {
                let most = silent().map(|(_, origin)| count(origin)).max();
                silent().find(|(_, origin)| Some(count(*origin)) == most)
            }
        };
        let Some(taken) = oldest.and_then(|(number, _)| self.remove(number)) else {
            return false;
        };
        taken.evicted.cancel();
        true
    }

    fn remove(&mut self, number: u64) -> Option<Taken> {
        let taken = self.places.remove(&number)?;
        if taken.uses == 0 {
            self.silent.remove(&taken.since);
        }
        if let Some(count) = self.by_origin.get_mut(&taken.origin) {
            *count -= 1;
            if *count == 0 {
                self.by_origin.remove(&taken.origin);
            }
        }
        Some(taken)
    }

    fn use_begins(&mut self, number: u64) {
        if let Some(taken) = self.places.get_mut(&number) {
            taken.uses += 1;
            self.silent.remove(&taken.since);
        }
    }

    fn use_ends(&mut self, number: u64) {
        if let Some(taken) = self.places.get_mut(&number) {
            taken.uses = taken.uses.saturating_sub(1);
            if taken.uses == 0 {
                taken.since = self.next;
                self.silent.insert(self.next, number);
                self.next += 1;
            }
        }
    }
}

impl Place {
    /// Ends when somebody else needs the place.
    pub async fn evicted(&self) {
        self.0.evicted.cancelled().await;
    }

    /// Something that the peer asked for is being done.
    pub fn busy(&self) -> Busy {
        self.0.strangers.held().use_begins(self.0.number);
        Busy(Arc::clone(&self.0))
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        self.0.strangers.held().use_ends(self.0.number);
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.strangers.held().remove(self.number);
    }
}

/// Counts by kind of what befell strangers, with one address each as an example.
#[derive(Default)]
pub(crate) struct Tally(Mutex<BTreeMap<&'static str, (u64, Option<IpAddr>)>>);

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

    /// Tells of it every few seconds until told to stop.
    pub async fn tell(&self, port: &'static str, stop: &CancellationToken) {
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
                () = tokio::time::sleep(TELL) => {}
            }
            for (kind, count, example) in self.take() {
                tracing::info!(
                    port,
                    kind,
                    count,
                    example = example.map(tracing::field::display),
                    "connections were not admitted, or had to go"
                );
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn enter(strangers: &Strangers, address: IpAddr) -> Option<Place> {
        strangers.enter(address, true).map(|(place, _)| place)
    }

    impl Place {
        fn is_gone(&self) -> bool {
            self.0.evicted.is_cancelled()
        }
    }

    impl Strangers {
        fn is_empty(&self) -> bool {
            let held = self.held();
            held.places.is_empty() && held.silent.is_empty() && held.by_origin.is_empty()
        }
    }

    const HOST: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 1));
    const OTHER: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 2));

    #[test]
    fn who_holds_many_places_takes_them_from_itself() {
        let strangers = Strangers::new(4);
        let early = enter(&strangers, OTHER).unwrap();
        let crowd: Vec<Place> = (0..10).filter_map(|_| enter(&strangers, HOST)).collect();
        assert!(!early.is_gone());
        let gone: Vec<bool> = crowd.iter().map(Place::is_gone).collect();
        assert_eq!(gone, [[true; 7].as_slice(), &[false; 3]].concat());
        let (late, full) = strangers.enter(OTHER, true).unwrap();
        assert!(full && !late.is_gone() && !early.is_gone());
        drop((early, late, crowd));
        assert!(strangers.is_empty());
    }

    #[test]
    fn who_is_busy_stays_and_is_the_youngest_afterwards() {
        let strangers = Strangers::new(2);
        let (one, two) = (enter(&strangers, HOST), enter(&strangers, HOST));
        let (one, two) = (one.unwrap(), two.unwrap());
        let (request, body) = (one.busy(), one.busy());
        let three = enter(&strangers, OTHER).unwrap();
        assert!(two.is_gone() && !one.is_gone());
        let working = three.busy();
        drop(request);
        assert!(enter(&strangers, OTHER).is_none(), "all are busy");
        drop((body, working));
        let four = enter(&strangers, OTHER).unwrap();
        assert!(three.is_gone() || one.is_gone());
        // What is done outlives the connection's task.
        let body = four.busy();
        drop((one, two, three, four));
        assert!(!strangers.is_empty());
        drop(body);
        assert!(strangers.is_empty());
    }

    #[test]
    fn one_origin_keeps_to_its_share_unless_it_may_have_more() {
        let strangers = Strangers::shared(10, 2);
        let of = |text: &str| enter(&strangers, text.parse().unwrap()).unwrap();
        let crowd = ["2001:db8::1", "2001:db8::2", "2001:db8::3"].map(of);
        assert_eq!(crowd.each_ref().map(Place::is_gone), [true, false, false]);
        let busy = [crowd[1].busy(), crowd[2].busy()];
        assert!(enter(&strangers, "2001:db8::4".parse().unwrap()).is_none());
        of("2001:db8:0:1::1");
        let free: Vec<_> = (0..8)
            .filter_map(|_| strangers.enter(HOST, false))
            .collect();
        assert!(free.iter().all(|(place, full)| !full && !place.is_gone()));
        drop((crowd, busy, free));
        assert!(strangers.is_empty());
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
