//! Puts NTFS volumes together, with what real samples seldom have: a table in pieces whose records describe further pieces,
//! attribute lists, holes, compressed units, stale references and loops.

use crate::shared::{entries, sha256};
use std::collections::BTreeMap;
use std::io::Read;
use std::sync::Arc;
use volumes::entry::{Entry, FileSystem};
use volumes::ntfs::{Ntfs, Reference};
use volumes::source::Shared;
use volumes::{EntryKind, FileId, Image};

const CLUSTER: usize = 1024;
const IN_USE: u16 = 1;
const DIRECTORY: u16 = 2;
/// 2021-01-01, in ticks since 1601.
const TIME: u64 = 132_539_328_000_000_000;

pub fn units(name: &str) -> Vec<u8> {
    name.encode_utf16().flat_map(u16::to_le_bytes).collect()
}

fn padded(mut bytes: Vec<u8>) -> Vec<u8> {
    bytes.resize(bytes.len().next_multiple_of(8), 0);
    let len = bytes.len() as u32;
    bytes[4..8].copy_from_slice(&len.to_le_bytes());
    bytes
}

pub fn resident(kind: u32, id: u16, name: &str, value: &[u8]) -> Vec<u8> {
    let name = units(name);
    let mut out = Vec::new();
    out.extend(kind.to_le_bytes());
    out.extend([0; 4]);
    out.extend([0, (name.len() / 2) as u8]);
    out.extend(24u16.to_le_bytes());
    out.extend(0u16.to_le_bytes());
    out.extend(id.to_le_bytes());
    out.extend((value.len() as u32).to_le_bytes());
    let at = (24 + name.len()).next_multiple_of(8);
    out.extend((at as u16).to_le_bytes());
    out.extend([0; 2]);
    out.extend(name);
    out.resize(at, 0);
    out.extend(value);
    padded(out)
}

/// Runs as clusters and place on the volume; `None` is a hole.
pub struct Clusters<'r> {
    pub first: u64,
    pub runs: &'r [(u8, Option<u16>)],
    pub size: u64,
    pub flags: u16,
}

pub fn in_clusters(kind: u32, id: u16, name: &str, clusters: &Clusters<'_>) -> Vec<u8> {
    let name = units(name);
    let total: u64 = clusters.runs.iter().map(|(len, _)| u64::from(*len)).sum();
    let mut out = Vec::new();
    out.extend(kind.to_le_bytes());
    out.extend([0; 4]);
    out.extend([1, (name.len() / 2) as u8]);
    out.extend(72u16.to_le_bytes());
    out.extend(clusters.flags.to_le_bytes());
    out.extend(id.to_le_bytes());
    out.extend(clusters.first.to_le_bytes());
    out.extend((clusters.first + total - 1).to_le_bytes());
    let at = (72 + name.len()).next_multiple_of(8);
    out.extend((at as u16).to_le_bytes());
    out.extend([if clusters.flags & 1 != 0 { 4 } else { 0 }, 0, 0, 0, 0, 0]);
    let head = if clusters.first == 0 {
        [total * CLUSTER as u64, clusters.size, clusters.size]
    } else {
        [0; 3]
    };
    head.iter()
        .for_each(|number| out.extend(number.to_le_bytes()));
    out.resize(72, 0);
    out.extend(name);
    out.resize(at, 0);
    let mut last = 0i32;
    for (len, place) in clusters.runs {
        assert!(*len < 128);
        match place {
            None => out.extend([0x01, *len]),
            Some(place) => {
                out.extend([0x31, *len]);
                out.extend(&(i32::from(*place) - last).to_le_bytes()[..3]);
                last = (*place).into();
            }
        }
    }
    out.push(0);
    padded(out)
}

pub fn standard() -> Vec<u8> {
    let mut value: Vec<u8> = [TIME; 4]
        .iter()
        .flat_map(|time| time.to_le_bytes())
        .collect();
    value.extend(0x20u32.to_le_bytes());
    value.resize(72, 0);
    resident(0x10, 0, "", &value)
}

