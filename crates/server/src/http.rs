//! The HTTPS port: the API under `/api/v1`, described by an OpenAPI 3.1 document, and a small console page.
//!
//! - [`mod@serve`]: accepting, TLS, draining; [`middleware`]: what surrounds every request; [`unread`]: bodies that
//!   nobody wants.
//! - [`client`]: from where a request comes; [`extract`]: callers and their permissions; [`error`]: errors as the API tells them.
//! - A module for each subject holds its routes; each handler declares its path, permission and replies beside its code. What
//!   requests and replies hold is the crate `api`'s; [`convert`] turns the server's model into it.
//! - [`document`]: the description of all that. `docs/openapi.json` is the committed copy; a test compares. [`mod@reference`]: the same to read, at
//!   `/api/docs`.

mod accounts;
mod answers;
mod audit;
pub mod client;
mod compare;
mod content;
mod convert;
mod document;
pub mod error;
mod events;
mod export;
pub mod extract;
mod fleet;
mod groups;
mod language;
pub mod middleware;
mod page;
mod questions;
mod reference;
mod retention;
mod rights;
pub mod serve;
mod sessions;
mod shown;
mod unfit;
mod unread;

pub use document::openapi;
pub use serve::serve;

use crate::access::Access;
use crate::audit::Tally;
use crate::auth::Auth;
use crate::catalogue::SharedCatalogue;
use crate::content::Library;
use crate::fleet::Fleet;
use crate::identity::Identity;
use crate::metrics::{Metrics, Observed};
use crate::model::clock::Clock;
use crate::questions::Questions;
use crate::quota::Quotas;
use crate::store::{Store, StoreError};
use axum::extract::DefaultBodyLimit;
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;
use axum::routing::get;
use axum::{Router, middleware as layers};
use error::{ApiError, ErrorCode};
use std::any::Any;
use std::sync::Arc;
use tokio_util::sync::CancellationToken;
use tower_http::catch_panic::CatchPanicLayer;

/// Longest body of a request. A question has at most 32,000 characters of at most 4 bytes.
const LONGEST_BODY: usize = 256 << 10;

/// What handlers work with.
pub struct Api {
    /// Who is let in.
    pub auth: Arc<Auth>,
    /// Who may do what.
    pub access: Arc<Access>,
    /// What is kept.
    pub store: Arc<dyn Store>,
    /// What can be asked.
    pub catalogue: SharedCatalogue,
    /// What is asked and answered.
    pub questions: Arc<Questions>,
    /// Packs and what they brought.
    pub content: Arc<Library>,
    /// Who is who.
    pub identity: Arc<Identity>,
    /// Who is connected.
    pub fleet: Arc<Fleet>,
    /// What is noted of refusals and reads.
    pub tally: Arc<Tally>,
    /// What one asker may keep open.
    pub quotas: Arc<Quotas>,
    /// Proxies that are believed.
    pub proxies: client::Proxies,
    /// Where time comes from.
    pub clock: Clock,
    /// Counts.
    pub metrics: Metrics,
    /// Names of requests.
    pub requests: middleware::RequestIds,
    /// Cancelled when the server stops; streams end then.
    pub stop: CancellationToken,
}

impl Api {
    /// Puts the stored groups into the catalogue.
    pub async fn reload_groups(&self) -> Result<(), StoreError> {
        self.catalogue.set_groups(self.store.groups().await?);
        Ok(())
    }

    fn observe(&self) -> Observed {
        let writes = self.store.write_counts();
        Observed {
            connected: self.fleet.count() as u64,
            endpoints: self.identity.endpoints().len() as u64,
            open: self.questions.open_count() as u64,
            answers: self.questions.answers_stored(),
            commits: writes.commits,
            jobs: writes.jobs,
            failures: writes.failures,
        }
    }
}

/// All routes.
pub fn router(api: Arc<Api>) -> Result<Router, serde_json::Error> {
    let (routes, document) = document::parts();
    let document = serde_json::to_value(&document)?;
    let readable: bytes::Bytes = reference::page(&document).into();
    let document: bytes::Bytes = serde_json::to_vec(&document)?.into();
    let router = routes
        .route(
            reference::DOCUMENT_PATH,
            get(move || async move { ([(header::CONTENT_TYPE, "application/json")], document) }),
        )
        .route(
            reference::PATH,
            get(move || async move { page::file("text/html; charset=utf-8", readable) }),
        )
        .merge(page::routes())
        .fallback(|| async { ApiError::not_found("there is nothing at this path") })
        .method_not_allowed_fallback(|| async {
            ApiError::new(
                StatusCode::METHOD_NOT_ALLOWED,
                ErrorCode::Invalid,
                "this path does not take that method",
            )
        })
        .layer(DefaultBodyLimit::max(LONGEST_BODY))
        .layer(CatchPanicLayer::custom(panicked))
        .layer(layers::from_fn(unread::read_the_rest))
        .layer(layers::from_fn_with_state(
            Arc::clone(&api),
            middleware::around,
        ))
        .with_state(api);
    Ok(router)
}

/// Health and metrics alone, for an address of their own.
pub fn metrics_router(api: Arc<Api>) -> Router {
    page::metrics_only()
        .layer(CatchPanicLayer::custom(panicked))
        .with_state(api)
}

/// One request's defect is that request's failure only.
fn panicked(panic: Box<dyn Any + Send>) -> axum::response::Response {
    let text = panic
        .downcast_ref::<String>()
        .map(String::as_str)
        .or_else(|| panic.downcast_ref::<&str>().copied())
        .unwrap_or("no message");
    tracing::error!(panic = text, "a request panicked; this is a defect");
    ApiError::new(
        StatusCode::INTERNAL_SERVER_ERROR,
        ErrorCode::Internal,
        "the server failed; its log tells why, under this reply's x-request-id",
    )
    .into_response()
}
