//! What is noted about strangers and readers, bounded so that a flood cannot fill the disk.
//!
//! **Refusals** (a wrong password, a missing right, a forged request, an enrolment that was refused): the first of a kind from one peer is
//! an entry of its own; what repeats within [`WINDOW`] is only counted, and so is everything once the buckets for entries are empty. At
//! the end of a window one entry, `refusals.counted`, tells what was counted, the busiest peers first. So a flood costs at most one
//! entry in ten seconds and one more in a window, however many peers take part.
//!
//! **Reads** of answers: one entry, `answer.read`, for each reader and question in an hour; renewals of certificates likewise.
//!
//! Entries are handed to a task, so that nobody waits for the disk to be refused or to read; what is on its way when the process is killed
//! is lost.

use crate::bucket::{Buckets, Limited, Neighbourhood};
use crate::model::actor::Actor;
use crate::model::audit::Deed;
use crate::model::clock::{Clock, Moment};
use crate::model::ids::QuestionId;
use crate::store::Store;
use serde_json::{Value, json};
use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// Repeated refusals are counted this long before they are told.
pub const WINDOW: Duration = Duration::from_secs(600);
/// What may come often is noted again after this.
pub const AGAIN: Duration = Duration::from_secs(3600);
/// Entries on their way to the store.
const QUEUE: usize = 16 << 10;
/// Kinds of refusals that are counted apart; the rest is counted by action.
const APART: usize = 2000;
/// Of these, told in an entry.
const TOLD: usize = 50;
/// Deeds remembered that come often.
const REMEMBERED: usize = 20_000;
/// Longest text of a stranger that is kept.
const LONGEST: usize = 200;

/// Something that was refused.
pub(crate) struct Refused {
    /// As in [`Deed::action`].
    pub action: &'static str,
    /// Who asked for it.
    pub who: Actor,
    /// From where.
    pub address: IpAddr,
    /// What was asked for.
    pub object: String,
    /// Anything else worth keeping of the first one.
    pub detail: Value,
}

/// Refusals that count as repetitions of each other.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
struct Kind {
    action: &'static str,
    who: String,
    address: Neighbourhood,
    object: String,
}

#[derive(Clone, PartialEq, Eq, Hash)]
enum Entries {
    Peer(&'static str, Neighbourhood),
    All,
}

impl Limited for Entries {
    fn size(&self) -> (f64, Duration) {
        match self {
            Self::Peer(..) => (10.0, Duration::from_secs(60)),
            Self::All => (100.0, Duration::from_secs(10)),
        }
    }
}

#[derive(Default)]
struct Counts {
    /// Repetitions since the first, and its address as it was shown.
    kinds: HashMap<Kind, (u64, IpAddr)>,
    others: HashMap<&'static str, u64>,
    seldom: HashMap<(String, &'static str, String), Moment>,
}

/// Counts refusals and reads, and notes them.
pub struct Tally {
    clock: Clock,
    counts: Mutex<Counts>,
    entries: Buckets<Entries>,
    queue: mpsc::Sender<Deed>,
    tasks: TaskTracker,
    stop: CancellationToken,
}

impl Tally {
    /// Starts noting in this store.
    #[must_use]
    pub fn start(store: Arc<dyn Store>, clock: Clock) -> Arc<Self> {
        let (queue, deeds) = mpsc::channel(QUEUE);
        let tally = Arc::new(Self {
            clock,
            counts: Mutex::default(),
            entries: Buckets::default(),
            queue,
            tasks: TaskTracker::new(),
            stop: CancellationToken::new(),
        });
        tally.tasks.spawn(Arc::clone(&tally).run(store, deeds));
        tally
    }

    /// Notes what is on its way and what was counted, and ends.
    pub async fn stop(&self) {
        self.stop.cancel();
        self.tasks.close();
        self.tasks.wait().await;
    }

    fn counts(&self) -> MutexGuard<'_, Counts> {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes or counts a refusal.
    pub(crate) fn refused(&self, refused: Refused) {
        let object: String = refused.object.chars().take(LONGEST).collect();
        let address = Neighbourhood::of(refused.address);
        let kind = Kind {
            action: refused.action,
            who: refused.who.to_string(),
            address,
            object: object.clone(),
        };
        let first = {
            let mut counts = self.counts();
            let full = counts.kinds.len() >= APART;
            match counts.kinds.get_mut(&kind) {
                Some((count, _)) => {
                    *count += 1;
                    return;
                }
                None if full => {
                    *counts.others.entry(refused.action).or_default() += 1;
                    return;
                }
                None => {
                    counts.kinds.insert(kind.clone(), (0, refused.address));
                }
            }
            let keys = [Entries::Peer(refused.action, address), Entries::All];
            self.entries.take(&keys, self.clock.moment()).is_ok()
        };
        let mut detail = refused.detail;
        if let Some(fields) = detail.as_object_mut() {
            fields.insert("address".into(), json!(refused.address));
        } else {
            detail = json!({"address": refused.address});
        }
        let deed = Deed::new(refused.who, refused.action, object).with(detail);
        if (!first || self.queue.try_send(deed).is_err())
            && let Some((count, _)) = self.counts().kinds.get_mut(&kind)
        {
            *count += 1;
        }
    }

