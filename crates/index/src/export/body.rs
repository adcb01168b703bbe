//! The body file of The Sleuth Kit 3, which `mactime` and its kin make timelines of:
//! `MD5|name|inode|mode_as_string|UID|GID|size|atime|mtime|ctime|crtime`, times in seconds.
//! Format: <https://wiki.sleuthkit.org/index.php?title=Body_file>.
//!
//! The Index keeps no access times, and 0 is how this format says so. Names cannot be trusted to keep to a line: what
//! would break one, or the fields in it, becomes `\xhh`, and a backslash two, so that nothing is lost.

use super::{Around, Form};
use crate::entry::{Kind, permissions};
use crate::query::Record;
use crate::text;
use crate::times;
use std::fmt::Write as _;
use std::io::{self, Write};

pub(super) struct Body<'o>(pub(super) &'o mut dyn Write);

impl Form for Body<'_> {
    fn row(&mut self, record: &Record, around: &Around) -> io::Result<()> {
        let a = &record.attributes;
        let mut name = escaped(&record.path());
        if let Some(target) = &record.target {
            name.push_str(" -> ");
            name.push_str(&escaped(target));
        }
        let md5 = record.md5.as_deref().map(text::hex);
        // Other tools know a file of NTFS by its record alone.
        let inode = if around.ntfs.contains(&record.volume) {
            a.inode & 0xFFFF_FFFF_FFFF
        } else {
            a.inode
        };
        let seconds = |time: i64| times::seconds(time).unwrap_or_default();
        writeln!(
            self.0,
            "{}|{name}|{inode}|{}|{}|{}|{}|0|{}|{}|{}",
            md5.as_deref().unwrap_or("0"),
            mode(a.mode),
            a.uid,
            a.gid,
            a.size,
            seconds(a.mtime),
            seconds(a.ctime),
            a.btime.map_or(0, seconds),
        )
    }

    fn end(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

fn escaped(bytes: &[u8]) -> String {
    let mut out = String::with_capacity(bytes.len());
    let push = |out: &mut String, bytes: &[u8]| {
        for byte in bytes {
            // Writing to a String cannot fail.
            let _written = write!(out, "\\x{byte:02x}");
        }
    };
    for chunk in bytes.utf8_chunks() {
        for c in chunk.valid().chars() {
            if c == '\\' {
                out.push_str("\\\\");
            } else if c.is_control() || matches!(c, '|' | '\u{2028}' | '\u{2029}') {
                push(&mut out, c.encode_utf8(&mut [0; 4]).as_bytes());
            } else {
                out.push(c);
            }
        }
        push(&mut out, chunk.invalid());
    }
    out
}

/// The type as the directory and as the inode tell it, which here is the same, and the permissions.
fn mode(mode: u32) -> String {
    let kind = match Kind::of_mode(mode) {
        Kind::File => 'r',
        Kind::Directory => 'd',
        Kind::Link => 'l',
        Kind::Fifo => 'p',
        Kind::Socket => 'h',
        Kind::Block => 'b',
        Kind::Character => 'c',
        Kind::Other => '-',
    };
    format!("{kind}/{kind}{}", permissions(mode))
}

#[cfg(test)]
mod tests {
    use super::{escaped, mode};

    #[test]
    fn a_name_stays_within_its_field() {
        assert_eq!(escaped(b"/a|b\nc\\d"), "/a\\x7cb\\x0ac\\\\d");
        assert_eq!(
            escaped("ä\u{85}\u{2028}".as_bytes()),
            "ä\\xc2\\x85\\xe2\\x80\\xa8"
        );
        assert_eq!(escaped(b"\xFF\x1B["), "\\xff\\x1b[");
    }

    #[test]
    fn modes_are_shown_as_the_format_has_them() {
        for (bits, wanted) in [
            (0o100_644, "r/rrw-r--r--"),
            (0o040_755, "d/drwxr-xr-x"),
            (0o120_777, "l/lrwxrwxrwx"),
            (0o104_755, "r/rrwsr-xr-x"),
            (0o102_644, "r/rrw-r-Sr--"),
            (0o041_777, "d/drwxrwxrwt"),
            (0o010_600, "p/prw-------"),
            (0o140_000, "h/h---------"),
            (0, "-/----------"),
        ] {
            assert_eq!(mode(bits), wanted);
        }
    }
}
