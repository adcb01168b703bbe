//! Lists of hashes: any text, any size, any damage.

use index::lists::{Built, HashKind, HashList, ListError, MOST_WARNINGS, build, clear};
use proptest::prelude::*;
use std::collections::BTreeSet;
use std::fs;
use std::io::{self, Read};
use std::path::PathBuf;
use tempfile::TempDir;

const MD5: &str = "0123456789abcdef0123456789ABCDEF";
const SHA1: &str = "1123456789abcdef0123456789abcdef01234567";
const SHA256: &str = "2123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

struct Made {
    built: Built,
    list: HashList,
    _folder: TempDir,
    path: PathBuf,
}

fn make(text: impl AsRef<[u8]>) -> Made {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("list");
    let built = build(text.as_ref(), &path).unwrap();
    let list = HashList::open(&path).unwrap();
    list.verify().unwrap();
    assert_eq!(HashKind::ALL.map(|kind| list.len(kind)), built.counts);
    Made {
        built,
        list,
        _folder: folder,
        path,
    }
}

impl Made {
    fn has(&self, kind: HashKind, hex: &str) -> bool {
        self.list
            .contains(kind, &hex::decode(hex).unwrap())
            .unwrap()
    }

    fn all(&self, kind: HashKind) -> Vec<String> {
        self.list
            .iter(kind)
            .map(|hash| hex::encode(&*hash.unwrap()))
            .collect()
    }

    fn warnings(&self) -> Vec<String> {
        self.built
            .warnings
            .iter()
            .map(ToString::to_string)
            .collect()
    }
}

#[test]
fn mixed_kinds_and_separators() {
    let forms = [
        format!("{MD5},{SHA1},{SHA256}"),
        format!("{MD5}\n{SHA1}\n{SHA256}\n"),
        format!("\u{feff}{MD5}\r\n{SHA1}\r\n\r\n{SHA256}\r\n"),
        format!("{MD5}\r{SHA1}\r{SHA256}"),
        format!(" {MD5} , {SHA1};\t{SHA256} ,,"),
        format!("\"{MD5}\",'{SHA1}'\n\"{SHA256}\""),
        format!("md5:{MD5}\nSHA-1={SHA1}\nsha256:{SHA256}"),
        format!("# {SHA1}\n; {SHA1}x, y\n// z\n{MD5} # why, {SHA1}x\n{SHA1}\n  #\n{SHA256}"),
        format!("{MD5}  /bin/a file\n{SHA1} *b.exe\n{SHA256}\tthe third, "),
        format!("{}\n{SHA1}\n{}", MD5.to_uppercase(), SHA256.to_uppercase()),
    ];
    for form in &forms {
        let made = make(form);
        assert_eq!(
            (made.built.counts, made.warnings(), made.built.unusable),
            ([1, 1, 1], vec![], 0),
            "{form:?}"
        );
        assert!(
            made.has(HashKind::Md5, MD5)
                && made.has(HashKind::Sha1, SHA1)
                && made.has(HashKind::Sha256, SHA256)
        );
        assert!(
            !made.has(HashKind::Md5, &SHA1[..32])
                && !made.has(HashKind::Sha1, MD5)
                && !made.has(HashKind::Sha256, "")
        );
    }
}

#[test]
fn utf16() {
    let text = format!("{MD5}\r\nübel\r\n{SHA256}");
    for (mark, bytes) in [
        ([0xFF, 0xFE], u16::to_le_bytes as fn(u16) -> [u8; 2]),
        ([0xFE, 0xFF], u16::to_be_bytes),
    ] {
        let wide: Vec<u8> = mark
            .into_iter()
            .chain(text.encode_utf16().flat_map(bytes))
            .collect();
        let made = make(&wide);
        assert_eq!(
            (made.built.counts, made.warnings()),
            ([1, 0, 1], vec!["line 2: ?bel is not a hash".to_owned()])
        );
    }
    // More than one buffer of it.
    let long: String = (0..20_000).map(|n| format!("{n:032x}\n")).collect();
    let wide: Vec<u8> = [0xFF, 0xFE]
        .into_iter()
        .chain(long.encode_utf16().flat_map(u16::to_le_bytes))
        .collect();
    assert_eq!(make(&wide).built.counts, [20_000, 0, 0]);
}