    /// Notes that somebody reads an answer, once in an hour.
    pub(crate) fn read(&self, who: &Actor, question: QuestionId, address: IpAddr) {
        self.seldom(
            Deed::new(who.clone(), "answer.read", format!("question {question}"))
                .with(json!({"address": address})),
        );
    }

    /// Notes a deed that may come often, once in an hour for each who, what and object.
    pub(crate) fn seldom(&self, deed: Deed) {
        let now = self.clock.moment();
        {
            let mut counts = self.counts();
            let key = (deed.who.to_string(), deed.action, deed.object.clone());
            let lately = |at: &Moment| now.since(*at) < AGAIN;
            if counts.seldom.get(&key).is_some_and(lately) {
                return;
            }
            if counts.seldom.len() >= REMEMBERED {
                counts.seldom.retain(|_, at| lately(at));
            }
            if counts.seldom.len() >= REMEMBERED {
                // Rather an entry too many than one too few.
                counts.seldom.clear();
            }
            counts.seldom.insert(key, now);
        }
        let (who, action) = (deed.who.to_string(), deed.action);
        if self.queue.try_send(deed).is_err() {
            tracing::error!(
                who,
                action,
                "the audit log cannot keep up: this is not in it"
            );
        }
    }

    async fn run(self: Arc<Self>, store: Arc<dyn Store>, mut deeds: mpsc::Receiver<Deed>) {
        let mut since = self.clock.now();
        let mut end = self.clock.moment().after(WINDOW);
        loop {
            tokio::select! {
                deed = deeds.recv() => {
                    if let Some(deed) = deed {
                        note(store.as_ref(), deed).await;
                    }
                    continue;
                }
                () = self.clock.sleep_until(end) => {}
                () = self.stop.cancelled() => {}
            }
            let stopping = self.stop.is_cancelled();
            if stopping {
                while let Ok(deed) = deeds.try_recv() {
                    note(store.as_ref(), deed).await;
                }
            }
            if let Some(deed) = self.take_counted(since) {
                note(store.as_ref(), deed).await;
            }
            if stopping {
                return;
            }
            since = self.clock.now();
            end = self.clock.moment().after(WINDOW);
        }
    }

