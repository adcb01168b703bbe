//! Help with writing questions: parsing, readings of free words, completion; and what there is to ask: sensors. Groups are [`super::groups`]'s.

use super::Api;
use super::error::{ApiError, ErrorBody};
use super::extract::{Json, Path, Reads};
use axum::extract::State;
use question::catalogue::{self, Rows, ValueType};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::sync::Arc;
use utoipa::ToSchema;
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

/// A question's text.
#[derive(Deserialize, ToSchema)]
pub(super) struct Text {
    /// At most 32,000 characters.
    text: String,
}

/// A question that was understood.
#[derive(Serialize, ToSchema)]
pub(super) struct Parsed {
    /// The one text that all texts of this meaning share.
    canonical: String,
    /// The tree.
    #[schema(value_type = Object)]
    question: Value,
    /// The tables its answer will have.
    #[schema(value_type = Object)]
    plan: Value,
}

/// Reads a question without asking it.
#[utoipa::path(post, path = "/questions/parse", tag = "language", security(("session" = []), ("token" = ["read"])), request_body = Text, responses(
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
    Ok(axum::Json(Parsed {
        canonical: question.to_string(),
        plan: json!(question::plan(&question, &catalogue)),
        question: json!(question),
    }))
}

/// What free words may mean.
#[derive(Serialize, ToSchema)]
pub(super) struct ReadingInfo {
    /// The question in canonical form.
    canonical: String,
    /// How well it fits, up to 1.
    score: f64,
    /// The tree.
    #[schema(value_type = Object)]
    question: Value,
}

/// Readings of free words, best first; none when nothing fits.
#[utoipa::path(post, path = "/questions/interpret", tag = "language", security(("session" = []), ("token" = ["read"])), request_body = Text, responses(
    (status = OK, body = Vec<ReadingInfo>),
))]
async fn interpret(
    _caller: Reads,
    State(api): State<Arc<Api>>,
    Json(Text { text }): Json<Text>,
) -> axum::Json<Vec<ReadingInfo>> {
    let readings = question::interpret(&text, &api.catalogue.now());
    let infos = readings.into_iter().map(|reading| ReadingInfo {
        canonical: reading.canonical,
        score: reading.score,
        question: json!(reading.question),
    });
    axum::Json(infos.collect())
}

/// A text with a cursor in it.
#[derive(Deserialize, ToSchema)]
pub(super) struct TextWithCursor {
    /// At most 32,000 characters.
    text: String,
    /// Place in it, in characters.
    cursor: usize,
}

/// What may stand at the cursor.
#[derive(Serialize, ToSchema)]
pub(super) struct CompletionInfo {
    /// First character of the text to replace.
    start: usize,
    /// Character after its last.
    end: usize,
    /// Suggestions, best first.
    items: Vec<SuggestionInfo>,
}

/// A suggestion.
#[derive(Serialize, ToSchema)]
pub(super) struct SuggestionInfo {
    /// What to put there.
    text: String,
    /// Keyword, sensor, column, parameter, value, operator or group.
    #[schema(value_type = String)]
    kind: question::SuggestionKind,
    /// More about it.
    detail: String,
}

/// What may come next at the cursor.
#[utoipa::path(post, path = "/questions/complete", tag = "language", security(("session" = []), ("token" = ["read"])), request_body = TextWithCursor, responses(
    (status = OK, body = CompletionInfo),
))]
async fn complete(
    _caller: Reads,
    State(api): State<Arc<Api>>,
    Json(at): Json<TextWithCursor>,
) -> axum::Json<CompletionInfo> {
    let found = question::complete(&at.text, at.cursor, &api.catalogue.now());
    let items = found.items.into_iter().map(|item| SuggestionInfo {
        text: item.text,
        kind: item.kind,
        detail: item.detail,
    });
    axum::Json(CompletionInfo {
        start: found.start,
        end: found.end,
        items: items.collect(),
    })
}

/// A sensor.
#[derive(Serialize, ToSchema)]
pub(super) struct SensorInfo {
    /// Name.
    name: String,
    /// Further names that questions may use.
    aliases: Vec<String>,
    /// Heading under which it is listed.
    category: String,
    /// What it tells.
    description: String,
    /// Its columns, in order.
    columns: Vec<ColumnInfo>,
    /// Its parameters, in order.
    parameters: Vec<ParameterInfo>,
    /// `one` row for each endpoint, or `many`.
    #[schema(value_type = String)]
    rows: Rows,
    /// Systems on which it gives rows.
    platforms: Vec<&'static str>,
    /// How old its rows may be, unless the question says otherwise.
    max_age_seconds: u64,
    /// A question that uses it.
    example: String,
}

/// A column.
#[derive(Serialize, ToSchema)]
pub(super) struct ColumnInfo {
    /// Name.
    name: String,
    /// How its cells compare: `text`, `integer`, `date-time`, …
    #[serde(rename = "type")]
    #[schema(value_type = String)]
    value_type: ValueType,
    /// What it says.
    description: String,
}

/// A parameter.
#[derive(Serialize, ToSchema)]
pub(super) struct ParameterInfo {
    /// Name inside the bracket.
    key: String,
    /// Type of its value.
    #[serde(rename = "type")]
    #[schema(value_type = String)]
    value_type: ValueType,
    /// Value when none is given; without a default it must be.
    default: Option<String>,
    /// When not empty, the only values it takes.
    allowed: Vec<String>,
    /// What it does.
    description: String,
}

impl From<&catalogue::Sensor> for SensorInfo {
    fn from(sensor: &catalogue::Sensor) -> Self {
        let platforms = [
            (sensor.platforms.linux, "linux"),
            (sensor.platforms.macos, "macos"),
            (sensor.platforms.windows, "windows"),
        ];
        Self {
            name: sensor.name.clone(),
            aliases: sensor.aliases.clone(),
            category: sensor.category.clone(),
            description: sensor.description.clone(),
            columns: sensor
                .columns
                .iter()
                .map(|column| ColumnInfo {
                    name: column.name.clone(),
                    value_type: column.value_type,
                    description: column.description.clone(),
                })
                .collect(),
            parameters: sensor
                .parameters
                .iter()
                .map(|parameter| ParameterInfo {
                    key: parameter.key.clone(),
                    value_type: parameter.value_type,
                    default: parameter.default.clone(),
                    allowed: parameter.allowed.clone(),
                    description: parameter.description.clone(),
                })
                .collect(),
            rows: sensor.rows,
            platforms: platforms
                .into_iter()
                .filter_map(|(yes, name)| yes.then_some(name))
                .collect(),
            max_age_seconds: sensor.max_age.as_secs(),
            example: sensor.example.clone(),
        }
    }
}

/// All sensors.
#[utoipa::path(get, path = "/sensors", tag = "language", security(("session" = []), ("token" = ["read"])), responses(
    (status = OK, body = Vec<SensorInfo>),
))]
async fn sensors(_caller: Reads, State(api): State<Arc<Api>>) -> axum::Json<Vec<SensorInfo>> {
    let catalogue = api.catalogue.now();
    axum::Json(catalogue.sensors().iter().map(Into::into).collect())
}

/// One sensor, by name or alias.
#[utoipa::path(get, path = "/sensors/{name}", tag = "language", security(("session" = []), ("token" = ["read"])),
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
