//! Rows of who is logged in, who was, and who tried. All paths are below a given root.

use super::history::{self, History};
use super::utmp;
use crate::alive::Processes;
use crate::disk;
use crate::framework::{SensorError, Sink};
use crate::text;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// Rows of Logged In Users.
///
/// # Errors
/// When a file cannot be read or a limit is reached.
pub fn logged_in_users(root: &Path, sink: &mut Sink) -> Result<(), SensorError> {
    let notes = sink.notes();
    let mut seen = BTreeSet::new();
    // A record outlives its session when that was killed: one whose process is known not to be there does not count.
    let processes = Processes::of(root);
    for path in ["/run/utmp", "/var/run/utmp"] {
        for record in history::records(root, Path::new(path), &notes) {
            if record.kind == utmp::USER
                && !record.user.is_empty()
                && processes.live(record.pid, &notes) != Some(false)
                && seen.insert((record.user.clone(), record.line.clone()))
            {
                sink.push([
                    &record.user[..],
                    &record.line,
                    &record.host,
                    text::moment(record.seconds, record.micros).as_bytes(),
                    record.pid.to_string().as_bytes(),
                ])?;
            }
        }
    }
    // Systems without utmp keep sessions with the login manager alone.
    for path in disk::list(&disk::below(root, "/run/systemd/sessions"), &notes) {
        let Some(bytes) = disk::read_if_there(&path, 64 << 10, &notes) else {
            continue;
        };
        let fields: BTreeMap<&[u8], Vec<u8>> = text::lines(&bytes)
            .filter_map(|line| text::split_once(line, b'='))
            .map(|(key, value)| (key, unescaped(value)))
            .collect();
        let field = |key: &[u8]| fields.get(key).map(Vec::as_slice).unwrap_or_default();
        let is_user = field(b"CLASS").starts_with(b"user") && field(b"STATE") != b"closing";
        let terminal = if field(b"TTY").is_empty() {
            field(b"DISPLAY")
        } else {
            field(b"TTY")
        };
        // The records before tell a session by its terminal. One without is another one, whoever has it.
        let told =
            !terminal.is_empty() && !seen.insert((field(b"USER").to_vec(), terminal.to_vec()));
        if is_user && !told {
            let micros: i64 = text::number(field(b"REALTIME")).unwrap_or(0);
            sink.push([
                field(b"USER"),
                terminal,
                field(b"REMOTE_HOST"),
                text::moment(micros.div_euclid(1_000_000), 0).as_bytes(),
                field(b"LEADER"),
            ])?;
        }
    }
    Ok(())
}

/// The login manager writes some values as C does strings.
fn unescaped(value: &[u8]) -> Vec<u8> {
    let mut plain = Vec::with_capacity(value.len());
    let mut rest = value;
    while let Some((first, after)) = rest.split_first() {
        let digits = |count: usize, base: u32, text: &[u8]| -> Option<u8> {
            let digits = std::str::from_utf8(text.get(..count)?).ok()?;
            u8::from_str_radix(digits, base).ok()
        };
        let (byte, taken) = match (first, after.first()) {
            (b'\\', Some(b'x')) => match digits(2, 16, after.get(1..).unwrap_or_default()) {
                Some(byte) => (byte, 4),
                None => (b'\\', 1),
            },
            (b'\\', Some(b'0'..=b'3')) => match digits(3, 8, after) {
                Some(byte) => (byte, 4),
                None => (b'\\', 1),
            },
            (b'\\', Some(b'n')) => (b'\n', 2),
            (b'\\', Some(b't')) => (b'\t', 2),
            (b'\\', Some(letter @ (b'\\' | b'"' | b'\''))) => (*letter, 2),
            _ => (*first, 1),
        };
        plain.push(byte);
        rest = rest.get(taken..).unwrap_or_default();
    }
    plain
}

