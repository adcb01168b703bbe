//! Keeping questions for good, and deleting them.

use super::Api;
use super::error::{ApiError, ErrorBody};
use super::extract::{Asks, Json, Path};
use crate::auth::Caller;
use crate::model::ids;
use api::ids::QuestionId;
use api::question::ToKeep;
use axum::extract::State;
use axum::http::StatusCode;
use rights::Permission;
use std::sync::Arc;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub(super) fn routes() -> OpenApiRouter<Arc<Api>> {
    OpenApiRouter::new()
        .routes(routes!(keep))
        .routes(routes!(delete))
}

/// Operators decide about their own questions, administrators about any.
async fn decides(api: &Api, caller: &Caller, id: ids::QuestionId) -> Result<(), ApiError> {
    let info = api.questions.info(id, &caller.reader()).await?;
    if info.asked_by.user() == Some(caller.user.id) || caller.may(Permission::ManageAnswers) {
        return Ok(());
    }
    Err(ApiError::forbidden(
        "somebody else asked this question; who may manage answers can decide about it",
    ))
}

/// Marks a question as one that stays however old it gets, or takes the mark away. Operators decide about their own,
/// administrators about any.
#[utoipa::path(post, path = "/questions/{id}/keep", operation_id = "keep_question", tag = "questions", security(("session" = []), ("token" = ["ask"])),
    params(("id" = inline(QuestionId), Path, description = "The question's number")), request_body = ToKeep, responses(
    (status = NO_CONTENT, description = "Marked"),
    (status = FORBIDDEN, description = "Somebody else asked it", body = ErrorBody),
    (status = NOT_FOUND, body = ErrorBody),
))]
async fn keep(
    Asks(caller): Asks,
    State(api): State<Arc<Api>>,
    Path(id): Path<QuestionId>,
    Json(wanted): Json<ToKeep>,
) -> Result<StatusCode, ApiError> {
    let id = id.into();
    decides(&api, &caller, id).await?;
    api.questions.keep(id, wanted.keep, &caller.actor()).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Deletes a closed question with its answers, for good; the audit log says who did it. Operators delete their own,
/// administrators any.
#[utoipa::path(post, path = "/questions/{id}/delete", operation_id = "delete_question", tag = "questions", security(("session" = []), ("token" = ["ask"])),
    params(("id" = inline(QuestionId), Path, description = "The question's number")), responses(
    (status = NO_CONTENT, description = "Deleted"),
    (status = FORBIDDEN, description = "Somebody else asked it", body = ErrorBody),
    (status = NOT_FOUND, body = ErrorBody),
    (status = CONFLICT, description = "It still takes answers: cancel it first", body = ErrorBody),
))]
async fn delete(
    Asks(caller): Asks,
    State(api): State<Arc<Api>>,
    Path(id): Path<QuestionId>,
) -> Result<StatusCode, ApiError> {
    let id = id.into();
    decides(&api, &caller, id).await?;
    api.questions.remove(id, &caller.actor()).await?;
    Ok(StatusCode::NO_CONTENT)
}