pub fn name(parent: Reference, namespace: u8, name: &str) -> Vec<u8> {
    let mut value = parent.0.to_le_bytes().to_vec();
    [TIME + 10; 4]
        .iter()
        .for_each(|time| value.extend(time.to_le_bytes()));
    value.resize(64, 0);
    value.extend([(units(name).len() / 2) as u8, namespace]);
    value.extend(units(name));
    resident(0x30, 2, "", &value)
}

fn listed(kind: u32, first: u64, record: u64) -> Vec<u8> {
    let mut out = kind.to_le_bytes().to_vec();
    out.extend(32u16.to_le_bytes());
    out.extend([0, 26]);
    out.extend(first.to_le_bytes());
    out.extend(Reference::new(record, 1).0.to_le_bytes());
    out.resize(32, 0);
    out
}

pub fn record(sequence: u16, flags: u16, base: Reference, attributes: &[Vec<u8>]) -> Vec<u8> {
    let mut out = b"FILE".to_vec();
    out.extend(48u16.to_le_bytes());
    out.extend(3u16.to_le_bytes());
    out.extend([0; 8]);
    out.extend(sequence.to_le_bytes());
    out.extend(1u16.to_le_bytes());
    out.extend(56u16.to_le_bytes());
    out.extend(flags.to_le_bytes());
    let used = 56 + attributes.iter().map(Vec::len).sum::<usize>() + 8;
    assert!(used <= CLUSTER - 2);
    out.extend((used as u32).to_le_bytes());
    out.extend((CLUSTER as u32).to_le_bytes());
    out.extend(base.0.to_le_bytes());
    out.resize(56, 0);
    attributes
        .iter()
        .for_each(|attribute| out.extend(attribute));
    out.extend([0xFF; 4]);
    out.resize(CLUSTER, 0);
    // The update sequence: the last two bytes of each sector move into the header.
    out[48..50].copy_from_slice(&0xBEEFu16.to_le_bytes());
    for sector in 0..2 {
        let end = (sector + 1) * 512;
        let moved = [out[end - 2], out[end - 1]];
        out[50 + 2 * sector..52 + 2 * sector].copy_from_slice(&moved);
        out[end - 2..end].copy_from_slice(&0xBEEFu16.to_le_bytes());
    }
    out
}

/// Random-looking but compressible once; never equal in two clusters.
fn filled(clusters: usize, salt: usize) -> Vec<u8> {
    (0..clusters * CLUSTER)
        .map(|at| (((at * at) >> 5) * 31 + at / 7 + salt * 101) as u8)
        .collect()
}

const ROOT: Reference = Reference(5 | 5 << 48);

