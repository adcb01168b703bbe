//! One connection as the rest of the server sees it: who it is, when it was heard, and what is to be sent to it.
//!
//! The outbox is bounded: [`FRAMES`] whole frames and [`RECEIPTS`] receipts. Orders do not go through it at all; each
//! connection reads them from the shared log at its own pace, so a broadcast costs a connection one wake-up and no memory.

use super::{AgentVitals, Presence};
use crate::model::endpoint::Certified;
use crate::model::ids::EndpointId;
use jiff::Timestamp;
use protocol::lane::Lane;
use protocol::message::{Goodbye, Vitals};
use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::{Notify, watch};
use tokio_util::sync::CancellationToken;

/// Whole frames that may wait for a peer that reads slowly.
pub const FRAMES: usize = 64;
/// Receipts that may wait.
pub const RECEIPTS: usize = 4096;

/// An agent cannot ask for more orders at once than this.
const MOST_CREDIT: usize = 1024;

/// Something to send to one endpoint.
#[derive(Clone, Debug)]
pub enum Outgoing {
    /// An encoded frame, perhaps shared with other connections.
    Frame(Arc<[u8]>),
    /// An answer is stored.
    Stored {
        /// Order.
        order: u64,
        /// Attempt.
        attempt: u64,
    },
}

#[derive(Default)]
struct Outbox {
    items: VecDeque<Outgoing>,
    frames: usize,
    ping: Option<u64>,
    pong: Option<u64>,
    goodbye: Option<Goodbye>,
}

/// What was sent on this connection and is not yet known to be held.
#[derive(Default)]
pub(crate) struct Told {
    /// Version of the trust.
    pub trust: u64,
    /// The last certificate.
    pub certificate: Option<Certified>,
}

/// What the writer takes out of the outbox in one go.
#[derive(Default)]
pub(crate) struct Taken {
    pub items: Vec<Outgoing>,
    pub ping: Option<u64>,
    pub pong: Option<u64>,
    /// After this nothing more is sent.
    pub goodbye: Option<Goodbye>,
}

/// A connection of an enrolled endpoint.
pub struct Link {
    /// Ordinal of the endpoint.
    pub ordinal: u32,
    /// Its identity.
    pub id: EndpointId,
    /// Random number of its process, as it says.
    pub(crate) instance: Box<[u8]>,
    /// Public key it showed (SubjectPublicKeyInfo, DER).
    pub(crate) key: Box<[u8]>,
    address: SocketAddr,
    since: jiff::Timestamp,
    started: Instant,
    heard_ms: AtomicU64,
    vitals: Mutex<Option<AgentVitals>>,
    told: Mutex<Told>,
    /// Highest challenge that the peer answered.
    answered: watch::Sender<u64>,
    challenges: AtomicU64,
    ended: CancellationToken,
    outbox: Mutex<Outbox>,
    wake: Notify,
    /// Orders of one lane that may be with the agent at once; `None` leaves it to [`Lane::credit`].
    credit: Option<usize>,
    sent: Mutex<Vec<Sent>>,
    /// An order waits for credit.
    waiting: AtomicBool,
    ordered: Notify,
}

/// An order that was sent on this connection.
struct Sent {
    number: u64,
    lane: Lane,
    at: Instant,
    /// The agent said that it arrived, or already answers it.
    accepted: bool,
    /// It was said that it did not arrive.
    missed: bool,
    is_over: Box<dyn Fn(u32) -> bool + Send + Sync>,
}

