//! What a session tells of itself.

use super::Session;
use crate::round::RoundError;
use crate::status::{State, Status};
use crate::store;
use crate::throttle::Hold;
use std::sync::PoisonError;
use std::sync::atomic::Ordering;

/// In the words of the status.
fn tried_again(files: u64) -> String {
    match files {
        1 => "1 file could not be read and is tried again".into(),
        many => format!("{many} files could not be read and are tried again"),
    }
}

impl Session<'_> {
    /// Counts what could not be read and is tried again, for the status.
    pub(in crate::service) fn count_again(&self) -> Result<(), RoundError> {
        let connection = store::open_to_read(&self.round.database)?;
        let again = store::tried_again(&connection)?;
        self.again.store(again, Ordering::Relaxed);
        Ok(())
    }

    pub(super) fn status(&self) -> Status {
        let doing = self
            .doing
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone();
        let ground = self.ground();
        let missing = ground.missing().next().is_some();
        let state = match (self.throttle.hold(), doing.state) {
            (Some(Hold::Battery), _) => State::PausedOnBattery,
            (_, State::Monitoring) if self.has_to_walk() => State::Checking,
            (_, State::Monitoring) if missing => State::WaitingForFolder,
            (_, State::Monitoring) if !doing.not_watched.is_empty() => State::Waiting,
            (_, state) => state,
        };
        let again = self.again.load(Ordering::Relaxed);
        let fresh = self
            .fresh
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .len() as u64;
        let progress = &self.round.progress;
        let (read, bytes) = (
            progress.read.load(Ordering::Relaxed),
            progress.bytes.load(Ordering::Relaxed),
        );
        Status {
            entries: self.round.entries(),
            hashed: progress.done.load(Ordering::Relaxed),
            to_hash: progress.files.load(Ordering::Relaxed),
            waiting: fresh + self.in_hand.load(Ordering::Relaxed) + again,
            percent: (doing.state == State::Hashing && bytes > 0)
                .then(|| (read as f64 / bytes as f64 * 100.0).min(100.0)),
            not_watched: doing.not_watched.into_values().collect(),
            ..Status::of(
                state,
                ground
                    .missing()
                    .map(ToString::to_string)
                    .chain(doing.unanswered)
                    .chain(doing.problem)
                    .chain(doing.list_problems.into_iter().flatten())
                    .chain((again > 0).then(|| tried_again(again)))
                    .collect::<Vec<_>>()
                    .join("; "),
            )
        }
    }
}
