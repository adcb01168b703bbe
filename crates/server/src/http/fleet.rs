//! Endpoints, enrolment tokens, and the replacement of keys.

use super::Api;
use super::error::{ApiError, ErrorBody};
use super::extract::{Administers, Json, Path, Query, Reads};
use crate::fleet::AgentVitals;
use crate::identity::{ManageError, RotateError};
use crate::model::endpoint::{Endpoint, Standing, TokenInfo, TokenRequest};
use crate::model::ids::{EndpointId, TokenId};
use crate::model::trust::{TrustPart, TrustStatus};
use axum::extract::State as Shared;
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use std::time::Duration;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub(super) fn routes() -> OpenApiRouter<Arc<Api>> {
    OpenApiRouter::new()
        .routes(routes!(endpoints))
        .routes(routes!(endpoint))
        .routes(routes!(approve))
        .routes(routes!(revoke))
        .routes(routes!(tokens, create_token))
        .routes(routes!(delete_token))
        .routes(routes!(trust))
        .routes(routes!(rotate))
        .routes(routes!(drop_old))
}

impl From<ManageError> for ApiError {
    fn from(error: ManageError) -> Self {
        match error {
            ManageError::NoEndpoint(_) => Self::not_found(error.to_string()),
            ManageError::Revoked(_) => {
                Self::new(StatusCode::CONFLICT, "conflict", error.to_string())
            }
            ManageError::Token => Self::invalid(error.to_string()),
            ManageError::Store(error) => error.into(),
            other => Self::internal(&other),
        }
    }
}

impl From<RotateError> for ApiError {
    fn from(error: RotateError) -> Self {
        match error {
            RotateError::UnderWay(_) | RotateError::NothingToDrop(_) | RotateError::Behind(_) => {
                Self::new(StatusCode::CONFLICT, "conflict", error.to_string())
            }
            RotateError::Store(error) => error.into(),
            other => Self::internal(&other),
        }
    }
}

/// An endpoint.
#[derive(Serialize, ToSchema)]
pub(super) struct EndpointInfo {
    /// Its identifier.
    id: EndpointId,
    /// Its small number, never given to another.
    ordinal: u32,
    /// Host name as it last said.
    hostname: String,
    /// `linux`, `macos` or `windows`, as it last said.
    platform: String,
    /// Version of its agent, as it last said.
    agent_version: String,
    /// Whether it may work.
    state: Standing,
    /// Whether two machines showed this identity; approving the endpoint again clears it.
    doubled: bool,
    /// Whether it is connected now.
    online: bool,
    /// Where it connects from.
    address: Option<String>,
    /// Since when it is connected.
    #[schema(format = DateTime)]
    connected_since: Option<String>,
    /// What it measured about itself.
    vitals: Option<AgentVitals>,
    /// When it enrolled.
    #[schema(format = DateTime)]
    enrolled_at: String,
    /// When it was last connected.
    #[schema(format = DateTime)]
    last_seen: Option<String>,
    /// End of its newest certificate.
    #[schema(format = DateTime)]
    certificate_until: Option<String>,
}

fn info(api: &Api, endpoint: Endpoint) -> EndpointInfo {
    let presence = api.fleet.presence(endpoint.ordinal);
    EndpointInfo {
        id: endpoint.id,
        ordinal: endpoint.ordinal,
        hostname: endpoint.hostname,
        platform: endpoint.platform,
        agent_version: endpoint.agent_version,
        state: endpoint.standing,
        doubled: endpoint.doubled,
        online: presence.is_some(),
        address: presence.as_ref().map(|p| p.address.to_string()),
        connected_since: presence.as_ref().map(|p| p.since.to_string()),
        vitals: presence.and_then(|p| p.vitals),
        enrolled_at: endpoint.enrolled_at.to_string(),
        last_seen: endpoint.last_seen.map(|t| t.to_string()),
        certificate_until: endpoint.certificate_until.map(|t| t.to_string()),
    }
}

/// Which endpoints.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct EndpointsQuery {
    /// Only those whose host name or identifier contains this, without regard to case.
    contains: Option<String>,
    /// Only those that are connected, or only those that are not.
    online: Option<bool>,
    /// Only those of this standing: `waiting`, `approved`, `revoked`.
    #[param(value_type = Option<String>)]
    state: Option<Standing>,
    /// Endpoints to leave out at the beginning.
    #[serde(default)]
    offset: usize,
    /// Endpoints at most; all unless told.
    limit: Option<usize>,
}

