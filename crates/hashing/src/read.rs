//! Reading at a place, and what tells that a file has changed meanwhile.

use std::fs::File;
use std::io;

/// What a file says of itself that changes when its content does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Stamp {
    pub(crate) size: u64,
    written: (i64, i64),
    changed: (i64, i64),
}

#[cfg(unix)]
impl Stamp {
    pub(crate) fn of(file: &File) -> io::Result<Stamp> {
        use std::os::unix::fs::MetadataExt;
        let meta = file.metadata()?;
        Ok(Stamp {
            size: meta.size(),
            written: (meta.mtime(), meta.mtime_nsec()),
            changed: (meta.ctime(), meta.ctime_nsec()),
        })
    }
}

#[cfg(windows)]
impl Stamp {
    pub(crate) fn of(file: &File) -> io::Result<Stamp> {
        use std::os::windows::fs::MetadataExt;
        let meta = file.metadata()?;
        let written = i64::try_from(meta.last_write_time()).unwrap_or(i64::MAX);
        Ok(Stamp {
            size: meta.file_size(),
            written: (written, 0),
            changed: (0, 0),
        })
    }
}

#[cfg(unix)]
fn read_at(file: &File, to: &mut [u8], at: u64) -> io::Result<usize> {
    std::os::unix::fs::FileExt::read_at(file, to, at)
}

#[cfg(windows)]
fn read_at(file: &File, to: &mut [u8], at: u64) -> io::Result<usize> {
    std::os::windows::fs::FileExt::seek_read(file, to, at)
}

/// Reads at `at` until `to` holds `enough` bytes or the file ends; it may read more where `to` has room. A caller that expects n bytes gives room for n + 1: one
/// call then gets all of them and shows that there are no more.
pub(crate) fn fill(file: &File, to: &mut [u8], enough: usize, at: u64) -> io::Result<usize> {
    let mut have = 0;
    while have < enough {
        let Some(rest) = to.get_mut(have..) else {
            break;
        };
        match read_at(file, rest, at + have as u64) {
            Ok(0) => break,
            Ok(n) => have += n,
            Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
            Err(e) => return Err(e),
        }
    }
    Ok(have)
}
