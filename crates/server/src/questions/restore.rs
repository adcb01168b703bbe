//! Reading questions and answers back from the store: the open ones at the start, others when somebody looks at them.

use super::ask::{cancels, payload};
use super::info::{self, QuestionError};
use super::live::Parts;
use super::merge::cancel;
use super::{Live, Questions};
use crate::model::ids::QuestionId;
use crate::model::order::{OrderKind, StoredOrder};
use crate::orders::{Delivery, Distrust, Expected, Subject as _};
use crate::store::questions::StoredQuestion;
use answer::{Answer, Contribution, EndpointSet, State};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use prost::Message as _;
use protocol::message::Order;
use question::Plan;
use std::sync::Arc;
use std::time::Duration;

/// Rows or parts read in one go.
const CHUNK: u32 = 4096;

impl Questions {
    /// Takes up the open questions where the last run of the server left them.
    pub(super) async fn reopen(self: &Arc<Self>) -> Result<(), QuestionError> {
        let stored = self
            .store
            .open_questions()
            .await
            .map_err(QuestionError::Store)?;
        for question in stored {
            let (id, cancelled) = (question.id, question.cancelled_at.is_some());
            match self.load(question).await {
                Ok(live) => {
                    self.put(&live);
                    self.start_merging(&live);
                    self.refresh(&live);
                    if cancelled {
                        // The server ended between the cancellation and its effect.
                        live.end().await;
                    }
                }
                // One damaged answer must not keep the server from starting.
                Err(error) => {
                    tracing::error!(error = &error as &dyn std::error::Error, question = %id, "an open question cannot be taken up");
                }
            }
        }
        let orders = self
            .store
            .live_orders(self.clock.now())
            .await
            .map_err(QuestionError::Store)?;
        for order in orders {
            match order.kind {
                OrderKind::Question(id) => self.take_up_question(id, &order).await?,
                OrderKind::Cancel(id) => self.take_up_cancel(id, &order).await?,
            }
        }
        Ok(())
    }

    async fn take_up_question(
        self: &Arc<Self>,
        id: QuestionId,
        order: &StoredOrder,
    ) -> Result<(), QuestionError> {
        let Some(live) = self.in_memory(id).filter(|live| !live.closed()) else {
            return Ok(());
        };
        let taken = self.orders.take_up(order, &asked(&live)).await;
        match taken.map_err(QuestionError::Store)? {
            Ok(signed) => self.send(&live, signed),
            // Nobody is asked what somebody wrote into the store; what came before stays.
            Err(distrust) => give_up(&live, distrust).await,
        }
        Ok(())
    }

    async fn take_up_cancel(
        &self,
        id: QuestionId,
        order: &StoredOrder,
    ) -> Result<(), QuestionError> {
        let question = self
            .store
            .question(id)
            .await
            .map_err(QuestionError::Store)?;
        let Some(question) = question else {
            return Ok(());
        };
        let expected = Expected {
            payload: cancels(question.order),
            targets: None,
        };
        let taken = self.orders.take_up(order, &expected).await;
        if let Ok(signed) = taken.map_err(QuestionError::Store)? {
            let targets = Order::decode(signed.body.as_slice())
                .ok()
                .and_then(|o| EndpointSet::from_bytes(&o.targets).ok());
            let left = order.expires_at.duration_since(self.clock.now());
            let left = Duration::try_from(left).unwrap_or(Duration::ZERO);
            let deadline = self.clock.moment().after(left);
            self.tell_cancelled(
                order,
                signed,
                targets.or(Some(EndpointSet::new())),
                deadline,
            );
        }
        Ok(())
    }

    /// After an order key was dropped: open orders get a signature of the new one.
    pub(super) async fn resign(&self) -> Result<(), QuestionError> {
        let orders = self
            .store
            .live_orders(self.clock.now())
            .await
            .map_err(QuestionError::Store)?;
        for order in orders {
            if self.orders.key_is_current(&order.signed.key) {
                continue;
            }
            let expected = match order.kind {
                OrderKind::Question(id) => match self.in_memory(id) {
                    Some(live) => asked(&live),
                    None => continue,
                },
                OrderKind::Cancel(id) => {
                    let question = self
                        .store
                        .question(id)
                        .await
                        .map_err(QuestionError::Store)?;
                    let Some(question) = question else { continue };
                    Expected {
                        payload: cancels(question.order),
                        targets: None,
                    }
                }
            };
            let taken = self.orders.take_up(&order, &expected).await;
            if let Ok(signed) = taken.map_err(QuestionError::Store)? {
                self.orders.reframe(order.number, &signed);
            }
        }
        Ok(())
    }

