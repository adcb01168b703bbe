//! A question in memory: what was asked, its answer so far, and the way into its merging task.

use super::ANSWER_MEMORY;
use super::info::{QuestionInfo, Summary};
use super::keeping::Keeping;
use crate::access::Reader;
use crate::model::actor::Actor;
use crate::model::clock::{Clock, Moment};
use crate::model::ids::QuestionId;
use crate::orders::{Delivery, Progress, Shape, Subject, Taken};
use answer::{Answer, Budget, EndpointSet, State};
use jiff::Timestamp;
use protocol::bounds::AnswerBounds;
use question::{Catalogue, Plan, Tail};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};
use std::time::Duration;
use tokio::sync::{mpsc, oneshot, watch};
use tokio_util::sync::CancellationToken;

/// See the module.
pub(crate) struct Live {
    pub id: QuestionId,
    pub order: u64,
    /// What endpoints are asked.
    pub text: String,
    /// How the answer is shown; endpoints are not asked it.
    pub tail: Tail,
    pub plan: Plan,
    /// What one endpoint may answer, from the plan and the declared limits of its sensors.
    shape: Shape,
    /// Who has answered.
    pub progress: Arc<Progress>,
    /// Connected endpoints that did not say that the order arrived.
    unreached: Mutex<EndpointSet>,
    pub asked_by: Actor,
    pub asked_at: Timestamp,
    pub expires_at: Timestamp,
    pub targets: Option<EndpointSet>,
    /// When it ends by the monotonic clock: a jump of the wall clock neither ends a question nor keeps it.
    pub deadline: Moment,
    pub version: watch::Sender<u64>,
    /// Whether what the answer shows is written down.
    pub keeping: Keeping,
    withdrawn: CancellationToken,
    ending: AtomicBool,
    closed: AtomicBool,
    kept: AtomicBool,
    answer: RwLock<Answer>,
    inbox: Mutex<Option<mpsc::Sender<Job>>>,
    clock: Clock,
    used: Mutex<Moment>,
}

/// What a [`Live`] is made of.
pub(super) struct Parts {
    pub id: QuestionId,
    pub order: u64,
    pub text: String,
    pub tail: Tail,
    pub plan: Plan,
    pub asked_by: Actor,
    pub asked_at: Timestamp,
    pub expires_at: Timestamp,
    pub targets: Option<EndpointSet>,
    pub cancelled: bool,
    pub closed: bool,
    pub kept: bool,
}

/// What the merging task is asked to do.
pub(super) enum Job {
    /// Take this in.
    Answer(Delivery),
    /// End the question.
    Close(oneshot::Sender<()>),
}

impl Live {
    pub(super) fn new(parts: Parts, answer: Answer, catalogue: &Catalogue, clock: &Clock) -> Self {
        let withdrawn = CancellationToken::new();
        if parts.cancelled {
            withdrawn.cancel();
        }
        let left = parts.expires_at.duration_since(clock.now());
        let left = Duration::try_from(left).unwrap_or(Duration::ZERO);
        let now = clock.moment();
        Self {
            id: parts.id,
            order: parts.order,
            text: parts.text,
            tail: parts.tail,
            shape: shape(&parts.plan, catalogue),
            progress: Arc::new(Progress::new(settled(&answer))),
            unreached: Mutex::default(),
            plan: parts.plan,
            asked_by: parts.asked_by,
            asked_at: parts.asked_at,
            expires_at: parts.expires_at,
            targets: parts.targets,
            deadline: now.after(left),
            version: watch::Sender::new(answer.version()),
            keeping: Keeping::default(),
            withdrawn,
            ending: AtomicBool::new(false),
            closed: AtomicBool::new(parts.closed),
            kept: AtomicBool::new(parts.kept),
            answer: RwLock::new(answer),
            inbox: Mutex::new(None),
            clock: clock.clone(),
            used: Mutex::new(now),
        }
    }

    pub fn empty_answer(plan: &Plan, spill: &Path) -> Answer {
        Answer::new(plan.tables.len(), Budget::new(ANSWER_MEMORY, spill))
    }

    pub fn answer(&self) -> RwLockReadGuard<'_, Answer> {
        self.answer.read().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn answer_mut(&self) -> RwLockWriteGuard<'_, Answer> {
        self.answer.write().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn closed(&self) -> bool {
        self.closed.load(Ordering::Acquire)
    }

    pub fn cancelled(&self) -> bool {
        self.withdrawn.is_cancelled()
    }

    /// True for the first who asks: that one ends the question, because its time is over.
    pub(super) fn begin_end(&self) -> bool {
        !self.ending.swap(true, Ordering::AcqRel)
    }

    pub(super) fn set_kept(&self, kept: bool) {
        self.kept.store(kept, Ordering::Release);
    }

    pub(super) fn set_cancelled(&self) {
        self.withdrawn.cancel();
    }

    /// Cancelled with the question: nobody wants to wait for its answers any more.
    pub(super) fn withdrawn(&self) -> &CancellationToken {
        &self.withdrawn
    }