/// Endpoints, by ordinal.
#[utoipa::path(get, path = "/endpoints", tag = "endpoints", security(("session" = []), ("token" = ["read"])), params(EndpointsQuery), responses(
    (status = OK, body = Vec<EndpointInfo>),
))]
async fn endpoints(
    _caller: Reads,
    Shared(api): Shared<Arc<Api>>,
    Query(query): Query<EndpointsQuery>,
) -> axum::Json<Vec<EndpointInfo>> {
    let online = api.fleet.online();
    let needle = query.contains.map(|text| text.to_lowercase());
    let infos = api
        .identity
        .endpoints()
        .into_iter()
        .filter(|e| query.state.is_none_or(|state| e.standing == state))
        .filter(|e| {
            query
                .online
                .is_none_or(|yes| online.contains(e.ordinal) == yes)
        })
        .filter(|e| {
            needle.as_ref().is_none_or(|needle| {
                e.hostname.to_lowercase().contains(needle) || e.id.to_string().contains(needle)
            })
        })
        .skip(query.offset)
        .take(query.limit.unwrap_or(usize::MAX))
        .map(|endpoint| info(&api, endpoint));
    axum::Json(infos.collect())
}

/// One endpoint.
#[utoipa::path(get, path = "/endpoints/{id}", tag = "endpoints", security(("session" = []), ("token" = ["read"])),
    params(("id" = EndpointId, Path, description = "The endpoint's identifier")), responses(
    (status = OK, body = EndpointInfo),
    (status = NOT_FOUND, body = ErrorBody),
))]
async fn endpoint(
    _caller: Reads,
    Shared(api): Shared<Arc<Api>>,
    Path(id): Path<EndpointId>,
) -> Result<axum::Json<EndpointInfo>, ApiError> {
    let endpoint = api
        .identity
        .endpoint(id)
        .ok_or_else(|| ApiError::not_found(format!("there is no endpoint {id}")))?;
    Ok(axum::Json(info(&api, endpoint)))
}

/// Lets a waiting endpoint work; for one that works already, clears the mark of a doubled identity.
#[utoipa::path(post, path = "/endpoints/{id}/approve", tag = "endpoints", security(("session" = []), ("token" = ["admin"])),
    params(("id" = EndpointId, Path, description = "The endpoint's identifier")), responses(
    (status = OK, body = EndpointInfo),
    (status = NOT_FOUND, body = ErrorBody),
    (status = CONFLICT, description = "It was revoked", body = ErrorBody),
))]
async fn approve(
    Administers(caller): Administers,
    Shared(api): Shared<Arc<Api>>,
    Path(id): Path<EndpointId>,
) -> Result<axum::Json<EndpointInfo>, ApiError> {
    let endpoint = api.identity.approve(id, &caller.actor()).await?;
    Ok(axum::Json(info(&api, endpoint)))
}

/// Shuts an endpoint out for good and closes its connection.
#[utoipa::path(post, path = "/endpoints/{id}/revoke", tag = "endpoints", security(("session" = []), ("token" = ["admin"])),
    params(("id" = EndpointId, Path, description = "The endpoint's identifier")), responses(
    (status = OK, body = EndpointInfo),
    (status = NOT_FOUND, body = ErrorBody),
    (status = CONFLICT, description = "It was revoked already", body = ErrorBody),
))]
async fn revoke(
    Administers(caller): Administers,
    Shared(api): Shared<Arc<Api>>,
    Path(id): Path<EndpointId>,
) -> Result<axum::Json<EndpointInfo>, ApiError> {
    let endpoint = api.identity.revoke(id, &caller.actor()).await?;
    Ok(axum::Json(info(&api, endpoint)))
}

/// An enrolment token, without its secret.
#[derive(Serialize, ToSchema)]
pub(super) struct EnrolmentTokenInfo {
    #[serde(flatten)]
    token: TokenInfo,
    /// Machines it may still let in; `null` means any number.
    uses_left: Option<u32>,
}

impl From<TokenInfo> for EnrolmentTokenInfo {
    fn from(token: TokenInfo) -> Self {
        Self {
            uses_left: token.uses.map(|uses| uses.saturating_sub(token.used)),
            token,
        }
    }
}

/// Enrolment tokens, newest first.
#[utoipa::path(get, path = "/enrolment-tokens", tag = "enrolment", security(("session" = []), ("token" = ["admin"])), responses(
    (status = OK, body = Vec<EnrolmentTokenInfo>),
))]
async fn tokens(
    _caller: Administers,
    Shared(api): Shared<Arc<Api>>,
) -> Result<axum::Json<Vec<EnrolmentTokenInfo>>, ApiError> {
    let tokens = api.identity.tokens().await?;
    Ok(axum::Json(tokens.into_iter().map(Into::into).collect()))
}

/// An enrolment token to be made.
#[derive(Deserialize, ToSchema)]
pub(super) struct EnrolmentTokenToCreate {
    /// Machines it may let in: 1 unless told, `null` for any number.
    #[serde(default = "one_use")]
    uses: Option<u32>,
    /// Its life in seconds, an hour unless told.
    #[serde(default = "an_hour")]
    #[schema(minimum = 1, maximum = 31_622_400)]
    expires_seconds: u64,
    /// Whether its endpoints wait for approval, even where the server does not demand it.
    #[serde(default)]
    approve: bool,
}

