//! Reading answers: pages of rows, who gave a row, who is in which state, what went wrong, and comparing two answers.

use super::Api;
use super::error::{ApiError, ErrorBody};
use super::extract::{Path, Query, Reads};
use answer::{Answer, AnswerError, EndpointSet, PageQuery, PageRow, Sort, State};
use api::answer::{
    CompareQuery, ComparedRow, ComparisonInfo, Member, MembersQuery, ProblemInfo, RowInfo,
    RowsPage, RowsQuery, StatesQuery,
};
use api::ids::{LARGEST, QuestionId};
use api::question::TableColumn;
use axum::extract::State as Shared;
use question::{Plan, PlannedColumn, TablePlan, ValueType};
use std::cmp::Ordering;
use std::sync::Arc;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

const LIMIT: u32 = 100;
const LARGEST_LIMIT: u32 = 10_000;

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

/// A row as the API tells it.
pub(super) fn row_info(row: PageRow) -> RowInfo {
    RowInfo {
        row: row.row,
        cells: texts(&row),
        count: row.count,
    }
}

/// The cells of a row as text.
pub(super) fn texts(row: &PageRow) -> Vec<String> {
    row.cells
        .iter()
        .map(|cell| question::cell::text(cell).into_owned())
        .collect()
}

pub(super) fn columns(table: &TablePlan) -> Vec<TableColumn> {
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

/// A page of rows, sorted and filtered.
#[utoipa::path(get, path = "/questions/{id}/rows", operation_id = "list_rows", tag = "answers", security(("session" = []), ("token" = ["read"])),
    params(("id" = inline(QuestionId), Path, description = "The question's number"), RowsQuery), responses(
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
    let page = api
        .questions
        .with_answer(id.into(), |answer, plan| -> Result<RowsPage, ApiError> {
            let table = table_plan(plan, query.table)?;
            let wanted = PageQuery {
                sort: sort(query.sort.as_deref(), &table.columns)?,
                contains: query.contains,
                within: query.state.map(|s| answer.coverage().endpoints(s)),
                offset: query.offset.into(),
                limit: query.limit.unwrap_or(LIMIT).min(LARGEST_LIMIT) as usize,
            };
            let page = answer.page(query.table, &wanted)?;
            Ok(RowsPage {
                columns: columns(table),
                rows: page.rows.into_iter().map(row_info).collect(),
                total_rows: page.total_rows,
                version: page.version,
                coverage: answer.coverage().counts(),
                rows_cut: answer.rows_cut().min(LARGEST),
            })
        })
        .await??;
    Ok(axum::Json(page))
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

fn members(api: &Api, ordinals: Vec<(u32, State)>) -> Vec<Member> {
    ordinals
        .into_iter()
        .map(|(ordinal, state)| {
            let endpoint = api.identity.by_ordinal(ordinal);
            Member {
                ordinal,
                id: endpoint.as_ref().map(|e| e.id.into()),
                hostname: endpoint.map(|e| e.hostname),
                state,
            }
        })
        .collect()
}

fn states(
    answer: &Answer,
    set: &EndpointSet,
    (offset, limit): (u32, Option<u32>),
) -> Vec<(u32, State)> {
    set.iter()
        .skip(offset as usize)
        .take(limit.map_or(usize::MAX, |limit| limit as usize))
        .filter_map(|ordinal| Some((ordinal, answer.coverage().state_of(ordinal)?)))
        .collect()
}

/// The endpoints that gave a row.
#[utoipa::path(get, path = "/questions/{id}/rows/{table}/{row}/endpoints", operation_id = "list_row_endpoints", tag = "answers", security(("session" = []), ("token" = ["read"])),
    params(
        ("id" = inline(QuestionId), Path, description = "The question's number"),
        ("table" = u32, Path, description = "The table's number"),
        ("row" = u32, Path, description = "The row's number"),
        MembersQuery
    ), responses(
    (status = OK, body = Vec<Member>),
    (status = NOT_FOUND, body = ErrorBody),
))]
async fn row_endpoints(
    _caller: Reads,
    Shared(api): Shared<Arc<Api>>,
    Path((id, table, row)): Path<(QuestionId, u32, u32)>,
    Query(part): Query<MembersQuery>,
) -> Result<axum::Json<Vec<Member>>, ApiError> {
    let found = api
        .questions
        .with_answer(id.into(), |answer, _| {
            answer
                .endpoints(table, row)
                .map(|set| states(answer, &set, (part.offset, part.limit)))
        })
        .await??;
    Ok(axum::Json(members(&api, found)))
}

