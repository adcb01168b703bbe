//! Help with writing questions: parsing, readings of free words, completion; and what there is to ask: sensors and groups.

use super::Api;
use super::error::{ApiError, ErrorBody};
use super::extract::{Asks, Json, Path, Reads};
use crate::model::audit::Deed;
use axum::extract::State;
use axum::http::StatusCode;
use question::catalogue::{self, Group, Rows, ValueType};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::sync::Arc;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

const LONGEST_GROUP_NAME: usize = 128;

pub(super) fn routes() -> OpenApiRouter<Arc<Api>> {
    OpenApiRouter::new()
        .routes(routes!(parse))
        .routes(routes!(interpret))
        .routes(routes!(complete))
        .routes(routes!(sensors))
        .routes(routes!(sensor))
        .routes(routes!(groups, create_group))
        .routes(routes!(delete_group))
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

/// A computer group: a name that stands for a filter in the from clause.
#[derive(Serialize, Deserialize, ToSchema)]
pub(super) struct GroupInfo {
    /// Name.
    name: String,
    /// The filter, as it would stand after `from all machines with`.
    filter: String,
}

/// All groups, by name.
#[utoipa::path(get, path = "/groups", tag = "groups", security(("session" = []), ("token" = ["read"])), responses(
    (status = OK, body = Vec<GroupInfo>),
))]
async fn groups(
    _caller: Reads,
    State(api): State<Arc<Api>>,
) -> Result<axum::Json<Vec<GroupInfo>>, ApiError> {
    let groups = api.store.groups().await?;
    let infos = groups.into_iter().map(|group| GroupInfo {
        name: group.name,
        filter: group.filter,
    });
    Ok(axum::Json(infos.collect()))
}

/// Adds a group; its filter is stored in canonical form.
#[utoipa::path(post, path = "/groups", tag = "groups", security(("session" = []), ("token" = ["ask"])), request_body = GroupInfo, responses(
    (status = CREATED, body = GroupInfo),
    (status = CONFLICT, description = "The name is taken", body = ErrorBody),
    (status = UNPROCESSABLE_ENTITY, description = "The filter is none", body = ErrorBody),
))]
async fn create_group(
    Asks(caller): Asks,
    State(api): State<Arc<Api>>,
    Json(wanted): Json<GroupInfo>,
) -> Result<(StatusCode, axum::Json<GroupInfo>), ApiError> {
    let name = wanted.name.trim();
    let length = name.chars().count();
    if length == 0 || length > LONGEST_GROUP_NAME || name.chars().any(char::is_control) {
        return Err(ApiError::invalid(format!(
            "a group's name has 1 to {LONGEST_GROUP_NAME} characters and no control characters"
        )));
    }
    let text = format!(
        "Get number of machines from all machines with {}",
        wanted.filter
    );
    let question = question::parse(&text, &api.catalogue.now()).map_err(|e| ApiError::parse(&e))?;
    let filter = question
        .filter
        .ok_or_else(|| ApiError::invalid("the filter is empty"))?;
    let group = Group {
        name: name.to_owned(),
        filter: filter.to_string(),
    };
    let deed = Deed::new(caller.actor(), "group.create", &group.name)
        .with(json!({"filter": group.filter}));
    let info = GroupInfo {
        name: group.name.clone(),
        filter: group.filter.clone(),
    };
    api.store
        .create_group(group, caller.user.name, deed)
        .await?;
    api.reload_groups().await?;
    Ok((StatusCode::CREATED, axum::Json(info)))
}

/// Removes a group.
#[utoipa::path(delete, path = "/groups/{name}", tag = "groups", security(("session" = []), ("token" = ["ask"])),
    params(("name" = String, Path, description = "The group's name")), responses(
    (status = NO_CONTENT, description = "Removed"),
    (status = NOT_FOUND, body = ErrorBody),
))]
async fn delete_group(
    Asks(caller): Asks,
    State(api): State<Arc<Api>>,
    Path(name): Path<String>,
) -> Result<StatusCode, ApiError> {
    let deed = Deed::new(caller.actor(), "group.delete", &name);
    api.store.delete_group(name, deed).await?;
    api.reload_groups().await?;
    Ok(StatusCode::NO_CONTENT)
}
