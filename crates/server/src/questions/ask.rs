//! Asking and cancelling.

use super::info::{AskError, QuestionError, QuestionInfo};
use super::live::Parts;
use super::log::OpenOrder;
use super::{DEFAULT_LIFE, LONGEST_LIFE, Live, Questions};
use crate::model::actor::Actor;
use crate::model::audit::Deed;
use crate::model::ids::QuestionId;
use crate::store::questions::{NewQuestion, StoredOrder};
use answer::{EndpointSet, State};
use jiff::Timestamp;
use protocol::message::{
    CancelOrder, Order, QuestionOrder, SignedOrder, ToAgent, payload::Payload, server_says,
};
use question::Plan;
use std::sync::Arc;
use std::time::Duration;

/// A question that was understood, ready to be signed and kept.
struct Understood {
    text: String,
    plan: Plan,
    by: Actor,
    life: Duration,
    targets: Option<EndpointSet>,
}

pub(super) fn frame(signed: &SignedOrder) -> Arc<[u8]> {
    protocol::frame::encode(&ToAgent {
        body: Some(server_says::Body::Order(signed.clone())),
    })
    .into()
}

impl Questions {
    /// Asks: parses, signs, keeps, pushes. The question lives for `life` (600 seconds when not given) and is for `targets`
    /// (everyone when not given).
    ///
    /// # Errors
    /// [`AskError`]; nothing was asked then.
    pub async fn ask(
        self: &Arc<Self>,
        text: &str,
        by: &Actor,
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
        let catalogue = self.catalogue.now();
        let question = question::parse(text, &catalogue).map_err(AskError::Parse)?;
        let understood = Understood {
            text: question.to_string(),
            plan: question::plan(&question, &catalogue),
            by: by.clone(),
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
            plan,
            by,
            life,
            targets,
        } = understood;
        let asked_at = self.clock.now();
        // Orders tell time in whole seconds; the question must not outlive its order.
        let issued = asked_at.as_second();
        let seconds = i64::try_from(life.as_secs()).unwrap_or(i64::MAX);
        let expires = issued.saturating_add(seconds);
        let expires_at = Timestamp::from_second(expires).map_err(|_| AskError::Expiry)?;
        let number = self.next_order();
        let packed = targets.as_ref().map(EndpointSet::to_bytes);
        let signed = self
            .identity
            .sign(Order {
                number,
                issued,
                expires,
                asked_by: by.to_string(),
                approved_by: String::new(),
                targets: packed.clone().unwrap_or_default(),
                digest: Vec::new(),
                payload: Some(Payload::Question(QuestionOrder {
                    text: text.clone(),
                    limits: None,
                })),
            })
            .ok_or(AskError::NoKey)?;
        let frame = frame(&signed);
        if frame.len() > protocol::frame::MAX {
            return Err(AskError::TooLarge(protocol::frame::MAX));
        }
        let stored = NewQuestion {
            text: text.clone(),
            plan: serde_json::to_string(&plan).map_err(AskError::Plan)?,
            asked_by: by.clone(),
            asked_at,
            expires_at,
            targets: packed,
            order: StoredOrder {
                number,
                question: QuestionId(0),
                cancels: false,
                body: signed.body,
                key: signed.key,
                signature: signed.signature,
                expires_at,
            },
        };
        let deed = Deed::new(by.clone(), "question.ask", "").with(serde_json::json!({
            "text": text, "order": number, "seconds": seconds, "targets": targets.as_ref().map(EndpointSet::len),
        }));
        let id = self
            .store
            .add_question(stored, deed)
            .await
            .map_err(AskError::Store)?;
        let answer = Live::empty_answer(&plan, &self.spill);
        let parts = Parts {
            id,
            order: number,
            text,
            plan,
            asked_by: by,
            asked_at,
            expires_at,
            targets,
            cancelled: false,
            closed: false,
        };
        let live = Arc::new(Live::new(parts, answer, &self.catalogue.now(), &self.clock));
        self.refresh(&live);
        self.put(&live);
        self.start_merging(&live);
        self.log.append(OpenOrder {
            number,
            targets: live.targets.clone(),
            cancels: false,
            frame,
            deadline: live.deadline,
            live: Arc::clone(&live),
        });
        self.wake_fleet();
        self.time.notify_one();
        // Who came between the count and the push is pending now.
        self.refresh(&live);
        tracing::info!(question = %id, order = number, by = %live.asked_by, text = live.text, "a question was asked");
        Ok(live.info())
    }

    /// Lets the connections look at the log, while the one who asked goes on.
    fn wake_fleet(self: &Arc<Self>) {
        let all = Arc::clone(self);
        self.tasks.spawn(async move { all.fleet.wake_all().await });
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
        let unanswered = {
            let answer = live.answer();
            let coverage = answer.coverage();
            coverage
                .endpoints(State::Pending)
                .union(&coverage.endpoints(State::Offline))
        };
        let now = self.clock.now();
        let expires = live.expires_at.as_second();
        let number = self.next_order();
        let signed = self
            .identity
            .sign(Order {
                number,
                issued: now.as_second(),
                expires,
                asked_by: by.to_string(),
                approved_by: String::new(),
                targets: unanswered.to_bytes(),
                digest: Vec::new(),
                payload: Some(Payload::Cancel(CancelOrder { order: live.order })),
            })
            .ok_or(QuestionError::NoKey)?;
        let needed = !unanswered.is_empty();
        let order = needed.then(|| StoredOrder {
            number,
            question: live.id,
            cancels: true,
            body: signed.body.clone(),
            key: signed.key.clone(),
            signature: signed.signature.clone(),
            expires_at: live.expires_at,
        });
        let deed = Deed::new(
            by.clone(),
            "question.cancel",
            format!("question {}", live.id),
        );
        let changed = self
            .store
            .cancel_question(live.id, now, by, order, deed)
            .await
            .map_err(QuestionError::Store)?;
        if !changed {
            return Err(QuestionError::Closed(live.id));
        }
        live.set_cancelled();
        self.log.retain(|o| o.live.id != live.id);
        if needed {
            self.log.append(OpenOrder {
                number,
                targets: Some(unanswered),
                cancels: true,
                frame: frame(&signed),
                deadline: live.deadline,
                live: Arc::clone(&live),
            });
            self.wake_fleet();
        }
        live.end().await;
        Ok(())
    }
}
