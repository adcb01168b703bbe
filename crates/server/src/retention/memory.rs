//! Memory goes back to the system after a burst.
//!
//! The system's allocator keeps what was freed for the next time, in as many pools as there were threads; after an answer of hundreds
//! of megabytes that is most of the process. So when the process has grown a good deal since the last time, the allocator is asked to
//! give back what it does not use.

use crate::model::clock::Clock;
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// Time between two looks.
const LOOK: Duration = Duration::from_secs(30);
/// Growth that is worth the work.
const GROWTH: u64 = 32 << 20;

/// Looks now and then until told to stop.
pub(super) async fn watch(clock: Clock, stop: CancellationToken) {
    let mut least = resident().unwrap_or(0);
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            () = clock.sleep(LOOK) => {}
        }
        let Some(before) = resident() else { return };
        if before < least.saturating_add(GROWTH) {
            least = least.min(before);
            continue;
        }
        // It walks through all that was freed.
        if let Err(error) = tokio::task::spawn_blocking(give_back).await {
            tracing::error!(%error, "giving memory back failed");
            return;
        }
        least = resident().unwrap_or(before);
        tracing::debug!(before, after = least, "memory was given back");
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
