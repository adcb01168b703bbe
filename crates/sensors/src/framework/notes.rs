//! What a run could not look at. It is told beside the rows, so that "not seen" never reads as "not there".
//!
//! A path that cannot be read is told by itself: where it is the same on a thousand endpoints, it is one problem. Things
//! that come in numbers and change from moment to moment, such as processes, are counted, and the first ones named. What
//! simply is not there is no problem, and whoever notes one has decided that before. All of it is bounded.

use super::SensorError;
use std::fmt::Display;
use std::io;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Things named for one reason; the others are counted.
pub const SHOWN: u64 = 8;
/// Reasons told apart; what comes with yet another one is counted under [`OTHER`].
const REASONS: usize = 8;
const OTHER: &str = "other reasons";

/// Takes what a run could not look at. Cheap to copy; all copies write into the same list.
#[derive(Clone, Debug, Default)]
pub struct Notes(Arc<Mutex<Noted>>);

#[derive(Debug, Default)]
struct Noted {
    alone: Vec<(Reason, SensorError)>,
    /// How often each reason was met.
    reasons: Vec<(Reason, u64)>,
    groups: Vec<Group>,
    totals: Vec<(&'static str, u64)>,
    gone: Vec<(&'static str, u64)>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Reason {
    denied: bool,
    words: String,
}

impl Reason {
    /// In the same words, whatever way the system said it.
    fn of(error: &io::Error) -> Self {
        let denied = error.kind() == io::ErrorKind::PermissionDenied;
        let words = if denied {
            "access was denied".into()
        } else {
            error.to_string()
        };
        Self { denied, words }
    }
}

/// Things of one kind of which the same part could not be read, for the same reason.
#[derive(Debug)]
struct Group {
    of: &'static str,
    part: &'static str,
    reason: Reason,
    first: Vec<String>,
    count: u64,
}

impl Notes {
    /// Notes a problem.
    pub fn add(&self, error: SensorError) {
        let mut noted = self.lock();
        let reason = noted.reason(match &error {
            SensorError::Read { source, .. } => Reason::of(source),
            error if error.is_denied() => Reason::of(&io::ErrorKind::PermissionDenied.into()),
            _ => Reason {
                denied: false,
                words: OTHER.into(),
            },
        });
        let text = error.to_string();
        if noted
            .alone
            .iter()
            .any(|(r, known)| *r == reason && known.to_string() == text)
        {
            return;
        }
        if noted.met(&reason) <= SHOWN {
            noted.alone.push((reason, error));
        }
    }

    /// Notes a path, or whatever else the system has a name for, that could not be looked at.
    pub fn missed(&self, what: impl AsRef<Path>, source: io::Error) {
        self.add(SensorError::reading(what, source));
    }

    /// Passes on what was read, or notes why it could not be. A limit is passed on: it ends the run.
    ///
    /// # Errors
    /// [`SensorError::Limit`] only.
    pub fn note<T>(&self, result: Result<T, SensorError>) -> Result<Option<T>, SensorError> {
        match result {
            Ok(value) => Ok(Some(value)),
            Err(e @ SensorError::Limit(_)) => Err(e),
            Err(e) => {
                self.add(e);
                Ok(None)
            }
        }
    }

    /// Notes one of many things of a kind (`processes`) of which a part (`exe`) could not be read.
    pub fn one_of(
        &self,
        of: &'static str,
        part: &'static str,
        which: impl Display,
        source: &io::Error,
    ) {
        let mut noted = self.lock();
        let reason = noted.reason(Reason::of(source));
        let same = |g: &&mut Group| g.of == of && g.part == part && g.reason == reason;
        match noted.groups.iter_mut().find(same) {
            Some(group) => {
                group.count += 1;
                if group.count <= SHOWN {
                    group.first.push(which.to_string());
                }
            }
            None => noted.groups.push(Group {
                of,
                part,
                reason,
                first: vec![which.to_string()],
                count: 1,
            }),
        }
    }

    /// Counts a thing of a kind, whether it could be looked at or not.
    pub fn met(&self, of: &'static str) {
        count(&mut self.lock().totals, of);
    }

    /// Notes that a thing ended while it was looked at, so that its row is not whole.
    pub fn gone(&self, of: &'static str) {
        count(&mut self.lock().gone, of);
    }

    /// All that was noted, as the problems of a run.
    #[must_use]
    pub fn problems(&self) -> Vec<SensorError> {
        let mut noted = std::mem::take(&mut *self.lock());
        let mut problems: Vec<SensorError> = noted.alone.drain(..).map(|(_, e)| e).collect();
        for (Reason { denied, words }, count) in noted.reasons.drain(..) {
            if let Some(more) = count.checked_sub(SHOWN).filter(|more| *more > 0) {
                problems.push(SensorError::Several {
                    denied,
                    words: format!("{more} more could not be read: {words}"),
                });
            }
        }
        for group in &noted.groups {
            problems.push(group.problem(&noted.totals));
        }
        for (of, count) in noted.gone.drain(..) {
            problems.push(SensorError::Several {
                denied: false,
                words: format!(
                    "{count} {of} ended while they were looked at; their rows are not whole"
                ),
            });
        }
        problems
    }

    fn lock(&self) -> MutexGuard<'_, Noted> {
        // A panic elsewhere leaves whole entries or none.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Noted {
    /// The reason itself, or the one that stands for all that are too many to be told apart.
    fn reason(&self, reason: Reason) -> Reason {
        let known = |r: &Reason| {
            self.reasons.iter().any(|(k, _)| k == r) || self.groups.iter().any(|g| g.reason == *r)
        };
        if known(&reason) || self.reasons.len() + self.groups.len() < REASONS {
            return reason;
        }
        Reason {
            words: OTHER.into(),
            ..reason
        }
    }

    fn met(&mut self, reason: &Reason) -> u64 {
        if let Some((_, count)) = self.reasons.iter_mut().find(|(r, _)| r == reason) {
            *count += 1;
            return *count;
        }
        self.reasons.push((reason.clone(), 1));
        1
    }
}

impl Group {
    fn problem(&self, totals: &[(&'static str, u64)]) -> SensorError {
        let Self {
            of, part, count, ..
        } = self;
        let among = match totals.iter().find(|(kind, _)| kind == of) {
            Some((_, all)) => format!("{count} of {all} {of}"),
            None => format!("{count} {of}"),
        };
        let what = if part.is_empty() {
            among
        } else {
            format!("{part} of {among}")
        };
        let rest = if *count > SHOWN { ", …" } else { "" };
        SensorError::Several {
            denied: self.reason.denied,
            words: format!(
                "cannot read {what} ({}{rest}): {}",
                self.first.join(", "),
                self.reason.words
            ),
        }
    }
}

fn count(counts: &mut Vec<(&'static str, u64)>, of: &'static str) {
    match counts.iter_mut().find(|(kind, _)| *kind == of) {
        Some((_, count)) => *count += 1,
        None => counts.push((of, 1)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::framework::LimitHit;
    use std::io::ErrorKind;

    fn words(notes: &Notes) -> Vec<(bool, String)> {
        let problems = notes.problems();
        problems
            .iter()
            .map(|p| (p.is_denied(), p.to_string()))
            .collect()
    }

    #[test]
    fn paths_are_named_up_to_a_bound_and_then_counted() {
        let notes = Notes::default();
        for n in 0..20 {
            notes.missed(
                format!("/secret/{n:02}"),
                ErrorKind::PermissionDenied.into(),
            );
        }
        // The same one again says nothing new.
        notes.missed("/secret/00", ErrorKind::PermissionDenied.into());
        notes.missed("/broken", io::Error::from_raw_os_error(5));
        let told = words(&notes);
        assert_eq!(told.len(), 10, "{told:?}");
        assert_eq!(told[0], (true, "access to /secret/00 was denied".into()));
        assert!(told.contains(&(false, "cannot read /broken".into())));
        assert!(told.contains(&(true, "12 more could not be read: access was denied".into())));
        assert!(notes.problems().is_empty(), "told once");
    }

    #[test]
    fn things_in_numbers_are_counted_among_all_of_them() {
        let notes = Notes::default();
        for pid in 1..=79 {
            notes.met("processes");
            if pid > 48 {
                let full = io::Error::from_raw_os_error(24);
                notes.one_of("processes", "stat", pid, &full);
            }
        }
        notes.gone("processes");
        let told = words(&notes);
        assert_eq!(told.len(), 2, "{told:?}");
        assert!(
            told[0].1.starts_with(
                "cannot read stat of 31 of 79 processes (49, 50, 51, 52, 53, 54, 55, 56, …): "
            ),
            "{told:?}"
        );
        assert!(told[1].1.starts_with("1 processes ended"), "{told:?}");
    }

    #[test]
    fn any_number_of_reasons_is_bounded() {
        let notes = Notes::default();
        for code in 1..100 {
            notes.missed(format!("/{code}"), io::Error::from_raw_os_error(code));
            notes.one_of("processes", "", code, &io::Error::from_raw_os_error(code));
        }
        let told = words(&notes);
        assert!(told.len() <= 4 * REASONS, "{}", told.len());
        assert!(told.iter().any(|(_, t)| t.ends_with(OTHER)), "{told:?}");
    }

    #[test]
    fn a_limit_is_passed_on() {
        let notes = Notes::default();
        let hit: Result<(), _> = Err(LimitHit::Rows.into());
        assert!(matches!(notes.note(hit), Err(SensorError::Limit(_))));
        assert_eq!(notes.note(Ok(1)).unwrap(), Some(1));
        let form = SensorError::Form {
            what: "x".into(),
            problem: "y".into(),
        };
        assert_eq!(notes.note::<()>(Err(form)).unwrap(), None);
        assert_eq!(words(&notes).len(), 1);
    }
}
