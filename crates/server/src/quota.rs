//! What one asker may keep open: so many questions, and so many hours of endpoints in all of them together.
//!
//! An open question costs memory here and a place in the work of every endpoint it is for, as long as it is open. So what counts is
//! its life times the endpoints it waits for. Tokens count for their owner. What is being asked just now counts as asked: two
//! questions at once cannot both have the last place.

use crate::model::ids::UserId;
use crate::store::{Store, StoreError};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// How much one asker may keep open.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Open questions.
    pub questions: u32,
    /// Life that is left, in hours, times endpoints, summed over open questions.
    pub endpoint_hours: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            questions: 500,
            // A month for ten thousand endpoints, and some.
            endpoint_hours: 10_000_000,
        }
    }
}

/// Why a question may not be asked.
#[derive(Debug, thiserror::Error)]
pub enum QuotaError {
    /// Too many.
    #[error(
        "you have as many open questions as one asker may have ({limit}); cancel some, or wait until they end"
    )]
    Questions {
        /// How many that is.
        limit: u32,
    },
    /// Too long for too many.
    #[error(
        "with this question, all your open ones would wait for endpoints for {wanted} hours (life times endpoints), and {limit} is the most for one asker; ask with a shorter life, for fewer endpoints, or cancel some"
    )]
    EndpointHours {
        /// What it would be.
        wanted: u64,
        /// What it may be.
        limit: u64,
    },
    /// The store.
    #[error("the open questions cannot be counted")]
    Store(#[source] StoreError),
}

/// How long a question lives and for how many endpoints.
#[derive(Clone, Copy, Debug)]
pub struct Cost {
    /// Seconds.
    pub life: u64,
    /// Endpoints.
    pub endpoints: u64,
}

impl Cost {
    fn endpoint_seconds(self) -> u64 {
        self.life.saturating_mul(self.endpoints)
    }
}

#[derive(Clone, Copy, Default)]
struct Load {
    questions: u64,
    endpoint_seconds: u64,
}

/// Counts what is being asked.
#[derive(Default)]
pub struct Quotas {
    limits: Limits,
    asking: Mutex<HashMap<UserId, Load>>,
}

/// A place for one question, held while it is asked. From then on the store knows of it.
pub struct Place {
    quotas: Arc<Quotas>,
    user: UserId,
    cost: Cost,
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut asking = self.quotas.asking();
        if let Some(load) = asking.get_mut(&self.user) {
            load.questions = load.questions.saturating_sub(1);
            load.endpoint_seconds = load
                .endpoint_seconds
                .saturating_sub(self.cost.endpoint_seconds());
            if load.questions == 0 {
                asking.remove(&self.user);
            }
        }
    }
}

impl Quotas {
    /// Counts against these limits.
    #[must_use]
    pub fn new(limits: Limits) -> Arc<Self> {
        Arc::new(Self {
            limits,
            asking: Mutex::default(),
        })
    }

    fn asking(&self) -> MutexGuard<'_, HashMap<UserId, Load>> {
        self.asking.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes a place for a question of this user. `fleet` is how many endpoints a question is for that names none.
    ///
    /// # Errors
    /// [`QuotaError`].
    pub async fn take(
        self: &Arc<Self>,
        store: &dyn Store,
        user: UserId,
        cost: Cost,
        fleet: u64,
        now: i64,
    ) -> Result<Place, QuotaError> {
        let place = Place {
            quotas: Arc::clone(self),
            user,
            cost,
        };
        {
            let mut asking = self.asking();
            let load = asking.entry(user).or_default();
            load.questions += 1;
            load.endpoint_seconds = load
                .endpoint_seconds
                .saturating_add(cost.endpoint_seconds());
        }
        // Read after the place was taken: whoever let go of theirs before is in the store by now.
        let open = store.open_of(user).await.map_err(QuotaError::Store)?;
        let mut load = self.asking().get(&user).copied().unwrap_or_default();
        for question in open {
            let held = Cost {
                life: question
                    .expires_at
                    .saturating_sub(now)
                    .max(0)
                    .unsigned_abs(),
                endpoints: question.targets.unwrap_or(fleet),
            };
            load.questions += 1;
            load.endpoint_seconds = load
                .endpoint_seconds
                .saturating_add(held.endpoint_seconds());
        }
        if load.questions > u64::from(self.limits.questions) {
            return Err(QuotaError::Questions {
                limit: self.limits.questions,
            });
        }
        let wanted = load.endpoint_seconds.div_ceil(3600);
        if wanted > self.limits.endpoint_hours {
            return Err(QuotaError::EndpointHours {
                wanted,
                limit: self.limits.endpoint_hours,
            });
        }
        Ok(place)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::clock::Clock;
    use crate::store::sqlite::SqliteStore;

    #[tokio::test]
    async fn what_is_being_asked_counts_until_its_place_is_let_go() {
        let folder = tempfile::tempdir().unwrap();
        let store = SqliteStore::open(folder.path(), Clock::system()).unwrap();
        let quotas = Quotas::new(Limits {
            questions: 2,
            endpoint_hours: 100,
        });
        let take = async |user: u64, hours: u64, endpoints: u64| {
            let cost = Cost {
                life: hours * 3600,
                endpoints,
            };
            quotas.take(&store, UserId(user), cost, 5, 0).await
        };
        let first = take(1, 10, 5).await.unwrap();
        assert!(matches!(
            take(1, 10, 6).await,
            Err(QuotaError::EndpointHours {
                wanted: 110,
                limit: 100
            })
        ));
        let second = take(1, 10, 5).await.unwrap();
        assert!(matches!(
            take(1, 0, 0).await,
            Err(QuotaError::Questions { limit: 2 })
        ));
        assert!(take(2, 100, 1).await.is_ok(), "others have their own");
        drop((first, second));
        assert!(take(1, 10, 10).await.is_ok());
        assert!(quotas.asking().is_empty());
    }
}
