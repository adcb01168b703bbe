//! How the threads of a session sleep: until there is something to do, or until it is over.
//!
//! An idle Index must cost nothing that shows. No thread looks again and again; each takes a [`Mark`], looks, and
//! waits for a ring after that mark.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// What a thread knew when it looked last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Mark(u64);

/// See the module.
#[derive(Default)]
pub(super) struct Bell {
    state: Mutex<State>,
    rung: Condvar,
}

#[derive(Default)]
struct State {
    rings: u64,
    over: bool,
    /// Wakes what sleeps elsewhere, when it is over.
    last: Vec<Box<dyn Fn() + Send>>,
}

impl Bell {
    fn lock(&self) -> MutexGuard<'_, State> {
        // Nothing in there is left half done by a panic.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether it is over.
    pub fn over(&self) -> bool {
        self.lock().over
    }

    /// To be taken before looking.
    pub fn mark(&self) -> Mark {
        Mark(self.lock().rings)
    }

    /// There is something to look at.
    pub fn ring(&self) {
        self.lock().rings += 1;
        self.rung.notify_all();
    }

    /// It is over.
    pub fn end(&self) {
        let last = {
            let mut state = self.lock();
            state.over = true;
            state.rings += 1;
            std::mem::take(&mut state.last)
        };
        self.rung.notify_all();
        for wake in last {
            wake();
        }
    }

    /// Calls this when it is over; at once when it is already.
    pub fn at_end(&self, wake: impl Fn() + Send + 'static) {
        let mut state = self.lock();
        if state.over {
            drop(state);
            wake();
        } else {
            state.last.push(Box::new(wake));
        }
    }

    /// Waits for a ring after the mark, so long at most. False when it is over.
    pub fn wait(&self, mark: Mark, most: Duration) -> bool {
        self.wait_while(most, |state| state.rings == mark.0)
    }

    /// Waits so long, whatever rings. False when it is over.
    pub fn sleep(&self, time: Duration) -> bool {
        self.wait_while(time, |_| true)
    }

    fn wait_while(&self, most: Duration, wanted: impl Fn(&State) -> bool) -> bool {
        let until = Instant::now() + most;
        let mut state = self.lock();
        while !state.over && wanted(&state) {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                break;
            }
            state = self
                .rung
                .wait_timeout(state, left)
                .unwrap_or_else(PoisonError::into_inner)
                .0;
        }
        !state.over
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicBool, Ordering};

    const LONG: Duration = Duration::from_secs(600);

    #[test]
    fn a_ring_before_waiting_is_not_missed() {
        let bell = Bell::default();
        let mark = bell.mark();
        bell.ring();
        assert!(bell.wait(mark, LONG));
    }

    #[test]
    fn the_end_wakes_everyone() {
        let bell = Arc::new(Bell::default());
        let woken = Arc::new(AtomicBool::new(false));
        let elsewhere = Arc::clone(&woken);
        bell.at_end(move || elsewhere.store(true, Ordering::Relaxed));
        let mark = bell.mark();
        let sleepers = [
            std::thread::spawn({
                let bell = Arc::clone(&bell);
                move || bell.wait(mark, LONG)
            }),
            std::thread::spawn({
                let bell = Arc::clone(&bell);
                move || bell.sleep(LONG)
            }),
        ];
        bell.end();
        for sleeper in sleepers {
            assert!(!sleeper.join().unwrap());
        }
        assert!(woken.load(Ordering::Relaxed) && bell.over());
    }
}
