//! Moments as people write them on a command line: how long ago, a day, a time.

use jiff::civil::DateTime;
use jiff::{Span, Timestamp, Zoned};
use std::str::FromStr;

/// A moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct When(pub Timestamp);

impl FromStr for When {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        read(text.trim(), &Zoned::now()).map(Self).ok_or_else(|| {
            format!(
                "`{text}` is neither how long ago (24h, 7d, \"2 weeks\") nor a day or time (2026-11-30, 2026-11-30T08:15, 2026-11-30T08:15:00Z)"
            )
        })
    }
}

/// Reads a moment; days and times without a zone are of the zone of `now`.
fn read(text: &str, now: &Zoned) -> Option<Timestamp> {
    if let Ok(moment) = text.parse::<Timestamp>() {
        return Some(moment);
    }
    // A day alone is its midnight.
    if let Ok(time) = text.parse::<DateTime>() {
        return Some(time.to_zoned(now.time_zone().clone()).ok()?.timestamp());
    }
    let ago = text.strip_suffix("ago").unwrap_or(text).trim_end();
    let span: Span = ago.parse().ok()?;
    if span.is_negative() {
        return None;
    }
    Some(now.checked_sub(span).ok()?.timestamp())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_read_or_refused() {
        let now: Zoned = "2026-11-30T12:00:00+01:00[+01:00]".parse().expect("a time");
        for (text, moment) in [
            ("24h", "2026-11-29T11:00:00Z"),
            ("7d", "2026-11-23T11:00:00Z"),
            ("2 weeks", "2026-11-16T11:00:00Z"),
            ("90 minutes ago", "2026-11-30T09:30:00Z"),
            ("2026-11-30", "2026-11-29T23:00:00Z"),
            ("2026-11-30T08:15", "2026-11-30T07:15:00Z"),
            ("2026-11-30T08:15:00Z", "2026-11-30T08:15:00Z"),
            ("2026-11-30T08:15:00+05:00", "2026-11-30T03:15:00Z"),
        ] {
            let expected: Timestamp = moment.parse().expect("a moment");
            assert_eq!(read(text, &now), Some(expected), "{text}");
        }
        for bad in ["", "yesterday", "24", "-24h", "2026-13-01", "999999999999y"] {
            assert_eq!(read(bad, &now), None, "{bad}");
        }
    }
}
