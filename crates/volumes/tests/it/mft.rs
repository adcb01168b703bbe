//! Bare MFTs: counts of independent readers, and the listings of another tool line by line.

use crate::shared::{expected, sample};
use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;
use std::sync::Arc;
use volumes::entry::{Entry, Report};
use volumes::ntfs::Mft;
use volumes::ntfs::attribute::{FileName, Namespace, Standard, kind};

fn open(bytes: Vec<u8>) -> Mft {
    Mft::open(Arc::new(bytes)).unwrap()
}

fn entries(mft: &Mft) -> (Vec<Entry>, Report) {
    let mut all = Vec::new();
    let report = mft
        .entries(&mut |entry| {
            all.push(entry);
            ControlFlow::Continue(())
        })
        .unwrap();
    (all, report)
}

#[test]
fn counts_are_those_of_other_readers() {
    for name in [
        "4k-large",
        "unicode",
        "deleted",
        "compressed_sparse",
        "mapping_pairs_1",
        "slack",
        "different_la",
    ] {
        let name = format!("mft/{name}.mft");
        let Some(path) = sample(&name) else { return };
        let facts = &expected(&name)["mft"];
        let mft = open(std::fs::read(path).unwrap());
        let (mut records, mut allocated, mut directories) = (0u64, 0u64, 0u64);
        let end = mft.records(&mut |_, record| {
            if let Ok(record) = record {
                records += 1;
                allocated += u64::from(record.in_use());
                directories += u64::from(record.is_directory() || record.is_index_view());
                assert!(!record.is_torn());
            }
            ControlFlow::Continue(())
        });
        assert!(end.is_continue());
        assert_eq!(facts["mft_rs_entries"], records, "{name}");
        assert_eq!(facts["dissect_segments"], records, "{name}");
        assert_eq!(facts["allocated"], allocated, "{name}");
        assert_eq!(facts["dirs"], directories, "{name}");
        let (_, report) = entries(&mft);
        assert_eq!(report.damaged, 0, "{name}");
    }
}

#[test]
fn torn_records_are_shown_and_marked() {
    use crate::forge::{name, record, standard};
    use volumes::ntfs::Reference;
    let root = Reference::new(5, 5);
    let file = |parts: &str| {
        let attributes = [standard(), name(root, 1, parts)];
        record(1, 1, Reference(0), &attributes)
    };
    let mut table: Vec<Vec<u8>> = vec![vec![0; 1024]; 16];
    table[0] = file("$MFT");
    table[5] = record(5, 3, Reference(0), &[standard(), name(root, 3, ".")]);
    let whole = file("whole");
    // The second sector is of another write.
    let mut torn = file("torn");
    torn[1022] ^= 0xFF;
    let mut bad = file("bad");
    bad[..4].copy_from_slice(b"BAAD");
    // The update sequence would lie behind the record.
    let mut lost = file("lost");
    lost[4..6].copy_from_slice(&0xFFF0_u16.to_le_bytes());
    table.extend([whole, torn, bad, lost]);
    let (all, report) = entries(&open(table.concat()));
    let marked: BTreeMap<String, bool> = all
        .iter()
        .filter(|entry| entry.id.0 & 0xFFFF_FFFF_FFFF >= 16)
        .map(|entry| {
            let path = String::from_utf8(entry.paths[0].clone()).unwrap();
            (path, entry.damaged)
        })
        .collect();
    let expected = [
        ("/bad", true),
        ("/lost", true),
        ("/torn", true),
        ("/whole", false),
    ];
    assert_eq!(
        marked,
        expected
            .map(|(path, damaged)| (path.to_owned(), damaged))
            .into()
    );
    assert_eq!(report.damaged, 3);
}

/// Lines as `fls -r -p -l` prints them, but for the times, which come in nanoseconds.
type Line = (String, String, [i64; 4], u64, u32);

fn listed(text: &str, hours: i64) -> BTreeSet<Line> {
    let lines = text.lines().filter(|line| !line.starts_with("V/V"));
    lines
        .map(|line| {
            let fields: Vec<&str> = line.split('\t').collect();
            let time = |text: &str| {
                let text = text.split(" (").next().unwrap();
                let (date, clock) = text.split_once(' ').unwrap();
                let number = |text: &str| text.parse::<i64>().unwrap();
                let date: Vec<i64> = date.split('-').map(number).collect();
                let clock: Vec<i64> = clock.split(':').map(number).collect();
                days(date[0], date[1], date[2]) * 86_400
                    + (clock[0] - hours) * 3600
                    + clock[1] * 60
                    + clock[2]
            };
            (
                fields[0].trim_end_matches(':').to_owned(),
                fields[1].to_owned(),
                [
                    time(fields[2]),
                    time(fields[3]),
                    time(fields[4]),
                    time(fields[5]),
                ],
                fields[6].parse().unwrap(),
                fields[8].parse().unwrap(),
            )
        })
        .collect()
}

