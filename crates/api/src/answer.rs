//! Reading answers: pages of rows, who gave a row, what went wrong, comparing, following, exporting.

use crate::ids::{EndpointId, QuestionId};
use crate::question::TableColumn;
use crate::state::{EndpointState, StateName};
use crate::table::Machine;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use utoipa::{IntoParams, ToSchema};

/// A row of an answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RowInfo {
    /// Its number in the table; never changes. Counted by columns: that of the first row with these cells.
    pub row: u32,
    /// Its cells; bytes that are no UTF-8 stand as `\xHH`.
    pub cells: Vec<String>,
    /// Endpoints that gave it.
    pub count: u64,
    /// The first of them by ordinal, where they were asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub machines: Option<Vec<Machine>>,
}

/// Which rows, in which order.
#[derive(Clone, Debug, Default, Serialize, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct RowsQuery {
    /// Number of the table, 0 unless told.
    #[serde(default)]
    pub table: u32,
    /// `count`: rare rows first; `-count`: common rows first (the default); a column's name: ascending; `-` and the name: descending.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sort: Option<String>,
    /// Only rows with a cell that contains this text, without regard to case.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub contains: Option<String>,
    /// Only rows from endpoints in this state, and counted among them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[param(value_type = Option<StateName>)]
    pub state: Option<EndpointState>,
    /// Count machines by these columns alone, separated by commas: each row is what they hold, with the machines that gave any row with
    /// it. The question's own tail unless told; empty: whole rows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<String>,
    /// Only rows that so many machines gave: `<3`, `<=3`, `=3`, `!=3`, `>=3`, `>3` or `2..5`. The question's own tail unless told; empty: all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub count: Option<String>,
    /// Name the first so many endpoints of each row; none unless told. A page names 100,000 at most; an export names all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub machines: Option<u32>,
    /// Rows to leave out at the beginning.
    #[serde(default)]
    pub offset: u32,
    /// Rows at most, 100 unless told, 10,000 at most. For whole tables, export.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[param(maximum = 10_000)]
    pub limit: Option<u32>,
}

/// A page of a table.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct RowsPage {
    /// The columns of these rows: the table's, or those that machines are counted by.
    pub columns: Vec<TableColumn>,
    /// The rows of this page.
    pub rows: Vec<RowInfo>,
    /// Rows on all pages.
    pub total_rows: u64,
    /// Version of the answer; `/events` goes on from there.
    pub version: u64,
    /// Endpoints by state.
    #[schema(value_type = BTreeMap<StateName, u64>)]
    pub coverage: BTreeMap<EndpointState, u64>,
    /// Endpoints that have not answered: what is rare now may not be when they have.
    pub unanswered: u64,
    /// Rows that limits cut off on endpoints.
    pub rows_cut: u64,
}

/// Which part of a list of endpoints.
#[derive(Clone, Debug, Default, Serialize, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct MembersQuery {
    /// Those of all rows with the same cells in these columns. The question's own tail unless told; empty: of this row alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<String>,
    /// Endpoints to leave out at the beginning.
    #[serde(default)]
    pub offset: u32,
    /// Endpoints at most; all unless told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<u32>,
}

/// Which endpoints of an answer.
#[derive(Clone, Debug, Default, Serialize, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct StatesQuery {
    /// Only endpoints in this state; all unless told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[param(value_type = Option<StateName>)]
    pub state: Option<EndpointState>,
    /// Endpoints to leave out at the beginning.
    #[serde(default)]
    pub offset: u32,
    /// Endpoints at most; all unless told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<u32>,
}

/// An endpoint in an answer.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct Member {
    /// Its small number.
    pub ordinal: u32,
    /// Its identifier.
    #[schema(required)]
    pub id: Option<EndpointId>,
    /// Its host name as it last said.
    #[schema(required)]
    pub hostname: Option<String>,
    /// Its state in this answer.
    #[schema(value_type = StateName)]
    pub state: EndpointState,
}

/// Something that went wrong on endpoints.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ProblemInfo {
    /// The sensor.
    pub sensor: String,
    /// The state it led to.
    #[schema(value_type = StateName)]
    pub state: EndpointState,
    /// What the endpoints said.
    pub message: String,
    /// How many said it.
    pub count: u64,
    /// The first of them, 100 at most, by ordinal.
    pub endpoints: Vec<u32>,
}

/// Which table, and how much of each list.
#[derive(Clone, Debug, Default, Serialize, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct CompareQuery {
    /// Number of the table, 0 unless told.
    #[serde(default)]
    pub table: u32,
    /// Count machines by these columns alone, separated by commas; both tables must have them. Those of both questions' tails unless told,
    /// if they are the same; empty: whole rows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<String>,
    /// The rows of this part alone; of all unless told. How many there are is told of each.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[param(inline)]
    pub part: Option<ComparedPart>,
    /// Rows to leave out at the beginning of each list.
    #[serde(default)]
    pub offset: u32,
    /// Rows of each list at most, 1,000 unless told, 10,000 at most.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[param(maximum = 10_000)]
    pub limit: Option<u32>,
}

/// A part of a comparison.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ComparedPart {
    /// Rows of the left answer only.
    OnlyLeft,
    /// Rows of the right answer only.
    OnlyRight,
    /// Rows of both.
    Both,
}

