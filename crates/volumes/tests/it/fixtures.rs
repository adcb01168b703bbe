//! The containers and the ext4 volume that lie in the repository.

use crate::shared::{entries, only, sha256, whole};
use std::collections::BTreeMap;
use std::io::Read;
use std::path::Path;
use std::sync::Arc;
use volumes::image::open_source;
use volumes::source::Shared;
use volumes::{EntryKind, Image};

pub fn bytes(name: &str) -> Vec<u8> {
    let path = Path::new("tests/fixtures").join(format!("{name}.gz"));
    let mut out = Vec::new();
    flate2::read::GzDecoder::new(std::fs::File::open(path).unwrap())
        .read_to_end(&mut out)
        .unwrap();
    out
}

#[test]
fn containers_hold_the_same_disk() {
    let plain: Shared = Arc::new(bytes("tiny.ext4"));
    let mut wanted = vec![0; plain.len() as usize];
    plain.read_exact_at(0, &mut wanted).unwrap();
    for (name, container) in [
        ("tiny.qcow2", "qcow2"),
        ("tiny.vmdk", "VMDK"),
        ("tiny.vhdx", "VHDX"),
    ] {
        let image = open_source(Arc::new(bytes(name)), Path::new(name)).unwrap();
        assert_eq!(image.container(), container);
        let mut found = vec![0xAA; wanted.len()];
        image.disk().read_exact_at(0, &mut found).unwrap();
        assert!(found == wanted, "{name}");
        // Odd places and lengths, across the edges of clusters.
        for at in (0..wanted.len()).step_by(3217) {
            let mut piece = vec![0; 5000.min(wanted.len() - at)];
            image.disk().read_exact_at(at as u64, &mut piece).unwrap();
            assert!(piece == wanted[at..][..piece.len()], "{name} at {at}");
        }
        assert_eq!(whole(image.disk()).len(), 64);
        assert_eq!(entries(&mut *only(&image)).0.len(), 12);
    }
}

#[test]
fn a_small_ext4_is_read_whole() {
    let image = Image::from_disk(Arc::new(bytes("tiny.ext4")));
    let mut system = only(&image);
    let (all, report) = entries(&mut *system);
    assert_eq!((report.damaged, report.orphans, report.deleted), (0, 0, 0));
    let list = include_str!("../fixtures/tiny.sha256");
    let mut wanted: BTreeMap<&str, &str> = list
        .lines()
        .filter_map(|line| line.split_once("  "))
        .map(|(hash, path)| (&path[1..], hash))
        .collect();
    for entry in &all {
        let paths: Vec<&str> = entry
            .paths
            .iter()
            .map(|path| std::str::from_utf8(path).unwrap())
            .collect();
        match entry.kind {
            EntryKind::File => {
                let hash = sha256(system.open(entry.id).unwrap());
                for path in &paths {
                    assert_eq!(wanted.remove(path), Some(&*hash), "{path}");
                }
                assert_eq!(entry.modified, Some(1_700_000_000_000_000_000));
                assert_eq!(entry.links as usize, paths.len());
            }
            EntryKind::Symlink if paths == ["/link"] => {
                assert_eq!(entry.link_target.as_deref(), Some(&b"etc/hello"[..]))
            }
            EntryKind::Symlink => assert_eq!(entry.link_target.as_deref(), Some(&[b'x'; 100][..])),
            EntryKind::Fifo => assert_eq!(paths, ["/pipe"]),
            kind => assert_eq!(kind, EntryKind::Directory),
        }
    }
    assert_eq!(wanted, BTreeMap::new());
}
