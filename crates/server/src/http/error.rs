//! Errors as the API tells them: `{"error": {"code", "message", "details"}}`.
//!
//! Messages are for people and say what to do; codes are for programs and never change. What is the server's own fault is
//! logged with its causes under the request's id, and told to the caller as `internal` with nothing of its inside.

use crate::auth::AuthError;
use crate::auth::password::PasswordError;
use crate::content::{ContentError, FilesError};
use crate::quota::QuotaError;
use crate::store::StoreError;
use ::content::change::{EditRefused, NotApplied};
pub use api::error::{ErrorBody, ErrorCode};
use api::error::{ErrorContent, PackFault, Place};
use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use std::error::Error;
use std::io;

/// An error with its status.
#[derive(Debug)]
pub struct ApiError {
    status: StatusCode,
    code: ErrorCode,
    message: String,
    details: Option<Box<Place>>,
    faults: Vec<PackFault>,
    retry_after: Option<u64>,
}

/// The code of an error, as an extension of its reply: [`super::middleware`] notes refusals by it.
#[derive(Clone, Copy, Debug)]
pub struct Code(pub ErrorCode);

impl ApiError {
    /// An error.
    pub fn new(status: StatusCode, code: ErrorCode, message: impl Into<String>) -> Self {
        Self {
            status,
            code,
            message: message.into(),
            details: None,
            faults: Vec::new(),
            retry_after: None,
        }
    }

    /// A value breaks a rule.
    pub fn invalid(message: impl Into<String>) -> Self {
        Self::new(
            StatusCode::UNPROCESSABLE_ENTITY,
            ErrorCode::Invalid,
            message,
        )
    }

