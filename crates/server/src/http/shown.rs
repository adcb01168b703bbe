//! How rows are shown: counted by which columns, with which counts, with how many of their endpoints. What a reader asks for wins over
//! the question's own tail.

use super::Api;
use super::error::ApiError;
use answer::{Counts, Ordinal, Show};
use api::question::TableColumn;
use api::table::Machine;
use question::{CountBound, Headings, ParseError, Plan, TablePlan, Tail, TailColumn};

fn columns(table: &TablePlan) -> Vec<TableColumn> {
    table.columns.iter().cloned().map(Into::into).collect()
}

pub(super) fn table_plan(plan: &Plan, table: u32) -> Result<&TablePlan, ApiError> {
    let found = plan.tables.get(table as usize);
    found.ok_or_else(|| no_such_table(table, plan.tables.len()))
}

pub(super) fn no_such_table(table: u32, tables: usize) -> ApiError {
    ApiError::not_found(format!(
        "table {table} does not exist: this answer has {tables}"
    ))
}

/// What a reader asks for; `None` leaves it to the question's tail.
#[derive(Clone, Copy, Default)]
pub(super) struct Wanted<'a> {
    /// Columns to count by; empty: whole rows.
    pub by: Option<&'a str>,
    /// Bound on the count; empty: all rows.
    pub count: Option<&'a str>,
    /// How many endpoints of each row to name.
    pub machines: Option<u32>,
}

/// How the rows of one table are shown.
#[derive(Clone)]
pub(super) struct Shown {
    /// For the answer.
    pub show: Show,
    /// The columns that are left.
    pub columns: Vec<TableColumn>,
    /// Whether endpoints are named at all.
    pub named: bool,
}

/// How the rows of this table are shown.
///
/// # Errors
/// No such table, no such column in it, no bound.
pub(super) fn of_table(
    plan: &Plan,
    tail: &Tail,
    table: u32,
    wanted: Wanted<'_>,
) -> Result<Shown, ApiError> {
    let planned = table_plan(plan, table)?;
    let by = match wanted.by {
        None => places(&tail.by, &Headings::from(plan), table),
        Some(text) if text.trim().is_empty() => None,
        Some(text) => {
            let headings = Headings::from(plan);
            match question::parse_columns(text, &headings) {
                // Those of other tables say nothing of this one.
                Ok(by) => places(&by, &headings, table),
                // A name that several tables have is this one's here.
                Err(error) => {
                    let names = planned.columns.iter().map(|c| c.name.clone());
                    let own = Headings::of_table(planned.title.clone(), names.collect());
                    match question::parse_columns(text, &own) {
                        Ok(by) => places(&by, &own, 0),
                        Err(_) => return Err(no_column(error)),
                    }
                }
            }
        }
    };
    let all = columns(planned);
    let columns = match &by {
        Some(by) => by.iter().filter_map(|at| all.get(*at).cloned()).collect(),
        None => all,
    };
    Ok(Shown {
        show: Show {
            by,
            counts: counts(tail, wanted.count)?,
            endpoints: wanted.machines.unwrap_or(0) as usize,
        },
        columns,
        named: wanted.machines.is_some(),
    })
}

/// Where these columns stand in a table; `None` when it has none of them.
fn places(by: &[TailColumn], headings: &Headings, table: u32) -> Option<Vec<usize>> {
    let tail = Tail {
        by: by.to_vec(),
        count: None,
    };
    tail.columns(headings).into_iter().nth(table as usize)?
}

/// How the rows of every table are shown.
///
/// # Errors
/// No such column, one that several tables have, no bound.
pub(super) fn of_all(plan: &Plan, tail: &Tail, wanted: Wanted<'_>) -> Result<Vec<Show>, ApiError> {
    let headings = Headings::from(plan);
    let by = match wanted.by {
        None => tail.by.clone(),
        Some(text) => named(text, &headings)?,
    };
    let counts = counts(tail, wanted.count)?;
    let by = Tail { by, count: None }.columns(&headings);
    let shows = by.into_iter().map(|by| Show {
        by,
        counts,
        endpoints: 0,
    });
    Ok(shows.collect())
}

fn named(text: &str, headings: &Headings) -> Result<Vec<TailColumn>, ApiError> {
    if text.trim().is_empty() {
        return Ok(Vec::new());
    }
    question::parse_columns(text, headings).map_err(no_column)
}

fn no_column(error: ParseError) -> ApiError {
    if error.expected.is_empty() {
        return ApiError::invalid(error.message);
    }
    let columns = error.expected.join(", ");
    ApiError::invalid(format!("{}; the columns are: {columns}", error.message))
}

fn counts(tail: &Tail, wanted: Option<&str>) -> Result<Option<Counts>, ApiError> {
    let bound = match wanted {
        None => tail.count,
        Some(text) if text.trim().is_empty() => None,
        Some(text) => Some(
            text.parse()
                .map_err(|error: question::NoBound| ApiError::invalid(error.to_string()))?,
        ),
    };
    Ok(bound.map(|bound| match bound {
        CountBound::Fewer(n) => Counts::between(0, u64::from(n).saturating_sub(1)),
        CountBound::AtMost(n) => Counts::between(0, n.into()),
        CountBound::Exactly(n) => Counts::between(n.into(), n.into()),
        CountBound::Not(n) => Counts::not(n.into()),
        CountBound::AtLeast(n) => Counts::between(n.into(), u64::MAX),
        CountBound::More(n) => Counts::between(u64::from(n) + 1, u64::MAX),
        CountBound::Between(least, most) => Counts::between(least.into(), most.into()),
    }))
}

/// Endpoints by their names.
pub(super) fn machines(api: &Api, ordinals: &[Ordinal]) -> Vec<Machine> {
    ordinals
        .iter()
        .map(|ordinal| {
            let endpoint = api.identity.by_ordinal(*ordinal);
            Machine {
                id: endpoint.as_ref().map(|e| e.id.into()),
                hostname: endpoint.map(|e| e.hostname),
            }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bound_means_the_same_to_the_language_and_to_answers() {
        for text in [
            "<3",
            "<=3",
            "=3",
            "!=3",
            ">=3",
            ">3",
            "2..4",
            "1..1",
            "<4294967295",
        ] {
            let bound: CountBound = text.parse().expect("a bound");
            let counts = counts(&Tail::default(), Some(text))
                .expect("a bound")
                .expect("given");
            for count in (1..8).chain([4_294_967_293, 4_294_967_294, 4_294_967_295, u64::MAX]) {
                assert_eq!(counts.holds(count), bound.holds(count), "{text} {count}");
            }
        }
    }

    #[test]
    fn what_the_reader_asks_for_wins_over_the_question() {
        let tail = Tail {
            by: Vec::new(),
            count: Some(CountBound::Fewer(3)),
        };
        let holds = |wanted| {
            counts(&tail, wanted)
                .expect("a bound")
                .is_none_or(|c| c.holds(5))
        };
        assert!(!holds(None));
        assert!(holds(Some("")) && holds(Some(">4")));
        assert!(counts(&tail, Some("few")).is_err());
    }
}
