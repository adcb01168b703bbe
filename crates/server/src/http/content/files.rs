//! Files: those that packs ask for, those of packages, those that are sent ahead, and all of them by digest.

use super::super::Api;
use super::super::error::{ApiError, ErrorBody};
use super::super::extract::{ManagesContent, Path, Query, ReadsContent};
use super::{told, upload, why};
use crate::content::LARGEST_FILE;
use api::content::{ExpectedQuery, StoredFile, WhyQuery};
use api::ids::Sha256;
use axum::body::Body;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use futures_util::stream;
use std::io::Read as _;
use std::sync::Arc;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// Bytes of a piece of a file on its way out.
const PIECE: usize = 256 << 10;

pub(super) fn routes() -> OpenApiRouter<Arc<Api>> {
    OpenApiRouter::new()
        .routes(routes!(supply, withdraw))
        .routes(routes!(ahead))
        .routes(routes!(file))
        .routes(routes!(put_package_file, remove_package_file))
}

/// Supplies a file that a pack asks for; it is kept over upgrades.
#[utoipa::path(put, path = "/content/packs/{name}/supplied/{file}", operation_id = "supply_file", tag = "content", security(("session" = []), ("token" = ["admin"])),
    params(("name" = String, Path, description = "The pack's name"), ("file" = String, Path, description = "The name under which the pack asks for it"), WhyQuery),
    request_body(content = String, content_type = "application/octet-stream", description = "The file"), responses(
    (status = OK, body = StoredFile),
    (status = NOT_FOUND, description = "There is no such pack", body = ErrorBody),
    (status = PAYLOAD_TOO_LARGE, body = ErrorBody),
    (status = UNPROCESSABLE_ENTITY, description = "The pack does not ask for it, or it must have another content", body = ErrorBody),
))]
async fn supply(
    ManagesContent(caller): ManagesContent,
    State(api): State<Arc<Api>>,
    Path((name, file)): Path<(String, String)>,
    Query(query): Query<WhyQuery>,
    body: Body,
) -> Result<axum::Json<StoredFile>, ApiError> {
    let why = why(&caller, query.why)?;
    let draft = upload::take(&api.content, body, LARGEST_FILE, "the file").await?;
    let kept = api.content.supply(name, file, draft, why).await?;
    Ok(axum::Json(told::file(kept)))
}

/// Takes a supplied file away.
#[utoipa::path(delete, path = "/content/packs/{name}/supplied/{file}", operation_id = "withdraw_file", tag = "content", security(("session" = []), ("token" = ["admin"])),
    params(("name" = String, Path, description = "The pack's name"), ("file" = String, Path, description = "The name under which the pack asks for it"), WhyQuery), responses(
    (status = NO_CONTENT, description = "Taken away"),
    (status = NOT_FOUND, body = ErrorBody),
))]
async fn withdraw(
    ManagesContent(caller): ManagesContent,
    State(api): State<Arc<Api>>,
    Path((name, file)): Path<(String, String)>,
    Query(query): Query<WhyQuery>,
) -> Result<StatusCode, ApiError> {
    let why = why(&caller, query.why)?;
    api.content.withdraw(name, file, why).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Takes a file ahead of the edit of an object that names it by its digest. Until then it stays only as long as the server runs.
#[utoipa::path(post, path = "/content/files", operation_id = "send_file", tag = "content", security(("session" = []), ("token" = ["admin"])),
    request_body(content = Option<String>, content_type = "application/octet-stream", description = "The file"), responses(
    (status = OK, body = StoredFile),
    (status = PAYLOAD_TOO_LARGE, description = "It is too large, or too much waits already", body = ErrorBody),
))]
async fn ahead(
    _caller: ManagesContent,
    State(api): State<Arc<Api>>,
    body: Body,
) -> Result<axum::Json<StoredFile>, ApiError> {
    let draft = upload::take(&api.content, body, LARGEST_FILE, "the file").await?;
    let kept = api.content.ahead(draft).await?;
    Ok(axum::Json(told::file(kept)))
}

