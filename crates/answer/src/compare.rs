//! Two answers side by side: rows of one only, of the other only, and of both, with their counts.

use crate::AnswerError;
use crate::view::View;

/// A row that only one of two answers has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OneSided {
    /// Its number in that answer.
    pub row: u32,
    /// Its count there.
    pub count: u64,
}

/// A row that both answers have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Both {
    /// Its number in the left answer.
    pub left: u32,
    /// Its number in the right answer.
    pub right: u32,
    /// Its count in the left answer.
    pub left_count: u64,
    /// Its count in the right answer.
    pub right_count: u64,
}

/// What [`compare`] finds. Rows are named by number, so that comparing large answers stays small; [`View::row`] gives their cells.
/// Each list is in the order of the (left) row numbers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Comparison {
    /// Rows of the left answer only.
    pub only_left: Vec<OneSided>,
    /// Rows of the right answer only.
    pub only_right: Vec<OneSided>,
    /// Rows of both.
    pub both: Vec<Both>,
}

/// Compares one table of two answers by some columns of each, which must mean the same in the same order. A row of the comparison is a
/// group, named by the number of its first row, with the endpoints of all its rows.
///
/// # Errors
/// No such table in one of them, or an unreadable spill file.
pub fn compare_by(
    (left, left_columns): (View<'_>, &[usize]),
    (right, right_columns): (View<'_>, &[usize]),
    table: u32,
) -> Result<Comparison, AnswerError> {
    let ours = left.groups(table, left_columns)?;
    let theirs = right.groups(table, right_columns)?;
    let mut found = Comparison::default();
    for (at, row, count) in ours.each() {
        match ours.same(at, &theirs) {
            Some((other, other_count)) => found.both.push(Both {
                left: row,
                right: other,
                left_count: count,
                right_count: other_count,
            }),
            None => found.only_left.push(OneSided { row, count }),
        }
    }
    for (at, row, count) in theirs.each() {
        if theirs.same(at, &ours).is_none() {
            found.only_right.push(OneSided { row, count });
        }
    }
    Ok(found)
}

/// Compares one table of two answers, whose columns must mean the same.
///
/// # Errors
/// No such table in one of them.
pub fn compare(left: View<'_>, right: View<'_>, table: u32) -> Result<Comparison, AnswerError> {
    let (ours, theirs) = (left.table(table)?, right.table(table)?);
    let mut found = Comparison::default();
    for (id, row) in ours.rows_from(0) {
        let count = left.count(row);
        if count == 0 {
            continue;
        }
        let other = theirs
            .find_by(row.hash, |held| row.cells.same(held))
            .and_then(|other| Some((other, right.count(theirs.get(other)?))))
            .filter(|(_, other_count)| *other_count > 0);
        match other {
            Some((other, other_count)) => found.both.push(Both {
                left: id,
                right: other,
                left_count: count,
                right_count: other_count,
            }),
            None => found.only_left.push(OneSided { row: id, count }),
        }
    }
    let shared: std::collections::HashSet<u32> = found.both.iter().map(|b| b.right).collect();
    found.only_right = theirs
        .rows_from(0)
        .filter(|(id, _)| !shared.contains(id))
        .map(|(row, held)| OneSided {
            row,
            count: right.count(held),
        })
        .filter(|row| row.count > 0)
        .collect();
    Ok(found)
}
