//! Memory goes back to the system after a burst.
//!
//! The system's allocator keeps what was freed for the next time, in as many pools as there were threads; after an answer of hundreds
//! of megabytes that is most of the process. So as long as the process has a good deal more than it ever did with, the allocator is
//! asked now and then to give back what it does not use. Asking once is not enough: an answer is in use for minutes after it was read.

use crate::model::clock::Clock;
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// Time between two looks.
const LOOK: Duration = Duration::from_secs(30);
/// The same while nothing comes back: what the process holds is in use then, and nobody tells when that ends.
const LONGEST: Duration = Duration::from_secs(300);
/// Growth that is worth the work.
const GROWTH: u64 = 32 << 20;

/// When to look again, and what is much.
struct Watch {
    /// The least that the process ever had.
    least: u64,
    pause: Duration,
}

impl Watch {
    fn new(least: u64) -> Self {
        Self { least, pause: LOOK }
    }

    /// Whether this much is worth asking the allocator.
    fn is_much(&mut self, resident: u64) -> bool {
        self.least = self.least.min(resident);
        let much = resident >= self.least.saturating_add(GROWTH);
        if !much {
            self.pause = LOOK;
        }
        much
    }

    /// Takes note of what came of asking.
    fn gave(&mut self, before: u64, after: u64) {
        self.least = self.least.min(after);
        self.pause = if before.saturating_sub(after) >= GROWTH {
            LOOK
        } else {
            self.pause.saturating_mul(2).min(LONGEST)
        };
    }
}

/// Looks now and then until told to stop.
pub(super) async fn watch(clock: Clock, stop: CancellationToken) {
    let Some(least) = resident() else { return };
    let mut watch = Watch::new(least);
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            () = clock.sleep(watch.pause) => {}
        }
        let Some(before) = resident() else { return };
        if !watch.is_much(before) {
            continue;
        }
        // It walks through all that was freed.
        if let Err(error) = tokio::task::spawn_blocking(give_back).await {
            tracing::error!(%error, "giving memory back failed");
            return;
        }
        let after = resident().unwrap_or(before);
        watch.gave(before, after);
        tracing::debug!(
            before,
            after,
            "the allocator gave back what it does not use"
        );
    }
}

/// Bytes of memory that the process has; `None` where it cannot be told.
fn resident() -> Option<u64> {
    #[cfg(target_os = "linux")]
    {
        let text = std::fs::read_to_string("/proc/self/statm").ok()?;
        let pages: u64 = text.split_ascii_whitespace().nth(1)?.parse().ok()?;
        Some(pages.saturating_mul(rustix::param::page_size() as u64))
    }
    #[cfg(not(target_os = "linux"))]
    {
        None
    }
}

#[cfg(all(target_os = "linux", target_env = "gnu"))]
#[expect(unsafe_code, reason = "the allocator has no safe interface")]
fn give_back() {
    // SAFETY: malloc_trim takes a number and the allocator's own locks; it moves nothing that is in use.
    unsafe {
        libc::malloc_trim(0);
    }
}

#[cfg(not(all(target_os = "linux", target_env = "gnu")))]
fn give_back() {}

#[cfg(all(test, target_os = "linux", target_env = "gnu"))]
mod tests {
    use super::*;

    #[test]
    fn what_is_freed_long_after_the_burst_is_asked_for_again() {
        let mib = |count: u64| count << 20;
        let mut watch = Watch::new(mib(60));
        assert!(!watch.is_much(mib(80)));
        // All of it is in use, for as long as somebody looks at it.
        for pause in [60, 120, 240, 300, 300] {
            assert!(watch.is_much(mib(280)));
            watch.gave(mib(280), mib(275));
            assert_eq!(watch.pause, Duration::from_secs(pause));
        }
        assert!(
            watch.is_much(mib(275)),
            "it grows no more, but may be free now"
        );
        watch.gave(mib(275), mib(70));
        assert_eq!(watch.pause, LOOK);
        assert!(!watch.is_much(mib(70)));
    }

    #[test]
    fn what_was_freed_in_pieces_goes_back() {
        // Small pieces with some of them left in between: the allocator cannot give the rest back by itself.
        let mut pieces: Vec<Vec<u8>> = (0..200_000).map(|_| vec![1; 1000]).collect();
        let full = resident().expect("linux tells");
        let mut number = 0;
        pieces.retain(|_| {
            number += 1;
            number % 100 == 0
        });
        give_back();
        let after = resident().expect("linux tells");
        assert!(
            after + (100 << 20) < full,
            "{full} bytes before, {after} after, {} pieces left",
            pieces.len()
        );
    }
}
