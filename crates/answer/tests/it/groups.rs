//! Counting by columns, bounds on counts, and which endpoints: against a simple program that holds everything.

use crate::model::{TABLES, contributions, filled};
use answer::{
    Answer, Budget, Contribution, Counts, EndpointSet, PageQuery, PageRow, Show, Sort, State,
    compare_by,
};
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet};

type Cells = Vec<Vec<u8>>;
type Model = BTreeMap<Cells, BTreeSet<u32>>;

/// What a simple program makes of it: the union of endpoints for each combination of cells.
fn model(list: &[Contribution], table: u32, by: Option<&[usize]>) -> Model {
    let mut groups = Model::new();
    for c in list {
        for (_, cells) in c.rows.iter().filter(|(t, _)| *t == table) {
            let chosen = match by {
                Some(columns) => columns
                    .iter()
                    .map(|at| cells.get(*at).map(|c| c.to_vec()).unwrap_or_default())
                    .collect(),
                None => cells.iter().map(|c| c.to_vec()).collect(),
            };
            groups.entry(chosen).or_default().insert(c.ordinal);
        }
    }
    groups
}

fn content(rows: &[PageRow]) -> Model {
    let mut found = Model::new();
    for row in rows {
        assert_eq!(row.endpoints.len() as u64, row.count);
        assert!(row.endpoints.is_sorted());
        let cells = row.cells.iter().map(|c| c.to_vec()).collect();
        let set = row.endpoints.iter().copied().collect();
        assert!(found.insert(cells, set).is_none(), "a row stands twice");
    }
    found
}

fn bounds() -> impl Strategy<Value = Option<Counts>> {
    prop_oneof![
        Just(None),
        (1_u64..6).prop_map(|n| Some(Counts::between(0, n - 1))),
        (1_u64..6).prop_map(|n| Some(Counts::between(n, u64::MAX))),
        (1_u64..6, 0_u64..3).prop_map(|(n, more)| Some(Counts::between(n, n + more))),
        (1_u64..6).prop_map(|n| Some(Counts::not(n))),
    ]
}

fn by() -> impl Strategy<Value = Option<Vec<usize>>> {
    prop::option::of(prop::collection::vec(0_usize..3, 0..3))
}

fn show(by: Option<Vec<usize>>, counts: Option<Counts>) -> Show {
    Show {
        by,
        counts,
        endpoints: usize::MAX,
    }
}

/// All rows of an export: whole ones piece by piece, groups at once.
fn exported(answer: &Answer, table: u32, show: &Show, order: Option<bool>) -> Vec<PageRow> {
    exported_of(answer, table, show, order, None)
}

/// As [`exported`], of these endpoints alone.
fn exported_of(
    answer: &Answer,
    table: u32,
    show: &Show,
    order: Option<bool>,
    within: Option<&EndpointSet>,
) -> Vec<PageRow> {
    let mut rows = Vec::new();
    if let Some(columns) = &show.by {
        let groups = answer.groups(table, columns, within).unwrap();
        for some in groups.order(order, show.counts).chunks(3) {
            rows.extend(groups.rows(answer, some, show.endpoints).unwrap());
        }
        return rows;
    }
    if let Some(rare) = order {
        let ids = answer.by_count(table, rare, show, within).unwrap();
        let mut at = 0;
        while at < ids.len() {
            let end = ids.len().min(at + 3);
            let (some, seen) = answer.these(table, &ids[at..end], show, within).unwrap();
            rows.extend(some);
            at += seen;
        }
        return rows;
    }
    let mut from = 0;
    loop {
        let piece = answer.piece(table, from, 3, show, within).unwrap();
        let Some(last) = piece.last() else {
            return rows;
        };
        from = last.row + 1;
        rows.extend(piece);
    }
}

