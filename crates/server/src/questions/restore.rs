//! Reading questions and answers back from the store: the open ones at the start, others when somebody looks at them.

use super::ask::frame;
use super::info::{self, QuestionError};
use super::live::Parts;
use super::log::OpenOrder;
use super::merge::cancel;
use super::{Live, Questions};
use crate::store::questions::{StoredOrder, StoredQuestion};
use answer::{EndpointSet, State};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use prost::Message as _;
use protocol::message::{Order, SignedOrder};
use std::sync::Arc;

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
            let Some(live) = self.in_memory(order.question) else {
                continue;
            };
            if live.closed() && !order.cancels {
                continue;
            }
            let signed = self.current(&order).await?;
            let targets = Order::decode(signed.body.as_slice())
                .ok()
                .filter(|o| !o.targets.is_empty())
                .and_then(|o| EndpointSet::from_bytes(&o.targets).ok());
            self.log.append(OpenOrder {
                number: order.number,
                cancels: order.cancels,
                targets,
                frame: frame(&signed),
                deadline: live.deadline,
                live,
            });
        }
        Ok(())
    }

    /// The order with a signature that agents accept now: signed anew when its key was dropped.
    async fn current(&self, order: &StoredOrder) -> Result<SignedOrder, QuestionError> {
        if !self.identity.key_is_current(&order.key)
            && let Ok(body) = Order::decode(order.body.as_slice())
        {
            let signed = self.identity.sign(body).ok_or(QuestionError::NoKey)?;
            self.store
                .resign_order(order.number, signed.key.clone(), signed.signature.clone())
                .await
                .map_err(QuestionError::Store)?;
            return Ok(signed);
        }
        Ok(SignedOrder {
            body: order.body.clone(),
            key: order.key.clone(),
            signature: order.signature.clone(),
        })
    }

    /// After an order key was dropped: open orders get a signature of the new one.
    pub(super) async fn resign(&self) -> Result<(), QuestionError> {
        let orders = self
            .store
            .live_orders(self.clock.now())
            .await
            .map_err(QuestionError::Store)?;
        for order in orders {
            if !self.identity.key_is_current(&order.key) {
                let signed = self.current(&order).await?;
                self.log.reframe(order.number, &frame(&signed));
            }
        }
        Ok(())
    }

    /// Builds a question and its answer from the store.
    pub(super) async fn load(&self, stored: StoredQuestion) -> Result<Arc<Live>, QuestionError> {
        let id = stored.id;
        let plan = info::plan(&stored)?;
        let failed = |source| QuestionError::Answer { id, source };
        let mut answer = Live::empty_answer(&plan, &self.spill);
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
            plan,
            asked_by: stored.asked_by,
            asked_at: stored.asked_at,
            expires_at: stored.expires_at,
            targets,
            cancelled: stored.cancelled_at.is_some(),
            closed: stored.closed,
        };
        Ok(Arc::new(Live::new(
            parts,
            answer,
            &self.catalogue.now(),
            &self.clock,
        )))
    }
}

type Unread = Box<dyn std::error::Error + Send + Sync>;

fn unanswered(text: &str) -> Result<Vec<(State, EndpointSet)>, Unread> {
    let sets: Vec<(State, String)> = serde_json::from_str(text)?;
    sets.into_iter()
        .map(|(state, set)| Ok((state, EndpointSet::from_bytes(&BASE64.decode(set)?)?)))
        .collect()
}