#[test]
fn mistakes_have_lines() {
    let made = make(format!(
        "{MD5}\r\n\r\nhello\r\n{SHA1}0\n{MD5},xyz,{SHA1}\n{MD5} {}\nsha1:{MD5}\n\u{1b}[2J",
        &MD5[1..]
    ));
    assert_eq!(made.built.counts, [1, 1, 0]);
    assert_eq!(made.built.duplicates, 2);
    assert_eq!(
        made.warnings(),
        [
            "line 3: hello is not a hash".to_owned(),
            format!(
                "line 4: {SHA1}0 has 41 digits, so it is no MD5 (32), SHA-1 (40) or SHA-256 (64)"
            ),
            "line 5: xyz is not a hash".to_owned(),
            format!(
                "line 6: {} has 31 digits, so it is no MD5 (32), SHA-1 (40) or SHA-256 (64)",
                &MD5[1..]
            ),
            format!("line 7: sha1:{MD5} is not a hash"),
            "line 8: \\x1b[2J is not a hash".to_owned(),
        ]
    );
}

#[test]
fn mistakes_are_counted_beyond_the_bound() {
    let made = make(format!("{}{MD5}\n", "nonsense\n".repeat(1000)));
    assert_eq!(
        (made.built.unusable, made.built.warnings.len()),
        (1000, MOST_WARNINGS)
    );
    assert_eq!(made.built.counts, [1, 0, 0]);
}

