//! Pages, filters, single rows, comparison, and what the caller did wrong.

use answer::{
    Answer, AnswerError, Budget, Contribution, EndpointSet, Page, PageQuery, Show, Sort, State,
    compare,
};
use std::sync::Arc;

fn add(answer: &mut Answer, ordinal: u32, rows: &[&[&str]]) {
    answer
        .add(Contribution {
            ordinal,
            state: State::Answered,
            rows: rows
                .iter()
                .map(|cells| (0, cells.iter().map(|c| Box::from(c.as_bytes())).collect()))
                .collect(),
            problems: vec![],
            rows_cut: 0,
        })
        .unwrap();
}

fn sample(budget: Budget) -> Answer {
    let mut answer = Answer::new(1, budget);
    for ordinal in 0..10 {
        add(&mut answer, ordinal, &[&["systemd", "1"], &["sshd", "22"]]);
    }
    add(&mut answer, 3, &[&["Miner", "7"]]);
    add(&mut answer, 4, &[&["sshd", "22"], &["bash", "100"]]);
    add(&mut answer, 5, &[&["bash", "100"]]);
    answer
}

fn first_cells(page: &Page) -> Vec<(String, u64)> {
    page.rows
        .iter()
        .map(|r| (String::from_utf8_lossy(&r.cells[0]).into_owned(), r.count))
        .collect()
}

fn query(sort: Sort) -> PageQuery {
    PageQuery {
        sort,
        limit: 10,
        ..PageQuery::default()
    }
}

fn by_number(ascending: bool) -> Sort {
    Sort::Column {
        column: 1,
        ascending,
        compare: Arc::new(|a, b| {
            let number = |c: &[u8]| std::str::from_utf8(c).unwrap().parse::<u32>().unwrap();
            number(a).cmp(&number(b))
        }),
    }
}

fn both_budgets(test: impl Fn(&Answer)) {
    test(&sample(Budget::unlimited()));
    let spilled = sample(Budget::new(0, std::env::temp_dir()));
    assert!(spilled.held_bytes().1 > 0);
    test(&spilled);
}

#[test]
fn pages_sort_by_count_and_by_column() {
    both_budgets(|answer| {
        let names = |sort| first_cells(&answer.page(0, &query(sort)).unwrap());
        let own = |list: &[(&str, u64)]| -> Vec<(String, u64)> {
            list.iter().map(|(n, c)| ((*n).to_owned(), *c)).collect()
        };
        assert_eq!(
            names(Sort::CountAsc),
            own(&[("Miner", 1), ("bash", 2), ("systemd", 10), ("sshd", 10)])
        );
        assert_eq!(
            names(Sort::CountDesc),
            own(&[("systemd", 10), ("sshd", 10), ("bash", 2), ("Miner", 1)])
        );
        assert_eq!(
            names(by_number(true)),
            own(&[("systemd", 10), ("Miner", 1), ("sshd", 10), ("bash", 2)])
        );
        assert_eq!(
            names(by_number(false)),
            own(&[("bash", 2), ("sshd", 10), ("Miner", 1), ("systemd", 10)])
        );
    });
}

#[test]
fn pages_filter_restrict_and_page() {
    both_budgets(|answer| {
        let mut q = query(Sort::CountDesc);
        q.contains = Some("mINER".into());
        let page = answer.page(0, &q).unwrap();
        assert_eq!(first_cells(&page), [("Miner".to_owned(), 1)]);
        assert_eq!(page.total_rows, 1);

        let mut q = query(Sort::CountAsc);
        q.within = Some([4, 5].into_iter().collect());
        let page = answer.page(0, &q).unwrap();
        assert!(page.rows.iter().all(|r| r.count == 2));
        assert_eq!(page.total_rows, 3);

        let mut q = query(Sort::CountDesc);
        (q.offset, q.limit) = (1, 2);
        let page = answer.page(0, &q).unwrap();
        assert_eq!(
            first_cells(&page),
            [("sshd".to_owned(), 10), ("bash".to_owned(), 2)]
        );
        assert_eq!(page.total_rows, 4);
        (q.offset, q.limit) = (u64::MAX, usize::MAX);
        assert!(answer.page(0, &q).unwrap().rows.is_empty());
    });
}

/// More rows than a page keeps candidates for: what falls out must be what does not belong on the page.
#[test]
fn a_page_of_many_rows_is_the_right_one() {
    let mut answer = Answer::new(1, Budget::unlimited());
    let names: Vec<String> = (0..20_000_u32)
        .map(|i| (i.wrapping_mul(7919) % 20_000).to_string())
        .collect();
    let rows: Vec<Vec<&str>> = names.iter().map(|n| vec!["x", n]).collect();
    let rows: Vec<&[&str]> = rows.iter().map(Vec::as_slice).collect();
    add(&mut answer, 1, &rows);
    let mut q = query(by_number(true));
    (q.offset, q.limit) = (5000, 3);
    let page = answer.page(0, &q).unwrap();
    let second: Vec<_> = page.rows.iter().map(|r| r.cells[1].clone()).collect();
    assert_eq!(
        second,
        ["5000", "5001", "5002"].map(|c| Box::from(c.as_bytes()))
    );
    assert_eq!(page.total_rows, 20_000);
}

