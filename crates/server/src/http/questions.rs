//! Asking, listing and cancelling questions.

use super::Api;
use super::error::{ApiError, ErrorBody};
use super::extract::{Asks, Json, Path, Query, Reads};
use crate::model::audit::Deed;
use crate::model::ids::{EndpointId, QuestionId};
use crate::model::order::SealError;
use crate::model::role::Permission;
use crate::questions::{AskError, DEFAULT_LIFE, QuestionError, QuestionInfo};
use crate::quota::Cost;
use answer::{EndpointSet, State};
use axum::extract::State as Shared;
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use utoipa::{IntoParams, ToSchema};
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

/// A question that was asked.
#[derive(Serialize, ToSchema)]
pub(super) struct Asked {
    /// Number.
    pub id: QuestionId,
    /// Canonical text.
    pub text: String,
    /// Who asked.
    pub asked_by: String,
    /// When.
    #[schema(format = DateTime)]
    pub asked_at: String,
    /// Until when endpoints may answer.
    #[schema(format = DateTime)]
    pub expires_at: String,
    /// Whether it was cancelled.
    pub cancelled: bool,
    /// Whether nothing more is taken: it expired or was cancelled.
    pub closed: bool,
    /// The tables of its answer: `{"tables": [{"title", "columns": [{"name", "sensor", "value_type"}], "parts"}]}`.
    #[schema(value_type = Object)]
    pub plan: question::Plan,
    /// Endpoints by state; states without endpoints are left out.
    #[schema(value_type = BTreeMap<String, u64>)]
    pub coverage: BTreeMap<State, u64>,
    /// Distinct rows in all tables.
    pub rows: u64,
    /// Rows that limits cut off on endpoints, as far as those can tell.
    pub rows_cut: u64,
    /// Number of the signed order.
    pub order: u64,
}

impl From<QuestionInfo> for Asked {
    fn from(info: QuestionInfo) -> Self {
        Self {
            id: info.id,
            text: info.text,
            asked_by: info.asked_by.to_string(),
            asked_at: info.asked_at.to_string(),
            expires_at: info.expires_at.to_string(),
            cancelled: info.cancelled,
            closed: info.closed,
            plan: info.plan,
            coverage: info.coverage,
            rows: info.rows,
            rows_cut: info.rows_cut,
            order: info.order,
        }
    }
}

impl From<QuestionError> for ApiError {
    fn from(error: QuestionError) -> Self {
        match error {
            QuestionError::Unknown(_) => Self::not_found(error.to_string()),
            QuestionError::Closed(_) => {
                Self::new(StatusCode::CONFLICT, "conflict", error.to_string())
            }
            QuestionError::Store(error) => error.into(),
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
            AskError::Stopping => Self::new(
                StatusCode::SERVICE_UNAVAILABLE,
                "unavailable",
                error.to_string(),
            ),
            AskError::Store(error) => error.into(),
            other => Self::internal(&other),
        }
    }
}

/// A question to be asked.
#[derive(Deserialize, ToSchema)]
pub(super) struct ToAsk {
    /// Its text, at most 32,000 characters.
    text: String,
    /// How long endpoints may answer: 600 seconds unless told, 30 days at most.
    #[serde(default)]
    #[schema(minimum = 1, maximum = 2_592_000)]
    expires_seconds: Option<u64>,
    /// Ask only these endpoints, 3,000 at most; everybody unless told.
    #[serde(default)]
    targets: Option<Vec<EndpointId>>,
}

/// Asks a question.
#[utoipa::path(post, path = "/questions", tag = "questions", security(("session" = []), ("token" = ["ask"])), request_body = ToAsk, responses(
    (status = CREATED, body = Asked),
    (status = TOO_MANY_REQUESTS, description = "The caller keeps as much open as one asker may; `code` is `quota`", body = ErrorBody),
    (status = UNPROCESSABLE_ENTITY, description = "No question; `details` tells the place, what was expected and the nearest names", body = ErrorBody),
))]
async fn ask(
    Asks(caller): Asks,
    Shared(api): Shared<Arc<Api>>,
    Json(wanted): Json<ToAsk>,
) -> Result<(StatusCode, axum::Json<Asked>), ApiError> {
    let targets = wanted.targets.map(|ids| ordinals(&api, &ids)).transpose()?;
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
        .ask(&wanted.text, &caller.actor(), life, targets)
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

fn ordinals(api: &Api, ids: &[EndpointId]) -> Result<EndpointSet, ApiError> {
    if ids.len() > MOST_TARGETS {
        return Err(ApiError::invalid(format!(
            "a question names {MOST_TARGETS} targets at most; use a filter for more"
        )));
    }
    ids.iter()
        .map(|id| {
            let endpoint = api.identity.endpoint(*id);
            endpoint
                .map(|e| e.ordinal)
                .ok_or_else(|| ApiError::invalid(format!("there is no endpoint {id}")))
        })
        .collect()
}

/// Which questions.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct ListQuery {
    /// Only questions with a smaller number: the next page after the last question seen.
    before: Option<u64>,
    /// At most this many, 100 unless told, 1,000 at most.
    limit: Option<u32>,
}

/// Questions, newest first.
#[utoipa::path(get, path = "/questions", tag = "questions", security(("session" = []), ("token" = ["read"])), params(ListQuery), responses(
    (status = OK, body = Vec<Asked>),
))]
async fn list(
    _caller: Reads,
    Shared(api): Shared<Arc<Api>>,
    Query(query): Query<ListQuery>,
) -> Result<axum::Json<Vec<Asked>>, ApiError> {
    let limit = query.limit.unwrap_or(LIMIT).min(LARGEST_LIMIT);
    let before = query.before.map(QuestionId);
    let infos = api.questions.list(before, limit).await?;
    Ok(axum::Json(infos.into_iter().map(Into::into).collect()))
}

/// One question.
#[utoipa::path(get, path = "/questions/{id}", tag = "questions", security(("session" = []), ("token" = ["read"])),
    params(("id" = u64, Path, description = "The question's number")), responses(
    (status = OK, body = Asked),
    (status = NOT_FOUND, body = ErrorBody),
))]
async fn show(
    _caller: Reads,
    Shared(api): Shared<Arc<Api>>,
    Path(id): Path<QuestionId>,
) -> Result<axum::Json<Asked>, ApiError> {
    Ok(axum::Json(api.questions.info(id).await?.into()))
}

/// Cancels a question: endpoints that work on it are told, nothing more is taken, what came is kept. Operators cancel
/// their own, administrators any.
#[utoipa::path(delete, path = "/questions/{id}", tag = "questions", security(("session" = []), ("token" = ["ask"])),
    params(("id" = u64, Path, description = "The question's number")), responses(
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
    let info = api.questions.info(id).await?;
    if info.asked_by.user() != Some(caller.user.id) && !caller.may(Permission::Admin) {
        return Err(ApiError::forbidden(
            "somebody else asked this question; an administrator can cancel it",
        ));
    }
    api.questions.cancel(id, &caller.actor()).await?;
    Ok(StatusCode::NO_CONTENT)
}
