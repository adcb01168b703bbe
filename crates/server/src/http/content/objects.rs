//! Single objects, and what was done to content.

use super::super::Api;
use super::super::error::{ApiError, ErrorBody};
use super::super::extract::{Json, ManagesContent, Path, Query, ReadsContent};
use super::{told, why};
use crate::content::Wanted;
use crate::store::content::DeedQuery;
use ::content::name::Key;
use api::content::{
    DeedInfo, ExpectedQuery, HistoryQuery, ObjectDetail, ObjectEdit, ObjectKind, ObjectsPage,
    ObjectsQuery,
};
use api::ids::LARGEST;
use axum::extract::State;
use axum::http::StatusCode;
use std::sync::Arc;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// Objects on a page.
const PAGE: u32 = 1_000;
const LARGEST_PAGE: u32 = 20_000;
/// Entries of history on a page.
const ENTRIES: u32 = 100;
const MOST_ENTRIES: u32 = 1_000;

pub(super) fn routes() -> OpenApiRouter<Arc<Api>> {
    OpenApiRouter::new()
        .routes(routes!(objects))
        .routes(routes!(object, edit, delete))
        .routes(routes!(object_history))
        .routes(routes!(history))
        .routes(routes!(pack_history))
}

fn entries(query: &HistoryQuery) -> Result<DeedQuery, ApiError> {
    if query.before.is_some_and(|before| before > LARGEST) {
        return Err(ApiError::invalid(format!(
            "`before` is an entry's number, which is {LARGEST} at most"
        )));
    }
    Ok(DeedQuery {
        before: query.before,
        limit: query.limit.unwrap_or(ENTRIES).min(MOST_ENTRIES),
        ..DeedQuery::default()
    })
}

/// Objects by kind and name, of all packs and those that people made.
#[utoipa::path(get, path = "/content/objects", operation_id = "list_objects", tag = "content", security(("session" = []), ("token" = ["read"])),
    params(ObjectsQuery), responses(
    (status = OK, body = ObjectsPage),
))]
async fn objects(
    _caller: ReadsContent,
    State(api): State<Arc<Api>>,
    Query(query): Query<ObjectsQuery>,
) -> axum::Json<ObjectsPage> {
    let found = api.content.objects(&Wanted {
        kind: query.kind.map(told::kind_of),
        pack: query.pack,
        content_set: query.content_set,
        text: query.text,
        offset: query.offset.unwrap_or(0) as usize,
        limit: query.limit.unwrap_or(PAGE).min(LARGEST_PAGE) as usize,
    });
    axum::Json(ObjectsPage {
        total: found.total as u64,
        objects: found.objects.iter().map(told::object).collect(),
    })
}

fn detail(api: &Api, key: &Key) -> Result<axum::Json<ObjectDetail>, ApiError> {
    let found = api.content.object(key)?;
    let files = api.content.files_of(&found);
    Ok(axum::Json(ObjectDetail {
        object: told::object(&found),
        text: found.text(),
        files: files.into_iter().map(told::named_file).collect(),
        source_changed: api.content.source_changed(key),
    }))
}

/// An object in full.
#[utoipa::path(get, path = "/content/objects/{kind}/{name}", operation_id = "get_object", tag = "content", security(("session" = []), ("token" = ["read"])),
    params(("kind" = ObjectKind, Path, description = "Its kind"), ("name" = String, Path, description = "Its name; case does not count")), responses(
    (status = OK, body = ObjectDetail),
    (status = NOT_FOUND, body = ErrorBody),
))]
async fn object(
    _caller: ReadsContent,
    State(api): State<Arc<Api>>,
    Path((kind, name)): Path<(ObjectKind, String)>,
) -> Result<axum::Json<ObjectDetail>, ApiError> {
    detail(&api, &Key::new(told::kind_of(kind), &name))
}