    /// What was counted in the window that ends now.
    fn take_counted(&self, since: jiff::Timestamp) -> Option<Deed> {
        let (kinds, mut others) = {
            let mut counts = self.counts();
            (
                std::mem::take(&mut counts.kinds),
                std::mem::take(&mut counts.others),
            )
        };
        let mut repeated: Vec<_> = kinds.into_iter().filter(|(_, (n, _))| *n > 0).collect();
        repeated.sort_by(|(a, (n, _)), (b, (m, _))| m.cmp(n).then_with(|| a.cmp(b)));
        for (kind, (count, _)) in repeated.drain(TOLD.min(repeated.len())..) {
            *others.entry(kind.action).or_default() += count;
        }
        if repeated.is_empty() && others.is_empty() {
            return None;
        }
        let told: Vec<Value> = repeated
            .into_iter()
            .map(|(kind, (count, address))| {
                json!({
                    "action": kind.action, "who": kind.who, "address": address,
                    "object": kind.object, "count": count,
                })
            })
            .collect();
        let others: std::collections::BTreeMap<_, _> = others.into_iter().collect();
        Some(
            Deed::new(Actor::Server, "refusals.counted", "").with(json!({
                "since": since, "until": self.clock.now(), "repeated": told, "others": others,
            })),
        )
    }
}

async fn note(store: &dyn Store, deed: Deed) {
    let (action, who) = (deed.action, deed.who.to_string());
    if let Err(error) = store.note(deed).await {
        tracing::error!(
            error = &error as &dyn std::error::Error,
            action,
            who,
            "an entry of the audit log could not be written"
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::audit::Entry;
    use crate::store::Store;
    use crate::store::audit::AuditQuery;
    use crate::store::sqlite::SqliteStore;
    use jiff::Timestamp;

    struct World {
        tally: Arc<Tally>,
        store: Arc<dyn Store>,
        clock: Clock,
        _folder: tempfile::TempDir,
    }

    impl World {
        fn new() -> Self {
            let folder = tempfile::tempdir().unwrap();
            let clock = Clock::set_to(Timestamp::UNIX_EPOCH);
            let store: Arc<dyn Store> =
                Arc::new(SqliteStore::open(folder.path(), clock.clone()).unwrap());
            let tally = Tally::start(Arc::clone(&store), clock.clone());
            Self {
                tally,
                store,
                clock,
                _folder: folder,
            }
        }

        fn refuse(&self, address: [u8; 4], object: &str) {
            self.tally.refused(Refused {
                action: "login.failed",
                who: Actor::Unknown,
                address: address.into(),
                object: object.into(),
                detail: json!({}),
            });
        }

        /// Ends the tally: then everything is in the log.
        async fn entries(&self) -> Vec<Entry> {
            self.tally.stop().await;
            let query = AuditQuery {
                limit: 1_000_000,
                ..Default::default()
            };
            self.store.audit_entries(query).await.unwrap()
        }
    }

    fn counted(entry: &Entry) -> Value {
        assert_eq!(entry.action, "refusals.counted");
        serde_json::from_str(&entry.detail).unwrap()
    }

    #[tokio::test]
    async fn the_first_is_an_entry_and_repetitions_are_a_number() {
        let world = World::new();
        for _ in 0..100 {
            world.refuse([192, 0, 2, 1], "admin");
        }
        world.refuse([192, 0, 2, 1], "ada");
        world.refuse([192, 0, 2, 2], "admin");
        let entries = world.entries().await;
        assert_eq!(entries.len(), 4);
        assert_eq!(
            counted(&entries[0])["repeated"],
            json!([{"action": "login.failed", "who": "unknown", "address": "192.0.2.1", "object": "admin", "count": 99}])
        );
        assert!(entries[1..].iter().all(|e| e.action == "login.failed"));
    }

    #[tokio::test]
    async fn a_flood_from_everywhere_costs_few_entries_and_every_one_is_counted() {
        let world = World::new();
        let peers = 60_000_u32;
        for n in 0..peers {
            let [_, a, b, c] = n.to_be_bytes();
            world.refuse([10, a, b, c], &format!("user{n}"));
        }
        let entries = world.entries().await;
        assert!(entries.len() <= 101, "{}", entries.len());
        let told = counted(&entries[0]);
        let repeated: u64 = told["repeated"]
            .as_array()
            .unwrap()
            .iter()
            .map(|k| k["count"].as_u64().unwrap())
            .sum();
        let others = told["others"]["login.failed"].as_u64().unwrap();
        let whole = entries.len() as u64 - 1;
        assert_eq!(whole + repeated + others, u64::from(peers));
    }

    #[tokio::test]
    async fn a_window_ends_and_the_next_begins_anew() {
        let world = World::new();
        world.refuse([192, 0, 2, 1], "admin");
        world.refuse([192, 0, 2, 1], "admin");
        // The task must have begun its window before time passes.
        while world.store.audit_head().await.unwrap().number < 1 {
            tokio::task::yield_now().await;
        }
        world.clock.advance(WINDOW);
        while world.store.audit_head().await.unwrap().number < 2 {
            tokio::task::yield_now().await;
        }
        world.refuse([192, 0, 2, 1], "admin");
        let actions: Vec<_> = world
            .entries()
            .await
            .into_iter()
            .map(|e| e.action)
            .collect();
        assert_eq!(
            actions,
            ["login.failed", "refusals.counted", "login.failed"]
        );
    }

    #[tokio::test]
    async fn a_reader_is_noted_once_in_an_hour() {
        let world = World::new();
        let ada = Actor::User {
            user: crate::model::ids::UserId(1),
            name: "ada".into(),
        };
        let home = [192, 0, 2, 1].into();
        for question in [1, 1, 2, 1] {
            world.tally.read(&ada, QuestionId(question), home);
        }
        world.tally.read(&Actor::Server, QuestionId(1), home);
        world.clock.advance(AGAIN);
        world.tally.read(&ada, QuestionId(1), home);
        let read: Vec<_> = world
            .entries()
            .await
            .into_iter()
            .rev()
            .map(|e| (e.who, e.object))
            .collect();
        let entry = |who: &str, object: &str| (who.to_owned(), object.to_owned());
        assert_eq!(
            read,
            [
                entry("ada", "question 1"),
                entry("ada", "question 2"),
                entry("server", "question 1"),
                entry("ada", "question 1")
            ]
        );
    }
}
