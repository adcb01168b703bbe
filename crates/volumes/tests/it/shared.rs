//! Finds the shared sample files. They are too many for the repository and lie beside a checkout, or where `CORDON_SHARED`
//! says. Without them the tests that need them say so and pass; when `CORDON_SHARED` is set they must be there.

use serde_json::Value;
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::io::Read;
use std::ops::ControlFlow;
use std::path::PathBuf;
use std::sync::Arc;
use volumes::entry::{Entry, EntryKind, FileSystem, Report};
use volumes::source::{Cursor, Shared};
use volumes::{Image, VolumeError};

/// The path of a sample, or nothing when there are no samples here.
pub fn sample(name: &str) -> Option<PathBuf> {
    let told = std::env::var_os("CORDON_SHARED").map(PathBuf::from);
    let beside = PathBuf::from("../../../shared");
    let data = told.clone().unwrap_or(beside).join("data");
    let path = data.join(name);
    if path.exists() {
        return Some(path);
    }
    assert!(
        told.is_none(),
        "CORDON_SHARED is set, but {} is not there",
        path.display()
    );
    assert!(
        !data.join("MANIFEST.tsv").exists(),
        "{} is missing among the samples",
        path.display()
    );
    eprintln!("left out: no shared samples at {}", data.display());
    None
}

/// The expected facts of a sample.
pub fn expected(name: &str) -> Value {
    let path = sample(&format!("expected/{}.json", name.replace('/', "__"))).unwrap();
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}

/// A sample, unpacked when it is gzip'd or the only member of a ZIP.
pub fn unpacked(name: &str) -> Option<Vec<u8>> {
    let bytes = std::fs::read(sample(name)?).unwrap();
    let mut out = Vec::new();
    if name.ends_with(".gz") {
        flate2::read::GzDecoder::new(&bytes[..])
            .read_to_end(&mut out)
            .unwrap();
    } else if name.ends_with(".zip") {
        let field = |at: usize| usize::from(u16::from_le_bytes([bytes[at], bytes[at + 1]]));
        assert_eq!((&bytes[..4], field(8)), (&b"PK\x03\x04"[..], 8));
        let start = 30 + field(26) + field(28);
        flate2::read::DeflateDecoder::new(&bytes[start..])
            .read_to_end(&mut out)
            .unwrap();
    } else {
        out = bytes;
    }
    Some(out)
}

/// An image among the samples; packed ones are held in memory.
pub fn image(name: &str) -> Option<Image> {
    if name.ends_with(".gz") || name.ends_with(".zip") {
        return Some(Image::from_disk(Arc::new(unpacked(name)?)));
    }
    Some(volumes::open(&sample(name)?).unwrap())
}

/// The file system of an image's only volume.
pub fn only(image: &Image) -> Box<dyn FileSystem> {
    let [volume] = image.volumes()[..] else {
        panic!("{:?}", image.volumes())
    };
    image.file_system(&volume).unwrap()
}

pub fn entries(system: &mut dyn FileSystem) -> (Vec<Entry>, Report) {
    let mut all = Vec::new();
    let report = system
        .entries(&mut |entry| {
            all.push(entry);
            ControlFlow::Continue(())
        })
        .unwrap();
    assert_eq!(report.entries, all.len() as u64);
    (all, report)
}

pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

pub fn sha256(mut content: impl Read) -> String {
    let mut hasher = Sha256::new();
    let mut buffer = vec![0; 100_000];
    loop {
        match content.read(&mut buffer).unwrap() {
            0 => return hex(&hasher.finalize()),
            count => hasher.update(&buffer[..count]),
        }
    }
}

/// SHA-256 of a whole disk.
pub fn whole(disk: &Shared) -> String {
    assert!(!disk.is_empty());
    sha256(Cursor::new(disk.clone()))
}

/// Compares a file system with what another tool found, name by name: inode, size, time, state and content.
/// Names that the other tool makes up for parts of the disk that are no files are not asked for.
pub fn agrees(system: &mut dyn FileSystem, facts: &Value, inode: fn(&Entry) -> u64) {
    let (all, report) = entries(system);
    assert_eq!(report.damaged, 0);
    let mut found: BTreeMap<String, Vec<&Entry>> = BTreeMap::new();
    for entry in &all {
        for path in &entry.paths {
            found
                .entry(String::from_utf8(path.clone()).unwrap())
                .or_default()
                .push(entry);
        }
    }
    for (path, fact) in facts.as_object().unwrap() {
        if path == "/$OrphanFiles" {
            continue;
        }
        let named = found
            .remove(path)
            .unwrap_or_else(|| panic!("{path} is missing; there are {:?}", found.keys()));
        if fact["deleted_noentry"] == true {
            assert!(named.iter().all(|entry| entry.deleted), "{path}");
            continue;
        }
        let entry = named
            .into_iter()
            .find(|entry| fact["inode"] == inode(entry))
            .unwrap_or_else(|| panic!("{path}"));
        if fact["dir"] == true {
            assert_eq!(entry.kind, EntryKind::Directory, "{path}");
            continue;
        }
        assert_eq!(fact["size"], entry.size, "{path}");
        assert_eq!(fact["alloc"], !entry.deleted, "{path}");
        assert_eq!(
            fact["mtime"],
            entry
                .modified
                .map_or(0, |time| time.div_euclid(1_000_000_000)),
            "{path}"
        );
        if let Some(wanted) = fact["sha256"].as_str() {
            assert_eq!(sha256(system.open(entry.id).unwrap()), wanted, "{path}");
        } else if entry.size == 0 && entry.kind == EntryKind::File {
            let mut content = Vec::new();
            match system.open(entry.id) {
                Ok(mut reader) => {
                    assert_eq!(reader.read_to_end(&mut content).unwrap(), 0, "{path}")
                }
                Err(VolumeError::NoContent) => {}
                Err(error) => panic!("{path}: {error}"),
            }
        }
    }
    found.retain(|path, named| {
        path != "/" && named.iter().any(|entry| !entry.deleted && !entry.orphan)
    });
    assert_eq!(
        found.keys().collect::<Vec<_>>(),
        Vec::<&String>::new(),
        "names that the other tool does not see"
    );
}
