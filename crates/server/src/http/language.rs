//! Help with writing questions: parsing, readings of free words, completion; and what there is to ask: sensors. Groups are [`super::groups`]'s.

use super::Api;
use super::error::{ApiError, ErrorBody};
use super::extract::{Json, Path, Reads};
use api::language::{CompletionInfo, Parsed, ReadingInfo, SensorInfo, Text, TextWithCursor};
use axum::extract::State;
use std::sync::Arc;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub(super) fn routes() -> OpenApiRouter<Arc<Api>> {
    OpenApiRouter::new()
        .routes(routes!(parse))
        .routes(routes!(interpret))
        .routes(routes!(complete))
        .routes(routes!(sensors))
        .routes(routes!(sensor))
}

/// No question is longer than this, so no help with one is given.
fn bounded(text: &str) -> Result<(), ApiError> {
    let most = question::MAX_CHARACTERS;
    if text.chars().nth(most).is_some() {
        return Err(ApiError::invalid(format!(
            "a question has at most {most} characters"
        )));
    }
    Ok(())
}

/// Reads a question without asking it.
#[utoipa::path(post, path = "/questions/parse", operation_id = "parse_question", tag = "language", security(("session" = []), ("token" = ["read"])), request_body = Text, responses(
    (status = OK, body = Parsed),
    (status = UNPROCESSABLE_ENTITY, description = "No question; `details` tells the place, what was expected and the nearest names", body = ErrorBody),
))]
async fn parse(
    _caller: Reads,
    State(api): State<Arc<Api>>,
    Json(Text { text }): Json<Text>,
) -> Result<axum::Json<Parsed>, ApiError> {
    let catalogue = api.catalogue.now();
    let question = question::parse(&text, &catalogue).map_err(|e| ApiError::parse(&e))?;
    Ok(axum::Json(Parsed::of(question, &catalogue)))
}

/// Readings of free words, best first; none when nothing fits. A word that is an endpoint's host name means that machine.
#[utoipa::path(post, path = "/questions/interpret", operation_id = "interpret_words", tag = "language", security(("session" = []), ("token" = ["read"])), request_body = Text, responses(
    (status = OK, body = Vec<ReadingInfo>),
    (status = UNPROCESSABLE_ENTITY, description = "The text is too long", body = ErrorBody),
))]
async fn interpret(
    _caller: Reads,
    State(api): State<Arc<Api>>,
    Json(Text { text }): Json<Text>,
) -> Result<axum::Json<Vec<ReadingInfo>>, ApiError> {
    bounded(&text)?;
    let hosts = api.identity.hosts_in(&text);
    let readings = question::interpret_among(&text, &api.catalogue.now(), &hosts);
    Ok(axum::Json(readings.into_iter().map(Into::into).collect()))
}

/// What may come next at the cursor.
#[utoipa::path(post, path = "/questions/complete", operation_id = "complete_question", tag = "language", security(("session" = []), ("token" = ["read"])), request_body = TextWithCursor, responses(
    (status = OK, body = CompletionInfo),
    (status = UNPROCESSABLE_ENTITY, description = "The text is too long", body = ErrorBody),
))]
async fn complete(
    _caller: Reads,
    State(api): State<Arc<Api>>,
    Json(at): Json<TextWithCursor>,
) -> Result<axum::Json<CompletionInfo>, ApiError> {
    bounded(&at.text)?;
    let cursor = at.cursor as usize;
    let found = question::complete(&at.text, cursor, &api.catalogue.now());
    Ok(axum::Json(found.into()))
}

/// All sensors.
#[utoipa::path(get, path = "/sensors", operation_id = "list_sensors", tag = "language", security(("session" = []), ("token" = ["read"])), responses(
    (status = OK, body = Vec<SensorInfo>),
))]
async fn sensors(_caller: Reads, State(api): State<Arc<Api>>) -> axum::Json<Vec<SensorInfo>> {
    let catalogue = api.catalogue.now();
    axum::Json(catalogue.sensors().iter().map(Into::into).collect())
}

/// One sensor, by name or alias.
#[utoipa::path(get, path = "/sensors/{name}", operation_id = "get_sensor", tag = "language", security(("session" = []), ("token" = ["read"])),
    params(("name" = String, Path, description = "Name or alias, without regard to case")), responses(
    (status = OK, body = SensorInfo),
    (status = NOT_FOUND, body = ErrorBody),
))]
async fn sensor(
    _caller: Reads,
    State(api): State<Arc<Api>>,
    Path(name): Path<String>,
) -> Result<axum::Json<SensorInfo>, ApiError> {
    let catalogue = api.catalogue.now();
    let sensor = catalogue
        .sensor(&name)
        .ok_or_else(|| ApiError::not_found("there is no sensor of this name"))?;
    Ok(axum::Json(sensor.into()))
}
