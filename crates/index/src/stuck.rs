//! Threads that wait for a file system that does not answer, and how the work goes on without them.
//!
//! A call to a file system whose daemon or device died may never return, and nothing ends the thread that made it. So
//! each thread that makes such calls has a [`Pulse`]; who waits for its work looks at the pulses ([`Watch`]), gives up
//! the thread that was in one call for too long, and goes on with another. A thread that was given up touches nothing
//! any more, should its call return. Until then it is remembered, for the whole process, with the path that it waits
//! for: nobody else is sent there, so their number does not grow with time.

use crate::stop::Stop;
use crossbeam_channel::Receiver;
use std::cell::RefCell;
use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// The system's number for what gave no answer.
pub const TIMED_OUT: i32 = libc::ETIMEDOUT;
/// A place in which so many threads wait is left alone.
const MOST: usize = 3;

/// How long an answer is waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Patience {
    /// Whether a place answers at all.
    pub probe: Duration,
    /// One call: a disk that tries hard to read a bad block takes half a minute.
    pub call: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        Self {
            probe: Duration::from_secs(10),
            call: Duration::from_secs(60),
        }
    }
}

/// Given up.
const LOST: u64 = u64::MAX;
/// Given up, and at its end since.
const BACK: u64 = u64::MAX - 1;

/// Whether a thread is in a call to a file system (odd) or not (even), counted up with every change.
#[derive(Debug, Default)]
pub struct Pulse(AtomicU64);

impl Pulse {
    /// Before a call.
    pub fn enter(&self) {
        // Nobody else changes an even number.
        let now = self.0.load(Ordering::Relaxed);
        if now.is_multiple_of(2) {
            self.0.store(now + 1, Ordering::Release);
        }
    }

    /// After a call.
    ///
    /// # Errors
    /// [`Stop`] when the thread was given up meanwhile: what it works at is others' by now.
    pub fn leave(&self) -> Result<(), Stop> {
        let now = self.0.load(Ordering::Relaxed);
        if now.is_multiple_of(2) {
            return Ok(());
        }
        let left = now != LOST
            && self
                .0
                .compare_exchange(now, now + 1, Ordering::AcqRel, Ordering::Relaxed)
                .is_ok();
        if left { Ok(()) } else { Err(Stop) }
    }

    /// Whether the thread was given up.
    pub fn lost(&self) -> bool {
        self.0.load(Ordering::Acquire) >= BACK
    }

    /// The thread ends, given up or not.
    pub fn back(&self) {
        self.0.store(BACK, Ordering::Release);
    }
}

/// Looks at the pulses of threads.
pub struct Watch {
    patience: Duration,
    seen: HashMap<usize, (Arc<Pulse>, u64, Instant)>,
}

impl Watch {
    /// Over no threads yet.
    #[must_use]
    pub fn new(patience: Duration) -> Self {
        Self {
            patience,
            seen: HashMap::new(),
        }
    }

    /// A thread more.
    pub fn add(&mut self, number: usize, pulse: Arc<Pulse>) {
        self.seen.insert(number, (pulse, 0, Instant::now()));
    }

    /// How long to wait between two looks.
    #[must_use]
    pub fn tick(&self) -> Duration {
        (self.patience / 4).clamp(Duration::from_millis(5), Duration::from_secs(1))
    }

    /// The work was stopped: nobody waits long for what is left of it.
    pub fn hurry(&mut self) {
        self.patience = self.patience.min(Duration::from_secs(1));
    }

    /// Gives up the threads that are in one call for too long.
    pub fn lost(&mut self) -> Vec<(usize, Arc<Pulse>)> {
        let now = Instant::now();
        let mut lost = Vec::new();
        for (number, (pulse, seen, since)) in &mut self.seen {
            let value = pulse.0.load(Ordering::Acquire);
            if value.is_multiple_of(2) || value != *seen {
                (*seen, *since) = (value, now);
            } else if now.duration_since(*since) >= self.patience
                && value != LOST
                && pulse
                    .0
                    .compare_exchange(value, LOST, Ordering::AcqRel, Ordering::Relaxed)
                    .is_ok()
            {
                lost.push((*number, Arc::clone(pulse)));
            }
        }
        for (number, _) in &lost {
            self.seen.remove(number);
        }
        lost
    }
}

thread_local! {
    static OWN: RefCell<Option<Arc<Pulse>>> = const { RefCell::new(None) };
}

/// Says which pulse is this thread's, for [`call`].
pub fn own(pulse: &Arc<Pulse>) {
    OWN.set(Some(Arc::clone(pulse)));
}

/// Makes calls to a file system under this thread's pulse, if it has one.
///
/// # Errors
/// As [`Pulse::leave`].
pub fn call<T>(calls: impl FnOnce() -> T) -> Result<T, Stop> {
    let pulse = OWN.with_borrow(Clone::clone);
    let Some(pulse) = pulse else {
        return Ok(calls());
    };
    pulse.enter();
    let outcome = calls();
    pulse.leave()?;
    Ok(outcome)
}

