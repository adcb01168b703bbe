//! Moments and spans of time. Nothing here asks a clock: what a question says means the same whenever it is read.

use super::number::scaled;
use jiff::civil::{Date, DateTime};
use jiff::tz::{Offset, TimeZone};
use jiff::{Timestamp, fmt::rfc2822};

/// From `start` to before `end`, in nanoseconds since 1970 UTC.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Span {
    pub(crate) start: i128,
    pub(crate) end: i128,
}

const SECOND: i128 = 1_000_000_000;
const DAY: i128 = 86_400 * SECOND;

impl Span {
    fn instant(at: Timestamp) -> Self {
        let start = at.as_nanosecond();
        Self {
            start,
            end: start + 1,
        }
    }
}

fn utc(at: DateTime) -> Option<Timestamp> {
    at.to_zoned(TimeZone::UTC).ok().map(|z| z.timestamp())
}

/// RFC 3339; the same without zone (UTC) or with a blank; a date alone; `@seconds`; RFC 2822; WMI's
/// `yyyymmddHHMMSS.ffffff+minutes`.
pub(super) fn moment(text: &str) -> Option<Span> {
    if text.len() > 80 {
        return None;
    }
    if let Some(seconds) = text.strip_prefix('@') {
        return Timestamp::from_second(seconds.parse().ok()?)
            .ok()
            .map(Span::instant);
    }
    if let Ok(at) = text.parse::<Timestamp>() {
        return Some(Span::instant(at));
    }
    // Plain digits would read as a compact date.
    if text.contains('-') && !text.contains('[') {
        if text.len() <= 10
            && let Ok(day) = text.parse::<Date>()
        {
            let start = utc(day.at(0, 0, 0, 0))?.as_nanosecond();
            return Some(Span {
                start,
                end: start + DAY,
            });
        }
        if text.contains(':')
            && let Ok(at) = text.parse::<DateTime>()
        {
            return utc(at).map(Span::instant);
        }
    }
    if let Some(at) = wmi(text) {
        return Some(Span::instant(at));
    }
    rfc2822::parse(text)
        .ok()
        .map(|z| Span::instant(z.timestamp()))
}

fn wmi(text: &str) -> Option<Timestamp> {
    let digits = |from: usize, to: usize| -> Option<i32> {
        let part = text.get(from..to)?;
        part.bytes().all(|b| b.is_ascii_digit()).then_some(())?;
        part.parse().ok()
    };
    if text.len() != 25 || text.get(14..15) != Some(".") {
        return None;
    }
    let small = |from, to| digits(from, to).and_then(|n| i8::try_from(n).ok());
    let year = i16::try_from(digits(0, 4)?).ok()?;
    let micros = digits(15, 21)?;
    let at = DateTime::new(
        year,
        small(4, 6)?,
        small(6, 8)?,
        small(8, 10)?,
        small(10, 12)?,
        small(12, 14)?,
        micros * 1000,
    )
    .ok()?;
    let minutes = match text.get(21..22)? {
        "+" => digits(22, 25)?,
        "-" => -digits(22, 25)?,
        _ => return None,
    };
    Offset::from_seconds(minutes * 60)
        .ok()?
        .to_timestamp(at)
        .ok()
}

/// `2 hours`, `1d 3h`, `2 years, 3 days`, `4.2 hours`, `90` (seconds), `1:30:00`, `2-03:04:05` (as `ps` writes it).
/// A month counts 30 days, a year 365.
pub(super) fn duration(text: &str) -> Option<i128> {
    let (text, sign) = match text.strip_prefix('-') {
        Some(rest) => (rest, -1),
        None => (text, 1),
    };
    if text.len() > 200 {
        return None;
    }
    if text.contains(':') {
        return clock(text).map(|n| n * sign);
    }
    let mut rest = text;
    let mut total: i128 = 0;
    let mut parts = 0;
    while !rest.is_empty() {
        let (number, after) = scaled(rest)?;
        let after = after.trim_start();
        let end = after
            .find(|c: char| !c.is_alphabetic())
            .unwrap_or(after.len());
        let (name, next) = after.split_at_checked(end)?;
        let unit = if name.is_empty() {
            // A number without unit is only the whole text.
            (parts == 0 && next.is_empty()).then_some(SECOND)?
        } else {
            unit(name)?
        };
        total = total.checked_add(number.times(unit)?)?;
        parts += 1;
        let next = next.trim_start();
        let next = next.strip_prefix(',').unwrap_or(next).trim_start();
        rest = next.strip_prefix("and ").unwrap_or(next).trim_start();
    }
    (parts > 0).then_some(total * sign)
}

fn unit(name: &str) -> Option<i128> {
    Some(match name.to_lowercase().as_str() {
        "ns" => 1,
        "us" | "µs" => 1_000,
        "ms" | "millisecond" | "milliseconds" => 1_000_000,
        "s" | "sec" | "secs" | "second" | "seconds" => SECOND,
        "m" | "min" | "mins" | "minute" | "minutes" => 60 * SECOND,
        "h" | "hr" | "hrs" | "hour" | "hours" => 3600 * SECOND,
        "d" | "day" | "days" => DAY,
        "w" | "week" | "weeks" => 7 * DAY,
        "month" | "months" | "mo" => 30 * DAY,
        "y" | "yr" | "yrs" | "year" | "years" => 365 * DAY,
        _ => return None,
    })
}

fn clock(text: &str) -> Option<i128> {
    let (days, time) = match text.split_once('-') {
        Some((days, time)) => (days.parse::<u32>().ok()?, time),
        None => (0, text),
    };
    let mut seconds: i128 = 0;
    let fields: Vec<&str> = time.split(':').collect();
    if !(2..=3).contains(&fields.len()) {
        return None;
    }
    for field in fields {
        if field.is_empty() || !field.bytes().all(|b| b.is_ascii_digit()) {
            return None;
        }
        seconds = seconds * 60 + i128::from(field.parse::<u32>().ok()?);
    }
    Some(i128::from(days) * DAY + seconds * SECOND)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forms_of_moments() {
        let at = |t: &str| moment(t).map(|s| s.start / SECOND);
        let nine = at("2026-11-22T09:00:00Z");
        assert!(nine.is_some());
        assert_eq!(at("20261122100000.000000+060"), nine);
        assert_eq!(at("2026-11-22T09:00"), nine);
        assert_eq!(at("2026-11-22 10:00:00+01:00"), nine);
        assert_eq!(at(&format!("@{}", nine.unwrap())), nine);
        let day = moment("2026-11-22").unwrap();
        assert_eq!(day.end - day.start, DAY);
        assert_eq!(at("20261122"), None);
    }

    #[test]
    fn forms_of_spans() {
        assert_eq!(
            duration("2-03:04:05"),
            Some((2 * 86_400 + 3 * 3600 + 245) * SECOND)
        );
        assert_eq!(duration("1:30"), Some(90 * SECOND));
        assert_eq!(duration("4.2 hours"), Some(15_120 * SECOND));
        assert_eq!(duration("1 day and 2 hours"), Some(26 * 3600 * SECOND));
        assert_eq!(duration("5 5"), None);
        assert_eq!(duration("1:2:3:4"), None);
        assert_eq!(duration("999999999999999999999999 years"), None);
    }
}
