//! How an answer is shown: by which columns machines are counted, on how many a row is, which they are. What was typed beside the
//! question wins over its own tail.

use crate::api::{ApiQuestion, Coverage};
use crate::args::{Count, Which};
use crate::output::counted;
use ::api::answer::EventsQuery;
use ::api::question::Plan;
use anyhow::{Result, bail};
use question::{Headings, ParseError, Row, Tail, TailColumn};
use std::collections::BTreeSet;

/// How an answer is shown.
#[derive(Clone, Debug, Default)]
pub(crate) struct Shown {
    /// As parameter of reads: columns to count by; empty: whole rows.
    pub by: String,
    /// As parameter of reads: bound on the count; empty: all rows.
    pub count: String,
    /// How many machines of each row are named; none unless asked for.
    pub machines: Option<u32>,
    /// Whether rows on many machines are left out.
    upper: bool,
}

/// A question's own tail as the API tells it.
pub(crate) fn own(tail: &::api::question::Tail) -> Tail {
    let by = tail.by.iter().map(|column| TailColumn {
        table: column.table.clone(),
        column: column.column.clone(),
    });
    Tail {
        by: by.collect(),
        // A newer server may have bounds that this program does not know: it holds them all the same.
        count: tail.count.as_deref().and_then(|count| count.parse().ok()),
    }
}

/// The tail that holds.
///
/// # Errors
/// A column that these tables have not, with those that they have.
pub(crate) fn effective(which: &Which, own: &Tail, headings: &Headings) -> Result<Tail> {
    let by = match which.by.join(", ") {
        _ if which.by.is_empty() => own.by.clone(),
        text => columns(&text, headings)?,
    };
    let count = match which.count {
        None => own.count,
        Some(Count::Any) => None,
        Some(Count::Bound(bound)) => Some(bound),
    };
    Ok(Tail { by, count })
}

fn columns(text: &str, headings: &Headings) -> Result<Vec<TailColumn>> {
    if text.trim().is_empty() {
        return Ok(Vec::new());
    }
    match question::parse_columns(text, headings) {
        Ok(columns) => Ok(columns),
        Err(ParseError {
            message, expected, ..
        }) if !expected.is_empty() => {
            bail!("{message}; the columns are: {}", expected.join(", "))
        }
        Err(error) => bail!("{}", error.message),
    }
}

/// Leaves in a plan the columns that are counted by.
pub(crate) fn narrow(plan: &mut Plan, tail: &Tail) {
    let places = tail.columns(&Headings::from(&*plan));
    for (table, places) in plan.tables.iter_mut().zip(places) {
        if let Some(places) = places {
            let columns = places
                .iter()
                .filter_map(|at| table.columns.get(*at).cloned());
            table.columns = columns.collect();
        }
    }
}

/// Rows by these columns, each once, in the order in which they came first; or as they are.
pub(crate) fn by(rows: &[Row], columns: Option<&[usize]>) -> Vec<Row> {
    let Some(columns) = columns else {
        return rows.to_vec();
    };
    let mut seen = BTreeSet::new();
    let rows = rows.iter().map(|row| -> Row {
        let cells = columns.iter();
        cells
            .map(|at| row.get(*at).cloned().unwrap_or_default())
            .collect()
    });
    rows.filter(|row| seen.insert(row.clone())).collect()
}

impl Shown {
    /// How this question's answer is shown. Its plan has the columns that are shown after that.
    ///
    /// # Errors
    /// A column that its answer has not.
    pub fn new(which: &Which, question: &mut ApiQuestion) -> Result<Self> {
        let headings = Headings::from(&question.plan);
        let own = own(&question.tail);
        let tail = effective(which, &own, &headings)?;
        narrow(&mut question.plan, &tail);
        let by: Vec<String> = tail.by.iter().map(TailColumn::to_string).collect();
        let count = match which.count {
            None => question.tail.count.clone().unwrap_or_default(),
            Some(Count::Any) => String::new(),
            Some(Count::Bound(bound)) => bound.short(),
        };
        Ok(Self {
            by: by.join(", "),
            count,
            machines: which.machines,
            upper: tail.count.is_some_and(question::CountBound::is_upper),
        })
    }

    /// As parameters of the events that follow an answer.
    pub fn events(&self) -> EventsQuery {
        EventsQuery {
            by: Some(self.by.clone()),
            count: Some(self.count.clone()),
        }
    }

    /// Says how many machines have not answered yet, where rare rows come first or common ones are left out: rarity misleads until then.
    pub fn warn_of_rarity(&self, rare: bool, coverage: &Coverage) {
        if let Some(note) = self.rarity(rare, coverage) {
            anstream::eprintln!("cordon: note: {note}");
        }
    }

    fn rarity(&self, rare: bool, coverage: &Coverage) -> Option<String> {
        let all: u64 = coverage.values().sum();
        let states = coverage.iter().filter(|(state, _)| !state.is_settled());
        let unanswered: u64 = states.map(|(_, count)| count).sum();
        ((rare || self.upper) && unanswered > 0).then(|| {
            let have = if unanswered == 1 { "has" } else { "have" };
            format!(
                "{unanswered} of {} {have} not answered yet: what is rare now may be common when they have",
                counted(all, "machine")
            )
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ::api::EndpointState;

    fn headings() -> Headings {
        Headings::of_table("Listen Ports", vec!["Local Port".into(), "Process".into()])
    }

    #[test]
    fn what_is_typed_beside_the_question_wins() {
        let own = question::parse_tail("by Process on fewer than 3 machines", &headings())
            .expect("a tail");
        let told = |by: &[&str], count| {
            let which = Which {
                by: by.iter().map(|c| (*c).to_owned()).collect(),
                count,
                ..Which::default()
            };
            effective(&which, &own, &headings())
                .map(|tail| tail.to_string())
                .map_err(|e| e.to_string())
        };
        assert_eq!(
            told(&[], None),
            Ok("by Process on fewer than 3 machines".into())
        );
        assert_eq!(
            told(&["local port", "Process"], Some(Count::Any)),
            Ok("by Local Port, Process".into())
        );
        assert_eq!(told(&[""], None), Ok("on fewer than 3 machines".into()));
        let error = told(&["Port"], None).expect_err("no column");
        assert!(error.contains("Local Port, Process"), "{error}");
    }

    #[test]
    fn rarity_is_warned_of_until_all_have_answered() {
        let coverage: Coverage = [(EndpointState::Answered, 9), (EndpointState::Offline, 1)].into();
        let done: Coverage = [(EndpointState::Answered, 9), (EndpointState::TimedOut, 1)].into();
        let few = Shown {
            upper: true,
            ..Shown::default()
        };
        let note = few.rarity(false, &coverage).expect("a note");
        assert!(
            note.starts_with("1 of 10 machines has not answered"),
            "{note}"
        );
        assert!(Shown::default().rarity(true, &coverage).is_some());
        assert_eq!(Shown::default().rarity(false, &coverage), None);
        assert_eq!(few.rarity(true, &done), None);
    }
}