impl Link {
    pub(crate) fn new(
        ordinal: u32,
        id: EndpointId,
        instance: &[u8],
        key: &[u8],
        address: SocketAddr,
        credit: u32,
        since: Timestamp,
    ) -> Arc<Self> {
        Arc::new(Self {
            ordinal,
            id,
            instance: instance.into(),
            key: key.into(),
            address,
            since,
            started: Instant::now(),
            heard_ms: AtomicU64::new(0),
            vitals: Mutex::new(None),
            told: Mutex::default(),
            answered: watch::Sender::new(0),
            challenges: AtomicU64::new(0),
            ended: CancellationToken::new(),
            outbox: Mutex::new(Outbox::default()),
            wake: Notify::new(),
            credit: usize::try_from(credit).ok().filter(|n| *n > 0),
            sent: Mutex::default(),
            waiting: AtomicBool::new(false),
            ordered: Notify::new(),
        })
    }

    fn sent(&self) -> std::sync::MutexGuard<'_, Vec<Sent>> {
        self.sent.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How many more orders of each lane the agent takes now. Forgets those that are over.
    pub(crate) fn room(&self) -> [usize; Lane::ALL.len()] {
        let mut sent = self.sent();
        sent.retain(|order| !(order.is_over)(self.ordinal));
        let room = Lane::ALL.map(|lane| match lane.credit() {
            None => usize::MAX,
            Some(usual) => {
                let credit = self.credit.map_or(usual, |own| own.min(MOST_CREDIT));
                credit.saturating_sub(sent.iter().filter(|order| order.lane == lane).count())
            }
        });
        self.waiting.store(room.contains(&0), Ordering::Relaxed);
        room
    }

    /// Whether an order may wait for credit.
    pub(crate) fn is_waiting(&self) -> bool {
        self.waiting.load(Ordering::Relaxed)
    }

    /// An order goes out; `is_over` says of an endpoint whether nothing more is expected of it.
    pub(crate) fn ordered(
        &self,
        number: u64,
        lane: Lane,
        is_over: impl Fn(u32) -> bool + Send + Sync + 'static,
    ) {
        // What stops an order is not answered: nobody waits for it.
        if lane.credit().is_none() {
            return;
        }
        self.sent().push(Sent {
            number,
            lane,
            at: Instant::now(),
            accepted: false,
            missed: false,
            is_over: Box::new(is_over),
        });
        self.ordered.notify_one();
    }

    /// Ends after [`Self::ordered`].
    pub(crate) async fn more_ordered(&self) {
        self.ordered.notified().await;
    }

    /// The agent has this order. True when it was taken for lost before.
    pub(crate) fn accepted(&self, number: u64) -> bool {
        let mut sent = self.sent();
        let Some(order) = sent.iter_mut().find(|order| order.number == number) else {
            return false;
        };
        order.accepted = true;
        std::mem::take(&mut order.missed)
    }

    /// The agent does not work on this order.
    pub(crate) fn refused(&self, number: u64) {
        self.sent().retain(|order| order.number != number);
    }

    /// Orders that went out longer than `patience` ago without a sign that they arrived, each given once; and when the next is due.
    pub(crate) fn unacknowledged(&self, patience: Duration) -> (Vec<u64>, Option<Instant>) {
        let now = Instant::now();
        let mut missed = Vec::new();
        let mut next = None;
        for order in self.sent().iter_mut() {
            if order.accepted || order.missed || (order.is_over)(self.ordinal) {
                continue;
            }
            let due = order.at + patience;
            if due <= now {
                order.missed = true;
                missed.push(order.number);
            } else if next.is_none_or(|next| due < next) {
                next = Some(due);
            }
        }
        (missed, next)
    }

    fn outbox(&self) -> std::sync::MutexGuard<'_, Outbox> {
        self.outbox.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Queues a message. A peer that lets the queue fill up is told goodbye; it gets what it missed when it comes back.
    pub(crate) fn send(&self, item: Outgoing) -> bool {
        {
            let mut outbox = self.outbox();
            if outbox.goodbye.is_some() {
                return false;
            }
            let full = match &item {
                Outgoing::Frame(_) => outbox.frames >= FRAMES,
                Outgoing::Stored { .. } => outbox.items.len() - outbox.frames >= RECEIPTS,
            };
            if full {
                outbox.goodbye = Some(Goodbye {
                    reason: "this endpoint does not read what it is sent".into(),
                    retry_after_ms: 1000,
                    revoked: false,
                });
            } else {
                outbox.frames += usize::from(matches!(item, Outgoing::Frame(_)));
                outbox.items.push_back(item);
            }
        }
        self.wake();
        true
    }

