//! Content: packs, objects, files and their history.
//!
//! Reading needs the permission to read; every change needs that to administer: the first argument of each handler says which, and is the
//! one place where it is asked for. What is done is [`crate::content`]'s; [`told`] turns it into the API's words, [`upload`] takes bodies
//! that are files.

mod files;
mod objects;
mod told;
mod upload;

use super::Api;
use super::error::{ApiError, ErrorBody};
use super::extract::{Json, ManagesContent, Path, Query, ReadsContent};
use crate::auth::Caller;
use crate::content::{LARGEST_ARCHIVE, Proposal, Why};
use ::content::change::Options;
use ::content::name::Key;
use api::content::{
    ApplyQuery, EditedObject, ImportQuery, LONGEST_WHY, PackAction, PackChange, PackChangeToApply,
    PackChanged, PackDetail, PackExportQuery, PackInfo, PackPlan,
};
use axum::body::Body;
use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use semver::Version;
use std::sync::Arc;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub(super) fn routes() -> OpenApiRouter<Arc<Api>> {
    OpenApiRouter::new()
        .routes(routes!(packs))
        .routes(routes!(pack))
        .routes(routes!(edits))
        .routes(routes!(export))
        .routes(routes!(plan_change))
        .routes(routes!(apply_change))
        .routes(routes!(plan_import))
        .routes(routes!(import))
        .merge(objects::routes())
        .merge(files::routes())
}

/// Who wants a change, and why; the reason has its bound.
fn why(caller: &Caller, why: Option<String>) -> Result<Why, ApiError> {
    let why = why.unwrap_or_default();
    if why.chars().count() > LONGEST_WHY {
        return Err(ApiError::invalid(format!(
            "a reason has at most {LONGEST_WHY} characters"
        )));
    }
    Ok(Why {
        actor: caller.actor(),
        why,
    })
}

fn version(text: Option<&str>) -> Result<Option<Version>, ApiError> {
    text.map(Version::parse)
        .transpose()
        .map_err(|error| ApiError::invalid(format!("that is no version, such as 1.2.0: {error}")))
}

/// Keys as `kind/name`, one a line.
fn keys(text: Option<&str>) -> Result<Vec<Key>, ApiError> {
    let lines = text.into_iter().flat_map(str::lines);
    lines
        .filter(|line| !line.is_empty())
        .map(|line| {
            let (kind, name) = line.split_once('/').unwrap_or_default();
            let kind = ::content::name::Kind::of_word(kind).ok_or_else(|| {
                ApiError::invalid(format!(
                    "`{line:.160}` is no object; one is `kind/name`, such as `sensor/Listen Ports`"
                ))
            })?;
            Ok(Key::new(kind, name))
        })
        .collect()
}

fn proposal(pack: String, change: &PackChange) -> Result<Proposal, ApiError> {
    Ok(match change.action {
        PackAction::Import => {
            let taken = change.take.iter().map(|object| {
                let key = Key::new(told::kind_of(object.kind), &object.name);
                (key, ::content::change::Side::Shipped)
            });
            Proposal::Shipped {
                pack,
                options: Options {
                    content_sets: told::content_sets(change.content_sets),
                    winner: told::side(change.winner),
                    decided: taken.collect(),
                },
            }
        }
        PackAction::Rollback => Proposal::Rollback {
            pack,
            to: version(change.version.as_deref())?,
        },
        PackAction::Remove => Proposal::Remove { pack },
    })
}

/// The packs that the server has in itself, and all that are imported or once were.
#[utoipa::path(get, path = "/content/packs", operation_id = "list_packs", tag = "content", security(("session" = []), ("token" = ["read"])), responses(
    (status = OK, body = Vec<PackInfo>),
))]
async fn packs(_caller: ReadsContent, State(api): State<Arc<Api>>) -> axum::Json<Vec<PackInfo>> {
    let packs = api.content.packs();
    axum::Json(packs.iter().map(told::pack).collect())
}

