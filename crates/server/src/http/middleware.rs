//! Around every request: an id, a line in the log, counts, headers that keep browsers careful; and in the audit log who was refused what
//! they may not do, and who reads answers.
//!
//! Headers follow the OWASP list for APIs and consoles (<https://owasp.org/www-project-secure-headers/>). The policy for content allows
//! nothing but the server's own script, style and API; the console's page carries no inline code.

use super::Api;
use super::error::Code;
use super::extract::{Client, Peer, Sender};
use crate::audit::Refused;
use crate::model::actor::Actor;
use crate::model::clock::Clock;
use crate::model::ids::QuestionId;
use axum::extract::{MatchedPath, Request, State};
use axum::http::{HeaderName, HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::Response;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;
use tracing::Instrument as _;

/// Longest path that is kept of a refused request.
const LONGEST_PATH: usize = 200;

const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self'; \
     base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

const HEADERS: [(HeaderName, HeaderValue); 7] = [
    (
        header::CONTENT_SECURITY_POLICY,
        HeaderValue::from_static(POLICY),
    ),
    (
        header::STRICT_TRANSPORT_SECURITY,
        HeaderValue::from_static("max-age=31536000"),
    ),
    (
        header::X_CONTENT_TYPE_OPTIONS,
        HeaderValue::from_static("nosniff"),
    ),
    (header::X_FRAME_OPTIONS, HeaderValue::from_static("DENY")),
    (
        header::REFERRER_POLICY,
        HeaderValue::from_static("no-referrer"),
    ),
    (
        HeaderName::from_static("cross-origin-opener-policy"),
        HeaderValue::from_static("same-origin"),
    ),
    (
        HeaderName::from_static("cross-origin-resource-policy"),
        HeaderValue::from_static("same-origin"),
    ),
];

/// Names requests; the start time keeps ids of two runs of the server apart.
pub struct RequestIds {
    start: i64,
    next: AtomicU64,
}

impl RequestIds {
    /// Ids of a server that started now.
    pub fn new(clock: &Clock) -> Self {
        Self {
            start: clock.now().as_millisecond(),
            next: AtomicU64::new(1),
        }
    }

    fn next(&self) -> String {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        format!("{}-{number}", self.run())
    }

    /// Names this run of the server.
    #[must_use]
    pub fn run(&self) -> String {
        format!("{:x}", self.start)
    }
}

/// Sees every request and its reply.
pub async fn around(State(api): State<Arc<Api>>, mut request: Request, next: Next) -> Response {
    let id = api.requests.next();
    let method = request.method().clone();
    let route = request
        .extensions()
        .get::<MatchedPath>()
        .map_or_else(|| "other".to_owned(), |path| path.as_str().to_owned());
    // The query stays out of the log: it may hold what somebody searches for.
    let path = request.uri().path().to_owned();
    let peer = request.extensions().get::<Peer>().map(|p| p.0);
    let client = peer.map(|peer| Client(api.proxies.client(peer, request.headers())));
    if let Some(client) = client {
        request.extensions_mut().insert(client);
    }
    let sender = Sender::default();
    request.extensions_mut().insert(sender.clone());
    let shown_path = path.clone();
    let span = tracing::info_span!("request", id, %method, path);
    let started = Instant::now();
    let trust = api.identity.trust_version();
    let mut response = next.run(request).instrument(span.clone()).await;
    let status = response.status();
    let took = started.elapsed();
    span.in_scope(|| {
        tracing::info!(
            status = status.as_u16(),
            took_ms = took.as_millis(),
            peer = peer.map(tracing::field::display),
            client = client.map(|c| tracing::field::display(c.0)),
            "replied"
        );
    });
    if let Some(client) = client {
        let seen = Seen {
            method: &method,
            route: &route,
            path: &shown_path,
            client,
            sender: &sender,
        };
        seen.note(&api, &response);
    }
    api.metrics
        .request(method.as_str(), &route, status.as_u16(), took);
    let headers = response.headers_mut();
    for (name, value) in HEADERS {
        headers.insert(name, value);
    }
    // Of the API only: a page has no use for it.
    if route.starts_with(api::BASE) {
        let version = HeaderValue::from(trust);
        headers.insert(HeaderName::from_static(api::TRUST_HEADER), version);
    }
    if !headers.contains_key(header::CACHE_CONTROL) {
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    }
    if let Ok(id) = HeaderValue::from_str(&id) {
        headers.insert(HeaderName::from_static("x-request-id"), id);
    }
    response
}

/// A request that was replied to.
struct Seen<'a> {
    method: &'a Method,
    route: &'a str,
    path: &'a str,
    client: Client,
    sender: &'a Sender,
}

impl Seen<'_> {
    /// Notes what belongs into the audit log.
    fn note(&self, api: &Api, response: &Response) {
        let address = self.client.0;
        if response.status() == StatusCode::FORBIDDEN {
            let code = response.extensions().get::<Code>().map(|c| c.0);
            let path: String = self.path.chars().take(LONGEST_PATH).collect();
            api.tally.refused(Refused {
                action: "api.refused",
                who: self.sender.actor().cloned().unwrap_or(Actor::Unknown),
                address,
                object: format!("{} {}", self.method, self.route),
                detail: serde_json::json!({"code": code, "path": path}),
            });
        }
        if response.status().is_success()
            && self.method == Method::GET
            && let Some(reader) = self.sender.actor()
        {
            for question in answers(self.route, self.path) {
                api.tally.read(reader, question, address);
            }
        }
    }
}

/// The questions whose answers a path shows.
fn answers(route: &str, path: &str) -> impl Iterator<Item = QuestionId> {
    const ANSWER: &str = "/api/v1/questions/{id}/";
    // An export has an entry of its own, with what was exported.
    let shows = route.starts_with(ANSWER) && !route.ends_with("/export");
    let parts = if shows { [4, 6] } else { [usize::MAX; 2] };
    let compares = route.ends_with("/compare/{other}");
    parts
        .into_iter()
        .take(if compares { 2 } else { 1 })
        .filter_map(move |at| path.split('/').nth(at)?.parse().ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_names_the_answers_it_shows() {
        let read = |route: &str, path: &str| -> Vec<u64> {
            answers(
                &format!("/api/v1/questions{route}"),
                &format!("/api/v1/questions{path}"),
            )
            .map(|id| id.0)
            .collect()
        };
        assert_eq!(read("/{id}/rows", "/5/rows"), [5]);
        assert_eq!(read("/{id}/compare/{other}", "/5/compare/6"), [5, 6]);
        assert_eq!(
            read(
                "/{id}/rows/{table}/{row}/endpoints",
                "/5/rows/7/8/endpoints"
            ),
            [5]
        );
        assert_eq!(read("/{id}", "/5"), [] as [u64; 0]);
        assert_eq!(read("/{id}/export", "/5/export"), [] as [u64; 0]);
        assert_eq!(read("", ""), [] as [u64; 0]);
    }
}
