//! Reading answers: pages of rows, who gave a row, who is in which state, what went wrong, and comparing two answers.

use super::Api;
use super::error::{ApiError, ErrorBody};
use super::extract::{Path, Query, Reads};
use crate::model::ids::{EndpointId, QuestionId};
use answer::{Answer, AnswerError, EndpointSet, PageQuery, PageRow, Sort, State};
use axum::extract::State as Shared;
use question::{Plan, PlannedColumn, TablePlan, ValueType};
use serde::{Deserialize, Serialize};
use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::sync::Arc;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

const LIMIT: usize = 100;
const LARGEST_LIMIT: usize = 10_000;

pub(super) fn routes() -> OpenApiRouter<Arc<Api>> {
    OpenApiRouter::new()
        .routes(routes!(rows))
        .routes(routes!(row_endpoints))
        .routes(routes!(endpoints))
        .routes(routes!(problems))
        .routes(routes!(compare))
}

impl From<AnswerError> for ApiError {
    fn from(error: AnswerError) -> Self {
        match error {
            AnswerError::UnknownTable { .. } | AnswerError::UnknownRow { .. } => {
                Self::not_found(error.to_string())
            }
            other => Self::internal(&other),
        }
    }
}

/// A row of an answer.
#[derive(Serialize, ToSchema)]
pub(super) struct RowInfo {
    /// Its number in the table; never changes.
    row: u32,
    /// Its cells; bytes that are no UTF-8 stand as `\xHH`.
    cells: Vec<String>,
    /// Endpoints that gave it.
    count: u64,
}

impl From<PageRow> for RowInfo {
    fn from(row: PageRow) -> Self {
        Self {
            row: row.row,
            cells: texts(&row),
            count: row.count,
        }
    }
}

/// The cells of a row as text.
pub(super) fn texts(row: &PageRow) -> Vec<String> {
    row.cells
        .iter()
        .map(|cell| question::cell::text(cell).into_owned())
        .collect()
}

/// A column of a table.
#[derive(Clone, Serialize, ToSchema)]
pub(super) struct TableColumn {
    /// Its name, unique in the table.
    pub name: String,
    /// The sensor it comes from.
    sensor: String,
    /// How its cells compare.
    #[schema(value_type = String)]
    value_type: ValueType,
}

pub(super) fn columns(table: &TablePlan) -> Vec<TableColumn> {
    table
        .columns
        .iter()
        .map(|column| TableColumn {
            name: column.name.clone(),
            sensor: column.sensor.clone(),
            value_type: column.value_type,
        })
        .collect()
}

pub(super) fn table_plan(plan: &Plan, table: u32) -> Result<&TablePlan, ApiError> {
    plan.tables.get(table as usize).ok_or_else(|| {
        ApiError::not_found(format!(
            "table {table} does not exist: this answer has {}",
            plan.tables.len()
        ))
    })
}

/// Which rows, in which order.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct RowsQuery {
    /// Number of the table, 0 unless told.
    #[serde(default)]
    table: u32,
    /// `count`: rare rows first; `-count`: common rows first (the default); a column's name: ascending; `-` and the name: descending.
    sort: Option<String>,
    /// Only rows with a cell that contains this text, without regard to case.
    contains: Option<String>,
    /// Only rows from endpoints in this state, and counted among them.
    state: Option<String>,
    /// Rows to leave out at the beginning.
    #[serde(default)]
    offset: u64,
    /// Rows at most, 100 unless told, 10,000 at most. For whole tables, export.
    limit: Option<usize>,
}

/// A page of a table.
#[derive(Serialize, ToSchema)]
pub(super) struct RowsPage {
    /// The table's columns.
    columns: Vec<TableColumn>,
    /// The rows of this page.
    rows: Vec<RowInfo>,
    /// Rows on all pages.
    total_rows: u64,
    /// Version of the answer; `/events` goes on from there.
    version: u64,
    /// Endpoints by state.
    #[schema(value_type = BTreeMap<String, u64>)]
    coverage: BTreeMap<State, u64>,
    /// Rows that limits cut off on endpoints.
    rows_cut: u64,
}

