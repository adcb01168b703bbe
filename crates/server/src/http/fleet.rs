//! Endpoints, enrolment tokens, and the replacement of keys.

use super::Api;
use super::error::{ApiError, ErrorBody, ErrorCode};
use super::extract::{Json, ManagesEndpoints, ManagesTrust, Path, Query, Reads, SignedIn};
use crate::auth::Caller;
use crate::identity::{CertificateError, KeepError, ManageError, NameError, RotateError};
use crate::model::endpoint::{Endpoint, Standing, TokenInfo, TokenRequest};
use api::Secret;
use api::fleet::{
    Authorities, Authority, DropOld, EndpointInfo, EndpointName, EndpointsQuery,
    EnrolmentTokenCreated, EnrolmentTokenInfo, EnrolmentTokenToCreate, Platform, Rotation,
    TrustStatus,
};
use api::ids::{EnrolmentTokenId, Fingerprint};
use axum::extract::State as Shared;
use axum::http::StatusCode;
use std::sync::Arc;
use std::time::Duration;
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
        .routes(routes!(authorities))
}

impl From<ManageError> for ApiError {
    fn from(error: ManageError) -> Self {
        match error {
            ManageError::NoEndpoint(_) => Self::not_found(error.to_string()),
            ManageError::Revoked(_) => {
                Self::new(StatusCode::CONFLICT, ErrorCode::Conflict, error.to_string())
            }
            ManageError::Token => Self::invalid(error.to_string()),
            ManageError::Store(error) => error.into(),
            other => Self::internal(&other),
        }
    }
}

impl From<NameError> for ApiError {
    fn from(error: NameError) -> Self {
        let message = error.to_string();
        match error {
            NameError::Unknown { .. } => Self::not_found(message),
            NameError::Several { .. } => {
                Self::new(StatusCode::CONFLICT, ErrorCode::Conflict, message)
            }
        }
    }
}

impl From<RotateError> for ApiError {
    fn from(error: RotateError) -> Self {
        match error {
            RotateError::UnderWay(_) | RotateError::NothingToDrop(_) | RotateError::Behind(_) => {
                Self::new(StatusCode::CONFLICT, ErrorCode::Conflict, error.to_string())
            }
            RotateError::Certificate(CertificateError::Away) => Self::new(
                StatusCode::CONFLICT,
                ErrorCode::Conflict,
                CertificateError::Away.to_string(),
            ),
            RotateError::Keep(KeepError::Store(error)) => error.into(),
            other => Self::internal(&other),
        }
    }
}

/// The endpoint of this name, among those that the caller sees.
fn named(api: &Api, caller: &Caller, name: &EndpointName) -> Result<Endpoint, NameError> {
    let reader = caller.reader();
    api.identity.named(&name.0, |ordinal| reader.sees(ordinal))
}

fn info(api: &Api, endpoint: Endpoint) -> EndpointInfo {
    let presence = api.fleet.presence(endpoint.ordinal);
    // What the registry has is of the connection's beginning.
    let last_seen = presence.as_ref().map(|p| p.heard).max(endpoint.last_seen);
    EndpointInfo {
        id: endpoint.id.into(),
        ordinal: endpoint.ordinal,
        hostname: endpoint.hostname,
        platform: Platform::of(&endpoint.platform),
        agent_version: endpoint.agent_version,
        state: endpoint.standing.into(),
        doubled: endpoint.doubled,
        online: presence.is_some(),
        address: presence.as_ref().map(|p| p.address.to_string()),
        connected_since: presence.as_ref().map(|p| p.since),
        vitals: presence.and_then(|p| p.vitals).map(Into::into),
        enrolled_at: endpoint.enrolled_at,
        last_seen,
        certificate_until: endpoint.certificate_until,
    }
}

