//! Bodies that a handler leaves unread: of a stranger, for a path there is not, too large, or more than a limit allows.
//!
//! A connection that is closed over unread bytes is reset, and the client then sees that instead of the reply that says why. So what is
//! left of a body is read and thrown away before the reply goes out, within bounds of bytes and time.

use axum::body::{Body, HttpBody};
use axum::extract::Request;
use axum::http::{Response, header};
use axum::middleware::Next;
use bytes::Bytes;
use futures_util::StreamExt as _;
use hyper::body::{Frame, SizeHint};
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

/// Bytes that are thrown away for a reply's sake; whoever sends more is cut off.
const MOST: usize = 8 << 20;
/// How long that may take.
const LONGEST: Duration = Duration::from_secs(10);

/// Where a body comes back to when whoever had it lets it go.
type Home = Arc<Mutex<Option<Body>>>;

/// A body on loan.
struct Lent {
    body: Option<Body>,
    home: Home,
}

impl Drop for Lent {
    fn drop(&mut self) {
        *self.home.lock().unwrap_or_else(PoisonError::into_inner) = self.body.take();
    }
}

impl HttpBody for Lent {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        match &mut self.body {
            Some(body) => Pin::new(body).poll_frame(context),
            None => Poll::Ready(None),
        }
    }

    fn is_end_stream(&self) -> bool {
        self.body.as_ref().is_none_or(HttpBody::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        self.body
            .as_ref()
            .map(HttpBody::size_hint)
            .unwrap_or_default()
    }
}

/// Lends the body to whoever replies, and reads what they leave of it.
pub async fn read_the_rest(request: Request, next: Next) -> Response<Body> {
    let (head, body) = request.into_parts();
    // Who waits to be told that the body is wanted has not sent it, and is told now that it is not.
    if body.is_end_stream() || head.headers.contains_key(header::EXPECT) {
        return next.run(Request::from_parts(head, body)).await;
    }
    let home = Home::default();
    let lent = Lent {
        body: Some(body),
        home: Arc::clone(&home),
    };
    let response = next.run(Request::from_parts(head, Body::new(lent))).await;
    let rest = home.lock().unwrap_or_else(PoisonError::into_inner).take();
    if let Some(rest) = rest
        && tokio::time::timeout(LONGEST, discard(rest)).await.is_err()
    {
        tracing::debug!("a body that nobody reads takes too long");
    }
    response
}

async fn discard(body: Body) {
    let mut left = MOST;
    let mut body = body.into_data_stream();
    while let Some(Ok(chunk)) = body.next().await {
        let Some(rest) = left.checked_sub(chunk.len()) else {
            return;
        };
        left = rest;
    }
}