    /// Nothing more is taken; watchers hear of it.
    pub(super) fn set_closed(&self) {
        self.closed.store(true, Ordering::Release);
        *self.inbox.lock().unwrap_or_else(PoisonError::into_inner) = None;
        self.used();
        self.announce();
    }

    /// Tells watchers the answer's version.
    pub(super) fn announce(&self) {
        let version = self.answer().version();
        self.version.send_replace(version);
    }

    pub(super) fn unreached(&self) -> std::sync::MutexGuard<'_, EndpointSet> {
        self.unreached
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn set_inbox(&self, inbox: mpsc::Sender<Job>) {
        *self.inbox.lock().unwrap_or_else(PoisonError::into_inner) = Some(inbox);
    }

    fn inbox(&self) -> Option<mpsc::Sender<Job>> {
        self.inbox
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// Ends the question after everything delivered before.
    pub(super) async fn end(&self) {
        let Some(inbox) = self.inbox() else {
            return;
        };
        let (done, ended) = oneshot::channel();
        if inbox.send(Job::Close(done)).await.is_ok() && ended.await.is_err() {
            tracing::debug!(question = %self.id, "the merging task ended before it closed the question");
        }
    }

    pub(super) fn used(&self) {
        *self.used.lock().unwrap_or_else(PoisonError::into_inner) = self.clock.moment();
    }

    /// For how long nobody looked at it.
    pub(super) fn idle(&self) -> Duration {
        if self.version.receiver_count() > 0 {
            return Duration::ZERO;
        }
        let used = *self.used.lock().unwrap_or_else(PoisonError::into_inner);
        self.clock.moment().since(used)
    }

    /// What is kept of it when it is closed.
    pub(super) fn summary(&self) -> Summary {
        self.summary_for(&Reader::server())
    }

    fn summary_for(&self, reader: &Reader) -> Summary {
        let answer = self.answer();
        let mask = reader.mask(&answer);
        let view = answer.seen_by(mask.as_ref());
        Summary {
            coverage: view.coverage().counts(),
            rows: view.rows(),
            rows_cut: view.rows_cut(),
        }
    }

    pub fn info(&self, reader: &Reader) -> QuestionInfo {
        let summary = self.summary_for(reader);
        QuestionInfo {
            id: self.id,
            text: super::info::text(&self.text, &self.tail),
            tail: self.tail.clone(),
            asked_by: self.asked_by.clone(),
            asked_at: self.asked_at,
            expires_at: self.expires_at,
            cancelled: self.cancelled(),
            closed: self.closed(),
            plan: self.plan.clone(),
            coverage: summary.coverage,
            rows: summary.rows,
            rows_cut: summary.rows_cut,
            order: self.order,
            kept: self.kept.load(Ordering::Acquire),
            answers_removed_at: None,
            trouble: self.keeping.trouble(),
        }
    }
}

impl Subject for Live {
    fn label(&self) -> String {
        format!("question {}", self.id)
    }

    fn is_target(&self, ordinal: u32) -> bool {
        self.targets.as_ref().is_none_or(|t| t.contains(ordinal))
    }

    fn shape(&self) -> &Shape {
        &self.shape
    }

    fn is_closed(&self) -> bool {
        self.closed()
    }

    fn deliver(self: Arc<Self>, delivery: Delivery) -> Taken<'static> {
        Box::pin(async move {
            let Some(inbox) = self.inbox() else {
                return Err(Box::new(delivery));
            };
            match inbox.send(Job::Answer(delivery)).await {
                Ok(()) => Ok(()),
                Err(mpsc::error::SendError(Job::Answer(delivery))) => Err(Box::new(delivery)),
                Err(_) => Ok(()),
            }
        })
    }

    fn reached(&self, ordinal: u32, reached: bool) {
        let (changed, state) = {
            let mut unreached = self.unreached();
            if reached {
                (unreached.remove(ordinal), State::Pending)
            } else {
                (unreached.insert(ordinal), State::NotReached)
            }
        };
        if changed && !self.closed() {
            let only = EndpointSet::from_iter([ordinal]);
            if self.answer_mut().expect(&only, state) {
                self.announce();
            }
        }
    }
}

fn settled(answer: &Answer) -> EndpointSet {
    let coverage = answer.coverage();
    State::ALL
        .iter()
        .filter(|state| state.is_settled())
        .fold(EndpointSet::new(), |all, state| {
            all.union(&coverage.endpoints(*state))
        })
}

/// Each sensor of the plan once.
fn shape(plan: &Plan, catalogue: &Catalogue) -> Shape {
    let mut sensors: Vec<&str> = plan
        .tables
        .iter()
        .flat_map(|t| t.columns.iter().map(|c| c.sensor.as_str()))
        .collect();
    sensors.sort_unstable();
    sensors.dedup();
    Shape {
        columns: plan.tables.iter().map(|t| t.columns.len()).collect(),
        bounds: AnswerBounds::taken(sensors.into_iter().map(|name| {
            let limits = catalogue.sensor(name).map(|s| s.limits).unwrap_or_default();
            (limits.rows, limits.bytes)
        })),
    }
}
