//! The HTTPS port: accepting connections, TLS, and ending without cutting anybody off.
//!
//! The loop is our own because certificates change while the server runs, handshakes must not hold up others, and a drain has to
//! reach every connection. HTTP/1.1 only: followers hold a connection each, and there are few of them.

use super::client::Proxies;
use super::extract::Peer;
use axum::Router;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tower::ServiceExt as _;

/// Open connections at most; more wait in the kernel's queue.
const CONNECTIONS: usize = 2048;
/// Of these, from one address, so that one machine cannot take them all. This machine itself and named proxies may.
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
    let acceptor = tls.map(TlsAcceptor::from);
    let room = Arc::new(Semaphore::new(CONNECTIONS));
    let guests = Arc::new(Guests::default());
    let connections = TaskTracker::new();
    let abort = CancellationToken::new();
    loop {
        let accepted = tokio::select! {
            () = stop.cancelled() => break,
            accepted = accept(&listener, &room) => accepted,
        };
        let (stream, peer, permit) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                // Mostly: no file descriptors left. Trying again at once would only burn the processor.
                tracing::warn!(%error, "a connection could not be accepted");
                tokio::time::sleep(Duration::from_millis(100)).await;
                continue;
            }
        };
        let Some(seat) = Guests::seat(&guests, peer.ip(), &proxies) else {
            tracing::warn!(%peer, "a connection was refused: its address has too many open already");
            continue;
        };
        let acceptor = acceptor.clone();
        let router = router.clone();
        let stop = stop.clone();
        let abort = abort.clone();
        connections.spawn(async move {
            let _held = (permit, seat);
            tokio::select! {
                () = abort.cancelled() => {}
                () = connection(stream, peer, acceptor, router, stop) => {}
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

/// How many connections each address has.
#[derive(Default)]
struct Guests(Mutex<HashMap<IpAddr, usize>>);

/// A connection counted; gone with the guard.
struct Seat(Arc<Guests>, IpAddr);

impl Guests {
    fn count(&self) -> MutexGuard<'_, HashMap<IpAddr, usize>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn seat(guests: &Arc<Self>, address: IpAddr, proxies: &Proxies) -> Option<Seat> {
        let address = address.to_canonical();
        let mut count = guests.count();
        let taken = count.entry(address).or_insert(0);
        if *taken >= FROM_ONE_ADDRESS && !address.is_loopback() && !proxies.has(address) {
            return None;
        }
        *taken += 1;
        drop(count);
        Some(Seat(Arc::clone(guests), address))
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        let mut count = self.0.count();
        if let Some(taken) = count.get_mut(&self.1) {
            *taken -= 1;
            if *taken == 0 {
                count.remove(&self.1);
            }
        }
    }
}

async fn accept(
    listener: &TcpListener,
    room: &Arc<Semaphore>,
) -> std::io::Result<(TcpStream, SocketAddr, tokio::sync::OwnedSemaphorePermit)> {
    let permit = Arc::clone(room)
        .acquire_owned()
        .await
        .map_err(std::io::Error::other)?;
    let (stream, peer) = listener.accept().await?;
    Ok((stream, peer, permit))
}

async fn connection(
    stream: TcpStream,
    peer: SocketAddr,
    acceptor: Option<TlsAcceptor>,
    router: Router,
    stop: CancellationToken,
) {
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%peer, %error, "a connection went away");
        return;
    }
    let Some(acceptor) = acceptor else {
        talk(stream, peer, router, stop).await;
        return;
    };
    match tokio::time::timeout(HANDSHAKE, acceptor.accept(stream)).await {
        Ok(Ok(stream)) => talk(stream, peer, router, stop).await,
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
) {
    let service = service_fn(move |mut request: hyper::Request<Incoming>| {
        request.extensions_mut().insert(Peer(peer));
        router.clone().oneshot(request)
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

    #[test]
    fn one_address_cannot_take_every_connection_and_gets_its_seats_back() {
        let guests = Arc::new(Guests::default());
        let stranger = IpAddr::from([192, 0, 2, 1]);
        let named = Proxies::new(vec!["192.0.2.3/32".parse().unwrap()]);
        let seat = |address| Guests::seat(&guests, address, &named);
        let mut seats: Vec<_> = (0..FROM_ONE_ADDRESS)
            .filter_map(|_| seat(stranger))
            .collect();
        assert_eq!(seats.len(), FROM_ONE_ADDRESS);
        assert!(seat(stranger).is_none());
        assert!(seat(IpAddr::from([192, 0, 2, 2])).is_some());
        let proxy = IpAddr::from([192, 0, 2, 3]);
        seats.extend(
            (0..=FROM_ONE_ADDRESS).map(|_| seat(proxy).expect("a named proxy speaks for many")),
        );
        seats.truncate(FROM_ONE_ADDRESS);
        seats.pop();
        assert!(seat(stranger).is_some());
        drop(seats);
        assert!(guests.count().is_empty());
    }
}