#[test]
fn the_hash_of_nothing_is_remarked_on() {
    let made = make(
        "d41d8cd98f00b204e9800998ecf8427e,da39a3ee5e6b4b0d3255bfef95601890afd80709,\
                     e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    );
    assert_eq!(
        (
            made.built.counts,
            made.built.unusable,
            made.built.warnings.len()
        ),
        ([1, 1, 1], 0, 3)
    );
    assert!(made.warnings()[0].contains("empty file"));
}

#[test]
fn long_words_are_read_over() {
    let text = format!(
        "{MD5},{},{SHA1}\n{}\n{SHA256}",
        "a".repeat(1 << 20),
        "#".repeat(700_000)
    );
    let made = make(text);
    assert_eq!(
        (made.built.counts, made.built.unusable),
        ([1, 1, 1], 1),
        "{:?}",
        made.warnings()
    );
    // Exactly about the sizes of the buffers, and with one line of very many hashes.
    for length in [65_535, 65_536, 65_537, 262_143, 262_144, 262_145] {
        let made = make(format!("{}\n{MD5}", "a".repeat(length)));
        assert_eq!(
            (made.built.counts[0], made.built.unusable),
            (1, 1),
            "{length}"
        );
        assert!(made.built.warnings[0].line == 1);
    }
    let line: Vec<String> = (0..100_000).map(|n| format!("{n:040x}")).collect();
    assert_eq!(make(line.join(",")).built.counts, [0, 100_000, 0]);
}

#[test]
fn a_table_of_known_files() {
    let text = format!(
        "\"SHA-1\",\"MD5\",\"CRC32\",\"FileName\",\"FileSize\",\"ProductCode\",\"OpSystemCode\",\"SpecialCode\"\r\n\
         \"{SHA1}\",\"{MD5}\",\"EBD105A0\",\"a \"\"quoted\"\", {SHA256}\",3,1,\"362\",\"\"\r\n\
         \"{}\",\"{}\",\"0\",\"odd \" quote\",3,1,\"362\",\"\"\r\n\
         \"{}\",\"\",\"0\",\"no md5\",3,1,\"362\",\"\"\r\n\
         short\r\n",
        "a".repeat(40),
        "b".repeat(32),
        "c".repeat(40),
    );
    let made = make(&text);
    assert_eq!(made.built.counts, [2, 3, 0]);
    assert_eq!(made.built.unusable, 2, "{:?}", made.warnings());
    assert!(made.built.warnings.iter().all(|warning| warning.line == 5));
    // Other names and places of the columns.
    let made = make(format!(
        "# known\n\nname,sha256,Md5\nx,{SHA256},{MD5}\n\"a,b\",{},{MD5}\n",
        "d".repeat(64)
    ));
    assert_eq!((made.built.counts, made.warnings()), ([1, 0, 2], vec![]));
}

/// What holds no hash is a mistake and changes nothing; an empty list has to be asked for.
#[test]
fn empty_lists() {
    let made = make(MD5);
    for (text, wrong) in [
        ("", 0),
        ("\n\n", 0),
        ("# none\r\n", 0),
        ("\u{feff}", 0),
        (",;,", 0),
        ("md5\n", 0),
        ("no hash\n", 2),
    ] {
        let refused = build(text.as_bytes(), &made.path);
        let Err(ListError::NoHashes { unusable }) = refused else {
            panic!("{text:?}: {refused:?}");
        };
        assert_eq!(unusable, wrong, "{text:?}");
        assert!(HashList::open(&made.path).unwrap().checksum() == made.list.checksum());
    }
    assert_eq!(clear(&made.path).unwrap(), Built::default());
    assert!(HashList::open(&made.path).unwrap().is_empty());
}

/// Hashes of all kinds made from numbers, more than fit in memory at once.
struct Numbers {
    next: u64,
    end: u64,
    rest: Vec<u8>,
}

fn spread(number: u64) -> [u8; 32] {
    let mut out = [0; 32];
    let mut state = number;
    for part in out.chunks_exact_mut(8) {
        state = (state ^ (state >> 31))
            .wrapping_mul(0x9E37_79B9_7F4A_7C15)
            .rotate_left(29)
            ^ number;
        part.copy_from_slice(&state.to_be_bytes());
    }
    out
}

fn of(number: u64) -> (HashKind, [u8; 32]) {
    let kind = HashKind::ALL[(number % 3) as usize];
    (kind, spread(number))
}

impl Read for Numbers {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        if self.rest.is_empty() && self.next < self.end {
            for number in self.next..(self.next + 1000).min(self.end) {
                // Half of them twice, far apart.
                let (kind, hash) = of(number % (self.end / 3 * 2));
                self.rest.extend(hex::encode(&hash[..kind.bytes()]).bytes());
                self.rest.push(b'\n');
            }
            self.next += 1000;
        }
        let count = into.len().min(self.rest.len());
        into[..count].copy_from_slice(&self.rest[..count]);
        self.rest.drain(..count);
        Ok(count)
    }
}

#[test]
fn more_than_fits_in_memory() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("list");
    let end = 2_400_000;
    let distinct = end / 3 * 2;
    let built = build(
        Numbers {
            next: 0,
            end,
            rest: Vec::new(),
        },
        &path,
    )
    .unwrap();
    assert_eq!(built.counts.iter().sum::<u64>(), distinct);
    assert_eq!((built.duplicates, built.unusable), (end - distinct, 0));
    let list = HashList::open(&path).unwrap();
    list.verify().unwrap();
    for number in (0..distinct).step_by(37) {
        let (kind, hash) = of(number);
        assert!(
            list.contains(kind, &hash[..kind.bytes()]).unwrap(),
            "{number}"
        );
        let (kind, hash) = of(number + distinct);
        assert!(
            !list.contains(kind, &hash[..kind.bytes()]).unwrap(),
            "{number}"
        );
    }
    for kind in HashKind::ALL {
        let (mut last, mut count) = (Vec::new(), 0);
        for hash in list.iter(kind) {
            let hash = hash.unwrap();
            assert!(last.as_slice() < &*hash);
            last = hash.to_vec();
            count += 1;
        }
        assert_eq!(count, list.len(kind));
    }
    let mut left: Vec<_> = fs::read_dir(folder.path())
        .unwrap()
        .map(|entry| entry.unwrap().file_name())
        .collect();
    left.sort();
    assert_eq!(left, ["list", "list.lock"]);
}

