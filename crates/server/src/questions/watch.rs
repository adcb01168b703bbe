//! What happens to questions without anybody asking: endpoints come and go, time passes, keys change.

use super::{IDLE, Live, Questions};
use answer::State;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

/// Comings and goings are gathered for this long, so that a whole fleet that reconnects costs a few looks at each question.
const GATHER: Duration = Duration::from_millis(50);
/// The clock is looked at this often even when nothing is due.
const LOOK: Duration = Duration::from_secs(30);

impl Questions {
    /// Says of every endpoint that has not answered whether it is connected.
    pub(super) fn refresh(&self, live: &Live) {
        let online = self.fleet.online();
        let expected = self.expected(live.targets.as_ref());
        let changed = {
            let mut answer = live.answer_mut();
            let coverage = answer.coverage();
            // Those that were expected before, too: one that was revoked since is said to be, not forgotten.
            let barred = self.barred(live.targets.as_ref(), &coverage.waited_for());
            let waited = expected.union(&coverage.waited_for()).minus(&barred);
            let (here, away) = (waited.intersect(&online), waited.minus(&online));
            let unreached = {
                let mut unreached = live.unreached();
                // Who comes back gets the order anew.
                *unreached = unreached.intersect(&here);
                unreached.clone()
            };
            let changes = [
                answer.expect(&here.minus(&unreached), State::Pending),
                answer.expect(&unreached, State::NotReached),
                answer.expect(&away, State::Offline),
                answer.expect(&barred, State::Revoked),
            ];
            changes.contains(&true)
        };
        if changed {
            live.announce();
        }
    }

    pub(super) async fn watch_presence(self: Arc<Self>) {
        let mut fleet = self.fleet.changes();
        let mut members = self.identity.changes();
        let mut trust = self.identity.trust_version();
        loop {
            let changed = tokio::select! {
                () = self.stop.cancelled() => return,
                changed = fleet.changed() => changed,
                changed = members.changed() => changed,
            };
            if changed.is_err() {
                return;
            }
            tokio::time::sleep(GATHER).await;
            fleet.mark_unchanged();
            members.mark_unchanged();
            let now = self.identity.trust_version();
            if now != trust {
                match self.resign().await {
                    Ok(()) => trust = now,
                    Err(error) => {
                        tracing::error!(
                            error = &error as &dyn std::error::Error,
                            "open orders could not be signed anew"
                        );
                    }
                }
            }
            for live in self.open_ones() {
                self.refresh(&live);
                tokio::task::yield_now().await;
            }
        }
    }

    /// Ends questions whose time is over and forgets closed ones that nobody looks at.
    pub(super) async fn watch_time(self: Arc<Self>) {
        loop {
            let now = self.clock.moment();
            let open = self.open_ones();
            let due = open.iter().filter(|l| l.deadline <= now && l.begin_end());
            let next = open
                .iter()
                .filter(|l| l.deadline > now)
                .map(|l| l.deadline)
                .min()
                .unwrap_or(now.after(LOOK))
                .min(now.after(LOOK));
            for live in due {
                // A store that is stuck holds up this question and no other.
                let live = Arc::clone(live);
                self.tasks.spawn(async move { live.end().await });
            }
            self.orders.expire();
            self.forget_idle();
            tokio::select! {
                () = self.stop.cancelled() => return,
                () = self.time.notified() => {}
                () = self.clock.sleep_until(next) => {}
            }
        }
    }

    fn forget_idle(&self) {
        let idle: Vec<_> = self
            .all_in_memory()
            .into_iter()
            .filter(|l| l.closed() && l.idle() > IDLE)
            .map(|l| l.id)
            .collect();
        if idle.is_empty() {
            return;
        }
        let mut live = self.live.write().unwrap_or_else(PoisonError::into_inner);
        for id in idle {
            live.remove(&id);
        }
    }
}
