//! The HTTPS port: accepting connections, TLS, and ending without cutting anybody off.
//!
//! The loop is our own because certificates change while the server runs, handshakes must not hold up others, and a drain has to
//! reach every connection. HTTP/1.1 only: followers hold a connection each, and there are few of them.
//!
//! Connections that ask for nothing give way to newcomers ([`crate::strangers`]), whoever opened them; so nobody can hold the port by
//! being silent, on this machine neither.

use super::client::Proxies;
use super::extract::Peer;
use crate::strangers::{Busy, Place, Strangers, Tally};
use axum::Router;
use axum::body::{Body, Bytes};
use hyper::body::{Frame, Incoming, SizeHint};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tower::ServiceExt as _;

/// Open connections at most.
const CONNECTIONS: usize = 2048;
/// Of these, from one address (of IPv6, one /64), so that one machine cannot take them all. This machine itself and named proxies may.
const FROM_ONE_ADDRESS: usize = 512;
/// For the TLS handshake.
const HANDSHAKE: Duration = Duration::from_secs(10);
/// For a request's head, also between two requests on one connection.
const HEAD: Duration = Duration::from_secs(30);
/// For requests under way when the server stops.
const DRAIN: Duration = Duration::from_secs(10);

/// Serves until `stop`, then lets requests under way end, but for [`DRAIN`] at most. Without `tls` requests come in the clear.
pub async fn serve(
    listener: TcpListener,
    tls: Option<Arc<rustls::ServerConfig>>,
    router: Router,
    proxies: Proxies,
    stop: CancellationToken,
) {
    let strangers = Strangers::shared(CONNECTIONS, FROM_ONE_ADDRESS);
    serve_among(listener, tls, router, proxies, stop, strangers).await;
}

async fn serve_among(
    listener: TcpListener,
    tls: Option<Arc<rustls::ServerConfig>>,
    router: Router,
    proxies: Proxies,
    stop: CancellationToken,
    strangers: Strangers,
) {
    let acceptor = tls.map(TlsAcceptor::from);
    let tally = Arc::new(Tally::default());
    let connections = TaskTracker::new();
    let abort = CancellationToken::new();
    connections.spawn({
        let (tally, stop) = (Arc::clone(&tally), stop.clone());
        async move { tally.tell("API", &stop).await }
    });
    loop {
        let accepted = tokio::select! {
            () = stop.cancelled() => break,
            accepted = listener.accept() => accepted,
        };
        let (stream, peer) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                // Mostly: no file descriptors left. Trying again at once would only burn the processor.
                tracing::warn!(%error, "a connection could not be accepted");
                tokio::time::sleep(Duration::from_millis(100)).await;
                continue;
            }
        };
        let address = peer.ip();
        let bounded = !address.to_canonical().is_loopback() && !proxies.has(address);
        let Some((place, gave_way)) = strangers.enter(address, bounded) else {
            if tally.add("refused, too many are at work", address) {
                tracing::warn!(%peer, "a connection was refused: too many requests are under way, of its address or of all together");
            }
            continue;
        };
        if gave_way && tally.add("gave way to a newcomer", address) {
            tracing::warn!(%peer, "too many connections are open, of one address or of all together; the ones that are silent for longest give way");
        }
        let acceptor = acceptor.clone();
        let router = router.clone();
        let stop = stop.clone();
        let abort = abort.clone();
        connections.spawn(async move {
            let place = Arc::new(place);
            tokio::select! {
                () = abort.cancelled() => {}
                () = place.evicted() => {}
                () = connection(stream, peer, acceptor, router, stop, &place) => {}
            }
        });
    }
    drop(listener);
    connections.close();
    if tokio::time::timeout(DRAIN, connections.wait())
        .await
        .is_err()
    {
        tracing::warn!(
            left = connections.len(),
            "connections were cut off because the server stops"
        );
        abort.cancel();
        connections.wait().await;
    }
}

