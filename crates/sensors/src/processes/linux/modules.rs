//! `Loaded Modules`: files whose code is mapped (`/proc/PID/maps`).

use super::executable::without_mark;
use super::hash::{hasher, of_open};
use super::walk::{self, part};
use crate::framework::{Request, SensorError, Sink};
use crate::{handle, text};
use procfs::process::Process;
use rustix::fs::{OFlags, fstat};
use std::collections::HashSet;
use std::fs::File;
use std::io::{Error, ErrorKind};

pub fn loaded_modules(request: &Request, sink: &mut Sink) -> Result<(), SensorError> {
    let mut hasher = hasher(request.parameter(0))?;
    let wanted = request.parameter(1).trim();
    let notes = sink.notes();
    let mut told = HashSet::new();
    for (seen, process) in walk::processes(&notes)? {
        sink.check()?;
        if seen.kernel || !(wanted.is_empty() || seen.is_called(wanted)) {
            continue;
        }
        let maps = walk::bytes(&process, "maps");
        let Some(maps) = part(&notes, &process, "maps", maps) else {
            continue;
        };
        // A library has one mapping with code, or a few; looking at each file once is enough.
        let mut looked_at = HashSet::new();
        for mapping in maps.split(|b| *b == b'\n').filter_map(Mapping::read) {
            if !looked_at.insert((mapping.inode, mapping.path.clone())) {
                continue;
            }
            sink.check()?;
            let (path, deleted) = without_mark(seen.pid, mapping.path.clone(), mapping.inode);
            let digest = match &mut hasher {
                Some(hasher) => {
                    let opened = open(&process, &mapping, &path);
                    // The process may be gone, or the file with its last mapping.
                    let opened = match opened {
                        Err(e) if e.kind() == ErrorKind::NotFound => Ok(None),
                        other => other,
                    };
                    of_open(opened, &path, hasher, sink)?
                }
                None => String::new(),
            };
            let row = (seen.name.clone(), path, deleted, digest);
            if !told.contains(&row) {
                sink.push([
                    row.0.as_slice(),
                    &row.1,
                    text::boolean(deleted).as_bytes(),
                    row.3.as_bytes(),
                ])?;
                told.insert(row);
            }
        }
    }
    Ok(())
}

/// A mapping with code from a file.
struct Mapping {
    /// `start-end`, the name under `map_files`.
    range: String,
    inode: u64,
    /// With the kernel's mark for deleted files.
    path: Vec<u8>,
}

impl Mapping {
    /// `start-end perms offset device inode  path`; `None` for mappings without a file or without the right to execute.
    fn read(line: &[u8]) -> Option<Self> {
        let (range, rest) = text::word(line);
        let (permissions, rest) = text::word(rest);
        let (_offset, rest) = text::word(rest);
        let (_device, rest) = text::word(rest);
        // The path begins at its slash and may end with anything, blanks too.
        let (inode, path) = text::word(rest);
        let inode: u64 = text::number(inode)?;
        let code = permissions.get(2) == Some(&b'x');
        // Shared memory without a name shows as this device.
        let nameless = path.starts_with(b"/dev/zero") || path.starts_with(b"/SYSV");
        if !code || inode == 0 || path.first() != Some(&b'/') || nameless {
            return None;
        }
        Some(Self {
            range: map_files_name(range)?,
            inode,
            path: unescaped(path),
        })
    }
}

/// In `maps` addresses are padded with zeros to eight digits, in `map_files` they are not.
fn map_files_name(range: &[u8]) -> Option<String> {
    let (start, end) = std::str::from_utf8(range).ok()?.split_once('-')?;
    let number = |digits| u64::from_str_radix(digits, 16).ok();
    Some(format!("{:x}-{:x}", number(start)?, number(end)?))
}

/// The kernel writes a line feed in a path as `\012` and leaves all else, even the backslash.
fn unescaped(path: &[u8]) -> Vec<u8> {
    const LINE_FEED: &[u8] = b"\\012";
    let mut plain = Vec::with_capacity(path.len());
    let mut rest = path;
    while let Some((first, after)) = rest.split_first() {
        if let Some(after) = rest.strip_prefix(LINE_FEED) {
            plain.push(b'\n');
            rest = after;
        } else {
            plain.push(*first);
            rest = after;
        }
    }
    plain
}

/// Opens the mapped file: through the mapping itself, which works for deleted files; where the kernel does not allow
/// that, through the path, if the same file is still there.
fn open(process: &Process, mapping: &Mapping, path: &[u8]) -> std::io::Result<Option<File>> {
    let link = format!("map_files/{}", mapping.range);
    let through_mapping = process.open_relative_flags(link, OFlags::PATH | OFlags::CLOEXEC);
    if let Ok(found) = through_mapping {
        return handle::read(&found);
    }
    let full = [format!("/proc/{}/root", process.pid()).as_bytes(), path].concat();
    let found = handle::at(&full, true)?;
    if fstat(&found)?.st_ino != mapping.inode {
        return Err(Error::other("another file has this path now"));
    }
    handle::read(&found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_maps() {
        let read = |line: &[u8]| Mapping::read(line).map(|m| (m.range, m.inode, m.path));
        assert_eq!(
            read(b"00400000-00452000 r-xp 00000000 08:02 173521      /usr/bin/dbus\xFF daemon (deleted)"),
            Some((
                "400000-452000".to_owned(),
                173_521,
                b"/usr/bin/dbus\xFF daemon (deleted)".to_vec()
            ))
        );
        assert_eq!(
            read(br"7f0-7f1 r-xp 0 08:02 9 /tmp/a\012b\x").map(|m| m.2),
            Some(b"/tmp/a\nb\\x".to_vec())
        );
        for other in [
            b"35b1800000-35b1820000 r--p 00000000 08:02 135522  /usr/lib64/ld-2.15.so".as_slice(),
            b"7ffd0-7ffd1 r-xp 00000000 00:00 0                 [vdso]",
            b"7f1-7f2 rwxp 00000000 00:00 0 ",
            b"7f1-7f2 rwxs 00000000 00:01 1029 /dev/zero (deleted)",
            b"",
            b"x",
        ] {
            assert_eq!(read(other), None, "{}", String::from_utf8_lossy(other));
        }
    }
}
