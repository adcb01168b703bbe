//! Where orders are worked on: the state machine of [`crate::orders`], the disk of [`crate::spool`] and the evaluation
//! brought together. The link hands orders in and takes answers out; it may come and go.
//!
//! Nothing here waits for the network, and the link never waits for a sensor. Calls touch the disk, so asynchronous code
//! makes them on a blocking thread.

use crate::answers::{self, Outcome};
use crate::evaluate::Evaluator;
use crate::orders::{Book, Cancelled, MOST_ATTEMPTS, Restart, Stage, Standing, Verdict};
use crate::spool::{Spool, SpoolError};
use answer::State;
use prost::Message as _;
use protocol::message::{AnswerPart, Order, QuestionOrder, Refusal, SignedOrder, payload::Payload};
use std::collections::HashMap;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

/// What the link has to say to the server about an order that arrived.
#[derive(Debug)]
pub enum Reply {
    /// Nothing now.
    None,
    /// It is written down and will be worked on.
    Accepted(u64),
    /// It was refused.
    Refusal(Refusal),
}

struct Work {
    book: Book,
    /// `None` after the desk was closed: what still runs may not write any more.
    spool: Option<Spool>,
    running: HashMap<u64, Arc<AtomicBool>>,
    /// Answers that the disk did not take. They say so, and are sent once.
    unkept: HashMap<u64, AnswerPart>,
    broken: CancellationToken,
}

/// See the module.
pub struct Desk {
    work: Mutex<Work>,
    evaluator: Evaluator,
    /// An answer waits to be sent.
    pub answers: Notify,
    /// Set when there is no usable spool any more and none could be begun.
    pub broken: CancellationToken,
}

impl Desk {
    /// Opens the spool of this folder and takes up what was left there.
    ///
    /// # Errors
    /// When there is no usable spool.
    pub fn open(state_dir: &Path, evaluator: Evaluator) -> Result<Arc<Self>, SpoolError> {
        let (spool, found) = Spool::open(state_dir)?;
        let book = Book::restore(found);
        let broken = CancellationToken::new();
        let desk = Arc::new(Self {
            work: Mutex::new(Work {
                book,
                spool: Some(spool),
                running: HashMap::new(),
                unkept: HashMap::new(),
                broken: broken.clone(),
            }),
            evaluator,
            answers: Notify::new(),
            broken,
        });
        desk.tidy(now());
        desk.start_waiting(&mut desk.lock());
        Ok(desk)
    }

    /// Checks an order that arrived at `now` and begins to work on it.
    #[must_use]
    pub fn offer(
        self: &Arc<Self>,
        signed: &SignedOrder,
        standing: Standing<'_>,
        now: i64,
    ) -> Reply {
        let mut work = self.lock();
        match work.book.judge(signed, standing, now) {
            Verdict::Refuse { number, refused } => {
                tracing::warn!(order = number, code = refused.code(), %refused, "an order was refused");
                return Reply::Refusal(Refusal {
                    order: number,
                    code: refused.code().into(),
                    detail: refused.to_string(),
                });
            }
            Verdict::Copy(stage) => {
                tracing::debug!(?stage, "a copy of an order that is under way");
                if let Ok(order) = Order::decode(signed.body.as_slice()) {
                    return Reply::Accepted(order.number);
                }
            }
            Verdict::Cancel {
                number,
                expires,
                target,
            } => self.cancel(&mut work, number, expires, target),
            Verdict::Accept(order) => {
                self.accept(&mut work, &order, signed);
                return Reply::Accepted(order.number);
            }
        }
        Reply::None
    }

    fn accept(self: &Arc<Self>, work: &mut Work, order: &Order, signed: &SignedOrder) {
        let number = order.number;
        let kept = work.write(|spool| spool.accept(number, order.expires, signed));
        if let Some(Err(error)) = kept {
            // Not accepted: who asked learns of it in the answer, instead of waiting for one that cannot come.
            tracing::error!(order = number, error = %crate::chain(&error), "an order could not be kept and is not carried out");
            work.unkept
                .insert(number, apology(number, "keep the order", &error));
            self.answers.notify_one();
            return;
        }
        tracing::info!(order = number, digest = %hex::encode(&order.digest), asked_by = %order.asked_by, "order accepted");
        work.book.accept(number, order.expires);
        self.start_waiting(work);
    }

