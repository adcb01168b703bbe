//! The tree of a question, after names were resolved. Printing it (`Display`, in [`crate::print`]) gives the
//! canonical text; parsing that text gives the same tree again.

use crate::catalogue::ValueType;
use crate::tail::Tail;
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
    /// How the answer is to be shown; endpoints are not asked it.
    #[serde(default, skip_serializing_if = "Tail::is_empty")]
    pub tail: Tail,
}

impl Question {
    /// Every sensor that is named, for its rows or in a filter: what somebody reads who asks this.
    #[must_use]
    pub fn sensors(&self) -> std::collections::BTreeSet<&str> {
        let selects = self.selects.iter();
        let mut all: std::collections::BTreeSet<&str> =
            selects.map(|select| select.call.sensor.as_str()).collect();
        let rows = self
            .selects
            .iter()
            .filter_map(|select| select.rows.as_ref());
        for filter in rows.chain(&self.filter) {
            filter.name_sensors(&mut all);
        }
        all
    }
}

impl Filter {
    fn name_sensors<'a>(&'a self, all: &mut std::collections::BTreeSet<&'a str>) {
        match self {
            Self::And(parts) | Self::Or(parts) => {
                for part in parts {
                    part.name_sensors(all);
                }
            }
            Self::Not(part) => part.name_sensors(all),
            Self::Term(term) => {
                all.insert(&term.call.sensor);
            }
            Self::Having(having) => {
                all.insert(&having.call.sensor);
            }
        }
    }
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
    /// Bound values in the order of the declared parameters; what equals its default at the end is left out.
    /// [`crate::catalogue::Sensor::parameter_values`] gives them all.
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
    /// Conditions that one row meets together.
    Having(Having),
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

/// `Sensor[params] having (condition and condition)`: what one row of a sensor meets, not one row each.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Having {
    /// Any or all rows.
    pub quantifier: Quantifier,
    /// Sensor and parameters.
    pub call: SensorCall,
    /// What the row meets. Its terms are on this call and of one row; it is more than a single term, for that needs no
    /// `having`.
    pub rows: Box<Filter>,
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
    /// The cell does not start with the value.
    NotStartsWith,
    /// The cell does not end with it.
    NotEndsWith,
    /// Equal to none of the values.
    NotIn,
}

impl Operator {
    /// The operator that is true of a cell where this one is not.
    #[must_use]
    pub const fn opposite(self) -> Self {
        match self {
            Self::Contains => Self::NotContains,
            Self::NotContains => Self::Contains,
            Self::StartsWith => Self::NotStartsWith,
            Self::NotStartsWith => Self::StartsWith,
            Self::EndsWith => Self::NotEndsWith,
            Self::NotEndsWith => Self::EndsWith,
            Self::Equals => Self::NotEquals,
            Self::NotEquals => Self::Equals,
            Self::Less => Self::GreaterOrEqual,
            Self::GreaterOrEqual => Self::Less,
            Self::Greater => Self::LessOrEqual,
            Self::LessOrEqual => Self::Greater,
            Self::Matches => Self::NotMatches,
            Self::NotMatches => Self::Matches,
            Self::In => Self::NotIn,
            Self::NotIn => Self::In,
        }
    }

    /// Every operator, in the order in which completion offers them.
    pub const ALL: [Self; 16] = [
        Self::Contains,
        Self::NotContains,
        Self::Equals,
        Self::NotEquals,
        Self::StartsWith,
        Self::NotStartsWith,
        Self::EndsWith,
        Self::NotEndsWith,
        Self::Less,
        Self::LessOrEqual,
        Self::Greater,
        Self::GreaterOrEqual,
        Self::Matches,
        Self::NotMatches,
        Self::In,
        Self::NotIn,
    ];

    /// Whether it looks at the cell's text, whatever the column's type.
    #[must_use]
    pub fn is_textual(self) -> bool {
        matches!(
            self,
            Self::Contains
                | Self::NotContains
                | Self::StartsWith
                | Self::NotStartsWith
                | Self::EndsWith
                | Self::NotEndsWith
                | Self::Matches
                | Self::NotMatches
        )
    }

    /// Whether its value is a regular expression.
    #[must_use]
    pub fn is_pattern(self) -> bool {
        matches!(self, Self::Matches | Self::NotMatches)
    }

    /// Whether it takes a list of values.
    #[must_use]
    pub fn is_list(self) -> bool {
        matches!(self, Self::In | Self::NotIn)
    }
}

impl Question {
    /// What endpoints are asked: the question without its tail.
    #[must_use]
    pub fn asked(&self) -> Self {
        Self {
            tail: Tail::default(),
            ..self.clone()
        }
    }
}

impl Filter {
    /// Joins conditions by `and`, keeping the normal form: no `and` directly within an `and`, none with fewer than
    /// two parts. `None` when there is nothing to join.
    #[must_use]
    pub fn all_of(parts: Vec<Self>) -> Option<Self> {
        let mut flat = Vec::with_capacity(parts.len());
        for part in parts {
            match part {
                Self::And(inner) => flat.extend(inner),
                other => flat.push(other),
            }
        }
        if flat.len() > 1 {
            return Some(Self::And(flat));
        }
        flat.pop()
    }

    /// Joins conditions by `or`, in the same normal form.
    #[must_use]
    pub fn any_of(parts: Vec<Self>) -> Option<Self> {
        let mut flat = Vec::with_capacity(parts.len());
        for part in parts {
            match part {
                Self::Or(inner) => flat.extend(inner),
                other => flat.push(other),
            }
        }
        if flat.len() > 1 {
            return Some(Self::Or(flat));
        }
        flat.pop()
    }

    /// The opposite; two negations cancel.
    #[must_use]
    pub fn negated(self) -> Self {
        match self {
            Self::Not(inner) => *inner,
            other => Self::Not(Box::new(other)),
        }
    }

    /// Levels of nesting: 1 for a comparison.
    #[must_use]
    pub fn depth(&self) -> usize {
        match self {
            Self::Term(_) => 1,
            Self::Not(inner) => 1 + inner.depth(),
            Self::Having(having) => 1 + having.rows.depth(),
            Self::And(parts) | Self::Or(parts) => {
                1 + parts.iter().map(Self::depth).max().unwrap_or(0)
            }
        }
    }

    /// Calls `f` for each comparison, from left to right.
    pub fn each_term<'a>(&'a self, f: &mut impl FnMut(&'a Term)) {
        match self {
            Self::Term(term) => f(term),
            Self::Not(inner) => inner.each_term(f),
            Self::Having(having) => having.rows.each_term(f),
            Self::And(parts) | Self::Or(parts) => parts.iter().for_each(|p| p.each_term(f)),
        }
    }
}
