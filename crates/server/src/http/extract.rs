//! What handlers take from a request: the caller with the permission they need, and bodies, queries and paths whose
//! failures are told like every other error.
//!
//! A handler's first argument is [`Arrived`], [`SignedIn`] or one that is named after a permission; so a request is judged before anything else
//! of it is looked at. Requests of a session that may change something must also show the session's token in
//! `x-csrf-token`: a foreign page can send the cookie, but can neither read that token nor set that header.

use super::Api;
use super::error::{ApiError, ErrorCode};
use crate::auth::{AuthError, Caller, Credential, secret};
use crate::model::actor::Actor;
use axum::extract::{FromRequest, FromRequestParts, Request};
use axum::http::request::Parts;
use axum::http::{HeaderMap, Method, StatusCode, header};
use rights::Permission;
use serde::de::DeserializeOwned;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, OnceLock};
use std::time::Duration;
use zeroize::Zeroizing;

/// Name of the session cookie. The prefix makes browsers insist on Secure, Path=/ and no Domain.
pub const COOKIE: &str = "__Host-cordon";

/// Header with the session's token.
pub use api::CSRF_HEADER as CSRF;

/// Name of the cookie that tells a device somebody signed in with before.
pub const DEVICE_COOKIE: &str = "__Host-cordon-device";

/// The other end of the connection.
#[derive(Clone, Copy, Debug)]
pub struct Peer(pub SocketAddr);

/// From where the request comes, as far as that can be believed; see [`super::client`].
#[derive(Clone, Copy, Debug)]
pub struct Client(pub IpAddr);

/// Who sent the request, for [`super::middleware`], once that is known.
#[derive(Clone, Debug, Default)]
pub struct Sender(Arc<OnceLock<Actor>>);

impl Sender {
    /// Who it is, if they showed it.
    #[must_use]
    pub fn actor(&self) -> Option<&Actor> {
        self.0.get()
    }
}

/// What a request shows of who sends it.
pub fn credential(headers: &HeaderMap) -> Option<Credential> {
    if let Some(value) = headers.get(header::AUTHORIZATION) {
        // A request with a broken header is not judged by its cookie instead.
        let (scheme, token) = value.to_str().ok()?.split_once(' ')?;
        let token = token.trim();
        if !scheme.eq_ignore_ascii_case("bearer") || !token.starts_with(secret::TOKEN_PREFIX) {
            return None;
        }
        return Some(Credential::Token(Zeroizing::new(token.to_owned())));
    }
    cookie(headers, COOKIE).map(Credential::Session)
}

/// The cookie of this name.
pub fn cookie(headers: &HeaderMap, name: &str) -> Option<Zeroizing<String>> {
    headers
        .get_all(header::COOKIE)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(';'))
        .filter_map(|pair| pair.trim().split_once('='))
        .find(|(held, _)| *held == name)
        .map(|(_, value)| Zeroizing::new(value.to_owned()))
}

async fn caller(parts: &Parts, api: &Api) -> Result<Caller, ApiError> {
    let credential = credential(&parts.headers).ok_or(AuthError::Unauthenticated)?;
    let caller = api.auth.check(&credential).await?;
    if let Some(sender) = parts.extensions.get::<Sender>() {
        sender.0.get_or_init(|| caller.actor());
    }
    let safe = matches!(parts.method, Method::GET | Method::HEAD);
    if let (false, Some(expected)) = (safe, caller.csrf()) {
        let shown = parts.headers.get(CSRF).and_then(|v| v.to_str().ok());
        if !shown.is_some_and(|shown| secret::same(shown, expected)) {
            return Err(AuthError::Csrf.into());
        }
    }
    Ok(caller)
}

/// What an operation asks of its caller.
enum Needs {
    /// A right credential, be it of a one-time password.
    Credential,
    /// A password of the caller's own choice.
    OwnPassword,
    /// And this permission.
    Permission(Permission),
    /// And to read content, whatever content set it lies in: lists and texts of content are not cut by sets yet.
    AllContent,
}

impl Needs {
    fn judge(&self, caller: &Caller) -> Result<(), AuthError> {
        if matches!(self, Self::Credential) {
            return Ok(());
        }
        if caller.user.one_time {
            return Err(AuthError::OneTimePassword);
        }
        match self {
            Self::Permission(needed) => caller.need(*needed, None),
            Self::AllContent => [
                Permission::ReadSensor,
                Permission::ReadPackage,
                Permission::ReadSavedQuestion,
            ]
            .into_iter()
            .try_for_each(|needed| caller.need(needed, None)),
            _ => Ok(()),
        }
    }
}