/// 512 clusters. The table: records 0 to 15 at cluster 10, 16 to 31 at 40 (known through record 15), 32 to 39 at 80 (known
/// through record 20, which lies in the second piece).
pub fn volume() -> Vec<u8> {
    let mut disk = vec![0; 512 * CLUSTER];
    let boot = &mut disk[..512];
    boot[3..11].copy_from_slice(b"NTFS    ");
    boot[11..13].copy_from_slice(&512u16.to_le_bytes());
    boot[13] = 2;
    boot[40..48].copy_from_slice(&1023u64.to_le_bytes());
    boot[48..56].copy_from_slice(&10u64.to_le_bytes());
    boot[56..64].copy_from_slice(&300u64.to_le_bytes());
    boot[64] = 0xF6;
    boot[510..].copy_from_slice(&[0x55, 0xAA]);
    let none = Reference(0);
    let root = |id| Reference::new(id, 1);
    let piece = |first, runs: &[(u8, Option<u16>)], size| {
        in_clusters(
            0x80,
            9,
            "",
            &Clusters {
                first,
                runs,
                size,
                flags: 0,
            },
        )
    };
    let mut records: BTreeMap<u64, Vec<u8>> = BTreeMap::new();
    let list = [
        listed(0x80, 0, 0),
        listed(0x80, 16, 15),
        listed(0x80, 32, 20),
    ]
    .concat();
    records.insert(
        0,
        record(
            1,
            IN_USE,
            none,
            &[
                standard(),
                resident(0x20, 4, "", &list),
                name(ROOT, 3, "$MFT"),
                piece(0, &[(16, Some(10))], 40 * CLUSTER as u64),
            ],
        ),
    );
    records.insert(
        15,
        record(1, IN_USE, root(0), &[piece(16, &[(16, Some(40))], 0)]),
    );
    records.insert(
        20,
        record(1, IN_USE, root(0), &[piece(32, &[(8, Some(80))], 0)]),
    );
    records.insert(
        5,
        record(
            5,
            IN_USE | DIRECTORY,
            none,
            &[standard(), name(ROOT, 3, ".")],
        ),
    );
    records.insert(
        24,
        record(
            1,
            IN_USE | DIRECTORY,
            none,
            &[
                standard(),
                name(ROOT, 2, "LONGNA~1"),
                name(ROOT, 1, "long name"),
            ],
        ),
    );
    // A file with content in two pieces, of which one is in another record together with a second link.
    let list = [
        listed(0x30, 0, 25),
        listed(0x80, 0, 25),
        listed(0x80, 3, 33),
        listed(0x30, 0, 33),
    ]
    .concat();
    records.insert(
        25,
        record(
            1,
            IN_USE,
            none,
            &[
                standard(),
                resident(0x20, 4, "", &list),
                name(root(24), 1, "in pieces"),
                piece(0, &[(2, Some(100)), (1, None)], 6 * CLUSTER as u64 - 100),
            ],
        ),
    );
    records.insert(
        33,
        record(
            1,
            IN_USE,
            root(25),
            &[name(ROOT, 0, "other link"), piece(3, &[(3, Some(110))], 0)],
        ),
    );
    // Units of 16 clusters: one plain, one hole, one compressed into 2 clusters.
    let runs = [(16, Some(120)), (16, None), (2, Some(140)), (14, None)];
    let packed = Clusters {
        first: 0,
        runs: &runs,
        size: 48 * CLUSTER as u64,
        flags: 1,
    };
    records.insert(
        34,
        record(
            1,
            IN_USE,
            none,
            &[
                standard(),
                name(ROOT, 1, "packed"),
                in_clusters(0x80, 1, "", &packed),
            ],
        ),
    );
    // Streams; a name with a lone surrogate would not survive UTF-8.
    let streams = [
        resident(0x80, 1, "", b"main"),
        resident(0x80, 3, "side", b"beside"),
    ];
    records.insert(
        35,
        record(
            1,
            IN_USE,
            none,
            &[&[standard(), name(root(24), 1, "streams")], &streams[..]].concat(),
        ),
    );
    // Deleted, in a directory that has been given to another file since; and two directories that hold each other.
    records.insert(
        36,
        record(
            8,
            0,
            none,
            &[
                standard(),
                name(Reference::new(24, 77), 1, "lost"),
                resident(0x80, 1, "", b"gone"),
            ],
        ),
    );
    records.insert(
        37,
        record(
            1,
            IN_USE | DIRECTORY,
            none,
            &[standard(), name(root(38), 1, "left")],
        ),
    );
    records.insert(
        38,
        record(
            1,
            IN_USE | DIRECTORY,
            none,
            &[standard(), name(root(37), 1, "right")],
        ),
    );
    let link = [units(r"\??\C:\there"), units(r"C:\there")].concat();
    let mut reparse = 0xA000_0003u32.to_le_bytes().to_vec();
    reparse.extend(((link.len() + 8) as u16).to_le_bytes());
    reparse.extend([0; 2]);
    for number in [0, 24, 24, 16u16] {
        reparse.extend(number.to_le_bytes());
    }
    reparse.extend(link);
    records.insert(
        39,
        record(
            1,
            IN_USE | DIRECTORY,
            none,
            &[
                standard(),
                name(ROOT, 1, "junction"),
                resident(0xC0, 1, "", &reparse),
            ],
        ),
    );
    // The change journal: 64 KiB of it are freed.
    let journal = Clusters {
        first: 0,
        runs: &[(64, None), (4, Some(160))],
        size: 68 * CLUSTER as u64,
        flags: 0x8000,
    };
    records.insert(
        11,
        record(
            11,
            IN_USE | DIRECTORY,
            none,
            &[standard(), name(ROOT, 3, "$Extend")],
        ),
    );
    let stream = in_clusters(0x80, 1, "$J", &journal);
    records.insert(
        26,
        record(
            1,
            IN_USE,
            none,
            &[
                standard(),
                name(Reference::new(11, 11), 3, "$UsnJrnl"),
                stream,
            ],
        ),
    );
    let change = crate::usn::record(64 * CLUSTER as u64, "changed");
    disk[160 * CLUSTER..][..change.len()].copy_from_slice(&change);
    for (number, bytes) in records {
        let cluster = match number {
            0..16 => 10 + number,
            16..32 => 40 + number - 16,
            _ => 80 + number - 32,
        } as usize;
        disk[cluster * CLUSTER..][..CLUSTER].copy_from_slice(&bytes);
    }
    for (at, clusters, salt) in [(100, 2, 1), (110, 3, 2), (120, 16, 3)] {
        disk[at * CLUSTER..][..clusters * CLUSTER].copy_from_slice(&filled(clusters, salt));
    }
    // One literal, then a reference to it as long as the chunk allows: 4 KiB of one letter, four times.
    let chunk = |letter: u8| [&[0x03, 0xB0, 0x02, letter, 0xFC, 0x0F][..]].concat();
    let unit: Vec<u8> = b"abcd".iter().flat_map(|letter| chunk(*letter)).collect();
    disk[140 * CLUSTER..][..unit.len()].copy_from_slice(&unit);
    disk
}