    fn cancel(self: &Arc<Self>, work: &mut Work, number: u64, expires: i64, target: u64) {
        let now = now();
        let mut finished = vec![(number, expires)];
        finished.extend(work.book.expires(target).map(|end| (target, end)));
        if let Some(Err(error)) = work.write(|spool| spool.finish(&finished)) {
            tracing::error!(order = target, error = %crate::chain(&error), "a cancelled order could not be struck off");
        }
        if let Cancelled::NotYet { until } = work.book.would_cancel(target, now)
            && let Some(Err(error)) = work.write(|spool| spool.mark_cancelled(target, until))
        {
            tracing::error!(order = target, error = %crate::chain(&error), "a cancelled order could not be marked");
        }
        let outcome = work.book.cancel(number, expires, target, now);
        tracing::info!(order = target, ?outcome, "order cancelled");
        if let Some(flag) = work.running.remove(&target) {
            flag.store(true, Ordering::Relaxed);
            self.evaluator.runner().nudge();
        }
        self.start_waiting(work);
    }

    /// Begins what may run now.
    fn start_waiting(self: &Arc<Self>, work: &mut Work) {
        if work.spool.is_none() {
            return;
        }
        while let Some(number) = work.book.next_to_start() {
            let stored = work.write(|spool| spool.order(number));
            let ended = work.book.attempts(number);
            // Written down before the first effect: whatever becomes of the agent, the next start knows.
            if let Some(Err(error)) = work.write(|spool| spool.start(number)) {
                tracing::error!(order = number, error = %crate::chain(&error), "the start of an order could not be written down; it is not begun");
                work.book.started(number);
                self.keep(work, number, unstarted(&error));
                continue;
            }
            work.book.started(number);
            if let Some(outcome) =
                stored_payload(&stored).and_then(|payload| after(&payload, ended))
            {
                self.keep(work, number, outcome);
                continue;
            }
            let flag = Arc::new(AtomicBool::new(false));
            work.running.insert(number, Arc::clone(&flag));
            let desk = Arc::clone(self);
            let thread = std::thread::Builder::new()
                .name("order".into())
                .stack_size(2 << 20)
                .spawn(move || {
                    let outcome = match stored {
                        Some(Ok(Some(signed))) => desk.carry_out(&signed, &flag),
                        Some(Err(error)) => lost(&crate::chain(&error)),
                        _ => lost("it is not in the spool"),
                    };
                    desk.carried_out(number, outcome);
                });
            if let Err(error) = thread {
                tracing::error!(order = number, %error, "no thread for an order");
                self.keep(work, number, lost(&format!("no thread for it: {error}")));
            }
        }
    }

    fn carry_out(&self, signed: &SignedOrder, cancelled: &AtomicBool) -> Outcome {
        let order = match Order::decode(signed.body.as_slice()) {
            Ok(order) => order,
            Err(error) => return lost(&error.to_string()),
        };
        match order.payload {
            Some(Payload::Question(QuestionOrder { text, limits })) => {
                self.evaluator
                    .answer(&text, limits.unwrap_or_default(), cancelled)
            }
            // Taken apart on arrival.
            Some(Payload::Cancel(_)) => Outcome::bare(State::Empty, Vec::new()),
            None => Outcome::bare(
                State::Unsupported,
                vec![answers::problem(
                    "",
                    State::Unsupported,
                    "this agent does not know this kind of order",
                )],
            ),
        }
    }

    fn carried_out(self: &Arc<Self>, number: u64, outcome: Outcome) {
        let mut work = self.lock();
        work.running.remove(&number);
        self.keep(&mut work, number, outcome);
        self.start_waiting(&mut work);
        drop(work);
        crate::platform::release_memory();
    }

    /// Writes an answer down and says that it waits.
    fn keep(&self, work: &mut Work, number: u64, outcome: Outcome) {
        // A closed desk keeps the order for the next start; a cancelled one is done already.
        if work.book.stage(number) != Some(Stage::Started) {
            return;
        }
        let expires = work.book.expires(number).unwrap_or_default();
        let (state, rows) = (
            outcome.state,
            outcome.tables.iter().map(Vec::len).sum::<usize>(),
        );
        let parts = answers::parts(number, outcome);
        match work.write(|spool| spool.keep_answer(number, expires, &parts)) {
            None => return,
            Some(Ok(())) => {
                tracing::info!(order = number, state = ?state, rows, "order answered");
            }
            Some(Err(error)) => {
                // The order stays in the spool and is carried out again at the next start.
                tracing::error!(order = number, error = %crate::chain(&error), "an answer could not be kept");
                work.unkept
                    .insert(number, apology(number, "keep the answer", &error));
            }
        }
        work.book.spooled(number);
        self.answers.notify_one();
    }

