//! What a question means on one endpoint: whether the endpoint is concerned, which rows stay, how they join.
//!
//! Filters are three-valued. A sensor that could not be had makes its comparison unknown, and unknown only decides
//! where nothing else does: `A and B` is false as soon as either is false, whatever became of the other. Some rows of a
//! sensor decide where the missing ones could not change it: one row that holds is enough for `any`.

use crate::ast::{Filter, Row, Select, SensorCall};
use crate::catalogue::Catalogue;
use crate::matcher::Matcher;
use std::sync::Arc;

pub use crate::plan::join;

/// Gives the rows of sensors on an endpoint.
pub trait SensorRows {
    /// Rows of this call on this endpoint.
    ///
    /// # Errors
    /// When they could not be had.
    fn rows(&mut self, call: &SensorCall) -> Result<Arc<Vec<Row>>, Unavailable>;

    /// Rows that were found of a call whose rows could not all be had: asked after that was said.
    fn found(&mut self, _call: &SensorCall) -> Arc<Vec<Row>> {
        Arc::default()
    }
}

/// Why a sensor's rows could not be had: the name of a state, with what there is to say.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Unavailable(pub String);

/// A filter made ready for many endpoints or rows: expressions compiled, values read. It may be kept and shared; the
/// functions below make one for each call.
#[derive(Debug)]
pub struct Prepared(Node);

#[derive(Debug)]
enum Node {
    And(Vec<Node>),
    Or(Vec<Node>),
    Not(Box<Node>),
    Term(SensorCall, Matcher),
}

impl Prepared {
    /// Makes a filter ready.
    #[must_use]
    pub fn new(filter: &Filter, catalogue: &Catalogue) -> Self {
        Self(Node::new(filter, catalogue))
    }

    /// Whether the endpoint satisfies the filter. Sensors are asked from left to right, and only while the outcome is
    /// open.
    ///
    /// # Errors
    /// When it depends on a sensor whose rows could not be had; the first such sensor.
    pub fn matches(&self, source: &mut dyn SensorRows) -> Result<bool, Unavailable> {
        self.0.matches(source)
    }

    /// Whether one row satisfies the filter, which names the row's own sensor only.
    #[must_use]
    pub fn keeps(&self, row: &Row) -> bool {
        self.0.keeps(row)
    }
}

impl Node {
    fn new(filter: &Filter, catalogue: &Catalogue) -> Self {
        let all = |parts: &[Filter]| parts.iter().map(|p| Self::new(p, catalogue)).collect();
        match filter {
            Filter::And(parts) => Self::And(all(parts)),
            Filter::Or(parts) => Self::Or(all(parts)),
            Filter::Not(inner) => Self::Not(Box::new(Self::new(inner, catalogue))),
            Filter::Term(term) => Self::Term(term.call.clone(), Matcher::new(term, catalogue)),
        }
    }

    fn matches(&self, source: &mut dyn SensorRows) -> Result<bool, Unavailable> {
        match self {
            Self::And(parts) => first_that_decides(parts, false, source),
            Self::Or(parts) => first_that_decides(parts, true, source),
            Self::Not(inner) => inner.matches(source).map(|held| !held),
            Self::Term(call, matcher) => match source.rows(call) {
                Ok(rows) => Ok(matcher.rows(&rows)),
                Err(reason) => matcher.some_rows(&source.found(call)).ok_or(reason),
            },
        }
    }

    fn keeps(&self, row: &Row) -> bool {
        match self {
            Self::And(parts) => parts.iter().all(|p| p.keeps(row)),
            Self::Or(parts) => parts.iter().any(|p| p.keeps(row)),
            Self::Not(inner) => !inner.keeps(row),
            Self::Term(_, matcher) => matcher.row(row),
        }
    }
}

/// `decisive` is what one part must give to decide for all of them.
fn first_that_decides(
    parts: &[Node],
    decisive: bool,
    source: &mut dyn SensorRows,
) -> Result<bool, Unavailable> {
    let mut unknown = None;
    for part in parts {
        match part.matches(source) {
            Ok(held) if held == decisive => return Ok(decisive),
            Ok(_) => {}
            Err(reason) => unknown = unknown.or(Some(reason)),
        }
    }
    match unknown {
        Some(reason) => Err(reason),
        None => Ok(!decisive),
    }
}

/// Whether the endpoint satisfies the filter; see [`Prepared::matches`].
///
/// # Errors
/// When the outcome depends on a sensor whose rows could not be had.
pub fn matches(
    filter: &Filter,
    source: &mut dyn SensorRows,
    catalogue: &Catalogue,
) -> Result<bool, Unavailable> {
    Prepared::new(filter, catalogue).matches(source)
}

/// The rows that the conditions of the get clause keep.
#[must_use]
pub fn keep(select: &Select, rows: &[Row], catalogue: &Catalogue) -> Vec<Row> {
    match &select.rows {
        None => rows.to_vec(),
        Some(filter) => {
            let prepared = Prepared::new(filter, catalogue);
            rows.iter().filter(|r| prepared.keeps(r)).cloned().collect()
        }
    }
}