/// A pack in full.
#[utoipa::path(get, path = "/content/packs/{name}", operation_id = "get_pack", tag = "content", security(("session" = []), ("token" = ["read"])),
    params(("name" = String, Path, description = "The pack's name")), responses(
    (status = OK, body = PackDetail),
    (status = NOT_FOUND, body = ErrorBody),
))]
async fn pack(
    _caller: ReadsContent,
    State(api): State<Arc<Api>>,
    Path(name): Path<String>,
) -> Result<axum::Json<PackDetail>, ApiError> {
    Ok(axum::Json(told::pack_detail(&api.content.pack(&name)?)))
}

/// What was changed here of a pack, against what it shipped.
#[utoipa::path(get, path = "/content/packs/{name}/edits", operation_id = "list_pack_edits", tag = "content", security(("session" = []), ("token" = ["read"])),
    params(("name" = String, Path, description = "The pack's name")), responses(
    (status = OK, body = Vec<EditedObject>),
    (status = NOT_FOUND, body = ErrorBody),
))]
async fn edits(
    _caller: ReadsContent,
    State(api): State<Arc<Api>>,
    Path(name): Path<String>,
) -> Result<axum::Json<Vec<EditedObject>>, ApiError> {
    let edits = api.content.edits(&name)?;
    Ok(axum::Json(edits.iter().map(told::edited).collect()))
}

/// A pack as one file, with what was changed here or as it was shipped.
#[utoipa::path(get, path = "/content/packs/{name}/export", operation_id = "export_pack", tag = "content", security(("session" = []), ("token" = ["read"])),
    params(("name" = String, Path, description = "The pack's name"), PackExportQuery), responses(
    (status = OK, description = "The archive", body = String, content_type = "application/octet-stream"),
    (status = NOT_FOUND, body = ErrorBody),
    (status = UNPROCESSABLE_ENTITY, description = "The version is none", body = ErrorBody),
))]
async fn export(
    _caller: ReadsContent,
    State(api): State<Arc<Api>>,
    Path(name): Path<String>,
    Query(query): Query<PackExportQuery>,
) -> Result<Response, ApiError> {
    let version = version(query.version.as_deref())?;
    let (file, bytes) = api.content.export(name, version, query.shipped).await?;
    let headers = [
        (header::CONTENT_TYPE, "application/octet-stream".to_owned()),
        (
            header::CONTENT_DISPOSITION,
            format!("attachment; filename=\"{file}\""),
        ),
    ];
    Ok((headers, bytes).into_response())
}

/// What a change of a pack would do. Nothing is done.
#[utoipa::path(post, path = "/content/packs/{name}/plan", operation_id = "plan_pack_change", tag = "content", security(("session" = []), ("token" = ["admin"])),
    params(("name" = String, Path, description = "The pack's name")), request_body = PackChange, responses(
    (status = OK, body = PackPlan),
    (status = NOT_FOUND, body = ErrorBody),
    (status = CONFLICT, description = "It cannot be: another pack needs it, nothing is kept of the version, or it is older than what is there", body = ErrorBody),
    (status = UNPROCESSABLE_ENTITY, description = "The version is none, or the pack has faults", body = ErrorBody),
))]
async fn plan_change(
    _caller: ManagesContent,
    State(api): State<Arc<Api>>,
    Path(name): Path<String>,
    Json(change): Json<PackChange>,
) -> Result<axum::Json<PackPlan>, ApiError> {
    let plan = api.content.plan(proposal(name, &change)?).await?;
    Ok(axum::Json(told::plan(&plan)))
}

