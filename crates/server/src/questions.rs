//! The life of a question: asked, signed, pushed to the fleet, answered, kept, ended.
//!
//! Each question that takes answers has one task ([`merge`]) that owns its progress: it merges what endpoints send in batches, keeps
//! each batch in the store, then lets the endpoints know. So the order of events is one order, nothing is acknowledged before it is
//! on disk, and questions do not wait for each other. How an order reaches endpoints is [`crate::orders`]' business.
//! Readers take the merged answer's lock only for as long as they look; no lock is held over a disk or a network.

mod ask;
mod info;
mod keeping;
mod live;
mod merge;
mod restore;
mod retention;
mod watch;

pub use info::{AskError, QuestionError, QuestionInfo};
pub(crate) use live::Live;

use crate::access::Reader;
use crate::catalogue::SharedCatalogue;
use crate::fleet::Fleet;
use crate::identity::Identity;
use crate::model::clock::Clock;
use crate::model::ids::{QuestionId, UserId};
use crate::orders::Orders;
use crate::store::{Store, StoreError};
use answer::{EndpointSet, View};
use question::Plan;
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// Life of a question when the asker does not say.
pub const DEFAULT_LIFE: Duration = Duration::from_secs(600);
/// Longest life of a question.
pub const LONGEST_LIFE: Duration = Duration::from_secs(30 * 86_400);
/// A closed question that nobody looked at for this long is dropped from memory.
const IDLE: Duration = Duration::from_secs(300);
/// Questions that are looked through at once for somebody who may not see each of them.
const AHEAD: u32 = 500;
/// Bytes of cells that one answer may keep in memory; the rest goes to a file.
const ANSWER_MEMORY: usize = 32 << 20;

/// All questions.
pub struct Questions {
    store: Arc<dyn Store>,
    fleet: Arc<Fleet>,
    identity: Arc<Identity>,
    catalogue: SharedCatalogue,
    clock: Clock,
    spill: PathBuf,
    live: RwLock<HashMap<QuestionId, Arc<Live>>>,
    orders: Arc<Orders>,
    answers_stored: AtomicU64,
    /// One question at a time is read back from the store.
    loading: tokio::sync::Mutex<()>,
    /// A question with a new deadline was added.
    time: tokio::sync::Notify,
    tasks: TaskTracker,
    stop: CancellationToken,
}

impl Questions {
    /// Reads the open questions back and starts the tasks that look after them.
    ///
    /// # Errors
    /// The store's, or an answer that cannot be read back.
    pub async fn open(
        data_dir: &Path,
        store: Arc<dyn Store>,
        fleet: Arc<Fleet>,
        identity: Arc<Identity>,
        orders: Arc<Orders>,
        catalogue: SharedCatalogue,
        clock: Clock,
    ) -> Result<Arc<Self>, QuestionError> {
        let spill = data_dir.join("spill");
        std::fs::create_dir_all(&spill).map_err(|source| QuestionError::Folder {
            path: spill.clone(),
            source,
        })?;
        let questions = Arc::new(Self {
            store,
            fleet,
            identity,
            catalogue,
            clock,
            spill,
            live: RwLock::default(),
            orders,
            answers_stored: AtomicU64::new(0),
            loading: tokio::sync::Mutex::new(()),
            time: tokio::sync::Notify::new(),
            tasks: TaskTracker::new(),
            stop: CancellationToken::new(),
        });
        questions.reopen().await?;
        questions
            .tasks
            .spawn(Arc::clone(&questions).watch_presence());
        questions.tasks.spawn(Arc::clone(&questions).watch_time());
        Ok(questions)
    }

    /// Ends the tasks after what they have taken is kept. Open questions go on when the server starts again.
    pub async fn stop(&self) {
        self.stop.cancel();
        self.tasks.close();
        self.tasks.wait().await;
    }

    fn put(&self, live: &Arc<Live>) {
        self.live
            .write()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(live.id, Arc::clone(live));
    }

    fn peek(&self, id: QuestionId) -> Option<Arc<Live>> {
        let live = self.live.read().unwrap_or_else(PoisonError::into_inner);
        live.get(&id).cloned()
    }

    fn in_memory(&self, id: QuestionId) -> Option<Arc<Live>> {
        self.peek(id).inspect(|live| live.used())
    }