    pub(crate) fn ping(&self) {
        self.outbox().ping.get_or_insert(0);
        self.wake();
    }

    /// Asks whether the peer is there, and waits this long for its own answer: what was on its way before proves nothing.
    pub(crate) async fn answers(&self, within: Duration) -> bool {
        let challenge = self.challenges.fetch_add(1, Ordering::Relaxed) + 1;
        let mut answered = self.answered.subscribe();
        {
            let mut outbox = self.outbox();
            outbox.ping = outbox.ping.max(Some(challenge));
        }
        self.wake();
        let answer = async {
            answered
                .wait_for(|highest| *highest >= challenge)
                .await
                .is_ok()
        };
        tokio::select! {
            () = self.ended.cancelled() => false,
            answer = tokio::time::timeout(within, answer) => answer.unwrap_or(false),
        }
    }

    /// The peer answered a ping.
    pub(crate) fn ponged(&self, value: u64) {
        if value <= self.challenges.load(Ordering::Relaxed) {
            self.answered
                .send_modify(|highest| *highest = value.max(*highest));
        }
    }

    /// The connection is over.
    pub(super) fn end(&self) {
        self.ended.cancel();
    }

    /// Where it comes from.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    pub(crate) fn told(&self) -> std::sync::MutexGuard<'_, Told> {
        self.told.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Only the newest ping of the peer is answered: pings that come faster than they are answered cost nothing.
    pub(crate) fn pong(&self, value: u64) {
        self.outbox().pong = Some(value);
        self.wake();
    }

    /// Closes the connection after what is queued was sent.
    pub(crate) fn goodbye(&self, goodbye: Goodbye) {
        self.outbox().goodbye.get_or_insert(goodbye);
        self.wake();
    }

    pub(crate) fn close(&self, reason: &str, revoked: bool) {
        self.goodbye(Goodbye {
            reason: reason.into(),
            retry_after_ms: 0,
            revoked,
        });
    }

    /// Whether the connection is about to be closed.
    #[cfg(test)]
    pub(crate) fn closing(&self) -> bool {
        self.outbox().goodbye.is_some()
    }

    pub(crate) fn wake(&self) {
        self.wake.notify_one();
    }

    /// Ends after [`Self::wake`].
    pub(crate) async fn woken(&self) {
        self.wake.notified().await;
    }

    pub(crate) fn take(&self) -> Taken {
        let mut outbox = self.outbox();
        outbox.frames = 0;
        Taken {
            // Taking the buffer too: an idle connection keeps none.
            items: std::mem::take(&mut outbox.items).into(),
            ping: std::mem::take(&mut outbox.ping),
            pong: outbox.pong.take(),
            goodbye: outbox.goodbye.clone(),
        }
    }

    pub(crate) fn heard(&self) {
        let now = u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.heard_ms.store(now, Ordering::Relaxed);
    }

    /// Since when nothing was heard.
    pub(crate) fn silence(&self) -> Duration {
        let heard = Duration::from_millis(self.heard_ms.load(Ordering::Relaxed));
        self.started.elapsed().saturating_sub(heard)
    }

    pub(crate) fn set_vitals(&self, vitals: &Vitals) {
        *self.vitals.lock().unwrap_or_else(PoisonError::into_inner) = Some(AgentVitals {
            memory: vitals.memory,
            cpu_ms: vitals.cpu_ms,
            uptime: vitals.uptime,
            hanging: vitals.hanging,
        });
    }

