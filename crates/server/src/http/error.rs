//! Errors as the API tells them: `{"error": {"code", "message", "details"}}`.
//!
//! Messages are for people and say what to do; codes are for programs and never change. What is the server's own fault is
//! logged with its causes under the request's id, and told to the caller as `internal` with nothing of its inside.

use crate::auth::AuthError;
use crate::auth::password::PasswordError;
use crate::quota::QuotaError;
use crate::store::StoreError;
use axum::Json;
use axum::extract::rejection::{JsonRejection, PathRejection, QueryRejection};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use serde_json::{Value, json};
use std::error::Error;

/// An error with its status.
#[derive(Debug)]
pub struct ApiError {
    status: StatusCode,
    code: &'static str,
    message: String,
    details: Value,
    retry_after: Option<u64>,
}

/// The body of every error.
#[derive(Serialize, utoipa::ToSchema)]
pub struct ErrorBody {
    /// The error.
    pub error: ErrorContent,
}

/// What went wrong.
#[derive(Serialize, utoipa::ToSchema)]
pub struct ErrorContent {
    /// For programs: `unauthenticated`, `forbidden`, `password_change_required`, `csrf`, `not_found`, `conflict`, `invalid`, `parse`,
    /// `too_many`, `quota`, `too_large`, `unavailable`, `internal`.
    pub code: &'static str,
    /// For people.
    pub message: String,
    /// More, such as the place of an error in a question; `null` when there is none.
    #[schema(value_type = Object)]
    pub details: Value,
}

/// The code of an error, as an extension of its reply: [`super::middleware`] notes refusals by it.
#[derive(Clone, Copy, Debug)]
pub struct Code(pub &'static str);

impl ApiError {
    /// An error.
    pub fn new(status: StatusCode, code: &'static str, message: impl Into<String>) -> Self {
        Self {
            status,
            code,
            message: message.into(),
            details: Value::Null,
            retry_after: None,
        }
    }

    /// A value breaks a rule.
    pub fn invalid(message: impl Into<String>) -> Self {
        Self::new(StatusCode::UNPROCESSABLE_ENTITY, "invalid", message)
    }

    /// The object is not there.
    pub fn not_found(message: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, "not_found", message)
    }

    /// The caller may not.
    pub fn forbidden(message: impl Into<String>) -> Self {
        Self::new(StatusCode::FORBIDDEN, "forbidden", message)
    }

    /// A text is no question.
    pub fn parse(error: &question::ParseError) -> Self {
        Self {
            details: json!(error),
            ..Self::new(
                StatusCode::UNPROCESSABLE_ENTITY,
                "parse",
                error.message.clone(),
            )
        }
    }

    /// The server failed; the causes go to the log only.
    pub fn internal(error: &(dyn Error + 'static)) -> Self {
        tracing::error!(error, "a request failed");
        Self::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            "internal",
            "the server failed; its log tells why, under this reply's x-request-id",
        )
    }

    /// The server cannot at the moment; the message is fit for the caller.
    fn unavailable(error: &(dyn Error + 'static)) -> Self {
        tracing::error!(error, "a request could not be served now");
        Self {
            retry_after: Some(5),
            ..Self::new(
                StatusCode::SERVICE_UNAVAILABLE,
                "unavailable",
                error.to_string(),
            )
        }
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let body = ErrorBody {
            error: ErrorContent {
                code: self.code,
                message: self.message,
                details: self.details,
            },
        };
        let mut response = (self.status, Json(body)).into_response();
        response.extensions_mut().insert(Code(self.code));
        let headers = response.headers_mut();
        if self.status == StatusCode::UNAUTHORIZED {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        if let Some(seconds) = self.retry_after {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        response
    }
}

impl From<StoreError> for ApiError {
    fn from(error: StoreError) -> Self {
        match &error {
            StoreError::Missing(_) => Self::not_found(error.to_string()),
            StoreError::Conflict(_) => {
                Self::new(StatusCode::CONFLICT, "conflict", error.to_string())
            }
            StoreError::Full { .. } | StoreError::Busy { .. } | StoreError::Closed => {
                Self::unavailable(&error)
            }
            _ => Self::internal(&error),
        }
    }
}

impl From<AuthError> for ApiError {
    fn from(error: AuthError) -> Self {
        let message = error.to_string();
        match error {
            AuthError::WrongPassword | AuthError::Unauthenticated => {
                Self::new(StatusCode::UNAUTHORIZED, "unauthenticated", message)
            }
            AuthError::TooMany(wait) => Self {
                retry_after: Some(wait.as_secs() + 1),
                ..Self::new(StatusCode::TOO_MANY_REQUESTS, "too_many", message)
            },
            AuthError::Forbidden(_) | AuthError::SessionOnly => Self::forbidden(message),
            AuthError::OneTimePassword => {
                Self::new(StatusCode::FORBIDDEN, "password_change_required", message)
            }
            AuthError::Csrf => Self::new(StatusCode::FORBIDDEN, "csrf", message),
            AuthError::Invalid(_) => Self::invalid(message),
            AuthError::Store(error) => error.into(),
            AuthError::Password(error @ PasswordError::Busy) => Self::unavailable(&error),
            AuthError::Password(error) => Self::internal(&error),
            AuthError::Secret(error) => Self::internal(&error),
            error @ AuthError::PasswordFile { .. } => Self::internal(&error),
        }
    }
}

impl From<QuotaError> for ApiError {
    fn from(error: QuotaError) -> Self {
        match error {
            QuotaError::Store(error) => error.into(),
            other => Self::new(StatusCode::TOO_MANY_REQUESTS, "quota", other.to_string()),
        }
    }
}

impl From<JsonRejection> for ApiError {
    fn from(rejection: JsonRejection) -> Self {
        let status = rejection.status();
        let code = if status == StatusCode::PAYLOAD_TOO_LARGE {
            "too_large"
        } else {
            "invalid"
        };
        Self::new(status, code, rejection.body_text())
    }
}

impl From<QueryRejection> for ApiError {
    fn from(rejection: QueryRejection) -> Self {
        Self::invalid(rejection.body_text())
    }
}

impl From<PathRejection> for ApiError {
    fn from(rejection: PathRejection) -> Self {
        // A path that names no possible object names none.
        Self::not_found(rejection.body_text())
    }
}