/// Rows of Last Logins.
///
/// # Errors
/// When a file cannot be read or a limit is reached.
pub fn last_logins(root: &Path, sink: &mut Sink) -> Result<(), SensorError> {
    let notes = sink.notes();
    let records = History::of(root, "wtmp", &notes).oldest_first();
    let mut all = utmp::logins(&records);
    drop(records);
    let count = all.len();
    all.extend(super::wtmpdb::logins(root, sink)?);
    let outlived = outlived(root, &all, sink)?;
    all.extend(outlived);
    if all.len() > count {
        all.sort_by_key(|login| std::cmp::Reverse((login.record.seconds, login.record.micros)));
    }
    for login in all {
        let end = match login.end {
            utmp::End::Open => "open",
            utmp::End::LoggedOut => "logged out",
            utmp::End::Down => "down",
            utmp::End::Crash => "crash",
            utmp::End::Unknown => "unknown",
        };
        sink.push([
            &login.record.user[..],
            &login.record.line,
            &login.record.host,
            address(&login.record).as_bytes(),
            text::moment(login.record.seconds, login.record.micros).as_bytes(),
            login
                .until
                .map_or_else(String::new, |t| text::moment(t, 0))
                .as_bytes(),
            end.as_bytes(),
        ])?;
    }
    Ok(())
}

/// Logins that the records kept by user still have, and the history has not.
fn outlived(
    root: &Path,
    known: &[utmp::Login],
    sink: &Sink,
) -> Result<Vec<utmp::Login>, SensorError> {
    // Two programs write of one login, one a moment after the other.
    const MOMENT: i64 = 60;
    let mut times: BTreeMap<&[u8], Vec<i64>> = BTreeMap::new();
    for login in known {
        let own = times.entry(&login.record.user).or_default();
        own.push(login.record.seconds);
    }
    let mut made: Vec<utmp::Login> = Vec::new();
    for latest in super::lastlog::latest(root, sink)? {
        let near = |seconds: &i64| seconds.abs_diff(latest.seconds) <= MOMENT.unsigned_abs();
        let told = times
            .get(latest.user.as_slice())
            .is_some_and(|own| own.iter().any(near));
        let twice = made
            .iter()
            .any(|m| m.record.user == latest.user && near(&m.record.seconds));
        if told || twice || latest.user.is_empty() || latest.seconds == 0 {
            continue;
        }
        let host = std::str::from_utf8(&latest.host).ok();
        made.push(utmp::Login {
            record: utmp::Record {
                kind: utmp::USER,
                pid: 0,
                address: host.and_then(|host| host.parse().ok()),
                line: latest.terminal,
                user: latest.user,
                host: latest.host,
                seconds: latest.seconds,
                micros: 0,
            },
            until: None,
            end: utmp::End::Unknown,
        });
    }
    Ok(made)
}

/// Rows of Failed Logins.
///
/// # Errors
/// When a file cannot be read or a limit is reached.
pub fn failed_logins(root: &Path, sink: &mut Sink) -> Result<(), SensorError> {
    let notes = sink.notes();
    for record in History::of(root, "btmp", &notes)
        .oldest_first()
        .iter()
        .rev()
    {
        if record.user.is_empty() && record.line.is_empty() {
            continue;
        }
        sink.push([
            &record.user[..],
            &record.line,
            &record.host,
            address(record).as_bytes(),
            text::moment(record.seconds, record.micros).as_bytes(),
        ])?;
    }
    Ok(())
}

fn address(record: &utmp::Record) -> String {
    record.address.map_or_else(String::new, |a| a.to_string())
}

#[cfg(test)]
mod tests {
    use super::unescaped;

    #[test]
    fn values_of_the_login_manager() {
        for (written, plain) in [
            (&b"host"[..], &b"host"[..]),
            (br"a\x20b\134\\c\n", b"a b\\\\c\n"),
            (br"a\xzz\", br"a\xzz\"),
            (br"\303\266", "ö".as_bytes()),
        ] {
            assert_eq!(unescaped(written), plain);
        }
    }
}
