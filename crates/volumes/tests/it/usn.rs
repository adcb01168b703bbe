//! Change journals: the system's own listing of one, field by field, and the facts of an independent reader.

use crate::shared::{expected, sample};
use serde_json::Value;
use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::sync::Arc;
use volumes::ntfs::usn::{JournalReport, REASONS, UsnRecord, records};
use volumes::source::Shared;

struct Seen {
    offset: u64,
    length: u32,
    version: u16,
    usn: i64,
    file: u128,
    parent: u128,
    time: Option<i64>,
    reason: u32,
    source: u32,
    security: Option<u32>,
    attributes: Option<u32>,
    name: String,
    extents: Vec<(u64, u64)>,
    remaining: Option<u32>,
}

fn seen(record: &UsnRecord<'_>) -> Seen {
    Seen {
        offset: record.offset,
        length: record.length,
        version: record.version,
        usn: record.usn,
        file: record.file,
        parent: record.parent,
        time: record.time,
        reason: record.reason,
        source: record.source,
        security: record.security,
        attributes: record.attributes,
        name: String::from_utf8(record.name()).unwrap(),
        extents: record.extents().collect(),
        remaining: record.remaining_extents,
    }
}

fn read(bytes: Vec<u8>, from: u64) -> (Vec<Seen>, JournalReport) {
    let journal: Shared = Arc::new(bytes);
    let mut all = Vec::new();
    let report = records(&journal, from, &mut |record| {
        all.push(seen(record));
        ControlFlow::Continue(())
    })
    .unwrap();
    (all, report)
}

/// Whole microseconds, as the facts have them.
fn micros(fact: &Value) -> i64 {
    let text = fact.as_str().unwrap();
    let digits = |from: usize, to: usize| text[from..to].parse::<i64>().unwrap();
    let days = crate::mft::days(digits(0, 4), digits(5, 7), digits(8, 10));
    let seconds = days * 86_400 + digits(11, 13) * 3600 + digits(14, 16) * 60 + digits(17, 19);
    seconds * 1_000_000 + digits(20, 26)
}

fn agrees(record: &Seen, fact: &Value) {
    assert_eq!(fact["usn"], record.usn);
    assert_eq!(fact["name"], record.name);
    assert_eq!(fact["reason"], record.reason);
    // The other reader computes in floating point, which holds ticks since 1601 only to about two microseconds.
    let ticks = record.time.unwrap() / 100 + 116_444_736_000_000_000;
    let seconds = ticks as f64 * 1e-7 - 11_644_473_600.0;
    let theirs = seconds.trunc() as i64 * 1_000_000 + (seconds.fract() * 1e6).round() as i64;
    assert_eq!(micros(&fact["ts"]), theirs);
}

#[test]
fn facts_come_out() {
    for name in ["usn/usnjrnlj.bin", "usn/UsnJrnl.raw"] {
        let Some(path) = sample(name) else { return };
        let facts = expected(name);
        let (all, report) = read(std::fs::read(path).unwrap(), 0);
        assert_eq!(report.skipped, 0);
        let timed: Vec<&Seen> = all.iter().filter(|record| record.version < 4).collect();
        assert_eq!(facts["usn"]["dissect_records"], timed.len());
        agrees(timed[0], &facts["usn"]["first"]);
        agrees(timed[timed.len() - 1], &facts["usn"]["last"]);
        assert!(all.iter().all(|record| record.offset == record.usn as u64));
        if facts["records_total"].is_u64() {
            assert_eq!(facts["records_total"], all.len());
            assert_eq!(facts["usn_v4_records_included"], all.len() - timed.len());
            let tail: Vec<i64> = all.iter().skip(268).map(|record| record.usn).collect();
            assert_eq!(facts["usn_after_fsutil"], serde_json::json!(tail));
        }
    }
}

/// `Name : value` lines of each record, as the system's tool prints them.
fn blocks(text: &str) -> Vec<BTreeMap<&str, &str>> {
    let mut all: Vec<BTreeMap<&str, &str>> = Vec::new();
    for line in text.lines() {
        let (key, value) = line.split_once(':').unwrap_or((line, ""));
        let (key, value) = (key.trim(), value.trim());
        if key == "Usn" {
            all.push(BTreeMap::new());
        }
        if let Some(block) = all.last_mut() {
            let key = if line.trim().starts_with('[') {
                "Extent"
            } else {
                key
            };
            block.insert(key, value);
        }
    }
    all
}

