//! The writer against a file that another implementation of the format reads as [`rows`].

use super::super::{Cell, Column, Type, column};
use super::{MAGIC, Packing, Writer};
use std::io::Read;

const COLUMNS: [Column; 6] = [
    column("text", Type::Text, true),
    column("maybe_text", Type::Text, false),
    column("number", Type::Number, true),
    column("maybe_number", Type::Number, false),
    column("time", Type::Time, true),
    column("maybe_time", Type::Time, false),
];

/// Row n; every third lacks what may be lacking.
fn row(n: u64) -> [Cell; 6] {
    let some = |cell| if n % 3 == 1 { Cell::None } else { cell };
    let time = (n.cast_signed() - 2) * 850_000_000_061_728_395;
    [
        Cell::Text(format!("zeile\n{n} ä")),
        some(Cell::Text("x".repeat(n as usize))),
        Cell::Number(u64::MAX - n),
        some(Cell::Number(n)),
        Cell::Time(time),
        some(Cell::Time(-time)),
    ]
}

/// Ten rows in groups of four; answers the file and where its pages begin, with their sizes.
fn file(packing: Packing) -> (Vec<u8>, Vec<(usize, usize)>) {
    let mut out = Vec::new();
    let mut writer = Writer::begin(&mut out, &COLUMNS, packing).unwrap();
    writer.most_rows = 4;
    for n in 0..10 {
        writer.row(&row(n)).unwrap();
    }
    writer.end().unwrap();
    let pages = writer
        .groups
        .iter()
        .flat_map(|group| &group.chunks)
        .map(|chunk| (chunk.offset as usize, chunk.packed as usize))
        .collect();
    (out, pages)
}

#[test]
fn the_file_is_the_one_that_others_read() {
    let (found, pages) = file(Packing::Plain);
    assert_eq!(pages.len(), 3 * COLUMNS.len());
    if let Some(to) = std::env::var_os("CORDON_RENEW") {
        // To be read by another implementation before it is kept.
        std::fs::write(to, &found).unwrap();
    }
    let wanted = include_bytes!("../../../tests/data/export/plain.parquet");
    assert!(
        found == wanted,
        "the file differs from the one that is kept"
    );
    let footer = u32::from_le_bytes(found[found.len() - 8..][..4].try_into().unwrap());
    let (last, len) = pages[pages.len() - 1];
    assert_eq!(found.len(), last + len + footer as usize + 8);
    assert_eq!(&found[found.len() - 4..], MAGIC);
}

#[test]
fn packed_pages_hold_the_same() {
    let (plain, plain_pages) = file(Packing::Plain);
    let (packed, pages) = file(Packing::Gzip);
    assert_eq!(pages.len(), plain_pages.len());
    for ((at, len), (plain_at, plain_len)) in pages.into_iter().zip(plain_pages) {
        let page = &packed[at..at + len];
        let start = page
            .windows(3)
            .position(|bytes| bytes == [0x1F, 0x8B, 8])
            .unwrap();
        let mut unpacked = Vec::new();
        flate2::read::GzDecoder::new(&page[start..])
            .read_to_end(&mut unpacked)
            .unwrap();
        let plain = &plain[plain_at..plain_at + plain_len];
        assert!(plain.ends_with(&unpacked));
    }
}