macro_rules! guard {
    ($(#[$doc:meta])* $name:ident, $needs:expr) => {
        $(#[$doc])*
        pub struct $name(pub Caller);

        impl FromRequestParts<Arc<Api>> for $name {
            type Rejection = ApiError;
            async fn from_request_parts(parts: &mut Parts, api: &Arc<Api>) -> Result<Self, ApiError> {
                let caller = caller(parts, api).await?;
                $needs.judge(&caller)?;
                Ok(Self(caller))
            }
        }
    };
}

guard!(
    /// Anybody who was let in, even with a password that has to be changed: for signing out and for changing it.
    Arrived,
    Needs::Credential
);
guard!(
    /// Anybody who was let in.
    SignedIn,
    Needs::OwnPassword
);
guard!(
    /// A caller who may use Ask: see questions, answers and endpoints, as far as their bounds let them.
    Reads,
    Needs::Permission(Permission::UseAsk)
);
guard!(
    /// A caller who may put a question of their own together.
    Asks,
    Needs::Permission(Permission::AskDynamicQuestions)
);
guard!(
    /// A caller who may manage users, user groups and roles.
    ManagesUsers,
    Needs::Permission(Permission::ManageUsers)
);
guard!(
    /// A caller who may see and end sessions of others.
    ManagesSessions,
    Needs::Permission(Permission::ManageSessions)
);
guard!(
    /// A caller who may let endpoints in and shut them out.
    ManagesEndpoints,
    Needs::Permission(Permission::ManageEndpoints)
);
guard!(
    /// A caller who may replace authorities and keys.
    ManagesTrust,
    Needs::Permission(Permission::ManageTrust)
);
guard!(
    /// A caller who may read content of every content set.
    ReadsContent,
    Needs::AllContent
);
guard!(
    /// A caller who may import, change and roll back content.
    ManagesContent,
    Needs::Permission(Permission::ManageContent)
);
guard!(
    /// A caller who may read the audit log.
    ReadsAudit,
    Needs::Permission(Permission::ReadAudit)
);

impl FromRequestParts<Arc<Api>> for Client {
    type Rejection = ApiError;
    async fn from_request_parts(parts: &mut Parts, _: &Arc<Api>) -> Result<Self, ApiError> {
        parts
            .extensions
            .get::<Self>()
            .copied()
            .ok_or_else(|| ApiError::invalid("the connection has no address"))
    }
}

/// For a request's body: whoever sends it by the drop must not hold a connection for ever.
const BODY: Duration = Duration::from_secs(30);

/// A JSON body.
pub struct Json<T>(pub T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Json<T> {
    type Rejection = ApiError;
    async fn from_request(request: Request, state: &S) -> Result<Self, ApiError> {
        let read = async {
            let length = request.headers().get(header::CONTENT_LENGTH);
            let length = length.and_then(|l| l.to_str().ok()?.parse::<u64>().ok());
            if length.is_some_and(|l| l > super::LONGEST_BODY as u64) {
                return Err(ApiError::too_large());
            }
            let axum::Json(value) = axum::Json::from_request(request, state).await?;
            Ok(Self(value))
        };
        match tokio::time::timeout(BODY, read).await {
            Ok(read) => read,
            Err(_) => Err(ApiError::new(
                StatusCode::REQUEST_TIMEOUT,
                ErrorCode::Invalid,
                "the request's body took too long",
            )),
        }
    }
}

/// A query string.
#[derive(FromRequestParts)]
#[from_request(via(axum::extract::Query), rejection(ApiError))]
pub struct Query<T>(pub T);

/// Path parameters.
#[derive(FromRequestParts)]
#[from_request(via(axum::extract::Path), rejection(ApiError))]
pub struct Path<T>(pub T);

/// How many are wanted at once, refused where that is more than there may be: what is cut without a word is taken for all there is.
pub(super) fn within(wanted: Option<u32>, unless: u32, most: u32) -> Result<u32, ApiError> {
    match wanted {
        None => Ok(unless),
        Some(wanted) if wanted <= most => Ok(wanted),
        Some(wanted) => Err(ApiError::invalid(format!(
            "`limit` is {wanted}, and {most} is the most for one reply; ask for the rest by another"
        ))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::HeaderValue;

    fn shown(headers: &[(header::HeaderName, &'static str)]) -> Option<(bool, String)> {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(name, HeaderValue::from_static(value));
        }
        credential(&map).map(|c| match c {
            Credential::Session(text) => (true, text.to_string()),
            Credential::Token(text) => (false, text.to_string()),
        })
    }

    #[test]
    fn a_token_wins_over_a_cookie_and_a_broken_header_over_both() {
        let cookie = (header::COOKIE, "a=b; __Host-cordon=secret; c=d");
        let session = Some((true, "secret".to_owned()));
        assert_eq!(shown(std::slice::from_ref(&cookie)), session);
        assert_eq!(
            shown(&[cookie.clone(), (header::AUTHORIZATION, "bearer cordon_x")]),
            Some((false, "cordon_x".to_owned()))
        );
        for broken in ["Basic abc", "Bearer other", "Bearer"] {
            assert_eq!(
                shown(&[cookie.clone(), (header::AUTHORIZATION, broken)]),
                None
            );
        }
        assert_eq!(
            shown(&[(header::COOKIE, "x__Host-cordon=1; cordon=2")]),
            None
        );
    }
}
