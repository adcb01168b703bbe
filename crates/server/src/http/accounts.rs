//! Signing in and out, users, and API tokens.

use super::Api;
use super::error::{ApiError, ErrorBody};
use super::extract::{
    Arrived, COOKIE, Client, DEVICE_COOKIE, Json, ManagesUsers, Path, SignedIn, cookie,
};
use crate::auth::{DEVICE_LIFE, Origin};
use crate::model::account::User;
use crate::model::role::{Scope, Scopes};
use api::Secret;
use api::account::{
    ApiTokenCreated, ApiTokenInfo, ApiTokenToCreate, LoggedIn, Login, Me, PasswordChange,
    PasswordReset, UserChange, UserCreated, UserDisabled, UserInfo, UserToCreate,
};
use api::ids::ApiTokenId;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use jiff::Timestamp;
use rights::Permission;
use std::sync::Arc;
use std::time::Duration;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// Letters that are kept of what a client calls itself.
const LONGEST_CLIENT: usize = 200;

pub(super) fn routes() -> OpenApiRouter<Arc<Api>> {
    OpenApiRouter::new()
        .routes(routes!(login))
        .routes(routes!(logout))
        .routes(routes!(me))
        .routes(routes!(change_password))
        .routes(routes!(users, create_user))
        .routes(routes!(change_user, delete_user))
        .routes(routes!(reset_password))
        .routes(routes!(disable_user))
        .routes(routes!(enable_user))
        .routes(routes!(api_tokens, create_api_token))
        .routes(routes!(delete_api_token))
}

/// A stored time; one that no calendar holds is the nearest that it does.
pub(super) fn time(seconds: i64) -> Timestamp {
    let end = if seconds < 0 {
        Timestamp::MIN
    } else {
        Timestamp::MAX
    };
    Timestamp::from_second(seconds).unwrap_or(end)
}

/// Signs in; sets the session cookie, and one by which this device is known next time: wrong guesses of others do not slow it.
#[utoipa::path(post, path = "/login", operation_id = "sign_in", tag = "session", request_body = Login, responses(
    (status = OK, body = LoggedIn),
    (status = UNAUTHORIZED, description = "The name or the password is wrong", body = ErrorBody),
    (status = FORBIDDEN, description = "The user is disabled", body = ErrorBody),
    (status = TOO_MANY_REQUESTS, description = "Too many tries", body = ErrorBody),
))]
async fn login(
    State(api): State<Arc<Api>>,
    Client(address): Client,
    headers: HeaderMap,
    Json(login): Json<Login>,
) -> Result<Response, ApiError> {
    let origin = Origin {
        address,
        device: cookie(&headers, DEVICE_COOKIE),
        client: client(&headers),
    };
    let signed = api
        .auth
        .sign_in(&login.name, login.password.0, origin)
        .await?;
    let seconds = api.auth.session_seconds();
    let mut cookies = vec![set_cookie(COOKIE, &signed.session, seconds.unsigned_abs())];
    if let Some(device) = &signed.device {
        cookies.push(set_cookie(DEVICE_COOKIE, device, DEVICE_LIFE.as_secs()));
    }
    let body = LoggedIn {
        csrf: signed.csrf,
        one_time_password: signed.user.one_time,
        role: signed.user.role.into(),
        name: signed.user.name,
    };
    with_cookies(&cookies, axum::Json(body))
}

/// What the client calls itself, as far as that is worth keeping.
fn client(headers: &HeaderMap) -> Option<String> {
    let said = headers.get(header::USER_AGENT)?;
    let text = String::from_utf8_lossy(said.as_bytes());
    let kept = text.chars().filter(|c| !c.is_control());
    let kept: String = kept.take(LONGEST_CLIENT).collect();
    (!kept.is_empty()).then_some(kept)
}

fn set_cookie(name: &str, value: &str, seconds: u64) -> String {
    format!("{name}={value}; Path=/; Max-Age={seconds}; Secure; HttpOnly; SameSite=Strict")
}

