//! The laws that everything else rests on.

use crate::model::{TABLES, content, contributions, expected, filled, state};
use answer::{Answer, Budget, Coverage, EndpointSet, State};
use proptest::prelude::*;

/// A budget that is either never reached or reached by almost anything.
fn budget() -> impl Strategy<Value = Budget> {
    prop::sample::select(vec![usize::MAX, 0, 64, 2000])
        .prop_map(|memory| Budget::new(memory, std::env::temp_dir()))
}

fn merged(into: &mut Answer, other: &Answer) {
    into.merge(other).unwrap();
}

proptest! {
    #[test]
    fn adding_says_what_a_simple_program_says(list in contributions(), budget in budget()) {
        prop_assert_eq!(content(&filled(&list, budget)), expected(&list));
    }

    #[test]
    fn the_order_of_contributions_does_not_matter(
        (list, other) in contributions().prop_flat_map(|l| (Just(l.clone()), Just(l).prop_shuffle())),
        budget in budget(),
    ) {
        let left = filled(&list, budget);
        prop_assert_eq!(content(&left), content(&filled(&other, Budget::unlimited())));
    }

    #[test]
    fn a_repeated_contribution_changes_nothing(list in contributions(), budget in budget()) {
        let mut answer = filled(&list, budget);
        let (before, version) = (content(&answer), answer.version());
        for c in list {
            let added = answer.add(c).unwrap();
            prop_assert!(added.is_empty(), "{added:?}");
        }
        prop_assert_eq!(answer.version(), version);
        prop_assert_eq!(content(&answer), before);
    }

    #[test]
    fn merge_is_commutative(a in contributions(), b in contributions(), x in budget(), y in budget()) {
        let (mut ab, mut ba) = (filled(&a, x), filled(&b, y));
        let (a, b) = (filled(&a, Budget::unlimited()), filled(&b, Budget::unlimited()));
        merged(&mut ab, &b);
        merged(&mut ba, &a);
        prop_assert_eq!(content(&ab), content(&ba));
    }

    #[test]
    fn merge_is_associative(
        a in contributions(), b in contributions(), c in contributions(), x in budget(), y in budget(),
    ) {
        let mut left = filled(&a, x.clone());
        merged(&mut left, &filled(&b, y.clone()));
        merged(&mut left, &filled(&c, x.clone()));
        let mut bc = filled(&b, y);
        merged(&mut bc, &filled(&c, x));
        let mut right = filled(&a, Budget::unlimited());
        merged(&mut right, &bc);
        prop_assert_eq!(content(&left), content(&right));
    }

    #[test]
    fn merge_is_idempotent(a in contributions(), b in contributions(), x in budget()) {
        let mut answer = filled(&a, x);
        let b = filled(&b, Budget::unlimited());
        merged(&mut answer, &b);
        let (before, version) = (content(&answer), answer.version());
        merged(&mut answer, &b);
        prop_assert_eq!(answer.version(), version);
        prop_assert_eq!(content(&answer), before);
    }

    #[test]
    fn merging_is_adding(a in contributions(), b in contributions()) {
        let mut answer = filled(&a, Budget::unlimited());
        merged(&mut answer, &filled(&b, Budget::unlimited()));
        prop_assert_eq!(content(&answer), expected(&[a, b].concat()));
    }

    /// What `add` reports as new, and nothing else, rebuilds the answer.
    #[test]
    fn what_was_reported_as_new_restores_the_answer(list in contributions(), budget in budget()) {
        let mut answer = Answer::new(TABLES as usize, Budget::unlimited());
        let (mut rows, mut endpoints) = (Vec::new(), Vec::new());
        for c in list {
            let ordinal = c.ordinal;
            let added = answer.add(c).unwrap();
            rows.extend(added.new_rows);
            endpoints.push((ordinal, added.state, added.memberships, added.problems, added.rows_cut));
        }
        let mut restored = Answer::new(TABLES as usize, budget);
        for row in rows {
            restored.restore_row(row.table, row.row, row.cells).unwrap();
        }
        for (ordinal, state, memberships, problems, cut) in endpoints {
            let state = state.or(restored.coverage().state_of(ordinal)).unwrap();
            restored
                .restore_endpoint(ordinal, state, &memberships, &problems, cut.unwrap_or(0))
                .unwrap();
        }
        prop_assert_eq!(content(&restored), content(&answer));
    }

    /// A watcher that starts anywhere and takes differences ends with the same counts.
    #[test]
    fn differences_lead_to_the_whole(list in contributions(), asks in prop::collection::vec(any::<bool>(), 14)) {
        let mut answer = Answer::new(TABLES as usize, Budget::unlimited());
        let mut seen = std::collections::BTreeMap::new();
        let mut version = 0;
        for (c, ask) in list.into_iter().zip(asks.into_iter().chain([true])) {
            answer.add(c).unwrap();
            if ask {
                let changes = answer.whole().changes(version).unwrap();
                for table in changes.tables {
                    for row in table.rows {
                        let earlier = seen.insert((table.table, row.row), row.clone());
                        prop_assert!(
                            earlier.is_none_or(|e| e.count < row.count),
                            "a row came again though its count did not change"
                        );
                    }
                }
                version = changes.version;
                let again = answer.whole().changes(version).unwrap();
                prop_assert!(again.tables.is_empty());
                for table in 0..TABLES {
                    let mut rows = Vec::new();
                    answer.whole().for_each_row(table, |r| rows.push(r)).unwrap();
                    let of_table: Vec<_> =
                        seen.iter().filter(|((t, _), _)| *t == table).map(|(_, r)| r.clone()).collect();
                    prop_assert_eq!(of_table, rows);
                }
            }
        }
    }

    #[test]
    fn coverage_is_a_lattice(
        a in prop::collection::vec((0_u32..50, state()), 0..40),
        b in prop::collection::vec((0_u32..50, state()), 0..40),
        c in prop::collection::vec((0_u32..50, state()), 0..40),
    ) {
        let made = |list: &[(u32, State)]| {
            let mut coverage = Coverage::new();
            for (ordinal, state) in list {
                coverage.raise(*ordinal, *state);
            }
            coverage
        };
        let joined = |x: &Coverage, y: &Coverage| {
            let mut joined = x.clone();
            let changed = joined.merge(y);
            assert_eq!(changed, joined != *x);
            joined
        };
        let (x, y, z) = (made(&a), made(&b), made(&c));
        prop_assert_eq!(joined(&x, &y), joined(&y, &x));
        prop_assert_eq!(joined(&joined(&x, &y), &z), joined(&x, &joined(&y, &z)));
        prop_assert_eq!(joined(&x, &x), x.clone());
        let all = joined(&x, &y);
        prop_assert_eq!(all.clone(), made(&[a, b].concat()));
        prop_assert_eq!(all.counts().values().sum::<u64>(), all.all().len());
        prop_assert_eq!(all.total(), all.all().len());
        for ordinal in all.all().iter() {
            let holders = State::ALL.iter().filter(|s| all.endpoints(**s).contains(ordinal));
            prop_assert_eq!(holders.count(), 1);
        }
    }

    #[test]
    fn sets_survive_their_bytes(list in prop::collection::vec(any::<u32>(), 0..200)) {
        let set: EndpointSet = list.into_iter().collect();
        prop_assert_eq!(EndpointSet::from_bytes(&set.to_bytes()).unwrap(), set);
    }

    #[test]
    fn foreign_bytes_make_no_panic(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        let outcome = EndpointSet::from_bytes(&bytes);
        prop_assert!(outcome.is_err() || bytes.len() >= 8);
    }
}

#[test]
fn expecting_touches_only_those_without_a_last_word() {
    let mut answer = Answer::new(1, Budget::unlimited());
    let all: EndpointSet = (0..4).collect();
    assert!(answer.expect(&all, State::Offline));
    answer
        .add(answer::Contribution {
            ordinal: 2,
            state: State::Empty,
            rows: vec![],
            problems: vec![],
            rows_cut: 0,
        })
        .unwrap();
    // Endpoint 1 came back; 2 has answered and keeps its state.
    assert!(answer.expect(&[1, 2].into_iter().collect(), State::Pending));
    assert!(!answer.expect(&[1, 2].into_iter().collect(), State::Pending));
    let state = |o| answer.coverage().state_of(o);
    assert_eq!(state(0), Some(State::Offline));
    assert_eq!(state(1), Some(State::Pending));
    assert_eq!(state(2), Some(State::Empty));
    assert_eq!(answer.coverage().total(), 4);
    assert!(!answer.coverage().is_complete());
}

#[test]
fn states_are_in_order_of_rank() {
    assert!(State::ALL.is_sorted());
    assert!("Answered".parse::<State>().is_err());
}
