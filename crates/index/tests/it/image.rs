//! Images of disks in the database, against what other tools and the kernel say of them.

use crate::samples::{expected, fixture, sample, unpack};
use index::config::Config;
use index::digest_state::DigestState;
use index::entry::{Kind, flag};
use index::image::{self, ImageError, Report};
use index::query::{self, Filter, Record};
use index::round::{Round, RoundError, threads, unbounded};
use index::store;
use std::collections::{BTreeMap, BTreeSet};
use std::io::{Seek, SeekFrom, Write};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::Arc;

const EMPTY: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

pub struct Case {
    folder: tempfile::TempDir,
    image: PathBuf,
}

impl Case {
    /// A case over a copy of this image, unpacked.
    pub fn of(image: &Path) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let name = image.file_name().unwrap().to_str().unwrap();
        let copy = folder.path().join(name.trim_end_matches(".gz"));
        unpack(image, &copy);
        Self {
            image: copy,
            folder,
        }
    }

    pub fn database(&self) -> PathBuf {
        self.folder.path().join("index.db")
    }

    fn round(&self, config: Config) -> Round {
        Round {
            config: Arc::new(config),
            database: self.database(),
            home: None,
            roots: Vec::new(),
            pacer: Arc::new(|| true),
            threads: threads(),
            numbers: Arc::default(),
            met: Arc::default(),
            surprises: Arc::default(),
            progress: Arc::default(),
        }
    }

    pub fn index(&self) -> Report {
        self.index_with(unbounded())
    }

    fn index_with(&self, config: Config) -> Report {
        image::index(
            &self.round(config),
            &self.image,
            String::new(),
            true,
            |_| {},
        )
        .unwrap()
    }

    fn records(&self) -> Vec<Record> {
        let connection = store::open_to_read(&self.database()).unwrap();
        let mut found = Vec::new();
        let all = Filter {
            directories: true,
            ..Filter::default()
        };
        query::find(&connection, &all, &mut |record| {
            found.push(record);
            ControlFlow::Continue(())
        })
        .unwrap();
        found
    }

    fn by_path(&self) -> BTreeMap<String, Record> {
        self.records()
            .into_iter()
            .map(|r| (String::from_utf8(r.path()).unwrap(), r))
            .collect()
    }
}

fn hex(bytes: Option<&Vec<u8>>) -> Option<String> {
    bytes.map(|b| index::text::hex(b))
}

/// Path and SHA-256 of each line of `sha256sum`, paths from the root.
fn list(text: &str) -> BTreeMap<String, String> {
    text.lines()
        .filter_map(|line| line.split_once("  "))
        .map(|(hash, path)| (path[1..].to_owned(), hash.to_owned()))
        .collect()
}

/// Every file of the database has the hash of the list, and none is missing but these.
fn agrees(records: &[Record], mut wanted: BTreeMap<String, String>, missing: &[&str]) {
    for record in records.iter().filter(|r| r.attributes.kind() == Kind::File) {
        let path = String::from_utf8(record.path()).unwrap();
        assert_eq!(record.state, DigestState::Hashed, "{path}");
        assert_eq!(hex(record.sha256.as_ref()), wanted.remove(&path), "{path}");
    }
    assert_eq!(wanted.keys().collect::<Vec<_>>(), missing);
}

