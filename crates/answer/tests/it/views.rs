//! Whoever sees some endpoints only reads what the answer would be had the others never been asked.

use crate::model::{TABLES, contributions, expected, filled, seen};
use answer::{
    Answer, Budget, Contribution, Counts, EndpointSet, PageQuery, Show, Sort, View, compare,
    compare_by,
};
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet};

type Cells = Vec<Vec<u8>>;

fn cells(row: &answer::PageRow) -> Cells {
    row.cells.iter().map(|cell| cell.to_vec()).collect()
}

/// Rows with their counts and endpoints, by their cells.
fn rows(rows: &[answer::PageRow]) -> BTreeMap<Cells, (u64, Vec<u32>)> {
    let all = rows
        .iter()
        .map(|row| (cells(row), (row.count, row.endpoints.clone())));
    let found: BTreeMap<_, _> = all.collect();
    assert_eq!(found.len(), rows.len(), "a row stands twice");
    found
}

/// Some of the endpoints of [`contributions`].
fn within() -> impl Strategy<Value = EndpointSet> {
    prop::collection::vec(prop_oneof![0_u32..6, 65_530_u32..65_545], 0..14)
        .prop_map(|some| some.into_iter().collect())
}

fn only(list: &[Contribution], within: &EndpointSet) -> Vec<Contribution> {
    let seen = list.iter().filter(|c| within.contains(c.ordinal));
    seen.cloned().collect()
}

/// Everything an export gives, in each of its ways.
fn exported(view: View<'_>, table: u32, show: &Show) -> Vec<BTreeMap<Cells, (u64, Vec<u32>)>> {
    let mut ways = Vec::new();
    if let Some(columns) = &show.by {
        let groups = view.groups(table, columns).unwrap();
        let order = groups.order(Some(true), show.counts);
        ways.push(rows(&groups.rows(view, &order, show.endpoints).unwrap()));
        let mut followed = view.no_groups(table, columns).unwrap();
        followed.follow(view, 0).unwrap();
        let order = followed.order(None, show.counts);
        ways.push(rows(&followed.rows(view, &order, show.endpoints).unwrap()));
    } else {
        let order = view.by_count(table, true, show).unwrap();
        ways.push(rows(&view.these(table, &order, show).unwrap().0));
        ways.push(rows(&view.piece(table, 0, usize::MAX, show).unwrap()));
    }
    let query = PageQuery {
        sort: Sort::CountAsc,
        show: show.clone(),
        limit: usize::MAX,
        ..PageQuery::default()
    };
    let page = view.page(table, &query).unwrap();
    assert_eq!(page.total_rows, page.rows.len() as u64);
    ways.push(rows(&page.rows));
    ways
}

fn show() -> impl Strategy<Value = Show> {
    let by = prop::option::of(prop::collection::vec(0_usize..3, 1..3));
    let counts = prop_oneof![
        Just(None),
        (1_u64..5).prop_map(|n| Some(Counts::between(0, n))),
        (1_u64..5).prop_map(|n| Some(Counts::not(n))),
    ];
    (by, counts, 0_usize..4).prop_map(|(by, counts, endpoints)| Show {
        by,
        counts,
        endpoints,
    })
}

