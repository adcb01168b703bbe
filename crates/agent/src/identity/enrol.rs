//! Enrolment: a machine with a token gets its identity.
//!
//! The key is written before the first request, so that a machine that waits for approval, or lost the reply, asks
//! again as the same endpoint.

use super::{Identity, IdentityError, tls};
use crate::lock::{self, LockError};
use crate::platform;
use protocol::frame::{self, FrameError};
use protocol::message::{Enrol, Enrolled, ToAgent, ToServer, agent_says, server_says};
use protocol::token::EnrolmentToken;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;

/// Longest wait for one step with one server.
const STEP: Duration = Duration::from_secs(15);

/// How an enrolment ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EnrolOutcome {
    /// The machine has its certificate.
    Enrolled {
        /// Number of this endpoint on the server.
        ordinal: u32,
    },
    /// An administrator has to approve; ask again, not sooner than this.
    Waiting {
        /// Wait before the next request.
        retry_after: Duration,
    },
}

/// Why an enrolment failed.
#[derive(Debug, thiserror::Error)]
pub enum EnrolError {
    /// The state folder could not be made.
    #[error("cannot make the state folder {path}")]
    Folder {
        /// The folder.
        path: PathBuf,
        /// System's error.
        #[source]
        source: io::Error,
    },
    /// Another process uses the folder.
    #[error(transparent)]
    Lock(#[from] LockError),
    /// The machine has an identity already.
    #[error("this machine is enrolled already as {endpoint_id}; remove {path} to enrol it anew")]
    AlreadyEnrolled {
        /// The endpoint id.
        endpoint_id: String,
        /// File of the identity.
        path: PathBuf,
    },
    /// The identity could not be made, read or written.
    #[error("the identity is not usable")]
    Identity(#[from] IdentityError),
    /// The token names no server.
    #[error("the enrolment token names no server")]
    NoServer,
    /// No server could be asked; the last one's error.
    #[error("cannot enrol with {server}")]
    Server {
        /// The server.
        server: String,
        /// What happened.
        #[source]
        source: ExchangeError,
    },
    /// The server said no.
    #[error("the server {server} refused: {reason}")]
    Refused {
        /// The server.
        server: String,
        /// Its reason.
        reason: String,
    },
}

/// Why the conversation with one server failed.
#[derive(Debug, thiserror::Error)]
pub enum ExchangeError {
    /// No TCP connection.
    #[error("cannot connect")]
    Connect(#[source] io::Error),
    /// No TLS: most often another authority than the token's.
    #[error(
        "no TLS connection to a server of the authority that the token names; check the token and this machine's clock"
    )]
    Tls(#[source] io::Error),
    /// A step took too long.
    #[error("no reply within {} seconds", STEP.as_secs())]
    Silent,
    /// A message could not be sent or read.
    #[error("the conversation broke off")]
    Frame(#[from] FrameError),
    /// The server closed with a reason.
    #[error("the server closed: {0}")]
    Goodbye(String),
    /// The reply is not an enrolment.
    #[error("the server's reply is not one to an enrolment")]
    Unexpected,
}

/// Asks the token's servers, in order, for an identity and keeps it in this folder.
///
/// # Errors
/// [`EnrolError`]; asking again with the same token and folder is always safe.
pub async fn enrol(token: &EnrolmentToken, state_dir: &Path) -> Result<EnrolOutcome, EnrolError> {
    platform::make_private_folder(state_dir).map_err(|source| EnrolError::Folder {
        path: state_dir.into(),
        source,
    })?;
    let _lock = lock::take(state_dir)?;
    let mut identity = match Identity::load(state_dir)? {
        Some(held) if held.revoked => Identity::generate(state_dir)?,
        Some(held) => match held.named() {
            None => held,
            Some(named) => {
                return Err(EnrolError::AlreadyEnrolled {
                    endpoint_id: named.endpoint_id.clone(),
                    path: held.path.clone(),
                });
            }
        },
        None => Identity::generate(state_dir)?,
    };
    identity.complete()?;
    identity.token_servers.clone_from(&token.servers);
    identity.save()?;

    let mut failed = EnrolError::NoServer;
    for server in &token.servers {
        match exchange(server, token, &identity).await {
            Ok(reply) => return conclude(server, reply?, identity),
            Err(source) => {
                tracing::warn!(%server, error = %crate::chain(&source), "enrolment did not reach a server");
                failed = EnrolError::Server {
                    server: server.clone(),
                    source,
                };
            }
        }
    }
    Err(failed)
}

fn conclude(
    server: &str,
    reply: Enrolled,
    mut identity: Identity,
) -> Result<EnrolOutcome, EnrolError> {
    if !reply.refused.is_empty() {
        return Err(EnrolError::Refused {
            server: server.into(),
            reason: reply.refused,
        });
    }
    if let Some(credentials) = reply.credentials {
        identity.adopt(credentials)?;
        identity.save()?;
        tracing::info!(%server, ordinal = identity.ordinal, "enrolled");
        return Ok(EnrolOutcome::Enrolled {
            ordinal: identity.ordinal,
        });
    }
    if reply.waiting {
        return Ok(EnrolOutcome::Waiting {
            retry_after: Duration::from_secs(u64::from(reply.retry_after_seconds)),
        });
    }
    Err(EnrolError::Server {
        server: server.into(),
        source: ExchangeError::Unexpected,
    })
}

/// The outer error moves on to the next server, the inner one ends the enrolment.
async fn exchange(
    server: &str,
    token: &EnrolmentToken,
    identity: &Identity,
) -> Result<Result<Enrolled, IdentityError>, ExchangeError> {
    let (config, name, csr) = match prepare(token, identity) {
        Ok(prepared) => prepared,
        Err(error) => return Ok(Err(error)),
    };
    let late = |_| ExchangeError::Silent;
    let tcp = timeout(STEP, TcpStream::connect(server))
        .await
        .map_err(late)?
        .map_err(ExchangeError::Connect)?;
    let mut stream = timeout(STEP, TlsConnector::from(config).connect(name, tcp))
        .await
        .map_err(late)?
        .map_err(ExchangeError::Tls)?;
    let request = ToServer {
        body: Some(agent_says::Body::Enrol(Enrol {
            protocol: protocol::VERSION,
            secret: token.secret.clone(),
            csr,
            hostname: platform::hostname(),
            platform: platform::NAME.into(),
            machine: platform::machine_fingerprint(),
        })),
    };
    timeout(STEP, frame::write(&mut stream, &request))
        .await
        .map_err(late)??;
    loop {
        let reply: ToAgent = timeout(STEP, frame::read(&mut stream, frame::MAX))
            .await
            .map_err(late)??;
        match reply.body {
            Some(server_says::Body::Enrolled(enrolled)) => return Ok(Ok(enrolled)),
            Some(server_says::Body::Goodbye(bye)) => {
                return Err(ExchangeError::Goodbye(bye.reason));
            }
            // A newer server may say more than this build knows.
            None => {}
            Some(_) => return Err(ExchangeError::Unexpected),
        }
    }
}

type Prepared = (
    std::sync::Arc<rustls::ClientConfig>,
    rustls::pki_types::ServerName<'static>,
    Vec<u8>,
);

fn prepare(token: &EnrolmentToken, identity: &Identity) -> Result<Prepared, IdentityError> {
    Ok((
        tls::for_enrolment(token.authority_fingerprint)?,
        tls::server_name()?,
        identity.signing_request()?,
    ))
}
