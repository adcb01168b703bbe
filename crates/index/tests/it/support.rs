//! A tree, an index of it, and an independent look at both.

use index::entry::Attributes;
use index::query::{self, Filter, Record};
use index::round::{Round, threads, unbounded};
use index::store;
use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// A folder with a tree to index and a database beside it.
pub struct Place {
    folder: tempfile::TempDir,
    tree: PathBuf,
}

impl Place {
    pub fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let tree = folder.path().join("tree");
        std::fs::create_dir(&tree).unwrap();
        Self { folder, tree }
    }

    /// With a tree that lies elsewhere.
    pub fn of(tree: PathBuf) -> Self {
        let folder = tempfile::tempdir().unwrap();
        Self { folder, tree }
    }

    pub fn tree(&self) -> PathBuf {
        self.tree.clone()
    }

    pub fn database(&self) -> PathBuf {
        self.folder.path().join("index.db")
    }

    pub fn round(&self) -> Round {
        self.round_with(unbounded())
    }

    pub fn round_with(&self, config: index::config::Config) -> Round {
        Round {
            config: Arc::new(config),
            database: self.database(),
            home: None,
            roots: vec![self.tree()],
            pacer: Arc::new(|| true),
            threads: threads(),
            numbers: Arc::default(),
            met: Arc::default(),
            surprises: Arc::default(),
            progress: Arc::default(),
        }
    }

    pub fn index(&self) {
        self.round().once(String::new(), true, || {}).unwrap();
    }

    pub fn write(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.tree().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, content).unwrap();
        path
    }

    /// Every entry of the database by path.
    pub fn records(&self) -> BTreeMap<Vec<u8>, Record> {
        let all = Filter {
            directories: true,
            ..Filter::default()
        };
        self.find(&all)
            .into_iter()
            .map(|record| (record.path(), record))
            .collect()
    }

    pub fn find(&self, filter: &Filter) -> Vec<Record> {
        let connection = store::open_to_read(&self.database()).unwrap();
        let mut found = Vec::new();
        query::find(&connection, filter, &mut |record| {
            found.push(record);
            ControlFlow::Continue(())
        })
        .unwrap();
        found
    }

    pub fn names(&self, filter: &Filter) -> Vec<String> {
        let mut names: Vec<String> = self
            .find(filter)
            .iter()
            .map(|r| String::from_utf8_lossy(&r.name).into_owned())
            .collect();
        names.sort();
        names
    }

    pub fn differences(&self) -> Vec<index::verify::Difference> {
        self.verify().1
    }

    pub fn report(&self) -> index::verify::Report {
        self.verify().0
    }

    fn verify(&self) -> (index::verify::Report, Vec<index::verify::Difference>) {
        let round = index::round::of_database(&self.database()).unwrap();
        let differences = std::sync::Mutex::new(Vec::new());
        let tell = |difference| differences.lock().unwrap().push(difference);
        let survey = round.survey().unwrap();
        let report = round
            .with_plan(|plan| index::verify::verify(&survey, Some(plan), &round.progress, &tell))
            .unwrap();
        (report, differences.into_inner().unwrap())
    }
}

/// What the standard library says of every entry below a folder.
pub fn walk(folder: &Path) -> BTreeMap<Vec<u8>, Attributes> {
    let mut found = BTreeMap::new();
    let mut left = vec![folder.to_owned()];
    while let Some(folder) = left.pop() {
        for entry in std::fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            let metadata = std::fs::symlink_metadata(&path).unwrap();
            found.insert(path.as_os_str().as_bytes().to_vec(), attributes(&metadata));
            if metadata.is_dir() {
                left.push(path);
            }
        }
    }
    found
}

pub fn attributes(m: &std::fs::Metadata) -> Attributes {
    let born = m
        .created()
        .ok()
        .and_then(|t| t.duration_since(std::time::UNIX_EPOCH).ok())
        .map(|t| i64::try_from(t.as_nanos()).unwrap());
    Attributes {
        mode: m.mode(),
        size: m.len(),
        mtime: m.mtime() * 1_000_000_000 + m.mtime_nsec(),
        ctime: m.ctime() * 1_000_000_000 + m.ctime_nsec(),
        btime: born,
        uid: m.uid(),
        gid: m.gid(),
        links: u32::try_from(m.nlink()).unwrap(),
        inode: m.ino(),
        flags: 0,
    }
}

/// Fails unless the database holds what the disk holds, entry for entry and hash for hash, by an independent look.
pub fn agree(place: &Place) {
    use sha2::Digest;
    let disk = walk(&place.tree());
    let kept = place.records();
    let paths = |keys: Vec<&Vec<u8>>| -> Vec<String> {
        keys.iter()
            .map(|p| String::from_utf8_lossy(p).into_owned())
            .collect()
    };
    assert_eq!(
        paths(kept.keys().collect()),
        paths(disk.keys().collect()),
        "entries"
    );
    for (path, found) in &disk {
        let record = &kept[path];
        let shown = String::from_utf8_lossy(path);
        assert_eq!(record.attributes, *found, "{shown}");
        if found.mode & 0o170_000 != 0o100_000 {
            assert_eq!(record.md5, None, "{shown}");
            continue;
        }
        let content = std::fs::read(index::text::native(path)).unwrap();
        assert_eq!(record.state.name(), "hashed", "{shown}");
        assert_eq!(
            record.md5.as_deref(),
            Some(md5::Md5::digest(&content).as_slice()),
            "{shown}"
        );
        assert_eq!(
            record.sha1.as_deref(),
            Some(sha1::Sha1::digest(&content).as_slice()),
            "{shown}"
        );
        assert_eq!(
            record.sha256.as_deref(),
            Some(sha2::Sha256::digest(&content).as_slice()),
            "{shown}"
        );
        assert_eq!(
            record.magic.as_deref(),
            Some(content.get(..content.len().min(4)).unwrap()),
            "{shown}"
        );
    }
}
