//! The tree of a question, after names were resolved. Printing it (`Display`, in [`crate::print`]) gives the
//! canonical text; parsing that text gives the same tree again.

use crate::catalogue::ValueType;
use serde::{Deserialize, Serialize};

/// One cell of a row, as the endpoint gave it: any bytes, mostly UTF-8 text.
pub type Cell = Box<[u8]>;

/// One row: as many cells as its table has columns.
pub type Row = Vec<Cell>;

/// A whole question.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Question {
    /// What is asked; empty means `number of machines`.
    pub selects: Vec<Select>,
    /// Which endpoints answer; `None` means all machines.
    pub filter: Option<Filter>,
    /// Options after `Get?`, in the order given, keys in canonical spelling.
    pub options: Vec<(String, String)>,
}

/// One sensor in the `Get` clause, with the filter on its rows.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Select {
    /// The sensor and its parameters.
    pub call: SensorCall,
    /// `having …` and trailing filters: a row stays when this holds for it. Terms name this sensor only.
    pub rows: Option<Filter>,
}

/// A sensor with its parameters bound.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct SensorCall {
    /// Canonical name.
    pub sensor: String,
    /// Bound values, one for each declared parameter in its order, defaults filled in.
    pub parameters: Vec<String>,
    /// `?maxAge=600`, in seconds.
    pub max_age: Option<u64>,
    /// `?ignoreCase=0` makes this false.
    pub ignore_case: bool,
}

/// A condition.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Filter {
    /// All hold.
    And(Vec<Filter>),
    /// At least one holds.
    Or(Vec<Filter>),
    /// It does not hold.
    Not(Box<Filter>),
    /// A comparison.
    Term(Term),
}

/// Whether one row must satisfy a term or every row.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Quantifier {
    /// One matching row suffices (the default).
    Any,
    /// Every row must match, and there must be one.
    All,
}

/// `Sensor[params]:Column as Type op value matching case`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Term {
    /// Any or all rows.
    pub quantifier: Quantifier,
    /// Sensor and parameters.
    pub call: SensorCall,
    /// Column by canonical name; `None` compares the whole row, its cells joined by `|` (one column: that cell).
    pub column: Option<String>,
    /// `as Type`; `None` takes the column's own type.
    pub as_type: Option<ValueType>,
    /// The comparison.
    pub op: Operator,
    /// One value, or several for `in`.
    pub values: Vec<String>,
    /// `matching case`.
    pub match_case: bool,
}

/// Comparison operators in canonical form.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Operator {
    /// The cell holds the value.
    Contains,
    /// It does not.
    NotContains,
    /// The cell starts with the value.
    StartsWith,
    /// The cell ends with it.
    EndsWith,
    /// Equal under the type's comparison.
    Equals,
    /// Not equal.
    NotEquals,
    /// Less.
    Less,
    /// Less or equal.
    LessOrEqual,
    /// Greater.
    Greater,
    /// Greater or equal.
    GreaterOrEqual,
    /// The regular expression matches the whole cell.
    Matches,
    /// It does not.
    NotMatches,
    /// Equal to one of the values.
    In,
}