#[expect(clippy::unnecessary_wraps, reason = "the default of an optional field")]
fn one_use() -> Option<u32> {
    Some(1)
}

fn an_hour() -> u64 {
    3600
}

/// An enrolment token that was made.
#[derive(Serialize, ToSchema)]
pub(super) struct EnrolmentTokenCreated {
    /// Number.
    id: TokenId,
    /// The token, told this once only.
    token: String,
    /// Last moment.
    #[schema(format = DateTime)]
    expires_at: String,
}

/// Makes an enrolment token.
#[utoipa::path(post, path = "/enrolment-tokens", tag = "enrolment", security(("session" = []), ("token" = ["admin"])), request_body = EnrolmentTokenToCreate, responses(
    (status = CREATED, body = EnrolmentTokenCreated),
    (status = UNPROCESSABLE_ENTITY, body = ErrorBody),
))]
async fn create_token(
    Administers(caller): Administers,
    Shared(api): Shared<Arc<Api>>,
    Json(wanted): Json<EnrolmentTokenToCreate>,
) -> Result<(StatusCode, axum::Json<EnrolmentTokenCreated>), ApiError> {
    let request = TokenRequest {
        uses: wanted.uses,
        life: Duration::from_secs(wanted.expires_seconds),
        approve: wanted.approve,
    };
    let (info, token) = api.identity.create_token(request, &caller.actor()).await?;
    let body = EnrolmentTokenCreated {
        id: info.id,
        token: token.to_string(),
        expires_at: info.expires_at.to_string(),
    };
    Ok((StatusCode::CREATED, axum::Json(body)))
}

/// Withdraws an enrolment token. Endpoints it let in stay.
#[utoipa::path(delete, path = "/enrolment-tokens/{id}", tag = "enrolment", security(("session" = []), ("token" = ["admin"])),
    params(("id" = u64, Path, description = "The token's number")), responses(
    (status = NO_CONTENT, description = "Withdrawn"),
    (status = NOT_FOUND, body = ErrorBody),
))]
async fn delete_token(
    Administers(caller): Administers,
    Shared(api): Shared<Arc<Api>>,
    Path(id): Path<TokenId>,
) -> Result<StatusCode, ApiError> {
    api.identity.revoke_token(id, &caller.actor()).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Where a replacement of keys stands.
#[utoipa::path(get, path = "/trust", tag = "trust", security(("session" = []), ("token" = ["admin"])), responses(
    (status = OK, body = TrustStatus),
))]
async fn trust(_caller: Administers, Shared(api): Shared<Arc<Api>>) -> axum::Json<TrustStatus> {
    axum::Json(api.identity.trust_status())
}

/// What to replace.
#[derive(Deserialize, ToSchema)]
pub(super) struct Rotation {
    /// The certificate authority or the key that signs orders.
    what: TrustPart,
}

/// Begins to replace the authority or the order key; old and new hold side by side until the old one is dropped.
#[utoipa::path(post, path = "/trust/rotate", tag = "trust", security(("session" = []), ("token" = ["admin"])), request_body = Rotation, responses(
    (status = OK, body = TrustStatus),
    (status = CONFLICT, description = "A replacement is under way", body = ErrorBody),
))]
async fn rotate(
    Administers(caller): Administers,
    Shared(api): Shared<Arc<Api>>,
    Json(wanted): Json<Rotation>,
) -> Result<axum::Json<TrustStatus>, ApiError> {
    let status = api.identity.rotate(wanted.what, &caller.actor()).await?;
    Ok(axum::Json(status))
}

/// What to drop.
#[derive(Deserialize, ToSchema)]
pub(super) struct Drop {
    /// The certificate authority or the key that signs orders.
    what: TrustPart,
    /// Drop it even if that locks endpoints out.
    #[serde(default)]
    force: bool,
}

/// Ends a replacement: the old authority or key is believed no more.
#[utoipa::path(post, path = "/trust/drop-old", tag = "trust", security(("session" = []), ("token" = ["admin"])), request_body = Drop, responses(
    (status = OK, body = TrustStatus),
    (status = CONFLICT, description = "Nothing to drop, or endpoints would be locked out", body = ErrorBody),
))]
async fn drop_old(
    Administers(caller): Administers,
    Shared(api): Shared<Arc<Api>>,
    Json(wanted): Json<Drop>,
) -> Result<axum::Json<TrustStatus>, ApiError> {
    let status = api
        .identity
        .drop_old(wanted.what, wanted.force, &caller.actor())
        .await?;
    Ok(axum::Json(status))
}
