//! Reading and checking the audit log.

use super::Api;
use super::error::{ApiError, ErrorBody};
use super::extract::{Query, ReadsAudit};
use crate::model::audit::{Entry, Head};
use crate::store::audit::AuditQuery;
use api::audit::{EntriesQuery, EntryEndpoint, EntryInfo, NotedHead, Verdict};
use api::ids::{EndpointId, EntryHash, EntryNumber};
use axum::extract::State;
use jiff::Timestamp;
use serde_json::Value;
use std::sync::Arc;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

const LIMIT: u32 = 100;
const LARGEST_LIMIT: u32 = 10_000;

pub(super) fn routes() -> OpenApiRouter<Arc<Api>> {
    OpenApiRouter::new()
        .routes(routes!(entries))
        .routes(routes!(verify))
}

/// The endpoint that did something or that it was done to.
fn endpoint(api: &Api, entry: &Entry) -> Option<EntryEndpoint> {
    let id = entry
        .object
        .strip_prefix("endpoint ")
        .or_else(|| entry.who.strip_prefix("endpoint:"))?;
    let id: EndpointId = id.parse().ok()?;
    let known = api.identity.endpoint(id.into())?;
    Some(EntryEndpoint {
        id,
        ordinal: known.ordinal,
        hostname: known.hostname,
    })
}

fn info(api: &Api, entry: Entry) -> EntryInfo {
    let endpoint = endpoint(api, &entry);
    // What is in the log is told even where it is not what the server writes: a broken log is read to see what broke it.
    let detail = match serde_json::from_str(&entry.detail) {
        Ok(Value::Object(members)) => members.into_iter().collect(),
        _ => [("text".to_owned(), Value::String(entry.detail))].into(),
    };
    EntryInfo {
        number: EntryNumber::of(entry.number),
        at: entry.time.parse().unwrap_or(Timestamp::UNIX_EPOCH),
        who: entry.who,
        action: entry.action,
        object: entry.object,
        endpoint,
        detail,
        hash: EntryHash(entry.hash),
    }
}

/// Entries of the audit log, newest first.
#[utoipa::path(get, path = "/audit", operation_id = "list_audit_entries", tag = "audit", security(("session" = []), ("token" = ["admin"])), params(EntriesQuery), responses(
    (status = OK, body = Vec<EntryInfo>),
))]
async fn entries(
    _caller: ReadsAudit,
    State(api): State<Arc<Api>>,
    Query(query): Query<EntriesQuery>,
) -> Result<axum::Json<Vec<EntryInfo>>, ApiError> {
    let query = AuditQuery {
        before: query.before.map(EntryNumber::get),
        who: query.who,
        action: query.action,
        object: query.object,
        endpoints: query.endpoint.map(|name| api.identity.all_named(&name)),
        from: query.from,
        to: query.to,
        limit: query.limit.unwrap_or(LIMIT).min(LARGEST_LIMIT),
    };
    let entries = api.store.audit_entries(query).await?;
    let entries = entries.into_iter().map(|entry| info(&api, entry));
    Ok(axum::Json(entries.collect()))
}

/// Checks the whole chain, and that it still holds an entry noted elsewhere.
#[utoipa::path(get, path = "/audit/verify", operation_id = "verify_audit_log", tag = "audit", security(("session" = []), ("token" = ["admin"])), params(NotedHead), responses(
    (status = OK, body = Verdict),
    (status = UNPROCESSABLE_ENTITY, description = "The noted head is incomplete", body = ErrorBody),
))]
async fn verify(
    _caller: ReadsAudit,
    State(api): State<Arc<Api>>,
    Query(noted): Query<NotedHead>,
) -> Result<axum::Json<Verdict>, ApiError> {
    let noted = match (noted.number, noted.hash) {
        (None, None) => Vec::new(),
        (Some(number), Some(hash)) => vec![Head {
            number: number.get(),
            hash: hash.0,
        }],
        _ => return Err(ApiError::invalid("give `number` and `hash` together")),
    };
    Ok(axum::Json(api.store.audit_verify(noted).await?.into()))
}