/// A file by its digest, as long as an object, a pack or their history names it.
#[utoipa::path(get, path = "/content/files/{sha256}", operation_id = "get_file", tag = "content", security(("session" = []), ("token" = ["read"])),
    params(("sha256" = inline(Sha256), Path, description = "The file's digest")), responses(
    (status = OK, description = "The file", body = String, content_type = "application/octet-stream"),
    (status = NOT_FOUND, body = ErrorBody),
))]
async fn file(
    _caller: ReadsContent,
    State(api): State<Arc<Api>>,
    Path(sha256): Path<Sha256>,
) -> Result<Response, ApiError> {
    let (file, size) = api.content.file(told::digest(sha256)?)?;
    let pieces = stream::try_unfold(file, |mut file| async move {
        let read = tokio::task::spawn_blocking(move || {
            let mut piece = Vec::new();
            let read = file.by_ref().take(PIECE as u64).read_to_end(&mut piece);
            read.map(|_| (piece, file))
        });
        let (piece, file) = read.await.map_err(std::io::Error::other)??;
        Ok::<_, std::io::Error>((!piece.is_empty()).then(|| (Bytes::from(piece), file)))
    });
    let headers = [
        (header::CONTENT_TYPE, "application/octet-stream".to_owned()),
        (header::CONTENT_LENGTH, size.to_string()),
    ];
    Ok((headers, Body::from_stream(pieces)).into_response())
}

/// Gives a package a file, or another content to one that it has.
#[utoipa::path(put, path = "/content/packages/{name}/files/{file}", operation_id = "put_package_file", tag = "content", security(("session" = []), ("token" = ["admin"])),
    params(("name" = String, Path, description = "The package's name"), ("file" = String, Path, description = "The file's name on endpoints"), ExpectedQuery),
    request_body(content = String, content_type = "application/octet-stream", description = "The file"), responses(
    (status = OK, body = StoredFile),
    (status = NOT_FOUND, description = "There is no such package", body = ErrorBody),
    (status = CONFLICT, description = "Somebody changed the package since it was looked at: the code is `changed`", body = ErrorBody),
    (status = PAYLOAD_TOO_LARGE, body = ErrorBody),
    (status = UNPROCESSABLE_ENTITY, description = "The name is none, or the file is one that is supplied to the pack", body = ErrorBody),
))]
async fn put_package_file(
    ManagesContent(caller): ManagesContent,
    State(api): State<Arc<Api>>,
    Path((name, file)): Path<(String, String)>,
    Query(query): Query<ExpectedQuery>,
    body: Body,
) -> Result<axum::Json<StoredFile>, ApiError> {
    let why = why(&caller, query.why)?;
    let expected = told::digest(query.expected)?;
    let draft = upload::take(&api.content, body, LARGEST_FILE, "the file").await?;
    let kept = api
        .content
        .put_package_file(&name, file, draft, expected, why)
        .await?;
    Ok(axum::Json(told::file(kept)))
}

/// Takes a file from a package.
#[utoipa::path(delete, path = "/content/packages/{name}/files/{file}", operation_id = "remove_package_file", tag = "content", security(("session" = []), ("token" = ["admin"])),
    params(("name" = String, Path, description = "The package's name"), ("file" = String, Path, description = "The file's name on endpoints"), ExpectedQuery), responses(
    (status = NO_CONTENT, description = "Taken away"),
    (status = NOT_FOUND, body = ErrorBody),
    (status = CONFLICT, description = "Somebody changed the package since it was looked at: the code is `changed`", body = ErrorBody),
))]
async fn remove_package_file(
    ManagesContent(caller): ManagesContent,
    State(api): State<Arc<Api>>,
    Path((name, file)): Path<(String, String)>,
    Query(query): Query<ExpectedQuery>,
) -> Result<StatusCode, ApiError> {
    let why = why(&caller, query.why)?;
    let expected = told::digest(query.expected)?;
    api.content
        .remove_package_file(&name, file, expected, why)
        .await?;
    Ok(StatusCode::NO_CONTENT)
}
