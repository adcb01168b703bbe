//! What lies outside the API: health, metrics, and the small console page with its files.

use super::Api;
use super::error::ApiError;
use super::extract::{Peer, Reads};
use axum::Router;
use axum::extract::{FromRequestParts as _, Request, State};
use axum::http::{HeaderName, StatusCode, header};
use axum::response::IntoResponse;
use axum::routing::get;
use std::sync::Arc;

const PAGE: &[u8] = include_bytes!("../../assets/index.html");
const SCRIPT: &[u8] = include_bytes!("../../assets/app.js");
const STYLE: &[u8] = include_bytes!("../../assets/app.css");
const ICON: &[u8] = include_bytes!("../../assets/favicon.svg");

pub(super) fn routes() -> Router<Arc<Api>> {
    Router::new()
        .route("/", get(|| file("text/html; charset=utf-8", PAGE)))
        .route(
            "/app.js",
            get(|| file("text/javascript; charset=utf-8", SCRIPT)),
        )
        .route("/app.css", get(|| file("text/css; charset=utf-8", STYLE)))
        .route("/favicon.svg", get(|| file("image/svg+xml", ICON)))
        .route("/healthz", get(health))
        .route("/metrics", get(metrics))
}

async fn file(kind: &'static str, bytes: &'static [u8]) -> impl IntoResponse {
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

/// Counts tell a stranger how large the fleet is; so only this machine reads them without an API token.
async fn metrics(
    State(api): State<Arc<Api>>,
    Peer(peer): Peer,
    request: Request,
) -> Result<impl IntoResponse, ApiError> {
    if !peer.ip().to_canonical().is_loopback() {
        Reads::from_request_parts(&mut request.into_parts().0, &api).await?;
    }
    let text = api
        .metrics
        .scrape(api.observe())
        .map_err(|e| ApiError::internal(&e))?;
    let kind = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    Ok(([(header::CONTENT_TYPE, kind)], text))
}
