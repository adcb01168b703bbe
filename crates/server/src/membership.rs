//! Who is in the computer groups that bound somebody: asked of endpoints, and kept.
//!
//! What bounds a person must be known when they ask, not found out by asking. So each group that bounds somebody is evaluated by a question of
//! the server's own: when it comes to bound, when its filter changes, when an endpoint that has not said it yet connects, and from time to
//! time for all. What endpoints say is kept with its age ([`GroupMembers`]); who does not answer keeps what they said last. Of an endpoint
//! that never said it nothing is known, and [`crate::access`] takes that against whoever is bounded.

use crate::access::{Access, Reader};
use crate::fleet::Fleet;
use crate::identity::Identity;
use crate::model::actor::Actor;
use crate::model::clock::Clock;
use crate::model::rights::GroupMembers;
use crate::questions::{AskError, QuestionError, Questions};
use crate::store::groups::StoredGroup;
use crate::store::{Store, StoreError};
use answer::{EndpointSet, State};
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// How old an evaluation may get.
const EVERY: i64 = 3600;
/// For how long endpoints may answer.
const LIFE: Duration = Duration::from_secs(30);
/// Between two looks at what is due.
const LOOK: Duration = Duration::from_secs(10);
/// After an endpoint did not answer, it is not asked again for so long, in seconds.
const PATIENCE: i64 = 60;

/// Why a group was not evaluated.
#[derive(Debug, thiserror::Error)]
pub enum MembershipError {
    /// The store.
    #[error("what is known of computer groups could not be read or kept")]
    Store(#[from] StoreError),
    /// Its filter cannot be asked.
    #[error("the group `{group}` could not be asked about")]
    Ask {
        /// Which.
        group: String,
        /// Why.
        #[source]
        source: AskError,
    },
    /// What was answered cannot be read.
    #[error("what endpoints said about the group `{group}` could not be read")]
    Question {
        /// Which.
        group: String,
        /// Why.
        #[source]
        source: QuestionError,
    },
}

/// Keeps it known.
pub struct Memberships {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) access: Arc<Access>,
    pub(crate) questions: Arc<Questions>,
    pub(crate) identity: Arc<Identity>,
    pub(crate) fleet: Arc<Fleet>,
    pub(crate) clock: Clock,
}

/// When each version of a group was last asked about, in seconds since 1970.
type Asked = HashMap<(String, u64), i64>;

/// Whom to ask about a group.
struct Due {
    group: StoredGroup,
    /// What is known, if that is of this version.
    known: Option<GroupMembers>,
    targets: EndpointSet,
}

impl Memberships {
    /// Runs until the server stops.
    pub async fn run(self, stop: CancellationToken) {
        let mut presence = self.fleet.changes();
        let mut rights = self.access.changes();
        let mut asked = Asked::new();
        loop {
            presence.borrow_and_update();
            rights.borrow_and_update();
            match self.due(&asked).await {
                Ok(due) => {
                    for due in due {
                        let group = (due.group.name.clone(), due.group.version);
                        asked.insert(group, self.clock.seconds());
                        tokio::select! {
                            () = stop.cancelled() => return,
                            outcome = self.evaluate(due) => if let Err(error) = outcome {
                                tracing::warn!(error = &error as &dyn std::error::Error, "who is in a computer group stays as it was known");
                            },
                        }
                    }
                }
                Err(error) => {
                    tracing::warn!(
                        error = &error as &dyn std::error::Error,
                        "which computer groups are to be evaluated could not be read"
                    );
                }
            }
            tokio::select! {
                () = stop.cancelled() => return,
                () = tokio::time::sleep(LOOK) => {}
                // Neither ends before the server does.
                _ = presence.changed() => {}
                _ = rights.changed() => {}
            }
        }
    }

