//! The threads of a pass, and going on without those that a file system keeps waiting.

use super::{Job, PassError, Shared, Worker, lock};
use crate::digest_state::DigestState;
use crate::engine::Digested;
use crate::store::write::Outcome;
use crate::stuck::{self, Pulse, Watch};
use crossbeam_channel::{Receiver, Sender};
use std::cell::Cell;
use std::collections::HashMap;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

/// What a thread has in hand, for others to take when it is given up.
#[derive(Default)]
pub(super) struct Hand {
    pub pulse: Arc<Pulse>,
    /// By entry.
    pub jobs: Mutex<HashMap<i64, Job>>,
    /// The entry that is opened or read.
    pub reading: AtomicI64,
    /// Results that were not told yet.
    pub ready: Mutex<Vec<Digested>>,
}

/// The number of a thread that ended, and whether it did everything.
type End = (usize, bool);

/// The threads of a pass.
pub(super) struct Crew {
    shared: Arc<Shared>,
    watch: Watch,
    /// Those that neither ended nor were given up.
    hands: HashMap<usize, (Arc<Hand>, JoinHandle<()>)>,
    next: usize,
    ended: (Sender<End>, Receiver<End>),
}

impl Crew {
    pub fn new(shared: Arc<Shared>) -> Self {
        Self {
            watch: Watch::new(shared.plan.patience),
            shared,
            hands: HashMap::new(),
            next: 0,
            ended: crossbeam_channel::unbounded(),
        }
    }

    fn start(&mut self) -> Result<(), PassError> {
        let number = self.next;
        self.next += 1;
        let hand = Arc::new(Hand::default());
        self.watch.add(number, Arc::clone(&hand.pulse));
        let worker = Worker {
            shared: Arc::clone(&self.shared),
            hand: Arc::clone(&hand),
            stopped: Cell::new(false),
        };
        let ended = Ended {
            number,
            whole: false,
            tell: self.ended.0.clone(),
            pulse: Arc::clone(&hand.pulse),
        };
        let thread = std::thread::Builder::new()
            .name(format!("hash-{number}"))
            .spawn(move || {
                let mut ended = ended;
                ended.whole = worker.work();
            })
            .map_err(PassError::Thread)?;
        self.hands.insert(number, (hand, thread));
        Ok(())
    }

    /// Until all is done, but for what gives no answer. Whether nothing stopped it.
    pub fn work(mut self) -> Result<bool, PassError> {
        for _ in 0..self.shared.plan.threads.max(1) {
            self.start()?;
        }
        let mut whole = true;
        while !self.hands.is_empty() {
            if let Ok((number, all)) = self.ended.1.recv_timeout(self.watch.tick())
                && let Some((_, thread)) = self.hands.remove(&number)
            {
                if !all {
                    whole = false;
                    self.watch.hurry();
                }
                if let Err(panic) = thread.join() {
                    std::panic::resume_unwind(panic);
                }
            }
            for (number, pulse) in self.watch.lost() {
                let Some((hand, _)) = self.hands.remove(&number) else {
                    continue;
                };
                whole &= self.give_up(&hand, &pulse);
                if whole {
                    self.start()?;
                }
            }
        }
        Ok(whole)
    }

    /// Takes what a thread that is stuck had in hand. Whether the pass goes on.
    fn give_up(&self, hand: &Hand, pulse: &Arc<Pulse>) -> bool {
        let reading = hand.reading.load(Ordering::Acquire);
        let mut ready = std::mem::take(&mut *lock(&hand.ready));
        let jobs = std::mem::take(&mut *lock(&hand.jobs));
        let mut feed = lock(&self.shared.feed);
        for (entry, job) in jobs {
            if entry != reading {
                feed.again(job);
                continue;
            }
            stuck::leave_behind(feed.place(&job), &job.path, Arc::clone(pulse));
            self.shared.progress.done.fetch_add(1, Ordering::Relaxed);
            ready.push(job.with(Outcome::Not(DigestState::NoAnswer)));
        }
        drop(feed);
        (self.shared.sink)(ready).is_ok()
    }
}

/// Says that a thread ended, be it by a panic.
struct Ended {
    number: usize,
    whole: bool,
    tell: Sender<End>,
    pulse: Arc<Pulse>,
}

impl Drop for Ended {
    fn drop(&mut self) {
        self.pulse.back();
        // Who waited may have given up.
        self.tell.send((self.number, self.whole)).ok();
    }
}