proptest! {
    #[test]
    fn rows_states_problems_and_sums_are_of_those_alone(list in contributions(), within in within()) {
        let answer = filled(&list, Budget::new(64, std::env::temp_dir()));
        prop_assert_eq!(seen(answer.seen_by(Some(&within))), expected(&only(&list, &within)));
    }

    #[test]
    fn pages_exports_and_changes_are_of_those_alone(
        list in contributions(), within in within(), show in show(), part in within(),
    ) {
        let answer = filled(&list, Budget::unlimited());
        let view = answer.seen_by(Some(&within));
        let plain = filled(&only(&list, &within), Budget::unlimited());
        for table in 0..TABLES {
            prop_assert_eq!(exported(view, table, &show), exported(plain.whole(), table, &show));
            let query = PageQuery {
                within: Some(part.clone()),
                show: show.clone(),
                limit: usize::MAX,
                ..PageQuery::default()
            };
            let (ours, theirs) = (view.page(table, &query).unwrap(), plain.whole().page(table, &query).unwrap());
            prop_assert_eq!(rows(&ours.rows), rows(&theirs.rows));
        }
        let told = |view: View<'_>| -> BTreeMap<u32, BTreeSet<(Cells, u64)>> {
            let changes = view.changes(0).unwrap();
            let tables = changes.tables.iter();
            tables.map(|t| (t.table, t.rows.iter().map(|row| (cells(row), row.count)).collect())).collect()
        };
        prop_assert_eq!(told(view), told(plain.whole()));
        prop_assert_eq!(view.changes(0).unwrap().coverage, plain.whole().changes(0).unwrap().coverage);
    }

    #[test]
    fn a_row_that_only_others_gave_is_not_there(list in contributions(), within in within(), columns in prop::collection::vec(0_usize..3, 0..3)) {
        let answer = filled(&list, Budget::unlimited());
        let view = answer.seen_by(Some(&within));
        for table in 0..TABLES {
            let mut all = Vec::new();
            answer.whole().for_each_row(table, |row| all.push(row.row)).unwrap();
            for row in all {
                let who = answer.whole().endpoints(table, row).unwrap().intersect(&within);
                let there = !who.is_empty();
                prop_assert_eq!(view.row(table, row).is_ok(), there);
                prop_assert_eq!(view.endpoints(table, row).ok(), there.then(|| who.clone()));
                prop_assert_eq!(view.first_endpoints(table, row, 1).is_ok(), there);
                let like = answer.whole().endpoints_by(table, row, &columns).unwrap().intersect(&within);
                prop_assert_eq!(view.endpoints_by(table, row, &columns).ok(), there.then_some(like));
            }
        }
    }

    #[test]
    fn comparisons_are_of_those_alone(a in contributions(), b in contributions(), within in within(), columns in prop::collection::vec(0_usize..3, 1..3)) {
        let (left, right) = (filled(&a, Budget::unlimited()), filled(&b, Budget::unlimited()));
        let ours = (left.seen_by(Some(&within)), right.seen_by(Some(&within)));
        let plain = (filled(&only(&a, &within), Budget::unlimited()), filled(&only(&b, &within), Budget::unlimited()));
        let told = |(left, right): (View<'_>, View<'_>), found: &answer::Comparison, by: Option<&[usize]>| {
            let chosen = |view: View<'_>, row: u32| -> Cells {
                let whole = cells(&view.row(0, row).unwrap());
                match by {
                    Some(by) => by.iter().map(|at| whole.get(*at).cloned().unwrap_or_default()).collect(),
                    None => whole,
                }
            };
            let one = |view: View<'_>, rows: &[answer::OneSided]| -> BTreeSet<(Cells, u64)> {
                rows.iter().map(|row| (chosen(view, row.row), row.count)).collect()
            };
            let both: BTreeSet<(Cells, u64, u64)> = found.both.iter()
                .map(|row| (chosen(left, row.left), row.left_count, row.right_count)).collect();
            (one(left, &found.only_left), one(right, &found.only_right), both)
        };
        let theirs = (plain.0.whole(), plain.1.whole());
        prop_assert_eq!(
            told(ours, &compare(ours.0, ours.1, 0).unwrap(), None),
            told(theirs, &compare(theirs.0, theirs.1, 0).unwrap(), None)
        );
        prop_assert_eq!(
            told(ours, &compare_by((ours.0, &columns), (ours.1, &columns), 0).unwrap(), Some(&columns)),
            told(theirs, &compare_by((theirs.0, &columns), (theirs.1, &columns), 0).unwrap(), Some(&columns))
        );
    }
}

#[test]
fn who_sees_nobody_reads_an_empty_answer() {
    let mut answer = Answer::new(1, Budget::unlimited());
    let contribution = Contribution {
        ordinal: 1,
        state: answer::State::Answered,
        rows: vec![(0, vec![Box::from(&b"a"[..])])],
        problems: Vec::new(),
        rows_cut: 3,
    };
    answer.add(contribution).unwrap();
    let nobody = EndpointSet::new();
    let view = answer.seen_by(Some(&nobody));
    assert_eq!(view.coverage().total(), 0);
    assert_eq!(view.rows_cut(), 0);
    assert!(view.changes(0).unwrap().tables.is_empty());
    assert!(view.endpoints(0, 0).is_err());
}