/// Days from 1970 to a date.
pub fn days(year: i64, month: i64, day: i64) -> i64 {
    let (year, month) = if month <= 2 {
        (year - 1, month + 9)
    } else {
        (year, month - 3)
    };
    365 * year + year / 4 - year / 100 + year / 400 + (153 * month + 2) / 5 + day - 719_469
}

#[test]
fn whole_listings_come_out() {
    assert_eq!((days(1970, 1, 1), days(2019, 1, 20)), (0, 17_916));
    for (name, hours) in [("4k-large", 3), ("unicode", 0)] {
        let (Some(table), Some(list)) = (
            sample(&format!("mft/{name}.mft")),
            sample(&format!("mft/{name}.fls")),
        ) else {
            return;
        };
        let mft = open(std::fs::read(table).unwrap());
        let paths: BTreeMap<u64, Entry> = entries(&mft)
            .0
            .into_iter()
            .map(|entry| (entry.id.0 & 0xFFFF_FFFF_FFFF, entry))
            .collect();
        let mut lines = BTreeSet::new();
        let end = mft.records(&mut |number, record| {
            let (Ok(record), Some(entry)) = (record, paths.get(&number)) else {
                return ControlFlow::Continue(());
            };
            if number == 5 {
                return ControlFlow::Continue(());
            }
            let standard = record
                .attributes()
                .find(|attribute| attribute.kind == kind::STANDARD_INFORMATION)
                .and_then(|attribute| Standard::parse(attribute.resident()?))
                .unwrap();
            // The other tool reads the owner of a short (old) standard information out of the type of the next attribute.
            let owner = standard.owner.unwrap_or(kind::FILE_NAME);
            let second = |time: Option<i64>| time.unwrap().div_euclid(1_000_000_000);
            let times = [entry.modified, entry.accessed, entry.changed, entry.created].map(second);
            for attribute in record
                .attributes()
                .filter(|one| [kind::DATA, kind::INDEX_ROOT].contains(&one.kind))
            {
                let units: Vec<u16> = attribute
                    .name
                    .chunks(2)
                    .map(|unit| u16::from_le_bytes([unit[0], unit[1]]))
                    .collect();
                let (letter, stream) = match String::from_utf16(&units).unwrap() {
                    name if name == "$I30" => ("d/d", String::new()),
                    name if name.is_empty() => ("r/r", name),
                    name => ("r/r", format!(":{name}")),
                };
                for path in &entry.paths {
                    lines.insert((
                        format!("{letter} {number}-{}-{}", attribute.kind, attribute.id),
                        format!("{}{stream}", std::str::from_utf8(&path[1..]).unwrap()),
                        times,
                        attribute.size().unwrap(),
                        owner,
                    ));
                }
            }
            ControlFlow::Continue(())
        });
        assert!(end.is_continue());
        let wanted = listed(&std::fs::read_to_string(list).unwrap(), hours);
        assert_eq!(wanted.len(), 40);
        assert_eq!(
            wanted.difference(&lines).collect::<Vec<_>>(),
            Vec::<&Line>::new(),
            "{name}: missing"
        );
        assert_eq!(
            lines.difference(&wanted).collect::<Vec<_>>(),
            Vec::<&Line>::new(),
            "{name}: too many"
        );
    }
}

#[test]
fn deleted_files_keep_names_and_paths() {
    let Some(path) = sample("mft/deleted.mft") else {
        return;
    };
    let (all, report) = entries(&open(std::fs::read(path).unwrap()));
    let deleted: Vec<(&str, u64)> = all
        .iter()
        .filter(|entry| entry.deleted)
        .map(|entry| (std::str::from_utf8(&entry.paths[0]).unwrap(), entry.size))
        .collect();
    let wanted = [
        ("/1", 0),
        ("/1/2", 0),
        ("/1/2/3", 0),
        ("/1/2/33", 0),
        ("/1/2/3/4", 0),
        ("/1/2/3/4/file.txt", 3),
    ];
    assert_eq!(deleted, wanted);
    assert_eq!((report.deleted, report.orphans), (6, 0));
}

#[test]
fn names_of_one_file_agree_with_its_links() {
    let Some(path) = sample("mft/mapping_pairs_1.mft") else {
        return;
    };
    let mft = open(std::fs::read(path).unwrap());
    let mut names = 0u64;
    let end = mft.records(&mut |_, record| {
        for attribute in record.iter().flat_map(|record| record.attributes()) {
            if attribute.kind == kind::FILE_NAME {
                let name = FileName::parse(attribute.resident().unwrap()).unwrap();
                names += u64::from(name.namespace != Namespace::Dos);
            }
        }
        ControlFlow::Continue(())
    });
    assert!(end.is_continue());
    let all = entries(&mft).0;
    assert_eq!(
        names,
        all.iter().map(|entry| u64::from(entry.links)).sum::<u64>()
    );
}
