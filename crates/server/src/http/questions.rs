//! Asking, listing and cancelling questions.

use super::Api;
use super::error::{ApiError, ErrorBody, ErrorCode};
use super::extract::{Asks, Json, Path, Query, Reads, within};
use crate::access::Reader;
use crate::model::audit::Deed;
use crate::model::ids::EndpointId;
use crate::model::order::SealError;
use crate::questions::{AskError, DEFAULT_LIFE, QuestionError, QuestionInfo};
use crate::quota::Cost;
use answer::EndpointSet;
use api::ids::{LARGEST, QuestionId};
use api::question::{Asked, ListQuery, ToAsk};
use axum::extract::State as Shared;
use axum::http::StatusCode;
use rights::Permission;
use std::sync::Arc;
use std::time::Duration;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

const LIMIT: u32 = 100;
const LARGEST_LIMIT: u32 = 1000;
/// Targets in one request; more are better named by a filter.
const MOST_TARGETS: usize = 3000;

pub(super) fn routes() -> OpenApiRouter<Arc<Api>> {
    OpenApiRouter::new()
        .routes(routes!(list, ask))
        .routes(routes!(show, cancel))
}

impl From<QuestionInfo> for Asked {
    fn from(info: QuestionInfo) -> Self {
        Self {
            id: info.id.into(),
            text: info.text,
            tail: info.tail.into(),
            asked_by: info.asked_by.to_string(),
            asked_at: info.asked_at,
            expires_at: info.expires_at,
            cancelled: info.cancelled,
            closed: info.closed,
            plan: info.plan.into(),
            coverage: info.coverage,
            rows: info.rows,
            // What endpoints say of it may be any number.
            rows_cut: info.rows_cut.min(LARGEST),
            order: info.order,
            kept: info.kept,
            answers_removed_at: info.answers_removed_at,
            trouble: info.trouble,
        }
    }
}

impl From<QuestionError> for ApiError {
    fn from(error: QuestionError) -> Self {
        match error {
            QuestionError::Unknown(_) => Self::not_found(error.to_string()),
            QuestionError::Closed(_) => {
                Self::new(StatusCode::CONFLICT, ErrorCode::Conflict, error.to_string())
            }
            QuestionError::Removed { .. } => {
                Self::new(StatusCode::GONE, ErrorCode::Gone, error.to_string())
            }
            QuestionError::Store(error) => error.into(),
            QuestionError::Damaged { .. } | QuestionError::Answer { .. } => Self::damaged(&error),
            other => Self::internal(&other),
        }
    }
}

impl From<AskError> for ApiError {
    fn from(error: AskError) -> Self {
        match error {
            AskError::Parse(error) => Self::parse(&error),
            AskError::Expiry | AskError::NoTargets | AskError::Seal(SealError::TooLarge(_)) => {
                Self::invalid(error.to_string())
            }
            AskError::Unreadable { .. } | AskError::NothingInReach => {
                Self::forbidden(error.to_string())
            }
            AskError::Stopping => Self::new(
                StatusCode::SERVICE_UNAVAILABLE,
                ErrorCode::Unavailable,
                error.to_string(),
            ),
            AskError::Store(error) => error.into(),
            other => Self::internal(&other),
        }
    }
}

/// Asks a question.
#[utoipa::path(post, path = "/questions", operation_id = "ask_question", tag = "questions", security(("session" = []), ("token" = ["ask"])), request_body = ToAsk, responses(
    (status = CREATED, body = Asked),
    (status = TOO_MANY_REQUESTS, description = "The caller keeps as much open as one asker may; `code` is `quota`", body = ErrorBody),
    (status = UNPROCESSABLE_ENTITY, description = "No question; `details` tells the place, what was expected and the nearest names", body = ErrorBody),
))]
async fn ask(
    Asks(caller): Asks,
    Shared(api): Shared<Arc<Api>>,
    Json(wanted): Json<ToAsk>,
) -> Result<(StatusCode, axum::Json<Asked>), ApiError> {
    let reader = caller.reader();
    let targets = wanted.targets;
    let targets = targets
        .map(|ids| ordinals(&api, &reader, &ids))
        .transpose()?;
    let life = wanted.expires_seconds.map(Duration::from_secs);
    let fleet = api.identity.approved().len();
    let cost = Cost {
        life: life.unwrap_or(DEFAULT_LIFE).as_secs(),
        endpoints: targets.as_ref().map_or(fleet, EndpointSet::len),
    };
    let now = api.clock.seconds();
    let user = caller.user.id;
    let _place = api
        .quotas
        .take(api.store.as_ref(), user, cost, fleet, now)
        .await?;
    // Before the question: a group that is removed in between has given its filter already.
    let groups = question::groups_named(&wanted.text, &api.catalogue.now());
    let info = api
        .questions
        .ask(&wanted.text, &caller.actor(), &reader, life, targets)
        .await?;
    api.metrics.question();
    if !groups.is_empty() {
        // Its text carries the filters of these groups; what fails here loses no meaning.
        let deed = Deed::new(
            caller.actor(),
            "question.groups",
            format!("question {}", info.id),
        );
        if let Err(error) = api.store.note_groups(info.id, groups, deed).await {
            tracing::error!(error = &error as &dyn std::error::Error, question = %info.id, "which groups a question was asked by could not be noted");
        }
    }
    Ok((StatusCode::CREATED, axum::Json(info.into())))
}