    /// The object is not there.
    pub fn not_found(message: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, ErrorCode::NotFound, message)
    }

    /// The caller may not.
    pub fn forbidden(message: impl Into<String>) -> Self {
        Self::new(StatusCode::FORBIDDEN, ErrorCode::Forbidden, message)
    }

    /// A text is no question.
    pub fn parse(error: &question::ParseError) -> Self {
        Self {
            details: Some(Box::new(error.clone().into())),
            ..Self::new(
                StatusCode::UNPROCESSABLE_ENTITY,
                ErrorCode::Parse,
                error.message.clone(),
            )
        }
    }

    /// The server failed; the causes go to the log only.
    pub fn internal(error: &(dyn Error + 'static)) -> Self {
        tracing::error!(error, "a request failed");
        Self::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            ErrorCode::Internal,
            "the server failed; its log tells why, under this reply's x-request-id",
        )
    }

    /// What is stored is damaged; where, goes to the log only.
    pub fn damaged(error: &(dyn Error + 'static)) -> Self {
        tracing::error!(error, "a request met damaged data");
        Self::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            ErrorCode::Damaged,
            "what the server has stored is damaged: an administrator must stop it and look with `cordon server check`; \
             `cordon server salvage` saves what can be read, or the last backup is restored",
        )
    }

    /// The disk is full; nothing was stored.
    fn full(error: &(dyn Error + 'static)) -> Self {
        tracing::error!(error, "a request found no room on the disk");
        Self {
            retry_after: Some(60),
            ..Self::new(
                StatusCode::INSUFFICIENT_STORAGE,
                ErrorCode::Full,
                "the server's disk is full and nothing was stored: an administrator must make room, by deleting questions or on \
                 the machine; signing in, tokens and deletion still work",
            )
        }
    }

    /// The disk does not read or write.
    fn disk(error: &(dyn Error + 'static)) -> Self {
        tracing::error!(error, "a request met a failing disk");
        Self::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            ErrorCode::Disk,
            "the server cannot read or write its disk: an administrator must check the disk and its mount options",
        )
    }

    /// The server cannot at the moment; the message is fit for the caller.
    fn unavailable(error: &(dyn Error + 'static)) -> Self {
        tracing::error!(error, "a request could not be served now");
        Self {
            retry_after: Some(5),
            ..Self::new(
                StatusCode::SERVICE_UNAVAILABLE,
                ErrorCode::Unavailable,
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
                details: self.details.map(|place| *place),
                faults: self.faults,
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
                Self::new(StatusCode::CONFLICT, ErrorCode::Conflict, error.to_string())
            }
            StoreError::Full { .. } => Self::full(&error),
            StoreError::Damaged { .. }
            | StoreError::Content { .. }
            | StoreError::Incomplete { .. } => Self::damaged(&error),
            StoreError::Disk { .. } => Self::disk(&error),
            StoreError::Busy { .. } | StoreError::Closed => Self::unavailable(&error),
            _ => Self::internal(&error),
        }
    }
}

impl From<AuthError> for ApiError {
    fn from(error: AuthError) -> Self {
        let message = error.to_string();
        match error {
            AuthError::WrongPassword | AuthError::Unauthenticated => Self::new(
                StatusCode::UNAUTHORIZED,
                ErrorCode::Unauthenticated,
                message,
            ),
            AuthError::TooMany(wait) => Self {
                retry_after: Some(wait.as_secs() + 1),
                ..Self::new(StatusCode::TOO_MANY_REQUESTS, ErrorCode::TooMany, message)
            },
            AuthError::Forbidden { .. }
            | AuthError::OutOfScope(_)
            | AuthError::BeyondOwn(_)
            | AuthError::SessionOnly => Self::forbidden(message),
            AuthError::OneTimePassword => Self::new(
                StatusCode::FORBIDDEN,
                ErrorCode::PasswordChangeRequired,
                message,
            ),
            AuthError::Disabled => Self::new(StatusCode::FORBIDDEN, ErrorCode::Disabled, message),
            AuthError::Csrf => Self::new(StatusCode::FORBIDDEN, ErrorCode::Csrf, message),
            AuthError::Invalid(_) => Self::invalid(message),
            AuthError::Store(error) => error.into(),
            AuthError::Password(error @ PasswordError::Busy) => Self::unavailable(&error),
            AuthError::Password(error) => Self::internal(&error),
            AuthError::Secret(error) => Self::internal(&error),
            error @ AuthError::PasswordFile { .. } => Self::internal(&error),
        }
    }
}

impl From<ContentError> for ApiError {
    fn from(error: ContentError) -> Self {
        let message = error.to_string();
        let conflict = |code| Self::new(StatusCode::CONFLICT, code, message.as_str());
        match error {
            ContentError::Store(error) => error.into(),
            ContentError::Faults { faults, .. } => Self {
                faults: faults.into_iter().map(fault).collect(),
                ..Self::new(StatusCode::UNPROCESSABLE_ENTITY, ErrorCode::Faults, message)
            },
            ContentError::OtherPlan
            | ContentError::NotApplied(NotApplied::Changed { .. })
            | ContentError::Edit(EditRefused::Changed { .. }) => conflict(ErrorCode::Changed),
            ContentError::Edit(EditRefused::Unsound { faults, .. }) => Self {
                faults: faults.into_iter().map(fault).collect(),
                ..Self::new(StatusCode::UNPROCESSABLE_ENTITY, ErrorCode::Faults, message)
            },
            ContentError::Edit(EditRefused::OtherKey { .. })
            | ContentError::Supply(_)
            | ContentError::Invalid(_) => Self::invalid(message),
            ContentError::Refused(_) | ContentError::NotApplied(_) | ContentError::Edit(_) => {
                conflict(ErrorCode::Conflict)
            }
            ContentError::Missing(_) => Self::not_found(message),
            ContentError::TooLarge { .. } => {
                Self::new(StatusCode::PAYLOAD_TOO_LARGE, ErrorCode::TooLarge, message)
            }
            ContentError::Files(FilesError::Lost { .. }) => Self::damaged(&error),
            ContentError::Files(FilesError::System { ref source, .. })
                if matches!(
                    source.kind(),
                    io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded
                ) =>
            {
                Self::full(&error)
            }
            ContentError::Files(_) => Self::disk(&error),
            ContentError::Ended(_) => Self::internal(&error),
        }
    }
}

fn fault(fault: ::content::fault::Fault) -> PackFault {
    PackFault {
        file: fault.file,
        line: fault.line,
        column: fault.column,
        message: fault.message,
    }
}

impl From<QuotaError> for ApiError {
    fn from(error: QuotaError) -> Self {
        match error {
            QuotaError::Store(error) => error.into(),
            other => Self::new(
                StatusCode::TOO_MANY_REQUESTS,
                ErrorCode::Quota,
                other.to_string(),
            ),
        }
    }
}
