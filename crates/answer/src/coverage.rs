//! What became of every endpoint that was asked: one state for each, with a rank.
//!
//! Putting two coverages together takes the greater rank endpoint by endpoint, which makes it a join in a lattice: the order in which
//! news arrive, and how often, does not matter.

use crate::{EndpointSet, Ordinal, State};
use roaring::RoaringBitmap;
use std::collections::BTreeMap;

/// The state of every endpoint asked.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Coverage {
    /// By rank; no ordinal is in two of them.
    by_state: [RoaringBitmap; State::COUNT],
}

impl Coverage {
    /// Nobody asked.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }
    /// Endpoints by state; states without endpoints are left out.
    #[must_use]
    pub fn counts(&self) -> BTreeMap<State, u64> {
        self.iter()
            .filter(|(_, set)| !set.is_empty())
            .map(|(state, set)| (state, set.len()))
            .collect()
    }
    /// Endpoints asked.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.by_state.iter().map(RoaringBitmap::len).sum()
    }
    /// State of this endpoint; `None` when it was not asked.
    #[must_use]
    pub fn state_of(&self, ordinal: Ordinal) -> Option<State> {
        self.iter()
            .rev()
            .find(|(_, set)| set.contains(ordinal))
            .map(|(state, _)| state)
    }
    /// The endpoints in this state.
    #[must_use]
    pub fn endpoints(&self, state: State) -> EndpointSet {
        EndpointSet(self.set(state).clone())
    }
    /// Every endpoint asked.
    #[must_use]
    pub fn all(&self) -> EndpointSet {
        let mut all = RoaringBitmap::new();
        for set in &self.by_state {
            all |= set;
        }
        EndpointSet(all)
    }
    /// Whether nobody is waited for any more.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        State::open().all(|state| self.set(state).is_empty())
    }
    /// The endpoints that are waited for.
    #[must_use]
    pub fn waited_for(&self) -> EndpointSet {
        let open = State::open().map(|state| self.set(state));
        EndpointSet(open.fold(RoaringBitmap::new(), |all, set| all | set))
    }
    /// The states of these endpoints alone.
    #[must_use]
    pub fn within(&self, endpoints: &EndpointSet) -> Self {
        let mut part = Self::new();
        for (state, set) in self.iter() {
            *part.set_mut(state) = set & &endpoints.0;
        }
        part
    }

    /// Raises an endpoint to this state; false when it has this state or a greater one.
    pub fn raise(&mut self, ordinal: Ordinal, state: State) -> bool {
        match self.state_of(ordinal) {
            Some(held) if held >= state => return false,
            Some(held) => {
                self.set_mut(held).remove(ordinal);
            }
            None => {}
        }
        self.set_mut(state).insert(ordinal)
    }
    /// Takes the greater state, endpoint by endpoint; true when anything changed.
    pub fn merge(&mut self, other: &Self) -> bool {
        let mut changed = false;
        let mut decided = RoaringBitmap::new();
        for state in State::ALL.iter().copied().rev() {
            let mut joined = self.set(state) | other.set(state);
            joined -= &decided;
            decided |= &joined;
            if joined != *self.set(state) {
                *self.set_mut(state) = joined;
                changed = true;
            }
        }
        changed
    }
    /// Sets `state`, one of those that the server says of an endpoint, for those endpoints that have none but open ones. Unlike
    /// everything else here it may go down a rank, from offline to pending: whether an endpoint is connected is a fact of the moment.
    pub(crate) fn expect(&mut self, endpoints: &EndpointSet, state: State) -> bool {
        let mut open = endpoints.0.clone();
        for held in State::ALL.iter().copied().filter(|s| !s.is_open()) {
            open -= self.set(held);
        }
        if open.is_subset(self.set(state)) {
            return false;
        }
        for other in State::open() {
            *self.set_mut(other) -= &open;
        }
        *self.set_mut(state) |= &open;
        true
    }

    fn iter(&self) -> impl DoubleEndedIterator<Item = (State, &RoaringBitmap)> {
        State::ALL.iter().copied().zip(&self.by_state)
    }
    #[expect(clippy::indexing_slicing, reason = "there is a set for each code")]
    fn set(&self, state: State) -> &RoaringBitmap {
        &self.by_state[state.rank()]
    }
    #[expect(clippy::indexing_slicing, reason = "there is a set for each code")]
    fn set_mut(&mut self, state: State) -> &mut RoaringBitmap {
        &mut self.by_state[state.rank()]
    }
}