    /// The server has the answer.
    pub fn stored(&self, number: u64) {
        let mut work = self.lock();
        work.unkept.remove(&number);
        if work.book.stage(number) != Some(Stage::Spooled) {
            return;
        }
        let Some(expires) = work.book.expires(number) else {
            return;
        };
        if let Some(Err(error)) = work.write(|spool| spool.finish(&[(number, expires)])) {
            // It is sent again after a restart, and the server takes a second copy without harm.
            tracing::error!(order = number, error = %crate::chain(&error), "an acknowledged answer could not be struck off");
        }
        work.book.finish(number);
    }

    /// Strikes off what is overdue and forgets what can no longer be replayed.
    pub fn tidy(&self, now: i64) {
        let mut work = self.lock();
        let overdue = work.book.overdue(now);
        if !overdue.is_empty() {
            tracing::warn!(orders = ?overdue, "orders expired before they were carried out or acknowledged");
            let finished: Vec<(u64, i64)> = overdue
                .iter()
                .filter_map(|n| Some((*n, work.book.expires(*n)?)))
                .collect();
            if let Some(Err(error)) = work.write(|spool| spool.finish(&finished)) {
                tracing::error!(error = %crate::chain(&error), "overdue orders could not be struck off");
            }
            for number in overdue {
                work.book.finish(number);
                work.unkept.remove(&number);
            }
        }
        let gone = work.book.prune(now);
        let pruned = work.book.pruned();
        if let Some(Err(error)) = work.write(|spool| spool.prune(&gone, pruned)) {
            tracing::error!(error = %crate::chain(&error), "done orders could not be forgotten on disk");
        }
        drop(work);
        if self.evaluator.runner().expire_cache() {
            crate::platform::release_memory();
        }
    }

    /// Numbers of the answers that wait for an acknowledgement.
    #[must_use]
    pub fn waiting(&self) -> Vec<u64> {
        let work = self.lock();
        let mut numbers: Vec<u64> = work.book.waiting().collect();
        numbers.extend(
            work.unkept
                .keys()
                .filter(|n| work.book.stage(**n).is_none()),
        );
        numbers
    }

    /// One part of an answer that waits; `None` past its end, or when it no longer waits.
    #[must_use]
    pub fn part(&self, number: u64, part: u32) -> Option<AnswerPart> {
        let mut work = self.lock();
        if let Some(unkept) = work.unkept.get(&number) {
            return (part == 0).then(|| unkept.clone());
        }
        match work.write(|spool| spool.part(number, part))? {
            Ok(None) if part == 0 => {
                if work.book.finish(number).is_some() {
                    tracing::error!(order = number, "an answer is no longer in the spool");
                }
                None
            }
            Ok(found) => found,
            Err(error) => {
                tracing::error!(order = number, error = %crate::chain(&error), "an answer cannot be read from the spool");
                None
            }
        }
    }

    /// An answer that the disk did not take was sent: it is not sent again on this connection's successors.
    pub fn sent(&self, number: u64) {
        let mut work = self.lock();
        if work.book.stage(number).is_none() {
            work.unkept.remove(&number);
        }
    }

    /// Whether an order is accepted or worked on, and not answered.
    #[must_use]
    pub fn is_under_way(&self, number: u64) -> bool {
        matches!(
            self.lock().book.stage(number),
            Some(Stage::Accepted | Stage::Started)
        )
    }

    /// Orders accepted or running, answers that wait.
    #[must_use]
    pub fn load(&self) -> (usize, usize) {
        let work = self.lock();
        (work.book.unfinished(), work.book.waiting().count())
    }

    /// Threads that hang in sensors.
    #[must_use]
    pub fn hanging(&self) -> u32 {
        self.evaluator.runner().hanging()
    }

    /// Run times of sensors: sensor, runs, average and longest in milliseconds, last state.
    #[must_use]
    pub fn run_times(&self) -> Vec<(String, u64, f64, f64, String)> {
        self.evaluator.runner().run_times().rows()
    }