/// Ends the session.
#[utoipa::path(post, path = "/logout", operation_id = "sign_out", tag = "session", security(("session" = [])), responses(
    (status = NO_CONTENT, description = "Signed out"),
))]
async fn logout(
    Arrived(caller): Arrived,
    State(api): State<Arc<Api>>,
) -> Result<Response, ApiError> {
    api.auth.sign_out(&caller).await?;
    with_cookies(&[set_cookie(COOKIE, "", 0)], StatusCode::NO_CONTENT)
}

fn with_cookies(cookies: &[String], body: impl IntoResponse) -> Result<Response, ApiError> {
    let mut response = body.into_response();
    for cookie in cookies {
        let mut value = HeaderValue::from_str(cookie).map_err(|e| ApiError::internal(&e))?;
        value.set_sensitive(true);
        response.headers_mut().append(header::SET_COOKIE, value);
    }
    Ok(response)
}

/// Who the caller is, and what they may do.
#[utoipa::path(get, path = "/me", operation_id = "get_me", tag = "session", security(("session" = []), ("token" = [])), responses(
    (status = OK, body = Me),
))]
async fn me(Arrived(caller): Arrived) -> axum::Json<Me> {
    axum::Json(Me {
        permissions: caller.scopes().into_iter().map(Into::into).collect(),
        csrf: caller.csrf().map(str::to_owned),
        token: caller.actor().token().map(Into::into),
        name: caller.user.name,
        role: caller.user.role.into(),
        one_time_password: caller.user.one_time,
    })
}

/// Changes the caller's own password. Their other sessions end, and their API tokens but for those named.
#[utoipa::path(post, path = "/me/password", operation_id = "change_password", tag = "session", security(("session" = [])), request_body = PasswordChange, responses(
    (status = NO_CONTENT, description = "Changed"),
    (status = UNPROCESSABLE_ENTITY, description = "The new password is too short or the old one", body = ErrorBody),
))]
async fn change_password(
    Arrived(caller): Arrived,
    State(api): State<Arc<Api>>,
    Client(address): Client,
    Json(change): Json<PasswordChange>,
) -> Result<StatusCode, ApiError> {
    api.auth
        .change_password(
            &caller,
            change.current.0,
            change.new.0,
            change.keep_tokens.into_iter().map(Into::into).collect(),
            address,
        )
        .await?;
    Ok(StatusCode::NO_CONTENT)
}

impl From<User> for UserInfo {
    fn from(user: User) -> Self {
        Self {
            id: user.id.into(),
            name: user.name,
            role: user.role.into(),
            one_time_password: user.one_time,
            service: user.service,
            created_at: time(user.created_at),
            disabled_at: user.disabled_at.map(time),
        }
    }
}

/// All users, by name.
#[utoipa::path(get, path = "/users", operation_id = "list_users", tag = "users", security(("session" = []), ("token" = ["admin"])), responses(
    (status = OK, body = Vec<UserInfo>),
))]
async fn users(
    _caller: ManagesUsers,
    State(api): State<Arc<Api>>,
) -> Result<axum::Json<Vec<UserInfo>>, ApiError> {
    let users = api.store.users().await?;
    Ok(axum::Json(users.into_iter().map(Into::into).collect()))
}

/// Adds a user.
#[utoipa::path(post, path = "/users", operation_id = "create_user", tag = "users", security(("session" = []), ("token" = ["admin"])), request_body = UserToCreate, responses(
    (status = CREATED, body = UserCreated),
    (status = CONFLICT, description = "The name is taken", body = ErrorBody),
))]
async fn create_user(
    ManagesUsers(caller): ManagesUsers,
    State(api): State<Arc<Api>>,
    Json(user): Json<UserToCreate>,
) -> Result<(StatusCode, axum::Json<UserCreated>), ApiError> {
    let password = user.password.map(|secret| secret.0);
    let (id, told) = api
        .auth
        .create_user(&caller, user.name.clone(), user.role.into(), password)
        .await?;
    let body = UserCreated {
        id: id.into(),
        name: user.name,
        password: told.map(Secret),
    };
    Ok((StatusCode::CREATED, axum::Json(body)))
}

