//! What an answer says, in a form that two answers can be compared by, and contributions drawn at random.

use answer::{Answer, Budget, Contribution, Problem, State, View};
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet};

pub const TABLES: u32 = 2;

/// Row numbers depend on the order of arrival; what they stand for must not.
#[derive(Debug, PartialEq, Default)]
pub struct Content {
    pub rows: BTreeMap<(u32, Vec<Vec<u8>>), BTreeSet<u32>>,
    pub states: BTreeMap<u32, State>,
    pub problems: BTreeMap<Problem, BTreeSet<u32>>,
    pub rows_cut: u64,
}

pub fn content(answer: &Answer) -> Content {
    seen(answer.whole())
}

pub fn seen(view: View<'_>) -> Content {
    let mut content = Content {
        rows_cut: view.rows_cut(),
        ..Content::default()
    };
    for table in 0..TABLES {
        let mut rows = Vec::new();
        view.for_each_row(table, |row| rows.push(row)).unwrap();
        for row in rows {
            let set: BTreeSet<u32> = view.endpoints(table, row.row).unwrap().iter().collect();
            assert_eq!(set.len() as u64, row.count);
            let cells = row.cells.iter().map(|c| c.to_vec()).collect();
            assert!(
                content.rows.insert((table, cells), set).is_none(),
                "a row stands twice"
            );
        }
    }
    let coverage = view.coverage();
    for ordinal in coverage.all().iter() {
        content
            .states
            .insert(ordinal, coverage.state_of(ordinal).unwrap());
    }
    for (sensor, state, message, set) in view.problems() {
        content
            .problems
            .insert((sensor, state, message), set.iter().collect());
    }
    content
}

/// What a simple program makes of the same contributions.
pub fn expected(contributions: &[Contribution]) -> Content {
    let mut content = Content::default();
    let mut cut: BTreeMap<u32, u64> = BTreeMap::new();
    for c in contributions {
        for (table, cells) in &c.rows {
            let cells = cells.iter().map(|c| c.to_vec()).collect();
            let set = content.rows.entry((*table, cells)).or_default();
            set.insert(c.ordinal);
        }
        let state = content.states.entry(c.ordinal).or_insert(c.state);
        *state = (*state).max(c.state);
        for problem in &c.problems {
            let set = content.problems.entry(problem.clone()).or_default();
            set.insert(c.ordinal);
        }
        let held = cut.entry(c.ordinal).or_default();
        *held = (*held).max(c.rows_cut);
    }
    content.rows_cut = cut.values().sum();
    content
}

pub fn filled(contributions: &[Contribution], budget: Budget) -> Answer {
    let mut answer = Answer::new(TABLES as usize, budget);
    for c in contributions {
        answer.add(c.clone()).unwrap();
    }
    answer
}

pub fn state() -> impl Strategy<Value = State> {
    prop::sample::select(State::ALL.to_vec())
}

/// Few distinct cells, so that rows collide; cells that would collide if cells were simply put one after the other.
pub fn row() -> impl Strategy<Value = (u32, Vec<Box<[u8]>>)> {
    let cell = prop_oneof![
        4 => prop::sample::select(vec!["", "a", "ab", "b", "|", "\u{202e}"])
            .prop_map(|t| Box::from(t.as_bytes())),
        1 => prop::collection::vec(any::<u8>(), 0..40).prop_map(Into::into),
    ];
    (0..TABLES, prop::collection::vec(cell, 0..3))
}

pub fn contribution() -> impl Strategy<Value = Contribution> {
    let problem = (
        prop::sample::select(vec!["Running Processes", "Uptime"]),
        state(),
        prop::sample::select(vec!["no", "late"]),
    )
        .prop_map(|(s, state, m)| (s.to_owned(), state, m.to_owned()));
    (
        prop_oneof![0_u32..6, 65_530_u32..65_545],
        state(),
        prop::collection::vec(row(), 0..8),
        prop::collection::vec(problem, 0..2),
        0_u64..5,
    )
        .prop_map(|(ordinal, state, rows, problems, rows_cut)| Contribution {
            ordinal,
            state,
            rows,
            problems,
            rows_cut,
        })
}

pub fn contributions() -> impl Strategy<Value = Vec<Contribution>> {
    prop::collection::vec(contribution(), 0..14)
}