#[test]
fn ext4_hash_for_hash() {
    let Some(sums) = sample("ext_image/fs_contents.sha256") else {
        return;
    };
    let sums = list(&std::fs::read_to_string(sums).unwrap());
    for (name, deleted) in [
        ("ext4.img.gz", &["/opt/big/deleted.txt"][..]),
        ("ext4nc.img.gz", &[]),
    ] {
        let name = format!("ext_image/{name}");
        let case = Case::of(&sample(&name).unwrap());
        let report = case.index();
        let [volume] = &report.volumes[..] else {
            panic!("{report:?}")
        };
        assert_eq!((volume.point.as_str(), volume.kind.as_str()), ("/", "ext4"));
        assert_eq!((volume.damaged, &volume.failed), (0, &None));
        let records = case.records();
        assert_eq!(volume.entries, records.len() as u64);
        agrees(&records, sums.clone(), deleted);
        // Hard links are entries of the same file, each with its hashes.
        let mut links: BTreeMap<u64, Vec<&Record>> = BTreeMap::new();
        for record in records.iter().filter(|r| r.attributes.kind() == Kind::File) {
            links
                .entry(record.attributes.inode)
                .or_default()
                .push(record);
        }
        assert!(links.values().any(|names| names.len() > 1));
        for names in links.values() {
            for record in names {
                assert_eq!(record.attributes.links as usize, names.len());
            }
        }
        every_directory_has_its_entry(&case);
        for (path, fact) in expected(&name)["tsk"]["entries"].as_object().unwrap() {
            if path == "/$OrphanFiles" {
                continue;
            }
            if fact["alloc"] == true && fact["dir"] != true {
                let record = records
                    .iter()
                    .find(|r| r.path() == path.as_bytes())
                    .unwrap_or_else(|| panic!("{path}"));
                assert_eq!(fact["inode"], record.attributes.inode, "{path}");
                assert_eq!(fact["size"], record.attributes.size, "{path}");
                let seconds = record.attributes.mtime.div_euclid(1_000_000_000);
                assert_eq!(fact["mtime"], seconds, "{path}");
            }
        }
    }
}

/// The tree holds together: each directory but the roots has its entry in the one above, and each such entry a directory.
fn every_directory_has_its_entry(case: &Case) {
    let connection = store::open_to_read(&case.database()).unwrap();
    let paths: BTreeSet<Vec<u8>> = connection
        .prepare("SELECT path FROM directory WHERE parent IS NOT NULL")
        .unwrap()
        .query_map([], |row| Ok(index::text::bytes(row.get_ref(0)?).to_vec()))
        .unwrap()
        .map(Result::unwrap)
        .collect();
    let entries: BTreeSet<Vec<u8>> = case
        .records()
        .iter()
        .filter(|r| r.attributes.kind() == Kind::Directory)
        .map(Record::path)
        .collect();
    assert_eq!(paths, entries);
    let loose: i64 = connection
        .query_row(
            "SELECT count(*) FROM directory d WHERE parent IS NOT NULL
             AND NOT EXISTS (SELECT 1 FROM directory p WHERE p.id = d.parent)",
            [],
            |row| row.get(0),
        )
        .unwrap();
    assert_eq!(loose, 0);
}

#[test]
fn ntfs_with_streams_and_contents() {
    for name in [
        "test.ntfs.dd.gz",
        "partition_image.E01",
        "windows_volume.qcow2",
        "vsstest.qcow2",
        "ntfs3.raw.gz",
    ] {
        let name = format!("ntfs_image/{name}");
        let Some(image) = sample(&name) else { return };
        let case = Case::of(&image);
        let report = case.index();
        assert_eq!(report.volumes[0].kind, "ntfs");
        assert_eq!(report.volumes[0].damaged, 0);
        every_directory_has_its_entry(&case);
        let found = case.by_path();
        let mut wanted = BTreeSet::new();
        for (path, fact) in expected(&name)["tsk"]["entries"].as_object().unwrap() {
            if fact["alloc"] != true && fact["dir"] != true
                || path.starts_with("/$OrphanFiles")
                || !found.contains_key(path) && fact["dir"] == true
            {
                continue;
            }
            wanted.insert(path.clone());
            let record = found
                .get(path)
                .unwrap_or_else(|| panic!("{name}: {path} is missing"));
            let number = record.attributes.inode & 0xFFFF_FFFF_FFFF;
            assert_eq!(fact["inode"], number, "{path}");
            if fact["dir"] == true {
                assert_eq!(record.attributes.kind(), Kind::Directory, "{path}");
                continue;
            }
            assert_eq!(fact["size"], record.attributes.size, "{path}");
            if let Some(hash) = fact["sha256"].as_str() {
                assert_eq!(
                    hex(record.sha256.as_ref()).as_deref(),
                    Some(hash),
                    "{path} {}",
                    record.state.name()
                );
            } else if record.attributes.kind() == Kind::File && record.attributes.size == 0 {
                assert_eq!(
                    hex(record.sha256.as_ref()).as_deref(),
                    Some(EMPTY),
                    "{path} {}",
                    record.state.name()
                );
            }
        }
        for (path, record) in &found {
            let stream = record.attributes.flags & flag::STREAM != 0;
            assert!(
                stream || wanted.contains(path) || record.attributes.kind() != Kind::File,
                "{name}: another tool does not see {path}"
            );
        }
    }
}