#[test]
fn the_systems_own_listing_comes_out() {
    let (Some(path), Some(list)) = (
        sample("usn/usnjrnlj.bin"),
        sample("usn/usnjrnlj.fsutil.txt"),
    ) else {
        return;
    };
    let text = std::fs::read_to_string(list).unwrap().replace("\r\n", "\n");
    let wanted = blocks(&text);
    let (all, _) = read(std::fs::read(path).unwrap(), 0);
    assert_eq!(wanted.len(), 268);
    let hex = |text: &str| {
        u128::from_str_radix(
            text.split(':')
                .next()
                .unwrap()
                .trim()
                .trim_start_matches("0x"),
            16,
        )
        .unwrap()
    };
    for (block, record) in wanted.iter().zip(&all) {
        let number = |key: &str| block[key].parse::<u64>().unwrap();
        assert_eq!(number("Usn") as i64, record.usn);
        // The tool was asked for version 3 or later and shows version 2 records as such, with references of 16 bytes.
        let (version, longer) = if record.version == 2 {
            (3, 16)
        } else {
            (record.version, 0)
        };
        assert_eq!(number("Major version") as u16, version);
        assert_eq!(number("Record length"), u64::from(record.length) + longer);
        assert_eq!(hex(block["File ID"]), record.file);
        assert_eq!(hex(block["Parent file ID"]), record.parent);
        assert_eq!(hex(block["Reason"]) as u32, record.reason, "{block:?}");
        assert_eq!(hex(block["Source info"]) as u32, record.source);
        if record.version < 4 {
            assert_eq!(block["File name"], record.name);
            assert_eq!(
                number("File name length"),
                2 * record.name.encode_utf16().count() as u64
            );
            assert_eq!(
                hex(block["File attributes"]) as u32,
                record.attributes.unwrap()
            );
            assert_eq!(number("Security ID"), u64::from(record.security.unwrap()));
            let (date, clock) = block["Time stamp"].split_once(' ').unwrap();
            let parts = |text: &str, by| {
                text.split(by)
                    .map(|part| part.parse::<i64>().unwrap())
                    .collect::<Vec<_>>()
            };
            let (date, clock) = (parts(date, '/'), parts(clock, ':'));
            let seconds = crate::mft::days(date[2], date[0], date[1]) * 86_400
                + clock[0] * 3600
                + clock[1] * 60
                + clock[2];
            assert_eq!(seconds, record.time.unwrap() / 1_000_000_000);
        } else {
            let (start, len) = record.extents[0];
            assert_eq!(block["Extent"], format!("{start}, {len}]"));
            assert_eq!(
                number("Remaining extents"),
                u64::from(record.remaining.unwrap())
            );
            assert_eq!(number("Number of extents"), record.extents.len() as u64);
        }
    }
}

/// A record of version 2.
pub fn record(usn: u64, name: &str) -> Vec<u8> {
    let units: Vec<u8> = name.encode_utf16().flat_map(u16::to_le_bytes).collect();
    let len = (60 + units.len()).next_multiple_of(8);
    let mut out = Vec::new();
    out.extend((len as u32).to_le_bytes());
    out.extend([2, 0, 0, 0]);
    out.extend(77u64.to_le_bytes());
    out.extend(5u64.to_le_bytes());
    out.extend(usn.to_le_bytes());
    out.extend(132_537_600_000_000_001u64.to_le_bytes());
    out.extend(0x8000_0100u32.to_le_bytes());
    out.extend([0; 8]);
    out.extend(0x20u32.to_le_bytes());
    out.extend((units.len() as u16).to_le_bytes());
    out.extend(60u16.to_le_bytes());
    out.extend(units);
    out.resize(len, 0);
    out
}

#[test]
fn a_pass_goes_on_where_the_last_ended_and_past_holes_and_rubbish() {
    // A journal made here: zeros as of freed pages, records, rubbish, records.
    let mut journal = vec![0; 3 << 20];
    let first = journal.len() as u64;
    journal.extend(record(first, "eins"));
    journal.extend([0xEE; 40]);
    journal.extend(record(first + 112, "zwei"));
    journal.resize(journal.len().next_multiple_of(4096), 0);
    let (all, report) = read(journal.clone(), 0);
    assert_eq!(
        all.iter()
            .map(|record| record.name.as_str())
            .collect::<Vec<_>>(),
        ["eins", "zwei"]
    );
    assert_eq!((report.records, report.skipped), (2, 40));
    journal.extend(record(journal.len() as u64, "drei"));
    let (more, _) = read(journal, report.next);
    assert_eq!(
        more.iter()
            .map(|record| record.name.as_str())
            .collect::<Vec<_>>(),
        ["drei"]
    );
    assert_eq!(more[0].reason, REASONS[6].0 | REASONS[22].0);
}