#[test]
fn pieces_give_the_whole_table() {
    both_budgets(|answer| {
        let mut whole = Vec::new();
        answer.for_each_row(0, |row| whole.push(row)).unwrap();
        let mut pieces = Vec::new();
        let mut from = 0;
        loop {
            let piece = answer.piece(0, from, 3, &Show::default(), None).unwrap();
            let Some(last) = piece.last() else { break };
            from = last.row + 1;
            pieces.extend(piece);
        }
        assert_eq!(pieces, whole);
        assert_eq!(whole.len(), 4);
        assert_eq!(answer.row(0, 2).unwrap(), whole[2]);
        assert_eq!(
            answer.endpoints(0, 3).unwrap(),
            EndpointSet::from_iter([4, 5])
        );
    });
}

#[test]
fn few_changes_come_as_few_rows_and_too_many_say_so() {
    let mut answer = sample(Budget::unlimited());
    let version = answer.version();
    add(&mut answer, 20, &[&["sshd", "22"]]);
    let changes = answer.changes(version).unwrap();
    assert_eq!(changes.tables[0].rows.len(), 1);
    assert_eq!(changes.tables[0].rows[0].count, 11);
    assert!(changes.complete);
    let changes = answer.changes_at_most(0, 2).unwrap();
    assert_eq!(changes.tables[0].rows.len(), 2);
    assert!(!changes.complete);
    // From before a restart: everything.
    let changes = answer.changes(answer.version() + 100).unwrap();
    assert_eq!(changes.tables[0].rows.len(), 4);
}

#[test]
fn comparison_is_set_arithmetic_on_rows() {
    both_budgets(|left| {
        let mut right = Answer::new(1, Budget::unlimited());
        add(&mut right, 70, &[&["new", "1"], &["bash", "100"]]);
        add(&mut right, 71, &[&["systemd", "1"]]);
        for right in [right, {
            let mut spilled = Answer::new(1, Budget::new(0, std::env::temp_dir()));
            add(&mut spilled, 70, &[&["new", "1"], &["bash", "100"]]);
            add(&mut spilled, 71, &[&["systemd", "1"]]);
            spilled
        }] {
            let found = compare(left, &right, 0).unwrap();
            let name = |of: &Answer, row| {
                String::from_utf8_lossy(&of.row(0, row).unwrap().cells[0]).into_owned()
            };
            let only_left: Vec<_> = found
                .only_left
                .iter()
                .map(|o| (name(left, o.row), o.count))
                .collect();
            assert_eq!(
                only_left,
                [("sshd".to_owned(), 10), ("Miner".to_owned(), 1)]
            );
            let only_right: Vec<_> = found
                .only_right
                .iter()
                .map(|o| (name(&right, o.row), o.count))
                .collect();
            assert_eq!(only_right, [("new".to_owned(), 1)]);
            let both: Vec<_> = found
                .both
                .iter()
                .map(|b| {
                    (
                        name(left, b.left),
                        name(&right, b.right),
                        b.left_count,
                        b.right_count,
                    )
                })
                .collect();
            assert_eq!(
                both,
                [
                    ("systemd".to_owned(), "systemd".to_owned(), 10, 1),
                    ("bash".to_owned(), "bash".to_owned(), 2, 1)
                ]
            );
        }
    });
}

#[test]
fn what_does_not_fit_is_refused_whole() {
    let mut answer = sample(Budget::unlimited());
    let version = answer.version();
    let cell = || vec![Box::from(&b"x"[..])];
    let refused = answer.add(Contribution {
        ordinal: 99,
        state: State::Answered,
        rows: vec![(0, cell()), (1, cell())],
        problems: vec![],
        rows_cut: 1,
    });
    assert!(matches!(
        refused,
        Err(AnswerError::UnknownTable {
            table: 1,
            tables: 1
        })
    ));
    assert_eq!(answer.version(), version);
    assert_eq!(answer.rows(), 4);
    assert_eq!(answer.coverage().state_of(99), None);

    assert!(matches!(
        answer.restore_row(0, 9, cell()),
        Err(AnswerError::RestoreOrder { expected: 4, .. })
    ));
    assert!(matches!(
        answer.restore_endpoint(1, State::Answered, &[(0, 4)], &[], 0),
        Err(AnswerError::UnknownRow { table: 0, row: 4 })
    ));
    assert!(matches!(
        answer.merge(&Answer::new(2, Budget::unlimited())),
        Err(AnswerError::Shape { left: 1, right: 2 })
    ));
    assert!(matches!(
        answer.page(7, &PageQuery::default()),
        Err(AnswerError::UnknownTable { .. })
    ));
}