    fn all_in_memory(&self) -> Vec<Arc<Live>> {
        let live = self.live.read().unwrap_or_else(PoisonError::into_inner);
        live.values().cloned().collect()
    }

    fn open_ones(&self) -> Vec<Arc<Live>> {
        let mut all = self.all_in_memory();
        all.retain(|live| !live.closed());
        all
    }

    /// The question, read back from the store when it is not in memory.
    async fn get(&self, id: QuestionId) -> Result<Arc<Live>, QuestionError> {
        if let Some(live) = self.in_memory(id) {
            return Ok(live);
        }
        let _one = self.loading.lock().await;
        if let Some(live) = self.in_memory(id) {
            return Ok(live);
        }
        let stored = self
            .store
            .question(id)
            .await
            .map_err(QuestionError::Store)?
            .ok_or(QuestionError::Unknown(id))?;
        let live = self.load(stored).await?;
        self.put(&live);
        Ok(live)
    }

    /// As [`Self::get`], for who may see it: to everybody else there is no such question.
    async fn get_for(&self, id: QuestionId, reader: &Reader) -> Result<Arc<Live>, QuestionError> {
        let live = self.get(id).await?;
        seen(&live, reader)?;
        Ok(live)
    }

    /// Questions with smaller numbers than `before`, newest first: those that this reader sees.
    ///
    /// # Errors
    /// The store's.
    pub async fn list(
        &self,
        before: Option<QuestionId>,
        by: Option<UserId>,
        limit: u32,
        reader: &Reader,
    ) -> Result<Vec<QuestionInfo>, QuestionError> {
        let mut before = before;
        let mut infos = Vec::new();
        // What the reader does not see leaves no gap: the next ones take its place.
        loop {
            let missing = limit.saturating_sub(u32::try_from(infos.len()).unwrap_or(limit));
            let page = match reader.bounds() {
                None => missing,
                Some(_) => missing.max(AHEAD),
            };
            let stored = self
                .store
                .questions(before, by, page)
                .await
                .map_err(QuestionError::Store)?;
            let Some(last) = stored.last() else {
                return Ok(infos);
            };
            before = Some(last.id);
            for stored in stored {
                let targets = info::targets(&stored)?;
                let kept = info::from_store(&stored)?;
                let by = stored.asked_by.user();
                if !reader.sees_question(by, targets.as_ref(), &kept.plan) {
                    continue;
                }
                infos.push(match self.peek(stored.id) {
                    Some(live) => live.info(reader),
                    None if reader.sees_all_of(targets.as_ref()) => kept,
                    None => info::without_numbers(kept),
                });
            }
            if infos.len() >= limit as usize {
                infos.truncate(limit as usize);
                return Ok(infos);
            }
        }
    }

    /// One question.
    ///
    /// # Errors
    /// [`QuestionError::Unknown`], or the store's.
    pub async fn info(
        &self,
        id: QuestionId,
        reader: &Reader,
    ) -> Result<QuestionInfo, QuestionError> {
        if let Some(live) = self.in_memory(id) {
            seen(&live, reader)?;
            return Ok(live.info(reader));
        }
        let stored = self
            .store
            .question(id)
            .await
            .map_err(QuestionError::Store)?
            .ok_or(QuestionError::Unknown(id))?;
        let targets = info::targets(&stored)?;
        let kept = info::from_store(&stored)?;
        if !reader.sees_question(stored.asked_by.user(), targets.as_ref(), &kept.plan) {
            return Err(QuestionError::Unknown(id));
        }
        if reader.sees_all_of(targets.as_ref()) {
            return Ok(kept);
        }
        if stored.answers_removed_at.is_some() {
            // The numbers in sum that are left are of others too.
            return Ok(info::without_numbers(kept));
        }
        Ok(self.get(id).await?.info(reader))
    }

