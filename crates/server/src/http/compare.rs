//! Two answers side by side: rows of the left only, of the right only, and of both, with counts. Whole rows, or some columns of them, by
//! which answers with different tables compare too.

use super::Api;
use super::answers::{texts, unanswered};
use super::error::{ApiError, ErrorBody};
use super::extract::{Path, Query, Reads, within};
use super::shown::{self, Shown, Wanted};
use crate::questions::QuestionInfo;
use answer::{Comparison, OneSided, View};
use api::answer::{CompareQuery, ComparedPart, ComparedRow, ComparedSide, ComparisonInfo};
use api::ids::QuestionId;
use axum::extract::State as Shared;
use question::Plan;
use std::sync::Arc;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

const LIMIT: u32 = 1_000;
const LARGEST_LIMIT: u32 = 10_000;

pub(super) fn routes() -> OpenApiRouter<Arc<Api>> {
    OpenApiRouter::new().routes(routes!(compare))
}

/// Compares a table of two answers: rows of the left only, of the right only, and of both, with counts. Bounds on the count, in the
/// questions' tails, leave nothing out here.
#[utoipa::path(get, path = "/questions/{id}/compare/{other}", operation_id = "compare_answers", tag = "answers", security(("session" = []), ("token" = ["read"])),
    params(
        ("id" = inline(QuestionId), Path, description = "The left question's number"),
        ("other" = inline(QuestionId), Path, description = "The right question's number"),
        CompareQuery
    ), responses(
    (status = OK, body = ComparisonInfo),
    (status = NOT_FOUND, body = ErrorBody),
    (status = UNPROCESSABLE_ENTITY, description = "The tables have different columns, or one of them has no such column", body = ErrorBody),
))]
async fn compare(
    Reads(caller): Reads,
    Shared(api): Shared<Arc<Api>>,
    Path((left, right)): Path<(QuestionId, QuestionId)>,
    Query(query): Query<CompareQuery>,
) -> Result<axum::Json<ComparisonInfo>, ApiError> {
    let (left, right) = (left.into(), right.into());
    let reader = caller.reader();
    let infos = (
        api.questions.info(left, &reader).await?,
        api.questions.info(right, &reader).await?,
    );
    let info = api
        .questions
        .with_answers(left, right, &reader, |left, right| {
            let sides = |by: Option<&str>| -> Result<_, ApiError> {
                let left = Side::new(left, &infos.0, query.table, by)?;
                Ok((left, Side::new(right, &infos.1, query.table, by)?))
            };
            let mut both = sides(query.by.as_deref())?;
            if query.by.is_none() && !both.0.is_like(&both.1) {
                // Counted by different columns, or one of them by none: by whole rows, unless the reader says by what.
                both = sides(Some(""))?;
            }
            if !both.0.is_like(&both.1) {
                return Err(ApiError::invalid(
                    "the two tables have different columns, so no row can be in both; `by` compares them by columns that both have",
                ));
            }
            compared(&both.0, &both.1, &query)
        })
        .await??;
    Ok(axum::Json(info))
}

/// One of the two, as it is compared.
struct Side<'a> {
    info: &'a QuestionInfo,
    answer: View<'a>,
    shown: Shown,
}

impl<'a> Side<'a> {
    fn new(
        (answer, plan): (View<'a>, &Plan),
        info: &'a QuestionInfo,
        table: u32,
        by: Option<&str>,
    ) -> Result<Self, ApiError> {
        let wanted = Wanted {
            by,
            count: Some(""),
            machines: None,
        };
        Ok(Self {
            shown: shown::of_table(plan, &info.tail, table, wanted)?,
            info,
            answer,
        })
    }

    fn is_like(&self, other: &Self) -> bool {
        let names = |side: &Self| -> Vec<String> {
            let columns = side.shown.columns.iter();
            columns.map(|c| c.name.to_lowercase()).collect()
        };
        self.shown.show.by.is_some() == other.shown.show.by.is_some() && names(self) == names(other)
    }

    fn told(&self, rows: usize) -> ComparedSide {
        ComparedSide {
            id: self.info.id.into(),
            question: self.info.text.clone(),
            asked_at: self.info.asked_at,
            endpoints: self.answer.coverage().total(),
            unanswered: unanswered(&self.answer.coverage()),
            coverage: self.answer.coverage().counts(),
            rows: rows as u64,
        }
    }

    /// The cells of a row, or of the columns that are compared.
    fn cells(&self, table: u32, row: u32) -> Result<Vec<String>, ApiError> {
        let all = texts(&self.answer.row(table, row)?);
        Ok(match &self.shown.show.by {
            Some(by) => by.iter().filter_map(|at| all.get(*at).cloned()).collect(),
            None => all,
        })
    }
}

fn found(left: &Side<'_>, right: &Side<'_>, table: u32) -> Result<Comparison, ApiError> {
    Ok(match (&left.shown.show.by, &right.shown.show.by) {
        (Some(ours), Some(theirs)) => {
            answer::compare_by((left.answer, ours), (right.answer, theirs), table)?
        }
        _ => answer::compare(left.answer, right.answer, table)?,
    })
}

fn compared(
    left: &Side<'_>,
    right: &Side<'_>,
    query: &CompareQuery,
) -> Result<ComparisonInfo, ApiError> {
    let table = query.table;
    let found = found(left, right, table)?;
    let limit = within(query.limit, LIMIT, LARGEST_LIMIT)? as usize;
    let offset = query.offset as usize;
    let wanted = |part| query.part.is_none_or(|wanted| wanted == part);
    let limit = |part| if wanted(part) { limit } else { 0 };
    let one_sided = |side: &Side<'_>, rows: &[OneSided], is_left: bool| {
        let part = if is_left {
            ComparedPart::OnlyLeft
        } else {
            ComparedPart::OnlyRight
        };
        let rows = rows.iter().skip(offset).take(limit(part));
        rows.map(|row| {
            Ok(ComparedRow {
                cells: side.cells(table, row.row)?,
                left: if is_left { row.count } else { 0 },
                right: if is_left { 0 } else { row.count },
            })
        })
        .collect::<Result<Vec<_>, ApiError>>()
    };
    let most = limit(ComparedPart::Both);
    let both = found.both.iter().skip(offset).take(most).map(|row| {
        Ok(ComparedRow {
            cells: left.cells(table, row.left)?,
            left: row.left_count,
            right: row.right_count,
        })
    });
    Ok(ComparisonInfo {
        left: left.told(found.only_left.len() + found.both.len()),
        right: right.told(found.only_right.len() + found.both.len()),
        columns: left.shown.columns.clone(),
        only_left: one_sided(left, &found.only_left, true)?,
        only_left_total: found.only_left.len() as u64,
        only_right: one_sided(right, &found.only_right, false)?,
        only_right_total: found.only_right.len() as u64,
        both: both.collect::<Result<_, ApiError>>()?,
        both_total: found.both.len() as u64,
    })
}
