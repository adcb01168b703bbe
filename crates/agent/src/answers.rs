//! An endpoint's answer on its way out: cut to the order's limits, then into parts that fit a frame. Pure.

use answer::State;
use prost::Message as _;
use protocol::bounds::{AnswerBounds, row_cost};
use protocol::message::{AnswerPart, OrderLimits, Problem, WireRow};
use question::Row;
use std::collections::HashSet;

/// Size at which a part is closed.
const PART_BYTES: usize = 256 << 10;
/// Largest encoded row: with it, a part that was just below its size still fits a frame.
const ROW_BYTES: usize = 512 << 10;
/// Longest message of a problem.
const MESSAGE_BYTES: usize = 2 << 10;

/// What became of a question on this endpoint.
#[derive(Clone, Debug, PartialEq)]
pub struct Outcome {
    /// State of the endpoint.
    pub state: State,
    /// Rows of each table of the plan.
    pub tables: Vec<Vec<Row>>,
    /// What went wrong, sensor by sensor.
    pub problems: Vec<Problem>,
    /// Rows that a limit cut off, as far as known.
    pub rows_cut: u64,
}

impl Default for Outcome {
    fn default() -> Self {
        Self {
            state: State::Empty,
            tables: Vec::new(),
            problems: Vec::new(),
            rows_cut: 0,
        }
    }
}

impl Outcome {
    /// An outcome without rows.
    #[must_use]
    pub fn bare(state: State, problems: Vec<Problem>) -> Self {
        Self {
            state,
            problems,
            ..Self::default()
        }
    }
}

/// A problem as the channel spells it.
#[must_use]
pub fn problem(sensor: &str, state: State, message: &str) -> Problem {
    let mut end = message.len().min(MESSAGE_BYTES);
    while !message.is_char_boundary(end) {
        end -= 1;
    }
    Problem::new(sensor, state, message.get(..end).unwrap_or_default())
}

/// The state of an endpoint with these problems: the gravest, in the order in which answers rank them.
#[must_use]
pub fn gravest(problems: &[Problem]) -> Option<State> {
    problems.iter().filter_map(Problem::state).min()
}

/// What a row costs on the server.
#[must_use]
pub fn cost(row: &Row) -> u64 {
    row_cost(row.iter().map(|cell| cell.len()))
}

/// Leaves out rows that a table holds already (an answer says which endpoints gave a row, not how often) and cuts what
/// is above the limits. Gives the limit that was hit, if any.
pub fn bound(outcome: &mut Outcome, limits: OrderLimits, ceiling: AnswerBounds) -> Option<State> {
    let lower = |set: u64, own: u64| if set == 0 { own } else { set.min(own) };
    let (max_rows, max_bytes) = (
        lower(limits.rows, ceiling.rows),
        lower(limits.bytes, AnswerBounds::most_bytes()),
    );
    let (mut rows, mut bytes, mut costs, mut hit) = (0_u64, 0_u64, 0_u64, None);
    for table in &mut outcome.tables {
        leave_out_repeated(table);
        let mut kept = 0;
        for row in table.iter() {
            let size: u64 = row.iter().map(|cell| cell.len() as u64).sum();
            if rows >= max_rows {
                hit = hit.or(Some(State::RowLimit));
            } else if bytes + size > max_bytes || costs + cost(row) > ceiling.cost {
                hit = hit.or(Some(State::ByteLimit));
            }
            if hit.is_some() {
                break;
            }
            rows += 1;
            bytes += size;
            costs += cost(row);
            kept += 1;
        }
        outcome.rows_cut += (table.len() - kept) as u64;
        table.truncate(kept);
    }
    hit
}

fn leave_out_repeated(table: &mut Vec<Row>) {
    let mut seen = HashSet::with_capacity(table.len());
    let fresh: Vec<bool> = table.iter().map(|row| seen.insert(row)).collect();
    drop(seen);
    let mut fresh = fresh.into_iter();
    table.retain(|_| fresh.next().unwrap_or(true));
}

/// The parts of an answer, `attempt` left at 0 for the sender to fill in. Never empty; the last carries the state.
#[must_use]
pub fn parts(order: u64, outcome: Outcome) -> Vec<AnswerPart> {
    let mut parts = Vec::new();
    let mut current = AnswerPart {
        order,
        ..AnswerPart::default()
    };
    let (mut size, mut total) = (0, 0_u64);
    for (table, rows) in (0_u32..).zip(outcome.tables) {
        for row in rows {
            let row = wire_row(table, row);
            let length = row.encoded_len() + 8;
            if size + length > PART_BYTES && !current.rows.is_empty() {
                let next = AnswerPart {
                    order,
                    part: current.part + 1,
                    ..AnswerPart::default()
                };
                parts.push(std::mem::replace(&mut current, next));
                size = 0;
            }
            size += length;
            total += 1;
            current.rows.push(row);
        }
    }
    current.last = true;
    current.set_state(outcome.state);
    current.problems = outcome.problems;
    current.problems.truncate(100);
    current.total_rows = total;
    current.rows_cut = outcome.rows_cut;
    parts.push(current);
    parts
}

