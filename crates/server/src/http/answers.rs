//! Reading answers: pages of rows, who gave a row, who is in which state, and what went wrong. Two answers side by side are
//! [`super::compare`]'s.

use super::Api;
use super::error::{ApiError, ErrorBody};
use super::extract::{Path, Query, Reads, within};
use super::shown::{self, Wanted, table_plan};
use answer::{AnswerError, Coverage, EndpointSet, PageQuery, PageRow, Sort, State, View};
use api::answer::{Member, MembersQuery, ProblemInfo, RowInfo, RowsPage, RowsQuery, StatesQuery};
use api::ids::{LARGEST, QuestionId};
use axum::extract::State as Shared;
use question::{PlannedColumn, ValueType};
use std::cmp::Ordering;
use std::sync::Arc;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

const LIMIT: u32 = 100;
const LARGEST_LIMIT: u32 = 10_000;
/// Endpoints that one page names at most.
const MOST_NAMES: u64 = 100_000;

pub(super) fn routes() -> OpenApiRouter<Arc<Api>> {
    OpenApiRouter::new()
        .routes(routes!(rows))
        .routes(routes!(row_endpoints))
        .routes(routes!(endpoints))
        .routes(routes!(problems))
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
        machines: None,
    }
}

/// As [`row_info`], with the names of its endpoints.
fn named_row(api: &Api, row: PageRow, named: bool) -> RowInfo {
    RowInfo {
        machines: named.then(|| shown::machines(api, &row.endpoints)),
        ..row_info(row)
    }
}

/// The cells of a row as text.
pub(super) fn texts(row: &PageRow) -> Vec<String> {
    row.cells
        .iter()
        .map(|cell| question::cell::text(cell).into_owned())
        .collect()
}

/// A page of rows, sorted and filtered.
#[utoipa::path(get, path = "/questions/{id}/rows", operation_id = "list_rows", tag = "answers", security(("session" = []), ("token" = ["read"])),
    params(("id" = inline(QuestionId), Path, description = "The question's number"), RowsQuery), responses(
    (status = OK, body = RowsPage),
    (status = NOT_FOUND, body = ErrorBody),
    (status = UNPROCESSABLE_ENTITY, description = "No such column or state, no bound on the count, or more names than a page holds", body = ErrorBody),
))]
async fn rows(
    Reads(caller): Reads,
    Shared(api): Shared<Arc<Api>>,
    Path(id): Path<QuestionId>,
    Query(query): Query<RowsQuery>,
) -> Result<axum::Json<RowsPage>, ApiError> {
    let limit = within(query.limit, LIMIT, LARGEST_LIMIT)?;
    let names = u64::from(query.machines.unwrap_or(0)) * u64::from(limit);
    if names > MOST_NAMES {
        return Err(ApiError::invalid(format!(
            "a page names {MOST_NAMES} endpoints at most; ask for fewer rows or fewer machines of each, or export the answer"
        )));
    }
    let wanted = Wanted {
        by: query.by.as_deref(),
        count: query.count.as_deref(),
        machines: query.machines,
    };
    let id = id.into();
    let reader = caller.reader();
    let tail = api.questions.info(id, &reader).await?.tail;
    let (page, info) = api
        .questions
        .with_answer(id, &reader, |answer, plan| -> Result<_, ApiError> {
            let coverage = answer.coverage();
            let shown = shown::of_table(plan, &tail, query.table, wanted)?;
            let planned = &table_plan(plan, query.table)?.columns;
            let visible: Vec<PlannedColumn> = match &shown.show.by {
                Some(by) => by
                    .iter()
                    .filter_map(|at| planned.get(*at).cloned())
                    .collect(),
                None => planned.clone(),
            };
            let wanted = PageQuery {
                sort: sort(query.sort.as_deref(), &visible)?,
                contains: query.contains,
                within: query.state.map(|s| coverage.endpoints(s)),
                offset: query.offset.into(),
                limit: limit as usize,
                show: shown.show,
            };
            let page = answer.page(query.table, &wanted)?;
            let info = RowsPage {
                columns: shown.columns,
                rows: Vec::new(),
                total_rows: page.total_rows,
                version: answer.told_version(),
                coverage: coverage.counts(),
                unanswered: unanswered(&coverage),
                rows_cut: answer.rows_cut().min(LARGEST),
            };
            Ok((page, info))
        })
        .await??;
    // Names are looked up after the answer is let go: merging does not wait for that.
    let named = query.machines.is_some();
    let rows = page.rows.into_iter();
    Ok(axum::Json(RowsPage {
        rows: rows.map(|row| named_row(&api, row, named)).collect(),
        ..info
    }))
}