proptest! {
    /// By columns is the union of endpoints, a bound comes after it, and both leave what a simple program leaves.
    #[test]
    fn counting_by_columns_is_a_union_and_bounds_come_after(
        list in contributions(), by in by(), counts in bounds(), memory in prop::sample::select(vec![usize::MAX, 0, 64]),
        order in prop::sample::select(vec![None, Some(true), Some(false)]),
    ) {
        let answer = filled(&list, Budget::new(memory, std::env::temp_dir()));
        for table in 0..TABLES {
            let mut wanted = model(&list, table, by.as_deref());
            wanted.retain(|_, set| counts.is_none_or(|counts| counts.holds(set.len() as u64)));
            let query = PageQuery { show: show(by.clone(), counts), limit: 10_000, ..PageQuery::default() };
            let page = answer.page(table, &query).unwrap();
            prop_assert_eq!(page.total_rows, wanted.len() as u64);
            prop_assert_eq!(content(&page.rows), wanted.clone());
            let rows = exported(&answer, table, &query.show, order);
            prop_assert_eq!(content(&rows), wanted);
        }
    }

    /// Each order is kept: by count and then by number, whatever is left out.
    #[test]
    fn the_order_is_that_of_counts_and_then_of_numbers(
        list in contributions(), by in by(), counts in bounds(), rare in any::<bool>(), cut in 0_usize..5,
    ) {
        let answer = filled(&list, Budget::unlimited());
        let sort = if rare { Sort::CountAsc } else { Sort::CountDesc };
        let query = PageQuery { show: show(by, counts), sort, limit: 10_000, ..PageQuery::default() };
        let place = |row: &PageRow| (if rare { row.count } else { u64::MAX - row.count }, row.row);
        let page = answer.page(0, &query).unwrap();
        prop_assert!(page.rows.is_sorted_by_key(place));
        prop_assert_eq!(&exported(&answer, 0, &query.show, Some(rare)), &page.rows);
        // A page is a part of the whole.
        let part = PageQuery { offset: cut as u64, limit: 2, ..query.clone() };
        let part = answer.page(0, &part).unwrap();
        prop_assert_eq!(part.total_rows, page.total_rows);
        let rest: Vec<_> = page.rows.iter().skip(cut).take(2).cloned().collect();
        prop_assert_eq!(part.rows, rest);
        // And without an order by count, the numbers rise.
        prop_assert!(exported(&answer, 0, &query.show, None).is_sorted_by_key(|row| row.row));
    }

    /// What is read of those that had answered at some moment is what was there at that moment, however many answer meanwhile.
    #[test]
    fn an_export_is_of_the_moment_at_which_it_began(
        list in contributions(), at in 0_usize..14, by in by(), counts in bounds(), order in prop::option::of(any::<bool>()),
    ) {
        let mut answer = Answer::new(TABLES as usize, Budget::unlimited());
        let mut seen = BTreeSet::new();
        // Of each endpoint one answer counts, as on a server.
        let once: Vec<_> = list.into_iter().filter(|c| seen.insert(c.ordinal)).collect();
        let show = show(by, counts);
        let begin = at.min(once.len());
        let mut late = once;
        let early = late.drain(..begin).collect::<Vec<_>>();
        let within: EndpointSet = early.iter().map(|c| c.ordinal).collect();
        for contribution in early {
            answer.add(contribution).unwrap();
        }
        let then: Vec<_> = (0..TABLES).map(|table| exported(&answer, table, &show, order)).collect();
        for contribution in late {
            answer.add(contribution).unwrap();
        }
        for (table, then) in (0..TABLES).zip(then) {
            prop_assert_eq!(exported_of(&answer, table, &show, order, Some(&within)), then);
        }
    }

    /// Who follows groups has at each moment what grouping anew gives, and is told of exactly those that changed.
    #[test]
    fn following_groups_is_grouping_anew(
        list in contributions(), columns in prop::collection::vec(0_usize..3, 0..3), asks in prop::collection::vec(any::<bool>(), 14),
    ) {
        let mut answer = Answer::new(TABLES as usize, Budget::unlimited());
        let mut groups = answer.no_groups(0, &columns).unwrap();
        let mut seen: BTreeMap<u32, PageRow> = BTreeMap::new();
        let mut version = 0;
        for (c, ask) in list.into_iter().zip(asks.into_iter().chain([true])) {
            answer.add(c).unwrap();
            if !ask {
                continue;
            }
            let changed = groups.follow(&answer, version).unwrap();
            version = answer.version();
            for row in groups.rows(&answer, &changed, usize::MAX).unwrap() {
                let earlier = seen.insert(row.row, row.clone());
                prop_assert!(earlier.is_none_or(|e| e.count < row.count), "it came again though its count did not change");
            }
            let anew = answer.groups(0, &columns, None).unwrap();
            let all = anew.rows(&answer, &anew.order(None, None), usize::MAX).unwrap();
            prop_assert_eq!(&seen.values().cloned().collect::<Vec<_>>(), &all);
            prop_assert!(groups.follow(&answer, version).unwrap().is_empty());
        }
    }

    /// Who gave a group is who gave one of its rows, asked by any of them.
    #[test]
    fn the_endpoints_of_a_group_are_those_of_its_rows(list in contributions(), columns in prop::collection::vec(0_usize..3, 0..3)) {
        let answer = filled(&list, Budget::new(0, std::env::temp_dir()));
        let wanted = model(&list, 0, Some(&columns));
        let mut rows = Vec::new();
        answer.for_each_row(0, |row| rows.push(row)).unwrap();
        for row in rows {
            let cells: Cells = columns
                .iter()
                .map(|at| row.cells.get(*at).map(|c| c.to_vec()).unwrap_or_default())
                .collect();
            let found: BTreeSet<u32> = answer.endpoints_by(0, row.row, &columns).unwrap().iter().collect();
            prop_assert_eq!(Some(&found), wanted.get(&cells));
        }
    }

    /// Comparing by columns is set arithmetic on groups.
    #[test]
    fn comparing_by_columns_is_set_arithmetic(
        a in contributions(), b in contributions(), columns in prop::collection::vec(0_usize..3, 0..3),
    ) {
        let (left, right) = (filled(&a, Budget::unlimited()), filled(&b, Budget::new(0, std::env::temp_dir())));
        let found = compare_by((&left, &columns), (&right, &columns), 0).unwrap();
        let (ours, theirs) = (model(&a, 0, Some(&columns)), model(&b, 0, Some(&columns)));
        let cells = |of: &Answer, row: u32| -> Cells {
            let row = of.row(0, row).unwrap();
            columns.iter().map(|at| row.cells.get(*at).map(|c| c.to_vec()).unwrap_or_default()).collect()
        };
        let count = |of: &Model, cells: &Cells| of.get(cells).map_or(0, |set| set.len() as u64);
        prop_assert_eq!(found.only_left.len() + found.both.len(), ours.len());
        prop_assert_eq!(found.only_right.len() + found.both.len(), theirs.len());
        for row in &found.only_left {
            let cells = cells(&left, row.row);
            prop_assert_eq!((row.count, 0), (count(&ours, &cells), count(&theirs, &cells)));
        }
        for row in &found.only_right {
            let cells = cells(&right, row.row);
            prop_assert_eq!((0, row.count), (count(&ours, &cells), count(&theirs, &cells)));
        }
        for row in &found.both {
            let cells = cells(&left, row.left);
            prop_assert_eq!((row.left_count, row.right_count), (count(&ours, &cells), count(&theirs, &cells)));
        }
    }
}

