//! How large one endpoint's answer to a question may be. The agent cuts at these bounds, where what is left still counts;
//! the server refuses what is above them as a whole. Both reckon here, or a change on one side would lose whole answers.
//!
//! An answer may be as large as its sensors' limits together. Columns of one-row sensors are repeated in every row of the
//! others, hence twice the bytes. Rows and cells cost a little beside their bytes, because they do in memory.

/// Cost of a row beside its cells.
const ROW: u64 = 64;
/// Cost of a cell beside its bytes.
const CELL: u64 = 32;
/// What any answer may cost, however little its sensors may give.
const LEAST: u64 = 64 << 10;
/// What an agent sends at most, whatever the sensors' limits: rows and cost.
const SENT: (u64, u64) = (1_000_000, 128 << 20);
/// What a server takes at most: more than an agent sends, so that agents may once send more.
const TAKEN: (u64, u64) = (2 * SENT.0, 2 * SENT.1);

/// Bounds of one endpoint's answer to one question.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AnswerBounds {
    /// Rows.
    pub rows: u64,
    /// What they may cost together, see [`row_cost`].
    pub cost: u64,
}

impl AnswerBounds {
    /// What an agent holds its answer to. Takes (rows, bytes) that each sensor of the question may give, each sensor once.
    #[must_use]
    pub fn sent(sensors: impl Iterator<Item = (u64, u64)>) -> Self {
        Self::of(sensors, SENT)
    }

    /// What a server accepts, from the same.
    #[must_use]
    pub fn taken(sensors: impl Iterator<Item = (u64, u64)>) -> Self {
        Self::of(sensors, TAKEN)
    }

    fn of(sensors: impl Iterator<Item = (u64, u64)>, most: (u64, u64)) -> Self {
        let (mut rows, mut cost) = (1_u64, LEAST);
        for (sensor_rows, sensor_bytes) in sensors {
            rows = rows.saturating_add(sensor_rows);
            cost = cost.saturating_add(sensor_bytes.saturating_mul(2));
        }
        Self {
            rows: rows.min(most.0),
            cost: cost.min(most.1),
        }
    }

    /// Bytes of cells that an agent puts into one answer at most, whatever an order allows.
    #[must_use]
    pub fn most_bytes() -> u64 {
        SENT.1
    }
}

/// What a row costs, by the lengths of its cells.
#[must_use]
pub fn row_cost(cells: impl Iterator<Item = usize>) -> u64 {
    cells.fold(ROW, |cost, cell| {
        cost.saturating_add(cell as u64).saturating_add(CELL)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn sensors_add_up_within_what_the_machines_can_hold() {
        let bounds = AnswerBounds::sent([(10, 100), (1, 1_000)].into_iter());
        assert_eq!((bounds.rows, bounds.cost), (12, 2_200 + LEAST));
        assert_eq!(AnswerBounds::sent(std::iter::empty()).rows, 1);
        let huge = || [(u64::MAX, u64::MAX), (5, 5)].into_iter();
        assert_eq!(AnswerBounds::sent(huge()).rows, 1_000_000);
        assert_eq!(AnswerBounds::sent(huge()).cost, 128 << 20);
        assert_eq!(AnswerBounds::taken(huge()).rows, 2_000_000);
        assert_eq!(row_cost([3, 0].into_iter()), 64 + 32 + 3 + 32);
    }

    proptest! {
        #[test]
        fn what_an_agent_may_send_a_server_takes(
            sensors in proptest::collection::vec((any::<u64>(), any::<u64>()), 0..5),
        ) {
            let sent = AnswerBounds::sent(sensors.iter().copied());
            let taken = AnswerBounds::taken(sensors.into_iter());
            prop_assert!(sent.rows <= taken.rows && sent.cost <= taken.cost);
        }
    }
}
