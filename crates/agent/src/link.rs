//! The connection to the server: one at a time, held for as long as it lives, made again when it is lost.
//!
//! Servers are tried in order, then comes a wait ([`protocol::backoff`]), then the first again. Only a server that greeted and went on
//! talking for a while was a good one, after which the first has its turn again: one that takes connections and then says
//! nothing must not keep the agent from the next. [`session`] is the conversation on
//! one connection. A revocation of this identity that an order key signed ends the agent: it does not come back by itself.

pub mod deferred;
pub mod session;

use crate::desk::Desk;
use crate::identity::{Identity, IdentityError, tls};
use crate::outside::{Outside, Stream};
use crate::status::Status;
use deferred::Deferred;
use protocol::backoff::Backoff;
use session::{SessionEnd, SessionError};
use std::io;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::{Instant, timeout};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_util::sync::CancellationToken;

/// Why the link ended for good.
#[derive(Debug, thiserror::Error)]
pub enum LinkError {
    /// The server revoked this endpoint.
    #[error(
        "the server revoked this endpoint: {0}; if that was a mistake, enrol it again, or lift it here with `cordon agent lift-revocation`"
    )]
    Revoked(String),
    /// There is no server to connect to.
    #[error("no server is known: neither the configuration nor the enrolment names one")]
    NoServer,
}

/// Why there is no connection to one server.
#[derive(Debug, thiserror::Error)]
enum ConnectError {
    #[error("cannot connect within {} seconds", .0.as_secs())]
    Slow(Duration),
    #[error("the server made no TLS connection within {} seconds", .0.as_secs())]
    SlowTls(Duration),
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
    outside: Outside,
    shutdown: CancellationToken,
) -> Result<(), LinkError> {
    let instance = random().to_be_bytes().to_vec();
    let mut backoff = Backoff::default();
    let mut deferred = Deferred::default();
    loop {
        let servers = servers(&identity, &configured);
        if servers.is_empty() {
            return Err(LinkError::NoServer);
        }
        let mut wish = Duration::ZERO;
        for server in servers {
            let visit = Visit {
                server: &server,
                instance: &instance,
                desk: &desk,
                status: &status,
                outside: &outside,
                shutdown: &shutdown,
            };
            let mut greeted = None;
            let ended = visit.pay(&mut identity, &mut deferred, &mut greeted).await;
            status.disconnected();
            let silent = matches!(&ended, Err(ConnectError::Session(error)) if error.is_silence());
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
                Err(error) => {
                    tracing::warn!(%server, error = %crate::chain(&error), "not connected");
                }
            }
            let held = greeted.map(|at: Instant| at.elapsed());
            match judge(held, silent, outside.patience.held) {
                Turn::Next => {}
                Turn::Rested => backoff.reset(),
                Turn::First => {
                    backoff.reset();
                    break;
                }
            }
        }
        let wait = backoff.next(wish, random());
        tracing::debug!(?wait, "next attempt");
        tokio::select! {
            () = shutdown.cancelled() => return Ok(()),
            () = tokio::time::sleep(wait) => {}
        }
        // While there is no connection there is no keep-alive that would do this.
        let (tidied, now) = (Arc::clone(&desk), outside.clock.now());
        session::blocking(move || tidied.tidy(now)).await;
    }
}

/// One connection to one server, from the first packet to its end.
struct Visit<'a> {
    server: &'a str,
    instance: &'a [u8],
    desk: &'a Arc<Desk>,
    status: &'a Arc<Status>,
    outside: &'a Outside,
    shutdown: &'a CancellationToken,
}

impl Visit<'_> {
    /// Sets `greeted` at the greeting.
    async fn pay(
        &self,
        identity: &mut Identity,
        deferred: &mut Deferred,
        greeted: &mut Option<Instant>,
    ) -> Result<SessionEnd, ConnectError> {
        let opening = async {
            let mut stream = self.connect(identity).await?;
            let greeting = session::greet(
                &mut stream,
                identity,
                self.instance,
                self.outside.patience.greeting,
            )
            .await?;
            Ok::<_, ConnectError>((stream, greeting))
        };
        let (stream, greeting) = tokio::select! {
            () = self.shutdown.cancelled() => return Ok(SessionEnd::Shutdown),
            opened = opening => opened?,
        };
        let welcome = match greeting {
            Ok(welcome) => welcome,
            Err(end) => return Ok(end),
        };
        *greeted = Some(Instant::now());
        let ended = session::run(
            stream,
            &welcome,
            self.server,
            identity,
            deferred,
            self.desk,
            self.status,
            self.outside,
            self.shutdown,
        );
        Ok(ended.await?)
    }

    async fn connect(
        &self,
        identity: &Identity,
    ) -> Result<TlsStream<Box<dyn Stream>>, ConnectError> {
        let connector = TlsConnector::from(tls::for_channel(identity)?);
        let step = self.outside.patience.step;
        let bytes = timeout(step, self.outside.dial.dial(self.server))
            .await
            .map_err(|_| ConnectError::Slow(step))?
            .map_err(ConnectError::Tcp)?;
        timeout(step, connector.connect(tls::server_name()?, bytes))
            .await
            .map_err(|_| ConnectError::SlowTls(step))?
            .map_err(ConnectError::Tls)
    }
}

/// Whose turn it is after a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Turn {
    /// The next one's.
    Next,
    /// The next one's, and the waits begin anew: it worked until it fell silent.
    Rested,
    /// The first one's: it was a working connection.
    First,
}

/// `held` is for how long the connection went on after its greeting; without one it was none, however long it took.
fn judge(held: Option<Duration>, silent: bool, enough: Duration) -> Turn {
    match held {
        Some(held) if held >= enough && silent => Turn::Rested,
        Some(held) if held >= enough => Turn::First,
        _ => Turn::Next,
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_greeting_makes_a_good_connection() {
        let enough = Duration::from_secs(20);
        let long = Duration::from_secs(3600);
        assert_eq!(judge(None, false, Duration::ZERO), Turn::Next);
        assert_eq!(judge(Some(Duration::ZERO), false, enough), Turn::Next);
        assert_eq!(judge(Some(long), false, enough), Turn::First);
        // A server that hangs would otherwise have its turn again and again.
        assert_eq!(judge(Some(long), true, enough), Turn::Rested);
    }
}