/// A response's body; while it is being told, its connection is not silent.
struct Told {
    body: Body,
    _busy: Busy,
}

impl hyper::body::Body for Told {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        Pin::new(&mut self.body).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

async fn connection(
    stream: TcpStream,
    peer: SocketAddr,
    acceptor: Option<TlsAcceptor>,
    router: Router,
    stop: CancellationToken,
    place: &Arc<Place>,
) {
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%peer, %error, "a connection went away");
        return;
    }
    let Some(acceptor) = acceptor else {
        talk(stream, peer, router, stop, place).await;
        return;
    };
    match tokio::time::timeout(HANDSHAKE, acceptor.accept(stream)).await {
        Ok(Ok(stream)) => talk(stream, peer, router, stop, place).await,
        Ok(Err(error)) => {
            tracing::debug!(%peer, %error, "a TLS handshake failed");
        }
        Err(_) => {
            tracing::debug!(%peer, "a TLS handshake took too long");
        }
    }
}

async fn talk<S: AsyncRead + AsyncWrite + Unpin + Send + 'static>(
    stream: S,
    peer: SocketAddr,
    router: Router,
    stop: CancellationToken,
    place: &Arc<Place>,
) {
    let place = Arc::clone(place);
    let service = service_fn(move |mut request: hyper::Request<Incoming>| {
        request.extensions_mut().insert(Peer(peer));
        let busy = place.busy();
        let response = router.clone().oneshot(request);
        async move {
            let response = response.await?;
            Ok::<_, std::convert::Infallible>(response.map(|body| Told { body, _busy: busy }))
        }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD)
        .max_buf_size(64 << 10)
        .serve_connection(TokioIo::new(stream), service);
    let mut connection = std::pin::pin!(connection);
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        () = stop.cancelled() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%peer, %error, "a connection ended early");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::routing::get;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    const REQUEST: &[u8] = b"GET / HTTP/1.1\r\nhost: localhost\r\n\r\n";

    async fn response(stream: &mut TcpStream) -> String {
        let mut text = Vec::new();
        while !text.ends_with(b"here") {
            assert!(stream.read_buf(&mut text).await.unwrap() > 0, "{text:?}");
        }
        String::from_utf8(text).unwrap()
    }

    #[tokio::test]
    async fn silent_connections_give_way_to_newcomers_on_this_machine_too() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let stop = CancellationToken::new();
        let release = CancellationToken::new();
        let wait = release.clone();
        let started = Arc::new(tokio::sync::Notify::new());
        let begun = Arc::clone(&started);
        let router = Router::new().route("/", get(|| async { "here" })).route(
            "/slow",
            get(move || async move {
                begun.notify_one();
                wait.cancelled().await;
                "here"
            }),
        );
        let strangers = Strangers::shared(4, 2);
        let serving = tokio::spawn(serve_among(
            listener,
            None,
            router,
            Proxies::default(),
            stop.clone(),
            strangers,
        ));
        let connect = || TcpStream::connect(address);
        // One that is served and then idle, one that is at work, and more silent ones than there is room for.
        let mut idle = connect().await.unwrap();
        idle.write_all(REQUEST).await.unwrap();
        assert!(response(&mut idle).await.starts_with("HTTP/1.1 200"));
        let mut working = connect().await.unwrap();
        working
            .write_all(&[b"GET /slow", &REQUEST[5..]].concat())
            .await
            .unwrap();
        started.notified().await;
        let mut silent = Vec::new();
        for _ in 0..8 {
            silent.push(connect().await.unwrap());
        }
        let mut newcomer = connect().await.unwrap();
        newcomer.write_all(REQUEST).await.unwrap();
        response(&mut newcomer).await;
        for gone in [&mut idle, &mut silent[0]] {
            assert!(!matches!(gone.read(&mut [0]).await, Ok(1..)), "it went");
        }
        release.cancel();
        response(&mut working).await;
        stop.cancel();
        drop((newcomer, working, silent));
        serving.await.unwrap();
    }
}
