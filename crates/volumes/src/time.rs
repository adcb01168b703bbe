//! Clocks of file systems as [`times`].

use crate::times;

/// Hundreds of nanoseconds between 1601-01-01 and 1970-01-01.
const EPOCH_1601: i128 = 116_444_736_000_000_000;

/// A FILETIME. Zero means that there is none.
pub(crate) fn filetime(ticks: u64) -> Option<i64> {
    (ticks != 0).then(|| times::of_nanoseconds((i128::from(ticks) - EPOCH_1601) * 100))
}

#[cfg(test)]
mod tests {
    use super::filetime;
    use crate::times;

    #[test]
    fn known_times() {
        assert_eq!(filetime(116_444_736_000_000_000), Some(0));
        assert_eq!(
            filetime(132_537_600_000_000_001),
            Some(1_609_286_400_000_000_100)
        );
        assert_eq!(filetime(0), None);
        // The first tick, and the last: the years 1601 and 60056.
        assert_eq!(filetime(1).and_then(times::seconds), Some(-11_644_473_600));
        let last = filetime(u64::MAX).and_then(times::seconds);
        assert_eq!(last, Some(1_833_029_933_770));
    }
}
