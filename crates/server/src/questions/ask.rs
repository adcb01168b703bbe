//! Asking and cancelling.

use super::info::{self, AskError, QuestionError, QuestionInfo};
use super::live::Parts;
use super::{DEFAULT_LIFE, LONGEST_LIFE, Live, Questions};
use crate::access::Reader;
use crate::model::actor::Actor;
use crate::model::audit::Deed;
use crate::model::clock::Moment;
use crate::model::ids::QuestionId;
use crate::model::order::{OrderKind, SealError, StoredOrder};
use crate::orders::{Draft, Progress, Ready};
use crate::store::StoreError;
use crate::store::questions::NewQuestion;
use answer::EndpointSet;
use jiff::Timestamp;
use protocol::lane::Lane;
use protocol::message::{CancelOrder, QuestionOrder, SignedOrder, payload::Payload};
use question::{Plan, Tail};
use std::sync::Arc;
use std::time::Duration;

/// A question that was understood, ready to be signed and kept.
struct Understood {
    /// What endpoints are asked.
    text: String,
    tail: Tail,
    plan: Plan,
    by: Actor,
    reader: Reader,
    life: Duration,
    targets: Option<EndpointSet>,
}

impl Questions {
    /// Asks: parses, signs, keeps, pushes. The question lives for `life` (600 seconds when not given) and is for `targets`
    /// (everyone when not given), as far as the asker sees them.
    ///
    /// # Errors
    /// [`AskError`]; nothing was asked then.
    pub async fn ask(
        self: &Arc<Self>,
        text: &str,
        by: &Actor,
        reader: &Reader,
        life: Option<Duration>,
        targets: Option<EndpointSet>,
    ) -> Result<QuestionInfo, AskError> {
        let life = life.unwrap_or(DEFAULT_LIFE);
        if life < Duration::from_secs(1) || life > LONGEST_LIFE {
            return Err(AskError::Expiry);
        }
        if targets.as_ref().is_some_and(EndpointSet::is_empty) {
            return Err(AskError::NoTargets);
        }
        let targets = match reader.bounds() {
            None => targets,
            Some(reach) => {
                let all = targets.unwrap_or_else(|| self.identity.approved());
                let theirs = reach.cut(&all);
                if theirs.is_empty() {
                    return Err(AskError::NothingInReach);
                }
                Some(theirs)
            }
        };
        let catalogue = self.catalogue.now();
        let question = question::parse(text, &catalogue).map_err(AskError::Parse)?;
        // What a group's filter names counts as read by whoever asks by it: else its members would tell what its sensors do.
        if let Some((sensor, content_set)) = reader.unreadable(question.sensors()) {
            return Err(AskError::Unreadable {
                sensor,
                content_set,
            });
        }
        let understood = Understood {
            text: question.asked().to_string(),
            plan: question::plan(&question, &catalogue),
            tail: question.tail,
            by: by.clone(),
            reader: reader.clone(),
            life,
            targets,
        };
        // In a task of its own: once it is kept it must be pushed, even if the one who asked hangs up.
        let task = self.tasks.spawn(Arc::clone(self).issue(understood));
        task.await.map_err(|_| AskError::Stopping)?
    }

    async fn issue(self: Arc<Self>, understood: Understood) -> Result<QuestionInfo, AskError> {
        let Understood {
            text,
            tail,
            plan,
            by,
            reader,
            life,
            targets,
        } = understood;
        let asked_at = self.clock.now();
        // Orders tell time in whole seconds; the question must not outlive its order.
        let issued = asked_at.as_second();
        let seconds = i64::try_from(life.as_secs()).unwrap_or(i64::MAX);
        let expires = issued.saturating_add(seconds);
        let expires_at = Timestamp::from_second(expires).map_err(|_| AskError::Expiry)?;
        let draft = self.orders.draft(Draft {
            asked_by: by.clone(),
            issued: asked_at,
            expires: expires_at,
            targets: targets.clone(),
            payload: payload(&text),
        });
        let stored = NewQuestion {
            text: text.clone(),
            tail: tail.to_string(),
            plan: serde_json::to_string(&plan).map_err(AskError::Plan)?,
            asked_by: by.clone(),
            asked_at,
            expires_at,
            targets: targets.as_ref().map(EndpointSet::to_bytes),
        };
        let deed = Deed::new(by.clone(), "question.ask", "").with(serde_json::json!({
            "text": info::text(&text, &tail), "seconds": seconds, "targets": targets.as_ref().map(EndpointSet::len),
        }));
        let order = match self.store.add_question(stored, draft, deed).await {
            Ok(order) => order,
            Err(StoreError::Seal(error)) => return Err(AskError::Seal(error)),
            Err(error) => return Err(AskError::Store(error)),
        };
        let OrderKind::Question(id) = order.kind else {
            return Err(AskError::Seal(SealError::NoKey));
        };
        let answer = Live::empty_answer(&plan, &self.spill);
        let parts = Parts {
            id,
            order: order.number,
            text,
            tail,
            plan,
            asked_by: by,
            asked_at,
            expires_at,
            targets,
            cancelled: false,
            closed: false,
            kept: false,
        };
        let live = Arc::new(Live::new(parts, answer, &self.catalogue.now(), &self.clock));
        self.refresh(&live);
        self.put(&live);
        self.start_merging(&live);
        self.send(&live, order.signed);
        self.wake_fleet();
        self.time.notify_one();
        // Who came between the count and the push is pending now.
        self.refresh(&live);
        tracing::info!(question = %id, order = live.order, by = %live.asked_by, text = live.text, "a question was asked");
        Ok(live.info(&reader))
    }

