//! Changes as they happen: from the watcher to the database, and on to the hashes.
//!
//! A walk that is under way may have read a place before it changed and tell it after. So what changes meanwhile is looked
//! at once more when the walk has ended. During the first inventory, when there is nothing to apply changes to, they are
//! held.

use super::session::Session;
use super::watching::Hidden;
use crate::changes::{Change, Watcher};
use crate::engine::Teller;
use crate::hashpass;
use crate::inventory::next_number;
use crate::live::Live;
use crate::log::Level;
use crate::store;
use std::collections::HashSet;
use std::path::PathBuf;
use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

/// Changes applied in one transaction.
const TOGETHER: usize = 2000;
/// Notices held during a walk at most; beyond, a second walk finds what they would have told.
const MOST_HELD: usize = 300_000;
/// The longest wait for a notice; the end of the session interrupts it.
const PATIENCE: Duration = Duration::from_secs(60);
/// The same while something is to be looked at again: when the walk under way has ended, or once more.
const SOON: Duration = Duration::from_millis(250);
/// Changes that leave memory behind which is worth giving back.
const MANY: usize = 5000;
/// The end of a burst: no change for so long.
const CALM: Duration = Duration::from_secs(3);
/// A file that was just written is likely to be written again: it is read once it has been quiet for so long.
const QUIET: Duration = Duration::from_millis(500);
/// Files that are tried again at most when something was mounted or unmounted; the next pass tries the others.
const MOST_RETRIED: u32 = 10_000;

