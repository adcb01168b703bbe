//! The task of an open question: merge what came, keep it, let the endpoints know, in this order.
//!
//! While one batch is being written, the next gathers in the inbox; so under load the batches grow and the disk is asked less often.
//! A full inbox makes connections wait, which makes their endpoints wait. If the store fails, the batch is tried again until it is in:
//! the endpoints keep their answers until they hear that they are stored. A cancelled question does not wait for that: what the store
//! does not take then is dropped, and its endpoints count as cancelled.

use super::live::Job;
use super::{Live, Questions, report};
use crate::orders::{Delivery, Receipt};
use crate::store::questions::{AnswerBatch, StoredPart};
use answer::{Answer, AnswerError, Contribution, EndpointSet, State};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{mpsc, oneshot};

/// Answers that may wait for the task.
const INBOX: usize = 256;
/// Answers merged in one go.
const BATCH: usize = 512;
const FIRST_PAUSE: Duration = Duration::from_millis(200);
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

impl Questions {
    pub(super) fn start_merging(self: &Arc<Self>, live: &Arc<Live>) {
        let (inbox, jobs) = mpsc::channel(INBOX);
        live.set_inbox(inbox);
        self.tasks
            .spawn(Arc::clone(self).merge(Arc::clone(live), jobs));
    }

    async fn merge(self: Arc<Self>, live: Arc<Live>, mut inbox: mpsc::Receiver<Job>) {
        let mut jobs = Vec::new();
        let mut dropped = Dropped::default();
        loop {
            let got = tokio::select! {
                biased;
                () = self.stop.cancelled() => 0,
                got = inbox.recv_many(&mut jobs, BATCH) => got,
            };
            if got == 0 {
                return;
            }
            live.keeping.begin();
            let (batch, receipts, closes) = take_in(&live, &mut jobs);
            live.announce();
            let batch = Arc::new(batch);
            let end = if !dropped.endpoints.is_empty() {
                // Later rows would count on those that are not there.
                End::Withdrawn
            } else if batch.parts.is_empty() && batch.rows.is_empty() {
                End::Kept
            } else {
                self.insist("an answer", Some(&live), || {
                    self.store.save_answers(live.id, Arc::clone(&batch))
                })
                .await
            };
            match end {
                End::Stopping => return,
                End::Withdrawn => {
                    dropped
                        .endpoints
                        .extend(batch.parts.iter().map(|part| part.ordinal));
                    dropped.receipts.extend(receipts);
                }
                End::Kept => {
                    if live.keeping.done() {
                        live.announce();
                    }
                    self.answers_stored
                        .fetch_add(receipts.len() as u64, std::sync::atomic::Ordering::Relaxed);
                    receipts.into_iter().for_each(Receipt::give);
                }
            }
            if !closes.is_empty() {
                self.take_back(&live, &dropped.endpoints).await;
                live.keeping.done();
                self.close(&live).await;
                // Nobody wants these any more, kept or not.
                dropped.receipts.into_iter().for_each(Receipt::give);
                for done in closes {
                    // The one who asked may have gone.
                    done.send(()).ok();
                }
                return;
            }
        }
    }

    /// Tries a write until it succeeds, the server stops, or the question that it is an answer to is cancelled. Whoever looks at that
    /// one learns why it is not written.
    async fn insist<'a, T>(
        &self,
        what: &str,
        live: Option<&Live>,
        mut write: impl FnMut() -> crate::store::Reply<'a, T>,
    ) -> End {
        let mut pause = FIRST_PAUSE;
        loop {
            let error = match write().await {
                Ok(_) => return End::Kept,
                Err(error) => error,
            };
            tracing::error!(
                error = report(&error),
                "{what} could not be stored; trying again in {pause:?}"
            );
            if let Some(live) = live.filter(|live| live.keeping.refused(&error)) {
                live.announce();
            }
            tokio::select! {
                () = self.stop.cancelled() => return End::Stopping,
                () = async {
                    match live {
                        Some(live) => live.withdrawn().cancelled().await,
                        None => std::future::pending().await,
                    }
                } => return End::Withdrawn,
                () = tokio::time::sleep(pause) => {}
            }
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }

    /// Makes the answer what the store holds: these endpoints' part of it was not kept.
    async fn take_back(&self, live: &Live, dropped: &EndpointSet) {
        if dropped.is_empty() {
            return;
        }
        tracing::error!(
            question = %live.id,
            endpoints = dropped.len(),
            "answers to a cancelled question could not be stored and are dropped; their endpoints count as cancelled"
        );
        match self.stored_answer(live.id, &live.plan).await {
            Ok(mut kept) => {
                let mut answer = live.answer_mut();
                let waited = answer.coverage().waited_for().union(dropped);
                kept.expect(&waited, State::Pending);
                *answer = kept;
            }
            Err(error) => {
                tracing::error!(
                    error = &error as &dyn std::error::Error,
                    question = %live.id,
                    "what is kept of its answer cannot be read back"
                );
            }
        }
    }

    async fn close(&self, live: &Arc<Live>) {
        let unanswered = {
            let mut answer = live.answer_mut();
            if live.cancelled() {
                let waited = answer.coverage().waited_for();
                cancel(&mut answer, &waited);
                [State::Cancelled, State::Revoked]
                    .map(|state| (state, answer.coverage().endpoints(state)))
                    .to_vec()
            } else {
                unanswered(&answer)
            }
        };
        live.set_closed();
        self.orders.close(live.order);
        let summary = serde_json::to_string(&live.summary()).unwrap_or_default();
        let unanswered: Vec<_> = unanswered
            .into_iter()
            .map(|(state, set)| (state, BASE64.encode(set.to_bytes())))
            .collect();
        let unanswered = serde_json::to_string(&unanswered).unwrap_or_default();
        self.insist("the end of a question", None, || {
            self.store
                .close_question(live.id, summary.clone(), unanswered.clone())
        })
        .await;
        tracing::info!(question = %live.id, cancelled = live.cancelled(), "a question is closed");
    }
}

