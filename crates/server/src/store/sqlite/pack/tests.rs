use super::*;

/// Numbers that look like nothing, the same each time.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        (self.0 >> 33) % sides
    }
}

fn part(ordinal: u32, rows: Vec<(u32, u32)>) -> StoredPart {
    StoredPart {
        ordinal,
        state: State::Answered,
        rows,
        problems: Vec::new(),
        rows_cut: 0,
    }
}

/// Parts as they come back: by ordinal, rows in order, those of one endpoint joined.
fn joined(parts: impl IntoIterator<Item = StoredPart>) -> Vec<StoredPart> {
    let mut by: BTreeMap<u32, StoredPart> = BTreeMap::new();
    for part in parts {
        match by.get_mut(&part.ordinal) {
            Some(held) => held.rows.extend(part.rows),
            None => {
                by.insert(part.ordinal, part);
            }
        }
    }
    by.values_mut().for_each(|part| {
        part.rows.sort_unstable();
        part.rows.dedup();
        part.problems.sort();
    });
    by.into_values().collect()
}

fn unpacked(chunks: &[PartChunk]) -> Vec<StoredPart> {
    chunks
        .iter()
        .flat_map(|chunk| {
            let parts = unpack_parts(&chunk.body).expect("it was packed here");
            assert_eq!(parts.len(), chunk.parts as usize);
            parts
        })
        .collect()
}

#[test]
fn packing_rows_loses_nothing() {
    let cells = |n: usize| -> Vec<Cell> { vec![vec![b'x'; n].into(), Box::from(&[0xff][..])] };
    let mut rows: Vec<NewRow> = Vec::new();
    for (table, row, length) in [
        (0, 7, 0),
        (0, 8, 300_000),
        (0, 9, 5),
        (0, 11, 70),
        (3, 0, 1),
        (3, u32::MAX - 1, 2),
        (3, u32::MAX, 3),
        (u32::MAX, 0, 4),
    ] {
        let cells = if length == 0 { vec![] } else { cells(length) };
        rows.push(NewRow { table, row, cells });
    }
    for row in 0..10_000 {
        rows.push(NewRow {
            table: u32::MAX,
            row: row + 1,
            cells: cells(row as usize % 9),
        });
    }
    let given: Vec<&NewRow> = rows.iter().collect();
    for effort in [Effort::Quick, Effort::Small] {
        let chunks = pack_rows(&given, effort);
        let back: Vec<NewRow> = chunks
            .iter()
            .flat_map(|c| unpack_rows(c.table, c.first, c.rows, &c.body).expect("packed here"))
            .collect();
        assert_eq!(back, rows);
        assert!(chunks.iter().all(|c| c.rows as usize <= MOST_ROWS));
    }
    assert_eq!(pack_rows(&[], Effort::Quick), []);
}

#[test]
fn packing_parts_loses_nothing() {
    let mut dice = Dice(1);
    for most in [0, 1, 3, 40, 5000] {
        let parts: Vec<StoredPart> = (0..dice.roll(most + 1))
            .map(|_| StoredPart {
                ordinal: u32::try_from(dice.roll(u64::from(u32::MAX))).expect("small"),
                state: State::ALL[usize::try_from(dice.roll(14)).expect("small")],
                rows: (0..dice.roll(9))
                    .map(|_| {
                        let table = u32::try_from(dice.roll(3)).expect("small");
                        let row = u32::try_from(dice.roll(50)).expect("small");
                        (table, row)
                    })
                    .collect(),
                problems: (0..dice.roll(3) / 2)
                    .map(|_| {
                        (
                            "Sensor".into(),
                            State::Error,
                            format!("text {}", dice.roll(4)),
                        )
                    })
                    .collect(),
                rows_cut: dice.roll(3) / 2 * u64::MAX,
            })
            .collect();
        for effort in [Effort::Quick, Effort::Small] {
            let chunks = pack_parts(&parts, effort);
            assert_eq!(joined(unpacked(&chunks)), joined(parts.clone()));
        }
    }
}

#[test]
fn an_endpoint_in_very_many_rows_is_told_in_pieces() {
    let count = u32::try_from(MOST_MEMBERS * 2 + 5).expect("small");
    let mut whole = part(7, (0..count).map(|row| (0, row)).collect());
    whole.rows_cut = 3;
    whole.problems = vec![("Sensor".into(), State::Error, "once".into())];
    let chunks = pack_parts(std::slice::from_ref(&whole), Effort::Quick);
    let parts = unpacked(&chunks);
    assert_eq!(parts.len(), 3);
    let problems: usize = parts.iter().map(|p| p.problems.len()).sum();
    assert_eq!(problems, 1, "what went wrong is told once");
    assert_eq!(joined(parts)[0].rows, whole.rows);
}

#[test]
fn a_row_that_all_have_costs_bytes_not_kilobytes() {
    let parts: Vec<_> = (1..=2000)
        .map(|ordinal| part(ordinal, vec![(0, 0)]))
        .collect();
    let chunks = pack_parts(&parts, Effort::Small);
    assert_eq!(chunks.len(), 1);
    assert!(chunks[0].body.len() < 100, "{} bytes", chunks[0].body.len());
}

#[test]
fn damaged_bytes_are_an_error_and_cost_no_memory() {
    let parts: Vec<_> = (1..=50)
        .map(|o| StoredPart {
            problems: vec![("Sensor".into(), State::Error, "text".into())],
            ..part(o, vec![(0, o), (0, 0)])
        })
        .collect();
    let rows: Vec<_> = (0..50)
        .map(|row| NewRow {
            table: 0,
            row,
            cells: vec![vec![1; 20].into()],
        })
        .collect();
    let rows: Vec<&NewRow> = rows.iter().collect();
    for effort in [Effort::Quick, Effort::Small] {
        let parts = pack_parts(&parts, effort).remove(0).body;
        let rows = pack_rows(&rows, effort).remove(0).body;
        for cut in 0..parts.len() {
            assert_eq!(unpack_parts(&parts[..cut]), Err(Unpackable), "{cut}");
        }
        for cut in 0..rows.len() {
            assert_eq!(
                unpack_rows(0, 0, 50, &rows[..cut]),
                Err(Unpackable),
                "{cut}"
            );
        }
        // Whatever stands there: an answer or an error, never a panic.
        let mut dice = Dice(2);
        for _ in 0..20_000 {
            let mut bytes = parts.clone();
            for _ in 0..=dice.roll(3) {
                let at = usize::try_from(dice.roll(bytes.len() as u64)).expect("small");
                bytes[at] = u8::try_from(dice.roll(256)).expect("a byte");
            }
            drop(unpack_parts(&bytes));
            drop(unpack_rows(0, u32::MAX - 3, 50, &bytes));
        }
    }
    // Inflates to far more than it says, and says far more than there is.
    let mut bomb = vec![DEFLATED];
    put(10, &mut bomb);
    let mut encoder = DeflateEncoder::new(bomb, Compression::best());
    encoder.write_all(&vec![0; 10 << 20]).expect("memory");
    let bomb = encoder.finish().expect("memory");
    assert_eq!(unpack_parts(&bomb), Err(Unpackable));
    for lie in [
        &[PLAIN, 0xff, 0xff, 0xff, 0xff, 0x0f][..],
        &[DEFLATED, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x0f],
        &[7],
        &[],
    ] {
        assert_eq!(unpack_parts(lie), Err(Unpackable), "{lie:?}");
    }
}
