//! Every reader on real bytes that were flipped, cut and grown: it ends, in bounded memory, and never panics.

use crate::{fixtures, forge, shared};
use proptest::prelude::*;
use std::io::Read;
use std::ops::ControlFlow;
use std::path::Path;
use std::sync::{Arc, LazyLock};
use volumes::Image;
use volumes::entry::{FileId, FileSystem};
use volumes::image::open_source;
use volumes::ntfs::{Mft, usn};
use volumes::source::Shared;

#[derive(Debug, Clone)]
enum Change {
    Set(prop::sample::Index, u8),
    Word(prop::sample::Index, u32),
    Copy(prop::sample::Index, prop::sample::Index, u16),
    Cut(prop::sample::Index),
    Grow(Vec<u8>),
}

fn change() -> impl Strategy<Value = Change> {
    let small = prop_oneof![
        Just(0),
        Just(1),
        Just(0x7FFF_FFFF),
        Just(u32::MAX),
        any::<u32>()
    ];
    prop_oneof![
        6 => (any::<prop::sample::Index>(), any::<u8>()).prop_map(|(at, byte)| Change::Set(at, byte)),
        3 => (any::<prop::sample::Index>(), small).prop_map(|(at, word)| Change::Word(at, word)),
        2 => (any::<prop::sample::Index>(), any::<prop::sample::Index>(), any::<u16>()).prop_map(|(from, to, len)| Change::Copy(from, to, len)),
        1 => any::<prop::sample::Index>().prop_map(Change::Cut),
        1 => prop::collection::vec(any::<u8>(), 0..2000).prop_map(Change::Grow),
    ]
}

fn changed(bytes: &[u8], changes: &[Change], near: usize) -> Vec<u8> {
    let mut out = bytes.to_vec();
    for change in changes {
        // Mostly near the start, where the headers are.
        let place = |at: &prop::sample::Index, len: usize| {
            if near > 0 {
                at.index(near.min(len))
            } else {
                at.index(len)
            }
        };
        let len = out.len();
        match change {
            _ if len < 8 => {}
            Change::Set(at, byte) => out[place(at, len)] = *byte,
            Change::Word(at, word) => {
                let at = place(at, len - 4);
                out[at..at + 4].copy_from_slice(&word.to_le_bytes());
            }
            Change::Copy(from, to, size) => {
                let (from, to) = (from.index(len), place(to, len));
                let size = usize::from(*size).min(len - from).min(len - to);
                out.copy_within(from..from + size, to);
            }
            Change::Cut(at) => out.truncate(at.index(len).max(len / 4)),
            Change::Grow(more) => out.extend(more),
        }
    }
    out
}

/// Lists everything and reads the start of everything.
fn exhaust(system: &mut dyn FileSystem) {
    let mut all: Vec<(FileId, Vec<Vec<u8>>)> = Vec::new();
    let listed = system.entries(&mut |entry| {
        all.push((
            entry.id,
            entry
                .streams
                .into_iter()
                .map(|stream| stream.name)
                .collect(),
        ));
        if all.len() < 5000 {
            ControlFlow::Continue(())
        } else {
            ControlFlow::Break(())
        }
    });
    drop(listed);
    for (id, streams) in all.iter().take(300) {
        for name in std::iter::once(&Vec::new()).chain(streams) {
            if let Ok(content) = system.open_stream(*id, name) {
                let mut bytes = Vec::new();
                drop(content.take(300_000).read_to_end(&mut bytes));
            }
        }
    }
}

fn image(bytes: Vec<u8>, name: &str) {
    let Ok(image) = open_source(Arc::new(bytes), Path::new(name)) else {
        return;
    };
    disk(&image);
}

fn disk(image: &Image) {
    for volume in image.volumes().iter().take(20) {
        if let Ok(mut system) = image.file_system(volume) {
            exhaust(&mut *system);
        }
    }
}

fn table(bytes: Vec<u8>) {
    if let Ok(mft) = Mft::open(Arc::new(bytes)) {
        drop(mft.entries(&mut |_| ControlFlow::Continue(())));
    }
}

fn journal(bytes: Vec<u8>) {
    let len = bytes.len() as u64;
    let journal: Shared = Arc::new(bytes);
    let report = usn::records(&journal, 0, &mut |record| {
        assert!(record.name().len() <= 3 * usize::from(u16::MAX));
        assert!(record.extents().count() < 5000 && record.reasons().count() <= usn::REASONS.len());
        ControlFlow::Continue(())
    })
    .unwrap();
    assert!(report.next <= len);
}

