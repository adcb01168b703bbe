//! More rows than memory may hold.

use answer::{Answer, AnswerError, Budget, Contribution, PageQuery, Sort, State};

const BUDGET: usize = 256 << 10;

fn contribution(ordinal: u32, rows: std::ops::Range<u32>) -> Contribution {
    Contribution {
        ordinal,
        state: State::Answered,
        rows: rows
            .map(|i| {
                let cell = format!("row {i} {}", "x".repeat(200));
                (0, vec![cell.into_bytes().into(), Box::from(&b"second"[..])])
            })
            .collect(),
        problems: vec![],
        rows_cut: 0,
    }
}

#[test]
fn rows_beyond_the_budget_go_to_disk_and_none_is_lost() {
    let folder = tempfile::tempdir().unwrap();
    let mut answer = Answer::new(1, Budget::new(BUDGET, folder.path()));
    // Every row from two endpoints, long after it went to disk.
    for ordinal in [1, 2] {
        for piece in 0..100 {
            answer
                .add(contribution(ordinal, piece * 100..(piece + 1) * 100))
                .unwrap();
        }
    }
    let (memory, disk) = answer.held_bytes();
    assert!(memory as usize <= BUDGET, "{memory} bytes in memory");
    assert!(disk > 1 << 20, "{disk} bytes on disk");
    // Each row was written once at most: endpoint 2 met the rows of endpoint 1.
    assert!(memory + disk < 3 << 20, "{memory} + {disk} bytes");
    assert_eq!(
        std::fs::read_dir(folder.path()).unwrap().count(),
        0,
        "the spill file has a name"
    );
    let mut next = 0;
    answer
        .whole()
        .for_each_row(0, |row| {
            let text = String::from_utf8(row.cells[0].to_vec()).unwrap();
            assert!(text.starts_with(&format!("row {next} x")), "{text}");
            assert_eq!((row.row, row.count), (next, 2));
            next += 1;
        })
        .unwrap();
    assert_eq!(next, 10_000);
    let page = answer
        .whole()
        .page(
            0,
            &PageQuery {
                sort: Sort::CountAsc,
                contains: Some("row 9 ".into()),
                limit: 5,
                ..PageQuery::default()
            },
        )
        .unwrap();
    assert_eq!(page.total_rows, 1);
    let mut other = Answer::new(1, Budget::unlimited());
    other.merge(&answer).unwrap();
    assert_eq!(other.rows(), 10_000);
    other.add(contribution(2, 0..10_000)).unwrap();
    assert_eq!(other.rows(), 10_000);
}

#[test]
fn without_a_place_to_spill_nothing_is_taken_and_nothing_lost() {
    let folder = tempfile::tempdir().unwrap();
    let missing = folder.path().join("missing");
    let mut answer = Answer::new(1, Budget::new(BUDGET, &missing));
    let mut taken = 0;
    let error = loop {
        match answer.add(contribution(taken, taken * 100..(taken + 1) * 100)) {
            Ok(_) => taken += 1,
            Err(error) => break error,
        }
    };
    assert!(taken > 0);
    assert!(matches!(error, AnswerError::SpillWrite { .. }), "{error}");
    assert!(std::error::Error::source(&error).is_some());
    assert_eq!(answer.rows(), u64::from(taken) * 100);
    assert_eq!(answer.coverage().total(), u64::from(taken));
    let mut rows = 0;
    answer.whole().for_each_row(0, |_| rows += 1).unwrap();
    assert_eq!(rows, taken * 100);
    // The folder comes back: the refused contribution is taken, and only reported as new now.
    std::fs::create_dir(&missing).unwrap();
    let added = answer
        .add(contribution(taken, taken * 100..(taken + 1) * 100))
        .unwrap();
    assert_eq!(added.new_rows.len(), 100);
    assert!(answer.held_bytes().1 > 0);
}