fn open(disk: Vec<u8>) -> (Ntfs, BTreeMap<String, Entry>) {
    let disk: Shared = Arc::new(disk);
    let mut ntfs = Ntfs::open(disk).unwrap();
    let mut all = BTreeMap::new();
    for entry in entries(&mut ntfs).0 {
        for path in &entry.paths {
            all.insert(String::from_utf8(path.clone()).unwrap(), entry.clone());
        }
    }
    (ntfs, all)
}

fn content(ntfs: &mut Ntfs, id: FileId) -> Vec<u8> {
    let mut bytes = Vec::new();
    ntfs.open(id).unwrap().read_to_end(&mut bytes).unwrap();
    bytes
}

#[test]
fn a_table_in_pieces_is_read_whole() {
    let (mut ntfs, all) = open(volume());
    assert_eq!(ntfs.mft().count(), 40);
    let names: Vec<&str> = all.keys().map(String::as_str).collect();
    let wanted = [
        "/",
        "/$Extend",
        "/$Extend/$UsnJrnl",
        "/$MFT",
        "/$OrphanFiles/left",
        "/$OrphanFiles/lost",
        "/$OrphanFiles/right",
        "/junction",
        "/long name",
        "/long name/in pieces",
        "/long name/streams",
        "/other link",
        "/packed",
    ];
    assert_eq!(names, wanted);
    let pieces = &all["/other link"];
    assert_eq!((pieces.links, pieces.size), (2, 6 * CLUSTER as u64 - 100));
    let mut wanted = [filled(2, 1), vec![0; CLUSTER], filled(3, 2)].concat();
    wanted.truncate(6 * CLUSTER - 100);
    assert_eq!(content(&mut ntfs, pieces.id), wanted);
    let table = content(&mut ntfs, all["/$MFT"].id);
    assert_eq!(table.len(), 40 * CLUSTER);
    assert_eq!(table[33 * CLUSTER..][..4], *b"FILE");
}