/// A thread that was given up.
struct Left {
    place: Vec<u8>,
    path: Vec<u8>,
    pulse: Arc<Pulse>,
}

static LEFT: Mutex<Vec<Left>> = Mutex::new(Vec::new());

/// Those whose calls did not return yet.
fn left() -> MutexGuard<'static, Vec<Left>> {
    let mut left = LEFT.lock().unwrap_or_else(PoisonError::into_inner);
    left.retain(|one| one.pulse.0.load(Ordering::Acquire) != BACK);
    left
}

/// Remembers a thread that was given up, with the place that it works in and the path that it waits for.
pub fn leave_behind(place: &[u8], path: &[u8], pulse: Arc<Pulse>) {
    left().push(Left {
        place: place.to_owned(),
        path: path.to_owned(),
        pulse,
    });
}

/// Whether a thread waits for this path.
#[must_use]
pub fn waits_for(path: &[u8]) -> bool {
    left().iter().any(|one| one.path == path)
}

/// Whether a place is to be left alone: it does not answer, or too many threads wait in it.
#[must_use]
pub fn silent(place: &[u8]) -> bool {
    let left = left();
    let mut within = left.iter().filter(|one| one.place == place);
    within.clone().count() >= MOST || within.any(|one| one.path == place)
}

/// A question that a thread of its own puts to a file system.
pub struct Question<T> {
    place: Vec<u8>,
    asked: Option<(Receiver<T>, Arc<Pulse>)>,
}

impl<T: Send + 'static> Question<T> {
    /// Asks, unless another thread waits for this place already.
    pub fn ask(place: &[u8], calls: impl FnOnce() -> T + Send + 'static) -> Self {
        let mut question = Self {
            place: place.to_owned(),
            asked: None,
        };
        if silent(place) {
            return question;
        }
        let pulse = Arc::new(Pulse::default());
        let (give, take) = crossbeam_channel::bounded(1);
        let own = Arc::clone(&pulse);
        let started = std::thread::Builder::new()
            .name("index-probe".into())
            .spawn(move || {
                // Who asked may have given up.
                give.send(calls()).ok();
                own.back();
            });
        if started.is_ok() {
            question.asked = Some((take, pulse));
        }
        question
    }

    /// The answer; `None` when there is none until then.
    #[must_use]
    pub fn answer(self, until: Instant) -> Option<T> {
        let (take, pulse) = self.asked?;
        match take.recv_deadline(until) {
            Ok(answer) => Some(answer),
            Err(_) => {
                leave_behind(&self.place, &self.place, pulse);
                None
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thread_in_one_call_is_given_up_and_one_that_works_is_not() {
        let mut watch = Watch::new(Duration::ZERO);
        let [calling, working, changing] = [0, 1, 2].map(|number| {
            let pulse = Arc::new(Pulse::default());
            watch.add(number, Arc::clone(&pulse));
            pulse
        });
        calling.enter();
        changing.enter();
        assert!(watch.lost().is_empty(), "seen for the first time");
        changing.leave().unwrap();
        changing.enter();
        let lost: Vec<usize> = watch.lost().iter().map(|(number, _)| *number).collect();
        assert_eq!(lost, [0]);
        assert!(calling.lost() && calling.leave().is_err());
        calling.enter();
        assert!(calling.leave().is_err(), "once lost, lost for ever");
        assert!(!working.lost() && working.leave().is_ok());
        assert!(changing.leave().is_ok());
        assert!(watch.lost().is_empty());
    }

    #[test]
    fn a_place_that_does_not_answer_holds_one_thread() {
        let place = b"/a place of this test";
        let (go, wait) = crossbeam_channel::bounded::<()>(0);
        let hangs = Question::ask(place, move || wait.recv().ok());
        assert!(!silent(place));
        assert_eq!(hangs.answer(Instant::now()), None);
        assert!(silent(place) && waits_for(place));
        let again = Question::ask(place, || -> () { panic!("another thread was sent there") });
        assert_eq!(again.answer(Instant::now() + Duration::from_secs(60)), None);
        drop(go);
        while silent(place) {
            std::thread::yield_now();
        }
        let answers = Question::ask(place, || 7);
        assert_eq!(
            answers.answer(Instant::now() + Duration::from_secs(60)),
            Some(7)
        );
    }

    #[test]
    fn a_place_with_few_stuck_threads_is_still_walked() {
        let place = b"/another place of this test";
        let pulses: Vec<Arc<Pulse>> = (0..MOST).map(|_| Arc::default()).collect();
        for (number, pulse) in pulses.iter().enumerate() {
            assert!(!silent(place));
            leave_behind(
                place,
                format!("/path {number}").as_bytes(),
                Arc::clone(pulse),
            );
        }
        assert!(silent(place) && waits_for(b"/path 1"));
        pulses[1].back();
        assert!(!silent(place) && !waits_for(b"/path 1"));
        pulses.iter().for_each(|pulse| pulse.back());
    }
}
