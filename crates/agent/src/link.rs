//! The connection to the server: one at a time, held for as long as it lives, made again when it is lost.
//!
//! Servers are tried in order, then comes a wait ([`protocol::backoff`]), then the first again. [`session`] is the conversation on
//! one connection. A revocation of this identity that an order key signed ends the agent: it does not come back by itself.

pub mod session;

use crate::desk::Desk;
use crate::identity::{Identity, IdentityError, tls};
use crate::status::Status;
use protocol::backoff::Backoff;
use session::{SessionEnd, SessionError};
use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_util::sync::CancellationToken;

/// Longest wait for a TCP connection, and again for the TLS handshake.
const STEP: Duration = Duration::from_secs(10);
/// A connection that held for this long was a good one.
const HELD: Duration = Duration::from_secs(20);

/// Why the link ended for good.
#[derive(Debug, thiserror::Error)]
pub enum LinkError {
    /// The server revoked this endpoint.
    #[error(
        "the server revoked this endpoint: {0}; if that was a mistake, enrol it again, or lift it here with `cordon agent lift-revocation`"
    )]
    Revoked(String),
    /// The identity cannot be used or written.
    #[error("the identity is not usable")]
    Identity(#[from] IdentityError),
    /// There is no server to connect to.
    #[error("no server is known: neither the configuration nor the enrolment names one")]
    NoServer,
}

/// Why there is no connection to one server.
#[derive(Debug, thiserror::Error)]
enum ConnectError {
    #[error("cannot connect within {} seconds", STEP.as_secs())]
    Slow,
    #[error("cannot connect")]
    Tcp(#[source] io::Error),
    #[error("no TLS connection")]
    Tls(#[source] io::Error),
    #[error("the conversation failed")]
    Session(#[from] SessionError),
    #[error(transparent)]
    Identity(#[from] IdentityError),
}

/// Keeps the link until `shutdown`, or until there is no point any more.
///
/// # Errors
/// [`LinkError`]; a lost connection is none.
pub async fn keep(
    mut identity: Identity,
    configured: Vec<String>,
    desk: Arc<Desk>,
    status: Arc<Status>,
    shutdown: CancellationToken,
) -> Result<(), LinkError> {
    let instance = random().to_be_bytes().to_vec();
    let mut backoff = Backoff::default();
    loop {
        let servers = servers(&identity, &configured);
        if servers.is_empty() {
            return Err(LinkError::NoServer);
        }
        let mut wish = Duration::ZERO;
        for server in servers {
            let began = Instant::now();
            let ended = visit(&server, &mut identity, &instance, &desk, &status, &shutdown).await;
            status.disconnected();
            match ended {
                Ok(SessionEnd::Shutdown) => return Ok(()),
                Ok(SessionEnd::Revoked(revocation)) => {
                    identity.revoke(&revocation);
                    if let Err(error) = identity.save() {
                        // It ends all the same, and is told again should it be started.
                        tracing::error!(error = %crate::chain(&error), "the revocation could not be written down");
                    }
                    return Err(LinkError::Revoked(revocation.reason));
                }
                Ok(SessionEnd::Goodbye {
                    reason,
                    retry_after,
                }) => {
                    tracing::info!(%server, %reason, ?retry_after, "the server closed the connection");
                    wish = wish.max(retry_after);
                }
                Err(ConnectError::Session(SessionError::Identity(error))) => {
                    return Err(error.into());
                }
                Err(error) => {
                    tracing::warn!(%server, error = %crate::chain(&error), "not connected");
                }
            }
            if began.elapsed() >= HELD {
                // It was a working connection: begin with the first server again.
                backoff.reset();
                break;
            }
        }
        let wait = backoff.next(wish, random());
        tracing::debug!(?wait, "next attempt");
        tokio::select! {
            () = shutdown.cancelled() => return Ok(()),
            () = tokio::time::sleep(wait) => {}
        }
        // While there is no connection there is no keep-alive that would do this.
        let tidied = Arc::clone(&desk);
        session::blocking(move || tidied.tidy(crate::desk::now())).await;
    }
}

/// One connection to one server, from the first packet to its end.
async fn visit(
    server: &str,
    identity: &mut Identity,
    instance: &[u8],
    desk: &Arc<Desk>,
    status: &Arc<Status>,
    shutdown: &CancellationToken,
) -> Result<SessionEnd, ConnectError> {
    let stream = tokio::select! {
        () = shutdown.cancelled() => return Ok(SessionEnd::Shutdown),
        stream = connect(server, identity) => stream?,
    };
    Ok(session::run(stream, server, identity, instance, desk, status, shutdown).await?)
}

async fn connect(server: &str, identity: &Identity) -> Result<TlsStream<TcpStream>, ConnectError> {
    let connector = TlsConnector::from(tls::for_channel(identity)?);
    let tcp = timeout(STEP, TcpStream::connect(server))
        .await
        .map_err(|_| ConnectError::Slow)?
        .map_err(ConnectError::Tcp)?;
    // Frames are written whole; waiting to fill a packet would only delay an answer.
    tcp.set_nodelay(true).map_err(ConnectError::Tcp)?;
    timeout(STEP, connector.connect(tls::server_name()?, tcp))
        .await
        .map_err(|_| ConnectError::Slow)?
        .map_err(ConnectError::Tls)
}

/// Servers in the order to try them: the signed list first, then the configuration's, then the token's, each once.
fn servers(identity: &Identity, configured: &[String]) -> Vec<String> {
    let mut all: Vec<String> = Vec::new();
    for server in identity
        .trust
        .servers
        .iter()
        .chain(configured)
        .chain(&identity.token_servers)
    {
        if !all.contains(server) {
            all.push(server.clone());
        }
    }
    all
}

/// A random number; without the system's generator, the clock's low bits (jitter and labels, no secrets).
fn random() -> u64 {
    getrandom::u64().unwrap_or_else(|_| {
        u64::try_from(jiff::Timestamp::now().as_nanosecond() & i128::from(i64::MAX)).unwrap_or(0)
    })
}