#[test]
fn units_are_plain_holes_or_compressed() {
    let (mut ntfs, all) = open(volume());
    let letters: Vec<u8> = b"abcd"
        .iter()
        .flat_map(|letter| vec![*letter; 4096])
        .collect();
    let wanted = [filled(16, 3), vec![0; 16 * CLUSTER], letters].concat();
    assert!(content(&mut ntfs, all["/packed"].id) == wanted);
    // Read across the edges of units in odd steps.
    let stream = ntfs.stream(Reference(all["/packed"].id.0), b"").unwrap();
    for at in (0..wanted.len()).step_by(1531) {
        let mut piece = vec![0; 2000.min(wanted.len() - at)];
        stream.read_exact_at(at as u64, &mut piece).unwrap();
        assert!(piece == wanted[at..][..piece.len()], "at {at}");
    }
}

#[test]
fn the_change_journal_is_found() {
    let (ntfs, all) = open(volume());
    assert_eq!(
        all["/$Extend/$UsnJrnl"].streams[0].size,
        68 * CLUSTER as u64
    );
    let journal = ntfs.journal().unwrap().unwrap();
    assert_eq!(journal.data_from(0), 64 * CLUSTER as u64);
    let mut names = Vec::new();
    let report = volumes::ntfs::usn::records(&journal, 0, &mut |record| {
        names.push((record.usn, record.name()));
        std::ops::ControlFlow::Continue(())
    })
    .unwrap();
    assert_eq!(names, [(64 * CLUSTER as i64, b"changed".to_vec())]);
    assert_eq!(report.skipped, 0);
}

#[test]
fn streams_links_deletions_and_loops_are_told() {
    let (mut ntfs, all) = open(volume());
    let streams = &all["/long name/streams"];
    assert_eq!(content(&mut ntfs, streams.id), b"main");
    assert_eq!(
        (streams.streams[0].name.as_slice(), streams.streams[0].size),
        (&b"side"[..], 6)
    );
    let mut side = Vec::new();
    ntfs.open_stream(streams.id, b"side")
        .unwrap()
        .read_to_end(&mut side)
        .unwrap();
    assert_eq!(side, b"beside");
    assert_eq!(streams.created, Some(1_609_459_200_000_000_000));
    assert_eq!(
        streams.name_times.unwrap().created,
        Some(1_609_459_200_000_001_000)
    );
    let lost = &all["/$OrphanFiles/lost"];
    assert!(lost.deleted && lost.orphan);
    assert_eq!(content(&mut ntfs, lost.id), b"gone");
    for name in ["/$OrphanFiles/left", "/$OrphanFiles/right"] {
        assert!(!all[name].deleted && all[name].orphan);
    }
    let junction = &all["/junction"];
    assert_eq!(
        (junction.kind, junction.link_target.as_deref()),
        (EntryKind::Symlink, Some(&br"C:\there"[..]))
    );
}

#[test]
fn a_lost_first_sector_or_first_record_does_not_lose_the_volume() {
    let good = sha256(&volume()[..]);
    let mut disk = volume();
    let boot = disk[..512].to_vec();
    let end = disk.len() - 512;
    disk[end..].copy_from_slice(&boot);
    disk[..512].fill(0);
    let record = disk[10 * CLUSTER..11 * CLUSTER].to_vec();
    disk[300 * CLUSTER..301 * CLUSTER].copy_from_slice(&record);
    disk[10 * CLUSTER..11 * CLUSTER].fill(0xEE);
    assert_ne!(sha256(&disk[..]), good);
    let image = Image::from_disk(Arc::new(disk));
    let mut system = image.file_system(&image.volumes()[0]).unwrap();
    let mut all = Vec::new();
    let report = system
        .entries(&mut |entry| {
            all.push(entry);
            std::ops::ControlFlow::Continue(())
        })
        .unwrap();
    assert_eq!((all.len(), report.damaged), (11, 1));
}