fn one(ordinal: u32, rows: &[[&str; 2]]) -> Contribution {
    Contribution {
        ordinal,
        state: State::Answered,
        rows: rows
            .iter()
            .map(|cells| (0, cells.iter().map(|c| c.as_bytes().into()).collect()))
            .collect(),
        problems: vec![],
        rows_cut: 0,
    }
}

/// The port that three machines listen on stands in four rows, and is on three machines.
#[test]
fn an_endpoint_of_several_rows_counts_once() {
    let list = [
        one(1, &[["22", "a"], ["22", "b"]]),
        one(2, &[["22", "a"], ["443", "x"]]),
        one(3, &[["22", "c"]]),
    ];
    let mut answer = Answer::new(1, Budget::unlimited());
    for c in list {
        answer.add(c).unwrap();
    }
    let ask = |within: Option<EndpointSet>, contains: Option<&str>, counts| {
        let query = PageQuery {
            within,
            contains: contains.map(str::to_owned),
            show: show(Some(vec![0]), counts),
            limit: 10,
            ..PageQuery::default()
        };
        let page = answer.page(0, &query).unwrap();
        let rows = page.rows.into_iter();
        rows.map(|row| {
            let text = String::from_utf8(row.cells[0].to_vec()).unwrap();
            assert_eq!(row.cells.len(), 1);
            (text, row.endpoints)
        })
        .collect::<Vec<_>>()
    };
    let all = [
        ("22".to_owned(), vec![1, 2, 3]),
        ("443".to_owned(), vec![2]),
    ];
    assert_eq!(ask(None, None, None), all);
    assert_eq!(ask(None, None, Some(Counts::between(0, 2))), all[1..]);
    // A bound holds for what is counted: among these endpoints alone.
    let some: EndpointSet = [1, 2].into_iter().collect();
    let pair = [("22".to_owned(), vec![1, 2]), ("443".to_owned(), vec![2])];
    assert_eq!(
        ask(Some(some.clone()), None, Some(Counts::between(0, 2))),
        pair
    );
    assert_eq!(
        ask(Some(some), None, Some(Counts::between(0, 1))),
        pair[1..]
    );
    // What is looked for is looked for in what is shown.
    assert_eq!(ask(None, Some("44"), None), all[1..]);
    assert_eq!(ask(None, Some("a"), None), []);
}

/// A piece of an export that names endpoints stays small: few rows when each names many.
#[test]
fn pieces_that_name_endpoints_end_early() {
    let mut answer = Answer::new(1, Budget::unlimited());
    let rows: Vec<_> = (0..30).map(|n| format!("{n}")).collect();
    let rows: Vec<[&str; 2]> = rows.iter().map(|n| [n.as_str(), "x"]).collect();
    for ordinal in 0..3_000 {
        answer.add(one(ordinal, &rows)).unwrap();
    }
    let all = Show {
        endpoints: usize::MAX,
        ..Show::default()
    };
    let piece = answer.piece(0, 0, 500, &all, None).unwrap();
    assert_eq!(piece.len(), 7, "20,000 names and no more than a row over");
    let whole = answer.piece(0, 0, 500, &Show::default(), None).unwrap();
    assert_eq!(whole.len(), 30);
    let ids: Vec<u32> = (0..30).collect();
    let (these, seen) = answer.these(0, &ids, &all, None).unwrap();
    assert_eq!((these.len(), seen), (7, 7));
    let few = Show {
        endpoints: 2,
        ..Show::default()
    };
    let (these, seen) = answer.these(0, &ids, &few, None).unwrap();
    assert_eq!((these.len(), seen), (30, 30));
    assert!(
        these
            .iter()
            .all(|row| row.endpoints == [0, 1] && row.count == 3_000)
    );
}
