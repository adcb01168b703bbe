//! Asking, listing and cancelling questions.

use crate::ids::{EndpointId, QuestionId};
use crate::state::{EndpointState, StateName};
use crate::value::ValueType;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use utoipa::{IntoParams, ToSchema};

/// A question that was asked.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct Asked {
    /// Number.
    pub id: QuestionId,
    /// Canonical text, with its tail.
    pub text: String,
    /// How its answer is shown unless a reader says otherwise; endpoints are not asked it.
    pub tail: Tail,
    /// Who asked, as shown to people.
    pub asked_by: String,
    /// When.
    pub asked_at: Timestamp,
    /// Until when endpoints may answer.
    pub expires_at: Timestamp,
    /// Whether it was cancelled.
    pub cancelled: bool,
    /// Whether nothing more is taken: it expired or was cancelled.
    pub closed: bool,
    /// The tables of its answer.
    pub plan: Plan,
    /// Endpoints by state; states without endpoints are left out.
    #[schema(value_type = BTreeMap<StateName, u64>)]
    pub coverage: BTreeMap<EndpointState, u64>,
    /// Distinct rows in all tables.
    pub rows: u64,
    /// Rows that limits cut off on endpoints, as far as those can tell.
    pub rows_cut: u64,
    /// Number of the signed order.
    pub order: u64,
    /// Whether it stays however old it gets.
    pub kept: bool,
    /// When its answers were removed because of their age or size; the numbers above are what is left of them.
    #[schema(required)]
    pub answers_removed_at: Option<Timestamp>,
    /// Why what its answer shows is not kept at the moment: the server's disk is full, or fails. It is tried again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub trouble: Option<String>,
}

/// How an answer is shown: the end of a question's text.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Tail {
    /// The columns that machines are counted by; none: by whole rows.
    pub by: Vec<TailColumn>,
    /// Only rows that so many machines gave, as the parameter `count` of reads says it: `<3`, `2..5`; `null`: all.
    #[schema(required)]
    pub count: Option<String>,
}

/// A column that machines are counted by.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct TailColumn {
    /// Heading of its table, where several tables have a column of this name.
    #[schema(required)]
    pub table: Option<String>,
    /// Its name.
    pub column: String,
}

impl From<question::Tail> for Tail {
    fn from(tail: question::Tail) -> Self {
        let by = tail.by.into_iter().map(|column| TailColumn {
            table: column.table,
            column: column.column,
        });
        Self {
            by: by.collect(),
            count: tail.count.map(question::CountBound::short),
        }
    }
}

impl From<&Plan> for question::Headings {
    fn from(plan: &Plan) -> Self {
        let tables = plan.tables.iter().map(|table| question::Heading {
            title: table.title.clone(),
            columns: table.columns.iter().map(|c| c.name.clone()).collect(),
        });
        Self {
            tables: tables.collect(),
        }
    }
}

/// Whether a question stays.
#[derive(Clone, Copy, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ToKeep {
    /// `true`: it and its answers stay however old they get; `false`: they go when they are old.
    pub keep: bool,
}

/// The tables of an answer; never none.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Plan {
    /// Tables, in the order of the sensors that give many rows.
    pub tables: Vec<TablePlan>,
}

/// One table.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct TablePlan {
    /// Heading: the sensor that gives the many rows, or all sensors, or `number of machines`.
    pub title: String,
    /// Columns; none when only endpoints are counted.
    pub columns: Vec<TableColumn>,
    /// Where the columns come from, in order.
    pub parts: Vec<TablePart>,
}

/// A column of a table.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct TableColumn {
    /// Its name, unique in the table.
    pub name: String,
    /// The sensor it comes from.
    pub sensor: String,
    /// How its cells compare.
    pub value_type: ValueType,
}

/// One sensor's share of a table.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct TablePart {
    /// Place of the sensor among those asked for.
    pub select: u32,
    /// Whether it gives many rows.
    pub many: bool,
    /// How many of the table's columns are its.
    pub width: u32,
}

/// Counts within a question: it has 32,000 characters at most.
fn small(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

impl From<question::PlannedColumn> for TableColumn {
    fn from(column: question::PlannedColumn) -> Self {
        Self {
            name: column.name,
            sensor: column.sensor,
            value_type: column.value_type.into(),
        }
    }
}

impl From<question::TablePlan> for TablePlan {
    fn from(table: question::TablePlan) -> Self {
        let parts = table.parts.into_iter().map(|part| TablePart {
            select: small(part.select),
            many: part.many,
            width: small(part.width),
        });
        Self {
            title: table.title,
            columns: table.columns.into_iter().map(Into::into).collect(),
            parts: parts.collect(),
        }
    }
}

impl From<question::Plan> for Plan {
    fn from(plan: question::Plan) -> Self {
        Self {
            tables: plan.tables.into_iter().map(Into::into).collect(),
        }
    }
}

/// A question to be asked.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ToAsk {
    /// Its text, at most 32,000 characters.
    #[schema(min_length = 1, max_length = 32_000)]
    pub text: String,
    /// How long endpoints may answer: 600 seconds unless told, 30 days at most.
    #[serde(default)]
    #[schema(minimum = 1, maximum = 2_592_000)]
    pub expires_seconds: Option<u64>,
    /// Ask only these endpoints, 3,000 at most; everybody unless told.
    #[serde(default)]
    #[schema(min_items = 1, max_items = 3_000)]
    pub targets: Option<Vec<EndpointId>>,
}

/// Which questions.
#[derive(Clone, Debug, Default, Serialize, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct ListQuery {
    /// Only questions with a smaller number: the next page after the last question seen.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[param(inline)]
    pub before: Option<QuestionId>,
    /// Only those that you asked, yourself or with a token of yours.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub mine: bool,
    /// At most this many, 100 unless told, 1,000 at most.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[param(maximum = 1_000)]
    pub limit: Option<u32>,
}
