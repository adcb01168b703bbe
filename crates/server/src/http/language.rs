//! Help with writing questions: parsing, readings of free words, completion; and what there is to ask: sensors. Groups are [`super::groups`]'s.

use super::Api;
use super::error::{ApiError, ErrorBody};
use super::extract::{Json, Path, Reads};
use crate::auth::Caller;
use api::language::{CompletionInfo, Parsed, ReadingInfo, SensorInfo, Text, TextWithCursor};
use axum::extract::State;
use question::Catalogue;
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

/// What the caller may name: of sensors that are not theirs to read, not even the name is told.
fn readable(api: &Api, caller: &Caller) -> Arc<Catalogue> {
    let all = api.catalogue.now();
    if all.sensors().iter().all(|s| caller.reads_sensor(&s.name)) {
        return all;
    }
    let sensors = all.sensors().iter();
    let theirs = Catalogue::new(sensors.filter(|s| caller.reads_sensor(&s.name)).cloned());
    Arc::new(theirs.with_groups(all.groups().cloned()))
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
    Reads(caller): Reads,
    State(api): State<Arc<Api>>,
    Json(Text { text }): Json<Text>,
) -> Result<axum::Json<Parsed>, ApiError> {
    let catalogue = readable(&api, &caller);
    let question = question::parse(&text, &catalogue).map_err(|e| ApiError::parse(&e))?;
    Ok(axum::Json(Parsed::of(question, &catalogue)))
}

/// Readings of free words, best first; none when nothing fits. A word that is an endpoint's host name means that machine.
#[utoipa::path(post, path = "/questions/interpret", operation_id = "interpret_words", tag = "language", security(("session" = []), ("token" = ["read"])), request_body = Text, responses(
    (status = OK, body = Vec<ReadingInfo>),
    (status = UNPROCESSABLE_ENTITY, description = "The text is too long", body = ErrorBody),
))]
async fn interpret(
    Reads(caller): Reads,
    State(api): State<Arc<Api>>,
    Json(Text { text }): Json<Text>,
) -> Result<axum::Json<Vec<ReadingInfo>>, ApiError> {
    bounded(&text)?;
    let reader = caller.reader();
    let hosts = api.identity.hosts_in(&text, |ordinal| reader.sees(ordinal));
    let readings = question::interpret_among(&text, &readable(&api, &caller), &hosts);
    Ok(axum::Json(readings.into_iter().map(Into::into).collect()))
}

/// What may come next at the cursor.
#[utoipa::path(post, path = "/questions/complete", operation_id = "complete_question", tag = "language", security(("session" = []), ("token" = ["read"])), request_body = TextWithCursor, responses(
    (status = OK, body = CompletionInfo),
    (status = UNPROCESSABLE_ENTITY, description = "The text is too long", body = ErrorBody),
))]
async fn complete(
    Reads(caller): Reads,
    State(api): State<Arc<Api>>,
    Json(at): Json<TextWithCursor>,
) -> Result<axum::Json<CompletionInfo>, ApiError> {
    bounded(&at.text)?;
    let cursor = at.cursor as usize;
    let found = question::complete(&at.text, cursor, &readable(&api, &caller));
    Ok(axum::Json(found.into()))
}

/// All sensors.
#[utoipa::path(get, path = "/sensors", operation_id = "list_sensors", tag = "language", security(("session" = []), ("token" = ["read"])), responses(
    (status = OK, body = Vec<SensorInfo>),
))]
async fn sensors(Reads(caller): Reads, State(api): State<Arc<Api>>) -> axum::Json<Vec<SensorInfo>> {
    let catalogue = readable(&api, &caller);
    axum::Json(catalogue.sensors().iter().map(Into::into).collect())
}

/// One sensor, by name or alias.
#[utoipa::path(get, path = "/sensors/{name}", operation_id = "get_sensor", tag = "language", security(("session" = []), ("token" = ["read"])),
    params(("name" = String, Path, description = "Name or alias, without regard to case")), responses(
    (status = OK, body = SensorInfo),
    (status = NOT_FOUND, body = ErrorBody),
))]
async fn sensor(
    Reads(caller): Reads,
    State(api): State<Arc<Api>>,
    Path(name): Path<String>,
) -> Result<axum::Json<SensorInfo>, ApiError> {
    let catalogue = readable(&api, &caller);
    let sensor = catalogue
        .sensor(&name)
        .ok_or_else(|| ApiError::not_found("there is no sensor of this name"))?;
    Ok(axum::Json(sensor.into()))
}