    /// Hands an open question's order to the order machine.
    pub(super) fn send(&self, live: &Arc<Live>, signed: SignedOrder) {
        let ready = Ready {
            number: live.order,
            signed,
            lane: Lane::Questions,
            targets: live.targets.clone(),
            progress: Arc::clone(&live.progress),
            deadline: live.deadline,
        };
        self.orders.open(ready, Arc::<Live>::clone(live));
    }

    /// Lets the connections look at the log, while the one who asked goes on.
    fn wake_fleet(self: &Arc<Self>) {
        let all = Arc::clone(self);
        self.tasks.spawn(async move { all.orders.push().await });
    }

    /// Cancels a question: endpoints that work on it are told, nothing more is taken.
    ///
    /// # Errors
    /// [`QuestionError::Unknown`], [`QuestionError::Closed`], or the store's.
    pub async fn cancel(self: &Arc<Self>, id: QuestionId, by: &Actor) -> Result<(), QuestionError> {
        let live = self.get(id).await?;
        if live.closed() || live.cancelled() {
            return Err(QuestionError::Closed(id));
        }
        let task = self
            .tasks
            .spawn(Arc::clone(self).withdraw(live, by.clone()));
        task.await.map_err(|_| QuestionError::Closed(id))?
    }

    async fn withdraw(self: Arc<Self>, live: Arc<Live>, by: Actor) -> Result<(), QuestionError> {
        let unanswered = live.answer().coverage().waited_for();
        let now = self.clock.now();
        let order = (!unanswered.is_empty()).then(|| {
            self.orders.draft(Draft {
                asked_by: by.clone(),
                issued: now,
                expires: live.expires_at,
                targets: Some(unanswered.clone()),
                payload: cancels(live.order),
            })
        });
        let deed = Deed::new(
            by.clone(),
            "question.cancel",
            format!("question {}", live.id),
        );
        let cancelled = self
            .store
            .cancel_question(live.id, now, by, order, deed)
            .await
            .map_err(|error| match error {
                StoreError::Seal(error) => QuestionError::Seal(error),
                error => QuestionError::Store(error),
            })?
            .ok_or(QuestionError::Closed(live.id))?;
        live.set_cancelled();
        self.orders.recall(live.order);
        if let Some(order) = cancelled.order {
            self.tell_cancelled(
                &order,
                order.signed.clone(),
                Some(unanswered),
                live.deadline,
            );
            self.wake_fleet();
        }
        live.end().await;
        Ok(())
    }

    /// Hands an order that stops a question to the order machine.
    pub(super) fn tell_cancelled(
        &self,
        order: &StoredOrder,
        signed: SignedOrder,
        targets: Option<EndpointSet>,
        deadline: Moment,
    ) {
        self.orders.tell(Ready {
            number: order.number,
            signed,
            lane: Lane::Control,
            targets,
            progress: Arc::new(Progress::new(EndpointSet::new())),
            deadline,
        });
    }
}

/// What an order says that asks this question.
pub(super) fn payload(text: &str) -> Payload {
    Payload::Question(QuestionOrder {
        text: text.to_owned(),
        limits: None,
    })
}

/// What an order says that stops this one.
pub(super) fn cancels(order: u64) -> Payload {
    Payload::Cancel(CancelOrder { order })
}
