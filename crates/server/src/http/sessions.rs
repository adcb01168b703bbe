//! Who is signed in, and ending that.

use super::Api;
use super::accounts::time;
use super::error::{ApiError, ErrorBody};
use super::extract::{ManagesSessions, Path, SignedIn};
use api::account::{SessionInfo, SessionsEnded};
use api::ids::SessionId;
use axum::extract::State;
use axum::http::StatusCode;
use std::sync::Arc;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

pub(super) fn routes() -> OpenApiRouter<Arc<Api>> {
    OpenApiRouter::new()
        .routes(routes!(sessions, end_own_sessions))
        .routes(routes!(end_session))
        .routes(routes!(end_sessions))
}

/// The caller's sessions that are under way; an administrator sees everybody's.
#[utoipa::path(get, path = "/sessions", operation_id = "list_sessions", tag = "session", security(("session" = []), ("token" = [])), responses(
    (status = OK, body = Vec<SessionInfo>),
))]
async fn sessions(
    SignedIn(caller): SignedIn,
    State(api): State<Arc<Api>>,
) -> Result<axum::Json<Vec<SessionInfo>>, ApiError> {
    let sessions = api.auth.sessions(&caller).await?;
    let infos = sessions.into_iter().map(|session| SessionInfo {
        current: caller.is_in(&session),
        id: session.id.into(),
        user: session.user.name,
        created_at: time(session.created_at),
        used_at: time(session.seen_at),
        address: session.address,
        client: session.client,
    });
    Ok(axum::Json(infos.collect()))
}

/// Ends the caller's own sessions but the one that asks; their API tokens go on. A browser that they used is known no more.
#[utoipa::path(delete, path = "/sessions", operation_id = "end_own_sessions", tag = "session", security(("session" = []), ("token" = [])), responses(
    (status = OK, body = SessionsEnded),
))]
async fn end_own_sessions(
    SignedIn(caller): SignedIn,
    State(api): State<Arc<Api>>,
) -> Result<axum::Json<SessionsEnded>, ApiError> {
    let sessions_ended = api.auth.end_own_sessions(&caller).await?;
    Ok(axum::Json(SessionsEnded { sessions_ended }))
}

/// Ends a session: one's own, or for an administrator anybody's.
#[utoipa::path(delete, path = "/sessions/{id}", operation_id = "end_session", tag = "session", security(("session" = []), ("token" = [])),
    params(("id" = inline(SessionId), Path, description = "The session's number")), responses(
    (status = NO_CONTENT, description = "Ended"),
    (status = NOT_FOUND, body = ErrorBody),
))]
async fn end_session(
    SignedIn(caller): SignedIn,
    State(api): State<Arc<Api>>,
    Path(id): Path<SessionId>,
) -> Result<StatusCode, ApiError> {
    api.auth.end_session(&caller, id.into()).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Ends a user's sessions; their API tokens go on. A browser that they used is known no more.
#[utoipa::path(delete, path = "/users/{name}/sessions", operation_id = "end_sessions", tag = "users", security(("session" = []), ("token" = ["admin"])),
    params(("name" = String, Path, description = "User name")), responses(
    (status = OK, body = SessionsEnded),
    (status = NOT_FOUND, body = ErrorBody),
    (status = CONFLICT, description = "This is the server's own account", body = ErrorBody),
))]
async fn end_sessions(
    ManagesSessions(caller): ManagesSessions,
    State(api): State<Arc<Api>>,
    Path(name): Path<String>,
) -> Result<axum::Json<SessionsEnded>, ApiError> {
    let sessions_ended = api.auth.end_sessions(&caller, name).await?;
    Ok(axum::Json(SessionsEnded { sessions_ended }))
}