/// Gives a user another role. It holds from the next request on, for their sessions and tokens too. The last administrator stays one.
#[utoipa::path(put, path = "/users/{name}", operation_id = "change_user", tag = "users", security(("session" = []), ("token" = ["admin"])),
    params(("name" = String, Path, description = "User name")), request_body = UserChange, responses(
    (status = OK, body = UserInfo),
    (status = NOT_FOUND, body = ErrorBody),
    (status = CONFLICT, description = "This is the last administrator, or the server's own account", body = ErrorBody),
))]
async fn change_user(
    ManagesUsers(caller): ManagesUsers,
    State(api): State<Arc<Api>>,
    Path(name): Path<String>,
    Json(change): Json<UserChange>,
) -> Result<axum::Json<UserInfo>, ApiError> {
    let role = change.role.into();
    let user = api.auth.change_role(&caller, name, role).await?;
    Ok(axum::Json(user.into()))
}

/// Makes a one-time password in place of a user's own. Their sessions and API tokens end.
#[utoipa::path(post, path = "/users/{name}/password", operation_id = "reset_password", tag = "users", security(("session" = []), ("token" = ["admin"])),
    params(("name" = String, Path, description = "User name")), responses(
    (status = OK, body = PasswordReset),
    (status = NOT_FOUND, body = ErrorBody),
    (status = CONFLICT, description = "This is the server's own account", body = ErrorBody),
))]
async fn reset_password(
    ManagesUsers(caller): ManagesUsers,
    State(api): State<Arc<Api>>,
    Path(name): Path<String>,
) -> Result<axum::Json<PasswordReset>, ApiError> {
    let (password, ended) = api.auth.reset_password(&caller, name).await?;
    Ok(axum::Json(PasswordReset {
        password: Secret(password),
        sessions_ended: ended.sessions,
        tokens_ended: ended.tokens,
    }))
}

/// Shuts a user out: signing in is refused, and their sessions and API tokens end at once. What they asked and made stays. The last
/// administrator stays in.
#[utoipa::path(post, path = "/users/{name}/disable", operation_id = "disable_user", tag = "users", security(("session" = []), ("token" = ["admin"])),
    params(("name" = String, Path, description = "User name")), responses(
    (status = OK, body = UserDisabled),
    (status = NOT_FOUND, body = ErrorBody),
    (status = CONFLICT, description = "This is the last administrator, or the server's own account", body = ErrorBody),
))]
async fn disable_user(
    ManagesUsers(caller): ManagesUsers,
    State(api): State<Arc<Api>>,
    Path(name): Path<String>,
) -> Result<axum::Json<UserDisabled>, ApiError> {
    let (user, ended) = api.auth.set_disabled(&caller, name, true).await?;
    Ok(axum::Json(UserDisabled {
        user: user.into(),
        sessions_ended: ended.sessions,
        tokens_ended: ended.tokens,
    }))
}

/// Lets a user in again who was shut out, with the password that they had. Sessions and API tokens that ended do not come back.
#[utoipa::path(post, path = "/users/{name}/enable", operation_id = "enable_user", tag = "users", security(("session" = []), ("token" = ["admin"])),
    params(("name" = String, Path, description = "User name")), responses(
    (status = OK, body = UserInfo),
    (status = NOT_FOUND, body = ErrorBody),
    (status = CONFLICT, description = "This is the server's own account", body = ErrorBody),
))]
async fn enable_user(
    ManagesUsers(caller): ManagesUsers,
    State(api): State<Arc<Api>>,
    Path(name): Path<String>,
) -> Result<axum::Json<UserInfo>, ApiError> {
    let (user, _) = api.auth.set_disabled(&caller, name, false).await?;
    Ok(axum::Json(user.into()))
}