    /// The groups that bound somebody and are not known well enough.
    async fn due(&self, asked: &Asked) -> Result<Vec<Due>, MembershipError> {
        let book = self.access.book();
        let bounding = book.bounding();
        if bounding.is_empty() {
            return Ok(Vec::new());
        }
        let now = self.clock.seconds();
        let online = self.fleet.online().intersect(&self.identity.approved());
        let mut due = Vec::new();
        for group in self.store.stored_groups().await? {
            if !bounding.contains(&group.name.to_lowercase()) {
                continue;
            }
            let known = book.evaluated(&group.name).cloned();
            let known = known.filter(|known| known.version == group.version);
            let fresh = known
                .as_ref()
                .filter(|known| now.saturating_sub(known.evaluated_at) < EVERY);
            let targets = match fresh {
                Some(known) => online.minus(&known.members).minus(&known.others),
                None => online.clone(),
            };
            // Who was asked and did not say it is not asked at every look; who came since was not asked.
            let rests = asked
                .get(&(group.name.clone(), group.version))
                .is_some_and(|at| {
                    let came = |ordinal| {
                        let presence = self.fleet.presence(ordinal);
                        presence.is_some_and(|p| p.since.as_second() >= *at)
                    };
                    now.saturating_sub(*at) < PATIENCE && !targets.iter().any(came)
                });
            // With nobody to ask, that nobody is known is known.
            if !rests && (!targets.is_empty() || known.is_none()) {
                due.push(Due {
                    group,
                    known,
                    targets,
                });
            }
        }
        Ok(due)
    }

    async fn evaluate(&self, due: Due) -> Result<(), MembershipError> {
        let Due {
            group,
            known,
            targets,
        } = due;
        let (said_yes, said_no) = if targets.is_empty() {
            (EndpointSet::new(), EndpointSet::new())
        } else {
            self.ask(&group, targets).await?
        };
        let before = known.unwrap_or_else(|| GroupMembers {
            group: group.name.clone(),
            version: group.version,
            members: EndpointSet::new(),
            others: EndpointSet::new(),
            evaluated_at: 0,
        });
        let kept = GroupMembers {
            members: before.members.minus(&said_no).union(&said_yes),
            others: before.others.minus(&said_yes).union(&said_no),
            evaluated_at: self.clock.seconds(),
            ..before
        };
        self.store.save_group_members(kept).await?;
        Ok(self.access.reload().await?)
    }

    /// Those that are in the group, and those that are not, of these endpoints; of the others it is not known.
    async fn ask(
        &self,
        group: &StoredGroup,
        targets: EndpointSet,
    ) -> Result<(EndpointSet, EndpointSet), MembershipError> {
        let reader = Reader::server();
        let text = format!(
            "Get number of machines from all machines with {}",
            group.filter
        );
        let failed = |source| MembershipError::Question {
            group: group.name.clone(),
            source,
        };
        let asked = self
            .questions
            .ask(&text, &Actor::Server, &reader, Some(LIFE), Some(targets))
            .await
            .map_err(|source| MembershipError::Ask {
                group: group.name.clone(),
                source,
            })?;
        let mut follow = self
            .questions
            .follow(asked.id, &reader)
            .await
            .map_err(failed)?;
        let said = loop {
            follow.borrow_and_update();
            let closed = self
                .questions
                .info(asked.id, &reader)
                .await
                .map_err(failed)?
                .closed;
            let (done, yes, no) = self
                .questions
                .with_answer(asked.id, &reader, |answer, _| {
                    let coverage = answer.coverage();
                    let yes = [State::Answered, State::Empty]
                        .map(|state| coverage.endpoints(state))
                        .iter()
                        .fold(EndpointSet::new(), |all, set| all.union(set));
                    (
                        coverage.is_complete(),
                        yes,
                        coverage.endpoints(State::NotConcerned),
                    )
                })
                .await
                .map_err(failed)?;
            if closed || done || follow.changed().await.is_err() {
                break (yes, no);
            }
        };
        self.forget(asked.id).await;
        Ok(said)
    }

    /// Nobody else needs the question: it would only fill the list.
    async fn forget(&self, id: crate::model::ids::QuestionId) {
        let cancelled = self.questions.cancel(id, &Actor::Server).await;
        match cancelled {
            Ok(()) | Err(QuestionError::Closed(_)) => {}
            Err(error) => {
                tracing::warn!(error = &error as &dyn std::error::Error, question = %id, "a question about a computer group goes on");
                return;
            }
        }
        if let Err(error) = self.questions.remove(id, &Actor::Server).await {
            tracing::warn!(error = &error as &dyn std::error::Error, question = %id, "a question about a computer group stays in the list");
        }
    }
}
