//! What became of every endpoint that was asked: one state for each, with a rank.
//!
//! Putting two coverages together takes the greater rank endpoint by endpoint, which makes it a join in a lattice: the order in which
//! news arrive, and how often, does not matter.

use crate::{EndpointSet, Ordinal};
use roaring::RoaringBitmap;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

/// State of an endpoint in an answer. The order is the rank: a merge keeps the greater.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[repr(u8)]
pub enum State {
    /// Asked, connected, nothing came yet.
    Pending = 0,
    /// Not connected; it joins when it comes back in time.
    Offline = 1,
    /// The question was cancelled before it answered.
    Cancelled = 2,
    /// The system refused access, or the agent refused the order.
    Denied = 3,
    /// No such sensor on its platform or agent version.
    Unsupported = 4,
    /// A sensor failed.
    Error = 5,
    /// Byte limit reached.
    ByteLimit = 6,
    /// Row limit reached.
    RowLimit = 7,
    /// Memory limit reached.
    MemoryLimit = 8,
    /// Processor time limit reached.
    CpuLimit = 9,
    /// Wall time limit reached.
    TimedOut = 10,
    /// The filter does not hold there.
    NotConcerned = 11,
    /// It answered without a row.
    Empty = 12,
    /// It answered with rows.
    Answered = 13,
}

impl State {
    /// Every state, lowest rank first.
    pub const ALL: [Self; 14] = [
        Self::Pending,
        Self::Offline,
        Self::Cancelled,
        Self::Denied,
        Self::Unsupported,
        Self::Error,
        Self::ByteLimit,
        Self::RowLimit,
        Self::MemoryLimit,
        Self::CpuLimit,
        Self::TimedOut,
        Self::NotConcerned,
        Self::Empty,
        Self::Answered,
    ];

    /// Whether the endpoint has said its last word: everything but pending and offline.
    #[must_use]
    pub fn is_final(self) -> bool {
        self > Self::Offline
    }
    /// Number to keep in a store; never changes its meaning.
    #[must_use]
    pub fn code(self) -> u8 {
        self as u8
    }
    /// The state of a stored number.
    #[must_use]
    pub fn from_code(code: u8) -> Option<Self> {
        Self::ALL.get(usize::from(code)).copied()
    }
    /// Name in APIs: `not_concerned`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Offline => "offline",
            Self::Cancelled => "cancelled",
            Self::Denied => "denied",
            Self::Unsupported => "unsupported",
            Self::Error => "error",
            Self::ByteLimit => "byte_limit",
            Self::RowLimit => "row_limit",
            Self::MemoryLimit => "memory_limit",
            Self::CpuLimit => "cpu_limit",
            Self::TimedOut => "timed_out",
            Self::NotConcerned => "not_concerned",
            Self::Empty => "empty",
            Self::Answered => "answered",
        }
    }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// A text that names no state.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no state of an endpoint; one is `answered`, another `not_concerned`")]
pub struct UnknownState(String);

impl FromStr for State {
    type Err = UnknownState;
    fn from_str(text: &str) -> Result<Self, UnknownState> {
        Self::ALL
            .into_iter()
            .find(|s| s.name() == text)
            .ok_or_else(|| UnknownState(text.chars().take(40).collect()))
    }
}

/// The state of every endpoint asked.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Coverage {
    /// By rank; no ordinal is in two of them.
    by_state: [RoaringBitmap; 14],
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
    /// Whether no endpoint is pending or offline.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.set(State::Pending).is_empty() && self.set(State::Offline).is_empty()
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
        for state in State::ALL.into_iter().rev() {
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
    /// Sets `state` for those endpoints that have no final state. Unlike everything else here it may go down a rank, from
    /// offline to pending: whether an endpoint is connected is a fact of the moment.
    pub(crate) fn expect(&mut self, endpoints: &EndpointSet, state: State) -> bool {
        let mut open = endpoints.0.clone();
        for held in State::ALL.into_iter().filter(|s| s.is_final()) {
            open -= self.set(held);
        }
        if open.is_subset(self.set(state)) {
            return false;
        }
        for other in [State::Pending, State::Offline] {
            *self.set_mut(other) -= &open;
        }
        *self.set_mut(state) |= &open;
        true
    }

    fn iter(&self) -> impl DoubleEndedIterator<Item = (State, &RoaringBitmap)> {
        State::ALL.into_iter().zip(&self.by_state)
    }
    fn set(&self, state: State) -> &RoaringBitmap {
        &self.by_state[usize::from(state.code())]
    }
    fn set_mut(&mut self, state: State) -> &mut RoaringBitmap {
        &mut self.by_state[usize::from(state.code())]
    }
}