/// A page of rows, sorted and filtered.
#[utoipa::path(get, path = "/questions/{id}/rows", tag = "answers", security(("session" = []), ("token" = ["read"])),
    params(("id" = u64, Path, description = "The question's number"), RowsQuery), responses(
    (status = OK, body = RowsPage),
    (status = NOT_FOUND, body = ErrorBody),
    (status = UNPROCESSABLE_ENTITY, description = "No such column or state", body = ErrorBody),
))]
async fn rows(
    _caller: Reads,
    Shared(api): Shared<Arc<Api>>,
    Path(id): Path<QuestionId>,
    Query(query): Query<RowsQuery>,
) -> Result<axum::Json<RowsPage>, ApiError> {
    let state = query.state.as_deref().map(parse_state).transpose()?;
    let page = api
        .questions
        .with_answer(id, |answer, plan| -> Result<RowsPage, ApiError> {
            let table = table_plan(plan, query.table)?;
            let wanted = PageQuery {
                sort: sort(query.sort.as_deref(), &table.columns)?,
                contains: query.contains,
                within: state.map(|s| answer.coverage().endpoints(s)),
                offset: query.offset,
                limit: query.limit.unwrap_or(LIMIT).min(LARGEST_LIMIT),
            };
            let page = answer.page(query.table, &wanted)?;
            Ok(RowsPage {
                columns: columns(table),
                rows: page.rows.into_iter().map(Into::into).collect(),
                total_rows: page.total_rows,
                version: page.version,
                coverage: answer.coverage().counts(),
                rows_cut: answer.rows_cut(),
            })
        })
        .await??;
    Ok(axum::Json(page))
}

fn parse_state(text: &str) -> Result<State, ApiError> {
    match text.parse::<State>() {
        Ok(state) => Ok(state),
        Err(error) => Err(ApiError::invalid(error.to_string())),
    }
}

fn sort(text: Option<&str>, columns: &[PlannedColumn]) -> Result<Sort, ApiError> {
    let text = text.unwrap_or("-count");
    match text {
        "count" => return Ok(Sort::CountAsc),
        "-count" => return Ok(Sort::CountDesc),
        _ => {}
    }
    let find = |name: &str| {
        columns
            .iter()
            .position(|c| c.name.eq_ignore_ascii_case(name))
    };
    // A column's name may itself begin with a dash.
    let found = find(text).map(|column| (column, true)).or_else(|| {
        text.strip_prefix('-')
            .and_then(find)
            .map(|column| (column, false))
    });
    let (column, ascending) = found.ok_or_else(|| {
        let names: Vec<_> = columns.iter().map(|c| c.name.as_str()).collect();
        ApiError::invalid(format!(
            "cannot sort by `{text}`; this table has: count, {}",
            names.join(", ")
        ))
    })?;
    let value_type = columns
        .get(column)
        .map_or(ValueType::Text, |c| c.value_type);
    Ok(Sort::Column {
        column,
        ascending,
        compare: Arc::new(move |a, b| typed(a, b, value_type)),
    })
}

/// A total order of cells: those that read as the type by their value, then all others by their bytes.
fn typed(a: &[u8], b: &[u8], value_type: ValueType) -> Ordering {
    let (left, right) = (question::cell::text(a), question::cell::text(b));
    let reads = |text: &str| question::value::compare(text, text, value_type).is_some();
    match question::value::compare(&left, &right, value_type) {
        Some(order) => order,
        None => reads(&right).cmp(&reads(&left)).then_with(|| a.cmp(b)),
    }
}

/// Which part of a list of endpoints.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct Part {
    /// Endpoints to leave out at the beginning.
    #[serde(default)]
    offset: usize,
    /// Endpoints at most; all unless told.
    limit: Option<usize>,
}

/// An endpoint in an answer.
#[derive(Serialize, ToSchema)]
pub(super) struct Member {
    /// Its small number.
    ordinal: u32,
    /// Its identifier.
    id: Option<EndpointId>,
    /// Its host name as it last said.
    hostname: Option<String>,
    /// Its state in this answer.
    #[schema(value_type = String)]
    state: State,
}

fn members(api: &Api, ordinals: Vec<(u32, State)>) -> Vec<Member> {
    ordinals
        .into_iter()
        .map(|(ordinal, state)| {
            let endpoint = api.identity.by_ordinal(ordinal);
            Member {
                ordinal,
                id: endpoint.as_ref().map(|e| e.id),
                hostname: endpoint.map(|e| e.hostname),
                state,
            }
        })
        .collect()
}

fn states(answer: &Answer, set: &EndpointSet, part: &Part) -> Vec<(u32, State)> {
    set.iter()
        .skip(part.offset)
        .take(part.limit.unwrap_or(usize::MAX))
        .filter_map(|ordinal| Some((ordinal, answer.coverage().state_of(ordinal)?)))
        .collect()
}

