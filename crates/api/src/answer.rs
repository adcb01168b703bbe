//! Reading answers: pages of rows, who gave a row, what went wrong, comparing, following, exporting.

use crate::ids::EndpointId;
use crate::question::TableColumn;
use crate::state::{EndpointState, StateName};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use utoipa::{IntoParams, ToSchema};

/// A row of an answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RowInfo {
    /// Its number in the table; never changes.
    pub row: u32,
    /// Its cells; bytes that are no UTF-8 stand as `\xHH`.
    pub cells: Vec<String>,
    /// Endpoints that gave it.
    pub count: u64,
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
    /// Rows to leave out at the beginning.
    #[serde(default)]
    pub offset: u32,
    /// Rows at most, 100 unless told, 10,000 at most. For whole tables, export.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<u32>,
}

/// A page of a table.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct RowsPage {
    /// The table's columns.
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
    /// Rows that limits cut off on endpoints.
    pub rows_cut: u64,
}

/// Which part of a list of endpoints.
#[derive(Clone, Debug, Default, Serialize, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct MembersQuery {
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
    /// Rows to leave out at the beginning of each list.
    #[serde(default)]
    pub offset: u32,
    /// Rows of each list at most, 1,000 unless told, 10,000 at most.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<u32>,
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

/// Two answers side by side.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct ComparisonInfo {
    /// The table's columns.
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
    /// False when more rows changed than an event holds (1,000 of each table): take a page of `/rows` instead.
    pub complete: bool,
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

/// What to export: as JSON a [`Document`](crate::document::Document), as JSON lines its [`Line`](crate::document::Line)s.
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
    /// Order of the rows. One by count is that of the beginning: rows that come during the export are left out.
    #[serde(default)]
    #[param(inline)]
    pub sort: ExportOrder,
}