impl Session<'_> {
    /// Applies changes until the session is over.
    pub(super) fn watch(&self, mut watcher: Watcher, teller: &Teller) {
        let mut again: Vec<Change> = Vec::new();
        let mut live: Option<Live> = None;
        // By the rules of what was mounted before.
        let mut former: Option<Live> = None;
        let mut unsettled = false;
        let mut hidden = Hidden::default();
        // Mounts where what is watched was not found since the table was looked at last.
        let mut away: HashSet<PathBuf> = HashSet::new();
        // Changes since memory was given back.
        let mut applied_since = 0;
        while !self.bell.over() {
            let around = self.around.swap(false, Ordering::Relaxed);
            let surprised = self.round.surprises.any();
            let patience = if around || !away.is_empty() {
                Duration::ZERO
            } else if !again.is_empty() || unsettled || surprised {
                SOON
            } else if applied_since > MANY {
                CALM
            } else {
                PATIENCE
            };
            let mut changes = match watcher.next(patience) {
                Ok(changes) => changes,
                // What it did not tell, a walk finds.
                Err(error) => {
                    self.blind(&error);
                    self.lost.store(true, Ordering::Relaxed);
                    self.bell.ring();
                    return;
                }
            };
            self.note(&changes);
            for change in &changes {
                if let Change::Away { mounts } = change {
                    away.extend(mounts.iter().cloned());
                }
            }
            if around || surprised || !away.is_empty() || changes.contains(&Change::Mounts) {
                // Before what else is told: it is looked at by the rules of what is mounted now.
                let away = std::mem::take(&mut away);
                let mut looks = self.look_around(&mut watcher, &mut hidden, &away);
                self.note(&looks);
                looks.append(&mut changes);
                changes = looks;
                former = live.take().or(former);
            }
            if self.walking.load(Ordering::Acquire) {
                again.extend(changes.iter().cloned());
                if again.len() > MOST_HELD {
                    again = vec![Change::Lost { mount: None }];
                }
                if self.first.load(Ordering::Acquire) {
                    continue;
                }
            } else if !again.is_empty() {
                let now = std::mem::replace(&mut changes, std::mem::take(&mut again));
                changes.extend(now);
            }
            if changes.is_empty() && !unsettled {
                if applied_since > MANY {
                    applied_since = 0;
                    if self.give_back(teller).is_err() {
                        return;
                    }
                }
                continue;
            }
            applied_since += changes.len();
            // After it was asked whether a walk is under way: what is not held any more was walked to its end.
            let held = self.held();
            if live.as_ref().is_some_and(|live| *live.held() != held) {
                former = live.take().or(former);
            }
            let current = match live.take().or_else(|| self.live(teller, held)) {
                Some(current) => Arc::new(current),
                None => return,
            };
            if let Some(former) = former.take() {
                current.continue_with(&former);
            }
            // Without a change there may be something to look at once more.
            let parts = changes
                .chunks(TOGETHER)
                .chain(changes.is_empty().then_some(&[][..]));
            for part in parts {
                let (part, current) = (part.to_vec(), Arc::clone(&current));
                let Ok(applied) = teller.call(move |writer| current.apply(writer, &part)) else {
                    return;
                };
                if applied.lost {
                    self.log.warning(
                        "changes",
                        "notices were lost; a walk finds what they would have told",
                    );
                    self.lost.store(true, Ordering::Relaxed);
                }
                unsettled = applied.unsettled;
                away.extend(applied.away);
                hidden.keep(applied.hidden, &self.ground());
                let heard = applied.lost || !applied.fresh.is_empty();
                self.fresh
                    .lock()
                    .unwrap_or_else(PoisonError::into_inner)
                    .extend(applied.fresh);
                if heard {
                    self.bell.ring();
                }
            }
            live = Arc::into_inner(current);
        }
    }

    /// Keeps in the log what is told of places, where that is wanted.
    fn note(&self, changes: &[Change]) {
        if !self.log.takes(Level::Debug) {
            return;
        }
        let ground = self.ground();
        for change in changes {
            let path = change.path();
            if path.is_none_or(|path| ground.place_of(path).is_some()) {
                self.log.debug("changes", change);
            }
        }
    }

    fn live(&self, teller: &Teller, held: HashSet<Vec<u8>>) -> Option<Live> {
        let mut survey = self.round.survey_of(&self.ground());
        // What is looked at again is not met for the first time.
        survey.met = Arc::default();
        let next = teller
            .call(|writer| next_number(writer.connection()))
            .ok()?;
        Some(Live::new(survey.live_rules(next), survey.mount_points, &survey.places).holding(held))
    }

    /// Hashes what changed, soon after it did.
    pub(super) fn hash_fresh(&self, teller: &Teller) {
        let sink = hashpass::into_engine(teller);
        loop {
            let mark = self.bell.mark();
            let again = self.retries();
            let waits = !again.is_empty()
                || !self
                    .fresh
                    .lock()
                    .unwrap_or_else(PoisonError::into_inner)
                    .is_empty();
            let looks = self.looks.load(Ordering::Acquire);
            let goes_on = if waits {
                self.bell.sleep(QUIET)
            } else {
                self.bell.wait(mark, PATIENCE)
            };
            if !goes_on {
                return;
            }
            let ids: HashSet<i64> = {
                let mut fresh = self.fresh.lock().unwrap_or_else(PoisonError::into_inner);
                let ids: HashSet<i64> = fresh.drain(..).chain(again).collect();
                // Whoever counts what waits meets them here or there.
                self.in_hand.store(ids.len() as u64, Ordering::Relaxed);
                ids
            };
            if ids.is_empty() || self.round.config.hashes.is_none() {
                self.in_hand.store(0, Ordering::Relaxed);
                continue;
            }
            let mut ids: Vec<i64> = ids.into_iter().collect();
            ids.sort_unstable();
            let progress = Arc::default();
            let hashed = self.round.with_plan(|plan| {
                let plan = hashpass::Plan {
                    threads: 1,
                    ..plan.clone()
                };
                hashpass::these(&self.round.database, ids, &sink, &plan, &progress)
            });
            if let Err(error) = hashed {
                // They wait for the next pass.
                self.problem(&error.to_string());
            }
            // An engine that ended ends the session.
            if teller.flush().is_err() {
                return;
            }
            // What cannot be counted now is counted after the next pass.
            self.count_again().ok();
            self.in_hand.store(0, Ordering::Relaxed);
            self.try_again_since(looks);
        }
    }

    /// After files were read: has those tried again that were not found, if what is mounted was looked at since.
    pub(super) fn try_again_since(&self, looks: u64) {
        if self.looks.load(Ordering::Acquire) != looks {
            self.retry.store(true, Ordering::Release);
        }
        if self.again.load(Ordering::Relaxed) > 0 && self.retry.load(Ordering::Acquire) {
            self.bell.ring();
        }
    }

    /// Files that are to be tried again now, because what is mounted is another than when they were not found.
    fn retries(&self) -> Vec<i64> {
        if self.again.load(Ordering::Relaxed) == 0 || !self.retry.swap(false, Ordering::AcqRel) {
            return Vec::new();
        }
        // What cannot be asked for now is found by the next pass.
        let found = store::open_to_read(&self.round.database)
            .and_then(|connection| store::not_found(&connection, MOST_RETRIED));
        found.unwrap_or_default()
    }
}
