//! Names and paths between bytes, the database, the system and people.

use rusqlite::types::{ToSqlOutput, ValueRef};
use std::borrow::Cow;
use std::ffi::{OsStr, OsString};

/// A name or path as the database keeps it: text where it is UTF-8, so that tools of others can read it; bytes where not.
#[derive(Clone, Copy, Debug)]
pub struct Name<'a>(pub &'a [u8]);

impl rusqlite::ToSql for Name<'_> {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Borrowed(if is_text(self.0) {
            ValueRef::Text(self.0)
        } else {
            ValueRef::Blob(self.0)
        }))
    }
}

/// SQLite ends a text at a zero byte here and there, so a name with one stays bytes (no file system allows it; images may).
fn is_text(bytes: &[u8]) -> bool {
    !bytes.contains(&0) && std::str::from_utf8(bytes).is_ok()
}

/// The bytes of a text or bytes column; none for anything else.
#[must_use]
pub fn bytes(value: ValueRef<'_>) -> &[u8] {
    match value {
        ValueRef::Text(bytes) | ValueRef::Blob(bytes) => bytes,
        _ => &[],
    }
}

/// For people and JSON: UTF-8 as it is, other bytes as `\xHH`.
#[must_use]
pub fn readable(bytes: &[u8]) -> Cow<'_, str> {
    question::cell::text(bytes)
}

/// Several, one behind the other.
#[must_use]
pub fn list<'a>(all: impl IntoIterator<Item = &'a Vec<u8>>) -> String {
    let all: Vec<_> = all.into_iter().map(|one| readable(one)).collect();
    all.join(", ")
}

/// For the system.
#[must_use]
pub fn native(bytes: &[u8]) -> OsString {
    #[cfg(unix)]
    {
        use std::os::unix::ffi::OsStrExt;
        OsStr::from_bytes(bytes).to_owned()
    }
    #[cfg(not(unix))]
    {
        let text = String::from_utf8_lossy(bytes);
        OsStr::new(text.as_ref()).to_owned()
    }
}

/// From the system; `/` separated.
#[must_use]
pub fn from_native(path: &OsStr) -> Vec<u8> {
    #[cfg(unix)]
    {
        use std::os::unix::ffi::OsStrExt;
        path.as_bytes().to_vec()
    }
    #[cfg(not(unix))]
    {
        path.to_string_lossy().replace('\\', "/").into_bytes()
    }
}

/// A time as the Index keeps it ([`crate::times`]), as RFC 3339 in UTC with all its digits; nothing where there is none. Years
/// of more than four digits have a sign, as ISO 8601 has it.
#[must_use]
pub fn time(number: i64) -> String {
    let Some((seconds, nanoseconds)) = crate::times::parts(number) else {
        return String::new();
    };
    let exact = i128::from(seconds) * 1_000_000_000 + i128::from(nanoseconds);
    let near = jiff::Timestamp::from_nanosecond(exact);
    near.map_or_else(|_| far(seconds), |t| t.to_string())
}

/// A time beyond the year 9999: the calendar is the same every 400 years.
fn far(seconds: i64) -> String {
    const CYCLE: i64 = 146_097 * 86_400;
    let cycles = seconds.div_euclid(CYCLE);
    let within = seconds.rem_euclid(CYCLE);
    let Ok(time) = jiff::Timestamp::from_second(within) else {
        return String::new();
    };
    let time = time.to_zoned(jiff::tz::TimeZone::UTC).datetime();
    let year = i64::from(time.year()) + 400 * cycles;
    format!("{year:+}-{}Z", time.strftime("%m-%dT%H:%M:%S"))
}

/// A time in seconds since 1970, likewise.
#[must_use]
pub fn seconds(seconds: i64) -> String {
    jiff::Timestamp::from_second(seconds)
        .map(|t| t.to_string())
        .unwrap_or_default()
}

/// Bytes as lower-case hexadecimal text.
#[must_use]
pub fn hex(bytes: &[u8]) -> String {
    hex::encode(bytes)
}