#[test]
fn a_stream_is_an_entry_of_its_own() {
    let Some(image) = sample("ntfs_image/test.ntfs.dd.gz") else {
        return;
    };
    let case = Case::of(&image);
    let report = case.index();
    let found = case.by_path();
    let (path, file) = found
        .iter()
        .find(|(path, _)| path.ends_with("/Hello world text document.txt"))
        .unwrap();
    use sha2::Digest;
    assert_eq!(
        file.sha256.as_deref(),
        Some(&sha2::Sha256::digest(b"Hello world!")[..])
    );
    assert_eq!(file.mime.as_deref(), Some("text/plain"));
    let stream = &found[&format!("{path}:goodbye.txt")];
    assert_eq!(stream.attributes.size, 20);
    assert_eq!(stream.attributes.inode, file.attributes.inode);
    assert_eq!(stream.state, DigestState::Hashed);
    assert_ne!(stream.sha256, file.sha256);
    assert_eq!(
        stream.attributes.flags & flag::STREAM,
        flag::STREAM,
        "a stream is marked"
    );
    assert_eq!(file.attributes.flags & flag::STREAM, 0);
    // Types without permissions, which the file system keeps elsewhere.
    assert_eq!(file.attributes.mode, 0o100_000);
    assert!(file.attributes.btime.is_some());
    let system = &found["/$MFT"].attributes;
    assert_eq!(
        system.flags & (flag::HIDDEN | flag::SYSTEM),
        flag::HIDDEN | flag::SYSTEM
    );
    // A list as long as the volume with nothing in it.
    let bad = &found["/$BadClus:$Bad"];
    assert_eq!(bad.state, DigestState::Excluded);
    assert!(report.volumes[0].streams > 1);
    assert!(
        found
            .values()
            .filter(|r| r.attributes.kind() == Kind::File)
            .all(|r| matches!(r.state, DigestState::Hashed | DigestState::Excluded))
    );
}

/// A disk with an MBR: two small ext4 volumes and one that nobody knows.
fn disk(folder: &Path) -> PathBuf {
    let part = folder.join("part");
    unpack(&fixture("tiny.ext4.gz"), &part);
    let part = std::fs::read(part).unwrap();
    let sectors = u32::try_from(part.len() / 512).unwrap();
    let path = folder.join("disk.img");
    let mut file = std::fs::File::create(&path).unwrap();
    let mut table = vec![0; 512];
    let starts = [2048, 2048 + sectors, 2048 + 2 * sectors];
    for (number, (start, kind)) in starts.into_iter().zip([0x83, 0x07, 0x83]).enumerate() {
        let entry = &mut table[446 + 16 * number..][..16];
        entry[4] = kind;
        entry[8..12].copy_from_slice(&u32::to_le_bytes(start));
        entry[12..16].copy_from_slice(&sectors.to_le_bytes());
    }
    table[510..].copy_from_slice(&[0x55, 0xAA]);
    file.write_all(&table).unwrap();
    for start in [starts[0], starts[2]] {
        file.seek(SeekFrom::Start(u64::from(start) * 512)).unwrap();
        file.write_all(&part).unwrap();
    }
    path
}

fn on_a_disk() -> Case {
    let folder = tempfile::tempdir().unwrap();
    let image = disk(folder.path());
    Case { folder, image }
}

