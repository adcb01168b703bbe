//! Lanes: orders of one kind wait for each other, those of different kinds do not.
//!
//! What stops or changes work is in a lane of its own that is never full, so that an endpoint with all the work it can take still hears
//! that it may stop. In every other lane a server sends only as many orders as the endpoint gives it credit for, and the next when one
//! of them is done.

use crate::message::payload::Payload;

/// Kind of an order, as far as waiting for each other goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Lane {
    /// Stops other orders; never waits.
    Control,
    /// Asks something.
    Questions,
}

impl Lane {
    /// Every lane, the one that never waits first.
    pub const ALL: [Self; 2] = [Self::Control, Self::Questions];

    /// The lane of an order with this payload.
    #[must_use]
    pub const fn of(payload: &Payload) -> Self {
        match payload {
            Payload::Cancel(_) => Self::Control,
            Payload::Question(_) => Self::Questions,
        }
    }

    /// Orders that may be with an endpoint and not done, where it did not say otherwise; `None` means any number.
    #[must_use]
    pub const fn credit(self) -> Option<usize> {
        match self {
            Self::Control => None,
            Self::Questions => Some(64),
        }
    }

    /// Place in [`Self::ALL`].
    #[must_use]
    pub const fn index(self) -> usize {
        self as usize
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_lane_stands_at_its_place_and_only_control_never_waits() {
        for (at, lane) in Lane::ALL.into_iter().enumerate() {
            assert_eq!(lane.index(), at);
            assert_eq!(lane.credit().is_none(), lane == Lane::Control);
        }
    }
}
