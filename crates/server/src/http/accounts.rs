//! Signing in and out, users, and API tokens.

use super::Api;
use super::error::{ApiError, ErrorBody};
use super::extract::{
    Administers, Arrived, COOKIE, Client, DEVICE_COOKIE, Json, Path, SignedIn, cookie,
};
use crate::auth::{DEVICE_LIFE, Origin};
use crate::model::account::User;
use crate::model::ids::{ApiTokenId, UserId};
use crate::model::role::{Permission, Role, Scopes};
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Deserializer, Serialize};
use std::sync::Arc;
use std::time::Duration;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use zeroize::Zeroizing;

pub(super) fn routes() -> OpenApiRouter<Arc<Api>> {
    OpenApiRouter::new()
        .routes(routes!(login))
        .routes(routes!(logout))
        .routes(routes!(me))
        .routes(routes!(change_password))
        .routes(routes!(users, create_user))
        .routes(routes!(delete_user))
        .routes(routes!(api_tokens, create_api_token))
        .routes(routes!(delete_api_token))
}

/// Seconds since 1970 as RFC 3339.
pub(super) fn time(seconds: i64) -> String {
    jiff::Timestamp::from_second(seconds).map_or_else(|_| seconds.to_string(), |t| t.to_string())
}

fn secret<'de, D: Deserializer<'de>>(from: D) -> Result<Zeroizing<String>, D::Error> {
    String::deserialize(from).map(Zeroizing::new)
}

fn optional_secret<'de, D: Deserializer<'de>>(
    from: D,
) -> Result<Option<Zeroizing<String>>, D::Error> {
    Ok(Option::<String>::deserialize(from)?.map(Zeroizing::new))
}

/// A name and a password.
#[derive(Deserialize, ToSchema)]
pub(super) struct Login {
    /// User name.
    name: String,
    /// Password.
    #[serde(deserialize_with = "secret")]
    #[schema(value_type = String, format = Password)]
    password: Zeroizing<String>,
}

/// A session that began; its secret is in the cookie.
#[derive(Serialize, ToSchema)]
pub(super) struct LoggedIn {
    /// To be sent as `x-csrf-token` with every request that is not a GET.
    csrf: String,
    /// User name.
    name: String,
    /// Role.
    role: Role,
    /// Whether somebody else set the password: nothing but changing it works until that is done.
    one_time_password: bool,
}

/// Signs in; sets the session cookie, and one by which this device is known next time: wrong guesses of others do not slow it.
#[utoipa::path(post, path = "/login", tag = "session", request_body = Login, responses(
    (status = OK, body = LoggedIn),
    (status = UNAUTHORIZED, description = "The name or the password is wrong", body = ErrorBody),
    (status = TOO_MANY_REQUESTS, description = "Too many tries", body = ErrorBody),
))]
async fn login(
    State(api): State<Arc<Api>>,
    Client(address): Client,
    headers: HeaderMap,
    Json(login): Json<Login>,
) -> Result<Response, ApiError> {
    let device = cookie(&headers, DEVICE_COOKIE);
    let origin = Origin { address, device };
    let signed = api
        .auth
        .sign_in(&login.name, login.password, origin)
        .await?;
    let seconds = api.auth.session_seconds();
    let mut cookies = vec![set_cookie(COOKIE, &signed.session, seconds.unsigned_abs())];
    if let Some(device) = &signed.device {
        cookies.push(set_cookie(DEVICE_COOKIE, device, DEVICE_LIFE.as_secs()));
    }
    let body = LoggedIn {
        csrf: signed.csrf,
        one_time_password: signed.user.one_time,
        role: signed.user.role,
        name: signed.user.name,
    };
    with_cookies(&cookies, axum::Json(body))
}

fn set_cookie(name: &str, value: &str, seconds: u64) -> String {
    format!("{name}={value}; Path=/; Max-Age={seconds}; Secure; HttpOnly; SameSite=Strict")
}

/// Ends the session.
#[utoipa::path(post, path = "/logout", tag = "session", security(("session" = [])), responses(
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

/// The caller.
#[derive(Serialize, ToSchema)]
pub(super) struct Me {
    /// User name.
    name: String,
    /// Role.
    role: Role,
    /// What this session or token may do.
    permissions: Vec<Permission>,
    /// Whether somebody else set the password: nothing but changing it works until that is done.
    one_time_password: bool,
    /// The session's token for `x-csrf-token`; absent for API tokens, which need none.
    #[serde(skip_serializing_if = "Option::is_none")]
    csrf: Option<String>,
}