/// A row of a comparison.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct ComparedRow {
    /// Its cells.
    pub cells: Vec<String>,
    /// Endpoints that gave it in the left answer.
    pub left: u64,
    /// Endpoints that gave it in the right answer.
    pub right: u64,
}

/// One of two answers side by side.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct ComparedSide {
    /// The question's number.
    pub id: QuestionId,
    /// Its text.
    pub question: String,
    /// When it was asked.
    pub asked_at: Timestamp,
    /// Endpoints that were asked.
    pub endpoints: u64,
    /// Those of them that have not answered.
    pub unanswered: u64,
    /// Endpoints by state.
    #[schema(value_type = BTreeMap<StateName, u64>)]
    pub coverage: BTreeMap<EndpointState, u64>,
    /// Rows of the table, as they are counted here.
    pub rows: u64,
}

/// Two answers side by side.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct ComparisonInfo {
    /// The left answer.
    pub left: ComparedSide,
    /// The right answer.
    pub right: ComparedSide,
    /// The columns that are compared.
    pub columns: Vec<TableColumn>,
    /// Rows of the left answer only.
    pub only_left: Vec<ComparedRow>,
    /// How many there are in all.
    pub only_left_total: u64,
    /// Rows of the right answer only.
    pub only_right: Vec<ComparedRow>,
    /// How many there are in all.
    pub only_right_total: u64,
    /// Rows of both.
    pub both: Vec<ComparedRow>,
    /// How many there are in all.
    pub both_total: u64,
}

/// How rows are told in the stream.
#[derive(Clone, Debug, Default, Serialize, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct EventsQuery {
    /// Count machines by these columns alone, separated by commas, behind their tables' headings where several tables have them
    /// (`Listen Ports:Local Port`). The question's own tail unless told; empty: whole rows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<String>,
    /// Only rows that so many machines gave: `<3`, `<=3`, `=3`, `!=3`, `>=3`, `>3` or `2..5`. The question's own tail unless told; empty: all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub count: Option<String>,
}

/// An event of the stream that follows an answer, as <https://html.spec.whatwg.org/multipage/server-sent-events.html> has it. Never built
/// as one value: it is the lines of the stream.
#[derive(ToSchema)]
pub struct AnswerEvent {
    /// What kind of event it is.
    pub event: EventName,
    /// To go on from here with `last-event-id`.
    pub id: String,
    /// A `ChangesEvent` as JSON.
    #[schema(content_media_type = "application/json")]
    pub data: String,
}

/// Names of events.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum EventName {
    /// The answer changed.
    Changes,
}

/// Data of an event named `changes`.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct ChangesEvent {
    /// Version of the answer.
    pub version: u64,
    /// Tables with changed rows.
    pub tables: Vec<ChangedTable>,
    /// Endpoints by state, now.
    #[schema(value_type = BTreeMap<StateName, u64>)]
    pub coverage: BTreeMap<EndpointState, u64>,
    /// Rows that limits cut off on endpoints, now.
    pub rows_cut: u64,
    /// False when more rows changed than an event holds (1,000 of each table), or machines are counted by columns with more than 10,000
    /// different contents: take a page of `/rows` instead.
    pub complete: bool,
    /// Why what is shown is not kept at the moment: the server's disk is full, or fails. It is tried again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub trouble: Option<String>,
    /// True when no more will come; the stream ends.
    pub done: bool,
}

/// Changed rows of a table.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct ChangedTable {
    /// The table's number.
    pub table: u32,
    /// Rows that are new or have another count.
    pub rows: Vec<RowInfo>,
    /// Numbers of rows that so many machines gave by now that they are no longer shown; some may never have been.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub gone: Vec<u32>,
}

/// Form of an exported file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum ExportFormat {
    /// One object with question, tables and coverage.
    #[default]
    Json,
    /// RFC 4180, safe for spreadsheets.
    Csv,
    /// An object for each row, and one for coverage at the end.
    Jsonl,
}

/// Order of the rows in an exported file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub enum ExportOrder {
    /// By number, so as they came first.
    #[default]
    #[serde(rename = "row")]
    Row,
    /// Rare rows first.
    #[serde(rename = "count")]
    Rare,
    /// Common rows first.
    #[serde(rename = "-count")]
    Common,
}

/// What to export, all of it of the moment at which the export begins: as JSON a [`Document`](crate::document::Document), as JSON lines its [`Line`](crate::document::Line)s.
#[derive(Clone, Debug, Default, Serialize, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct ExportQuery {
    /// Number of one table; all unless told. CSV has one only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub table: Option<u32>,
    /// Form of the file.
    #[serde(default)]
    #[param(inline)]
    pub format: ExportFormat,
    /// Order of the rows.
    #[serde(default)]
    #[param(inline)]
    pub sort: ExportOrder,
    /// Count machines by these columns alone, separated by commas. The question's own tail unless told; empty: whole rows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<String>,
    /// Only rows that so many machines gave: `<3`, `<=3`, `=3`, `!=3`, `>=3`, `>3` or `2..5`. The question's own tail unless told; empty: all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub count: Option<String>,
    /// Name the first so many endpoints of each row; none unless told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub machines: Option<u32>,
    /// So many rows of each table at most, the first in this order; all unless told. How many were left out stands at the end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rows: Option<u32>,
}