/// The endpoints that gave a row.
#[utoipa::path(get, path = "/questions/{id}/rows/{table}/{row}/endpoints", tag = "answers", security(("session" = []), ("token" = ["read"])),
    params(
        ("id" = u64, Path, description = "The question's number"),
        ("table" = u32, Path, description = "The table's number"),
        ("row" = u32, Path, description = "The row's number"),
        Part
    ), responses(
    (status = OK, body = Vec<Member>),
    (status = NOT_FOUND, body = ErrorBody),
))]
async fn row_endpoints(
    _caller: Reads,
    Shared(api): Shared<Arc<Api>>,
    Path((id, table, row)): Path<(QuestionId, u32, u32)>,
    Query(part): Query<Part>,
) -> Result<axum::Json<Vec<Member>>, ApiError> {
    let found = api
        .questions
        .with_answer(id, |answer, _| {
            answer
                .endpoints(table, row)
                .map(|set| states(answer, &set, &part))
        })
        .await??;
    Ok(axum::Json(members(&api, found)))
}

/// Which state.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct StateQuery {
    /// Only endpoints in this state; all unless told.
    state: Option<String>,
}

/// The endpoints of an answer with their states.
#[utoipa::path(get, path = "/questions/{id}/endpoints", tag = "answers", security(("session" = []), ("token" = ["read"])),
    params(("id" = u64, Path, description = "The question's number"), StateQuery, Part), responses(
    (status = OK, body = Vec<Member>),
    (status = NOT_FOUND, body = ErrorBody),
    (status = UNPROCESSABLE_ENTITY, description = "No such state", body = ErrorBody),
))]
async fn endpoints(
    _caller: Reads,
    Shared(api): Shared<Arc<Api>>,
    Path(id): Path<QuestionId>,
    Query(query): Query<StateQuery>,
    Query(part): Query<Part>,
) -> Result<axum::Json<Vec<Member>>, ApiError> {
    let state = query.state.as_deref().map(parse_state).transpose()?;
    let found = api
        .questions
        .with_answer(id, |answer, _| {
            let set = match state {
                Some(state) => answer.coverage().endpoints(state),
                None => answer.coverage().all(),
            };
            states(answer, &set, &part)
        })
        .await?;
    Ok(axum::Json(members(&api, found)))
}

/// Something that went wrong on endpoints.
#[derive(Serialize, ToSchema)]
pub(super) struct ProblemInfo {
    /// The sensor.
    sensor: String,
    /// The state it led to.
    #[schema(value_type = String)]
    state: State,
    /// What the endpoints said.
    message: String,
    /// How many said it.
    count: u64,
    /// The first of them, 100 at most, by ordinal.
    endpoints: Vec<u32>,
}

/// What went wrong, by sensor and message.
#[utoipa::path(get, path = "/questions/{id}/problems", tag = "answers", security(("session" = []), ("token" = ["read"])),
    params(("id" = u64, Path, description = "The question's number")), responses(
    (status = OK, body = Vec<ProblemInfo>),
    (status = NOT_FOUND, body = ErrorBody),
))]
async fn problems(
    _caller: Reads,
    Shared(api): Shared<Arc<Api>>,
    Path(id): Path<QuestionId>,
) -> Result<axum::Json<Vec<ProblemInfo>>, ApiError> {
    let problems = api
        .questions
        .with_answer(id, |answer, _| answer.problems())
        .await?;
    let infos = problems
        .into_iter()
        .map(|(sensor, state, message, endpoints)| ProblemInfo {
            sensor,
            state,
            message,
            count: endpoints.len(),
            endpoints: endpoints.iter().take(100).collect(),
        });
    Ok(axum::Json(infos.collect()))
}

/// Which table, and how much of each list.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct CompareQuery {
    /// Number of the table, 0 unless told.
    #[serde(default)]
    table: u32,
    /// Rows to leave out at the beginning of each list.
    #[serde(default)]
    offset: usize,
    /// Rows of each list at most, 1,000 unless told, 10,000 at most.
    limit: Option<usize>,
}

/// A row of a comparison.
#[derive(Serialize, ToSchema)]
pub(super) struct ComparedRow {
    /// Its cells.
    cells: Vec<String>,
    /// Endpoints that gave it in the left answer.
    left: u64,
    /// Endpoints that gave it in the right answer.
    right: u64,
}