#[test]
fn each_volume_of_a_disk_has_its_place() {
    let case = on_a_disk();
    let report = case.index();
    let points: Vec<&str> = report.volumes.iter().map(|v| v.point.as_str()).collect();
    assert_eq!(points, ["/volume-1", "/volume-3"]);
    assert_eq!(report.left_out.len(), 1);
    let mut wanted = BTreeMap::new();
    for (path, hash) in list(include_str!("../../../volumes/tests/fixtures/tiny.sha256")) {
        wanted.insert(format!("/volume-1{path}"), hash.clone());
        wanted.insert(format!("/volume-3{path}"), hash);
    }
    let records = case.records();
    agrees(&records, wanted, &[]);
    every_directory_has_its_entry(&case);
    let connection = store::open_to_read(&case.database()).unwrap();
    let volumes: Vec<(String, String, String, bool)> = connection
        .prepare("SELECT point, kind, source, walked IS NOT NULL FROM volume ORDER BY point")
        .unwrap()
        .query_map([], |row| {
            Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?))
        })
        .unwrap()
        .map(Result::unwrap)
        .collect();
    assert_eq!(volumes[0].1, "ext4");
    assert!(volumes[0].2.ends_with("disk.img@1048576"), "{volumes:?}");
    assert!(volumes.iter().all(|v| v.3));
}

#[test]
fn rules_make_states_and_leave_out() {
    let case = on_a_disk();
    let (config, warnings) = Config::read(
        "HashesToCalculate=SHA256\nExcludeFromIndexing=^/deep/a(/|$)\nExcludeFromHashing=^/volume-3/\n",
    );
    assert_eq!(warnings, []);
    case.index_with(Config {
        max_size_to_hash: Some(100),
        ..config
    });
    let found = case.by_path();
    assert!(!found.is_empty());
    for (path, record) in &found {
        assert!(!path.contains("/deep/a"), "{path}");
        if record.attributes.kind() != Kind::File {
            continue;
        }
        let wanted = if record.attributes.size >= 100 {
            DigestState::TooLarge
        } else if path.starts_with("/volume-3/") {
            DigestState::Excluded
        } else {
            DigestState::Hashed
        };
        assert_eq!(record.state, wanted, "{path}");
        assert_eq!(record.md5, None);
        assert_eq!(record.sha256.is_some(), wanted == DigestState::Hashed);
    }
    let count = |state| found.values().filter(|r| r.state == state).count();
    for state in [
        DigestState::Hashed,
        DigestState::Excluded,
        DigestState::TooLarge,
    ] {
        assert!(count(state) > 0, "{}", state.name());
    }
    // With other rules the same database is brought to them, without a new inventory.
    let before: BTreeMap<i64, String> = found.into_iter().map(|(p, r)| (r.id, p)).collect();
    case.index();
    let after = case.by_path();
    for (path, record) in &after {
        assert_eq!(before.get(&record.id), Some(path));
        if record.attributes.kind() == Kind::File {
            assert_eq!(record.state, DigestState::Hashed, "{path}");
            assert!(record.md5.is_some(), "{path}");
        }
    }
}

#[test]
fn a_pass_that_was_stopped_goes_on() {
    let case = on_a_disk();
    let calls = Arc::new(std::sync::atomic::AtomicU32::new(0));
    let mut round = case.round(Config {
        file_indexes_per_throttle: 1,
        file_hash_updates_per_throttle: 1,
        ..unbounded()
    });
    // First in the middle of the inventory, then in the middle of the hashes, then not any more.
    for (most, entries) in [(5, false), (26, true)] {
        calls.store(0, std::sync::atomic::Ordering::Relaxed);
        let count = Arc::clone(&calls);
        round.pacer =
            Arc::new(move || count.fetch_add(1, std::sync::atomic::Ordering::Relaxed) < most);
        let outcome = image::index(&round, &case.image, String::new(), true, |_| {});
        assert!(matches!(outcome, Err(ImageError::Stopped)), "{outcome:?}");
        let connection = store::open_to_read(&case.database()).unwrap();
        assert_eq!(store::inventoried(&connection).unwrap(), entries, "{most}");
    }
    let report = case.index();
    assert_eq!(report.volumes.len(), 2);
    let records = case.records();
    let paths: BTreeSet<Vec<u8>> = records.iter().map(Record::path).collect();
    assert_eq!(paths.len(), records.len());
    assert!(
        records
            .iter()
            .all(|r| matches!(r.state, DigestState::Hashed | DigestState::NoContent))
    );
}