fn ordinals(
    api: &Api,
    reader: &Reader,
    ids: &[api::ids::EndpointId],
) -> Result<EndpointSet, ApiError> {
    if ids.len() > MOST_TARGETS {
        return Err(ApiError::invalid(format!(
            "a question names {MOST_TARGETS} targets at most; use a filter for more"
        )));
    }
    ids.iter()
        .map(|id| {
            let endpoint = api.identity.endpoint(EndpointId::from(*id));
            endpoint
                .map(|e| e.ordinal)
                .filter(|ordinal| reader.sees(*ordinal))
                .ok_or_else(|| ApiError::invalid(format!("there is no endpoint {id}")))
        })
        .collect()
}

/// Questions, newest first.
#[utoipa::path(get, path = "/questions", operation_id = "list_questions", tag = "questions", security(("session" = []), ("token" = ["read"])), params(ListQuery), responses(
    (status = OK, body = Vec<Asked>),
    (status = UNPROCESSABLE_ENTITY, description = "Too many at once", body = ErrorBody),
))]
async fn list(
    Reads(caller): Reads,
    Shared(api): Shared<Arc<Api>>,
    Query(query): Query<ListQuery>,
) -> Result<axum::Json<Vec<Asked>>, ApiError> {
    let limit = within(query.limit, LIMIT, LARGEST_LIMIT)?;
    let before = query.before.map(Into::into);
    let mine = query.mine.then_some(caller.user.id);
    let infos = api
        .questions
        .list(before, mine, limit, &caller.reader())
        .await?;
    Ok(axum::Json(infos.into_iter().map(Into::into).collect()))
}

/// One question.
#[utoipa::path(get, path = "/questions/{id}", operation_id = "get_question", tag = "questions", security(("session" = []), ("token" = ["read"])),
    params(("id" = inline(QuestionId), Path, description = "The question's number")), responses(
    (status = OK, body = Asked),
    (status = NOT_FOUND, body = ErrorBody),
))]
async fn show(
    Reads(caller): Reads,
    Shared(api): Shared<Arc<Api>>,
    Path(id): Path<QuestionId>,
) -> Result<axum::Json<Asked>, ApiError> {
    let info = api.questions.info(id.into(), &caller.reader()).await?;
    Ok(axum::Json(info.into()))
}

/// Cancels a question: endpoints that work on it are told, nothing more is taken, what came is kept. Operators cancel
/// their own, administrators any.
#[utoipa::path(delete, path = "/questions/{id}", operation_id = "cancel_question", tag = "questions", security(("session" = []), ("token" = ["ask"])),
    params(("id" = inline(QuestionId), Path, description = "The question's number")), responses(
    (status = NO_CONTENT, description = "Cancelled"),
    (status = FORBIDDEN, description = "Somebody else asked it", body = ErrorBody),
    (status = NOT_FOUND, body = ErrorBody),
    (status = CONFLICT, description = "It is closed already", body = ErrorBody),
))]
async fn cancel(
    Asks(caller): Asks,
    Shared(api): Shared<Arc<Api>>,
    Path(id): Path<QuestionId>,
) -> Result<StatusCode, ApiError> {
    let id = id.into();
    let info = api.questions.info(id, &caller.reader()).await?;
    if info.asked_by.user() != Some(caller.user.id) && !caller.may(Permission::ManageAnswers) {
        return Err(ApiError::forbidden(
            "somebody else asked this question; who may manage answers can cancel it",
        ));
    }
    api.questions.cancel(id, &caller.actor()).await?;
    Ok(StatusCode::NO_CONTENT)
}
