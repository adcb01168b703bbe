//! What lies outside the API: health, metrics, and the small console page with its files.

use super::Api;
use super::error::ApiError;
use super::extract::Reads;
use axum::Router;
use axum::extract::State;
use axum::http::{HeaderName, StatusCode, header};
use axum::response::IntoResponse;
use axum::routing::{MethodRouter, get};
use std::sync::Arc;

const PAGE: &[u8] = include_bytes!("../../assets/index.html");
const SCRIPT: &[u8] = include_bytes!("../../assets/app.js");
const STYLE: &[u8] = include_bytes!("../../assets/app.css");
const REFERENCE_STYLE: &[u8] = include_bytes!("../../assets/docs.css");
const ICON: &[u8] = include_bytes!("../../assets/favicon.svg");

pub(super) fn routes() -> Router<Arc<Api>> {
    Router::new()
        .route("/", fixed("text/html; charset=utf-8", PAGE))
        .route("/app.js", fixed("text/javascript; charset=utf-8", SCRIPT))
        .route("/app.css", fixed("text/css; charset=utf-8", STYLE))
        .route("/favicon.svg", fixed("image/svg+xml", ICON))
        .route(
            super::reference::STYLE_PATH,
            fixed("text/css; charset=utf-8", REFERENCE_STYLE),
        )
        .route("/healthz", get(health))
        .route("/metrics", get(metrics))
}

/// A file of the program's own.
fn fixed(kind: &'static str, bytes: &'static [u8]) -> MethodRouter<Arc<Api>> {
    get(move || async move { file(kind, bytes::Bytes::from_static(bytes)) })
}

/// A file for everybody; browsers ask whether it is still the same.
pub(super) fn file(kind: &'static str, bytes: bytes::Bytes) -> impl IntoResponse {
    let headers: [(HeaderName, &str); 2] = [
        (header::CONTENT_TYPE, kind),
        (header::CACHE_CONTROL, "no-cache"),
    ];
    (headers, bytes)
}

/// Well as long as the store answers and the server is not stopping.
async fn health(State(api): State<Arc<Api>>) -> (StatusCode, &'static str) {
    if api.stop.is_cancelled() {
        return (StatusCode::SERVICE_UNAVAILABLE, "stopping\n");
    }
    match api.store.audit_head().await {
        Ok(_) => (StatusCode::OK, "ok\n"),
        Err(error) => {
            tracing::error!(
                error = &error as &dyn std::error::Error,
                "the store does not answer"
            );
            (
                StatusCode::SERVICE_UNAVAILABLE,
                "the store does not answer\n",
            )
        }
    }
}

/// What is served at an address of its own, without TLS and without a sign-in: who reaches it may read it.
pub(super) fn metrics_only() -> Router<Arc<Api>> {
    Router::new()
        .route("/healthz", get(health))
        .route("/metrics", get(scrape))
}

/// Counts tell a stranger how large the fleet is, and so they do somebody who sees a part of it. This machine is no friend either: behind a
/// proxy everybody comes from here.
async fn metrics(
    Reads(caller): Reads,
    state: State<Arc<Api>>,
) -> Result<impl IntoResponse, ApiError> {
    if caller.reader().bounds().is_some() {
        return Err(ApiError::forbidden(
            "these counts are of all endpoints, and you see some of them only",
        ));
    }
    scrape(state).await
}

async fn scrape(State(api): State<Arc<Api>>) -> Result<impl IntoResponse, ApiError> {
    let text = api
        .metrics
        .scrape(api.observe())
        .map_err(|e| ApiError::internal(&e))?;
    let kind = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    Ok(([(header::CONTENT_TYPE, kind)], text))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The ranges of a character class of JavaScript that is written with `\u{…}` alone.
    fn ranges(class: &str) -> Vec<(u32, u32)> {
        let mut ranges: Vec<(u32, u32)> = Vec::new();
        for piece in class.split("\\u{").skip(1) {
            let (hex, rest) = piece.split_once('}').expect("a closing brace");
            let code = u32::from_str_radix(hex, 16).expect("a code point");
            match ranges.last_mut() {
                Some(last) if last.1 == u32::MAX => last.1 = code,
                _ => ranges.push((code, code)),
            }
            if let (Some(last), "-") = (ranges.last_mut(), rest) {
                last.1 = u32::MAX;
            }
        }
        ranges
    }

    #[test]
    fn the_page_shows_what_hides_as_terminals_and_csv_do() {
        let script = std::str::from_utf8(SCRIPT).expect("text");
        let (_, class) = script.split_once("const HIDDEN = /[").expect("a class");
        let (class, _) = class.split_once("]/gu;").expect("its end");
        let ranges = ranges(class);
        for c in '\0'..=char::MAX {
            let hidden = ranges
                .iter()
                .any(|(a, b)| (*a..=*b).contains(&u32::from(c)));
            let escaped = question::cell::printable(c.to_string().as_bytes()) != c.to_string();
            assert_eq!(hidden, escaped && !['\n', '\t'].contains(&c), "{c:?}");
        }
    }
}