/// Who the caller is, and what they may do.
#[utoipa::path(get, path = "/me", tag = "session", security(("session" = []), ("token" = [])), responses(
    (status = OK, body = Me),
))]
async fn me(Arrived(caller): Arrived) -> axum::Json<Me> {
    axum::Json(Me {
        permissions: caller.permissions(),
        csrf: caller.csrf().map(str::to_owned),
        name: caller.user.name,
        role: caller.user.role,
        one_time_password: caller.user.one_time,
    })
}

/// A change of the caller's own password.
#[derive(Deserialize, ToSchema)]
pub(super) struct PasswordChange {
    /// The password until now.
    #[serde(deserialize_with = "secret")]
    #[schema(value_type = String, format = Password)]
    current: Zeroizing<String>,
    /// The password from now on, at least 12 characters.
    #[serde(deserialize_with = "secret")]
    #[schema(value_type = String, format = Password)]
    new: Zeroizing<String>,
    /// Numbers of API tokens that go on; all others of the caller end.
    #[serde(default)]
    keep_tokens: Vec<ApiTokenId>,
}

/// Changes the caller's own password. Their other sessions end, and their API tokens but for those named.
#[utoipa::path(post, path = "/me/password", tag = "session", security(("session" = [])), request_body = PasswordChange, responses(
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
            change.current,
            change.new,
            change.keep_tokens,
            address,
        )
        .await?;
    Ok(StatusCode::NO_CONTENT)
}

/// A user.
#[derive(Serialize, ToSchema)]
pub(super) struct UserInfo {
    /// Number.
    id: UserId,
    /// Name.
    name: String,
    /// Role.
    role: Role,
    /// Whether somebody else set the password and it was not changed yet.
    one_time_password: bool,
    /// Whether this is no person but the server's own account for programs on its machine.
    service: bool,
    /// When they were added.
    #[schema(format = DateTime)]
    created_at: String,
}

impl From<User> for UserInfo {
    fn from(user: User) -> Self {
        Self {
            id: user.id,
            name: user.name,
            role: user.role,
            one_time_password: user.one_time,
            service: user.service,
            created_at: time(user.created_at),
        }
    }
}

/// All users, by name.
#[utoipa::path(get, path = "/users", tag = "users", security(("session" = []), ("token" = ["admin"])), responses(
    (status = OK, body = Vec<UserInfo>),
))]
async fn users(
    _caller: Administers,
    State(api): State<Arc<Api>>,
) -> Result<axum::Json<Vec<UserInfo>>, ApiError> {
    let users = api.store.users().await?;
    Ok(axum::Json(users.into_iter().map(Into::into).collect()))
}

/// A user to be added.
#[derive(Deserialize, ToSchema)]
pub(super) struct UserToCreate {
    /// Name: 1 to 64 letters, digits or any of `. _ - @`.
    name: String,
    /// Role.
    role: Role,
    /// First password, at least 12 characters; without one, the server makes it.
    #[serde(default, deserialize_with = "optional_secret")]
    #[schema(value_type = Option<String>, format = Password)]
    password: Option<Zeroizing<String>>,
}

/// A user that was added.
#[derive(Serialize, ToSchema)]
pub(super) struct UserCreated {
    /// Number.
    id: UserId,
    /// Name.
    name: String,
    /// The password the server made, told this once only.
    #[serde(skip_serializing_if = "Option::is_none")]
    password: Option<String>,
}

/// Adds a user.
#[utoipa::path(post, path = "/users", tag = "users", security(("session" = []), ("token" = ["admin"])), request_body = UserToCreate, responses(
    (status = CREATED, body = UserCreated),
    (status = CONFLICT, description = "The name is taken", body = ErrorBody),
))]
async fn create_user(
    Administers(caller): Administers,
    State(api): State<Arc<Api>>,
    Json(user): Json<UserToCreate>,
) -> Result<(StatusCode, axum::Json<UserCreated>), ApiError> {
    let (id, told) = api
        .auth
        .create_user(&caller, user.name.clone(), user.role, user.password)
        .await?;
    let body = UserCreated {
        id,
        name: user.name,
        password: told.map(|t| t.to_string()),
    };
    Ok((StatusCode::CREATED, axum::Json(body)))
}