static FORGED: LazyLock<Vec<u8>> = LazyLock::new(forge::volume);
static EXT4: LazyLock<Vec<u8>> = LazyLock::new(|| fixtures::bytes("tiny.ext4"));
static QCOW2: LazyLock<Vec<u8>> = LazyLock::new(|| fixtures::bytes("tiny.qcow2"));
static VMDK: LazyLock<Vec<u8>> = LazyLock::new(|| fixtures::bytes("tiny.vmdk"));
static VHDX: LazyLock<Vec<u8>> = LazyLock::new(|| fixtures::bytes("tiny.vhdx"));
static TABLES: LazyLock<Vec<Vec<u8>>> = LazyLock::new(|| {
    ["mft/deleted.mft", "mft/4k-large.mft"]
        .iter()
        .filter_map(|name| shared::unpacked(name))
        .collect()
});
static JOURNALS: LazyLock<Vec<Vec<u8>>> = LazyLock::new(|| {
    ["usn/usnjrnlj.bin", "usn/UsnJrnl.raw"]
        .iter()
        .filter_map(|name| shared::unpacked(name))
        .collect()
});
static IMAGES: LazyLock<Vec<(&str, Vec<u8>)>> = LazyLock::new(|| {
    [
        "disk_container/image.E01",
        "disk_container/image.vmdk",
        "ext_image/ext4nc.img.gz",
        "disk_container/tsk_volume_system.raw",
    ]
    .iter()
    .filter_map(|name| Some((*name, shared::unpacked(name)?)))
    .collect()
});

/// The starts by which formats are told.
const MAGIC: &[&[u8]] = &[
    b"QFI\xfb\0\0\0\x03",
    b"EVF\x09\x0d\x0a\xff\0\x01\x01\0",
    b"KDMV",
    b"vhdxfile",
    b"# Disk DescriptorFile\nRW 8 FLAT \"x\" 0\nRW 8 ZERO\n",
    b"FILE\x30\0\x03\0",
    b"\xeb\x52\x90NTFS    \0\x02\x08",
];

fn changes() -> impl Strategy<Value = Vec<Change>> {
    prop::collection::vec(change(), 1..40)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn forged_ntfs(changes in changes(), near in prop_oneof![Just(0usize), Just(512), Just(100_000)]) {
        image(changed(&FORGED, &changes, near), "x.dd");
    }

    #[test]
    fn records_of_forged_ntfs(changes in changes(), record in 0usize..40) {
        let mut bytes = FORGED.clone();
        let cluster = match record { 0..16 => 10 + record, 16..32 => 24 + record, _ => 48 + record };
        let part = changed(&bytes[cluster * 1024..][..1024], &changes, 400);
        bytes[cluster * 1024..][..part.len().min(1024)].copy_from_slice(&part[..part.len().min(1024)]);
        image(bytes, "x.dd");
    }

    #[test]
    fn ext4(changes in changes(), near in prop_oneof![Just(0usize), Just(2048), Just(40_000)]) {
        image(changed(&EXT4, &changes, near), "x.dd");
    }

    #[test]
    fn qcow2(changes in changes(), near in prop_oneof![Just(0usize), Just(120)]) {
        image(changed(&QCOW2, &changes, near), "x.qcow2");
    }

    #[test]
    fn vmdk(changes in changes(), near in prop_oneof![Just(0usize), Just(80), Just(2000)]) {
        image(changed(&VMDK, &changes, near), "x.vmdk");
    }

    #[test]
    fn tables(changes in changes(), near in prop_oneof![Just(0usize), Just(100_000)]) {
        TABLES.iter().for_each(|bytes| table(changed(bytes, &changes, near)));
    }

    #[test]
    fn journals(changes in changes()) {
        JOURNALS.iter().for_each(|bytes| journal(changed(bytes, &changes, 0)));
    }

    #[test]
    fn foreign_bytes(bytes in prop::collection::vec(any::<u8>(), 0..5000), magic in prop::sample::select(MAGIC)) {
        let bytes = [magic, &bytes].concat();
        image(bytes.clone(), "/nowhere/x.E01");
        table(bytes.clone());
        journal(bytes);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]

    #[test]
    fn vhdx(changes in changes(), near in prop_oneof![Just(0usize), Just(330_000)]) {
        image(changed(&VHDX, &changes, near), "x.vhdx");
    }

    #[test]
    fn real_images(changes in changes(), near in prop_oneof![Just(0usize), Just(3000)]) {
        for (name, bytes) in IMAGES.iter() {
            image(changed(bytes, &changes, near), name);
        }
    }
}
