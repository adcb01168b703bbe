//! Cells of the family's tables.

use ::index::entry::{self, Kind};
use ::index::query::Record;
use ::index::text;

/// A row under construction.
pub(super) type Cells = Vec<Vec<u8>>;

/// Hexadecimal digits of a hash, nothing where there is none.
pub(super) fn hash(bytes: &Option<Vec<u8>>) -> Vec<u8> {
    bytes
        .as_deref()
        .map(|b| text::hex(b).into_bytes())
        .unwrap_or_default()
}

/// The magic number as the guide writes it.
pub(super) fn magic(record: &Record) -> Vec<u8> {
    record
        .magic
        .as_deref()
        .map(|b| text::hex(b).to_uppercase().into_bytes())
        .unwrap_or_default()
}

/// A moment in nanoseconds since 1970.
pub(super) fn time(nanoseconds: Option<i64>) -> Vec<u8> {
    nanoseconds.map(text::time).unwrap_or_default().into_bytes()
}

/// A moment in seconds since 1970.
pub(super) fn seconds(seconds: Option<i64>) -> Vec<u8> {
    seconds.map(text::seconds).unwrap_or_default().into_bytes()
}

/// A number.
pub(super) fn number(number: impl ToString) -> Vec<u8> {
    number.to_string().into_bytes()
}

/// The three hashes of the guide.
pub(super) fn hashes(record: &Record) -> [Vec<u8>; 3] {
    [hash(&record.md5), hash(&record.sha1), hash(&record.sha256)]
}

/// A row of the sensors with Details in their names.
pub(super) fn details(record: &Record) -> Cells {
    let a = &record.attributes;
    let [md5, sha1, sha256] = hashes(record);
    vec![
        record.path(),
        a.kind().name().into(),
        number(a.size),
        time(a.btime),
        time(Some(a.mtime)),
        time(Some(a.ctime)),
        seconds(Some(record.first_seen)),
        seconds(record.changed),
        md5,
        sha1,
        sha256,
        hash(&record.blake3),
        magic(record),
        record.mime.clone().unwrap_or_default().into_bytes(),
        record.state.name().into(),
        number(a.links),
        record.target.clone().unwrap_or_default(),
    ]
}

/// Type and permissions as ls(1) shows them.
pub(super) fn permissions(mode: u32) -> String {
    let kind = match Kind::of_mode(mode) {
        Kind::File => '-',
        Kind::Directory => 'd',
        Kind::Link => 'l',
        Kind::Fifo => 'p',
        Kind::Socket => 's',
        Kind::Block => 'b',
        Kind::Character => 'c',
        Kind::Other => '?',
    };
    format!("{kind}{}", entry::permissions(mode))
}

#[cfg(test)]
mod tests {
    use super::permissions;

    #[test]
    fn modes_as_ls_shows_them() {
        for (mode, expected) in [
            (0o100_644, "-rw-r--r--"),
            (0o104_755, "-rwsr-xr-x"),
            (0o102_644, "-rw-r-Sr--"),
            (0o041_777, "drwxrwxrwt"),
            (0o041_770, "drwxrwx--T"),
            (0o120_777, "lrwxrwxrwx"),
            (0o010_000, "p---------"),
        ] {
            assert_eq!(permissions(mode), expected);
        }
    }
}