/// Removes a user with their sessions and API tokens. The last administrator stays.
#[utoipa::path(delete, path = "/users/{name}", tag = "users", security(("session" = []), ("token" = ["admin"])),
    params(("name" = String, Path, description = "User name")), responses(
    (status = NO_CONTENT, description = "Removed"),
    (status = NOT_FOUND, body = ErrorBody),
    (status = CONFLICT, description = "This is the last administrator", body = ErrorBody),
))]
async fn delete_user(
    Administers(caller): Administers,
    State(api): State<Arc<Api>>,
    Path(name): Path<String>,
) -> Result<StatusCode, ApiError> {
    api.auth.delete_user(&caller, name).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// An API token, without its secret.
#[derive(Serialize, ToSchema)]
pub(super) struct ApiTokenInfo {
    /// Number.
    id: ApiTokenId,
    /// What its owner calls it.
    name: String,
    /// For whom it acts.
    user: String,
    /// What it may do, as far as its owner may.
    scopes: Vec<Permission>,
    /// When it was made.
    #[schema(format = DateTime)]
    created_at: String,
    /// When it ends.
    #[schema(format = DateTime)]
    expires_at: String,
    /// Its last use, to the minute.
    #[schema(format = DateTime)]
    used_at: Option<String>,
}

/// The caller's API tokens; an administrator sees everybody's.
#[utoipa::path(get, path = "/api-tokens", tag = "tokens", security(("session" = []), ("token" = [])), responses(
    (status = OK, body = Vec<ApiTokenInfo>),
))]
async fn api_tokens(
    SignedIn(caller): SignedIn,
    State(api): State<Arc<Api>>,
) -> Result<axum::Json<Vec<ApiTokenInfo>>, ApiError> {
    let of = (!caller.may(Permission::Admin)).then_some(caller.user.id);
    let tokens = api.store.api_tokens(of).await?;
    let infos = tokens.into_iter().map(|token| ApiTokenInfo {
        id: token.id,
        name: token.name,
        user: token.user.name,
        scopes: token.scopes.iter().collect(),
        created_at: time(token.created_at),
        expires_at: time(token.expires_at),
        used_at: token.used_at.map(time),
    });
    Ok(axum::Json(infos.collect()))
}

/// An API token to be made.
#[derive(Deserialize, ToSchema)]
pub(super) struct ApiTokenToCreate {
    /// What to call it: 1 to 64 letters, digits, spaces or any of `. _ - @`.
    name: String,
    /// What it should be able to do. What the caller may not do is left out.
    scopes: Vec<Permission>,
    /// Its life in seconds, 366 days at most.
    #[schema(minimum = 1)]
    expires_seconds: u64,
}

/// An API token that was made.
#[derive(Serialize, ToSchema)]
pub(super) struct ApiTokenCreated {
    /// Number.
    id: ApiTokenId,
    /// The token, told this once only.
    token: String,
    /// What it may do.
    scopes: Vec<Permission>,
    /// When it ends.
    #[schema(format = DateTime)]
    expires_at: String,
}

/// Makes an API token that acts for the caller. A token made by a token ends no later than that one.
#[utoipa::path(post, path = "/api-tokens", tag = "tokens", security(("session" = []), ("token" = [])), request_body = ApiTokenToCreate, responses(
    (status = CREATED, body = ApiTokenCreated),
    (status = FORBIDDEN, description = "The caller has none of the scopes", body = ErrorBody),
    (status = UNPROCESSABLE_ENTITY, body = ErrorBody),
))]
async fn create_api_token(
    SignedIn(caller): SignedIn,
    State(api): State<Arc<Api>>,
    Json(wanted): Json<ApiTokenToCreate>,
) -> Result<(StatusCode, axum::Json<ApiTokenCreated>), ApiError> {
    let scopes: Scopes = wanted.scopes.into_iter().collect();
    let life = Duration::from_secs(wanted.expires_seconds);
    let made = api
        .auth
        .create_token(&caller, wanted.name, scopes, life)
        .await?;
    let body = ApiTokenCreated {
        id: made.id,
        token: made.text.to_string(),
        scopes: made.scopes.iter().collect(),
        expires_at: time(made.expires_at),
    };
    Ok((StatusCode::CREATED, axum::Json(body)))
}

/// Removes an API token: one's own, or for an administrator anybody's.
#[utoipa::path(delete, path = "/api-tokens/{id}", tag = "tokens", security(("session" = []), ("token" = [])),
    params(("id" = u64, Path, description = "The token's number")), responses(
    (status = NO_CONTENT, description = "Removed"),
    (status = NOT_FOUND, body = ErrorBody),
))]
async fn delete_api_token(
    SignedIn(caller): SignedIn,
    State(api): State<Arc<Api>>,
    Path(id): Path<ApiTokenId>,
) -> Result<StatusCode, ApiError> {
    api.auth.delete_token(&caller, id).await?;
    Ok(StatusCode::NO_CONTENT)
}
