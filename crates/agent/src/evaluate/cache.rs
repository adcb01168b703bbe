//! Rows that were gathered a moment ago, for each sensor and its parameters, within a fixed budget of bytes. Pure: the
//! caller brings the time.

use question::Row;
use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Bytes the cache holds at most.
pub const BUDGET: usize = 8 << 20;

/// What a run is known by: canonical name and the values of all parameters, defaults among them.
pub type Key = (String, Vec<String>);

#[derive(Debug)]
struct Held {
    rows: Arc<Vec<Row>>,
    gathered: Instant,
    max_age: Duration,
    used: Instant,
    bytes: usize,
}

/// See the module.
#[derive(Debug)]
pub struct Cache {
    held: HashMap<Key, Held>,
    bytes: usize,
    budget: usize,
}

impl Cache {
    /// An empty cache with this budget.
    #[must_use]
    pub fn new(budget: usize) -> Self {
        Self {
            held: HashMap::new(),
            bytes: 0,
            budget,
        }
    }

    /// Rows no older than `max_age` at `now`.
    pub fn get(&mut self, key: &Key, max_age: Duration, now: Instant) -> Option<Arc<Vec<Row>>> {
        let held = self.held.get_mut(key)?;
        if now.saturating_duration_since(held.gathered) >= max_age {
            return None;
        }
        held.used = now;
        Some(Arc::clone(&held.rows))
    }

    /// Keeps complete rows of a run that began at `gathered`. Makes room by forgetting what was not used longest; rows
    /// that would take more than half of the budget are not kept.
    pub fn put(&mut self, key: Key, rows: Arc<Vec<Row>>, max_age: Duration, gathered: Instant) {
        self.remove(&key);
        let bytes = size(&key, &rows);
        if max_age.is_zero() || bytes > self.budget / 2 {
            return;
        }
        while self.bytes + bytes > self.budget {
            let oldest = self.held.iter().min_by_key(|(_, h)| h.used);
            let Some(oldest) = oldest.map(|(key, _)| key.clone()) else {
                break;
            };
            self.remove(&oldest);
        }
        self.bytes += bytes;
        self.held.insert(
            key,
            Held {
                rows,
                gathered,
                max_age,
                used: gathered,
                bytes,
            },
        );
    }

    /// Forgets what is older than its sensor allows; true when that freed something.
    pub fn expire(&mut self, now: Instant) -> bool {
        let before = self.bytes;
        let bytes = &mut self.bytes;
        self.held.retain(|_, held| {
            let keep = now.saturating_duration_since(held.gathered) < held.max_age;
            if !keep {
                *bytes -= held.bytes;
            }
            keep
        });
        if self.held.is_empty() {
            self.held.shrink_to_fit();
        }
        self.bytes < before
    }

    fn remove(&mut self, key: &Key) {
        if let Some(held) = self.held.remove(key) {
            self.bytes -= held.bytes;
        }
    }
}

/// What rows cost: their cells, about 16 bytes more for each cell and 24 for each row.
fn size(key: &Key, rows: &[Row]) -> usize {
    let cells: usize = rows
        .iter()
        .map(|row| 24 + row.iter().map(|cell| 16 + cell.len()).sum::<usize>())
        .sum();
    cells + 200 + key.0.len() + key.1.iter().map(|p| 24 + p.len()).sum::<usize>()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(n: usize) -> Arc<Vec<Row>> {
        Arc::new(vec![vec![vec![b'x'; n].into_boxed_slice()]])
    }

    fn key(name: &str) -> Key {
        (name.into(), Vec::new())
    }

    const MINUTE: Duration = Duration::from_secs(60);

    #[test]
    fn honours_the_age_of_both_sides() {
        let mut cache = Cache::new(10_000);
        let start = Instant::now();
        cache.put(key("a"), rows(10), MINUTE, start);
        let later = start + Duration::from_secs(30);
        assert!(cache.get(&key("a"), MINUTE, later).is_some());
        assert!(
            cache
                .get(&key("a"), Duration::from_secs(30), later)
                .is_none()
        );
        assert!(cache.get(&key("a"), Duration::ZERO, start).is_none());
        assert!(
            cache
                .get(&("a".into(), vec!["p".into()]), MINUTE, later)
                .is_none()
        );
        assert!(!cache.expire(later));
        assert!(cache.expire(start + MINUTE));
        assert_eq!(cache.bytes, 0);
    }

    #[test]
    fn stays_within_its_budget_and_keeps_what_is_used() {
        let mut cache = Cache::new(10_000);
        let start = Instant::now();
        for (at, name) in ["a", "b", "c"].iter().enumerate() {
            cache.put(
                key(name),
                rows(2_800),
                MINUTE,
                start + Duration::from_millis(at as u64),
            );
        }
        assert!(
            cache
                .get(&key("a"), MINUTE, start + Duration::from_secs(1))
                .is_some()
        );
        cache.put(
            key("d"),
            rows(2_800),
            MINUTE,
            start + Duration::from_secs(2),
        );
        assert!(cache.bytes <= 10_000);
        assert!(
            cache
                .get(&key("a"), MINUTE, start + Duration::from_secs(3))
                .is_some()
        );
        assert!(
            cache
                .get(&key("b"), MINUTE, start + Duration::from_secs(3))
                .is_none()
        );
        cache.put(key("huge"), rows(6_000), MINUTE, start);
        assert!(cache.get(&key("huge"), MINUTE, start).is_none());
    }
}