    pub(super) fn presence(&self) -> Presence {
        Presence {
            ordinal: self.ordinal,
            address: self.address,
            since: self.since,
            heard: self
                .since
                .checked_add(Duration::from_millis(self.heard_ms.load(Ordering::Relaxed)))
                .unwrap_or(self.since),
            vitals: *self.vitals.lock().unwrap_or_else(PoisonError::into_inner),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn link() -> Arc<Link> {
        Link::new(
            7,
            EndpointId([1; 32]),
            b"i",
            b"k",
            ([127, 0, 0, 1], 9).into(),
            2,
            Timestamp::UNIX_EPOCH,
        )
    }

    #[test]
    fn a_full_outbox_closes_the_connection_instead_of_growing() {
        let link = link();
        let frame: Arc<[u8]> = Arc::from(&b"x"[..]);
        for _ in 0..FRAMES {
            assert!(link.send(Outgoing::Frame(Arc::clone(&frame))));
        }
        assert!(!link.closing());
        link.send(Outgoing::Frame(Arc::clone(&frame)));
        assert!(link.closing());
        assert!(!link.send(Outgoing::Frame(frame)));
        let taken = link.take();
        assert_eq!(taken.items.len(), FRAMES);
        assert!(taken.goodbye.is_some());
    }

    #[test]
    fn credit_bounds_what_is_under_way_and_comes_back() {
        let link = link();
        let over = Arc::new(AtomicBool::new(false));
        let questions = Lane::Questions.index();
        assert_eq!(link.room()[questions], 2);
        for number in 1..=2 {
            let over = Arc::clone(&over);
            link.ordered(number, Lane::Questions, move |_| {
                over.load(Ordering::Relaxed)
            });
        }
        link.ordered(3, Lane::Control, |_| false);
        assert_eq!(link.room()[questions], 0);
        assert_eq!(link.room()[Lane::Control.index()], usize::MAX);
        assert!(link.is_waiting());
        link.refused(1);
        assert_eq!(link.room()[questions], 1);
        over.store(true, Ordering::Relaxed);
        assert_eq!(link.room()[questions], 2);
        assert!(!link.is_waiting());
    }

    #[test]
    fn an_order_without_a_sign_is_missed_once_and_found_again() {
        let link = link();
        link.ordered(1, Lane::Questions, |_| false);
        link.ordered(2, Lane::Questions, |_| false);
        assert!(!link.accepted(2));
        let (missed, next) = link.unacknowledged(Duration::from_secs(3600));
        assert!(missed.is_empty() && next.is_some());
        let (missed, next) = link.unacknowledged(Duration::ZERO);
        assert_eq!((missed, next), (vec![1], None));
        assert!(link.unacknowledged(Duration::ZERO).0.is_empty());
        assert!(link.accepted(1), "it was taken for lost");
        assert!(!link.accepted(1));
    }

    #[test]
    fn pings_of_a_flooding_peer_are_answered_once() {
        let link = link();
        for n in 0..10_000 {
            link.pong(n);
        }
        assert_eq!(link.take().pong, Some(9_999));
        assert_eq!(link.take().pong, None);
    }

    #[tokio::test]
    async fn only_an_answer_to_this_challenge_shows_that_the_peer_is_there() {
        let link = link();
        let long = Duration::from_secs(60);
        // A pong that was not asked for yet proves nothing.
        link.ponged(1);
        let (there, ()) = tokio::join!(link.answers(long), async {
            let asked = link.take().ping;
            assert_eq!(asked, Some(1));
            link.ponged(1);
        });
        assert!(there);
        let (first, second, ()) = tokio::join!(link.answers(long), link.answers(long), async {
            // One ping for both; the earlier answer does not count.
            link.ponged(1);
            link.ponged(link.take().ping.unwrap());
        });
        assert!(first && second);
        let (there, ()) = tokio::join!(link.answers(long), async { link.end() });
        assert!(!there);
        assert!(!link.answers(Duration::ZERO).await);
    }
}
