//! Requests that do not fit an operation: what is wrong with their body, query or path, in words for whoever sent them.

use super::LONGEST_BODY;
use super::error::{ApiError, ErrorCode};
use axum::extract::path::ErrorKind;
use axum::extract::rejection::{JsonRejection, PathRejection, QueryRejection};
use axum::http::StatusCode;
use std::error::Error;

impl From<JsonRejection> for ApiError {
    fn from(rejection: JsonRejection) -> Self {
        let status = rejection.status();
        if status == StatusCode::PAYLOAD_TOO_LARGE {
            return Self::too_large();
        }
        let words = match &rejection {
            JsonRejection::MissingJsonContentType(_) => {
                "a body must be JSON, and say so: `content-type: application/json`".to_owned()
            }
            JsonRejection::JsonDataError(_) | JsonRejection::JsonSyntaxError(_) => {
                format!("the body does not fit: {}", body(&rejection))
            }
            _ => "the body broke off".to_owned(),
        };
        Self::new(status, ErrorCode::Invalid, words)
    }
}

impl ApiError {
    /// A body has more bytes than any operation takes.
    pub fn too_large() -> Self {
        Self::new(
            StatusCode::PAYLOAD_TOO_LARGE,
            ErrorCode::TooLarge,
            format!("a request's body has {LONGEST_BODY} bytes at most"),
        )
    }
}

impl From<QueryRejection> for ApiError {
    fn from(rejection: QueryRejection) -> Self {
        let (path, message) = innermost(&rejection);
        Self::invalid(format!(
            "the query does not fit: {}",
            api::unfit::at(&path, &message)
        ))
    }
}

/// A path that names no possible object names none.
impl From<PathRejection> for ApiError {
    fn from(rejection: PathRejection) -> Self {
        let PathRejection::FailedToDeserializePathParams(failed) = rejection else {
            return Self::not_found("the path names nothing here");
        };
        Self::not_found(match failed.into_kind() {
            ErrorKind::ParseError { value, .. }
            | ErrorKind::ParseErrorAtIndex { value, .. }
            | ErrorKind::ParseErrorAtKey { value, .. } => {
                format!("the path names nothing here: `{value}` is no such number or name")
            }
            ErrorKind::DeserializeError { message, .. } | ErrorKind::Message(message) => {
                format!(
                    "the path names nothing here: {}",
                    api::unfit::at("", &message)
                )
            }
            _ => "the path names nothing here".to_owned(),
        })
    }
}

/// What is wrong with a body.
fn body(rejection: &JsonRejection) -> String {
    let mut error: Option<&(dyn Error + 'static)> = rejection.source();
    let mut outer = String::new();
    while let Some(cause) = error {
        if let Some(json) = cause.downcast_ref::<serde_json::Error>() {
            return api::unfit::json_at(&before(&outer, &json.to_string()), json);
        }
        outer = cause.to_string();
        error = cause.source();
    }
    "it is not what the operation takes".to_owned()
}

/// The member that a rejection is about, and what the reader said of it.
fn innermost(rejection: &(dyn Error + 'static)) -> (String, String) {
    let mut error = rejection.source();
    let (mut outer, mut inner) = (String::new(), String::new());
    while let Some(cause) = error {
        let text = cause.to_string();
        if text != inner {
            outer = std::mem::replace(&mut inner, text);
        }
        error = cause.source();
    }
    (before(&outer, &inner), inner)
}

/// The path in `path: message`.
fn before(outer: &str, message: &str) -> String {
    let path = outer.strip_suffix(message).unwrap_or_default();
    path.strip_suffix(": ").unwrap_or_default().to_owned()
}
