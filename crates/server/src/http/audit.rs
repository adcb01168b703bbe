//! Reading and checking the audit log.

use super::Api;
use super::error::{ApiError, ErrorBody};
use super::extract::{Administers, Query};
use crate::model::audit::{Entry, Head, Verdict};
use crate::store::audit::AuditQuery;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::sync::Arc;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

const LIMIT: u32 = 100;
const LARGEST_LIMIT: u32 = 10_000;

pub(super) fn routes() -> OpenApiRouter<Arc<Api>> {
    OpenApiRouter::new()
        .routes(routes!(entries))
        .routes(routes!(verify))
}

/// Which entries.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct EntriesQuery {
    /// Only entries with a smaller number: the next page after the last entry seen.
    before: Option<u64>,
    /// Only what this user or token did, exactly as it stands in `who`.
    who: Option<String>,
    /// Only actions that start so.
    action: Option<String>,
    /// At most this many, 100 unless told, 10,000 at most.
    limit: Option<u32>,
}

/// An entry of the audit log.
#[derive(Serialize, ToSchema)]
pub(super) struct EntryInfo {
    /// Number.
    number: u64,
    /// When.
    #[schema(format = DateTime)]
    at: String,
    /// Who.
    who: String,
    /// What they did.
    action: String,
    /// To what.
    object: String,
    /// More about it.
    #[schema(value_type = Object)]
    detail: Value,
    /// Hash of this entry and all before it.
    hash: String,
}

impl From<Entry> for EntryInfo {
    fn from(entry: Entry) -> Self {
        Self {
            number: entry.number,
            at: entry.time,
            who: entry.who,
            action: entry.action,
            object: entry.object,
            detail: serde_json::from_str(&entry.detail).unwrap_or(Value::String(entry.detail)),
            hash: hex::encode(entry.hash),
        }
    }
}

/// Entries of the audit log, newest first.
#[utoipa::path(get, path = "/audit", tag = "audit", security(("session" = []), ("token" = ["admin"])), params(EntriesQuery), responses(
    (status = OK, body = Vec<EntryInfo>),
))]
async fn entries(
    _caller: Administers,
    State(api): State<Arc<Api>>,
    Query(query): Query<EntriesQuery>,
) -> Result<axum::Json<Vec<EntryInfo>>, ApiError> {
    let query = AuditQuery {
        before: query.before,
        who: query.who,
        action: query.action,
        limit: query.limit.unwrap_or(LIMIT).min(LARGEST_LIMIT),
    };
    let entries = api.store.audit_entries(query).await?;
    Ok(axum::Json(entries.into_iter().map(Into::into).collect()))
}

/// A head that was noted before.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct NotedHead {
    /// Number of an entry noted elsewhere.
    number: Option<u64>,
    /// Its hash as noted: 64 hexadecimal digits.
    hash: Option<String>,
}

/// Checks the whole chain, and that it still holds an entry noted elsewhere.
#[utoipa::path(get, path = "/audit/verify", tag = "audit", security(("session" = []), ("token" = ["admin"])), params(NotedHead), responses(
    (status = OK, body = Verdict),
    (status = UNPROCESSABLE_ENTITY, description = "The noted head is incomplete", body = ErrorBody),
))]
async fn verify(
    _caller: Administers,
    State(api): State<Arc<Api>>,
    Query(noted): Query<NotedHead>,
) -> Result<axum::Json<Verdict>, ApiError> {
    let noted = match (noted.number, noted.hash) {
        (None, None) => Vec::new(),
        (Some(number), Some(text)) => {
            let mut hash = [0; 32];
            hex::decode_to_slice(&text, &mut hash)
                .map_err(|_| ApiError::invalid("`hash` has 64 hexadecimal digits"))?;
            vec![Head { number, hash }]
        }
        _ => return Err(ApiError::invalid("give `number` and `hash` together")),
    };
    Ok(axum::Json(api.store.audit_verify(noted).await?))
}