/// Endpoints, by ordinal.
#[utoipa::path(get, path = "/endpoints", operation_id = "list_endpoints", tag = "endpoints", security(("session" = []), ("token" = ["read"])), params(EndpointsQuery), responses(
    (status = OK, body = Vec<EndpointInfo>),
))]
async fn endpoints(
    Reads(caller): Reads,
    Shared(api): Shared<Arc<Api>>,
    Query(query): Query<EndpointsQuery>,
) -> axum::Json<Vec<EndpointInfo>> {
    let reader = caller.reader();
    let online = api.fleet.online();
    let standing: Option<Standing> = query.state.map(Into::into);
    let needle = query.contains.map(|text| text.to_lowercase());
    let infos = api
        .identity
        .endpoints()
        .into_iter()
        .filter(|e| reader.sees(e.ordinal))
        .filter(|e| standing.is_none_or(|standing| e.standing == standing))
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
        .skip(query.offset as usize)
        .take(query.limit.map_or(usize::MAX, |limit| limit as usize))
        .map(|endpoint| info(&api, endpoint));
    axum::Json(infos.collect())
}

/// One endpoint.
#[utoipa::path(get, path = "/endpoints/{id}", operation_id = "get_endpoint", tag = "endpoints", security(("session" = []), ("token" = ["read"])),
    params(("id" = inline(EndpointName), Path)), responses(
    (status = OK, body = EndpointInfo),
    (status = NOT_FOUND, description = "Nothing goes by this name", body = ErrorBody),
    (status = CONFLICT, description = "Several go by this name; the message tells them apart", body = ErrorBody),
))]
async fn endpoint(
    Reads(caller): Reads,
    Shared(api): Shared<Arc<Api>>,
    Path(name): Path<EndpointName>,
) -> Result<axum::Json<EndpointInfo>, ApiError> {
    let endpoint = named(&api, &caller, &name)?;
    Ok(axum::Json(info(&api, endpoint)))
}

/// Lets a waiting endpoint work; for one that works already, clears the mark of a doubled identity.
#[utoipa::path(post, path = "/endpoints/{id}/approve", operation_id = "approve_endpoint", tag = "endpoints", security(("session" = []), ("token" = ["admin"])),
    params(("id" = inline(EndpointName), Path)), responses(
    (status = OK, body = EndpointInfo),
    (status = NOT_FOUND, body = ErrorBody),
    (status = CONFLICT, description = "It was revoked, or several go by this name", body = ErrorBody),
))]
async fn approve(
    ManagesEndpoints(caller): ManagesEndpoints,
    Shared(api): Shared<Arc<Api>>,
    Path(name): Path<EndpointName>,
) -> Result<axum::Json<EndpointInfo>, ApiError> {
    let named = named(&api, &caller, &name)?;
    let endpoint = api.identity.approve(named.id, &caller.actor()).await?;
    Ok(axum::Json(info(&api, endpoint)))
}

/// Shuts an endpoint out for good and closes its connection.
#[utoipa::path(post, path = "/endpoints/{id}/revoke", operation_id = "revoke_endpoint", tag = "endpoints", security(("session" = []), ("token" = ["admin"])),
    params(("id" = inline(EndpointName), Path)), responses(
    (status = OK, body = EndpointInfo),
    (status = NOT_FOUND, body = ErrorBody),
    (status = CONFLICT, description = "Several go by this name", body = ErrorBody),
))]
async fn revoke(
    ManagesEndpoints(caller): ManagesEndpoints,
    Shared(api): Shared<Arc<Api>>,
    Path(name): Path<EndpointName>,
) -> Result<axum::Json<EndpointInfo>, ApiError> {
    let named = named(&api, &caller, &name)?;
    let endpoint = api.identity.revoke(named.id, &caller.actor()).await?;
    Ok(axum::Json(info(&api, endpoint)))
}

fn token_info(token: TokenInfo) -> EnrolmentTokenInfo {
    EnrolmentTokenInfo {
        id: token.id.into(),
        uses: token.uses,
        uses_left: token.uses.map(|uses| uses.saturating_sub(token.used)),
        used: token.used,
        expires_at: token.expires_at,
        approve: token.approve,
        created_by: token.created_by,
        created_at: token.created_at,
        revoked_at: token.revoked_at,
    }
}

/// Enrolment tokens, newest first.
#[utoipa::path(get, path = "/enrolment-tokens", operation_id = "list_enrolment_tokens", tag = "enrolment", security(("session" = []), ("token" = ["admin"])), responses(
    (status = OK, body = Vec<EnrolmentTokenInfo>),
))]
async fn tokens(
    _caller: ManagesEndpoints,
    Shared(api): Shared<Arc<Api>>,
) -> Result<axum::Json<Vec<EnrolmentTokenInfo>>, ApiError> {
    let tokens = api.identity.tokens().await?;
    Ok(axum::Json(tokens.into_iter().map(token_info).collect()))
}