/// Removes a user with their sessions and API tokens. The last administrator stays.
#[utoipa::path(delete, path = "/users/{name}", operation_id = "delete_user", tag = "users", security(("session" = []), ("token" = ["admin"])),
    params(("name" = String, Path, description = "User name")), responses(
    (status = NO_CONTENT, description = "Removed"),
    (status = NOT_FOUND, body = ErrorBody),
    (status = CONFLICT, description = "This is the last administrator", body = ErrorBody),
))]
async fn delete_user(
    ManagesUsers(caller): ManagesUsers,
    State(api): State<Arc<Api>>,
    Path(name): Path<String>,
) -> Result<StatusCode, ApiError> {
    api.auth.delete_user(&caller, name).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// The caller's API tokens; an administrator sees everybody's.
#[utoipa::path(get, path = "/api-tokens", operation_id = "list_api_tokens", tag = "tokens", security(("session" = []), ("token" = [])), responses(
    (status = OK, body = Vec<ApiTokenInfo>),
))]
async fn api_tokens(
    SignedIn(caller): SignedIn,
    State(api): State<Arc<Api>>,
) -> Result<axum::Json<Vec<ApiTokenInfo>>, ApiError> {
    let of = (!caller.may(Permission::ManageUsers)).then_some(caller.user.id);
    let tokens = api.store.api_tokens(of).await?;
    let infos = tokens.into_iter().map(|token| ApiTokenInfo {
        id: token.id.into(),
        name: token.name,
        user: token.user.name,
        scopes: token.scopes.iter().map(Into::into).collect(),
        created_at: time(token.created_at),
        expires_at: time(token.expires_at),
        used_at: token.used_at.map(time),
    });
    Ok(axum::Json(infos.collect()))
}

/// Makes an API token that acts for the caller. A token made by a token ends no later than that one.
#[utoipa::path(post, path = "/api-tokens", operation_id = "create_api_token", tag = "tokens", security(("session" = []), ("token" = [])), request_body = ApiTokenToCreate, responses(
    (status = CREATED, body = ApiTokenCreated),
    (status = FORBIDDEN, description = "The caller has none of the scopes", body = ErrorBody),
    (status = UNPROCESSABLE_ENTITY, body = ErrorBody),
))]
async fn create_api_token(
    SignedIn(caller): SignedIn,
    State(api): State<Arc<Api>>,
    Json(wanted): Json<ApiTokenToCreate>,
) -> Result<(StatusCode, axum::Json<ApiTokenCreated>), ApiError> {
    let scopes: Scopes = wanted.scopes.into_iter().map(Scope::from).collect();
    let life = Duration::from_secs(wanted.expires_seconds);
    let made = api
        .auth
        .create_token(&caller, wanted.name, scopes, life)
        .await?;
    let body = ApiTokenCreated {
        id: made.id.into(),
        token: Secret(made.text),
        scopes: made.scopes.iter().map(Into::into).collect(),
        expires_at: time(made.expires_at),
    };
    Ok((StatusCode::CREATED, axum::Json(body)))
}

/// Removes an API token: one's own, or for an administrator anybody's.
#[utoipa::path(delete, path = "/api-tokens/{id}", operation_id = "delete_api_token", tag = "tokens", security(("session" = []), ("token" = [])),
    params(("id" = inline(ApiTokenId), Path, description = "The token's number")), responses(
    (status = NO_CONTENT, description = "Removed"),
    (status = NOT_FOUND, body = ErrorBody),
))]
async fn delete_api_token(
    SignedIn(caller): SignedIn,
    State(api): State<Arc<Api>>,
    Path(id): Path<ApiTokenId>,
) -> Result<StatusCode, ApiError> {
    api.auth.delete_token(&caller, id.into()).await?;
    Ok(StatusCode::NO_CONTENT)
}