    /// Stops all work and closes the spool. What was running runs again at the next start.
    pub fn close(&self) {
        let mut work = self.lock();
        let stopped: Vec<u64> = work.book.under_way().collect();
        if let Some(Err(error)) = work.write(|spool| spool.stop(&stopped)) {
            tracing::warn!(error = %crate::chain(&error), "orders under way will count as having ended the agent once");
        }
        work.spool = None;
        for flag in work.running.values() {
            flag.store(true, Ordering::Relaxed);
        }
        drop(work);
        self.evaluator.runner().nudge();
    }

    fn lock(&self) -> MutexGuard<'_, Work> {
        self.work.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Work {
    /// Uses the spool; begins a new one when it turns out to be damaged. `None` when the desk is closed.
    fn write<T>(
        &mut self,
        mut act: impl FnMut(&mut Spool) -> Result<T, SpoolError>,
    ) -> Option<Result<T, SpoolError>> {
        let spool = self.spool.as_mut()?;
        let error = match act(spool) {
            Err(error) if error.is_damage() => error,
            done => return Some(done),
        };
        tracing::error!(error = %crate::chain(&error), "the spool is damaged; it is moved aside and a new one begun. Answers that were not sent yet are lost");
        let done: Vec<(u64, i64)> = self.book.done().collect();
        let cancelled: Vec<(u64, i64)> = self.book.cancelled().collect();
        let anew = self
            .spool
            .take()?
            .begin_anew(&done, &cancelled, self.book.pruned());
        match anew {
            Ok(mut anew) => {
                let outcome = act(&mut anew);
                self.spool = Some(anew);
                Some(outcome)
            }
            Err(error) => {
                tracing::error!(error = %crate::chain(&error), "no new spool could be begun");
                self.broken.cancel();
                Some(Err(error))
            }
        }
    }
}

/// Tells the responder in the answer that this endpoint's disk failed it.
fn apology(number: u64, what: &str, error: &SpoolError) -> AnswerPart {
    let words = format!("the endpoint cannot {what}: {}", crate::chain(error));
    let state = state_of(error);
    let outcome = Outcome::bare(state, vec![answers::problem("", state, &words)]);
    answers::parts(number, outcome).pop().unwrap_or_default()
}

fn unstarted(error: &SpoolError) -> Outcome {
    not_carried_out(state_of(error), &crate::chain(error))
}

/// A full disk is told apart from one that fails: there whoever asks knows what to do.
fn state_of(error: &SpoolError) -> State {
    if error.is_full() {
        State::DiskFull
    } else {
        State::Error
    }
}

fn stored_payload(stored: &Option<Result<Option<SignedOrder>, SpoolError>>) -> Option<Payload> {
    let Some(Ok(Some(signed))) = stored else {
        return None;
    };
    Order::decode(signed.body.as_slice()).ok()?.payload
}

/// What is answered instead of working on an order again at which the agent ended so many times; `None` to work on it.
fn after(payload: &Payload, ended: u32) -> Option<Outcome> {
    match Restart::of(payload) {
        _ if ended == 0 => None,
        Restart::Repeat if ended < MOST_ATTEMPTS => None,
        Restart::Resume => None,
        Restart::Repeat => {
            let words = format!(
                "the agent ended {ended} times while it worked on this, the last time on this alone (out of memory, or a defect); it is \
                 not tried again"
            );
            let problem = answers::problem("", State::EndedAgent, &words);
            Some(Outcome::bare(State::EndedAgent, vec![problem]))
        }
        Restart::OutcomeUnknown => {
            let words =
                "the agent ended while it worked on this; whether it had its effect is not known";
            let problem = answers::problem("", State::Error, words);
            Some(Outcome::bare(State::Error, vec![problem]))
        }
    }
}

fn lost(reason: &str) -> Outcome {
    not_carried_out(State::Error, reason)
}

fn not_carried_out(state: State, reason: &str) -> Outcome {
    let words = format!("the order could not be carried out: {reason}");
    Outcome::bare(state, vec![answers::problem("", state, &words)])
}

/// Seconds since 1970 by this machine's clock.
#[must_use]
pub fn now() -> i64 {
    jiff::Timestamp::now().as_second()
}