/// Does what was looked at: all of it, or nothing.
#[utoipa::path(post, path = "/content/packs/{name}/apply", operation_id = "apply_pack_change", tag = "content", security(("session" = []), ("token" = ["admin"])),
    params(("name" = String, Path, description = "The pack's name")), request_body = PackChangeToApply, responses(
    (status = OK, body = PackChanged),
    (status = NOT_FOUND, body = ErrorBody),
    (status = CONFLICT, description = "It cannot be; with the code `changed`, it would be something else than was looked at", body = ErrorBody),
    (status = UNPROCESSABLE_ENTITY, description = "The version is none, or the pack has faults", body = ErrorBody),
))]
async fn apply_change(
    ManagesContent(caller): ManagesContent,
    State(api): State<Arc<Api>>,
    Path(name): Path<String>,
    Json(wanted): Json<PackChangeToApply>,
) -> Result<axum::Json<PackChanged>, ApiError> {
    let proposal = proposal(name, &wanted.change)?;
    let why = why(&caller, Some(wanted.why))?;
    let plan = told::digest(wanted.plan)?;
    let done = api.content.apply(proposal, plan, why).await?;
    Ok(axum::Json(told::changed(&done)))
}

/// What the import of an archive would do. Nothing is done.
#[utoipa::path(post, path = "/content/plan", operation_id = "plan_import", tag = "content", security(("session" = []), ("token" = ["admin"])),
    params(ImportQuery), request_body(content = String, content_type = "application/octet-stream", description = "The pack as one file"), responses(
    (status = OK, body = PackPlan),
    (status = CONFLICT, description = "It cannot be: it requires what is not there, takes names of another pack, or is older than what is there", body = ErrorBody),
    (status = PAYLOAD_TOO_LARGE, description = "The archive is larger than one may be", body = ErrorBody),
    (status = UNPROCESSABLE_ENTITY, description = "The archive or the pack has faults; `faults` has all of them", body = ErrorBody),
))]
async fn plan_import(
    _caller: ManagesContent,
    State(api): State<Arc<Api>>,
    Query(query): Query<ImportQuery>,
    body: Body,
) -> Result<axum::Json<PackPlan>, ApiError> {
    let options = Options {
        content_sets: told::content_sets(query.content_sets),
        winner: told::side(query.winner),
        decided: decided(query.take.as_deref())?,
    };
    let draft = upload::take(&api.content, body, LARGEST_ARCHIVE, "the archive").await?;
    let unpacked = api.content.unpack(draft).await?;
    let tree = Arc::clone(&unpacked.tree);
    let plan = api.content.plan(Proposal::Import { tree, options }).await?;
    Ok(axum::Json(told::plan(&plan)))
}

/// Imports an archive as it was looked at: all of it, or nothing.
#[utoipa::path(post, path = "/content/import", operation_id = "import_pack", tag = "content", security(("session" = []), ("token" = ["admin"])),
    params(ApplyQuery), request_body(content = String, content_type = "application/octet-stream", description = "The pack as one file"), responses(
    (status = OK, body = PackChanged),
    (status = CONFLICT, description = "It cannot be; with the code `changed`, it would be something else than was looked at", body = ErrorBody),
    (status = PAYLOAD_TOO_LARGE, description = "The archive is larger than one may be", body = ErrorBody),
    (status = UNPROCESSABLE_ENTITY, description = "The archive or the pack has faults; `faults` has all of them", body = ErrorBody),
))]
async fn import(
    ManagesContent(caller): ManagesContent,
    State(api): State<Arc<Api>>,
    Query(query): Query<ApplyQuery>,
    body: Body,
) -> Result<axum::Json<PackChanged>, ApiError> {
    let options = Options {
        content_sets: told::content_sets(query.content_sets),
        winner: told::side(query.winner),
        decided: decided(query.take.as_deref())?,
    };
    let why = why(&caller, query.why)?;
    let plan = told::digest(query.plan)?;
    let draft = upload::take(&api.content, body, LARGEST_ARCHIVE, "the archive").await?;
    let unpacked = api.content.unpack(draft).await?;
    let tree = Arc::clone(&unpacked.tree);
    let done = api
        .content
        .apply(Proposal::Import { tree, options }, plan, why)
        .await?;
    Ok(axum::Json(told::changed(&done)))
}

fn decided(
    take: Option<&str>,
) -> Result<std::collections::BTreeMap<Key, ::content::change::Side>, ApiError> {
    let keys = keys(take)?.into_iter();
    Ok(keys
        .map(|key| (key, ::content::change::Side::Shipped))
        .collect())
}