#[test]
fn hashes_that_share_their_start() {
    // Whole blocks that agree in their first eight bytes, before, between and after others.
    for kind in HashKind::ALL {
        let size = kind.bytes();
        let tail = |high: u64, low: u64| {
            let mut hash = vec![0; size];
            hash[..8].copy_from_slice(&high.to_be_bytes());
            hash[size - 8..].copy_from_slice(&low.to_be_bytes());
            hash
        };
        let mut expected = BTreeSet::new();
        for high in [0, 5, 6, u64::MAX] {
            expected.extend((0..1000).map(|low| tail(high, low * 2)));
        }
        let text: String = expected
            .iter()
            .rev()
            .map(|hash| hex::encode(hash) + "\n")
            .collect();
        let made = make(text);
        for high in [0, 4, 5, 6, 7, u64::MAX] {
            for low in 0..2001 {
                let hash = tail(high, low);
                assert_eq!(
                    made.list.contains(kind, &hash).unwrap(),
                    expected.contains(&hash),
                    "{high} {low}"
                );
            }
        }
        assert!(
            made.all(kind)
                .into_iter()
                .eq(expected.iter().map(hex::encode))
        );
    }
}

#[test]
fn replaced_while_open() {
    let first = make(MD5);
    build(SHA1.as_bytes(), &first.path).unwrap();
    assert!(first.has(HashKind::Md5, MD5));
    let second = HashList::open(&first.path).unwrap();
    assert_eq!(
        (second.len(HashKind::Md5), second.len(HashKind::Sha1)),
        (0, 1)
    );
    assert_ne!(first.list.checksum(), second.checksum());
    build(SHA1.to_uppercase().as_bytes(), &first.path).unwrap();
    assert_eq!(
        HashList::open(&first.path).unwrap().checksum(),
        second.checksum()
    );
}

#[test]
fn a_source_that_fails_leaves_the_old_list() {
    struct Fails;
    impl Read for Fails {
        fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
            Err(io::Error::other("gone"))
        }
    }
    let made = make(MD5);
    assert!(matches!(
        build(SHA1.as_bytes().chain(Fails), &made.path),
        Err(ListError::Source { .. })
    ));
    assert_eq!(HashList::open(&made.path).unwrap().len(HashKind::Md5), 1);
    assert!(matches!(
        build(SHA1.as_bytes(), std::path::Path::new("/nowhere/list")),
        Err(ListError::Write { .. })
    ));
}

#[test]
#[cfg(target_os = "linux")]
fn a_full_disk_is_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("list");
    std::os::unix::fs::symlink("/dev/full", folder.path().join("list.new")).unwrap();
    let error = build(MD5.as_bytes(), &path).unwrap_err();
    let ListError::Write { source, .. } = error else {
        panic!("{error}")
    };
    assert_eq!(source.kind(), io::ErrorKind::StorageFull);
    assert!(!path.exists() && !folder.path().join("list.new").exists());
}