fn unanswered(answer: &Answer) -> Vec<(State, EndpointSet)> {
    State::unanswered()
        .map(|state| (state, answer.coverage().endpoints(state)))
        .collect()
}

/// Marks those that have not answered as cancelled.
pub(super) fn cancel(answer: &mut Answer, endpoints: &EndpointSet) {
    for ordinal in endpoints.iter() {
        let marked = answer.add(Contribution {
            ordinal,
            state: State::Cancelled,
            rows: Vec::new(),
            problems: Vec::new(),
            rows_cut: 0,
        });
        if let Err(error) = marked {
            tracing::error!(%error, ordinal, "an endpoint could not be marked as cancelled");
        }
    }
}

/// How an attempt to keep something ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    Kept,
    Withdrawn,
    Stopping,
}

/// What came for a cancelled question and could not be kept.
#[derive(Default)]
struct Dropped {
    endpoints: EndpointSet,
    receipts: Vec<Receipt>,
}

type Taken = (AnswerBatch, Vec<Receipt>, Vec<oneshot::Sender<()>>);

/// Merges a batch into the answer. The lock is held for this alone.
fn take_in(live: &Live, jobs: &mut Vec<Job>) -> Taken {
    let mut batch = AnswerBatch::default();
    let mut receipts = Vec::with_capacity(jobs.len());
    let mut closes = Vec::new();
    let mut settled = Vec::new();
    let mut answer = live.answer_mut();
    for job in jobs.drain(..) {
        let Delivery {
            contribution,
            receipt,
            charge,
        } = match job {
            Job::Answer(delivery) => delivery,
            Job::Close(done) => {
                closes.push(done);
                continue;
            }
        };
        let ordinal = contribution.ordinal;
        // The first whole answer counts. Another one would be a way to grow the answer without end.
        let before = answer.coverage().state_of(ordinal);
        let added = if before.is_some_and(State::is_settled) {
            Ok(answer::Added::default())
        } else {
            add(&mut answer, contribution)
        };
        match added {
            Ok(added) => {
                let state = answer.coverage().state_of(ordinal);
                if state.is_some_and(State::is_settled) {
                    settled.push(ordinal);
                }
                if !added.is_empty() {
                    batch.rows.extend(added.new_rows);
                    batch.parts.push(StoredPart {
                        ordinal,
                        state: state.unwrap_or(State::Error),
                        rows: added.memberships,
                        problems: added.problems,
                        rows_cut: added.rows_cut.unwrap_or(0),
                    });
                }
                receipts.extend(receipt);
            }
            Err(error) => {
                tracing::error!(error = &error as &dyn std::error::Error, ordinal, question = %live.id, "an answer could not be merged");
                live.keeping.not_merged(&error);
                if let Some(receipt) = receipt {
                    // It keeps its answer and sends it again when it comes back.
                    receipt.link.goodbye(protocol::message::Goodbye {
                        reason: "the server cannot take answers at the moment".into(),
                        retry_after_ms: 30_000,
                        revoked: false,
                    });
                }
            }
        }
        drop(charge);
    }
    live.progress.done(settled);
    (batch, receipts, closes)
}

/// Adds a contribution; what can never be added becomes an error of that endpoint.
fn add(answer: &mut Answer, contribution: Contribution) -> Result<answer::Added, AnswerError> {
    let ordinal = contribution.ordinal;
    match answer.add(contribution) {
        Err(
            error @ (AnswerError::UnknownTable { .. }
            | AnswerError::UnknownRow { .. }
            | AnswerError::TooLarge { .. }),
        ) => answer.add(Contribution {
            ordinal,
            state: State::Error,
            rows: Vec::new(),
            problems: vec![("answer".into(), State::Error, error.to_string())],
            rows_cut: 0,
        }),
        other => other,
    }
}