/// Two answers side by side.
#[derive(Serialize, ToSchema)]
pub(super) struct ComparisonInfo {
    /// The table's columns.
    columns: Vec<TableColumn>,
    /// Rows of the left answer only.
    only_left: Vec<ComparedRow>,
    /// How many there are in all.
    only_left_total: usize,
    /// Rows of the right answer only.
    only_right: Vec<ComparedRow>,
    /// How many there are in all.
    only_right_total: usize,
    /// Rows of both.
    both: Vec<ComparedRow>,
    /// How many there are in all.
    both_total: usize,
}

/// Compares a table of two answers: rows of the left only, of the right only, and of both, with counts.
#[utoipa::path(get, path = "/questions/{id}/compare/{other}", tag = "answers", security(("session" = []), ("token" = ["read"])),
    params(
        ("id" = u64, Path, description = "The left question's number"),
        ("other" = u64, Path, description = "The right question's number"),
        CompareQuery
    ), responses(
    (status = OK, body = ComparisonInfo),
    (status = NOT_FOUND, body = ErrorBody),
    (status = UNPROCESSABLE_ENTITY, description = "The tables have different columns", body = ErrorBody),
))]
async fn compare(
    _caller: Reads,
    Shared(api): Shared<Arc<Api>>,
    Path((left, right)): Path<(QuestionId, QuestionId)>,
    Query(query): Query<CompareQuery>,
) -> Result<axum::Json<ComparisonInfo>, ApiError> {
    let info = api
        .questions
        .with_answers(left, right, |left, right| compared(left, right, &query))
        .await??;
    Ok(axum::Json(info))
}

fn compared(
    (left, left_plan): (&Answer, &Plan),
    (right, right_plan): (&Answer, &Plan),
    query: &CompareQuery,
) -> Result<ComparisonInfo, ApiError> {
    let table = table_plan(left_plan, query.table)?;
    let names =
        |t: &TablePlan| -> Vec<String> { t.columns.iter().map(|c| c.name.clone()).collect() };
    if names(table) != names(table_plan(right_plan, query.table)?) {
        return Err(ApiError::invalid(
            "the two tables have different columns, so no row can be in both",
        ));
    }
    let found = answer::compare(left, right, query.table)?;
    let limit = query.limit.unwrap_or(1000).min(LARGEST_LIMIT);
    let cells = |answer: &Answer, row: u32| -> Result<Vec<String>, ApiError> {
        Ok(texts(&answer.row(query.table, row)?))
    };
    let part = |rows: &[answer::OneSided], answer: &Answer, is_left: bool| {
        rows.iter()
            .skip(query.offset)
            .take(limit)
            .map(|row| {
                Ok(ComparedRow {
                    cells: cells(answer, row.row)?,
                    left: if is_left { row.count } else { 0 },
                    right: if is_left { 0 } else { row.count },
                })
            })
            .collect::<Result<Vec<_>, ApiError>>()
    };
    Ok(ComparisonInfo {
        columns: columns(table),
        only_left: part(&found.only_left, left, true)?,
        only_left_total: found.only_left.len(),
        only_right: part(&found.only_right, right, false)?,
        only_right_total: found.only_right.len(),
        both: found
            .both
            .iter()
            .skip(query.offset)
            .take(limit)
            .map(|row| {
                Ok(ComparedRow {
                    cells: cells(left, row.left)?,
                    left: row.left_count,
                    right: row.right_count,
                })
            })
            .collect::<Result<_, ApiError>>()?,
        both_total: found.both.len(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_sort_by_value_and_those_that_do_not_read_come_last() {
        let mut cells: Vec<&[u8]> = vec![b"10", b"x", b"9", b"\xff", b"-1"];
        cells.sort_by(|a, b| typed(a, b, ValueType::Integer));
        assert_eq!(cells, [&b"-1"[..], b"9", b"10", b"x", b"\xff"]);
    }

    #[test]
    fn a_sort_is_a_count_or_a_column_either_way() {
        let columns = [PlannedColumn {
            name: "-Odd".into(),
            sensor: "S".into(),
            value_type: ValueType::Text,
        }];
        assert!(matches!(sort(None, &columns), Ok(Sort::CountDesc)));
        assert!(matches!(sort(Some("count"), &columns), Ok(Sort::CountAsc)));
        for (text, up) in [("-odd", true), ("--odd", false)] {
            match sort(Some(text), &columns) {
                Ok(Sort::Column {
                    column: 0,
                    ascending,
                    ..
                }) => assert_eq!(ascending, up),
                _ => panic!("{text} is a column"),
            }
        }
        assert!(sort(Some("other"), &columns).is_err());
    }
}
