//! Exports, line by line against files that are kept, and body files against another tool's.

use crate::image::Case;
use crate::samples::sample;
use hashing::{Content, Digests, Magic};
use index::digest_state::DigestState;
use index::entry::{Attributes, flag};
use index::export::{COLUMNS, Format, export};
use index::store;
use index::store::write::{Outcome, Writer};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

const TIME: i64 = 1_700_000_000_123_456_789;

/// A database with everything that is awkward, always the same.
fn database(folder: &Path) -> PathBuf {
    let path = folder.join("index.db");
    let connection = store::open(&path).unwrap();
    let mut writer = Writer::new(&connection);
    writer.at(1_700_000_000);
    let linux = writer.volume(b"/", "ext4", b"/dev/sda1").unwrap();
    let windows = writer
        .volume(b"/volume-2", "ntfs", b"disk.img@1048576")
        .unwrap();
    writer.directory(1, None, linux, 2, b"/").unwrap();
    writer
        .directory(2, Some(1), linux, 11, b"/odd, \"dir\"")
        .unwrap();
    writer.directory(3, None, windows, 5, b"/volume-2").unwrap();
    let plain = Attributes {
        mode: 0o100_644,
        size: 12,
        mtime: TIME,
        ctime: TIME + 1,
        btime: Some(TIME - 1),
        uid: 0,
        gid: 1000,
        links: 1,
        inode: 12,
        flags: 0,
    };
    let directory = Attributes {
        mode: 0o041_777,
        inode: 11,
        btime: None,
        ..plain
    };
    let hidden = Attributes {
        mode: 0o100_000,
        inode: 7 << 48 | 48,
        flags: flag::HIDDEN | flag::SYSTEM,
        mtime: -1,
        ..plain
    };
    let stream = Attributes {
        flags: hidden.flags | flag::STREAM,
        size: u64::from(u32::MAX) + 1,
        ..hidden
    };
    let entries: [(i64, &[u8], Attributes, &[u8]); 9] = [
        (1, b"odd, \"dir\"", directory, b""),
        (2, b"line\nbreak|pipe", plain, b""),
        (2, b"invalid \xFF", plain, b""),
        (2, b"=formula()", plain, b""),
        (
            2,
            "\u{202E}gpj.exe".as_bytes(),
            Attributes {
                mode: 0o104_755,
                flags: flag::IMMUTABLE,
                ..plain
            },
            b"",
        ),
        (
            2,
            b"link",
            Attributes {
                mode: 0o120_777,
                ..plain
            },
            b"to|where\n",
        ),
        (
            2,
            b"pipe",
            Attributes {
                mode: 0o010_600,
                ..plain
            },
            b"",
        ),
        (3, b"file.txt", hidden, b""),
        (3, b"file.txt:stream", stream, b""),
    ];
    let mut ids = Vec::new();
    for (directory, name, attributes, target) in entries {
        let mut insert = writer.insert_statement().unwrap();
        ids.push(
            writer
                .insert(&mut insert, directory, name, &attributes, target)
                .unwrap(),
        );
    }
    let content = Content {
        digests: Digests {
            md5: Some([0x11; 16]),
            sha1: Some([0x22; 20]),
            sha256: Some([0x33; 32]),
            blake3: None,
        },
        magic: Magic::of(b"MZ\x90\x00"),
        mime: "text/plain",
        bytes: 12,
    };
    let hashed = Outcome::Hashed(Box::new(content));
    writer
        .digest_of_one(ids[1], 1_700_000_100, &hashed)
        .unwrap();
    writer
        .digest_of_one(ids[7], 1_700_000_100, &hashed)
        .unwrap();
    let not = Outcome::Not(DigestState::TooLarge);
    writer.digest_of_one(ids[8], 1_700_000_100, &not).unwrap();
    connection
        .execute_batch(
            "INSERT INTO principal VALUES (0, 0, 'root'), (1, 1000, 'users');
             INSERT INTO set_back VALUES (2, 1800000000000000000, 1700000200);
             INSERT INTO extended VALUES (2, 'user.one
security.capability', 'cap_net_raw=ep');
             UPDATE digest SET changed = 1700000300 WHERE entry = 2;",
        )
        .unwrap();
    path
}

fn exported(database: &Path, format: Format) -> Vec<u8> {
    let connection = store::open_to_read(database).unwrap();
    let mut out = Vec::new();
    let rows = export(&connection, format, &mut out).unwrap();
    let entries: i64 = connection
        .query_row("SELECT count(*) FROM entry", [], |row| row.get(0))
        .unwrap();
    assert_eq!(rows, entries.cast_unsigned());
    out
}

fn kept(name: &str, found: &[u8]) {
    let path = Path::new("tests/data/export").join(name);
    if std::env::var_os("CORDON_RENEW_EXPORTS").is_some() {
        std::fs::write(&path, found).unwrap();
    }
    let wanted = std::fs::read(&path).unwrap();
    assert_eq!(
        String::from_utf8_lossy(found),
        String::from_utf8_lossy(&wanted),
        "{name}"
    );
}

#[test]
fn text_forms_are_as_kept() {
    let folder = tempfile::tempdir().unwrap();
    let database = database(folder.path());
    for (format, name) in [
        (Format::Bodyfile, "all.body"),
        (Format::Csv, "all.csv"),
        (Format::Jsonl, "all.jsonl"),
    ] {
        kept(name, &exported(&database, format));
    }
}

#[test]
fn each_line_of_a_body_file_has_its_fields() {
    let folder = tempfile::tempdir().unwrap();
    let body = exported(&database(folder.path()), Format::Bodyfile);
    let body = String::from_utf8(body).unwrap();
    let lines: Vec<Vec<&str>> = body.lines().map(|line| line.split('|').collect()).collect();
    assert_eq!(lines.len(), 9);
    for line in &lines {
        assert_eq!(line.len(), 11, "{line:?}");
        assert!(line[0] == "0" || line[0].len() == 32);
        assert_eq!(&line[3][1..2], "/");
        assert_eq!(line[3].len(), 12);
        assert_eq!(line[7], "0");
        for number in &line[8..] {
            number.parse::<i64>().unwrap();
        }
    }
    assert_eq!(
        lines[1],
        [
            &"11".repeat(16),
            "/odd, \"dir\"/line\\x0abreak\\x7cpipe",
            "12",
            "r/rrw-r--r--",
            "0",
            "1000",
            "12",
            "0",
            "1700000000",
            "1700000000",
            "1700000000"
        ]
    );
    assert_eq!(lines[0][10], "0", "no time of birth");
    assert_eq!(lines[5][1], "/odd, \"dir\"/link -> to\\x7cwhere\\x0a");
    // By the number of its record, as tools for NTFS want it; a moment before 1970 lies in the second before.
    assert_eq!((lines[7][2], lines[7][8]), ("48", "-1"));
}

#[test]
fn json_lines_have_the_columns() {
    let folder = tempfile::tempdir().unwrap();
    let lines = exported(&database(folder.path()), Format::Jsonl);
    let mut met = std::collections::BTreeSet::new();
    for line in lines.split(|byte| *byte == b'\n').filter(|l| !l.is_empty()) {
        let object: serde_json::Value = serde_json::from_slice(line).unwrap();
        let object = object.as_object().unwrap();
        for column in COLUMNS.iter().filter(|column| column.always) {
            assert!(object.contains_key(column.name), "{}", column.name);
        }
        met.extend(object.keys().cloned());
    }
    let mut names: Vec<&str> = COLUMNS.iter().map(|column| column.name).collect();
    names.sort_unstable();
    names.retain(|name| *name != "blake3");
    assert_eq!(met.into_iter().collect::<Vec<_>>(), names);
}

#[test]
fn a_table_is_framed_as_its_readers_expect() {
    let folder = tempfile::tempdir().unwrap();
    let found = exported(&database(folder.path()), Format::Parquet);
    assert!(found.starts_with(b"PAR1") && found.ends_with(b"PAR1"));
    if let Some(to) = std::env::var_os("CORDON_KEEP_TABLE") {
        std::fs::write(to, &found).unwrap();
    }
    let footer = u32::from_le_bytes(found[found.len() - 8..][..4].try_into().unwrap()) as usize;
    let footer = &found[found.len() - 8 - footer..found.len() - 8];
    for column in COLUMNS {
        let name = column.name.as_bytes();
        assert!(footer.windows(name.len()).any(|part| part == name));
    }
}

#[test]
fn a_failing_output_is_told() {
    struct Full;
    impl std::io::Write for Full {
        fn write(&mut self, _: &[u8]) -> std::io::Result<usize> {
            Err(std::io::ErrorKind::StorageFull.into())
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }
    let folder = tempfile::tempdir().unwrap();
    let connection = store::open_to_read(&database(folder.path())).unwrap();
    for format in [
        Format::Bodyfile,
        Format::Csv,
        Format::Jsonl,
        Format::Parquet,
    ] {
        let outcome = export(&connection, format, &mut Full);
        assert!(
            matches!(outcome, Err(index::export::ExportError::Write(_))),
            "{format:?}"
        );
    }
}

/// Another tool's body file of the same volume. It also lists deleted files and what is no file, has lines of
/// other volumes, and knows access times.
#[test]
fn a_body_file_agrees_with_another_tool() {
    let (Some(body), Some(image)) = (
        sample("bodyfile/bodyfile"),
        sample("ext_image/imynd_ext2.dd"),
    ) else {
        return;
    };
    let case = Case::of(&image);
    case.index();
    let found = String::from_utf8(exported(&case.database(), Format::Bodyfile)).unwrap();
    let mut found: BTreeMap<&str, Vec<&str>> = found
        .lines()
        .map(|line| line.split('|').collect::<Vec<_>>())
        .map(|fields| (fields[1], fields))
        .collect();
    let body = std::fs::read_to_string(body).unwrap();
    let (mut compared, mut timed) = (0, 0);
    for line in body.lines() {
        let wanted: Vec<&str> = line.split('|').collect();
        let Some(fields) = wanted.get(1).and_then(|name| found.remove(name)) else {
            continue;
        };
        compared += 1;
        assert_eq!(fields[2..7], wanted[2..7], "{line}");
        // Its own tests wanted lines with three different times, which the volume does not have.
        if wanted[7] == wanted[9] {
            timed += 1;
            assert_eq!(fields[8..], wanted[8..], "{line}");
        }
    }
    assert!(compared > 3 && timed > 1, "{compared} {timed}");
    assert_eq!(found, BTreeMap::new());
}
