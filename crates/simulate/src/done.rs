//! Which orders a simulated endpoint has carried out.

use protocol::order::Seen;

/// Orders done that are remembered before those that have expired are forgotten.
const MOST_DONE: usize = 1024;

/// Orders done: number and expiry, by number. A simulated endpoint remembers them while the process lives.
#[derive(Default)]
pub(crate) struct Done(Vec<(u64, i64)>);

impl Done {
    /// Remembers one.
    pub(crate) fn add(&mut self, number: u64, expires: i64, now: i64) {
        if self.0.len() >= MOST_DONE {
            // An expired order is refused for that.
            self.0.retain(|(_, expires)| *expires > now);
        }
        if let Err(at) = self.0.binary_search_by_key(&number, |(n, _)| *n) {
            self.0.insert(at, (number, expires));
        }
    }
}

impl Seen for Done {
    fn completed(&self, number: u64) -> bool {
        self.0.binary_search_by_key(&number, |(n, _)| *n).is_ok()
    }

    /// An order that was cancelled before it came counts as done.
    fn cancelled(&self, _number: u64) -> bool {
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn done_orders_stay_done_until_they_expire() {
        let mut done = Done::default();
        for number in (0..2000).rev() {
            let expires = if number % 2 == 0 { 10 } else { 100 };
            done.add(number, expires, 50);
        }
        assert!(done.completed(1999) && done.completed(1));
        assert!(!done.completed(2000));
        assert!(done.0.len() < 2000);
        assert!(done.0.is_sorted());
    }
}