/// Endpoints that have not given their answer.
pub(super) fn unanswered(coverage: &Coverage) -> u64 {
    let counts = coverage.counts().into_iter();
    counts
        .filter(|(state, _)| !state.is_settled())
        .map(|(_, count)| count)
        .sum()
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
    coverage: &Coverage,
    set: &EndpointSet,
    (offset, limit): (u32, Option<u32>),
) -> Vec<(u32, State)> {
    set.iter()
        .skip(offset as usize)
        .take(limit.map_or(usize::MAX, |limit| limit as usize))
        .filter_map(|ordinal| Some((ordinal, coverage.state_of(ordinal)?)))
        .collect()
}

/// The endpoints that gave a row, or one with the same cells in some columns.
#[utoipa::path(get, path = "/questions/{id}/rows/{table}/{row}/endpoints", operation_id = "list_row_endpoints", tag = "answers", security(("session" = []), ("token" = ["read"])),
    params(
        ("id" = inline(QuestionId), Path, description = "The question's number"),
        ("table" = u32, Path, description = "The table's number"),
        ("row" = u32, Path, description = "The row's number"),
        MembersQuery
    ), responses(
    (status = OK, body = Vec<Member>),
    (status = NOT_FOUND, body = ErrorBody),
    (status = UNPROCESSABLE_ENTITY, description = "No such column", body = ErrorBody),
))]
async fn row_endpoints(
    Reads(caller): Reads,
    Shared(api): Shared<Arc<Api>>,
    Path((id, table, row)): Path<(QuestionId, u32, u32)>,
    Query(part): Query<MembersQuery>,
) -> Result<axum::Json<Vec<Member>>, ApiError> {
    let id = id.into();
    let reader = caller.reader();
    let tail = api.questions.info(id, &reader).await?.tail;
    let wanted = Wanted {
        by: part.by.as_deref(),
        count: Some(""),
        machines: None,
    };
    let found = api
        .questions
        .with_answer(id, &reader, |answer, plan| -> Result<_, ApiError> {
            let shown = shown::of_table(plan, &tail, table, wanted)?;
            let set = match &shown.show.by {
                Some(by) => answer.endpoints_by(table, row, by)?,
                None => answer.endpoints(table, row)?,
            };
            Ok(states(&answer.coverage(), &set, (part.offset, part.limit)))
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
    Reads(caller): Reads,
    Shared(api): Shared<Arc<Api>>,
    Path(id): Path<QuestionId>,
    Query(query): Query<StatesQuery>,
) -> Result<axum::Json<Vec<Member>>, ApiError> {
    let found = api
        .questions
        .with_answer(id.into(), &caller.reader(), |answer, _| {
            let coverage = answer.coverage();
            let set = match query.state {
                Some(state) => coverage.endpoints(state),
                None => coverage.all(),
            };
            states(&coverage, &set, (query.offset, query.limit))
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
    Reads(caller): Reads,
    Shared(api): Shared<Arc<Api>>,
    Path(id): Path<QuestionId>,
) -> Result<axum::Json<Vec<ProblemInfo>>, ApiError> {
    let problems = api
        .questions
        .with_answer(id.into(), &caller.reader(), |answer, _| {
            problem_infos(answer)
        })
        .await?;
    Ok(axum::Json(problems))
}

/// What went wrong, as the API tells it.
pub(super) fn problem_infos(answer: View<'_>) -> Vec<ProblemInfo> {
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