    /// What endpoints answered, as far as it is in the store.
    pub(super) async fn stored_answer(
        &self,
        id: QuestionId,
        plan: &Plan,
    ) -> Result<Answer, QuestionError> {
        let failed = |source| QuestionError::Answer { id, source };
        let mut answer = Live::empty_answer(plan, &self.spill);
        let mut after = None;
        loop {
            let rows = self
                .store
                .answer_rows(id, after, CHUNK)
                .await
                .map_err(QuestionError::Store)?;
            let Some(last) = rows.last() else { break };
            after = Some((last.table, last.row));
            for row in rows {
                answer
                    .restore_row(row.table, row.row, row.cells)
                    .map_err(failed)?;
            }
        }
        let mut after = 0;
        loop {
            let parts = self
                .store
                .answer_parts(id, after, CHUNK)
                .await
                .map_err(QuestionError::Store)?;
            let Some((last, _)) = parts.last() else { break };
            after = *last;
            for (_, part) in parts {
                answer
                    .restore_endpoint(
                        part.ordinal,
                        part.state,
                        &part.rows,
                        &part.problems,
                        part.rows_cut,
                    )
                    .map_err(failed)?;
            }
        }
        Ok(answer)
    }

    /// Builds a question and its answer from the store.
    pub(super) async fn load(&self, stored: StoredQuestion) -> Result<Arc<Live>, QuestionError> {
        let id = stored.id;
        if let Some(at) = stored.answers_removed_at {
            return Err(QuestionError::Removed { id, at });
        }
        let plan = info::plan(&stored)?;
        let tail = info::tail(&stored, &plan)?;
        let failed = |source| QuestionError::Answer { id, source };
        let mut answer = self.stored_answer(id, &plan).await?;
        if let Some(text) = &stored.unanswered {
            for (state, set) in
                unanswered(text).map_err(|source| QuestionError::Damaged { id, source })?
            {
                if state == State::Cancelled {
                    cancel(&mut answer, &set);
                } else {
                    answer.expect(&set, state);
                }
            }
        }
        let targets = stored
            .targets
            .as_deref()
            .map(EndpointSet::from_bytes)
            .transpose()
            .map_err(failed)?;
        let parts = Parts {
            id,
            order: stored.order,
            text: stored.text,
            tail,
            plan,
            asked_by: stored.asked_by,
            asked_at: stored.asked_at,
            expires_at: stored.expires_at,
            targets,
            cancelled: stored.cancelled_at.is_some(),
            closed: stored.closed,
            kept: stored.kept,
        };
        Ok(Arc::new(Live::new(
            parts,
            answer,
            &self.catalogue.now(),
            &self.clock,
        )))
    }
}

/// Ends a question whose order cannot be sent: who has not answered did so for this reason, and for none of their own.
async fn give_up(live: &Arc<Live>, distrust: Distrust) {
    let waited = live.answer().coverage().waited_for();
    for ordinal in waited.iter() {
        let message = format!("the order is not sent: {distrust}");
        let delivery = Delivery {
            contribution: Contribution {
                ordinal,
                state: State::Error,
                rows: Vec::new(),
                problems: vec![("order".to_owned(), State::Error, message)],
                rows_cut: 0,
            },
            receipt: None,
            charge: None,
        };
        if Arc::clone(live).deliver(delivery).await.is_err() {
            break;
        }
    }
    live.end().await;
}

/// What the order of this question has to say.
fn asked(live: &Live) -> Expected {
    let targets = live.targets.as_ref().map(EndpointSet::to_bytes);
    Expected {
        payload: payload(&live.text),
        targets: Some(targets.unwrap_or_default()),
    }
}

type Unread = Box<dyn std::error::Error + Send + Sync>;

fn unanswered(text: &str) -> Result<Vec<(State, EndpointSet)>, Unread> {
    let sets: Vec<(State, String)> = serde_json::from_str(text)?;
    sets.into_iter()
        .map(|(state, set)| Ok((state, EndpointSet::from_bytes(&BASE64.decode(set)?)?)))
        .collect()
}
