//! Clocks of file systems as nanoseconds since 1970.

/// Hundreds of nanoseconds between 1601-01-01 and 1970-01-01.
const EPOCH_1601: i128 = 116_444_736_000_000_000;

/// A FILETIME. Zero means that there is none; so does a time that 64 bits of nanoseconds do not hold (before 1677, after 2262).
pub(crate) fn filetime(ticks: u64) -> Option<i64> {
    if ticks == 0 {
        return None;
    }
    i64::try_from((i128::from(ticks) - EPOCH_1601) * 100).ok()
}

/// Seconds and nanoseconds of a Unix clock.
pub(crate) fn unix(seconds: i64, nanoseconds: u32) -> Option<i64> {
    seconds
        .checked_mul(1_000_000_000)?
        .checked_add(i64::from(nanoseconds))
}

#[cfg(test)]
mod tests {
    use super::{filetime, unix};

    #[test]
    fn known_times() {
        assert_eq!(filetime(116_444_736_000_000_000), Some(0));
        assert_eq!(
            filetime(132_537_600_000_000_001),
            Some(1_609_286_400_000_000_100)
        );
        assert_eq!(filetime(0), None);
        assert_eq!(filetime(u64::MAX), None);
        assert_eq!(unix(-1, 999_999_999), Some(-1));
        assert_eq!(unix(i64::MAX, 0), None);
    }
}
