//! Use of the processor averaged over the time that just passed.

use std::collections::VecDeque;
use std::time::Duration;

/// Parts of a window: how finely it slides, and how much it remembers.
const PARTS: u32 = 60;

/// Moments of wall and processor time, as far back as the window reaches.
#[derive(Debug)]
pub(super) struct Window {
    span: Duration,
    /// Oldest first; the oldest is the newest that is as old as the window, where one is.
    moments: VecDeque<(Duration, Duration)>,
}

impl Window {
    pub(super) fn new(span: Duration) -> Self {
        Self {
            span,
            moments: VecDeque::new(),
        }
    }

    pub(super) fn clear(&mut self) {
        self.moments.clear();
    }

    pub(super) fn note(&mut self, wall: Duration, cpu: Duration) {
        let due = |last: &(Duration, Duration)| wall.saturating_sub(last.0) >= self.span / PARTS;
        if self.moments.back().is_none_or(due) {
            self.moments.push_back((wall, cpu));
        }
        while self
            .moments
            .get(1)
            .is_some_and(|second| wall.saturating_sub(second.0) >= self.span)
        {
            self.moments.pop_front();
        }
    }

    /// Percent of one processor since the oldest moment.
    pub(super) fn average(&self, wall: Duration, cpu: Duration) -> Option<f64> {
        let (since, used) = self.moments.front()?;
        let passed = wall.saturating_sub(*since).as_secs_f64();
        (passed > 0.0).then(|| cpu.saturating_sub(*used).as_secs_f64() / passed * 100.0)
    }

    /// The same once the whole window has passed.
    pub(super) fn full_average(&self, wall: Duration, cpu: Duration) -> Option<f64> {
        let full = self
            .moments
            .front()
            .is_some_and(|(since, _)| wall.saturating_sub(*since) >= self.span);
        full.then(|| self.average(wall, cpu)).flatten()
    }
}