/// A row that would not fit a frame has its longest cells shortened to an equal share, and they say so.
pub(crate) fn wire_row(table: u32, row: Row) -> WireRow {
    let total: usize = row.iter().map(|cell| cell.len() + 4).sum();
    let share = if total > ROW_BYTES {
        ROW_BYTES / row.len().max(1)
    } else {
        usize::MAX
    };
    let cells = row
        .into_iter()
        .map(|cell| {
            let mut cell = cell.into_vec();
            if cell.len() > share {
                let mark = sensors::framework::CUT_MARK.as_bytes();
                cell.truncate(share.saturating_sub(mark.len() + 8));
                cell.extend_from_slice(mark);
            }
            cell
        })
        .collect();
    WireRow { table, cells }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use protocol::frame;

    const WIDE: AnswerBounds = AnswerBounds {
        rows: u64::MAX,
        cost: u64::MAX,
    };

    fn row(cells: &[&[u8]]) -> Row {
        cells.iter().map(|c| (*c).into()).collect()
    }

    #[test]
    fn repeated_rows_go_once_and_limits_cut() {
        let mut outcome = Outcome {
            tables: vec![
                vec![row(&[b"a"]), row(&[b"b"]), row(&[b"a"]), row(&[b"c"])],
                vec![row(&[b"d"])],
            ],
            ..Outcome::default()
        };
        let limits = OrderLimits {
            rows: 2,
            ..OrderLimits::default()
        };
        assert_eq!(bound(&mut outcome, limits, WIDE), Some(State::RowLimit));
        assert_eq!(outcome.tables[0], vec![row(&[b"a"]), row(&[b"b"])]);
        assert!(outcome.tables[1].is_empty());
        assert_eq!(outcome.rows_cut, 2);
    }

    #[test]
    fn bytes_cut_too() {
        let mut outcome = Outcome {
            tables: vec![vec![row(&[b"12345"]), row(&[b"67890"])]],
            ..Outcome::default()
        };
        let limits = OrderLimits {
            bytes: 9,
            ..OrderLimits::default()
        };
        assert_eq!(bound(&mut outcome, limits, WIDE), Some(State::ByteLimit));
        assert_eq!((outcome.tables[0].len(), outcome.rows_cut), (1, 1));
    }

    #[test]
    fn what_the_server_would_refuse_is_cut_before() {
        let many: Vec<Row> = (0..1_000)
            .map(|i| row(&[i.to_string().as_bytes()]))
            .collect();
        let mut outcome = Outcome {
            tables: vec![many],
            ..Outcome::default()
        };
        let ceiling = AnswerBounds::sent([(200_000, 1)].into_iter());
        let hit = bound(&mut outcome, OrderLimits::default(), ceiling);
        assert_eq!(hit, Some(State::ByteLimit));
        let costs: u64 = outcome.tables[0].iter().map(cost).sum();
        assert!(costs <= ceiling.cost && costs + 200 > ceiling.cost);
        assert_eq!(outcome.rows_cut + outcome.tables[0].len() as u64, 1_000);
    }

    #[test]
    fn an_answer_without_rows_has_one_part() {
        let made = parts(7, Outcome::bare(State::NotConcerned, Vec::new()));
        assert_eq!(made.len(), 1);
        assert!(made[0].last && made[0].order == 7);
        assert_eq!(made[0].state(), Some(State::NotConcerned));
    }

    #[test]
    fn a_giant_row_fits_a_frame() {
        let giant: Row = (0..40).map(|_| vec![b'x'; 60_000].into()).collect();
        let outcome = Outcome {
            tables: vec![vec![row(&[&[b'y'; 200_000]]), giant]],
            ..Outcome::default()
        };
        for part in parts(1, outcome) {
            assert!(part.encoded_len() + 64 < frame::MAX);
        }
    }

    #[test]
    fn a_long_message_is_cut_at_a_character() {
        let made = problem("X", State::Error, &"ä".repeat(5_000));
        assert!(made.message.len() <= MESSAGE_BYTES && made.message.ends_with('ä'));
    }

    proptest! {
        #[test]
        fn parts_hold_every_row_once_in_order(sizes in proptest::collection::vec(0_usize..90_000, 0..60)) {
            let table: Vec<Row> = sizes.iter().map(|n| vec![vec![b'z'; *n].into_boxed_slice()]).collect();
            let made = parts(3, Outcome { tables: vec![table.clone()], ..Outcome::default() });
            let back: Vec<Row> = made.iter().flat_map(|p| &p.rows)
                .map(|r| r.cells.iter().map(|c| c.clone().into_boxed_slice()).collect()).collect();
            prop_assert_eq!(back, table);
            prop_assert!(made.iter().enumerate().all(|(i, p)| p.part as usize == i && p.last == (i + 1 == made.len())));
            prop_assert!(made.iter().all(|p| p.encoded_len() <= PART_BYTES + ROW_BYTES));
            prop_assert_eq!(made.last().map(|p| p.total_rows), Some(sizes.len() as u64));
        }
    }
}