#[test]
fn a_damaged_volume_is_told_and_the_rest_is_indexed() {
    let case = on_a_disk();
    let mut bytes = std::fs::read(&case.image).unwrap();
    // The tables of inodes of the first volume, wherever they are: everything behind its superblock and descriptors.
    let start = 2048 * 512;
    let end = start + (bytes.len() - start) / 3;
    bytes[start + 8192..end].fill(0xFF);
    std::fs::write(&case.image, bytes).unwrap();
    let report = case.index();
    let told = |v: &image::Indexed| v.failed.is_some() || v.damaged > 0;
    let first = report.volumes.iter().find(|v| v.point == "/volume-1");
    assert!(first.is_none_or(told), "damage is not told of: {report:?}");
    let last = report
        .volumes
        .iter()
        .find(|v| v.offset > 2048 * 512)
        .unwrap();
    assert!(!told(last));
    assert!(
        case.records()
            .iter()
            .any(|r| r.state == DigestState::Hashed)
    );
}

#[test]
fn databases_are_not_mixed_up() {
    let case = on_a_disk();
    case.index();
    // Not compared with this machine, nor filled from it.
    let round = index::round::of_database(&case.database());
    assert!(matches!(round, Err(RoundError::OfImage { .. })));
    let walk = Round {
        roots: vec![case.folder.path().to_owned()],
        ..case.round(unbounded())
    };
    let before = case.records().len();
    let outcome = walk.once(String::new(), true, || {});
    assert!(matches!(outcome, Err(RoundError::OfImage { .. })));
    assert_eq!(case.records().len(), before);
    // Another image, or the same after a change.
    let again =
        |image: &Path| image::index(&case.round(unbounded()), image, String::new(), true, |_| {});
    let other = case.folder.path().join("other.img");
    std::fs::copy(&case.image, &other).unwrap();
    assert!(matches!(again(&other), Err(ImageError::Other { .. })));
    std::fs::OpenOptions::new()
        .append(true)
        .open(&case.image)
        .unwrap()
        .write_all(&[0; 512])
        .unwrap();
    assert!(matches!(again(&case.image), Err(ImageError::Other { .. })));
    // Nothing to index at all.
    let nothing = case.folder.path().join("nothing.img");
    std::fs::write(&nothing, vec![7; 100_000]).unwrap();
    assert!(matches!(again(&nothing), Err(ImageError::Nothing { .. })));
    assert_eq!(case.records().len(), before);
}

#[test]
fn names_are_those_of_the_image() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("root");
    std::fs::create_dir_all(root.join("etc")).unwrap();
    std::fs::write(
        root.join("etc/passwd"),
        "root:x:0:0::/:/bin/sh\nimagined:x:4711:4712::/:\n",
    )
    .unwrap();
    std::fs::write(
        root.join("etc/group"),
        "root:x:0:\nthought-up:x:4712:imagined\n",
    )
    .unwrap();
    let image = folder.path().join("disk.img");
    let made = std::process::Command::new("mke2fs")
        .args(["-q", "-t", "ext4", "-d"])
        .args([&root, &image])
        .arg("4M")
        .status();
    match made {
        Ok(status) => assert!(status.success()),
        Err(error) => {
            eprintln!("left out: no mke2fs ({error})");
            return;
        }
    }
    let case = Case::of(&image);
    case.index();
    let connection = store::open_to_read(&case.database()).unwrap();
    let name = |sort, id| query::principal(&connection, sort, id).unwrap();
    assert_eq!(name(0, 4711).as_deref(), Some("imagined"));
    assert_eq!(name(1, 4712).as_deref(), Some("thought-up"));
    // No name of this machine.
    let all: i64 = connection
        .query_row("SELECT count(*) FROM principal", [], |row| row.get(0))
        .unwrap();
    assert_eq!(all, 4);
}