/// Makes an enrolment token.
#[utoipa::path(post, path = "/enrolment-tokens", operation_id = "create_enrolment_token", tag = "enrolment", security(("session" = []), ("token" = ["admin"])), request_body = EnrolmentTokenToCreate, responses(
    (status = CREATED, body = EnrolmentTokenCreated),
    (status = UNPROCESSABLE_ENTITY, body = ErrorBody),
))]
async fn create_token(
    ManagesEndpoints(caller): ManagesEndpoints,
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
        id: info.id.into(),
        token: Secret::from(token.to_string()),
        expires_at: info.expires_at,
    };
    Ok((StatusCode::CREATED, axum::Json(body)))
}

/// Withdraws an enrolment token. Endpoints it let in stay.
#[utoipa::path(delete, path = "/enrolment-tokens/{id}", operation_id = "withdraw_enrolment_token", tag = "enrolment", security(("session" = []), ("token" = ["admin"])),
    params(("id" = inline(EnrolmentTokenId), Path, description = "The token's number")), responses(
    (status = NO_CONTENT, description = "Withdrawn"),
    (status = NOT_FOUND, body = ErrorBody),
))]
async fn delete_token(
    ManagesEndpoints(caller): ManagesEndpoints,
    Shared(api): Shared<Arc<Api>>,
    Path(id): Path<EnrolmentTokenId>,
) -> Result<StatusCode, ApiError> {
    api.identity
        .revoke_token(id.into(), &caller.actor())
        .await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Where a replacement of keys stands.
#[utoipa::path(get, path = "/trust", operation_id = "get_trust", tag = "trust", security(("session" = []), ("token" = ["admin"])), responses(
    (status = OK, body = TrustStatus),
))]
async fn trust(_caller: ManagesTrust, Shared(api): Shared<Arc<Api>>) -> axum::Json<TrustStatus> {
    axum::Json(api.identity.trust_status().into())
}

/// Begins to replace the authority or the order key; old and new hold side by side until the old one is dropped.
#[utoipa::path(post, path = "/trust/rotate", operation_id = "rotate_trust", tag = "trust", security(("session" = []), ("token" = ["admin"])), request_body = Rotation, responses(
    (status = OK, body = TrustStatus),
    (status = CONFLICT, description = "A replacement is under way", body = ErrorBody),
))]
async fn rotate(
    ManagesTrust(caller): ManagesTrust,
    Shared(api): Shared<Arc<Api>>,
    Json(wanted): Json<Rotation>,
) -> Result<axum::Json<TrustStatus>, ApiError> {
    let status = api
        .identity
        .rotate(wanted.what.into(), &caller.actor())
        .await?;
    Ok(axum::Json(status.into()))
}

/// Ends a replacement: the old authority or key is believed no more.
#[utoipa::path(post, path = "/trust/drop-old", operation_id = "drop_old_trust", tag = "trust", security(("session" = []), ("token" = ["admin"])), request_body = DropOld, responses(
    (status = OK, body = TrustStatus),
    (status = CONFLICT, description = "Nothing to drop, or endpoints would be locked out", body = ErrorBody),
))]
async fn drop_old(
    ManagesTrust(caller): ManagesTrust,
    Shared(api): Shared<Arc<Api>>,
    Json(wanted): Json<DropOld>,
) -> Result<axum::Json<TrustStatus>, ApiError> {
    let status = api
        .identity
        .drop_old(wanted.what.into(), wanted.force, &caller.actor())
        .await?;
    Ok(axum::Json(status.into()))
}

/// The authorities by which this server is known: what a client that pins them takes over when one replaces another.
#[utoipa::path(get, path = "/authorities", operation_id = "list_authorities", tag = "trust", security(("session" = []), ("token" = [])), responses(
    (status = OK, body = Authorities),
))]
async fn authorities(_caller: SignedIn, Shared(api): Shared<Arc<Api>>) -> axum::Json<Authorities> {
    let (version, authorities) = api.identity.authorities();
    let authorities = authorities
        .into_iter()
        .map(|(fingerprint, certificate)| Authority {
            fingerprint: Fingerprint(fingerprint),
            certificate,
        });
    axum::Json(Authorities {
        version,
        authorities: authorities.collect(),
    })
}
