//! From the path in a question to paths on this machine, and what it means when one cannot be reached.

use crate::disk;
use crate::framework::{Notes, SensorError, Sink};
use crate::users::accounts::accounts;
use std::collections::BTreeSet;
use std::io::{Error, ErrorKind};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

/// Calls `f` for each path that a parameter means. A path where `f` finds nothing is no problem; one that is there and
/// cannot be looked at is noted, and hides no other.
pub fn each(
    key: &str,
    text: &str,
    sink: &mut Sink,
    mut f: impl FnMut(&[u8], &mut Sink) -> Result<(), Trouble>,
) -> Result<(), SensorError> {
    let notes = sink.notes();
    for path in meant(key, text, &notes)? {
        sink.check()?;
        let outcome = match f(&path, sink) {
            // An answer shows a byte that is no UTF-8 as \xHH; a question may give it back that way.
            Err(Trouble::Access(e)) if is_absent(&e) && path.windows(2).any(|w| w == b"\\x") => {
                f(&bytes_shown(&path), sink)
            }
            other => other,
        };
        match outcome {
            Ok(()) => {}
            Err(Trouble::Access(e)) if is_absent(&e) => {}
            Err(Trouble::Access(e)) => notes.missed(shown(&path), e),
            Err(Trouble::Run(e)) => {
                notes.note(Err::<(), _>(e))?;
            }
        }
    }
    Ok(())
}

/// Why one path gave nothing.
#[derive(Debug)]
pub enum Trouble {
    /// The system's answer for the path itself.
    Access(Error),
    /// What is there is of no use for this sensor, or the run ends: a limit.
    Run(SensorError),
}

impl From<Error> for Trouble {
    fn from(e: Error) -> Self {
        Self::Access(e)
    }
}

impl From<rustix::io::Errno> for Trouble {
    fn from(e: rustix::io::Errno) -> Self {
        Self::Access(e.into())
    }
}

impl From<SensorError> for Trouble {
    fn from(e: SensorError) -> Self {
        Self::Run(e)
    }
}

impl From<crate::framework::LimitHit> for Trouble {
    fn from(e: crate::framework::LimitHit) -> Self {
        Self::Run(e.into())
    }
}

/// A path for messages.
pub fn shown(path: &[u8]) -> String {
    question::cell::text(path).into_owned()
}

/// A path as the system takes it.
pub fn native(path: &[u8]) -> &Path {
    Path::new(std::ffi::OsStr::from_bytes(path))
}

pub fn is_absent(error: &Error) -> bool {
    matches!(
        error.kind(),
        ErrorKind::NotFound | ErrorKind::NotADirectory | ErrorKind::InvalidFilename
    ) || error.raw_os_error() == Some(libc::ELOOP)
}

/// The paths that a parameter means, each once.
fn meant(key: &str, text: &str, notes: &Notes) -> Result<Vec<Vec<u8>>, SensorError> {
    let wrong = |problem: &str| SensorError::Parameter {
        key: key.into(),
        problem: format!("{text:?} {problem}"),
    };
    if text.contains('\0') {
        return Err(wrong("contains a zero byte, which no path does"));
    }
    if text.starts_with('/') {
        return Ok(vec![text.as_bytes().to_vec()]);
    }
    let below = match text.strip_prefix('~') {
        Some("" | "/") => "",
        Some(rest) if rest.starts_with('/') => rest,
        _ => {
            return Err(wrong(
                "is no absolute path; begin with / or with ~/ for every home folder",
            ));
        }
    };
    Ok(homes(notes)
        .into_iter()
        .map(|home| [home.as_slice(), below.as_bytes()].concat())
        .collect())
}

/// Home folders of the local accounts, and those under `/home` that belong to accounts from elsewhere.
fn homes(notes: &Notes) -> BTreeSet<Vec<u8>> {
    let passwd = Path::new("/etc/passwd");
    let passwd = disk::read_if_there(passwd, disk::CONFIG_MAX, notes).unwrap_or_default();
    let mut homes: BTreeSet<Vec<u8>> = accounts(&passwd).map(|a| a.home).collect();
    for folder in disk::list(Path::new("/home"), notes) {
        homes.insert(disk::cell(&folder));
    }
    homes
        .into_iter()
        .map(|mut home| {
            while home.last() == Some(&b'/') {
                home.pop();
            }
            home
        })
        // An account without a home has `/` or nothing there.
        .filter(|home| home.first() == Some(&b'/') && disk::is_folder(native(home), notes))
        .collect()
}

/// Bytes for `\xHH`.
fn bytes_shown(path: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(path.len());
    let mut rest = path;
    while let Some((first, after)) = rest.split_first() {
        let byte = match rest {
            [b'\\', b'x', high, low, ..] => {
                let digit = |d: u8| char::from(d).to_digit(16);
                digit(*high)
                    .zip(digit(*low))
                    .and_then(|(h, l)| u8::try_from(h * 16 + l).ok())
                    // A zero byte ends a path for the system.
                    .filter(|b| *b != 0)
            }
            _ => None,
        };
        match byte {
            Some(byte) => {
                bytes.push(byte);
                rest = rest.get(4..).unwrap_or_default();
            }
            None => {
                bytes.push(*first);
                rest = after;
            }
        }
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use question::catalogue::Limits;
    use std::sync::Arc;

    fn outcome(error: fn() -> Trouble) -> Result<(), SensorError> {
        let mut sink = Sink::new(Limits::default(), Arc::default());
        let outcome = each("file", "/somewhere", &mut sink, |_, _| Err(error()));
        sink.finish(outcome).whole().1
    }

    #[test]
    fn absent_is_empty_and_closed_is_denied() {
        assert!(outcome(|| Error::from(ErrorKind::NotFound).into()).is_ok());
        assert!(outcome(|| rustix::io::Errno::LOOP.into()).is_ok());
        assert!(matches!(
            outcome(|| rustix::io::Errno::ACCESS.into()),
            Err(SensorError::Denied { what }) if what == "/somewhere"
        ));
        assert!(matches!(
            outcome(|| rustix::io::Errno::IO.into()),
            Err(SensorError::Read { .. })
        ));
    }

    proptest! {
        #[test]
        fn what_an_answer_shows_leads_back(path in proptest::collection::vec(1..=255u8, 0..40)) {
            prop_assume!(!path.windows(2).any(|w| w == b"\\x"));
            prop_assert_eq!(bytes_shown(question::cell::text(&path).as_bytes()), path);
        }
    }

    #[test]
    fn shown_bytes_read_back() {
        assert_eq!(bytes_shown(br"/a\xFFb\xfe"), b"/a\xFFb\xFE");
        assert_eq!(bytes_shown(br"/a\x0\xZZ\x00\x"), br"/a\x0\xZZ\x00\x");
    }

    #[test]
    fn only_absolute_paths_and_homes() {
        for bad in ["", "etc/passwd", "~root/x", "/a\0b"] {
            assert!(
                matches!(
                    meant("file", bad, &Notes::default()),
                    Err(SensorError::Parameter { .. })
                ),
                "{bad:?}"
            );
        }
        assert!(
            meant("file", "~/x", &Notes::default())
                .unwrap()
                .iter()
                .all(|p| p.ends_with(b"/x"))
        );
    }
}