/// The endpoints of an answer with their states.
#[utoipa::path(get, path = "/questions/{id}/endpoints", operation_id = "list_answer_endpoints", tag = "answers", security(("session" = []), ("token" = ["read"])),
    params(("id" = inline(QuestionId), Path, description = "The question's number"), StatesQuery), responses(
    (status = OK, body = Vec<Member>),
    (status = NOT_FOUND, body = ErrorBody),
    (status = UNPROCESSABLE_ENTITY, description = "No such state", body = ErrorBody),
))]
async fn endpoints(
    _caller: Reads,
    Shared(api): Shared<Arc<Api>>,
    Path(id): Path<QuestionId>,
    Query(query): Query<StatesQuery>,
) -> Result<axum::Json<Vec<Member>>, ApiError> {
    let found = api
        .questions
        .with_answer(id.into(), |answer, _| {
            let set = match query.state {
                Some(state) => answer.coverage().endpoints(state),
                None => answer.coverage().all(),
            };
            states(answer, &set, (query.offset, query.limit))
        })
        .await?;
    Ok(axum::Json(members(&api, found)))
}

/// What went wrong, by sensor and message.
#[utoipa::path(get, path = "/questions/{id}/problems", operation_id = "list_problems", tag = "answers", security(("session" = []), ("token" = ["read"])),
    params(("id" = inline(QuestionId), Path, description = "The question's number")), responses(
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
        .with_answer(id.into(), |answer, _| problem_infos(answer))
        .await?;
    Ok(axum::Json(problems))
}

/// What went wrong, as the API tells it.
pub(super) fn problem_infos(answer: &Answer) -> Vec<ProblemInfo> {
    let problems = answer.problems().into_iter();
    let infos = problems.map(|(sensor, state, message, endpoints)| ProblemInfo {
        sensor,
        state,
        message,
        count: endpoints.len(),
        endpoints: endpoints.iter().take(100).collect(),
    });
    infos.collect()
}

/// Compares a table of two answers: rows of the left only, of the right only, and of both, with counts.
#[utoipa::path(get, path = "/questions/{id}/compare/{other}", operation_id = "compare_answers", tag = "answers", security(("session" = []), ("token" = ["read"])),
    params(
        ("id" = inline(QuestionId), Path, description = "The left question's number"),
        ("other" = inline(QuestionId), Path, description = "The right question's number"),
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
        .with_answers(left.into(), right.into(), |left, right| {
            compared(left, right, &query)
        })
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
    let limit = query.limit.unwrap_or(1000).min(LARGEST_LIMIT) as usize;
    let offset = query.offset as usize;
    let cells = |answer: &Answer, row: u32| -> Result<Vec<String>, ApiError> {
        Ok(texts(&answer.row(query.table, row)?))
    };
    let part = |rows: &[answer::OneSided], answer: &Answer, is_left: bool| {
        rows.iter()
            .skip(offset)
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
        only_left_total: found.only_left.len() as u64,
        only_right: part(&found.only_right, right, false)?,
        only_right_total: found.only_right.len() as u64,
        both: found
            .both
            .iter()
            .skip(offset)
            .take(limit)
            .map(|row| {
                Ok(ComparedRow {
                    cells: cells(left, row.left)?,
                    left: row.left_count,
                    right: row.right_count,
                })
            })
            .collect::<Result<_, ApiError>>()?,
        both_total: found.both.len() as u64,
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