    /// Looks at an answer as this reader sees it; merging waits as long as `look` takes, so it should not take long on large answers.
    ///
    /// # Errors
    /// [`QuestionError::Unknown`], or the store's.
    pub async fn with_answer<T: Send>(
        &self,
        id: QuestionId,
        reader: &Reader,
        look: impl FnOnce(View<'_>, &Plan) -> T + Send,
    ) -> Result<T, QuestionError> {
        let live = self.get_for(id, reader).await?;
        Ok(blocking(|| {
            let answer = live.answer();
            let mask = reader.mask(&answer);
            look(answer.seen_by(mask.as_ref()), &live.plan)
        }))
    }

    /// As [`Self::with_answer`], with two answers at once.
    ///
    /// # Errors
    /// [`QuestionError::Unknown`], or the store's.
    pub async fn with_answers<T: Send>(
        &self,
        left: QuestionId,
        right: QuestionId,
        reader: &Reader,
        look: impl FnOnce((View<'_>, &Plan), (View<'_>, &Plan)) -> T + Send,
    ) -> Result<T, QuestionError> {
        let one = self.get_for(left, reader).await?;
        let other = self.get_for(right, reader).await?;
        Ok(blocking(|| {
            if Arc::ptr_eq(&one, &other) {
                // The same lock must not be taken twice.
                let answer = one.answer();
                let mask = reader.mask(&answer);
                let view = answer.seen_by(mask.as_ref());
                return look((view, &one.plan), (view, &one.plan));
            }
            // Everyone takes two locks in the order of the numbers.
            let (first, second) = if one.id < other.id {
                (&one, &other)
            } else {
                (&other, &one)
            };
            let (a, b) = (first.answer(), second.answer());
            let masks = (reader.mask(&a), reader.mask(&b));
            let a = (a.seen_by(masks.0.as_ref()), &first.plan);
            let b = (b.seen_by(masks.1.as_ref()), &second.plan);
            if one.id < other.id {
                look(a, b)
            } else {
                look(b, a)
            }
        }))
    }

    /// Why what this answer shows is not kept, if it is not: waits until that is known of everything that was merged before.
    ///
    /// # Errors
    /// [`QuestionError::Unknown`], or the store's.
    pub async fn trouble(&self, id: QuestionId) -> Result<Option<String>, QuestionError> {
        let live = self.get(id).await?;
        tokio::select! {
            () = self.stop.cancelled() => Ok(live.keeping.trouble()),
            trouble = live.keeping.known() => Ok(trouble),
        }
    }

    /// Follows an answer: the receiver changes with each change of the answer, and once more when the question closes.
    /// Its value is the answer's version.
    ///
    /// # Errors
    /// [`QuestionError::Unknown`], or the store's.
    pub async fn follow(
        &self,
        id: QuestionId,
        reader: &Reader,
    ) -> Result<tokio::sync::watch::Receiver<u64>, QuestionError> {
        Ok(self.get_for(id, reader).await?.version.subscribe())
    }

    /// Endpoints' answers stored since the start.
    #[must_use]
    pub fn answers_stored(&self) -> u64 {
        self.answers_stored.load(Ordering::Relaxed)
    }

    /// How many questions take answers.
    #[must_use]
    pub fn open_count(&self) -> usize {
        let live = self.live.read().unwrap_or_else(PoisonError::into_inner);
        live.values().filter(|live| !live.closed()).count()
    }

    /// Endpoints that a question is for, as of now.
    fn expected(&self, targets: Option<&EndpointSet>) -> EndpointSet {
        let approved = self.identity.approved();
        match targets {
            Some(targets) => targets.intersect(&approved),
            None => approved,
        }
    }

    /// Revoked endpoints that a question names or has waited for.
    fn barred(&self, targets: Option<&EndpointSet>, waited: &EndpointSet) -> EndpointSet {
        let revoked = self.identity.revoked();
        let asked = targets.map_or_else(|| waited.clone(), |targets| targets.union(waited));
        asked.intersect(&revoked)
    }
}

fn seen(live: &Live, reader: &Reader) -> Result<(), QuestionError> {
    if reader.sees_question(live.asked_by.user(), live.targets.as_ref(), &live.plan) {
        Ok(())
    } else {
        Err(QuestionError::Unknown(live.id))
    }
}

/// Runs work that may take a while without stopping the other tasks of this thread, where the runtime has other threads.
fn blocking<T>(work: impl FnOnce() -> T) -> T {
    let several = tokio::runtime::Handle::try_current()
        .is_ok_and(|h| h.runtime_flavor() == tokio::runtime::RuntimeFlavor::MultiThread);
    if several {
        tokio::task::block_in_place(work)
    } else {
        work()
    }
}

/// For logs: the store's failure with what it says underneath.
fn report(error: &StoreError) -> &(dyn std::error::Error + 'static) {
    error
}
