//! What is too old, or too much, goes: answers first, questions later, orders when nobody can need them, the audit log when it is
//! exported.
//!
//! A question that is marked to be kept stays with its answers however old it gets. Everything that goes is said in the audit log, and
//! its room is given back in small steps ([`Upkeep::tidy`](crate::store::Upkeep::tidy)), so that nobody waits for it. A sweep that
//! fails is tried again at the next one; what it did until then stands.

pub mod export;
mod memory;

use crate::model::actor::Actor;
use crate::model::audit::{CUT, Deed, Head, cut_detail};
use crate::model::clock::Clock;
use crate::model::ids::QuestionId;
use crate::questions::{QuestionError, Questions};
use crate::store::upkeep::{Ended, EndedQuery};
use crate::store::{Store, StoreError};
use export::{Export, ExportError};
use jiff::{SignedDuration, Timestamp};
use serde_json::json;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tokio_util::sync::CancellationToken;

const DAY: Duration = Duration::from_secs(86_400);
/// Questions looked at in one go.
const PAGE: u32 = 100;
/// Audit entries read in one go.
const ENTRIES: u32 = 1000;
/// The newest entries always stay, so that whoever looks at the log sees something.
const NEWEST: u64 = 1000;

/// How long things stay, and how much of them.
#[derive(Clone, Debug)]
pub struct Limits {
    /// Answers go this long after their question ended.
    pub answers_age: Duration,
    /// With more bytes of answers than this, the oldest go.
    pub answers_size: u64,
    /// Questions go this long after they ended.
    pub questions_age: Duration,
    /// Orders go this long after they ended.
    pub orders_age: Duration,
    /// Audit entries are exported and cut off when they are this old.
    pub audit_age: Duration,
    /// With more bytes of audit entries than this, the oldest are exported and cut off.
    pub audit_size: u64,
    /// Time between two sweeps; `None` for none.
    pub every: Option<Duration>,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            answers_age: DAY * 90,
            answers_size: 8 << 30,
            questions_age: DAY * 400,
            orders_age: DAY * 31,
            audit_age: DAY * 400,
            audit_size: 1 << 30,
            every: Some(Duration::from_secs(3600)),
        }
    }
}

/// What a sweep took away.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Swept {
    /// Questions whose answers went.
    pub answers: u64,
    /// Questions that went.
    pub questions: u64,
    /// Orders.
    pub orders: u64,
    /// Audit entries.
    pub entries: u64,
}

