//! What became of an endpoint that was asked: the states, with everything that is said of each in one table.
//!
//! The table is in order of rank, lowest first, and a merge keeps the greater. A state has a code for stores and the wire that never
//! changes its meaning, a name for APIs and a word for people; a new one gets the next free code, wherever in the table it stands.
//! Nothing else in the program lists the states.

use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// How much of a last word a state is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Weight {
    /// The server says so while it waits; it may turn into another of these.
    Open,
    /// The server says so and waits no longer.
    Barred,
    /// The endpoint's work did not begin or was stopped; what it answers all the same counts.
    Provisional,
    /// The endpoint has answered; nothing more of it is taken.
    Settled,
}

macro_rules! states {
    ($($(#[$doc:meta])* $state:ident, $code:literal, $name:literal, $words:literal, $weight:ident;)*) => {
        /// State of an endpoint in an answer. The order is the rank: a merge keeps the greater.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        pub enum State {
            $($(#[$doc])* #[serde(rename = $name)] $state,)*
        }

        impl State {
            /// Every state, lowest rank first.
            pub const ALL: &[Self] = &[$(Self::$state),*];

            /// Number for stores and the wire; never changes its meaning.
            #[must_use]
            pub const fn code(self) -> u8 {
                match self { $(Self::$state => $code),* }
            }

            /// The state of this number.
            #[must_use]
            pub const fn from_code(code: u8) -> Option<Self> {
                match code { $($code => Some(Self::$state),)* _ => None }
            }

            /// Name in APIs: `not_concerned`.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $(Self::$state => $name),* }
            }

            /// Words for people: `not concerned`.
            #[must_use]
            pub const fn words(self) -> &'static str {
                match self { $(Self::$state => $words),* }
            }

            const fn weight(self) -> Weight {
                match self { $(Self::$state => Weight::$weight),* }
            }
        }
    };
}

states! {
    /// Asked, connected, nothing came yet.
    Pending, 0, "pending", "pending", Open;
    /// Connected, but it did not say that the order arrived.
    NotReached, 14, "not_reached", "not reached", Open;
    /// Not connected; it joins when it comes back in time.
    Offline, 1, "offline", "offline", Open;
    /// Its identity was revoked before it answered; it cannot come back.
    Revoked, 17, "revoked", "revoked", Barred;
    /// The question was cancelled before it answered.
    Cancelled, 2, "cancelled", "cancelled", Provisional;
    /// The agent refused the order.
    Refused, 16, "refused", "refused", Provisional;
    /// Its disk has no room for the order or for the answer; with room it answers when it comes back in time.
    DiskFull, 18, "disk_full", "disk full", Provisional;
    /// The system refused access to something that a sensor wanted to look at; there may be rows all the same.
    Denied, 3, "denied", "denied", Settled;
    /// No such sensor on its platform or agent version.
    Unsupported, 4, "unsupported", "unsupported", Settled;
    /// Working on it ended the agent, more than once.
    EndedAgent, 15, "ended_agent", "ended the agent", Settled;
    /// A sensor failed.
    Error, 5, "error", "error", Settled;
    /// Byte limit reached.
    ByteLimit, 6, "byte_limit", "byte limit", Settled;
    /// Row limit reached.
    RowLimit, 7, "row_limit", "row limit", Settled;
    /// Memory limit reached.
    MemoryLimit, 8, "memory_limit", "memory limit", Settled;
    /// Processor time limit reached.
    CpuLimit, 9, "cpu_limit", "processor limit", Settled;
    /// Wall time limit reached.
    TimedOut, 10, "timed_out", "timed out", Settled;
    /// The filter does not hold there.
    NotConcerned, 11, "not_concerned", "not concerned", Settled;
    /// It answered without a row.
    Empty, 12, "empty", "empty", Settled;
    /// It answered with rows.
    Answered, 13, "answered", "answered", Settled;
}

impl State {
    /// How many states there are.
    pub const COUNT: usize = Self::ALL.len();

    /// Place in [`Self::ALL`].
    pub(crate) const fn rank(self) -> usize {
        self as usize
    }

    /// Whether the endpoint has given its answer, so that nothing more of it is taken.
    #[must_use]
    pub const fn is_settled(self) -> bool {
        matches!(self.weight(), Weight::Settled)
    }

    /// Whether the server still waits and says so: pending, not reached, offline.
    #[must_use]
    pub const fn is_open(self) -> bool {
        matches!(self.weight(), Weight::Open)
    }

    /// Whether an endpoint may say this of itself; whether it is there and may be is the server's to say.
    #[must_use]
    pub const fn is_claimable(self) -> bool {
        matches!(self.weight(), Weight::Provisional | Weight::Settled)
    }

    /// Whether a limit ended the work, so that other limits could have ended it otherwise.
    #[must_use]
    pub const fn is_limit(self) -> bool {
        matches!(
            self,
            Self::ByteLimit | Self::RowLimit | Self::MemoryLimit | Self::CpuLimit | Self::TimedOut
        )
    }

    /// States that an endpoint has when nothing came of it.
    pub fn unanswered() -> impl Iterator<Item = Self> {
        Self::ALL.iter().copied().filter(|s| !s.is_claimable())
    }

    /// States in which the server still waits.
    pub fn open() -> impl Iterator<Item = Self> {
        Self::ALL.iter().copied().filter(|state| state.is_open())
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
            .iter()
            .copied()
            .find(|s| s.name() == text)
            .ok_or_else(|| UnknownState(text.chars().take(40).collect()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn every_state_reads_back_from_code_name_and_json() {
        for (rank, state) in State::ALL.iter().copied().enumerate() {
            assert_eq!(state.rank(), rank);
            assert_eq!(State::from_code(state.code()), Some(state));
            assert_eq!(state.name().parse(), Ok(state));
        }
        let names: BTreeSet<_> = State::ALL.iter().map(|s| s.name()).collect();
        let words: BTreeSet<_> = State::ALL.iter().map(|s| s.words()).collect();
        assert_eq!((names.len(), words.len()), (State::COUNT, State::COUNT));
    }

    /// Codes stand in stores: this list only grows.
    #[test]
    fn codes_are_what_they_always_were() {
        let codes = [
            "pending",
            "offline",
            "cancelled",
            "denied",
            "unsupported",
            "error",
            "byte_limit",
            "row_limit",
            "memory_limit",
            "cpu_limit",
            "timed_out",
            "not_concerned",
            "empty",
            "answered",
            "not_reached",
            "ended_agent",
            "refused",
            "revoked",
            "disk_full",
        ];
        assert_eq!(codes.len(), State::COUNT);
        for (code, name) in (0..).zip(codes) {
            assert_eq!(State::from_code(code).map(State::name), Some(name));
        }
    }
}
