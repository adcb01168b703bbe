//! Whole NTFS volumes: names, sizes, times and contents as other tools see them.

use crate::shared::{agrees, entries, expected, image, only};
use serde_json::Value;
use std::io::Read;
use volumes::EntryKind;
use volumes::entry::Entry;
use volumes::ntfs::attribute::{FileName, Standard, kind};
use volumes::ntfs::{Ntfs, Reference};

fn record(entry: &Entry) -> u64 {
    Reference(entry.id.0).number()
}

#[test]
fn volumes_agree_with_another_tool() {
    for name in [
        "test.ntfs.dd.gz",
        "partition_image.E01",
        "windows_volume.qcow2",
        "vsstest.qcow2",
        "ntfs3.raw.gz",
    ] {
        let name = format!("ntfs_image/{name}");
        let Some(image) = image(&name) else { return };
        agrees(
            &mut *only(&image),
            &expected(&name)["tsk"]["entries"],
            record,
        );
    }
}

fn path(entry: &Entry) -> &str {
    std::str::from_utf8(&entry.paths[0]).unwrap()
}

#[test]
fn the_root_of_a_disk_in_a_vhdx() {
    let name = "disk_container/test.vhdx.zip";
    let Some(bytes) = crate::shared::unpacked(name) else {
        return;
    };
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), bytes).unwrap();
    let image = volumes::open(file.path()).unwrap();
    assert_eq!(image.container(), "VHDX");
    let volume = image
        .volumes()
        .into_iter()
        .find(|volume| volume.offset == 65_536)
        .unwrap();
    let mut system = image.file_system(&volume).unwrap();
    let mut found = Vec::new();
    for entry in entries(&mut *system).0 {
        let name = &path(&entry)[1..];
        if entry.deleted || name.is_empty() || name.contains('/') {
            continue;
        }
        found.push((
            name.to_owned(),
            entry.size,
            entry.kind == EntryKind::Directory,
        ));
        for stream in &entry.streams {
            let stream_name = std::str::from_utf8(&stream.name).unwrap();
            found.push((format!("{name}:{stream_name}"), stream.size, false));
        }
    }
    found.sort();
    let rows = expected(name)["velociraptor_golden"][0]["rows"].clone();
    let wanted: Vec<(String, u64, bool)> = rows
        .as_array()
        .unwrap()
        .iter()
        .map(|row| {
            let text = |key: &str| row[key].as_str().unwrap().to_owned();
            (
                text("OSPath"),
                row["Size"].as_u64().unwrap(),
                text("Mode.String").starts_with('d'),
            )
        })
        .collect();
    assert_eq!(found, wanted);
}

/// A time as the other tool prints it: trailing zeros of the fraction are left out.
pub fn nanoseconds(fact: &Value) -> i64 {
    let text = fact.as_str().unwrap().trim_end_matches('Z');
    let (text, fraction) = text.split_once('.').unwrap_or((text, "0"));
    let digits = |from: usize, to: usize| text[from..to].parse::<i64>().unwrap();
    let days = crate::mft::days(digits(0, 4), digits(5, 7), digits(8, 10));
    let seconds = days * 86_400 + digits(11, 13) * 3600 + digits(14, 16) * 60 + digits(17, 19);
    seconds * 1_000_000_000 + format!("{fraction:0<9}").parse::<i64>().unwrap()
}

fn times_agree(times: volumes::Times, fact: &Value) {
    for (key, time) in [
        ("CreateTime", times.created),
        ("FileModifiedTime", times.modified),
        ("MFTModifiedTime", times.changed),
        ("AccessedTime", times.accessed),
    ] {
        assert_eq!(nanoseconds(&fact[key]), time.unwrap(), "{key}");
    }
}

