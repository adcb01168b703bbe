//! Times as one whole number that sorts, whatever a file system gave; the Index keeps them so.
//!
//! Nanoseconds since 1970 reach from 1677 to 2262. File systems keep times outside of that (NTFS from 1601, ext4 to 2446,
//! Btrfs and tmpfs for billions of years), by damage, by intent to hide something, or because a clock was wrong; and some
//! keep none. So near its two ends the number counts seconds instead, for some seventy thousand years each, and what lies
//! beyond stands at the end itself; the least number is no time at all. Earlier times are smaller numbers throughout.

/// No time: the file system keeps none.
pub const NONE: i64 = i64::MIN;

/// Seconds that have a number of their own at each end.
const SECONDS: i64 = 1 << 41;
/// The last nanosecond.
pub const LAST: i64 = i64::MAX - SECONDS;
/// The first nanosecond; what is less is earlier, or [`NONE`].
pub const FIRST: i64 = i64::MIN + 1 + SECONDS;
const NANOSECONDS: i64 = 1_000_000_000;

/// The number of a time: seconds since 1970, and nanoseconds after them.
#[must_use]
pub fn of(seconds: i64, nanoseconds: u32) -> i64 {
    let exact = seconds
        .checked_mul(NANOSECONDS)
        .and_then(|n| n.checked_add(i64::from(nanoseconds)));
    match exact {
        Some(number) if (FIRST..=LAST).contains(&number) => number,
        _ if seconds > 0 => {
            LAST.saturating_add(seconds.saturating_sub(LAST.div_euclid(NANOSECONDS)).max(1))
        }
        _ => {
            let before = FIRST.div_euclid(NANOSECONDS).saturating_sub(seconds).max(1);
            FIRST.saturating_sub(before).max(NONE + 1)
        }
    }
}

/// The number of a time in nanoseconds since 1970.
#[must_use]
pub fn of_nanoseconds(nanoseconds: i128) -> i64 {
    let second = i128::from(NANOSECONDS);
    let seconds = nanoseconds.div_euclid(second);
    let rest = nanoseconds.rem_euclid(second);
    of(
        i64::try_from(seconds).unwrap_or(if seconds > 0 { i64::MAX } else { i64::MIN }),
        u32::try_from(rest).unwrap_or_default(),
    )
}

/// Seconds since 1970 and nanoseconds after them; none for [`NONE`].
#[must_use]
pub fn parts(number: i64) -> Option<(i64, u32)> {
    if number == NONE {
        None
    } else if number > LAST {
        Some((LAST.div_euclid(NANOSECONDS) + (number - LAST), 0))
    } else if number < FIRST {
        Some((FIRST.div_euclid(NANOSECONDS) - (FIRST - number), 0))
    } else {
        let rest = number.rem_euclid(NANOSECONDS);
        Some((number.div_euclid(NANOSECONDS), rest as u32))
    }
}

/// Seconds since 1970; none for [`NONE`].
#[must_use]
pub fn seconds(number: i64) -> Option<i64> {
    parts(number).map(|(seconds, _)| seconds)
}

/// Whether nanoseconds since 1970 cannot hold a time: it is kept to the second, or not even that.
#[must_use]
pub fn is_far(number: i64) -> bool {
    number != NONE && !(FIRST..=LAST).contains(&number)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn what_nanoseconds_hold_is_kept_exactly() {
        assert_eq!(of(0, 0), 0);
        assert_eq!(of(-1, 999_999_999), -1);
        assert_eq!(
            parts(1_500_000_000_123_456_789),
            Some((1_500_000_000, 123_456_789))
        );
        assert!(!is_far(0) && !is_far(NONE) && parts(NONE).is_none());
    }

    #[test]
    fn far_times_are_kept_to_the_second() {
        // 1601-01-01, and the last second that ext4 keeps.
        for seconds in [-11_644_473_600, 15_032_385_535] {
            let number = of(seconds, 7);
            assert!(is_far(number), "{seconds}");
            assert_eq!(parts(number), Some((seconds, 0)));
        }
        assert_eq!(of(i64::MAX, 0), i64::MAX);
        assert_eq!(of(i64::MIN, 0), NONE + 1);
        assert_eq!(of_nanoseconds(i128::MAX), i64::MAX);
        assert_eq!(of_nanoseconds(i128::MIN), NONE + 1);
        assert_eq!(of_nanoseconds(-1), -1);
    }

    proptest! {
        #[test]
        fn earlier_times_are_smaller_numbers(
            a in any::<i64>(), b in any::<i64>(), n in 0_u32..1_000_000_000, m in 0_u32..1_000_000_000,
            shift in 0_u32..40,
        ) {
            let (a, b) = (a >> shift, b >> shift);
            prop_assert!(of(a, n) > NONE);
            if (a, n) <= (b, m) {
                prop_assert!(of(a, n) <= of(b, m), "{} {}", a, b);
            }
            let (seconds, _) = parts(of(a, n)).unwrap();
            let held = (-2_000_000_000_000..2_000_000_000_000).contains(&a);
            prop_assert!(!held || seconds == a, "{} is {}", a, seconds);
        }
    }
}
