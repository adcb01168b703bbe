//! The kernel's table of mounts (`mountinfo`, proc_pid_mountinfo(5)), as bytes: names in it may be any bytes, and blanks,
//! tabulators, line feeds and backslashes stand there in octal. A row that cannot be read costs no other row.

use crate::text;
use std::collections::HashMap;

/// A row of the table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mount {
    /// Number of this mount.
    pub id: u64,
    /// Number of the mount that it is mounted on.
    pub parent: u64,
    /// `major:minor` of the file system.
    pub device: Vec<u8>,
    /// What of the file system is mounted.
    pub root: Vec<u8>,
    /// Where.
    pub point: Vec<u8>,
    /// Options of this mount.
    pub options: Vec<Vec<u8>>,
    /// Type of the file system.
    pub kind: Vec<u8>,
    /// Device, share or name; empty where there is none.
    pub source: Vec<u8>,
    /// Options of the file system.
    pub super_options: Vec<Vec<u8>>,
    /// How many mounts lie over it at the same place; 0 for the one that is seen.
    pub layer: usize,
}

/// Rows of the table, and how many could not be read.
#[must_use]
pub fn parse(table: &[u8]) -> (Vec<Mount>, usize) {
    let mut odd = 0;
    let mut mounts = Vec::new();
    for line in table.split(|b| *b == b'\n').filter(|l| !l.is_empty()) {
        match mount(line) {
            Some(mount) => mounts.push(mount),
            None => odd += 1,
        }
    }
    // The table has them in the order in which they were mounted.
    let mut over: HashMap<Vec<u8>, usize> = HashMap::new();
    for mount in mounts.iter_mut().rev() {
        let layer = over.entry(mount.point.clone()).or_default();
        mount.layer = *layer;
        *layer += 1;
    }
    (mounts, odd)
}

/// `id parent major:minor root point options [tags …] - type source options`, one blank between fields.
fn mount(line: &[u8]) -> Option<Mount> {
    let mut fields = line.split(|b| *b == b' ');
    let id = text::number(fields.next()?)?;
    let parent = text::number(fields.next()?)?;
    let device = fields.next()?.to_vec();
    let root = unescaped(fields.next()?);
    let point = unescaped(fields.next()?);
    let own = options(fields.next()?);
    // Any number of tags, then a dash alone.
    fields.by_ref().find(|f| *f == b"-")?;
    let kind = unescaped(fields.next()?);
    // A file system may have no source at all, which leaves the field empty.
    let source = unescaped(fields.next()?);
    let super_options = options(fields.next().unwrap_or_default());
    Some(Mount {
        id,
        parent,
        device,
        root,
        point,
        options: own,
        kind,
        source,
        super_options,
        layer: 0,
    })
}

fn options(field: &[u8]) -> Vec<Vec<u8>> {
    let parts = field.split(|b| *b == b',').filter(|o| !o.is_empty());
    parts.map(unescaped).collect()
}

/// Bytes in octal (`\040`) as themselves. A backslash before anything else stands for itself.
#[must_use]
pub fn unescaped(field: &[u8]) -> Vec<u8> {
    let mut plain = Vec::with_capacity(field.len());
    let mut rest = field;
    while let Some((first, after)) = rest.split_first() {
        if let (
            b'\\',
            [
                a @ b'0'..=b'3',
                b @ b'0'..=b'7',
                c @ b'0'..=b'7',
                after @ ..,
            ],
        ) = (first, after)
        {
            plain.push((a - b'0') << 6 | (b - b'0') << 3 | (c - b'0'));
            rest = after;
        } else {
            plain.push(*first);
            rest = after;
        }
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_of_any_bytes_are_read_and_odd_ones_counted() {
        let table = b"36 35 98:0 /a\\040b /mnt\\011\\012\\134x\xff rw,noatime shared:1 master:2 - ext3 /dev/usb\\040stick rw,errors=continue\nodd\n37 35 0:5 / /x rw - tmpfs  rw\n38 35 0:6 / /y rw shared:3\n";
        let (mounts, odd) = parse(table);
        assert_eq!((mounts.len(), odd), (2, 2));
        assert_eq!(mounts[0].root, b"/a b");
        assert_eq!(mounts[0].point, b"/mnt\t\n\\x\xff");
        assert_eq!(mounts[0].source, b"/dev/usb stick");
        assert_eq!((mounts[0].id, mounts[0].parent), (36, 35));
        assert_eq!(mounts[0].options, [b"rw".to_vec(), b"noatime".to_vec()]);
        assert_eq!(mounts[0].super_options[1], b"errors=continue");
        assert_eq!(mounts[1].source, b"");
        assert_eq!(mounts[1].super_options, [b"rw".to_vec()]);
    }

    #[test]
    fn mounts_over_one_another_are_told_apart() {
        let table = b"1 0 0:1 / /a rw - tmpfs t rw\n2 1 0:2 / /a rw - tmpfs t rw\n3 1 0:3 / /b rw - tmpfs t rw\n";
        let layers: Vec<usize> = parse(table).0.iter().map(|m| m.layer).collect();
        assert_eq!(layers, [1, 0, 0]);
    }

    #[test]
    fn only_whole_octal_numbers_of_a_byte_are_escapes() {
        for (escaped, plain) in [
            (&b"\\040"[..], &b" "[..]),
            (b"\\377\\43", b"\xff\\43"),
            (b"\\400\\", b"\\400\\"),
            (b"\\134040", b"\\040"),
            (b"\\043", b"#"),
        ] {
            assert_eq!(unescaped(escaped), plain);
        }
    }
}