/// Makes an object, or gives one another text. Who changed it since the editor looked is not overwritten.
#[utoipa::path(put, path = "/content/objects/{kind}/{name}", operation_id = "edit_object", tag = "content", security(("session" = []), ("token" = ["admin"])),
    params(("kind" = ObjectKind, Path, description = "Its kind"), ("name" = String, Path, description = "Its name; case does not count")), request_body = ObjectEdit, responses(
    (status = OK, body = ObjectDetail),
    (status = CONFLICT, description = "Somebody changed it since it was looked at: the code is `changed`", body = ErrorBody),
    (status = UNPROCESSABLE_ENTITY, description = "It has faults, which `faults` has all of; or it names a file that is not here", body = ErrorBody),
))]
async fn edit(
    ManagesContent(caller): ManagesContent,
    State(api): State<Arc<Api>>,
    Path((kind, name)): Path<(ObjectKind, String)>,
    Json(wanted): Json<ObjectEdit>,
) -> Result<axum::Json<ObjectDetail>, ApiError> {
    let key = Key::new(told::kind_of(kind), &name);
    let why = why(&caller, Some(wanted.why))?;
    let expected = wanted.expected.map(told::digest).transpose()?;
    api.content
        .edit(key.clone(), wanted.text, expected, why)
        .await?;
    detail(&api, &key)
}

/// Deletes an object that nothing refers to.
#[utoipa::path(delete, path = "/content/objects/{kind}/{name}", operation_id = "delete_object", tag = "content", security(("session" = []), ("token" = ["admin"])),
    params(("kind" = ObjectKind, Path, description = "Its kind"), ("name" = String, Path, description = "Its name; case does not count"), ExpectedQuery), responses(
    (status = NO_CONTENT, description = "Deleted"),
    (status = NOT_FOUND, body = ErrorBody),
    (status = CONFLICT, description = "Something refers to it; with the code `changed`, somebody changed it since it was looked at", body = ErrorBody),
))]
async fn delete(
    ManagesContent(caller): ManagesContent,
    State(api): State<Arc<Api>>,
    Path((kind, name)): Path<(ObjectKind, String)>,
    Query(query): Query<ExpectedQuery>,
) -> Result<StatusCode, ApiError> {
    let why = why(&caller, query.why)?;
    let key = Key::new(told::kind_of(kind), &name);
    api.content
        .delete(key, told::digest(query.expected)?, why)
        .await?;
    Ok(StatusCode::NO_CONTENT)
}

/// What was done to an object, newest first: who, when, why, and what differs. It stays after the object is gone.
#[utoipa::path(get, path = "/content/objects/{kind}/{name}/history", operation_id = "object_history", tag = "content", security(("session" = []), ("token" = ["read"])),
    params(("kind" = ObjectKind, Path, description = "Its kind"), ("name" = String, Path, description = "Its name; case does not count"), HistoryQuery), responses(
    (status = OK, body = Vec<DeedInfo>),
))]
async fn object_history(
    _caller: ReadsContent,
    State(api): State<Arc<Api>>,
    Path((kind, name)): Path<(ObjectKind, String)>,
    Query(query): Query<HistoryQuery>,
) -> Result<axum::Json<Vec<DeedInfo>>, ApiError> {
    let deeds = api.content.deeds(DeedQuery {
        key: Some(Key::new(told::kind_of(kind), &name)),
        ..entries(&query)?
    });
    Ok(axum::Json(deeds.await?.iter().map(told::deed).collect()))
}

/// What was done to content, newest first.
#[utoipa::path(get, path = "/content/history", operation_id = "content_history", tag = "content", security(("session" = []), ("token" = ["read"])),
    params(HistoryQuery), responses(
    (status = OK, body = Vec<DeedInfo>),
))]
async fn history(
    _caller: ReadsContent,
    State(api): State<Arc<Api>>,
    Query(query): Query<HistoryQuery>,
) -> Result<axum::Json<Vec<DeedInfo>>, ApiError> {
    let deeds = api.content.deeds(entries(&query)?).await?;
    Ok(axum::Json(deeds.iter().map(told::deed).collect()))
}

/// What was done to a pack as a whole, and with the files it asks for, newest first.
#[utoipa::path(get, path = "/content/packs/{name}/history", operation_id = "pack_history", tag = "content", security(("session" = []), ("token" = ["read"])),
    params(("name" = String, Path, description = "The pack's name"), HistoryQuery), responses(
    (status = OK, body = Vec<DeedInfo>),
))]
async fn pack_history(
    _caller: ReadsContent,
    State(api): State<Arc<Api>>,
    Path(name): Path<String>,
    Query(query): Query<HistoryQuery>,
) -> Result<axum::Json<Vec<DeedInfo>>, ApiError> {
    let deeds = api.content.deeds(DeedQuery {
        pack: Some(name),
        ..entries(&query)?
    });
    Ok(axum::Json(deeds.await?.iter().map(told::deed).collect()))
}
