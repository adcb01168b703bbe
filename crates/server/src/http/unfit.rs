//! Requests that do not fit an operation: what is wrong with their body, query or path, in words for whoever sent them.

use super::LONGEST_BODY;
use super::error::{ApiError, ErrorCode};
use axum::extract::path::ErrorKind;
use axum::extract::rejection::{JsonRejection, PathRejection, QueryRejection};
use axum::http::StatusCode;
use std::error::Error;

/// As axum keeps them.
type BodyError = serde_path_to_error::Error<serde_json::Error>;
type QueryError = serde_path_to_error::Error<serde::de::value::Error>;

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
        let why = found::<QueryError>(&rejection).map_or_else(
            || "it is not what the operation takes".to_owned(),
            |error| api::unfit::at(&error.path().to_string(), &error.inner().to_string()),
        );
        Self::invalid(format!("the query does not fit: {why}"))
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
    if let Some(error) = found::<BodyError>(rejection) {
        return api::unfit::json_at(&error.path().to_string(), error.inner());
    }
    // What stands behind a value is told without a path.
    found::<serde_json::Error>(rejection).map_or_else(
        || "it is not what the operation takes".to_owned(),
        api::unfit::json,
    )
}

/// The first of the causes that is of this type.
fn found<'a, E: Error + 'static>(rejection: &'a (dyn Error + 'static)) -> Option<&'a E> {
    let mut cause = rejection.source();
    while let Some(error) = cause {
        if let Some(found) = error.downcast_ref() {
            return Some(found);
        }
        cause = error.source();
    }
    None
}