#[test]
fn rows_of_a_collector_come_out() {
    let name = "ntfs_image/test.ntfs.dd.gz";
    let Some(image) = image(name) else { return };
    let mut system = only(&image);
    let all = entries(&mut *system).0;
    let mut rows = 0;
    for golden in expected(name)["velociraptor_golden"].as_array().unwrap() {
        for row in golden["rows"].as_array().unwrap() {
            let Some(number) = row["EntryNumber"].as_u64() else {
                continue;
            };
            let Some(created) = row.get("Created0x10") else {
                continue;
            };
            rows += 1;
            let entry = all.iter().find(|entry| record(entry) == number).unwrap();
            let shown = row["OSPath"]
                .as_str()
                .unwrap()
                .trim_start_matches(r"\\.\C:\")
                .replace('\\', "/");
            let (shown, stream) = shown
                .split_once(':')
                .map_or((shown.as_str(), None), |(path, stream)| {
                    (path, Some(stream))
                });
            assert_eq!(shown, &path(entry)[1..]);
            assert_eq!(row["InUse"], !entry.deleted);
            assert_eq!(row["IsDir"], entry.kind == EntryKind::Directory);
            assert_eq!(row["HasADS"], !entry.streams.is_empty());
            assert_eq!(row["ReferenceCount"], entry.links);
            let names = entry.name_times.unwrap();
            for (fact, time) in [
                (created, entry.created),
                (&row["LastModified0x10"], entry.modified),
                (&row["LastRecordChange0x10"], entry.changed),
                (&row["LastAccess0x10"], entry.accessed),
                (&row["Created0x30"], names.created),
                (&row["LastModified0x30"], names.modified),
                (&row["LastRecordChange0x30"], names.changed),
                (&row["LastAccess0x30"], names.accessed),
            ] {
                assert_eq!(nanoseconds(fact), time.unwrap(), "{shown}");
            }
            match stream {
                None => assert_eq!(row["FileSize"], entry.size, "{shown}"),
                // The collector shows the room of a stream in the record here, its size in the list of attributes.
                Some(stream) => assert!(
                    entry
                        .streams
                        .iter()
                        .any(|one| one.name == stream.as_bytes())
                ),
            }
        }
    }
    assert_eq!(rows, 7);
}

#[test]
fn records_come_out_attribute_by_attribute() {
    let name = "ntfs_image/test.ntfs.dd.gz";
    let Some(image) = image(name) else { return };
    let ntfs = Ntfs::open(image.disk().clone()).unwrap();
    let golden = expected(name);
    let rows = golden["velociraptor_golden"]
        .as_array()
        .unwrap()
        .iter()
        .flat_map(|golden| golden["rows"].as_array().unwrap());
    let mut seen = 0;
    for row in rows {
        let Some(details) = row.get("Details").or(row.get("NtfsMetadata")) else {
            continue;
        };
        seen += 1;
        let number = details["MFTID"].as_u64().unwrap();
        let mut buffer = Vec::new();
        let record = ntfs.mft().read(number, &mut buffer).unwrap().unwrap();
        assert_eq!(details["SequenceNumber"], record.sequence());
        assert_eq!(details["Allocated"], record.in_use());
        let attributes: Vec<_> = record.attributes().collect();
        let wanted = details["Attributes"].as_array().unwrap();
        assert_eq!(attributes.len(), wanted.len());
        for (attribute, fact) in attributes.iter().zip(wanted) {
            assert_eq!(fact["TypeId"], attribute.kind);
            assert_eq!(fact["Id"], attribute.id);
            assert_eq!(
                fact["Inode"],
                format!("{number}-{}-{}", attribute.kind, attribute.id)
            );
            assert_eq!(fact["Size"], attribute.size().unwrap());
            assert_eq!(fact["Resident"], attribute.resident().is_some());
            let units: Vec<u16> = attribute
                .name
                .chunks(2)
                .map(|unit| u16::from_le_bytes([unit[0], unit[1]]))
                .collect();
            assert_eq!(fact["Name"], String::from_utf16(&units).unwrap());
        }
        let value = |wanted| {
            attributes
                .iter()
                .find(|attribute| attribute.kind == wanted)
                .and_then(|one| one.resident())
                .unwrap()
        };
        times_agree(
            Standard::parse(value(kind::STANDARD_INFORMATION))
                .unwrap()
                .times,
            &details["SI_Times"],
        );
        let file_name = FileName::parse(value(kind::FILE_NAME)).unwrap();
        times_agree(file_name.times, &details["Filenames"][0]["Times"]);
        assert_eq!(
            details["Filenames"][0]["ParentEntryNumber"],
            file_name.parent.number()
        );
        assert_eq!(
            details["Filenames"][0]["ParentSequenceNumber"],
            file_name.parent.sequence()
        );
    }
    assert_eq!(seen, 7);
}

#[test]
fn streams_are_read_beside_the_content() {
    let Some(image) = image("ntfs_image/test.ntfs.dd.gz") else {
        return;
    };
    let mut system = only(&image);
    let all = entries(&mut *system).0;
    let entry = all
        .iter()
        .find(|entry| path(entry).ends_with("/Hello world text document.txt"))
        .unwrap();
    let mut text = String::new();
    system
        .open(entry.id)
        .unwrap()
        .read_to_string(&mut text)
        .unwrap();
    assert_eq!(text, "Hello world!");
    let mut stream = String::new();
    system
        .open_stream(entry.id, b"goodbye.txt")
        .unwrap()
        .read_to_string(&mut stream)
        .unwrap();
    assert_eq!(stream.len(), 20);
    assert!(system.open_stream(entry.id, b"nothing").is_err());
    let stale = volumes::FileId(Reference::new(record(entry), 77).0);
    assert!(system.open(stale).is_err());
}