#[test]
fn damage_is_noticed() {
    let lines: String = (0..500)
        .map(|n| hex::encode(&spread(n)[..[16, 20, 32][n as usize % 3]]) + "\n")
        .collect();
    let made = make(lines);
    let sound = fs::read(&made.path).unwrap();
    let check = |bytes: &[u8]| {
        fs::write(&made.path, bytes).unwrap();
        HashList::open(&made.path).and_then(|list| list.verify())
    };
    check(&sound).unwrap();
    for at in (0..52).chain((4096..sound.len()).step_by(7)) {
        let mut bytes = sound.clone();
        bytes[at] ^= 0x40;
        assert!(
            matches!(check(&bytes), Err(ListError::Damaged { .. })),
            "{at}"
        );
    }
    for length in [0, 1, 51, 52, 4096, sound.len() - 1] {
        assert!(
            matches!(
                check(&sound[..length]),
                Err(ListError::Damaged {
                    what: "is cut short",
                    ..
                })
            ),
            "{length}"
        );
    }
    assert!(check(&[&sound[..], b"x"].concat()).is_err());
    let error = check(lines_as_file()).unwrap_err();
    assert!(
        error.to_string().ends_with("is not a list of hashes"),
        "{error}"
    );
    assert!(matches!(
        HashList::open(&made.path.with_extension("none")),
        Err(ListError::Read { .. })
    ));
}

fn lines_as_file() -> &'static [u8] {
    b"0123456789abcdef0123456789abcdef\n0123456789abcdef0123456789abcdef\n"
}

#[test]
fn cut_short_while_open() {
    let lines: String = (0..5000).map(|n| hex::encode(spread(n)) + "\n").collect();
    let made = make(lines);
    fs::File::options()
        .write(true)
        .open(&made.path)
        .unwrap()
        .set_len(8192)
        .unwrap();
    let answers: Vec<_> = (0..5000)
        .map(|n| made.list.contains(HashKind::Sha256, &spread(n)))
        .collect();
    assert!(
        answers
            .iter()
            .any(|answer| matches!(answer, Err(ListError::Damaged { .. })))
    );
    assert!(
        answers.iter().any(|answer| matches!(answer, Ok(true))),
        "the part that is there still answers"
    );
    let mut iter = made.list.iter(HashKind::Sha256);
    assert!(iter.any(|hash| hash.is_err()) && iter.next().is_none());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn agrees_with_a_set(numbers in prop::collection::vec(0..600_u64, 1..700), separators in "[,;]{1,2}[ \t]?|,?[\n\r]{1,2}[ \t,]?", upper: bool) {
        let mut expected: [BTreeSet<Vec<u8>>; 3] = Default::default();
        let mut text = String::new();
        for number in &numbers {
            let (kind, hash) = of(*number);
            let hex = hex::encode(&hash[..kind.bytes()]);
            text += &if upper { hex.to_uppercase() } else { hex };
            text += &separators;
            expected[(*number % 3) as usize].insert(hash[..kind.bytes()].to_vec());
        }
        let made = make(&text);
        prop_assert_eq!(made.built.unusable, 0);
        for (kind, expected) in HashKind::ALL.into_iter().zip(&expected) {
            prop_assert!(made.all(kind).into_iter().eq(expected.iter().map(hex::encode)));
            for number in 0..600 {
                let hash = &spread(number)[..kind.bytes()];
                prop_assert_eq!(made.list.contains(kind, hash).unwrap(), expected.contains(hash));
            }
        }
    }

    #[test]
    fn any_text(text: Vec<u8>) {
        let folder = tempfile::tempdir().unwrap();
        let built = build(&text[..], &folder.path().join("list"));
        prop_assert!(matches!(built, Ok(_) | Err(ListError::NoHashes { .. })), "{built:?}");
    }

    /// A file of any bytes after a sound start is refused or answers; it never panics.
    #[test]
    fn any_file(at in 0..60_usize, with: Vec<u8>) {
        let made = make(format!("{MD5},{SHA1},{SHA256}"));
        let mut bytes = fs::read(&made.path).unwrap();
        let end = (at + with.len()).min(bytes.len());
        bytes[at..end].copy_from_slice(&with[..end - at]);
        fs::write(&made.path, &bytes).unwrap();
        if let Ok(list) = HashList::open(&made.path) {
            prop_assert!(list.contains(HashKind::Md5, &[0; 16]).is_ok());
        }
    }
}
