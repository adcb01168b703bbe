//! Questions that go, and questions that stay.

use super::Questions;
use super::info::QuestionError;
use crate::model::actor::Actor;
use crate::model::audit::Deed;
use crate::model::ids::QuestionId;
use serde_json::json;
use std::sync::{Arc, PoisonError};

impl Questions {
    /// Takes a closed question and its answers away.
    ///
    /// # Errors
    /// The store's: there is none, or it is open.
    pub async fn remove(&self, id: QuestionId, by: &Actor) -> Result<(), QuestionError> {
        // Nobody must be reading it back from the store meanwhile.
        let _one = self.loading.lock().await;
        let deed = Deed::new(by.clone(), "question.delete", format!("question {id}"));
        self.store
            .remove_question(id, deed)
            .await
            .map_err(QuestionError::Store)?;
        self.forget(id);
        // Whoever deletes may need the room now.
        let (store, now) = (Arc::clone(&self.store), self.clock.now());
        self.tasks.spawn(async move {
            loop {
                match store.tidy(now).await {
                    Ok(true) => {}
                    Ok(false) => return,
                    Err(error) => {
                        tracing::warn!(
                            error = &error as &dyn std::error::Error,
                            "what was deleted is cleared away later"
                        );
                        return;
                    }
                }
            }
        });
        Ok(())
    }

    /// Takes the answers of a closed question away because of its age or size; what is known in sum stays. True when it had some.
    ///
    /// # Errors
    /// The store's.
    pub async fn remove_answers(&self, id: QuestionId, why: &str) -> Result<bool, QuestionError> {
        let _one = self.loading.lock().await;
        let deed = Deed::new(Actor::Server, "answers.expire", format!("question {id}"))
            .with(json!({ "why": why }));
        let removed = self
            .store
            .remove_answers(id, self.clock.now(), deed)
            .await
            .map_err(QuestionError::Store)?;
        if removed {
            self.forget(id);
        }
        Ok(removed)
    }

    /// Marks a question as one that stays however old it gets, or takes the mark away.
    ///
    /// # Errors
    /// The store's: there is none.
    pub async fn keep(&self, id: QuestionId, keep: bool, by: &Actor) -> Result<(), QuestionError> {
        let deed = Deed::new(by.clone(), "question.keep", format!("question {id}"))
            .with(json!({ "keep": keep }));
        self.store
            .keep_question(id, keep, deed)
            .await
            .map_err(QuestionError::Store)?;
        if let Some(live) = self.in_memory(id) {
            live.set_kept(keep);
        }
        Ok(())
    }

    fn forget(&self, id: QuestionId) {
        self.live
            .write()
            .unwrap_or_else(PoisonError::into_inner)
            .remove(&id);
    }
}