/// Why a sweep did not come to its end.
#[derive(Debug, thiserror::Error)]
pub enum RetentionError {
    /// The store.
    #[error("what is old could not be removed from the store")]
    Store(#[source] StoreError),
    /// A question.
    #[error("an old question could not be removed")]
    Question(#[source] QuestionError),
    /// The export of audit entries; nothing was cut off then.
    #[error("old audit entries could not be exported, so they stay")]
    Export(#[source] ExportError),
    /// An entry's time.
    #[error("audit entry {number} has no readable time")]
    Time {
        /// Its number.
        number: u64,
        /// Why.
        #[source]
        source: jiff::Error,
    },
}

/// Sweeps.
pub struct Retention {
    store: Arc<dyn Store>,
    questions: Arc<Questions>,
    clock: Clock,
    limits: Limits,
    exports: PathBuf,
}

impl Retention {
    /// Works on this store; audit entries are exported into `exports`.
    pub fn new(
        store: Arc<dyn Store>,
        questions: Arc<Questions>,
        clock: Clock,
        limits: Limits,
        exports: PathBuf,
    ) -> Self {
        Self {
            store,
            questions,
            clock,
            limits,
            exports,
        }
    }

    /// Sweeps now and then until told to stop.
    pub async fn run(self, stop: CancellationToken) {
        let memory = tokio::spawn(memory::watch(self.clock.clone(), stop.clone()));
        while let Some(every) = self.limits.every {
            match self.sweep().await {
                Ok(swept) if swept == Swept::default() => {}
                Ok(swept) => tracing::info!(?swept, "what was old is gone"),
                Err(error) => {
                    tracing::error!(error = &error as &dyn std::error::Error, "a sweep failed");
                }
            }
            tokio::select! {
                () = stop.cancelled() => break,
                () = self.clock.sleep(every) => {}
            }
        }
        stop.cancelled().await;
        if let Err(error) = memory.await {
            tracing::error!(%error, "watching the memory ended badly");
        }
    }

    /// Takes away what is over the limits.
    ///
    /// # Errors
    /// [`RetentionError`]; what was taken away until then stays so.
    pub async fn sweep(&self) -> Result<Swept, RetentionError> {
        let mut swept = Swept {
            questions: self.old_questions().await?,
            answers: self.old_answers().await?,
            ..Swept::default()
        };
        self.tidy().await?;
        swept.answers += self.large_answers().await?;
        loop {
            let before = self.ago(self.limits.orders_age);
            match self.store.remove_orders(before).await {
                Ok(0) => break,
                Ok(removed) => swept.orders += removed,
                Err(error) => return Err(RetentionError::Store(error)),
            }
        }
        swept.entries = self.old_entries().await?;
        self.tidy().await?;
        Ok(swept)
    }

    fn ago(&self, age: Duration) -> Timestamp {
        let age = SignedDuration::try_from(age).unwrap_or(SignedDuration::MAX);
        self.clock
            .now()
            .checked_sub(age)
            .unwrap_or(Timestamp::UNIX_EPOCH)
    }

    async fn ended(
        &self,
        before: Timestamp,
        with_answers: bool,
    ) -> Result<Vec<Ended>, RetentionError> {
        let query = EndedQuery {
            before,
            with_answers,
            limit: PAGE,
        };
        let ended = self.store.ended_questions(query).await;
        ended.map_err(RetentionError::Store)
    }

    async fn old_questions(&self) -> Result<u64, RetentionError> {
        let before = self.ago(self.limits.questions_age);
        let mut removed = 0;
        loop {
            let page = self.ended(before, false).await?;
            if page.is_empty() {
                return Ok(removed);
            }
            for ended in page {
                self.questions
                    .remove(ended.id, &Actor::Server)
                    .await
                    .map_err(RetentionError::Question)?;
                removed += 1;
            }
        }
    }

    async fn old_answers(&self) -> Result<u64, RetentionError> {
        let before = self.ago(self.limits.answers_age);
        let mut removed = 0;
        loop {
            let page = self.ended(before, true).await?;
            if page.is_empty() {
                return Ok(removed);
            }
            for ended in page {
                removed += self.drop_answers(ended.id, "they are old").await?;
            }
        }
    }

    /// The oldest answers, until the rest is within the limit.
    async fn large_answers(&self) -> Result<u64, RetentionError> {
        let sizes = self.store.sizes().await.map_err(RetentionError::Store)?;
        let mut over = sizes.answers.saturating_sub(self.limits.answers_size);
        let mut removed = 0;
        while over > 0 {
            let page = self.ended(self.clock.now(), true).await?;
            if page.is_empty() {
                tracing::warn!(
                    bytes = sizes.answers,
                    limit = self.limits.answers_size,
                    "answers take more room than they may, and all that are left are open or to be kept"
                );
                break;
            }
            for ended in page {
                if over == 0 {
                    break;
                }
                removed += self.drop_answers(ended.id, "there are too many").await?;
                over = over.saturating_sub(ended.bytes);
            }
        }
        Ok(removed)
    }

    async fn drop_answers(&self, id: QuestionId, why: &str) -> Result<u64, RetentionError> {
        let dropped = self.questions.remove_answers(id, why).await;
        dropped.map(u64::from).map_err(RetentionError::Question)
    }

    /// Exports audit entries that are too old or too many, then cuts them off.
    async fn old_entries(&self) -> Result<u64, RetentionError> {
        let store = RetentionError::Store;
        let head = self.store.audit_head().await.map_err(store)?;
        let anchor = self.store.audit_anchor().await.map_err(store)?;
        let sizes = self.store.sizes().await.map_err(store)?;
        let before = self.ago(self.limits.audit_age);
        let last = head.number.saturating_sub(NEWEST);
        let total = head.number.saturating_sub(anchor.number);
        // By size: the same share of entries as of bytes, and a quarter more, so that it does not come to this each time.
        let too_many = if sizes.audit > self.limits.audit_size {
            let keep = u128::from(self.limits.audit_size) * 3 / 4 * u128::from(total)
                / u128::from(sizes.audit.max(1));
            anchor.number + total.saturating_sub(u64::try_from(keep).unwrap_or(u64::MAX))
        } else {
            0
        };
        let mut export: Option<Export> = None;
        let mut after = anchor.number;
        'reading: while after < last {
            let entries = self
                .store
                .audit_after(after, ENTRIES)
                .await
                .map_err(store)?;
            if entries.is_empty() {
                break;
            }
            for entry in entries {
                let at: Timestamp = entry.time.parse().map_err(|source| RetentionError::Time {
                    number: entry.number,
                    source,
                })?;
                let goes = at < before || entry.number <= too_many;
                if !goes || entry.number > last {
                    break 'reading;
                }
                after = entry.number;
                let export = match &mut export {
                    Some(export) => export,
                    None => export.insert(
                        Export::begin(&self.exports, entry.number)
                            .map_err(RetentionError::Export)?,
                    ),
                };
                export.add(&entry).map_err(RetentionError::Export)?;
            }
        }
        let Some(export) = export else { return Ok(0) };
        let done = export.finish().map_err(RetentionError::Export)?;
        let through = Head {
            number: done.last,
            hash: done.hash,
        };
        let mut detail = cut_detail(through);
        if let Some(fields) = detail.as_object_mut() {
            fields.insert("file".into(), json!(done.name));
            fields.insert("sha256".into(), json!(hex::encode(done.digest)));
        }
        let object = format!("entries {} to {}", done.first, done.last);
        let deed = Deed::new(Actor::Server, CUT, object).with(detail);
        self.store.cut_audit(through, deed).await.map_err(store)?;
        Ok(done.last - done.first + 1)
    }

    async fn tidy(&self) -> Result<(), RetentionError> {
        let now = self.clock.now();
        while self.store.tidy(now).await.map_err(RetentionError::Store)? {
            tokio::task::yield_now().await;
        }
        Ok(())
    }
}
